"""What happens by itself after failures: another attempt while it can help, a pause when it cannot, and nobody twice."""

from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import select, text

from tests.cast import Cast
from tests.factories import make_broadcast, make_channel, make_contact, make_contacts, make_message, make_template
from wotnot import clock
from wotnot.extensions import db
from wotnot.models import Broadcast, BroadcastState, Consent, Message, MessageState, Workspace
from wotnot.services import (
    broadcast_reports,
    broadcasts,
    failure_watch,
    holds,
    outbox,
    pace_settings,
    receipts,
    tallies,
)
from wotnot.services.outbox import Outcome
from wotnot.services.transaction import transaction
from wotnot.services.whatsapp.parse import Receipt

HELD_BACK, LOST, NOT_REACHABLE, PAYMENT, WRONG = 131049, 131000, 131026, 131042, 132000
S = BroadcastState


@pytest.fixture
def broadcast(cast: Cast) -> Broadcast:
    channel = make_channel(cast.workspace)
    return make_broadcast(cast.workspace, channel, make_template(cast.workspace), state=S.SENDING, retry_hours=72)


def taken(broadcast: Broadcast, contact: Any = None, **fields: Any) -> Message:
    """A message that Meta took."""
    assert broadcast.channel is not None
    contact = contact or make_contact(_home(broadcast))
    defaults = {"state": "accepted", "reached": 2, "wamid": f"wamid.{contact.id}.{fields.get('attempt', 1)}"}
    return make_message(broadcast.channel, contact, broadcast, **defaults | fields)


def _home(broadcast: Broadcast) -> Workspace:
    return db.session.get_one(Workspace, broadcast.workspace_id)


def tell(message: Message, status: str, code: int | None = None) -> None:
    """Meta's receipt about a message."""
    channel = db.session.scalar(select(Broadcast).where(Broadcast.id == message.broadcast_id)).channel  # type: ignore[union-attr]
    error = {"code": code, "title": "x"} if code else None
    receipt = Receipt(
        phone_number_id=channel.phone_number_id,  # type: ignore[union-attr]
        wamid=message.wamid or "",
        status=status,
        at=clock.now(),
        error=error,
    )
    with transaction():
        receipts.apply_receipts([receipt])
    db.session.expire_all()


def attempts(broadcast: Broadcast) -> list[Message]:
    db.session.expire_all()
    rows = select(Message).where(Message.broadcast_id == broadcast.id).order_by(Message.contact_id, Message.attempt)
    return list(db.session.scalars(rows))


def test_whom_meta_holds_back_waits_a_day_and_is_asked_again(broadcast: Broadcast) -> None:
    message = taken(broadcast)
    tell(message, "failed", HELD_BACK)
    first, second = attempts(broadcast)
    assert (first.state, second.state, second.attempt) == (MessageState.FAILED, MessageState.QUEUED, 2)
    assert first.failed_at is not None
    assert second.due_at == first.failed_at + timedelta(hours=24)
    assert second.hold_reason == "retry"
    assert (second.phone, second.template_id, second.day) == (first.phone, first.template_id, second.day)
    assert outbox.claim_for_broadcasts([(broadcast.id, 9)], "a") == []


def test_told_twice_and_in_any_order_it_is_one_attempt(broadcast: Broadcast) -> None:
    message = taken(broadcast)
    for status, code in (("failed", HELD_BACK), ("sent", None), ("failed", HELD_BACK), ("failed", HELD_BACK)):
        tell(message, status, code)
    assert len(attempts(broadcast)) == 2


def test_after_three_days_it_stays_failed(broadcast: Broadcast) -> None:
    contact = make_contact(_home(broadcast))
    for attempt in (1, 2, 3, 4):
        if attempt > 1:
            db.session.execute(
                text("UPDATE messages SET state = 'accepted', wamid = :w WHERE attempt = :n"),
                {"w": f"w{attempt}", "n": attempt},
            )
            db.session.commit()
            message = attempts(broadcast)[-1]
        else:
            message = taken(broadcast, contact)
        tell(message, "failed", HELD_BACK)
    assert [one.attempt for one in attempts(broadcast)] == [1, 2, 3, 4]
    assert {one.state for one in attempts(broadcast)} == {MessageState.FAILED}


@pytest.mark.parametrize(("hours", "most"), [(0, 1), (24, 2), (48, 3)])
def test_the_deadline_is_the_broadcasts(broadcast: Broadcast, hours: int, most: int) -> None:
    broadcast.retry_hours = hours
    message = taken(broadcast, attempt=most)
    tell(message, "failed", HELD_BACK)
    assert [one.attempt for one in attempts(broadcast)] == [most]


