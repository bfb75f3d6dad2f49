"""Forms: one marshmallow schema a form, and its values kept for the page when something is wrong."""

from dataclasses import dataclass, field
from typing import Any

from flask import request
from marshmallow import EXCLUDE, Schema, ValidationError

from wotnot.blueprints.errors import flatten_errors
from wotnot.errors import DomainError, Invalid, NotFound

_LONGEST_ID = 18


class FormSchema(Schema):
    """The base of a form's schema: a form also carries its CSRF token and buttons, which no schema names."""

    class Meta:
        """Lenient about what it does not name."""

        unknown = EXCLUDE


@dataclass(slots=True)
class Form:
    """What was typed, what it means, and what is wrong with it: the template shows `values` and `errors`."""

    values: dict[str, Any] = field(default_factory=dict)
    data: dict[str, Any] = field(default_factory=dict)
    errors: dict[str, list[str]] = field(default_factory=dict)

    def take(self, error: DomainError, beside: str = "") -> None:
        """Remember what a service refused; an error without fields goes beside the field `beside`, or on top."""
        if isinstance(error, Invalid):
            self.errors |= error.errors
        else:
            self.errors[beside or "_"] = [error.detail]


def read_form(schema: type[FormSchema]) -> Form:
    """The posted form, checked by `schema`."""
    form = Form(values=request.form.to_dict())
    try:
        form.data = schema().load(form.values)
    except ValidationError as error:
        form.errors = flatten_errors(error.messages)
    return form


def id_asked(name: str, kind: str, words: str) -> int | None:
    """The id that the address gives as `name`, if it does. Raises Invalid with `words` for what is no number, NotFound for a
    number that no `kind` can have.
    """
    typed = request.args.get(name, "").strip()
    if not typed:
        return None
    if not (typed.isascii() and typed.isdecimal()):
        raise Invalid({name: words})
    if len(typed) > _LONGEST_ID:
        raise NotFound(kind)
    return int(typed)
