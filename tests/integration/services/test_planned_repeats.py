"""The same template planned for nearly the same people: found before either has a list, and in both directions of time."""

from datetime import timedelta
from typing import Any

import pytest

from tests import factories as make
from tests.cast import Cast
from wotnot import clock
from wotnot.extensions import db
from wotnot.models import Broadcast, BroadcastState, Contact, Template
from wotnot.services import broadcasts, contact_bulk, preflight
from wotnot.services.repeat_guard import Repeat

S = BroadcastState
NEW_YORK = "12125550142"
NOBODYS = ["27820000001", "27820000002", "27820000003", "27820000004", "27820000005"]


@pytest.fixture
def template(cast: Cast) -> Template:
    return make.make_template(cast.workspace)


def plan(cast: Cast, template: Template, **fields: Any) -> Broadcast:
    defaults = {"name": "Planned", "state": S.SCHEDULED, "scheduled_at": clock.now() + timedelta(days=2)}
    return make.make_broadcast(cast.workspace, None, template, **defaults | fields)


def draft_of(cast: Cast, template: Template, **fields: Any) -> Broadcast:
    return make.make_broadcast(cast.workspace, None, template, **fields)


def repeat_of(draft: Broadcast) -> Repeat | None:
    return preflight.look(draft, preflight.count_draft(draft)).repeat


def only(people: list[Contact]) -> dict[str, Any]:
    return {"contact_ids": [one.id for one in people]}


@pytest.mark.parametrize(("shared", "is_repeat"), [(5, True), (4, True), (3, False), (0, False)])
def test_what_is_planned_for_four_fifths_of_the_people_is_a_repeat(
    cast: Cast, template: Template, shared: int, *, is_repeat: bool
) -> None:
    people, others = make.make_contacts(cast.workspace, 5), make.make_contacts(cast.workspace, 3)
    planned = plan(cast, template, audience=only(people[:shared] + others))
    found = repeat_of(draft_of(cast, template, audience=only(people)))
    assert (found is not None) == is_repeat
    if found:
        assert found == Repeat(planned.id, "Planned", None, shared, 20 * shared, planned.scheduled_at)


def test_a_plan_of_the_same_list_is_a_repeat_to_everybody_who_gets_it(cast: Cast, template: Template) -> None:
    make.make_contacts(cast.workspace, 3)
    make.make_contact(cast.workspace, consent="opted_out")
    planned = plan(cast, template)
    found = repeat_of(draft_of(cast, template))
    assert found is not None
    assert (found.id, found.people, found.percent) == (planned.id, 3, 100)


@pytest.mark.parametrize(
    ("draft_in", "planned_in", "is_repeat"),
    [(0, 6, True), (0, 8, False), (10, 4, True), (10, 2, False), (2, 8, True), (2, 10, False)],
)
def test_it_is_near_before_and_after_the_drafts_own_moment(
    cast: Cast, template: Template, draft_in: int, planned_in: int, *, is_repeat: bool
) -> None:
    make.make_contact(cast.workspace)
    plan(cast, template, scheduled_at=clock.now() + timedelta(days=planned_in))
    at = clock.now() + timedelta(days=draft_in) if draft_in else None
    assert (repeat_of(draft_of(cast, template, scheduled_at=at)) is not None) == is_repeat


def test_the_nearest_is_named_and_one_that_went_out_before_it(cast: Cast, template: Template) -> None:
    contact = make.make_contact(cast.workspace)
    plan(cast, template, scheduled_at=clock.now() + timedelta(days=3))
    near = plan(cast, template, scheduled_at=clock.now() + timedelta(days=1))
    draft = draft_of(cast, template)
    found = repeat_of(draft)
    assert found is not None
    assert found.id == near.id
    sent = draft_of(cast, template, state=S.FINISHED, started_at=clock.now() - timedelta(days=5))
    make.make_message(make.make_channel(cast.workspace), contact, sent, state="delivered", reached=4)
    found = repeat_of(draft)
    assert found is not None
    assert (found.id, found.scheduled_at) == (sent.id, None)


def test_a_plan_that_waits_for_somebody_counts_and_one_that_is_paused_on_its_way_does_not(
    cast: Cast, template: Template
) -> None:
    make.make_contact(cast.workspace)
    long_ago = clock.now() - timedelta(days=30)
    plan(cast, template, state=S.PAUSED, scheduled_at=long_ago, started_at=long_ago)
    draft = draft_of(cast, template)
    assert repeat_of(draft) is None
    held = plan(cast, template, state=S.PAUSED, scheduled_at=long_ago)
    found = repeat_of(draft)
    assert found is not None
    assert (found.id, found.scheduled_at) == (held.id, long_ago)


