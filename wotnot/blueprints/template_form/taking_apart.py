"""From any template's components to the parts of the form, and what of them the form cannot show. Pure.

Components may come from Meta with parts that we do not know; nothing here raises for them.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from wotnot.blueprints.template_form.parts import (
    BUTTON_TYPES,
    CARD_BUTTON_TYPES,
    CARD_HEADERS,
    CAROUSEL,
    CATALOG,
    CODE,
    OFFER,
    USUAL,
    ButtonValues,
    CardValues,
    CodeValues,
    OfferValues,
    enough_cards,
)
from wotnot.services.phone_numbers import format_phone
from wotnot.services.template_extras import MAX_CARD_BUTTONS
from wotnot.services.whatsapp.components import (
    MEDIA_FORMATS,
    Component,
    buttons_of,
    cards_of,
    find,
    first_sample,
    is_otp,
    offer_of,
    samples_of,
    text_of,
)
from wotnot.services.whatsapp.one_time_code import is_code, told_by

_PLACES = {"HEADER": "the header", "BODY": "the body", "FOOTER": "the footer", "LIMITED_TIME_OFFER": "the offer"}
_MEDIA_WORDS = {"IMAGE": "picture", "VIDEO": "video", "DOCUMENT": "document"}
# What Meta adds to a part, or what is compared in another way.
_ADDED = {"type", "example", "cards", "buttons", "id"}
_FILE_SAMPLES = ("header.image", "header.video", "header.document")


def take_apart(components: Sequence[Component], parameter_format: str) -> dict[str, Any]:
    """The fields of `TemplateValues` that these components fill."""
    otp = next((button for button in buttons_of(components) if is_otp(button)), None)
    if otp is not None:
        return {"kind": CODE, "code": _code(components, otp)}
    header = find(components, "HEADER")
    samples = samples_of(_arranged(components), parameter_format)
    common = {
        "header_kind": _header_kind(header),
        "header": text_of(header, "text"),
        "body": text_of(find(components, "BODY"), "text"),
        "footer": text_of(find(components, "FOOTER"), "text"),
        "samples": {key: value for key, value in samples.items() if not key.endswith(_FILE_SAMPLES)},
    }
    return common | _kind(components)


def left_out(components: Sequence[Component], rebuilt: Sequence[Component]) -> list[str]:
    """What of `components` is not in what the form makes of them, each as a few words such as "the header (PRODUCT)"."""
    if "add_security_recommendation" in find(rebuilt, "BODY"):
        return _missing(_code_facts(components), _code_facts(rebuilt))
    return _missing(dict(_facts(components)), dict(_facts(rebuilt)))


def asked_again(components: Sequence[Component], rebuilt: Sequence[Component], parameter_format: str) -> list[str]:
    """The samples that do not come along, each in a few words; the form has a place for them."""
    if is_code(components):
        return []
    before, after = samples_of(_arranged(components), parameter_format), samples_of(rebuilt, parameter_format)
    gone = [key for key in before.keys() - after.keys() if not key.endswith(_FILE_SAMPLES)]
    return _files(components) + sorted(f"the sample of {key}" for key in gone)


def _arranged(components: Sequence[Component]) -> list[Component]:
    """The components with the buttons that the form has, in its order, so that their samples go by its places."""
    buttons = [button for button in buttons_of(components) if _type_of(button) in BUTTON_TYPES]
    if find(components, "LIMITED_TIME_OFFER"):
        offered = (next((one for one in buttons if _type_of(one) == kind), None) for kind in ("COPY_CODE", "URL"))
        buttons = [button for button in offered if button is not None]
    return [{**part, "buttons": buttons} if text_of(part, "type").upper() == "BUTTONS" else part for part in components]


def _kind(components: Sequence[Component]) -> dict[str, Any]:
    """The kind of message, and the parts that only this kind has."""
    buttons = [_button(button) for button in buttons_of(components) if _type_of(button) in BUTTON_TYPES]
    if find(components, "CAROUSEL"):
        return {"kind": CAROUSEL} | _carousel(cards_of(components))
    if find(components, "LIMITED_TIME_OFFER"):
        return {"kind": OFFER, "offer": _offer(offer_of(components), buttons)}
    if [button.type for button in buttons] == ["CATALOG"] and not find(components, "HEADER"):
        return {"kind": CATALOG}
    return {"kind": USUAL, "buttons": tuple(buttons)}


def _header_kind(header: Component) -> str:
    shape = text_of(header, "format").upper() or "TEXT"
    return shape if header and shape in {"TEXT", "LOCATION", *MEDIA_FORMATS} else "NONE"


def _type_of(button: Component) -> str:
    return text_of(button, "type").upper()


def _button(button: Component) -> ButtonValues:
    kind = _type_of(button)
    value = {
        "URL": text_of(button, "url"),
        "PHONE_NUMBER": format_phone(text_of(button, "phone_number").removeprefix("+")),
        "COPY_CODE": first_sample(button.get("example")),
        "FLOW": str(button.get("flow_id") or ""),
    }.get(kind, "")
    is_named = kind not in {"COPY_CODE", "CATALOG"}
    return ButtonValues(kind, text_of(button, "text") if is_named else "", value, text_of(button, "navigate_screen"))


def _offer(offer: Component, buttons: Sequence[ButtonValues]) -> OfferValues:
    code = next((button.value for button in buttons if button.type == "COPY_CODE"), "")
    link = next((button for button in buttons if button.type == "URL"), ButtonValues("URL"))
    return OfferValues(text_of(offer, "text"), bool(offer.get("has_expiration")), code, link.text, link.value)


def _carousel(cards: Sequence[Sequence[Component]]) -> dict[str, Any]:
    """The shape is the first card's; Meta wants them alike."""
    first: Sequence[Component] = cards[0] if cards else ()
    shape = text_of(find(first, "HEADER"), "format").upper()
    types = tuple(kind for button in buttons_of(first) if (kind := _type_of(button)) in CARD_BUTTON_TYPES)
    types = types[:MAX_CARD_BUTTONS] or ("URL",)
    return {
        "card_header": shape if shape in CARD_HEADERS else CARD_HEADERS[0],
        "card_buttons": types,
        "cards": enough_cards(tuple(_card(card, types) for card in cards), types),
    }


