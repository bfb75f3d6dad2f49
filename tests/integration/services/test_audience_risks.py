"""People whom a message would hardly reach, or reach twice: who they are, how many, and that leaving them out holds."""

from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import func, select

from tests import factories as make
from tests.cast import Cast
from wotnot import clock
from wotnot.errors import Invalid
from wotnot.extensions import db
from wotnot.models import Broadcast, BroadcastState, Channel, Contact, Message, TemplateCategory
from wotnot.services import audience, broadcasts, expansion, forecast, preflight
from wotnot.services.audience_counts import count_audience, person_at
from wotnot.services.audience_risks import DUPLICATE, KINDS, UNREACHABLE, US_MARKETING, left_out_of

FAILED = {"state": "failed", "error_code": 131026, "reached": 2}
REACHED = {"state": "delivered", "reached": 4}
NEW_YORK, TORONTO, BERLIN = "12125550142", "14165550142", "4915112345678"


@pytest.fixture
def channel(cast: Cast) -> Channel:
    return make.make_channel(cast.workspace)


@pytest.fixture
def draft(cast: Cast, channel: Channel) -> Broadcast:
    return make.make_broadcast(cast.workspace, channel)


def kinds_of(draft: Broadcast) -> dict[str, int]:
    return dict(preflight.look(draft, preflight.count_draft(draft)).by_kind)


def names_of(draft: Broadcast, why: str) -> list[str]:
    people = audience.resolve(draft.workspace_id, draft.audience, draft.exclude, left_out_of(draft))
    return sorted(one.name for one in audience.list_people(people, why, draft.variables).items)


def leave_out(draft: Broadcast, *kinds: str) -> Broadcast:
    return broadcasts.update_broadcast(draft.workspace_id, draft.id, leave_out=list(kinds))


def freeze(draft: Broadcast) -> dict[str, str | None]:
    """What became of each person by name."""
    draft.state = BroadcastState.EXPANDING
    db.session.commit()
    assert expansion.expand_broadcast(draft.id, batch=2).finished
    rows = db.session.execute(
        select(Contact.name, Message.state, Message.skip_reason)
        .join(Contact, Contact.id == Message.contact_id)
        .where(Message.broadcast_id == draft.id)
    )
    return {name: reason if state == "skipped" else str(state) for name, state, reason in rows}


@pytest.mark.parametrize(
    ("story", "is_unreachable"),
    [
        ([], False),
        ([FAILED], True),
        ([FAILED, FAILED], True),
        ([FAILED, REACHED], False),
        ([REACHED, FAILED], True),
        ([FAILED, REACHED, FAILED], True),
        ([FAILED, {"state": "accepted", "reached": 2}], True),
        ([FAILED, {"direction": "in", "state": "received", "type": "text"}], False),
        ([FAILED | {"error_code": 131049}], False),
    ],
)
def test_who_could_not_be_reached_before(
    cast: Cast, channel: Channel, draft: Broadcast, story: list[dict[str, Any]], *, is_unreachable: bool
) -> None:
    ann = make.make_contact(cast.workspace, name="Ann")
    for fields in story:
        make.make_message(channel, ann, **fields)
    assert kinds_of(draft)[UNREACHABLE] == is_unreachable
    assert names_of(draft, UNREACHABLE) == (["Ann"] if is_unreachable else [])
    leave_out(draft, UNREACHABLE)
    assert preflight.count_draft(draft).to_send == (not is_unreachable)
    assert freeze(draft) == {"Ann": UNREACHABLE if is_unreachable else "queued"}


def test_a_receipt_is_seen_at_once(cast: Cast, channel: Channel, draft: Broadcast) -> None:
    ann = make.make_contact(cast.workspace, name="Ann")
    assert kinds_of(draft)[UNREACHABLE] == 0
    make.make_message(channel, ann, **FAILED)
    assert kinds_of(draft)[UNREACHABLE] == 1
    leave_out(draft, UNREACHABLE)
    assert preflight.count_draft(draft).to_send == 0
    make.make_message(channel, ann, **REACHED)
    assert preflight.count_draft(draft).to_send == 1


