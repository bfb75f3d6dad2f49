"""One run over an import's file: the dry run and the real one, in chunks that each commit with their checkpoint.

A run that dies is started again by the sweep and goes on after its last committed chunk. Two runs of one import cannot both
write: each holds the moment of its last heartbeat, and a chunk only commits while the row still shows that very moment.
"""

import logging
import sys
import threading
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from queue import Full, Queue
from typing import Any

from flask import current_app
from sqlalchemy import case, delete, func, or_, select, text, update
from sqlalchemy.exc import OperationalError
from sqlalchemy.orm import Session

from wotnot.models import ContactImport, ImportRow, ImportState
from wotnot.services import events, import_writes, storage
from wotnot.services.csvio import Dialect
from wotnot.services.import_rows import CHUNK_ROWS, Chunk, RowPlan, SeenNumbers, read_chunks
from wotnot.services.transaction import on_commit, transaction

logger = logging.getLogger(__name__)

STALE_SECONDS = 30
_ACTIVE = (ImportState.CHECKING, ImportState.QUEUED, ImportState.RUNNING)
_CHUNKS_AHEAD = 2
_SWITCH_SECONDS = 0.0005
_HEARTBEAT_EVERY_CHUNKS = 10
_COUNTED = {
    "created_count": "created",
    "updated_count": "updated",
    "unchanged_count": "unchanged",
    "opted_out_count": "opted_out",
}


@dataclass(slots=True)
class _Run:
    """What a run needs of its row, taken when it was claimed. `fence` is the heartbeat it still must show."""

    storage_key: str
    dialect: Dialect
    plan: RowPlan
    row_count: int
    next_offset: int
    state: ImportState
    is_dry: bool
    options: import_writes.WriteOptions
    problems: dict[str, int]
    fence: datetime

    @property
    def topic(self) -> str:
        """What its pages listen to."""
        return f"import:{self.options.import_id}"


class _LostClaimError(Exception):
    """Another run has taken over, or the import is gone."""


def run(import_id: int) -> dict[str, Any]:
    """Check or import the file to its end. Safe to call twice: the second call finds the import taken or done.

    An import that cannot be run is `failed` with a reason; a database or a storage that is away raises, and the sweep
    tries again.
    """
    claimed = _claim(import_id)
    if claimed is None:
        return {"import_id": import_id, "state": "not due"}
    try:
        _work(claimed)
    except _LostClaimError:
        return {"import_id": import_id, "state": "taken over"}
    except (OperationalError, storage.StorageError):
        raise
    except Exception:
        logger.exception("import stopped by an error", extra={"import_id": import_id})
        _fail(
            import_id,
            "An error on our side stopped this import. What was imported before stays; upload the file again.",
        )
        return {"import_id": import_id, "state": "failed"}
    return {"import_id": import_id, "state": "finished"}


def list_stuck(session: Session) -> list[tuple[int, ImportState]]:
    """Imports that are due and that nobody works on."""
    query = select(ContactImport.id, ContactImport.state).where(ContactImport.state.in_(_ACTIVE), _is_free())
    return [(import_id, state) for import_id, state in session.execute(query.order_by(ContactImport.id))]


def _is_free() -> Any:
    stale = func.clock_timestamp() - func.make_interval(0, 0, 0, 0, 0, 0, STALE_SECONDS)
    return or_(ContactImport.heartbeat_at.is_(None), ContactImport.heartbeat_at < stale)


def _claim(import_id: int) -> _Run | None:
    """Take the import if it is due and free; a run from the first row forgets what an earlier run left."""
    with transaction() as session:
        claim = (
            update(ContactImport)
            .where(ContactImport.id == import_id, ContactImport.state.in_(_ACTIVE), _is_free())
            .values(
                state=case((ContactImport.state == ImportState.QUEUED, ImportState.RUNNING), else_=ContactImport.state),
                heartbeat_at=func.clock_timestamp(),
                started_at=func.coalesce(ContactImport.started_at, func.now()),
            )
            .returning(ContactImport)
            .execution_options(populate_existing=True)
        )
        found = session.scalar(claim)
        if found is None:
            return None
        if found.next_row == 0:
            session.execute(delete(ImportRow).where(ImportRow.import_id == import_id))
        events.publish(found.workspace_id, f"import:{import_id}")
        return _run_of(found)


def _run_of(found: ContactImport) -> _Run:
    if found.heartbeat_at is None:
        raise _LostClaimError
    options = import_writes.WriteOptions(found.id, found.workspace_id, found.on_duplicate, tuple(found.tags))
    return _Run(
        storage_key=found.storage_key,
        dialect=dialect_of(found.dialect),
        plan=RowPlan.compile(found.mapping["targets"], found.default_country),
        row_count=found.row_count,
        next_offset=found.next_offset,
        state=found.state,
        is_dry=found.state is ImportState.CHECKING or found.is_dry_run,
        options=options,
        problems=dict(found.problems),
        fence=found.heartbeat_at,
    )


def _work(run: _Run) -> None:
    try:
        with _storage().on_disk(run.storage_key) as path:
            _read_all(run, path)
    except storage.MissingFileError:
        _fail(run.options.import_id, "The uploaded file is gone. Upload it again.")
        return
    if not run.is_dry:
        with transaction() as session:
            import_writes.settle_search(session)


def _read_all(run: _Run, path: Path) -> None:
    chunks = read_chunks(path, run.dialect, run.plan, SeenNumbers(run.row_count))
    for place, chunk in enumerate(_ahead(chunks)):
        is_last = chunk.row_count < CHUNK_ROWS
        if chunk.end_offset > run.next_offset or is_last:
            _commit_chunk(run, chunk, is_last=is_last)
        elif place % _HEARTBEAT_EVERY_CHUNKS == 0:
            # Committed before a crash: read only for the numbers in it.
            with transaction() as session:
                run.fence = _prove_claim(session, run, {})


