"""What is known before the button: the number's limit, what went out before, how late a plan may start; copies and tests."""

from datetime import datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import select

from tests import factories as make
from tests.cast import Cast
from wotnot import clock
from wotnot.errors import Conflict, Invalid, NotFound
from wotnot.extensions import db
from wotnot.models import Broadcast, BroadcastState, Channel, Contact, Message, Template
from wotnot.services import (
    broadcast_copies,
    broadcast_reports,
    broadcast_sweeps,
    broadcasts,
    messaging_limits,
    pace_settings,
    preflight,
    quality_guard,
    trial_messages,
)
from wotnot.services.holds import Waiting
from wotnot.services.messaging_limits import LimitUse
from wotnot.services.repeat_guard import Repeat
from wotnot.services.tallies import OUTBOUND_STATES, BroadcastCounts

S = BroadcastState
DAY = 86_400


@pytest.fixture
def channel(cast: Cast) -> Channel:
    return make.make_channel(cast.workspace, messaging_limit="TIER_250")


@pytest.fixture
def template(cast: Cast) -> Template:
    return make.make_template(cast.workspace)


def ago(**delta: int) -> datetime:
    return clock.now() - timedelta(**delta)


# ---------------------------------------------------------------- the number's limit


def taken(channel: Channel, contact: Contact, at: datetime, broadcast: Broadcast | None = None, **fields: Any) -> None:
    make.make_message(channel, contact, broadcast, **{"state": "accepted", "reached": 2, "accepted_at": at} | fields)


def test_the_limit_counts_people_of_the_last_day_over_the_numbers_of_an_account(cast: Cast, channel: Channel) -> None:
    sister = make.make_channel(cast.workspace)
    ann, ben, cid, dan = make.make_contacts(cast.workspace, 4)
    sending = make.make_broadcast(cast.workspace, channel, state=S.SENDING, started_at=ago(days=3))
    done = make.make_broadcast(cast.workspace, sister, state=S.FINISHED, finished_at=ago(hours=1))
    taken(channel, ann, ago(hours=1), sending)
    taken(channel, ann, ago(hours=2))
    taken(sister, ben, ago(hours=23), done)
    taken(channel, cid, ago(hours=25), sending)
    taken(channel, dan, ago(hours=1), type="text")
    assert messaging_limits.read_use(channel) == LimitUse(limit=250, used=2, reserved=13)
    taken(channel, cid, ago(minutes=1))
    assert messaging_limits.read_use(channel) == LimitUse(limit=250, used=3, reserved=13)


def test_who_wrote_within_the_day_before_does_not_count(cast: Cast, channel: Channel) -> None:
    ann, ben = make.make_contacts(cast.workspace, 2)
    for contact, hours in ((ann, 5), (ben, 30)):
        make.make_message(channel, contact, direction="in", state="received", type="text", created_at=ago(hours=hours))
        taken(channel, contact, ago(hours=4))
    assert messaging_limits.read_use(channel) == LimitUse(limit=250, used=1, reserved=13)


def test_another_workspace_or_account_has_a_limit_of_its_own(cast: Cast, channel: Channel) -> None:
    theirs = make.make_channel(cast.other_workspace)
    other = make.make_channel(cast.workspace, waba_id="700000000000002")
    taken(theirs, make.make_contact(cast.other_workspace), ago(hours=1))
    taken(other, make.make_contact(cast.workspace), ago(hours=1))
    assert messaging_limits.read_use(channel) == LimitUse(limit=250, used=0, reserved=13)


@pytest.mark.parametrize("tier", ["TIER_UNLIMITED", ""])
def test_no_limit_and_an_unknown_one_are_not_counted(cast: Cast, tier: str) -> None:
    assert messaging_limits.read_use(make.make_channel(cast.workspace, messaging_limit=tier)) is None


def test_what_is_left_is_never_below_nothing() -> None:
    use = LimitUse(limit=250, used=300)
    assert (use.left, use.beyond(40)) == (0, 40)
    assert (LimitUse(250, 100).left, LimitUse(250, 100).beyond(151)) == (150, 1)


def test_what_is_kept_for_single_messages_is_not_left_for_broadcasts(cast: Cast, channel: Channel) -> None:
    pace_settings.save_setup(cast.workspace.id, {"reserve_percent": "50"})
    use = messaging_limits.read_use(channel)
    assert use is not None
    assert (use.reserved, use.daily, use.left, use.beyond(126)) == (125, 125, 125, 1)


