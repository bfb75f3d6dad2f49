"""A list spread over time and days: evenly, in order, the same after a crash, and on the workspace's clock."""

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from sqlalchemy import select

from tests.cast import Cast
from tests.factories import make_broadcast, make_channel, make_contacts, make_template
from wotnot import clock
from wotnot.extensions import db
from wotnot.models import Broadcast, BroadcastState, Consent, Message
from wotnot.services import broadcasts, expansion, moments, preflight
from wotnot.services.broadcast_reports import describe, progress_of

HOME = "Africa/Johannesburg"
START = datetime(2026, 11, 26, 10, tzinfo=ZoneInfo(HOME)).astimezone(ZoneInfo("UTC"))


@pytest.fixture
def broadcast(cast: Cast, monkeypatch: pytest.MonkeyPatch) -> Broadcast:
    """To everybody, its list about to be made at ten in the morning."""
    monkeypatch.setattr(clock, "now", lambda: START)
    cast.workspace.timezone = HOME
    channel = make_channel(cast.workspace)
    template = make_template(cast.workspace)
    return make_broadcast(
        cast.workspace, channel, template, state=BroadcastState.EXPANDING, audience={"all": True}, retry_hours=0
    )


def expand(broadcast: Broadcast, batch: int = 7) -> list[Message]:
    """Those who get it, in the order of the list."""
    while not expansion.expand_broadcast(broadcast.id, batch=batch).finished:
        pass
    db.session.expire_all()
    rows = select(Message).where(Message.broadcast_id == broadcast.id, Message.state == "queued")
    return list(db.session.scalars(rows.order_by(Message.contact_id)))


@pytest.mark.parametrize("batch", [1, 7, 100])
def test_evenly_and_in_order_whatever_the_batches(cast: Cast, broadcast: Broadcast, batch: int) -> None:
    make_contacts(cast.workspace, 24)
    broadcast.spread_minutes = 240
    due = [row.due_at for row in expand(broadcast, batch)]
    assert due == [START + timedelta(minutes=10 * place) for place in range(24)]


def test_who_is_left_out_takes_no_moment(cast: Cast, broadcast: Broadcast) -> None:
    people = make_contacts(cast.workspace, 20)
    for contact in people[::2]:
        contact.consent = Consent.OPTED_OUT
    broadcast.spread_minutes = 100
    due = [row.due_at for row in expand(broadcast, 3)]
    assert due == [START + timedelta(minutes=10 * place) for place in range(10)]


def test_so_many_a_day_begin_at_the_same_hour(cast: Cast, broadcast: Broadcast) -> None:
    make_contacts(cast.workspace, 25)
    broadcast.daily_most = 10
    rows = expand(broadcast)
    days = [(row.due_at.astimezone(ZoneInfo(HOME)).isoformat()[:16], row.hold_reason) for row in rows]
    assert days == [
        *[("2026-11-26T10:00", None)] * 10,
        *[("2026-11-27T10:00", "daily")] * 10,
        *[("2026-11-28T10:00", "daily")] * 5,
    ]


def test_of_both_the_later_one_is_the_reason(cast: Cast, broadcast: Broadcast) -> None:
    make_contacts(cast.workspace, 5)
    broadcast.spread_minutes, broadcast.daily_most = 60, 3
    assert [row.hold_reason for row in expand(broadcast, 2)] == [None, "spread", "spread", "daily", "daily"]


def test_a_day_that_is_an_hour_longer_begins_at_the_same_hour(
    cast: Cast, broadcast: Broadcast, monkeypatch: pytest.MonkeyPatch
) -> None:
    saturday = datetime(2026, 10, 24, 10, tzinfo=ZoneInfo("Europe/London"))
    monkeypatch.setattr(clock, "now", lambda: saturday.astimezone(ZoneInfo("UTC")))
    cast.workspace.timezone = "Europe/London"
    make_contacts(cast.workspace, 2)
    broadcast.daily_most = 1
    first, second = expand(broadcast)
    assert f"{second.due_at.astimezone(ZoneInfo('Europe/London')):%H:%M}" == "10:00"
    assert second.due_at - first.due_at == timedelta(hours=25)


