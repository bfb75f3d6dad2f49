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
from wotnot.services.tallies import BroadcastCounts
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


def list_follow_ups(broadcast: Broadcast, counts: BroadcastCounts) -> list[FollowUp]:
    """What is worth offering on the page of a broadcast that is done, of which these are the `counts`; empty before.

    Counted anew when a message of the broadcast or a contact has changed.
    """
    if broadcast.state not in DONE:
        return []
    question = ["follow_ups", broadcast.id, counts.states, counts.funnel]
    found = contact_answers.remember(broadcast.workspace_id, question, lambda: _count_people(broadcast.id, counts))
    return [FollowUp(who, found[who], words) for who, words in WHO.items() if found[who]]


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


def _count_people(broadcast_id: int, counts: BroadcastCounts) -> dict[str, int]:
    has_several = sum(counts.states.values()) > counts.funnel["audience"]
    row = db.session.execute(_PEOPLE, {"broadcast": broadcast_id, "has_several": has_several}).mappings().one()
    return {**row, "failed_for_now": _count_failed_for_now(broadcast_id) if counts.states[MessageState.FAILED] else 0}


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


_CONDITIONS = {
    "read_not_replied": "is_read AND NOT has_reply",
    "replied": "has_reply",
    "not_read": "is_going AND NOT is_read AND NOT has_reply",
    "not_replied": "(is_going OR is_read) AND NOT has_reply",
}
"""As `segment_sql` asks them of a person."""
_SUMS = ", ".join(
    f"coalesce(sum(number) FILTER (WHERE {condition}), 0)::bigint AS {who}" for who, condition in _CONDITIONS.items()
)
_GOING = "state IN ('accepted', 'sent', 'delivered')"
_READ = f"reached >= {tallies.REACHED_READ}"

# The tallies count messages, and nearly all of them are one person each. The others are few and found by the index of people:
# those whose contact was deleted, and those of people who have several, after another attempt or a merge. They are taken off,
# and their people are added.
_PEOPLE: Any = text(f"""
WITH several AS (
    SELECT DISTINCT contact_id FROM messages
    WHERE :has_several AND broadcast_id = :broadcast AND attempt > 1 AND contact_id IS NOT NULL
), odd AS (
    SELECT contact_id, {_GOING} AS is_going, {_READ} AS is_read, replied FROM messages
    WHERE broadcast_id = :broadcast AND contact_id IS NULL
    UNION ALL
    SELECT m.contact_id, {_GOING}, {_READ}, m.replied
    FROM several s JOIN messages m ON m.broadcast_id = :broadcast AND m.contact_id = s.contact_id
), counted (number, is_going, is_read, has_reply) AS (
    SELECT delta, {_GOING}, {_READ}, replied FROM message_tallies WHERE broadcast_id = :broadcast AND broadcast_id <> 0
    UNION ALL
    SELECT -1, is_going, is_read, replied FROM odd
    UNION ALL
    SELECT 1, bool_or(is_going), bool_or(is_read), bool_or(replied) FROM odd WHERE contact_id IS NOT NULL GROUP BY contact_id
)
SELECT {_SUMS} FROM counted
""")  # noqa: S608 — conditions of ours
