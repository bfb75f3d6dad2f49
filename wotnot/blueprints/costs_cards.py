"""Cost, Rate cards: which rates price a message, from when on, and a card of one's own."""

from typing import Any

from flask import Blueprint, Flask, flash, redirect, render_template, request
from werkzeug.wrappers import Response

from wotnot.blueprints import cost_views as views
from wotnot.blueprints.csv_answers import csv_answer
from wotnot.blueprints.forms import Form
from wotnot.blueprints.guards import actor, guard_pages, page_timezone, requires, workspace_id
from wotnot.blueprints.uploads import uploaded_file
from wotnot.clock import now
from wotnot.errors import Conflict, Invalid, TooLarge
from wotnot.models import Role
from wotnot.services import rate_cards, reports
from wotnot.services.csvio import write_rows
from wotnot.services.pricing.card_files import write_card
from wotnot.services.pricing.cards import CATEGORIES, category_name
from wotnot.services.pricing.markets import market_name
from wotnot.services.pricing.money import CURRENCIES, say_money
from wotnot.services.zones import in_zone

blueprint = Blueprint("costs_cards", __name__, url_prefix="/app/cost/cards")
guard_pages(blueprint)

Answer = str | Response | tuple[str, int]

_HERE = "/app/cost/cards"


def register(app: Flask) -> None:
    """Put the pages under /app/cost/cards."""
    app.register_blueprint(blueprint)


@blueprint.context_processor
def _words() -> dict[str, object]:
    today = in_zone(now(), page_timezone()).date()
    return {
        "age_words": lambda card: views.age_words(card, today),
        "is_old": lambda card: views.is_old(card, today),
        "currencies": [(code, f"{name} ({code})") for code, name in CURRENCIES.items()],
        "max_bytes": rate_cards.MAX_BYTES,
    }


@blueprint.get("")
def index() -> str:
    """Every card, which one is in use, and the upload."""
    return _cards_page(Form(values={"currency": rate_cards.get_setup(workspace_id()).currency}))


@blueprint.post("")
@requires(Role.ADMIN)
def upload() -> Answer:
    """Take over a file as a card."""
    form = Form(values=request.form.to_dict())
    try:
        with uploaded_file("file", rate_cards.MAX_BYTES) as (path, filename):
            card = rate_cards.add_card(
                workspace_id(),
                path,
                filename,
                currency=form.values.get("currency", ""),
                valid_from=form.values.get("valid_from", ""),
                user_id=actor().user.id,
            )
    except Conflict as error:
        form.take(error, "valid_from")
        return _cards_page(form), 422
    except (Invalid, TooLarge) as error:
        form.take(error, "file")
        return _cards_page(form), 422
    flash(f"The card is in use from {card.valid_from:%-d %B %Y} on.", "success")
    return redirect(f"{_HERE}/{card.key}", 303)


@blueprint.get("/<card_key>")
def show(card_key: str) -> str:
    """The rates of one card."""
    card = rate_cards.get_card(workspace_id(), card_key)
    rows = [
        (
            market_name(market),
            start,
            [_rate(card.tiers(market, category), start, card.currency) for category in CATEGORIES],
        )
        for market in sorted(card.rates, key=market_name)
        for start in sorted({tier[0] for category in CATEGORIES for tier in card.tiers(market, category)})
    ]
    names = [category_name(category) for category in CATEGORIES]
    return render_template("costs/card.html", card=card, rows=rows, names=names)


@blueprint.get("/<card_key>/rates.csv")
def download(card_key: str) -> Response:
    """The card as a file of the kind that can be uploaded."""
    card = rate_cards.get_card(workspace_id(), card_key)
    return csv_answer(write_rows(write_card(card.rates)), f"rates-{card.currency}-{card.valid_from}.csv")


@blueprint.post("/<card_key>/delete")
@requires(Role.ADMIN)
def delete(card_key: str) -> Answer:
    """Delete a card of one's own."""
    rate_cards.delete_card(workspace_id(), card_key)
    flash("The card is deleted. Prices that it gave stay.", "success")
    return redirect(_HERE, 303)


def _rate(tiers: Any, start: int, currency: str) -> str:
    found = next((rate for at, rate in tiers if at == start), None)
    return "–" if found is None else say_money(found, currency, exactly=True)


def _cards_page(form: Form) -> str:
    currency = rate_cards.get_setup(workspace_id()).currency
    today = reports.today_in(actor().workspace)
    current = rate_cards.current_card(workspace_id(), currency, today)
    return render_template(
        "costs/cards.html",
        cards=rate_cards.list_cards(workspace_id()),
        current=current,
        currency=currency,
        currency_words=CURRENCIES[currency],
        form=form,
    )
