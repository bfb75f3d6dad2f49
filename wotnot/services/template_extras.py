"""What Meta asks of a carousel and of a limited-time offer, beside what it asks of every template. Pure.

Source: Meta's references for media-card carousel templates and limited-time offer templates.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

from wotnot.services.whatsapp.components import (
    LOCATION_FACTS,
    VARIABLE,
    Component,
    buttons_of,
    cards_of,
    find,
    offer_of,
    text_of,
)

FEWEST_CARDS, MOST_CARDS = 2, 10
MAX_CARD_BODY, MAX_CARD_BUTTONS = 160, 2
MAX_OFFER, MAX_OFFER_BODY = 16, 600
LOCATION_PARTS = frozenset(LOCATION_FACTS)
_CARD_HEADERS = {"IMAGE", "VIDEO"}


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing about a template: `field` to go to, a short `text`, a `note` that says what to do about it."""

    field: str
    text: str
    note: str = ""
    level: Literal["error", "warning"] = "error"


def check_extras(category: str, components: Sequence[Component]) -> Iterator[Finding]:
    """What is wrong with the cards and the offer; nothing for a template without them."""
    if find(components, "CAROUSEL"):
        yield from _check_carousel(category, cards_of(components))
    if find(components, "LIMITED_TIME_OFFER"):
        yield from _check_offer(category, components)


def _check_carousel(category: str, cards: Sequence[Sequence[Component]]) -> Iterator[Finding]:
    if not FEWEST_CARDS <= len(cards) <= MOST_CARDS:
        yield Finding("cards", f"The carousel has {len(cards)} cards", f"It needs {FEWEST_CARDS} to {MOST_CARDS}.")
    if category.upper() == "AUTHENTICATION":
        yield Finding("cards", "A code cannot come with a carousel", "Choose marketing or utility.")
    if len({_shape(card) for card in cards}) > 1:
        yield Finding("cards", "The cards are not built alike", "All need the same header, body and buttons.")
    for number, card in enumerate(cards, start=1):
        yield from _check_card(number, card)


def _check_card(number: int, card: Sequence[Component]) -> Iterator[Finding]:
    field = f"card-{number - 1}"
    if text_of(find(card, "HEADER"), "format").upper() not in _CARD_HEADERS:
        yield Finding(field, f"Card {number} has no picture or video", "Each card begins with one.")
    body = text_of(find(card, "BODY"), "text")
    if len(body) > MAX_CARD_BODY:
        yield Finding(field, f"The text of card {number} is too long", f"{len(body)} of {MAX_CARD_BODY} characters.")
    bare = body.strip()
    if VARIABLE.match(bare) or bare.endswith("}}"):
        yield Finding(field, f"The text of card {number} begins or ends with a variable", "Put words around it.")
    if len(buttons_of(card)) > MAX_CARD_BUTTONS:
        yield Finding(field, f"Card {number} has too many buttons", f"At most {MAX_CARD_BUTTONS}.")


def _shape(card: Sequence[Component]) -> tuple[str, ...]:
    header = text_of(find(card, "HEADER"), "format").upper()
    return (header, *(text_of(button, "type").upper() for button in buttons_of(card)), str(bool(find(card, "BODY"))))


def _check_offer(category: str, components: Sequence[Component]) -> Iterator[Finding]:
    text = text_of(offer_of(components), "text")
    if not text.strip():
        yield Finding("offer", "The offer has no text", "Say what ends, such as “Ends tonight”.")
    elif len(text) > MAX_OFFER:
        yield Finding("offer", "The text of the offer is too long", f"{len(text)} of {MAX_OFFER} characters.")
    if category.upper() != "MARKETING":
        yield Finding("category", "An offer is marketing", "Choose the category marketing.")
    if find(components, "FOOTER"):
        yield Finding("footer", "An offer leaves no room for a footer", "Take the footer out.")
    if len(text_of(find(components, "BODY"), "text")) > MAX_OFFER_BODY:
        yield Finding("body", "The body is too long for an offer", f"At most {MAX_OFFER_BODY} characters.")
    kinds = {text_of(button, "type").upper() for button in buttons_of(components)}
    if "URL" not in kinds:
        yield Finding("buttons", "The offer leads nowhere", "It needs a button with a link.")
