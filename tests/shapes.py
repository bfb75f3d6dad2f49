"""What an answer has to look like, written as an example of it: `{"id": int, "tags": [str], "name": "Naledi"}`."""

from collections.abc import Callable
from datetime import datetime
from types import UnionType
from typing import Any


def shape_errors(value: Any, shape: Any, where: str, *, may_have_more: bool = False) -> list[str]:
    """Where `value` is not of `shape`.

    A shape is a type, a function that says yes or no, the very value, a list of one shape (with at least one item), or an
    object of exactly these fields, with `may_have_more` of these and others.
    """
    if isinstance(shape, list):
        return _list_errors(value, shape[0], where, may_have_more=may_have_more)
    if isinstance(shape, dict):
        return _object_errors(value, shape, where, may_have_more=may_have_more)
    return [] if _fits(value, shape) else [f"{where}: {value!r} is not {shape}"]


def is_moment(value: Any) -> bool:
    """Whether it is a moment in ISO 8601 with its offset."""
    return isinstance(value, str) and datetime.fromisoformat(value).tzinfo is not None


def nothing_or(shape: Callable[[Any], bool]) -> Callable[[Any], bool]:
    """Null, or what `shape` says yes to."""
    return lambda value: value is None or shape(value)


def _list_errors(value: Any, shape: Any, where: str, *, may_have_more: bool) -> list[str]:
    if not isinstance(value, list) or not value:
        return [f"{where}: {value!r} is no list with something in it"]
    return [one for item in value for one in shape_errors(item, shape, f"{where}[]", may_have_more=may_have_more)]


def _object_errors(value: Any, shape: dict[str, Any], where: str, *, may_have_more: bool) -> list[str]:
    has_fields = isinstance(value, dict) and (
        shape.keys() <= value.keys() if may_have_more else set(shape) == set(value)
    )
    if not has_fields:
        return [f"{where}: {value!r} has not the fields {sorted(shape)}"]
    return [
        one
        for name, inner in shape.items()
        for one in shape_errors(value[name], inner, f"{where}.{name}", may_have_more=may_have_more)
    ]


def _fits(value: Any, shape: Any) -> bool:
    if isinstance(shape, type | tuple | UnionType):
        # A yes or no counts as a number in Python, and in no document.
        return isinstance(value, shape) and (shape is bool or not isinstance(value, bool))
    return bool(shape(value)) if callable(shape) else bool(value == shape)
