"""What a product says: read from WooCommerce's JSON, and what of it can stand in a message. Pure."""

import html
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from typing import Any
from urllib.parse import urlsplit

PICTURE = "picture"


@dataclass(frozen=True, slots=True)
class Product:
    """A product as its shop tells it. Prices are as written there; `picture_url` is the shop's own address or ""."""

    id: int
    name: str
    price: str
    sku: str
    url: str
    picture_url: str
    is_in_stock: bool
    regular_price: str = ""
    currency: str = ""


def read_product(data: Mapping[str, Any], currency: str = "") -> Product:
    """A product of the REST API; what cannot be read of it is empty."""
    return Product(
        id=data["id"] if isinstance(data.get("id"), int) else 0,
        name=" ".join(html.unescape(str(data.get("name") or "")).split())[:200],
        price=str(data.get("price") or "")[:40],
        sku=str(data.get("sku") or "")[:60],
        url=_link(data.get("permalink")),
        picture_url=_picture(data.get("images")),
        is_in_stock=data.get("stock_status", "instock") != "outofstock",
        regular_price=str(data.get("regular_price") or "")[:40],
        currency=currency,
    )


def _picture(images: Any) -> str:
    first = images[0] if isinstance(images, list) and images else None
    return _link(first.get("src")) if isinstance(first, Mapping) else ""


def _link(value: Any) -> str:
    text = str(value or "")
    return text[:1000] if urlsplit(text).scheme in {"http", "https"} else ""


def _path(product: Product) -> str:
    """What stands behind the host in its link, as a button's address takes it."""
    parts = urlsplit(product.url)
    return parts.path.lstrip("/") + (f"?{parts.query}" if parts.query else "")


def _money(amount: str, currency: str) -> str:
    try:
        words = f"{Decimal(amount):,}"
    except InvalidOperation:
        return ""
    return f"{words} {currency}".strip()


FIELDS: dict[str, tuple[str, Callable[[Product], str]]] = {
    "name": ("name", lambda one: one.name),
    "price": ("price with currency", lambda one: _money(one.price, one.currency)),
    "regular_price": ("price before a sale", lambda one: _money(one.regular_price, one.currency)),
    "link": ("link", lambda one: one.url),
    "link_path": ("link without the shop’s host, for a button", _path),
    "sku": ("article number", lambda one: one.sku),
}
"""Every field of a product by the name that promotions use: its label, and its text. The picture is no text."""

LABELS = {name: label for name, (label, _) in FIELDS.items()} | {PICTURE: "picture"}


def value_of(name: str, product: Product) -> str:
    """The text of one field; empty for what the product does not say."""
    found = FIELDS.get(name)
    return found[1](product) if found else ""
