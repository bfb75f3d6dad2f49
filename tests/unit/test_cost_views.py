"""What the cost pages say of amounts: comparisons, ages, the bars."""

from datetime import date

import pytest

from wotnot.blueprints import cost_views as views
from wotnot.services.cost_reports import Amount, MonthFigures, MonthOfCategories
from wotnot.services.pricing.cards import Card, builtin_cards

NBSP = "\u00a0"
OCTOBER = builtin_cards()[0]


def address(page: str, **asked: object) -> str:
    return f"{page} {asked['category']} {asked['from']} {asked['to']}"


def figures(spent: int, before: int, today: date = date(2026, 11, 26)) -> MonthFigures:
    return MonthFigures(today, spent, before, before, 0, None)


@pytest.mark.parametrize(
    ("spent", "before", "words", "trend"),
    [
        (3_000_000, 1_000_000, f"US${NBSP}2.00 more than in the same days of October", "up"),
        (1_000_000, 3_000_000, f"US${NBSP}2.00 less than in the same days of October", "down"),
        (1_000_000, 1_000_000, "as much as in the same days of October", "flat"),
        (1_000_000, 0, "nothing in the same days of October", ""),
    ],
)
def test_against_the_same_days_before(spent: int, before: int, words: str, trend: str) -> None:
    assert views.comparison(figures(spent, before), "USD") == (words, trend)


def test_the_month_before_january_is_december() -> None:
    assert "December" in views.comparison(figures(2, 1, date(2027, 1, 3)), "USD")[0]


@pytest.mark.parametrize(
    ("today", "words", "is_old"),
    [
        (date(2026, 11, 26), "1 October 2026, 56 days old", False),
        (date(2026, 10, 2), "1 October 2026, 1 day old", False),
        (date(2026, 10, 1), "1 October 2026, valid since today", False),
        (date(2026, 9, 29), "1 October 2026, in 2 days", False),
        (date(2027, 1, 1), "1 October 2026, 92 days old", False),
        (date(2027, 1, 2), "1 October 2026, 93 days old", True),
    ],
)
def test_how_old_a_card_is(today: date, words: str, is_old: bool) -> None:
    assert (views.age_words(OCTOBER, today), views.is_old(OCTOBER, today)) == (words, is_old)


def test_the_bars_hold_every_category() -> None:
    months = [
        MonthOfCategories(date(2026, 10, 1), {}),
        MonthOfCategories(
            date(2026, 11, 1),
            {
                "marketing": Amount(1, 1_500_000),
                "authentication": Amount(1, 200_000),
                "authentication_international": Amount(1, 300_000),
                "service": Amount(1, 40_000),
                "something_new": Amount(1, 60_000),
            },
        ),
    ]
    chart = views.chart_of(months, "USD", address)
    assert [(one["label"], one["data"]) for one in chart["series"]] == [
        ("Marketing", [0.0, 1.5]), ("Authentication", [0.0, 0.5]), ("Service and other", [0.0, 0.1])
    ]  # fmt: skip
    assert chart["sentence"].endswith(f"The dearest month: November 2026 with US${NBSP}2.10.")
    assert chart["titles"] == ["October 2026", "November 2026"]
    assert chart["series"][0]["urls"] == [
        "broadcasts marketing 2026-10-01 2026-10-31",
        "broadcasts marketing 2026-11-01 2026-11-30",
    ]
    assert chart["series"][2]["url"] == "broadcasts service,something_new 2026-10-01 2026-11-30"


def test_bars_of_nothing_say_so() -> None:
    chart = views.chart_of([MonthOfCategories(date(2026, 11, 1), {})], "EUR", address)
    assert "Nothing was charged" in chart["sentence"]
    assert chart["series"][0]["total"] == "€0.00"


@pytest.mark.parametrize(("micros", "count", "each"), [(300, 3, 100), (301, 3, None), (None, 3, None), (0, 0, None)])
def test_what_each_costs_when_it_is_the_same_for_all(micros: int | None, count: int, each: int | None) -> None:
    assert views.rate_of(micros, count) == each


def test_a_card_that_is_not_valid_yet_is_not_the_current_one() -> None:
    coming = Card("own-1", "USD", date(2027, 1, 1), {})
    assert views.age_words(coming, date(2026, 12, 31)) == "1 January 2027, in 1 day"
