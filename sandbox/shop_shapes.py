"""The shapes of WooCommerce's REST API, version 3: how a shop's products, people and orders look."""

from __future__ import annotations

import calendar
import hashlib
import time

from sandbox.jsonio import Json
from sandbox.shop_goods import PAYMENT_METHODS, Goods, find_goods

VERSION = "10.9.0"
OPT_IN_KEY = "wotnot_opt_in"
"""Under this name the checkout's box is kept among an order's `meta_data`."""

PAID = ("processing", "completed")
SHIPPING = 6500
FREE_FROM = 50000
CURRENCY, COUNTRY = "ZAR", "ZA"


def public(order: Json) -> Json:
    """An order without what is ours."""
    return {key: value for key, value in order.items() if not key.startswith("_")}


def product_json(goods: Goods, root: str) -> Json:
    """A product as the REST API answers it; `root` is the shop's address."""
    price = money(goods.price)
    return {
        "id": goods.id,
        "name": goods.name,
        "slug": goods.sku.lower(),
        "permalink": f"{root}/product/{goods.id}",
        "type": "simple",
        "status": "publish",
        "description": f"<p>{goods.text}</p>",
        "short_description": goods.text,
        "sku": goods.sku,
        "price": price,
        "regular_price": price,
        "sale_price": "",
        "stock_status": "instock",
        "categories": [{"id": 15, "name": "Plants", "slug": "plants"}],
        "images": [{"id": goods.id, "src": f"{root}/pictures/{goods.id}.png", "name": goods.name, "alt": goods.name}],
        **dates("date_created", 1_780_000_000.0),
        **dates("date_modified", 1_780_000_000.0),
    }


def money(cents: int) -> str:
    """Hundredths as WooCommerce writes amounts."""
    return f"{cents // 100}.{cents % 100:02d}"


def seconds_of(text: str) -> float:
    """A moment of an order's `_gmt` field, or of a filter, in seconds of the epoch. Raises ValueError."""
    moment = time.strptime(text.removesuffix("Z")[:19], "%Y-%m-%dT%H:%M:%S")
    return float(calendar.timegm(moment))


def dates(name: str, at: float | None) -> Json:
    """A date in its two fields; the shop lives in UTC."""
    shown = None if at is None else time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(at))
    return {name: shown, f"{name}_gmt": shown}


def items_of(data: Json) -> list[tuple[Goods, int]]:
    """The products and how many of each that `data` asks for. Raises ValueError in plain words."""
    wanted = data.get("items") or [{"product_id": one, "quantity": 1} for one in data.get("product_ids") or []]
    items = []
    for one in wanted:
        goods, quantity = find_goods(int(one["product_id"])), int(one.get("quantity") or 1)
        if goods is None or not 1 <= quantity <= 99:
            raise ValueError("there is no such product, or not so many of it")
        items.append((goods, quantity))
    if not items:
        raise ValueError("choose at least one product")
    return items


def order_json(
    slug: str, order_id: int, items: list[tuple[Goods, int]], data: Json, *, status: str, method: str, now: float
) -> Json:
    """A new order as the REST API answers it, out of what was given at the checkout."""
    goods_total = sum(goods.price * quantity for goods, quantity in items)
    shipping = 0 if goods_total >= FREE_FROM else SHIPPING
    billing = _address(data)
    meta = [{"id": order_id * 10, "key": OPT_IN_KEY, "value": "yes" if data.get("opt_in") else "no"}]
    return {
        "id": order_id,
        "parent_id": 0,
        "number": str(order_id),
        "order_key": f"wc_order_{hashlib.sha256(f'{slug}{order_id}'.encode()).hexdigest()[:13]}",
        "created_via": "checkout",
        "version": VERSION,
        "status": status,
        "currency": CURRENCY,
        "currency_symbol": "R",
        **dates("date_created", now),
        **dates("date_modified", now),
        **dates("date_paid", now if status in PAID else None),
        **dates("date_completed", now if status == "completed" else None),
        "discount_total": "0.00",
        "shipping_total": money(shipping),
        "cart_tax": "0.00",
        "total": money(goods_total + shipping),
        "total_tax": "0.00",
        "prices_include_tax": True,
        "customer_id": int(data.get("customer_id") or 0),
        "customer_note": str(data.get("customer_note") or ""),
        "billing": billing,
        "shipping": {key: value for key, value in billing.items() if key != "email"},
        "payment_method": method,
        "payment_method_title": PAYMENT_METHODS[method],
        "transaction_id": "",
        "meta_data": meta,
        "line_items": [_line(order_id * 100 + place, *item) for place, item in enumerate(items, 1)],
        "tax_lines": [],
        "shipping_lines": [],
        "fee_lines": [],
        "coupon_lines": [],
        "refunds": [],
        "needs_payment": status in ("pending", "failed"),
        "_modified": now,
    }


def _address(data: Json) -> Json:
    first, _, rest = str(data.get("name") or "").strip().partition(" ")
    return {
        "first_name": str(data.get("first_name") or first or "Guest"),
        "last_name": str(data.get("last_name") or rest),
        "company": "",
        "address_1": "12 Garden Road",
        "address_2": "",
        "city": str(data.get("city") or "Cape Town"),
        "state": "",
        "postcode": "8001",
        "country": str(data.get("country") or "ZA").upper(),
        "email": str(data.get("email") or ""),
        "phone": str(data.get("phone") or ""),
    }


def _line(line_id: int, goods: Goods, quantity: int) -> Json:
    total = money(goods.price * quantity)
    return {
        "id": line_id,
        "name": goods.name,
        "product_id": goods.id,
        "variation_id": 0,
        "quantity": quantity,
        "subtotal": total,
        "total": total,
        "total_tax": "0.00",
        "taxes": [],
        "meta_data": [],
        "sku": goods.sku,
        "price": goods.price / 100,
        "image": {"id": goods.id, "src": ""},
        "parent_name": None,
    }


def customer_json(number: int, person: tuple[str, str, str, str, str, bool]) -> Json:
    """Somebody of PEOPLE as the REST API answers them."""
    first, last, phone, country, city, opt_in = person
    data = {"first_name": first, "last_name": last, "phone": phone, "country": country, "city": city}
    address = _address(data | {"email": f"{first.lower()}@example.com"})
    return {
        "id": number,
        **dates("date_created", 1_780_000_000.0 + number * 3600),
        **dates("date_modified", 1_780_000_000.0 + number * 3600),
        "email": address["email"],
        "first_name": first,
        "last_name": last,
        "role": "customer",
        "username": first.lower(),
        "billing": address,
        "shipping": {key: value for key, value in address.items() if key != "email"},
        "is_paying_customer": True,
        "meta_data": [{"id": number, "key": OPT_IN_KEY, "value": "yes" if opt_in else "no"}],
    }
