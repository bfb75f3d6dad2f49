"""Reading a template's components: which variables it has, and how it looks once they are filled.

Components are Meta's own JSON, possibly with parts we do not know; nothing here raises for what is malformed, it is
treated as absent. Source for shapes: Meta's template component reference.
"""

import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

Component = Mapping[str, Any]  # from outside: its members may be anything

# Nobody's variable is that long; without a bound a number of thousands of digits would be taken for one.
VARIABLE = re.compile(r"\{\{\s*([^{}\s][^{}]{0,199}?)\s*\}\}")
MEDIA_FORMATS = ("IMAGE", "VIDEO", "DOCUMENT")
LOCATION_FACTS = ("latitude", "longitude", "place", "address")

# What WhatsApp writes on a button that brings no text, and what a preview shows before one is typed.
_UNNAMED_BUTTONS = {
    "COPY_CODE": "Copy offer code",
    "OTP": "Copy code",
    "URL": "Link",
    "PHONE_NUMBER": "Phone number",
    "QUICK_REPLY": "Quick reply",
    "FLOW": "Open",
    "CATALOG": "View catalog",
}

_HANDLE = "4:"  # how the handle of an uploaded sample begins; it says nothing to a person

# The one-time-code button of a template read back from Meta is a link of this form; its variable is the code itself.
_OTP_ADDRESS = "https://www.whatsapp.com/otp/"


@dataclass(frozen=True, slots=True)
class TemplateVariable:
    """One value that a message needs.

    `key` is how values are named everywhere: "1" or "first_name" in the body, "header.1", "header.first_name" or
    "header.image" in the header, "header.latitude" and so on for a place, "button.0" for the suffix of a link or the
    code of the button at that index, "offer.expires_at" for the end of an offer, "card.0.header.image" on a card.
    `component` is "header", "body", "button", "offer" or "card"; `index` its position there; `sample` what Meta is shown.
    """

    key: str
    component: str
    index: int
    sample: str = ""


@dataclass(frozen=True, slots=True)
class FilledHeader:
    """`format` is Meta's (TEXT, IMAGE, …); `text` holds (kind, text) pieces; `name` stands for a file or is a place's.

    `address` is where a place is.
    """

    format: str
    text: list[tuple[str, str]]
    name: str = ""
    url: str = ""
    address: str = ""


@dataclass(frozen=True, slots=True)
class FilledButton:
    """A button as the customer sees it; `value` is where a link leads, a number or a code."""

    type: str
    text: str
    value: str = ""


@dataclass(frozen=True, slots=True)
class FilledTemplate:
    """A template with its values: `body` holds (kind, text) pieces, kind being text, fill, fallback or missing.

    `offer` is the line of a limited-time offer, `offer_ends` whether a clock runs beside it, `cards` those of a carousel.
    """

    header: FilledHeader | None
    body: list[tuple[str, str]]
    footer: str
    buttons: list[FilledButton]
    offer: str = ""
    offer_ends: bool = False
    cards: list["FilledTemplate"] = field(default_factory=list)

    @property
    def body_text(self) -> str:
        """The body as one string."""
        return "".join(text for _, text in self.body)


def list_variables(components: Sequence[Component], parameter_format: str = "POSITIONAL") -> list[TemplateVariable]:
    """The variables in the order header, body, offer, buttons, cards; one that is used twice is listed once.

    Positional body variables come in the order of their numbers, which is the order Meta wants their values in.
    """
    header, body = find(components, "HEADER"), find(components, "BODY")
    return [
        *_header_variables(header),
        *_body_variables(body, positional=parameter_format.upper() != "NAMED"),
        *_offer_variables(components),
        *(
            variable
            for index, button in enumerate(buttons_of(components))
            for variable in _button_variables(index, button)
        ),
        *(
            replace(variable, key=f"card.{index}.{variable.key}", component="card", index=index)
            for index, card in enumerate(cards_of(components))
            for variable in list_variables(card, parameter_format)
        ),
    ]


