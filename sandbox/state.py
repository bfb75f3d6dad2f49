"""The sandbox's memory: accounts, numbers, templates, customers and their chats, and what was counted."""

from __future__ import annotations

import base64
import hashlib
import secrets
import time
from collections import Counter, deque
from collections.abc import Iterable
from itertools import count

from sandbox import worlds
from sandbox.files import Files
from sandbox.jsonio import Json
from sandbox.model import Chat, Customer, Media, Number, Template, Upload, Waba
from sandbox.settings import Settings

CUSTOMERS_REMEMBERED = 20_000
SECONDS_REMEMBERED = 3_600
BODIES_REMEMBERED = 500
WINDOW_S = 24 * 3600

# Calling codes of the countries whose users get a readable prefix in their business-scoped id.
_COUNTRIES = {
    "1": "US", "7": "RU", "20": "EG", "27": "ZA", "31": "NL", "33": "FR", "34": "ES", "39": "IT", "40": "RO", "44": "GB",
    "48": "PL", "49": "DE", "51": "PE", "52": "MX", "54": "AR", "55": "BR", "56": "CL", "57": "CO", "60": "MY", "62": "ID",
    "65": "SG", "90": "TR", "91": "IN", "92": "PK", "212": "MA", "234": "NG", "254": "KE", "351": "PT", "852": "HK",
    "880": "BD", "966": "SA", "971": "AE", "972": "IL",
}  # fmt: skip


class Stats:
    """What arrived and what became of it. Per-recipient counts grow until they are reset."""

    def __init__(self) -> None:
        self.accepted = 0
        self.refused: Counter[str] = Counter()
        self.statuses: Counter[str] = Counter()
        self.inbound = 0
        self.arrivals: dict[str, dict[int, int]] = {}
        self.sends: dict[str, dict[str, int]] = {}
        self.callbacks: dict[str, int] = {}

    def count_arrival(self, number_id: str, now: float) -> None:
        """Note that a send request for this number arrived, whatever its answer will be."""
        seconds = self.arrivals.get(number_id)
        if seconds is None:
            seconds = self.arrivals[number_id] = {}
        second = int(now)
        if second in seconds:
            seconds[second] += 1
            return
        seconds[second] = 1
        if len(seconds) > SECONDS_REMEMBERED:
            del seconds[next(iter(seconds))]

    def count_send(self, number_id: str, recipient: str, callback_data: str | None) -> None:
        """Note that a message to this recipient was accepted."""
        self.accepted += 1
        sends = self.sends.get(number_id)
        if sends is None:
            sends = self.sends[number_id] = {}
        sends[recipient] = sends.get(recipient, 0) + 1
        if callback_data is not None:
            self.callbacks[callback_data] = self.callbacks.get(callback_data, 0) + 1


