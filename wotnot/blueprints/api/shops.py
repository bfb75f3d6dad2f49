"""Shops over the API: connecting them, their rules, their products, and the messages about their orders."""

from typing import Any

from wotnot.blueprints.api.resource import Resource
from wotnot.blueprints.api.schemas import page_schema
from wotnot.blueprints.api.schemas.shops import (
    ConnectShopSchema,
    ProductArgs,
    ProductListSchema,
    RuleChangesSchema,
    RuleListSchema,
    RuleSchema,
    ShopChangesSchema,
    ShopFactsSchema,
    ShopKeysSchema,
    ShopMessageArgs,
    ShopMessageSchema,
    ShopSchema,
)
from wotnot.blueprints.guards import requires, workspace_id
from wotnot.models import Role, Shop, ShopRule
from wotnot.services import shop_messages, shop_products, shop_rules, shops
from wotnot.services.pages import Page
from wotnot.services.shop_checks import ShopFacts
from wotnot.services.shop_messages import ShownMessage
from wotnot.services.shop_products import ProductPage

blueprint = Resource(
    "shops-api", __name__, url_prefix="/api/v1/shops", description="WooCommerce shops, and messages about their orders."
)

_REFUSED = "The shop does not answer as it should, or refuses the keys; `errors` says which, in plain words."
_AWAY = "The shop does not answer just now."


@blueprint.post("/test")
@requires(Role.ADMIN)
@blueprint.arguments(ShopKeysSchema)
@blueprint.response(200, ShopFactsSchema)
@blueprint.alt_response(422, description=_REFUSED)
@blueprint.alt_response(503, description=_AWAY)
def test(body: dict[str, Any]) -> ShopFacts:
    """Ask a shop with a pair of keys, without connecting it."""
    return shops.check_shop(**body)


@blueprint.post("")
@requires(Role.ADMIN)
@blueprint.arguments(ConnectShopSchema)
@blueprint.response(201, ShopSchema)
@blueprint.alt_response(409, description="The shop is connected already; `id` says as which.")
@blueprint.alt_response(422, description=_REFUSED)
@blueprint.alt_response(503, description=_AWAY)
def connect(body: dict[str, Any]) -> Shop:
    """Connect a shop after asking it, and have it tell us of its orders."""
    return shops.connect_shop(workspace_id(), **body)


@blueprint.get("")
@blueprint.response(200, page_schema(ShopSchema))
def index() -> Page[Shop]:
    """List the connected shops, newest first."""
    return Page(shops.list_shops(workspace_id()))


@blueprint.get("/<int:shop_id>")
@blueprint.response(200, ShopSchema)
def show(shop_id: int) -> Shop:
    """Get one shop."""
    return shops.get_shop(workspace_id(), shop_id)


@blueprint.patch("/<int:shop_id>")
@requires(Role.ADMIN)
@blueprint.arguments(ShopChangesSchema)
@blueprint.response(200, ShopSchema)
def change(body: dict[str, Any], shop_id: int) -> Shop:
    """Rename a shop, name its checkout's box, or switch its messages off and on."""
    is_on = body.pop("is_on", None)
    shop = shops.change_shop(workspace_id(), shop_id, **body)
    return shop if is_on is None else shops.switch_shop(workspace_id(), shop_id, is_on=is_on)


@blueprint.delete("/<int:shop_id>")
@requires(Role.ADMIN)
@blueprint.response(204)
def remove(shop_id: int) -> None:
    """Remove a shop: its keys are forgotten, its orders and messages stay."""
    shops.remove_shop(workspace_id(), shop_id)


@blueprint.post("/<int:shop_id>/refresh")
@requires(Role.ADMIN)
@blueprint.response(202, ShopSchema)
def refresh(shop_id: int) -> Shop:
    """Look after a shop now instead of within the minute."""
    return shops.refresh_shop(workspace_id(), shop_id)


@blueprint.get("/<int:shop_id>/products")
@blueprint.arguments(ProductArgs, location="query")
@blueprint.response(200, ProductListSchema)
@blueprint.alt_response(503, description=_AWAY)
def products(query: dict[str, Any], shop_id: int) -> ProductPage:
    """List what a shop sells, asked of the shop itself."""
    return shop_products.list_products(
        workspace_id(), shop_id, search=query["search"], per_page=query["limit"], offset=query["offset"]
    )


@blueprint.get("/<int:shop_id>/messages")
@blueprint.arguments(ShopMessageArgs, location="query")
@blueprint.response(200, page_schema(ShopMessageSchema))
def messages(query: dict[str, Any], shop_id: int) -> Page[ShownMessage]:
    """List the messages about a shop's orders, newest first, also those that wait or were left out."""
    shops.get_shop(workspace_id(), shop_id)
    return shop_messages.list_messages(workspace_id(), shop_id, **query)


@blueprint.get("/<int:shop_id>/rules")
@blueprint.response(200, RuleListSchema)
def rules(shop_id: int) -> Page[ShopRule]:
    """List a shop's rules."""
    shops.get_shop(workspace_id(), shop_id)
    return Page(shop_rules.list_rules(workspace_id(), shop_id))


@blueprint.post("/<int:shop_id>/rules")
@requires(Role.ADMIN)
@blueprint.arguments(RuleSchema)
@blueprint.response(201, RuleSchema)
@blueprint.alt_response(409, description="The shop has as many rules as it may have; delete one first.")
def create_rule(body: dict[str, Any], shop_id: int) -> ShopRule:
    """Add a rule; it is about what happens from now on."""
    return shop_rules.create_rule(workspace_id(), shop_id, **body)


@blueprint.get("/<int:shop_id>/rules/<int:rule_id>")
@blueprint.response(200, RuleSchema)
def show_rule(shop_id: int, rule_id: int) -> ShopRule:
    """Get one rule."""
    return shop_rules.get_rule(workspace_id(), shop_id, rule_id)


@blueprint.patch("/<int:shop_id>/rules/<int:rule_id>")
@requires(Role.ADMIN)
@blueprint.arguments(RuleChangesSchema)
@blueprint.response(200, RuleSchema)
def change_rule(body: dict[str, Any], shop_id: int, rule_id: int) -> ShopRule:
    """Change a rule, or switch it off and on."""
    if set(body) <= {"is_on"}:
        return shop_rules.switch_rule(workspace_id(), shop_id, rule_id, is_on=body.get("is_on", True))
    return shop_rules.update_rule(workspace_id(), shop_id, rule_id, **body)


@blueprint.delete("/<int:shop_id>/rules/<int:rule_id>")
@requires(Role.ADMIN)
@blueprint.response(204)
def delete_rule(shop_id: int, rule_id: int) -> None:
    """Delete a rule; what it sent stays in the list."""
    shop_rules.delete_rule(workspace_id(), shop_id, rule_id)
