"""Numbers, as the API shows and takes them."""

from marshmallow import Schema, fields

from wotnot.blueprints.api.schemas import RequestSchema


class ChannelSchema(Schema):
    """A connected number. Its token is never answered."""

    id = fields.Integer()
    waba_id = fields.String(metadata={"example": "700000000000001"})
    phone_number_id = fields.String(metadata={"example": "800000000000001"})
    display_phone_number = fields.String(metadata={"example": "+27 21 555 0140"})
    verified_name = fields.String(metadata={"example": "Casa Verde"})
    quality_rating = fields.String(metadata={"example": "GREEN", "description": "GREEN, YELLOW, RED or UNKNOWN."})
    messaging_limit = fields.String(metadata={"example": "TIER_10K"})
    rate_per_second = fields.Integer(metadata={"example": 80})
    state = fields.String(metadata={"description": "connected or stopped."})
    state_reason = fields.String(metadata={"description": "Why it cannot send; empty while it can."})
    checked_at = fields.AwareDateTime(allow_none=True, metadata={"description": "When Meta was last asked."})
    created_at = fields.AwareDateTime()


class ConnectChannelSchema(RequestSchema):
    """What connects a number."""

    waba_id = fields.String(required=True, metadata={"example": "700000000000001"})
    phone_number_id = fields.String(required=True, metadata={"example": "800000000000001"})
    access_token = fields.String(required=True, metadata={"example": "EAAG…", "description": "Of a system user."})
    rate_per_second = fields.Integer(load_default=None, allow_none=True, strict=True, metadata={"example": 80})


class ChannelChangesSchema(RequestSchema):
    """What may be changed of a number."""

    rate_per_second = fields.Integer(required=True, strict=True, metadata={"example": 80})
