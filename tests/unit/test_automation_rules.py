"""Which rule answers what."""

from datetime import UTC, datetime, time, timedelta
from types import SimpleNamespace
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from wotnot.models import AutomationKind, KeywordMatch
from wotnot.services import automation_rules as rules
from wotnot.services.automation_rules import BadPattern, Occasion


def keyword(match: KeywordMatch, *words: str) -> Any:
    return SimpleNamespace(kind=AutomationKind.KEYWORD, match=match, words=list(words), body="")


def fits(rule: Any, words: str, *, is_first: bool = False, is_away: bool = False) -> bool:
    return rules.fits(rule, Occasion(words, is_first, is_away))


@pytest.mark.parametrize(
    ("match", "word", "hits", "misses"),
    [
        (KeywordMatch.EXACT, "Hours", ["hours", "HOURS?", " hours! "], ["opening hours", "hour", ""]),
        (KeywordMatch.CONTAINS, "opening hours", ["Your OPENING hours, please?"], ["opening at what hours", "hours"]),
        (KeywordMatch.CONTAINS, "café", ["Is the cafe open?"], ["cafeteria"]),
        (KeywordMatch.STARTS, "price", ["Price of the fern?", "price"], ["What price?", "Pricey"]),
        (KeywordMatch.PATTERN, r"order\s*#?\d+", ["Where is ORDER #4711?"], ["my order"]),
    ],
)
def test_keywords(match: KeywordMatch, word: str, hits: list[str], misses: list[str]) -> None:
    rule = keyword(match, "something else", word)
    assert all(fits(rule, said) for said in hits)
    assert not any(fits(rule, said) for said in misses)


def test_greeting_and_away_look_at_the_occasion_only() -> None:
    greeting, away = SimpleNamespace(kind=AutomationKind.GREETING), SimpleNamespace(kind=AutomationKind.AWAY)
    assert fits(greeting, "", is_first=True)
    assert not fits(greeting, "Hi")
    assert fits(away, "", is_away=True)
    assert not fits(away, "Hi", is_first=True)


HOURS = {0: (time(9), time(17)), 4: (time(9), time.max)}


@pytest.mark.parametrize(
    ("moment", "away"),
    [
        (datetime(2026, 11, 23, 6, 59, tzinfo=UTC), True),  # Monday, 08:59 in Johannesburg
        (datetime(2026, 11, 23, 7, 0, tzinfo=UTC), False),
        (datetime(2026, 11, 23, 14, 59, 59, tzinfo=UTC), False),
        (datetime(2026, 11, 23, 15, 0, tzinfo=UTC), True),
        (datetime(2026, 11, 24, 10, 0, tzinfo=UTC), True),  # Tuesday is closed
        (datetime(2026, 11, 27, 21, 59, 59, tzinfo=UTC), False),  # Friday until midnight
        (datetime(2026, 11, 22, 23, 30, tzinfo=UTC), True),  # Sunday in UTC, Monday 01:30 there
    ],
)
def test_business_hours_are_on_the_clock_of_the_workspace(moment: datetime, away: bool) -> None:
    assert rules.is_away(HOURS, "Africa/Johannesburg", moment) is away


BARS = {4: (time(18), time(2)), 6: (time(20), time(1, 30))}


@pytest.mark.parametrize(
    ("local", "away"),
    [
        ("2026-11-27 01:00", True),  # Friday, and Thursday was closed
        ("2026-11-27 17:59", True),
        ("2026-11-27 18:00", False),
        ("2026-11-28 01:59", False),
        ("2026-11-28 02:00", True),
        ("2026-11-28 18:30", True),  # Saturday's evening is nobody's
        ("2026-11-29 23:59", False),
        ("2026-11-30 01:29", False),  # Sunday's hours end on Monday
        ("2026-11-30 01:30", True),
    ],
)
def test_hours_over_midnight_end_on_the_next_day(local: str, away: bool) -> None:
    zone = "America/New_York"
    moment = datetime.fromisoformat(local).replace(tzinfo=ZoneInfo(zone))
    assert rules.is_away(BARS, zone, moment.astimezone(UTC)) is away


