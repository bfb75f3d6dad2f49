"""Numbers, as the API shows and takes them."""

from marshmallow import Schema, fields, validate

from wotnot.blueprints.api.schemas import RequestSchema, WholeNumber

_RATE = validate.Range(1, 1000, error="Choose a whole number from 1 to 1,000 messages a second.")


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
    rate_per_second = WholeNumber(load_default=None, allow_none=True, validate=_RATE, metadata={"example": 80})


class ChannelChangesSchema(RequestSchema):
    """What may be changed of a number."""

    rate_per_second = WholeNumber(required=True, validate=_RATE, metadata={"example": 80})


_META_ID = validate.Regexp(r"^[0-9]{0,30}\Z", error="This is not an id of Meta's: it has digits only.")


class BeginSignUpSchema(RequestSchema):
    """What Meta's sign-up window told. Without the ids the code's token says for which account and number it is."""

    code = fields.String(required=True, validate=validate.Length(1, 2000), metadata={"example": "AQB…"})
    waba_id = fields.String(load_default="", validate=_META_ID, metadata={"example": "700000000000001"})
    phone_number_id = fields.String(load_default="", validate=_META_ID, metadata={"example": "800000000000001"})


class ContinueSignUpSchema(RequestSchema):
    """What the failed step lacked."""

    pin = fields.String(load_default="", metadata={"description": "Of a number that has a two-step PIN: six digits."})
    phone_number_id = fields.String(
        load_default="", validate=_META_ID, metadata={"description": "Of an account with several free numbers."}
    )


class SignUpSchema(Schema):
    """How far a sign-up came. Its token is never answered."""

    id = fields.Integer()
    waba_id = fields.String(metadata={"example": "700000000000001"})
    phone_number_id = fields.String(metadata={"example": "800000000000001"})
    failed_step = fields.String(metadata={"description": "inspect, number, register or connect; empty when through."})
    reason = fields.String(metadata={"description": "Why it failed, with what to do."})
    channel_id = fields.Integer(allow_none=True, metadata={"description": "The connected number."})
    created_at = fields.AwareDateTime()
