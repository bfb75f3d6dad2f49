"""POST /{number}/messages: the hot path. Synchronous checks in Meta's order, then 200 and the rest by webhook."""

from __future__ import annotations

import asyncio
import json
import time

from aiohttp import web

from sandbox.errors import GraphError
from sandbox.fates import REFUSALS, draw
from sandbox.jsonio import Json, respond
from sandbox.lifecycle import Lifecycle
from sandbox.limits import PAIR_BURST, PAIR_INTERVAL_S, THROUGHPUT_BURST_S, next_arrival
from sandbox.message_rules import CALLBACK_LIMIT, check_content, check_media_object, recipient_digits, wa_id_of
from sandbox.model import Chat, Customer, Message, Number, Template
from sandbox.state import World, phone_in_wamid

NEVER_ANSWERED_ENDING = "990408"
DROPPED_ENDING = "990409"
REFUSED_ONCE = {"990501": 131000, "990430": 130429}
_HANG_S = 600.0


class MessagesApi:
    """Accepts messages for the numbers of a world."""

    def __init__(self, world: World, lifecycle: Lifecycle) -> None:
        self.world = world
        self.lifecycle = lifecycle

    async def post(self, request: web.BaseRequest, number: Number, *, marketing_only: bool = False) -> web.Response:
        """Answer one send, a read receipt or a typing indicator."""
        now = time.time()
        self.world.stats.count_arrival(number.id, now)
        raw = await request.read()
        try:
            payload = json.loads(raw)
        except ValueError:
            raise GraphError(100, "The request body is not valid JSON.") from None
        try:
            answer = self._answer(number, payload, now, marketing_only=marketing_only)
        finally:
            if self.world.settings.latency_ms:
                await asyncio.sleep(self.world.settings.latency_ms / 1000)
        if self.world.settings.endings:
            await self._misbehave(request, payload)
        return answer

    def _answer(self, number: Number, payload: object, now: float, *, marketing_only: bool) -> web.Response:
        if not isinstance(payload, dict):
            raise GraphError(100, "The request body must be a JSON object.")
        if payload.get("messaging_product") != "whatsapp":
            raise GraphError(100, message="(#100) The parameter messaging_product is required.")
        if "status" in payload:
            return self._mark_read(number, payload)
        return respond(self.accept(number, payload, now, marketing_only=marketing_only))

    def accept(self, number: Number, payload: Json, now: float, *, marketing_only: bool = False) -> Json:
        """Check a send as Meta does and take it on; return the answer's body or raise GraphError."""
        digits, asked = self._recipient(number, payload)
        message = self._message(number, payload, now)
        if marketing_only and (message.template is None or message.template.category != "MARKETING"):
            raise GraphError(100, "Message must be a marketing template message.")
        if number.status != "CONNECTED" or not number.registered:
            raise GraphError(133010)
        if digits == number.digits:
            raise GraphError(131021)
        self._refuse_by_chance(number, digits)
        self._count_throughput(number, now)
        wa_id = wa_id_of(digits) if self.world.settings.rewrite_wa_id else digits
        customer = self.world.customer(wa_id)
        chat = self.world.chat(number.id, customer)
        self._count_pair(chat, now)
        return self._take_on(number, customer, chat, message, digits=digits, asked=asked)

    def _take_on(
        self, number: Number, customer: Customer, chat: Chat, message: Message, *, digits: str, asked: Json
    ) -> Json:
        message.wamid = self.world.new_wamid(customer.wa_id, out=True)
        if message.type == "reaction":
            self._apply_reaction(chat, message)
        else:
            chat.append(message)
        if message.template is not None:
            self.world.remember_body("message", message.body)
        self.world.touch(customer, chat)
        self.world.stats.count_send(number.id, digits, message.callback_data)
        held = message.template is not None and "paced" in message.template.name
        self.lifecycle.start(number, customer, chat, message, held=held)
        answer: Json = {"id": message.wamid}
        if message.template is not None:
            answer["message_status"] = "held_for_quality_assessment" if held else "accepted"
        contact = asked if "user_id" in asked else {**asked, "wa_id": customer.wa_id}
        return {"messaging_product": "whatsapp", "contacts": [contact], "messages": [answer]}

    def _recipient(self, number: Number, payload: Json) -> tuple[str, Json]:
        """The digits to send to, and the start of the answer's contact."""
        if payload.get("recipient_type", "individual") != "individual":
            raise GraphError(131009, "Parameter 'recipient_type' must be 'individual' in the sandbox.")
        to = payload.get("to")
        if to:
            return recipient_digits(to, number.country_code), {"input": str(to)}
        user_id = payload.get("recipient")
        if not user_id:
            raise GraphError(
                131008, message="(#131008) Required parameter is missing", details="Parameter 'to' is mandatory."
            )
        wa_id = self.world.user_ids.get(str(user_id))
        if wa_id is None:
            raise GraphError(131009, "Parameter 'recipient' names nobody.")
        return wa_id, {"input": str(user_id), "user_id": str(user_id)}

    def _message(self, number: Number, payload: Json, now: float) -> Message:
        kind = payload.get("type", "text")
        callback_data = payload.get("biz_opaque_callback_data")
        if callback_data is not None and (not isinstance(callback_data, str) or len(callback_data) > CALLBACK_LIMIT):
            raise GraphError(100, f"biz_opaque_callback_data must be text of {CALLBACK_LIMIT} characters at most.")
        context = payload.get("context")
        quoted = str(context.get("message_id", "")) if isinstance(context, dict) else ""
        if kind == "template":
            template, body = self._template(number, payload.get("template"))
            return Message(
                "", kind, body, now, out=True, callback_data=callback_data, template=template, context=quoted
            )
        if not isinstance(kind, str):
            raise GraphError(100, "Parameter 'type' must be text.")
        body = check_content(kind, payload, self._has_media)
        return Message("", kind, body, now, out=True, callback_data=callback_data, context=quoted)

    def _template(self, number: Number, asked: object) -> tuple[Template, Json]:
        if not isinstance(asked, dict):
            raise GraphError(131008, "Parameter 'template' is mandatory.")
        name, language = asked.get("name"), asked.get("language")
        code = language.get("code") if isinstance(language, dict) else None
        if not isinstance(name, str) or not isinstance(code, str):
            raise GraphError(131008, "template['name'] and template['language']['code'] are mandatory.")
        template = self.world.wabas[number.waba_id].by_name.get((name, code))
        if template is None or template.status not in ("APPROVED", "PAUSED", "DISABLED"):
            raise GraphError(132001, f"template name ({name}) does not exist in {code}")
        if template.status != "APPROVED":
            raise GraphError(132015 if template.status == "PAUSED" else 132016)
        components = asked.get("components") or []
        template.plan.check(components)
        if template.plan.header_kind not in ("", "text"):
            self._check_header_media(components)
        return template, asked

    def _check_header_media(self, components: list[Json]) -> None:
        for component in components:
            if str(component.get("type", "")).lower() == "header":
                for parameter in component.get("parameters", []):
                    kind = str(parameter.get("type", "")).lower()
                    if kind in ("image", "video", "document"):
                        check_media_object(
                            f"template['components']['header']['{kind}']", parameter[kind], self._has_media
                        )

    def _has_media(self, media_id: str) -> bool:
        return media_id in self.world.media

    def _refuse_by_chance(self, number: Number, digits: str) -> None:
        """Refuse by the recipient's ending or by the percentage mix."""
        settings = self.world.settings
        if settings.endings:
            ending = digits[-6:]
            if ending in REFUSALS:
                raise GraphError(REFUSALS[ending])
            key = (number.id, digits)
            if ending in REFUSED_ONCE and key not in self.world.refused_once:
                self.world.refused_once.add(key)
                raise GraphError(REFUSED_ONCE[ending])
        if settings.refuse_percent:
            code = draw(settings.refuse_percent)
            if code:
                raise GraphError(code)

    def _count_throughput(self, number: Number, now: float) -> None:
        rate = self.world.settings.rate_per_second if number.rate is None else number.rate
        if not rate:
            return
        arrival = next_arrival(number.arrival, now, 1 / rate, max(THROUGHPUT_BURST_S, 1 / rate))
        if arrival is None:
            raise GraphError(130429)
        number.arrival = arrival

    def _count_pair(self, chat: Chat, now: float) -> None:
        if not self.world.settings.pair_limit:
            return
        arrival = next_arrival(chat.arrival, now, PAIR_INTERVAL_S, PAIR_INTERVAL_S * PAIR_BURST)
        if arrival is None:
            raise GraphError(131056)
        chat.arrival = arrival

    def _apply_reaction(self, chat: Chat, message: Message) -> None:
        target = chat.find(message.body["message_id"])
        if target is not None:
            target.reaction = message.body.get("emoji", "")

    def _mark_read(self, number: Number, payload: Json) -> web.Response:
        """Read receipt, with or without a typing indicator: everything up to that message is read."""
        wamid = payload.get("message_id")
        if payload["status"] != "read" or not isinstance(wamid, str):
            raise GraphError(131009, "A read receipt needs status 'read' and a message_id.")
        customer = self.world.customers.get(phone_in_wamid(wamid))
        chat = customer.chats.get(number.id) if customer else None
        target = chat.find(wamid) if chat else None
        if customer and chat and target and not target.out:
            for message in chat.messages:
                if not message.out:
                    message.state = "read"
                if message is target:
                    break
            self.world.touch(customer, chat)
            return respond({"success": True})
        raise GraphError(100, message="(#100) Invalid parameter", details="message_id names no message of a customer.")

    async def _misbehave(self, request: web.BaseRequest, payload: object) -> None:
        """Recipients after whose message the answer never comes, or the connection is cut."""
        ending = str(payload.get("to", ""))[-6:] if isinstance(payload, dict) else ""
        if ending == DROPPED_ENDING and request.transport:
            request.transport.abort()
        elif ending == NEVER_ANSWERED_ENDING:
            await hang(request)


async def hang(request: web.BaseRequest, longest_s: float = _HANG_S) -> None:
    """Keep a request waiting until the client goes away."""
    until = time.monotonic() + longest_s
    while time.monotonic() < until and request.transport and not request.transport.is_closing():
        await asyncio.sleep(0.1)
