"""The leaky bucket on a real Redis: slots never bunch up, whoever asks and however often."""

from typing import Any

import pytest

from wotnot.services.rate_limit import HORIZON_SECONDS, LeakyBucket, Wish


@pytest.fixture
def bucket(redis: Any) -> LeakyBucket:
    return LeakyBucket(redis)


def ask(bucket: LeakyBucket, **wish: Any) -> Any:
    return bucket.reserve([Wish(**{"channel_id": 1, "rate": 20, "count": 1000, **wish})])[0]


def test_grants_only_what_fits_into_the_horizon(bucket: LeakyBucket) -> None:
    grant = ask(bucket)
    assert grant.count == int(HORIZON_SECONDS * 20) + 1
    assert grant.interval == pytest.approx(1 / 20)
    assert grant.first_in == pytest.approx(0, abs=0.01)
    assert ask(bucket).count == 0


def test_slots_of_two_askers_follow_each_other(bucket: LeakyBucket) -> None:
    first, second = ask(bucket, count=5), ask(bucket, count=5)
    end_of_first = first.first_in + 5 * first.interval
    assert second.first_in == pytest.approx(end_of_first, abs=0.02)
    assert second.end - first.end == pytest.approx(5 * 1e6 / 20, abs=1)


def test_channels_do_not_share(bucket: LeakyBucket) -> None:
    assert ask(bucket, channel_id=1).count == ask(bucket, channel_id=2).count


@pytest.mark.parametrize("rate", [1, 3, 30, 80, 1000])
def test_intervals_are_exact_for_rates_that_do_not_divide(bucket: LeakyBucket, rate: int) -> None:
    assert ask(bucket, rate=rate).interval == pytest.approx(1 / rate, rel=1e-5)


def test_unused_slots_come_back_unless_somebody_followed(bucket: LeakyBucket) -> None:
    grant = ask(bucket, count=10)
    bucket.give_back(grant, 6)
    assert ask(bucket, count=1).first_in == pytest.approx(4 / 20, abs=0.02)
    bucket.give_back(grant, 4)  # too late: a slot was granted after it
    assert ask(bucket, count=1).first_in == pytest.approx(5 / 20, abs=0.02)


def test_a_forgetful_redis_does_not_double_the_pace(bucket: LeakyBucket, redis: Any) -> None:
    grant = ask(bucket, count=10)
    redis.flushall()
    assert ask(bucket, count=1, not_before=grant.end).first_in == pytest.approx(10 / 20, abs=0.02)


def test_too_fast_halves_the_pace_once_a_second(bucket: LeakyBucket) -> None:
    assert bucket.slow_down(1) == pytest.approx(0.5)
    assert bucket.slow_down(1) == pytest.approx(0.5)
    assert ask(bucket).interval == pytest.approx(1 / 10)


def test_the_pace_recovers_step_by_step(bucket: LeakyBucket, redis: Any) -> None:
    bucket.slow_down(1)
    slowed_at = int(redis.hget("wotnot:bucket:1", "slowed_at"))
    redis.hset("wotnot:bucket:1", "slowed_at", slowed_at - 11_000_000)
    assert ask(bucket, count=1).interval == pytest.approx(1 / (20 * 0.7))
    redis.hset("wotnot:bucket:1", "slowed_at", slowed_at - 60_000_000)
    assert ask(bucket, count=1).interval == pytest.approx(1 / 20)
