"""What the customer does on the phone: write, press a button, react, stop marketing. All of it becomes webhooks."""

from __future__ import annotations

import base64
import binascii
import mimetypes
import time
from dataclasses import dataclass
from typing import Any

from sandbox.jsonio import Json
from sandbox.lifecycle import contact_of, is_nameless
from sandbox.media_api import MediaApi
from sandbox.model import Customer, Message, Number
from sandbox.state import World
from sandbox.webhooks import Outbox, Update

FREE_ENTRY_S = 72 * 3600
KINDS = ("text", "image", "video", "audio", "document", "sticker", "location", "contacts", "reaction", "button",
         "interactive", "order", "unsupported")  # fmt: skip


MEDIA_KINDS = ("image", "video", "audio", "document", "sticker")
LARGEST_FILE = 100 * 1024 * 1024
_KIND_OF = {"image/jpeg": "image", "image/png": "image", "image/webp": "sticker"}


class InvalidAction(ValueError):  # noqa: N818 - named for what it says
    """The customer cannot do this."""


@dataclass(frozen=True, slots=True)
class Attachment:
    """A file that a customer picks on the phone."""

    name: str
    mime: str
    data: bytes

    @classmethod
    def read(cls, file: Json) -> Attachment:
        """From `{"name", "mime"?, "data": base64}`. Raises InvalidAction."""
        name = str(file.get("name") or "")[:240]
        try:
            data = base64.b64decode(str(file.get("data") or ""), validate=True)
        except binascii.Error:
            raise InvalidAction("file.data must be base64") from None
        if not 0 < len(data) <= LARGEST_FILE:
            raise InvalidAction(f"a file has 1 to {LARGEST_FILE} bytes")
        mime = str(file.get("mime") or mimetypes.guess_type(name)[0] or "application/octet-stream").split(";")[0]
        return cls(name, mime.strip().lower(), data)

    @property
    def kind(self) -> str:
        """As what WhatsApp sends it; anything else goes as a document."""
        first = self.mime.split("/")[0]
        return _KIND_OF.get(self.mime) or (first if first in ("video", "audio") else "document")


class CustomerPhone:
    """Acts as the customers of a world."""

    def __init__(self, world: World, outbox: Outbox) -> None:
        self.world = world
        self.outbox = outbox
        self.media = MediaApi(world)

    def attach(self, number: Number, kind: str, body: Json, file: Attachment) -> Json:
        """Keep a file at "Meta" and answer the message's body with its id, as webhooks say it: the checksum in base64."""
        if kind not in MEDIA_KINDS:
            raise InvalidAction(f"a message of the type '{kind}' has no file")
        media = self.media.keep(number, file.data, file.mime, file.name, inbound=True)
        checksum = base64.b64encode(bytes.fromhex(media.sha256)).decode()
        told: Json = {"id": media.id, "mime_type": media.mime_type, "sha256": checksum}
        if kind == "document" and file.name:
            told["filename"] = file.name
        if kind == "audio":
            told["voice"] = file.mime.startswith("audio/ogg")
        if kind == "sticker":
            told["animated"] = False
        return told | body

    def write(
        self, customer: Customer, number: Number, kind: str, body: Json, *, context: str = "", extra: Json | None = None
    ) -> str:
        """Send a message from a customer; return its id. It opens the 24-hour window."""
        if kind not in KINDS:
            raise InvalidAction(f"a customer cannot send the type '{kind}'")
        now = time.time()
        chat = self.world.chat(number.id, customer)
        message = Message(
            self.world.new_wamid(customer.wa_id, out=False),
            kind,
            body,
            now,
            out=False,
            state="delivered",
            context=context,
        )
        if kind == "reaction":
            target = chat.find(str(body.get("message_id", "")))
            if target:
                target.reaction = str(body.get("emoji", ""))
        else:
            chat.append(message)
        chat.last_inbound_at, chat.unread = now, 0
        if extra and "referral" in extra:
            chat.free_until = now + FREE_ENTRY_S
        customer.pinned = True
        self.world.touch(customer, chat)
        self.world.stats.inbound += 1
        if customer.wa_id not in number.blocked:
            self._tell(customer, number, message, extra or {})
        return message.wamid

    def _tell(self, customer: Customer, number: Number, message: Message, extra: Json) -> None:
        nameless = is_nameless(self.world, customer)
        value: Json = {} if nameless else {"from": customer.wa_id}
        value |= {
            "from_user_id": customer.user_id,
            "id": message.wamid,
            "timestamp": str(int(message.at)),
            "type": message.type,
            message.type: message.body,
        }
        if message.type == "contacts":
            value["contacts"] = message.body.get("items", [])
        if message.context:
            value["context"] = {"from": number.digits, "id": message.context}
        value |= extra
        contact = contact_of(customer, nameless=nameless)
        self.outbox.put(
            Update(number.waba_id, number, "messages", "messages", value, contact, f"message: {message.type}")
        )

    def press(self, customer: Customer, number: Number, wamid: str, index: int) -> Json:
        """Press the button at `index` of a message: quick replies answer, the others say what would open."""
        chat = self.world.chat(number.id, customer)
        message = chat.find(wamid)
        buttons = buttons_of(message) if message else []
        if message is None or not 0 <= index < len(buttons):
            raise InvalidAction("there is no such button")
        button = buttons[index]
        if button["kind"] == "quick_reply":
            body = {"payload": button["value"], "text": button["text"]}
            return {"sent": self.write(customer, number, "button", body, context=wamid)}
        if button["kind"] in ("reply", "row"):
            kind = "button_reply" if button["kind"] == "reply" else "list_reply"
            reply = {"id": button["value"], "title": button["text"]}
            if button.get("description"):
                reply["description"] = button["description"]
            body = {"type": kind, kind: reply}
            return {"sent": self.write(customer, number, "interactive", body, context=wamid)}
        return {"opens": button["kind"], "value": button["value"]}

    def choose_marketing(self, customer: Customer, number: Number, value: str) -> None:
        """Stop or resume marketing from a number, as in the chat's menu."""
        if value not in ("stop", "resume"):
            raise InvalidAction("value must be stop or resume")
        chat = self.world.chat(number.id, customer)
        chat.marketing_stopped = value == "stop"
        customer.pinned = True
        self.world.touch(customer, chat)
        nameless = is_nameless(self.world, customer)
        preference: Json = {
            "user_id": customer.user_id,
            "detail": f"User requested to {value} marketing messages",
            "category": "marketing_messages",
            "value": value,
            "timestamp": int(time.time()),
        }
        if not nameless:
            preference["wa_id"] = customer.wa_id
        contact = contact_of(customer, nameless=nameless)
        self.outbox.put(
            Update(
                number.waba_id,
                number,
                "user_preferences",
                "user_preferences",
                preference,
                contact,
                f"marketing: {value}",
            )
        )


