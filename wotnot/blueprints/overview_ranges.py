"""Which days the overview is about: presets and days of one's own, and what they are compared with. All of it in the address."""

from dataclasses import dataclass
from datetime import date, timedelta
from urllib.parse import urlencode

from flask import request

from wotnot.errors import Invalid
from wotnot.models import Workspace
from wotnot.services import reports
from wotnot.services.reports import Period

LAST_DAYS = {7: "Last 7 days", 30: "Last 30 days", 90: "Last 90 days"}
PRESETS = {
    "today": "Today",
    "7": LAST_DAYS[7],
    "30": LAST_DAYS[30],
    "90": LAST_DAYS[90],
    "this-month": "This month",
    "last-month": "Last month",
}
_FIRST = "30"


@dataclass(frozen=True, slots=True)
class Range:
    """The days (`period`), those they are compared with (`before`), and both in words: "in the 30 days before".

    `query` is what asks for the same in an address; `name` is the preset, empty for days of one's own.
    """

    name: str
    words: str
    period: Period
    before: Period
    before_words: str
    query: str


def range_of(workspace: Workspace) -> Range:
    """What this request asks for; the last 30 days when it asks for nothing that makes sense. Raises Invalid for own days."""
    today = reports.today_in(workspace)
    if request.args.get("from") or request.args.get("to"):
        return _own_days(workspace)
    name = request.args.get("period") or request.args.get("days") or _FIRST
    name = name if name in PRESETS else _FIRST
    if name == "today":
        yesterday = today - timedelta(days=1)
        return _preset(name, Period(today, today), Period(yesterday, yesterday), "yesterday")
    if name.endswith("month"):
        return _month(name, today)
    period = Period(today - timedelta(days=int(name) - 1), today)
    return _preset(name, period, period.before(), f"in the {name} days before")


def preset_query(name: str) -> str:
    """What asks for a preset."""
    return f"days={name}" if name.isdecimal() else f"period={name}"


def _preset(name: str, period: Period, before: Period, words: str) -> Range:
    return Range(name, PRESETS[name], period, before, words, preset_query(name))


def _month(name: str, today: date) -> Range:
    """This month so far is compared with as many days of last month, a whole one with the one before it."""
    first = today.replace(day=1)
    last_month = (first - timedelta(days=1)).replace(day=1)
    if name == "this-month":
        end = min(last_month + timedelta(days=today.day - 1), first - timedelta(days=1))
        days = (end - last_month).days + 1
        words = f"in the first {days} days of {last_month:%B}" if days > 1 else f"on 1 {last_month:%B}"
        return _preset(name, Period(first, today), Period(last_month, end), words)
    earlier = (last_month - timedelta(days=1)).replace(day=1)
    whole = Period(last_month, first - timedelta(days=1))
    return _preset(name, whole, Period(earlier, last_month - timedelta(days=1)), f"in {earlier:%B}")


def _own_days(workspace: Workspace) -> Range:
    period = reports.period_of(workspace, day_of("from"), day_of("to"))
    words = f"{period.first:%-d %B} to {period.last:%-d %B}"
    before = f"in the {period.length} days before" if period.length > 1 else "the day before"
    query = urlencode({"from": period.first.isoformat(), "to": period.last.isoformat()})
    return Range("", words, period, period.before(), before, query)


def day_of(name: str) -> date | None:
    """The day in the query under `name`. Raises Invalid."""
    text = request.args.get(name, "").strip()
    try:
        return date.fromisoformat(text) if text else None
    except ValueError:
        raise Invalid({name: "Give a day as year-month-day, such as 2026-11-26."}) from None
