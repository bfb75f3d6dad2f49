"""Writing again to some of those whom a broadcast went to: who read, who answered, who did not, who could not be reached for now.

A follow-up is a draft whose audience is a filter of its own about that broadcast, not a saved segment: it belongs to this one
draft, would only fill the list of segments, and cannot be deleted under its feet. Who fits is looked up when it starts, so
whoever reads the first message meanwhile gets no second.
"""

from dataclasses import dataclass
from typing import Any

from sqlalchemy import exists, func, select, text
from sqlalchemy.orm import aliased

from wotnot.errors import Conflict, Invalid
from wotnot.extensions import db
from wotnot.models import Broadcast, BroadcastState, ChannelState, Message, MessageState
from wotnot.services import broadcasts, contact_answers, tallies
from wotnot.services.segment_sql import ARRIVED, OPEN
from wotnot.services.whatsapp.error_codes import PASSING_CODES

DONE = frozenset({BroadcastState.FINISHED, BroadcastState.CANCELLED, BroadcastState.PAUSED})
"""States in which the numbers stand still enough to act on."""

WHO: dict[str, str] = {
    "read_not_replied": "read it and did not reply",
    "replied": "replied",
    "not_read": "did not read it",
    "not_replied": "did not reply",
    "failed_for_now": "could not be reached for now",
}
"""The operators over broadcasts that make a follow-up, and what they say after "those who"."""


@dataclass(frozen=True, slots=True)
class FollowUp:
    """`count` people whom one could write to again, and who they are."""

    who: str
    count: int
    words: str


def list_follow_ups(broadcast: Broadcast) -> list[FollowUp]:
    """What is worth offering on the page of a broadcast that is done; empty while it is under way."""
    if broadcast.state not in DONE:
        return []
    counts = _count_people(broadcast) | {"failed_for_now": _failed_for_now(broadcast)}
    return [FollowUp(who, counts[who], words) for who, words in WHO.items() if counts[who]]


def start_follow_up(workspace_id: int, broadcast_id: int, who: str, *, user_id: int | None = None) -> Broadcast:
    """Make a draft to those of a broadcast who … (a key of WHO), from the same number while it is connected.

    Raises Invalid for another `who`, Conflict while the broadcast is under way, NotFound.
    """
    first = broadcasts.get_broadcast(workspace_id, broadcast_id)
    if who not in WHO:
        raise Invalid({"who": f"Choose one of {', '.join(WHO)}."})
    if first.state not in DONE:
        raise Conflict("Wait until it has finished, or pause it first.", code="wrong_state", state=first.state.value)
    words = f": those who {WHO[who]}"
    is_connected = first.channel is not None and first.channel.state is ChannelState.CONNECTED
    return broadcasts.create_broadcast(
        workspace_id,
        user_id=user_id,
        name=first.name[: broadcasts.MAX_NAME - len(words)] + words,
        channel_id=first.channel_id if is_connected else None,
        audience={"filter": {"match": "all", "conditions": [{"field": "broadcast", "op": who, "value": first.id}]}},
    )


def _count_people(broadcast: Broadcast) -> dict[str, int]:
    """The messages of each kind, as the tallies know them, less those that are not one person each."""
    counts = tallies.count_fates(broadcast.id)
    asked = {"broadcast": broadcast.id, "has_again": counts["again"] > 0}
    question = ["follow_ups", broadcast.id, counts]

    def work_out() -> dict[str, int]:
        return dict(db.session.execute(_NOT_ONE_EACH, asked).mappings().one())

    less = contact_answers.remember(broadcast.workspace_id, question, work_out)
    return {who: counts[who] - less[who] for who in less}


def _failed_for_now(broadcast: Broadcast) -> int:
    """Counted anew when a message of the broadcast or a contact has changed: among a million people it takes a while."""
    states = tallies.broadcast_counts([broadcast.id])[broadcast.id].states
    question = ["failed_for_now", broadcast.id, list(states.values())]
    if not states[MessageState.FAILED]:
        return 0
    return int(contact_answers.remember(broadcast.workspace_id, question, lambda: _count_failed_for_now(broadcast.id)))


def _count_failed_for_now(broadcast_id: int) -> int:
    """People, and not messages: an attempt that failed may have been followed by one that arrived."""
    other = aliased(Message)
    was_reached = exists().where(
        other.broadcast_id == broadcast_id, other.contact_id == Message.contact_id, other.state.in_((*ARRIVED, *OPEN))
    )
    failed = (
        Message.broadcast_id == broadcast_id,
        Message.state == MessageState.FAILED,
        Message.error_code.in_(PASSING_CODES),
    )
    return db.session.scalar(select(func.count(Message.contact_id.distinct())).where(*failed, ~was_reached)) or 0


_PEOPLE = {
    "read_not_replied": "is_read AND NOT has_reply",
    "replied": "has_reply",
    "not_read": "went AND NOT is_read AND NOT has_reply",
    "not_replied": "(went OR is_read) AND NOT has_reply",
}
_COUNTS = ", ".join(
    f"coalesce(sum(side) FILTER (WHERE {condition}), 0)::bigint AS {who}" for who, condition in _PEOPLE.items()
)

# Messages whose contact was deleted, and those of people who have several, after another attempt or a merge: few, and found by
# the index of people. Counted once by message and once by person (`side` -1), so that the sums are by how much the messages are more.
_NOT_ONE_EACH: Any = text(f"""
WITH several AS (
    SELECT DISTINCT contact_id FROM messages
    WHERE :has_again AND broadcast_id = :broadcast AND attempt > 1 AND contact_id IS NOT NULL
), odd AS (
    SELECT id, contact_id, state, reached, replied FROM messages WHERE broadcast_id = :broadcast AND contact_id IS NULL
    UNION ALL
    SELECT m.id, m.contact_id, m.state, m.reached, m.replied
    FROM several s JOIN messages m ON m.broadcast_id = :broadcast AND m.contact_id = s.contact_id
), counted AS (
    SELECT side, bool_or(state IN ('accepted', 'sent', 'delivered')) AS went, bool_or(reached >= {tallies.REACHED_READ}) AS is_read,
           bool_or(replied) AS has_reply
    FROM odd CROSS JOIN (VALUES (1), (-1)) AS sides (side) WHERE side = 1 OR contact_id IS NOT NULL
    GROUP BY side, CASE side WHEN 1 THEN id ELSE contact_id END
)
SELECT {_COUNTS} FROM counted
""")  # noqa: S608 — conditions of ours
