"""What shops sell, asked of the shop each time: it is the truth, and a copy here would be old."""

import html
import time
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

import requests

from wotnot.errors import NotFound, Unavailable
from wotnot.services import shop_access, shops
from wotnot.services.public_addresses import open_session
from wotnot.services.shop_checks import may_be_private
from wotnot.services.transaction import release_connection
from wotnot.services.woocommerce.client import CONNECT_SECONDS, READ_SECONDS, Json
from wotnot.services.woocommerce.faults import ShopFault

PER_PAGE = 20
LARGEST_PICTURE = 5 * 1024 * 1024
_PICTURES = {b"\x89PNG\r\n": "image/png", b"\xff\xd8\xff": "image/jpeg", b"GIF8": "image/gif"}


@dataclass(frozen=True, slots=True)
class Product:
    """A product as its shop tells it. `price` is as written there; `picture_url` is the shop's own address or ""."""

    id: int
    name: str
    price: str
    sku: str
    url: str
    picture_url: str
    is_in_stock: bool


@dataclass(frozen=True, slots=True)
class ProductPage:
    """Some products, and how many there are in all."""

    items: list[Product]
    total: int


def list_products(
    workspace_id: int,
    shop_id: int,
    *,
    search: str = "",
    page: int = 1,
    per_page: int = PER_PAGE,
    offset: int | None = None,
) -> ProductPage:
    """A page of a shop's products, the newest first; `offset` counts products instead of pages.

    Raises NotFound, and Unavailable in the words for what is wrong with the shop, which is kept with it too.
    """
    shop = shops.get_shop(workspace_id, shop_id)
    where: dict[str, Any] = {"page": page} if offset is None else {"offset": offset}
    if search:
        where["search"] = search[:100]
    try:
        client = shop_access.client_for(shop)
        release_connection()
        with client:
            answer = client.list_products(per_page=per_page, **where)
    except ShopFault as fault:
        shop_access.note_fault(shop_id, fault)
        raise Unavailable(fault.text, code=f"shop_{fault.trouble}") from fault
    items = [_product(one) for one in answer.data if isinstance(one, dict)] if isinstance(answer.data, list) else []
    return ProductPage(items, answer.total)


def get_picture(workspace_id: int, shop_id: int, product_id: int) -> tuple[str, bytes]:
    """A product's picture as (type, bytes). Raises NotFound for none, and for what is no picture."""
    shop = shops.get_shop(workspace_id, shop_id)
    try:
        client = shop_access.client_for(shop)
        release_connection()
        with client:
            answer = client.list_products(include=str(product_id), per_page=1)
            found = [_product(one) for one in answer.data if isinstance(one, dict)]
            url = found[0].picture_url if found else ""
            return _fetch(url)
    except (ShopFault, requests.RequestException):
        raise NotFound("Picture") from None


def _fetch(url: str) -> tuple[str, bytes]:
    """Pictures often lie on another host than the shop, so the address is checked like any other that is not ours."""
    if not url:
        raise NotFound("Picture")
    with (
        open_session(may_be_private=may_be_private(url)) as http,
        http.get(url, timeout=(CONNECT_SECONDS, READ_SECONDS), stream=True, allow_redirects=False) as answer,
    ):
        data, deadline = b"", time.monotonic() + READ_SECONDS
        for piece in answer.iter_content(64 * 1024):
            data += piece
            if len(data) > LARGEST_PICTURE or time.monotonic() > deadline:
                raise NotFound("Picture")
    kind = next((kind for start, kind in _PICTURES.items() if data.startswith(start)), "")
    if data[:4] == b"RIFF" and data[8:12] == b"WEBP":
        kind = "image/webp"
    if not kind or answer.status_code != requests.codes.ok:
        raise NotFound("Picture")
    return kind, data


def _product(data: Json) -> Product:
    images = data.get("images")
    source = (
        str(images[0].get("src") or "") if isinstance(images, list) and images and isinstance(images[0], dict) else ""
    )
    link = str(data.get("permalink") or "")
    return Product(
        id=data["id"] if isinstance(data.get("id"), int) else 0,
        name=html.unescape(str(data.get("name") or ""))[:200],
        price=str(data.get("price") or "")[:40],
        sku=str(data.get("sku") or "")[:60],
        url=link if urlsplit(link).scheme in {"http", "https"} else "",
        picture_url=source if urlsplit(source).scheme in {"http", "https"} else "",
        is_in_stock=data.get("stock_status", "instock") != "outofstock",
    )
