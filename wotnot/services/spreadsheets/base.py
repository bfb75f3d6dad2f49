"""What every encoder can do."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any, Protocol

Cell = str | int | Decimal | datetime | None
Row = Sequence[Cell]


@dataclass(frozen=True, slots=True)
class Layout:
    """The names of the columns, those that hold moments, and the time zone (IANA name) whose clock these are written on."""

    columns: Sequence[str]
    timezone: str
    moments: Sequence[str] = ()


class Encoder(Protocol):
    """Writes one table. `state` is JSON: what to make an encoder with that goes on where this one stands."""

    mime_type: str
    state: dict[str, Any]

    def __init__(self, layout: Layout, state: dict[str, Any] | None = None) -> None:
        """A table from its beginning, or from where `state` was."""

    def write(self, rows: Iterable[Row]) -> bytes:
        """The next piece of the file; with the first comes what a file begins with, rows or not."""

    def finish(self) -> bytes:
        """The last piece, after which nothing may be written."""