def test_who_was_written_to_today_is_out_of_the_limit_of_a_later_day(cast: Cast, channel: Channel) -> None:
    ann, ben = make.make_contacts(cast.workspace, 2)
    taken(channel, ann, ago(hours=20))
    taken(channel, ben, ago(hours=1))
    for hours, used in ((-30, 2), (0, 2), (5, 1), (24, 0)):
        use = messaging_limits.read_use(channel, clock.now() + timedelta(hours=hours))
        assert use is not None
        assert use.used == used


@pytest.mark.parametrize(
    ("people", "days", "seconds"),
    [(0, 0, 0), (140, 0, 14), (141, 1, DAY + 0.1), (380, 1, DAY + 24), (381, 2, 2 * DAY + 0.1), (860, 3, 3 * DAY + 24)],
)
def test_what_is_beyond_the_limit_takes_days(people: int, days: int, seconds: float) -> None:
    use = LimitUse(limit=250, used=100, reserved=10)
    assert use.days_for(people) == days
    assert use.seconds_for(people, 10) == pytest.approx(seconds)


def test_the_end_of_a_draft_and_of_what_is_sent_reckons_with_the_limit(cast: Cast, channel: Channel) -> None:
    draft = make.make_broadcast(cast.workspace, channel)
    use = messaging_limits.read_use(channel)
    finish = preflight.finish_of(draft, 3 * 237, use)
    assert finish is not None
    assert timedelta(days=2) < finish - clock.now() < timedelta(days=2, minutes=1)
    sending = make.make_broadcast(cast.workspace, channel, state=S.SENDING, started_at=ago(minutes=1))
    counts = BroadcastCounts(states=dict.fromkeys(OUTBOUND_STATES, 0) | {"queued": 3 * 237})
    left = broadcast_reports.progress_of(sending, counts, Waiting()).seconds_left
    assert left is not None
    assert 2 * DAY < left < 2 * DAY + 60


# ---------------------------------------------------------------- the same again


def went_out(cast: Cast, template: Template, people: list[Contact], **fields: Any) -> Broadcast:
    defaults = {"name": "Earlier", "state": S.FINISHED, "started_at": ago(days=2)}
    earlier = make.make_broadcast(cast.workspace, make.make_channel(cast.workspace), template, **defaults | fields)
    for contact in people:
        make.make_message(earlier.channel, contact, earlier, state="delivered", reached=4)  # type: ignore[arg-type]
    return earlier


def repeat_of(draft: Broadcast) -> Repeat | None:
    return preflight.look(draft, preflight.count_draft(draft)).repeat


@pytest.mark.parametrize(("shared", "is_repeat"), [(5, True), (4, True), (3, False), (0, False)])
def test_the_same_template_to_four_fifths_of_the_people_is_a_repeat(
    cast: Cast, template: Template, shared: int, *, is_repeat: bool
) -> None:
    people = make.make_contacts(cast.workspace, 5)
    others = make.make_contacts(cast.workspace, 3)
    draft = make.make_broadcast(
        cast.workspace, None, template, audience={"contact_ids": [one.id for one in people]}, variables={}
    )
    earlier = went_out(cast, template, people[:shared] + others)
    found = repeat_of(draft)
    assert (found is not None) == is_repeat
    if found:
        assert (found.id, found.people, found.percent) == (earlier.id, shared, 20 * shared)


@pytest.mark.parametrize("fields", [{"started_at": ago(days=8)}, {"state": S.DRAFT, "started_at": None}])
def test_what_is_long_ago_or_never_began_is_no_repeat(cast: Cast, template: Template, fields: dict[str, Any]) -> None:
    went_out(cast, template, make.make_contacts(cast.workspace, 2), **fields)
    assert repeat_of(make.make_broadcast(cast.workspace, None, template)) is None


def test_another_template_or_workspace_or_nobody_at_all_is_no_repeat(cast: Cast, template: Template) -> None:
    people = make.make_contacts(cast.workspace, 2)
    went_out(cast, make.make_template(cast.workspace), people)
    theirs = make.make_template(cast.other_workspace, name=template.name)
    make.make_broadcast(cast.other_workspace, None, theirs, state=S.FINISHED, started_at=ago(days=1))
    draft = make.make_broadcast(cast.workspace, None, template)
    assert repeat_of(draft) is None
    went_out(cast, template, people)
    draft.audience = {"tags": ["nobody"]}
    assert repeat_of(draft) is None


def test_a_translation_is_the_same_message_and_who_was_left_out_got_none(cast: Cast, template: Template) -> None:
    people = make.make_contacts(cast.workspace, 2)
    german = make.make_template(cast.workspace, name=template.name, language="de")
    earlier = went_out(cast, german, people)
    draft = make.make_broadcast(cast.workspace, None, template)
    assert repeat_of(draft) is not None
    for message in db.session.scalars(select(Message).where(Message.broadcast_id == earlier.id)):
        message.state, message.skip_reason = "skipped", "opted_out"  # type: ignore[assignment]
    make.make_contact(cast.workspace)
    assert repeat_of(draft) is None


