"""The rows of a file as people, or as rows with a reason: pure work on text, in chunks ready for the database. A leaf.

A chunk is a fixed number of rows. Reading the same file with the same options gives the same chunks, which is what lets an
import that was killed find its place: it reads again from the start, remembers the numbers it saw, and skips what is saved.
"""

import csv
import io
import json
import re
from array import array
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from email_validator import EmailNotValidError, validate_email

from wotnot.services import import_columns as columns
from wotnot.services.csvio import Dialect, RawRow, RowReader, unguard
from wotnot.services.languages import read_language
from wotnot.services.phone_numbers import PhoneError, parse_digits

CHUNK_ROWS = 10_000
MAX_NAME, MAX_EMAIL, MAX_TAG, MAX_VALUE = 200, 254, 60, 1000
_EMAIL = re.compile(
    r"[A-Za-z0-9_+-]+(?:\.[A-Za-z0-9_+-]+)*@(?:[A-Za-z0-9](?:[A-Za-z0-9-]*[A-Za-z0-9])?\.)+[A-Za-z]{2,24}"
)
_MAX_EMAIL_LOCAL = 64  # RFC 5321
_TAG_SEPARATOR = re.compile(r"[,;|]")
_CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]")


class RowError(ValueError):
    """A row cannot be taken. `place` is the cell's column (None: the row as a whole), `kind` groups alike reasons."""

    def __init__(self, reason: str, kind: str, place: int | None = None) -> None:
        """Take the reason in words, its kind ("phone", "missing", "email", "language", "row", "text") and the cell's place."""
        super().__init__(reason)
        self.kind = kind
        self.place = place


@dataclass(frozen=True, slots=True)
class RowPlan:
    """Which cell goes where, compiled from the targets."""

    width: int
    phone: int
    names: tuple[int, ...]
    email: int | None
    language: int | None
    tags: tuple[int, ...]
    attributes: tuple[tuple[int, str], ...]
    country: str

    @classmethod
    def compile(cls, targets: Sequence[str], country: str) -> "RowPlan":
        """From one target a column; `columns.check_targets` must have found nothing wrong."""

        def places(*wanted: str) -> tuple[int, ...]:
            return tuple(place for target in wanted for place, found in enumerate(targets) if found == target)

        return cls(
            width=len(targets),
            phone=targets.index(columns.PHONE),
            names=places(columns.NAME) or places(columns.FIRST_NAME, columns.LAST_NAME),
            email=next(iter(places(columns.EMAIL)), None),
            language=next(iter(places(columns.LANGUAGE)), None),
            tags=places(columns.TAGS),
            attributes=tuple(
                (place, target.removeprefix(columns.ATTRIBUTE).strip())
                for place, target in enumerate(targets)
                if target.startswith(columns.ATTRIBUTE)
            ),
            country=country,
        )


@dataclass(slots=True)
class Person:
    """One good row."""

    phone: str
    name: str
    email: str
    language: str
    attributes: dict[str, str]
    tags: list[str]


@dataclass(slots=True)
class Chunk:
    """Some rows, ready to be written: two COPY texts, the counts, and where the next chunk begins.

    `people` has the lines row_number, phone, name, email, language, attributes, tags; `rejected` has row_number, verdict,
    column_name, reason, cells.
    """

    end_offset: int = 0
    end_row: int = 0
    row_count: int = 0
    people_count: int = 0
    invalid_count: int = 0
    duplicate_count: int = 0
    problems: Counter[str] = field(default_factory=Counter)
    tags: set[str] = field(default_factory=set)
    people: str = ""
    rejected: str = ""


class SeenNumbers:
    """The phone numbers met so far and the row of each: an open-addressing table of 12 bytes a slot that never grows.

    A dict would need some 120 MB for a million numbers; this takes 24.
    """

    def __init__(self, capacity: int) -> None:
        """Make room for `capacity` numbers."""
        self._slots = max(1024, capacity * 2) | 1
        self._numbers = array("Q", bytes(8 * self._slots))
        self._rows = array("I", bytes(4 * self._slots))

    def first_row(self, phone: str, row: int) -> int:
        """The row that had `phone` before, or 0 and remember it as that of `row`."""
        number = int(phone)
        numbers, slots = self._numbers, self._slots
        slot = number % slots
        while numbers[slot]:
            if numbers[slot] == number:
                return self._rows[slot]
            slot = slot + 1 if slot + 1 < slots else 0
        numbers[slot] = number
        self._rows[slot] = row
        return 0


def parse_row(cells: list[str], plan: RowPlan) -> Person:
    """The person in a row. Raises RowError with the cell and the reason."""
    if len(cells) != plan.width:
        cells = _fit(cells, plan.width)
    phone = _phone(cells[plan.phone], plan)
    name = " ".join([text for place in plan.names if (text := _text(cells[place], place, MAX_NAME))])
    if len(name) > MAX_NAME:
        raise RowError(f"Longer than {MAX_NAME} characters", "text", plan.names[0])
    email = _email(cells[plan.email], plan.email) if plan.email is not None else ""
    language = _language(cells[plan.language], plan.language) if plan.language is not None else ""
    attributes = {
        name: text for place, name in plan.attributes if (text := _text(cells[place], place, MAX_VALUE))
    }  # fmt: skip
    return Person(phone, name, email, language, attributes, _tags(cells, plan) if plan.tags else [])


