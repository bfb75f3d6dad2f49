"""What shops sell, asked of the shop each time: it is the truth, and a copy here would be old."""

import json
import time
from dataclasses import asdict, dataclass
from typing import Any

import requests

from wotnot.errors import NotFound, Unavailable
from wotnot.extensions import redis
from wotnot.services import shop_access, shops
from wotnot.services.public_addresses import open_session
from wotnot.services.shop_checks import may_be_private
from wotnot.services.transaction import release_connection
from wotnot.services.woocommerce.client import CONNECT_SECONDS, READ_SECONDS, Answer
from wotnot.services.woocommerce.faults import ShopFault
from wotnot.services.woocommerce.products import Product, read_product

PER_PAGE = 20
RECALL_SECONDS = 60
LARGEST_PICTURE = 5 * 1024 * 1024
_PICTURES = {b"\x89PNG\r\n": "image/png", b"\xff\xd8\xff": "image/jpeg", b"GIF8": "image/gif"}


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
    currency = shop.currency
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
    return ProductPage(_read(answer, currency), answer.total)


def find_product(workspace_id: int, shop_id: int, product_id: int) -> Product | None:
    """A product as the shop tells it now; None for what it does not sell (any more).

    Goes out on the network. Raises NotFound for the shop, and ShopFault, which is kept with the shop.
    """
    shop = shops.get_shop(workspace_id, shop_id)
    currency = shop.currency
    try:
        client = shop_access.client_for(shop)
        release_connection()
        with client:
            answer = client.list_products(include=str(product_id), per_page=1)
    except ShopFault as fault:
        shop_access.note_fault(shop_id, fault)
        raise
    return next((one for one in _read(answer, currency) if one.id == product_id), None)


def recall_product(workspace_id: int, shop_id: int, product_id: int) -> Product | None:
    """As `find_product`, but what was told a moment ago counts: a form that is being filled asks again and again."""
    shops.get_shop(workspace_id, shop_id)
    key = f"wotnot:product:{shop_id}:{product_id}"
    told: Any = redis.client.get(key)
    if told is not None:
        return Product(**json.loads(told))
    product = find_product(workspace_id, shop_id, product_id)
    if product is not None:
        redis.client.set(key, json.dumps(asdict(product)), ex=RECALL_SECONDS)
    return product


def get_picture(workspace_id: int, shop_id: int, product_id: int) -> tuple[str, bytes]:
    """A product's picture as (type, bytes). Raises NotFound for none, and for what is no picture."""
    try:
        product = find_product(workspace_id, shop_id, product_id)
    except ShopFault:
        raise NotFound("Picture") from None
    return fetch_picture(product.picture_url if product else "")


def fetch_picture(url: str) -> tuple[str, bytes]:
    """The picture at an address that a shop gave, as (type, bytes). Raises NotFound for none, and for what is no picture."""
    try:
        return _fetch(url)
    except requests.RequestException:
        raise NotFound("Picture") from None


def _read(answer: Answer, currency: str) -> list[Product]:
    data = answer.data if isinstance(answer.data, list) else []
    return [read_product(one, currency) for one in data if isinstance(one, dict)]


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
