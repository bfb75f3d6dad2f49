"""Counting, walking and freezing audiences."""

from typing import Any

import pytest
from sqlalchemy import func, select, text

from tests import factories as make
from tests.cast import Cast
from wotnot.errors import Invalid
from wotnot.extensions import db
from wotnot.models import Broadcast, BroadcastState, Contact, Message, Template, TemplateCategory, Workspace
from wotnot.services import audience, expansion
from wotnot.services.audience_counts import MILE, AudienceCount, count_audience, person_at


@pytest.fixture
def people(cast: Cast) -> dict[str, Contact]:
    """Ann and Ben have the tag VIP, Ben and Cid have News, Dan opted out (VIP), Eve is known by user id only."""
    home = cast.workspace
    vip, news = make.make_tag(home, "VIP"), make.make_tag(home, "News")
    found = {
        "ann": make.make_contact(home, name="Ann", attributes={"city": "Cape Town"}),
        "ben": make.make_contact(home, name="Ben"),
        "cid": make.make_contact(home, name=""),
        "dan": make.make_contact(home, name="Dan", consent="opted_out"),
        "eve": make.make_contact(home, name="Eve", phone=None, wa_user_id="ZA.1234"),
    }
    for name, tag in (("ann", vip), ("ben", vip), ("ben", news), ("cid", news), ("dan", vip)):
        make.tag_contact(found[name], tag)
    stranger = make.make_contact(cast.other_workspace, name="Zoe")
    make.tag_contact(stranger, make.make_tag(cast.other_workspace, "VIP"))
    return found


def counted(count: AudienceCount) -> tuple[int, int, int, int, int]:
    return (count.total, count.excluded, count.opted_out, count.missing, count.to_send)


@pytest.mark.parametrize(
    ("chosen", "exclude", "expected"),
    [
        ({"all": True}, {}, (5, 0, 1, 0, 4)),
        ({"tags": ["vip"]}, {}, (3, 0, 1, 0, 2)),
        ({"tags": ["VIP", "news"]}, {}, (4, 0, 1, 0, 3)),
        ({"tags": ["VIP"]}, {"tags": ["news"]}, (3, 1, 1, 0, 1)),
        ({"all": True}, {"tags": ["vip"]}, (5, 3, 0, 0, 2)),
        ({"tags": ["unheard of"]}, {}, (0, 0, 0, 0, 0)),
        ({}, {}, (0, 0, 0, 0, 0)),
    ],
)
def test_counts(
    cast: Cast, people: dict[str, Contact], chosen: Any, exclude: Any, expected: tuple[int, int, int, int, int]
) -> None:
    assert counted(count_audience(cast.workspace.id, chosen, exclude)) == expected


def test_lists_of_ids_and_numbers_stay_inside_the_workspace(cast: Cast, people: dict[str, Contact]) -> None:
    strangers = list(db.session.scalars(select(Contact).where(Contact.workspace_id == cast.other_workspace.id)))
    ids = [people["ann"].id, people["dan"].id, strangers[0].id]
    assert counted(count_audience(cast.workspace.id, {"contact_ids": ids})) == (2, 0, 1, 0, 1)
    phones = [people["ann"].phone, strangers[0].phone, "27825559999"]
    # Numbers that are nobody's yet become contacts at the start, so they count already.
    assert counted(count_audience(cast.workspace.id, {"phones": phones})) == (3, 0, 0, 0, 3)


def test_missing_values_and_fallbacks(cast: Cast, people: dict[str, Contact]) -> None:
    variables = {"1": {"field": "first_name", "fallback": "there"}, "2": {"field": "city"}}
    count = count_audience(cast.workspace.id, {"all": True}, {}, variables)
    assert counted(count) == (5, 0, 1, 3, 1)
    assert count.missing_by_variable == {"2": 3}
    assert count.fallback_by_variable == {}
    named = count_audience(cast.workspace.id, {"all": True}, {}, {"1": variables["1"]})
    assert named.fallback_by_variable == {"1": 1}
    assert named.to_send == 4


def test_templates_for_codes_need_a_number(cast: Cast, people: dict[str, Contact]) -> None:
    count = count_audience(cast.workspace.id, {"all": True}, needs_phone=True)
    assert (count.no_number, count.to_send) == (1, 3)


def test_walking_skips_who_opted_out_and_who_is_left_out(cast: Cast, people: dict[str, Contact]) -> None:
    walked = [person_at(cast.workspace.id, {"all": True}, {"tags": ["news"]}, row) for row in (1, 2, 3)]
    assert [one.name if one else None for one in walked] == ["Ann", "Eve", None]


def test_walking_far_goes_from_milestone_to_milestone(cast: Cast, session: Any) -> None:
    _make_crowd(cast.workspace.id, 2 * MILE + 2)
    rows = (1, MILE, MILE + 1, 2 * MILE, 2 * MILE + 1, 2 * MILE + 2, 2 * MILE + 3, 9 * MILE)
    walked = [person_at(cast.workspace.id, {"all": True}, {}, row) for row in rows]
    assert [int(one.name) if one else None for one in walked] == [*rows[:-2], None, None]


def test_a_count_is_remembered_until_a_contact_changes(
    cast: Cast, people: dict[str, Contact], session: Any, count_queries: Any
) -> None:
    def count() -> tuple[AudienceCount, int]:
        with count_queries() as statements:
            return count_audience(cast.workspace.id, {"all": True}, {}, {"1": {"field": "city"}}), len(statements)

    first, asked = count()
    again, asked_again = count()
    assert again == first
    assert asked_again < asked
    people["eve"].attributes = {"city": "Paarl"}
    session.commit()
    assert count()[0].missing == first.missing - 1
    make.tag_contact(people["eve"], make.make_tag(cast.workspace, "crowd"))
    assert count()[1] == asked, "a tag may decide who is in the audience"


