"""Promotions of a shop's products, as the API shows and takes them."""

from marshmallow import Schema, fields, validate

from wotnot.blueprints.api.schemas import CursorArgs, RequestSchema, WholeNumber
from wotnot.services.audience_risks import CHOOSABLE
from wotnot.services.promotion_days import WEEKDAYS
from wotnot.services.woocommerce.products import LABELS

DAYS = tuple(day.lower() for day in WEEKDAYS)
_PRODUCT_FIELDS = ", ".join(LABELS)


class PromotedSchema(Schema):
    """What the shop said of the product last."""

    name = fields.String(metadata={"example": "Snake plant"})
    price = fields.String(metadata={"example": "260.00"})
    url = fields.String()
    has_picture = fields.Boolean()


class PromotionSchema(RequestSchema):
    """A product that is written about on chosen days; each day becomes a broadcast when its time comes."""

    id = fields.Integer(dump_only=True)
    shop_id = fields.Integer(dump_only=True)
    product_id = WholeNumber(required=True, metadata={"example": 102})
    product = fields.Nested(PromotedSchema, dump_only=True)
    name = fields.String(required=True, metadata={"example": "Snake plants"})
    channel_id = WholeNumber(required=True)
    template_id = WholeNumber(required=True)
    variables = fields.Dict(
        keys=fields.String(),
        values=fields.Dict(),
        load_default=dict,
        metadata={
            "description": f"As of a broadcast, and `product` names a field of the product: {_PRODUCT_FIELDS}.",
            "example": {"header.image": {"product": "picture"}, "1": {"product": "price", "fallback": "a good price"}},
        },
    )
    audience = fields.Dict(
        required=True,
        metadata={
            "description": "As of a broadcast. Buyers of a product by the status of their order: `bought`, `in_order`.",
            "example": {
                "filter": {
                    "match": "all",
                    "conditions": [{"field": "bought", "op": "in_order", "value": "102 completed, processing"}],
                }
            },
        },
    )
    leave_out = fields.List(fields.String(validate=validate.OneOf(CHOOSABLE)), load_default=list)
    weekdays = fields.List(
        fields.String(validate=validate.OneOf(DAYS)), required=True, metadata={"example": ["monday", "thursday"]}
    )
    at_time = fields.Time(
        format="%H:%M", required=True, metadata={"example": "09:00", "description": "On the workspace's clock."}
    )
    first_day = fields.Date(required=True)
    last_day = fields.Date(required=True)
    state = fields.String(dump_only=True, metadata={"description": "on, paused or ended."})
    plan = fields.String(dump_only=True, metadata={"description": "The days in words."})
    next_at = fields.AwareDateTime(dump_only=True, allow_none=True)
    reason = fields.String(dump_only=True, metadata={"description": "Why it waits for the shop; empty otherwise."})
    created_at = fields.AwareDateTime(dump_only=True)


class PromotionChangesSchema(RequestSchema):
    """What may be changed of a promotion that has not ended; what is not given stays."""

    product_id = WholeNumber()
    name = fields.String()
    channel_id = WholeNumber()
    template_id = WholeNumber()
    variables = fields.Dict(keys=fields.String(), values=fields.Dict())
    audience = fields.Dict()
    leave_out = fields.List(fields.String(validate=validate.OneOf(CHOOSABLE)))
    weekdays = fields.List(fields.String(validate=validate.OneOf(DAYS)))
    at_time = fields.Time(format="%H:%M", metadata={"example": "09:00", "description": "On the workspace's clock."})
    first_day = fields.Date()
    last_day = fields.Date()


class PromotionArgs(CursorArgs):
    """A page of promotions, or of the days of one."""


class PromotionDateSchema(Schema):
    """A day that has come."""

    day = fields.Date(attribute="date.day")
    broadcast_id = fields.Integer(attribute="date.broadcast_id", allow_none=True)
    reason = fields.String(attribute="date.reason", metadata={"description": "Why nothing was sent; empty otherwise."})
    audience = fields.Integer(attribute="counts.funnel.audience")
    delivered = fields.Integer(attribute="counts.funnel.delivered")
    read = fields.Integer(attribute="counts.funnel.read")
