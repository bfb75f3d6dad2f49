"""Meta's deliveries read into facts: every array, every kind, and what is not a delivery at all."""

import json
from typing import Any

import pytest

from wotnot.services.whatsapp.parse import Malformed, parse_delivery


def delivery(value: dict[str, Any], field: str = "messages") -> bytes:
    entry = {"id": "700000000000001", "time": 1790000000, "changes": [{"field": field, "value": value}]}
    return json.dumps({"object": "whatsapp_business_account", "entry": [entry]}).encode()


def value(**parts: Any) -> dict[str, Any]:
    return {"messaging_product": "whatsapp", "metadata": {"phone_number_id": "800000000000001"}, **parts}


STATUS = {"id": "wamid.1", "status": "delivered", "timestamp": "1790000123", "recipient_id": "27825550101"}


def test_every_status_of_every_entry_is_read() -> None:
    document = json.loads(delivery(value(statuses=[STATUS, {**STATUS, "id": "wamid.2", "status": "read"}])))
    document["entry"].append(document["entry"][0])
    facts = parse_delivery(json.dumps(document).encode())
    assert [(r.wamid, r.status) for r in facts.receipts] == [("wamid.1", "delivered"), ("wamid.2", "read")] * 2


def test_status_with_callback_price_and_error() -> None:
    status = {
        **STATUS,
        "status": "failed",
        "biz_opaque_callback_data": "wotnot:42",
        "errors": [{"code": 131026, "title": "Message undeliverable"}],
        "pricing": {"category": "marketing", "type": "regular"},
    }
    (receipt,) = parse_delivery(delivery(value(statuses=[status]))).receipts
    assert receipt.callback == "wotnot:42"
    assert receipt.error is not None
    assert receipt.error["code"] == 131026
    assert (receipt.pricing_category, receipt.pricing_type) == ("marketing", "regular")
    assert receipt.at.timestamp() == 1790000123


def test_played_counts_as_read_and_an_unknown_status_is_counted() -> None:
    facts = parse_delivery(delivery(value(statuses=[{**STATUS, "status": "played"}, {**STATUS, "status": "deleted"}])))
    assert [receipt.status for receipt in facts.receipts] == ["read"]
    assert facts.unknown == ["status deleted"]


def test_inbound_with_and_without_a_phone_number() -> None:
    messages = [
        {"id": "wamid.a", "from": "27825550101", "timestamp": "1790000000", "type": "text", "text": {"body": "Hi"}},
        {
            "id": "wamid.b",
            "from_user_id": "ZA.7001",
            "timestamp": "1790000001",
            "type": "button",
            "button": {"payload": "YES", "text": "Yes"},
            "context": {"id": "wamid.1"},
        },
    ]
    contacts = [{"profile": {"name": "Naledi"}, "wa_id": "27825550101", "user_id": "ZA.7000"}]
    first, second = parse_delivery(delivery(value(messages=messages, contacts=contacts))).inbound
    assert (first.phone, first.profile_name, first.content) == ("27825550101", "Naledi", {"body": "Hi"})
    assert (second.phone, second.user_id, second.context_wamid) == (None, "ZA.7001", "wamid.1")


def test_stop_and_resume_of_marketing() -> None:
    preferences = [
        {"wa_id": "27825550101", "category": "marketing_messages", "value": "stop", "timestamp": 1790000200},
        {"wa_id": "27825550102", "category": "marketing_messages", "value": "resume", "timestamp": 1790000201},
    ]
    facts = parse_delivery(delivery(value(user_preferences=preferences), "user_preferences"))
    assert [(p.phone, p.is_stop) for p in facts.preferences] == [("27825550101", True), ("27825550102", False)]
    assert [p.at.timestamp() for p in facts.preferences] == [1790000200, 1790000201]


@pytest.mark.parametrize("field", ["message_template_status_update", "message_template_quality_update"])
def test_quality_is_recognised_by_its_shape(field: str) -> None:
    change = {
        "previous_quality_score": "GREEN",
        "new_quality_score": "RED",
        "message_template_id": 611,
        "message_template_name": "spring",
        "message_template_language": "en-US",
    }
    (found,) = parse_delivery(delivery(change, field)).template_changes
    assert (found.kind, found.value, found.language, found.meta_id) == ("quality", "RED", "en_US", "611")


def test_rejection_carries_metas_reason() -> None:
    change = {
        "event": "REJECTED",
        "message_template_id": 611,
        "message_template_name": "spring",
        "message_template_language": "en_US",
        "reason": "INVALID_FORMAT",
        "rejection_info": {"reason": "Variables are next to each other.", "recommendation": "Put words between."},
    }
    (found,) = parse_delivery(delivery(change, "message_template_status_update")).template_changes
    assert found.reason == "Variables are next to each other. Put words between."


def test_new_words_of_a_template() -> None:
    button = {
        "message_template_button_type": "URL",
        "message_template_button_text": "Shop",
        "message_template_button_url": "https://shop.example",
    }
    change = {
        "message_template_id": 611,
        "message_template_name": "spring",
        "message_template_language": "en_US",
        "message_template_element": "Hi {{1}}, the shop is open.",
        "message_template_footer": "Reply STOP",
        "message_template_buttons": [button],
    }
    field = "message_template_components_update"
    (found,) = parse_delivery(delivery(change, field)).template_changes
    row = {"type": "URL", "text": "Shop", "url": "https://shop.example", "phone_number": ""}
    assert found.kind == "words"
    assert found.words == {
        "header": "",
        "body": "Hi {{1}}, the shop is open.",
        "footer": "Reply STOP",
        "buttons": (row,),
    }
    del change["message_template_buttons"]
    (found,) = parse_delivery(delivery(change, field)).template_changes
    assert "buttons" not in found.words, "nothing said about buttons is not the same as none"


def test_unknown_fields_are_counted_not_refused() -> None:
    assert parse_delivery(delivery({"anything": 1}, "flows")).unknown == ["flows"]


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"not json",
        b"[]",
        b'{"object": "page", "entry": []}',
        delivery(value(statuses=[{"status": "sent"}])),
        delivery(value(statuses=[{**STATUS, "timestamp": "soon"}])),
        delivery(value(messages=[{"id": "wamid.x", "timestamp": "1", "type": "text"}])),
        delivery({"statuses": [STATUS]}),
        b'{"object": "whatsapp_business_account", "entry": [{"changes": [{"field": "messages"}]}]}',
    ],
)
def test_what_is_not_a_delivery_is_malformed(body: bytes) -> None:
    with pytest.raises(Malformed):
        parse_delivery(body)
