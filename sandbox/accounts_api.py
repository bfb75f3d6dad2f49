"""Accounts and numbers: reading, registration, webhook subscriptions, embedded sign-up and tokens."""

from __future__ import annotations

import secrets
import time

from sandbox.errors import GraphError, bad_token, expired_token
from sandbox.jsonio import Json
from sandbox.model import Number, Waba
from sandbox.state import World, describe_number
from sandbox.webhooks import Outbox

CODE_LIFE_S = 30.0
BUSINESS_ID = "600000000000001"
_SCOPES = ("whatsapp_business_management", "whatsapp_business_messaging", "business_management")


def check_token(token: str, app_id: str) -> None:
    """Accept `sandbox-…` and this app's own token; raise GraphError 190 for the rest, 10 for `denied-…`."""
    if token.startswith(("sandbox-", f"{app_id}|")):
        return
    if token.startswith("denied-"):
        raise GraphError(10, message="(#10) Application does not have permission for this action")
    if token.startswith("expired-"):
        raise expired_token()
    if not token:
        raise bad_token("An access token is required to request this resource.")
    raise bad_token()


def pick(full: Json, fields: object, default: tuple[str, ...]) -> Json:
    """The asked fields of an object, always with its id."""
    names = [name.strip().split(".")[0].split("{")[0] for name in str(fields or "").split(",") if name.strip()]
    return {key: full[key] for key in (*(names or default), "id") if key in full}