def read_chunks(path: Path, dialect: Dialect, plan: RowPlan, seen: SeenNumbers) -> Iterator[Chunk]:
    """The whole file in chunks of CHUNK_ROWS rows, from its first data row on."""
    reader = RowReader(path, dialect)
    rows = iter(reader)
    if dialect.has_header:
        next(rows, None)
    while True:
        chunk = _read_chunk(rows, reader, dialect, plan, seen)
        yield chunk
        if chunk.row_count < CHUNK_ROWS:
            return


def _read_chunk(rows: Iterator[RawRow], reader: RowReader, dialect: Dialect, plan: RowPlan, seen: SeenNumbers) -> Chunk:
    chunk = Chunk()
    people_text, rejected_text = io.StringIO(), io.StringIO()
    write_person, write_rejected = csv.writer(people_text).writerow, csv.writer(rejected_text).writerow
    for raw in rows:
        chunk.row_count += 1
        try:
            person = _person_in(raw, plan)
        except RowError as error:
            chunk.invalid_count += 1
            chunk.problems[error.kind] += 1
            column = "" if error.place is None else dialect.columns[error.place]
            write_rejected((raw.number, "invalid", column, str(error), _cells(raw.cells)))
        else:
            first = seen.first_row(person.phone, raw.number)
            if first:
                chunk.duplicate_count += 1
                reason = f"The same number as in row {first:,}"
                write_rejected((raw.number, "duplicate", dialect.columns[plan.phone], reason, _cells(raw.cells)))
            else:
                write_person(_person_line(raw.number, person, chunk))
        if chunk.row_count >= CHUNK_ROWS:
            break
    chunk.people, chunk.rejected = people_text.getvalue(), rejected_text.getvalue()
    chunk.people_count = chunk.row_count - chunk.invalid_count - chunk.duplicate_count
    chunk.end_offset, chunk.end_row = reader.offset, reader.number
    return chunk


def _person_in(raw: RawRow, plan: RowPlan) -> Person:
    if raw.problem:
        raise RowError(raw.problem, "row")
    return parse_row(raw.cells, plan)


def _person_line(number: int, person: Person, chunk: Chunk) -> tuple[object, ...]:
    chunk.tags.update(person.tags)
    attributes = json.dumps(person.attributes, ensure_ascii=False) if person.attributes else "{}"
    tags = json.dumps(person.tags, ensure_ascii=False) if person.tags else "[]"
    return number, person.phone, person.name, person.email, person.language, attributes, tags


def _cells(cells: list[str]) -> str:
    """The row as it was, as JSON; PostgreSQL has no zero character, so that one is shown as its picture."""
    return json.dumps([cell.replace("\x00", "␀") for cell in cells], ensure_ascii=False)


# ---------------------------------------------------------------- cells


def _fit(cells: list[str], width: int) -> list[str]:
    """Empty cells too many are dropped, as spreadsheets leave them behind; anything else is a shifted row."""
    if len(cells) > width and not any(cells[width:]):
        return cells[:width]
    words = "Too many cells" if len(cells) > width else "Too few cells"
    raise RowError(f"{words}: {len(cells)} where the file has {width} columns", "row")


def _phone(cell: str, plan: RowPlan) -> str:
    try:
        return parse_digits(cell, plan.country)
    except PhoneError as error:
        if not cell.isprintable():
            _check_readable(cell, plan.phone)
        reason = str(error)
        raise RowError(reason, "missing" if reason == "Missing" else "phone", plan.phone) from None


def _text(cell: str, place: int, limit: int) -> str:
    """A cell's text without what a spreadsheet guard or stray white space added."""
    if not cell:
        return ""
    if not cell.isprintable() or "\ufffd" in cell:
        _check_readable(cell, place)
        cell = " ".join(cell.split())
    text = unguard(cell.strip())
    if len(text) > limit:
        raise RowError(f"Longer than {limit:,} characters", "text", place)
    return text


def _check_readable(cell: str, place: int) -> None:
    if "\x00" in cell:
        raise RowError("Contains zero bytes", "text", place)
    if _CONTROL.search(cell):
        raise RowError("Contains control characters", "text", place)
    if "\ufffd" in cell:
        raise RowError("Contains letters that cannot be read", "text", place)


def _email(cell: str, place: int) -> str:
    text = _text(cell, place, MAX_EMAIL)
    if not text or (_EMAIL.fullmatch(text) and len(text.partition("@")[0]) <= _MAX_EMAIL_LOCAL):
        return text
    try:
        return validate_email(text, check_deliverability=False, test_environment=True, strict=True).normalized
    except EmailNotValidError:
        raise RowError("Not an e-mail address", "email", place) from None


def _language(cell: str, place: int) -> str:
    text = _text(cell, place, MAX_VALUE)
    code = read_language(text)
    if code is None and text:
        raise RowError("Not a language we know; write a code or a name, such as pt_BR or German", "language", place)
    return code or ""


def _tags(cells: list[str], plan: RowPlan) -> list[str]:
    """The tags of a row; one cell may hold several, parted by commas, semicolons or bars."""
    found: dict[str, str] = {}
    for place in plan.tags:
        for part in _TAG_SEPARATOR.split(_text(cells[place], place, MAX_VALUE)):
            tag = part.strip()
            if len(tag) > MAX_TAG:
                raise RowError(f"A tag is longer than {MAX_TAG} characters", "text", place)
            if tag:
                found.setdefault(tag.lower(), tag)
    return list(found.values())
