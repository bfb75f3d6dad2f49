"""Shops: the list, connecting one by keys or on the shop's own page, and the page of each."""

from collections.abc import Callable, Mapping
from urllib.parse import urlsplit

from flask import Blueprint, Flask, current_app, flash, render_template, request
from werkzeug.wrappers import Response

from wotnot.blueprints import shop_views
from wotnot.blueprints.broadcast_views import time_words
from wotnot.blueprints.form_errors import errors_of
from wotnot.blueprints.guards import actor, guard_pages, page_timezone, requires, workspace_id
from wotnot.blueprints.htmx import go_to, render, target_of
from wotnot.errors import Conflict, Invalid, NotFound, Unavailable
from wotnot.models import Role
from wotnot.services import (
    sandbox_shop,
    shop_hooks,
    shop_invites,
    shop_messages,
    shop_orders,
    shop_products,
    shop_rules,
    shops,
)

blueprint = Blueprint("shops", __name__, url_prefix="/app/shops")
guard_pages(blueprint)

Answer = str | Response | tuple[str, int]

_FIELDS = ("base_url", "consumer_key", "consumer_secret", "store_name")
_SANDBOX_SHOP = "/shop/casa-verde"
_LOCAL = frozenset({"localhost", "127.0.0.1", "::1"})


def register(app: Flask) -> None:
    """Put the pages under /app/shops."""
    app.register_blueprint(blueprint)


@blueprint.context_processor
def _words() -> dict[str, object]:
    config = current_app.extensions["wotnot.config"]
    shop_page = f"{config.sandbox_url}{_SANDBOX_SHOP}/" if config.sandbox_url else ""
    return {"sandbox_shop": shop_page, **shop_views.words(), **time_words(page_timezone())}


@blueprint.get("")
def index() -> str:
    """Every shop with its state."""
    found = shops.list_shops(workspace_id())
    summary = shop_orders.summary_of(workspace_id(), [shop.id for shop in found])
    return render("shops/index.html", "shops/_list.html", shops=found, summary=summary)


# ---------------------------------------------------------------- connecting


@blueprint.get("/new")
@requires(Role.ADMIN)
def new() -> str:
    """The empty form."""
    return _connect_page({}, {})


@blueprint.post("/new")
@requires(Role.ADMIN)
def connect() -> Answer:
    """Ask the shop and show what it says; with `step=connect` connect it as well, with `step=grant` let its owner grant keys."""
    values = {name: request.form.get(name, "").strip() for name in _FIELDS}
    keys = {name: values[name] for name in ("base_url", "consumer_key", "consumer_secret")}
    step = request.form.get("step", "")
    try:
        # Enter in a field presses the first button; who has typed keys means them.
        if step == "grant" and not values["consumer_key"]:
            return _grant_page(values["base_url"])
        if step == "connect":
            shop = shops.connect_shop(workspace_id(), **keys, name=values["store_name"])
            flash(f"{shop.name} is connected. Its orders of the last 60 days are being read.", "success")
            return go_to(f"/app/shops/{shop.id}")
        return _connect_page(values, {}, facts=shops.check_shop(**keys))
    except (Invalid, Conflict, Unavailable) as error:
        return _connect_page(values, errors_of(error)), 422


@blueprint.post("/sandbox")
@requires(Role.ADMIN)
def connect_sandbox() -> Answer:
    """Connect the sandbox's shop."""
    try:
        shop = sandbox_shop.connect_sandbox_shop(workspace_id())
    except (Invalid, Conflict, Unavailable) as error:
        flash(error.detail, "error")
        return go_to("/app/shops")
    flash(
        "The sandbox shop is connected. What you order there can become a message on the customer’s phone.", "success"
    )
    return go_to(f"/app/shops/{shop.id}")


@blueprint.get("/back")
@requires(Role.ADMIN)
def back() -> Answer:
    """Where a shop sends its owner after WooCommerce's own page."""
    if request.args.get("success") != "1":
        flash("The shop was not connected: access was denied there.", "error")
        return go_to("/app/shops/new", 302)
    try:
        shop = shop_invites.finish(workspace_id(), request.args.get("user_id", ""))
    except (Invalid, Conflict, Unavailable, NotFound) as error:
        flash("This invitation is over. Begin again." if isinstance(error, NotFound) else error.detail, "error")
        return go_to("/app/shops/new", 302)
    flash(f"{shop.name} is connected. What changed in its orders is being read.", "success")
    return go_to(f"/app/shops/{shop.id}", 302)


# ---------------------------------------------------------------- one shop


@blueprint.get("/<int:shop_id>")
def show(shop_id: int) -> str:
    """One shop: how it is, its rules, and the messages about its orders."""
    return _shop_page(shop_id, {})


