"""Reports are sums over the tallies: they must say what counting the ledger would."""

import random
from datetime import timedelta

import pytest

from tests import factories
from tests.cast import Cast
from wotnot import clock
from wotnot.errors import Invalid, NotFound
from wotnot.models import BroadcastState, Message, MessageState
from wotnot.services import reports, tallies
from wotnot.services.reports import Period

OUTCOMES = (
    {"state": MessageState.READ, "reached": 5},
    {"state": MessageState.DELIVERED, "reached": 4},
    {"state": MessageState.FAILED, "reached": 1, "error_code": 131026},
    {"state": MessageState.FAILED, "reached": 4, "error_code": 131049},
    {"state": MessageState.FAILED, "reached": 1},
    {"state": MessageState.SKIPPED, "reached": 0, "skip_reason": "opted_out"},
    {"state": MessageState.QUEUED, "reached": 0},
)


@pytest.fixture
def ledger(cast: Cast) -> list[Message]:
    """300 messages over ten days, on two numbers, and some of the neighbour's."""
    chance = random.Random(7)
    numbers = [factories.make_channel(cast.workspace) for _ in range(2)]
    broadcast = factories.make_broadcast(cast.workspace, numbers[0])
    today = clock.now().date()
    made = []
    for _ in range(300):
        fields = dict(chance.choice(OUTCOMES), day=today - timedelta(days=chance.randrange(10)))
        contact = factories.make_contact(cast.workspace)
        made.append(
            factories.make_message(
                chance.choice(numbers),
                contact,
                chance.choice([broadcast, None]),
                replied=chance.random() < 0.1,
                **fields,
            )
        )
    stranger = factories.make_contact(cast.other_workspace)
    factories.make_message(factories.make_channel(cast.other_workspace), stranger, **OUTCOMES[0], day=today)
    factories.make_inbound(numbers[0], made[0].contact)
    return made


def today() -> Period:
    day = clock.now().date()
    return Period(day - timedelta(days=6), day)


def test_the_report_counts_what_the_ledger_holds(cast: Cast, ledger):
    period = today()
    report = reports.analyse(cast.workspace.id, period)
    mine = [message for message in ledger if period.first <= message.day <= period.last]
    assert report.total.funnel["delivered"] == sum(message.reached >= 4 for message in mine)
    assert report.total.funnel["read"] == sum(message.reached >= 5 for message in mine)
    assert report.total.funnel["failed"] == sum(message.state is MessageState.FAILED for message in mine)
    assert report.total.funnel["replied"] == sum(message.replied for message in mine)
    assert list(report.by_day) == period.days
    for day, counts in report.by_day.items():
        assert counts.funnel["attempted"] == sum(message.reached >= 1 and message.day == day for message in mine)
    by_code = {failure.code: failure.count for failure in report.failures}
    for code in (131026, 131049, None):
        assert by_code[code] == sum(
            message.state is MessageState.FAILED and message.error_code == code for message in mine
        )
    with_template = sum(message.template_id is not None for message in mine)
    assert [one.counts.funnel["audience"] for one in report.by_template] == [with_template]


def test_compacting_changes_no_number(cast: Cast, ledger):
    before = reports.analyse(cast.workspace.id, today())
    tallies.compact()
    assert reports.analyse(cast.workspace.id, today()) == before


def test_one_number_alone(cast: Cast, ledger):
    channel_id = ledger[0].channel_id
    counts = reports.count_messages(cast.workspace.id, today(), channel_id=channel_id)
    mine = [message for message in ledger if message.channel_id == channel_id and message.day >= today().first]
    assert counts.funnel["delivered"] == sum(message.reached >= 4 for message in mine)
    theirs = factories.make_channel(cast.other_workspace)
    with pytest.raises(NotFound):
        reports.analyse(cast.workspace.id, today(), channel_id=theirs.id)


def test_a_workspace_sees_only_its_own(cast: Cast, ledger):
    assert reports.count_messages(cast.other_workspace.id, today()).funnel["delivered"] == 1
    assert reports.analyse(cast.other_workspace.id, today()).by_template == []


def test_whether_anything_was_ever_sent(cast: Cast):
    assert not reports.has_sent_messages(cast.workspace.id)
    channel, contact = factories.make_channel(cast.workspace), factories.make_contact(cast.workspace)
    factories.make_inbound(channel, contact)
    assert not reports.has_sent_messages(cast.workspace.id)
    factories.make_message(channel, contact)
    assert reports.has_sent_messages(cast.workspace.id)
    assert not reports.has_sent_messages(cast.other_workspace.id)


def test_periods_have_limits(cast: Cast):
    day = clock.now().date()
    for first, last in ((day, day - timedelta(days=1)), (day - timedelta(days=366), day)):
        with pytest.raises(Invalid):
            reports.period_of(cast.workspace, first, last)
    assert reports.period_of(cast.workspace).length == 30


def test_the_next_broadcasts_come_soonest_first(cast: Cast):
    channel = factories.make_channel(cast.workspace)
    for hours in (5, 1, 9, 3):
        moment = clock.now() + timedelta(hours=hours)
        factories.make_broadcast(
            cast.workspace, channel, state=BroadcastState.SCHEDULED, scheduled_at=moment, name=str(hours)
        )
    factories.make_broadcast(cast.workspace, channel)
    assert [one.name for one in reports.list_next_broadcasts(cast.workspace.id)] == ["1", "3", "5"]
    assert reports.list_next_broadcasts(cast.other_workspace.id) == []


def test_reports_cost_the_same_whatever_they_hold(cast: Cast, ledger, count_queries):
    workspace_id = cast.workspace.id
    with count_queries() as statements:
        reports.analyse(workspace_id, today())
    assert len(statements) == 2