def test_one_whose_list_is_being_written_counts_by_whom_it_goes_to(cast: Cast, template: Template) -> None:
    people = make.make_contacts(cast.workspace, 4)
    segment = make.make_segment(cast.workspace, {"field": "name", "op": "contains", "value": "Contact"})
    begun = broadcasts.start_broadcast(
        cast.workspace.id, draft_of(cast, template, audience={"segment_id": segment.id}).id
    )
    segment.definition = {"match": "all", "conditions": [{"field": "name", "op": "contains", "value": "nobody"}]}
    db.session.commit()
    make.make_message(make.make_channel(cast.workspace), people[0], begun)
    found = repeat_of(draft_of(cast, template))
    assert found is not None
    assert (found.id, found.people, found.scheduled_at) == (begun.id, 4, None)


@pytest.mark.parametrize("state", [S.DRAFT, S.CANCELLED, S.FAILED])
def test_what_is_not_planned_any_more_is_no_repeat(cast: Cast, template: Template, state: BroadcastState) -> None:
    make.make_contact(cast.workspace)
    plan(cast, template, state=state)
    assert repeat_of(draft_of(cast, template)) is None


def test_a_plan_is_no_repeat_of_itself_nor_of_another_template_or_workspace(cast: Cast, template: Template) -> None:
    make.make_contact(cast.workspace)
    make.make_contact(cast.other_workspace)
    plan(cast, make.make_template(cast.workspace))
    theirs = make.make_template(cast.other_workspace, name=template.name)
    make.make_broadcast(
        cast.other_workspace, None, theirs, state=S.SCHEDULED, scheduled_at=clock.now() + timedelta(days=1)
    )
    assert repeat_of(plan(cast, template)) is None


def test_a_translation_that_is_planned_is_the_same_message(cast: Cast, template: Template) -> None:
    make.make_contact(cast.workspace)
    german = make.make_template(cast.workspace, name=template.name, language="de")
    planned = plan(cast, german)
    found = repeat_of(draft_of(cast, template))
    assert found is not None
    assert found.id == planned.id


def test_who_gets_nothing_from_the_plan_is_not_counted(cast: Cast, template: Template) -> None:
    """Left out by tag, by kind, and for a missing value."""
    reached = make.make_contacts(cast.workspace, 2)
    tagged, ned = make.make_contact(cast.workspace), make.make_contact(cast.workspace, phone=NEW_YORK)
    nameless = make.make_contact(cast.workspace, name="")
    contact_bulk.tag_contacts(cast.workspace.id, [tagged.id], "Staff")
    plan(
        cast,
        template,
        exclude={"tags": ["Staff"]},
        leave_out=["us_marketing", "duplicate"],
        variables={"1": {"field": "name", "fallback": ""}},
    )
    assert repeat_of(draft_of(cast, template)) is None
    found = repeat_of(draft_of(cast, template, audience=only(reached)))
    assert found is not None
    assert found.people == 2
    assert repeat_of(draft_of(cast, template, audience=only([tagged, ned, nameless]))) is None


def test_lists_of_every_kind_are_held_against_each_other(cast: Cast, template: Template) -> None:
    people = make.make_contacts(cast.workspace, 3)
    contact_bulk.tag_contacts(cast.workspace.id, [one.id for one in people], "VIP")
    has_tag = {"match": "all", "conditions": [{"field": "tags", "op": "any", "value": ["VIP"]}]}
    kinds = [{"all": True}, {"tags": ["VIP"]}, {"phones": [one.phone for one in people]}, {"filter": has_tag}]
    for theirs in kinds:
        planned = plan(cast, template, audience=theirs)
        for mine in kinds:
            found = repeat_of(draft_of(cast, template, audience=mine))
            assert found is not None, (mine, theirs)
            assert (found.id, found.people) == (planned.id, 3)
        broadcasts.cancel_broadcast(cast.workspace.id, planned.id)


@pytest.mark.parametrize(("shared", "is_repeat"), [(4, True), (3, False)])
def test_numbers_that_are_nobodys_yet_are_people_too(
    cast: Cast, template: Template, shared: int, *, is_repeat: bool
) -> None:
    plan(cast, template, audience={"phones": NOBODYS[:shared]})
    found = repeat_of(draft_of(cast, template, audience={"phones": NOBODYS}))
    assert (found is not None) == is_repeat
    if found:
        assert (found.people, found.percent) == (shared, 20 * shared)


def test_where_messages_decide_who_gets_it_the_answer_is_not_remembered(cast: Cast, template: Template) -> None:
    channel, contact = make.make_channel(cast.workspace), make.make_contact(cast.workspace)
    sent = make.make_broadcast(cast.workspace, channel, make.make_template(cast.workspace), state=S.FINISHED)
    got_it = {"match": "all", "conditions": [{"field": "broadcast", "op": "delivered", "value": sent.id}]}
    plan(cast, template, audience={"filter": got_it})
    draft = draft_of(cast, template)
    assert repeat_of(draft) is None
    make.make_message(channel, contact, sent, state="delivered", reached=4)
    found = repeat_of(draft)
    assert found is not None
    assert found.people == 1
