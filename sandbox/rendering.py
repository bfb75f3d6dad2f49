"""Messages as the phone shows them: template text filled in, WhatsApp's own formatting, buttons, ticks."""

from __future__ import annotations

import re
import time
from typing import Any

from markupsafe import Markup, escape

from sandbox.errors import title_of
from sandbox.inbound import buttons_of
from sandbox.jsonio import Json
from sandbox.model import Chat, Customer, Message
from sandbox.settings import is_http_url
from sandbox.state import World
from sandbox.template_plan import fill, variables_of
from sandbox.templates_api import sample_path

_MEDIA = ("image", "video", "document", "audio", "sticker", "gif")
_MARKS = (
    (re.compile(r"```(.+?)```", re.DOTALL), r"<code>\1</code>"),
    (re.compile(r"(?<![\w*])\*(\S(?:[^*\n]*\S)?)\*(?![\w*])"), r"<b>\1</b>"),
    (re.compile(r"(?<![\w_])_(\S(?:[^_\n]*\S)?)_(?![\w_])"), r"<i>\1</i>"),
    (re.compile(r"(?<![\w~])~(\S(?:[^~\n]*\S)?)~(?![\w~])"), r"<s>\1</s>"),
)
_ICONS = {"url": "external-link", "phone": "phone", "code": "copy", "quick_reply": "arrow-back-up", "reply": "arrow-back-up",
          "row": "list", "flow": "external-link"}  # fmt: skip


def markup(text: str) -> Markup:
    """Escaped text with *bold*, _italic_, ~struck~ and ```code``` as WhatsApp shows them."""
    html = str(escape(text))
    for pattern, replacement in _MARKS:
        html = pattern.sub(replacement, html)
    return Markup(html)  # noqa: S704 - escaped above; only the tags of _MARKS were added


def clock(at: float) -> str:
    """Hours and minutes, in the time zone of this machine."""
    return time.strftime("%H:%M", time.localtime(at))


def day(at: float, now: float) -> str:
    """How the chat list names the time of a message."""
    then, today = time.localtime(at), time.localtime(now)
    if then[:3] == today[:3]:
        return clock(at)
    return "Yesterday" if now - at < 2 * 86_400 and then.tm_yday != today.tm_yday - 2 else time.strftime("%d %b", then)


def visible(message: Message) -> bool:
    """Whether a message is on the phone: what the customer wrote, and what was delivered."""
    return not message.out or message.state in ("delivered", "read")


def bubble(message: Message, chat: Chat, business: str) -> Json:
    """Everything a chat bubble shows."""
    shown: Json = {
        "wamid": message.wamid,
        "ours": not message.out,
        "time": clock(message.at),
        "read": message.state == "read",
        "reaction": message.reaction,
        "quote": _quote(message, chat, business),
        "parts": [],
        "buttons": [button | {"icon": _ICONS.get(button["kind"], "external-link")} for button in buttons_of(message)],
    }
    if message.template is not None:
        shown |= _template_parts(message.template.components, message.body.get("components") or [])
        return shown
    return shown | _content_parts(message.type, message.body)


def summary(message: Message) -> str:
    """One line of a message, for the chat list and for quotes."""
    if message.template is not None:
        shown = _template_parts(message.template.components, message.body.get("components") or [])
        return str(shown.get("text", ""))
    body = message.body
    if message.type == "text":
        return str(body.get("body", ""))
    if message.type == "button":
        return str(body.get("text", ""))
    if message.type == "interactive":
        reply = body.get("button_reply") or body.get("list_reply") or {}
        return str(reply.get("title") or body.get("body", {}).get("text", ""))
    return str(body.get("caption") or message.type.capitalize())


def _quote(message: Message, chat: Chat, business: str) -> Json | None:
    quoted = chat.find(message.context) if message.context else None
    if quoted is None:
        return None
    return {"who": business if quoted.out else "You", "text": summary(quoted)[:120]}


def _template_parts(components: list[Json], given: list[Json]) -> Json:
    values = {str(part.get("type", "")).lower(): part.get("parameters") or [] for part in given}
    shown: Json = {"text": ""}
    for component in components:
        kind = component["type"]
        if kind == "HEADER":
            shown |= _header(component, values.get("header", []))
        elif kind == "BODY":
            text = fill(str(component.get("text", "")), _values(component.get("text", ""), values.get("body", [])))
            shown |= {"text": text, "html": markup(text)}
        elif kind == "FOOTER":
            shown["footer"] = component.get("text", "")
        elif kind == "LIMITED_TIME_OFFER":
            shown["offer"] = component.get("limited_time_offer", {}).get("text", "")
        elif kind == "CAROUSEL":
            cards: list[Json] = next(
                (part.get("cards", []) for part in given if str(part.get("type", "")).lower() == "carousel"), []
            )
            shown["cards"] = [
                _template_parts(plan.get("components", []), card.get("components", []))
                for plan, card in zip(component.get("cards", []), cards, strict=False)
            ]
    return shown