def fill_text(
    components: Sequence[Component], values: Mapping[str, str], fallbacks: Collection[str] = ()
) -> FilledTemplate:
    """The template as a customer would see it; keys in `fallbacks` are marked so, absent values as missing."""
    footer = find(components, "FOOTER")
    cards = [
        fill_text(card, _of_card(index, values), _of_card(index, fallbacks))
        for index, card in enumerate(cards_of(components))
    ]
    return FilledTemplate(
        header=_fill_header(find(components, "HEADER"), values, fallbacks),
        body=fill_pieces(text_of(find(components, "BODY"), "text"), values, fallbacks),
        footer=text_of(footer, "text"),
        buttons=[_fill_button(index, button, values) for index, button in enumerate(buttons_of(components))],
        offer=text_of(offer_of(components), "text"),
        offer_ends=bool(offer_of(components).get("has_expiration")),
        cards=cards,
    )


def fill_pieces(
    text: str, values: Mapping[str, str], fallbacks: Collection[str] = (), prefix: str = ""
) -> list[tuple[str, str]]:
    """Cut `text` at its variables into (kind, text) pieces."""
    pieces: list[tuple[str, str]] = []
    end = 0
    for match in VARIABLE.finditer(text):
        if match.start() > end:
            pieces.append(("text", text[end : match.start()]))
        pieces.append(_fill_one(prefix + match[1], match[0], values, fallbacks))
        end = match.end()
    if end < len(text):
        pieces.append(("text", text[end:]))
    return pieces


def variable_names(text: str) -> list[str]:
    """The names or numbers between the braces, each once, as they appear."""
    return list(dict.fromkeys(match[1] for match in VARIABLE.finditer(text)))


def samples_of(components: Sequence[Component], parameter_format: str = "POSITIONAL") -> dict[str, str]:
    """The samples given to Meta, by variable key; only those that there are."""
    return {v.key: v.sample for v in list_variables(components, parameter_format) if v.sample}


def with_header_sample(components: Sequence[Component], handle: str) -> list[dict[str, Any]]:
    """The same components, with `handle` as the sample of the header's picture, video or document."""
    example = {"example": {"header_handle": [handle]}}
    return [{**part, **(example if text_of(part, "type").upper() == "HEADER" else {})} for part in components]


def with_card_samples(components: Sequence[Component], handles: Mapping[int, str]) -> list[dict[str, Any]]:
    """The same components, with `handles` as the samples of the cards' headers, by the card's place."""
    cards = [
        {"components": with_header_sample(card, handles[index]) if index in handles else card}
        for index, card in enumerate(cards_of(components))
    ]
    return [
        {**part, **({"cards": cards} if text_of(part, "type").upper() == "CAROUSEL" else {})} for part in components
    ]


def find(components: Sequence[Component], kind: str) -> Component:
    """The first component of a kind ("HEADER", "BODY", …), or an empty one."""
    return next((c for c in components if text_of(c, "type").upper() == kind), {})


def buttons_of(components: Sequence[Component]) -> list[Component]:
    """The template's buttons."""
    buttons = find(components, "BUTTONS").get("buttons")
    return [button for button in buttons if isinstance(button, Mapping)] if isinstance(buttons, list) else []


def cards_of(components: Sequence[Component]) -> list[list[Component]]:
    """The components of each card of a carousel; none without one."""
    cards = find(components, "CAROUSEL").get("cards")
    listed = [card.get("components") for card in cards if isinstance(card, Mapping)] if isinstance(cards, list) else []
    return [[part for part in parts if isinstance(part, Mapping)] for parts in listed if isinstance(parts, list)]


def offer_of(components: Sequence[Component]) -> Component:
    """The limited-time offer of a template, or an empty one."""
    offer = find(components, "LIMITED_TIME_OFFER").get("limited_time_offer")
    return offer if isinstance(offer, Mapping) else {}


def text_of(component: object, name: str) -> str:
    """A string member of a component, or nothing."""
    value = component.get(name) if isinstance(component, Mapping) else None
    return value if isinstance(value, str) else ""


def first_sample(value: object) -> str:
    """The sample of a button: Meta has it in a list, and takes and gives it bare as well."""
    if isinstance(value, str):
        return value
    return next(iter(_strings(value)), "")


def is_otp(button: Component) -> bool:
    """Whether the button carries the one-time code of an authentication template."""
    return text_of(button, "type").upper() == "OTP" or text_of(button, "url").startswith(_OTP_ADDRESS)