def test_a_retry_that_was_held_past_its_deadline_is_not_sent(broadcast: Broadcast) -> None:
    tell(taken(broadcast), "failed", HELD_BACK)
    first, second = attempts(broadcast)
    assert first.failed_at is not None
    assert second.expires_at == first.failed_at + timedelta(hours=72 + 24)
    db.session.execute(
        text("UPDATE messages SET due_at = now(), expires_at = now() - interval '1 second' WHERE attempt = 2")
    )
    db.session.commit()
    assert outbox.claim_for_broadcasts([(broadcast.id, 9)], "a") == []
    late = attempts(broadcast)[-1]
    assert (late.state, late.skip_reason, late.claimed_by) == (MessageState.FAILED, "too_late", None)
    assert broadcast_reports.cause_words("too_late")[0] == "The retry came too late"
    assert sum(failure_watch.our_failures(tallies.broadcast_counts([broadcast.id])[broadcast.id]).values()) == 0


def test_later_attempts_keep_the_first_deadline(broadcast: Broadcast) -> None:
    tell(taken(broadcast), "failed", LOST)
    second = attempts(broadcast)[-1]
    deadline = second.expires_at
    second.state, second.wamid = MessageState.ACCEPTED, "wamid.second"
    db.session.commit()
    tell(second, "failed", HELD_BACK)
    third = attempts(broadcast)[-1]
    assert (third.attempt, third.expires_at) == (3, deadline)


def test_marketing_to_the_united_states_is_not_asked_again(broadcast: Broadcast) -> None:
    tell(taken(broadcast, make_contact(_home(broadcast), phone="12125550123")), "failed", HELD_BACK)
    tell(taken(broadcast, make_contact(_home(broadcast), phone="14165550123")), "failed", HELD_BACK)
    assert [one.phone for one in attempts(broadcast) if one.attempt == 2] == ["14165550123"]


@pytest.mark.parametrize("code", [NOT_REACHABLE, 131050, WRONG, PAYMENT, 987654])
def test_what_time_does_not_mend_is_not_tried_again(broadcast: Broadcast, code: int) -> None:
    tell(taken(broadcast), "failed", code)
    assert [one.state for one in attempts(broadcast)] == [MessageState.FAILED]


def test_what_meta_lost_is_tried_again_in_minutes(broadcast: Broadcast) -> None:
    tell(taken(broadcast), "failed", LOST)
    first, second = attempts(broadcast)
    assert first.failed_at is not None
    assert second.due_at == first.failed_at + timedelta(minutes=1)


def test_who_opted_out_or_was_cancelled_gets_no_attempt(broadcast: Broadcast) -> None:
    message = taken(broadcast)
    assert message.contact is not None
    message.contact.consent = Consent.OPTED_OUT
    db.session.commit()
    tell(message, "failed", HELD_BACK)
    broadcast.state = S.CANCELLED
    db.session.commit()
    tell(taken(broadcast), "failed", HELD_BACK)
    assert {one.attempt for one in attempts(broadcast)} == {1}


def test_a_finished_broadcast_goes_on_and_a_paused_one_stays_paused(broadcast: Broadcast) -> None:
    broadcast.state, broadcast.finished_at = S.FINISHED, clock.now()
    db.session.commit()
    tell(taken(broadcast), "failed", HELD_BACK)
    assert (broadcast.state, broadcast.finished_at) == (S.SENDING, None)
    broadcast.state = S.PAUSED
    db.session.commit()
    tell(taken(broadcast), "failed", HELD_BACK)
    assert broadcast.state is S.PAUSED
    assert len(attempts(broadcast)) == 4


def test_who_got_it_after_all_does_not_get_it_twice(broadcast: Broadcast) -> None:
    message = taken(broadcast)
    tell(message, "failed", HELD_BACK)
    tell(message, "delivered")
    first, second = attempts(broadcast)
    assert first.state is MessageState.DELIVERED
    assert (second.state, second.skip_reason) == (MessageState.SKIPPED, "arrived")


def test_a_refusal_at_once_waits_too_in_the_same_commit(broadcast: Broadcast) -> None:
    message = taken(broadcast, state="sending", reached=0, wamid=None)
    outbox.record_outcomes(
        [Outcome(message.id, broadcast.id, "failed", clock.now(), error_code=HELD_BACK, error_title="Held back")]
    )
    assert [(one.attempt, one.state.value) for one in attempts(broadcast)] == [(1, "failed"), (2, "queued")]


