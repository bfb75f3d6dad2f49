"""Counts of messages, contacts, costs and answers: sums over append-only deltas that statement triggers write.

A writer only ever appends, so counting never makes two senders wait for each other; `compact` folds what has piled up.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import BigInteger, ColumnElement, bindparam, cast, func, select, text, tuple_

from wotnot.extensions import db
from wotnot.models import AnswerTally, ContactTally, CostTally, MessageState, MessageTally, ReportTally
from wotnot.services.transaction import transaction

# How far a message ever got; `Message.reached`.
REACHED_NOTHING, REACHED_ATTEMPTED, REACHED_ACCEPTED, REACHED_SENT, REACHED_DELIVERED, REACHED_READ = range(6)

NO_TEMPLATE = 0
"""What the tallies say for messages without a template."""

OUTBOUND_STATES = tuple(state for state in MessageState if state is not MessageState.RECEIVED)

_FUNNEL = (
    "audience", "attempted", "accepted", "sent", "delivered", "read", "replied", "failed", "skipped", "unknown",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Cause:
    """`count` messages are in `state` for `cause`: Meta's error code as text, or a skip reason."""

    state: str
    cause: str
    count: int


@dataclass(slots=True)
class BroadcastCounts:
    """`funnel` counts how far each message ever got, `states` where each is now, `causes` why some did not."""

    funnel: dict[str, int] = field(default_factory=lambda: dict.fromkeys(_FUNNEL, 0))
    states: dict[str, int] = field(default_factory=lambda: dict.fromkeys(OUTBOUND_STATES, 0))
    causes: list[Cause] = field(default_factory=list)

    @property
    def open(self) -> int:
        """Messages that are not settled yet: waiting, or on the wire."""
        return self.states["queued"] + self.states["sending"]


def _sum(condition: Any) -> ColumnElement[int]:
    # PostgreSQL sums bigint to a decimal.
    return func.coalesce(cast(func.sum(MessageTally.delta).filter(condition), BigInteger), 0)


_STEPS: dict[str, Any] = {
    "audience": MessageTally.first_attempt,
    "attempted": MessageTally.reached >= REACHED_ATTEMPTED,
    "accepted": MessageTally.reached >= REACHED_ACCEPTED,
    "sent": MessageTally.reached >= REACHED_SENT,
    "delivered": MessageTally.reached >= REACHED_DELIVERED,
    "read": MessageTally.reached >= REACHED_READ,
    "replied": MessageTally.replied,
}

FOLDED = (*(_sum(MessageTally.state == state) for state in OUTBOUND_STATES), *map(_sum, _STEPS.values()))
"""What to select from the tallies of messages to get one row that `unfold` understands for each group."""


def unfold(sums: Sequence[int]) -> BroadcastCounts:
    """The counts in one row of FOLDED."""
    counts = BroadcastCounts()
    counts.states.update(zip(OUTBOUND_STATES, sums, strict=False))
    counts.funnel.update(zip(_STEPS, sums[len(OUTBOUND_STATES) :], strict=True))
    counts.funnel.update({state: counts.states[state] for state in ("failed", "skipped", "unknown")})
    return counts


_GROUPS = func.grouping_sets(
    tuple_(MessageTally.broadcast_id), tuple_(MessageTally.broadcast_id, MessageTally.state, MessageTally.cause)
)
_AMOUNT = cast(func.sum(MessageTally.delta), BigInteger)
_BROADCAST_SUMS = (
    select(MessageTally.broadcast_id, MessageTally.state, MessageTally.cause, _AMOUNT, *FOLDED)
    .where(MessageTally.broadcast_id.in_(bindparam("ids", expanding=True)))
    .group_by(_GROUPS)
    # One row for the whole broadcast, then one for every cause that somebody failed for.
    .having((func.grouping(MessageTally.state) == 1) | (MessageTally.cause != "") & (_AMOUNT > 0))
    .order_by(_AMOUNT.desc())
)


_TEMPLATE_SUMS = (
    select(MessageTally.template_id, *FOLDED)
    .where(MessageTally.broadcast_id == bindparam("id"))
    .group_by(MessageTally.template_id)
    .having(_AMOUNT > 0)
)


