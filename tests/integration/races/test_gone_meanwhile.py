"""People who are deleted while something is written to them. The ledger has no foreign key to contacts that would see to it."""

import threading
from collections.abc import Callable

import pytest
from flask import Flask
from sqlalchemy import select

from tests import factories as make
from tests.cast import Cast
from tests.integration.races.holding import is_somebody_waiting
from tests.servers import wait_until
from wotnot import clock
from wotnot.errors import NotFound
from wotnot.extensions import db
from wotnot.models import Broadcast, BroadcastState, Channel, Contact, Conversation, Message
from wotnot.services import (
    broadcast_reports,
    broadcast_sweeps,
    contact_merges,
    contacts,
    expansion,
    outbox,
    recounts,
    single_messages,
)
from wotnot.services.contact_merges import Pair
from wotnot.services.single_messages import Draft
from wotnot.services.transaction import transaction

GONE, LEFT = "27825550101", "27825550102"


@pytest.fixture
def channel(committed_cast: Cast) -> Channel:
    return make.make_channel(committed_cast.workspace)


@pytest.fixture
def people(committed_cast: Cast) -> tuple[int, int]:
    """The ids of who goes and of who stays."""
    gone, left = (make.make_contact(committed_cast.workspace, phone=phone).id for phone in (GONE, LEFT))
    return gone, left


@pytest.fixture
def draft(channel: Channel, people: tuple[int, int]) -> Draft:
    """Words to who goes, ready to be queued."""
    contact = db.session.get_one(Contact, people[0])
    make.make_conversation(channel, contact)
    return single_messages.draft_message(channel, contact, type="text", content={"body": "Hello"})


def beside(app: Flask, act: Callable[[], object]) -> threading.Thread:
    """Let somebody else do something meanwhile."""

    def run() -> None:
        with app.app_context():
            act()

    other = threading.Thread(target=run)
    other.start()
    return other


def delete(workspace_id: int, contact_id: int) -> None:
    contacts.delete_contact(workspace_id, contact_id)


def merge_away(workspace_id: int, contact_id: int) -> None:
    """They turn out to be the same person as the other."""
    other = select(Contact.id).where(Contact.workspace_id == workspace_id, Contact.id != contact_id)
    kept = db.session.scalars(other).one()
    assert contact_merges.merge([Pair(kept, contact_id)], contact_merges.SAME_MESSAGE) == 1


@pytest.mark.parametrize("leave", [delete, merge_away])
def test_who_goes_while_the_list_is_made_gets_nothing_and_the_rest_do(
    app: Flask,
    committed_cast: Cast,
    channel: Channel,
    people: tuple[int, int],
    leave: Callable[[int, int], None],
) -> None:
    workspace_id, gone = committed_cast.workspace.id, people[0]
    broadcast_id = make.make_broadcast(committed_cast.workspace, channel, state=BroadcastState.EXPANDING).id
    with transaction():
        assert expansion.expand_broadcast(broadcast_id).finished
        other = beside(app, lambda: leave(workspace_id, gone))
        other.join(30)
        assert not other.is_alive(), "who is deleted waits for the list"
    claimed = outbox.claim_for_broadcasts([(broadcast_id, 10)], "sender")
    assert [one.phone for one in claimed] == [LEFT]
    outbox.record_outcomes([outbox.Outcome(claimed[0].id, broadcast_id, "accepted", clock.now(), wamid="wamid.1")])
    assert broadcast_sweeps.finish_drained() == 1
    rows = db.session.execute(select(Message.phone, Message.contact_id, Message.state, Message.skip_reason)).all()
    assert sorted(rows) == [(GONE, None, "skipped", "contact_deleted"), (LEFT, people[1], "accepted", None)]
    counts = broadcast_reports.describe(db.session.get_one(Broadcast, broadcast_id)).counts
    assert (counts.funnel["audience"], counts.states["skipped"], counts.states["accepted"]) == (2, 1, 1)
    assert recounts.mend_counts(workspace_id) == {}


def test_who_becomes_one_with_somebody_off_the_list_while_it_is_made_still_gets_it(
    app: Flask, committed_cast: Cast, channel: Channel, people: tuple[int, int]
) -> None:
    workspace_id, (gone, kept) = committed_cast.workspace.id, people
    fields = {"state": BroadcastState.EXPANDING, "audience": {"contact_ids": [gone]}}
    broadcast_id = make.make_broadcast(committed_cast.workspace, channel, **fields).id
    with transaction():
        assert expansion._expand_batch(broadcast_id, 10) == "more"
        beside(app, lambda: merge_away(workspace_id, gone)).join(30)
    assert expansion.expand_broadcast(broadcast_id).finished
    assert [one.contact_id for one in outbox.claim_for_broadcasts([(broadcast_id, 10)], "sender")] == [kept]


def test_who_is_being_written_to_is_deleted_afterwards(
    app: Flask, committed_cast: Cast, people: tuple[int, int], draft: Draft
) -> None:
    workspace_id, gone = committed_cast.workspace.id, people[0]
    with transaction():
        message_id = single_messages.queue_draft(draft).id
        other = beside(app, lambda: delete(workspace_id, gone))
        wait_until(is_somebody_waiting, what="the deletion to wait")
    other.join(30)
    assert not other.is_alive()
    message = db.session.get_one(Message, message_id)
    assert (message.contact_id, message.state, message.skip_reason) == (None, "skipped", "contact_deleted")
    assert db.session.query(Conversation).count() == 0


def test_nobody_writes_to_who_was_just_deleted(
    app: Flask, committed_cast: Cast, people: tuple[int, int], draft: Draft
) -> None:
    workspace_id, gone = committed_cast.workspace.id, people[0]
    db.session.commit()
    beside(app, lambda: delete(workspace_id, gone)).join(30)
    with pytest.raises(NotFound):
        single_messages.queue_draft(draft)
    assert db.session.query(Message).count() == 0
