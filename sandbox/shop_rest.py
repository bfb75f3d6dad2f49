"""WooCommerce's REST API, version 3: system status, products, customers, orders, notes and webhooks, with its own errors."""

from __future__ import annotations

import base64
import json
import math
from collections.abc import Callable
from typing import Any
from urllib.parse import urlencode

from aiohttp import web

from sandbox.jsonio import Json, respond
from sandbox.shop_goods import GOODS, find_goods
from sandbox.shop_hooks import Deliveries
from sandbox.shop_shapes import COUNTRY, CURRENCY, VERSION, product_json, public, seconds_of
from sandbox.shop_state import Hook, Shop

MOST_A_PAGE = 100


class RestError(Exception):
    """A refusal in WordPress's envelope."""

    def __init__(self, code: str, message: str, status: int, **data: Any) -> None:
        super().__init__(message)
        self.body = {"code": code, "message": message, "data": {"status": status, **data}}
        self.status = status


def _bad_parameter(name: str, words: str) -> RestError:
    return RestError("rest_invalid_param", f"Invalid parameter(s): {name}", 400, params={name: words})


class ShopRest:
    """Answers /wp-json/… of one shop after another."""

    def __init__(self, deliveries: Deliveries) -> None:
        self.deliveries = deliveries

    async def handle(self, request: web.BaseRequest, shop: Shop, parts: list[str], root: str) -> web.Response:
        """Answer /wp-json/<parts>; `root` is the shop's address."""
        try:
            if not parts:
                return respond({"name": shop.name, "url": root, "namespaces": ["wp/v2", "wc/v2", "wc/v3"]})
            if parts[:2] != ["wc", "v3"]:
                raise _no_route()
            _authorise(request, shop)
            return await self._answer(request, shop, parts[2:], root)
        except RestError as error:
            return respond(error.body, error.status)

    async def _answer(self, request: web.BaseRequest, shop: Shop, parts: list[str], root: str) -> web.Response:
        if not parts:
            return respond({"namespace": "wc/v3", "routes": {}})
        name, method = parts[0], request.method
        number = int(parts[1]) if len(parts) > 1 and parts[1].isdecimal() else None
        if parts == ["system_status"] and method == "GET":
            return respond(_system_status(shop, root))
        if parts == ["settings", "general", "woocommerce_default_country"] and method == "GET":
            return respond({"id": parts[2], "value": f"{COUNTRY}:WC", "type": "select"})
        if name == "orders":
            return await self._orders(request, shop, number, parts[2:])
        if name == "webhooks":
            return await self._webhooks(request, shop, number, parts[1:])
        if name not in ("products", "customers") or method != "GET" or len(parts) > 2:
            raise _no_route()
        items = shop.customers()
        if name == "products":
            items = [product_json(goods, root) | shop.goods.get(goods.id, {}) for goods in GOODS]
        return _page(request, items) if number is None else respond(_one(items, number, name.removesuffix("s")))

    async def _orders(self, request: web.BaseRequest, shop: Shop, number: int | None, rest: list[str]) -> web.Response:
        method = request.method
        if number is None:
            if method == "GET":
                return _page(request, [public(one) for one in _sorted(request, shop.orders.values())])
            raise _no_route()
        if number not in shop.orders:
            raise RestError("woocommerce_rest_shop_order_invalid_id", "Invalid ID.", 404)
        if rest == ["notes"]:
            return await self._notes(request, shop, number)
        if rest:
            raise _no_route()
        if method in ("PUT", "POST"):
            return respond(public(_checked(lambda data: shop.change(number, data), await _body(request))))
        if method == "DELETE":
            return respond(public(shop.delete(number)))
        return respond(public(shop.orders[number]))

    async def _notes(self, request: web.BaseRequest, shop: Shop, number: int) -> web.Response:
        if request.method == "POST":
            data = await _body(request)
            note = shop.add_note(number, str(data.get("note") or ""), for_customer=bool(data.get("customer_note")))
            return respond(note, 201)
        kind = request.query.get("type", "any")
        notes = [one for one in shop.notes[number] if kind == "any" or one["customer_note"] == (kind == "customer")]
        return respond(notes[::-1])

    async def _webhooks(
        self, request: web.BaseRequest, shop: Shop, number: int | None, rest: list[str]
    ) -> web.Response:
        method = request.method
        if rest == ["batch"] and method == "POST":
            wanted = (await _body(request)).get("create") or []
            return respond({"create": [await self._new_webhook(shop, one) for one in wanted]} if wanted else {})
        if number is None:
            if method == "POST":
                return respond(await self._new_webhook(shop, await _body(request)), 201)
            return _page(request, [hook.as_json() for hook in sorted(shop.hooks.values(), key=lambda one: -one.id)])
        hook = shop.hooks.get(number)
        if hook is None:
            raise RestError("woocommerce_rest_shop_webhook_invalid_id", "Invalid ID.", 404)
        if method == "DELETE":
            if request.query.get("force", "").lower() not in ("true", "1"):
                raise RestError("woocommerce_rest_trash_not_supported", "Webhooks do not support trashing.", 501)
            del shop.hooks[number]
            shop.changed.add("")
            return respond(hook.as_json())
        if method in ("PUT", "POST"):
            await self._change_webhook(hook, await _body(request))
            shop.changed.add("")
        return respond(hook.as_json())

    async def _new_webhook(self, shop: Shop, data: Json) -> Json:
        topic, url = str(data.get("topic") or ""), str(data.get("delivery_url") or "")
        resource, _, event = topic.partition(".")
        known = resource == "action" or event in ("created", "updated", "deleted", "restored")
        if not known or resource not in ("order", "product", "customer", "coupon", "action") or not event:
            raise RestError(
                "woocommerce_rest_invalid_webhook_topic", "Webhook topic is required and must be valid.", 400
            )
        if not url.startswith(("http://", "https://")):
            words = "Webhook delivery URL must be a valid URL starting with http:// or https://."
            raise RestError("woocommerce_rest_invalid_webhook_delivery_url", words, 400)
        hook = shop.add_hook(str(data.get("name") or ""), topic, url, str(data.get("secret") or ""))
        await self.deliveries.ping(hook)
        return hook.as_json()

    async def _change_webhook(self, hook: Hook, data: Json) -> None:
        was_active = hook.status == "active"
        for name in ("name", "status", "topic", "delivery_url", "secret"):
            if data.get(name):
                setattr(hook, name, str(data[name]))
        if hook.status == "active" and not was_active:
            hook.failures = 0
            await self.deliveries.ping(hook)


