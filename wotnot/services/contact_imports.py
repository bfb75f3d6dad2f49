"""Imports of contacts: upload, match columns, check, import. The owner of both import tables; `import_runs` does the work.

`uploaded` → (columns) → `checking` → `checked` → `queued` → `running` → `done`, or `failed` with a reason.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import timedelta
from typing import IO

from flask import current_app
from sqlalchemy import func, select

from wotnot import clock
from wotnot.errors import Conflict, Invalid, NotFound, TooLarge
from wotnot.extensions import db
from wotnot.models import ContactImport, ImportRow, ImportState, OnDuplicate, RowVerdict
from wotnot.services import contact_rules as rules
from wotnot.services import contacts, csv_sniffing, csvio, import_columns, import_runs, phone_numbers, queue, storage
from wotnot.services.csvio import Dialect
from wotnot.services.keyset import Keyset
from wotnot.services.pages import Page, clamp_limit
from wotnot.services.transaction import release_connection, transaction

MAX_BYTES = 200 * 1024 * 1024
MAX_ROWS = 1_000_000
_KEEP_UNFINISHED = timedelta(days=7)
_REJECTED_BATCH = 2000


@dataclass(frozen=True, slots=True)
class ImportOptions:
    """How a file becomes contacts. `targets` has one a column (see `import_columns`)."""

    targets: Sequence[str]
    default_country: str
    on_duplicate: OnDuplicate = OnDuplicate.FILL
    tags: Sequence[str] = ()


def upload(workspace_id: int, stream: IO[bytes], filename: str, *, user_id: int | None = None) -> ContactImport:
    """Keep an uploaded file and find out how it is written; its columns get suggested targets.

    Raises Invalid (`file`) for what is no list of people, TooLarge above MAX_BYTES or MAX_ROWS; nothing is kept then.
    """
    key, size = _store(stream)
    try:
        dialect, row_count, read_bytes = _examine(key)
        country = contacts.default_country(workspace_id)
        names = contacts.list_attribute_names(workspace_id)
        with transaction() as session:
            found = ContactImport(
                workspace_id=workspace_id,
                user_id=user_id,
                filename=_clean_filename(filename),
                storage_key=key,
                size_bytes=size,
                state=ImportState.UPLOADED,
                dialect=asdict(dialect) | {"read_bytes": read_bytes},
                mapping={"targets": import_columns.suggest_targets(dialect.columns, dialect.samples, names, country)},
                default_country=country,
                row_count=row_count,
            )
            session.add(found)
            session.flush()
            return found
    except BaseException:
        _storage().delete(key)
        raise


def create_import(
    workspace_id: int,
    stream: IO[bytes],
    filename: str,
    *,
    user_id: int | None = None,
    default_country: str | None = None,
    on_duplicate: OnDuplicate = OnDuplicate.FILL,
    tags: Sequence[str] = (),
    mapping: Mapping[str, object] | None = None,
    dry_run: bool = False,
) -> ContactImport:
    """Upload and start in one step, for programs. `mapping` is column name → field; by default columns are recognised.

    Raises Invalid and TooLarge as `upload` does, and Invalid for options; nothing is kept then.
    """
    found = upload(workspace_id, stream, filename, user_id=user_id)
    try:
        targets = _named_targets(found, mapping)
        options = ImportOptions(targets, default_country or found.default_country, on_duplicate, tags)
        with transaction() as session:
            _apply(found, options)
            found.is_dry_run, found.state = dry_run, ImportState.QUEUED
            session.flush()
            queue.enqueue("run_import", found.id)
    except Invalid:
        discard_import(workspace_id, found.id)
        raise
    return found


def reread(workspace_id: int, import_id: int, *, delimiter: str, encoding: str, has_header: bool) -> ContactImport:
    """Read the file again the way the person says. Raises Invalid when that makes no sense of it."""
    if delimiter not in csv_sniffing.DELIMITERS or encoding not in csv_sniffing.ENCODINGS:
        raise Invalid({"delimiter": "Choose one of the listed ways to read the file."})
    with transaction():
        key = _get_editable(workspace_id, import_id).storage_key
    if _storage().is_remote:
        release_connection()
    dialect, row_count = _describe(key, encoding, delimiter, has_header=has_header)
    with transaction():
        found = _get_editable(workspace_id, import_id)
        names = contacts.list_attribute_names(workspace_id)
        targets = import_columns.suggest_targets(dialect.columns, dialect.samples, names, found.default_country)
        kept = {name: found.dialect[name] for name in ("rewritten_from", "read_bytes") if name in found.dialect}
        found.dialect, found.mapping = asdict(dialect) | kept, {"targets": targets}
        found.row_count, found.state = row_count, ImportState.UPLOADED
        return found


def check_import(workspace_id: int, import_id: int, options: ImportOptions) -> ContactImport:
    """Keep the mapping and options and start the dry run. Raises Invalid, with one entry a column that is wrong."""
    with transaction():
        found = _get_editable(workspace_id, import_id)
        _apply(found, options)
        import_runs.reset(found)
        found.state = ImportState.CHECKING
        queue.enqueue("check_import", found.id)
        return found


def start_import(workspace_id: int, import_id: int) -> ContactImport:
    """Import what was checked. Asking again while it runs or when it is done changes nothing.

    Raises Conflict before the check is through, or when it failed.
    """
    with transaction():
        found = _get_locked(workspace_id, import_id)
        if found.state in {ImportState.QUEUED, ImportState.RUNNING, ImportState.DONE}:
            return found
        if found.state is not ImportState.CHECKED:
            raise Conflict("Check the file first; nothing is imported before that.", code="not_checked")
        import_runs.reset(found)
        found.state = ImportState.QUEUED
        queue.enqueue("run_import", found.id)
        return found


def discard_import(workspace_id: int, import_id: int) -> None:
    """Forget an import and its file. Raises Conflict while it runs."""
    with transaction() as session:
        found = _get_locked(workspace_id, import_id)
        if found.state in {ImportState.QUEUED, ImportState.RUNNING} and found.started_at is not None:
            raise Conflict("This import is running. Wait until it is done.", code="running")
        key = found.storage_key
        session.delete(found)
    _storage().delete(key)


def get_import(workspace_id: int, import_id: int) -> ContactImport:
    """An import. Raises NotFound, also for another workspace's."""
    query = select(ContactImport).where(ContactImport.workspace_id == workspace_id, ContactImport.id == import_id)
    found = db.session.scalar(query)
    if found is None:
        raise NotFound("Import")
    return found


