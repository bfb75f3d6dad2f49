"""A shop as its visitors meet it: /shop/<slug>/ with its page, its pictures, WooCommerce's authorisation, and the REST API."""

from __future__ import annotations

import asyncio
import time
from pathlib import Path
from urllib.parse import urlencode, urlsplit

import aiohttp
from aiohttp import web
from jinja2 import Environment, FileSystemLoader, StrictUndefined

from sandbox.jsonio import Json
from sandbox.phone_page import PAGE_HEADERS
from sandbox.shop_goods import GOODS, PAYMENT_METHODS, PEOPLE, picture
from sandbox.shop_hooks import Deliveries
from sandbox.shop_rest import ShopRest
from sandbox.shop_shapes import money
from sandbox.shop_state import CUSTOM_STATUS, STATUSES, Shop, Shops

_HERE = Path(__file__).parent
ORDERS_SHOWN = 12
COUNTRIES = (
    ("ZA", "South Africa"),
    ("DE", "Germany"),
    ("GB", "United Kingdom"),
    ("IT", "Italy"),
    ("KE", "Kenya"),
    ("US", "United States"),
)
_SCOPES = {
    "read": ("View orders, products and customers",),
    "write": ("Create webhooks", "Change orders, products and customers"),
    "read_write": ("View orders, products and customers", "Create webhooks"),
}
# The answer to the form leads back to the app, wherever that is, and browsers hold a redirect against `form-action` too.
_ASKING = PAGE_HEADERS | {
    "Content-Security-Policy": PAGE_HEADERS["Content-Security-Policy"].replace(
        "form-action 'self'", "form-action 'self' http: https:"
    )
}
_MAINTENANCE = "<!DOCTYPE html><html><head><title>Maintenance</title></head><body><h1>Briefly unavailable for scheduled maintenance. Check back in a minute.</h1></body></html>"


