"""How fast a broadcast goes right now: a few counters in Redis that forget by themselves. A hint for people, not a fact."""

import time
from typing import Any

from redis.exceptions import RedisError

from wotnot.extensions import redis

WINDOW_SECONDS = 5


def note_accepted(broadcast_id: int, count: int) -> None:
    """Add `count` messages that Meta just took. Redis being away is not an error."""
    key = _key(broadcast_id, int(time.time()))
    try:
        pipeline = redis.client.pipeline(transaction=False)
        pipeline.incrby(key, count)
        pipeline.expire(key, 4 * WINDOW_SECONDS)
        pipeline.execute()
    except RedisError:
        return


def per_second(broadcast_id: int) -> float:
    """Messages a second over the last few whole seconds; 0 when nothing goes or Redis is away."""
    now = int(time.time())
    keys = [_key(broadcast_id, now - age) for age in range(1, WINDOW_SECONDS + 1)]
    try:
        values: Any = redis.client.mget(keys)
    except RedisError:
        return 0.0
    return sum(int(value) for value in values if value is not None) / WINDOW_SECONDS


def _key(broadcast_id: int, second: int) -> str:
    return f"wotnot:pace:{broadcast_id}:{second}"
