"""Real customers of the sandbox, real webhooks through the web server, the drain, the rules and the sender."""

from collections.abc import Callable
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import select

from tests.cast import Cast
from tests.deliveries import drain
from tests.factories import make_channel
from tests.sandbox_control import SandboxControl
from tests.servers import wait_until
from wotnot.models import (
    Channel,
    Contact,
    ContactMerge,
    Conversation,
    Message,
    MessageState,
    WebhookEvent,
    WebhookState,
)
from wotnot.services import automation, replies
from wotnot.services.sender import Sender

PERSON = "27825550101"


@pytest.fixture
def channel(committed_cast: Cast, sandbox: SandboxControl, live_server: str) -> Channel:
    sandbox.set(webhook_url=f"{live_server}/webhooks/whatsapp", batch_wait_ms=0)
    return make_channel(committed_cast.workspace, waba_id=sandbox.WABA_ID, phone_number_id=sandbox.PHONE_NUMBER_ID)


@pytest.fixture
def say(sandbox: SandboxControl, channel: Channel, committed: Any) -> Callable[[str], None]:
    """Have the customer write, and apply the webhook once it has come."""

    def say(words: str) -> None:
        sandbox.post("/sandbox/inbound", {"from": PERSON, "phone_number_id": channel.phone_number_id, "text": words})

        def has_come() -> bool:
            committed.rollback()
            bodies = [bytes(body) for body in committed.scalars(select(WebhookEvent.body))]
            return any(words.encode() in body for body in bodies)

        def is_applied() -> bool:
            drain()
            committed.rollback()
            return not committed.query(WebhookEvent).filter_by(state=WebhookState.PENDING).count()

        wait_until(has_come, 20, "the webhook")
        wait_until(is_applied, 20, "the drain")  # what a lock was in the way of is tried again

    return say


def deliver(app: Flask, committed: Any) -> None:
    """Send until nothing waits: on a busy machine a sender may go before it has seen the last one."""

    def is_empty() -> bool:
        Sender(app, threads=4, idle_seconds=0.2, max_seconds=3).run()
        committed.rollback()
        return not committed.query(Message).filter_by(direction="out", state=MessageState.QUEUED).count()

    wait_until(is_empty, 30, "an empty queue")


def test_somebody_without_a_number_is_answered_and_later_known_by_it(
    app: Flask, sandbox: SandboxControl, committed_cast: Cast, committed: Any, say: Callable[[str], None]
) -> None:
    sandbox.post(f"/sandbox/customers/{PERSON}", {"bsuid_only": True})
    say("Do you know me?")
    contact = committed.query(Contact).one()
    assert (contact.phone, bool(contact.wa_user_id)) == (None, True)
    thread = committed.query(Conversation).one()
    replies.send_reply(committed_cast.workspace.id, thread.id, type="text", content={"body": "By your id."})
    deliver(app, committed)
    sent = committed.query(Message).filter_by(direction="out").populate_existing().one()
    assert (sent.state, sent.phone, sent.wa_user_id) == (MessageState.ACCEPTED, None, contact.wa_user_id)
    assert [one["body"]["body"] for one in sandbox.chat(PERSON)] == ["Do you know me?", "By your id."]
    sandbox.post(f"/sandbox/customers/{PERSON}", {"bsuid_only": False})
    say("Now you do.")
    known = committed.query(Contact).populate_existing().one()
    assert (known.id, known.phone) == (contact.id, PERSON)


def test_two_contacts_of_one_customer_become_one(
    sandbox: SandboxControl, committed_cast: Cast, committed: Any, say: Callable[[str], None]
) -> None:
    sandbox.post(f"/sandbox/customers/{PERSON}", {"bsuid_only": True})
    say("By id")
    committed.add(Contact(workspace_id=committed_cast.workspace.id, phone=PERSON, name="From the list"))
    committed.commit()
    sandbox.post(f"/sandbox/customers/{PERSON}", {"bsuid_only": False})
    say("By both")
    people = committed.query(Contact).populate_existing().all()
    assert [(one.name, one.phone, bool(one.wa_user_id)) for one in people] == [("From the list", PERSON, True)]
    assert committed.query(ContactMerge).one().contact_id == people[0].id
    assert committed.query(Conversation).populate_existing().one().unread_count == 2


def test_a_rule_and_a_stop_answer_the_customer_on_their_phone(
    app: Flask, sandbox: SandboxControl, committed_cast: Cast, committed: Any, say: Callable[[str], None]
) -> None:
    automation.create_automation(committed_cast.workspace.id, kind="greeting", body="Welcome to {{business}}.")
    say("Hello")
    say("Stop!")
    deliver(app, committed)
    shown = [(one["out"], one["body"]["body"]) for one in sandbox.chat(PERSON)]
    assert (True, "Welcome to Casa Verde.") in shown
    assert any(out and words.startswith("You are unsubscribed") for out, words in shown)
    assert len(shown) == 4
