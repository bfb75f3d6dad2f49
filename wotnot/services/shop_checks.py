"""Asking a shop before it is trusted: is it there, is it WooCommerce, do the keys open it, may they write?"""

import html
from dataclasses import dataclass
from urllib.parse import urlsplit

from flask import current_app

from wotnot.config import Config
from wotnot.errors import DomainError, Invalid, Unavailable
from wotnot.services.woocommerce.client import WooClient
from wotnot.services.woocommerce.faults import KEY_TROUBLES, ShopFault, Trouble

_LONGEST_URL, _LONGEST_KEY = 500, 200
_FULL_ADDRESS = "Give the shop's full address, such as https://shop.example."


@dataclass(frozen=True, slots=True)
class ShopAddress:
    """Where a shop is and what opens it."""

    url: str
    key: str
    secret: str


@dataclass(frozen=True, slots=True)
class ShopFacts:
    """What a shop says about itself. `order_count` is how many orders it has, `is_slow` that it took long to answer."""

    name: str
    version: str
    currency: str
    country: str
    order_count: int
    is_slow: bool = False


def clean_address(base_url: str, consumer_key: str, consumer_secret: str) -> ShopAddress:
    """What was typed, tidied. Raises Invalid naming every field that cannot be right."""
    errors: dict[str, str] = {}
    url = clean_url(base_url, errors)
    # A pasted key may bring line breaks along.
    key, secret = "".join(consumer_key.split()), "".join(consumer_secret.split())
    for field, value, prefix in (("consumer_key", key, "ck_"), ("consumer_secret", secret, "cs_")):
        if not value.startswith(prefix) or not value.isascii() or not value.isprintable() or len(value) > _LONGEST_KEY:
            errors[field] = f"Copy it from WooCommerce again: it begins with {prefix}."
    if errors:
        raise Invalid(errors)
    return ShopAddress(url, key, secret)


def clean_url(typed: str, errors: dict[str, str]) -> str:
    """The shop's address without a slash at the end; what cannot be one is noted in `errors` under `base_url`."""
    text = typed.strip()
    if text and "://" not in text:
        text = f"https://{text}"
    try:
        parts = urlsplit(text)
        port = parts.port
    except ValueError:
        errors["base_url"] = _FULL_ADDRESS
        return ""
    if parts.scheme not in {"http", "https"} or not parts.hostname or parts.username or len(text) > _LONGEST_URL:
        errors["base_url"] = _FULL_ADDRESS
        return ""
    path = parts.path.partition("/wp-")[0].rstrip("/")  # people copy the address of their dashboard
    url = f"{parts.scheme}://{parts.hostname}{f':{port}' if port else ''}{path}"
    if parts.scheme == "http" and not may_be_private(url):
        errors["base_url"] = "The address must begin with https://, or the keys could be read on their way."
    return url


def may_be_private(url: str) -> bool:
    """Whether this shop may lie in a private network: only the sandbox's, and any where the operator allows it."""
    config = _config()
    if config.allow_private_urls:
        return True
    sandbox, shop = urlsplit(config.sandbox_url), urlsplit(url)
    return bool(sandbox.hostname) and (sandbox.hostname, sandbox.port) == (shop.hostname, shop.port)


def open_client(address: ShopAddress) -> WooClient:
    """A client for the shop at `address`."""
    return WooClient(address.url, address.key, address.secret, may_be_private=may_be_private(address.url))


def ask_shop(address: ShopAddress) -> ShopFacts:
    """Everything that must hold before a shop is connected. Goes out on the network several times; changes nothing there.

    Raises ShopFault.
    """
    with open_client(address) as client:
        index = client.get_index()
        if not any(str(one).startswith("wc/v3") for one in index.get("namespaces") or ()):
            raise ShopFault(Trouble.NOT_WOO)
        orders = client.list_orders(per_page=1)
        status = client.get_status()
        client.check_write()
        return ShopFacts(
            name=" ".join(html.unescape(str(index.get("name") or "")).split())[:200],
            version=_part(status, "environment").get("version", "")[:40],
            currency=_part(status, "settings").get("currency", "")[:3].upper(),
            country=client.find_country(),
            order_count=orders.total,
            is_slow=client.is_slow,
        )


def domain_error(fault: ShopFault) -> DomainError:
    """A shop's refusal as an error of ours, beside the field that it is about."""
    if fault.trouble in {Trouble.BUSY, Trouble.SLOW}:
        return Unavailable(fault.text, code=f"shop_{fault.trouble}")
    return Invalid(
        {"consumer_key" if fault.trouble in KEY_TROUBLES else "base_url": fault.text}, code=str(fault.trouble)
    )


def _part(data: dict[str, object], name: str) -> dict[str, str]:
    part = data.get(name)
    return {key: str(value) for key, value in part.items()} if isinstance(part, dict) else {}


def _config() -> Config:
    config = current_app.extensions["wotnot.config"]
    assert isinstance(config, Config)  # noqa: S101 — for the type checker; the factory puts it there
    return config
