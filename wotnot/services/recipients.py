"""Every recipient of a broadcast: a list by state with search, and the whole of it as a stream for the report."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Row, text

from wotnot.errors import Invalid
from wotnot.extensions import db
from wotnot.services.keyset import Keyset
from wotnot.services.pages import Page, clamp_limit
from wotnot.services.tallies import (
    OUTBOUND_STATES,
    REACHED_ACCEPTED,
    REACHED_ATTEMPTED,
    REACHED_DELIVERED,
    REACHED_READ,
    REACHED_SENT,
)

STREAM_BATCH = 2_000

FEW_HITS = 20_000
"""Up to this many contacts that match a search, their rows are looked up one by one; beyond it the list is walked."""


@dataclass(frozen=True, slots=True)
class View:
    """Which rows a tab or a number of the funnel stands for: by state, by how far they got, or with an answer."""

    states: tuple[str, ...]
    reached: int = 0
    replied: bool = False


_WENT = ("sending", "unknown", "accepted", "sent", "delivered", "read", "failed")

VIEWS: dict[str, View] = {
    "all": View(tuple(OUTBOUND_STATES)),
    "waiting": View(("queued", "sending")),
    "on_the_way": View(("accepted", "sent")),
    "got_attempted": View(_WENT, REACHED_ATTEMPTED),
    "got_accepted": View(_WENT, REACHED_ACCEPTED),
    "got_sent": View(_WENT, REACHED_SENT),
    "got_delivered": View(_WENT, REACHED_DELIVERED),
    "got_read": View(_WENT, REACHED_READ),
    "replied": View(tuple(OUTBOUND_STATES), replied=True),
    **{state.value: View((state.value,)) for state in OUTBOUND_STATES},
}
"""By the name used in addresses. A state's own name means the messages that are in it now."""


@dataclass(frozen=True, slots=True)
class Recipient:
    """One ledger row with its person. `values` are what was sent, None until then; times are aware or None."""

    id: int
    contact_id: int | None
    name: str
    phone: str | None
    wa_user_id: str | None
    email: str
    attributes: dict[str, Any]
    state: str
    replied: bool
    attempt: int
    wamid: str | None
    values: dict[str, str] | None
    skip_reason: str | None
    error_code: int | None
    error_title: str | None
    due_at: datetime | None
    queued_at: datetime
    changed_at: datetime
    accepted_at: datetime | None
    sent_at: datetime | None
    delivered_at: datetime | None
    read_at: datetime | None
    failed_at: datetime | None

    @property
    def cause(self) -> str:
        """The skip reason or the error code, as text; empty when there is neither."""
        return self.skip_reason or (str(self.error_code) if self.error_code is not None else "")


def list_recipients(
    workspace_id: int,
    broadcast_id: int,
    *,
    view: str = "all",
    cause: str | None = None,
    search: str | None = None,
    cursor: str | None = None,
    limit: int | None = None,
) -> Page[Recipient]:
    """A page of a broadcast's ledger rows in the order in which they are sent, so that a page watched live moves at its
    top. The caller has checked that the broadcast is the workspace's.

    Raises Invalid for an unknown view or a foreign cursor.
    """
    if view not in VIEWS:
        raise Invalid({"state": f"Choose one of {', '.join(VIEWS)}."})
    keyset = Keyset.decode(cursor, clamp_limit(limit))
    chosen = VIEWS[view]
    parameters: dict[str, Any] = {
        "broadcast": broadcast_id,
        "states": list(chosen.states),
        "reached": chosen.reached,
        "cause": cause,
        "id": keyset.id,
        "limit": keyset.limit + 1,
    }
    conditions = _conditions(chosen, cause, keyset)
    statement = _REPLIED if chosen.replied else _WALK
    if search and search.strip():
        parameters |= {"workspace": workspace_id, "pattern": search_pattern(search)}
        hits = _few_hits(workspace_id, parameters["pattern"])
        if hits is None or chosen.replied:
            conditions += " AND c.search_text LIKE :pattern"
        else:
            parameters["hits"] = hits
            statement = _LOOK_UP
    order = "ASC" if keyset.is_older else "DESC"
    rows = db.session.execute(text(statement.format(columns=_COLUMNS, conditions=conditions, order=order)), parameters)
    return keyset.page([_recipient(row) for row in rows], lambda recipient: recipient.id)


