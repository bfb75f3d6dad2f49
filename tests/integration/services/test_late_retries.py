"""Retries whose deadline passes while nothing claims them: they fail with the words that the sender would have given them."""

from contextlib import closing
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import select

from tests import factories as make
from tests.cast import Cast
from wotnot import clock
from wotnot.extensions import db
from wotnot.models import Broadcast, BroadcastState, Channel, Consent, Message, MessageState
from wotnot.services import broadcast_sweeps, events, failure_watch, outbox, recounts, tallies

S = BroadcastState
PAST, FUTURE = timedelta(minutes=-1), timedelta(hours=1)


@pytest.fixture
def channel(cast: Cast) -> Channel:
    return make.make_channel(cast.workspace)


def make_broadcast(cast: Cast, channel: Channel, state: BroadcastState, **fields: Any) -> Broadcast:
    times = {"started_at": clock.now() - timedelta(days=4)}
    if state is S.CANCELLED:
        times["finished_at"] = clock.now()
    return make.make_broadcast(cast.workspace, channel, state=state, **times | fields)


def wait_until(cast: Cast, broadcast: Broadcast, deadline: timedelta, **fields: Any) -> Message:
    """A retry that waits, and the failure before it."""
    assert broadcast.channel is not None
    contact = make.make_contact(cast.workspace)
    make.make_message(broadcast.channel, contact, broadcast, state="failed", error_code=131049, failed_at=clock.now())
    retry = {"attempt": 2, "hold_reason": "retry", "due_at": clock.now(), "expires_at": clock.now() + deadline}
    return make.make_message(broadcast.channel, contact, broadcast, **retry | fields)


def sweep() -> int:
    """How many were settled. A sweep gives its connection back, so what is held before belongs to no session after."""
    return broadcast_sweeps.sweep_broadcasts()["too_late"]


def read(message_id: int) -> Message:
    return db.session.scalars(select(Message).where(Message.id == message_id)).one()


def state_of(broadcast_id: int) -> BroadcastState:
    return db.session.scalars(select(Broadcast.state).where(Broadcast.id == broadcast_id)).one()


@pytest.mark.parametrize(
    "fields",
    [
        {"state": S.PAUSED},
        {"state": S.SENDING, "waits_until": clock.now() + timedelta(days=1), "waits_for": "limit"},
    ],
)
def test_in_a_broadcast_that_does_not_go_on_they_fail(cast: Cast, channel: Channel, fields: dict[str, Any]) -> None:
    broadcast = make_broadcast(cast, channel, **fields)
    late = wait_until(cast, broadcast, PAST).id
    other = wait_until(cast, broadcast, FUTURE).id
    first, broadcast_id = make.make_message(channel, make.make_contact(cast.workspace), broadcast).id, broadcast.id
    assert sweep() == 1
    found = read(late)
    assert (found.state, found.skip_reason, found.hold_reason) == (MessageState.FAILED, outbox.TOO_LATE, None)
    assert (found.error_code, found.reached, found.claimed_by) == (None, 0, None)
    assert found.failed_at is not None
    assert [read(one).state for one in (other, first)] == [MessageState.QUEUED] * 2
    assert state_of(broadcast_id) is fields["state"]
    assert sweep() == 0


def test_the_counts_are_exact_and_it_is_nobodys_fault(cast: Cast, channel: Channel) -> None:
    broadcast = make_broadcast(cast, channel, S.PAUSED)
    workspace_id, broadcast_id = cast.workspace.id, broadcast.id
    for _ in range(3):
        wait_until(cast, broadcast, PAST)
    assert tallies.broadcast_counts([broadcast_id])[broadcast_id].states["queued"] == 3
    assert sweep() == 3
    counts = tallies.broadcast_counts([broadcast_id])[broadcast_id]
    assert (counts.states["queued"], counts.states["failed"], counts.funnel["audience"]) == (0, 6, 3)
    assert {one.cause: one.count for one in counts.causes} == {"131049": 3, outbox.TOO_LATE: 3}
    assert failure_watch.our_failures(counts)[outbox.TOO_LATE] == 0
    assert recounts.mend_counts(workspace_id) == {}


def test_a_running_broadcast_whose_last_retry_came_too_late_is_finished(cast: Cast, channel: Channel) -> None:
    broadcast = make_broadcast(cast, channel, S.SENDING)
    late, broadcast_id = wait_until(cast, broadcast, PAST, due_at=clock.now() + FUTURE).id, broadcast.id
    assert sweep() == 1
    assert (read(late).state, state_of(broadcast_id)) == (MessageState.FAILED, S.FINISHED)


def test_what_was_cancelled_is_cancelled_and_not_failed(cast: Cast, channel: Channel) -> None:
    late = wait_until(cast, make_broadcast(cast, channel, S.CANCELLED), PAST).id
    assert sweep() == 0
    assert read(late).state is MessageState.CANCELLED


def test_who_opted_out_or_is_gone_is_skipped_as_when_it_is_claimed(cast: Cast, channel: Channel) -> None:
    broadcast = make_broadcast(cast, channel, S.PAUSED)
    out, gone = wait_until(cast, broadcast, PAST), wait_until(cast, broadcast, PAST)
    assert out.contact is not None
    out.contact.consent, gone.contact_id = Consent.OPTED_OUT, None
    db.session.commit()
    ids = (out.id, gone.id)
    assert sweep() == 2
    assert [read(one).skip_reason for one in ids] == ["opted_out", "contact_deleted"]


def test_so_many_at_a_time_and_the_rest_in_the_next(cast: Cast, channel: Channel) -> None:
    paused, other = make_broadcast(cast, channel, S.PAUSED), make_broadcast(cast, channel, S.PAUSED)
    for broadcast in (paused, other, paused):
        wait_until(cast, broadcast, PAST)
    found = [outbox.settle_late(2), outbox.settle_late(2), outbox.settle_late(2)]
    home = cast.workspace.id
    assert [sorted(one) for one in found] == [[(home, paused.id, 1), (home, other.id, 1)], [(home, paused.id, 1)], []]


def test_open_pages_hear_of_it(cast: Cast, channel: Channel) -> None:
    broadcast = make_broadcast(cast, channel, S.PAUSED)
    wait_until(cast, broadcast, PAST)
    topic = f"broadcast:{broadcast.id}"
    with closing(events.listen(cast.workspace.id, [topic], heartbeat_seconds=5)) as heard:
        assert next(heard) == []
        assert sweep() == 1
        assert next(heard) == [topic]
