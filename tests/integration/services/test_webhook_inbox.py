"""Deliveries stored first and understood later: once, whatever is in them."""

import json
from contextlib import closing
from typing import Any

import pytest

from tests.cast import Cast
from tests.factories import make_broadcast, make_channel, make_contact, make_message, make_template
from wotnot.models import (
    Consent,
    Contact,
    Conversation,
    ConversationState,
    Message,
    MessageState,
    TemplateStatus,
    WebhookEvent,
    WebhookState,
)
from wotnot.services import events, webhook_inbox
from wotnot.services.messages import callback_of


@pytest.fixture
def channel(cast: Cast) -> Any:
    return make_channel(cast.workspace, phone_number_id="800000000000001")


def store(value: dict[str, Any], field: str = "messages", waba: str = "700000000000001") -> None:
    metadata = {"messaging_product": "whatsapp", "metadata": {"phone_number_id": "800000000000001"}}
    entry = {"id": waba, "changes": [{"field": field, "value": {**metadata, **value}}]}
    webhook_inbox.store_delivery(json.dumps({"object": "whatsapp_business_account", "entry": [entry]}).encode())


def drain() -> dict[str, int]:
    totals = {"done": 0, "poison": 0}
    while webhook_inbox.drain_batch(totals):
        pass
    return totals


def text(wamid: str, body: str = "Hi", at: int = 1790000000, **extra: Any) -> dict[str, Any]:
    message = {"id": wamid, "from": "27825550101", "timestamp": str(at), "type": "text", "text": {"body": body}}
    return {**message, **extra}


def test_inbound_is_stored_once_with_contact_and_conversation(channel: Any, session: Any) -> None:
    contacts = [{"profile": {"name": "Naledi"}, "wa_id": "27825550101", "user_id": "ZA.7001"}]
    for _ in range(2):
        store({"messages": [text("wamid.a"), text("wamid.b", at=1790000060)], "contacts": contacts})
    assert drain() == {"done": 2, "poison": 0}
    (contact,) = session.query(Contact)
    assert (contact.name, contact.phone) == ("Naledi", "27825550101")
    assert session.query(Message).count() == 2
    (conversation,) = session.query(Conversation)
    assert conversation.unread_count == 2
    assert conversation.last_message_at.timestamp() == 1790000060
    assert conversation.window_expires_at.timestamp() == 1790000060 + 24 * 3600


def test_an_answer_marks_the_broadcast_message(channel: Any, cast: Cast, session: Any) -> None:
    contact = make_contact(cast.workspace, phone="27825550101")
    broadcast = make_broadcast(cast.workspace, channel, state="sending")
    message = make_message(channel, contact, broadcast, state="delivered", reached=4, wamid="wamid.out")
    at = int(message.created_at.timestamp()) + 60
    store({"messages": [text("wamid.in", at=at, context={"id": "wamid.out"})]})
    drain()
    session.refresh(message)
    assert message.replied


def test_an_answer_is_told_to_the_open_report(channel: Any, cast: Cast, session: Any, redis: Any) -> None:
    contact = make_contact(cast.workspace, phone="27825550101")
    broadcast = make_broadcast(cast.workspace, channel, state="finished")
    make_message(channel, contact, broadcast, state="read", reached=5, wamid="wamid.out")
    topic = f"broadcast:{broadcast.id}"
    with closing(events.listen(cast.workspace.id, [topic], heartbeat_seconds=0.3)) as heard:
        assert next(heard) == []
        store({"messages": [text("wamid.in", context={"id": "wamid.out"})]})
        drain()
        assert next(heard) == [topic]


def test_statuses_and_messages_in_one_delivery(channel: Any, cast: Cast, session: Any) -> None:
    broadcast = make_broadcast(cast.workspace, channel, state="sending")
    message = make_message(channel, make_contact(cast.workspace), broadcast, state="sending")
    status = {"id": "wamid.1", "status": "delivered", "timestamp": "1790000000"}
    store(
        {"statuses": [{**status, "biz_opaque_callback_data": callback_of(message.id)}], "messages": [text("wamid.a")]}
    )
    drain()
    session.refresh(message)
    assert message.state is MessageState.DELIVERED


def test_a_receipt_ahead_of_its_message_is_looked_at_again(channel: Any, session: Any) -> None:
    store({"statuses": [{"id": "wamid.late", "status": "sent", "timestamp": "1790000000"}]})
    drain()
    event = session.query(WebhookEvent).one()
    assert (event.state, event.attempt_count) == (WebhookState.PENDING, 1)
    event.due_at = event.received_at
    session.commit()
    drain()
    session.refresh(event)
    assert event.state is WebhookState.DONE


