"""In which time zone somebody is, as far as their number or a field tells. A leaf.

A number tells its country, in some countries the place. Where several zones are possible all of them are answered, so that
who asks can be careful for each. The tables are those of the `phonenumbers` library.
"""

from collections.abc import Sequence
from functools import cache, lru_cache
from zoneinfo import ZoneInfo, available_timezones

import phonenumbers
from phonenumbers import COUNTRY_CODE_TO_REGION_CODE, NumberParseException
from phonenumbers.timezone import UNKNOWN_TIMEZONE, time_zones_for_number
from phonenumbers.tzdata import TIMEZONE_DATA

from wotnot.services.zone_countries import countries_by_zone

CODE_LENGTH = 3
"""A calling code has at most so many digits."""


@lru_cache(maxsize=200_000)
def zones_of(phone: str, field: str = "") -> tuple[str, ...]:
    """The IANA zones in which the owner of E.164 digits (or of a user id such as US.123) may be; none if nothing tells.

    `field` is what a custom field says, which goes first where it names a zone.
    """
    if field and is_zone(field):
        return (field,)
    if not phone[:1].isdecimal():
        return _zones_of_country(phone[:2]) if phone[2:3] == "." else ()
    try:
        zones = time_zones_for_number(phonenumbers.parse(f"+{phone}"))
    except NumberParseException:
        return ()
    return tuple(zone for zone in zones if zone != UNKNOWN_TIMEZONE and is_zone(zone))


@lru_cache(maxsize=2_000)
def is_zone(name: str) -> bool:
    """Whether `name` is a time zone such as Africa/Johannesburg."""
    return name in available_timezones() and ZoneInfo(name) is not None


@cache
def telling_lengths() -> dict[str, int]:
    """Calling code → how many first digits of its numbers tell the zone, for countries with several zones.

    For all others the code alone does.
    """
    by_code: dict[str, dict[str, Sequence[str]]] = {}
    for prefix, zones in TIMEZONE_DATA.items():
        by_code.setdefault(_code_of(prefix), {})[prefix] = zones
    several = {code: found for code, found in by_code.items() if len(set(map(tuple, found.values()))) > 1}
    return {code: max(map(len, found)) for code, found in several.items()}


def _code_of(prefix: str) -> str:
    return next(
        prefix[:length] for length in range(1, CODE_LENGTH + 1) if int(prefix[:length]) in COUNTRY_CODE_TO_REGION_CODE
    )


@cache
def _zones_of_country(country: str) -> tuple[str, ...]:
    return tuple(sorted(zone for zone, where in countries_by_zone().items() if where == country and is_zone(zone)))
