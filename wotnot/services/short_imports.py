"""A small file imported while the caller waits, for the published short path; larger ones go through `contact_imports`."""

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import IO

from flask import current_app
from sqlalchemy import select

from wotnot.errors import Invalid, TooLarge, Unavailable
from wotnot.extensions import db
from wotnot.models import Contact, ContactImport, ImportState, OnDuplicate
from wotnot.services import contact_imports, csvio, import_columns, import_rows, import_runs, storage
from wotnot.services.import_rows import Person, RowError, RowPlan
from wotnot.services.transaction import release_connection

MAX_ROWS = 5000
_PATIENCE_SECONDS = 60.0
_POLL_SECONDS = 0.1


@dataclass(frozen=True, slots=True)
class RefusedRow:
    """A row that did not become a contact: its number in the spreadsheet, what it holds, and why not."""

    row: int
    phone: str
    name: str
    reason: str


@dataclass(slots=True)
class Outcome:
    """`contacts` are the new ones; `duplicates` were contacts already, or stand in the file twice."""

    contacts: Sequence[Contact] = ()
    duplicates: list[RefusedRow] = field(default_factory=list)
    invalid: list[RefusedRow] = field(default_factory=list)


def import_now(workspace_id: int, stream: IO[bytes], filename: str, *, user_id: int | None = None) -> Outcome:
    """Import a CSV of at most MAX_ROWS rows; who is a contact already stays unchanged.

    Raises Invalid (`file`, `mapping`), TooLarge pointing to the API for whole files, Unavailable when it takes too long.
    """
    outcome, new_phones = _look_through(workspace_id, stream, filename)
    stream.seek(0)
    started = contact_imports.create_import(
        workspace_id, stream, filename, user_id=user_id, on_duplicate=OnDuplicate.SKIP
    )
    # A worker may have been faster; whoever claims the import does it.
    import_runs.run(started.id)
    _wait(workspace_id, started.id)
    query = select(Contact).where(Contact.workspace_id == workspace_id, Contact.phone.in_(new_phones))
    outcome.contacts = db.session.scalars(query.order_by(Contact.id)).all()
    return outcome


def _look_through(workspace_id: int, stream: IO[bytes], filename: str) -> tuple[Outcome, list[str]]:
    """What will become of each row, and the numbers of the people to add. Keeps nothing."""
    found = contact_imports.upload(workspace_id, stream, filename)
    try:
        if found.row_count > MAX_ROWS:
            raise TooLarge(
                f"This call takes up to {MAX_ROWS:,} rows; the file has {found.row_count:,}. Use POST /api/v1/imports."
            )
        return _judge(workspace_id, found)
    finally:
        contact_imports.discard_import(workspace_id, found.id)


def _judge(workspace_id: int, found: ContactImport) -> tuple[Outcome, list[str]]:
    outcome, people = Outcome(), dict[str, tuple[int, Person]]()
    for row, person in _read_people(found, outcome):
        first_row, _ = people.setdefault(person.phone, (row, person))
        if first_row != row:
            outcome.duplicates.append(
                RefusedRow(row, person.phone, person.name, f"The same number as in row {first_row}")
            )
    query = select(Contact.phone).where(Contact.workspace_id == workspace_id, Contact.phone.in_(people))
    known = {phone for phone in db.session.scalars(query) if phone}
    for phone in known:
        row, person = people[phone]
        outcome.duplicates.append(RefusedRow(row, phone, person.name, "A contact already"))
    outcome.duplicates.sort(key=lambda one: one.row)
    return outcome, [phone for phone in people if phone not in known]


def _read_people(found: ContactImport, outcome: Outcome) -> Iterator[tuple[int, Person]]:
    """The good rows with their numbers; the others are noted in `outcome`."""
    plan = RowPlan.compile(_targets(found), found.default_country)
    dialect = import_runs.dialect_of(found.dialect)
    with _storage().on_disk(found.storage_key) as path:
        rows = iter(csvio.RowReader(path, dialect))
        if dialect.has_header:
            next(rows, None)
        for raw in rows:
            if raw.problem:
                outcome.invalid.append(RefusedRow(raw.number, "", "", raw.problem))
                continue
            try:
                yield raw.number, import_rows.parse_row(raw.cells, plan)
            except RowError as error:
                outcome.invalid.append(RefusedRow(raw.number, "", "", str(error)))


def _targets(found: ContactImport) -> list[str]:
    """The recognised columns. Raises Invalid when people cannot be told from them."""
    targets: list[str] = found.mapping["targets"]
    problems = import_columns.check_targets(found.dialect["columns"], targets)
    if problems:
        raise Invalid({"file": list(problems.values())})
    return targets


def _storage() -> storage.Storage:
    return storage.storage_for(current_app.extensions["wotnot.config"])


def _wait(workspace_id: int, import_id: int) -> None:
    patience = time.monotonic() + _PATIENCE_SECONDS
    while time.monotonic() < patience:
        release_connection()
        if contact_imports.get_import(workspace_id, import_id).state in {ImportState.DONE, ImportState.FAILED}:
            return
        time.sleep(_POLL_SECONDS)
    raise Unavailable("The import is still running. Look at GET /api/v1/imports/" + str(import_id) + ".")
