"""Receipts applied to the ledger: the same end whatever the order, and never somebody else's message."""

import itertools
import random
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from redis import Redis

from tests.cast import Cast
from tests.factories import make_broadcast, make_channel, make_contact, make_message
from wotnot.models import Message, MessageState
from wotnot.services import events, outbox, tallies
from wotnot.services.messages import callback_of
from wotnot.services.outbox import Outcome
from wotnot.services.receipts import apply_receipts
from wotnot.services.whatsapp.parse import Receipt

START = datetime(2026, 11, 23, 9, tzinfo=UTC)
STEPS = ("sent", "delivered", "read")


@pytest.fixture
def message(cast: Cast) -> Message:
    channel = make_channel(cast.workspace)
    broadcast = make_broadcast(cast.workspace, channel, state="sending")
    contact = make_contact(cast.workspace)
    return make_message(channel, contact, broadcast, state="sending", claimed_by="sender")


def receipt(message: Message, status: str, *, wamid: str = "wamid.1", callback: bool = True, **extra: Any) -> Receipt:
    return Receipt(
        phone_number_id=_number(message),
        wamid=wamid,
        status=status,
        at=START + timedelta(seconds=STEPS.index(status) if status in STEPS else 9),
        callback=callback_of(message.id) if callback else None,
        **extra,
    )


def _number(message: Message) -> str:
    from wotnot.extensions import db
    from wotnot.models import Channel

    channel = db.session.get(Channel, message.channel_id)
    assert channel is not None
    return channel.phone_number_id


def accepted(message: Message) -> Outcome:
    return Outcome(message.id, message.broadcast_id, "accepted", START, wamid="wamid.1", values={"1": "Ann"})


def apply(message: Message, fact: str, session: Any) -> None:
    if fact == "accepted":
        outbox.record_outcomes([accepted(message)])
    else:
        apply_receipts([receipt(message, fact)])
    session.refresh(message)


@pytest.mark.parametrize("order", list(itertools.permutations(("accepted", *STEPS))))
def test_every_order_ends_the_same(message: Message, session: Any, order: tuple[str, ...]) -> None:
    for fact in (*order, *reversed(order)):
        apply(message, fact, session)
    assert message.state is MessageState.READ
    assert (message.reached, message.wamid, message.content) == (5, "wamid.1", {"values": {"1": "Ann"}})
    assert [message.sent_at, message.delivered_at, message.read_at] == [START + timedelta(seconds=n) for n in range(3)]
    assert message.accepted_at == START


@pytest.mark.parametrize(
    ("facts", "state", "reached"),
    [
        (("sent", "failed"), "failed", 3),
        (("failed", "sent"), "failed", 3),
        (("failed", "delivered"), "delivered", 4),
        (("delivered", "failed"), "delivered", 4),
        (("accepted", "failed"), "failed", 2),
        (("failed",), "failed", 1),
    ],
)
def test_failed_beats_sent_and_delivered_beats_failed(
    message: Message, session: Any, facts: tuple[str, ...], state: str, reached: int
) -> None:
    for fact in facts:
        apply(message, fact, session)
    assert (message.state, message.reached) == (state, reached)


def test_a_receipt_before_our_own_commit_settles_an_unknown_message(message: Message, session: Any) -> None:
    outbox.settle_claims_of("sender", None)
    session.refresh(message)
    assert message.state is MessageState.UNKNOWN
    apply(message, "delivered", session)
    assert message.state is MessageState.DELIVERED


def test_without_our_callback_the_wamid_finds_it(message: Message, session: Any) -> None:
    apply(message, "accepted", session)
    apply_receipts([receipt(message, "delivered", callback=False)])
    session.refresh(message)
    assert message.state is MessageState.DELIVERED


def test_unknown_wamids_are_named_and_change_nothing(message: Message, session: Any) -> None:
    applied = apply_receipts([receipt(message, "read", wamid="wamid.other", callback=False)])
    session.refresh(message)
    assert applied.unmatched == {"wamid.other"}
    assert message.state is MessageState.SENDING


def test_another_number_cannot_speak_for_our_message(message: Message, cast: Cast, session: Any) -> None:
    stranger = make_channel(cast.other_workspace)
    forged = Receipt(stranger.phone_number_id, "wamid.1", "read", START, callback_of(message.id))
    assert apply_receipts([forged]).unmatched == {"wamid.1"}
    session.refresh(message)
    assert message.state is MessageState.SENDING


def test_a_second_wamid_for_a_known_message_is_not_ours(message: Message, session: Any) -> None:
    apply(message, "accepted", session)
    apply_receipts([receipt(message, "read", wamid="wamid.2")])
    session.refresh(message)
    assert (message.state, message.wamid) == (MessageState.ACCEPTED, "wamid.1")


def test_failure_carries_its_reason_and_opt_out(message: Message, session: Any) -> None:
    applied = apply_receipts([receipt(message, "failed", error={"code": 131050, "title": "stopped"})])
    session.refresh(message)
    assert message.error_code == 131050
    assert message.error_title
    assert applied.opted_out == {message.workspace_id: [message.contact_id]}


def test_a_shuffled_and_doubled_crowd_counts_right(cast: Cast, session: Any) -> None:
    channel = make_channel(cast.workspace)
    broadcast = make_broadcast(cast.workspace, channel, state="sending")
    messages = [
        make_message(channel, make_contact(cast.workspace), broadcast, state="sending", claimed_by="s")
        for _ in range(40)
    ]
    facts = [receipt(m, status, wamid=f"wamid.{m.id}") for m in messages for status in STEPS] * 2
    random.Random(7).shuffle(facts)
    for start in range(0, len(facts), 17):
        apply_receipts(facts[start : start + 17])
    counts = tallies.broadcast_counts([broadcast.id])[broadcast.id]
    assert counts.states["read"] == 40
    assert (counts.funnel["sent"], counts.funnel["delivered"], counts.funnel["read"]) == (40, 40, 40)
    tallies.compact()
    assert tallies.broadcast_counts([broadcast.id])[broadcast.id] == counts


def test_an_open_thread_hears_of_a_broadcasts_ticks(message: Message, cast: Cast, redis: "Redis[bytes]") -> None:
    topic = f"contact:{message.contact_id}"
    heard = events.listen(cast.workspace.id, [topic], heartbeat_seconds=5)
    assert next(heard) == []
    apply_receipts([receipt(message, "delivered")])
    assert next(heard) == [topic]
    heard.close()
