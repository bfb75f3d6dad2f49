"""Segments as a broadcast's audience: counted, frozen at the start, gone, left out, and followed up."""

from typing import Any

import pytest
from sqlalchemy import select, update

from tests import factories as make
from tests.cast import Cast
from wotnot.errors import Conflict, Invalid, NotFound
from wotnot.extensions import db
from wotnot.models import Broadcast, BroadcastState, Contact, Message, Segment
from wotnot.services import audience, broadcasts, contacts, expansion, follow_ups, segment_audience, segments, tallies
from wotnot.services.audience_counts import count_audience, person_at
from wotnot.services.broadcast_choices import describe_audience
from wotnot.services.broadcast_readiness import list_blockers

VIP = {"field": "tags", "op": "any", "value": ["VIP"]}
IN_PAARL = {"field": "attribute:city", "type": "text", "op": "is", "value": "Paarl"}


@pytest.fixture
def people(cast: Cast) -> dict[str, Contact]:
    """Ann (VIP, Paarl), Ben (VIP), Cid (Paarl), Dan (VIP, Paarl, opted out), Eve (neither)."""
    home, vip = cast.workspace, make.make_tag(cast.workspace, "VIP")
    paarl = {"city": "Paarl"}
    found = {
        "ann": make.make_contact(home, name="Ann", attributes=paarl),
        "ben": make.make_contact(home, name="Ben"),
        "cid": make.make_contact(home, name="Cid", attributes=paarl),
        "dan": make.make_contact(home, name="Dan", attributes=paarl, consent="opted_out"),
        "eve": make.make_contact(home, name="Eve"),
    }
    for name in ("ann", "ben", "dan"):
        make.tag_contact(found[name], vip)
    return found


def frozen_names(broadcast: Broadcast) -> list[str]:
    query = select(Contact.name).join(Message, Message.contact_id == Contact.id)
    return list(db.session.scalars(query.where(Message.broadcast_id == broadcast.id).order_by(Contact.id)))


def test_the_counted_people_are_the_listed_and_the_frozen_ones(cast: Cast, people: dict[str, Contact]) -> None:
    home = cast.workspace
    vips, in_paarl = make.make_segment(home, VIP), make.make_segment(home, IN_PAARL)
    chosen, exclude = {"segment_id": vips.id}, {"segment_ids": [in_paarl.id]}
    count = count_audience(home.id, chosen, exclude, {"1": {"field": "city"}})
    assert (count.total, count.excluded, count.opted_out, count.missing, count.to_send) == (3, 2, 0, 1, 0)
    assert count_audience(home.id, chosen).to_send == 2
    # Who lacks the city is not in Paarl, and must not be lost by being left out or not.
    assert count_audience(home.id, {"all": True}, exclude).to_send == 2
    found = person_at(home.id, chosen, {}, 2)
    assert found is not None
    assert found.name == "Ben"
    listed = audience.list_people(audience.resolve(home.id, chosen, exclude), "excluded", {})
    assert [one.name for one in listed.items] == ["Dan", "Ann"]
    broadcast = make.make_broadcast(home, state=BroadcastState.EXPANDING, audience=chosen, exclude=exclude)
    assert expansion.expand_broadcast(broadcast.id, batch=2).finished
    assert frozen_names(broadcast) == ["Ben"]


def test_every_batch_asks_what_was_asked_at_the_start(cast: Cast, people: dict[str, Contact]) -> None:
    """Changed, then deleted, while its list is being made."""
    home = cast.workspace
    segment = make.make_segment(home, VIP, name="Our best")
    draft = make.make_broadcast(home, audience={"segment_id": segment.id})
    started = broadcasts.start_broadcast(home.id, draft.id)
    assert started.frozen is not None
    segments.update_segment(home.id, segment.id, name="Other", definition={"match": "all", "conditions": [IN_PAARL]})
    segments.delete_segment(home.id, segment.id)
    assert expansion.expand_broadcast(draft.id, batch=1).finished
    assert frozen_names(draft) == ["Ann", "Ben", "Dan"]
    assert describe_audience(broadcasts.get_broadcast(home.id, draft.id)) == "Our best"


def test_a_broadcast_without_segments_keeps_nothing(cast: Cast, people: dict[str, Contact]) -> None:
    draft = make.make_broadcast(cast.workspace)
    assert broadcasts.start_broadcast(cast.workspace.id, draft.id).frozen is None


@pytest.mark.parametrize("use", ["chosen", "left out"])
def test_a_deleted_segment_is_nobody_and_never_everybody(cast: Cast, people: dict[str, Contact], use: str) -> None:
    home = cast.workspace
    segment = make.make_segment(home, VIP)
    chosen = {"segment_id": segment.id} if use == "chosen" else {"all": True}
    exclude = {} if use == "chosen" else {"segment_ids": [segment.id]}
    draft = make.make_broadcast(home, audience=chosen, exclude=exclude)
    segments.delete_segment(home.id, segment.id)
    assert count_audience(home.id, chosen, exclude).total == 0
    [blocker] = list_blockers(draft)
    assert "deleted" in blocker.words
    assert blocker.step == "audience"
    with pytest.raises(Invalid):
        broadcasts.start_broadcast(home.id, draft.id)
    # Even one that is on its way already, by whatever accident.
    db.session.execute(update(Broadcast).where(Broadcast.id == draft.id).values(state=BroadcastState.EXPANDING))
    db.session.commit()
    assert expansion.expand_broadcast(draft.id).finished
    assert frozen_names(draft) == []
    if use == "chosen":
        assert describe_audience(draft) == "A segment that was deleted"


