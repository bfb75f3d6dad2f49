"""The state machine, drafts, retries and sweeps of broadcasts."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import select, text

from tests import factories as make
from tests.cast import Cast
from wotnot import clock
from wotnot.errors import Conflict, Invalid, NotFound
from wotnot.extensions import db
from wotnot.models import (
    Broadcast,
    BroadcastState,
    Channel,
    ChannelState,
    Contact,
    Message,
    MessageState,
    TemplateStatus,
)
from wotnot.services import broadcast_sweeps, broadcasts
from wotnot.services.broadcast_rows import UNKNOWN_GRACE

S = BroadcastState
LATER = timedelta(hours=2)

MOVES: dict[str, Callable[[int, int], Any]] = {
    "edit": lambda w, b: broadcasts.update_broadcast(w, b, name="New"),
    "schedule": lambda w, b: broadcasts.schedule_broadcast(w, b, clock.now() + LATER),
    "start": broadcasts.start_broadcast,
    "reopen": broadcasts.reopen_broadcast,
    "pause": broadcasts.pause_broadcast,
    "resume": broadcasts.resume_broadcast,
    "cancel": broadcasts.cancel_broadcast,
    "retry": lambda w, b: broadcasts.retry_broadcast(w, b, "failed"),
    "delete": broadcasts.delete_broadcast,
}

# state → the moves it allows and where they lead (None: gone); every other move is a Conflict.
ALLOWED: dict[BroadcastState, dict[str, BroadcastState | None]] = {
    S.DRAFT: {"edit": S.DRAFT, "schedule": S.SCHEDULED, "start": S.EXPANDING, "reopen": S.DRAFT, "cancel": S.CANCELLED, "delete": None},
    S.SCHEDULED: {"schedule": S.SCHEDULED, "start": S.EXPANDING, "reopen": S.DRAFT, "cancel": S.CANCELLED},
    S.EXPANDING: {"cancel": S.CANCELLED},
    S.SENDING: {"pause": S.PAUSED, "cancel": S.CANCELLED, "retry": S.SENDING},
    S.PAUSED: {"resume": S.SENDING, "cancel": S.CANCELLED, "retry": S.PAUSED},
    S.FINISHED: {"retry": S.SENDING},
    S.CANCELLED: {},
    S.FAILED: {"edit": S.DRAFT, "schedule": S.SCHEDULED, "start": S.EXPANDING, "reopen": S.DRAFT, "cancel": S.CANCELLED, "delete": None},
}  # fmt: skip


@pytest.fixture
def contact(cast: Cast) -> Contact:
    return make.make_contact(cast.workspace, name="Ann")


def channel_of(broadcast: Broadcast) -> Channel:
    assert broadcast.channel is not None
    return broadcast.channel


def state_of(broadcast_id: int) -> BroadcastState | None:
    return db.session.scalar(select(Broadcast.state).where(Broadcast.id == broadcast_id))


@pytest.mark.parametrize("move", MOVES)
@pytest.mark.parametrize("state", list(S))
def test_every_move_from_every_state(cast: Cast, contact: Contact, state: BroadcastState, move: str) -> None:
    broadcast = make.make_broadcast(cast.workspace, state=state)
    make.make_message(channel_of(broadcast), contact, broadcast, state=MessageState.FAILED)
    ids = cast.workspace.id, broadcast.id
    if move not in ALLOWED[state]:
        with pytest.raises(Conflict) as refusal:
            MOVES[move](*ids)
        assert refusal.value.code == "wrong_state"
        assert state_of(broadcast.id) is state
        return
    MOVES[move](*ids)
    assert state_of(ids[1]) is ALLOWED[state][move]


@pytest.mark.parametrize("move", MOVES)
def test_a_stranger_finds_nothing(cast: Cast, move: str) -> None:
    broadcast = make.make_broadcast(cast.workspace)
    with pytest.raises(NotFound):
        MOVES[move](cast.other_workspace.id, broadcast.id)
    with pytest.raises(NotFound):
        MOVES[move](cast.workspace.id, broadcast.id + 1000)


def test_a_draft_may_be_incomplete_but_not_wrong(cast: Cast) -> None:
    draft = broadcasts.create_broadcast(cast.workspace.id, name="  Spring\n sale ", user_id=cast.alice.id)
    assert (draft.name, draft.state, draft.audience) == ("Spring sale", S.DRAFT, {})
    strange_channel = make.make_channel(cast.other_workspace)
    strange_template = make.make_template(cast.other_workspace)
    with pytest.raises(Invalid) as refusal:
        broadcasts.update_broadcast(
            cast.workspace.id,
            draft.id,
            name="x" * 201,
            channel_id=strange_channel.id,
            template_id=strange_template.id,
            audience={"tags": []},
            exclude={"all": True},
            variables={"1": {}},
        )
    assert set(refusal.value.errors) == {"name", "channel_id", "template_id", "audience", "exclude", "variables.1"}


def test_a_field_that_does_not_exist_is_a_programming_error(cast: Cast) -> None:
    with pytest.raises(TypeError):
        broadcasts.create_broadcast(cast.workspace.id, name="x", state="sending")


def test_what_is_missing_is_said_by_field(cast: Cast) -> None:
    draft = broadcasts.create_broadcast(cast.workspace.id, name="Empty")
    with pytest.raises(Invalid) as refusal:
        broadcasts.start_broadcast(cast.workspace.id, draft.id)
    assert refusal.value.code == "not_ready"
    assert set(refusal.value.errors) == {"audience", "channel_id", "template_id"}
    assert draft.state is S.DRAFT


@pytest.mark.parametrize("status", [one for one in TemplateStatus if one is not TemplateStatus.APPROVED])
def test_only_approved_templates_start(cast: Cast, status: TemplateStatus) -> None:
    broadcast = make.make_broadcast(cast.workspace, template=make.make_template(cast.workspace, status=status))
    with pytest.raises(Invalid) as refusal:
        broadcasts.start_broadcast(cast.workspace.id, broadcast.id)
    assert set(refusal.value.errors) == {"template_id"}


def test_a_template_of_another_account_or_in_the_bin_does_not_start(cast: Cast) -> None:
    for fields in ({"waba_id": "1"}, {"deleted_at": clock.now()}):
        broadcast = make.make_broadcast(cast.workspace, template=make.make_template(cast.workspace, **fields))
        with pytest.raises(Invalid):
            broadcasts.start_broadcast(cast.workspace.id, broadcast.id)


def test_a_variable_without_a_source_does_not_start(cast: Cast) -> None:
    broadcast = make.make_broadcast(cast.workspace, variables={})
    with pytest.raises(Invalid) as refusal:
        broadcasts.start_broadcast(cast.workspace.id, broadcast.id)
    assert set(refusal.value.errors) == {"variables.1"}


@pytest.mark.parametrize("state", [ChannelState.STOPPED, ChannelState.REMOVED])
def test_a_stopped_number_neither_starts_nor_resumes(cast: Cast, state: ChannelState) -> None:
    channel = make.make_channel(cast.workspace, state=state, state_reason="The token has expired.")
    draft = make.make_broadcast(cast.workspace, channel)
    paused = make.make_broadcast(cast.workspace, channel, state=S.PAUSED)
    with pytest.raises(Invalid):
        broadcasts.start_broadcast(cast.workspace.id, draft.id)
    with pytest.raises(Conflict) as refusal:
        broadcasts.resume_broadcast(cast.workspace.id, paused.id)
    assert channel.display_phone_number in refusal.value.detail
    assert state_of(paused.id) is S.PAUSED


@pytest.mark.parametrize(
    "moment",
    [
        datetime(2020, 1, 1, tzinfo=UTC),
        datetime(2099, 1, 1, tzinfo=UTC),
        datetime(2099, 1, 1),  # noqa: DTZ001 — that is the point
    ],
)
def test_moments_that_cannot_be_planned(cast: Cast, moment: datetime) -> None:
    broadcast = make.make_broadcast(cast.workspace)
    with pytest.raises(Invalid) as refusal:
        broadcasts.schedule_broadcast(cast.workspace.id, broadcast.id, moment)
    assert set(refusal.value.errors) == {"scheduled_at"}


def test_start_expands_and_sends(cast: Cast, contact: Contact, run_jobs: Callable[..., list[str]]) -> None:
    broadcast = make.make_broadcast(cast.workspace)
    broadcasts.start_broadcast(cast.workspace.id, broadcast.id)
    assert run_jobs("default") == ["expand_broadcast"]
    db.session.refresh(broadcast)
    assert broadcast.state is S.SENDING
    assert db.session.scalars(select(Message.contact_id)).all() == [contact.id]


def test_a_due_broadcast_starts_by_the_sweep_alone(cast: Cast, contact: Contact) -> None:
    broadcast_id = make.make_broadcast(cast.workspace).id
    broadcasts.schedule_broadcast(cast.workspace.id, broadcast_id, clock.now() + LATER)
    assert broadcast_sweeps.sweep_broadcasts()["started"] == 0
    db.session.execute(text("UPDATE broadcasts SET scheduled_at = now() - interval '1 second'"))
    db.session.commit()
    assert broadcast_sweeps.sweep_broadcasts()["started"] == 1
    assert broadcast_sweeps.sweep_broadcasts()["started"] == 0
    assert state_of(broadcast_id) is S.EXPANDING


def test_what_cannot_start_when_due_says_why_and_can_be_mended(cast: Cast) -> None:
    template = make.make_template(cast.workspace)
    past = clock.now() - timedelta(minutes=1)
    broadcast = make.make_broadcast(cast.workspace, template=template, state=S.SCHEDULED, scheduled_at=past)
    template.status = TemplateStatus.PAUSED
    db.session.commit()
    assert not broadcasts.start_due_broadcast(broadcast.id)
    db.session.refresh(broadcast)
    assert broadcast.state is S.FAILED
    assert template.name in broadcast.reason
    template.status = TemplateStatus.APPROVED
    db.session.commit()
    assert broadcasts.start_broadcast(cast.workspace.id, broadcast.id).state is S.EXPANDING


def test_stop_says_why_and_only_once(cast: Cast) -> None:
    broadcast = make.make_broadcast(cast.workspace, state=S.SENDING)
    assert broadcasts.stop_broadcast(broadcast.id, "Access token has expired")
    assert not broadcasts.stop_broadcast(broadcast.id, "Again")
    db.session.refresh(broadcast)
    assert (broadcast.state, broadcast.reason) == (S.PAUSED, "Access token has expired")
    assert broadcasts.resume_broadcast(cast.workspace.id, broadcast.id).reason == ""


# ---------------------------------------------------------------- cancelling


def test_cancel_ends_what_waits_and_leaves_what_left(cast: Cast) -> None:
    broadcast = make.make_broadcast(cast.workspace, state=S.SENDING)
    people = make.make_contacts(cast.workspace, 4)
    for contact, state in zip(people, ("queued", "queued", "sending", "delivered"), strict=True):
        make.make_message(channel_of(broadcast), contact, broadcast, state=state)
    broadcasts.cancel_broadcast(cast.workspace.id, broadcast.id)
    states = db.session.scalars(select(Message.state).order_by(Message.id)).all()
    assert states == ["cancelled", "cancelled", "sending", "delivered"]


def test_what_comes_back_after_a_cancel_is_cancelled_by_the_sweep(cast: Cast, contact: Contact) -> None:
    broadcast = make.make_broadcast(cast.workspace, state=S.SENDING)
    message = make.make_message(channel_of(broadcast), contact, broadcast, state=MessageState.SENDING)
    broadcasts.cancel_broadcast(cast.workspace.id, broadcast.id)
    message.state = MessageState.QUEUED
    db.session.commit()
    assert broadcast_sweeps.sweep_broadcasts()["cancelled"] == 1
    assert db.session.scalars(select(Message.state)).all() == [MessageState.CANCELLED]
    assert broadcast_sweeps.sweep_broadcasts()["cancelled"] == 0


# ---------------------------------------------------------------- finishing


@pytest.mark.parametrize(
    ("state", "finishes"), [("queued", False), ("sending", False), ("unknown", True), ("failed", True)]
)
def test_a_broadcast_finishes_when_nothing_is_open(cast: Cast, contact: Contact, state: str, finishes: bool) -> None:
    broadcast = make.make_broadcast(cast.workspace, state=S.SENDING)
    make.make_message(channel_of(broadcast), contact, broadcast, state=state)
    assert broadcast_sweeps.finish_drained() == int(finishes)
    db.session.refresh(broadcast)
    assert (broadcast.state is S.FINISHED) is finishes
    assert (broadcast.finished_at is not None) is finishes


def test_a_paused_or_expanding_broadcast_never_finishes_by_itself(cast: Cast) -> None:
    for state in (S.PAUSED, S.EXPANDING, S.DRAFT):
        make.make_broadcast(cast.workspace, state=state)
    assert broadcast_sweeps.finish_drained() == 0


def test_a_stalled_expansion_is_taken_up_again(
    cast: Cast, contact: Contact, run_jobs: Callable[..., list[str]]
) -> None:
    broadcast_id = make.make_broadcast(cast.workspace, state=S.EXPANDING).id
    assert broadcast_sweeps.sweep_broadcasts()["resumed"] == 0
    db.session.execute(text("UPDATE broadcasts SET updated_at = now() - interval '1 minute'"))
    db.session.commit()
    assert broadcast_sweeps.sweep_broadcasts()["resumed"] == 1
    run_jobs("default")
    assert state_of(broadcast_id) is S.SENDING


# ---------------------------------------------------------------- retrying


def attempts_of(broadcast: Broadcast) -> list[tuple[int | None, int, str]]:
    rows = db.session.execute(
        select(Message.contact_id, Message.attempt, Message.state)
        .where(Message.broadcast_id == broadcast.id)
        .order_by(Message.contact_id, Message.attempt)
    )
    return [(row[0], row[1], row[2].value) for row in rows]


def test_retry_gives_each_failed_person_one_more_attempt(cast: Cast) -> None:
    broadcast = make.make_broadcast(cast.workspace, state=S.FINISHED, finished_at=clock.now())
    failed, fine, gone, theirs = make.make_contacts(cast.workspace, 4)
    channel = channel_of(broadcast)
    make.make_message(channel, failed, broadcast, state="failed", error_code=131026)
    make.make_message(channel, fine, broadcast, state="delivered")
    make.make_message(channel, gone, broadcast, state="failed", error_code=131026)
    make.make_message(channel, theirs, broadcast, state="failed", error_code=131050)
    gone.consent = "opted_out"
    failed.phone = "27825550000"
    db.session.commit()
    assert broadcasts.retry_broadcast(cast.workspace.id, broadcast.id, "failed") == 1
    assert attempts_of(broadcast) == [
        (failed.id, 1, "failed"),
        (failed.id, 2, "queued"),
        (fine.id, 1, "delivered"),
        (gone.id, 1, "failed"),
        (theirs.id, 1, "failed"),
    ]
    corrected = db.session.scalar(select(Message.phone).where(Message.attempt == 2))
    assert corrected == "27825550000"
    db.session.refresh(broadcast)
    assert (broadcast.state, broadcast.finished_at) == (S.SENDING, None)
    with pytest.raises(Conflict) as refusal:
        broadcasts.retry_broadcast(cast.workspace.id, broadcast.id, "failed")
    assert refusal.value.code == "nothing_to_retry"
    assert len(attempts_of(broadcast)) == 5


def test_only_the_last_attempt_counts(cast: Cast, contact: Contact) -> None:
    broadcast = make.make_broadcast(cast.workspace, state=S.FINISHED)
    for attempt, state in ((1, "failed"), (2, "failed"), (3, "delivered")):
        make.make_message(channel_of(broadcast), contact, broadcast, state=state, attempt=attempt)
    with pytest.raises(Conflict):
        broadcasts.retry_broadcast(cast.workspace.id, broadcast.id, "failed")
    db.session.execute(text("UPDATE messages SET state = 'failed' WHERE attempt = 3"))
    db.session.commit()
    assert broadcasts.retry_broadcast(cast.workspace.id, broadcast.id, "failed") == 1
    assert attempts_of(broadcast)[-1] == (contact.id, 4, "queued")


def test_unknown_is_left_to_its_receipt_for_a_while(cast: Cast, contact: Contact) -> None:
    broadcast = make.make_broadcast(cast.workspace, state=S.FINISHED)
    message = make.make_message(channel_of(broadcast), contact, broadcast, state="unknown", changed_at=clock.now())
    with pytest.raises(Conflict) as refusal:
        broadcasts.retry_broadcast(cast.workspace.id, broadcast.id, "unknown")
    assert "10 minutes" in refusal.value.detail
    message.changed_at = clock.now() - UNKNOWN_GRACE - timedelta(seconds=1)
    db.session.commit()
    assert broadcasts.retry_broadcast(cast.workspace.id, broadcast.id, "unknown") == 1


def test_a_refused_retry_leaves_the_state_alone(cast: Cast) -> None:
    broadcast = make.make_broadcast(cast.workspace, state=S.FINISHED)
    with pytest.raises(Conflict):
        broadcasts.retry_broadcast(cast.workspace.id, broadcast.id, "failed")
    with pytest.raises(Invalid):
        broadcasts.retry_broadcast(cast.workspace.id, broadcast.id, "everybody")
    db.session.refresh(broadcast)
    assert broadcast.state is S.FINISHED
