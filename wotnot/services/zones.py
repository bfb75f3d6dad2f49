"""Moments as people say them, in the workspace's time zone. Pure."""

from datetime import UTC, date, datetime, time
from zoneinfo import ZoneInfo

_MINUTE, _HOUR, _DAY = 60, 3600, 86400


class LocalTimeError(ValueError):
    """The text is not a moment in that zone. The message is a sentence for a person."""


def in_zone(moment: datetime, timezone: str) -> datetime:
    """The same moment on the clock of `timezone` (IANA name)."""
    return moment.astimezone(ZoneInfo(timezone))


def parse_local(day: str, clock: str, timezone: str) -> datetime:
    """`2026-11-27` and `10:00` on the clock of `timezone`, as an aware moment in UTC.

    Raises LocalTimeError for what is no date or time, and for a time that the change to summer time skips. A time that
    the change back makes happen twice is its first occurrence.
    """
    try:
        local = datetime.combine(date.fromisoformat(day.strip()), time.fromisoformat(clock.strip()))
    except ValueError:
        raise LocalTimeError("Give a date and a time, such as 27 November 2026 and 10:00.") from None
    if local.tzinfo is not None:
        raise LocalTimeError("Give the time without an offset; it is the workspace's own.")
    moment = local.replace(tzinfo=ZoneInfo(timezone)).astimezone(UTC)
    shown = in_zone(moment, timezone).replace(tzinfo=None)
    if shown != local:
        raise LocalTimeError(
            f"{local:%H:%M} does not exist on {local:%-d %B %Y} in {zone_name(timezone)}: clocks go forward then. "
            f"Choose {shown:%H:%M}."
        )
    return moment


def is_repeated(moment: datetime, timezone: str) -> bool:
    """Whether the clock shows this time twice that day, because summer time ends."""
    local = in_zone(moment, timezone)
    return local.replace(fold=0).utcoffset() != local.replace(fold=1).utcoffset()


def zone_name(timezone: str) -> str:
    """The zone as people say it: "Africa/Johannesburg" → "Johannesburg"; "UTC" stays."""
    return timezone.rsplit("/", maxsplit=1)[-1].replace("_", " ")


def say_moment(moment: datetime, timezone: str, now: datetime) -> str:
    """ "today at 10:00", "tomorrow at 10:00", "27 Nov at 10:00", with the year when it is another one."""
    local, today = in_zone(moment, timezone), in_zone(now, timezone).date()
    days = (local.date() - today).days
    if days in {-1, 0, 1}:
        return f"{('yesterday', 'today', 'tomorrow')[days + 1]} at {local:%H:%M}"
    year = "" if local.year == today.year else f" {local.year}"
    return f"{local:%-d %b}{year} at {local:%H:%M}"


def begin_sentence(words: str) -> str:
    """The same words with a capital at the start; `str.capitalize` would write "27 nov"."""
    return words[:1].upper() + words[1:]


def say_duration(seconds: float) -> str:
    """ "25 s", "4 min 3 s", "2 h 5 min", "3 days": the two largest units that matter."""
    total = max(0, round(seconds))
    if total < _MINUTE:
        return f"{total} s"
    if total < _HOUR:
        return f"{total // _MINUTE} min" + (f" {total % _MINUTE} s" if total % _MINUTE else "")
    if total < 2 * _DAY:
        minutes = total % _HOUR // _MINUTE
        return f"{total // _HOUR} h" + (f" {minutes} min" if minutes else "")
    return f"{round(total / _DAY)} days"
