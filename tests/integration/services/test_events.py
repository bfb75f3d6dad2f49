"""The live-event bus on a real Redis: only what is wanted, nothing missed once it listens, an end when Redis was away."""

from collections.abc import Callable, Iterator
from contextlib import suppress
from itertools import chain, islice
from typing import Any

import pytest
from redis import ConnectionPool, Redis
from redis.exceptions import RedisError

from wotnot.services import event_hub, events
from wotnot.services.transaction import transaction

Listen = Callable[..., Iterator[list[str]]]
SILENCE = 0.3


@pytest.fixture
def listen(redis: "Redis[bytes]") -> Iterator[Listen]:
    """Listen in workspace 1 to the topics that are named, from when nothing is missed; closed when the test ends."""
    opened = []

    def open_one(*topics: str) -> Iterator[list[str]]:
        heard = events.listen(1, topics, heartbeat_seconds=SILENCE)
        opened.append(heard)
        assert next(heard) == []
        return heard

    yield open_one
    for heard in opened:
        heard.close()


def test_only_what_is_wanted_arrives_and_silence_is_told(listen: Listen) -> None:
    heard = listen("contact:1", "conversations")
    events.publish_now(1, "contact:2", "broadcasts")
    events.publish_now(11, "contact:1")
    events.publish_now(1, "conversations", "contact:1")
    said = [next(heard), next(heard), next(heard)]
    assert list(chain(*said)) == ["conversations", "contact:1"]
    assert said[-1] == []


def test_without_topics_everything_of_the_workspace_arrives(listen: Listen) -> None:
    heard = listen()
    events.publish_now(11, "contact:1")
    events.publish_now(1, "contact:7")
    events.publish_now(1)
    assert [next(heard), next(heard)] == [["contact:7"], []]


def test_of_a_crowd_only_what_somebody_has_open_is_published(listen: Listen, session: Any) -> None:
    one, everything = listen("contact:1"), listen()
    with transaction():
        events.publish_where_open([(1, "contact:1"), (1, "contact:2"), (11, "contact:1")])
        events.publish(1, "conversations")
    assert [next(one), next(one)] == [["contact:1"], []]
    assert sorted(chain(*(next(everything), next(everything)))) == ["contact:1", "conversations"]


def test_who_lost_redis_for_a_moment_hears_an_end(listen: Listen, redis: "Redis[bytes]") -> None:
    """It may have missed something, so the browser has to connect again and fetch everything."""
    heard = listen("contact:1")
    redis.client_kill_filter(_type="pubsub")
    said = []
    with suppress(RedisError):
        said = list(islice(heard, 20))
    assert len(said) < 20


def test_what_is_published_in_a_rush_comes_together_and_once(listen: Listen) -> None:
    heard = listen("contact:1", "conversations")
    events.publish_now(1, "contact:1")
    assert next(heard) == ["contact:1"]
    for _ in range(50):
        events.publish_now(1, "conversations", "contact:1")
    assert next(heard) == ["conversations", "contact:1"]
    assert next(heard) == []


def test_who_wants_the_same_shares_one_subscription(listen: Listen, redis: "Redis[bytes]") -> None:
    first, second = listen("contact:1", "conversations"), listen("contact:2", "conversations")
    assert len(redis.client_list(_type="pubsub")) == 1
    events.publish_now(1, "conversations")
    assert (next(first), next(second)) == (["conversations"], ["conversations"])
    first.close()
    events.publish_now(1, "contact:1", "conversations", "contact:2")
    assert sorted(chain(*(next(second), next(second)))) == ["contact:2", "conversations"]


def test_a_line_that_died_without_a_word_is_given_up(redis: "Redis[bytes]", monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(event_hub, "_READ_SECONDS", 0.1)
    settings = redis.connection_pool.connection_kwargs | {"health_check_interval": 0.1}
    line = Redis(connection_pool=ConnectionPool(**settings))
    hub, box = event_hub.EventHub(line.pubsub), event_hub.Box(["somewhere"], [])
    hub.add(box)
    assert box.wait_until_open(5)
    assert box.collect(1) == []
    redis.client_pause(4000)
    assert box.collect(3) is None


def test_after_a_loss_the_next_to_come_hears_again(listen: Listen, redis: "Redis[bytes]") -> None:
    lost = listen("contact:1")
    redis.client_kill_filter(_type="pubsub")
    with suppress(RedisError):
        list(islice(lost, 20))
    heard = listen("contact:1")
    events.publish_now(1, "contact:1")
    assert next(heard) == ["contact:1"]
