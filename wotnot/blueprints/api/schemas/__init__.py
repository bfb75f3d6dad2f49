"""The public contract, field by field; what every resource shares is here."""

from functools import cache
from typing import Any

from marshmallow import RAISE, Schema, fields, validate

from wotnot.services.pages import MAX_LIMIT

LARGEST = 2**63 - 1


class WholeNumber(fields.Integer):
    """A JSON number without a fraction, from 0 to what a column holds; not "7", and not true, in which a 1 hides."""

    def __init__(self, **options: Any) -> None:
        """The options of a marshmallow field."""
        super().__init__(**options)
        if not any(isinstance(one, validate.Range) for one in self.validators):
            self.validators.append(validate.Range(0, LARGEST))

    def _validated(self, value: Any) -> int:
        if not isinstance(value, int | float) or value != int(value):
            raise self.make_error("invalid", input=value)
        return super()._validated(value)


class YesOrNo(fields.Boolean):
    """true or false, and nothing that could be taken for it."""

    def _deserialize(self, value: Any, *_: object, **__: object) -> bool:
        if not isinstance(value, bool):
            raise self.make_error("invalid", input=value)
        return value


NAMED = {"pattern": r"\S"}
"""Metadata of a text that is more than spaces; the service that takes it says so in its own words."""


class RequestSchema(Schema):
    """A body or query: what it does not know it refuses, so that a misspelt field is not silently ignored."""

    class Meta:
        """Strict."""

        unknown = RAISE


class CursorArgs(Schema):
    """Where a list continues: `limit` (1 to 200) and the `next_cursor` of the page before."""

    limit = fields.Integer(
        load_default=50,
        validate=validate.Range(1, MAX_LIMIT),
        metadata={"description": f"How many items, at most {MAX_LIMIT}."},
    )
    cursor = fields.String(
        load_default=None,
        allow_none=True,
        metadata={"description": "`next_cursor` of the page before; leave it out for the first page."},
    )


class ProblemSchema(Schema):
    """RFC 9457."""

    type = fields.String(metadata={"example": "about:blank"})
    title = fields.String(metadata={"example": "Some fields need a change"})
    status = fields.Integer(metadata={"example": 422})
    detail = fields.String(metadata={"example": "This number is too short for South Africa."})
    code = fields.String(metadata={"example": "invalid", "description": "Stable: a program can branch on it."})
    errors = fields.Dict(
        keys=fields.String(),
        values=fields.List(fields.String()),
        metadata={"description": "Field → sentences; only with 422."},
    )


@cache
def page_schema(item: type[Schema]) -> type[Schema]:
    """The schema of a page of `item`: `{"items": […], "next_cursor": "…" | null}`. It dumps a services.pages.Page."""
    name = item.__name__.removesuffix("Schema")
    members: dict[str, Any] = {
        "items": fields.List(fields.Nested(item), required=True),
        "next_cursor": fields.String(allow_none=True, required=True),
    }
    return Schema.from_dict(members, name=f"{name}Page")
