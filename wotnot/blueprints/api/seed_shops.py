"""Shops under the published short paths. They know one shop a workspace, so they mean the one that was connected last."""

from typing import Any

from flask import jsonify, request
from flask.typing import ResponseReturnValue

from wotnot.blueprints.api.schemas.seed import SeedConfirmationSchema, SeedProductArgs, SeedShopSchema, check
from wotnot.blueprints.api.seed_input import default_channel, read_body
from wotnot.blueprints.guards import workspace_id
from wotnot.errors import Conflict, DomainError, Invalid, Unavailable
from wotnot.models import Channel, Shop, Template
from wotnot.services import message_templates, shop_products, shop_rules, shops
from wotnot.services.audience_rules import MEDIA_KEY
from wotnot.services.whatsapp.payloads import list_variables
from wotnot.services.woocommerce.values import LABELS

# What the first clients call an order's fields.
_KEYS = {
    "name": "full_name",
    "customer_name": "full_name",
    "order_id": "order_number",
    "id": "order_number",
    "number": "order_number",
    "order_total": "total",
    "amount": "total",
    "products": "items",
    "line_items": "items",
    "order_status": "status",
    "date": "order_date",
    "date_created": "order_date",
}


def test() -> ResponseReturnValue:
    """Ask a shop with a pair of keys; 400 with the reason when it cannot be used."""
    body = check(SeedShopSchema, read_body())
    name = body.pop("store_name")
    try:
        facts = shops.check_shop(**body)
    except (Invalid, Unavailable) as refusal:
        raise DomainError(refusal.detail, code=refusal.code) from None
    info = {"name": name or facts.name, "version": facts.version, "currency": facts.currency, "country": facts.country}
    return jsonify(message="The shop answers, and the keys may read and write.", store_info=info)


def products() -> ResponseReturnValue:
    """What the shop sells."""
    query = check(SeedProductArgs, request.args.to_dict())
    found = shop_products.list_products(
        workspace_id(), _shop().id, search=query["search"], per_page=query["limit"], offset=query["offset"]
    )
    return jsonify([{"id": one.id, "name": one.name, "price": one.price} for one in found.items])


def confirm_orders() -> ResponseReturnValue:
    """Have new orders confirmed, all or those with one product; 400 when there is such a rule already."""
    body = check(SeedConfirmationSchema, read_body())
    shop, channel = _shop(), default_channel(None)
    template = _template(channel, body["template_id"])
    rule = shop_rules.create_rule(
        workspace_id(),
        shop.id,
        event=shop_rules.CREATED,
        channel_id=channel.id,
        template_id=template.id,
        variables=_sources(template, body["parameters"], body["image_id"]),
        conditions={"product_ids": [body["product_id"]] if body["product_id"] else []},
        only_one=True,
    )
    return jsonify(template=template.name, parameters=body["parameters"], rule_id=rule.id)


def _shop() -> Shop:
    found = shops.list_shops(workspace_id())
    if not found:
        raise Conflict("Connect a shop first.", code="no_shop")
    return found[0]


def _template(channel: Channel, name: str) -> Template:
    template = message_templates.find_template(workspace_id(), channel.id, name)
    if template is None:
        raise Invalid({"template_id": f"This number's account has no template “{name}”."})
    return template


def _sources(template: Template, parameters: list[dict[str, Any]], picture: dict[str, Any] | None) -> dict[str, Any]:
    """The template's variables in their order, each filled from the field that stands at its place."""
    sources: dict[str, Any] = {}
    keys = iter(str(one["key"]) for one in parameters)
    for variable in list_variables(template.components, template.parameter_format):
        if MEDIA_KEY.fullmatch(variable.key):
            sources |= {variable.key: picture} if picture else {}
            continue
        key = next(keys, "")
        field = _KEYS.get(key, key)
        if key:
            sources[variable.key] = {"field": field} if field in LABELS else {"text": key}
    return sources