class World:
    """Everything the sandbox knows. All access is from the event loop's thread."""

    def __init__(self, settings: Settings, app_id: str, files: Files) -> None:
        self.settings = settings
        self.app_id = app_id
        self.files = files
        self.remembers = False  # set by whoever takes `changed_chats` to the disk
        self._start()

    def _start(self) -> None:
        self.wabas: dict[str, Waba] = {}
        self.numbers: dict[str, Number] = {}
        self.templates: dict[str, Template] = {}
        self.customers: dict[str, Customer] = {}
        self.user_ids: dict[str, str] = {}
        self.media: dict[str, Media] = {}
        self.uploads: dict[str, Upload] = {}
        self.codes: dict[str, tuple[float, str, str]] = {}  # code -> (until, account, where it came back to)
        self.used_codes: set[str] = set()
        self.tokens: dict[str, str] = {}  # business token -> the account it belongs to
        self.refused_once: set[tuple[str, str]] = set()
        self.stats = Stats()
        self.bodies: deque[Json] = deque(maxlen=BODIES_REMEMBERED)  # what was accepted about templates, as it came
        self.changed_chats: dict[tuple[str, str], Chat] = {}
        self.accounts_changed = True
        self._ids = count(int(time.time() * 1000) * 1000)
        self._wamid_start = secrets.token_hex(4).upper()
        self._wamids = count(1)
        worlds.fill(self)

    def reset(self) -> None:
        """Back to the default world; the settings stay."""
        self.files.clear()
        self._start()

    def remember_body(self, kind: str, body: Json) -> None:
        """Keep the body of a `creation`, an `edit` or a template `message` that was accepted, to be looked at."""
        self.bodies.append({"kind": kind, "body": {key: body[key] for key in body if key != "access_token"}})

    def new_id(self, prefix: str) -> str:
        """A numeric id that was not used before, also not before a restart."""
        return f"{prefix}{next(self._ids)}"

    def new_wamid(self, wa_id: str, *, out: bool) -> str:
        """A message id with the anatomy of Meta's: base64 of lengths, phone, direction and a unique part."""
        unique = f"{self._wamid_start}{next(self._wamids):012X}".encode()
        phone = wa_id.encode()
        raw = b"\x1c\x18%c%b\x15\x02\x00%c\x18%c%b\x00" % (
            len(phone),
            phone,
            0x11 if out else 0x12,
            len(unique),
            unique,
        )
        return "wamid." + base64.b64encode(raw).decode()

    def add_number(self, number: Number) -> Number:
        """Put a number into the world."""
        self.numbers[number.id] = number
        self.accounts_changed = True
        return number

    def add_template(self, template: Template) -> Template:
        """Put a template into its account, in place of one with the same name and language."""
        waba = self.wabas[template.waba_id]
        old = waba.by_name.get((template.name, template.language))
        if old:
            self.remove_template(old)
        waba.templates[template.id] = self.templates[template.id] = template
        waba.by_name[template.name, template.language] = template
        self.accounts_changed = True
        return template

    def remove_template(self, template: Template) -> None:
        """Take a template out of its account."""
        waba = self.wabas[template.waba_id]
        waba.templates.pop(template.id, None)
        waba.by_name.pop((template.name, template.language), None)
        self.templates.pop(template.id, None)
        self.accounts_changed = True

    def customer(self, wa_id: str) -> Customer:
        """The person with this number, who comes into being when first named."""
        customer = self.customers.get(wa_id)
        if customer is None:
            customer = Customer(wa_id, user_id_of(wa_id))
            self.customers[wa_id] = customer
            self.user_ids[customer.user_id] = wa_id
            if len(self.customers) > CUSTOMERS_REMEMBERED:
                self._forget_one()
        return customer

    def _forget_one(self) -> None:
        """Drop the oldest person nobody touched by hand; pinned ones go to the end of the line."""
        for _ in range(len(self.customers)):
            wa_id, customer = next(iter(self.customers.items()))
            del self.customers[wa_id]
            if not customer.pinned:
                self.user_ids.pop(customer.user_id, None)
                return
            self.customers[wa_id] = customer

    def chat(self, number_id: str, customer: Customer) -> Chat:
        """The thread between a number and a person, opened when needed."""
        chat = customer.chats.get(number_id)
        if chat is None:
            chat = customer.chats[number_id] = Chat(number_id, customer.wa_id)
        return chat

    def touch(self, customer: Customer, chat: Chat) -> None:
        """Remember that the phone page and the snapshot have something new to show."""
        customer.version += 1
        if self.remembers:
            self.changed_chats[chat.number_id, chat.wa_id] = chat

    def recent_customers(self, limit: int) -> Iterable[Customer]:
        """People in the order in which their last message came, newest first."""

        def newest(customer: Customer) -> float:
            return max((chat.messages[-1].at for chat in customer.chats.values() if chat.messages), default=0.0)

        return sorted(self.customers.values(), key=lambda c: (newest(c), c.pinned), reverse=True)[:limit]

    def default_waba(self) -> Waba:
        """The account that new numbers join when none is named."""
        return next(iter(self.wabas.values()))


def user_id_of(wa_id: str) -> str:
    """A stable business-scoped user id for a phone: country prefix, dot, digits."""
    country = next((_COUNTRIES[wa_id[:n]] for n in (3, 2, 1) if wa_id[:n] in _COUNTRIES), "ZZ")
    return f"{country}.{int.from_bytes(hashlib.sha1(wa_id.encode(), usedforsecurity=False).digest()[:8]):020d}"


def phone_in_wamid(wamid: str) -> str:
    """The customer's digits inside a message id, or "" when it is none of ours."""
    try:
        raw = base64.b64decode(wamid.removeprefix("wamid."), validate=True)
        return raw[3 : 3 + raw[2]].decode()
    except (ValueError, IndexError):
        return ""


def window_open(chat: Chat, now: float) -> bool:
    """Whether the 24-hour customer service window (or a free entry point) is open."""
    return now - chat.last_inbound_at < WINDOW_S or now < chat.free_until


def describe_number(number: Number, settings: Settings) -> Json:
    """The fields of a phone number that the Graph API can be asked for."""
    rate = settings.rate_per_second if number.rate is None else number.rate
    return {
        "id": number.id,
        "verified_name": number.verified_name,
        "display_phone_number": number.display,
        "code_verification_status": "VERIFIED" if number.verified else "NOT_VERIFIED",
        "quality_rating": number.quality,
        "platform_type": "CLOUD_API" if number.registered else "NOT_APPLICABLE",
        "throughput": {"level": "HIGH" if rate == 0 or rate > 80 else "STANDARD"},
        "status": number.status,
        "name_status": number.name_status,
        "account_mode": "LIVE",
        "is_pin_enabled": bool(number.pin),
        "is_official_business_account": False,
        "last_onboarded_time": "2026-03-01T08:00:00+0000",
    }