def _values(text: str, parameters: list[Json]) -> dict[str, str]:
    """Variable name -> value, by name or by position."""
    names = variables_of(text)
    found: dict[str, str] = {}
    for position, parameter in enumerate(parameters):
        kind = str(parameter.get("type", "text")).lower()
        value = parameter.get("text") if kind == "text" else parameter.get(kind, {}).get("fallback_value")
        name = parameter.get("parameter_name") or (str(position + 1) if str(position + 1) in names else "")
        found[str(name)] = str(value or "")
    return found


def _header(component: Json, parameters: list[Json]) -> Json:
    form = str(component.get("format", "")).lower()
    if form == "text":
        text = str(component.get("text", ""))
        return {"title": fill(text, _values(text, parameters))}
    first = parameters[0] if parameters else {}
    if form in _MEDIA:
        media = first.get(form) or {}
        handles = component.get("example", {}).get("header_handle") or []
        fallback = sample_path(handles[0]) if handles else ""
        return {"media": _media(form, media, fallback)}
    place = first.get("location") or {}
    return {"media": {"kind": "location", "src": "", "name": str(place.get("name") or "Location")}}


def _media(kind: str, media: Json, fallback: str = "") -> Json:
    src = f"/sandbox/media/{media['id']}" if media.get("id") else str(media.get("link") or fallback)
    if not (src.startswith("/sandbox/") or is_http_url(src)):
        src = ""
    name = str(media.get("filename") or src.rsplit("/", 1)[-1].split("?")[0] or kind)
    return {"kind": kind, "src": src, "name": name}


def _content_parts(kind: str, body: Json) -> Json:
    if kind == "text":
        return {"html": markup(str(body.get("body", "")))}
    if kind == "button":
        return {"html": markup(str(body.get("text", "")))}
    if kind == "interactive":
        return _interactive_parts(body)
    if kind == "location":
        return {
            "media": {
                "kind": kind,
                "src": "",
                "name": str(body.get("name") or f"{body.get('latitude')}, {body.get('longitude')}"),
            }
        }
    if kind == "contacts":
        names = ", ".join(str(c.get("name", {}).get("formatted_name", "")) for c in body.get("items", []))
        return {"media": {"kind": "contact", "src": "", "name": names}}
    shown: Json = {"media": _media(kind, body)}
    if body.get("caption"):
        shown["html"] = markup(str(body["caption"]))
    return shown


def _interactive_parts(body: Json) -> Json:
    reply = body.get("button_reply") or body.get("list_reply")
    if reply:
        return {"html": markup(str(reply.get("title", "")))}
    shown: Json = {"html": markup(str(body.get("body", {}).get("text", "")))}
    header: Any = body.get("header") or {}
    if header.get("type") == "text":
        shown["title"] = header.get("text", "")
    elif header:
        shown["media"] = _media(header["type"], header.get(header["type"]) or {})
    if body.get("footer"):
        shown["footer"] = body["footer"].get("text", "")
    return shown


def chat_rows(world: World, customer: Customer, now: float) -> list[Json]:
    """The chat list: every business number, those with messages first, newest on top."""
    rows: list[Json] = []
    for number in world.numbers.values():
        chat = customer.chats.get(number.id)
        last = next((m for m in reversed(chat.messages) if visible(m)), None) if chat else None
        rows.append(
            {
                "number_id": number.id,
                "name": number.verified_name,
                "at": last.at if last else 0.0,
                "time": day(last.at, now) if last else "",
                "last": summary(last)[:80] if last else "No messages yet",
                "unread": chat.unread if chat and last and last.out else 0,
                "ours": bool(last and not last.out),
                "read": bool(last and last.state == "read"),
            }
        )
    return sorted(rows, key=lambda row: row["at"], reverse=True)[:40]


def chat_items(chat: Chat, business: str) -> list[Json]:
    """Bubbles, and a note for each message that did not arrive."""
    items: list[Json] = []
    for message in chat.messages:
        if visible(message):
            items.append({"bubble": bubble(message, chat, business)})
        elif message.state == "failed":
            items.append({"note": f"A message did not arrive: {title_of(message.error)} ({message.error})"})
    return items
