"""The leaky bucket: when may the next messages of a number go?

One Redis key a number holds the moment of its next free slot, on Redis's own clock, so any number of sender processes
on any number of hosts share one pace. A slot is a moment; slots of one number are `1 / rate` apart and never bunch up,
idle time is not saved. Redis away means that nobody knows the pace: `reserve` raises and nothing is sent.

Times are microseconds since the epoch on Redis's clock; the caller gets them as seconds from now.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from redis import Redis

HORIZON_SECONDS = 0.9
"""Slots are given out at most this far ahead, so that a pause is seen within a second."""

RECOVERY_SECONDS = 5.0
RECOVERY_STEP = 0.1
KEY_TTL_MS = 600_000

# KEYS[1] the bucket. ARGV: rate per second, wanted slots, horizon in µs, earliest start in µs, recovery in µs, step, TTL.
# Answers {granted, µs until the first slot, µs between slots, end of the reservation in µs}, as strings: Lua numbers
# would be cut to integers, and a rate of 30 has no whole number of µs between slots.
_RESERVE = """
local time = redis.call('TIME')
local now = time[1] * 1000000 + time[2]
local bucket = redis.call('HMGET', KEYS[1], 'next', 'factor', 'slowed_at')
local factor = tonumber(bucket[2] or '1')
if factor < 1 then
  local steps = math.floor((now - tonumber(bucket[3])) / tonumber(ARGV[5]))
  factor = math.min(1, factor + steps * tonumber(ARGV[6]))
end
local interval = 1000000 / (tonumber(ARGV[1]) * factor)
local start = math.max(now, tonumber(bucket[1] or '0'), tonumber(ARGV[4]))
local room = math.floor((now + tonumber(ARGV[3]) - start) / interval) + 1
local granted = math.max(0, math.min(tonumber(ARGV[2]), room))
local finish = start + granted * interval
if granted > 0 then
  redis.call('HSET', KEYS[1], 'next', string.format('%.3f', finish))
  redis.call('PEXPIRE', KEYS[1], ARGV[7])
end
return {tostring(granted), string.format('%.3f', start - now), string.format('%.6f', interval),
        string.format('%.3f', finish)}
"""

# KEYS[1] the bucket. ARGV: end of the reservation, new end. Only the newest reservation can be shortened.
_GIVE_BACK = """
if redis.call('HGET', KEYS[1], 'next') == ARGV[1] then
  redis.call('HSET', KEYS[1], 'next', ARGV[2])
  return 1
end
return 0
"""

# KEYS[1] the bucket. ARGV: recovery in µs, step, TTL. Halves the drip, once a second at most: a full pipe of refusals
# is one event, not a hundred.
_SLOW_DOWN = """
local time = redis.call('TIME')
local now = time[1] * 1000000 + time[2]
local bucket = redis.call('HMGET', KEYS[1], 'factor', 'slowed_at')
local factor, slowed_at = tonumber(bucket[1] or '1'), tonumber(bucket[2] or '0')
if now - slowed_at < 1000000 then return string.format('%.4f', factor) end
if factor < 1 then
  factor = math.min(1, factor + math.floor((now - slowed_at) / tonumber(ARGV[1])) * tonumber(ARGV[2]))
end
factor = math.max(0.05, factor / 2)
redis.call('HSET', KEYS[1], 'factor', factor, 'slowed_at', now)
redis.call('PEXPIRE', KEYS[1], ARGV[3])
return string.format('%.4f', factor)
"""


@dataclass(frozen=True, slots=True)
class Wish:
    """Up to `count` slots for channel `channel_id` at `rate` a second, none before `not_before` (a Grant's `end`)."""

    channel_id: int
    rate: int
    count: int
    not_before: float = 0.0


@dataclass(frozen=True, slots=True)
class Grant:
    """`count` slots: the first in `first_in` seconds, then every `interval` seconds. `end` is on Redis's clock, in µs."""

    channel_id: int
    count: int
    first_in: float
    interval: float
    end: float


class Pace(Protocol):
    """What the sender needs to know about speed."""

    def reserve(self, wishes: Sequence[Wish]) -> list[Grant]:
        """One grant for each wish, in order; a count of 0 means not now."""
        ...

    def give_back(self, grant: Grant, count: int) -> None:
        """Return the last `count` slots of a grant."""
        ...

    def slow_down(self, channel_id: int) -> float:
        """Halve the pace of a channel that was told it is too fast; answers the new share of its rate."""
        ...


class LeakyBucket:
    """The pace of every channel, kept in Redis."""

    def __init__(self, client: Redis) -> None:
        """Register the scripts; nothing is sent yet."""
        self._client = client
        self._reserve = client.register_script(_RESERVE)
        self._give_back = client.register_script(_GIVE_BACK)
        self._slow_down = client.register_script(_SLOW_DOWN)

    def reserve(self, wishes: Sequence[Wish]) -> list[Grant]:
        """One round trip for all `wishes`. Raises RedisError when Redis is away: then nothing may be sent.

        `not_before` keeps the pace when Redis has forgotten it (a flush): the caller knows the end of its last grant.
        """
        pipeline = self._client.pipeline(transaction=False)
        for wish in wishes:
            arguments: list[Any] = [wish.rate, wish.count, int(HORIZON_SECONDS * 1e6), f"{wish.not_before:.3f}"]
            self._reserve(keys=[_key(wish.channel_id)], args=[*arguments, *_RECOVERY], client=pipeline)
        return [_grant(wish, answer) for wish, answer in zip(wishes, pipeline.execute(), strict=True)]

    def give_back(self, grant: Grant, count: int) -> None:
        """Return the last `count` slots, unless somebody has reserved after them already (then they are lost)."""
        end = grant.end - count * grant.interval * 1e6
        self._give_back(keys=[_key(grant.channel_id)], args=[f"{grant.end:.3f}", f"{end:.3f}"])

    def slow_down(self, channel_id: int) -> float:
        """Halve the drip after a 130429; it recovers by a tenth of the rate every five seconds."""
        return float(self._slow_down(keys=[_key(channel_id)], args=_RECOVERY))


_RECOVERY: list[Any] = [int(RECOVERY_SECONDS * 1e6), RECOVERY_STEP, KEY_TTL_MS]


def _grant(wish: Wish, answer: list[bytes]) -> Grant:
    granted, first, interval, end = (float(value) for value in answer)
    return Grant(wish.channel_id, int(granted), max(0.0, first / 1e6), interval / 1e6, end)


def _key(channel_id: int) -> str:
    return f"wotnot:bucket:{channel_id}"
