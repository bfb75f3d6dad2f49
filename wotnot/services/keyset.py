"""Keyset paging by id in both directions, for lists that show the newest first."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

from sqlalchemy import ColumnElement, true

from wotnot.errors import Invalid
from wotnot.services.pages import Page, decode_cursor, encode_cursor

T = TypeVar("T")
_LONGEST_ID = 18
_OLDER, _NEWER = "o", "n"


@dataclass(frozen=True, slots=True)
class Keyset:
    """Where a page begins: behind (`older`) or before an `id`; without an id at the newest row."""

    limit: int
    id: int | None = None
    is_older: bool = True

    @classmethod
    def decode(cls, cursor: str | None, limit: int) -> "Keyset":
        """Read a cursor that `page` made. Raises Invalid for any other."""
        if not cursor:
            return cls(limit)
        direction, number = decode_cursor(cursor, 2)
        if direction not in {_OLDER, _NEWER} or not number.isdecimal() or len(number) > _LONGEST_ID:
            raise Invalid({"cursor": "This cursor is not one of ours. Start again without it."})
        return cls(limit, int(number), direction == _OLDER)

    def condition(self, column: Any) -> ColumnElement[bool]:
        """The rows of the page, as SQL over the id `column`."""
        if self.id is None:
            return true()
        condition: ColumnElement[bool] = column < self.id if self.is_older else column > self.id
        return condition

    def order(self, column: Any) -> Any:
        """The order in which to fetch `limit + 1` rows."""
        return column.desc() if self.is_older else column.asc()

    def page(self, rows: Sequence[T], id_of: Callable[[T], int]) -> Page[T]:
        """The page of the rows that were fetched, newest first, with the cursors to both sides."""
        has_more = len(rows) > self.limit
        items = list(rows[: self.limit])
        if not self.is_older:
            items.reverse()
        if not items:
            return Page([])
        older = has_more if self.is_older else True
        newer = self.id is not None if self.is_older else has_more
        return Page(
            items,
            next_cursor=encode_cursor(_OLDER, id_of(items[-1])) if older else None,
            previous_cursor=encode_cursor(_NEWER, id_of(items[0])) if newer else None,
        )
