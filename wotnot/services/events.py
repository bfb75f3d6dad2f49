"""The live-event bus: small facts to open browsers, after the commit.

A fact is only a topic ("broadcast:12", "import:3", "channel:1", "workspace"): it says "what you show about this may be
old", and the browser fetches the partial again. A lost fact therefore costs nothing.
"""

import logging
from collections.abc import Collection, Iterator

from redis.exceptions import RedisError

from wotnot.extensions import redis
from wotnot.services.transaction import on_commit

logger = logging.getLogger(__name__)

_CONFIRMATIONS = frozenset({"subscribe", "psubscribe"})


def publish(workspace_id: int, *topics: str) -> None:
    """Tell the open pages of a workspace that what they show about `topics` changed, once this transaction commits."""
    on_commit(lambda: publish_now(workspace_id, *topics))


def publish_now(workspace_id: int, *topics: str) -> None:
    """The same at once, for callers whose commit is already done. Redis being away is not an error."""
    if not topics:
        return
    try:
        with redis.client.pipeline(transaction=False) as pipeline:
            for topic in topics:
                pipeline.publish(_channel(workspace_id, topic), topic)
            pipeline.execute()
    except RedisError:
        logger.warning("live event lost: Redis is away")


def listen(workspace_id: int, topics: Collection[str] = (), *, heartbeat_seconds: float) -> Iterator[str | None]:
    """Those of `topics` (all without any) that are published in a workspace; None each `heartbeat_seconds` of silence.

    The first is None as soon as nothing is missed any more. Ends, or raises RedisError, when Redis goes away: then something
    may have been missed. Closing the generator frees the connection.
    """
    subscription = redis.client.pubsub()
    try:
        # Redis sorts out what is wanted: with hundreds of open pages each would else wake up for what the others want.
        if topics:
            subscription.subscribe(*(_channel(workspace_id, topic) for topic in topics))
        else:
            subscription.psubscribe(_channel(workspace_id, "*"))
        missing = max(1, len(topics))
        while True:
            message = subscription.get_message(timeout=heartbeat_seconds)
            if message and message["type"] in _CONFIRMATIONS:
                missing -= 1
                if missing < 0:
                    return  # subscribed anew behind our back, so something may have been missed
                if missing == 0:
                    yield None
            elif missing <= 0:
                yield message["data"].decode() if message else None
    finally:
        subscription.close()


def _channel(workspace_id: int, topic: str) -> str:
    return f"wotnot:live:{workspace_id}:{topic}"
