"""What the inbox shows, made of rows and words: filters, states, times, files. No database."""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from math import ceil
from typing import Any
from urllib.parse import urlencode
from uuid import uuid4
from zlib import crc32

from markupsafe import Markup, escape
from werkzeug.datastructures import MultiDict

from wotnot.blueprints.wizard_forms import media_kind_of
from wotnot.clock import now
from wotnot.models import Conversation, ConversationState, Direction, MediaFile, MediaKind, Message, MessageState
from wotnot.services import media_rules
from wotnot.services.conversation_lists import MOST_COUNTED, ConversationFilter
from wotnot.services.inbound_media import InboundFile
from wotnot.services.languages import language_name
from wotnot.services.phone_numbers import format_phone
from wotnot.services.threads import Entry
from wotnot.services.whatsapp.wording import header_file_id
from wotnot.services.zones import in_zone

HOME = "/app/inbox"
VIEWS = {"mine": "Mine", "unassigned": "Unassigned", "all": "All", "unread": "Unread"}
STATES = {
    "": "Not closed",
    "open": "Free text possible",
    "expired": "Templates only",
    "closed": "Closed",
    "any": "All of them",
}
EMOJIS = ("👍", "❤️", "😂", "😮", "😢", "🙏", "🎉", "✅")
_FURTHER = "😀 😊 😍 😉 🤔 😅 😎 🥳 👋 👏 💪 🤝 👌 🙌 🔥 ⭐ 💚 🌱 🌿 🌸 ☀️ 📦 🚚 📍 📞 📷 🕐 💳 🧾 ❗"
MORE_EMOJIS = (*EMOJIS, *_FURTHER.split())
TICKS = {
    MessageState.QUEUED: ("clock", "", "Waiting to be sent"),
    MessageState.SENDING: ("clock", "", "Being sent"),
    MessageState.UNKNOWN: ("help-circle", "wn-warnc", "It is not known whether it was sent"),
    MessageState.ACCEPTED: ("check", "", "Sent"),
    MessageState.SENT: ("check", "", "Sent"),
    MessageState.DELIVERED: ("checks", "", "Delivered"),
    MessageState.READ: ("checks", "wn-infoc", "Read"),
    MessageState.FAILED: ("alert-circle", "wn-bad", "Not sent"),
}
_FILTERS = ("view", "state", "label", "tag", "number", "search")
_KINDS = frozenset(MediaKind)
_DRAWN = frozenset({MediaKind.IMAGE, MediaKind.STICKER})
_ICONS = {
    "image": "photo",
    "video": "movie",
    "audio": "microphone",
    "document": "file-text",
    "sticker": "sticker",
    "location": "map-pin",
    "contacts": "address-book",
    "order": "shopping-bag",
}
_LINK = re.compile(r"(?:https?://|www\.)[^\s<>\"]+", re.IGNORECASE)
_SOON = timedelta(hours=1)


@dataclass(frozen=True, slots=True)
class Media:
    """A file of a message for `_media.html`: `state` is kept, waiting or gone; `reason` says why it is not here.

    `word` is what kind of file it is and how large.
    """

    kind: str
    state: str
    url: str = ""
    word: str = ""
    filename: str = ""
    reason: str = ""


# ---------------------------------------------------------------- the list


def wanted_of(arguments: Mapping[str, str]) -> dict[str, str]:
    """The filters that the address names; what is not one of ours is left out."""
    wanted = {name: arguments.get(name, "").strip() for name in _FILTERS}
    wanted["view"] = wanted["view"] if wanted["view"] in VIEWS and wanted["view"] != "all" else ""
    wanted["state"] = wanted["state"] if wanted["state"] in STATES else ""
    wanted["number"] = wanted["number"] if wanted["number"].isdecimal() and len(wanted["number"]) <= 18 else ""
    return {name: value for name, value in wanted.items() if value}


def filter_of(wanted: Mapping[str, str], member_id: int) -> ConversationFilter:
    """The filter of the service for one tab and what is chosen beside it."""
    state = wanted.get("state", "")
    chosen = ConversationFilter(
        state=ConversationState(state) if state not in {"", "any"} else None,
        # Who looks for somebody wants to find them, whatever was done with the thread.
        active=not state and not wanted.get("search"),
        label=wanted.get("label", ""),
        tag=wanted.get("tag", ""),
        channel_id=int(wanted["number"]) if wanted.get("number") else None,
        search=wanted.get("search", ""),
    )
    match wanted.get("view"):
        case "mine":
            return replace(chosen, assignee_id=member_id)
        case "unassigned":
            return replace(chosen, unassigned=True)
        case "unread":
            return replace(chosen, unread=True)
    return chosen


