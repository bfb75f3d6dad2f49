"""What Meta asks of a carousel, a limited-time offer and a one-time code, beside what it asks of every template. Pure.

Source: Meta's references for media-card carousel, limited-time offer and authentication templates.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

from wotnot.services.template_parts import MAX_LABEL, Component, Finding, check_buttons, check_text
from wotnot.services.whatsapp.components import (
    LOCATION_FACTS,
    buttons_of,
    cards_of,
    find,
    is_otp,
    offer_of,
    text_of,
)

FEWEST_CARDS, MOST_CARDS = 2, 10
MAX_CARD_BODY, MAX_CARD_BUTTONS = 160, 2
MAX_OFFER, MAX_OFFER_BODY = 16, 600
MOST_CODE_MINUTES, MOST_APPS = 90, 5
OTP_TYPES = ("COPY_CODE", "ONE_TAP", "ZERO_TAP")
LOCATION_PARTS = frozenset(LOCATION_FACTS)
_CARD_HEADERS = {"IMAGE", "VIDEO"}
_OFFER_HEADERS = {"", "IMAGE", "VIDEO"}
_PACKAGE = re.compile(r"[A-Za-z]\w*(\.[A-Za-z]\w*)+")
_SIGNATURE = re.compile(r"[A-Za-z0-9+/=]{11}")


def check_extras(category: str, components: Sequence[Component], parameter_format: str) -> Iterator[Finding]:
    """What is wrong with the cards and the offer; nothing for a template without them."""
    if find(components, "CAROUSEL"):
        yield from _check_carousel(category, components, parameter_format)
    if find(components, "LIMITED_TIME_OFFER"):
        yield from _check_offer(category, components)


def check_code(components: Sequence[Component]) -> Iterator[Finding]:
    """What is wrong with a one-time code; Meta writes its words, so only the button and the minutes can be."""
    button = next((one for one in buttons_of(components) if is_otp(one)), None)
    if button is None:
        note = "It has a code button of the type OTP and no text of its own."
        yield Finding("category", "A one-time code needs Meta's fixed form", note)
        return
    kind = text_of(button, "otp_type").upper()
    if kind not in OTP_TYPES:
        yield Finding("code_type", "It is not said how the code is handed over", f"Use {', '.join(OTP_TYPES)}.")
    elif kind != "COPY_CODE":
        yield from _check_apps(button.get("supported_apps"))
    if kind == "ZERO_TAP" and button.get("zero_tap_terms_accepted") is not True:
        note = "Meta asks for it before a code may be filled in without a tap."
        yield Finding("code_terms", "Meta's terms for zero-tap are not accepted", note)
    for name, member in (("code_text", "text"), ("code_autofill", "autofill_text")):
        if len(text_of(button, member)) > MAX_LABEL:
            yield Finding(name, "The text of the button is too long", f"At most {MAX_LABEL} characters.")
    yield from _check_minutes(find(components, "FOOTER").get("code_expiration_minutes"))


def _check_apps(apps: object) -> Iterator[Finding]:
    listed = [app for app in apps if isinstance(app, Mapping)] if isinstance(apps, list) else []
    if not listed:
        yield Finding("code_package", "No app receives the code", "Give its package name, such as com.example.shop.")
    elif len(listed) > MOST_APPS:
        yield Finding("code_package", "Too many apps receive the code", f"At most {MOST_APPS}.")
    for app in listed[:MOST_APPS]:
        yield from _check_app(app)


def _check_app(app: Mapping[str, Any]) -> Iterator[Finding]:
    if not _PACKAGE.fullmatch(text_of(app, "package_name")):
        yield Finding("code_package", "The app's package name is not complete", "Such as com.example.shop.")
    if not _SIGNATURE.fullmatch(text_of(app, "signature_hash")):
        note = "It has 11 characters, such as K8a/AINcGX7; your app's developers compute it."
        yield Finding("code_signature", "The app's signature hash is not complete", note)


def _check_minutes(minutes: object) -> Iterator[Finding]:
    if minutes is None:
        return
    is_whole = isinstance(minutes, int) and not isinstance(minutes, bool)
    if not is_whole or not 1 <= int(str(minutes)) <= MOST_CODE_MINUTES:
        yield Finding("code_minutes", "The code's time is not possible", f"1 to {MOST_CODE_MINUTES} minutes.")


def _check_carousel(category: str, components: Sequence[Component], parameter_format: str) -> Iterator[Finding]:
    cards = cards_of(components)
    if not FEWEST_CARDS <= len(cards) <= MOST_CARDS:
        yield Finding("cards", f"The carousel has {len(cards)} cards", f"It needs {FEWEST_CARDS} to {MOST_CARDS}.")
    if category.upper() == "AUTHENTICATION":
        yield Finding("cards", "A code cannot come with a carousel", "Choose marketing or utility.")
    for kind, word in (("HEADER", "header"), ("FOOTER", "footer"), ("BUTTONS", "buttons")):
        if find(components, kind):
            yield Finding(kind.lower(), f"A carousel has no {word} above its cards", "Only the cards have their own.")
    if len({_shape(card) for card in cards}) > 1:
        yield Finding("cards", "The cards are not built alike", "All need the same header, body and buttons.")
    for number, card in enumerate(cards, start=1):
        for finding in _check_card(card, parameter_format):
            words = f"Card {number}: {finding.text[:1].lower()}{finding.text[1:]}"
            yield replace(finding, field=f"card-{number - 1}", text=words)


def _check_card(card: Sequence[Component], parameter_format: str) -> Iterator[Finding]:
    """The findings of one card, as if it stood alone."""
    if text_of(find(card, "HEADER"), "format").upper() not in _CARD_HEADERS:
        yield Finding("", "There is no picture or video", "Each card begins with one.")
    body = text_of(find(card, "BODY"), "text")
    if len(body) > MAX_CARD_BODY:
        yield Finding("", "The text is too long", f"{len(body)} of {MAX_CARD_BODY} characters.")
    yield from check_text("", body, parameter_format)
    buttons = buttons_of(card)
    if not buttons:
        yield Finding("", "There is no button", f"Each card has one or {MAX_CARD_BUTTONS}.")
    elif len(buttons) > MAX_CARD_BUTTONS:
        yield Finding("", "There are too many buttons", f"At most {MAX_CARD_BUTTONS}.")
    yield from check_buttons(buttons)


def _shape(card: Sequence[Component]) -> tuple[str, ...]:
    header = text_of(find(card, "HEADER"), "format").upper()
    return (header, *(text_of(button, "type").upper() for button in buttons_of(card)), str(bool(find(card, "BODY"))))


def _check_offer(category: str, components: Sequence[Component]) -> Iterator[Finding]:
    text = text_of(offer_of(components), "text")
    if not text.strip():
        yield Finding("offer_text", "The offer has no text", "Say what ends, such as “Ends tonight”.")
    elif len(text) > MAX_OFFER:
        yield Finding("offer_text", "The text of the offer is too long", f"{len(text)} of {MAX_OFFER} characters.")
    if category.upper() != "MARKETING":
        yield Finding("category", "An offer is marketing", "Choose the category marketing.")
    if text_of(find(components, "HEADER"), "format").upper() not in _OFFER_HEADERS:
        yield Finding("header", "An offer's header is a picture or a video", "Choose one, or leave the header out.")
    if find(components, "FOOTER"):
        yield Finding("footer", "An offer leaves no room for a footer", "Take the footer out.")
    if len(text_of(find(components, "BODY"), "text")) > MAX_OFFER_BODY:
        yield Finding("body", "The body is too long for an offer", f"At most {MAX_OFFER_BODY} characters.")
    kinds = [text_of(button, "type").upper() for button in buttons_of(components)]
    if "URL" not in kinds:
        yield Finding("buttons", "The offer leads nowhere", "It needs a button with a link.")
    if set(kinds) - {"URL", "COPY_CODE"}:
        yield Finding("buttons", "An offer has other buttons", "It takes an offer code and a link only.")
