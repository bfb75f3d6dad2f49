"""Imports of a shop's customers, as the API shows and takes them."""

from marshmallow import Schema, fields

from wotnot.blueprints.api.schemas import RequestSchema


class CustomerImportArgs(RequestSchema):
    """What an import takes."""

    opt_in_key = fields.String(
        load_default=None,
        allow_none=True,
        metadata={
            "example": "wotnot_opt_in",
            "description": "The field that holds consent (1, yes, true, on). Null is the shop's own; empty takes none.",
        },
    )


class CustomerImportSchema(Schema):
    """A shop's customers and buyers becoming contacts."""

    id = fields.Integer()
    shop_id = fields.Integer()
    state = fields.String(metadata={"description": "running, done, failed or stopped."})
    opt_in_key = fields.String()
    total_count = fields.Integer(metadata={"description": "Accounts and orders, as far as the shop has told."})
    read_count = fields.Integer()
    added_count = fields.Integer(metadata={"description": "New contacts."})
    known_count = fields.Integer()
    consent_count = fields.Integer(metadata={"description": "Who ticked the box and had never said anything."})
    refused_count = fields.Integer(metadata={"description": "Without a number that can be read."})
    reason = fields.String(metadata={"description": "Why it waits or was given up; empty otherwise."})
    created_at = fields.AwareDateTime()
    finished_at = fields.AwareDateTime(allow_none=True)
