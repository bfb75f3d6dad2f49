"""Costs over time: every part adds up to the total, and the month's figures are what they say they are."""

from datetime import date
from typing import Any

import pytest

from tests.cast import Cast
from tests.factories import make_broadcast, make_channel, make_cost
from wotnot.errors import NotFound
from wotnot.models import Channel
from wotnot.services import cost_reports, rate_cards, tallies
from wotnot.services.cost_reports import Amount, Narrowing
from wotnot.services.reports import Period

NOVEMBER = Period(date(2026, 11, 1), date(2026, 11, 30))


@pytest.fixture
def channel(cast: Cast) -> Channel:
    return make_channel(cast.workspace)


@pytest.fixture
def spent(cast: Cast, channel: Channel) -> dict[str, Any]:
    """Some costs of two numbers, in and outside a broadcast, and a stranger's."""
    other = make_channel(cast.workspace)
    broadcast = make_broadcast(cast.workspace, channel)
    make_cost(channel, 300_000, broadcast, day=date(2026, 11, 3))
    make_cost(channel, 200_000, broadcast, day=date(2026, 11, 4), country="DE", market="DE")
    make_cost(other, 50_000, day=date(2026, 11, 4), category="utility")
    make_cost(other, 0, day=date(2026, 11, 5), category="service", type="free_customer_service", country="")
    make_cost(other, None, day=date(2026, 11, 5), category="general_purpose_ai")
    make_cost(other, 70_000, day=date(2026, 11, 6), currency="EUR")
    make_cost(make_channel(cast.other_workspace), 9_000_000)
    return {"channel": channel, "other": other, "broadcast": broadcast}


def test_every_part_adds_up(cast: Cast, spent: dict[str, Any]) -> None:
    for _ in range(2):
        report = cost_reports.report(cast.workspace.id, NOVEMBER)
        assert report.total == Amount(5, 550_000, free=1, unpriced=1)
        for parts in (report.by_day, report.by_category, report.by_country, report.by_channel, report.by_broadcast):
            assert sum(parts.values(), Amount()) == report.total
        assert list(report.by_category)[:2] == ["marketing", "utility"], "the dearest first"
        assert report.by_country["DE"] == Amount(1, 200_000)
        assert report.by_broadcast[spent["broadcast"].id] == Amount(2, 500_000)
        assert report.by_broadcast[0].count == 3
        assert len(report.by_day) == 30
        assert report.others == {"EUR": 70_000}
        tallies.compact()


@pytest.mark.parametrize(
    ("narrowing", "micros"),
    [
        (Narrowing(category="utility"), 50_000),
        (Narrowing(country="DE"), 200_000),
        (Narrowing(country=""), 0),
        (Narrowing(category="marketing", country="ZA"), 300_000),
    ],
)
def test_a_report_can_be_narrowed(cast: Cast, spent: dict[str, Any], narrowing: Narrowing, micros: int) -> None:
    assert cost_reports.report(cast.workspace.id, NOVEMBER, narrowing).total.micros == micros


def test_of_one_number_and_never_of_a_strangers(cast: Cast, spent: dict[str, Any]) -> None:
    narrowing = Narrowing(channel_id=spent["other"].id)
    assert cost_reports.report(cast.workspace.id, NOVEMBER, narrowing).total.micros == 50_000
    with pytest.raises(NotFound):
        cost_reports.report(cast.other_workspace.id, NOVEMBER, narrowing)


def test_what_a_broadcast_cost_by_market(cast: Cast, spent: dict[str, Any]) -> None:
    found = cost_reports.broadcast_cost(spent["broadcast"].id)
    assert found == {"USD": {"ZA": Amount(1, 300_000), "DE": Amount(1, 200_000)}}


def test_free_service_messages_of_each_number(cast: Cast, spent: dict[str, Any]) -> None:
    day = cost_reports.today_in(cast.workspace)
    make_cost(spent["channel"], 0, day=day, category="service", type="free_customer_service")
    assert cost_reports.free_service(cast.workspace)[spent["channel"].id] == 1


