"""Moments in the workspace's time zone."""

from datetime import UTC, datetime

import pytest

from wotnot.services.zones import (
    LocalTimeError,
    begin_sentence,
    is_repeated,
    parse_local,
    say_duration,
    say_moment,
    zone_name,
)

NOW = datetime(2026, 11, 23, 8, 0, tzinfo=UTC)


def test_local_times_become_moments() -> None:
    assert parse_local("2026-11-27", "10:00", "Africa/Johannesburg") == datetime(2026, 11, 27, 8, 0, tzinfo=UTC)


def test_a_time_that_the_clock_skips_is_refused_with_the_next_one() -> None:
    with pytest.raises(LocalTimeError, match=r"02:30 does not exist on 29 March 2026 in Berlin.*Choose 03:30"):
        parse_local("2026-03-29", "02:30", "Europe/Berlin")


def test_a_time_that_comes_twice_is_the_first_one() -> None:
    moment = parse_local("2026-10-25", "02:30", "Europe/Berlin")
    assert moment == datetime(2026, 10, 25, 0, 30, tzinfo=UTC)
    assert is_repeated(moment, "Europe/Berlin")
    assert not is_repeated(NOW, "Europe/Berlin")


@pytest.mark.parametrize(
    ("day", "clock"),
    [("", ""), ("2026-02-30", "10:00"), ("2026-11-27", "25:00"), ("x", "10:00"), ("2026-11-27", "10:00+02:00")],
)
def test_what_is_no_time_is_refused(day: str, clock: str) -> None:
    with pytest.raises(LocalTimeError):
        parse_local(day, clock, "UTC")


@pytest.mark.parametrize(
    ("moment", "words"),
    [
        (datetime(2026, 11, 23, 10, 30, tzinfo=UTC), "today at 12:30"),
        (datetime(2026, 11, 23, 22, 30, tzinfo=UTC), "tomorrow at 00:30"),
        (datetime(2026, 11, 22, 9, 0, tzinfo=UTC), "yesterday at 11:00"),
        (datetime(2026, 12, 1, 9, 0, tzinfo=UTC), "1 Dec at 11:00"),
        (datetime(2027, 1, 2, 9, 0, tzinfo=UTC), "2 Jan 2027 at 11:00"),
    ],
)
def test_moments_in_words(moment: datetime, words: str) -> None:
    assert say_moment(moment, "Africa/Johannesburg", NOW) == words


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (0, "0 s"),
        (59.6, "1 min"),
        (85, "1 min 25 s"),
        (240, "4 min"),
        (7500, "2 h 5 min"),
        (3600, "1 h"),
        (300_000, "3 days"),
    ],
)
def test_durations_in_words(seconds: float, words: str) -> None:
    assert say_duration(seconds) == words


def test_zone_names() -> None:
    assert zone_name("America/Argentina/Buenos_Aires") == "Buenos Aires"
    assert zone_name("UTC") == "UTC"


@pytest.mark.parametrize(
    ("words", "shown"), [("tomorrow at 10:00", "Tomorrow at 10:00"), ("27 Nov at 10:00", "27 Nov at 10:00"), ("", "")]
)
def test_only_the_first_letter_of_a_line_changes(words: str, shown: str) -> None:
    assert begin_sentence(words) == shown
