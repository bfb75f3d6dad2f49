"""Message bodies for `POST /{phone-number-id}/messages`: pure functions from values to Meta's JSON.

Phone numbers come as E.164 digits and leave with a plus: without it Meta may put the business's own country code in
front. Source: Meta's send-messages and template-components references.
"""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from wotnot.services.whatsapp.components import (
    MEDIA_FORMATS,
    Component,
    FilledTemplate,
    TemplateVariable,
    buttons_of,
    cards_of,
    fill_text,
    find,
    is_otp,
    list_variables,
    text_of,
)

__all__ = [
    "FILENAME",
    "CompiledTemplate",
    "FilledTemplate",
    "MissingVariable",
    "TemplateVariable",
    "UnsupportedTemplate",
    "compile_template",
    "fill_text",
    "is_fitting",
    "list_variables",
    "media_message",
    "read_receipt",
    "template_message",
    "text_message",
]

Json = dict[str, Any]

# Meta refuses line breaks, tabs and more than four spaces in a row inside a value (132012, 132018).
_UNCLEAN = re.compile(r"\s*[\n\r\t\v\f\x00\x85\u2028\u2029]\s*| {4,}")
_SUSPICIOUS = re.compile(r"[\n\r\t\v\f\x00\x85\u2028\u2029]| {4}")

# Beside a document's key: the name that people see, without which WhatsApp writes "Untitled".
FILENAME = ".filename"

_FURTHEST = {"latitude": 90.0, "longitude": 180.0}
_KNOWN_HEADERS = {"", "TEXT", "LOCATION", *MEDIA_FORMATS}
_UNSUPPORTED_BUTTONS = {"MPM": "a product list", "SPM": "a product"}


class MissingVariable(ValueError):  # noqa: N818 — named for what it is, as the domain errors are
    """Values are missing for `keys`; the message must not be sent."""

    def __init__(self, keys: Sequence[str]) -> None:
        """Name the variables without a value."""
        super().__init__(f"No value for {', '.join(keys)}")
        self.keys = list(keys)


class UnsupportedTemplate(ValueError):  # noqa: N818
    """The template has a part that this version cannot fill, such as a carousel. The message says which."""


@dataclass(frozen=True, slots=True)
class _Parameter:
    keys: tuple[str, ...]
    build: Callable[..., Json]
    optional: tuple[str, ...] = ()

    def fill(self, values: Mapping[str, str]) -> Json:
        return self.build(*(values[key] for key in self.keys), *(values.get(key, "") for key in self.optional))


@dataclass(frozen=True, slots=True)
class _Part:
    head: Json
    parameters: tuple[_Parameter, ...]
    fixed: tuple[Json, ...] = ()

    def fill(self, values: Mapping[str, str]) -> Json:
        return {**self.head, "parameters": [*(one.fill(values) for one in self.parameters), *self.fixed]}


@dataclass(frozen=True, slots=True)
class _Carousel:
    cards: tuple[tuple[_Part, ...], ...]

    def fill(self, values: Mapping[str, str]) -> Json:
        filled = [[part.fill(values) for part in parts] for parts in self.cards]
        cards = [{"card_index": index, "components": parts} for index, parts in enumerate(filled)]
        return {"type": "carousel", "cards": cards}


@dataclass(frozen=True, slots=True)
class CompiledTemplate:
    """A template taken apart once, so that filling it a thousand times a second costs next to nothing."""

    name: str
    language: str
    variables: list[TemplateVariable]
    _parts: tuple[_Part | _Carousel, ...]

    def payload(self, values: Mapping[str, str]) -> Json:
        """The `template` object of a message. `values` by variable key; superfluous ones are ignored. A document is shown
        under the name that stands under `<its key>.filename`, if there is one.

        Raises MissingVariable naming every variable whose value is absent, blank, or no number or moment where one is due.
        """
        cleaned = {variable.key: clean_value(values.get(variable.key) or "") for variable in self.variables}
        missing = [key for key, value in cleaned.items() if not value or not is_fitting(key, value)]
        if missing:
            raise MissingVariable(missing)
        cleaned |= {key: clean_value(value) for key, value in values.items() if key.endswith(FILENAME)}
        # The policy goes without saying today; Meta's schema still asks for it.
        template: Json = {"name": self.name, "language": {"code": self.language, "policy": "deterministic"}}
        if self._parts:
            template["components"] = [part.fill(cleaned) for part in self._parts]
        return template