def buttons_of(message: Message) -> list[Json]:
    """The buttons of a message from the business: kind, text, and what pressing them means."""
    if message.template is not None:
        return [
            _template_button(button, index, message.body) for index, button in enumerate(message.template.plan.buttons)
        ]
    if message.type != "interactive":
        return []
    action = message.body.get("action", {})
    kind = message.body.get("type")
    if kind == "button":
        return [{"kind": "reply", "text": b["reply"]["title"], "value": b["reply"]["id"]} for b in action["buttons"]]
    if kind == "list":
        rows = [row for section in action["sections"] for row in section["rows"]]
        return [
            {"kind": "row", "text": r["title"], "value": r["id"], "description": r.get("description", "")} for r in rows
        ]
    parameters = action.get("parameters", {})
    if kind == "cta_url":
        return [{"kind": "url", "text": parameters["display_text"], "value": parameters["url"]}]
    label = parameters.get("flow_cta") or {"location_request_message": "Send location"}.get(str(kind), "View")
    return [{"kind": str(kind), "text": label, "value": ""}]


def _template_button(button: Json, index: int, body: Json) -> Json:
    kind = str(button.get("type", "")).lower()
    text = str(button.get("text") or {"copy_code": "Copy offer code", "otp": "Copy code"}.get(kind, "Open"))
    given = _given(body, index)
    if kind == "quick_reply":
        return {"kind": kind, "text": text, "value": str(given.get("payload") or text)}
    if kind == "url":
        url = str(button.get("url", ""))
        return {
            "kind": kind,
            "text": text,
            "value": url.split("{{", 1)[0] + str(given.get("text", "")) if "{{" in url else url,
        }
    if kind == "phone_number":
        return {"kind": "phone", "text": text, "value": str(button.get("phone_number", ""))}
    if kind in ("copy_code", "otp"):
        return {"kind": "code", "text": text, "value": str(given.get("coupon_code") or given.get("text") or "")}
    return {"kind": kind, "text": text, "value": ""}


def _given(body: Json, index: int) -> dict[str, Any]:
    """The parameter that was sent for the button at `index`."""
    for component in body.get("components") or []:
        if str(component.get("type", "")).lower() == "button" and str(component.get("index")) == str(index):
            parameters = component.get("parameters") or [{}]
            return dict(parameters[0])
    return {}
