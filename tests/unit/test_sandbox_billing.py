"""What the sandbox charges: Meta's rules before and since 1 October 2026."""

from calendar import timegm

import pytest

from sandbox.billing import pricing_of

SEPTEMBER, OCTOBER = timegm((2026, 9, 30, 23, 59, 59)), timegm((2026, 10, 1, 0, 0, 0))
REGULAR, FREE, ENTRY = "regular", "free_customer_service", "free_entry_point"


@pytest.mark.parametrize(
    ("category", "in_window", "has_allowance", "before", "since"),
    [
        ("marketing", False, False, REGULAR, REGULAR),
        ("marketing", True, False, REGULAR, REGULAR),
        ("utility", False, False, REGULAR, REGULAR),
        ("utility", True, False, FREE, REGULAR),
        ("authentication", True, False, REGULAR, REGULAR),
        ("service", True, True, FREE, FREE),
        ("service", True, False, FREE, REGULAR),
    ],
)
def test_each_kind_of_message(category: str, in_window: bool, has_allowance: bool, before: str, since: str) -> None:
    for at, kind in ((SEPTEMBER, before), (OCTOBER, since)):
        told = pricing_of(category, at, in_window=in_window, in_free_entry=False, has_allowance=has_allowance)
        assert told == {"billable": kind == REGULAR, "pricing_model": "PMP", "type": kind, "category": category}


@pytest.mark.parametrize("category", ["marketing", "utility", "authentication", "service"])
def test_after_a_click_on_an_ad_all_is_free(category: str) -> None:
    told = pricing_of(category, OCTOBER, in_window=True, in_free_entry=True, has_allowance=True)
    assert (told["type"], told["billable"]) == (ENTRY, False)