def _make_crowd(workspace_id: int, count: int) -> None:
    """People whose names are their places in the order of sending."""
    db.session.execute(
        text(
            "INSERT INTO contacts (workspace_id, phone, name)"
            " SELECT :workspace, 27820000000 + n, n FROM generate_series(1, :count) AS n"
        ),
        {"workspace": workspace_id, "count": count},
    )


def test_the_people_behind_each_number(cast: Cast, people: dict[str, Contact]) -> None:
    found = audience.resolve(cast.workspace.id, {"all": True}, {"tags": ["news"]})
    variables = {"1": {"field": "city"}}

    def names(why: str) -> list[str]:
        return [one.name for one in audience.list_people(found, why, variables).items]

    assert names("opted_out") == ["Dan"]
    assert names("excluded") == ["", "Ben"]
    assert names("missing_value") == ["Eve"]
    assert names("no_number") == ["Eve"]
    assert names("blank:city") == ["Eve"]
    with pytest.raises(Invalid):
        names("whatever")


# ---------------------------------------------------------------- freezing


def expanding(home: Workspace, template: Template | None = None, **fields: Any) -> Broadcast:
    return make.make_broadcast(home, template=template, state=BroadcastState.EXPANDING, **fields)


def rows_of(broadcast: Broadcast) -> list[tuple[int | None, str, str | None]]:
    rows = db.session.execute(
        select(Message.contact_id, Message.state, Message.skip_reason)
        .where(Message.broadcast_id == broadcast.id)
        .order_by(Message.contact_id)
    )
    return [(row.contact_id, row.state, row.skip_reason) for row in rows]


@pytest.mark.parametrize("batch", [1, 2, 3, 100])
def test_everybody_gets_one_row_whatever_the_batch(cast: Cast, people: dict[str, Contact], batch: int) -> None:
    broadcast = expanding(cast.workspace, variables={"1": {"field": "first_name"}})
    assert expansion.expand_broadcast(broadcast.id, batch=batch).finished
    assert rows_of(broadcast) == [
        (people["ann"].id, "queued", None),
        (people["ben"].id, "queued", None),
        (people["cid"].id, "skipped", "missing_value"),
        (people["dan"].id, "skipped", "opted_out"),
        (people["eve"].id, "queued", None),
    ]
    db.session.refresh(broadcast)
    assert broadcast.state is BroadcastState.SENDING
    assert broadcast.started_at is not None


@pytest.mark.parametrize(
    ("chosen", "exclude", "names"),
    [
        ({"tags": ["vip"]}, {}, ["ann", "ben", "dan"]),
        ({"tags": ["vip", "news"]}, {"tags": ["NEWS"]}, ["ann", "dan"]),
        ({"tags": ["nobody"]}, {}, []),
    ],
)
def test_the_frozen_list_is_the_counted_one(
    cast: Cast, people: dict[str, Contact], chosen: Any, exclude: Any, names: list[str]
) -> None:
    broadcast = expanding(cast.workspace, audience=chosen, exclude=exclude)
    expansion.expand_broadcast(broadcast.id, batch=2)
    assert [row[0] for row in rows_of(broadcast)] == [people[name].id for name in names]


def test_numbers_that_are_nobodys_become_contacts(cast: Cast, people: dict[str, Contact]) -> None:
    phones = [people["ben"].phone, "27825559998", "27825559999"]
    broadcast = expanding(cast.workspace, audience={"phones": phones})
    expansion.expand_broadcast(broadcast.id, batch=1)
    rows = db.session.execute(
        select(Message.phone, Contact.phone)
        .join(Contact, Contact.id == Message.contact_id)
        .where(Message.broadcast_id == broadcast.id)
    ).all()
    assert sorted(row[0] for row in rows) == sorted(phones)
    assert all(row[0] == row[1] for row in rows)


def test_a_code_template_skips_who_has_no_number(cast: Cast, people: dict[str, Contact]) -> None:
    template = make.make_template(cast.workspace, category=TemplateCategory.AUTHENTICATION)
    broadcast = expanding(cast.workspace, template)
    expansion.expand_broadcast(broadcast.id)
    assert (people["eve"].id, "skipped", "no_number") in rows_of(broadcast)


def test_running_twice_and_after_a_lost_checkpoint_adds_nothing(cast: Cast, people: dict[str, Contact]) -> None:
    broadcast = expanding(cast.workspace)
    expansion.expand_broadcast(broadcast.id)
    again = expansion.expand_broadcast(broadcast.id)
    assert (again.finished, again.batches) == (False, 0)
    db.session.execute(text("UPDATE broadcasts SET state = 'expanding', expanded_through = 0"))
    db.session.commit()
    assert expansion.expand_broadcast(broadcast.id).finished
    assert len(rows_of(broadcast)) == len(people)
    assert db.session.scalar(select(func.count()).select_from(Message)) == len(people)


def test_the_day_is_the_workspaces(cast: Cast, people: dict[str, Contact]) -> None:
    cast.workspace.timezone = "Pacific/Kiritimati"
    db.session.commit()
    broadcast = expanding(cast.workspace)
    expansion.expand_broadcast(broadcast.id)
    expected = db.session.scalar(text("SELECT (now() AT TIME ZONE 'Pacific/Kiritimati')::date"))
    assert set(db.session.scalars(select(Message.day))) == {expected}
