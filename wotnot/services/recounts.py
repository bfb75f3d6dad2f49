"""Every night each workspace's counts are held against what they count; what is wrong is mended and told. Owns `recounts`.

The counts are written by triggers in the transaction of each change, so a difference means that something went around them:
a restored table, a trigger that was switched off. One statement reads both sides, in one snapshot, and appends the
difference: whatever is written meanwhile brings its own deltas, and the sum is right afterwards. A slice is some broadcasts,
or all that belongs to none, so that no statement runs for long.
"""

import logging
import time
from collections.abc import Iterator, Mapping, Sequence
from datetime import timedelta
from typing import Any

from sqlalchemy import func, select, text
from sqlalchemy.dialects.postgresql import insert

from wotnot import clock, metrics
from wotnot.extensions import db
from wotnot.models import Recount
from wotnot.services import first_answers, tallies
from wotnot.services.transaction import transaction

logger = logging.getLogger(__name__)

SLICE_MESSAGES = 200_000
OUTSIDE = 0
"""What tallies call messages of no broadcast."""
TOLD_FOR = timedelta(days=2)
_BUDGET_SECONDS = 3000
_LOCK = 7_201_467


def recount_due() -> dict[str, int]:
    """Recount the workspaces whose night it is, those that missed it, and new ones, for fifty minutes at most.

    Answers how many workspaces were recounted and how many counts were wrong.
    """
    deadline, done = time.monotonic() + _BUDGET_SECONDS, {"workspaces": 0, "differences": 0}
    for workspace_id in list(db.session.scalars(text(_DUE))):
        found = recount_workspace(workspace_id)
        done["workspaces"] += 1
        done["differences"] += sum(found.values())
        if time.monotonic() > deadline:
            break
    return done


def recount_workspace(workspace_id: int) -> dict[str, int]:
    """Recount and mend one workspace, and note what was found; answers as `mend_counts` does.

    The first time, what reports count by is filled for the messages from before it was counted at all: that is no difference.
    """
    is_first = _begin(workspace_id)
    found = mend_counts(workspace_id)
    if is_first:
        found.pop("report_tallies", None)
        first_answers.note_history(workspace_id)
    _end(workspace_id, found)
    return found


def mend_counts(workspace_id: int) -> dict[str, int]:
    """Append to the counts what they lack; answers how many were wrong, by table, empty when all was well.

    Safe to run at any time and twice.
    """
    found: dict[str, int] = {}
    for ids in _slices(workspace_id):
        _add(found, _mend(_SLICE_STATEMENTS, {"workspace": workspace_id, "ids": list(ids), "outside": OUTSIDE in ids}))
    _add(found, _mend(_WORKSPACE_STATEMENTS, {"workspace": workspace_id}))
    return found


def find_difference(workspace_id: int) -> Recount | None:
    """The last recount, if it found something wrong in the last two days."""
    since = clock.now() - TOLD_FOR
    recent = select(Recount).where(Recount.workspace_id == workspace_id, Recount.finished_at > since)
    return db.session.scalar(recent.where(Recount.differences != {}))


def _begin(workspace_id: int) -> bool:
    """Note that it begins; answers whether it is the first time, or the first one never ended."""
    begun = insert(Recount).values(workspace_id=workspace_id, started_at=func.now())
    again = begun.on_conflict_do_update(index_elements=["workspace_id"], set_={"started_at": func.now()})
    with transaction() as session:
        return session.scalar(again.returning(Recount.finished_at)) is None


def _end(workspace_id: int, found: Mapping[str, int]) -> None:
    with transaction() as session:
        recount = session.get(Recount, workspace_id, populate_existing=True)
        if recount is not None:
            recount.finished_at, recount.differences = func.now(), dict(found)
    for table, count in found.items():
        logger.warning(
            "counts were wrong and are mended", extra={"workspace_id": workspace_id, "table": table, "count": count}
        )
        metrics.count("count_differences", table, count)


def _slices(workspace_id: int) -> Iterator[Sequence[int]]:
    """Broadcasts, so many together that they have about SLICE_MESSAGES messages; what belongs to none by itself."""
    yield [OUTSIDE]
    ids: list[int] = []
    size = 0
    for broadcast_id, messages in db.session.execute(text(_BROADCASTS), {"workspace": workspace_id}).all():
        ids.append(int(broadcast_id))
        size += max(0, int(messages))
        if size >= SLICE_MESSAGES or len(ids) >= 1000:
            yield ids
            ids, size = [], 0
    if ids:
        yield ids


