"""Exports, as programs see them."""

from marshmallow import Schema, fields, validate

from wotnot.blueprints.api.schemas import RequestSchema, WholeNumber
from wotnot.models import Consent, ExportFormat, ExportKind, ExportState
from wotnot.services import exports
from wotnot.services.recipient_search import VIEWS


class CreateExportSchema(RequestSchema):
    """What to write. The filters are those of the list that it is of; those of other kinds are passed over."""

    kind = fields.Enum(
        ExportKind, by_value=True, required=True, metadata={"description": "`contacts` and `messages` need an admin."}
    )
    format = fields.Enum(ExportFormat, by_value=True, load_default=ExportFormat.CSV)
    broadcast_id = WholeNumber(metadata={"description": "Of `broadcast`: whose recipients.", "example": 12})
    view = fields.String(
        data_key="state",
        validate=validate.OneOf(list(VIEWS)),
        metadata={"description": "Of `broadcast`: those in one state.", "example": "failed"},
    )
    cause = fields.String(metadata={"description": "Of `broadcast`: an error code or skip reason."})
    country = fields.String(
        metadata={
            "description": "Of `broadcast`: those in a country by its two letters, or `none` for those whose country is not known.",
            "example": "ZA",
        }
    )
    search = fields.String(
        validate=validate.Length(max=200), metadata={"description": "Of `broadcast` and `contacts`: words or a number."}
    )
    tag = fields.String(metadata={"description": "Of `contacts`."})
    consent = fields.Enum(Consent, by_value=True, metadata={"description": "Of `contacts`."})
    first = fields.Date(data_key="from", metadata={"description": "Of `messages` and `costs`; by default 30 days."})
    last = fields.Date(data_key="to", metadata={"description": "Of `messages` and `costs`; by default today."})


class ExportSchema(Schema):
    """A file that is written, or was."""

    id = fields.Integer()
    kind = fields.Enum(ExportKind, by_value=True)
    format = fields.Enum(ExportFormat, by_value=True)
    name = fields.String(metadata={"example": "Spring offer, recipients"})
    state = fields.Enum(ExportState, by_value=True)
    reason = fields.String(metadata={"description": "Why it failed."})
    rows = fields.Integer(attribute="row_count", metadata={"description": "Written so far, without the header."})
    total = fields.Integer(
        attribute="total_count", allow_none=True, metadata={"description": "Rows that are expected, where known."}
    )
    bytes = fields.Integer(attribute="size_bytes")
    filename = fields.Function(exports.filename_of, metadata={"type": "string"})
    created_at = fields.AwareDateTime()
    finished_at = fields.AwareDateTime(allow_none=True)
    expires_at = fields.AwareDateTime(metadata={"description": "The file is deleted then."})
