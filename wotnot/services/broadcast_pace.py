"""What a draft says about its pace: how long Meta is asked again, quiet hours, the cap, spreading, people a day. Pure."""

from typing import Any

from wotnot.errors import Invalid
from wotnot.models import Broadcast

RETRY_HOURS = (0, 24, 48, 72)
DEFAULT_RETRY_HOURS = 0
MAX_SPREAD_MINUTES = 30 * 24 * 60
MAX_DAILY = 1_000_000_000

FIELDS = ("retry_hours", "sends_in_quiet_hours", "ignores_cap", "spread_minutes", "daily_most")
"""Columns of Broadcast that its author sets."""

NOTHING: dict[str, Any] = {"retry_hours": DEFAULT_RETRY_HOURS, "sends_in_quiet_hours": False, "ignores_cap": False}
"""What a field is when it is given as null; the others are off then."""


def is_spread(broadcast: Broadcast) -> bool:
    """Whether the list is spread over time or days."""
    return bool(broadcast.spread_minutes or broadcast.daily_most)


def clean_pace(name: str, value: Any) -> Any:
    """The value of one of FIELDS, checked. Raises Invalid on it."""
    if name == "retry_hours":
        return _clean_retry(value)
    if name == "spread_minutes":
        return _clean_number(name, value, MAX_SPREAD_MINUTES, "minutes, which are 30 days at most")
    if name == "daily_most":
        return _clean_number(name, value, MAX_DAILY, "people")
    return bool(value)


def _clean_retry(value: Any) -> int:
    if isinstance(value, bool) or value not in RETRY_HOURS:
        raise Invalid({"retry_hours": f"Choose one of {', '.join(map(str, RETRY_HOURS))} hours."})
    return int(value)


def _clean_number(name: str, value: Any, most: int, words: str) -> int:
    if not isinstance(value, int) or isinstance(value, bool) or not 1 <= value <= most:
        raise Invalid({name: f"Give a whole number from 1 to {most:,} {words}, or none."})
    return value
