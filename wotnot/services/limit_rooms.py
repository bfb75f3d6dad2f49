"""How many more people the sender may write to from an account: Meta's limit of 24 hours less what is kept for single messages.

Counted once in a while and remembered in between: each claimed message of a broadcast takes one place. Whoever was written to
already takes none at Meta, so the memory errs on the safe side until the next count.
"""

import time
from dataclasses import dataclass
from datetime import timedelta

from wotnot import clock
from wotnot.models import Broadcast
from wotnot.services import broadcast_holds, messaging_limits
from wotnot.services.messaging_limits import reserve_of
from wotnot.services.send_streams import ChannelFacts

COUNT_SECONDS = 30.0
"""After so long it is counted anew: other senders use the same account."""

LEAST_WAIT = timedelta(minutes=1)
"""Places become free one by one; going on for each of them would be a claim a second."""


@dataclass(slots=True)
class _Room:
    """What was left at `counted_at` (monotonic) and is now."""

    left: int
    counted_at: float


class LimitRooms:
    """The room of each account that the sender serves."""

    def __init__(self) -> None:
        """Nothing is counted yet."""
        self._rooms: dict[tuple[int, str], _Room] = {}

    def left(self, channel: ChannelFacts) -> int | None:
        """How many more may be written to now; None without a limit."""
        limit = messaging_limits.limit_of(channel.messaging_limit)
        if limit is None:
            return None
        key = channel.workspace_id, channel.waba_id
        room = self._rooms.get(key)
        if room is None or time.monotonic() - room.counted_at > COUNT_SECONDS:
            room = self._rooms[key] = _Room(_count(channel, limit), time.monotonic())
        return max(0, room.left)

    def take(self, channel: ChannelFacts, count: int) -> None:
        """Note that so many messages were claimed."""
        if room := self._rooms.get((channel.workspace_id, channel.waba_id)):
            room.left -= count

    def close(self, channel: ChannelFacts) -> None:
        """Let the broadcasts of a number without room wait until there is some, and say when. The next look counts anew."""
        limit = messaging_limits.limit_of(channel.messaging_limit) or 0
        self._rooms.pop((channel.workspace_id, channel.waba_id), None)
        room = _count(channel, limit)
        if room > 0:
            return
        until = messaging_limits.next_room(channel.workspace_id, channel.waba_id, -room) or clock.now()
        until = max(until, clock.now() + LEAST_WAIT)
        words = _say(limit, reserve_of(channel.workspace_id, limit))
        broadcast_holds.hold_all(Broadcast.channel_id == channel.id, broadcast_holds.LIMIT, until, words)


def _count(channel: ChannelFacts, limit: int) -> int:
    used = messaging_limits.count_written_to(channel.workspace_id, channel.waba_id)
    return limit - reserve_of(channel.workspace_id, limit) - used


def _say(limit: int, reserve: int) -> str:
    kept = f", and {reserve:,} of them are kept for single messages" if reserve else ""
    return f"Held: the number’s limit. Meta allows {limit:,} people in any 24 hours{kept}."
