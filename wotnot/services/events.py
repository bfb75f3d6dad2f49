"""The live-event bus: small facts to open browsers, after the commit.

A fact is only a topic ("broadcast:12", "import:3", "channel:1", "workspace"): it says "what you show about this may be
old", and the browser fetches the partial again. A lost fact therefore costs nothing.
"""

import logging
import time
from collections.abc import Collection, Iterator, Mapping
from typing import Any

from redis.client import PubSub
from redis.exceptions import RedisError

from wotnot.extensions import redis
from wotnot.services.event_hub import Box, EventHub
from wotnot.services.transaction import on_commit

logger = logging.getLogger(__name__)

REST_SECONDS = 0.4
"""A browser fetches a part anew at most this often, however much happens."""
CONFIRM_SECONDS = 10


def publish(workspace_id: int, *topics: str) -> None:
    """Tell the open pages of a workspace that what they show about `topics` changed, once this transaction commits."""
    on_commit(lambda: publish_now(workspace_id, *topics))


def publish_now(workspace_id: int, *topics: str) -> None:
    """The same at once, for callers whose commit is already done. Redis being away is not an error."""
    try:
        _send({_channel(workspace_id, topic): topic for topic in topics})
    except RedisError:
        logger.warning("live event lost: Redis is away")


def publish_where_open(topics: Collection[tuple[int, str]]) -> None:
    """Tell of `topics`, each with its workspace, only the pages that ask for them by name, once this transaction commits.

    For crowds that hardly anybody looks at: Redis is asked once for all of them, and told what somebody has open.
    """
    if topics:
        on_commit(lambda: _publish_where_open(topics))


def listen(
    workspace_id: int, topics: Collection[str] = (), *, heartbeat_seconds: float, rest_seconds: float = REST_SECONDS
) -> Iterator[list[str]]:
    """Those of `topics` (all without any) that are published in a workspace; none after each `heartbeat_seconds` of silence.

    The first time none as soon as nothing is missed any more. What is published during the `rest_seconds` after others comes
    together, each topic once. Ends, or raises RedisError, when Redis goes away: then something may have been missed.
    """
    everything = () if topics else (_channel(workspace_id, "*"),)
    box = Box([_channel(workspace_id, topic) for topic in topics], everything)
    _hub.add(box)
    try:
        heard: list[str] | None = [] if box.wait_until_open(CONFIRM_SECONDS) else None
        if heard is None:
            _hub.give_up(box)
        while heard is not None:
            yield heard
            if heard:
                time.sleep(rest_seconds)
            heard = box.collect(heartbeat_seconds)
    finally:
        _hub.remove(box)


def _publish_where_open(topics: Collection[tuple[int, str]]) -> None:
    channels = {_channel(*topic): topic[1] for topic in topics}
    try:
        counted: Any = redis.client.pubsub_numsub(*channels)
        opened = {name.decode() for name, listeners in counted if listeners}
        _send({name: topic for name, topic in channels.items() if name in opened})
    except RedisError:
        logger.warning("live events lost: Redis is away")


def _send(channels: Mapping[str, str]) -> None:
    """Publish the topic on each channel, all in one round trip."""
    if not channels:
        return
    with redis.client.pipeline(transaction=False) as pipeline:
        for channel, topic in channels.items():
            pipeline.publish(channel, topic)
        pipeline.execute()


def _subscription() -> PubSub:
    subscription: PubSub = redis.client.pubsub()  # bound by the factory, so not before it is wanted
    return subscription


_hub = EventHub(_subscription)


def _channel(workspace_id: int, topic: str) -> str:
    return f"wotnot:live:{workspace_id}:{topic}"