def address_of(conversation_id: int | None, wanted: Mapping[str, str], **more: object) -> str:
    """The address of a conversation, or of the list alone, with the filters kept."""
    path = f"{HOME}/{conversation_id}" if conversation_id else HOME
    query = {name: str(value) for name, value in (dict(wanted) | more).items() if value}
    return f"{path}?{urlencode(query)}" if query else path


def count_words(count: int) -> str:
    """ "7", or "99+" where nobody counts further."""
    return f"{MOST_COUNTED}+" if count > MOST_COUNTED else str(count)


# ---------------------------------------------------------------- the thread


def new_entries(conversation: Conversation, entries: Sequence[Entry]) -> set[int]:
    """The ids of the messages that nobody has read yet."""
    if not conversation.unread_count:
        return set()
    inbound = [one.message.id for one in entries if one.message and one.message.direction is Direction.IN]
    if conversation.read_through is not None:
        return {message_id for message_id in inbound if message_id > conversation.read_through}
    return set(inbound[-conversation.unread_count :])


def revision_of(entry: Entry, file: Media | None = None) -> str:
    """Changes whenever the entry, with the file in it, looks different."""
    if entry.message is None:
        return "1"
    reactions = "".join(one.emoji for one in entry.reactions)
    # Edited twice it looks different again.
    edited = f"e{crc32(entry.words.encode()):x}" if entry.is_edited else ""
    marks = f"{edited}{'d' if entry.is_deleted else ''}{'a' if entry.aside else ''}"
    return f"{entry.message.state.value}{marks}{file.state if file else ''}{reactions}"


def has_file(message: Message) -> bool:
    """Whether a message is a picture, a video, a recording, a document or a sticker."""
    return message.type in _KINDS


def file_id_of(entry: Entry, message: Message) -> str:
    """Under which id of Meta's we sent a file, by itself or in a template's header; nothing for any other message."""
    if message.direction is Direction.IN:
        return ""
    if message.type == "template":
        return header_file_id(entry.content)
    return str(entry.content.get("id") or "") if has_file(message) else ""


def media_of(entry: Entry, message: Message, ours: Mapping[str, MediaFile], theirs: InboundFile | None) -> Media | None:
    """The file in a message: `ours` are in the library by the id that Meta gave them, `theirs` are fetched by a job."""
    name = str(entry.content.get("filename") or "")
    file = ours.get(file_id_of(entry, message))
    if file is not None:
        return _kept(file.kind if message.type == "template" else message.type, name, file)
    if not has_file(message):
        return None
    if message.direction is Direction.IN:
        return _arrived(message.type, name, theirs)
    reason = str(entry.content.get("link") or "No longer in the library")
    return Media(message.type, "gone", filename=name, reason=reason)


def _arrived(kind: str, name: str, sent: InboundFile | None) -> Media:
    if sent is None:
        return Media(kind, "gone", filename=name, reason="It came before files were kept here.")
    if sent.file is not None:
        return _kept(kind, name, sent.file)
    return Media(kind, sent.state.value, filename=name, reason=sent.reason)


def _kept(kind: str, name: str, file: MediaFile) -> Media:
    """What a browser cannot draw is offered as a document."""
    is_drawn = kind not in _DRAWN or file.mime_type in media_rules.SHOWN_TYPES
    word = f"{media_rules.word_of(file.mime_type)}, {media_rules.size_words(file.size_bytes)}"
    shown_as = kind if is_drawn else MediaKind.DOCUMENT.value
    return Media(shown_as, "kept", f"/app/media/{file.id}/file", word[:1].upper() + word[1:], name or file.filename)


def can_retry(message: Message) -> bool:
    """Whether the page offers to send it again or to discard it; a broadcast is sent again from its own page."""
    return message.state is MessageState.FAILED and message.broadcast_id is None


def linkify(text: str) -> Markup:
    """The text with its web addresses as links; everything else is escaped."""
    pieces, end = [], 0
    for match in _LINK.finditer(text):
        address = match[0].rstrip(".,;:!?)]}*_~'")
        pieces += [escape(text[end : match.start()]), _link(address)]
        end = match.start() + len(address)
    return Markup("").join([*pieces, escape(text[end:])])


def _link(address: str) -> Markup:
    target = address if "://" in address else f"https://{address}"
    return Markup('<a href="{}" target="_blank" rel="noopener noreferrer nofollow">{}</a>').format(target, address)


# ---------------------------------------------------------------- words


