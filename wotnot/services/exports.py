"""Files that people ask for and a job writes: ask, follow, download, delete. The owner of `exports`; `export_runs` does the work.

Whoever manages a workspace sees all of its exports, others see their own.
"""

import io
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import IO, Any

from flask import current_app
from sqlalchemy import ColumnElement, Select, delete, func, select
from sqlalchemy.orm import joinedload

from wotnot import clock
from wotnot.errors import Conflict, Gone, Invalid, NotFound
from wotnot.extensions import db
from wotnot.models import Consent, Export, ExportFormat, ExportKind, ExportState, Role, Workspace
from wotnot.services import broadcasts, events, export_runs, queue, recipient_countries, reports, storage
from wotnot.services.keyset import Keyset
from wotnot.services.pages import Page, clamp_limit
from wotnot.services.recipient_search import VIEWS
from wotnot.services.spreadsheets import ENCODERS
from wotnot.services.storage.parts import PartsFile
from wotnot.services.transaction import on_commit, release_connection, transaction
from wotnot.services.zones import in_zone

KEEP = timedelta(days=7)
REMEMBER = timedelta(days=90)
"""So long whoever comes for a file that was deleted after KEEP is told so."""

MOST_AT_ONCE = 5
LARGE = 20_000
"""From so many rows on, a list is written by a job instead of while somebody waits."""

LEAST_ROLE: Mapping[ExportKind, Role] = {
    ExportKind.BROADCAST: Role.AGENT,
    ExportKind.COSTS: Role.AGENT,
    ExportKind.CONTACTS: Role.ADMIN,
    ExportKind.MESSAGES: Role.ADMIN,
}
"""Who may ask for what: the same as may see the page that it comes from."""


@dataclass(frozen=True, slots=True)
class Wish:
    """What somebody wants as a file. `filters` are those of the list that it comes from; unknown ones are passed over."""

    kind: ExportKind
    format: ExportFormat
    filters: Mapping[str, Any]


def start_export(workspace: Workspace, wish: Wish, *, user_id: int) -> Export:
    """Have the file written. Asking for the same once more while it is being written answers the one that is.

    Raises Invalid for filters that make no sense, NotFound for a broadcast of another workspace, Conflict when too many are
    being written.
    """
    filters, name = _CHECKS[wish.kind](workspace, wish.filters)
    with transaction() as session:
        # Two at once wait for each other here, and nobody who writes something of the workspace waits for them.
        session.execute(select(Workspace.id).where(Workspace.id == workspace.id).with_for_update(key_share=True))
        open_ones = list(session.scalars(_mine(workspace.id).where(Export.state.in_(export_runs.ACTIVE))))
        for one in open_ones:
            is_same = (one.kind, one.format, one.user_id) == (wish.kind, wish.format, user_id)
            if is_same and filters.items() <= one.filters.items():
                return one
        if len(open_ones) >= MOST_AT_ONCE:
            raise Conflict(f"{MOST_AT_ONCE} exports are being written already. Wait until one of them is ready.")
        export = Export(
            workspace_id=workspace.id,
            user_id=user_id,
            kind=wish.kind,
            format=wish.format,
            name=name[:200],
            filters=filters,
            timezone=workspace.timezone,
            expires_at=clock.now() + KEEP,
        )
        session.add(export)
        session.flush()
        queue.enqueue("build_export", export.id)
        events.publish(workspace.id, "exports")
        return export


def list_exports(
    workspace_id: int, *, user_id: int | None = None, cursor: str | None = None, limit: int | None = None
) -> Page[Export]:
    """Exports, newest first; with `user_id` only those that this person asked for. Raises Invalid for a foreign cursor."""
    keyset = Keyset.decode(cursor, clamp_limit(limit))
    query = _mine(workspace_id, user_id).where(keyset.condition(Export.id), Export.deleted_at.is_(None))
    newest = query.options(joinedload(Export.user)).order_by(keyset.order(Export.id))
    rows = db.session.scalars(newest.limit(keyset.limit + 1))
    return keyset.page(list(rows), lambda export: export.id)


def get_export(workspace_id: int, export_id: int, *, user_id: int | None = None) -> Export:
    """One export; with `user_id` only if this person asked for it. Raises NotFound, Gone once its time is over."""
    found = db.session.scalar(
        _mine(workspace_id, user_id).where(Export.id == export_id).options(joinedload(Export.user))
    )
    if found is None:
        raise NotFound("Export")
    if found.deleted_at is not None:
        day = in_zone(found.deleted_at, found.timezone)
        words = f"This file was deleted on {day:%-d %B %Y}; files are kept for seven days. Make it anew."
        raise Gone(words, deleted_at=day.isoformat())
    return found


def delete_export(workspace_id: int, export_id: int, *, user_id: int | None = None) -> None:
    """Forget it and its file; one that is being written stops. Raises NotFound, Gone."""
    with transaction() as session:
        export = get_export(workspace_id, export_id, user_id=user_id)
        _delete_file(export)
        session.delete(export)
        events.publish(workspace_id, "exports", f"export:{export_id}")