@pytest.mark.parametrize(("minutes", "most"), [(600, None), (None, 3), (3 * 24 * 60, 4), (60, 2)])
def test_the_database_and_python_agree(cast: Cast, broadcast: Broadcast, minutes: int | None, most: int | None) -> None:
    make_contacts(cast.workspace, 13)
    broadcast.spread_minutes, broadcast.daily_most = minutes, most
    rows = expand(broadcast, 5)
    expected = [moments.moment_at(broadcast, place, HOME) for place in range(13)]
    assert [abs((row.due_at - moment).total_seconds()) < 0.01 for row, moment in zip(rows, expected, strict=True)] == [
        True
    ] * 13
    by_day: dict[int, int] = {}
    for row in rows:
        by_day[(row.due_at - START).days] = by_day.get((row.due_at - START).days, 0) + 1
    assert most is None or max(by_day.values()) <= most


def test_what_a_crash_left_goes_on_where_it_was(cast: Cast, broadcast: Broadcast) -> None:
    make_contacts(cast.workspace, 24)
    broadcast.spread_minutes = 240
    db.session.commit()
    expansion._expand_batch(broadcast.id, 10)
    db.session.refresh(broadcast)
    assert (broadcast.planned_count, broadcast.spread_total, broadcast.spread_from) == (10, 24, START)
    due = [row.due_at for row in expand(broadcast)]
    assert due == [START + timedelta(minutes=10 * place) for place in range(24)]


def test_the_page_and_the_forecast_of_the_end_follow(cast: Cast, broadcast: Broadcast) -> None:
    make_contacts(cast.workspace, 24)
    broadcast.spread_minutes = 240
    db.session.commit()
    assert preflight.seconds_of(broadcast, 24) == 240 * 60
    last = expand(broadcast)[-1].due_at
    summary = describe(broadcast)
    assert [(one.reason, one.count) for one in summary.waiting.held] == [("spread", 23)]
    assert summary.waiting.last_due_at == last
    finishes_at = progress_of(broadcast, summary.counts, summary.waiting).finishes_at
    assert finishes_at is not None
    assert abs(finishes_at - last) < timedelta(seconds=2)


@pytest.mark.parametrize(
    ("fields", "seconds"),
    [({}, 5), ({"spread_minutes": 60}, 3600), ({"daily_most": 40}, 2 * 86400 + 1), ({"daily_most": 100}, 5)],
)
def test_how_long_it_takes(broadcast: Broadcast, fields: dict[str, Any], seconds: float) -> None:
    assert broadcast.channel is not None
    broadcast.channel.rate_per_second = 20
    for name, value in fields.items():
        setattr(broadcast, name, value)
    assert preflight.seconds_of(broadcast, 100) == seconds


# ---------------------------------------------------------------- after a pause


@pytest.mark.parametrize(
    ("fields", "hours", "moved"),
    [({"spread_minutes": 240}, 5, timedelta(hours=5)), ({"daily_most": 10}, 30, timedelta(days=1))],
)
def test_a_pause_moves_the_rest_on_instead_of_sending_it_at_once(  # noqa: PLR0917 — fixtures
    cast: Cast,
    broadcast: Broadcast,
    monkeypatch: pytest.MonkeyPatch,
    run_jobs: Callable[..., list[str]],
    fields: dict[str, Any],
    hours: int,
    moved: timedelta,
) -> None:
    make_contacts(cast.workspace, 24)
    for name, value in fields.items():
        setattr(broadcast, name, value)
    before = [row.due_at for row in expand(broadcast)]
    broadcasts.pause_broadcast(cast.workspace.id, broadcast.id)
    monkeypatch.setattr(clock, "now", lambda: START + timedelta(hours=hours))
    resumed = broadcasts.resume_broadcast(cast.workspace.id, broadcast.id)
    assert resumed.waits_for == "moments"
    assert any("shift_moments" in job for job in run_jobs("default"))
    db.session.expire_all()
    rows = db.session.scalars(select(Message).where(Message.state == "queued").order_by(Message.contact_id)).all()
    assert [row.due_at - then for row, then in zip(rows, before, strict=True)] == [moved] * 24
    assert (broadcast.waits_until, broadcast.waits_for, broadcast.reason) == (None, "", "")
    assert moments.shift_overdue(broadcast.id) == 0


def test_a_short_pause_of_a_daily_list_moves_nothing(
    cast: Cast, broadcast: Broadcast, monkeypatch: pytest.MonkeyPatch
) -> None:
    make_contacts(cast.workspace, 12)
    broadcast.daily_most = 10
    expand(broadcast)
    monkeypatch.setattr(clock, "now", lambda: START + timedelta(hours=3))
    assert moments.shift_overdue(broadcast.id) == 0
