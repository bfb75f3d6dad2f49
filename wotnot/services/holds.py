"""Who of a broadcast waits for a moment that has not come yet, and why, in words."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Select, select

from wotnot import clock
from wotnot.extensions import db
from wotnot.models import Broadcast, BroadcastState, Message, MessageState
from wotnot.services.tallies import BroadcastCounts

HOLD_WORDS: dict[str, tuple[str, str]] = {
    "retry": ("Meta is asked again", "Meta did not deliver the first message. Another one goes to them then."),
    "quiet": ("Quiet hours", "It is night where they are, or the hours in which you send nothing."),
    "spread": ("Spread over time", "The broadcast goes out evenly over the time that you chose."),
    "daily": ("So many people a day", "The people of today have theirs; the others follow on the next days."),
    "limit": ("The number’s limit", "Meta allows so many people in any 24 hours, and some are kept for your answers."),
    "budget": ("Today’s budget", "What today may cost is used up. It goes on tomorrow."),
}
"""By `hold_reason`: a name, and what it means."""

_LIVE = (BroadcastState.SENDING, BroadcastState.PAUSED, BroadcastState.EXPANDING)


@dataclass(frozen=True, slots=True)
class Held:
    """`count` people who wait for one reason."""

    reason: str
    count: int

    @property
    def words(self) -> str:
        """What it is called."""
        return HOLD_WORDS.get(self.reason, (self.reason, ""))[0]

    @property
    def explanation(self) -> str:
        """What it means."""
        return HOLD_WORDS.get(self.reason, ("", ""))[1]


@dataclass(frozen=True, slots=True)
class Waiting:
    """Those who are held, the most first; when the first and the last of all who are not due yet are. None when all are."""

    held: Sequence[Held] = ()
    next_due_at: datetime | None = None
    last_due_at: datetime | None = None

    @property
    def count(self) -> int:
        """How many are held altogether."""
        return sum(one.count for one in self.held)


def find_waiting(broadcast: Broadcast, counts: BroadcastCounts) -> Waiting:
    """Who of a broadcast is held, from its counts; two looks into an index say until when."""
    if broadcast.state not in _LIVE or not counts.states["queued"]:
        return Waiting()
    held = [Held(one.cause, one.count) for one in counts.causes if one.state == "queued"]
    due = select(Message.due_at).where(
        Message.broadcast_id == broadcast.id, Message.state == MessageState.QUEUED, Message.due_at > clock.now()
    )
    return Waiting(held, _first(due.order_by(Message.due_at)), _first(due.order_by(Message.due_at.desc())))


def _first(statement: Select[datetime]) -> datetime | None:
    found: datetime | None = db.session.scalar(statement.limit(1))
    return found
