"""The live-event bus on a real Redis: only what is wanted, nothing missed once it listens, an end when Redis was away."""

from collections.abc import Callable, Iterator
from contextlib import suppress
from itertools import islice

import pytest
from redis import Redis
from redis.exceptions import RedisError

from wotnot.services import events

Listen = Callable[..., Iterator[str | None]]
SILENCE = 0.3


@pytest.fixture
def listen(redis: "Redis[bytes]") -> Iterator[Listen]:
    """Listen in workspace 1 to the topics that are named, from when nothing is missed; closed when the test ends."""
    opened = []

    def open_one(*topics: str) -> Iterator[str | None]:
        heard = events.listen(1, topics, heartbeat_seconds=SILENCE)
        opened.append(heard)
        assert next(heard) is None
        return heard

    yield open_one
    for heard in opened:
        heard.close()


def test_only_what_is_wanted_arrives_and_silence_is_told(listen: Listen) -> None:
    heard = listen("contact:1", "conversations")
    events.publish_now(1, "contact:2", "broadcasts")
    events.publish_now(11, "contact:1")
    events.publish_now(1, "conversations", "contact:1")
    assert [next(heard) for _ in range(3)] == ["conversations", "contact:1", None]


def test_without_topics_everything_of_the_workspace_arrives(listen: Listen) -> None:
    heard = listen()
    events.publish_now(11, "contact:1")
    events.publish_now(1, "contact:7")
    events.publish_now(1)
    assert [next(heard), next(heard)] == ["contact:7", None]


def test_who_lost_redis_for_a_moment_hears_an_end(listen: Listen, redis: "Redis[bytes]") -> None:
    """It may have missed something, so the browser has to connect again and fetch everything."""
    heard = listen("contact:1")
    redis.client_kill_filter(_type="pubsub")
    said = []
    with suppress(RedisError):
        said = list(islice(heard, 20))
    assert len(said) < 20