def broadcast_counts(broadcast_ids: Sequence[int]) -> dict[int, BroadcastCounts]:
    """The counts of some broadcasts in one query; one without messages gets zeros. The caller checked the tenant."""
    answer = {broadcast_id: BroadcastCounts() for broadcast_id in broadcast_ids}
    causes: dict[int, list[Cause]] = {broadcast_id: [] for broadcast_id in broadcast_ids}
    rows: Any = db.session.execute(_BROADCAST_SUMS, {"ids": list(broadcast_ids)})
    for broadcast_id, state, cause, amount, *sums in rows:
        if cause is None:
            answer[broadcast_id] = unfold(sums)
        else:
            causes[broadcast_id].append(Cause(state, cause, amount))
    for broadcast_id, counts in answer.items():
        counts.causes = causes[broadcast_id]
    return answer


def template_counts(broadcast_id: int) -> dict[int, BroadcastCounts]:
    """The counts of a broadcast by template, in one query: its languages. The caller checked the tenant."""
    rows: Any = db.session.execute(_TEMPLATE_SUMS, {"id": broadcast_id})
    return {template_id: unfold(sums) for template_id, *sums in rows}


def country_key(row: str) -> str:
    """SQL for what the triggers of `report_tallies` count a `row` of messages under as its country: the calling code, with +1
    the area code too, or the country of a user id ("DE."). `markets.country_of` reads it.
    """
    return (
        f"CASE WHEN {row}.phone LIKE '1%' THEN left({row}.phone, 4) "
        f"ELSE left(coalesce({row}.phone, {row}.wa_user_id, ''), 3) END"
    )


def compact() -> dict[str, int]:
    """Fold the deltas appended since the last time into one row a key; answers how many rows went, by table.

    Only groups with fresh rows are touched, so old broadcasts cost nothing. Two at once are safe: each folds the rows
    that it deleted itself, in one statement, so a reader sees either the parts or the sum.
    """
    with transaction() as session:
        return {table: int(session.scalar(text(statement)) or 0) for table, statement in _COMPACTIONS.items()}


def _compaction(table: str, group: str, key: str, *amounts: str) -> str:
    sums = [f"sum({amount})" for amount in amounts]
    is_something = " OR ".join(f"{one} <> 0" for one in sums)
    return f"""
WITH stale AS (SELECT DISTINCT {group} FROM {table} WHERE is_fresh),
gone AS (DELETE FROM {table} WHERE ({group}) IN (SELECT {group} FROM stale) RETURNING *),
folded AS (
    INSERT INTO {table} ({key}, {", ".join(amounts)}, is_fresh)
    SELECT {key}, {", ".join(sums)}, false FROM gone GROUP BY {key} HAVING {is_something}
)
SELECT count(*) FROM gone
"""  # noqa: S608 — names of ours


MESSAGE_KEY = (
    "workspace_id, channel_id, broadcast_id, template_id, day, direction, state, reached, first_attempt, replied, cause"
)

COST_KEY = "workspace_id, channel_id, broadcast_id, day, category, type, country, market, currency"

REPORT_KEY = "workspace_id, broadcast_id, day, facet, key, reached, failed, replied"

ANSWER_KEY = "workspace_id, user_id, day, step"

_COMPACTIONS = {
    MessageTally.__tablename__: _compaction(
        MessageTally.__tablename__, "workspace_id, day, broadcast_id", MESSAGE_KEY, "delta"
    ),
    ContactTally.__tablename__: _compaction(
        ContactTally.__tablename__, "workspace_id, tag_id", "workspace_id, tag_id", "delta"
    ),
    CostTally.__tablename__: _compaction(
        CostTally.__tablename__, "workspace_id, day, broadcast_id", COST_KEY, "delta", "micros", "unpriced"
    ),
    ReportTally.__tablename__: _compaction(
        ReportTally.__tablename__, "workspace_id, day, broadcast_id", REPORT_KEY, "delta"
    ),
    AnswerTally.__tablename__: _compaction(AnswerTally.__tablename__, "workspace_id, day", ANSWER_KEY, "delta"),
}
