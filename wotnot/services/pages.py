"""Keyset pages: a list that stays fast at any depth and never skips or repeats a row."""

import binascii
from base64 import urlsafe_b64decode, urlsafe_b64encode
from dataclasses import dataclass
from typing import Generic, TypeVar

from wotnot.errors import Invalid

T = TypeVar("T")
MAX_LIMIT = 200


@dataclass(frozen=True, slots=True)
class Page(Generic[T]):
    """Some `items`, and the cursors that continue after the last and before the first; None where there is no more."""

    items: list[T]
    next_cursor: str | None = None
    previous_cursor: str | None = None


def encode_cursor(*parts: object) -> str:
    """An opaque cursor of the sort key's parts."""
    return urlsafe_b64encode("\x1f".join(map(str, parts)).encode()).decode().rstrip("=")


def decode_cursor(cursor: str, parts: int = 1) -> list[str]:
    """The parts of a cursor, as strings. Raises Invalid for anything that `encode_cursor` did not make."""
    try:
        values = urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)).decode().split("\x1f")
    except (binascii.Error, UnicodeDecodeError, ValueError):
        values = []
    if len(values) != parts:
        raise Invalid({"cursor": "This cursor is not one of ours. Start again without it."})
    return values


def decode_id_cursor(cursor: str | None) -> int | None:
    """The id in a cursor over ids, or None without a cursor. Raises Invalid."""
    if not cursor:
        return None
    value = decode_cursor(cursor)[0]
    if not value.isdecimal() or len(value) > 18:
        raise Invalid({"cursor": "This cursor is not one of ours. Start again without it."})
    return int(value)


def decode_numbers(cursor: str) -> tuple[int, int]:
    """The two whole numbers of a cursor that was made of them. Raises Invalid."""
    first, second = decode_cursor(cursor, 2)
    if not all(one.isdecimal() and len(one) <= 18 for one in (first, second)):
        raise Invalid({"cursor": "This cursor is not one of ours. Start again without it."})
    return int(first), int(second)


def clamp_limit(limit: int | None, default: int = 50) -> int:
    """A page size from 1 to MAX_LIMIT."""
    return max(1, min(limit or default, MAX_LIMIT))
