"""Countries, hours and times until read: what the triggers add up must be what counting the ledger says, whatever happened."""

import random
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import text

from tests import factories
from tests.cast import Cast
from wotnot.models import Broadcast, Channel, Message, MessageState
from wotnot.services import first_answers, messages, report_facets, reports, tallies
from wotnot.services.reports import Period

BEGAN = datetime(2026, 11, 23, 6, 50, tzinfo=UTC)  # a Monday
STEPS = (30, 200, 800, 3000, 20_000, 80_000, 200_000)


@pytest.fixture
def channel(cast: Cast) -> Channel:
    return factories.make_channel(cast.workspace)


@pytest.fixture
def broadcast(cast: Cast, channel: Channel) -> Broadcast:
    return factories.make_broadcast(cast.workspace, channel, state="finished")


def person(cast: Cast, phone: str) -> Any:
    return factories.make_contact(cast.workspace, phone=phone)


def send(channel: Channel, contact: Any, broadcast: Broadcast | None, reached: int, **fields: Any) -> Message:
    """A message that got so far; read 10 minutes after it was sent unless told otherwise."""
    state = [MessageState.QUEUED, MessageState.FAILED, MessageState.ACCEPTED, MessageState.SENT, MessageState.DELIVERED]
    moments = {"accepted_at": BEGAN, "sent_at": BEGAN} if reached >= 2 else {}
    if reached == 5:
        moments |= {"read_at": BEGAN + timedelta(minutes=10)}
    chosen = {"state": [*state, MessageState.READ][reached], "reached": reached, "day": BEGAN.date()}
    return factories.make_message(channel, contact, broadcast, **chosen | moments | fields)


def test_a_broadcast_by_country(cast: Cast, channel: Channel, broadcast: Broadcast) -> None:
    send(channel, person(cast, "27825550001"), broadcast, 5, replied=True)
    send(channel, person(cast, "27825550002"), broadcast, 4)
    send(channel, person(cast, "27825550003"), broadcast, 1)
    send(channel, person(cast, "14165550001"), broadcast, 3)
    send(channel, person(cast, "12125550001"), broadcast, 4)
    send(channel, person(cast, "4915155500001"), None, 5)
    send(channel, person(cast, "27825550004"), broadcast, 0)
    factories.make_cost(channel, 1_250_000, broadcast)
    found = {one.country: one for one in report_facets.list_countries(broadcast.id, "USD")}
    assert list(found) == ["ZA", "CA", "US"]
    africa = found["ZA"].reached
    assert (africa.delivered, africa.read, africa.replied, africa.failed) == (3, 1, 1, 1)
    assert found["ZA"].cost.micros == 1_250_000
    assert (found["CA"].reached.sent, found["CA"].reached.delivered) == (1, 0)


@pytest.mark.parametrize("place", range(len(STEPS)))
def test_the_time_until_read(place: int, cast: Cast, channel: Channel, broadcast: Broadcast) -> None:
    read_at = BEGAN + timedelta(seconds=STEPS[place])
    send(channel, person(cast, "27825550001"), broadcast, 5, read_at=read_at)
    expected = [0] * len(STEPS)
    expected[place] = 1
    assert report_facets.count_read_after(broadcast.id) == expected


@pytest.mark.parametrize(
    ("zone", "hour"), [("UTC", 6), ("Asia/Kolkata", 12), ("Asia/Kathmandu", 12), ("Pacific/Auckland", 19)]
)
def test_hours_are_those_of_the_workspace(
    zone: str, hour: int, cast: Cast, channel: Channel, broadcast: Broadcast
) -> None:
    """6:50 UTC is 12:20 in Kolkata and 12:35 in Kathmandu."""
    cast.workspace.timezone = zone
    send(channel, person(cast, "27825550001"), broadcast, 5)
    send(channel, person(cast, "27825550002"), None, 4)
    week = report_facets.count_by_hour(cast.workspace, Period(BEGAN.date(), BEGAN.date()))
    filled = {(day, at): one for day, hours in enumerate(week) for at, one in enumerate(hours) if one.sent}
    assert list(filled) == [(0, hour)]
    assert (filled[0, hour].sent, filled[0, hour].delivered, filled[0, hour].read) == (2, 2, 1)


