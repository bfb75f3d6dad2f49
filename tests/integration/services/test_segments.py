"""Segments: kept, counted, listed; strangers' ones are not there."""

from typing import Any

import pytest

from tests import factories as make
from tests.cast import Cast
from wotnot.errors import Conflict, Invalid, NotFound
from wotnot.models import BroadcastState, Contact
from wotnot.services import contact_lists, segments
from wotnot.services.segment_filters import definition_of
from wotnot.services.segments import SegmentCount

VIP = {"field": "tags", "op": "any", "value": ["VIP"]}


def all_of(*conditions: dict[str, Any]) -> dict[str, Any]:
    return {"match": "all", "conditions": list(conditions)}


@pytest.fixture
def people(cast: Cast) -> dict[str, Contact]:
    """Ann and Ben have the tag VIP, Ben opted out; Cid has nothing; Zoe is a stranger's VIP."""
    found = {
        "ann": make.make_contact(cast.workspace, name="Ann Botha", email="ann@example.com"),
        "ben": make.make_contact(cast.workspace, name="Ben", consent="opted_out"),
        "cid": make.make_contact(cast.workspace, name="Cid"),
    }
    vip = make.make_tag(cast.workspace, "VIP")
    make.tag_contact(found["ann"], vip)
    make.tag_contact(found["ben"], vip)
    zoe = make.make_contact(cast.other_workspace, name="Zoe")
    make.tag_contact(zoe, make.make_tag(cast.other_workspace, "VIP"))
    return found


def names(workspace_id: int, definition: dict[str, Any]) -> list[str]:
    return [one.name for one in segments.list_people(workspace_id, definition).items]


def test_a_segment_is_kept_tidied_and_found_again(cast: Cast, people: dict[str, Contact]) -> None:
    home = cast.workspace.id
    made = segments.create_segment(home, name="  Our  best ", definition=all_of({**VIP, "value": ["VIP", "vip"]}))
    assert (made.name, made.definition) == ("Our best", all_of(VIP))
    assert segments.get_segment(home, made.id) is made
    assert segments.count_people(home, made.definition) == SegmentCount(2, 1)
    assert names(home, made.definition) == ["Ben", "Ann Botha"]
    assert segments.list_names(home) == [(made.id, "Our best")]


def test_name_and_filter_change_apart(cast: Cast) -> None:
    home = cast.workspace.id
    segment = make.make_segment(cast.workspace)
    assert segments.update_segment(home, segment.id, name="Newer").definition == all_of(VIP)
    changed = segments.update_segment(home, segment.id, definition=all_of({"field": "email", "op": "empty"}))
    assert (changed.name, changed.definition["conditions"]) == ("Newer", [{"field": "email", "op": "empty"}])


def test_a_name_is_taken_whatever_its_case_but_not_by_strangers(cast: Cast) -> None:
    make.make_segment(cast.workspace, name="Best")
    with pytest.raises(Conflict):
        segments.create_segment(cast.workspace.id, name="BEST", definition=all_of(VIP))
    other = segments.create_segment(cast.workspace.id, name="Second", definition=all_of(VIP))
    with pytest.raises(Conflict):
        segments.update_segment(cast.workspace.id, other.id, name="best")
    assert segments.create_segment(cast.other_workspace.id, name="Best", definition=all_of(VIP)).id


def test_all_that_is_wrong_is_said_at_once_and_nothing_is_kept(cast: Cast) -> None:
    with pytest.raises(Invalid) as refusal:
        segments.create_segment(cast.workspace.id, name=" ", definition=all_of(VIP, {"field": "x"}))
    assert set(refusal.value.errors) == {"name", "definition.conditions.1.field"}
    for name in ("x" * 101, "a\x00b"):
        with pytest.raises(Invalid):
            segments.create_segment(cast.workspace.id, name=name, definition=all_of(VIP))
    assert segments.list_names(cast.workspace.id) == []


def test_a_stranger_finds_nothing(cast: Cast, people: dict[str, Contact]) -> None:
    segment = make.make_segment(cast.workspace)
    there = cast.other_workspace.id
    for act in (
        lambda: segments.get_segment(there, segment.id),
        lambda: segments.update_segment(there, segment.id, name="Mine"),
        lambda: segments.delete_segment(there, segment.id),
    ):
        with pytest.raises(NotFound):
            act()
    assert names(there, segment.definition) == ["Zoe"]
    assert segments.list_segments(there).items == []
    assert segments.find_segments(there, [segment.id]) == []


