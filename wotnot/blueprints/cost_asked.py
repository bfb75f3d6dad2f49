"""What the address of a cost page asks for: the days, what they are narrowed to, and addresses that ask for something else."""

from datetime import date, timedelta
from urllib.parse import urlencode

from flask import request

from wotnot.blueprints.forms import id_asked
from wotnot.blueprints.guards import actor
from wotnot.errors import Invalid
from wotnot.services import reports
from wotnot.services.cost_reports import Narrowing
from wotnot.services.pricing.cards import category_name
from wotnot.services.pricing.markets import country_name
from wotnot.services.pricing.money import CURRENCIES
from wotnot.services.recipient_countries import read_country
from wotnot.services.reports import Period

PERIODS = {
    "this-month": "This month",
    "last-month": "Last month",
    "30": "Last 30 days",
    "90": "Last 90 days",
    "365": "Last 365 days",
}
_FIRST = "this-month"
_FILTERS = ("period", "from", "to", "category", "country", "channel_id", "template", "currency")


def period_asked() -> tuple[str, Period]:
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


def narrowing_asked() -> Narrowing:
    """What the address narrows the page to. Raises Invalid, NotFound."""
    return Narrowing(
        category=request.args.get("category") or None,
        country=read_country(request.args.get("country")),
        channel_id=id_asked("channel_id", "Channel", "Choose a number of this workspace."),
        template=request.args.get("template", "").replace("\x00", "") or None,
        currency=currency if (currency := request.args.get("currency", "")) in CURRENCIES else None,
    )


def narrowed_words(narrowing: Narrowing, numbers: dict[int, str]) -> list[tuple[str, str]]:
    """What the page is narrowed to, each with the address without it."""
    found = []
    if narrowing.category is not None:
        names = (category_name(one) for one in narrowing.category.split(","))
        found.append((" or ".join(names), url_with(category="")))
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
    return _address("/app/cost", changes)


def list_url(page: str, **changes: object) -> str:
    """The list `page` ("broadcasts", "messages", "countries") of what this page shows, with some of the filters changed."""
    return _address(f"/app/cost/{page}", changes)


def _address(path: str, changes: dict[str, object]) -> str:
    kept = {name: request.args[name] for name in _FILTERS if request.args.get(name)}
    query = {name: str(value) for name, value in {**kept, **changes}.items() if value not in {None, ""}}
    return f"{path}?{urlencode(query)}" if query else path
