"""What becomes of a message after it was accepted: known number endings, the rules of the platform, a percentage mix."""

from __future__ import annotations

import random
from dataclasses import dataclass

from sandbox.model import NO_LIMIT, TIERS, Chat, Message, Waba
from sandbox.settings import Settings
from sandbox.state import window_open


@dataclass(slots=True, frozen=True)
class Fate:
    """`error` fails the message; `last` is the furthest state it reaches otherwise."""

    error: int = 0
    details: str = ""
    last: str = "read"
    skip_delivered: bool = False
    late_s: float = 0.0
    twice: bool = False
    shuffled: bool = False


FINE = Fate()
DELIVERED_ONLY = Fate(last="delivered")
READ_AT_ONCE = Fate(skip_delivered=True)

# Last four digits of the recipient -> what happens by webhook. Listed in README.md.
ENDINGS: dict[str, Fate] = {
    "0001": Fate(last="sent"),
    "0002": DELIVERED_ONLY,
    "0003": READ_AT_ONCE,
    "0004": Fate(late_s=30.0),
    "0008": Fate(twice=True),
    "0009": Fate(shuffled=True),
    "0026": Fate(error=131026),
    "0031": Fate(error=131031),
    "0042": Fate(error=131042),
    "0047": Fate(error=131047),
    "0048": Fate(error=131048),
    "0049": Fate(error=131049),
    "0050": Fate(error=131050),
    "0053": Fate(error=131053),
    "0072": Fate(error=130472),
    "0500": Fate(error=131000),
}

# Last four digits that make a customer show up without a phone number in webhooks.
NAMELESS_ENDING = "0007"

# Last six digits of the recipient -> how the API itself misbehaves. Listed in README.md.
REFUSALS: dict[str, int] = {"990030": 131030, "990056": 131056, "990500": 131000, "990503": 131016, "990429": 130429}

# +1 is shared: these area codes are not in the United States.
_CANADA = (
    "204 226 236 249 250 257 263 289 306 343 354 365 367 368 382 387 403 416 418 428 431 437 438 450 460 "
    "468 474 506 514 519 548 579 581 584 587 604 613 639 647 672 683 705 709 742 753 778 780 782 807 819 "
    "825 867 873 879 902 905 942 "
)
_CARIBBEAN = (
    "242 246 264 268 284 340 345 441 473 649 658 664 670 671 684 721 758 767 784 787 809 829 849 868 869 876 939 "
)
_NOT_US = frozenset((_CANADA + _CARIBBEAN).split())
_MARKETING_ONLY = ("131049", "131050", "130472")
_MESSAGING_LIMIT_S = 24 * 3600


def is_us_number(wa_id: str) -> bool:
    """Whether the digits belong to a number in the United States."""
    return len(wa_id) == 11 and wa_id[0] == "1" and wa_id[1:4] not in _NOT_US


def decide(settings: Settings, waba: Waba, chat: Chat, message: Message, now: float) -> Fate:
    """The fate of a message that was accepted at `now`."""
    if settings.endings:
        fate = ENDINGS.get(chat.wa_id[-4:])
        if fate is not None:
            return fate
    code = _by_rule(settings, waba, chat, message, now)
    if code:
        return Fate(error=code)
    if settings.failure_percent:
        marketing = message.template is not None and message.template.category == "MARKETING"
        code = draw(settings.failure_percent, marketing=marketing)
        if code:
            return Fate(error=code)
    return _how_far(settings)


def _by_rule(settings: Settings, waba: Waba, chat: Chat, message: Message, now: float) -> int:
    """The error that the platform's own rules give, or 0."""
    template = message.template
    is_open = window_open(chat, now)
    if template is None:
        return 0 if is_open else 131047
    if template.category == "MARKETING":
        if chat.marketing_stopped:
            return 131050
        if settings.us_marketing_block and is_us_number(chat.wa_id):
            return 131049
    if settings.enforce_messaging_limit and not is_open and not _within_tier(waba, chat.wa_id, now):
        return 131048
    return 0


def _within_tier(waba: Waba, wa_id: str, now: float) -> bool:
    """Count a person reached outside a window; False when the account's rolling 24-hour limit is used up."""
    limit = TIERS.get(waba.tier, NO_LIMIT)
    reached = waba.reached
    while reached:
        oldest = next(iter(reached))
        if reached[oldest] > now - _MESSAGING_LIMIT_S:
            break
        del reached[oldest]
    if wa_id not in reached and len(reached) >= limit:
        return False
    reached.setdefault(wa_id, now)
    return True


def _how_far(settings: Settings) -> Fate:
    if settings.read_percent < 100 and random.random() * 100 >= settings.read_percent:
        return DELIVERED_ONLY
    if settings.skip_delivered_percent and random.random() * 100 < settings.skip_delivered_percent:
        return READ_AT_ONCE
    return FINE


def draw(mix: dict[str, float], *, marketing: bool = True) -> int:
    """A code drawn from a percentage mix, or 0. Codes that only hit marketing leave the rest alone."""
    point = random.random() * 100
    for code, share in mix.items():
        if point < share:
            return 0 if code in _MARKETING_ONLY and not marketing else int(code)
        point -= share
    return 0
