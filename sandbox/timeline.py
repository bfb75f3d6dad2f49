"""One heap for everything that happens later; cheaper than a timer for each of thousands of statuses a second."""

from __future__ import annotations

import asyncio
import heapq
import logging
from collections.abc import Callable
from itertools import count
from math import inf
from typing import Any

log = logging.getLogger("sandbox")

# Due events closer together than this fire in one go.
_STEP_S = 0.005


class Timeline:
    """Calls functions at given times of the event loop's clock."""

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._heap: list[tuple[float, int, Callable[..., None], tuple[Any, ...]]] = []
        self._order = count()
        self._next = inf
        self._handle: asyncio.TimerHandle | None = None

    def __len__(self) -> int:
        return len(self._heap)

    def after(self, delay_s: float, call: Callable[..., None], *args: Any) -> None:
        """Call `call(*args)` in `delay_s` seconds."""
        when = self._loop.time() + delay_s
        heapq.heappush(self._heap, (when, next(self._order), call, args))
        if when < self._next:
            self._arm(when)

    def clear(self) -> None:
        """Forget everything that has not happened yet."""
        self._heap.clear()
        self._next = inf
        if self._handle:
            self._handle.cancel()

    def _arm(self, when: float) -> None:
        if self._handle:
            self._handle.cancel()
        self._next = when
        self._handle = self._loop.call_at(when, self._fire)

    def _fire(self) -> None:
        self._next = inf
        now = self._loop.time()
        while self._heap and self._heap[0][0] <= now:
            _, _, call, args = heapq.heappop(self._heap)
            try:
                call(*args)
            except Exception:
                log.exception("a planned event failed")
        if self._heap:
            self._arm(max(self._heap[0][0], now + _STEP_S))
