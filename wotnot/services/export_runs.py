"""One run over an export: rows become pieces of a file, each kept in the storage with a checkpoint in the row.

A run that dies, by kill -9 or a power cut, is started again by the sweep and goes on after its last kept piece; that is true
of both formats (see `spreadsheets`). Two runs of one export cannot both write: each holds the moment of its last heartbeat,
and a piece only counts while the row still shows that very moment.
"""

import logging
from copy import deepcopy
from dataclasses import dataclass
from datetime import datetime
from io import BytesIO
from typing import Any

from flask import current_app
from sqlalchemy import func, or_, update
from sqlalchemy.exc import OperationalError
from sqlalchemy.orm import Session

from wotnot.models import Export, ExportKind, ExportState
from wotnot.services import events, storage
from wotnot.services.export_sources import SOURCES, Place
from wotnot.services.spreadsheets import ENCODERS, Encoder, Layout
from wotnot.services.storage.base import new_key
from wotnot.services.transaction import release_connection, transaction

logger = logging.getLogger(__name__)

STALE_SECONDS = 30
PART_ROWS = 20_000
PART_LIMIT = 1 << 30
ACTIVE = (ExportState.QUEUED, ExportState.RUNNING)


@dataclass(slots=True)
class _Run:
    """What a run needs of its row, taken when it was claimed. `fence` is the heartbeat it still must show.

    `next_key` is where the next piece goes. It stands in the row before it is written, so that a piece whose run died before
    it was counted is found: it is the `left_key` of the run that follows.
    """

    export_id: int
    workspace_id: int
    kind: ExportKind
    filters: dict[str, Any]
    encoder: Encoder
    place: Place
    row_count: int
    parts: list[list[Any]]
    next_key: str
    left_key: str
    fence: datetime


class _LostClaimError(Exception):
    """Another run has taken over, or the export is gone."""


def run(export_id: int) -> dict[str, Any]:
    """Write the file to its end. Safe to call twice: the second call finds the export taken or done.

    One that cannot be written is `failed` with a reason; a database or a storage that is away raises, and the sweep tries
    again.
    """
    claimed = _claim(export_id)
    if claimed is None:
        return {"export_id": export_id, "state": "not due"}
    try:
        _work(claimed)
    except _LostClaimError:
        return {"export_id": export_id, "state": "taken over"}
    except (OperationalError, storage.StorageError):
        raise
    except Exception:
        logger.exception("export stopped by an error", extra={"export_id": export_id})
        _fail(claimed, "An error on our side stopped this export. Start it again.")
        return {"export_id": export_id, "state": "failed"}
    return {"export_id": export_id, "state": "finished"}


def is_free() -> Any:
    """SQL for "nobody works on it"."""
    stale = func.clock_timestamp() - func.make_interval(0, 0, 0, 0, 0, 0, STALE_SECONDS)
    return or_(Export.heartbeat_at.is_(None), Export.heartbeat_at < stale)


def _claim(export_id: int) -> _Run | None:
    """Take the export if it is due and free; the first run settles its columns."""
    with transaction() as session:
        claim = (
            update(Export)
            .where(Export.id == export_id, Export.state.in_(ACTIVE), is_free())
            .values(
                state=ExportState.RUNNING,
                heartbeat_at=func.clock_timestamp(),
                started_at=func.coalesce(Export.started_at, func.now()),
            )
            .returning(Export)
            .execution_options(populate_existing=True)
        )
        found = session.scalar(claim)
        if found is None or found.heartbeat_at is None:
            return None
        if not found.columns:
            outline = SOURCES[found.kind].outline(found.workspace_id, found.filters)
            found.columns, found.total_count = list(outline.columns), outline.total
            found.filters = {**found.filters, **outline.fixed}
        left_key = found.place.get("next_key", "")
        found.place = {**found.place, "next_key": new_key()}
        events.publish(found.workspace_id, f"export:{export_id}", "exports")
        return _run_of(found, left_key, found.heartbeat_at)


def _run_of(found: Export, left_key: str, fence: datetime) -> _Run:
    layout = Layout(found.columns, found.timezone, SOURCES[found.kind].moments)
    return _Run(
        export_id=found.id,
        workspace_id=found.workspace_id,
        kind=found.kind,
        filters=dict(found.filters),
        encoder=ENCODERS[found.format](layout, deepcopy(found.place.get("encoder"))),
        place=found.place.get("rows"),
        row_count=found.row_count,
        parts=[list(part) for part in found.parts],
        next_key=found.place["next_key"],
        left_key=left_key,
        fence=fence,
    )


def _work(run: _Run) -> None:
    if run.left_key:
        release_connection()
        _storage().delete(run.left_key)
    is_last = False
    while not is_last:
        piece = bytearray()
        began_at = run.row_count
        while not is_last and run.row_count - began_at < PART_ROWS:
            with transaction():
                batch = SOURCES[run.kind].read(run.workspace_id, run.filters, run.place)
            piece += run.encoder.write(batch.rows)
            run.place, is_last = batch.place, batch.place is None
            run.row_count += len(batch.rows)
            if not batch.rows and not is_last:
                break  # a long way without rows: show that somebody works
        if is_last:
            piece += run.encoder.finish()
        _keep(run, bytes(piece), is_last=is_last)


def _keep(run: _Run, piece: bytes, *, is_last: bool) -> None:
    """Store the piece, then count it. Raises _LostClaimError; the piece is forgotten then."""
    release_connection()
    key, size = _storage().save(BytesIO(piece), limit=PART_LIMIT, key=run.next_key)
    run.parts.append([key, size])
    run.next_key = new_key()
    values: dict[str, Any] = {
        "parts": run.parts,
        "place": {"rows": run.place, "encoder": run.encoder.state, "next_key": run.next_key},
        "row_count": run.row_count,
        "size_bytes": sum(part[1] for part in run.parts),
    }
    if is_last:
        values |= {"state": ExportState.DONE, "finished_at": func.now(), "place": {}}
    try:
        with transaction() as session:
            run.fence = _prove_claim(session, run, values)
            topics = ["exports"] if is_last else []
            events.publish(run.workspace_id, f"export:{run.export_id}", *topics)
    except _LostClaimError:
        _storage().delete(key)
        raise


def _prove_claim(session: Session, run: _Run, values: dict[str, Any]) -> datetime:
    """Beat the heart and set `values`, if nobody else has touched the row since; answers the new fence."""
    beat = (
        update(Export)
        .where(Export.id == run.export_id, Export.heartbeat_at == run.fence, Export.state == ExportState.RUNNING)
        .values(heartbeat_at=func.clock_timestamp(), **values)
        .returning(Export.heartbeat_at)
        .execution_options(synchronize_session=False)
    )
    fence = session.scalar(beat)
    if fence is None:
        raise _LostClaimError
    return fence


def _fail(run: _Run, reason: str) -> None:
    with transaction() as session:
        failed = session.get(Export, run.export_id, populate_existing=True)
        if failed is not None and failed.state in ACTIVE:
            failed.state, failed.reason, failed.finished_at = ExportState.FAILED, reason, func.now()
            events.publish(run.workspace_id, f"export:{run.export_id}", "exports")


def _storage() -> storage.Storage:
    return storage.storage_for(current_app.extensions["wotnot.config"])
