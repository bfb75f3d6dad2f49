"""Shops, their rules and messages, as the API shows and takes them."""

from marshmallow import Schema, fields, validate

from wotnot.blueprints.api.schemas import CursorArgs, RequestSchema, WholeNumber, YesOrNo

_EVENT = "^(created|note|unpaid|status:[a-z0-9][a-z0-9_-]{0,39})$"


class ShopKeysSchema(RequestSchema):
    """Where a shop is and what opens it."""

    base_url = fields.String(required=True, metadata={"example": "https://shop.example"})
    consumer_key = fields.String(required=True, metadata={"example": "ck_0123456789abcdef", "pattern": "^ck_"})
    consumer_secret = fields.String(required=True, metadata={"example": "cs_0123456789abcdef", "pattern": "^cs_"})


class ConnectShopSchema(ShopKeysSchema):
    """What connects a shop."""

    name = fields.String(load_default="", metadata={"description": "Empty for the shop's own name."})


class ShopFactsSchema(Schema):
    """What a shop says about itself."""

    name = fields.String(metadata={"example": "Casa Verde"})
    version = fields.String(metadata={"example": "10.9.0", "description": "WooCommerce's version."})
    currency = fields.String(metadata={"example": "ZAR"})
    country = fields.String(metadata={"example": "ZA"})
    order_count = fields.Integer()
    is_slow = fields.Boolean()


class ShopSchema(Schema):
    """A connected shop. Its keys are never answered."""

    id = fields.Integer()
    name = fields.String(metadata={"example": "Casa Verde"})
    url = fields.String(metadata={"example": "https://shop.example"})
    state = fields.String(metadata={"description": "connected or off."})
    trouble = fields.String(
        metadata={"description": "Why the last call to it failed (down, slow, html, keys, …); empty while all is well."}
    )
    trouble_text = fields.String(metadata={"description": "The same in words, with what to do."})
    trouble_since = fields.AwareDateTime(allow_none=True)
    hooks_trouble = fields.String(
        metadata={
            "description": "Why our webhooks could not be set up in it; empty while they are. Orders are read all the same."
        }
    )
    version = fields.String(metadata={"example": "10.9.0"})
    currency = fields.String(metadata={"example": "ZAR"})
    country = fields.String(metadata={"example": "ZA"})
    opt_in_key = fields.String(metadata={"example": "wotnot_opt_in"})
    heard_at = fields.AwareDateTime(allow_none=True, metadata={"description": "When its last webhook came."})
    synced_until = fields.AwareDateTime(metadata={"description": "How far its list of changed orders was read."})
    listening_since = fields.AwareDateTime(metadata={"description": "What happened before is never messaged."})
    created_at = fields.AwareDateTime()


class ShopChangesSchema(RequestSchema):
    """What may be changed of a shop."""

    name = fields.String()
    opt_in_key = fields.String()
    is_on = YesOrNo(metadata={"description": "Whether its orders are messaged."})


class ProductArgs(RequestSchema):
    """Which products."""

    search = fields.String(load_default="")
    limit = fields.Integer(load_default=20, validate=validate.Range(1, 100))
    offset = fields.Integer(load_default=0, validate=validate.Range(0, 100_000))


class ProductSchema(Schema):
    """A product, as its shop tells it."""

    id = fields.Integer(metadata={"example": 101})
    name = fields.String(metadata={"example": "Snake plant"})
    price = fields.String(metadata={"example": "260.00"})
    sku = fields.String()
    url = fields.String()
    picture_url = fields.String()
    is_in_stock = fields.Boolean()


class ProductListSchema(Schema):
    """Some products, and how many there are in all."""

    items = fields.List(fields.Nested(ProductSchema))
    total = fields.Integer()


class ConditionsSchema(RequestSchema):
    """Which orders a rule is about; empty for all."""

    countries = fields.List(fields.String(), metadata={"example": ["ZA", "DE"]})
    total_min = fields.String(metadata={"example": "500"})
    total_max = fields.String()
    product_ids = fields.List(WholeNumber())
    payment_methods = fields.List(fields.String(), metadata={"example": ["cod"]})


class RuleSchema(RequestSchema):
    """Which orders are messaged, when, and with what."""

    id = fields.Integer(dump_only=True)
    event = fields.String(
        required=True,
        metadata={
            "example": "created",
            "pattern": _EVENT,
            "description": "created, status:<WooCommerce's status>, note or unpaid.",
        },
    )
    channel_id = WholeNumber(required=True)
    template_id = WholeNumber(required=True)
    variables = fields.Dict(
        keys=fields.String(),
        values=fields.Dict(),
        load_default=dict,
        metadata={"example": {"1": {"field": "first_name", "fallback": "there"}, "2": {"field": "order_number"}}},
    )
    conditions = fields.Nested(ConditionsSchema, load_default=dict)
    delay_minutes = WholeNumber(load_default=0)
    is_on = YesOrNo(load_default=True)
    active_since = fields.AwareDateTime(dump_only=True)


class RuleChangesSchema(RequestSchema):
    """What may be changed of a rule."""

    event = fields.String(metadata={"pattern": _EVENT})
    channel_id = WholeNumber()
    template_id = WholeNumber()
    variables = fields.Dict(keys=fields.String(), values=fields.Dict())
    conditions = fields.Nested(ConditionsSchema)
    delay_minutes = WholeNumber()
    is_on = YesOrNo()


class RuleListSchema(Schema):
    """A shop's rules."""

    items = fields.List(fields.Nested(RuleSchema))
    next_cursor = fields.String(allow_none=True)


class ShopMessageArgs(CursorArgs):
    """A page of messages."""


class ShopMessageSchema(Schema):
    """A message about an order: planned once for a rule, then in the ledger."""

    id = fields.Integer(attribute="plan.id")
    rule_id = fields.Integer(attribute="plan.rule_id")
    event = fields.String(attribute="plan.rule.event")
    order_id = fields.Integer(attribute="plan.order.order_id", metadata={"description": "The shop's own id."})
    order_number = fields.String(attribute="plan.order.number")
    state = fields.String(attribute="plan.state", metadata={"description": "waiting, written or left_out."})
    reason = fields.String(attribute="plan.reason", metadata={"description": "Why it waits or was left out."})
    message_id = fields.Integer(attribute="plan.message_id", allow_none=True)
    message_state = fields.String(attribute="message.state", allow_none=True, dump_default=None)
    due_at = fields.AwareDateTime(attribute="plan.due_at")
    created_at = fields.AwareDateTime(attribute="plan.created_at")