def test_another_workspaces_failures_are_not_looked_at(cast: Cast, draft: Broadcast) -> None:
    theirs = make.make_channel(cast.other_workspace)
    make.make_message(theirs, make.make_contact(cast.other_workspace), **FAILED)
    make.make_contact(cast.workspace, name="Ann")
    assert kinds_of(draft)[UNREACHABLE] == 0


@pytest.mark.parametrize(("category", "americans"), [("marketing", ["Ned", "Una"]), ("utility", [])])
def test_only_marketing_is_held_back_from_the_united_states(
    cast: Cast, channel: Channel, category: str, americans: list[str]
) -> None:
    template = make.make_template(cast.workspace, category=TemplateCategory(category))
    draft = make.make_broadcast(cast.workspace, channel, template)
    for name, phone in (("Ned", NEW_YORK), ("Tom", TORONTO), ("Ben", BERLIN)):
        make.make_contact(cast.workspace, name=name, phone=phone)
    make.make_contact(cast.workspace, name="Una", phone=None, wa_user_id="US.77")
    assert kinds_of(draft).get(US_MARKETING, 0) == len(americans)
    leave_out(draft, US_MARKETING)
    assert preflight.count_draft(draft).by_kind.get(US_MARKETING, 0) == len(americans)
    cost = forecast.forecast_broadcast(draft)
    assert cost is not None
    assert cost.count == preflight.count_draft(draft).to_send == 4 - len(americans)
    assert {name for name, became in freeze(draft).items() if became == US_MARKETING} == set(americans)


def test_typed_numbers_of_the_united_states_count_before_they_are_contacts(cast: Cast, channel: Channel) -> None:
    draft = make.make_broadcast(cast.workspace, channel, audience={"phones": [NEW_YORK, BERLIN]}, variables={})
    assert kinds_of(draft)[US_MARKETING] == 1
    leave_out(draft, US_MARKETING)
    counted = preflight.count_draft(draft)
    assert (counted.total, counted.to_send, counted.by_kind) == (2, 1, {US_MARKETING: 1})
    cost = forecast.forecast_broadcast(draft)
    assert cost is not None
    assert cost.count == 1
    draft.state = BroadcastState.EXPANDING
    db.session.commit()
    expansion.expand_broadcast(draft.id)
    rows = db.session.execute(select(Message.phone, Message.skip_reason).where(Message.broadcast_id == draft.id))
    assert {row.phone: row.skip_reason for row in rows} == {NEW_YORK: US_MARKETING, BERLIN: None}


def other_spelling(phone: str) -> str | None:
    """The twin of the SQL, said in another way."""
    code, rest = phone[:2], phone[2:]
    if code == "52" and len(rest) in {10, 11}:
        return code + rest[1:] if rest[0] == "1" and len(rest) == 11 else f"521{rest}" if len(rest) == 10 else None
    if code == "54" and len(rest) in {10, 11}:
        return code + rest[1:] if rest[0] == "9" and len(rest) == 11 else f"549{rest}" if len(rest) == 10 else None
    if code == "55" and len(rest) in {10, 11}:
        area, local = rest[:2], rest[2:]
        if len(local) == 9:
            return f"55{area}{local[1:]}" if local[0] == "9" and local[1] in "6789" else None
        return f"55{area}9{local}" if local[0] in "6789" else None
    return None


