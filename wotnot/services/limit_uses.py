"""How much of its limit each number has used, looked at every few minutes and kept in Redis for pages that show all numbers.

Counting whom a number wrote to in 24 hours takes seconds after a large broadcast; the check page counts anew all the same.
"""

import json
import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from redis.exceptions import RedisError
from sqlalchemy import select

from wotnot.extensions import db, redis
from wotnot.models import Channel, ChannelState
from wotnot.services import messaging_limits
from wotnot.services.messaging_limits import LimitUse
from wotnot.services.transaction import release_connection

KEPT_SECONDS = 3600
_BUDGET_SECONDS = 240


@dataclass(frozen=True, slots=True)
class NotedUse:
    """At the moment `at` the number's account had written to `used` of `limit` people within 24 hours."""

    limit: int
    used: int
    at: datetime

    @property
    def percent(self) -> int:
        """Whole percent, at most 100."""
        return min(100, 100 * self.used // self.limit)


def note_uses() -> dict[str, int]:
    """Count for every connected number that has a limit, for four minutes at most; answers how many."""
    deadline, noted = time.monotonic() + _BUDGET_SECONDS, 0
    ids = list(
        db.session.scalars(select(Channel.id).where(Channel.state == ChannelState.CONNECTED).order_by(Channel.id))
    )
    for channel_id in ids:
        channel = db.session.get(Channel, channel_id)
        use = messaging_limits.read_use(channel) if channel else None
        release_connection()
        if use is not None:
            value = json.dumps([use.limit, use.used, datetime.now(UTC).isoformat()])
            redis.client.set(_key(channel_id), value, ex=KEPT_SECONDS)
            noted += 1
        if time.monotonic() > deadline:
            break
    return {"noted": noted}


def find_uses(channel_ids: Sequence[int]) -> dict[int, NotedUse]:
    """What was last noted of these numbers; those without a limit, or not looked at lately, are missing."""
    if not channel_ids:
        return {}
    try:
        values: Any = redis.client.mget([_key(channel_id) for channel_id in channel_ids])
    except RedisError:
        return {}
    found = {}
    for channel_id, value in zip(channel_ids, values, strict=True):
        if value:
            limit, used, at = json.loads(value)
            found[channel_id] = NotedUse(limit, used, datetime.fromisoformat(at))
    return found


def find_near_use(channel: Channel) -> LimitUse | None:
    """`messaging_limits.read_use` by what was last noted, for what cannot wait for a count; unused where nothing was."""
    limit = messaging_limits.daily_limit(channel)
    if limit is None:
        return None
    noted = find_uses([channel.id]).get(channel.id)
    return LimitUse(limit, noted.used if noted else 0, messaging_limits.reserve_of(channel.workspace_id, limit))


def _key(channel_id: int) -> str:
    return f"wotnot:limit-use:{channel_id}"
