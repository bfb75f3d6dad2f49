"""What Meta charges, as its receipts say it: the pricing object, by the rules of the day a message is sent on."""

from __future__ import annotations

from calendar import timegm

from sandbox.jsonio import Json

MODEL = "PMP"  # per message, since July 2025
# From 1 October 2026 on service messages and utility templates inside the window are charged. Before, both were free.
CHARGED_IN_WINDOW_SINCE = timegm((2026, 10, 1, 0, 0, 0))


def pricing_of(category: str, at: float, *, in_window: bool, in_free_entry: bool, has_allowance: bool) -> Json:
    """The pricing object of a message of `category` ("service" for what is no template) sent at `at`.

    `in_free_entry` is within the time after a click on an ad; `has_allowance` says that the number has free service
    messages left this month.
    """
    kind = "regular"
    if in_free_entry:
        kind = "free_entry_point"
    elif at < CHARGED_IN_WINDOW_SINCE:
        if category == "service" or (category == "utility" and in_window):
            kind = "free_customer_service"
    elif category == "service" and has_allowance:
        kind = "free_customer_service"
    return {"billable": kind == "regular", "pricing_model": MODEL, "type": kind, "category": category}
