"""From a claimed message to its outcome: wait for the slot, post from a pool of threads, collect what came back.

One thread releases parcels at their slots and never faster than the channel's pace, also when it is late: late parcels
are not allowed to bunch up. The pool posts. Outcomes wait in `results` for the sender to record them in groups.
"""

import heapq
import itertools
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from queue import SimpleQueue
from typing import NamedTuple

from wotnot.services.outbox import Claim
from wotnot.services.whatsapp.dispatch import Answer, Dispatcher

CATCH_UP = 0.97
"""A late channel may space its parcels this much closer than its pace, to make up for being late."""

STALE_SECONDS = 30.0
"""A parcel this late goes back to the queue: its claim may look abandoned to others by then."""


@dataclass(slots=True, eq=False)
class Lane:
    """One channel's pace inside this process. `planned` counts parcels that have not been released yet."""

    channel_id: int
    phone_number_id: str
    token: str
    interval: float = 0.0
    planned: int = 0
    released_at: float = 0.0


@dataclass(slots=True, eq=False)
class Parcel:
    """A message ready to go: the `body` to post at `slot` (monotonic seconds), unless `stopped` says otherwise."""

    claim: Claim
    lane: Lane
    body: bytes
    slot: float
    stopped: Callable[[], bool]
    values: dict[str, str] | None = None


class Returned(NamedTuple):
    """What came back: the answer, or None for a parcel that was not posted."""

    parcel: Parcel
    answer: Answer | None


@dataclass(slots=True)
class _Heap:
    items: list[tuple[float, int, Parcel]] = field(default_factory=list)
    changed: threading.Condition = field(default_factory=threading.Condition)
    order: Iterator[int] = field(default_factory=itertools.count)


class SendPipeline:
    """The threads between planning and recording. `results` yields one Returned for every parcel put in."""

    def __init__(self, dispatcher: Dispatcher, mark: Callable[[int], None], *, threads: int) -> None:
        """Post with `dispatcher`, announcing each message id to `mark` when it leaves; at most `threads` at once."""
        self.results: SimpleQueue[Returned] = SimpleQueue()
        self._dispatcher = dispatcher
        self._mark = mark
        self._threads = threads
        self._started = 0
        self._free = threading.Semaphore(0)
        self._todo: SimpleQueue[Parcel | None] = SimpleQueue()
        self._heap = _Heap()
        self._closing = False
        self._clock = threading.Thread(target=self._release_on_time, name="send-clock", daemon=True)
        self._clock.start()

    def put(self, parcels: list[Parcel]) -> None:
        """Take parcels; each is posted at its slot or comes back unposted."""
        with self._heap.changed:
            for parcel in parcels:
                parcel.lane.planned += 1
                heapq.heappush(self._heap.items, (parcel.slot, next(self._heap.order), parcel))
            self._heap.changed.notify()

    def close(self) -> None:
        """Stop: what was not posted comes back at once, what is on the wire when it is answered."""
        with self._heap.changed:
            self._closing = True
            self._heap.changed.notify()
        self._clock.join()
        for _ in range(self._started):
            self._todo.put(None)

    def _release_on_time(self) -> None:
        while True:
            parcel = self._wait_for_next()
            if parcel is None:
                return
            if self._closing or parcel.stopped() or time.monotonic() - parcel.slot > STALE_SECONDS:
                self.results.put(Returned(parcel, None))
                continue
            self._wait_for_thread()
            parcel.lane.released_at = time.monotonic()
            self._todo.put(parcel)

    def _wait_for_next(self) -> Parcel | None:
        """The next parcel whose moment has come; None when closed and empty."""
        heap = self._heap
        with heap.changed:
            while True:
                if not heap.items:
                    if self._closing:
                        return None
                    heap.changed.wait()
                    continue
                due, order, parcel = heap.items[0]
                moment = max(due, parcel.lane.released_at + CATCH_UP * parcel.lane.interval)
                if self._closing or moment <= time.monotonic():
                    heapq.heappop(heap.items)
                    parcel.lane.planned -= 1
                    return parcel
                if moment > due:
                    heapq.heapreplace(heap.items, (moment, order, parcel))
                    continue
                heap.changed.wait(moment - time.monotonic())

    def _wait_for_thread(self) -> None:
        """Take a free thread, starting one more while there are fewer than allowed."""
        if self._free.acquire(blocking=False):
            return
        if self._started < self._threads:
            self._started += 1
            threading.Thread(target=self._work, name=f"send-{self._started}", daemon=True).start()
            return
        self._free.acquire()

    def _work(self) -> None:
        while (parcel := self._todo.get()) is not None:
            answer = None
            if not (self._closing or parcel.stopped()):
                answer = self._post(parcel)
            self.results.put(Returned(parcel, answer))
            self._free.release()

    def _post(self, parcel: Parcel) -> Answer:
        lane, message_id = parcel.lane, parcel.claim.id
        return self._dispatcher.post(lane.phone_number_id, lane.token, parcel.body, lambda: self._mark(message_id))