def _mend(statements: Mapping[str, str], asked: Mapping[str, Any]) -> dict[str, int]:
    """Append what is missing, a statement and transaction for each table; answers how many counts were wrong by table."""
    found = {}
    for table, statement in statements.items():
        with transaction() as session:
            session.execute(text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": _LOCK})
            found[table] = len(session.execute(text(statement), asked).all())
    return found


def _add(found: dict[str, int], more: Mapping[str, int]) -> None:
    for table, count in more.items():
        if count:
            found[table] = found.get(table, 0) + count


_DUE = """
SELECT w.id FROM workspaces w LEFT JOIN recounts r ON r.workspace_id = w.id
WHERE r.finished_at IS NULL AND (r.started_at IS NULL OR r.started_at < now() - interval '2 hours')
   OR r.started_at < now() - interval '47 hours'
   OR r.started_at < now() - interval '20 hours' AND extract(hour FROM now() AT TIME ZONE w.timezone) BETWEEN 2 AND 5
ORDER BY r.started_at NULLS FIRST, w.id
"""

_BROADCASTS = """
SELECT b.id, coalesce(t.messages, 0) AS messages
FROM (SELECT id FROM broadcasts WHERE workspace_id = :workspace
      UNION SELECT broadcast_id FROM message_tallies WHERE workspace_id = :workspace AND broadcast_id <> 0
      UNION SELECT broadcast_id FROM cost_tallies WHERE workspace_id = :workspace AND broadcast_id <> 0
      UNION SELECT broadcast_id FROM report_tallies WHERE workspace_id = :workspace AND broadcast_id <> 0) b
LEFT JOIN (SELECT broadcast_id, sum(delta) AS messages FROM message_tallies WHERE workspace_id = :workspace GROUP BY 1) t
       ON t.broadcast_id = b.id
ORDER BY b.id
"""

# The ledger's rows of a slice: each way has its index, so they are two questions.
_LEDGER = """(
    SELECT * FROM messages WHERE broadcast_id = ANY(CAST(:ids AS bigint[])) AND workspace_id = :workspace
    UNION ALL SELECT * FROM messages WHERE :outside AND broadcast_id IS NULL AND workspace_id = :workspace
)"""


def _difference(table: str, key: str, amounts: Sequence[str], counted: str, told: str) -> str:
    """Append to `table` what `counted` (SQL with the columns of the key and amounts) has more or less than its rows `told`."""
    sums = ", ".join(f"sum({one}) AS {one}" for one in amounts)
    minus = ", ".join(f"-{one}" for one in amounts)
    differs = " OR ".join(f"sum({one}) <> 0" for one in amounts)
    columns = f"{key}, {', '.join(amounts)}"
    return f"""
        INSERT INTO {table} ({columns})
        SELECT {key}, {sums} FROM (
            SELECT {columns} FROM ({counted}) counted
            UNION ALL SELECT {key}, {minus} FROM {table} WHERE workspace_id = :workspace AND {told}
        ) both_sides GROUP BY {key} HAVING {differs} RETURNING id
    """  # noqa: S608 — names of ours


_OF_SLICE = "broadcast_id = ANY(CAST(:ids AS bigint[]))"

_SLICE_STATEMENTS = {
    "message_tallies": _difference(
        "message_tallies",
        tallies.MESSAGE_KEY,
        ["delta"],
        f"""SELECT workspace_id, channel_id, coalesce(broadcast_id, 0) AS broadcast_id,
                   coalesce(template_id, 0) AS template_id, day, direction, state, reached, attempt = 1 AS first_attempt,
                   replied,
                   coalesce(skip_reason, error_code::text, CASE WHEN state = 'queued' THEN hold_reason END, '') AS cause, 1 AS delta
            FROM {_LEDGER} m""",  # noqa: S608
        _OF_SLICE,
    ),
    "report_tallies": _difference(
        "report_tallies",
        tallies.REPORT_KEY,
        ["delta"],
        f"""SELECT m.workspace_id, f.broadcast_id, m.day, f.facet, f.key, f.reached, f.failed, f.replied, 1 AS delta
            FROM {_LEDGER} m CROSS JOIN LATERAL (VALUES
                (m.broadcast_id, 'country',
                 {tallies.country_key("m")},
                 CASE WHEN m.reached < 2 THEN 0 WHEN m.reached = 3 THEN 2 ELSE m.reached END, m.state = 'failed', m.replied),
                (coalesce(m.broadcast_id, 0), 'quarter', CASE WHEN m.reached >= 2
                    THEN floor(extract(epoch FROM coalesce(m.accepted_at, m.sent_at)) / 900)::bigint::text END,
                 CASE WHEN m.reached = 3 THEN 2 ELSE m.reached END, false, false),
                (m.broadcast_id, 'read_after',
                 width_bucket(extract(epoch FROM m.read_at - coalesce(m.sent_at, m.accepted_at, m.delivered_at))::float8,
                              ARRAY[60, 300, 900, 3600, 21600, 86400]::float8[])::text, 5, false, false)
            ) AS f (broadcast_id, facet, key, reached, failed, replied)
            WHERE m.direction = 'out' AND (m.reached >= 2 OR m.state = 'failed')
              AND f.broadcast_id IS NOT NULL AND f.key IS NOT NULL""",  # noqa: S608
        _OF_SLICE,
    ),
    "cost_tallies": _difference(
        "cost_tallies",
        tallies.COST_KEY,
        ["delta", "micros", "unpriced"],
        f"""SELECT c.workspace_id, c.channel_id, c.broadcast_id, c.day, c.category, c.type, c.country, c.market, c.currency,
                   1 AS delta, coalesce(c.micros, 0) AS micros, (c.micros IS NULL)::int AS unpriced
            FROM {_LEDGER} m JOIN message_costs c ON c.message_id = m.id""",  # noqa: S608
        _OF_SLICE,
    ),
}

_WORKSPACE_STATEMENTS = {
    "contact_tallies": _difference(
        "contact_tallies",
        "workspace_id, tag_id",
        ["delta"],
        """SELECT workspace_id, 0 AS tag_id, 1 AS delta FROM contacts WHERE workspace_id = :workspace
           UNION ALL SELECT workspace_id, -1, 1 FROM contacts WHERE workspace_id = :workspace AND consent = 'opted_out'
           UNION ALL SELECT c.workspace_id, c.tag_id, 1 FROM contact_tags c
                     WHERE c.tag_id IN (SELECT id FROM tags WHERE workspace_id = :workspace)""",
        "tag_id >= -1",  # what is below counts changes, see contact_answers.py
    ),
    "answer_tallies": _difference(
        "answer_tallies",
        tallies.ANSWER_KEY,
        ["delta"],
        f"SELECT {tallies.ANSWER_KEY}, 1 AS delta FROM first_answers WHERE workspace_id = :workspace",  # noqa: S608
        "true",
    ),
}
