"""An answer on its whole way: queued, sent by the sender, taken by the sandbox as Meta would take it, seen by the customer."""

from typing import Any

import pytest
from flask import Flask

from tests.cast import Cast
from tests.factories import make_channel
from tests.sandbox_control import SandboxControl
from wotnot import clock
from wotnot.models import Channel, Conversation, Message, MessageState
from wotnot.services import conversations, inbound, replies
from wotnot.services.sender import Sender
from wotnot.services.whatsapp.parse import Inbound

PERSON = "27825550101"


@pytest.fixture
def channel(committed_cast: Cast, sandbox: SandboxControl) -> Channel:
    sandbox.set(webhooks=False, endings=False)
    return make_channel(committed_cast.workspace, waba_id=sandbox.WABA_ID, phone_number_id=sandbox.PHONE_NUMBER_ID)


@pytest.fixture
def thread(channel: Channel, committed: Any, sandbox: SandboxControl) -> Conversation:
    """The customer wrote on the sandbox's phone, and we heard of it."""
    said = {"from": PERSON, "phone_number_id": channel.phone_number_id, "text": "Which sizes?"}
    written = sandbox.post("/sandbox/inbound", said)
    wamid = str(written["id"])
    inbound.apply_inbound(
        [Inbound(channel.phone_number_id, wamid, clock.now(), "text", {"body": "Which sizes?"}, phone=PERSON)]
    )
    conversation: Conversation = committed.query(Conversation).one()
    return conversation


def deliver(app: Flask) -> None:
    Sender(app, threads=4, idle_seconds=0.2, max_seconds=3).run()


def test_text_reaction_and_choices_arrive_as_written(
    app: Flask, committed_cast: Cast, committed: Any, thread: Conversation, sandbox: SandboxControl
) -> None:
    workspace_id = committed_cast.workspace.id
    asked = committed.query(Message).filter_by(direction="in").one()
    wanted: list[tuple[str, dict[str, Any], int | None]] = [
        ("text", {"body": "Small and large."}, asked.id),
        ("reaction", {"emoji": "👍"}, asked.id),
        ("interactive", {"body": "Which one?", "buttons": ["Small", "Large"]}, None),
        ("interactive", {"body": "Which one?", "list": {"button": "Sizes", "rows": [{"title": "Small"}]}}, None),
    ]
    for kind, content, reply_to in wanted:
        replies.send_reply(workspace_id, thread.id, type=kind, content=content, reply_to=reply_to)
    deliver(app)
    sent = committed.query(Message).filter_by(direction="out").populate_existing().all()
    assert [(one.state, one.error_title) for one in sent] == [(MessageState.ACCEPTED, None)] * 4
    question, *answers = sandbox.chat(PERSON)
    assert question["reaction"] == "👍"
    assert [answer["type"] for answer in answers] == ["text", "interactive", "interactive"]
    assert answers[0]["context"] == asked.wamid


def test_the_customer_sees_that_it_was_read(
    committed_cast: Cast, thread: Conversation, sandbox: SandboxControl, run_jobs: Any
) -> None:
    conversations.mark_read(committed_cast.workspace.id, thread.id)
    assert "tell_read" in run_jobs("events")
    (question,) = sandbox.chat(PERSON)
    assert question["state"] == "read"
