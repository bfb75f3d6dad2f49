"""What an order says: read from WooCommerce's JSON, and what happened in it since it was last seen. Pure."""

import html
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from decimal import Decimal, InvalidOperation
from typing import Any

Json = Mapping[str, Any]

DRAFTS = frozenset({"auto-draft", "checkout-draft", "trash", "draft"})
"""States in which nobody ordered anything yet, or of what was thrown away."""

STATUS_WORDS = {
    "pending": "Waiting for payment",
    "processing": "Processing",
    "on-hold": "On hold",
    "completed": "Completed",
    "cancelled": "Cancelled",
    "refunded": "Refunded",
    "failed": "Payment failed",
}
UNPAID = frozenset({"pending", "on-hold", "failed"})

_TRACKING_KEYS = ("_tracking_link", "tracking_link", "_tracking_url", "tracking_url", "_aftership_tracking_url")
_SHIPMENTS_KEY = "_wc_shipment_tracking_items"
_ITEM_LINKS = ("custom_tracking_link", "tracking_link", "formatted_tracking_link", "tracking_url")
_YES = frozenset({"1", "yes", "true", "on"})
MOST_ITEMS = 100


class Malformed(ValueError):  # noqa: N818 — named for what it is
    """This is no order that could be read; the message says what is missing."""


@dataclass(frozen=True, slots=True)
class Item:
    """A line of an order."""

    name: str
    product_id: int
    quantity: int
    total: str = ""


@dataclass(frozen=True, slots=True)
class Order:
    """An order as its shop told it. `total` is as written ("485.00"); times are in UTC."""

    order_id: int
    number: str
    status: str
    currency: str
    total: str
    placed_at: datetime
    modified_at: datetime
    paid_at: datetime | None = None
    completed_at: datetime | None = None
    symbol: str = ""
    first_name: str = ""
    last_name: str = ""
    email: str = ""
    phone: str = ""
    country: str = ""
    city: str = ""
    payment_method: str = ""
    payment_title: str = ""
    payment_url: str = ""
    tracking: str = ""
    opt_in: bool | None = None
    items: tuple[Item, ...] = field(default=())

    @property
    def name(self) -> str:
        """First and last name."""
        return f"{self.first_name} {self.last_name}".strip()

    @property
    def total_micros(self) -> int:
        """The total in millionths of its currency."""
        return int(Decimal(self.total) * 1_000_000)

    def as_json(self) -> dict[str, Any]:
        """For the database; `from_json` reads it again."""
        times = ("placed_at", "modified_at", "paid_at", "completed_at")
        plain = asdict(self)
        return plain | {name: plain[name].isoformat() if plain[name] else None for name in times}

    @classmethod
    def from_json(cls, stored: Json) -> "Order":
        """What `as_json` wrote."""
        times = ("placed_at", "modified_at", "paid_at", "completed_at")
        moments = {name: datetime.fromisoformat(stored[name]) if stored.get(name) else None for name in times}
        items = tuple(Item(**item) for item in stored.get("items", ()))
        return cls(**{**stored, **moments, "items": items})


@dataclass(frozen=True, slots=True)
class Known:
    """How an order was when it was last seen."""

    status: str
    modified_at: datetime


@dataclass(frozen=True, slots=True)
class Happening:
    """Something in an order that a rule may be about: `created` or `status:<slug>`, and when it happened."""

    event: str
    at: datetime


def read_order(data: Any, opt_in_key: str = "") -> Order:
    """An order of the REST API or of a webhook. `opt_in_key` names the checkout's box in `meta_data`. Raises Malformed."""
    if not isinstance(data, Mapping) or not isinstance(data.get("id"), int) or not data.get("status"):
        raise Malformed("This is not an order: it has no id or no status.")
    billing, shipping = _part(data, "billing"), _part(data, "shipping")
    placed_at = moment_of(data, "date_created")
    if placed_at is None:
        raise Malformed("The order does not say when it was placed.")
    meta = _meta(data)
    return Order(
        order_id=data["id"],
        number=text_of(data.get("number"), 60) or str(data["id"]),
        status=text_of(data["status"], 40).removeprefix("wc-"),
        currency=text_of(data.get("currency"), 3).upper(),
        total=_amount(data.get("total")),
        placed_at=placed_at,
        modified_at=moment_of(data, "date_modified") or placed_at,
        paid_at=moment_of(data, "date_paid"),
        completed_at=moment_of(data, "date_completed"),
        symbol=html.unescape(text_of(data.get("currency_symbol"), 20)),
        first_name=text_of(billing.get("first_name") or shipping.get("first_name")),
        last_name=text_of(billing.get("last_name") or shipping.get("last_name")),
        email=text_of(billing.get("email"), 254),
        phone=text_of(billing.get("phone") or shipping.get("phone"), 60),
        country=text_of(billing.get("country") or shipping.get("country"), 2).upper(),
        city=text_of(billing.get("city") or shipping.get("city")),
        payment_method=text_of(data.get("payment_method"), 60),
        payment_title=html.unescape(text_of(data.get("payment_method_title"))),
        payment_url=_link(data.get("payment_url")),
        tracking=_tracking(meta),
        opt_in=opt_in_of(data, opt_in_key),
        items=tuple(_item(line) for line in (data.get("line_items") or [])[:MOST_ITEMS] if isinstance(line, Mapping)),
    )


