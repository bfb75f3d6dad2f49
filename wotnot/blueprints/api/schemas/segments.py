"""Segments, as the API takes and shows them."""

from typing import Any

from marshmallow import Schema, ValidationError, fields, validates_schema

from wotnot.blueprints.api.schemas import NAMED, RequestSchema
from wotnot.services.segment_fields import FIELDS, TYPES

_OPERATORS = "; ".join(f"`{key}`: {', '.join(one.key for one in field.operators)}" for key, field in FIELDS.items())
_TYPES = "; ".join(f"as `{kind}`: {', '.join(one.key for one in operators)}" for kind, (_, operators) in TYPES.items())
_EXAMPLE = {
    "match": "all",
    "conditions": [
        {"field": "tags", "op": "any", "value": ["VIP"]},
        {"field": "attribute:points", "type": "number", "op": "more", "value": 100},
        {
            "match": "any",
            "conditions": [
                {"field": "last_in", "op": "within", "value": 30},
                {"field": "broadcast", "op": "not_read", "value": 12},
            ],
        },
    ],
}
_DEFINITION: dict[str, Any] = {
    "example": _EXAMPLE,
    "description": "`match` all or any of `conditions`. A condition is `{field, op, value}`, or a group of conditions one level "
    f"deep. Fields and operators: {_OPERATORS}. A custom field is `attribute:<name>` with a `type`; {_TYPES}. `between` "
    "takes two numbers, dates are `2026-11-27`, operators over days take whole days on the workspace's calendar.",
}


class CreateSegmentSchema(RequestSchema):
    """A filter to save."""

    name = fields.String(required=True, metadata=NAMED | {"example": "Regulars in Cape Town"})
    definition = fields.Dict(required=True, keys=fields.String(), metadata=_DEFINITION)


class ChangeSegmentSchema(RequestSchema):
    """Another name, another filter, or both."""

    name = fields.String(metadata=NAMED | {"example": "Regulars in Cape Town"})
    definition = fields.Dict(keys=fields.String(), metadata=_DEFINITION)

    @validates_schema
    def _says_something(self, data: dict[str, Any], **_: object) -> None:
        if not data:
            raise ValidationError("Name at least one field to change.")


class FilterSchema(RequestSchema):
    """A filter to count without saving it."""

    definition = fields.Dict(required=True, keys=fields.String(), metadata=_DEFINITION)


class SegmentSchema(Schema):
    """A saved filter."""

    id = fields.Integer()
    name = fields.String()
    definition = fields.Dict(metadata=_DEFINITION)
    created_at = fields.AwareDateTime()
    updated_at = fields.AwareDateTime()


class SegmentCountSchema(Schema):
    """How many people fit right now."""

    people = fields.Integer(metadata={"example": 4812})
    reachable = fields.Integer(metadata={"example": 4301, "description": "Of them, who did not opt out."})
