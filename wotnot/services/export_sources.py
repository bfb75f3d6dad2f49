"""What stands in the files that people export: for each kind its columns, and its rows in an order that a later run can go on in.

A source is read batch by batch. After each it tells the place behind its last row, as JSON; with that place another process
reads on. Everything goes by an id or a day that never changes, so whatever is written meanwhile, no row comes twice.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal
from typing import Any

from sqlalchemy import text

from wotnot.extensions import db
from wotnot.models import ExportKind
from wotnot.services import broadcast_csv, contact_bulk, contact_lists, recipients, tallies
from wotnot.services.broadcast_reports import cause_words
from wotnot.services.spreadsheets import Row

BATCH = 5_000
WINDOW = 50_000
"""So many message ids are looked at in one statement; a ledger of many workspaces holds few of one of them."""
WINDOWS_AT_ONCE = 40
_DAYS_AT_ONCE = 31

Place = int | str | None


@dataclass(frozen=True, slots=True)
class Batch:
    """Some rows, perhaps none, and the `place` behind them; None says that nothing follows."""

    rows: Sequence[Row]
    place: Place


@dataclass(frozen=True, slots=True)
class Outline:
    """What is settled before the first row: the columns, how many rows are expected (None when it is not known), and
    what of it the reading needs to stay the same to the end."""

    columns: Sequence[str]
    total: int | None
    fixed: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Source:
    """A kind of export. `outline` and `read` take the workspace and the filters, `read` also the place to go on from."""

    outline: Callable[[int, Mapping[str, Any]], Outline]
    read: Callable[[int, Mapping[str, Any], Place], Batch]
    moments: Sequence[str] = ()


# ---------------------------------------------------------------- the people of a broadcast


def _outline_broadcast(_workspace_id: int, filters: Mapping[str, Any]) -> Outline:
    counts = tallies.broadcast_counts([filters["broadcast_id"]])[filters["broadcast_id"]]
    is_all = filters["view"] == "all" and not any(filters.get(one) for one in ("cause", "country", "search"))
    return Outline(broadcast_csv.COLUMNS, sum(counts.states.values()) if is_all else None, {})


def _read_broadcast(workspace_id: int, filters: Mapping[str, Any], place: Place) -> Batch:
    rows = recipients.read_recipients(
        workspace_id,
        filters["broadcast_id"],
        view=filters["view"],
        cause=filters["cause"],
        country=filters.get("country"),
        search=filters["search"],
        after=None if place is None else int(place),
        limit=BATCH,
    )
    return Batch([broadcast_csv.row_of(one) for one in rows], rows[-1].id if rows else None)


# ---------------------------------------------------------------- contacts


def _outline_contacts(workspace_id: int, filters: Mapping[str, Any]) -> Outline:
    names = contact_lists.list_attribute_names(workspace_id)
    total = None if any(filters.values()) else contact_lists.count_contacts(workspace_id).total
    return Outline([*contact_bulk.EXPORT_COLUMNS, *names], total, {"names": names})


def _read_contacts(workspace_id: int, filters: Mapping[str, Any], place: Place) -> Batch:
    asked = {name: filters[name] for name in ("search", "tag", "consent")}
    return Batch(*contact_bulk.read_rows(workspace_id, filters["names"], after=int(place or 0), **asked))


# ---------------------------------------------------------------- messages

_MESSAGE_COLUMNS = (
    "message_id", "direction", "type", "state", "name", "phone", "number", "broadcast", "template", "language", "text",
    "reason", "error_code", "queued_at", "accepted_at", "sent_at", "delivered_at", "read_at", "failed_at",
)  # fmt: skip


def _outline_messages(workspace_id: int, filters: Mapping[str, Any]) -> Outline:
    asked = {"workspace": workspace_id, **filters}
    total = int(db.session.scalar(text(_COUNT_MESSAGES), asked) or 0)
    return Outline(_MESSAGE_COLUMNS, total, {"until": db.session.scalar(text("SELECT max(id) FROM messages")) or 0})


def _read_messages(workspace_id: int, filters: Mapping[str, Any], place: Place) -> Batch:
    """One batch from the next windows of ids; an empty one only when very many windows hold nothing of the workspace."""
    after = int(place or 0)
    rows: list[Row] = []
    for _ in range(WINDOWS_AT_ONCE):
        until = min(after + WINDOW, filters["until"])
        asked = {"workspace": workspace_id, "after": after, "limit": BATCH - len(rows), **filters, "until": until}
        found = db.session.execute(_MESSAGES, asked).all()
        rows += [_message_row(row) for row in found]
        after = until if len(rows) < BATCH else found[-1].id
        if len(rows) == BATCH or after >= filters["until"]:
            break
    return Batch(rows, after if after < filters["until"] else None)


def _message_row(row: Any) -> Row:
    message_id, direction, kind, state, name, phone, *middle, cause, title, code = row[:14]
    reason = cause_words(cause, title or "")[0] if state in {"failed", "skipped"} else ""
    return (message_id, direction, kind, state, name, f"+{phone}" if phone else "", *middle, reason, code, *row[14:])


_COUNT_MESSAGES = """
SELECT sum(delta) FROM message_tallies
WHERE workspace_id = :workspace AND day BETWEEN CAST(:first AS date) AND CAST(:last AS date)
"""

_MESSAGES = text("""
SELECT m.id, m.direction, m.type, m.state, coalesce(c.name, ''), m.phone, h.display_phone_number, coalesce(b.name, ''),
       coalesce(t.name, ''), coalesce(t.language, ''), coalesce(m.content ->> 'body', ''),
       coalesce(m.skip_reason, m.error_code::text, ''), m.error_title, m.error_code, m.created_at, m.accepted_at, m.sent_at,
       m.delivered_at, m.read_at, m.failed_at
