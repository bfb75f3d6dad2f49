"""What the shops' pages say: states, events, and what became of each message."""

from typing import Any

from wotnot.models import Shop, ShopRule, ShopState
from wotnot.services.broadcast_reports import cause_words
from wotnot.services.phone_numbers import country_name, format_phone
from wotnot.services.shop_messages import ShownMessage
from wotnot.services.shop_rules import event_words
from wotnot.services.woocommerce.faults import KEY_TROUBLES, WORDS, Trouble
from wotnot.services.woocommerce.orders import Order, money_words, status_words
from wotnot.services.woocommerce.values import LABELS, items_words


def words() -> dict[str, object]:
    """For the templates' context."""
    return {
        "shop_state": state_of,
        "event_words": event_words,
        "status_words": status_words,
        "condition_words": condition_words,
        "delay_words": delay_words,
        "order_of": lambda row: Order.from_json(row.facts),
        "money_words": money_words,
        "items_words": items_words,
        "country_name": country_name,
        "phone_words": format_phone,
        "field_labels": LABELS,
        "why_of": why_of,
        "needs_keys": lambda shop: shop.trouble in KEY_TROUBLES,
    }


def state_of(shop: Shop) -> tuple[str, str, str]:
    """(icon, word, family) of a shop's chip."""
    if shop.state is ShopState.OFF:
        return "player-pause", "Switched off", "warn"
    if not shop.trouble and shop.hooks_trouble:
        return "clock-exclamation", "Without webhooks", "warn"
    if not shop.trouble:
        return "circle-check", "Connected", "ok"
    word = WORDS[Trouble(shop.trouble)].chip if shop.trouble in set(Trouble) else "Trouble"
    return ("clock-exclamation", word, "warn") if shop.trouble == Trouble.SLOW else ("plug-connected-x", word, "bad")


def why_of(shown: ShownMessage) -> str:
    """Why a message waits, was left out or failed; "" for what goes well."""
    if shown.message is None:
        return shown.plan.reason
    if shown.message.state in {"failed", "skipped"}:
        cause = shown.message.skip_reason or str(shown.message.error_code or "")
        return cause_words(cause, shown.message.error_title or "")[0]
    return ""


def delay_words(minutes: int) -> str:
    """A pause in words."""
    if minutes == 0:
        return "at once"
    for size, one, many in ((1440, "day", "days"), (60, "hour", "hours"), (1, "minute", "minutes")):
        if minutes % size == 0:
            count = minutes // size
            return f"after {count} {one if count == 1 else many}"
    return f"after {minutes} minutes"


def condition_words(rule: ShopRule, currency: str) -> str:
    """A rule's conditions in one line; "" for every order."""
    found: dict[str, Any] = rule.conditions
    parts = []
    if found.get("countries"):
        parts.append("to " + ", ".join(country_name(code) for code in found["countries"]))
    if found.get("total_min"):
        parts.append(f"from {found['total_min']} {currency}".strip())
    if found.get("total_max"):
        parts.append(f"up to {found['total_max']} {currency}".strip())
    if found.get("product_ids"):
        parts.append("with product " + ", ".join(map(str, found["product_ids"])))
    if found.get("payment_methods"):
        parts.append("paid by " + ", ".join(found["payment_methods"]))
    return "; ".join(parts)
