"""Small writes that arrive together commit together: one statement and one wait for the disk for all of them."""

import threading
from collections.abc import Callable
from dataclasses import dataclass
from typing import Generic, TypeVar

T = TypeVar("T")


@dataclass(slots=True)
class _Parcel(Generic[T]):
    item: T
    is_settled: bool = False
    error: Exception | None = None


class GroupCommit(Generic[T]):
    """Collects what the threads of this process want written while an earlier write is under way.

    Whoever comes first writes for all who wait; the others find their item done. Nobody returns before their item is
    committed, so nothing is less durable than a commit each, and under load a hundred cost little more than one.
    """

    def __init__(self, write: Callable[[list[T]], None]) -> None:
        """`write` writes some items and commits; it raises when none was."""
        self._write = write
        self._guard = threading.Lock()
        self._writing = threading.Lock()
        self._waiting: list[_Parcel[T]] = []

    def add(self, item: T) -> bool:
        """Return when `item` is committed; True for the one caller who wrote, for itself and whoever waited.

        Raises what `write` raised, in every thread whose item was among those.
        """
        parcel = _Parcel(item)
        with self._guard:
            self._waiting.append(parcel)
        with self._writing:
            leads = not parcel.is_settled
            if leads:
                self._settle_waiting()
        if parcel.error is not None:
            raise parcel.error
        return leads

    def _settle_waiting(self) -> None:
        with self._guard:
            parcels, self._waiting = self._waiting, []
        error: Exception | None = None
        try:
            self._write([parcel.item for parcel in parcels])
        except Exception as raised:  # noqa: BLE001 — every thread raises it for itself
            error = raised
        for parcel in parcels:
            parcel.error = error
            parcel.is_settled = True
