"""The live-event bus: small facts to open browsers, after the commit.

A fact is only a topic ("broadcast:12", "import:3", "channel:1", "workspace"): it says "what you show about this may be
old", and the browser fetches the partial again. A lost fact therefore costs nothing.
"""

import logging
from collections.abc import Iterator

from redis.exceptions import RedisError

from wotnot.extensions import redis
from wotnot.services.transaction import on_commit

logger = logging.getLogger(__name__)


def publish(workspace_id: int, *topics: str) -> None:
    """Tell the open pages of a workspace that what they show about `topics` changed, once this transaction commits."""
    on_commit(lambda: publish_now(workspace_id, *topics))


def publish_now(workspace_id: int, *topics: str) -> None:
    """The same at once, for callers whose commit is already done. Redis being away is not an error."""
    try:
        for topic in topics:
            redis.client.publish(_channel(workspace_id), topic)
    except RedisError:
        logger.warning("live event lost: Redis is away")


def listen(workspace_id: int, *, heartbeat_seconds: float) -> Iterator[str | None]:
    """Topics as they are published in a workspace; None each `heartbeat_seconds` of silence. Never ends by itself.

    Raises RedisError when Redis goes away. Closing the generator frees the connection.
    """
    subscription = redis.client.pubsub(ignore_subscribe_messages=True)
    try:
        subscription.subscribe(_channel(workspace_id))
        while True:
            message = subscription.get_message(timeout=heartbeat_seconds)
            yield message["data"].decode() if message else None
    finally:
        subscription.close()


def _channel(workspace_id: int) -> str:
    return f"wotnot:live:{workspace_id}"