@pytest.mark.parametrize("use", [{"audience": "segment_id"}, {"exclude": "segment_ids"}])
def test_what_has_started_goes_on_without_its_segment(
    cast: Cast, people: dict[str, Contact], use: dict[str, str]
) -> None:
    segment = make.make_segment(cast.workspace)
    (part, name), *_ = use.items()
    chosen = {part: {name: segment.id if name == "segment_id" else [segment.id]}}
    broadcast = make.make_broadcast(cast.workspace, **chosen)
    broadcasts.start_broadcast(cast.workspace.id, broadcast.id)
    expansion.expand_broadcast(broadcast.id)
    broadcasts.pause_broadcast(cast.workspace.id, broadcast.id)
    segments.delete_segment(cast.workspace.id, segment.id)
    assert broadcasts.resume_broadcast(cast.workspace.id, broadcast.id).state is BroadcastState.SENDING
    failed = update(Message).where(Message.broadcast_id == broadcast.id, Message.state == "queued")
    db.session.execute(failed.values(state="failed", error_code=131026))
    db.session.execute(update(Broadcast).where(Broadcast.id == broadcast.id).values(state="finished"))
    assert broadcasts.retry_broadcast(cast.workspace.id, broadcast.id, "failed") > 0


def test_a_planned_start_without_its_segment_says_why(cast: Cast, people: dict[str, Contact]) -> None:
    home = cast.workspace
    segment = make.make_segment(home, VIP)
    planned = make.make_broadcast(
        home, state=BroadcastState.SCHEDULED, scheduled_at=home.created_at, audience={"segment_id": segment.id}
    )
    db.session.delete(db.session.get(Segment, segment.id))
    db.session.commit()
    assert not broadcasts.start_due_broadcast(planned.id)
    db.session.refresh(planned)
    assert planned.state is BroadcastState.FAILED
    assert "segment it goes to was deleted" in planned.reason


@pytest.mark.parametrize("field", ["audience", "exclude"])
def test_a_strangers_segment_is_refused(cast: Cast, field: str) -> None:
    theirs = make.make_segment(cast.other_workspace)
    given = {"segment_id": theirs.id} if field == "audience" else {"segment_ids": [theirs.id]}
    with pytest.raises(Invalid) as refusal:
        broadcasts.create_broadcast(cast.workspace.id, name="News", **{field: given})
    assert list(refusal.value.errors) == [field]
    assert count_audience(cast.workspace.id, {"segment_id": theirs.id}).total == 0


def test_a_filter_of_its_own_is_checked_by_path(cast: Cast) -> None:
    theirs = make.make_broadcast(cast.other_workspace)
    condition = {"field": "broadcast", "op": "not_in", "value": theirs.id}
    for wanted in (condition, {"field": "broadcast", "op": "read"}):
        with pytest.raises(Invalid) as refusal:
            broadcasts.create_broadcast(
                cast.workspace.id, name="News", audience={"filter": {"match": "all", "conditions": [wanted]}}
            )
        assert list(refusal.value.errors) == ["audience.filter.conditions.0.value"]


# ---------------------------------------------------------------- follow-ups


@pytest.fixture
def finished(cast: Cast, people: dict[str, Contact]) -> Broadcast:
    """Ann read it, Ben did not, Cid answered without a receipt, Eve was held back by Meta; Dan was left out."""
    channel = make.make_channel(cast.workspace)
    broadcast = make.make_broadcast(cast.workspace, channel, name="Spring", state=BroadcastState.FINISHED)
    fates: dict[str, dict[str, Any]] = {
        "ann": {"state": "read", "reached": 5},
        "ben": {"state": "delivered", "reached": 4},
        "cid": {"state": "delivered", "reached": 4, "replied": True},
        "dan": {"state": "skipped", "skip_reason": "opted_out"},
        "eve": {"state": "failed", "reached": 1, "error_code": 131049},
    }
    for name, fate in fates.items():
        make.make_message(channel, people[name], broadcast, **fate)
    return broadcast


def offered_on(broadcast: Broadcast) -> dict[str, int]:
    counts = tallies.broadcast_counts([broadcast.id])[broadcast.id]
    return {one.who: one.count for one in follow_ups.list_follow_ups(broadcast, counts)}


def test_a_report_offers_whom_to_write_to_again(cast: Cast, finished: Broadcast) -> None:
    offered = offered_on(finished)
    assert offered == {"read_not_replied": 1, "replied": 1, "not_read": 1, "not_replied": 2, "failed_for_now": 1}


