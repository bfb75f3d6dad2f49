"""The group "Pace" of the When page: from a form to what a draft says, and back to what the form shows."""

from collections.abc import Mapping
from typing import Any

from werkzeug.datastructures import MultiDict

from wotnot.errors import Invalid
from wotnot.models import Broadcast
from wotnot.services import pace_settings
from wotnot.services.broadcast_pace import DEFAULT_RETRY_HOURS, RETRY_HOURS
from wotnot.services.pace_settings import PaceSetup
from wotnot.services.quiet_rows import is_marketing
from wotnot.services.zones import say_duration

_HOURS, _DAYS = "hours", "days"
_UNITS = {_HOURS: 60, _DAYS: 24 * 60}
UNIT_CHOICES = [(_HOURS, "hours"), (_DAYS, "days")]
RETRY_CHOICES = [(0, "Do not ask again")] + [
    (hours, f"Ask again daily, for {hours} hours at most") for hours in RETRY_HOURS if hours
]
LABELS = {
    "spread_amount": "Spread over",
    "spread_minutes": "Spread over",
    "daily_most": "People a day",
    "retry_hours": "Whom Meta holds back",
}


AT_ONCE = "As fast as the number may."


def read_pace(form: MultiDict[str, str]) -> dict[str, Any]:
    """The fields of the group, if it was on the page; a box that is not ticked sends nothing by itself. Raises Invalid."""
    if not form.get("has_pace"):
        return {}
    found: dict[str, Any] = {"retry_hours": form.get("retry_hours", DEFAULT_RETRY_HOURS, type=int)}
    errors: dict[str, str] = {}
    for name, read in (("spread_amount", _read_spread), ("daily_most", _read_daily)):
        try:
            found |= read(form.get(name, "").strip(), form)
        except ValueError as error:
            errors[name] = str(error)
    if errors:
        raise Invalid(errors)
    for name in ("sends_in_quiet_hours", "ignores_cap"):
        if form.get(f"has_{name}"):
            found[name] = bool(form.get(name))
    return found


def pace_values(broadcast: Broadcast) -> dict[str, Any]:
    """What the form shows for a draft."""
    minutes = broadcast.spread_minutes or 0
    unit = _DAYS if minutes and minutes % _UNITS[_DAYS] == 0 else _HOURS
    amount = f"{minutes / _UNITS[unit]:.2f}".rstrip("0").rstrip(".") if minutes else ""
    return {
        "spread_amount": amount,
        "spread_unit": unit,
        "daily_most": broadcast.daily_most or "",
        "retry_hours": broadcast.retry_hours,
        "sends_in_quiet_hours": broadcast.sends_in_quiet_hours,
        "ignores_cap": broadcast.ignores_cap,
    }


def pace_page(broadcast: Broadcast, values: Mapping[str, Any], *, has_errors: bool) -> dict[str, Any]:
    """What the page needs beside the values: choices, what the workspace chose, and whether the group is unfolded."""
    setup = pace_settings.setup_of(broadcast)
    chosen = values.get("spread_amount") or values.get("daily_most") or values.get("sends_in_quiet_hours")
    changed = str(values.get("retry_hours", DEFAULT_RETRY_HOURS)) != str(DEFAULT_RETRY_HOURS)
    return {
        "pace_setup": setup,
        "pace_words": say_pace(broadcast, setup),
        "pace_open": bool(has_errors or chosen or values.get("ignores_cap") or changed),
        "keeps_quiet": setup.has_quiet_hours and (setup.quiet_all or is_marketing(broadcast)),
        "has_cap": setup.cap_messages is not None and is_marketing(broadcast),
        "unit_choices": UNIT_CHOICES,
        "retry_choices": RETRY_CHOICES,
        "pace_labels": LABELS,
    }


def say_pace(broadcast: Broadcast, setup: PaceSetup) -> str:
    """A draft's pace in a sentence, for the head of the group and the check page."""
    parts = []
    if broadcast.spread_minutes:
        parts.append(f"spread evenly over {say_duration(60 * broadcast.spread_minutes)}")
    if broadcast.daily_most:
        parts.append(f"at most {broadcast.daily_most:,} people a day")
    words = ", ".join(parts) or AT_ONCE.lower().rstrip(".")
    keeps = setup.has_quiet_hours and (setup.quiet_all or is_marketing(broadcast))
    if keeps and not broadcast.sends_in_quiet_hours:
        words += f"; not from {setup.quiet_from:%H:%M} to {setup.quiet_to:%H:%M} where people are"
    return words[:1].upper() + words[1:] + "."


def _read_spread(typed: str, form: MultiDict[str, str]) -> dict[str, Any]:
    if not typed:
        return {"spread_minutes": None}
    unit = _UNITS.get(form.get("spread_unit", _HOURS), _UNITS[_HOURS])
    try:
        amount = float(typed.replace(",", "."))
    except ValueError:
        raise ValueError("Give a number of hours or days, such as 4.") from None
    if not 0 < amount * unit <= 30 * _UNITS[_DAYS] or round(amount * unit) < 1:
        raise ValueError("Spread it over a minute at least and 30 days at most, or leave it empty.")
    return {"spread_minutes": round(amount * unit)}


def _read_daily(typed: str, _form: MultiDict[str, str]) -> dict[str, Any]:
    if not typed:
        return {"daily_most": None}
    digits = typed.replace(",", "").replace(" ", "")
    if not digits.isascii() or not digits.isdecimal() or not 1 <= int(digits[:12]) <= 1_000_000_000:
        raise ValueError("Give a whole number of people, such as 5,000, or leave it empty.")
    return {"daily_most": int(digits)}
