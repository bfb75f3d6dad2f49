"""What Meta's reviewers may dislike, or its customers: warnings that hold nobody back. Pure."""

import re
from collections.abc import Iterator, Sequence

from wotnot.services.template_parts import Component, Finding, host_of
from wotnot.services.whatsapp.components import VARIABLE, buttons_of, cards_of, find, text_of

_PROMOTIONAL = re.compile(
    r"\d+\s?%(\s?off)?|\b(sale|discounts?|special offer|offers?|coupon|promo\w*|free gift|buy now|deal)\b",
    re.IGNORECASE,
)
# [phone], <your link>, XXX: a gap that somebody meant to fill. A sentence in brackets has more than four words.
_GAP = re.compile(r"[\[<][^\W\d_][\w’'-]*(?: [\w’'-]+){0,3}[\]>]|\bX{3,}\b|\blorem ipsum\b", re.IGNORECASE)
# Names that are kept for examples, and can be nobody's shop.
_EXAMPLE_LINK = re.compile(
    r"(?:[\w-]+\.)*(?:(?<![\w-])example\.(?:com|org|net)|[\w-]+\.example)(?![\w-]|\.\w)", re.IGNORECASE
)
_ADDRESS = re.compile(r"https?://\S+", re.IGNORECASE)
_TEXTS = (("header", "HEADER"), ("body", "BODY"), ("footer", "FOOTER"))


def check_doubts(category: str, components: Sequence[Component]) -> Iterator[Finding]:
    """Words that do not fit the category, gaps left in the text, and links to nowhere."""
    yield from _check_category(category, components)
    yield from _check_places(components, "")
    for index, card in enumerate(cards_of(components)):
        yield from _check_places(card, f"card-{index}")


def _check_category(category: str, components: Sequence[Component]) -> Iterator[Finding]:
    text = " ".join(text_of(find(components, kind), "text") for _, kind in _TEXTS)
    promotional = _PROMOTIONAL.search(text)
    if category.upper() == "UTILITY" and promotional:
        note = f"“{promotional[0].strip()}” reads like an offer: Meta would approve it as marketing, at that price."
        yield Finding("category", "This may not be a utility message", note, level="warning")


def _check_places(components: Sequence[Component], card: str) -> Iterator[Finding]:
    for field, kind in _TEXTS:
        yield from _check_words(card or field, text_of(find(components, kind), "text"))
    for index, button in enumerate(buttons_of(components)):
        field = card or f"button-{index}"
        yield from _check_words(field, text_of(button, "text"))
        yield from _check_link(field, text_of(button, "url"))


def _check_words(field: str, text: str) -> Iterator[Finding]:
    bare = VARIABLE.sub(" ", text)
    if gap := _GAP.search(bare):
        note = "Write what belongs there, or make it a variable such as {{1}}."
        yield Finding(field, f"“{gap[0]}” looks like something still to be filled in", note, level="warning")
    yield from _check_link(field, bare)


def _check_link(field: str, text: str) -> Iterator[Finding]:
    # Only the host counts: "example.com" in the path of a real shop is nobody's mistake.
    if found := _EXAMPLE_LINK.search(_ADDRESS.sub(lambda match: host_of(match[0]), text)):
        note = "Such an address belongs to nobody. Put your own there."
        yield Finding(field, f"The link leads to {found[0]}", note, level="warning")
