"""The customer's phone in the browser: one page, three partials that are fetched again, and an event stream."""

from __future__ import annotations

import asyncio
import json
import time
from pathlib import Path

from aiohttp import web
from jinja2 import Environment, FileSystemLoader, StrictUndefined

from sandbox.jsonio import Json
from sandbox.model import Customer, Number
from sandbox.profiles import picture_address
from sandbox.rendering import chat_items, chat_rows, clock
from sandbox.state import World
from sandbox.webhooks import Outbox

_HERE = Path(__file__).parent
_LOOK_EVERY_S = 0.2
_HEARTBEAT_S = 5.0
_PHONES_LISTED = 50
_STATIC = {".css": "text/css", ".js": "text/javascript", ".svg": "image/svg+xml"}
PAGE_HEADERS = {
    # Pictures may come from anywhere because a template may link to any; everything else is ours.
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data: http: https:; media-src 'self' http: https:;"
        " connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
    ),
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cache-Control": "no-store",
}
# What WhatsApp shows for a `vertical`; nothing for OTHER.
INDUSTRIES = {
    "AUTO": "Automotive", "BEAUTY": "Beauty, spa and salon", "APPAREL": "Clothing and apparel", "EDU": "Education",
    "ENTERTAIN": "Entertainment", "EVENT_PLAN": "Event planning and service", "FINANCE": "Finance and banking",
    "GROCERY": "Food and grocery", "GOVT": "Public service", "HOTEL": "Hotel and lodging", "HEALTH": "Medical and health",
    "NONPROFIT": "Non-profit organisation", "PROF_SERVICES": "Professional services", "RETAIL": "Shopping and retail",
    "TRAVEL": "Travel and transportation", "RESTAURANT": "Restaurant", "ALCOHOL": "Alcoholic drinks",
    "ONLINE_GAMBLING": "Online gambling", "PHYSICAL_GAMBLING": "Gambling", "OTC_DRUGS": "Over-the-counter drugs",
    "MATRIMONY_SERVICE": "Matrimony service",
}  # fmt: skip
MIX = (("131026", "Not on WhatsApp"), ("131049", "Held back by Meta"), ("131050", "Stopped marketing"))


class PhonePage:
    """Renders the page of one customer's phone."""

    def __init__(self, world: World, outbox: Outbox) -> None:
        self.world = world
        self.outbox = outbox
        self.closing = asyncio.Event()
        self._jinja = Environment(
            loader=FileSystemLoader(_HERE / "templates"), autoescape=True, undefined=StrictUndefined,
            trim_blocks=True, lstrip_blocks=True,
        )  # fmt: skip

    async def handle(self, request: web.BaseRequest, parts: list[str]) -> web.StreamResponse | None:
        """Answer the page's own paths; None for all others."""
        if not parts and request.method == "GET":
            return self._render("page.html", self._page_data(request))
        if len(parts) == 2 and parts[0] == "static":
            return self._static(parts[1])
        if len(parts) == 2 and parts[0] == "page" and request.method == "GET":
            return await self._partial(request, parts[1])
        return None

    def _static(self, name: str) -> web.Response:
        path = _HERE / "static" / name
        kind = _STATIC.get(path.suffix)
        if kind is None or path.parent != _HERE / "static" or not path.is_file():
            return web.Response(status=404, text="Not found")
        return web.Response(
            body=path.read_bytes(), content_type=kind, charset="utf-8", headers={"Cache-Control": "no-cache"}
        )

    async def _partial(self, request: web.BaseRequest, name: str) -> web.StreamResponse | None:
        if name == "events":
            return await self._events(request)
        if name in ("chats", "chat", "info", "log"):
            return self._render(f"_{name}.html", self._page_data(request))
        return None

    def _render(self, template: str, data: Json) -> web.Response:
        html = self._jinja.get_template(template).render(data)
        return web.Response(text=html, content_type="text/html", headers=PAGE_HEADERS)

    def _page_data(self, request: web.BaseRequest) -> Json:
        customer = self._customer(request)
        now = time.time()
        rows = chat_rows(self.world, customer, now)
        number = self._number(request, rows)
        chat = customer.chats.get(number.id) if number else None
        view = request.query.get("view", "")
        items = chat_items(chat, number.verified_name) if chat and number else []
        return {
            "customer": customer,
            "person": self._name(customer),
            "people": [(c.wa_id, self._name(c), spaced(c.wa_id)) for c in self._people(customer)],
            "view": view if view in ("list", "info") else "chat",
            "pictures": {one.id: picture_address(one) for one in self.world.numbers.values()},
            "industry": INDUSTRIES.get(str(number.profile.get("vertical")), "") if number else "",
            "spaced": spaced,
            "rows": rows,
            "number": number,
            "chat": chat,
            "items": items,
            "waiting": len(customer.waiting),
            "clock": clock(now),
            "settings": self.world.settings,
            "mix": MIX,
            "log": list(self.outbox.log),
            "log_time": lambda at: time.strftime("%H:%M:%S", time.localtime(at)),
            "agreed": self.outbox.agreed,
            "posts": self.outbox.counts["posts"],
            "dropped": self.outbox.counts["dropped"],
        }

    def _customer(self, request: web.BaseRequest) -> Customer:
        digits = "".join(c for c in request.query.get("phone", "") if c.isdigit())
        if 8 <= len(digits) <= 15:
            known = self.world.customers.get(digits)
            return known or self.world.customer(digits)
        return next(iter(self.world.recent_customers(1)))

    def _people(self, customer: Customer) -> list[Customer]:
        people = list(self.world.recent_customers(_PHONES_LISTED))
        return people if customer in people else [customer, *people]

    def _number(self, request: web.BaseRequest, rows: list[Json]) -> Number | None:
        asked = request.query.get("number", "")
        if asked in self.world.numbers:
            return self.world.numbers[asked]
        return self.world.numbers[rows[0]["number_id"]] if rows else None

    def _name(self, customer: Customer) -> str:
        return customer.name or f"Customer {customer.wa_id[-4:]}"

    async def _events(self, request: web.BaseRequest) -> web.StreamResponse:
        """Tell the page when the chats of this phone or the log changed. Looking is cheaper than being told."""
        customer = self._customer(request)
        response = web.StreamResponse(headers={"Content-Type": "text/event-stream", "Cache-Control": "no-store"})
        await response.prepare(request)
        seen: tuple[int, int] | None = None
        spoke = 0.0
        while not self.closing.is_set():
            customer = self.world.customers.get(customer.wa_id, customer)
            now = (customer.version, self.outbox.version)
            if now != seen:
                what = json.dumps({"chat": seen is None or now[0] != seen[0], "log": seen is None or now[1] != seen[1]})
                await response.write(f"data: {what}\n\n".encode())
                seen, spoke = now, time.monotonic()
            elif time.monotonic() - spoke > _HEARTBEAT_S:
                await response.write(b": still here\n\n")
                spoke = time.monotonic()
            await asyncio.sleep(_LOOK_EVERY_S)
        return response


def spaced(wa_id: str) -> str:
    """A number as people read it: groups of four, three and two digits from the right."""
    groups = [wa_id[:-9], wa_id[-9:-7], wa_id[-7:-4], wa_id[-4:]]
    return "+" + " ".join(group for group in groups if group)
