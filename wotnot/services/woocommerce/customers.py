"""Who bought in a shop: read from WooCommerce's customers and orders. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from wotnot.services.woocommerce.orders import Json, Malformed, Order, opt_in_of, read_order, text_of


@dataclass(frozen=True, slots=True)
class Buyer:
    """Somebody of a shop. `phone` is as they typed it; `opt_in` whether they ticked the box for offers; `order_id` is 0 for
    a customer's account.
    """

    phone: str
    country: str
    name: str
    email: str
    opt_in: bool
    order_id: int = 0


def read_customer(data: Any, opt_in_key: str) -> Buyer | None:
    """A customer's account of the REST API; None for what is none. Their own field counts, else nothing is consent."""
    if not isinstance(data, Mapping):
        return None
    billing, shipping = _part(data, "billing"), _part(data, "shipping")
    first = text_of(data.get("first_name") or billing.get("first_name"))
    last = text_of(data.get("last_name") or billing.get("last_name"))
    return Buyer(
        phone=text_of(billing.get("phone") or shipping.get("phone"), 60),
        country=text_of(billing.get("country") or shipping.get("country"), 2).upper(),
        name=f"{first} {last}".strip(),
        email=text_of(data.get("email") or billing.get("email"), 254),
        opt_in=bool(opt_in_of(data, opt_in_key)),
    )


def read_buyer(data: Any, opt_in_key: str) -> Buyer | None:
    """Who placed an order; None for what is no order."""
    try:
        order: Order = read_order(data, opt_in_key)
    except Malformed:
        return None
    return Buyer(order.phone, order.country, order.name, order.email, bool(order.opt_in), order.order_id)


def _part(data: Json, name: str) -> Json:
    part = data.get(name)
    return part if isinstance(part, Mapping) else {}
