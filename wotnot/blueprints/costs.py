"""Cost: what Meta charged, by day, category, country, number and broadcast, and what the month comes to. Every number is the
address of its list."""

from datetime import date, timedelta
from typing import Any

from flask import Blueprint, Flask, render_template

from wotnot.blueprints import cost_views as views
from wotnot.blueprints import costs_cards, costs_lists, costs_money
from wotnot.blueprints.cost_asked import PERIODS, list_url, narrowed_words, narrowing_asked, period_asked, url_with
from wotnot.blueprints.guards import actor, guard_pages, workspace_id
from wotnot.blueprints.overview_views import people_url, period_words
from wotnot.services import budgets, channels, cost_reports, rate_cards, reports
from wotnot.services.channel_words import show_number
from wotnot.services.cost_reports import Amount, CostReport, Narrowing
from wotnot.services.pricing.cards import FREE_SERVICE_MESSAGES, category_name
from wotnot.services.pricing.money import say_money

blueprint = Blueprint("costs", __name__, url_prefix="/app/cost")
guard_pages(blueprint)

_DAYS = 31


def register(app: Flask) -> None:
    """Put the pages under /app/cost."""
    costs_money.register(app)
    costs_cards.register(app)
    costs_lists.register(app)
    app.register_blueprint(blueprint)


@blueprint.get("")
def index() -> str:
    """The month in four numbers, the last months as bars, and a period by its parts."""
    name, period = period_asked()
    narrowing = narrowing_asked()
    report = cost_reports.report(workspace_id(), period, narrowing)
    numbers = {
        channel.id: show_number(channel.display_phone_number) for channel in channels.list_channels(workspace_id())
    }
    return render_template(
        "costs/index.html",
        report=report,
        has_costs=cost_reports.has_costs(workspace_id()),
        periods=PERIODS,
        period_name=name,
        period_words=period_words(period.first, period.last),
        chart=views.chart_of(cost_reports.list_months(actor().workspace, narrowing), report.currency, list_url),
        narrowed=narrowed_words(narrowing, numbers),
        **_month(report.currency, narrowing),
        **_tables(report, numbers),
        **_notices(report.currency),
        free_service=[
            (numbers.get(channel_id, "A number that is gone"), count)
            for channel_id, count in cost_reports.free_service(actor().workspace).items()
        ],
        free_limit=FREE_SERVICE_MESSAGES,
        money=lambda micros: say_money(micros, report.currency),
        say_money=say_money,
    )


def _month(currency: str, narrowing: Narrowing) -> dict[str, Any]:
    figures = cost_reports.month_figures(actor().workspace, narrowing)
    words, trend = views.comparison(figures, currency)
    last_month = figures.today.replace(day=1) - timedelta(days=1)
    return {
        "figures": figures,
        "compare_words": words,
        "compare_trend": trend,
        "this_month": f"{figures.today:%B}",
        "last_month": f"{last_month:%B}",
        "same_days": min(figures.today.day, last_month.day),
        "average_days": cost_reports.AVERAGE_DAYS,
    }


def _notices(currency: str) -> dict[str, Any]:
    today = reports.today_in(actor().workspace)
    card = rate_cards.current_card(workspace_id(), currency, today)
    return {
        "budget": budgets.find_state(workspace_id()),
        "card": card,
        "card_words": views.age_words(card, today) if card else "",
        "card_is_old": card is not None and views.is_old(card, today),
    }


def _tables(report: CostReport, numbers: dict[int, str]) -> dict[str, Any]:
    """The ranked rows; a country or broadcast far down the list is in the last line, "all others"."""
    countries, other_countries = cost_reports.top(report.by_country)
    days = [(day, amount) for day, amount in sorted(report.by_day.items(), reverse=True) if amount.count]
    return {
        "categories": views.ranked(
            report.by_category,
            {key: category_name(key) for key in report.by_category},
            {key: url_with(category=key) for key in report.by_category},
            {key: list_url("broadcasts", category=key) for key in report.by_category},
        ),
        "countries": views.country_rows(countries, url_with, list_url),
        "other_countries": other_countries,
        "numbers": views.ranked(
            report.by_channel,
            {key: numbers.get(key, "A number that is gone") for key in report.by_channel},
            {key: f"/app/channels/{key}" for key in report.by_channel if key in numbers},
            {key: list_url("broadcasts", channel_id=key) for key in report.by_channel if key in numbers},
        ),
        "days": [_day_row(day, amount) for day, amount in days[:_DAYS]],
        "more_days": max(0, len(days) - _DAYS),
        "url_with": url_with,
        "list_url": list_url,
        **_broadcasts(report),
    }


def _broadcasts(report: CostReport) -> dict[str, Any]:
    found, others = cost_reports.top(report.by_broadcast)
    names = {0: "Outside broadcasts"} | cost_reports.name_broadcasts(workspace_id(), list(found))
    known = [key for key in found if key and key in names]
    rows = views.ranked(
        found,
        {key: names.get(key, "A broadcast that is gone") for key in found},
        {key: f"/app/broadcasts/{key}" for key in known},
        {0: list_url("messages")} | {key: people_url(key, "delivered") for key in known},
    )
    return {"broadcasts": rows, "other_broadcasts": others}


def _day_row(day: date, amount: Amount) -> views.Row:
    one = {"from": day, "to": day, "period": ""}
    return views.Row(f"{day:%A %-d %B}", url_with(**one), amount, list_url("broadcasts", **one))
