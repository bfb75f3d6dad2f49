"""What a message says, as one plain text: for lists, quotes and the search. Pure.

`content` is what stands under the message's type in Meta's JSON; parts that are missing or strange are left out.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from wotnot.services.whatsapp.components import list_variables

Content = Mapping[str, Any]

CHANGES = ("reaction", "edit", "revoke")
"""Types that change another message and are shown on it, not as messages of their own."""

_FILES = {
    "image": "Picture",
    "video": "Video",
    "audio": "Recording",
    "document": "Document",
    "sticker": "Sticker",
}


def words_of(kind: str, content: Any) -> str:
    """What a person would search for: the text, caption, choice or name in the message; nothing for a bare file."""
    read = _WORDS.get(kind)
    return read(content).strip() if read and isinstance(content, Mapping) else ""


def edited(kind: str, content: Content, wording: Any) -> Content | None:
    """The content of a message of a `kind` with the new `wording` of an edit laid over it; None where that does not fit."""
    new = wording.get(kind) if isinstance(wording, Mapping) else None
    return {**content, **new} if isinstance(new, Mapping) else None


def line_of(kind: str, content: Content | None) -> str:
    """The message on one line, for a list: its words, else what kind of thing it is."""
    words = " ".join(words_of(kind, content).split())
    if kind in _FILES:
        return f"{_FILES[kind]}: {words}" if words else _FILES[kind]
    if kind == "reaction":
        emoji = _text(content or {}, "emoji")
        return f"Reacted {emoji}" if emoji else "Took a reaction back"
    return words or _BARE.get(kind, "A message that WhatsApp does not pass on")


def values_of(template: Content, components: Sequence[Content], parameter_format: str) -> dict[str, str]:
    """The texts of header and body that were filled into a `template` object, by variable: `payload()` read backwards."""
    sent = template.get("components")
    parts = {part.get("type"): part.get("parameters") for part in sent or [] if isinstance(part, Mapping)}
    values = {}
    for kind in ("header", "body"):
        variables = [one for one in list_variables(components, parameter_format) if one.component == kind]
        for variable, parameter in zip(variables, parts.get(kind) or [], strict=False):
            if text := _text(parameter, "text"):
                values[variable.key] = text
    return values


def header_file_id(content: Content) -> str:
    """Meta's id of the file in the header of a template message: in what was sent, or in the values that were filled in."""
    values = content.get("values")
    kinds = ("image", "video", "document")
    if isinstance(values, Mapping):
        return next(filter(None, (_text(values, f"header.{kind}") for kind in kinds)), "")
    sent = content.get("components")
    headers = [part for part in sent or [] if isinstance(part, Mapping) and part.get("type") == "header"]
    parameters = headers[0].get("parameters") if headers else None
    first = next(iter(parameters), None) if isinstance(parameters, list) else None
    return next(filter(None, (_text(first, kind, "id") for kind in kinds)), "") if isinstance(first, Mapping) else ""


def _text(content: Content, *path: str) -> str:
    value: Any = content
    for key in path:
        value = value.get(key) if isinstance(value, Mapping) else None
    return value if isinstance(value, str) else ""


def _interactive(content: Content) -> str:
    chosen = _text(content, "button_reply", "title") or _text(content, "list_reply", "title")
    return chosen or _text(content, "nfm_reply", "body") or _text(content, "body", "text")


def _contacts(content: Content) -> str:
    listed = content.get("contacts")
    people = [one for one in listed if isinstance(one, Mapping)] if isinstance(listed, list) else []
    return ", ".join(filter(None, (_text(one, "name", "formatted_name") for one in people)))


def _order(content: Content) -> str:
    items = content.get("product_items")
    count = len(items) if isinstance(items, list) else 0
    said = _text(content, "text")
    ordered = f"Order of {count} {'product' if count == 1 else 'products'}"
    return f"{ordered}: {said}" if said else ordered


def _location(content: Content) -> str:
    return ", ".join(filter(None, (_text(content, "name"), _text(content, "address"))))


def _file(content: Content) -> str:
    return _text(content, "caption") or _text(content, "filename")


_WORDS: dict[str, Callable[[Content], str]] = {
    "text": lambda content: _text(content, "body"),
    "button": lambda content: _text(content, "text"),
    "interactive": _interactive,
    "contacts": _contacts,
    "order": _order,
    "location": _location,
    **dict.fromkeys(_FILES, _file),
}

_BARE = {
    "text": "Empty message",
    "button": "Pressed a button",
    "interactive": "Chose from a message",
    "contacts": "Contact card",
    "location": "Location",
    "template": "Template",
}
