"""Single messages and ledger entries, as the API takes and shows them."""

from typing import Any

from marshmallow import Schema, ValidationError, fields, validate, validates_schema

from wotnot.blueprints.api.schemas import RequestSchema, WholeNumber
from wotnot.services.single_messages import MAX_CAPTION, MAX_TEXT, MEDIA_TYPES, TYPES
from wotnot.services.whatsapp.errors import plain_words


class VariableField(fields.Field[str | dict[str, int]]):
    """A text, or a file of the library for the picture, video or document of a header."""

    def _deserialize(self, value: Any, *_: object, **__: object) -> str | dict[str, int]:
        if isinstance(value, str):
            return value
        if isinstance(value, dict) and set(value) == {"file_id"} and type(value["file_id"]) is int:
            return value
        raise ValidationError('Give a text, or for a header a file of `/media`: {"file_id": 12}.')


class TemplatePartSchema(RequestSchema):
    """Which template, with which values."""

    name = fields.String(required=True, metadata={"example": "order_update"})
    language = fields.String(
        load_default=None,
        allow_none=True,
        metadata={"example": "en", "description": "Without it the contact's own, where the template has several."},
    )
    variables = fields.Dict(
        keys=fields.String(),
        values=VariableField(
            metadata={"oneOf": [{"type": "string"}, {"type": "object", "properties": {"file_id": {"type": "integer"}}}]}
        ),
        load_default=dict,
        metadata={
            "example": {"1": "Naledi", "header.image": {"file_id": 12}},
            "description": "Variable → text. For the picture, video or document of a header also a file of `/media`, "
            "or as a text the address of one or an id from Meta's media upload.",
        },
    )


class TextPartSchema(RequestSchema):
    """A free text."""

    body = fields.String(required=True, validate=validate.Length(1, MAX_TEXT), metadata={"example": "Hello!"})


class MediaPartSchema(RequestSchema):
    """A file: one of the library, an id from Meta's media upload, or a link that Meta can open."""

    file_id = WholeNumber(load_default=None, metadata={"description": "A file of `/media`."})
    id = fields.String(load_default=None, metadata={"example": "910000000000001"})
    link = fields.Url(load_default=None, schemes={"http", "https"}, metadata={"example": "https://shop.example/a.pdf"})
    caption = fields.String(load_default="", validate=validate.Length(max=MAX_CAPTION))
    filename = fields.String(load_default="", validate=validate.Length(max=240))


class SendMessageSchema(RequestSchema):
    """One message to one person."""

    channel_id = WholeNumber(
        load_default=None, metadata={"description": "The number that sends it. Only a test key may leave it out."}
    )
    to = fields.String(required=True, metadata={"example": "+27 82 555 0140"})
    type = fields.String(required=True, validate=validate.OneOf(TYPES), metadata={"example": "template"})
    template = fields.Nested(TemplatePartSchema, load_default=None)
    text = fields.Nested(TextPartSchema, load_default=None)
    media = fields.Nested(MediaPartSchema, load_default=None)

    @validates_schema
    def _has_its_part(self, data: dict[str, Any], **_: object) -> None:
        part = part_of(str(data.get("type")))
        if data.get("type") in TYPES and not data.get(part):
            raise ValidationError("This part is needed for the type.", part)


class QueuedMessageSchema(Schema):
    """What is known at once."""

    id = fields.Integer()
    state = fields.String(metadata={"example": "queued"})
    is_test = fields.Boolean(dump_default=False, metadata={"description": "Simulated, for a test key."})


class AttemptSchema(Schema):
    """One attempt: its state and when it got there."""

    id = fields.Integer()
    attempt = fields.Integer()
    state = fields.String()
    wamid = fields.String(allow_none=True)
    error = fields.Method("get_error", metadata={"description": "code, title and advice, or null."})
    queued_at = fields.AwareDateTime(attribute="created_at")
    accepted_at = fields.AwareDateTime(allow_none=True)
    sent_at = fields.AwareDateTime(allow_none=True)
    delivered_at = fields.AwareDateTime(allow_none=True)
    read_at = fields.AwareDateTime(allow_none=True)
    failed_at = fields.AwareDateTime(allow_none=True)

    def get_error(self, message: Any) -> dict[str, Any] | None:
        """The error of a message, in words."""
        return error_of(message)


class MessageSchema(AttemptSchema):
    """A ledger entry: where the message is now, and how it got there."""

    is_test = fields.Boolean(metadata={"description": "Simulated, for a test key."})
    channel_id = fields.Integer(allow_none=True)
    broadcast_id = fields.Integer(allow_none=True)
    contact_id = fields.Integer(allow_none=True)
    to = fields.Function(lambda message: f"+{message.phone}" if message.phone else None)
    direction = fields.String()
    type = fields.String()
    skip_reason = fields.String(allow_none=True)
    media = fields.Method(
        "get_media",
        metadata={
            "description": "The file of an inbound message: `state` waiting, kept or gone, `reason`, `file_id`; else null."
        },
    )
    price = fields.Method(
        "get_price",
        metadata={
            "description": "Meta's pricing `category` and `type` once it told them; after delivery `micros`, millionths of "
            "`currency` by the rate card of the day, null without a rate."
        },
    )
    attempts = fields.List(
        fields.Nested(AttemptSchema), metadata={"description": "In the same broadcast, first to last."}
    )

    def get_media(self, entry: Any) -> dict[str, Any] | None:
        """What has become of the file that a person sent."""
        if entry.media is None:
            return None
        file_id = entry.media.file.id if entry.media.file else None
        return {"state": entry.media.state.value, "reason": entry.media.reason, "file_id": file_id}

    def get_price(self, entry: Any) -> dict[str, Any] | None:
        """What Meta said about billing, and what it comes to."""
        if entry.pricing_category is None:
            return None
        told = {"category": entry.pricing_category, "type": entry.pricing_type}
        return told | {
            "micros": entry.cost.micros if entry.cost else None,
            "currency": entry.cost.currency if entry.cost else None,
        }


def part_of(message_type: str) -> str:
    """Under which name the content of a type stands in the request."""
    return "media" if message_type in MEDIA_TYPES else message_type


def error_of(message: Any) -> dict[str, Any] | None:
    """The error of a ledger entry, in our words; None when it has none."""
    if message.error_code is None and not message.error_title:
        return None
    words = plain_words(message.error_code)
    return {"code": message.error_code, "title": message.error_title or words.title, "advice": words.advice}
