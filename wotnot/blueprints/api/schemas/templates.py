"""Templates, as the API shows and takes them."""

from marshmallow import Schema, fields

from wotnot.blueprints.api.schemas import CursorArgs, RequestSchema, WholeNumber, YesOrNo
from wotnot.models import TemplateStatus

_COMPONENTS = [
    {
        "type": "BODY",
        "text": "Hi {{1}}, your order {{2}} is on its way.",
        "example": {"body_text": [["Naledi", "CV-1042"]]},
    },
    {"type": "FOOTER", "text": "Reply STOP to opt out"},
]


class TemplateSchema(Schema):
    """A message template in one language, as Meta knows it."""

    id = fields.Integer()
    name = fields.String(metadata={"example": "order_update"})
    language = fields.String(metadata={"example": "en"})
    category = fields.String(metadata={"example": "utility"})
    components = fields.List(fields.Dict(), metadata={"example": _COMPONENTS})
    parameter_format = fields.String(metadata={"example": "POSITIONAL"})
    status = fields.String(metadata={"example": "approved", "description": "Only an approved one can be sent."})
    reason = fields.String(metadata={"description": "Why Meta rejected or paused it."})
    quality = fields.String(metadata={"example": "GREEN"})
    version = fields.Integer(metadata={"description": "Counts the changes of its words, from 1."})
    meta_id = fields.String(allow_none=True)
    created_at = fields.AwareDateTime()
    updated_at = fields.AwareDateTime()
    deleted_at = fields.AwareDateTime(allow_none=True, metadata={"description": "When it went to the recycle bin."})


class CreateTemplateSchema(RequestSchema):
    """A template to submit to Meta."""

    channel_id = WholeNumber(required=True, metadata={"description": "A number of the account it is made for."})
    name = fields.String(required=True, metadata={"example": "order_update"})
    language = fields.String(required=True, metadata={"example": "en"})
    category = fields.String(required=True, metadata={"example": "UTILITY"})
    components = fields.List(
        fields.Dict(keys=fields.String()), required=True, metadata={"description": "Meta's.", "example": _COMPONENTS}
    )
    header_file_id = WholeNumber(
        load_default=None,
        allow_none=True,
        metadata={"description": "A file of `/media`: the sample of a header of the format IMAGE, VIDEO or DOCUMENT."},
    )
    card_file_ids = fields.List(
        WholeNumber(allow_none=True),
        load_default=list,
        metadata={"description": "Files of `/media` by the cards' places: the samples of a carousel's headers."},
    )
    parameter_format = fields.String(load_default=None, allow_none=True, metadata={"example": "POSITIONAL"})


class EditTemplateSchema(RequestSchema):
    """Other words for a template that Meta has."""

    components = fields.List(
        fields.Dict(keys=fields.String()),
        required=True,
        metadata={"description": "All of them: they replace the old ones.", "example": _COMPONENTS},
    )
    category = fields.String(
        load_default=None, allow_none=True, metadata={"description": "Fixed once the template is approved."}
    )
    header_file_id = WholeNumber(
        load_default=None, allow_none=True, metadata={"description": "As when creating; a new sample each time."}
    )
    card_file_ids = fields.List(
        WholeNumber(allow_none=True), load_default=list, metadata={"description": "As when creating."}
    )
    parameter_format = fields.String(load_default=None, allow_none=True, metadata={"example": "POSITIONAL"})
    confirmed = YesOrNo(
        load_default=False,
        metadata={
            "description": "Change it although drafts or scheduled broadcasts will lack a value for new variables."
        },
    )


class TemplateArgs(CursorArgs):
    """Which templates."""

    status = fields.String(
        load_default=None, metadata={"example": "approved", "enum": [one.value for one in TemplateStatus]}
    )
    search = fields.String(load_default=None, metadata={"description": "Words of its name or text."})
    channel_id = fields.Integer(load_default=None)
    deleted = fields.Boolean(load_default=False, metadata={"description": "Those in the recycle bin instead."})


class SyncSchema(RequestSchema):
    """Which account to sync."""

    channel_id = WholeNumber(required=True)


class SyncResultSchema(Schema):
    """What a sync found."""

    created = fields.Integer()
    updated = fields.Integer()
    removed = fields.Integer()