def _header_variables(header: Component) -> Iterator[TemplateVariable]:
    shape = text_of(header, "format").upper()
    if shape in MEDIA_FORMATS:
        yield TemplateVariable(f"header.{shape.lower()}", "header", 0, first_sample(_example(header, "header_handle")))
        return
    if shape == "LOCATION":
        yield from (TemplateVariable(f"header.{fact}", "header", 0) for fact in LOCATION_FACTS)
    if shape and shape != "TEXT":
        return
    named = _named_samples(_example(header, "header_text_named_params"))
    listed = _strings(_example(header, "header_text"))
    for index, name in enumerate(variable_names(text_of(header, "text"))):
        sample = named.get(name) or (listed[index] if index < len(listed) else "")
        yield TemplateVariable(f"header.{name}", "header", index, sample)


def _offer_variables(components: Sequence[Component]) -> Iterator[TemplateVariable]:
    if offer_of(components).get("has_expiration"):
        yield TemplateVariable("offer.expires_at", "offer", 0)


def _of_card(index: int, named: Any) -> Any:
    """What belongs to one card, of values by key or of a collection of keys, without the card in the keys."""
    prefix = f"card.{index}."
    mine = [key for key in named if key.startswith(prefix)]
    if isinstance(named, Mapping):
        return {key.removeprefix(prefix): named[key] for key in mine}
    return {key.removeprefix(prefix) for key in mine}


def _body_variables(body: Component, *, positional: bool) -> Iterator[TemplateVariable]:
    names = variable_names(text_of(body, "text"))
    if positional and all(name.isdecimal() for name in names):
        names.sort(key=int)
    named = _named_samples(_example(body, "body_text_named_params"))
    listed = _body_samples(_example(body, "body_text"))
    for index, name in enumerate(names):
        sample = named.get(name) or (listed[index] if index < len(listed) else "")
        yield TemplateVariable(name, "body", index, sample)


def _button_variables(index: int, button: Component) -> Iterator[TemplateVariable]:
    kind = text_of(button, "type").upper()
    if kind == "URL" and not is_otp(button) and VARIABLE.search(text_of(button, "url")):
        base = VARIABLE.split(text_of(button, "url"))[0]
        yield TemplateVariable(
            f"button.{index}", "button", index, first_sample(button.get("example")).removeprefix(base)
        )
    elif kind == "COPY_CODE":
        yield TemplateVariable(f"button.{index}", "button", index, first_sample(button.get("example")))


def _fill_header(header: Component, values: Mapping[str, str], fallbacks: Collection[str]) -> FilledHeader | None:
    shape = text_of(header, "format").upper() or ("TEXT" if header else "")
    if not shape:
        return None
    if shape == "LOCATION":
        return FilledHeader(shape, [], name=values.get("header.place", ""), address=values.get("header.address", ""))
    if shape != "TEXT":
        value = values.get(f"header.{shape.lower()}", "")
        return FilledHeader(shape, [], name="" if value.startswith(_HANDLE) else value.rsplit("/", 1)[-1])
    return FilledHeader(shape, fill_pieces(text_of(header, "text"), values, fallbacks, prefix="header."))


def _fill_button(index: int, button: Component, values: Mapping[str, str]) -> FilledButton:
    kind = text_of(button, "type").upper()
    given = values.get(f"button.{index}", "")
    if kind == "URL":
        address = text_of(button, "url")
        value = VARIABLE.sub(lambda match: given or match[0], address)
    elif kind == "COPY_CODE":
        value = given or first_sample(button.get("example"))
    else:
        value = text_of(button, "phone_number")
    return FilledButton(kind, text_of(button, "text") or _UNNAMED_BUTTONS.get(kind, "Button"), value)


def _fill_one(key: str, raw: str, values: Mapping[str, str], fallbacks: Collection[str]) -> tuple[str, str]:
    value = values.get(key, "")
    if not value:
        return "missing", raw
    return ("fallback" if key in fallbacks else "fill"), value


def _example(component: Component, name: str) -> object:
    example = component.get("example")
    return example.get(name) if isinstance(example, Mapping) else None


def _body_samples(example: object) -> list[str]:
    # Meta documents an array in an array, and both it and others send a flat one now and then.
    if isinstance(example, list) and example and isinstance(example[0], list):
        return _strings(example[0])
    return _strings(example)


def _named_samples(example: object) -> dict[str, str]:
    rows = example if isinstance(example, list) else []
    return {text_of(row, "param_name"): text_of(row, "example") for row in rows if isinstance(row, Mapping)}


def _strings(value: object) -> list[str]:
    return [item if isinstance(item, str) else "" for item in value] if isinstance(value, list) else []
