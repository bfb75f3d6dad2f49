"""Meta's webhook deliveries, read into plain facts. Pure; unknown fields are ignored, unknown kinds are counted.

One delivery may hold up to 1,000 updates over several entries and changes, in any order and more than once.
Source: Meta's webhook reference for `whatsapp_business_account`.
"""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from wotnot.services.whatsapp import number_news
from wotnot.services.whatsapp.number_news import NumberNews

Json = dict[str, Any]


class Malformed(ValueError):  # noqa: N818 — named for what it is
    """The delivery is not what Meta sends; the message says what is wrong."""


@dataclass(frozen=True, slots=True)
class Receipt:
    """One status of one of our messages. `callback` is what we gave Meta with the message, if it still has it."""

    phone_number_id: str
    wamid: str
    status: str
    at: datetime
    callback: str | None = None
    error: Json | None = None
    pricing_category: str | None = None
    pricing_type: str | None = None


@dataclass(frozen=True, slots=True)
class Inbound:
    """One message from a person. `phone` or `user_id` may be missing, never both; `content` is the part under `type`."""

    phone_number_id: str
    wamid: str
    at: datetime
    type: str
    content: Json
    phone: str | None = None
    user_id: str | None = None
    profile_name: str = ""
    context_wamid: str | None = None


@dataclass(frozen=True, slots=True)
class Preference:
    """A person stopped or resumed marketing messages inside WhatsApp."""

    phone_number_id: str
    phone: str | None
    user_id: str | None
    is_stop: bool
    detail: str
    at: datetime | None


@dataclass(frozen=True, slots=True)
class TemplateChange:
    """Meta changed a template: `kind` is status, quality, category or words, `value` the new one, `reason` Meta's.

    `words` are the new text when the kind is words: header, body and footer, and the buttons if they were told.
    """

    waba_id: str
    kind: str
    meta_id: str
    name: str
    language: str
    value: str
    reason: str = ""
    words: Json = field(default_factory=dict)


@dataclass(slots=True)
class Facts:
    """Everything one delivery said. `channel_wabas` need a fresh look; `unknown` names kinds that nobody handles."""

    receipts: list[Receipt] = field(default_factory=list)
    inbound: list[Inbound] = field(default_factory=list)
    preferences: list[Preference] = field(default_factory=list)
    template_changes: list[TemplateChange] = field(default_factory=list)
    number_news: list[NumberNews] = field(default_factory=list)
    channel_wabas: set[str] = field(default_factory=set)
    unknown: list[str] = field(default_factory=list)

    def extend(self, other: "Facts") -> None:
        """Add the facts of another delivery."""
        self.receipts += other.receipts
        self.inbound += other.inbound
        self.preferences += other.preferences
        self.template_changes += other.template_changes
        self.number_news += other.number_news
        self.channel_wabas |= other.channel_wabas
        self.unknown += other.unknown


_STATUSES = frozenset({"sent", "delivered", "read", "played", "failed"})


def parse_delivery(body: bytes) -> Facts:
    """Read one delivery. Raises Malformed when it is not a WhatsApp webhook at all."""
    try:
        document = json.loads(body)
    except (ValueError, RecursionError) as error:
        raise Malformed(f"not JSON: {error}") from error
    if not isinstance(document, dict) or document.get("object") != "whatsapp_business_account":
        raise Malformed("not a whatsapp_business_account delivery")
    facts = Facts()
    for waba_id, at, name, value in _changes(document):
        if name in number_news.FIELDS:
            _read_news(facts, waba_id, at, name, value)
        else:
            _read_change(facts, waba_id, name, value)
    return facts


def _changes(document: Json) -> Iterator[tuple[str, datetime, str, Json]]:
    try:
        for entry in document.get("entry") or []:
            for change in entry.get("changes") or []:
                at = number_news.moment_of(entry.get("time"))
                yield str(entry.get("id", "")), at, str(change["field"]), dict(change["value"])
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        raise Malformed(f"an entry without its parts: {error!r}") from error


def _read_change(facts: Facts, waba_id: str, name: str, value: Json) -> None:
    try:
        if name == "messages":
            _read_messages(facts, value)
        elif name == "user_preferences":
            facts.preferences += _preferences(value)
        elif name.startswith("message_template_") or name == "template_category_update":
            _read_template(facts, waba_id, name, value)
        else:
            facts.unknown.append(name)
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        raise Malformed(f"{name}: {error!r}") from error


def _read_news(facts: Facts, waba_id: str, at: datetime, name: str, value: Json) -> None:
    facts.channel_wabas.add(waba_id)
    try:
        facts.number_news += number_news.read_news(waba_id, name, value, at)
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        raise Malformed(f"{name}: {error!r}") from error


def _read_messages(facts: Facts, value: Json) -> None:
    phone_number_id = str(value["metadata"]["phone_number_id"])
    for status in value.get("statuses") or []:
        if status["status"] in _STATUSES:
            facts.receipts.append(_receipt(phone_number_id, status))
        else:
            facts.unknown.append(f"status {str(status['status'])[:40]}")
    names = _profile_names(value)
    facts.inbound += [_inbound(phone_number_id, message, names) for message in value.get("messages") or []]


