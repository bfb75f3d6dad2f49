"""The sandbox's own controls under /sandbox/…: settings, numbers, people, faults, counters, reset. JSON in and out."""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable
from typing import Any

from aiohttp import web

from sandbox.accounts_api import AccountsApi
from sandbox.faults import Faults
from sandbox.inbound import Attachment, CustomerPhone, InvalidAction
from sandbox.jsonio import Json, respond
from sandbox.lifecycle import Lifecycle
from sandbox.model import TIERS, Customer, Number, Waba
from sandbox.number_news import Before, tell_changes
from sandbox.settings import InvalidSettings
from sandbox.shop_control import ShopControl
from sandbox.state import Stats, World, describe_number
from sandbox.template_rules import check_category
from sandbox.templates_api import TemplatesApi
from sandbox.webhooks import Outbox

Handler = Callable[[Json, list[str]], Any]
MANY_NUMBERS = 1_000


class NotFound(Exception):  # noqa: N818 - named for what it says
    """The path names nothing."""


class ControlApi:
    """Routes a control request to its function and answers JSON; refusals carry an `error` in plain words."""

    def __init__(
        self, world: World, outbox: Outbox, lifecycle: Lifecycle, faults: Faults, *,
        accounts: AccountsApi, templates: TemplatesApi, shops: ShopControl, forget: Callable[[], None],
    ) -> None:  # fmt: skip
        self.world = world
        self.outbox = outbox
        self.lifecycle = lifecycle
        self.faults = faults
        self.accounts = accounts
        self.templates = templates
        self.phone = CustomerPhone(world, outbox)
        self.forget = forget
        self._first_settings = world.settings.as_dict()
        self._routes: dict[tuple[str, str], Handler] = {
            ("GET", "health"): lambda _data, _rest: {"ok": True},
            ("GET", "settings"): lambda _data, _rest: world.settings.as_dict(),
            ("POST", "settings"): self._change_settings,
            ("POST", "reset"): self._reset,
            ("GET", "stats"): lambda _data, _rest: self._stats(),
            ("GET", "sends"): self._sends,
            ("GET", "bodies"): lambda _data, _rest: {"bodies": list(world.bodies)},
            ("GET", "numbers"): lambda _data, _rest: {"numbers": [self._number(n) for n in world.numbers.values()]},
            ("POST", "numbers"): self._numbers,
            ("POST", "wabas"): self._new_waba,
            ("GET", "faults"): lambda _data, _rest: {"faults": faults.as_list()},
            ("POST", "faults"): self._add_fault,
            ("DELETE", "faults"): self._clear_faults,
            ("POST", "inbound"): self._inbound,
            ("POST", "press"): self._press,
            ("POST", "marketing"): self._marketing,
            ("GET", "customers"): self._show_customer,
            ("POST", "customers"): self._change_customer,
            ("POST", "templates"): self._change_template,
            ("POST", "codes"): self._code,
            ("GET", "webhooks"): lambda _data, _rest: self._webhooks(),
            ("POST", "webhooks"): self._send_webhook,
            ("POST", "handshake"): self._handshake,
            ("GET", "shops"): shops.show,
            ("POST", "shops"): shops.act,
        }

    async def handle(self, request: web.BaseRequest, parts: list[str], data: Json) -> web.Response:
        """Answer /sandbox/<parts>."""
        handler = self._routes.get((request.method, parts[0] if parts else ""))
        if handler is None:
            return respond({"error": "there is no such control"}, 404)
        try:
            result = handler(data, parts[1:])
            if isinstance(result, Awaitable):
                result = await result
        except InvalidSettings as error:
            return respond({"error": str(error), "problems": error.problems}, 422)
        except NotFound as error:
            return respond({"error": str(error)}, 404)
        except (InvalidAction, ValueError, TypeError) as error:
            return respond({"error": str(error)}, 422)
        return respond(result)

    # --- settings, counters, faults -----------------------------------------------------------------------------

    def _change_settings(self, data: Json, _rest: list[str]) -> Json:
        self.world.settings.update(data)
        self.outbox.resize()
        if "webhook_url" in data or "verify_token" in data:
            self.outbox.ask()
        return self.world.settings.as_dict()

    def _reset(self, data: Json, _rest: list[str]) -> Json:
        """{"only": "stats"} clears the counters; otherwise the world and the settings are those of the start again."""
        if data.get("only") == "stats":
            self.world.stats = Stats()
            self.outbox.counts.clear()
            return {"ok": True}
        if data.get("only"):
            raise ValueError("only must be stats")
        self.world.settings.update(self._first_settings)
        self.lifecycle.timeline.clear()
        self.outbox.clear()
        self.faults.clear()
        self.world.reset()
        self.forget()
        return {"ok": True}

    def _stats(self) -> Json:
        stats = self.world.stats
        return {
            "accepted": stats.accepted,
            "refused": dict(stats.refused),
            "statuses": dict(stats.statuses),
            "inbound": stats.inbound,
            "per_second": stats.arrivals,
            "webhooks": {**self.outbox.counts, "waiting": self.outbox.waiting()},
            "planned": len(self.lifecycle.timeline),
        }

    def _sends(self, data: Json, _rest: list[str]) -> Json:
        """How often each recipient was accepted, and each callback string was seen."""
        stats = self.world.stats
        wanted = data.get("phone_number_id")
        to: dict[str, int] = {}
        for number_id, sends in stats.sends.items():
            if wanted in (None, number_id):
                for recipient, times in sends.items():
                    to[recipient] = to.get(recipient, 0) + times
        return {"to": to, "biz_opaque_callback_data": stats.callbacks}

    def _add_fault(self, data: Json, _rest: list[str]) -> Json:
        self.faults.add(data)
        return {"faults": self.faults.as_list()}

    def _clear_faults(self, _data: Json, _rest: list[str]) -> Json:
        self.faults.clear()
        return {"faults": []}

    # --- accounts, numbers, templates ---------------------------------------------------------------------------

    def _number(self, number: Number) -> Json:
        return describe_number(number, self.world.settings) | {
            "waba_id": number.waba_id,
            "rate_per_second": number.rate,
        }

    def _new_waba(self, data: Json, _rest: list[str]) -> Json:
        waba = Waba(
            self.world.new_id("70"),
            str(data.get("name") or "New account"),
            subscribed=bool(data.get("subscribed", True)),
        )
        self.world.wabas[waba.id] = waba
        self.world.accounts_changed = True
        return {"id": waba.id, "name": waba.name}

    def _waba(self, data: Json) -> Waba:
        waba = self.world.wabas.get(str(data["waba_id"])) if data.get("waba_id") else self.world.default_waba()
        if waba is None:
            raise NotFound("there is no such account")
        return waba

    def _numbers(self, data: Json, rest: list[str]) -> Json:
        """Create `count` numbers, or with an id in the path change one."""
        if rest:
            return self._change_number(self._find_number(rest[0]), data)
        count = int(data.get("count", 1))
        if not 1 <= count <= MANY_NUMBERS:
            raise ValueError(f"count must be between 1 and {MANY_NUMBERS}")
        waba = self._waba(data)
        made = [self._new_number(waba, data) for _ in range(count)]
        return {"numbers": [self._number(number) for number in made]}

    def _new_number(self, waba: Waba, data: Json) -> Number:
        number_id = self.world.new_id("80")
        position = len(self.world.numbers)
        display = str(data.get("display_phone_number") or f"+27 21 56{position // 10000} {position % 10000:04d}")
        number = Number(number_id, waba.id, display, str(data.get("verified_name") or f"Number {position + 1}"))
        self._apply(number, data)
        return self.world.add_number(number)

    def _change_number(self, number: Number, data: Json) -> Json:
        before = self._known_of(number)
        self._apply(number, data)
        self.world.accounts_changed = True
        if "messaging_limit" in data:
            if data["messaging_limit"] not in TIERS:
                raise ValueError(f"messaging_limit must be one of {', '.join(TIERS)}")
            self.world.wabas[number.waba_id].tier = data["messaging_limit"]
        tell_changes(self.outbox, number, before, self._known_of(number))
        return self._number(number)

    def _known_of(self, number: Number) -> Before:
        return Before.of(number, self.world.wabas[number.waba_id].tier, self.world.settings)

    def _apply(self, number: Number, data: Json) -> None:
        if "rate_per_second" in data:
            rate = data["rate_per_second"]
            if rate is not None and (isinstance(rate, bool) or not 0 <= float(rate) <= 1e6):
                raise ValueError("rate_per_second must be 0 (unlimited), a number, or null")
            number.rate = None if rate is None else float(rate)
        for name in ("status", "verified_name", "name_status"):
            if name in data:
                setattr(number, name, str(data[name]))
        if "quality_rating" in data:
            if data["quality_rating"] not in ("GREEN", "YELLOW", "RED", "UNKNOWN"):
                raise ValueError("quality_rating must be GREEN, YELLOW, RED or UNKNOWN")
            number.quality = data["quality_rating"]

    def _find_number(self, number_id: Any) -> Number:
        number = self.world.numbers.get(str(number_id))
        if number is None:
            raise NotFound("there is no such number")
        return number

    def _change_template(self, data: Json, rest: list[str]) -> Json:
        """Set the status, category or quality of a template, as Meta would, and tell the account."""
        template = self.world.templates.get(rest[0] if rest else "")
        if template is None:
            raise NotFound("there is no such template")
        about: Json = {
            "message_template_id": int(template.id),
            "message_template_name": template.name,
            "message_template_language": template.language,
        }
        if "category" in data:
            check_category(data["category"])
            old, template.category = template.category, str(data["category"]).upper()
            self.outbox.tell_account(
                template.waba_id,
                "template_category_update",
                about | {"previous_category": old, "new_category": template.category},
            )
        if "quality" in data:
            old, template.quality = template.quality, str(data["quality"]).upper()
            self.outbox.tell_account(
                template.waba_id,
                "message_template_quality_update",
                about | {"previous_quality_score": old, "new_quality_score": template.quality},
            )
        if "status" in data:
            self.templates.set_status(
                template, str(data["status"]).upper(), str(data.get("reason", "NONE")), str(data.get("title", ""))
            )
        self.world.accounts_changed = True
        return {
            "id": template.id,
            "status": template.status,
            "category": template.category,
            "quality": template.quality,
        }

    def _code(self, data: Json, _rest: list[str]) -> Json:
        """A sign-up code, with the account and number it would connect."""
        waba = self._waba(data)
        number = next((n for n in self.world.numbers.values() if n.waba_id == waba.id), None)
        return {
            "code": self.accounts.new_code(waba),
            "waba_id": waba.id,
            "phone_number_id": number.id if number else None,
        }

    # --- people -------------------------------------------------------------------------------------------------

    def _customer(self, data: Json, key: str = "from") -> Customer:
        digits = "".join(c for c in str(data.get(key, "")) if c.isdigit())
        if not 8 <= len(digits) <= 15:
            raise ValueError(f"{key} must be a phone number with its country code")
        return self.world.customer(digits)

    def _inbound(self, data: Json, _rest: list[str]) -> Json:
        """A message from a customer; `text` or `file` alone is enough, else the object stands under the type's name."""
        number = self._find_number(data.get("phone_number_id"))
        customer = self._customer(data)
        if data.get("name"):
            customer.name = str(data["name"])[:80]
        file = Attachment.read(data["file"]) if isinstance(data.get("file"), dict) else None
        kind = str(data.get("type") or (file.kind if file else "text"))
        body = data.get(kind)
        if file:
            caption = str(data.get("caption") or "")[:1024] if kind not in ("audio", "sticker") else ""
            given = body if isinstance(body, dict) else {}
            body = self.phone.attach(number, kind, given | ({"caption": caption} if caption else {}), file)
        if kind == "text" and isinstance(body, str):
            body = {"body": body}
        if not isinstance(body, dict) or (kind == "text" and not str(body.get("body", "")).strip()):
            raise ValueError(f"{kind} must be given")
        extra: Json = {key: data[key] for key in ("referral", "errors") if key in data}
        return {"id": self.phone.write(customer, number, kind, body, context=str(data.get("context", "")), extra=extra)}

    def _press(self, data: Json, _rest: list[str]) -> Json:
        number = self._find_number(data.get("phone_number_id"))
        return self.phone.press(self._customer(data), number, str(data.get("wamid", "")), int(data.get("index", -1)))

    def _marketing(self, data: Json, _rest: list[str]) -> Json:
        number = self._find_number(data.get("phone_number_id"))
        self.phone.choose_marketing(self._customer(data), number, str(data.get("value", "")))
        return {"ok": True}

    def _show_customer(self, _data: Json, rest: list[str]) -> Json:
        customer = self.world.customers.get(rest[0] if rest else "")
        if customer is None:
            raise NotFound("there is no such customer")
        chats = {
            number_id: {
                "last_inbound_at": chat.last_inbound_at,
                "marketing_stopped": chat.marketing_stopped,
                "messages": [
                    {
                        "id": m.wamid,
                        "out": m.out,
                        "type": m.type,
                        "body": m.body,
                        "state": m.state,
                        "error": m.error,
                        "context": m.context,
                        "reaction": m.reaction,
                    }
                    for m in chat.messages
                ],
            }
            for number_id, chat in customer.chats.items()
        }
        about = {
            key: getattr(customer, key) for key in ("wa_id", "user_id", "name", "online", "read_receipts", "bsuid_only")
        }
        return about | {"chats": chats}

    def _change_customer(self, data: Json, rest: list[str]) -> Json:
        customer = self._customer({"wa_id": rest[0] if rest else data.get("wa_id")}, "wa_id")
        for key in ("online", "read_receipts", "bsuid_only"):
            if key in data:
                if not isinstance(data[key], bool):
                    raise ValueError(f"{key} must be true or false")
                setattr(customer, key, data[key])
        if "name" in data:
            customer.name = str(data["name"])[:80]
        for number_id, at in (data.get("wrote_at") or {}).items():
            # They wrote to this number at that time, before the sandbox was asked to know them: the window is open.
            chat = self.world.chat(str(number_id), customer)
            chat.last_inbound_at = max(chat.last_inbound_at, float(at))
            self.world.touch(customer, chat)
        customer.pinned = True
        customer.version += 1
        self.world.accounts_changed = True
        if customer.online:
            self.lifecycle.come_online(customer)
        return {
            key: getattr(customer, key) for key in ("wa_id", "user_id", "name", "online", "read_receipts", "bsuid_only")
        }

    # --- webhooks -----------------------------------------------------------------------------------------------

    def _webhooks(self) -> Json:
        return {
            "counts": {**self.outbox.counts, "waiting": self.outbox.waiting()},
            "log": [d.as_dict() for d in self.outbox.log],
        }

    def _send_webhook(self, data: Json, _rest: list[str]) -> Json:
        """Send any account-level change, such as {"field": "account_update", "value": {…}}."""
        if not isinstance(data.get("field"), str) or not isinstance(data.get("value"), dict):
            raise ValueError("field (text) and value (object) must be given")  # noqa: TRY004 - one kind of refusal
        self.outbox.tell_account(self._waba(data).id, data["field"], data["value"])
        return {"ok": True, "at": time.time()}

    async def _handshake(self, _data: Json, _rest: list[str]) -> Json:
        settings = self.world.settings
        if not settings.webhook_url:
            raise ValueError("no webhook_url is set")
        problem = await self.outbox.handshake(settings.webhook_url, settings.verify_token)
        self.outbox.agreed = problem
        self.outbox.version += 1
        return {"ok": not problem, "problem": problem}
