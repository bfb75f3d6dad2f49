"""What POST /messages accepts for each message type. Every check raises GraphError with Meta's code.

Codes: 100 unknown or misplaced, 131008 missing, 131009 wrong value, 131051 unsupported type.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

from sandbox.errors import GraphError
from sandbox.jsonio import Json
from sandbox.settings import is_http_url

TEXT_LIMIT = 4096
CAPTION_LIMIT = 1024
CALLBACK_LIMIT = 512
_PUNCTUATION = str.maketrans("", "", "+ -()")
_CAPTIONED = ("image", "video", "document")
_INTERACTIVE = [
    "button",
    "list",
    "cta_url",
    "flow",
    "product",
    "product_list",
    "catalog_message",
    "location_request_message",
    "address_message",
    "carousel",
    "call_permission_request",
    "voice_call",
    "request_contact_info",
]
_MEXICO = re.compile(r"52(\d{10})$")
_BRAZIL = re.compile(r"55([3-9]\d)9(\d{8})$")

HasMedia = Callable[[str], bool]


def need(holder: Json, key: str, kind: type, where: str) -> Any:
    """`holder[key]`, which must be there and of this kind."""
    value = holder.get(key)
    if value is None or value == "":
        raise GraphError(131008, f"Parameter '{where}' is mandatory.")
    if not isinstance(value, kind):
        raise GraphError(131009, f"Parameter '{where}' has the wrong type.")
    return value


def at_most(text: Any, limit: int, where: str) -> None:
    """Refuse a text that is too long."""
    if isinstance(text, str) and len(text) > limit:
        raise GraphError(131009, f"Parameter '{where}' may have {limit} characters at most.")


def recipient_digits(to: Any, country_code: str) -> str:
    """The digits of `to`; a number without + that looks national gets the sender's country code, as at Meta."""
    if not isinstance(to, str | int) or isinstance(to, bool):
        raise GraphError(131009, "Parameter 'to' must be a phone number.")
    text = str(to).strip()
    digits = text.translate(_PUNCTUATION)
    if not (digits.isascii() and digits.isdecimal()):
        raise GraphError(131009, "Parameter 'to' is not a valid phone number.")
    if not text.startswith("+") and (digits.startswith("0") or len(digits) < 10):
        digits = country_code + digits.lstrip("0")
    if not 8 <= len(digits) <= 15:
        raise GraphError(131009, "Parameter 'to' is not a valid phone number.")
    return digits


def wa_id_of(digits: str) -> str:
    """The id under which WhatsApp knows a phone: an extra 1 in Mexico, no ninth digit in most of Brazil."""
    if match := _MEXICO.match(digits):
        return "521" + match[1]
    if match := _BRAZIL.match(digits):
        return "55" + match[1] + match[2]
    return digits


def check_content(kind: str, payload: Json, has_media: HasMedia) -> Json:
    """The part of the payload that belongs to its type, checked. Templates are checked elsewhere."""
    if kind not in _CHECKS:
        raise GraphError(100, f"Parameter 'type' must be one of {', '.join(sorted(_CHECKS))}; got '{kind}'.")
    if kind == "contacts":
        content: Any = need(payload, kind, list, kind)
    else:
        content = need(payload, kind, dict, kind)
    _CHECKS[kind](kind, content, has_media)
    return {"items": content} if kind == "contacts" else content


def check_media_object(where: str, media: Any, has_media: HasMedia) -> None:
    """A media object names an uploaded id or a link, not both."""
    if not isinstance(media, dict):
        raise GraphError(131009, f"Parameter '{where}' must be an object.")
    media_id, link = media.get("id"), media.get("link")
    if (media_id is None) == (link is None):
        raise GraphError(131008, f"Parameter '{where}' needs either 'id' or 'link'.")
    if media_id is not None and not has_media(str(media_id)):
        raise GraphError(
            100,
            message=f"(#100) Param {where}['id'] is not a valid whatsapp business account media attachment ID",
        )
    if link is not None and not (isinstance(link, str) and is_http_url(link)):
        raise GraphError(131009, f"Parameter '{where}['link']' must be an http or https address.")


def _text(_kind: str, content: Json, _has_media: HasMedia) -> None:
    at_most(need(content, "body", str, "text['body']"), TEXT_LIMIT, "text['body']")


def _media(kind: str, content: Json, has_media: HasMedia) -> None:
    check_media_object(kind, content, has_media)
    if content.get("caption") and kind not in _CAPTIONED:
        raise GraphError(100, f"Unexpected key 'caption' on param '{kind}'.")
    at_most(content.get("caption"), CAPTION_LIMIT, f"{kind}['caption']")


def _location(_kind: str, content: Json, _has_media: HasMedia) -> None:
    for name, limit in (("latitude", 90), ("longitude", 180)):
        try:
            value = float(content.get(name, ""))
        except (TypeError, ValueError):
            raise GraphError(131008, f"Parameter 'location['{name}']' is mandatory.") from None
        if not -limit <= value <= limit:
            raise GraphError(131009, f"Parameter 'location['{name}']' is out of range.")


