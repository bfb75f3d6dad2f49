"""What happens by itself after each of Meta's refusals. With the words of `error_codes.py` it is the whole plan for errors.

The kind of a code settles it, as the sender's verdicts do; only the exceptions are named here. Source: Meta's error reference.
"""

from dataclasses import dataclass
from enum import StrEnum

from wotnot.services.whatsapp.error_codes import PERMISSION_CODES, TABLE, UNKNOWN_WORDS, ErrorKind, plain_words

LATER_HOURS = 24
"""Meta's advice for what it holds back: not before a day has passed, or it blocks that person for another one."""

MOST_LATER = 3
SOON_SECONDS = (60, 300, 1500)
"""When a message that Meta took and lost through a fault of its own is tried again: after its failure, each time longer."""


class Action(StrEnum):
    """soon: again within seconds or minutes, with growing pauses · later: again daily, as long as the broadcast says · never ·
    suppress: not now, and the person is remembered · stop: the broadcast pauses, nobody else would get it either."""

    SOON = "soon"
    LATER = "later"
    NEVER = "never"
    SUPPRESS = "suppress"
    STOP = "stop"


@dataclass(frozen=True, slots=True)
class PlanLine:
    """One row of the plan: `code` as people write it, what it means, what we do, and what the person can do."""

    code: str
    title: str
    action: Action
    advice: str


ACTION_WORDS: dict[Action, tuple[str, str]] = {
    Action.SOON: ("Tried again soon", "After seconds, then minutes, with growing pauses and a limit."),
    Action.LATER: (
        "Tried again daily",
        "After 24, 48 and 72 hours, where the broadcast says so on its When page; then it stays failed.",
    ),
    Action.SUPPRESS: ("Remembered", "Not tried again, and noted with the person for the next broadcast."),
    Action.NEVER: ("Not tried again", "This message failed; the others go on. You can retry it yourself."),
    Action.STOP: ("The broadcast stops", "It pauses with the reason, because nobody else would get it either."),
}
"""For people: a name, and what it means."""

_BY_KIND = {
    ErrorKind.THROTTLED: Action.SOON,
    ErrorKind.TRANSIENT: Action.SOON,
    ErrorKind.DEFERRED: Action.LATER,
    ErrorKind.RECIPIENT: Action.NEVER,
    ErrorKind.CONTENT: Action.NEVER,
    ErrorKind.OPTED_OUT: Action.SUPPRESS,
    ErrorKind.AUTH: Action.STOP,
    ErrorKind.POLICY: Action.STOP,
    ErrorKind.TEMPLATE: Action.STOP,
}
_NOT_REACHABLE = 131026
_HELD_BACK = 131049
_COUNTRY_REFUSED = 130497
# Who is not reachable counts as such in later broadcasts. Those about registering a number answer no message.
_EXCEPTIONS = {
    _NOT_REACHABLE: Action.SUPPRESS,
    **dict.fromkeys((133008, 133009, 133015, 133016), Action.NEVER),
}
_THEIR_OWN = frozenset({ErrorKind.RECIPIENT, ErrorKind.OPTED_OUT})


def action_of(code: int | None) -> Action:
    """What happens after a refusal with `code`; one that is not known fails its message only."""
    if code in _EXCEPTIONS:
        return _EXCEPTIONS[code]
    if code in TABLE:
        return _BY_KIND[TABLE[code].kind]
    return Action.STOP if code is not None and code in PERMISSION_CODES else Action.NEVER


def is_ours(code: int | None) -> bool:
    """Whether a failure says something about what or how we send, and not about the one person who did not get it."""
    if code == _HELD_BACK:
        return False
    return code == _COUNTRY_REFUSED or code not in TABLE or TABLE[code].kind not in _THEIR_OWN


def codes_of(action: Action) -> list[int]:
    """The codes of the table with this action."""
    return [code for code in TABLE if action_of(code) is action]


def list_plan(search: str = "") -> list[PlanLine]:
    """Every code with its words, by what happens and then by number; with `search` those whose code or words have it."""
    lines = [_line(str(code), code) for code in sorted(TABLE)]
    lines.append(_line("200–299", PERMISSION_CODES.start))
    lines.append(PlanLine("any other", UNKNOWN_WORDS.title, Action.NEVER, UNKNOWN_WORDS.advice))
    wanted = search.casefold().strip()
    found = [line for line in lines if wanted in f"{line.code} {line.title} {line.advice}".casefold()]
    return sorted(found, key=lambda line: list(ACTION_WORDS).index(line.action))


def _line(name: str, code: int) -> PlanLine:
    words = plain_words(code)
    return PlanLine(name, words.title, action_of(code), words.advice)
