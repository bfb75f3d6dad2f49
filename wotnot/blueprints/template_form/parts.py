"""The parts of the editor's form, each just as it was typed."""

from dataclasses import dataclass

from wotnot.services.template_extras import FEWEST_CARDS

USUAL, CAROUSEL, OFFER, CODE, CATALOG = KINDS = ("USUAL", "CAROUSEL", "OFFER", "CODE", "CATALOG")
BUTTON_TYPES = ("QUICK_REPLY", "URL", "PHONE_NUMBER", "COPY_CODE", "FLOW", "CATALOG")
CARD_BUTTON_TYPES = ("URL", "QUICK_REPLY", "PHONE_NUMBER")
CARD_HEADERS = ("IMAGE", "VIDEO")
# What Meta writes on a button that everybody's has; it is no text of ours.
CATALOG_WORDS = "View catalog"


@dataclass(frozen=True, slots=True)
class ButtonValues:
    """One row of the buttons.

    `value` is the address of a link, the number to call, a sample of the offer code or the number of a flow; `screen` the
    flow's first one, without which the flow asks its own server.
    """

    type: str
    text: str = ""
    value: str = ""
    screen: str = ""


@dataclass(frozen=True, slots=True)
class CardValues:
    """One card of a carousel; its buttons are of the types that all cards have. `file_id` is a file of the library."""

    file_id: str = ""
    body: str = ""
    buttons: tuple[ButtonValues, ...] = ()


@dataclass(frozen=True, slots=True)
class OfferValues:
    """What a limited-time offer has beside its body: its line, whether it ends, a sample of its code, and its link."""

    text: str = ""
    expires: bool = True
    code: str = ""
    link_text: str = ""
    link: str = ""


@dataclass(frozen=True, slots=True)
class CodeValues:
    """How a one-time code is handed over: `type` is Meta's, `package` and `signature` name the app that receives it."""

    type: str = "COPY_CODE"
    text: str = ""
    autofill: str = ""
    package: str = ""
    signature: str = ""
    advice: bool = True
    minutes: str = "10"
    terms: bool = False


def enough_cards(cards: tuple[CardValues, ...], types: tuple[str, ...]) -> tuple[CardValues, ...]:
    """The cards, and empty ones up to the fewest that a carousel may have."""
    empty = CardValues(buttons=tuple(ButtonValues(kind) for kind in types))
    return cards + (empty,) * (FEWEST_CARDS - len(cards))
