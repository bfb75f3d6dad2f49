"""The public contract, field by field; what every resource shares is here."""

from functools import cache
from typing import Any

from marshmallow import RAISE, Schema, fields, validate

from wotnot.services.pages import MAX_LIMIT


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
