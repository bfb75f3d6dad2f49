"""Files of the library, as the API shows and takes them."""

from marshmallow import Schema, fields, validate

from wotnot.blueprints.api.schemas import CursorArgs, RequestSchema
from wotnot.models import MediaKind, MediaOrigin

_KINDS = [kind.value for kind in MediaKind]


class MediaSchema(Schema):
    """A file that can be sent, or shown in the header of a template."""

    id = fields.Integer()
    kind = fields.String(
        metadata={"example": "image", "enum": _KINDS, "description": "Read from the content, not from the name."}
    )
    origin = fields.Enum(MediaOrigin, by_value=True, metadata={"description": "inbound: a person sent it to you."})
    filename = fields.String(metadata={"example": "spring.jpg"})
    mime_type = fields.String(metadata={"example": "image/jpeg"})
    size_bytes = fields.Integer(metadata={"example": 48210})
    created_at = fields.AwareDateTime()


class UploadMediaSchema(RequestSchema):
    """The file part."""

    file = fields.Raw(
        required=True,
        metadata={
            "type": "string",
            "format": "binary",
            "description": "At most 5 MB for pictures, 16 MB for videos and recordings, 100 MB for documents.",
        },
    )


class MediaArgs(CursorArgs):
    """Which files."""

    origin = fields.Enum(
        MediaOrigin,
        by_value=True,
        load_default=MediaOrigin.LIBRARY,
        metadata={"description": "Your library, or what people sent to you."},
    )
    kind = fields.String(load_default=None, validate=validate.OneOf(_KINDS), metadata={"example": "image"})
    search = fields.String(load_default=None, metadata={"description": "A part of the name."})