def happenings(order: Order, known: Known | None, listening_since: datetime) -> list[Happening]:
    """What happened in `order` since it was `known`, the first thing first.

    An order that is seen for the first time but was placed before we listened is what was before: only a status whose own
    date says that it came later is news. What an older copy says is overtaken: a newer status is known already. But a copy
    from before we listened shows that the status which we know came since, so that one is news.
    """
    since = listening_since.replace(microsecond=0)  # the shop's times are whole seconds
    status = f"status:{order.status}"
    if known is not None:
        if order.status == known.status:
            return []
        if order.modified_at >= known.modified_at:
            return [Happening(status, order.modified_at)]
        came_since = order.modified_at < since <= known.modified_at
        return [Happening(f"status:{known.status}", known.modified_at)] if came_since else []
    if order.placed_at >= since:
        return [Happening("created", order.placed_at), Happening(status, order.modified_at)]
    own = {"completed": order.completed_at, "processing": order.paid_at}.get(order.status)
    return [Happening(status, own)] if own and own >= since else []


def status_words(slug: str) -> str:
    """A status in words; a shop's own as it is written there."""
    return STATUS_WORDS.get(slug) or slug.replace("-", " ").replace("_", " ").capitalize()


def money_words(order: Order) -> str:
    """The total as people read it, such as "R1,485.00" or "1,485.00 KES"."""
    amount = f"{Decimal(order.total):,}"
    return f"{order.symbol}{amount}" if order.symbol else f"{amount} {order.currency}".strip()


# ---------------------------------------------------------------- reading


def _part(data: Json, name: str) -> Json:
    part = data.get(name)
    return part if isinstance(part, Mapping) else {}


def text_of(value: Any, most: int = 200) -> str:
    """A text on one line; empty for what is none."""
    return " ".join(str(value).split())[:most].replace("\x00", "") if isinstance(value, str | int | float) else ""


def _link(value: Any) -> str:
    text = text_of(value, 500)
    return text if text.startswith(("https://", "http://")) else ""


def _amount(value: Any) -> str:
    try:
        amount = Decimal(str(value))
    except InvalidOperation:
        raise Malformed("The order's total is no number.") from None
    if not amount.is_finite() or abs(amount) >= Decimal(10) ** 12:
        raise Malformed("The order's total is no number.")
    return str(value)[:40]


def moment_of(data: Json, name: str) -> datetime | None:
    """The `_gmt` twin, which has no zone in it."""
    value = data.get(f"{name}_gmt") or data.get(name)
    if not isinstance(value, str):
        return None
    try:
        moment = datetime.fromisoformat(value)
    except ValueError:
        return None
    return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)


def _item(line: Json) -> Item:
    quantity = line.get("quantity")
    product_id = line.get("product_id")
    return Item(
        name=html.unescape(text_of(line.get("name"))),
        product_id=product_id if isinstance(product_id, int) else 0,
        quantity=quantity if isinstance(quantity, int) else 1,
        total=text_of(line.get("total"), 40),
    )


def _meta(data: Json) -> dict[str, Any]:
    found = data.get("meta_data")
    if not isinstance(found, list):
        return {}
    return {str(one["key"]): one.get("value") for one in found if isinstance(one, Mapping) and one.get("key")}


def _tracking(meta: Mapping[str, Any]) -> str:
    """The newest tracking link, as the usual plugins keep it."""
    shipments = meta.get(_SHIPMENTS_KEY)
    if isinstance(shipments, list) and shipments and isinstance(shipments[-1], Mapping):
        found = next((link for key in _ITEM_LINKS if (link := _link(shipments[-1].get(key)))), "")
        if found:
            return found
    return next((link for key in _TRACKING_KEYS if (link := _link(meta.get(key)))), "")


def opt_in_of(data: Json, key: str) -> bool | None:
    """What the checkout's box `key` said in the `meta_data` of an order or a customer; None where there was no such box.

    Yes is one of `1`, `yes`, `true` and `on`, whatever their case; everything else is no.
    """
    meta = _meta(data)
    if not key or key not in meta:
        return None
    return str(meta[key]).strip().lower() in _YES