def compile_template(
    name: str, language: str, components: Sequence[Component], parameter_format: str = "POSITIONAL"
) -> CompiledTemplate:
    """Take a template apart for filling.

    Raises UnsupportedTemplate for what needs a product catalogue.
    """
    _refuse_unsupported(components)
    parts: list[_Part | _Carousel] = [*_compile_parts(components, parameter_format)]
    if cards := cards_of(components):
        compiled = (_compile_parts(card, parameter_format, f"card.{index}.") for index, card in enumerate(cards))
        parts.append(_Carousel(tuple(compiled)))
    return CompiledTemplate(name, language, list_variables(components, parameter_format), tuple(parts))


def _compile_parts(components: Sequence[Component], parameter_format: str, prefix: str = "") -> tuple[_Part, ...]:
    """What is sent for a template, or for one card, whose values have `prefix` before their keys."""
    named = parameter_format.upper() == "NAMED"
    variables = [variable for variable in list_variables(components, parameter_format) if variable.component != "card"]
    of = {kind: [v.key for v in variables if v.component == kind] for kind in ("header", "body", "offer")}
    buttons = [_button_part(index, button, variables) for index, button in enumerate(buttons_of(components))]
    parts = [
        _header_part(of["header"], find(components, "HEADER"), named=named),
        _texts("body", of["body"], named=named) if of["body"] else None,
        _Part({"type": "limited_time_offer"}, (_Parameter(("offer.expires_at",), _offer_end),))
        if of["offer"]
        else None,
        *buttons,
    ]
    return tuple(_with_prefix(part, prefix) for part in parts if part)


def _with_prefix(part: _Part, prefix: str) -> _Part:
    keyed = (
        _Parameter(tuple(prefix + key for key in one.keys), one.build, tuple(prefix + key for key in one.optional))
        for one in part.parameters
    )
    return _Part(part.head, tuple(keyed), part.fixed)


def clean_value(value: str) -> str:
    """`value` as Meta accepts it: line breaks, tabs and long runs of spaces become one space; ends trimmed."""
    return (_UNCLEAN.sub(" ", value) if _SUSPICIOUS.search(value) else value).strip()


def template_message(to: str, template: Mapping[str, Any], callback: str = "") -> Json:
    """A template message to E.164 digits; `callback` comes back in every receipt."""
    return _message(to, "template", dict(template), callback)


def text_message(to: str, body: str, callback: str = "", *, preview_url: bool = True, reply_to: str = "") -> Json:
    """A free text (at most 4,096 characters); `reply_to` quotes a message by its wamid."""
    message = _message(to, "text", {"preview_url": preview_url, "body": body}, callback)
    return {**message, "context": {"message_id": reply_to}} if reply_to else message


def media_message(  # noqa: PLR0917 — the plain facts of one message
    to: str, kind: str, source: str, callback: str = "", caption: str = "", filename: str = ""
) -> Json:
    """An image, video, audio or document; `source` is a media id or an http(s) address.

    Only documents carry a file name, and audio no caption; either is left out where Meta would refuse it.
    """
    media = media_source(source)
    if caption and kind not in {"audio", "sticker"}:
        media["caption"] = caption
    if filename and kind == "document":
        media["filename"] = filename
    return _message(to, kind, media, callback)


def read_receipt(wamid: str, *, typing: bool = False) -> Json:
    """Mark an inbound message (and those before it) as read, optionally showing "typing…"."""
    receipt: Json = {"messaging_product": "whatsapp", "status": "read", "message_id": wamid}
    return {**receipt, "typing_indicator": {"type": "text"}} if typing else receipt


def media_source(source: str) -> Json:
    """`{"link": …}` for an address, `{"id": …}` for an uploaded file."""
    return {"link": source} if source.startswith(("https://", "http://")) else {"id": source}


def _message(to: str, kind: str, content: Json, callback: str) -> Json:
    message: Json = {
        "messaging_product": "whatsapp",
        "recipient_type": "individual",
        "to": to if to.startswith("+") else f"+{to}",
        "type": kind,
        kind: content,
    }
    if callback:
        message["biz_opaque_callback_data"] = callback
    return message


