"""What the cost pages say, made of amounts: comparisons in words, the chart's series, ranked rows. No request, no database."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal
from typing import Any

from wotnot.services.cost_reports import NOTHING, Amount, MonthFigures, MonthOfCategories
from wotnot.services.pricing.cards import OLD_AFTER_DAYS, Card
from wotnot.services.pricing.markets import country_name
from wotnot.services.pricing.money import MILLION, say_money

Address = Callable[..., str]
"""Says the address of a page or list with some of its filters changed."""

# (word, colour, the categories in it): what the bars are made of, from the bottom.
_PARTS = (
    ("Marketing", "k1", ("marketing",)),
    ("Utility", "k2", ("utility",)),
    ("Authentication", "k5", ("authentication", "authentication_international")),
    ("Service and other", "k4", ()),
)


@dataclass(frozen=True, slots=True)
class Row:
    """A line of a ranked table: its words and where they lead, what it cost and where the list of that is."""

    words: str
    url: str
    amount: Amount
    list_url: str


def month_words(day: date) -> str:
    """October 2026."""
    return f"{day:%B %Y}"


def comparison(figures: MonthFigures, currency: str) -> tuple[str, str]:
    """This month so far against the same days of last month: in words, and `up`, `down`, `flat` or ""."""
    name = f"{figures.today.replace(day=1) - timedelta(days=1):%B}"
    if not figures.same_days_before:
        return f"nothing in the same days of {name}", ""
    more = figures.spent - figures.same_days_before
    if not more:
        return f"as much as in the same days of {name}", "flat"
    word = "more" if more > 0 else "less"
    return f"{say_money(abs(more), currency)} {word} than in the same days of {name}", "up" if more > 0 else "down"


def chart_of(months: Sequence[MonthOfCategories], currency: str, listed: Address) -> dict[str, Any]:
    """Stacked bars by month and category, and one sentence that says what they show. Each amount leads to its list."""
    named = {category for _, _, categories in _PARTS for category in categories}
    series = []
    for word, colour, categories in _PARTS:
        micros = [_sum(month.by_category, categories, named) for month in months]
        part = ",".join(categories or sorted({one for month in months for one in month.by_category} - named))
        if any(micros) or colour == "k1":
            series.append(
                {
                    "label": word,
                    "colour": colour,
                    "data": [float(Decimal(one) / MILLION) for one in micros],  # only to be drawn
                    "texts": [say_money(one, currency) for one in micros],
                    "total": say_money(sum(micros), currency),
                    "url": _days_url(listed, part, months[0].month, months[-1].month),
                    "urls": [_days_url(listed, part, one.month, one.month) for one in months],
                }
            )
    return {
        "labels": [f"{month.month:%b}" for month in months],
        "titles": [month_words(month.month) for month in months],
        "series": series,
        "sentence": _dearest(months, currency),
    }


def age_words(card: Card, today: date) -> str:
    """1 October 2026, 56 days old."""
    days = card.age(today)
    count = f"{abs(days):,} day{'' if abs(days) == 1 else 's'}"
    age = "valid since today" if not days else f"in {count}" if days < 0 else f"{count} old"
    return f"{card.valid_from:%-d %B %Y}, {age}"


def is_old(card: Card, today: date) -> bool:
    """Whether Meta has had a day for new rates since."""
    return card.age(today) > OLD_AFTER_DAYS


def ranked(
    parts: Mapping[Any, Amount], words: Mapping[Any, str], urls: Mapping[Any, str], lists: Mapping[Any, str]
) -> list[Row]:
    """Rows in the order of `parts`."""
    return [
        Row(words.get(key, str(key)), urls.get(key, ""), amount, lists.get(key, "")) for key, amount in parts.items()
    ]


def country_rows(countries: Mapping[str, Amount], page: Address, listed: Address) -> list[Row]:
    """A row for each country: its name leads to the page of its costs, its amount to their list."""
    return [
        Row(country_name(key), page(country=key or "none"), amount, listed("broadcasts", country=key or "none"))
        for key, amount in countries.items()
    ]


def rate_of(amount_micros: int | None, count: int) -> int | None:
    """What each cost, when it is the same for all; else None."""
    if amount_micros is None or not count or amount_micros % count:
        return None
    return amount_micros // count


def _days_url(listed: Address, category: str, first: date, last: date) -> str:
    """The list of some categories from the month that begins with `first` to the end of that which begins with `last`."""
    end = (last + timedelta(days=31)).replace(day=1) - timedelta(days=1)
    return listed("broadcasts", **{"category": category, "from": first, "to": end, "period": ""})


def _sum(by_category: Mapping[str, Amount], categories: Sequence[str], named: set[str]) -> int:
    if categories:
        return sum(by_category.get(category, NOTHING).micros for category in categories)
    return sum(amount.micros for category, amount in by_category.items() if category not in named)


def _dearest(months: Sequence[MonthOfCategories], currency: str) -> str:
    totals = [(sum(amount.micros for amount in month.by_category.values()), month.month) for month in months]
    most, month = max(totals)
    if not most:
        return f"Stacked bars of cost by month and category. Nothing was charged in the last {len(months)} months."
    return (
        f"Stacked bars of cost by month and category. The dearest month: {month_words(month)} with "
        f"{say_money(most, currency)}."
    )
