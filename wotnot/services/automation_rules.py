"""Which rule answers a message. Pure: what is known about the message comes in, the rule goes out.

Patterns run on RE2, which reads a text once whatever the pattern: there is none that a message could make slow.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, time
from functools import lru_cache
from typing import Any, Protocol
from zoneinfo import ZoneInfo

import re2

from wotnot.models import AutomationKind, KeywordMatch
from wotnot.services.personalise import first_name
from wotnot.services.plain_words import begins, holds, plain

MAX_PATTERN, MAX_READ = 200, 1_000
"""The lengths of a pattern, and of the part of a message that it reads."""

PATTERN_MEMORY = 1 << 20
NOBODYS_NAME = "there"
FIELDS = ("first_name", "name", "business")

Span = tuple[time, time]
Hours = Mapping[int, Span]
"""Opening and closing by weekday, 0 for Monday; a day that is missing is closed. Nothing at all means always open.

A closing time before the opening time is on the next day: (18:00, 02:00) on a Friday ends on Saturday.
"""


class Rule(Protocol):
    """What deciding needs to know about a rule; an Automation fits."""

    @property
    def kind(self) -> AutomationKind: ...
    @property
    def match(self) -> KeywordMatch | None: ...
    @property
    def words(self) -> list[str]: ...
    @property
    def body(self) -> str: ...


@dataclass(frozen=True, slots=True)
class Occasion:
    """A message that may be answered: its words, whether it is its writer's first ever, and whether the team is away."""

    words: str
    is_first: bool
    is_away: bool


class BadPattern(ValueError):  # noqa: N818 — named for what it is
    """The pattern cannot be used. The message is a sentence for a person."""


def fits(rule: Rule, occasion: Occasion) -> bool:
    """Whether the rule answers on this occasion."""
    if rule.kind is AutomationKind.GREETING:
        return occasion.is_first
    if rule.kind is AutomationKind.AWAY:
        return occasion.is_away
    return _has_keyword(rule, occasion.words)


def is_away(hours: Hours, timezone: str, moment: datetime) -> bool:
    """Whether `moment` is outside the hours, by what a clock on a wall in `timezone` shows.

    Where summer time ends the clock shows an hour twice, and both count alike.
    """
    if not hours:
        return False
    local = moment.astimezone(ZoneInfo(timezone))
    weekday, clock = local.weekday(), local.time()
    return not (_has_begun(hours.get(weekday), clock) or _goes_on(hours.get((weekday - 1) % 7), clock))


def _has_begun(today: Span | None, clock: time) -> bool:
    """Whether the team is there by the hours that begin today."""
    if today is None:
        return False
    opens_at, closes_at = today
    return opens_at <= clock and (clock < closes_at or closes_at < opens_at)


def _goes_on(yesterday: Span | None, clock: time) -> bool:
    """Whether the team is still there by the hours that began yesterday."""
    return yesterday is not None and yesterday[1] < yesterday[0] and clock < yesterday[1]


def compile_pattern(pattern: str) -> Any:
    """The pattern, ready to search, whatever the case. Raises BadPattern."""
    if len(pattern) > MAX_PATTERN:
        raise BadPattern(f"A pattern has at most {MAX_PATTERN} characters.")
    return _compiled(pattern)


def fill_name(body: str, name: str) -> str:
    """The answer with `{{first_name}}` and `{{name}}` filled for one person; `{{business}}` stays for the ledger to fill."""
    values = {"first_name": first_name(name) or NOBODYS_NAME, "name": name.strip() or NOBODYS_NAME}
    for field, value in values.items():
        body = body.replace("{{" + field + "}}", value)
    return body


def _has_keyword(rule: Rule, words: str) -> bool:
    if rule.match is KeywordMatch.PATTERN:
        return any(_finds(pattern, words) for pattern in rule.words)
    said, wanted = plain(words), [plain(word) for word in rule.words]
    if rule.match is KeywordMatch.EXACT:
        return said in wanted
    test = begins if rule.match is KeywordMatch.STARTS else holds
    return any(test(said, word) for word in wanted)


def _finds(pattern: str, words: str) -> bool:
    return compile_pattern(pattern).search(words[:MAX_READ]) is not None


@lru_cache(maxsize=512)
def _compiled(pattern: str) -> Any:
    options = re2.Options()
    options.case_sensitive, options.log_errors, options.max_mem = False, False, PATTERN_MEMORY
    try:
        return re2.compile(pattern, options)
    except re2.error as error:
        reason = error.args[0].decode(errors="replace") if isinstance(error.args[0], bytes) else str(error)
        raise BadPattern(f"This pattern cannot be read: {reason}.") from error


def list_strange_fields(body: str) -> Sequence[str]:
    """What stands in {{…}} and is none of FIELDS."""
    inside = [part.split("}}", 1)[0].strip() for part in body.split("{{")[1:] if "}}" in part]
    return [name for name in inside if name not in FIELDS]