def test_the_counts_say_who_is_held_and_why(broadcast: Broadcast) -> None:
    tell(taken(broadcast), "failed", HELD_BACK)
    counts = broadcast_reports.summarise([broadcast])[0].counts
    waiting = holds.find_waiting(broadcast, counts)
    assert [(one.reason, one.count) for one in waiting.held] == [("retry", 1)]
    assert waiting.next_due_at == waiting.last_due_at == attempts(broadcast)[1].due_at
    broadcasts.cancel_broadcast(broadcast.workspace_id, broadcast.id)
    counts = broadcast_reports.summarise([broadcast])[0].counts
    assert holds.find_waiting(broadcast, counts) == holds.Waiting()
    assert not [cause for cause in counts.causes if cause.cause == "retry"]


# ---------------------------------------------------------------- the pause at failures


def results(broadcast: Broadcast, good: int, bad: int, code: int | None = WRONG) -> None:
    """So many more messages that arrived, and that failed with `code`."""
    channel = broadcast.channel
    assert channel is not None
    for place, contact in enumerate(make_contacts(_home(broadcast), good + bad)):
        fields = {"state": "delivered", "reached": 4} if place < good else {"state": "failed", "reached": 1}
        message = Message(
            workspace_id=broadcast.workspace_id,
            channel_id=channel.id,
            broadcast_id=broadcast.id,
            contact_id=contact.id,
            error_code=code if place >= good else None,
            **fields,
        )
        db.session.add(message)
    db.session.commit()


def watched(broadcast: Broadcast) -> BroadcastState:
    failure_watch.watch_failures()
    db.session.expire_all()
    return broadcast.state


def test_too_many_failures_pause_it_with_the_number_and_the_reason(broadcast: Broadcast) -> None:
    results(broadcast, 69, 31)
    assert watched(broadcast) is S.PAUSED
    assert broadcast.reason.startswith("31 of the last 100 results failed, 31%, and your limit is 30%.")
    assert "Number of variables does not match" in broadcast.reason


def test_thirty_percent_is_not_more_than_thirty(broadcast: Broadcast) -> None:
    results(broadcast, 70, 30)
    assert watched(broadcast) is S.SENDING


def test_a_few_results_say_little(broadcast: Broadcast) -> None:
    results(broadcast, 0, 99)
    assert watched(broadcast) is S.SENDING
    results(broadcast, 0, 1)
    assert watched(broadcast) is S.PAUSED


@pytest.mark.parametrize("code", [NOT_REACHABLE, 131050, HELD_BACK, 130472])
def test_what_is_the_recipients_own_does_not_count(broadcast: Broadcast, code: int) -> None:
    results(broadcast, 10, 190, code)
    assert watched(broadcast) is S.SENDING


@pytest.mark.parametrize("code", [130497, 987654, None])
def test_a_closed_country_and_what_nobody_knows_do(broadcast: Broadcast, code: int | None) -> None:
    results(broadcast, 10, 190, code)
    assert watched(broadcast) is S.PAUSED


def test_only_the_last_results_are_looked_at(broadcast: Broadcast) -> None:
    results(broadcast, 1000, 0)
    assert watched(broadcast) is S.SENDING
    results(broadcast, 50, 50)
    assert watched(broadcast) is S.PAUSED
    assert "50 of the last 100" in broadcast.reason


def test_after_going_on_it_is_looked_at_anew(broadcast: Broadcast) -> None:
    results(broadcast, 0, 100)
    assert watched(broadcast) is S.PAUSED
    broadcasts.resume_broadcast(broadcast.workspace_id, broadcast.id)
    assert watched(broadcast) is S.SENDING
    results(broadcast, 99, 1)
    assert watched(broadcast) is S.SENDING
    results(broadcast, 0, 100)
    assert watched(broadcast) is S.PAUSED


def test_looking_twice_pauses_once_and_needs_no_query_a_message(broadcast: Broadcast, count_queries: Any) -> None:
    results(broadcast, 0, 300)
    with count_queries() as statements:
        assert failure_watch.watch_failures() == 1
    assert len(statements) < 8
    assert failure_watch.watch_failures() == 0


@pytest.mark.parametrize(("percent", "state"), [("", S.SENDING), ("60", S.SENDING), ("40", S.PAUSED)])
def test_the_share_is_the_workspaces(broadcast: Broadcast, percent: str, state: BroadcastState) -> None:
    pace_settings.save_setup(broadcast.workspace_id, {"stop_percent": percent})
    results(broadcast, 50, 50)
    assert watched(broadcast) is state


def test_where_no_receipts_arrive_what_meta_took_counts(broadcast: Broadcast) -> None:
    results(broadcast, 0, 40)
    for contact in make_contacts(_home(broadcast), 160):
        taken(broadcast, contact)
    assert watched(broadcast) is S.SENDING