@blueprint.get("/<int:shop_id>/products")
def products(shop_id: int) -> Answer:
    """What a shop sells, asked of the shop itself."""
    shop = shops.get_shop(workspace_id(), shop_id)
    search, page = request.args.get("search", "").strip(), max(request.args.get("page", default=1, type=int), 1)
    try:
        found = shop_products.list_products(workspace_id(), shop_id, search=search, page=page)
        problem = ""
    except Unavailable as error:
        found, problem = None, error.detail
    shop = shops.get_shop(workspace_id(), shop_id)
    return render(
        "shops/products.html",
        "shops/_products.html",
        shop=shop,
        found=found,
        search=search,
        page=page,
        problem=problem,
    )


@blueprint.get("/<int:shop_id>/products/<int:product_id>/picture")
def picture(shop_id: int, product_id: int) -> Response:
    """A product's picture, fetched from the shop: our pages show nothing from elsewhere."""
    kind, data = shop_products.get_picture(workspace_id(), shop_id, product_id)
    response = current_app.response_class(data, mimetype=kind)
    response.headers["Cache-Control"] = "private, max-age=3600"
    return response


@blueprint.post("/<int:shop_id>/refresh")
@requires(Role.ADMIN)
def refresh(shop_id: int) -> Answer:
    """Look after the shop now."""
    return _act(lambda: shops.refresh_shop(workspace_id(), shop_id), "Asking the shop now.", f"/app/shops/{shop_id}")


@blueprint.post("/<int:shop_id>/settings")
@requires(Role.ADMIN)
def change(shop_id: int) -> Answer:
    """Rename the shop, or name its checkout's box."""
    given = {"name": request.form.get("store_name"), "opt_in_key": request.form.get("opt_in_key")}
    try:
        shops.change_shop(workspace_id(), shop_id, **given)
    except Invalid as error:
        return _shop_page(shop_id, errors_of(error), request.form), 422
    flash("Saved.", "success")
    return go_to(f"/app/shops/{shop_id}")


@blueprint.post("/<int:shop_id>/keys")
@requires(Role.ADMIN)
def replace_keys(shop_id: int) -> Answer:
    """Give the shop new keys."""
    keys = {name: request.form.get(name, "") for name in ("consumer_key", "consumer_secret")}
    try:
        shops.replace_keys(workspace_id(), shop_id, **keys)
    except (Invalid, Unavailable) as error:
        return _shop_page(shop_id, errors_of(error), request.form), 422
    flash("The keys are replaced.", "success")
    return go_to(f"/app/shops/{shop_id}")


@blueprint.post("/<int:shop_id>/grant")
@requires(Role.ADMIN)
def grant_again(shop_id: int) -> Answer:
    """Send the owner of a connected shop to its own page for new keys; rules, orders and messages stay."""
    return _grant_page(shops.get_shop(workspace_id(), shop_id).url)


@blueprint.post("/<int:shop_id>/switch")
@requires(Role.ADMIN)
def switch(shop_id: int) -> Answer:
    """Switch the shop's messages off or on."""
    is_on = request.form.get("on") == "1"
    done = "Messages are on, for orders from now on." if is_on else "Messages about this shop's orders are off."
    return _act(lambda: shops.switch_shop(workspace_id(), shop_id, is_on=is_on), done, f"/app/shops/{shop_id}")


@blueprint.post("/<int:shop_id>/remove")
@requires(Role.ADMIN)
def remove(shop_id: int) -> Answer:
    """Stop hearing of the shop; its orders and messages stay."""
    return _act(lambda: shops.remove_shop(workspace_id(), shop_id), "The shop is removed.", "/app/shops")


def _act(act: Callable[[], object], done: str, where: str) -> Response:
    act()
    flash(done, "success")
    return go_to(where)


def _connect_page(values: Mapping[str, str], errors: Mapping[str, list[str]], facts: object = None) -> str:
    return render_template("shops/new.html", values=values, errors=errors, facts=facts, is_local=_is_local())


def _grant_page(base_url: str) -> str:
    _, url = shop_invites.begin(workspace_id(), actor().user.id, base_url)
    return render_template("shops/grant.html", url=url, host=urlsplit(url).netloc)


def _is_local() -> bool:
    """Whether shops elsewhere cannot reach us, so that orders come by asking once a minute."""
    return urlsplit(current_app.extensions["wotnot.config"].public_url).hostname in _LOCAL


def _shop_page(shop_id: int, errors: Mapping[str, list[str]], typed: Mapping[str, str] | None = None) -> str:
    shop = shops.get_shop(workspace_id(), shop_id)
    partials = {"shop-messages": "shops/_messages.html", "shop-rules": "shops/_rules.html"}
    return render(
        "shops/show.html",
        partials.get(target_of(), "shops/_facts.html"),
        shop=shop,
        errors=errors,
        typed=typed or {},
        rules=shop_rules.list_rules(workspace_id(), shop_id),
        counts=shop_messages.count_by_rule(workspace_id(), shop_id),
        messages=shop_messages.list_messages(workspace_id(), shop_id, cursor=request.args.get("cursor")),
        summary=shop_orders.summary_of(workspace_id(), [shop_id])[shop_id],
        hooks_count=len(shop.hooks),
        hooks_wanted=len(shop_hooks.TOPICS),
        is_local=_is_local(),
    )