def purge_exports() -> int:
    """Delete the files that are past their time; answers how many. Their rows stay for REMEMBER, to say so."""
    with transaction() as session:
        session.execute(delete(Export).where(Export.deleted_at < clock.now() - REMEMBER))
        due = select(Export).where(Export.expires_at < func.now(), Export.deleted_at.is_(None)).limit(1000)
        over = list(session.scalars(due.with_for_update(skip_locked=True)))
        for export in over:
            _delete_file(export)
            _mark_deleted(export)
        return len(over)


def sweep_exports() -> dict[str, int]:
    """Start again what waits and nobody works on: its job was lost, or died."""
    stuck = select(Export.id).where(Export.state.in_(export_runs.ACTIVE), export_runs.is_free()).order_by(Export.id)
    ids = list(db.session.scalars(stuck))
    for export_id in ids:
        queue.enqueue_once("build_export", export_id, every_seconds=export_runs.STALE_SECONDS)
    return {"started": len(ids)}


def open_file(export: Export) -> IO[bytes]:
    """The content of a finished export, from any place. Raises NotFound before it is ready, StorageError."""
    if export.state is not ExportState.DONE:
        raise NotFound("The file of this export")
    parts = [(str(key), int(size)) for key, size in export.parts]
    kept = _storage()
    if kept.is_remote:
        release_connection()
    return io.BufferedReader(PartsFile(kept, parts), buffer_size=1 << 16)


def mime_type_of(export: Export) -> str:
    """What its file is."""
    return ENCODERS[export.format].mime_type


def filename_of(export: Export) -> str:
    """What its file is called: the name in plain letters, and the day."""
    words = "".join(sign if sign.isalnum() and sign.isascii() else " " for sign in export.name).split()
    return f"{'-'.join(words).lower()[:80] or 'export'}-{export.created_at:%Y-%m-%d}.{export.format}"


# ---------------------------------------------------------------- what may be asked for


def _check_broadcast(workspace: Workspace, asked: Mapping[str, Any]) -> tuple[dict[str, Any], str]:
    if not asked.get("broadcast_id"):
        raise Invalid({"broadcast_id": "Say of which broadcast."})
    broadcast = broadcasts.get_broadcast(workspace.id, asked["broadcast_id"])
    view = asked.get("view") or "all"
    if view not in VIEWS:
        raise Invalid({"state": f"Choose one of {', '.join(VIEWS)}."})
    filters = {"broadcast_id": broadcast.id, "view": view, "cause": asked.get("cause") or None}
    filters["search"] = (asked.get("search") or "").strip() or None
    filters["country"] = asked.get("country") or None
    recipient_countries.read_country(asked.get("country"))
    some = "some " if view != "all" or filters["cause"] or filters["country"] or filters["search"] else ""
    return filters, f"{broadcast.name}, {some}recipients"


def _check_contacts(workspace: Workspace, asked: Mapping[str, Any]) -> tuple[dict[str, Any], str]:  # noqa: ARG001 — one table of checks
    filters = {name: (asked.get(name) or "").strip() or None for name in ("search", "tag", "consent")}
    if filters["consent"] and filters["consent"] not in set(Consent):
        raise Invalid({"consent": f"Choose one of {', '.join(Consent)}."})
    return filters, "Some contacts" if any(filters.values()) else "Contacts"


def _check_days(what: str) -> Any:
    def check(workspace: Workspace, asked: Mapping[str, Any]) -> tuple[dict[str, Any], str]:
        period = reports.period_of(workspace, asked.get("first"), asked.get("last"))
        filters = {"first": period.first.isoformat(), "last": period.last.isoformat()}
        return filters, f"{what} from {period.first:%-d %B %Y} to {period.last:%-d %B %Y}"

    return check


_CHECKS: Mapping[ExportKind, Any] = {
    ExportKind.BROADCAST: _check_broadcast,
    ExportKind.CONTACTS: _check_contacts,
    ExportKind.MESSAGES: _check_days("Messages"),
    ExportKind.COSTS: _check_days("Costs"),
}


def _mine(workspace_id: int, user_id: int | None = None) -> Select[Export]:
    own: list[ColumnElement[bool]] = [] if user_id is None else [Export.user_id == user_id]
    return select(Export).where(Export.workspace_id == workspace_id, *own)


def _mark_deleted(export: Export) -> None:
    """Keep that it was there, and none of the people that it was about. A run that still writes it loses its claim."""
    if export.state in export_runs.ACTIVE:
        export.state, export.reason = ExportState.FAILED, "It was not ready in time."
    export.deleted_at = clock.now()
    export.parts, export.place, export.filters = [], {}, {}


def _delete_file(export: Export) -> None:
    keys = [str(part[0]) for part in export.parts] + [str(export.place.get("next_key", ""))]
    for key in filter(None, keys):
        on_commit(lambda key=key: _storage().delete(key))  # type: ignore[misc]  # a default binds the key


def _storage() -> storage.Storage:
    return storage.storage_for(current_app.extensions["wotnot.config"])