def _card(card: Sequence[Component], types: Sequence[str]) -> CardValues:
    found = [_button(button) for button in buttons_of(card)]
    buttons = [
        found[place] if place < len(found) and found[place].type == kind else ButtonValues(kind)
        for place, kind in enumerate(types)
    ]
    return CardValues("", text_of(find(card, "BODY"), "text"), tuple(buttons))


def _code(components: Sequence[Component], button: Component) -> CodeValues:
    told = told_by(button)
    minutes = find(components, "FOOTER").get("code_expiration_minutes")
    return CodeValues(
        type=told["otp_type"] or "COPY_CODE",
        text=text_of(button, "text"),
        autofill=told["autofill_text"],
        package=told["package_name"],
        signature=told["signature_hash"],
        advice=bool(find(components, "BODY").get("add_security_recommendation")),
        minutes="" if minutes is None else str(minutes),
        terms=button.get("zero_tap_terms_accepted") is True,
    )


# ---------------------------------------------------------------- what is left out


def _files(components: Sequence[Component]) -> list[str]:
    """Samples are Meta's once they are uploaded: the form shows files of the library only."""
    header = _MEDIA_WORDS.get(text_of(find(components, "HEADER"), "format").upper())
    cards = [text_of(find(card, "HEADER"), "format").upper() for card in cards_of(components)]
    found = [f"the {header} of the header: choose a file"] if header else []
    return found + (["the files of the cards: choose one for each"] if set(cards) & set(CARD_HEADERS) else [])


def _missing(before: Mapping[str, object], after: Mapping[str, object]) -> list[str]:
    """The places that are gone or hold something else; of a part that is gone, only itself."""
    gone = [place for place, fact in before.items() if place not in after or after[place] != fact]
    return [place for place in gone if place.partition(" of ")[2] not in gone]


def _facts(components: Sequence[Component], where: str = "") -> Iterator[tuple[str, object]]:
    """(place in words, what stands there) of everything that a form must show."""
    for part in components:
        kind = text_of(part, "type").upper()
        if kind not in _PLACES and kind not in {"BUTTONS", "CAROUSEL"}:
            yield f"{kind.replace('_', ' ').lower() or 'a part without a type'}{where}", True
            continue
        told = offer_of([part]) if kind == "LIMITED_TIME_OFFER" else part
        for name, value in told.items():
            if name not in _ADDED | {"limited_time_offer"}:
                yield _in_words(_PLACES.get(kind, kind.lower()) + where, name, value), _plain(name, value)
    seen: dict[str, int] = {}
    for button in buttons_of(components):
        # By type and place among its like: their order across types may be Meta's.
        kind = _type_of(button)
        seen[kind] = seen.get(kind, 0) + 1
        yield from _button_facts(button, f"the {kind.replace('_', ' ').lower()} button {seen[kind]}{where}")
    for number, card in enumerate(cards_of(components), start=1):
        yield from _facts(card, f" of card {number}")


def _button_facts(button: Component, place: str) -> Iterator[tuple[str, object]]:
    yield place, True
    for name, value in button.items():
        # What Meta writes on an offer code's and a catalogue's button is its own.
        is_metas = name == "text" and _type_of(button) in {"COPY_CODE", "CATALOG"}
        if name not in _ADDED and not is_metas:
            yield f"{name} of {place}", _plain(name, value)


def _in_words(place: str, name: str, value: object) -> str:
    return f"{place} ({value})" if name == "format" else f"{name} of {place}"


def _plain(name: str, value: object) -> object:
    """A value without what makes no difference: spaces around it, the case of Meta's own words, a number as text."""
    if isinstance(value, str) or type(value) is int:
        text = str(value).strip()
        return text.upper() if name in {"format", "flow_action", "otp_type"} else text
    return value


def _code_facts(components: Sequence[Component]) -> dict[str, object]:
    """The facts of a one-time code; its words are Meta's."""
    facts: dict[str, object] = {}
    for part in components:
        facts |= {
            f"{name} of {text_of(part, 'type').lower()}": _plain(name, value)
            for name, value in part.items()
            if name not in _ADDED | {"text", "format"}
        }
    for number, button in enumerate(buttons_of(components), start=1):
        if _type_of(button) == "OTP":
            facts |= {f"{name} of the code's button": _plain(name, value) for name, value in button.items()}
        elif not is_otp(button):
            facts[f"button {number}"] = True
    return facts