def test_poison_is_kept_with_its_error_beside_good_ones_and_replayed(channel: Any, session: Any) -> None:
    webhook_inbox.store_delivery(b'{"object": "whatsapp_business_account", "entry": 5}')
    store({"messages": [text("wamid.a")]})
    assert drain() == {"done": 1, "poison": 1}
    poison = session.query(WebhookEvent).filter_by(state=WebhookState.POISON).one()
    assert "entry" in poison.error
    assert webhook_inbox.replay_poison() == 1
    assert drain() == {"done": 0, "poison": 1}


def test_what_the_database_refuses_does_not_block_the_others(channel: Any, session: Any) -> None:
    """A NUL character is valid JSON and no valid text for PostgreSQL."""
    store({"messages": [text("wamid.nul", body="\u0000")]})
    store({"messages": [text("wamid.good")]})
    totals = {"done": 0, "poison": 0}
    webhook_inbox.drain_batch(totals)
    assert session.query(Message).filter_by(wamid="wamid.good").count() == 1


def test_preferences_change_consent(channel: Any, cast: Cast, session: Any) -> None:
    contact = make_contact(cast.workspace, phone="27825550101")
    preference = {"wa_id": "27825550101", "category": "marketing_messages", "value": "stop", "timestamp": 1790000200}
    store({"user_preferences": [preference]}, "user_preferences")
    drain()
    session.refresh(contact)
    assert contact.consent is Consent.OPTED_OUT


def test_template_changes_are_applied(channel: Any, cast: Cast, session: Any) -> None:
    template = make_template(cast.workspace, name="spring", meta_id="611")
    change = {
        "event": "PAUSED",
        "message_template_id": 611,
        "message_template_name": "spring",
        "message_template_language": "en",
        "reason": "NONE",
    }
    store(change, "message_template_status_update")
    drain()
    session.refresh(template)
    assert template.status is TemplateStatus.PAUSED


def test_old_messages_do_not_open_a_window(channel: Any, session: Any) -> None:
    store({"messages": [text("wamid.old", at=1600000000)]})
    drain()
    assert session.query(Conversation).one().state is ConversationState.EXPIRED


def test_another_apps_number_is_none_of_our_business(channel: Any, session: Any) -> None:
    value = {"messages": [text("wamid.x")], "metadata": {"phone_number_id": "999"}}
    store(value)
    assert drain()["done"] == 1
    assert session.query(Message).count() == 0


@pytest.mark.parametrize(("failures", "state"), [(19, "sending"), (20, "paused")])
def test_failures_that_nobody_escapes_pause_the_broadcast(
    channel: Any, cast: Cast, session: Any, failures: int, state: str
) -> None:
    broadcast = make_broadcast(cast.workspace, channel, state="sending")
    failed = [make_message(channel, make_contact(cast.workspace), broadcast, state="sent") for _ in range(failures)]
    error = {"code": 131042, "title": "Business eligibility payment issue"}
    status = {"status": "failed", "timestamp": "1790000000", "errors": [error]}
    statuses = [{**status, "id": f"wamid.{m.id}", "biz_opaque_callback_data": callback_of(m.id)} for m in failed]
    store({"statuses": statuses})
    drain()
    session.refresh(broadcast)
    assert broadcast.state == state


@pytest.mark.parametrize("body", [b"[" * 100_000, b'{"object":' * 50_000, b"\xff\xfe", b"\x00", b"null"])
def test_a_body_that_breaks_the_reader_holds_up_nobody(channel: Any, session: Any, body: bytes) -> None:
    webhook_inbox.store_delivery(body)
    store({"messages": [text("wamid.a")]})
    assert drain() == {"done": 1, "poison": 1}


@pytest.mark.parametrize(
    "broken",
    [
        text("wamid.x", body="\ud800"),
        text("wamid.x\x00", body="a\x00b"),
        text("wamid.x", at=99999999999999),
        text("wamid.x", **{"from": {"no": "number"}}),
        text("wamid.x", text=["no", "object"]),
    ],
)
def test_a_message_that_cannot_be_applied_holds_up_nobody(channel: Any, session: Any, broken: dict[str, Any]) -> None:
    store({"messages": [broken]})
    store({"messages": [text("wamid.good")]})
    drain()
    assert session.query(Message).filter_by(wamid="wamid.good").count() == 1


def test_somebody_known_by_user_id_who_shows_a_number_is_one_contact(cast: Cast, channel: Any, session: Any) -> None:
    known = make_contact(cast.workspace, phone=None, wa_user_id="ZA.7001")
    store({"messages": [text("wamid.a"), text("wamid.b", at=1790000060, from_user_id="ZA.7001")]})
    assert drain() == {"done": 1, "poison": 0}
    assert [message.contact_id for message in session.query(Message)] == [known.id, known.id]
    session.refresh(known)
    assert (known.phone, known.wa_user_id) == ("27825550101", "ZA.7001")
