"""A shop's customers becoming contacts: what there is to import, how far it is, and what came of it."""

from flask import Blueprint, Flask, flash, request
from werkzeug.wrappers import Response

from wotnot.blueprints import shop_views
from wotnot.blueprints.broadcast_views import time_words
from wotnot.blueprints.form_errors import errors_of
from wotnot.blueprints.guards import actor, guard_pages, page_timezone, requires, workspace_id
from wotnot.blueprints.htmx import go_to, is_htmx, render
from wotnot.errors import Conflict, Invalid, Unavailable
from wotnot.models import CustomerImportState, Role
from wotnot.services import customer_imports, shops
from wotnot.services.customer_imports import Offer

blueprint = Blueprint("shop_customers", __name__, url_prefix="/app/shops/<int:shop_id>/customers")
guard_pages(blueprint)

Answer = str | Response | tuple[str, int]


def register(app: Flask) -> None:
    """Put the pages under /app/shops/<id>/customers."""
    app.register_blueprint(blueprint)


@blueprint.context_processor
def _words() -> dict[str, object]:
    return {**shop_views.words(), **time_words(page_timezone())}


@blueprint.get("")
@requires(Role.ADMIN)
def show(shop_id: int) -> Answer:
    """How many customers there are, and the last import."""
    return _page(shop_id, {})


@blueprint.post("")
@requires(Role.ADMIN)
def start(shop_id: int) -> Answer:
    """Import them in the background."""
    try:
        customer_imports.start_import(
            workspace_id(), shop_id, opt_in_key=request.form.get("opt_in_key", ""), user_id=actor().user.id
        )
    except (Invalid, Conflict) as error:
        return _page(shop_id, errors_of(error)), 422
    return go_to(f"/app/shops/{shop_id}/customers")


@blueprint.post("/<int:customer_import_id>/stop")
@requires(Role.ADMIN)
def stop(shop_id: int, customer_import_id: int) -> Response:
    """Read no further."""
    try:
        customer_imports.stop_import(workspace_id(), shop_id, customer_import_id)
        flash("It is stopped. Who was added stays.", "success")
    except Conflict as error:
        flash(error.detail, "error")
    return go_to(f"/app/shops/{shop_id}/customers")


def _page(shop_id: int, errors: dict[str, list[str]]) -> str:
    shops.get_shop(workspace_id(), shop_id)
    last = customer_imports.find_last(workspace_id(), shop_id)
    is_running = last is not None and last.state is CustomerImportState.RUNNING
    offer, problem = (None, "") if is_running or is_htmx() else _offer(shop_id)
    shop = shops.get_shop(workspace_id(), shop_id)
    return render(
        "shops/customers.html",
        "shops/_import.html",
        shop=shop,
        last=customer_imports.find_last(workspace_id(), shop_id),
        is_running=is_running,
        offer=offer,
        problem=problem,
        opt_in_key=request.form.get("opt_in_key", shop.opt_in_key),
        errors=errors,
    )


def _offer(shop_id: int) -> tuple[Offer | None, str]:
    try:
        return customer_imports.look_at(workspace_id(), shop_id), ""
    except Unavailable as error:
        return None, error.detail