class AccountsApi:
    """Everything about accounts and numbers that is neither a message nor a template."""

    def __init__(self, world: World, outbox: Outbox) -> None:
        self.world = world
        self.outbox = outbox

    # --- accounts -----------------------------------------------------------------------------------------------

    def waba(self, waba: Waba, query: Json) -> Json:
        """An account with the fields asked for."""
        return pick(
            self._describe_waba(waba),
            query.get("fields"),
            ("id", "name", "timezone_id", "message_template_namespace", "currency"),
        )

    def _describe_waba(self, waba: Waba) -> Json:
        entity = {"entity_type": "WABA", "id": waba.id, "can_send_message": "AVAILABLE"}
        return {
            "id": waba.id,
            "name": waba.name,
            "currency": "USD",
            "timezone_id": "1",
            "country": "ZA",
            "message_template_namespace": f"{int(waba.id):032x}",
            "account_review_status": "APPROVED",
            "business_verification_status": "verified",
            "status": "ACTIVE",
            "ownership_type": "CLIENT_OWNED",
            "owner_business_info": {"name": waba.name, "id": BUSINESS_ID},
            "on_behalf_of_business_info": {"name": waba.name, "id": BUSINESS_ID, "status": "APPROVED", "type": "SELF"},
            "health_status": {"can_send_message": "AVAILABLE", "entities": [entity]},
            "marketing_messages_onboarding_status": "ELIGIBLE",
            "whatsapp_business_manager_messaging_limit": waba.tier,
            "is_enabled_for_insights": True,
            "disable_marketing_messages_on_cloud_api": False,
        }

    def business_wabas(self, query: Json) -> Json:
        """The accounts of the portfolio."""
        data = [self.waba(waba, query) for waba in self.world.wabas.values()]
        return {"data": data, "paging": {"cursors": {"before": "MAZDZD", "after": "MAZDZD"}}}

    def numbers(self, waba: Waba, query: Json) -> Json:
        """The numbers of an account."""
        mine = [number for number in self.world.numbers.values() if number.waba_id == waba.id]
        data = [self.number(number, query) for number in mine]
        answer: Json = {"data": data}
        if data:
            answer["paging"] = {"cursors": {"before": "QVFIUjBefore", "after": "QVFIUjAfter"}}
        return answer

    def create_number(self, waba: Waba, data: Json) -> Json:
        """Add a number that must still be verified and registered."""
        code = str(data.get("cc") or data.get("country_code") or "").lstrip("+")
        digits = "".join(c for c in str(data.get("phone_number", "")) if c.isdigit())
        if not code.isdigit() or not digits or not data.get("verified_name"):
            raise GraphError(100, message="(#100) The parameters cc, phone_number and verified_name are required.")
        number = Number(
            self.world.new_id("80"), waba.id, f"+{code} {digits}", str(data["verified_name"]),
            status="UNVERIFIED", name_status="PENDING_REVIEW", verified=False, registered=False,
        )  # fmt: skip
        self.world.add_number(number)
        return {"id": number.id}

    async def subscribe(self, waba: Waba, data: Json) -> Json:
        """Send this account's webhooks to the app, or to an address of its own after a handshake."""
        waba.callback_url = await self._checked_callback(data)
        waba.subscribed = True
        self.world.accounts_changed = True
        return {"success": True}

    def unsubscribe(self, waba: Waba) -> Json:
        """Send this account's webhooks nowhere."""
        waba.subscribed, waba.callback_url = False, ""
        self.world.accounts_changed = True
        return {"success": True}

    def subscriptions(self, waba: Waba) -> Json:
        """The apps subscribed to this account."""
        if not waba.subscribed:
            return {"data": []}
        app: Json = {
            "link": "https://www.facebook.com/games/?app_id=" + self.world.app_id,
            "name": "Sandbox app",
            "id": self.world.app_id,
        }
        entry: Json = {"whatsapp_business_api_data": app}
        if waba.callback_url:
            entry["override_callback_uri"] = waba.callback_url
        return {"data": [entry]}

    async def subscribe_app(self, data: Json) -> Json:
        """Set the app's own webhook address after a handshake."""
        url, token = str(data.get("callback_url", "")), str(data.get("verify_token", ""))
        await self._handshake(url, token)
        self.world.settings.update({"webhook_url": url, "verify_token": token})
        return {"success": True}

    async def _checked_callback(self, data: Json) -> str:
        url = str(data.get("override_callback_uri") or "")
        if url:
            await self._handshake(url, str(data.get("verify_token", "")))
        return url

    async def _handshake(self, url: str, verify_token: str) -> None:
        if not url.startswith(("http://", "https://")) or len(url) > 200:
            raise GraphError(100, message="(#100) callback_url must be an address of 200 characters at most")
        problem = await self.outbox.handshake(url, verify_token)
        if problem:
            raise GraphError(
                2200, message=f"(#2200) Callback verification failed with the following errors: {problem}", http=400
            )

    # --- numbers ------------------------------------------------------------------------------------------------

    def number(self, number: Number, query: Json) -> Json:
        """A number with the fields asked for."""
        full = describe_number(number, self.world.settings)
        tier = self.world.wabas[number.waba_id].tier
        full["messaging_limit_tier"] = full["whatsapp_business_manager_messaging_limit"] = tier
        full["new_name_status"] = "NONE"
        full["health_status"] = {
            "can_send_message": "AVAILABLE" if number.status == "CONNECTED" else "BLOCKED",
            "entities": [{"entity_type": "PHONE_NUMBER", "id": number.id, "can_send_message": "AVAILABLE"}],
        }
        address = number.callback_url or self.world.settings.webhook_url
        if address:
            full["webhook_configuration"] = {"phone_number" if number.callback_url else "application": address}
        default = ("verified_name", "code_verification_status", "display_phone_number", "quality_rating",
                   "platform_type", "throughput", "webhook_configuration", "last_onboarded_time")  # fmt: skip
        return pick(full, query.get("fields"), default)

    async def change_number(self, number: Number, data: Json) -> Json:
        """Set the PIN, the display name or the webhook address of a number."""
        if "webhook_configuration" in data:
            given = data["webhook_configuration"]
            number.callback_url = await self._checked_callback(given if isinstance(given, dict) else {})
        if "pin" in data:
            number.pin = _pin(data)
        if "new_display_name" in data:
            number.verified_name, number.name_status = str(data["new_display_name"]), "APPROVED"
        self.world.accounts_changed = True
        return {"success": True}

    def register(self, number: Number, data: Json) -> Json:
        """Connect a verified number with its PIN; ten attempts in 72 hours."""
        self._count_registration(number)
        pin = _pin(data)
        if not number.verified:
            raise GraphError(133006)
        if number.pin and pin != number.pin:
            raise GraphError(133005)
        number.pin, number.registered, number.status, number.name_status = pin, True, "CONNECTED", "APPROVED"
        self.world.accounts_changed = True
        return {"success": True}

    def deregister(self, number: Number) -> Json:
        """Take a number off the platform; sends then answer 133010."""
        self._count_registration(number)
        number.registered, number.status = False, "DISCONNECTED"
        self.world.accounts_changed = True
        return {"success": True}

    def _count_registration(self, number: Number) -> None:
        if not number.registrations.add_if_below(10, time.time()):
            raise GraphError(133016)

    def request_code(self, number: Number, data: Json) -> Json:
        """Pretend to send a verification code; in the sandbox it is always 123456."""
        if str(data.get("code_method", "")).upper() not in ("SMS", "VOICE"):
            raise GraphError(100, message="(#100) Param code_method must be one of {SMS, VOICE}")
        if number.verified:
            raise GraphError(136024, message="(#136024) Phone number already verified", http=400)
        return {"success": True}

    def verify_code(self, number: Number, data: Json) -> Json:
        """Verify a number with the code 123456."""
        if str(data.get("code", "")) != "123456":
            raise GraphError(136025, message="(#136025) Code couldn't be verified", http=400)
        number.verified, number.status = True, "PENDING"
        self.world.accounts_changed = True
        return {"success": True}

    def block_users(self, number: Number, method: str, data: Json) -> Json:
        """Block, unblock or list people."""
        if method == "GET":
            return {
                "data": [
                    {"block_users": [{"messaging_product": "whatsapp", "wa_id": wa_id} for wa_id in number.blocked]}
                ]
            }
        users = [str(user.get("user", "")) for user in data.get("block_users", []) if isinstance(user, dict)]
        done = []
        for user in users:
            wa_id = "".join(c for c in user if c.isdigit())
            if method == "POST" and wa_id not in number.blocked:
                number.blocked.append(wa_id)
            elif method == "DELETE" and wa_id in number.blocked:
                number.blocked.remove(wa_id)
            done.append({"input": user, "wa_id": wa_id})
        return {
            "messaging_product": "whatsapp",
            "block_users": {"added_users" if method == "POST" else "removed_users": done},
        }

    # --- sign-up and tokens -------------------------------------------------------------------------------------

    def new_code(self, waba: Waba, *, redirect_uri: str = "") -> str:
        """What the sign-up window would hand to the browser: good once and for 30 seconds."""
        code = "AQ" + secrets.token_urlsafe(32)
        self.world.codes[code] = (time.time() + CODE_LIFE_S, waba.id, redirect_uri)
        return code

    def access_token(self, query: Json, app_secret: str) -> Json:
        """Exchange a sign-up code for a business token, or app id and secret for an app token."""
        if str(query.get("client_id", "")) != self.world.app_id or query.get("client_secret") != app_secret:
            raise GraphError(1, message="Error validating client secret.", http=400)
        if query.get("grant_type") == "client_credentials":
            return {"access_token": f"{self.world.app_id}|{secrets.token_urlsafe(20)}", "token_type": "bearer"}
        code = str(query.get("code", ""))
        if code in self.world.used_codes:
            raise GraphError(100, message="This authorization code has been used.", subcode=36009)
        until, waba_id, redirect_uri = self.world.codes.pop(code, (0.0, "", ""))
        if not waba_id:
            raise GraphError(100, message="Invalid verification code format.", subcode=36008)
        if str(query.get("redirect_uri", "")) != redirect_uri:
            words = (
                "Error validating verification code. Please make sure your redirect_uri is identical to the one used."
            )
            raise GraphError(100, message=words, subcode=36008)
        if until < time.time():
            raise GraphError(100, message="This authorization code has expired.", subcode=36007)
        self.world.used_codes.add(code)
        token = f"sandbox-business-{secrets.token_urlsafe(24)}"
        self.world.tokens[token] = waba_id
        self.world.accounts_changed = True
        return {"access_token": token, "token_type": "bearer"}

    def debug_token(self, query: Json) -> Json:
        """What a token is good for."""
        token = str(query.get("input_token", ""))
        try:
            check_token(token, self.world.app_id)
        except GraphError as error:
            about = {"code": error.code, "message": error.message, "subcode": error.subcode or 0}
            return {"data": {"error": about, "is_valid": False, "scopes": []}}
        targets = [self.world.tokens[token]] if token in self.world.tokens else list(self.world.wabas)
        return {
            "data": {
                "app_id": self.world.app_id,
                "type": "SYSTEM_USER",
                "application": "Sandbox app",
                "is_valid": True,
                "expires_at": 0,
                "data_access_expires_at": 0,
                "issued_at": int(time.time()) - 60,
                "scopes": list(_SCOPES),
                "granular_scopes": [{"scope": scope, "target_ids": targets} for scope in _SCOPES[:2]],
                "user_id": "122100000000000001",
            }
        }


def _pin(data: Json) -> str:
    pin = str(data.get("pin", ""))
    if len(pin) != 6 or not pin.isdigit():
        raise GraphError(100, message="(#100) Param pin must be 6 characters long.")
    return pin
