"""Orders as shops write them, what of them stands in a message, and what is news."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from wotnot.services.woocommerce.notes import note_words, read_notes
from wotnot.services.woocommerce.orders import Item, Known, Malformed, Order, happenings, money_words, read_order
from wotnot.services.woocommerce.values import fill, fits, items_words

PLACED = datetime(2026, 11, 26, 10, 0, tzinfo=UTC)
RAW: dict[str, Any] = {
    "id": 727,
    "number": "CV-727",
    "status": "processing",
    "currency": "ZAR",
    "currency_symbol": "&#82;",
    "total": "1485.00",
    "date_created": "2026-11-26T12:00:00",
    "date_created_gmt": "2026-11-26T10:00:00",
    "date_modified_gmt": "2026-11-26T10:00:05",
    "date_paid_gmt": "2026-11-26T10:00:05",
    "date_completed_gmt": None,
    "billing": {
        "first_name": "Naledi",
        "last_name": "Mokoena",
        "phone": "082 555 0142",
        "country": "za",
        "email": "n@example.com",
    },
    "shipping": {"first_name": "", "phone": ""},
    "payment_method": "cod",
    "payment_method_title": "Cash on delivery",
    "meta_data": [{"id": 1, "key": "wotnot_opt_in", "value": "yes"}],
    "line_items": [{"name": "Snake &amp; friends", "product_id": 102, "quantity": 2, "total": "520.00"}],
}


def test_an_order_is_read() -> None:
    order = read_order(RAW, "wotnot_opt_in")
    assert (order.number, order.name, order.country, order.phone) == ("CV-727", "Naledi Mokoena", "ZA", "082 555 0142")
    assert (order.placed_at, order.modified_at) == (PLACED, PLACED + timedelta(seconds=5))
    assert order.total_micros == 1_485_000_000
    assert order.opt_in is True
    assert order.items == (Item("Snake & friends", 102, 2, "520.00"),)
    assert Order.from_json(order.as_json()) == order


@pytest.mark.parametrize(
    ("key", "value", "expected"),
    [
        ("other", "yes", None),
        ("wotnot_opt_in", "no", False),
        ("wotnot_opt_in", "1", True),
        ("wotnot_opt_in", "perhaps", False),
    ],
)
def test_only_the_named_field_is_consent(key: str, value: str, expected: bool | None) -> None:
    assert read_order(RAW | {"meta_data": [{"key": key, "value": value}]}, "wotnot_opt_in").opt_in is expected


@pytest.mark.parametrize(
    "meta",
    [
        [{"key": "_tracking_link", "value": "https://track.example/7"}],
        [{"key": "_wc_shipment_tracking_items", "value": [{"custom_tracking_link": "https://track.example/7"}]}],
    ],
)
def test_tracking_links_of_the_usual_plugins(meta: list[dict[str, Any]]) -> None:
    assert read_order(RAW | {"meta_data": meta}).tracking == "https://track.example/7"


@pytest.mark.parametrize(
    "broken",
    [{}, [], "text", None, RAW | {"id": "7"}, RAW | {"status": ""}, RAW | {"total": "much"}, RAW | {"total": "NaN"},
     {key: value for key, value in RAW.items() if not key.startswith("date_created")}],
)  # fmt: skip
def test_what_is_no_order_says_so(broken: Any) -> None:
    with pytest.raises(Malformed):
        read_order(broken)


@pytest.mark.parametrize(
    "odd",
    [
        {"billing": None, "shipping": []},
        {"line_items": None, "meta_data": {}},
        {"line_items": [None, {"name": 7, "quantity": "two"}], "meta_data": [None, {"key": None}]},
        {"billing": {"first_name": "A\x00B", "phone": 27825550142}},
        {"date_paid_gmt": "soon", "currency_symbol": None, "total": 12},
    ],
)
def test_odd_parts_of_an_order_do_no_harm(odd: dict[str, Any]) -> None:
    order = read_order(RAW | odd)
    assert "\x00" not in order.first_name
    assert fill({"1": {"field": "items", "fallback": "your plants"}}, order).values["1"]


def test_values_fallbacks_and_what_is_missing() -> None:
    order = replace(read_order(RAW), tracking="", first_name="")
    variables = {
        "1": {"field": "first_name", "fallback": "there"},
        "2": {"field": "total"},
        "3": {"field": "tracking_link"},
        "4": {"text": "20%"},
        "5": {"field": "note"},
    }
    filled = fill(variables, order, note="Left at\nthe   gate")
    assert filled.values == {"1": "there", "2": "R1,485.00", "4": "20%", "5": "Left at the gate"}
    assert (filled.fallbacks, filled.missing) == ({"1"}, {"3"})


def test_a_long_list_of_goods_is_cut_with_the_number_of_the_rest() -> None:
    order = replace(read_order(RAW), items=tuple(Item(f"Plant number {n}", n, 1) for n in range(30)))
    words = items_words(order)
    assert len(words) < 190
    assert words.endswith(" more")


def test_money_without_a_symbol_names_the_currency() -> None:
    assert money_words(replace(read_order(RAW), symbol="")) == "1,485.00 ZAR"


@pytest.mark.parametrize(
    ("conditions", "is_met"),
    [
        ({}, True),
        ({"total_min": "1485", "countries": ["ZA"]}, True),
        ({"total_max": "1484.99"}, False),
        ({"product_ids": [9]}, False),
    ],
)
def test_conditions(conditions: dict[str, Any], is_met: bool) -> None:
    assert fits(conditions, read_order(RAW)) is is_met


ORDER = read_order(RAW)
LATER = ORDER.modified_at + timedelta(minutes=5)


@pytest.mark.parametrize(
    ("order", "known", "since", "events"),
    [
        # Placed while we listen: both that it was placed, and the status that it came with.
        (ORDER, None, PLACED, ["created", "status:processing"]),
        # Half a second after we began: the shop's times are whole seconds.
        (ORDER, None, PLACED + timedelta(milliseconds=900), ["created", "status:processing"]),
        # From before: nothing, unless the status has a date of its own that is later.
        (replace(ORDER, paid_at=None), None, LATER, []),
        (replace(ORDER, status="completed", completed_at=LATER), None, LATER, ["status:completed"]),
        # Known: only a status that is new, and never from an older copy.
        (ORDER, Known("processing", ORDER.modified_at), PLACED, []),
        (ORDER, Known("pending", PLACED), PLACED, ["status:processing"]),
        (ORDER, Known("completed", LATER), PLACED, []),
        # A copy from before we listened shows that the status we know came since.
        (ORDER, Known("cancelled", LATER), LATER - timedelta(minutes=1), ["status:cancelled"]),
        (ORDER, Known("processing", LATER), LATER - timedelta(minutes=1), []),
    ],
)  # fmt: skip
def test_what_is_news(order: Order, known: Known | None, since: datetime, events: list[str]) -> None:
    assert [one.event for one in happenings(order, known, since)] == events


def test_a_note_is_one_line_without_html() -> None:
    assert note_words("<p>Your&nbsp;parcel</p>\n <a href='x'>left</a> &amp; more") == "Your parcel left & more"
    at = {"date_created_gmt": "2026-11-26T10:00:00"}
    listed = [{"note": "b", "customer_note": True, **at}, {"note": "no date", "customer_note": True}, "nothing"]
    assert [one.text for one in read_notes(listed)] == ["b"]