class ShopSite:
    """Answers everything below /shop/."""

    def __init__(self, shops: Shops, deliveries: Deliveries) -> None:
        self.shops = shops
        self.deliveries = deliveries
        self.rest = ShopRest(deliveries)
        self._jinja = Environment(
            loader=FileSystemLoader(_HERE / "templates"), autoescape=True, undefined=StrictUndefined,
            trim_blocks=True, lstrip_blocks=True,
        )  # fmt: skip

    async def handle(self, request: web.BaseRequest, parts: list[str]) -> web.StreamResponse:
        """Answer /shop/<parts>."""
        shop = self.shops.all.get(parts[0]) if parts else next(iter(self.shops.all.values()))
        if shop is None:
            return web.Response(status=404, text="There is no such shop.")
        rest = parts[1:]
        root = f"{request.scheme}://{request.host}/shop/{shop.slug}"
        if rest[:1] == ["wp-json"]:
            return await self._rest(request, shop, rest[1:], root)
        if rest[:2] == ["wc-auth", "v1"]:
            return await self._authorise(request, shop, rest[2:])
        if not rest or rest == ["orders"]:
            return self._page("shop.html" if not rest else "_shop_orders.html", self._data(shop, root))
        if rest[0] == "pictures" and len(rest) == 2:
            return _picture(rest[1])
        return web.Response(status=404, text="<!DOCTYPE html><title>Page not found</title>", content_type="text/html")

    # --- REST, and what may be wrong with it ----------------------------------------------------------------------

    async def _rest(self, request: web.BaseRequest, shop: Shop, parts: list[str], root: str) -> web.StreamResponse:
        trouble = shop.trouble
        if trouble.down:
            if request.transport:
                request.transport.abort()
            return web.Response(status=500)
        if trouble.slow_s:
            await asyncio.sleep(trouble.slow_s)
        if trouble.html:
            return web.Response(status=200, text=_MAINTENANCE, content_type="text/html")
        if trouble.busy_s:
            return web.Response(status=429, text="Too Many Requests", headers={"Retry-After": str(trouble.busy_s)})
        answer = await self.rest.handle(request, shop, parts, root)
        answer.headers["Date"] = time.strftime("%a, %d %b %Y %H:%M:%S GMT", time.gmtime())
        return answer

    # --- pages ----------------------------------------------------------------------------------------------------

    def _page(self, template: str, data: Json, status: int = 200) -> web.Response:
        html = self._jinja.get_template(template).render(data)
        return web.Response(text=html, status=status, content_type="text/html", headers=_ASKING)

    def _data(self, shop: Shop, root: str) -> Json:
        orders = sorted(shop.orders.values(), key=lambda one: -one["id"])
        return {
            "shop": shop,
            "root": root,
            "goods": GOODS,
            "money": money,
            "people": PEOPLE,
            "countries": COUNTRIES,
            "methods": PAYMENT_METHODS,
            "statuses": (*STATUSES, CUSTOM_STATUS),
            "orders": orders[:ORDERS_SHOWN],
            "total": len(orders),
            "notes": shop.notes,
            "keys": [(key, one) for key, one in shop.keys.items() if not one.is_revoked],
            "hooks": list(shop.hooks.values()),
            "posts": [post for post in self.deliveries.log if post.shop == shop.slug][:8],
            "clock": lambda at: time.strftime("%H:%M:%S", time.localtime(at)),
        }

    # --- /wc-auth/v1 ----------------------------------------------------------------------------------------------

    async def _authorise(self, request: web.BaseRequest, shop: Shop, parts: list[str]) -> web.StreamResponse:
        """The page that asks the shop's owner, and what their answer does."""
        asked = {
            name: request.query.get(name, "") for name in ("app_name", "scope", "user_id", "return_url", "callback_url")
        }
        problem = _problem_of(asked)
        if problem:
            return self._page("shop_auth.html", {"shop": shop, "asked": asked, "problem": problem, "may": ()}, 401)
        if parts == ["authorize"] and request.method == "GET":
            may = _SCOPES[asked["scope"]]
            return self._page("shop_auth.html", {"shop": shop, "asked": asked, "problem": "", "may": may})
        if parts == ["access_granted"] and request.method == "POST":
            return await self._decide(request, shop, asked)
        return web.Response(status=404, text="Page not found")

    async def _decide(self, request: web.BaseRequest, shop: Shop, asked: Json) -> web.StreamResponse:
        is_granted = (await request.post()).get("answer") == "approve"
        if is_granted and not await self._hand_over(shop, asked):
            problem = "The keys could not be handed to the app: its address did not answer 200. Nothing was granted."
            return self._page("shop_auth.html", {"shop": shop, "asked": asked, "problem": problem, "may": ()}, 401)
        join = "&" if "?" in asked["return_url"] else "?"
        answer = urlencode({"success": int(is_granted), "user_id": asked["user_id"]})
        return web.Response(status=302, headers={"Location": f"{asked['return_url']}{join}{answer}"})

    async def _hand_over(self, shop: Shop, asked: Json) -> bool:
        key, secret = shop.new_key(asked["scope"])
        body = {
            "key_id": len(shop.keys),
            "user_id": asked["user_id"],
            "consumer_key": key,
            "consumer_secret": secret,
            "key_permissions": asked["scope"],
        }
        try:
            async with aiohttp.ClientSession() as session, session.post(asked["callback_url"], json=body) as answer:
                taken = answer.status == 200
        except (aiohttp.ClientError, OSError, ValueError):
            taken = False
        if not taken:
            del shop.keys[key]
        return taken


def _problem_of(asked: Json) -> str:
    missing = [name for name, value in asked.items() if not value]
    if missing:
        return f"Missing parameter {missing[0]}."
    if asked["scope"] not in _SCOPES:
        return f"Invalid scope {asked['scope']}."
    for name in ("return_url", "callback_url"):
        if urlsplit(asked[name]).scheme not in ("http", "https"):
            return f"The {name} is not a valid URL."
    callback = urlsplit(asked["callback_url"])
    if callback.scheme != "https" and callback.hostname not in ("127.0.0.1", "localhost", "::1"):
        return "The callback_url needs to be over SSL."
    return ""


def _picture(name: str) -> web.Response:
    number, _, kind = name.partition(".")
    data = picture(int(number)) if kind == "png" and number.isdecimal() else None
    if data is None:
        return web.Response(status=404, text="Not found")
    return web.Response(body=data, content_type="image/png", headers={"Cache-Control": "max-age=86400"})
