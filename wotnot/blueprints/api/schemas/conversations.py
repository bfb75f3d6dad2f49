"""Conversations, as the API takes and shows them."""

from typing import Any

from marshmallow import Schema, ValidationError, fields, validate, validates_schema

from wotnot.blueprints.api.schemas import CursorArgs, RequestSchema, WholeNumber, YesOrNo
from wotnot.blueprints.api.schemas.messages import (
    MediaPartSchema,
    TemplatePartSchema,
    TextPartSchema,
    error_of,
    part_of,
)
from wotnot.models import ConversationState
from wotnot.services.single_messages import REPLY_TYPES

_STATES = [state.value for state in ConversationState]


class ConversationArgs(CursorArgs):
    """Which conversations to list."""

    state = fields.Enum(ConversationState, by_value=True, load_default=None)
    unread = fields.Boolean(load_default=False)
    unassigned = fields.Boolean(load_default=False)
    assignee_id = fields.Integer(load_default=None, metadata={"description": "A member of the workspace."})
    channel_id = fields.Integer(load_default=None)
    label = fields.String(load_default="")
    tag = fields.String(load_default="")
    search = fields.String(load_default="", validate=validate.Length(max=200))


class ConversationContactSchema(Schema):
    """Who the conversation is with."""

    id = fields.Integer()
    name = fields.String()
    phone = fields.Function(lambda contact: f"+{contact.phone}" if contact.phone else None)
    consent = fields.String()


class LastMessageSchema(Schema):
    """The last message, on one line."""

    id = fields.Integer()
    direction = fields.String()
    type = fields.String()
    text = fields.String()
    state = fields.String()
    at = fields.AwareDateTime()


class ConversationSchema(Schema):
    """A thread between one of your numbers and a person, with the 24 hours that their last message opened."""

    id = fields.Integer()
    contact = fields.Nested(ConversationContactSchema)
    channel_id = fields.Integer()
    state = fields.String(metadata={"enum": _STATES})
    assignee_id = fields.Integer(allow_none=True)
    labels = fields.List(fields.String())
    window_expires_at = fields.AwareDateTime(allow_none=True)
    unread_count = fields.Integer()
    last_message = fields.Nested(LastMessageSchema, allow_none=True)


class ReactionSchema(Schema):
    """An emoji on a message."""

    emoji = fields.String()
    direction = fields.Function(lambda reaction: "out" if reaction.is_ours else "in")


class ThreadMessageSchema(Schema):
    """A message of a conversation. `text` is what it says, `content` Meta's object for the type."""

    id = fields.Integer(attribute="message.id")
    direction = fields.String(attribute="message.direction")
    type = fields.String(attribute="message.type")
    text = fields.String(attribute="words")
    content = fields.Function(lambda entry: {} if entry.is_deleted else dict(entry.content))
    state = fields.String(attribute="message.state")
    error = fields.Function(lambda entry: error_of(entry.message))
    wamid = fields.String(attribute="message.wamid", allow_none=True)
    reply_to = fields.Function(lambda entry: entry.quote.message_id if entry.quote else None)
    reactions = fields.List(fields.Nested(ReactionSchema))
    edited = fields.Boolean(attribute="is_edited")
    deleted = fields.Boolean(attribute="is_deleted")
    automatic = fields.Boolean(attribute="is_automatic", metadata={"description": "An answer that nobody typed."})
    at = fields.AwareDateTime()


class ReactionPartSchema(RequestSchema):
    """An emoji on the message `reply_to`; an empty one takes the earlier reaction back."""

    emoji = fields.String(required=True, metadata={"example": "👍"})


class InteractivePartSchema(RequestSchema):
    """A text with up to three buttons, or with a list to choose from."""

    body = fields.String(required=True)
    buttons = fields.List(fields.String(), load_default=None, metadata={"example": ["Yes", "No"]})
    list = fields.Dict(
        load_default=None, metadata={"example": {"button": "Sizes", "rows": [{"title": "Small"}, {"title": "Large"}]}}
    )


class ReplySchema(RequestSchema):
    """An answer; `reply_to` quotes a message of the conversation."""

    type = fields.String(load_default="text", validate=validate.OneOf(REPLY_TYPES))
    text = fields.Nested(TextPartSchema, load_default=None)
    media = fields.Nested(MediaPartSchema, load_default=None)
    template = fields.Nested(TemplatePartSchema, load_default=None)
    reaction = fields.Nested(ReactionPartSchema, load_default=None)
    interactive = fields.Nested(InteractivePartSchema, load_default=None)
    reply_to = WholeNumber(load_default=None)

    @validates_schema
    def _has_its_part(self, data: dict[str, Any], **_: object) -> None:
        part = part_of(str(data.get("type")))
        if data.get("type") in REPLY_TYPES and not data.get(part):
            raise ValidationError("This part is needed for the type.", part)


class AssignSchema(RequestSchema):
    """To whom: a member, nobody (null), or with `auto` whoever of those online is next in turn."""

    member_id = WholeNumber(load_default=None, allow_none=True)
    auto = YesOrNo(load_default=False)
