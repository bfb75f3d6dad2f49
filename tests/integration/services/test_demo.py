"""The demo workspace: made once on an empty database, whole or not at all."""

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import func, select

from tests import factories
from tests.sandbox_control import SandboxControl
from wotnot import clock
from wotnot.errors import Unavailable
from wotnot.models import (
    Automation,
    AutomationRun,
    Broadcast,
    CannedReply,
    Channel,
    Contact,
    Conversation,
    ConversationEvent,
    Message,
    MessageCost,
    Purchase,
    Role,
    Template,
    User,
    Workspace,
)
from wotnot.services import accounts, billing, message_templates, recounts, segments, tallies, workspaces
from wotnot.services.demo import workspace as demo
from wotnot.services.demo.people import make_people
from wotnot.services.phone_numbers import parse_phone

PASSWORD = "correct horse battery"


@pytest.fixture
def empty(session: Any, sandbox: SandboxControl) -> Any:
    return session


def count(session: Any, model: Any, *conditions: Any) -> int:
    return int(session.scalar(select(func.count()).select_from(model).where(*conditions)))


def test_it_is_made_once_and_looks_lived_in(empty: Any) -> None:
    assert demo.is_wanted()
    demo.make_demo(PASSWORD)
    assert not demo.is_wanted()

    user = accounts.authenticate("dana@example.com", PASSWORD)
    (member,) = workspaces.list_memberships(user.id)
    assert (member.role, member.workspace.name, member.workspace.is_demo) == (Role.OWNER, "Casa Verde", True)
    here = member.workspace.id
    assert count(empty, Contact) == 2000
    shown = segments.list_segments(here).items
    assert len(shown) == 2
    assert all(0 < segments.count_people(here, one.definition).people < 2000 for one in shown)
    assert count(empty, Template, Template.name == "waiting_list", Template.status == "pending") == 1
    assert count(empty, Template, Template.name == "spring_offer") == 2, "a family in two languages"
    assert count(empty, Contact, Contact.language == "de") > 50
    assert count(empty, Contact, Contact.consent == "opted_out") > 20
    assert billing.recount(here) == []
    assert recounts.mend_counts(here) == {}
    assert count(empty, MessageCost, MessageCost.micros.is_(None)) == 0
    assert count(empty, Broadcast, Broadcast.state == "finished", Broadcast.forecast.is_(None)) == 0
    assert count(empty, Purchase) == 3
    assert empty.scalar(select(Channel.display_phone_number)) == "+27 21 555 0140"
    states = {t.status.value for t in message_templates.list_templates(here).items}
    assert {"approved", "pending", "rejected"} <= states

    broadcasts = {row.name: row for row in empty.scalars(select(Broadcast))}
    assert {row.state.value for row in broadcasts.values()} == {"finished", "scheduled"}
    old = broadcasts["New arrivals in November"]
    counts = tallies.broadcast_counts([old.id])[old.id]
    assert counts.funnel["audience"] == 1200
    assert counts.funnel["attempted"] + counts.funnel["skipped"] == 1200
    assert (
        counts.funnel["accepted"] >= counts.funnel["sent"] >= counts.funnel["delivered"] >= counts.funnel["read"] > 600
    )
    assert counts.funnel["replied"] > 10
    assert {cause.cause for cause in counts.causes} >= {"131026", "131049", "opted_out"}
    assert count(empty, Conversation, Conversation.state == "open") > 8
    assert count(empty, Conversation, Conversation.state == "closed") > 20
    assert 4 < count(empty, Conversation, Conversation.unread_count > 0) < 12
    assert count(empty, Conversation, Conversation.assignee_id.is_not(None)) > 5
    assert count(empty, ConversationEvent, ConversationEvent.kind == "note") == 1
    assert count(empty, CannedReply) == 4
    assert (count(empty, Automation), count(empty, Automation, Automation.is_on)) == (2, 1)
    assert count(empty, AutomationRun) == 0, "nobody is answered about what they said long ago"
    texts = {row.type for row in empty.scalars(select(Message).where(Message.direction == "in"))}
    assert {"text", "location", "contacts", "order", "interactive", "reaction", "edit"} <= texts


