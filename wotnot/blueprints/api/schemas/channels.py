"""Numbers, as the API shows and takes them."""

from marshmallow import Schema, fields, validate

from wotnot.blueprints.api.schemas import RequestSchema, WholeNumber
from wotnot.services.whatsapp.profiles import CATEGORIES, LIMITS

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
    throughput = fields.String(metadata={"example": "STANDARD", "description": "STANDARD (80 a second), HIGH (1,000)."})
    name_status = fields.String(metadata={"example": "APPROVED", "description": "What Meta says of the display name."})
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


class ChannelEventSchema(Schema):
    """One change of a number, in Meta's words."""

    id = fields.Integer()
    fact = fields.String(metadata={"description": "quality, limit, throughput, name, name_status, state or notice."})
    before = fields.String(metadata={"example": "GREEN", "description": "Empty for a notice."})
    after = fields.String(metadata={"example": "YELLOW"})
    reason = fields.String()
    told_by = fields.String(
        metadata={
            "description": "webhook (Meta said so), refresh (Meta was asked), sending (a message was refused), person."
        }
    )
    told_at = fields.AwareDateTime(metadata={"description": "When it happened, or when Meta was asked."})


class ProfileSchema(Schema):
    """What customers read about a number, as Meta has it now."""

    about = fields.String(metadata={"example": "Plants for small homes"})
    description = fields.String()
    address = fields.String(metadata={"example": "12 Kloof Street, Cape Town"})
    email = fields.String(metadata={"example": "hello@casaverde.example"})
    websites = fields.List(fields.String(), metadata={"example": ["https://casaverde.example/"]})
    category = fields.String(
        metadata={"example": "RETAIL", "description": "Meta’s `vertical`; empty until it is chosen."}
    )
    picture_url = fields.String(metadata={"description": "Meta’s own address of the picture, good for a while."})


class ProfileChangesSchema(RequestSchema):
    """What to change of a profile. What is left out stays as it is; an empty text is taken away."""

    about = fields.String(metadata={"description": f"1 to {LIMITS['about']} characters; it cannot be emptied."})
    description = fields.String(metadata={"description": f"At most {LIMITS['description']} characters."})
    address = fields.String(metadata={"description": f"At most {LIMITS['address']} characters."})
    email = fields.String(metadata={"description": f"At most {LIMITS['email']} characters."})
    websites = fields.List(fields.String(), metadata={"description": "At most two, with http:// or https://."})
    category = fields.String(validate=validate.OneOf(list(CATEGORIES)))
    picture_media_id = WholeNumber(
        metadata={"description": "A square JPEG or PNG of the media library, 192 pixels or more."}
    )


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


class NumberChoiceSchema(Schema):
    """A number to choose."""

    waba_id = fields.String()
    phone_number_id = fields.String()
    phone = fields.String(metadata={"example": "+27 21 555 0140"})
    name = fields.String()


class SignUpSchema(Schema):
    """How far a sign-up came. Its token is never answered."""

    id = fields.Integer()
    waba_id = fields.String(metadata={"example": "700000000000001"})
    phone_number_id = fields.String(metadata={"example": "800000000000001"})
    failed_step = fields.String(
        metadata={"description": "exchange, inspect, number, register or connect; empty when through."}
    )
    busy_until = fields.AwareDateTime(
        attribute="claimed_until",
        allow_none=True,
        metadata={"description": "Set while the steps are being done: until then at the latest."},
    )
    choices = fields.List(
        fields.Nested(NumberChoiceSchema), metadata={"description": "The free numbers, where you have to choose one."}
    )
    reason = fields.String(metadata={"description": "Why it failed, with what to do."})
    channel_id = fields.Integer(allow_none=True, metadata={"description": "The connected number."})
    created_at = fields.AwareDateTime()
