"""Quiet hours on other people's clocks: over midnight, in several zones at once, and where summer time begins and ends."""

import itertools
from datetime import UTC, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from wotnot.services.quiet_hours import QuietHours
from wotnot.services.recipient_zones import is_zone, telling_lengths, zones_of

NIGHT = QuietHours(time(21), time(8), "Africa/Johannesburg")
RUSSIA = zones_of("79161234567")
ZONES = ("Africa/Johannesburg", "America/New_York", "Europe/London", "Asia/Kolkata", "Australia/Lord_Howe", "UTC")


def at(local: str, zone: str, fold: int = 0) -> datetime:
    return datetime.fromisoformat(local).replace(tzinfo=ZoneInfo(zone), fold=fold).astimezone(UTC)


@pytest.mark.parametrize(
    ("local", "until"),
    [
        ("2026-11-26 20:59:59", None),
        ("2026-11-26 21:00", "2026-11-27 08:00"),
        ("2026-11-26 23:59", "2026-11-27 08:00"),
        ("2026-11-27 00:00", "2026-11-27 08:00"),
        ("2026-11-27 07:59:59", "2026-11-27 08:00"),
        ("2026-11-27 08:00", None),
    ],
)
def test_a_night_ends_in_the_morning(local: str, until: str | None) -> None:
    zone = "America/New_York"
    assert NIGHT.until((zone,), at(local, zone)) == (at(until, zone) if until else None)


def test_a_rest_at_noon_is_within_a_day() -> None:
    noon = QuietHours(time(12), time(14, 30), "UTC")
    assert noon.until((), at("2026-11-26 13:00", "UTC")) == at("2026-11-26 14:30", "UTC")
    assert noon.until((), at("2026-11-26 21:00", "UTC")) is None


def test_quiet_in_one_of_several_zones_is_quiet() -> None:
    both = ("Europe/London", "Europe/Athens")
    # 20:30 in London is 22:30 in Athens; it is over when it is 8 in London.
    assert NIGHT.until(both, at("2026-11-26 20:30", "Europe/London")) == at("2026-11-27 08:00", "Europe/London")
    assert NIGHT.until(both, at("2026-11-26 18:30", "Europe/London")) is None


def test_a_number_that_may_be_anywhere_goes_by_the_workspaces_clock() -> None:
    anywhere = zones_of("18005550123")
    assert len(anywhere) > 30
    long_night = QuietHours(time(19), time(9), "Africa/Johannesburg")
    assert long_night.until(anywhere, at("2026-11-26 12:00", "Africa/Johannesburg")) is None
    night = at("2026-11-26 22:00", "Africa/Johannesburg")
    assert long_night.until(anywhere, night) == at("2026-11-27 09:00", "Africa/Johannesburg")


def test_a_wide_country_keeps_a_few_hours() -> None:
    open_at = NIGHT.until(RUSSIA, at("2026-11-26 03:00", "Europe/Moscow"))
    assert open_at is not None
    assert all(not NIGHT._is_quiet(zone, open_at) for zone in RUSSIA)


# London: forward on 28 March 2027 from 01:00 to 02:00, back on 25 October 2026 from 02:00 to 01:00.
@pytest.mark.parametrize(
    ("hours", "now", "until"),
    [
        ((time(21), time(8)), at("2026-10-24 22:00", "Europe/London"), at("2026-10-25 08:00", "Europe/London")),
        ((time(21), time(8)), at("2027-03-27 22:00", "Europe/London"), at("2027-03-28 08:00", "Europe/London")),
        # 01:30 does not exist that night: it is over when the clock jumps to 02:00.
        ((time(21), time(1, 30)), at("2027-03-28 00:45", "Europe/London"), at("2027-03-28 02:00", "Europe/London")),
        # 01:30 comes twice: it is quiet before each of them.
        ((time(21), time(1, 30)), at("2026-10-25 01:15", "Europe/London"), at("2026-10-25 01:30", "Europe/London")),
        (
            (time(21), time(1, 30)),
            at("2026-10-25 01:15", "Europe/London", fold=1),
            at("2026-10-25 01:30", "Europe/London", fold=1),
        ),
    ],
)
def test_where_summer_time_begins_and_ends(hours: tuple[time, time], now: datetime, until: datetime) -> None:
    assert QuietHours(*hours, "UTC").until(("Europe/London",), now) == until


def test_the_night_that_loses_an_hour_is_an_hour_shorter() -> None:
    evening = at("2027-03-27 21:00", "Europe/London")
    assert NIGHT.until(("Europe/London",), evening) - evening == timedelta(hours=10)  # type: ignore[operator]


@settings(deadline=None, max_examples=300)
@given(
    st.datetimes(datetime(2026, 1, 1), datetime(2027, 12, 31)),  # noqa: DTZ001 — made aware below
    st.sets(st.sampled_from(ZONES), min_size=1, max_size=3),
    st.times(),
    st.times(),
)
def test_whatever_the_hours_the_moment_after_is_not_quiet(
    moment: datetime, zones: set[str], begin: time, end: time
) -> None:
    begin, end = (one.replace(second=0, microsecond=0) for one in (begin, end))
    if begin == end:
        return
    hours, now, where = QuietHours(begin, end, "UTC"), moment.replace(tzinfo=UTC), tuple(sorted(zones))
    until = hours.until(where, now)
    assert until is None or until > now
    open_at = until or now
    # In a day that is quiet all through for one zone or another, the workspace's own decides.
    assert any(not any(hours._is_quiet(zone, open_at) for zone in asked) for asked in (where, ("UTC",)))


def test_periods_are_what_until_says_and_do_not_overlap() -> None:
    first = at("2026-11-26 12:00", "Europe/London")
    found = list(NIGHT.periods(("Europe/London", "Europe/Athens"), first, first + timedelta(days=3)))
    assert len(found) == 3
    for begin, end in found:
        assert NIGHT.until(("Europe/London", "Europe/Athens"), begin) == end
        assert NIGHT.until(("Europe/London", "Europe/Athens"), begin - timedelta(minutes=1)) is None
    assert all(before[1] < after[0] for before, after in itertools.pairwise(found))


@pytest.mark.parametrize(
    ("phone", "field", "zones"),
    [
        ("27821234567", "", ("Africa/Johannesburg",)),
        ("12125550123", "", ("America/New_York",)),
        ("5511987654321", "", ("America/Sao_Paulo",)),
        ("27821234567", "Asia/Tokyo", ("Asia/Tokyo",)),
        ("27821234567", "Johannesburg time", ("Africa/Johannesburg",)),
        ("ZA.83712", "", ("Africa/Johannesburg",)),
        ("", "", ()),
        ("999", "", ()),
    ],
)
def test_a_field_goes_before_the_number(phone: str, field: str, zones: tuple[str, ...]) -> None:
    assert zones_of(phone, field) == zones


def test_the_first_digits_tell_as_much_as_the_whole_number() -> None:
    lengths = telling_lengths()
    assert lengths["1"] == 7
    assert "27" not in lengths
    assert all(is_zone(zone) for zone in zones_of("12125550123"))