def test_nothing_in_the_past_happens_in_the_future_or_out_of_order(empty: Any) -> None:
    demo.make_demo(PASSWORD)
    now = func.now()
    assert count(empty, Message, Message.changed_at > now) == 0
    assert count(empty, Message, Message.read_at < Message.delivered_at) == 0
    assert count(empty, Message, Message.delivered_at < Message.sent_at) == 0
    assert count(empty, Message, Message.sent_at < Message.accepted_at) == 0
    assert count(empty, Message, Message.state.in_(("queued", "sending"))) == 0


def test_who_opted_out_was_sent_nothing(empty: Any) -> None:
    demo.make_demo(PASSWORD)
    opted_out = select(Contact.id).where(Contact.consent == "opted_out")
    theirs = (Message.contact_id.in_(opted_out), Message.direction == "out")
    assert count(empty, Message, *theirs) > 20
    assert count(empty, Message, *theirs, Message.state != "skipped") == 0


def test_an_interrupted_run_is_begun_again(empty: Any, sandbox: SandboxControl) -> None:
    demo._set_up(demo._new_workspace())
    assert demo.is_wanted()
    demo.make_demo(PASSWORD)
    assert count(empty, Workspace) == 1
    assert count(empty, Channel) == 1


def test_a_sandbox_that_is_away_leaves_nobody_behind(empty: Any, sandbox: SandboxControl) -> None:
    sandbox.post("/sandbox/faults", {"kind": "error", "status": 503, "on": "", "count": 5})
    with pytest.raises(Unavailable):
        demo.make_demo(PASSWORD)
    assert demo.is_wanted()


def test_it_is_not_wanted_where_somebody_is(empty: Any) -> None:
    factories.make_user()
    assert not demo.is_wanted()


@pytest.fixture
def on_meta(app: Flask) -> Iterator[None]:
    before = app.extensions["wotnot.config"]
    app.extensions["wotnot.config"] = replace(before, sandbox_url="")
    yield
    app.extensions["wotnot.config"] = before


def test_it_is_not_wanted_on_meta_itself(empty: Any, on_meta: None) -> None:
    assert not demo.is_wanted()


def test_the_command_prints_the_log_in(app: Flask, empty: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DEMO_PASSWORD", PASSWORD)
    first = app.test_cli_runner().invoke(args=["demo"])
    assert first.output.splitlines()[-1] == f"log-in: dana@example.com, password {PASSWORD}"
    second = app.test_cli_runner().invoke(args=["demo"])
    assert (second.exit_code, "log-in" in second.output) == (0, False)
    assert count(empty, User) == 2


def test_the_people_are_different_and_their_numbers_exist() -> None:
    people = make_people(2000)
    assert len({person.phone for person in people}) == 2000
    assert all(parse_phone(f"+{person.phone}", "ZA").digits == person.phone for person in people)
    assert make_people(50) == make_people(50)


def test_the_sandbox_knows_who_wrote_lately(empty: Any, sandbox: SandboxControl) -> None:
    """It did not see them write, so it refused the first answer that anybody tried."""
    demo.make_demo(PASSWORD)
    open_threads = (
        select(Contact.phone, Channel.phone_number_id, Conversation.window_expires_at)
        .join(Contact, Contact.id == Conversation.contact_id)
        .join(Channel, Channel.id == Conversation.channel_id)
        .where(Conversation.window_expires_at > clock.now())
    )
    rows = empty.execute(open_threads).all()
    assert rows
    for phone, number, closes_at in rows:
        wrote_at = closes_at.timestamp() - 24 * 3600
        assert sandbox.wrote_at(phone, number) == pytest.approx(wrote_at, abs=1), phone
