"""What a cost is made of: its broadcasts, and the single messages outside them, of the same days, currency and parts."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

from sqlalchemy import text

from wotnot.extensions import db
from wotnot.services import channels
from wotnot.services.cost_reports import (
    AMOUNT,
    EVERYTHING,
    MINE,
    NOTHING,
    Amount,
    Narrowing,
    amount_of,
    asked_for,
    currency_of,
)
from wotnot.services.number_lists import Person, from_cursor
from wotnot.services.pages import Page, clamp_limit, decode_numbers, encode_cursor
from wotnot.services.reports import Period


@dataclass(frozen=True, slots=True)
class CostShare:
    """What of a cost is this broadcast's; without one it is that of messages outside broadcasts."""

    broadcast_id: int | None
    name: str
    amount: Amount


@dataclass(frozen=True, slots=True)
class MessageCostLine:
    """A message outside broadcasts that was delivered, and what it cost; `micros` is None while it has no price."""

    person: Person
    conversation_id: int | None
    category: str
    is_free: bool
    micros: int | None
    day: date


def list_cost_shares(
    workspace_id: int,
    period: Period,
    narrowing: Narrowing = EVERYTHING,
    *,
    cursor: str | None = None,
    limit: int | None = None,
) -> tuple[Amount, Page[CostShare]]:
    """All that the delivered messages of these days cost, and a page of their broadcasts, the dearest first.

    Raises Invalid (cursor), NotFound (a number of another workspace).
    """
    micros, broadcast_id = decode_numbers(cursor) if cursor else (None, None)
    size = clamp_limit(limit)
    place = {"behind": micros, "id": broadcast_id, "limit": size + 1}
    rows = _rows(_SHARES, workspace_id, period, narrowing, place)
    shares = [
        CostShare(row.broadcast_id or None, row.name, amount_of(row)) for row in rows if row.broadcast_id is not None
    ]
    whole = next((amount_of(row) for row in rows if row.broadcast_id is None), NOTHING)
    return whole, _page(shares, size, [(one.amount.micros, one.broadcast_id or 0) for one in shares])


def list_single_costs(
    workspace_id: int,
    period: Period,
    narrowing: Narrowing = EVERYTHING,
    *,
    cursor: str | None = None,
    limit: int | None = None,
) -> Page[MessageCostLine]:
    """The messages outside broadcasts that a cost is made of, the last sent first.

    Raises Invalid (cursor), NotFound (a number of another workspace).
    """
    ordinal, message_id = decode_numbers(cursor) if cursor else (None, None)
    size = clamp_limit(limit)
    place = {"behind": from_cursor(date.fromordinal, ordinal), "id": message_id, "limit": size + 1}
    rows = _rows(_SINGLE, workspace_id, period, narrowing, place)
    lines = [
        MessageCostLine(
            Person(row.contact_id, row.name, row.phone),
            row.conversation_id,
            row.category,
            row.type != "regular",
            row.micros,
            row.day,
        )
        for row in rows
    ]
    return _page(lines, size, [(row.sent_on.toordinal(), row.id) for row in rows])


def _rows(
    statement: Any, workspace_id: int, period: Period, narrowing: Narrowing, place: dict[str, Any]
) -> Sequence[Any]:
    if narrowing.channel_id is not None:
        channels.get_channel(workspace_id, narrowing.channel_id)
    asked = asked_for(workspace_id, currency_of(workspace_id, narrowing), narrowing)
    days = {"first": period.first, "last": period.last}
    return db.session.execute(statement, asked | days | place).all()


def _page(found: list[Any], size: int, keys: list[tuple[int, int]]) -> Page[Any]:
    return Page(found[:size], next_cursor=encode_cursor(*keys[size - 1]) if len(found) > size else None)


# The first row is the whole, which has no broadcast.
_SHARES: Any = text(f"""
WITH parts AS (
    SELECT broadcast_id, {AMOUNT} FROM cost_tallies WHERE {MINE} AND day BETWEEN :first AND :last
    GROUP BY broadcast_id HAVING sum(delta) > 0
), found AS (
    SELECT * FROM parts
    WHERE CAST(:behind AS bigint) IS NULL OR (micros, broadcast_id) < (CAST(:behind AS bigint), CAST(:id AS bigint))
    ORDER BY micros DESC, broadcast_id DESC LIMIT :limit
)
SELECT NULL AS broadcast_id, '' AS name, coalesce(sum(count), 0) AS count, coalesce(sum(micros), 0) AS micros,
       coalesce(sum(free), 0) AS free, coalesce(sum(unpriced), 0) AS unpriced FROM parts
UNION ALL
(SELECT f.broadcast_id, coalesce(b.name, ''), f.count, f.micros, f.free, f.unpriced
 FROM found f LEFT JOIN broadcasts b ON b.id = f.broadcast_id ORDER BY f.micros DESC, f.broadcast_id DESC)
""")  # noqa: S608 — every value is bound

# Messages are found by the day they were sent on; Meta gives up after 30 days, and a zone that was changed shifts it by one.
_SINGLE: Any = text(f"""
WITH found AS (
    SELECT m.id, m.day AS sent_on, m.contact_id, m.channel_id, m.phone, c.category, c.type, c.micros, c.day
    FROM messages m JOIN (SELECT * FROM message_costs WHERE {MINE} AND day BETWEEN :first AND :last) c ON c.message_id = m.id
    WHERE m.workspace_id = :workspace AND m.broadcast_id IS NULL
      AND m.day BETWEEN CAST(:first AS date) - 31 AND CAST(:last AS date) + 1
      AND (CAST(:behind AS date) IS NULL OR (m.day, m.id) < (CAST(:behind AS date), CAST(:id AS bigint)))
    ORDER BY m.day DESC, m.id DESC LIMIT :limit
)
SELECT f.*, coalesce(p.name, '') AS name, v.id AS conversation_id
FROM found f LEFT JOIN contacts p ON p.id = f.contact_id
LEFT JOIN conversations v ON v.channel_id = f.channel_id AND v.contact_id = f.contact_id
ORDER BY f.sent_on DESC, f.id DESC
""")  # noqa: S608 — every value is bound