def list_imports(workspace_id: int, limit: int = 20) -> list[ContactImport]:
    """The latest imports that were at least checked, newest first."""
    query = select(ContactImport).where(ContactImport.workspace_id == workspace_id, ContactImport.is_dry_run.is_(False))
    return list(db.session.scalars(query.order_by(ContactImport.id.desc()).limit(clamp_limit(limit))))


def page_imports(workspace_id: int, *, cursor: str | None = None, limit: int | None = None) -> Page[ContactImport]:
    """The same for programs, page by page. Raises Invalid for a cursor that is not ours."""
    keyset = Keyset.decode(cursor, clamp_limit(limit))
    query = select(ContactImport).where(ContactImport.workspace_id == workspace_id, ContactImport.is_dry_run.is_(False))
    rows = db.session.scalars(
        query.where(keyset.condition(ContactImport.id)).order_by(keyset.order(ContactImport.id)).limit(keyset.limit + 1)
    )
    return keyset.page(list(rows), lambda one: one.id)


def list_rejected(
    workspace_id: int, import_id: int, verdict: RowVerdict, *, after_row: int = 0, limit: int = 50
) -> list[ImportRow]:
    """Rows that were not taken, by row number. Raises NotFound."""
    get_import(workspace_id, import_id)
    query = select(ImportRow).where(
        ImportRow.import_id == import_id, ImportRow.verdict == verdict, ImportRow.row_number > after_row
    )
    return list(db.session.scalars(query.order_by(ImportRow.row_number).limit(limit)))


def count_rejected(workspace_id: int, import_id: int) -> dict[RowVerdict, int]:
    """How many rows were not taken, by verdict. Raises NotFound."""
    get_import(workspace_id, import_id)
    query = select(ImportRow.verdict, func.count()).where(ImportRow.import_id == import_id).group_by(ImportRow.verdict)
    return {verdict: count for verdict, count in db.session.execute(query)}  # noqa: C416 — rows are no pairs to mypy


def rejected_csv(workspace_id: int, import_id: int) -> Iterator[str]:
    """The rows that were not taken, as they stood in the file, with their number and the reason; in pieces. Raises NotFound."""
    found = get_import(workspace_id, import_id)
    return csvio.write_rows(_rejected_rows(import_id, list(found.dialect["columns"])))


def progress_of(found: ContactImport) -> float:
    """How much of the file is through, from 0 to 1, by bytes."""
    if found.state in {ImportState.DONE, ImportState.CHECKED}:
        return 1.0
    size = found.dialect.get("read_bytes") or found.size_bytes
    return min(1.0, found.next_offset / size) if size else 0.0


def sweep_imports() -> dict[str, int]:
    """Start again what died, and forget files that nobody came back for. Safe to run twice."""
    stuck = import_runs.list_stuck(db.session())
    for import_id, state in stuck:
        queue.enqueue_once(
            "check_import" if state is ImportState.CHECKING else "run_import", import_id, every_seconds=30
        )
    return {"restarted": len(stuck), "forgotten": _forget_unfinished()}


def _forget_unfinished() -> int:
    waiting = (ImportState.UPLOADED, ImportState.CHECKED, ImportState.FAILED)
    with transaction() as session:
        query = select(ContactImport).where(
            ContactImport.state.in_(waiting),
            ContactImport.created_at < clock.now() - _KEEP_UNFINISHED,
            ContactImport.storage_key != "",
        )
        old = list(session.scalars(query.order_by(ContactImport.id).limit(100).with_for_update(skip_locked=True)))
        keys = [found.storage_key for found in old]
        for found in old:
            found.storage_key, found.state = "", ImportState.FAILED
            found.reason = found.reason or "Nobody went on with this import for a week, so its file was deleted."
    for key in keys:
        _storage().delete(key)
    return len(keys)


