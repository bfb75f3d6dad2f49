"""Chosen weekdays at a time on the workspace's clock, over changes to and from summer time, and how they are said."""

from datetime import UTC, date, datetime, time, timedelta

import pytest

from wotnot.errors import Invalid
from wotnot.services.promotion_days import Plan, clean_plan, iter_days, moment_of, say_plan, say_span, say_weekdays

PLAN = Plan((0, 3), time(9), date(2026, 12, 1), date(2027, 1, 31))


def test_a_plan_in_words() -> None:
    words = say_plan(PLAN, PLAN.days()[0])
    assert words == (
        "Mondays and Thursdays at 09:00, 1 Dec 2026 to 31 Jan 2027: 17 broadcasts, the next on Thursday, 3 December"
    )
    assert say_plan(Plan((2,), time(9), date(2026, 12, 2), date(2026, 12, 8)), None) == (
        "Wednesdays at 09:00, 2 Dec to 8 Dec 2026: 1 broadcast"
    )


def test_weekdays_and_spans_in_words() -> None:
    assert say_weekdays([6, 0, 2, 0]) == "Mondays, Wednesdays and Sundays"
    assert say_weekdays(range(7)) == "Every day"
    assert say_span(date(2026, 12, 1), date(2026, 12, 31)) == "1 Dec to 31 Dec 2026"


def test_both_ends_count() -> None:
    days = list(iter_days(date(2026, 11, 30), date(2026, 12, 14), (0,)))
    assert days == [date(2026, 11, 30), date(2026, 12, 7), date(2026, 12, 14)]


@pytest.mark.parametrize(
    ("day", "at", "utc"),
    [
        (date(2027, 3, 27), time(9), "08:00"),
        (date(2027, 3, 28), time(9), "07:00"),
        (date(2027, 3, 28), time(2, 30), "01:30"),  # skipped: the clock shows 03:30 then
        (date(2026, 10, 24), time(9), "07:00"),
        (date(2026, 10, 25), time(9), "08:00"),
        (date(2026, 10, 25), time(2, 30), "00:30"),  # comes twice: the first one
    ],
)
def test_the_clock_on_the_wall_stays_over_the_change(day: date, at: time, utc: str) -> None:
    assert f"{moment_of(day, at, 'Europe/Berlin'):%H:%M}" == utc


@pytest.mark.parametrize("zone", ["Pacific/Kiritimati", "Pacific/Pago_Pago", "Africa/Johannesburg", "America/New_York"])
def test_the_next_day_is_the_first_whose_moment_is_to_come(zone: str) -> None:
    plan = Plan((0, 2, 6), time(0, 15), date(2026, 3, 1), date(2026, 11, 30))
    for hour in range(0, 24 * 300, 7):
        moment = datetime(2026, 2, 20, tzinfo=UTC) + timedelta(hours=hour)
        days = [day for day in plan.days() if moment_of(day, plan.at_time, zone) > moment]
        assert plan.next_after(moment, zone) == (days[0] if days else None)


@pytest.mark.parametrize(
    ("changed", "field"),
    [
        ({"weekdays": []}, "weekdays"),
        ({"weekdays": [7]}, "weekdays"),
        ({"at_time": None}, "at_time"),
        ({"first_day": None}, "first_day"),
        ({"last_day": date(2026, 11, 1)}, "last_day"),
        ({"last_day": date(2028, 11, 1)}, "last_day"),
    ],
)
def test_what_is_no_plan(changed: dict[str, object], field: str) -> None:
    given = {"weekdays": [0], "at_time": time(9), "first_day": date(2026, 12, 1), "last_day": date(2026, 12, 31)}
    with pytest.raises(Invalid) as refusal:
        clean_plan(**given | changed)  # type: ignore[arg-type]
    assert list(refusal.value.errors) == [field]