def stream_recipients(broadcast_id: int) -> Iterator[Recipient]:
    """Every ledger row of a broadcast in the order of its contacts, over a server-side cursor: constant memory.

    The caller has checked the tenant, and keeps the app context until the last row.
    """
    result = db.session.execute(
        text(_STREAM.format(columns=_COLUMNS)),
        {"broadcast": broadcast_id},
        execution_options={"yield_per": STREAM_BATCH},
    )
    for rows in result.partitions():
        yield from map(_recipient, rows)


def search_pattern(words: str) -> str:
    """A LIKE pattern over a contact's search text; what looks like a phone number is reduced to its digits."""
    words = words.strip().lower().replace("\x00", "")
    if re.fullmatch(r"[+\d\s().-]+", words) and re.search(r"\d", words):
        words = re.sub(r"\D", "", words)
    escaped = words.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")
    return f"%{escaped}%"


def _few_hits(workspace_id: int, pattern: str) -> list[int] | None:
    """The contacts that match, or None when they are many."""
    rows = db.session.scalars(
        text("SELECT id FROM contacts WHERE workspace_id = :w AND search_text LIKE :p LIMIT :n"),
        {"w": workspace_id, "p": pattern, "n": FEW_HITS + 1},
    ).all()
    return list(rows) if len(rows) <= FEW_HITS else None


def _conditions(view: View, cause: str | None, keyset: Keyset) -> str:
    conditions = ""
    if keyset.id is not None:
        # A page further on holds later rows: the opposite of the lists that show the newest first.
        conditions += " AND m.id > :id" if keyset.is_older else " AND m.id < :id"
    if view.reached:
        conditions += " AND m.reached >= :reached"
    if cause is not None:
        conditions += " AND coalesce(m.skip_reason, m.error_code::text, '') = :cause"
    return conditions


def _recipient(row: Row[Any]) -> Recipient:
    facts = row._asdict()
    content = facts.pop("content") or {}
    return Recipient(values=content.get("values"), **facts)


_COLUMNS = """
    m.id, m.contact_id, coalesce(c.name, '') AS name, m.phone, m.wa_user_id, coalesce(c.email, '') AS email,
    coalesce(c.attributes, '{}'::jsonb) AS attributes, m.state, m.replied, m.attempt, m.wamid, m.content,
    m.skip_reason, m.error_code, m.error_title, m.due_at, m.created_at AS queued_at, m.changed_at,
    m.accepted_at, m.sent_at, m.delivered_at, m.read_at, m.failed_at
"""

# One index walk a state, merged: whatever the mix of states, no more than `limit` rows of each are read.
_WALK = """
SELECT x.* FROM unnest(CAST(:states AS text[])) AS s (state)
CROSS JOIN LATERAL (
    SELECT {columns} FROM messages m LEFT JOIN contacts c ON c.id = m.contact_id
    WHERE m.broadcast_id = :broadcast AND m.state = s.state {conditions}
    ORDER BY m.id {order} LIMIT :limit
) x
ORDER BY x.id {order} LIMIT :limit
"""

# Few answer; they have an index of their own.
_REPLIED = """
SELECT {columns} FROM messages m LEFT JOIN contacts c ON c.id = m.contact_id
WHERE m.broadcast_id = :broadcast AND m.replied {conditions}
ORDER BY m.id {order} LIMIT :limit
"""

_LOOK_UP = """
SELECT {columns} FROM messages m JOIN contacts c ON c.id = m.contact_id
WHERE m.broadcast_id = :broadcast AND m.contact_id = ANY(CAST(:hits AS bigint[])) AND m.state = ANY(CAST(:states AS text[]))
{conditions}
ORDER BY m.id {order} LIMIT :limit
"""

_STREAM = """
SELECT {columns} FROM messages m LEFT JOIN contacts c ON c.id = m.contact_id
WHERE m.broadcast_id = :broadcast
ORDER BY m.contact_id, m.attempt
"""