# ---------------------------------------------------------------- parts


def _store(stream: IO[bytes]) -> tuple[str, int]:
    try:
        return _storage().save(stream, limit=MAX_BYTES)
    except storage.FileTooLargeError:
        raise TooLarge(
            f"The file is larger than {MAX_BYTES // 1024 // 1024} MB. Split it and import the parts one after the other."
        ) from None


def _examine(key: str) -> tuple[Dialect, int, int]:
    """How the file is written, its rows, and its bytes as they will be read: it may be rewritten on the way."""
    with _storage().on_disk(key, keep_changes=True) as path:
        try:
            dialect = csv_sniffing.prepare(path)
        except csv_sniffing.NotCsvError as error:
            raise Invalid({"file": str(error)}, code="not_csv") from None
        row_count, read_bytes = csv_sniffing.count_rows(path, dialect, stop_after=MAX_ROWS), path.stat().st_size
    if row_count > MAX_ROWS:
        raise TooLarge(f"The file has more than {MAX_ROWS:,} rows. Split it and import the parts one after the other.")
    return dialect, row_count, read_bytes


def _describe(key: str, encoding: str, delimiter: str, *, has_header: bool) -> tuple[Dialect, int]:
    with _storage().on_disk(key) as path:
        try:
            dialect = csv_sniffing.describe(path, encoding, delimiter, has_header=has_header)
        except csv_sniffing.NotCsvError as error:
            raise Invalid({"file": str(error)}) from None
        return dialect, csv_sniffing.count_rows(path, dialect, stop_after=MAX_ROWS)


def _named_targets(found: ContactImport, mapping: Mapping[str, object] | None) -> list[str]:
    if mapping is None:
        return list(found.mapping["targets"])
    targets, errors = import_columns.targets_from_names(found.dialect["columns"], mapping)
    if errors:
        raise Invalid({"mapping": list(errors.values())})
    return targets


def _apply(found: ContactImport, options: ImportOptions) -> None:
    """Check the options and put them on the import. Raises Invalid: fields of the form by name, columns as `column.<place>`."""
    columns = found.dialect["columns"]
    if len(options.targets) != len(columns):
        raise Invalid({"mapping": "Say for every column where it goes."})
    errors: dict[str, str] = {}
    problems = import_columns.check_targets(columns, options.targets)
    for place, column in enumerate(columns):
        if column in problems:
            errors[f"column.{place}"] = f"{column}: {problems[column]}"
    if "mapping" in problems:
        errors["mapping"] = problems["mapping"]
    if not phone_numbers.is_country(options.default_country):
        errors["default_country"] = "Choose a country from the list (two letters, such as ZA)."
    tags = rules.clean_tags(options.tags, errors)
    if errors:
        raise Invalid(errors)
    found.mapping, found.default_country = {"targets": list(options.targets)}, options.default_country
    found.on_duplicate, found.tags = options.on_duplicate, tags


def _rejected_rows(import_id: int, columns: list[str]) -> Iterator[list[object]]:
    yield ["row", *columns, "reason"]
    last = 0
    while True:
        query = select(ImportRow).where(ImportRow.import_id == import_id, ImportRow.row_number > last)
        rows = list(db.session.scalars(query.order_by(ImportRow.row_number).limit(_REJECTED_BATCH)))
        db.session.rollback()  # a slow download must not keep a transaction open
        for row in rows:
            cells = (row.cells + [""] * len(columns))[: len(columns)]
            where = f"{row.column_name}: " if row.column_name else ""
            yield [row.row_number, *cells, f"{where}{row.reason}"]
        if len(rows) < _REJECTED_BATCH:
            return
        last = rows[-1].row_number


def _get_editable(workspace_id: int, import_id: int) -> ContactImport:
    found = _get_locked(workspace_id, import_id)
    if found.state not in {ImportState.UPLOADED, ImportState.CHECKING, ImportState.CHECKED}:
        raise Conflict("This import is on its way already; its columns cannot be changed now.", code="wrong_state")
    return found


def _get_locked(workspace_id: int, import_id: int) -> ContactImport:
    query = select(ContactImport).where(ContactImport.workspace_id == workspace_id, ContactImport.id == import_id)
    found = db.session.scalar(query.with_for_update().execution_options(populate_existing=True))
    if found is None:
        raise NotFound("Import")
    return found


def _clean_filename(filename: str) -> str:
    name = filename.replace("\\", "/").rsplit("/", 1)[-1]
    return "".join(character for character in name if character.isprintable())[:200] or "contacts.csv"


def _storage() -> storage.Storage:
    return storage.storage_for(current_app.extensions["wotnot.config"])