def test_a_repeat_is_seen_also_where_messages_decide_who_gets_it(cast: Cast, template: Template) -> None:
    earlier = went_out(cast, template, make.make_contacts(cast.workspace, 2))
    has_read = {"field": "broadcast", "op": "delivered", "value": earlier.id}
    for fields in (
        {"leave_out": ["unreachable", "duplicate"]},
        {"audience": {"filter": {"match": "all", "conditions": [has_read]}}},
    ):
        found = repeat_of(make.make_broadcast(cast.workspace, None, template, **fields))
        assert found is not None
        assert (found.id, found.people) == (earlier.id, 2)


# ---------------------------------------------------------------- late after a standstill


def planned(cast: Cast, late: timedelta, **fields: Any) -> int:
    """The id of a plan that the sweep finds so late."""
    return make.make_broadcast(cast.workspace, state=S.SCHEDULED, scheduled_at=clock.now() - late, **fields).id


def found_later(broadcast_id: int) -> Broadcast:
    """After a sweep, which gives its connection back in between."""
    found = db.session.get(Broadcast, broadcast_id)
    assert found is not None
    return found


@pytest.mark.parametrize(
    ("late", "minutes", "state"),
    [(30, 60, S.EXPANDING), (61, 60, S.PAUSED), (61, 180, S.EXPANDING), (10, 5, S.PAUSED), (0, 1, S.EXPANDING)],
)
def test_a_plan_starts_a_little_late_and_asks_when_it_is_more(
    cast: Cast, late: int, minutes: int, state: BroadcastState
) -> None:
    broadcast_id = planned(cast, timedelta(minutes=late), late_minutes=minutes)
    assert broadcast_sweeps.sweep_broadcasts()["started"] == (state is S.EXPANDING)
    assert found_later(broadcast_id).state is state
    assert bool(found_later(broadcast_id).reason) == (state is S.PAUSED)
    assert broadcast_sweeps.sweep_broadcasts()["started"] == 0
    assert found_later(broadcast_id).state is state


def test_the_reason_says_how_late_and_what_was_allowed(cast: Cast) -> None:
    broadcast_id = planned(cast, timedelta(hours=5, minutes=3))
    broadcast_sweeps.sweep_broadcasts()
    assert found_later(broadcast_id).reason == (
        "WotNot was not running at its time and came to it 5 h 3 min late. It may start by itself up to 1 h late."
    )


@pytest.mark.parametrize("move", [broadcasts.start_broadcast, broadcasts.resume_broadcast])
def test_a_held_plan_is_sent_by_hand_from_the_beginning(cast: Cast, move: Any) -> None:
    make.make_contacts(cast.workspace, 2)
    workspace_id, broadcast_id = cast.workspace.id, planned(cast, timedelta(days=1))
    broadcast_sweeps.sweep_broadcasts()
    started = move(workspace_id, broadcast_id)
    assert (started.state, started.reason, started.scheduled_at) == (S.EXPANDING, "", None)
    with pytest.raises(Conflict):
        move(workspace_id, broadcast_id)


@pytest.mark.parametrize(
    ("quality", "category", "state"),
    [
        ("RED", "marketing", S.PAUSED),
        ("RED", "utility", S.EXPANDING),
        ("YELLOW", "marketing", S.EXPANDING),
        ("GREEN", "marketing", S.EXPANDING),
    ],
)
def test_planned_marketing_waits_for_somebody_while_the_number_is_rated_low(
    cast: Cast, quality: str, category: str, state: BroadcastState
) -> None:
    channel = make.make_channel(cast.workspace, quality_rating=quality)
    template = make.make_template(cast.workspace, category=category)
    workspace_id = cast.workspace.id
    broadcast_id = planned(cast, timedelta(), channel=channel, template=template)
    assert broadcast_sweeps.sweep_broadcasts()["started"] == (state is S.EXPANDING)
    found = found_later(broadcast_id)
    assert (found.state, found.reason) == (state, quality_guard.HELD if state is S.PAUSED else "")
    if state is S.PAUSED:
        started = broadcasts.start_broadcast(workspace_id, broadcast_id)
        assert (started.state, started.reason) == (S.EXPANDING, "")


def test_a_held_plan_can_be_changed_or_cancelled(cast: Cast) -> None:
    workspace_id = cast.workspace.id
    held, other = planned(cast, timedelta(days=1)), planned(cast, timedelta(days=1))
    broadcast_sweeps.sweep_broadcasts()
    assert broadcasts.reopen_broadcast(workspace_id, held).state is S.DRAFT
    assert broadcasts.cancel_broadcast(workspace_id, other).state is S.CANCELLED