def test_the_month_against_the_same_days_before(cast: Cast, channel: Channel) -> None:
    for day, micros in (
        (date(2026, 10, 1), 1_000_000),
        (date(2026, 10, 10), 2_000_000),
        (date(2026, 10, 11), 4_000_000),
        (date(2026, 10, 31), 8_000_000),
        (date(2026, 11, 1), 300_000),
        (date(2026, 11, 9), 500_000),
        (date(2026, 11, 10), 900_000),
    ):
        make_cost(channel, micros, day=day)
    figures = cost_reports.month_figures(cast.workspace, today=date(2026, 11, 10))
    assert (figures.spent, figures.same_days_before, figures.last_month) == (1_700_000, 3_000_000, 15_000_000)
    # The 28 days before the tenth begin on 13 October; the first with a cost among them is the 31st, ten days ago.
    assert figures.daily == (8_000_000 + 300_000 + 500_000) // 10
    assert figures.expected == 1_700_000 + 20 * figures.daily


@pytest.mark.parametrize(
    ("today", "same_day"), [(date(2026, 3, 31), 28), (date(2026, 3, 15), 15), (date(2027, 1, 31), 31)]
)
def test_a_shorter_month_before_ends_with_its_last_day(
    cast: Cast, channel: Channel, today: date, same_day: int
) -> None:
    last_month = date(2026, 12, 1) if today.month == 1 else date(2026, 2, 1)
    make_cost(channel, 1_000_000, day=last_month.replace(day=same_day))
    figures = cost_reports.month_figures(cast.workspace, today=today)
    assert (figures.same_days_before, figures.last_month) == (1_000_000, 1_000_000)


def test_on_the_last_day_nothing_more_is_expected(cast: Cast, channel: Channel) -> None:
    make_cost(channel, 1_000_000, day=date(2026, 11, 29))
    make_cost(channel, 500_000, day=date(2026, 11, 30))
    assert cost_reports.month_figures(cast.workspace, today=date(2026, 11, 30)).expected == 1_500_000


def test_without_a_day_of_cost_before_nothing_is_foretold(cast: Cast, channel: Channel) -> None:
    assert cost_reports.month_figures(cast.workspace).expected is None
    make_cost(channel, 500_000, day=date(2026, 11, 1))
    assert cost_reports.month_figures(cast.workspace, today=date(2026, 11, 1)).expected is None


def test_the_last_twelve_months(cast: Cast, channel: Channel) -> None:
    for day, category in (
        (date(2025, 11, 30), "utility"),
        (date(2025, 12, 1), "utility"),
        (date(2026, 11, 2), "marketing"),
    ):
        make_cost(channel, 100_000, day=day, category=category)
    months = cost_reports.list_months(cast.workspace, today=date(2026, 11, 26))
    assert [month.month for month in months] == [date(2025, 12, 1), *(date(2026, n, 1) for n in range(1, 12))]
    assert months[0].by_category == {"utility": Amount(1, 100_000)}
    assert months[-1].by_category == {"marketing": Amount(1, 100_000)}
    assert all(not month.by_category for month in months[1:-1])


def test_a_changed_currency_leaves_the_past_in_its_own(cast: Cast, spent: dict[str, Any]) -> None:
    rate_cards.save_setup(cast.workspace.id, currency="EUR", budget="", stops=False)
    report = cost_reports.report(cast.workspace.id, NOVEMBER)
    assert (report.currency, report.total.micros, report.others) == ("EUR", 70_000, {"USD": 550_000})


def test_far_down_the_list_all_others_are_one(cast: Cast) -> None:
    parts = {str(n): Amount(1, 100 - n) for n in range(20)}
    shown, others = cost_reports.top(parts)
    assert (len(shown), others.count, sum(shown.values(), others).micros) == (15, 5, sum(range(81, 101)))
