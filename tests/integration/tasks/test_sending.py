"""The sender against the sandbox: each thing that Meta or the network may do, and what the ledger says afterwards."""

from threading import Thread
from typing import Any
from unittest.mock import Mock

import pytest
from flask import Flask
from sqlalchemy import select

from tests.cast import Cast
from tests.factories import make_broadcast, make_channel, make_contact, make_contacts, make_message, make_template
from tests.integration.services.test_outbox import die
from tests.sandbox_control import SandboxControl
from tests.servers import wait_until
from wotnot.models import BroadcastState, ChannelState, Message, MessageState
from wotnot.services import broadcasts, messages, send_recorder
from wotnot.services.sender import Sender
from wotnot.services.sender_recovery import recover_orphans
from wotnot.services.template_versions import change_template
from wotnot.services.transaction import transaction

BODY = {"type": "BODY", "text": "Hi {{1}}, the shop opens at nine.", "example": {"body_text": [["Ann"]]}}
PEOPLE = 12


@pytest.fixture
def broadcast(committed_cast: Cast, sandbox: SandboxControl) -> Any:
    """A broadcast to twelve people, sending at 200 a second."""
    sandbox.set(webhooks=False, endings=False, pair_limit=False, rate_per_second=0, review_after_s=0)
    content = {"name": "opening", "language": "en", "category": "UTILITY", "components": [BODY]}
    sandbox.post(f"/v24.0/{sandbox.WABA_ID}/message_templates?access_token={sandbox.TOKEN}", content)
    workspace = committed_cast.workspace
    channel = make_channel(workspace, phone_number_id=sandbox.PHONE_NUMBER_ID, rate_per_second=200)
    template = make_template(workspace, name="opening", components=[BODY])
    broadcast = make_broadcast(workspace, channel, template, state=BroadcastState.SENDING)
    for contact in make_contacts(workspace, PEOPLE):
        make_message(channel, contact, broadcast)
    return broadcast


def send(app: Flask, seconds: float = 0.4) -> dict[str, int]:
    return Sender(app, threads=16, idle_seconds=0.2, max_seconds=seconds).run()


def run_in_context(app: Flask, sender: Sender) -> None:
    with app.app_context():
        sender.run()


def state_of(committed: Any, broadcast: Any) -> BroadcastState:
    committed.expire_all()
    state: BroadcastState = broadcast.state
    return state


def states(committed: Any) -> list[str]:
    committed.expire_all()
    return [str(state) for state in committed.scalars(select(Message.state).order_by(Message.id))]


def test_all_is_accepted_recorded_and_finished(
    app: Flask, broadcast: Any, committed: Any, sandbox: SandboxControl
) -> None:
    send(app, 3)
    assert states(committed) == ["accepted"] * PEOPLE
    assert set(sandbox.sends()["to"].values()) == {1}
    committed.refresh(broadcast)
    assert broadcast.state is BroadcastState.FINISHED
    message = committed.scalars(select(Message).order_by(Message.id)).first()
    assert message.content["values"]["1"].startswith("Contact")
    assert message.wamid
    assert message.accepted_at