def test_what_has_begun_goes_on_and_does_not_begin_anew(cast: Cast) -> None:
    began = make.make_broadcast(cast.workspace, state=S.PAUSED, started_at=ago(minutes=5), scheduled_at=ago(minutes=6))
    for move in (broadcasts.start_broadcast, broadcasts.reopen_broadcast):
        with pytest.raises(Conflict):
            move(cast.workspace.id, began.id)
    assert broadcasts.resume_broadcast(cast.workspace.id, began.id).state is S.SENDING


@pytest.mark.parametrize("minutes", [0, -5, 10_081, "60", True, 1.5])
def test_minutes_are_whole_and_within_a_week(cast: Cast, minutes: Any) -> None:
    with pytest.raises(Invalid) as refusal:
        broadcasts.create_broadcast(cast.workspace.id, name="Plan", late_minutes=minutes)
    assert set(refusal.value.errors) == {"late_minutes"}


# ---------------------------------------------------------------- copies and tests


def test_a_copy_is_a_draft_with_everything_but_the_moment(cast: Cast) -> None:
    first = make.make_broadcast(
        cast.workspace,
        name="Spring",
        state=S.FINISHED,
        scheduled_at=ago(days=1),
        started_at=ago(days=1),
        exclude={"tags": ["Staff"]},
        leave_out=["unreachable"],
        late_minutes=15,
        reason="over",
    )
    copy = broadcast_copies.copy_broadcast(cast.workspace.id, first.id, user_id=cast.alice.id)
    assert (copy.name, copy.state, copy.reason, copy.scheduled_at, copy.started_at) == ("Copy of Spring", S.DRAFT, "", None, None)  # fmt: skip
    for name in ("channel_id", "template_id", "audience", "exclude", "variables", "leave_out", "late_minutes"):
        assert getattr(copy, name) == getattr(first, name)
    assert broadcast_copies.copy_broadcast(cast.workspace.id, copy.id).name == "Copy of Spring"
    with pytest.raises(NotFound):
        broadcast_copies.copy_broadcast(cast.other_workspace.id, first.id)


def test_a_copy_that_named_a_segment_which_is_gone_goes_to_nobody(cast: Cast) -> None:
    make.make_contacts(cast.workspace, 2)
    first = make.make_broadcast(cast.workspace, exclude={"segment_ids": [123_456]})
    copy = broadcast_copies.copy_broadcast(cast.workspace.id, first.id)
    assert preflight.count_draft(copy).to_send == 0
    with pytest.raises(Invalid):
        broadcasts.start_broadcast(cast.workspace.id, copy.id)


def test_a_test_goes_to_one_number_with_the_values_of_the_person_at_a_row(cast: Cast, channel: Channel) -> None:
    make.make_contact(cast.workspace, name="Ann")
    make.make_contact(cast.workspace, name="Ben")
    draft = make.make_broadcast(cast.workspace, channel, variables={"1": {"field": "name"}})
    message = trial_messages.send_trial(cast.workspace.id, draft.id, "082 111 2222", row=2, user_id=cast.alice.id)
    assert (message.phone, message.broadcast_id, message.template_id) == ("27821112222", None, draft.template_id)
    assert "Ben" in str(message.content)
    assert draft.state is S.DRAFT


@pytest.mark.parametrize("to", ["", "hello", "12"])
def test_a_test_to_what_is_no_number_says_so(cast: Cast, channel: Channel, to: str) -> None:
    make.make_contact(cast.workspace, name="Ann")
    draft = make.make_broadcast(cast.workspace, channel)
    with pytest.raises(Invalid) as refusal:
        trial_messages.send_trial(cast.workspace.id, draft.id, to)
    assert set(refusal.value.errors) == {"to"}
    assert db.session.scalar(select(Message.id)) is None


def test_a_test_without_a_value_or_anybody_says_what_to_do(cast: Cast, channel: Channel) -> None:
    draft = make.make_broadcast(cast.workspace, channel, variables={"1": {"field": "city"}})
    with pytest.raises(Invalid):
        trial_messages.send_trial(cast.workspace.id, draft.id, "+27821112222")
    make.make_contact(cast.workspace, name="Ann")
    with pytest.raises(Invalid) as refusal:
        trial_messages.send_trial(cast.workspace.id, draft.id, "+27821112222")
    assert "Ann lacks a value" in str(refusal.value.errors)
    with pytest.raises(NotFound):
        trial_messages.send_trial(cast.other_workspace.id, draft.id, "+27821112222")
