"""Which broadcasts a number of the overview is made of: sums over the tallies, as the number itself is."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import text

from wotnot.extensions import db
from wotnot.models import Workspace
from wotnot.services.pages import Page, clamp_limit, decode_numbers, encode_cursor
from wotnot.services.reports import Period
from wotnot.services.tallies import REACHED_ACCEPTED, REACHED_DELIVERED, REACHED_READ

REACHED = {
    "accepted": f"reached >= {REACHED_ACCEPTED}",
    "undelivered": f"reached >= {REACHED_ACCEPTED} AND reached < {REACHED_DELIVERED}",
    "delivered": f"reached >= {REACHED_DELIVERED}",
    "unread": f"reached >= {REACHED_DELIVERED} AND reached < {REACHED_READ}",
    "read": f"reached >= {REACHED_READ}",
    "replied": "replied",
    "failed": "state = 'failed'",
}
"""What a number can be made of, as SQL over a message or its tally."""

STEPS = {"audience": "first_attempt", **REACHED}
"""The same, and everybody it was meant for."""


@dataclass(frozen=True, slots=True)
class Narrowed:
    """Only messages with the templates of one name, and only those with one cause; None leaves it open."""

    template: str | None = None
    cause: str | None = None


EVERYTHING = Narrowed()


@dataclass(frozen=True, slots=True)
class Share:
    """`count` messages of a number belong to this broadcast; without one they were sent outside broadcasts."""

    broadcast_id: int | None
    name: str
    count: int


@dataclass(frozen=True, slots=True)
class HourShare:
    """What a broadcast (None: outside them) sent in one hour of the week: how many were delivered, and how many read."""

    broadcast_id: int | None
    name: str
    delivered: int
    read: int


def list_shares(
    workspace_id: int,
    period: Period,
    step: str,
    narrowed: Narrowed = EVERYTHING,
    *,
    cursor: str | None = None,
    limit: int | None = None,
) -> tuple[int, Page[Share]]:
    """The messages of a period that got to `step` (one of STEPS), and a page of their broadcasts, the largest share first.

    Raises Invalid for a foreign cursor.
    """
    asked = {"template": narrowed.template, "cause": narrowed.cause} | _behind(cursor)
    rows, size = _rows(_SHARES[step], workspace_id, period, asked, limit)
    shares = [Share(row.broadcast_id or None, row.name, int(row.number)) for row in rows]
    return int(rows[0].whole) if rows else 0, _page(shares, rows, size)


def list_hour(
    workspace: Workspace,
    period: Period,
    weekday: int,
    hour: int,
    *,
    cursor: str | None = None,
    limit: int | None = None,
) -> tuple[tuple[int, int], Page[HourShare]]:
    """(delivered, read) of what went out in one hour of the week, and a page of its broadcasts, the largest first.

    The hour is on the workspace's clock, `weekday` 0 is Monday. Raises Invalid for a foreign cursor.
    """
    asked = {"zone": workspace.timezone, "weekday": weekday + 1, "hour": hour} | _behind(cursor)
    rows, size = _rows(_HOUR, workspace.id, period, asked, limit)
    shares = [HourShare(row.broadcast_id or None, row.name, int(row.number), int(row.read)) for row in rows]
    return (int(rows[0].whole), int(rows[0].whole_read)) if rows else (0, 0), _page(shares, rows, size)


def _rows(
    statement: Any, workspace_id: int, period: Period, asked: dict[str, Any], limit: int | None
) -> tuple[Sequence[Any], int]:
    """One row more than a page has, and the size of the page."""
    size = clamp_limit(limit)
    days = {"workspace": workspace_id, "first": period.first, "last": period.last, "limit": size + 1}
    return db.session.execute(statement, days | asked).all(), size


def _behind(cursor: str | None) -> dict[str, int | None]:
    number, broadcast_id = decode_numbers(cursor) if cursor else (None, None)
    return {"number": number, "id": broadcast_id}


def _page(shares: list[Any], rows: Sequence[Any], size: int) -> Page[Any]:
    last = rows[size - 1] if len(rows) > size else None
    return Page(shares[:size], next_cursor=encode_cursor(last.number, last.broadcast_id) if last else None)


_SHARES: dict[str, Any] = {
    step: text(f"""
WITH parts AS (
    SELECT broadcast_id, sum(delta)::bigint AS number FROM message_tallies
    WHERE workspace_id = :workspace AND day BETWEEN :first AND :last AND direction = 'out' AND {condition}
      AND (CAST(:cause AS text) IS NULL OR cause = :cause)
      AND (CAST(:template AS text) IS NULL OR template_id IN (
          SELECT id FROM templates WHERE workspace_id = :workspace AND name = :template))
    GROUP BY broadcast_id HAVING sum(delta) > 0
)
SELECT p.broadcast_id, coalesce(b.name, '') AS name, p.number, (SELECT sum(number) FROM parts) AS whole
FROM parts p LEFT JOIN broadcasts b ON b.id = p.broadcast_id
WHERE CAST(:number AS bigint) IS NULL OR (p.number, p.broadcast_id) < (CAST(:number AS bigint), CAST(:id AS bigint))
ORDER BY p.number DESC, p.broadcast_id DESC LIMIT :limit
""")  # noqa: S608 — conditions of ours
    for step, condition in STEPS.items()
}

_HOUR: Any = text(f"""
WITH quarters AS MATERIALIZED (
    SELECT DISTINCT key FROM report_tallies
    WHERE workspace_id = :workspace AND facet = 'quarter' AND day BETWEEN :first AND :last
), hours AS (
    SELECT key FROM (SELECT key, to_timestamp(key::bigint * 900) AT TIME ZONE :zone AS at FROM quarters) q
    WHERE extract(isodow FROM at) = :weekday AND extract(hour FROM at) = :hour
), parts AS (
    SELECT broadcast_id, coalesce(sum(delta) FILTER (WHERE {REACHED["delivered"]}), 0)::bigint AS number,
           coalesce(sum(delta) FILTER (WHERE {REACHED["read"]}), 0)::bigint AS read
    FROM report_tallies
    WHERE workspace_id = :workspace AND facet = 'quarter' AND day BETWEEN :first AND :last
      AND key IN (SELECT key FROM hours)
    GROUP BY broadcast_id HAVING sum(delta) FILTER (WHERE {REACHED["delivered"]}) > 0
)
SELECT p.broadcast_id, coalesce(b.name, '') AS name, p.number, p.read, (SELECT sum(number) FROM parts) AS whole,
       (SELECT sum(read) FROM parts) AS whole_read
FROM parts p LEFT JOIN broadcasts b ON b.id = p.broadcast_id
WHERE CAST(:number AS bigint) IS NULL OR (p.number, p.broadcast_id) < (CAST(:number AS bigint), CAST(:id AS bigint))
ORDER BY p.number DESC, p.broadcast_id DESC LIMIT :limit
""")  # noqa: S608 — conditions of ours