DAY, WEEK = 24 * 60, 7 * 24 * 60
MINUTES = st.integers(0, DAY - 1).map(lambda minute: time(minute // 60, minute % 60))
SPANS = st.tuples(MINUTES, MINUTES | st.just(time.max)).filter(lambda span: span[0] != span[1])
# In each of these weeks the clock is changed: by an hour, by half of one, at two o'clock and at midnight, or not at all.
WEEKS = [
    ("Europe/London", datetime(2027, 3, 25, tzinfo=UTC)),
    ("Europe/London", datetime(2026, 10, 22, tzinfo=UTC)),
    ("America/New_York", datetime(2026, 10, 29, tzinfo=UTC)),
    ("Australia/Lord_Howe", datetime(2027, 4, 1, tzinfo=UTC)),
    ("Africa/Cairo", datetime(2027, 4, 28, tzinfo=UTC)),
    ("Africa/Cairo", datetime(2026, 10, 27, tzinfo=UTC)),
    ("Asia/Kolkata", datetime(2027, 1, 1, tzinfo=UTC)),
]


def minutes_there(hours: rules.Hours) -> set[int]:
    """The minutes of a week in which somebody is there: each day is walked from its opening until the clock shows the end."""
    found: set[int] = set()
    for weekday, (opens, closes) in hours.items():
        end = 0 if closes == time.max else closes.hour * 60 + closes.minute
        minute = weekday * DAY + opens.hour * 60 + opens.minute
        found.add(minute % WEEK)
        while (minute := minute + 1) % DAY != end:
            found.add(minute % WEEK)
    return found


@settings(deadline=None, max_examples=30)
@given(st.dictionaries(st.integers(0, 6), SPANS, min_size=1), st.sampled_from(WEEKS))
def test_whatever_the_hours_every_minute_is_as_the_clock_shows_it(
    hours: rules.Hours, week: tuple[str, datetime]
) -> None:
    zone, begin = week
    there = minutes_there(hours)
    for minute in range(WEEK):
        moment = begin + timedelta(minutes=minute)
        shown = moment.astimezone(ZoneInfo(zone))
        place = shown.weekday() * DAY + shown.hour * 60 + shown.minute
        assert rules.is_away(hours, zone, moment) is (place not in there), f"{shown:%A %H:%M}"


def test_without_hours_the_team_is_always_there() -> None:
    assert not rules.is_away({}, "UTC", datetime(2026, 11, 22, tzinfo=UTC))


@pytest.mark.parametrize(
    "pattern", [r"(a+)+$", r"(.*a){25}", r"(\w+\s?)*!$", r"(x+x+)+y", r"^(([a-z])+.)+[A-Z]([a-z])+$"]
)
def test_patterns_that_would_run_for_ever_elsewhere_end(pattern: str) -> None:
    """Each takes a backtracking engine longer than anybody waits: with one, this test never comes to its end."""
    hostile = ["a" * 1_000 + "?", "ax" * 500 + "\n", "word " * 200 + "?"]
    assert [fits(keyword(KeywordMatch.PATTERN, pattern), words) for words in hostile].count(True) < 3


@pytest.mark.parametrize("pattern", ["(", "[a", "(?=x)", r"(\w)\1", "((a{0,100}){0,100}){0,100}", "x" * 201])
def test_what_cannot_be_read_or_bounded_is_refused_in_words(pattern: str) -> None:
    with pytest.raises(BadPattern, match="pattern"):
        rules.compile_pattern(pattern)


def test_an_answer_is_filled_for_its_reader() -> None:
    body = "Hi {{first_name}}, {{name}}! {{business}}"
    assert rules.fill_name(body, "Naledi Mokoena") == "Hi Naledi, Naledi Mokoena! {{business}}"
    assert rules.fill_name(body, " ") == "Hi there, there! {{business}}"
    assert rules.list_strange_fields("{{first_name}} {{city}} {{ }} {{") == ["city", ""]
