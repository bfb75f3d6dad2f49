"""The look at a draft before it is sent, and a test of it, as the API takes and shows them."""

from marshmallow import Schema, fields, validate

from wotnot.blueprints.api.schemas import RequestSchema, WholeNumber


class BlockerSchema(Schema):
    """Something to do before it can be sent."""

    field = fields.String(metadata={"example": "template_id"})
    words = fields.String()


class DraftCountSchema(Schema):
    """total = excluded + opted_out + no_number + missing + left_out + to_send."""

    total = fields.Integer()
    excluded = fields.Integer(metadata={"description": "By tag or segment; they do not appear in the list."})
    opted_out = fields.Integer()
    no_number = fields.Integer()
    missing = fields.Integer(metadata={"description": "Who has no value for a variable without a fallback."})
    left_out = fields.Dict(
        attribute="by_kind", keys=fields.String(), values=fields.Integer(), metadata={"description": "By `leave_out`."}
    )
    to_send = fields.Integer()


class NumberLimitSchema(Schema):
    """Meta's limit of the number over any 24 hours, now or when the broadcast is to start."""

    limit = fields.Integer()
    used = fields.Integer(metadata={"description": "Different people written to in the 24 hours before."})
    reserved = fields.Integer(metadata={"description": "Kept for single messages, as the workspace's pace says."})
    left = fields.Integer(metadata={"description": "How many more people broadcasts may write to then."})


class RepeatSchema(Schema):
    """Another broadcast of these days with the same template and nearly the same people: it went out, or is planned."""

    id = fields.Integer()
    name = fields.String()
    started_at = fields.AwareDateTime(allow_none=True)
    scheduled_at = fields.AwareDateTime(
        allow_none=True, metadata={"description": "Its moment, where it is planned and has not begun."}
    )
    people = fields.Integer(metadata={"description": "How many of the people of this draft got it, or are to get it."})
    percent = fields.Integer(metadata={"description": "The same as a share of them."})


class DraftCostSchema(Schema):
    """What it costs at most; `total` is null when a price is not known."""

    currency = fields.String()
    total_micros = fields.Integer(attribute="total", allow_none=True)
    card_date = fields.Date(allow_none=True, metadata={"description": "Since when the rate card is valid."})


class CheckSchema(Schema):
    """Everything that is known before the button. Nothing is changed or sent."""

    blockers = fields.List(fields.Nested(BlockerSchema))
    count = fields.Nested(DraftCountSchema)
    by_kind = fields.Dict(
        keys=fields.String(),
        values=fields.Integer(),
        metadata={"description": "People of each kind that `leave_out` may name, left out or not."},
    )
    limit = fields.Nested(NumberLimitSchema, allow_none=True, metadata={"description": "Null when there is none."})
    repeat = fields.Nested(RepeatSchema, allow_none=True)
    finishes_at = fields.AwareDateTime(
        allow_none=True,
        metadata={"description": "At the pace of the number and within its limit; at the latest, but for quiet hours."},
    )
    cost = fields.Nested(DraftCostSchema, allow_none=True)


class SendTestSchema(RequestSchema):
    """Where a test goes, and whose values it shows."""

    to = fields.String(required=True, metadata={"example": "+27 82 555 0101"})
    row = WholeNumber(
        load_default=1,
        validate=validate.Range(min=1),
        metadata={"description": "Filled in as for this person of the audience, the first being 1."},
    )