@pytest.mark.parametrize(
    "phone",
    ["525512345678", "5215512345678", "541123456789", "5491123456789", "5511987654321", "551187654321", "551133334444", BERLIN],
)  # fmt: skip
def test_one_line_in_two_spellings_is_written_to_once(cast: Cast, draft: Broadcast, phone: str) -> None:
    make.make_contact(cast.workspace, name="First", phone=phone)
    twin = other_spelling(phone)
    make.make_contact(cast.workspace, name="Second", phone=twin or "4930123456")
    # The same spelling in another workspace is another customer's.
    make.make_contact(cast.other_workspace, phone=twin or "4930123456")
    assert names_of(draft, DUPLICATE) == (["Second"] if twin else [])
    assert kinds_of(draft)[DUPLICATE] == (1 if twin else 0)
    leave_out(draft, DUPLICATE)
    assert names_of(draft, DUPLICATE) == (["Second"] if twin else [])
    assert preflight.count_draft(draft).to_send == (1 if twin else 2)
    assert freeze(draft) == {"First": "queued", "Second": DUPLICATE if twin else "queued"}


@pytest.mark.parametrize("first", [{"consent": "opted_out"}, {"attributes": {}}])
def test_nobody_is_left_out_for_a_twin_who_gets_nothing(cast: Cast, channel: Channel, first: dict[str, Any]) -> None:
    draft = make.make_broadcast(cast.workspace, channel, variables={"1": {"field": "city"}}, leave_out=[DUPLICATE])
    make.make_contact(
        cast.workspace, **{"name": "First", "phone": "5511987654321", "attributes": {"city": "Rio"}} | first
    )
    make.make_contact(cast.workspace, name="Second", phone="551187654321", attributes={"city": "Rio"})
    assert preflight.count_draft(draft).to_send == 1
    assert freeze(draft)["Second"] == "queued"


def test_the_sums_agree_and_the_walk_shows_who_gets_it(cast: Cast, channel: Channel) -> None:
    draft = make.make_broadcast(cast.workspace, channel, leave_out=list(KINDS))
    for name, phone in (("Ned", NEW_YORK), ("Ben", BERLIN), ("Rio", "5511987654321"), ("Rio too", "551187654321")):
        make.make_contact(cast.workspace, name=name, phone=phone)
    make.make_contact(cast.workspace, name="Dan", consent="opted_out")
    for phone in ("12125550143", "27825550199"):
        make.make_message(channel, make.make_contact(cast.workspace, name="Lost", phone=phone), **FAILED)
    counted = preflight.count_draft(draft)
    assert counted.by_kind == {US_MARKETING: 2, UNREACHABLE: 1, DUPLICATE: 1}
    assert kinds_of(draft) == counted.by_kind, "each person counts for the first reason"
    assert counted.total == counted.opted_out + sum(counted.by_kind.values()) + counted.to_send == 7
    walked = [person_at(draft.workspace_id, draft.audience, {}, row, leave_out=left_out_of(draft)) for row in (1, 2, 3)]
    assert [one.name if one else None for one in walked] == ["Ben", "Rio", None]
    tagged = count_audience(draft.workspace_id, {"tags": ["nobody"]}, leave_out=KINDS)
    assert tagged.total == tagged.to_send == 0


def test_only_known_kinds_are_kept_and_once(draft: Broadcast) -> None:
    assert leave_out(draft, UNREACHABLE, US_MARKETING, UNREACHABLE).leave_out == [US_MARKETING, UNREACHABLE]
    with pytest.raises(Invalid) as refusal:
        leave_out(draft, "friends")
    assert set(refusal.value.errors) == {"leave_out"}
    assert broadcasts.update_broadcast(draft.workspace_id, draft.id, leave_out=None).leave_out == []


def test_the_list_is_made_the_same_when_a_run_is_repeated(cast: Cast, channel: Channel, draft: Broadcast) -> None:
    make.make_message(channel, make.make_contact(cast.workspace, name="Lost"), **FAILED)
    make.make_contacts(cast.workspace, 3)
    leave_out(draft, UNREACHABLE)
    freeze(draft)
    draft.state, draft.expanded_through = BroadcastState.EXPANDING, 0
    db.session.commit()
    expansion.expand_broadcast(draft.id)
    assert db.session.scalar(select(func.count()).where(Message.broadcast_id == draft.id)) == 4
    assert draft.started_at is not None
    assert draft.started_at > clock.now() - timedelta(minutes=5)