def test_a_page_continues_where_the_last_one_ended(cast: Cast) -> None:
    made = [make.make_segment(cast.workspace).id for _ in range(5)]
    first = segments.list_segments(cast.workspace.id, limit=3)
    second = segments.list_segments(cast.workspace.id, cursor=first.next_cursor, limit=3)
    assert [one.id for one in (*first.items, *second.items)] == made[::-1]
    assert (second.next_cursor, bool(second.previous_cursor)) == (None, True)


def test_a_count_of_contacts_is_remembered_and_one_of_messages_is_not(
    cast: Cast, people: dict[str, Contact], count_queries: Any, session: Any
) -> None:
    home = cast.workspace.id
    channel = make.make_channel(cast.workspace)
    broadcast = make.make_broadcast(cast.workspace, channel)
    message = make.make_message(channel, people["ann"], broadcast, state="delivered", reached=4)
    unread = all_of({"field": "broadcast", "op": "not_read", "value": broadcast.id})
    assert segments.count_people(home, unread).people == 1
    message.state, message.reached = "read", 5
    session.commit()
    assert segments.count_people(home, unread).people == 0
    segments.count_people(home, all_of(VIP))
    with count_queries() as statements:
        segments.count_people(home, all_of(VIP))
    assert not [one for one in statements if "FROM contacts" in one]
    people["ben"].consent = "unknown"
    session.commit()
    assert segments.count_people(home, all_of(VIP)) == SegmentCount(2, 2)


def test_a_scheduled_broadcast_keeps_its_segment_and_a_draft_does_not(cast: Cast) -> None:
    home = cast.workspace.id
    chosen, left_out, free = (make.make_segment(cast.workspace) for _ in range(3))
    planned = make.make_broadcast(
        cast.workspace,
        name="Planned",
        state=BroadcastState.SCHEDULED,
        audience={"segment_id": chosen.id},
        exclude={"segment_ids": [left_out.id]},
    )
    for one in (chosen, left_out):
        assert [use.id for use in segments.list_uses(home, one.id)] == [planned.id]
        with pytest.raises(Conflict, match="Planned"):
            segments.delete_segment(home, one.id)
    draft = make.make_broadcast(cast.workspace, audience={"segment_id": free.id})
    assert [use.id for use in segments.list_uses(home, free.id)] == [draft.id]
    segments.delete_segment(home, free.id)
    assert segments.list_names(home) != []
    with pytest.raises(NotFound):
        segments.get_segment(home, free.id)


def test_only_broadcasts_that_went_out_are_offered_and_the_chosen_one(cast: Cast) -> None:
    home = cast.workspace.id
    went = make.make_broadcast(cast.workspace, name="Went", started_at=cast.workspace.created_at)
    draft = make.make_broadcast(cast.workspace, name="Draft")
    make.make_broadcast(cast.other_workspace, name="Theirs", started_at=cast.workspace.created_at)
    assert [broadcast_id for broadcast_id, _ in segments.list_broadcast_choices(home)] == [went.id]
    assert segments.list_broadcast_choices(home, [draft.id])[0] == (draft.id, "Draft")


@pytest.mark.parametrize(
    ("search", "tag", "consent"),
    [
        ("", "VIP", ""),
        ("", "", "opted_out"),
        ("ann", "", ""),
        ("botha EXAMPLE", "vip", ""),
        ("@ ann", "", "unknown"),
        ("nobody-is-called-this", "", ""),
        ("+27", "", ""),
        ("082 555", "VIP", ""),
        ("555", "", ""),
        ("ann27", "", ""),
        ("50%", "", ""),
        ("a_b", "", ""),
    ],
)
def test_the_filter_of_the_contacts_page_said_as_a_segment_finds_the_same(
    cast: Cast, people: dict[str, Contact], search: str, tag: str, consent: str
) -> None:
    make.make_contact(cast.workspace, name="Fifty 50% off", phone="27825550142")
    make.make_contact(cast.workspace, name="a_b", email="x555@example.com")
    make.make_contact(cast.workspace, name="axb 5 5 5")
    home = cast.workspace.id
    shown = contact_lists.list_contacts(home, search=search, tag=tag, consent=consent, limit=200)
    definition = definition_of(search, tag, consent)
    assert definition is not None
    clean = segments.check_definition(home, definition)
    assert names(home, clean) == [one.name for one in shown.items]


@pytest.mark.parametrize("search", ["", "an", "ann b", "82", "@"])
def test_what_cannot_be_said_as_a_segment_is_not_offered(search: str) -> None:
    assert definition_of(search, "", "") is None
