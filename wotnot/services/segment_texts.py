"""Custom fields are texts; this reads a column of texts as numbers, dates or yes and no, in SQL that never fails.

A text that is no number, or a date that no calendar has, reads as NULL. Every cast stands behind a pattern in a CASE, which
PostgreSQL promises to look at first.
"""

from typing import Any

from sqlalchemy import Numeric, case, cast, func, literal

Sql = Any

SPACES = " \t\n\r"
YES = ("yes", "y", "true", "1", "on", "ja", "oui", "si", "sí", "sim")
NO = ("no", "n", "false", "0", "off", "nein", "nee", "non", "não")

NUMBER_LIKE = "^[+-]?[0-9]"
DAY_LIKE = "^[0-9]"

# 1250.5 · 1,250.50 · 12,5
PLAIN = r"^[+-]?[0-9]{1,18}(\.[0-9]{1,18})?$"
GROUPED = r"^[+-]?[0-9]{1,3}(,[0-9]{3}){1,5}(\.[0-9]{1,18})?$"
COMMA = r"^[+-]?[0-9]{1,18},[0-9]{1,2}$"

# 2026-11-27, with or without a time behind it · 27.11.2026
ISO_DAY = r"^[0-9]{4}-[0-9]{2}-[0-9]{2}([T ].*)?$"
DOTTED_DAY = r"^[0-9]{1,2}\.[0-9]{1,2}\.[0-9]{4}$"
# The whole calendar from the year 1000 on, so that no cast meets a 30th of February.
_LEAP = r"([1-9][0-9](0[48]|[2468][048]|[13579][26])|(1[26]|[2468][048]|[3579][26])00)"
CALENDAR = (
    r"^([1-9][0-9]{3}-((0[13578]|1[02])-(0[1-9]|[12][0-9]|3[01])|(0[469]|11)-(0[1-9]|[12][0-9]|30)|02-(0[1-9]|1[0-9]|2[0-8]))"
    rf"|{_LEAP}-02-29)$"
)


def trimmed(column: Sql) -> Sql:
    """The text without the spaces around it; "" for none."""
    return func.btrim(func.coalesce(column, ""), SPACES)


def number_of(text: Sql) -> Sql:
    """The number that a trimmed text holds, or NULL. Most texts are words, and known to be by one look."""
    number = case(
        (_fits(text, PLAIN), cast(text, Numeric)),
        (_fits(text, GROUPED), cast(func.replace(text, ",", ""), Numeric)),
        (_fits(text, COMMA), cast(func.replace(text, ",", "."), Numeric)),
        else_=None,
    )
    return case((_fits(text, NUMBER_LIKE), number), else_=None)


def day_of(text: Sql) -> Sql:
    """The day that a trimmed text names, as `YYYY-MM-DD`, or NULL; such texts sort as their days do."""

    def part(number: int, width: int) -> Sql:
        return func.lpad(func.split_part(text, ".", number), width, "0")

    dotted = part(3, 4).op("||")("-").op("||")(part(2, 2)).op("||")("-").op("||")(part(1, 2))
    day = case(
        (_fits(text, ISO_DAY), _if_in_calendar(func.left(text, 10))),
        (_fits(text, DOTTED_DAY), _if_in_calendar(dotted)),
        else_=None,
    )
    return case((_fits(text, DAY_LIKE), day), else_=None)


def _if_in_calendar(written: Sql) -> Sql:
    return case((_fits(written, CALENDAR), written), else_=None)


def says(text: Sql, words: tuple[str, ...]) -> Sql:
    """Whether a trimmed text in small letters is one of `words`."""
    return text.in_(words)


def _fits(text: Sql, pattern: str) -> Sql:
    return text.op("~")(literal(pattern))