# --- keys ---------------------------------------------------------------------------------------------------------


def _authorise(request: web.BaseRequest, shop: Shop) -> None:
    """By Basic auth or the query. (Real shops take neither over plain HTTP but OAuth 1.0a; this one has no TLS to offer.)"""
    key, secret = request.query.get("consumer_key", ""), request.query.get("consumer_secret", "")
    header = request.headers.get("Authorization", "")
    if not key and header.startswith("Basic ") and not shop.trouble.strip_authorization:
        try:
            key, _, secret = base64.b64decode(header[6:]).decode().partition(":")
        except ValueError:
            raise RestError("woocommerce_rest_authentication_error", "Invalid credentials.", 401) from None
    if not key:
        raise RestError("woocommerce_rest_cannot_view", "Sorry, you cannot list resources.", 401)
    found = shop.keys.get(key)
    if found is None or found.is_revoked:
        raise RestError("woocommerce_rest_authentication_error", "Consumer key is invalid.", 401)
    if found.secret != secret:
        raise RestError("woocommerce_rest_authentication_error", "Consumer secret is invalid.", 401)
    needed = "read" if request.method in ("GET", "HEAD") else "write"
    if needed not in found.permissions.split("_"):
        words = f"The API key provided does not have {needed} permissions."
        raise RestError("woocommerce_rest_authentication_error", words, 401)


# --- lists --------------------------------------------------------------------------------------------------------


def _page(request: web.BaseRequest, items: list[Json]) -> web.Response:
    """One page of what the filters leave, with WordPress's headers."""
    items = _filtered(request, items)
    page, per_page = _number(request, "page", 1, 10**6), _number(request, "per_page", 10, MOST_A_PAGE)
    pages = math.ceil(len(items) / per_page)
    first = int(request.query["offset"]) if request.query.get("offset", "").isdecimal() else (page - 1) * per_page
    answer = respond(items[first : first + per_page])
    answer.headers["X-WP-Total"] = str(len(items))
    answer.headers["X-WP-TotalPages"] = str(pages)
    links = [
        f'<{_link(request, at)}>; rel="{word}"'
        for at, word in ((page - 1, "prev"), (page + 1, "next"))
        if 1 <= at <= pages
    ]
    if links:
        answer.headers["Link"] = ", ".join(links)
    return answer