def _header_part(keys: list[str], header: Component, *, named: bool) -> _Part | None:
    shape = text_of(header, "format").upper()
    if not keys:
        return None
    if shape == "DOCUMENT":
        return _Part({"type": "header"}, (_Parameter((keys[0],), _document, (keys[0] + FILENAME,)),))
    if shape in MEDIA_FORMATS:
        return _Part({"type": "header"}, (_Parameter((keys[0],), _media_builder(shape.lower())),))
    if shape == "LOCATION":
        return _Part({"type": "header"}, (_Parameter(tuple(keys), _location),))
    return _texts("header", keys, named=named)


def _texts(kind: str, keys: list[str], *, named: bool) -> _Part:
    return _Part({"type": kind}, tuple(_Parameter((key,), _text_builder(key, named=named)) for key in keys))


def _button_part(index: int, button: Component, variables: list[TemplateVariable]) -> _Part | None:
    kind, key = text_of(button, "type").upper(), f"button.{index}"
    if is_otp(button):
        # The code stands in the body already and once more in the button that copies it.
        body = next((v.key for v in variables if v.component == "body"), None)
        return (
            _Part(_button_head("url", index), (_Parameter((body,), _text_builder("", named=False)),)) if body else None
        )
    if kind == "FLOW":
        action = {"type": "action", "action": {"flow_token": "unused"}}
        return _Part(_button_head("flow", index), (), (action,))
    if not any(v.key == key for v in variables):
        return None
    build = _coupon if kind == "COPY_CODE" else _text_builder("", named=False)
    sub_type = "copy_code" if kind == "COPY_CODE" else "url"
    return _Part(_button_head(sub_type, index), (_Parameter((key,), build),))


def _button_head(sub_type: str, index: int) -> Json:
    return {"type": "button", "sub_type": sub_type, "index": str(index)}


def _text_builder(key: str, *, named: bool) -> Callable[[str], Json]:
    if not named:
        return lambda value: {"type": "text", "text": value}
    name = key.removeprefix("header.")
    return lambda value: {"type": "text", "parameter_name": name, "text": value}


def _media_builder(kind: str) -> Callable[[str], Json]:
    return lambda value: {"type": kind, kind: media_source(value)}


def _document(value: str, filename: str) -> Json:
    named = {"filename": filename} if filename else {}
    return {"type": "document", "document": {**media_source(value), **named}}


def _coupon(value: str) -> Json:
    return {"type": "coupon_code", "coupon_code": value}


def _location(latitude: str, longitude: str, place: str, address: str) -> Json:
    location = {"latitude": latitude, "longitude": longitude, "name": place, "address": address}
    return {"type": "location", "location": location}


def _offer_end(moment: str) -> Json:
    end = round(datetime.fromisoformat(moment).timestamp() * 1000)
    return {"type": "limited_time_offer", "limited_time_offer": {"expiration_time_ms": end}}


def is_fitting(key: str, value: str) -> bool:
    """Whether a value is what its place asks for: a coordinate, or a moment with its offset from UTC."""
    name = key.rsplit(".", 1)[-1]
    try:
        if name in _FURTHEST and key.endswith(f"header.{name}"):
            return abs(float(value)) <= _FURTHEST[name]
        if key == "offer.expires_at":
            return datetime.fromisoformat(value).tzinfo is not None
    except ValueError:
        return False
    return True


def _refuse_unsupported(components: Sequence[Component]) -> None:
    parts = [components, *cards_of(components)]
    headers = {text_of(find(part, "HEADER"), "format").upper() for part in parts}
    found = [what for kind, what in _UNSUPPORTED_BUTTONS.items() if any(_has_button(part, kind) for part in parts)]
    found += [f"a {shape.lower()} header" for shape in sorted(headers - _KNOWN_HEADERS)]
    if found:
        raise UnsupportedTemplate(
            f"This template has {' and '.join(found)}, which needs a product catalogue and cannot be filled here yet."
        )


def _has_button(components: Sequence[Component], kind: str) -> bool:
    return any(text_of(button, "type").upper() == kind for button in buttons_of(components))