@pytest.mark.parametrize("who", list(follow_ups.WHO))
def test_a_follow_up_is_a_draft_to_as_many_as_were_offered(cast: Cast, finished: Broadcast, who: str) -> None:
    offered = offered_on(finished)
    draft = follow_ups.start_follow_up(cast.workspace.id, finished.id, who, user_id=cast.alice.id)
    assert (draft.state, draft.channel_id, draft.template_id) == (BroadcastState.DRAFT, finished.channel_id, None)
    assert draft.name == f"Spring: those who {follow_ups.WHO[who]}"
    assert count_audience(cast.workspace.id, draft.audience).total == offered[who]
    assert "“Spring”" in describe_audience(draft)


def test_a_report_offers_people_and_not_messages(cast: Cast, people: dict[str, Contact], finished: Broadcast) -> None:
    """Ann's first attempt arrived after all, Cid answered twice, Ben is gone, and Eve and a sixth turn out to be one."""
    channel = finished.channel
    assert channel is not None
    make.make_message(channel, people["ann"], finished, attempt=2, state="delivered", reached=4)
    make.make_message(channel, people["cid"], finished, attempt=2, state="read", reached=5, replied=True)
    double = make.make_contact(cast.workspace, name="Eve too", phone=None, wa_user_id="ZA.77")
    make.make_message(channel, double, finished, state="read", reached=5)
    make.make_merge(people["eve"], double)
    contacts.delete_contact(cast.workspace.id, people["ben"].id)
    offered = offered_on(finished)
    assert offered == {"read_not_replied": 2, "replied": 1, "not_replied": 2}
    assert offered == {who: count for who in follow_ups.WHO if (count := _whom(cast, finished, who))}


@pytest.mark.parametrize("gone", ["ann", "ben", "cid", "eve"])
def test_who_was_deleted_is_not_offered(cast: Cast, people: dict[str, Contact], finished: Broadcast, gone: str) -> None:
    contacts.delete_contact(cast.workspace.id, people[gone].id)
    offered = offered_on(finished)
    assert offered == {who: count for who in follow_ups.WHO if (count := _whom(cast, finished, who))}


def _whom(cast: Cast, broadcast: Broadcast, who: str) -> int:
    condition = {"field": "broadcast", "op": who, "value": broadcast.id}
    return count_audience(cast.workspace.id, {"filter": {"match": "all", "conditions": [condition]}}).total


def test_who_was_reached_by_a_second_try_is_not_asked_again(
    cast: Cast, people: dict[str, Contact], finished: Broadcast
) -> None:
    channel = finished.channel
    assert channel is not None
    assert "failed_for_now" in offered_on(finished)
    make.make_message(channel, people["eve"], finished, attempt=2, state="read", reached=5)
    assert "failed_for_now" not in offered_on(finished)


def test_a_follow_up_waits_until_the_numbers_stand_still(cast: Cast, finished: Broadcast) -> None:
    finished.state = BroadcastState.SENDING
    db.session.commit()
    assert offered_on(finished) == {}
    with pytest.raises(Conflict):
        follow_ups.start_follow_up(cast.workspace.id, finished.id, "not_read")


def test_a_follow_up_is_the_workspaces_own(cast: Cast, finished: Broadcast) -> None:
    with pytest.raises(NotFound):
        follow_ups.start_follow_up(cast.other_workspace.id, finished.id, "not_read")
    with pytest.raises(Invalid):
        follow_ups.start_follow_up(cast.workspace.id, finished.id, "everybody")


def test_the_longest_name_leaves_room_for_who_it_is_to(cast: Cast, finished: Broadcast) -> None:
    finished.name = "x" * broadcasts.MAX_NAME
    db.session.commit()
    draft = follow_ups.start_follow_up(cast.workspace.id, finished.id, "not_read")
    assert len(draft.name) == broadcasts.MAX_NAME
    assert draft.name.endswith("did not read it")


def test_who_reads_meanwhile_gets_no_second_message(
    cast: Cast, people: dict[str, Contact], finished: Broadcast
) -> None:
    draft = follow_ups.start_follow_up(cast.workspace.id, finished.id, "not_read")
    template = make.make_template(cast.workspace)
    broadcasts.update_broadcast(
        cast.workspace.id, draft.id, template_id=template.id, variables={"1": {"text": "there"}}
    )
    db.session.execute(
        update(Message)
        .where(Message.broadcast_id == finished.id, Message.contact_id == people["ben"].id)
        .values(state="read", reached=5)
    )
    db.session.commit()
    broadcasts.start_broadcast(cast.workspace.id, draft.id)
    assert expansion.expand_broadcast(draft.id).finished
    assert frozen_names(draft) == []


def test_left_out_tags_and_segments_are_said_by_name(cast: Cast) -> None:
    segment = make.make_segment(cast.workspace, name="Staff")
    draft = make.make_broadcast(cast.workspace, exclude={"tags": ["VIP"], "segment_ids": [segment.id, segment.id + 1]})
    assert segment_audience.say_left_out(draft) == "VIP, Staff, A segment that was deleted"
