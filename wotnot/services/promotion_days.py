"""Chosen weekdays between two days, at a time on the workspace's clock: which days these are, and how to say it. Pure."""

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from wotnot.errors import Invalid
from wotnot.services.zones import in_zone

WEEKDAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
"""By the number that `date.weekday` answers."""

LONGEST = timedelta(days=366)


def iter_days(first: date, last: date, weekdays: Sequence[int]) -> Iterator[date]:
    """The days from `first` to `last`, both included, that are one of `weekdays` (0 is Monday)."""
    for ahead in range((last - first).days + 1):
        day = first + timedelta(days=ahead)
        if day.weekday() in weekdays:
            yield day


def moment_of(day: date, at_time: time, timezone: str) -> datetime:
    """That time on that day on the clock of `timezone`, in UTC.

    A time that the change to summer time skips is as much later as the clock jumps; one that comes twice is its first occurrence.
    """
    return datetime.combine(day, at_time, ZoneInfo(timezone)).astimezone(UTC)


@dataclass(frozen=True, slots=True)
class Plan:
    """On which days, and when, a promotion is sent."""

    weekdays: tuple[int, ...]
    at_time: time
    first_day: date
    last_day: date

    def days(self) -> list[date]:
        """Every day, also those that have passed."""
        return list(iter_days(self.first_day, self.last_day, self.weekdays))

    def next_after(self, moment: datetime, timezone: str, *, without: Collection[date] = ()) -> date | None:
        """The first day whose time comes after `moment` and that is not one of `without`; None when there is none left."""
        # A day early, because the day of the change may be another one in UTC.
        start = max(self.first_day, in_zone(moment, timezone).date() - timedelta(days=1))
        days = iter_days(start, self.last_day, self.weekdays)
        coming = (day for day in days if day not in without and moment_of(day, self.at_time, timezone) > moment)
        return next(coming, None)


def say_weekdays(weekdays: Sequence[int]) -> str:
    """ "Mondays and Thursdays", "Every day"."""
    names = [f"{WEEKDAYS[one]}s" for one in sorted(set(weekdays))]
    if len(names) == len(WEEKDAYS):
        return "Every day"
    return " and ".join(part for part in (", ".join(names[:-1]), names[-1] if names else "") if part)


def say_span(first: date, last: date) -> str:
    """ "1 Dec to 31 Jan", with the years where they are not the same."""
    is_same = first.year == last.year
    return f"{first:%-d %b}{'' if is_same else f' {first.year}'} to {last:%-d %b %Y}"


def say_day(day: date) -> str:
    """ "Monday, 7 December"."""
    return f"{WEEKDAYS[day.weekday()]}, {day.day} {day:%B}"


def clean_plan(weekdays: Sequence[Any], at_time: time | None, first_day: date | None, last_day: date | None) -> Plan:
    """A plan that can be kept. Raises Invalid by field."""
    errors: dict[str, str] = {}
    if not weekdays or not all(isinstance(one, int) and 0 <= one < len(WEEKDAYS) for one in weekdays):
        errors["weekdays"] = "Choose at least one day of the week."
    if at_time is None:
        errors["at_time"] = "Give the time, such as 09:00."
    if first_day is None:
        errors["first_day"] = "Give the first day."
    if last_day is None:
        errors["last_day"] = "Give the last day."
    if first_day and last_day and not first_day <= last_day:
        errors["last_day"] = "The last day is before the first. Swap them."
    elif first_day and last_day and last_day - first_day > LONGEST:
        errors["last_day"] = "A promotion lasts a year at most. Choose an earlier day."
    if errors or at_time is None or first_day is None or last_day is None:
        raise Invalid(errors)
    return Plan(tuple(sorted(set(weekdays))), at_time.replace(second=0, microsecond=0), first_day, last_day)


def say_plan(plan: Plan, next_day: date | None) -> str:
    """ "Mondays and Thursdays at 09:00, 1 Dec to 31 Jan: 18 broadcasts, the next on Monday, 1 December"."""
    count = len(plan.days())
    days = say_weekdays(plan.weekdays)
    words = f"{days} at {plan.at_time:%H:%M}, {say_span(plan.first_day, plan.last_day)}: "
    words += f"{count} broadcast{'' if count == 1 else 's'}"
    return f"{words}, the next on {say_day(next_day)}" if next_day else words
