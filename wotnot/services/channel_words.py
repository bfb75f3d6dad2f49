"""What a number's facts mean in words: its limit, its pace, its number as people write it. Pure."""

from wotnot.services.phone_numbers import format_phone

_LIMITS = {
    "TIER_50": 50,
    "TIER_250": 250,
    "TIER_1K": 1_000,
    "TIER_2K": 2_000,
    "TIER_10K": 10_000,
    "TIER_100K": 100_000,
}
_SECONDS_A_MINUTE = 60
_SECONDS_AN_HOUR = 3600
_WORTH_SECONDS = 90
_WORTH_MINUTES = 2 * _SECONDS_AN_HOUR


def limit_words(messaging_limit: str) -> str:
    """Meta's limit on how many people may be written to first, such as "10,000 people in 24 hours"."""
    if messaging_limit in _LIMITS:
        return f"{_LIMITS[messaging_limit]:,} people in 24 hours"
    if messaging_limit.endswith("UNLIMITED"):
        return "No limit"
    return messaging_limit.replace("_", " ").capitalize() if messaging_limit else "Not told by Meta"


def pace_words(count: int, rate_per_second: int) -> str:
    """How long `count` messages take at a rate, rounded as people would say it: "4 minutes"."""
    seconds = max(1, round(count / rate_per_second))
    if seconds < _WORTH_SECONDS:
        return f"{seconds} second{'' if seconds == 1 else 's'}"
    if seconds < _WORTH_MINUTES:
        return f"{round(seconds / _SECONDS_A_MINUTE)} minutes"
    return f"{seconds / _SECONDS_AN_HOUR:.1f} hours".replace(".0", "")


def show_number(number: str) -> str:
    """A number as Meta displays it or as digits, in international form."""
    digits = "".join(sign for sign in number if sign.isdecimal())
    return format_phone(digits) if digits else number
