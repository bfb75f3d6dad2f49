"""What of an order can stand in a message, and which orders a rule is about. Pure."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

from wotnot.services.woocommerce.orders import Order, money_words, status_words

_LONGEST_LIST = 160


@dataclass(frozen=True, slots=True)
class Filled:
    """`values` by variable; `fallbacks` took their fallback; `missing` have neither a value nor a fallback."""

    values: dict[str, str]
    fallbacks: frozenset[str] = field(default=frozenset())
    missing: frozenset[str] = field(default=frozenset())


def items_words(order: Order) -> str:
    """The goods in one line: "Snake plant × 2, Olive tree" and how many more there are."""
    lines = [f"{item.name} × {item.quantity}" if item.quantity > 1 else item.name for item in order.items]
    shown: list[str] = []
    for place, line in enumerate(lines):
        if shown and len(", ".join([*shown, line])) > _LONGEST_LIST:
            return f"{', '.join(shown)} and {len(lines) - place} more"
        shown.append(line)
    return ", ".join(shown)


FIELDS: dict[str, tuple[str, Callable[[Order], str]]] = {
    "first_name": ("First name", lambda order: order.first_name),
    "last_name": ("Last name", lambda order: order.last_name),
    "full_name": ("Full name", lambda order: order.name),
    "order_number": ("Order number", lambda order: order.number),
    "total": ("Total with currency", money_words),
    "items": ("What was ordered", items_words),
    "item_count": ("Number of items", lambda order: str(sum(item.quantity for item in order.items))),
    "status": ("Status", lambda order: status_words(order.status)),
    "payment_method": ("How it is paid", lambda order: order.payment_title or order.payment_method),
    "payment_link": ("Link to pay", lambda order: order.payment_url),
    "tracking_link": ("Tracking link", lambda order: order.tracking),
    "order_date": ("Date of the order", lambda order: f"{order.placed_at.day} {order.placed_at:%B %Y}"),
    "city": ("City", lambda order: order.city),
    "email": ("E-mail", lambda order: order.email),
}
"""Every field of an order by the name that rules use: its label, and its text in an order."""

OTHER_FIELDS = {"note": "Text of the note", "shop_name": "Name of the shop"}
"""What is known beside the order."""

LABELS = {name: label for name, (label, _) in FIELDS.items()} | OTHER_FIELDS


def fill(variables: Mapping[str, Mapping[str, Any]], order: Order, **beside: str) -> Filled:
    """The text of each variable: `{"text"}`, or `{"field", "fallback"}`. What has none is named in the answer.

    Meta refuses line breaks and runs of spaces in a value, so they become one space.
    """
    values: dict[str, str] = {}
    fallbacks: set[str] = set()
    missing: set[str] = set()
    for key, source in variables.items():
        if "file_id" in source:
            continue
        text = source["text"] if "text" in source else value_of(str(source.get("field", "")), order, **beside)
        if not text.strip():
            text = str(source.get("fallback", ""))
            (fallbacks if text.strip() else missing).add(key)
        if text.strip():
            values[key] = " ".join(text.split())
    return Filled(values, frozenset(fallbacks), frozenset(missing))


def value_of(name: str, order: Order, **beside: str) -> str:
    """The text of one field; empty for what the order does not say."""
    found = FIELDS.get(name)
    return found[1](order) if found else beside.get(name, "")


def fits(conditions: Mapping[str, Any], order: Order) -> bool:
    """Whether an order meets all conditions of a rule: countries, total_min, total_max, product_ids, payment_methods."""
    total = Decimal(order.total)
    checks = (
        not conditions.get("countries") or order.country in conditions["countries"],
        not conditions.get("total_min") or total >= Decimal(conditions["total_min"]),
        not conditions.get("total_max") or total <= Decimal(conditions["total_max"]),
        not conditions.get("product_ids")
        or bool({item.product_id for item in order.items} & set(conditions["product_ids"])),
        not conditions.get("payment_methods") or order.payment_method in conditions["payment_methods"],
    )
    return all(checks)