def _receipt(phone_number_id: str, status: Json) -> Receipt:
    errors, pricing = status.get("errors") or [], status.get("pricing") or {}
    callback = status.get("biz_opaque_callback_data")
    return Receipt(
        phone_number_id,
        wamid=str(status["id"]),
        status="read" if status["status"] == "played" else str(status["status"]),
        at=_moment(status.get("timestamp")),
        callback=callback if isinstance(callback, str) else None,
        error=dict(errors[0]) if errors else None,
        pricing_category=_word(pricing.get("category")),
        pricing_type=_word(pricing.get("type")),
    )


def _inbound(phone_number_id: str, message: Json, names: Mapping[str, str]) -> Inbound:
    kind = str(message.get("type") or "unsupported")
    content = message.get(kind)
    phone, user_id = _digits(message.get("from")), _word(message.get("from_user_id"))
    if not phone and not user_id:
        raise ValueError("a message from nobody")
    context = message.get("context") or {}
    return Inbound(
        phone_number_id,
        wamid=str(message["id"]),
        at=_moment(message.get("timestamp")),
        type=kind[:20],
        content=_content(message, kind, content),
        phone=phone,
        user_id=user_id,
        profile_name=names.get(user_id or "") or names.get(phone or "") or "",
        context_wamid=_word(context.get("id")),
    )


def _content(message: Json, kind: str, content: Any) -> Json:
    """The part under the message's type, with what Meta puts beside it."""
    if isinstance(content, list):
        content = {kind: content}
    extra = {key: message[key] for key in ("referral", "errors") if message.get(key)}
    return {**(content if isinstance(content, dict) else {}), **extra}


def _profile_names(value: Json) -> dict[str, str]:
    names = {}
    for contact in value.get("contacts") or []:
        name = str((contact.get("profile") or {}).get("name") or "")[:200]
        for key in (contact.get("wa_id"), contact.get("user_id")):
            if key:
                names[str(key)] = name
    return names


def _preferences(value: Json) -> list[Preference]:
    phone_number_id = str(value["metadata"]["phone_number_id"])
    return [
        Preference(
            phone_number_id,
            phone=_digits(preference.get("wa_id")),
            user_id=_word(preference.get("user_id")),
            is_stop=preference["value"] == "stop",
            detail=str(preference.get("detail") or "")[:500],
            at=_moment(preference["timestamp"]) if preference.get("timestamp") else None,
        )
        for preference in value.get("user_preferences") or []
        if preference.get("category") == "marketing_messages"
    ]


def _read_template(facts: Facts, waba_id: str, name: str, value: Json) -> None:
    # Meta's documentation shows quality updates under the status field too, so the value's own shape decides.
    if "new_quality_score" in value:
        kind, new = "quality", str(value["new_quality_score"])
    elif name == "template_category_update":
        kind, new = "category", str(value.get("correct_category") or value["new_category"])
        if "previous_category" not in value:
            return  # announced for tomorrow; the change itself comes in a second delivery
        new = str(value["new_category"])
    elif "event" in value:
        kind, new = "status", str(value["event"])
    elif "message_template_element" in value:
        kind, new = "words", ""
    else:
        facts.unknown.append(name)
        return
    facts.template_changes.append(
        TemplateChange(
            waba_id,
            kind,
            meta_id=str(value["message_template_id"]),
            name=str(value["message_template_name"]),
            language=str(value.get("message_template_language") or "").replace("-", "_"),
            value=new,
            reason=_reason(value),
            words=_words(value) if kind == "words" else {},
        )
    )


def _words(value: Json) -> Json:
    """The text of a template. Parts that it does not have are left out by Meta, and so are buttons of most kinds."""
    told = value.get("message_template_buttons")
    words: Json = {
        "header": str(value.get("message_template_title") or ""),
        "body": str(value["message_template_element"]),
        "footer": str(value.get("message_template_footer") or ""),
    }
    if told is not None:
        words["buttons"] = tuple(_button(button) for button in told)
    return words


def _button(told: Json) -> dict[str, str]:
    names = ("type", "text", "url", "phone_number")
    return {name: str(told.get(f"message_template_button_{name}") or "") for name in names}


def _reason(value: Json) -> str:
    rejection = value.get("rejection_info") or {}
    reason = rejection.get("reason") or (value.get("other_info") or {}).get("description") or value.get("reason")
    advice = rejection.get("recommendation")
    words = " ".join(str(part) for part in (reason, advice) if part and part != "NONE")
    return words[:1000]


def _moment(timestamp: Any) -> datetime:
    """Seconds since the epoch, as a string or a number."""
    return datetime.fromtimestamp(int(timestamp), UTC)


def _digits(text: Any) -> str | None:
    digits = "".join(character for character in str(text or "") if character.isascii() and character.isdigit())
    return digits[:20] or None


def _word(value: Any) -> str | None:
    return str(value)[:140] if value else None
