"""Cost: what Meta charged, by day, category, country, number and broadcast, and what the month comes to."""

from datetime import date, timedelta
from typing import Any
from urllib.parse import urlencode

from flask import Blueprint, Flask, render_template, request

from wotnot.blueprints import cost_views as views
from wotnot.blueprints import costs_cards, costs_money
from wotnot.blueprints.guards import actor, guard_pages, workspace_id
from wotnot.blueprints.overview_views import period_words
from wotnot.errors import Invalid
from wotnot.services import budgets, channels, cost_reports, rate_cards, reports
from wotnot.services.channel_words import show_number
from wotnot.services.cost_reports import CostReport, Narrowing
from wotnot.services.pricing.cards import FREE_SERVICE_MESSAGES, category_name
from wotnot.services.pricing.markets import country_name
from wotnot.services.pricing.money import CURRENCIES, say_money
from wotnot.services.reports import Period

blueprint = Blueprint("costs", __name__, url_prefix="/app/cost")
guard_pages(blueprint)

PERIODS = {
    "this-month": "This month",
    "last-month": "Last month",
    "30": "Last 30 days",
    "90": "Last 90 days",
    "365": "Last 365 days",
}
_FIRST = "this-month"
_DAYS = 31
_LONGEST_ID = 18
_FILTERS = ("period", "from", "to", "category", "country", "channel_id", "template", "currency")


def register(app: Flask) -> None:
    """Put the pages under /app/cost."""
    costs_money.register(app)
    costs_cards.register(app)
    app.register_blueprint(blueprint)


@blueprint.get("")
def index() -> str:
    """The month in four numbers, the last months as bars, and a period by its parts."""
    name, period = _period()
    narrowing = _narrowing()
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
        chart=views.chart_of(cost_reports.list_months(actor().workspace, narrowing), report.currency),
        narrowed=_narrowed_words(narrowing, numbers),
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
    broadcasts, other_broadcasts = cost_reports.top(report.by_broadcast)
    names = {0: "Outside broadcasts"} | cost_reports.name_broadcasts(workspace_id(), list(broadcasts))
    days = [(day, amount) for day, amount in sorted(report.by_day.items(), reverse=True) if amount.count]
    return {
        "categories": views.ranked(
            report.by_category,
            {key: category_name(key) for key in report.by_category},
            {key: url_with(category=key) for key in report.by_category},
        ),
        "countries": views.ranked(
            countries,
            {key: country_name(key) for key in countries},
            {key: url_with(country=key or "none") for key in countries},
        ),
        "other_countries": other_countries,
        "numbers": views.ranked(
            report.by_channel,
            {key: numbers.get(key, "A number that is gone") for key in report.by_channel},
            {key: f"/app/channels/{key}" for key in report.by_channel if key in numbers},
        ),
        "broadcasts": views.ranked(
            broadcasts,
            {key: names.get(key, "A broadcast that is gone") for key in broadcasts},
            {key: f"/app/broadcasts/{key}" for key in broadcasts if key and key in names},
        ),
        "other_broadcasts": other_broadcasts,
        "days": [
            views.Row(f"{day:%A %-d %B}", url_with(**{"from": day, "to": day, "period": ""}), amount)
            for day, amount in days[:_DAYS]
        ],
        "more_days": max(0, len(days) - _DAYS),
        "url_with": url_with,
    }


def _period() -> tuple[str, Period]:
    """The chosen preset and its days; with `from` or `to` in the address those, and no preset. Raises Invalid."""
    workspace = actor().workspace
    today = reports.today_in(workspace)
    if request.args.get("from") or request.args.get("to"):
        return "", reports.period_of(workspace, _day("from"), _day("to"))
    name = request.args.get("period", _FIRST)
    name = name if name in PERIODS else _FIRST
    if name == "this-month":
        return name, Period(today.replace(day=1), today)
    if name == "last-month":
        last = today.replace(day=1) - timedelta(days=1)
        return name, Period(last.replace(day=1), last)
    return name, Period(today - timedelta(days=int(name) - 1), today)


def _day(name: str) -> date | None:
    text = request.args.get(name, "").strip()
    try:
        return date.fromisoformat(text) if text else None
    except ValueError:
        raise Invalid({name: "Give a day as year-month-day, such as 2026-11-26."}) from None


def _narrowing() -> Narrowing:
    """What the address narrows the page to; a country of "none" is people whose country is not known."""
    channel = request.args.get("channel_id", "")
    country = request.args.get("country", "").upper()
    return Narrowing(
        category=request.args.get("category") or None,
        country=None if not country else "" if country == "NONE" else country[:2],
        channel_id=int(channel) if channel.isdecimal() and len(channel) <= _LONGEST_ID else None,
        template=request.args.get("template", "").replace("\x00", "") or None,
        currency=currency if (currency := request.args.get("currency", "")) in CURRENCIES else None,
    )


def _narrowed_words(narrowing: Narrowing, numbers: dict[int, str]) -> list[tuple[str, str]]:
    """What the page is narrowed to, each with the address without it."""
    found = []
    if narrowing.category is not None:
        found.append((category_name(narrowing.category), url_with(category="")))
    if narrowing.country is not None:
        found.append((country_name(narrowing.country), url_with(country="")))
    if narrowing.channel_id is not None:
        found.append((numbers.get(narrowing.channel_id, "A number"), url_with(channel_id="")))
    if narrowing.template is not None:
        found.append((narrowing.template, url_with(template="")))
    if narrowing.currency is not None:
        found.append((f"What was charged in {narrowing.currency}", url_with(currency="")))
    return found


def url_with(**changes: object) -> str:
    """This page with some of its filters changed; empty ones fall away."""
    names = _FILTERS
    kept = {name: request.args[name] for name in names if request.args.get(name)}
    query = {name: str(value) for name, value in {**kept, **changes}.items() if value not in {None, ""}}
    return f"/app/cost?{urlencode(query)}" if query else "/app/cost"