def test_nothing_more_goes_out_once_recording_broke(
    app: Flask, broadcast: Any, committed: Any, sandbox: SandboxControl, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whatever broke it: what left is known from the journal, the rest goes with the next sender, and nobody gets it twice."""
    monkeypatch.setattr(send_recorder, "judge", Mock(side_effect=ZeroDivisionError))
    broadcast.channel.rate_per_second = 5
    committed.commit()
    sender = Sender(app, threads=16, max_seconds=20)
    assert sender.run()["settled"] == 0
    left = len(sandbox.sends()["to"])
    assert 0 < left < PEOPLE
    monkeypatch.undo()
    die(sender._journal)
    recover_orphans(app.extensions["wotnot.config"].journal_path)
    send(app, 5)
    assert sorted(states(committed)) == sorted(["unknown"] * left + ["accepted"] * (PEOPLE - left))
    assert sandbox.sends()["to"] == dict.fromkeys(sandbox.sends()["to"], 1)


def test_throttled_waits_and_goes_later(app: Flask, broadcast: Any, committed: Any, sandbox: SandboxControl) -> None:
    sandbox.post("/sandbox/faults", {"kind": "error", "code": 130429, "count": 3})
    send(app, 4)
    assert states(committed) == ["accepted"] * PEOPLE
    assert set(sandbox.sends()["to"].values()) == {1}


def test_a_dropped_answer_is_unknown_and_not_sent_again(
    app: Flask, broadcast: Any, committed: Any, sandbox: SandboxControl
) -> None:
    sandbox.post("/sandbox/faults", {"kind": "drop_after", "count": 2})
    send(app, 2)
    assert sorted(states(committed)) == ["accepted"] * (PEOPLE - 2) + ["unknown"] * 2
    assert sorted(sandbox.sends()["to"].values()) == [1] * PEOPLE


def test_a_gateways_page_is_unknown(app: Flask, broadcast: Any, committed: Any, sandbox: SandboxControl) -> None:
    sandbox.post("/sandbox/faults", {"kind": "error", "status": 502, "body": "<html>Bad gateway</html>", "count": 1})
    send(app, 2)
    assert sorted(states(committed)).count("unknown") == 1


def test_a_dead_token_pauses_and_stops_the_number(
    app: Flask, broadcast: Any, committed: Any, sandbox: SandboxControl
) -> None:
    sandbox.post("/sandbox/faults", {"kind": "error", "code": 190, "count": 50})
    send(app, 2)
    assert states(committed) == ["queued"] * PEOPLE
    committed.refresh(broadcast)
    assert broadcast.state is BroadcastState.PAUSED
    assert "token" in broadcast.reason.lower()
    assert broadcast.channel.state is ChannelState.STOPPED
    assert sandbox.sends()["to"] == {}


def test_a_paused_template_pauses_the_broadcast_with_words(
    app: Flask, broadcast: Any, committed: Any, sandbox: SandboxControl
) -> None:
    sandbox.post("/sandbox/faults", {"kind": "error", "code": 132015, "count": 50})
    send(app, 2)
    committed.refresh(broadcast)
    assert broadcast.state is BroadcastState.PAUSED
    assert broadcast.reason
    assert broadcast.channel.state is ChannelState.CONNECTED
    assert set(states(committed)) == {"queued"}


def test_one_bad_recipient_fails_alone(app: Flask, broadcast: Any, committed: Any, sandbox: SandboxControl) -> None:
    sandbox.post("/sandbox/faults", {"kind": "error", "code": 131030, "count": 1})
    send(app, 2)
    assert sorted(states(committed)) == ["accepted"] * (PEOPLE - 1) + ["failed"]
    failed = committed.scalars(select(Message).where(Message.state == MessageState.FAILED)).one()
    assert failed.error_code == 131030
    assert failed.failed_at


def test_a_missing_value_fails_before_it_is_sent(
    app: Flask, broadcast: Any, committed: Any, sandbox: SandboxControl
) -> None:
    broadcast.variables = {"1": {"field": "city"}}
    committed.commit()
    send(app, 2)
    assert states(committed) == ["failed"] * PEOPLE
    assert sandbox.sends()["to"] == {}


def test_paused_while_it_sends_gives_everything_back(
    app: Flask, broadcast: Any, committed: Any, sandbox: SandboxControl
) -> None:
    broadcasts.pause_broadcast(broadcast.workspace_id, broadcast.id)
    send(app, 1)
    assert states(committed) == ["queued"] * PEOPLE


def test_no_server_at_all_keeps_everything(app: Flask, broadcast: Any, committed: Any, sandbox: SandboxControl) -> None:
    sandbox.post("/sandbox/faults", {"kind": "drop_before", "count": 500})
    send(app, 1)
    recover_orphans(app.extensions["wotnot.config"].journal_path)
    # The body had left before the connection broke, so nobody can tell: unknown, never queued again by itself.
    assert set(states(committed)) <= {"unknown", "queued"}
    assert sandbox.sends()["to"] == {}


def test_a_single_message_goes_out(app: Flask, committed_cast: Cast, committed: Any, sandbox: SandboxControl) -> None:
    sandbox.set(webhooks=False, endings=False)
    channel = make_channel(committed_cast.workspace, phone_number_id=sandbox.PHONE_NUMBER_ID)
    contact = make_contact(committed_cast.workspace)
    message = messages.create_message(
        committed_cast.workspace.id,
        channel_id=channel.id,
        contact_id=contact.id,
        phone=contact.phone or "",
        type="text",
        content={"body": "Hello"},
    )
    send(app, 2)
    committed.refresh(message)
    assert message.state is MessageState.ACCEPTED
    assert sandbox.sends()["to"] == {contact.phone: 1}


def test_each_message_names_the_words_it_went_out_with(
    app: Flask, broadcast: Any, committed: Any, sandbox: SandboxControl
) -> None:
    template = broadcast.template
    with transaction():
        change_template(template, {"components": [BODY | {"text": "Hi {{1}}, the shop opens at ten."}]})
    send(app, 3)
    assert set(committed.scalars(select(Message.template_version))) == {2}


def test_words_that_change_while_it_sends_are_noticed(
    app: Flask, broadcast: Any, committed: Any, sandbox: SandboxControl
) -> None:
    """The new words need a value that nobody has, so the rest waits; with the old ones in mind all of it would fail."""
    broadcast.channel.rate_per_second = 4
    committed.commit()
    sender = Sender(app, threads=4, idle_seconds=0.2, max_seconds=8)
    thread = Thread(target=run_in_context, args=(app, sender))
    thread.start()
    wait_until(lambda: bool(sandbox.sends()["to"]), 5, "the first message")
    with transaction():
        change_template(broadcast.template, {"components": [BODY | {"text": "Hi {{1}}, {{2}} opens at ten."}]})
    wait_until(lambda: state_of(committed, broadcast) is BroadcastState.PAUSED, 5, "the pause")
    thread.join(12)
    assert set(states(committed)) == {"accepted", "queued"}
    assert set(sandbox.sends()["to"].values()) == {1}


def test_a_template_that_asks_for_more_pauses_the_broadcast_and_fails_nobody(
    app: Flask, broadcast: Any, committed: Any, sandbox: SandboxControl
) -> None:
    with transaction():
        change_template(broadcast.template, {"components": [BODY | {"text": "Hi {{1}}, {{2}} opens at ten."}]})
    send(app, 2)
    committed.refresh(broadcast)
    assert broadcast.state is BroadcastState.PAUSED
    assert "needs a value for {{2}}" in broadcast.reason
    assert states(committed) == ["queued"] * PEOPLE
    assert sandbox.sends()["to"] == {}