FROM messages m JOIN channels h ON h.id = m.channel_id LEFT JOIN contacts c ON c.id = m.contact_id
LEFT JOIN broadcasts b ON b.id = m.broadcast_id LEFT JOIN templates t ON t.id = m.template_id
WHERE m.id > :after AND m.id <= :until AND m.workspace_id = :workspace
  AND m.day BETWEEN CAST(:first AS date) AND CAST(:last AS date)
ORDER BY m.id LIMIT :limit
""")


# ---------------------------------------------------------------- costs

_COST_COLUMNS = (
    "day", "number", "broadcast", "category", "type", "country", "market", "currency", "messages", "cost", "without_price",
)  # fmt: skip


def _outline_costs(_workspace_id: int, _filters: Mapping[str, Any]) -> Outline:
    return Outline(_COST_COLUMNS, None, {})


def _read_costs(workspace_id: int, filters: Mapping[str, Any], place: Place) -> Batch:
    last = date.fromisoformat(filters["last"])
    first = date.fromisoformat(str(place)) if place else date.fromisoformat(filters["first"])
    end = min(first + timedelta(days=_DAYS_AT_ONCE - 1), last)
    found = db.session.execute(_COSTS, {"workspace": workspace_id, "first": first, "last": end})
    rows = [(row[0].isoformat(), *row[1:9], Decimal(row.micros).scaleb(-6), row.unpriced) for row in found]
    return Batch(rows, None if end >= last else (end + timedelta(days=1)).isoformat())


_COSTS = text("""
SELECT t.day, coalesce(h.display_phone_number, ''), coalesce(b.name, ''), t.category, t.type, t.country, t.market, t.currency,
       sum(t.delta)::bigint AS messages, sum(t.micros)::bigint AS micros, sum(t.unpriced)::bigint AS unpriced
FROM cost_tallies t LEFT JOIN channels h ON h.id = t.channel_id LEFT JOIN broadcasts b ON b.id = t.broadcast_id
WHERE t.workspace_id = :workspace AND t.day BETWEEN :first AND :last
GROUP BY t.day, t.channel_id, 2, t.broadcast_id, 3, 4, 5, 6, 7, 8 HAVING sum(t.delta) <> 0
ORDER BY t.day, t.channel_id, t.broadcast_id, 4, 5, 6, 7, 8
""")


SOURCES: Mapping[ExportKind, Source] = {
    ExportKind.BROADCAST: Source(_outline_broadcast, _read_broadcast, broadcast_csv.MOMENTS),
    ExportKind.CONTACTS: Source(_outline_contacts, _read_contacts, ("created_at",)),
    ExportKind.MESSAGES: Source(_outline_messages, _read_messages, broadcast_csv.MOMENTS),
    ExportKind.COSTS: Source(_outline_costs, _read_costs),
}