def _reaction(_kind: str, content: Json, _has_media: HasMedia) -> None:
    need(content, "message_id", str, "reaction['message_id']")
    if not isinstance(content.get("emoji", ""), str):
        raise GraphError(131009, "Parameter 'reaction['emoji']' must be text.")


def _contacts(_kind: str, content: list[Any], _has_media: HasMedia) -> None:
    for contact in content:
        if not isinstance(contact, dict):
            raise GraphError(131009, "Parameter 'contacts' must be an array of objects.")
        name = need(contact, "name", dict, "contacts['name']")
        need(name, "formatted_name", str, "contacts['name']['formatted_name']")


def _interactive(_kind: str, content: Json, has_media: HasMedia) -> None:
    kind = need(content, "type", str, "interactive['type']")
    if kind not in _INTERACTIVE:
        raise GraphError(131009, f"Parameter 'interactive['type']' cannot be '{kind}'.")
    action = need(content, "action", dict, "interactive['action']")
    if kind not in ("product", "catalog_message"):
        body = need(content, "body", dict, "interactive['body']")
        at_most(
            need(body, "text", str, "interactive['body']['text']"), 4096 if kind == "list" else 1024, "body['text']"
        )
    if content.get("footer") is not None:
        footer = need(content, "footer", dict, "interactive['footer']")
        at_most(need(footer, "text", str, "interactive['footer']['text']"), 60, "interactive['footer']['text']")
    _interactive_header(content.get("header"), has_media)
    if kind in _ACTIONS:
        _ACTIONS[kind](action)


def _interactive_header(header: Any, has_media: HasMedia) -> None:
    if header is None:
        return
    if not isinstance(header, dict):
        raise GraphError(131009, "Parameter 'interactive['header']' must be an object.")
    kind = need(header, "type", str, "interactive['header']['type']")
    if kind == "text":
        at_most(need(header, "text", str, "interactive['header']['text']"), 60, "interactive['header']['text']")
    elif kind in _CAPTIONED:
        check_media_object(f"interactive['header']['{kind}']", header.get(kind), has_media)
    else:
        raise GraphError(131009, "Parameter 'interactive['header']['type']' must be text, image, video or document.")


def _reply_buttons(action: Json) -> None:
    buttons = need(action, "buttons", list, "interactive['action']['buttons']")
    if not 1 <= len(buttons) <= 3:
        raise GraphError(131009, "Invalid buttons count. Min allowed buttons: 1, Max allowed buttons: 3")
    titles = []
    for button in buttons:
        reply = button.get("reply") if isinstance(button, dict) else None
        if not isinstance(reply, dict):
            raise GraphError(131008, "Each button needs a 'reply' object.")
        at_most(need(reply, "id", str, "button['reply']['id']"), 256, "button['reply']['id']")
        at_most(need(reply, "title", str, "button['reply']['title']"), 20, "button['reply']['title']")
        titles.append(reply["title"])
    if len(set(titles)) < len(titles):
        raise GraphError(131009, "Button titles must be unique.")


def _list(action: Json) -> None:
    at_most(need(action, "button", str, "action['button']"), 20, "action['button']")
    sections = need(action, "sections", list, "action['sections']")
    if len(sections) > 10 or not all(isinstance(section, dict) for section in sections):
        raise GraphError(131009, "A list has 10 sections at most, each an object.")
    rows = [row for section in sections for row in need(section, "rows", list, "section['rows']")]
    if not 1 <= len(rows) <= 10:
        raise GraphError(131009, "Total row count exceed max allowed count: 10")
    if len(sections) > 1 and not all(section.get("title") for section in sections):
        raise GraphError(131008, "Each section needs a title when there are several.")
    for row in rows:
        if not isinstance(row, dict):
            raise GraphError(131009, "Each row must be an object.")
        at_most(need(row, "id", str, "row['id']"), 200, "row['id']")
        at_most(need(row, "title", str, "row['title']"), 24, "row['title']")
        at_most(row.get("description"), 72, "row['description']")


def _cta_url(action: Json) -> None:
    parameters = need(action, "parameters", dict, "action['parameters']")
    at_most(need(parameters, "display_text", str, "parameters['display_text']"), 20, "parameters['display_text']")
    if not is_http_url(need(parameters, "url", str, "parameters['url']")):
        raise GraphError(131009, "Parameter 'parameters['url']' must be an http or https address.")


_ACTIONS: dict[str, Callable[[Json], None]] = {"button": _reply_buttons, "list": _list, "cta_url": _cta_url}
_CHECKS: dict[str, Callable[[str, Any, HasMedia], None]] = {
    "text": _text,
    "image": _media,
    "video": _media,
    "audio": _media,
    "document": _media,
    "sticker": _media,
    "location": _location,
    "reaction": _reaction,
    "contacts": _contacts,
    "interactive": _interactive,
}
