"""Rate cards: what a message of a category costs in a market from a day on. Pure data, read from dated files.

The built-in cards are the list rates of Meta's USD cards; a workspace may add its own (services/rate_cards.py). A card may
have volume tiers: rates from the n-th charged message of a month on, per market and category.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from functools import cache
from importlib.resources import files

from wotnot.services.pricing.card_files import read_card
from wotnot.services.pricing.markets import OTHER, market_of

CATEGORIES = ("marketing", "utility", "authentication", "authentication_international", "service")
"""What a card has a rate for. `authentication_international` where a market has none is `authentication`."""

CATEGORY_NAMES = {
    "marketing": "Marketing",
    "utility": "Utility",
    "authentication": "Authentication",
    "authentication_international": "Authentication, international",
    "service": "Service",
}
REGULAR = "regular"
FREE_SERVICE_MESSAGES = 1_000
"""Service messages that a number may send in a month for nothing, since 1 October 2026."""

OLD_AFTER_DAYS = 92
"""Meta changes rates on the first day of a quarter; a card that is older was followed by another one."""

# What receipts call these otherwise: Meta's own variants, priced like the category they belong to.
_VARIANTS = {"marketing_lite": "marketing", "referral_conversion": "service"}


@dataclass(frozen=True, slots=True)
class Card:
    """Rates in millionths of `currency` by market and category, valid from `valid_from` on.

    Each rate is a list of (from the n-th message of a month, rate), the first from 0. `key` names the card in addresses.
    """

    key: str
    currency: str
    valid_from: date
    rates: Mapping[str, Mapping[str, Sequence[Sequence[int]]]] = field(repr=False)
    is_builtin: bool = False

    def market_of(self, prefix: str) -> str:
        """The market on this card of somebody, by `markets.prefix_of`."""
        return market_of(prefix, self.rates)

    def tiers(self, market: str, category: str) -> Sequence[Sequence[int]]:
        """The rates of a market and category; empty when the card has none."""
        rates = self.rates.get(market) or self.rates.get(OTHER) or {}
        if category == "authentication_international" and category not in rates:
            category = "authentication"
        return rates.get(category, ())

    def has_tiers(self, market: str, category: str) -> bool:
        """Whether the price depends on how many were sent this month."""
        return len(self.tiers(market, category)) > 1

    def price(self, market: str, category: str, before: int = 0) -> int | None:
        """What one message costs after `before` charged ones of the month; None when the card does not say."""
        found = None
        for start, rate in self.tiers(market, category):
            if start <= before:
                found = rate
        return found

    def total(self, market: str, category: str, count: int, before: int = 0) -> int | None:
        """What `count` messages cost after `before` ones: each at the rate of its own place. None as in `price`."""
        tiers = self.tiers(market, category)
        if not tiers:
            return None
        ends = [*(start for start, _ in tiers[1:]), before + count]
        total = 0
        for (start, rate), end in zip(tiers, ends, strict=True):
            total += rate * max(0, min(end, before + count) - max(start, before))
        return total

    def age(self, today: date) -> int:
        """For how many days it has been valid; negative before that."""
        return (today - self.valid_from).days


@cache
def builtin_cards() -> tuple[Card, ...]:
    """The cards that come with the product, the newest first."""
    folder = files("wotnot.services.pricing") / "data"
    found = []
    for file in folder.iterdir():
        currency, _, day = file.name.removesuffix(".csv").partition("-")
        if day:
            rates = read_card(file.read_text("utf-8")).rates
            found.append(Card(f"{currency}-{day}", currency.upper(), date.fromisoformat(day), rates, is_builtin=True))
    return tuple(sorted(found, key=lambda card: card.valid_from, reverse=True))


def card_for(cards: Sequence[Card], currency: str, day: date) -> Card | None:
    """The newest card of the currency that is valid on `day`; of two with the same date the first in `cards`."""
    valid = [card for card in cards if card.currency == currency and card.valid_from <= day]
    return max(valid, key=lambda card: card.valid_from, default=None)


def tidy_category(told: str) -> str:
    """A category as a receipt tells it, in our words: groups, hyphens and Meta's variants are taken off."""
    word = told.strip().lower().replace("-", "_").removeprefix("group_")
    return _VARIANTS.get(word, word)


def category_name(category: str) -> str:
    """A category as people read it."""
    return CATEGORY_NAMES.get(category, category.replace("_", " ").capitalize())
