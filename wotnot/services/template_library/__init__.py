"""Ready-made messages to start a template from: texts of our own, one file a trade. A leaf, read once and never written.

A file holds `[[template]]` tables with the fields of `LibraryTemplate`. `samples` go by variable key, as everywhere: "city"
in the body, "header.city" in the header, "button.0" for the end of the first button's link.
"""

import tomllib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from importlib.resources import files
from typing import Any

from wotnot.errors import NotFound

# Each has a file of this name; the order is that of the page.
TRADES = {
    "retail": "Shops",
    "restaurant": "Restaurants",
    "clinic": "Clinics",
    "school": "Schools",
    "travel": "Travel",
    "services": "Services",
}
CATEGORIES = ("MARKETING", "UTILITY")


@dataclass(frozen=True, slots=True)
class LibraryButton:
    """`type` is QUICK_REPLY, URL or PHONE_NUMBER; `value` the address of a link or the number to call."""

    type: str
    text: str
    value: str = ""


@dataclass(frozen=True, slots=True)
class LibraryTemplate:
    """A message to start from. `name` is what the template may be called at Meta; variables are named ones."""

    slug: str
    trade: str
    title: str
    use_when: str
    category: str
    name: str
    body: str
    header: str = ""
    footer: str = ""
    buttons: tuple[LibraryButton, ...] = ()
    samples: Mapping[str, str] = field(default_factory=dict)
    language: str = "en"

    @property
    def words(self) -> str:
        """Everything that a search looks through, in small letters."""
        parts = (self.title, self.use_when, self.name, self.header, self.body, TRADES[self.trade], self.trade)
        return " ".join(parts).casefold()


def list_library(trade: str | None = None, category: str | None = None, search: str = "") -> list[LibraryTemplate]:
    """What has this trade, this category and every one of these words, in the order of the files.

    A trade or category that does not exist has nothing in it.
    """
    found = [one for one in _library() if trade in {None, one.trade} and category in {None, one.category}]
    words = search.casefold().split()
    return [one for one in found if all(word in one.words for word in words)]


def get_from_library(slug: str) -> LibraryTemplate:
    """One message by its slug. Raises NotFound."""
    found = _by_slug().get(slug)
    if found is None:
        raise NotFound("Message of the library")
    return found


def count_by_trade(templates: Iterable[LibraryTemplate]) -> dict[str, int]:
    """How many of these each trade has, in the order of the page; trades with none are there too."""
    counts = dict.fromkeys(TRADES, 0)
    for one in templates:
        counts[one.trade] += 1
    return counts


@cache
def _library() -> Sequence[LibraryTemplate]:
    return tuple(_template(trade, row) for trade in TRADES for row in _rows(trade))


@cache
def _by_slug() -> Mapping[str, LibraryTemplate]:
    return {one.slug: one for one in _library()}


def _rows(trade: str) -> list[dict[str, Any]]:
    text = files(__name__).joinpath(f"{trade}.toml").read_text(encoding="utf-8")
    rows: list[dict[str, Any]] = tomllib.loads(text)["template"]
    return rows


def _template(trade: str, row: dict[str, Any]) -> LibraryTemplate:
    buttons = tuple(LibraryButton(**button) for button in row.pop("buttons", ()))
    return LibraryTemplate(trade=trade, buttons=buttons, **row)
