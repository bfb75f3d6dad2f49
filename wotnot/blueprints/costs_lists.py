"""What each number of the cost page is made of: its broadcasts, the messages outside them, and every country."""

from collections.abc import Callable
from typing import Any
from urllib.parse import urlencode

from flask import Blueprint, Flask, render_template, request

from wotnot.blueprints.broadcast_views import recipient_words
from wotnot.blueprints.cost_asked import list_url, narrowed_words, narrowing_asked, period_asked, url_with
from wotnot.blueprints.cost_views import country_rows
from wotnot.blueprints.guards import guard_pages, workspace_id
from wotnot.blueprints.overview_views import people_url, period_words
from wotnot.services import channels, cost_lists, cost_reports, rate_cards
from wotnot.services.channel_words import show_number
from wotnot.services.cost_reports import NOTHING, Amount, Narrowing
from wotnot.services.pricing.cards import category_name
from wotnot.services.pricing.money import say_money
from wotnot.services.reports import Period

blueprint = Blueprint("costs_lists", __name__, url_prefix="/app/cost")
guard_pages(blueprint)

PAGE_SIZE = 50


def register(app: Flask) -> None:
    """Put the pages under /app/cost."""
    app.register_blueprint(blueprint)


@blueprint.get("/broadcasts")
def broadcasts() -> str:
    """Which broadcasts a cost is made of; what was outside them leads on to its messages."""
    (_, period), narrowing = period_asked(), narrowing_asked()
    whole, page = cost_lists.list_cost_shares(workspace_id(), period, narrowing, cursor=_cursor(), limit=PAGE_SIZE)
    frame = _frame(period, narrowing)
    return render_template(
        "costs/broadcasts.html", page=page, whole=whole, title=_title(whole, frame["money"]), **frame
    )


@blueprint.get("/messages")
def messages() -> str:
    """The messages outside broadcasts that a cost is made of."""
    (_, period), narrowing = period_asked(), narrowing_asked()
    page = cost_lists.list_single_costs(workspace_id(), period, narrowing, cursor=_cursor(), limit=PAGE_SIZE)
    whole = cost_reports.report(workspace_id(), period, narrowing).by_broadcast.get(0, NOTHING)
    frame = _frame(period, narrowing)
    return render_template(
        "costs/messages.html",
        page=page,
        title=f"{_title(whole, frame['money'])} outside broadcasts",
        category_name=category_name,
        phone_words=recipient_words()["phone_words"],
        **frame,
    )


@blueprint.get("/countries")
def countries() -> str:
    """Every country of a period, the dearest first."""
    (_, period), narrowing = period_asked(), narrowing_asked()
    found = cost_reports.report(workspace_id(), period, narrowing).by_country
    return render_template(
        "costs/countries.html",
        rows=country_rows(found, url_with, list_url),
        title=f"Cost in {len(found):,} {'country' if len(found) == 1 else 'countries'}",
        **_frame(period, narrowing),
    )


def _title(whole: Amount, money: Callable[[int], str]) -> str:
    """US$ 1.75 for 3 messages."""
    if not whole.count:
        return "Nothing was charged"
    return f"{money(whole.micros)} for {whole.count:,} message{'' if whole.count == 1 else 's'}"


def _frame(period: Period, narrowing: Narrowing) -> dict[str, Any]:
    currency = narrowing.currency or rate_cards.get_setup(workspace_id()).currency
    numbers = {one.id: show_number(one.display_phone_number) for one in channels.list_channels(workspace_id())}
    return {
        "period_words": period_words(period.first, period.last),
        "narrowed": narrowed_words(narrowing, numbers),
        "money": lambda micros: say_money(micros, currency),
        "whole_url": url_with(),
        "list_url": list_url,
        "people_url": people_url,
        "is_first": not request.args.get("cursor"),
        "older_url": _older_url,
        "first_url": lambda: list_url(request.path.rpartition("/")[2]),
    }


def _cursor() -> str | None:
    return request.args.get("cursor") or None


def _older_url(cursor: str | None) -> str:
    """This page with another cursor; empty at the end of the list."""
    return f"{request.path}?{urlencode({**request.args.to_dict(), 'cursor': cursor})}" if cursor else ""