def test_the_best_hours_are_those_that_were_read_and_not_the_rare_ones() -> None:
    week = [[report_facets.Reached() for _ in range(24)] for _ in range(7)]
    week[1][9] = report_facets.Reached(100, 100, 60)
    week[2][9] = report_facets.Reached(100, 100, 70)
    week[3][9] = report_facets.Reached(1, 1, 1)
    assert [cell[:2] for cell in report_facets.best_hours(week)] == [(2, 9), (1, 9)]


def test_whatever_happens_the_sums_are_those_of_the_ledger(
    cast: Cast, channel: Channel, broadcast: Broadcast, session: Any
) -> None:
    """Written, changed in any order, changed together, deleted, folded in between."""
    chance = random.Random(3)
    rows = [
        send(channel, person(cast, f"{chance.choice(['2782', '1416', '4915', '9198'])}55500{n:02}"), broadcast, 0)
        for n in range(40)
    ]
    for turn in range(6):
        for message in chance.sample(rows, 15):
            message.reached = chance.choice([1, 2, 3, 4, 5])
            message.state = MessageState.FAILED if message.reached == 1 else MessageState.ACCEPTED
            message.accepted_at = BEGAN + timedelta(minutes=chance.randrange(2000)) if message.reached > 1 else None
            message.read_at = BEGAN + timedelta(hours=chance.randrange(60)) if message.reached == 5 else None
            message.replied = chance.random() < 0.3
        session.commit()
        if turn % 2:
            tallies.compact()
    session.delete(rows.pop())
    session.commit()
    countries = report_facets.list_countries(broadcast.id, "USD")
    assert sum(one.reached.sent for one in countries) == sum(one.reached >= 2 for one in rows)
    assert sum(one.reached.read for one in countries) == sum(one.reached >= 5 for one in rows)
    assert sum(one.reached.replied for one in countries) == sum(one.replied and one.reached > 0 for one in rows)
    assert sum(one.reached.failed for one in countries) == sum(one.state is MessageState.FAILED for one in rows)
    assert sum(report_facets.count_read_after(broadcast.id)) == sum(one.read_at is not None for one in rows)
    assert not session.scalar(text("SELECT count(*) FROM report_tallies WHERE delta = 0"))


def test_how_long_people_waited(cast: Cast, channel: Channel, session: Any) -> None:
    """From their first unanswered message to the first answer of a member; automatic answers end no waiting."""
    ann, ben = factories.make_contacts(cast.workspace, 2)
    days = [reports.today_in(cast.workspace) + timedelta(days) for days in (-1, 1)]
    now = session.scalar(text("SELECT now()"))

    def answer(contact: Any, user: Any) -> None:
        messages.create_message(
            cast.workspace.id,
            channel_id=channel.id,
            contact_id=contact.id,
            phone=contact.phone,
            type="text",
            content={"body": "Hello"},
            user_id=user.id if user else None,
        )

    factories.make_inbound(channel, ann, created_at=now - timedelta(seconds=600))
    factories.make_inbound(channel, ann, created_at=now - timedelta(seconds=60))
    answer(ann, None)
    answer(ann, cast.bob)
    answer(ann, cast.bob)
    factories.make_inbound(channel, ben, created_at=now - timedelta(seconds=7200))
    answer(ben, cast.alice)
    rows = session.execute(text("SELECT user_id, seconds FROM first_answers ORDER BY message_id")).all()
    assert [tuple(row) for row in rows] == [(cast.bob.id, 600), (cast.alice.id, 7200)]
    together, members = first_answers.summarise(cast.workspace.id, *days)
    assert together.count == 2
    assert together.median == pytest.approx(600, rel=0.06)
    assert together.ninety == pytest.approx(7200, rel=0.06)
    assert {one.name for one in members} == {"Alice", "Bob"}
    assert first_answers.summarise(cast.other_workspace.id, *days)[0].count == 0
    tallies.compact()
    assert first_answers.summarise(cast.workspace.id, *days) == (together, members)
    session.execute(text("DELETE FROM messages WHERE user_id = :bob"), {"bob": cast.bob.id})
    assert [one.name for one in first_answers.summarise(cast.workspace.id, *days)[1]] == ["Alice"]
