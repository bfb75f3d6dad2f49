"""Counts of messages and contacts: sums over append-only deltas that statement triggers write.

A writer only ever appends, so counting never makes two senders wait for each other; `compact` folds what has piled up.
"""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import BigInteger, cast, func, select, text

from wotnot.extensions import db
from wotnot.models import ContactTally, MessageState, MessageTally
from wotnot.services.transaction import transaction

# How far a message ever got; `Message.reached`.
REACHED_NOTHING, REACHED_ATTEMPTED, REACHED_ACCEPTED, REACHED_SENT, REACHED_DELIVERED, REACHED_READ = range(6)

OUTBOUND_STATES = tuple(state for state in MessageState if state is not MessageState.RECEIVED)

_STEPS = {
    "attempted": REACHED_ATTEMPTED,
    "accepted": REACHED_ACCEPTED,
    "sent": REACHED_SENT,
    "delivered": REACHED_DELIVERED,
    "read": REACHED_READ,
}


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


def broadcast_counts(broadcast_ids: Sequence[int]) -> dict[int, BroadcastCounts]:
    """The counts of some broadcasts in one query; one without messages gets zeros. The caller checked the tenant."""
    answer = {broadcast_id: BroadcastCounts() for broadcast_id in broadcast_ids}
    causes: dict[tuple[int, str, str], int] = defaultdict(int)
    for row in db.session.execute(_broadcast_sums(broadcast_ids)):
        add_row(answer[row.broadcast_id], row)
        if row.cause:
            causes[row.broadcast_id, row.state, row.cause] += row.amount
    for (broadcast_id, state, cause), count in sorted(causes.items(), key=lambda item: -item[1]):
        if count:
            answer[broadcast_id].causes.append(Cause(state, cause, count))
    return answer


def _broadcast_sums(broadcast_ids: Sequence[int]) -> Any:
    keys = (
        MessageTally.broadcast_id,
        MessageTally.state,
        MessageTally.reached,
        MessageTally.first_attempt,
        MessageTally.replied,
        MessageTally.cause,
    )
    return select(*keys, cast(func.sum(MessageTally.delta), BigInteger).label("amount")).where(
        MessageTally.broadcast_id.in_(broadcast_ids)
    ).group_by(*keys)  # fmt: skip


def add_row(counts: BroadcastCounts, row: Any) -> None:
    """Add one summed row (state, reached, first_attempt, replied, amount) to `counts`."""
    counts.states[row.state] += row.amount
    counts.funnel["audience"] += row.amount if row.first_attempt else 0
    counts.funnel["replied"] += row.amount if row.replied else 0
    for step, reached in _STEPS.items():
        counts.funnel[step] += row.amount if row.reached >= reached else 0
    if row.state in {"failed", "skipped", "unknown"}:
        counts.funnel[row.state] += row.amount


def compact() -> dict[str, int]:
    """Fold the deltas appended since the last time into one row a key; answers how many rows went, by table.

    Only groups with fresh rows are touched, so old broadcasts cost nothing. Two at once are safe: each folds the rows
    that it deleted itself, in one statement, so a reader sees either the parts or the sum.
    """
    with transaction() as session:
        folded = {}
        for table, group, key in (
            (MessageTally.__tablename__, "workspace_id, day, broadcast_id", _MESSAGE_KEY),
            (ContactTally.__tablename__, "workspace_id, tag_id", "workspace_id, tag_id"),
        ):
            folded[table] = int(session.scalar(text(_COMPACT.format(table=table, group=group, key=key))) or 0)
    return folded


_MESSAGE_KEY = (
    "workspace_id, channel_id, broadcast_id, template_id, day, direction, state, reached, first_attempt, replied, cause"
)

_COMPACT = """
WITH stale AS (SELECT DISTINCT {group} FROM {table} WHERE is_fresh),
gone AS (DELETE FROM {table} WHERE ({group}) IN (SELECT {group} FROM stale) RETURNING *),
folded AS (
    INSERT INTO {table} ({key}, delta, is_fresh)
    SELECT {key}, sum(delta), false FROM gone GROUP BY {key} HAVING sum(delta) <> 0
)
SELECT count(*) FROM gone
"""
