"""CSV in and out: rows with their place in the file, and cells that no spreadsheet will run. A leaf.

**Formulas.** A cell that starts with `=`, `+`, `-`, `@`, a tab or a line break can be run by a spreadsheet, so `guard` puts
an apostrophe before it. Phone numbers ("+27825550142": a plus, digits and spaces) are left alone: they cannot do anything,
and programs read them. `unguard` takes the apostrophe away when such a file is imported again, so nothing is lost on the way.
"""

import csv
import io
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, NamedTuple

_DANGEROUS = ("=", "+", "-", "@", "\t", "\r", "\n")
_PHONE = re.compile(r"\+[0-9 ]+")
_MAX_LINE_BYTES = 1 << 20
_MAX_LINES_IN_ROW = 200
_MAX_SHOWN = 1000
_UNCLOSED = "A quotation mark is opened and never closed"
_TOO_LONG = "The row is too long to read"


@dataclass(frozen=True, slots=True)
class Dialect:
    """How a file is written, and what its columns are called (made up when it has no header).

    `rewritten_from` names the encoding of a file that was rewritten as UTF-8 when it came; "" for one kept as it was.
    """

    delimiter: str = ","
    encoding: str = "utf-8"
    has_header: bool = True
    columns: tuple[str, ...] = ()
    samples: tuple[tuple[str, ...], ...] = field(default=())
    rewritten_from: str = ""


class RawRow(NamedTuple):
    """A row as it stands in the file. `number` is the spreadsheet's; `problem` says why it cannot be read, or is None."""

    number: int
    cells: list[str]
    problem: str | None


class RowReader:
    """Reads rows from a byte offset on; after each row `offset` and `number` are a place to go on from.

    Blank lines count as rows of the spreadsheet but are not yielded. A quotation mark that is never closed costs its own line
    only: reading goes on with the next one.
    """

    def __init__(self, path: Path, dialect: Dialect, *, offset: int = 0, number: int = 0) -> None:
        """Start at `offset`, where row `number` has just ended. The header is a row like any other here."""
        self.offset = offset
        self.number = number
        self._path = path
        self._dialect = dialect
        self._size = path.stat().st_size
        self._position = offset
        self._lines = 0

    def __iter__(self) -> Iterator[RawRow]:
        """Every row up to the end of the file."""
        with self._path.open("rb") as file:
            while self.offset < self._size:
                yield from self._read(file)

    def _read(self, file: IO[bytes]) -> Iterator[RawRow]:
        """Rows until the end, or until one cannot be read; that one is yielded with its problem."""
        file.seek(self.offset)
        self._position = self.offset
        reader = csv.reader(self._feed(file), delimiter=self._dialect.delimiter)
        while True:
            self._lines = 0
            try:
                cells = next(reader)
            except StopIteration:
                return
            except csv.Error as error:
                yield self._broken(file, str(error))
                return
            if self._position >= self._size and self._is_unclosed(file):
                yield self._broken(file, _UNCLOSED)
                return
            self.offset = self._position
            self.number += 1
            if cells:
                yield RawRow(self.number, cells, None)

    def _feed(self, file: IO[bytes]) -> Iterator[str]:
        """Decoded lines, counting the bytes they took."""
        encoding = self._dialect.encoding
        while raw := file.readline(_MAX_LINE_BYTES):
            self._position += len(raw)
            self._lines += 1
            if self._lines > _MAX_LINES_IN_ROW:
                raise csv.Error(_UNCLOSED)
            if len(raw) == _MAX_LINE_BYTES:
                raise csv.Error(_TOO_LONG)
            yield decode(raw, encoding, is_start=self._position == len(raw))

    def _is_unclosed(self, file: IO[bytes]) -> bool:
        """Whether the file's last row, just read, ends inside a quotation (the csv module then takes it as it is)."""
        here = file.tell()
        file.seek(self.offset)
        text = file.read(self._size - self.offset).decode(self._dialect.encoding, "replace")
        file.seek(here)
        try:
            list(csv.reader(io.StringIO(text), delimiter=self._dialect.delimiter, strict=True))
        except csv.Error as error:
            return str(error) == "unexpected end of data"
        return False

    def _broken(self, file: IO[bytes], error: str) -> RawRow:
        """Skip the one line at which the row began."""
        start = self.offset
        file.seek(start)
        raw = file.readline(_MAX_LINE_BYTES)
        self.offset += len(raw)
        while len(raw) == _MAX_LINE_BYTES and not raw.endswith(b"\n") and (rest := file.readline(_MAX_LINE_BYTES)):
            self.offset += len(rest)
            if rest.endswith(b"\n"):
                break
        self.number += 1
        text = decode(raw[:_MAX_SHOWN], self._dialect.encoding, is_start=start == 0).rstrip("\r\n")
        problem = error if error in {_UNCLOSED, _TOO_LONG} else _UNCLOSED if '"' in text else _TOO_LONG
        return RawRow(self.number, text.split(self._dialect.delimiter), problem)


def decode(raw: bytes, encoding: str, *, is_start: bool) -> str:
    """Text of a line; bytes that mean nothing become U+FFFD, and a byte-order mark at the start goes."""
    text = raw.decode(encoding, "replace")
    return text.removeprefix("\ufeff") if is_start else text


def guard(text: str) -> str:
    """`text` as a cell that no spreadsheet runs as a formula."""
    if text.startswith(_DANGEROUS) and not _PHONE.fullmatch(text):
        return "'" + text
    return text


def unguard(text: str) -> str:
    """What `guard` was given."""
    return text[1:] if text[:1] == "'" and text[1:].startswith(_DANGEROUS) else text


def write_rows(rows: Iterable[Sequence[object]], *, delimiter: str = ",") -> Iterator[str]:
    """CSV text, some rows at a time, for a streamed answer; every text cell is guarded. Starts with a byte-order mark.

    The mark makes spreadsheets read UTF-8; `None` is an empty cell.
    """
    yield "\ufeff"
    buffer = io.StringIO()
    writer = csv.writer(buffer, delimiter=delimiter)
    for row in rows:
        writer.writerow([guard(cell) if isinstance(cell, str) else cell for cell in row])
        if buffer.tell() > _CHARACTERS_AT_ONCE:
            yield buffer.getvalue()
            buffer.seek(0)
            buffer.truncate()
    yield buffer.getvalue()


_CHARACTERS_AT_ONCE = 32_768