def _link(request: web.BaseRequest, page: int) -> str:
    query = {key: value for key, value in request.query.items() if not key.startswith("consumer_")} | {
        "page": str(page)
    }
    return f"{request.scheme}://{request.host}{request.path}?{urlencode(query)}"


def _number(request: web.BaseRequest, name: str, default: int, most: int) -> int:
    raw = request.query.get(name, str(default))
    if not raw.isascii() or not raw.isdecimal() or not 1 <= int(raw) <= most:
        raise _bad_parameter(name, f"{name} must be between 1 (inclusive) and {most} (inclusive)")
    return int(raw)


def _filtered(request: web.BaseRequest, items: list[Json]) -> list[Json]:
    query = request.query
    statuses = {one for one in query.get("status", "any").split(",") if one}
    if "any" not in statuses:
        items = [one for one in items if one.get("status") in statuses]
    if query.get("search"):
        wanted = query["search"].lower()
        items = [one for one in items if wanted in _words(one)]
    if query.get("customer"):
        items = [one for one in items if str(one.get("customer_id")) == query["customer"]]
    if query.get("include"):
        ids = set(query["include"].split(","))
        items = [one for one in items if str(one["id"]) in ids]
    for name, field, is_after in _DATES:
        if query.get(name):
            items = [one for one in items if _is_on_side(one, field, _moment(name, query[name]), is_after=is_after)]
    return items


_DATES = (
    ("after", "date_created_gmt", True),
    ("before", "date_created_gmt", False),
    ("modified_after", "date_modified_gmt", True),
    ("modified_before", "date_modified_gmt", False),
)


def _moment(name: str, text: str) -> float:
    try:
        return seconds_of(text)
    except ValueError:
        raise _bad_parameter(name, "Invalid date.") from None


def _is_on_side(item: Json, field: str, moment: float, *, is_after: bool) -> bool:
    """Neither side has the moment itself, as WordPress's date queries do."""
    at = seconds_of(item[field])
    return at > moment if is_after else at < moment


def _sorted(request: web.BaseRequest, orders: Any) -> list[Json]:
    by = request.query.get("orderby", "date")
    fields = {"date": "date_created_gmt", "id": "id", "modified": "date_modified_gmt"}
    if by not in fields:
        raise _bad_parameter("orderby", "orderby is not one of date, id, include, title, and slug.")
    return sorted(
        orders, key=lambda one: (one[fields[by]], one["id"]), reverse=request.query.get("order", "desc") != "asc"
    )


def _words(item: Json) -> str:
    billing = item.get("billing") or {}
    parts = [item.get("name"), item.get("sku"), item.get("number"), item.get("email"), *billing.values()]
    return " ".join(str(part) for part in parts if part).lower()


def _one(items: list[Json], number: int, what: str) -> Json:
    found = next((one for one in items if one["id"] == number), None)
    if found is None or (what == "product" and find_goods(number) is None):
        raise RestError(f"woocommerce_rest_{what}_invalid_id", "Invalid ID.", 404)
    return found


# --- the rest -----------------------------------------------------------------------------------------------------


async def _body(request: web.BaseRequest) -> Json:
    try:
        data = json.loads(await request.read() or b"{}")
    except ValueError:
        raise RestError("rest_invalid_json", "Invalid JSON body passed.", 400) from None
    if not isinstance(data, dict):
        raise RestError("rest_invalid_json", "Invalid JSON body passed.", 400)
    return data


def _checked(change: Callable[[Json], Json], data: Json) -> Json:
    try:
        return change(data)
    except ValueError as error:
        raise _bad_parameter("status", str(error)) from None


def _no_route() -> RestError:
    return RestError("rest_no_route", "No route was found matching the URL and request method.", 404)


def _system_status(shop: Shop, root: str) -> Json:
    return {
        "environment": {
            "home_url": root,
            "site_url": root,
            "version": VERSION,
            "wp_version": "6.9",
            "php_version": "8.3.6",
        },
        "settings": {"api_enabled": True, "force_ssl": False, "currency": CURRENCY, "currency_symbol": "R"},
        "security": {"secure_connection": root.startswith("https://"), "hide_errors": True},
        "store": {"name": shop.name, "country": COUNTRY},
    }
