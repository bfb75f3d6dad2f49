"""Claims, outcomes and releases: what the sender may do to the ledger, and what a dead one leaves."""

import fcntl
import socket
from pathlib import Path
from typing import Any

import pytest

from tests.cast import Cast
from tests.factories import make_broadcast, make_channel, make_contact, make_contacts, make_message
from wotnot import clock
from wotnot.models import BroadcastState, Consent, Message, MessageState
from wotnot.services import outbox
from wotnot.services.outbox import Outcome, Release
from wotnot.services.send_journal import SendJournal
from wotnot.services.sender_recovery import recover_orphans


@pytest.fixture
def broadcast(cast: Cast) -> Any:
    broadcast = make_broadcast(cast.workspace, make_channel(cast.workspace), state=BroadcastState.SENDING)
    for contact in make_contacts(cast.workspace, 5):
        make_message(broadcast.channel, contact, broadcast)
    return broadcast


def die(journal: SendJournal) -> None:
    """What the kernel does when a process is killed: the lock goes."""
    fcntl.flock(journal._file, fcntl.LOCK_UN)
    journal._file.close()


def states(session: Any) -> list[str]:
    session.expire_all()
    return [str(row.state) for row in session.query(Message).order_by(Message.id)]


def test_a_claim_is_exclusive_and_oldest_first(broadcast: Any, session: Any) -> None:
    first = outbox.claim_for_broadcasts([(broadcast.id, 3)], "a")
    second = outbox.claim_for_broadcasts([(broadcast.id, 9)], "b")
    assert [claim.id for claim in first] == sorted(claim.id for claim in first)
    assert len(first) == 3
    assert len(second) == 2
    assert not {claim.id for claim in first} & {claim.id for claim in second}
    assert first[0].name.startswith("Contact")
    assert states(session) == ["sending"] * 5


def test_who_opted_out_a_moment_ago_is_skipped_in_the_claim_itself(broadcast: Any, session: Any) -> None:
    message = session.query(Message).order_by(Message.id).first()
    message.contact.consent = Consent.OPTED_OUT
    session.commit()
    assert len(outbox.claim_for_broadcasts([(broadcast.id, 9)], "a")) == 4
    session.refresh(message)
    assert (message.state, message.skip_reason, message.claimed_by) == (MessageState.SKIPPED, "opted_out", None)


def test_a_paused_broadcast_gives_nothing(broadcast: Any, session: Any) -> None:
    broadcast.state = BroadcastState.PAUSED
    session.commit()
    assert outbox.claim_for_broadcasts([(broadcast.id, 9)], "a") == []


def test_what_is_due_later_waits(broadcast: Any, session: Any) -> None:
    claims = outbox.claim_for_broadcasts([(broadcast.id, 9)], "a")
    outbox.release([Release(claims[0].id, clock.now().replace(year=2099), throttled=True)], "a")
    assert outbox.claim_for_broadcasts([(broadcast.id, 9)], "a") == []
    assert states(session).count("queued") == 1


def test_only_the_holder_can_release(broadcast: Any, session: Any) -> None:
    claims = outbox.claim_for_broadcasts([(broadcast.id, 1)], "a")
    outbox.release([Release(claims[0].id, clock.now())], "b")
    assert states(session).count("sending") == 1


def test_released_into_a_cancelled_broadcast_is_cancelled(broadcast: Any, session: Any) -> None:
    claims = outbox.claim_for_broadcasts([(broadcast.id, 2)], "a")
    broadcast.state = BroadcastState.CANCELLED
    session.commit()
    outbox.release([Release(claim.id, clock.now()) for claim in claims], "a")
    assert states(session).count("cancelled") == 2


def test_single_messages_have_a_queue_of_their_own(cast: Cast, session: Any) -> None:
    channel = make_channel(cast.workspace)
    make_message(channel, make_contact(cast.workspace), content={"body": "Hi"}, type="text")
    (claim,) = outbox.claim_for_channels([(channel.id, 5)], "a")
    assert (claim.type, claim.content, claim.broadcast_id) == ("text", {"body": "Hi"}, None)
    outbox.record_outcomes([Outcome(claim.id, None, "accepted", clock.now(), wamid="wamid.9")])
    assert states(session) == ["accepted"]


def test_recording_twice_changes_nothing(broadcast: Any, session: Any) -> None:
    (claim,) = outbox.claim_for_broadcasts([(broadcast.id, 1)], "a")
    outcome = Outcome(claim.id, broadcast.id, "accepted", clock.now(), wamid="wamid.1", values={"1": "Ann"})
    outbox.record_outcomes([outcome])
    outbox.record_outcomes([outcome])
    message = session.get(Message, claim.id)
    session.refresh(message)
    assert (message.state, message.reached, message.wamid) == (MessageState.ACCEPTED, 2, "wamid.1")


def test_a_dead_sender_on_this_host(broadcast: Any, session: Any, tmp_path: Path) -> None:
    """Its journal tells what had left: that becomes unknown, the rest is queued again."""
    journal = SendJournal.create(tmp_path, "dead")
    claims = outbox.claim_for_broadcasts([(broadcast.id, 5)], "dead")
    here, there = socket.socketpair()
    with here, there:
        journal.prepare(claims[1].id).send(here, b"{}")
    journal.prepare(claims[3].id)
    broken = journal.prepare(claims[4].id)
    with pytest.raises(OSError, match="Bad file"):
        broken.send(here, b"{}")
    assert recover_orphans(tmp_path) == {"requeued": 0, "unknown": 0}, "it lives: nothing is touched"
    die(journal)
    assert recover_orphans(tmp_path) == {"requeued": 4, "unknown": 1}
    assert states(session) == ["queued", "unknown", "queued", "queued", "queued"]
    assert list(tmp_path.iterdir()) == []
    assert recover_orphans(tmp_path) == {"requeued": 0, "unknown": 0}


def test_a_journal_from_before_a_power_cut_cannot_say(broadcast: Any, session: Any, tmp_path: Path) -> None:
    journal = SendJournal.create(tmp_path, "dead")
    outbox.claim_for_broadcasts([(broadcast.id, 5)], "dead")
    die(journal)
    path = tmp_path / "dead.journal"
    path.write_bytes(path.read_bytes().replace(b"-", b"+", 4))
    assert recover_orphans(tmp_path) == {"requeued": 0, "unknown": 5}


def test_a_sender_on_another_host_gets_its_lease(broadcast: Any, session: Any, tmp_path: Path) -> None:
    outbox.claim_for_broadcasts([(broadcast.id, 5)], "elsewhere")
    assert recover_orphans(tmp_path)["unknown"] == 0
    session.query(Message).update({"claimed_at": clock.now().replace(year=2020)})
    session.commit()
    assert recover_orphans(tmp_path)["unknown"] == 5
