"""The template library: messages to start from, by trade, category and words. The editor opens with the one that is chosen."""

from collections.abc import Sequence
from typing import Any
from urllib.parse import urlencode

from flask import Blueprint, Flask, request

from wotnot.blueprints.guards import guard_pages
from wotnot.blueprints.htmx import render
from wotnot.blueprints.template_form import TemplateValues
from wotnot.services.template_library import CATEGORIES, TRADES, LibraryTemplate, count_by_trade, list_library
from wotnot.services.whatsapp.components import FilledTemplate, fill_text

blueprint = Blueprint("template_library", __name__, url_prefix="/app/templates/library")
guard_pages(blueprint)

_HERE = "/app/templates/library"
_FILTERS = ("trade", "category", "search")


def register(app: Flask) -> None:
    """Put the page under /app/templates/library."""
    app.register_blueprint(blueprint)


@blueprint.get("")
def index() -> str:
    """The library; the counts of the trades follow the other filters."""
    wanted = {name: request.args.get(name, "").strip() for name in _FILTERS}
    category, search = wanted["category"].upper() or None, wanted["search"]
    return render(
        "template_library/index.html",
        "template_library/_list.html",
        groups=_groups(list_library(wanted["trade"] or None, category, search)),
        wanted=wanted,
        counts=count_by_trade(list_library(None, category, search)),
        trades=TRADES,
        categories=[category.lower() for category in CATEGORIES],
        total=len(list_library()),
        with_filters=lambda **changes: _address(wanted | changes),
    )


def _groups(found: Sequence[LibraryTemplate]) -> list[tuple[str, list[tuple[LibraryTemplate, FilledTemplate]]]]:
    """By trade: its word, and each message with how it looks when the samples are filled in."""
    return [
        (word, [(one, _filled(one)) for one in found if one.trade == trade])
        for trade, word in TRADES.items()
        if any(one.trade == trade for one in found)
    ]


def _filled(template: LibraryTemplate) -> FilledTemplate:
    return fill_text(TemplateValues.from_library(template).components, template.samples)


def _address(filters: dict[str, Any]) -> str:
    kept = {name: value for name, value in filters.items() if value}
    return f"{_HERE}?{urlencode(kept)}" if kept else _HERE