def _ahead(chunks: Iterator[Chunk]) -> Iterator[Chunk]:
    """The same chunks, read by a thread while the database works on the one before. An error in it is raised here."""
    waiting: Queue[Chunk | BaseException | None] = Queue(_CHUNKS_AHEAD)
    stop = threading.Event()

    def put(item: Chunk | BaseException | None) -> bool:
        while not stop.is_set():
            try:
                waiting.put(item, timeout=0.5)
            except Full:
                continue
            return True
        return False

    def read() -> None:
        try:
            for chunk in chunks:
                if not put(chunk):
                    return
            put(None)
        except Exception as error:  # noqa: BLE001 — handed to the run, which decides
            put(error)

    reader = threading.Thread(target=read, name="import-reader", daemon=True)
    interval = sys.getswitchinterval()
    # The writer mostly waits for PostgreSQL; when an answer comes it must not wait 5 ms more for the busy reader each time.
    sys.setswitchinterval(_SWITCH_SECONDS)
    reader.start()
    try:
        while (item := waiting.get()) is not None:
            if isinstance(item, BaseException):
                raise item
            yield item
    finally:
        stop.set()
        reader.join()
        sys.setswitchinterval(interval)


def _commit_chunk(run: _Run, chunk: Chunk, *, is_last: bool) -> None:
    """Write the chunk and its checkpoint in one transaction. Raises _LostClaimError."""
    with transaction() as session:
        # The checkpoint first: it locks the row and proves the claim before anything is written.
        fence = _prove_claim(session, run, {"next_offset": chunk.end_offset, "next_row": chunk.end_row})
        if not is_last:
            # A crash of PostgreSQL may undo the latest chunks, with their checkpoints; they are then done again. The last
            # one is waited for, because after it the file is deleted.
            session.execute(text("SET LOCAL synchronous_commit = off"))
        import_writes.load_chunk(session, chunk, run.options)
        act = import_writes.count_chunk if run.is_dry else import_writes.write_chunk
        counts = act(session, chunk, run.options) if chunk.people_count else import_writes.Counts()
        _add_counts(session, run, chunk, counts, is_last=is_last)
        topics = ["contacts"] if is_last and not run.is_dry else []
        events.publish(run.options.workspace_id, run.topic, *topics)
        if is_last and run.state is not ImportState.CHECKING:
            on_commit(lambda: _storage().delete(run.storage_key))
    run.fence = fence


def _prove_claim(session: Session, run: _Run, values: Mapping[str, Any]) -> datetime:
    """Beat the heart and set `values`, if nobody else has touched the row since; answers the new fence."""
    beat = (
        update(ContactImport)
        .where(
            ContactImport.id == run.options.import_id,
            ContactImport.heartbeat_at == run.fence,
            ContactImport.state == run.state,
        )
        .values(heartbeat_at=func.clock_timestamp(), **values)
        .returning(ContactImport.heartbeat_at)
        .execution_options(synchronize_session=False)
    )
    fence = session.scalar(beat)
    if fence is None:
        raise _LostClaimError
    return fence


def _add_counts(session: Session, run: _Run, chunk: Chunk, counts: import_writes.Counts, *, is_last: bool) -> None:
    for kind, count in {**chunk.problems, "twice": chunk.duplicate_count}.items():
        run.problems[kind] = run.problems.get(kind, 0) + count
    values: dict[str, Any] = {
        column: getattr(ContactImport, column) + getattr(counts, name) for column, name in _COUNTED.items()
    }
    values["invalid_count"] = ContactImport.invalid_count + chunk.invalid_count
    values["duplicate_count"] = ContactImport.duplicate_count + chunk.duplicate_count + counts.duplicates
    values["problems"] = run.problems
    if is_last:
        values["state"] = ImportState.CHECKED if run.state is ImportState.CHECKING else ImportState.DONE
        values["finished_at"] = func.now()
    session.execute(
        update(ContactImport)
        .where(ContactImport.id == run.options.import_id)
        .values(values)
        .execution_options(synchronize_session=False)
    )


def _fail(import_id: int, reason: str) -> None:
    with transaction() as session:
        failed = session.get(ContactImport, import_id, populate_existing=True)
        if failed is not None and failed.state in _ACTIVE:
            failed.state, failed.reason, failed.finished_at = ImportState.FAILED, reason, func.now()
            events.publish(failed.workspace_id, f"import:{import_id}")


def dialect_of(stored: Mapping[str, Any]) -> Dialect:
    """The dialect kept with an import."""
    return Dialect(
        delimiter=stored["delimiter"],
        encoding=stored["encoding"],
        has_header=stored["has_header"],
        columns=tuple(stored["columns"]),
        samples=tuple(tuple(row) for row in stored["samples"]),
    )


def _storage() -> storage.Storage:
    return storage.storage_for(current_app.extensions["wotnot.config"])


def reset(found: ContactImport) -> None:
    """Forget an earlier run's place and counts, for a run from the first row. Within the caller's transaction."""
    found.next_offset = found.next_row = 0
    found.created_count = found.updated_count = found.unchanged_count = 0
    found.duplicate_count = found.invalid_count = found.opted_out_count = 0
    found.problems = {}
    found.heartbeat_at = found.started_at = found.finished_at = None
    found.reason = ""


def rows_done(found: ContactImport) -> int:
    """How many rows have an outcome: created + updated + unchanged + duplicates + invalid."""
    written = found.created_count + found.updated_count + found.unchanged_count
    return written + found.duplicate_count + found.invalid_count
