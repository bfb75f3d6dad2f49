"""Comparisons in words, the chart, and errors flattened for people."""

from datetime import UTC, date, datetime, timedelta

import pytest

from wotnot.blueprints.errors import flatten_errors
from wotnot.blueprints.guards import safe_next
from wotnot.blueprints.overview_views import chart_of, greeting, sent_kpi, share_kpi
from wotnot.services.reports import Analytics, Period
from wotnot.services.tallies import BroadcastCounts


def counts(**funnel: int) -> BroadcastCounts:
    made = BroadcastCounts()
    made.funnel.update(funnel)
    return made


@pytest.mark.parametrize(
    ("now", "before", "words", "trend"),
    [
        (10, 0, "none in the 30 days before", ""),
        (10, 10, "as many as in the 30 days before", "flat"),
        (7130, 1010, "6,120 more than in the 30 days before", "up"),
        (3, 10, "7 fewer than in the 30 days before", "down"),
    ],
)
def test_counts_against_the_days_before(now, before, words, trend):
    kpi = sent_kpi(counts(accepted=now), counts(accepted=before), "in the 30 days before")
    assert (kpi.words, kpi.trend) == (words, trend)


@pytest.mark.parametrize(
    ("now", "before", "share", "words", "trend"),
    [
        ((0, 0), (1, 2), "", "of delivered", ""),
        ((1, 2), (0, 0), "50.0%", "of delivered", ""),
        ((681, 1000), (658, 1000), "68.1%", "of delivered, 2.3 points more than before", "up"),
        ((500, 1000), (5000, 10000), "50.0%", "of delivered, about the same as before", "flat"),
        ((1, 4), (1, 2), "25.0%", "of delivered, 25.0 points less than before", "down"),
    ],
)
def test_shares_against_the_days_before(now, before, share, words, trend):
    make = lambda pair: counts(read=pair[0], delivered=pair[1])  # noqa: E731
    kpi = share_kpi("read", "delivered", make(now), make(before))
    assert (kpi.share, kpi.words, kpi.trend) == (share, words, trend)


def test_the_chart_adds_up_and_names_the_busiest_day():
    days = {date(2026, 11, 1): counts(read=5, delivered=8, failed=1), date(2026, 11, 2): counts()}
    chart = chart_of(Analytics(Period(date(2026, 11, 1), date(2026, 11, 2)), by_day=days), "days=7")
    assert [series["data"] for series in chart["series"]] == [[5, 0], [3, 0], [1, 0]]
    assert chart["labels"] == ["1 Nov", "2 Nov"]
    assert "1 November with 9 messages" in chart["sentence"]


def test_a_period_and_the_one_before_touch_and_are_as_long():
    period = Period(date(2026, 3, 1), date(2026, 3, 30))
    before = period.before()
    assert before.length == period.length == len(period.days) == 30
    assert before.last + timedelta(days=1) == period.first


@pytest.mark.parametrize(("hour", "part"), [(0, "morning"), (11, "morning"), (12, "afternoon"), (18, "evening")])
def test_greetings(hour, part):
    assert greeting(datetime(2026, 1, 1, hour, tzinfo=UTC), "Dana Jacobs") == f"Good {part}, Dana"


@pytest.mark.parametrize(
    ("messages", "flat"),
    [
        ({"json": {"email": ["Bad."]}}, {"email": ["Bad."]}),
        ({"query": {"limit": ["Bad."]}}, {"limit": ["Bad."]}),
        ({"json": {"people": {0: {"phone": ["Bad."]}}}}, {"people.0.phone": ["Bad."]}),
        ({"_schema": ["Bad."]}, {"_": ["Bad."]}),
        ({"json": {"_schema": ["Bad."]}}, {"_": ["Bad."]}),
        (["Bad."], {"_": ["Bad."]}),
        ({"a": {"json": ["Bad."]}}, {"a.json": ["Bad."]}),
    ],
)
def test_nested_messages_become_field_and_sentences(messages, flat):
    assert flatten_errors(messages) == flat


@pytest.mark.parametrize(
    "target", [None, "", "/", "//x", "https://x/app/", "/app", "/app/\\x", "/app/\r\nSet-Cookie: a=b", "app/"]
)
def test_only_paths_of_the_dashboard_are_followed(target):
    assert safe_next(target) == "/app/"
