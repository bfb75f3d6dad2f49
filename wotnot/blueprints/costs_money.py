"""Cost, Budget and Purchases: what a month may cost, and what was paid. For admins and owners."""

import secrets
from typing import Any

from flask import Blueprint, Flask, flash, redirect, render_template, request
from werkzeug.wrappers import Response

from wotnot.blueprints.forms import Form
from wotnot.blueprints.guards import actor, guard_pages, requires, workspace_id
from wotnot.blueprints.uploads import uploaded_file
from wotnot.errors import Invalid, TooLarge
from wotnot.models import Role
from wotnot.services import budgets, purchases, rate_cards, reports
from wotnot.services.pricing.money import CURRENCIES, say_money, to_units
from wotnot.services.purchases import ImportResult

blueprint = Blueprint("costs_money", __name__, url_prefix="/app/cost")
guard_pages(blueprint)

Answer = str | Response | tuple[str, int]

_CURRENCIES = [(code, f"{name} ({code})") for code, name in CURRENCIES.items()]


def register(app: Flask) -> None:
    """Put the pages under /app/cost."""
    app.register_blueprint(blueprint)


@blueprint.context_processor
def _words() -> dict[str, object]:
    return {"currencies": _CURRENCIES, "say_money": say_money}


# ---------------------------------------------------------------- the budget


@blueprint.get("/budget")
@requires(Role.ADMIN)
def budget() -> str:
    """Currency, budget, and how much of it is used."""
    setup = rate_cards.get_setup(workspace_id())
    amount = to_units(setup.budget_micros) if setup.budget_micros else ""
    daily = to_units(setup.daily_micros) if setup.daily_micros else ""
    values = {"currency": setup.currency, "budget": amount, "stops": "1" if setup.stops else "", "daily_budget": daily}
    return _budget_page(Form(values=values))


@blueprint.post("/budget")
@requires(Role.ADMIN)
def save_budget() -> Answer:
    """Save them."""
    form = Form(values=request.form.to_dict())
    values = form.values
    try:
        rate_cards.save_setup(
            workspace_id(),
            currency=values.get("currency", ""),
            budget=values.get("budget", ""),
            stops=values.get("stops") == "1",
            daily_budget=values.get("daily_budget", ""),
        )
    except Invalid as error:
        form.take(error)
        return _budget_page(form), 422
    has_one = values.get("budget", "").strip() or values.get("daily_budget", "").strip()
    flash("The budget is saved." if has_one else "Saved. There is no budget.", "success")
    return redirect("/app/cost/budget", 303)


def _budget_page(form: Form) -> str:
    return render_template(
        "costs/budget.html",
        form=form,
        state=budgets.find_state(workspace_id()),
        alerts=budgets.ALERTS,
        apart=budgets.find_apart(workspace_id(), rate_cards.get_setup(workspace_id()).currency),
    )


# ---------------------------------------------------------------- purchases


@blueprint.get("/purchases")
@requires(Role.ADMIN)
def list_purchases() -> str:
    """What was paid, the latest first."""
    return _purchases_page(_empty_form())


@blueprint.post("/purchases")
@requires(Role.ADMIN)
def add_purchase() -> Answer:
    """Note one; a second press of the same form changes nothing."""
    form = Form(values=request.form.to_dict())
    form_id = form.values.get("form_id") or secrets.token_hex(8)
    try:
        purchases.add_purchase(workspace_id(), form.values, form_id=form_id, user_id=actor().user.id)
    except Invalid as error:
        form.take(error)
        return _purchases_page(form), 422
    flash("It is noted.", "success")
    return redirect("/app/cost/purchases", 303)


@blueprint.post("/purchases/import")
@requires(Role.ADMIN)
def import_purchases() -> Answer:
    """Note the rows of a file. The answer is a page: it says what became of each."""
    file_form = Form(values=request.form.to_dict())
    currency = rate_cards.get_setup(workspace_id()).currency
    try:
        with uploaded_file("file", purchases.MAX_BYTES) as (path, _):
            result = purchases.import_file(workspace_id(), path, currency=currency, user_id=actor().user.id)
    except (Invalid, TooLarge) as error:
        file_form.take(error, "file")
        return _purchases_page(_empty_form(), file_form), 422
    return _purchases_page(_empty_form(), result=result)


@blueprint.post("/purchases/<int:purchase_id>/delete")
@requires(Role.ADMIN)
def delete_purchase(purchase_id: int) -> Answer:
    """Forget one."""
    purchases.delete_purchase(workspace_id(), purchase_id)
    flash("It is deleted.", "success")
    return redirect("/app/cost/purchases", 303)


def _empty_form() -> Form:
    today = reports.today_in(actor().workspace)
    currency = rate_cards.get_setup(workspace_id()).currency
    return Form(values={"paid_on": today.isoformat(), "currency": currency, "form_id": secrets.token_hex(8)})


def _purchases_page(form: Form, file_form: Form | None = None, result: ImportResult | None = None) -> str:
    this_year = reports.today_in(actor().workspace).replace(month=1, day=1)
    context: dict[str, Any] = {
        "page": purchases.list_purchases(workspace_id(), cursor=request.args.get("cursor"), limit=50),
        "sums": purchases.sum_by_currency(workspace_id(), this_year),
        "year": this_year.year,
        "kinds": [(kind.value, words) for kind, words in purchases.KINDS.items()],
        "kind_words": purchases.KINDS,
        "max_bytes": purchases.MAX_BYTES,
    }
    return render_template("costs/purchases.html", form=form, file_form=file_form or Form(), result=result, **context)