def window_of(conversation: Conversation) -> dict[str, str | int]:
    """The chip of the 24 hours: `kind`, `icon`, `words`, `short`, and the seconds `left`, rounded up."""
    left = (conversation.window_expires_at - now()) if conversation.window_expires_at else timedelta(0)
    if left <= timedelta(0):
        return {"kind": "", "icon": "clock-off", "words": "Templates only", "short": "Templates", "left": 0}
    hours, minutes = divmod(int(left.total_seconds()) // 60, 60)
    seconds = ceil(left.total_seconds())
    if left < _SOON:
        words, short = f"Free text for {max(minutes, 1)} m", f"Open {max(minutes, 1)} m"
        return {"kind": "warn", "icon": "clock-exclamation", "words": words, "short": short, "left": seconds}
    words, short = f"Free text for {hours} h {minutes} m", f"Open {hours} h"
    return {"kind": "ok", "icon": "clock-hour-9", "words": words, "short": short, "left": seconds}


def inbox_words(timezone: str) -> dict[str, Callable[..., Any] | Any]:
    """What the templates of the inbox say things with."""

    def list_time(moment: datetime | None) -> str:
        return short_time(moment, timezone) if moment else ""

    def day_of(moment: datetime) -> tuple[str, str]:
        local = in_zone(moment, timezone)
        return f"{local:%Y-%m-%d}", day_words(moment, timezone)

    return {
        "phone_words": format_phone,
        "language_words": language_name,
        "name_of": name_of,
        "list_time": list_time,
        "day_of": day_of,
        "ticks": TICKS,
        "linkify": linkify,
        "rev": revision_of,
        "window_of": window_of,
        "form_key": lambda: uuid4().hex,
        "can_retry": can_retry,
        "kind_icon": lambda kind: _ICONS.get(kind, ""),
        "emojis": EMOJIS,
        "more_emojis": MORE_EMOJIS,
        "count_words": count_words,
    }


def name_of(contact: Any) -> str:
    """How a person is called in the inbox."""
    return contact.name or format_phone(contact.phone) or "Somebody on WhatsApp"


def short_time(moment: datetime, timezone: str) -> str:
    """ "14:05" today, "Yesterday", "Tue" within the week, "3 Mar", "3 Mar 2025" in another year."""
    local, today = in_zone(moment, timezone), in_zone(now(), timezone).date()
    days = (today - local.date()).days
    if days <= 0:
        return f"{local:%H:%M}"
    if days == 1:
        return "Yesterday"
    if days < 7:
        return f"{local:%a}"
    return f"{local:%-d %b}" if local.year == today.year else f"{local:%-d %b %Y}"


def day_words(moment: datetime, timezone: str) -> str:
    """ "Today", "Yesterday", "Tuesday 3 March"."""
    local, today = in_zone(moment, timezone), in_zone(now(), timezone).date()
    days = (today - local.date()).days
    if days in {0, 1}:
        return ("Today", "Yesterday")[days]
    return f"{local:%A %-d %B}" if local.year == today.year else f"{local:%-d %B %Y}"


# ---------------------------------------------------------------- forms


def read_choices(form: MultiDict[str, str]) -> dict[str, Any]:
    """The form of buttons and lists as the service takes it."""
    content: dict[str, Any] = {"body": form.get("body", "")}
    if form.get("shape") == "list":
        rows = [line.partition("|") for line in form.get("rows", "").splitlines() if line.strip()]
        listed = [{"title": title.strip(), "description": more.strip()} for title, _, more in rows]
        return content | {"list": {"button": form.get("list_button", ""), "rows": listed}}
    return content | {"buttons": [words for words in form.getlist("button") if words.strip()]}


def form_errors(errors: Mapping[str, Sequence[str]]) -> dict[str, list[str]]:
    """The service's fields as the composer's forms call them."""
    found: dict[str, list[str]] = {}
    for name, sentences in errors.items():
        found[_form_name(name)] = list(sentences)
    return found


def _form_name(name: str) -> str:
    variable = name.removeprefix("template.variables.")
    if variable != name:
        return f"text-{variable}" if media_kind_of(variable) else f"value-{variable}"
    return _FORM_NAMES.get(name, name)


_FORM_NAMES = {
    "interactive.body": "body",
    "interactive.buttons": "button",
    "interactive": "button",
    "interactive.list.button": "list_button",
    "interactive.list.rows": "rows",
    "text.body": "body",
    "note": "body",
    "reaction.emoji": "other",
    "media.caption": "caption",
    "media.file_id": "file",
    "media": "file",
}
