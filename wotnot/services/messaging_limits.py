"""How many people a number may still write to first: Meta's limit against whom its account wrote to in the last 24 hours.

Meta counts different people outside the 24 hours after their own last message, over all numbers of a business. What is known
here are the numbers of one account in one workspace, so it is counted over these. The window moves: a day has no midnight.
Broadcasts leave some places free for single messages (`pace_settings.py`), so these are taken off as the sender does.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import select, text

from wotnot.clock import now
from wotnot.extensions import db
from wotnot.models import Channel
from wotnot.services import pace_settings

WINDOW = timedelta(hours=24)
UNLIMITED = "TIER_UNLIMITED"
_TIERS = {"TIER_50": 50, "TIER_250": 250, "TIER_1K": 1_000, "TIER_2K": 2_000, "TIER_10K": 10_000, "TIER_100K": 100_000}


@dataclass(frozen=True, slots=True)
class LimitUse:
    """Of `limit` people in any 24 hours the account has written to `used`; `reserved` places are not for broadcasts."""

    limit: int
    used: int
    reserved: int = 0

    @property
    def daily(self) -> int:
        """How many people broadcasts may write to in any 24 hours."""
        return self.limit - self.reserved

    @property
    def left(self) -> int:
        """How many more people broadcasts may write to now."""
        return max(0, self.daily - self.used)

    def beyond(self, people: int) -> int:
        """How many of so many people are more than that."""
        return max(0, people - self.left)

    def days_for(self, people: int) -> int:
        """How many times 24 hours the last of so many people has to wait at most."""
        return -(-self.beyond(people) // self.daily)

    def seconds_for(self, people: int, rate: float) -> float:
        """How long it takes at most to write to so many people at `rate` a second: a place is free 24 hours after it was taken."""
        days = self.days_for(people)
        last_day = self.beyond(people) - (days - 1) * self.daily if days else people
        return days * WINDOW.total_seconds() + last_day / rate


def limit_of(messaging_limit: str) -> int | None:
    """How many people a number may write to first in 24 hours, as Meta names its tiers; None when unlimited or not known."""
    return _TIERS.get(messaging_limit.upper())


def daily_limit(channel: Channel) -> int | None:
    """The same of a channel."""
    return limit_of(channel.messaging_limit)


def reserve_of(workspace_id: int, limit: int) -> int:
    """How many places of a limit a workspace keeps for single messages."""
    return -(-limit * pace_settings.get_setup(workspace_id).reserve_percent // 100)


def read_use(channel: Channel, at: datetime | None = None) -> LimitUse | None:
    """The limit of a number and how much of it is used, or still will be at a later moment by who was written to so far.

    None when it has no limit, or Meta has not told it.
    """
    limit = daily_limit(channel)
    if limit is None:
        return None
    used = count_written_to(channel.workspace_id, channel.waba_id, at)
    return LimitUse(limit, used, reserve_of(channel.workspace_id, limit))


def count_written_to(workspace_id: int, waba_id: str, at: datetime | None = None) -> int:
    """How many people the account was the first to write to within the window that ends now, or `at` a later moment."""
    asked = _asked(workspace_id, waba_id) | {"since": max(at or now(), now()) - WINDOW}
    return int(db.session.scalar(text(_COUNT), asked) or 0)


def next_room(workspace_id: int, waba_id: str, excess: int) -> datetime | None:
    """When somebody falls out of the window after `excess` others have; None when nobody is in it."""
    asked = _asked(workspace_id, waba_id) | {"excess": excess}
    last: datetime | None = db.session.scalar(text(_NEXT), asked)
    return last + WINDOW if last else None


def _asked(workspace_id: int, waba_id: str) -> dict[str, Any]:
    numbers = db.session.scalars(
        select(Channel.id).where(Channel.workspace_id == workspace_id, Channel.waba_id == waba_id)
    ).all()
    return {"workspace": workspace_id, "channels": list(numbers), "since": now() - WINDOW, "window": WINDOW}


# A broadcast that ended before the window has nothing in it, so only those of a day are looked at, and of these only what
# went out or is on its way: what waits is most of a large one.
_WRITTEN_TO = """
FROM (
    SELECT m.contact_id, coalesce(m.accepted_at, m.claimed_at) AS went_at FROM broadcasts b
    JOIN messages m ON m.broadcast_id = b.id
     AND m.state IN ('sending', 'unknown', 'accepted', 'sent', 'failed', 'delivered', 'read')
    WHERE b.workspace_id = :workspace AND b.channel_id = ANY(CAST(:channels AS bigint[]))
      AND (b.state IN ('sending', 'paused') OR b.finished_at > :since)
      AND coalesce(m.accepted_at, CASE WHEN m.state IN ('sending', 'unknown') THEN m.claimed_at END) > :since
    UNION ALL
    SELECT m.contact_id, m.accepted_at FROM messages m
    WHERE m.channel_id = ANY(CAST(:channels AS bigint[])) AND m.broadcast_id IS NULL AND m.type = 'template'
      AND m.accepted_at > :since
) sent
WHERE NOT EXISTS (
    SELECT 1 FROM messages i
    WHERE i.workspace_id = :workspace AND i.contact_id = sent.contact_id AND i.direction = 'in'
      AND i.created_at BETWEEN sent.went_at - CAST(:window AS interval) AND sent.went_at
)
"""

_COUNT = "SELECT count(DISTINCT sent.contact_id)" + _WRITTEN_TO

_NEXT = f"""
SELECT max(sent.went_at) AS last {_WRITTEN_TO}
GROUP BY sent.contact_id ORDER BY last OFFSET :excess LIMIT 1
"""
