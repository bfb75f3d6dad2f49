"""Quiet hours over the ledger: who is held when a list is made, who is held when it is sent late, and until when."""

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from sqlalchemy import select

from tests.cast import Cast
from tests.factories import make_broadcast, make_channel, make_contact, make_template
from wotnot import clock
from wotnot.extensions import db
from wotnot.models import Broadcast, BroadcastState, Message, MessageState, TemplateCategory
from wotnot.services import expansion, outbox, pace_settings, quiet_rows, send_streams
from wotnot.services.broadcast_reports import describe

JOHANNESBURG, NEW_YORK, TOKYO = "27821112222", "12125550123", "81312345678"
S = BroadcastState


@pytest.fixture
def set_clock(monkeypatch: pytest.MonkeyPatch) -> Callable[[str, str], datetime]:
    """`set_clock("2026-11-26 22:00", "Africa/Johannesburg")` stops the clock there."""

    def stop(local: str, zone: str = "Africa/Johannesburg") -> datetime:
        moment = datetime.fromisoformat(local).replace(tzinfo=ZoneInfo(zone)).astimezone(ZoneInfo("UTC"))
        monkeypatch.setattr(clock, "now", lambda: moment)
        return moment

    return stop


@pytest.fixture
def broadcast(cast: Cast) -> Broadcast:
    """To everybody, about to be made a list of; quiet from 21:00 to 08:00 in a workspace in Johannesburg."""
    cast.workspace.timezone = "Africa/Johannesburg"
    quiet(cast)
    channel = make_channel(cast.workspace)
    return make_broadcast(
        cast.workspace, channel, make_template(cast.workspace), state=S.EXPANDING, audience={"all": True}
    )


def quiet(cast: Cast, begin: str = "21:00", end: str = "08:00", **more: Any) -> None:
    pace_settings.save_setup(cast.workspace.id, {"quiet_from": begin, "quiet_to": end, **more})


def expand(broadcast: Broadcast, batch: int = 100) -> dict[str, Message]:
    """The rows of its list by number."""
    while not expansion.expand_broadcast(broadcast.id, batch=batch).finished:
        pass
    db.session.expire_all()
    rows = db.session.scalars(select(Message).where(Message.broadcast_id == broadcast.id))
    return {row.phone or row.wa_user_id or "": row for row in rows}


def local(message: Message, zone: str) -> str:
    return f"{message.due_at.astimezone(ZoneInfo(zone)):%Y-%m-%d %H:%M}"


def test_each_waits_for_their_own_morning(cast: Cast, broadcast: Broadcast, set_clock: Any) -> None:
    for phone in (JOHANNESBURG, NEW_YORK, TOKYO):
        make_contact(cast.workspace, phone=phone)
    set_clock("2026-11-26 22:00")  # 15:00 in New York, 05:00 tomorrow in Tokyo
    rows = expand(broadcast)
    assert local(rows[JOHANNESBURG], "Africa/Johannesburg") == "2026-11-27 08:00"
    assert local(rows[TOKYO], "Asia/Tokyo") == "2026-11-27 08:00"
    assert rows[NEW_YORK].due_at == clock.now()
    assert [rows[phone].hold_reason for phone in (JOHANNESBURG, NEW_YORK, TOKYO)] == ["quiet", None, "quiet"]
    claimed = outbox.claim_for_broadcasts([(broadcast.id, 9)], "a")
    assert [claim.phone for claim in claimed] == [NEW_YORK]
    waiting = describe(broadcast).waiting
    assert [(one.reason, one.count) for one in waiting.held] == [("quiet", 2)]
    assert waiting.next_due_at == rows[TOKYO].due_at
    assert waiting.last_due_at == rows[JOHANNESBURG].due_at
    set_clock("2026-11-27 08:00")
    assert {claim.phone for claim in outbox.claim_for_broadcasts([(broadcast.id, 9)], "a")} == {JOHANNESBURG, TOKYO}
    db.session.expire_all()
    assert rows[TOKYO].hold_reason is None


@pytest.mark.parametrize("batch", [1, 2, 100])
def test_many_batches_make_the_same_list(cast: Cast, broadcast: Broadcast, set_clock: Any, batch: int) -> None:
    phones = [JOHANNESBURG, NEW_YORK, TOKYO, "27821112223", "442071234567"]
    for phone in phones:
        make_contact(cast.workspace, phone=phone)
    set_clock("2026-11-26 22:00")
    rows = expand(broadcast, batch)
    assert {phone: row.hold_reason for phone, row in rows.items()} == {
        **dict.fromkeys((JOHANNESBURG, TOKYO, "27821112223"), "quiet"),
        **dict.fromkeys((NEW_YORK, "442071234567"), None),
    }


def test_a_field_goes_before_the_number_and_nonsense_does_not(cast: Cast, broadcast: Broadcast, set_clock: Any) -> None:
    quiet(cast, zone_field="zone")
    make_contact(cast.workspace, phone=JOHANNESBURG, attributes={"zone": "America/New_York"})
    make_contact(cast.workspace, phone=NEW_YORK, attributes={"zone": "Tokyo time"})
    make_contact(cast.workspace, phone=None, wa_user_id="JP.77", attributes={"zone": " Asia/Tokyo "})
    make_contact(cast.workspace, phone=None, wa_user_id="JP.78")
    set_clock("2026-11-26 22:00")
    rows = expand(broadcast)
    assert [rows[one].hold_reason for one in (JOHANNESBURG, NEW_YORK, "JP.77", "JP.78")] == [
        None,
        None,
        "quiet",
        "quiet",
    ]


@pytest.mark.parametrize(
    ("category", "quiet_all", "sends", "is_held"),
    [
        (TemplateCategory.MARKETING, "", False, True),
        (TemplateCategory.MARKETING, "", True, False),
        (TemplateCategory.UTILITY, "", False, False),
        (TemplateCategory.UTILITY, "1", False, True),
    ],
)
def test_marketing_is_held_others_only_where_that_is_wanted(
    broadcast: Broadcast, category: TemplateCategory, quiet_all: str, sends: bool, is_held: bool
) -> None:
    assert broadcast.template is not None
    broadcast.template.category, broadcast.sends_in_quiet_hours = category, sends
    hours = {"quiet_from": "21:00", "quiet_to": "08:00", "quiet_all": quiet_all}
    pace_settings.save_setup(broadcast.workspace_id, hours)
    assert (quiet_rows.rule_for(broadcast) is not None) is is_held


def test_what_was_due_by_day_and_is_found_by_night_is_moved(cast: Cast, broadcast: Broadcast, set_clock: Any) -> None:
    for phone in (JOHANNESBURG, NEW_YORK):
        make_contact(cast.workspace, phone=phone)
    set_clock("2026-11-26 16:00")
    rows = expand(broadcast)
    assert not any(row.hold_reason for row in rows.values())
    set_clock("2026-11-26 23:00")  # paused meanwhile
    assert quiet_rows.hold_quiet(broadcast.id) == 1
    assert quiet_rows.hold_quiet(broadcast.id) == 0
    db.session.expire_all()
    assert local(rows[JOHANNESBURG], "Africa/Johannesburg") == "2026-11-27 08:00"
    assert rows[NEW_YORK].hold_reason is None


def test_a_paused_broadcast_is_not_touched(cast: Cast, broadcast: Broadcast, set_clock: Any) -> None:
    make_contact(cast.workspace, phone=JOHANNESBURG)
    set_clock("2026-11-26 16:00")
    expand(broadcast)
    broadcast.state = S.PAUSED
    db.session.commit()
    set_clock("2026-11-26 23:00")
    assert quiet_rows.hold_quiet(broadcast.id) == 0


def test_the_night_that_loses_an_hour_ends_by_the_clock_on_the_wall(
    cast: Cast, broadcast: Broadcast, set_clock: Any
) -> None:
    make_contact(cast.workspace, phone="442071234567")
    evening = set_clock("2027-03-27 22:00", "Europe/London")
    row = expand(broadcast)["442071234567"]
    assert local(row, "Europe/London") == "2027-03-28 08:00"
    assert row.due_at - evening == timedelta(hours=9)


def test_other_hours_reopen_the_stream(cast: Cast, broadcast: Broadcast) -> None:
    broadcast.state = S.SENDING
    db.session.commit()
    before = send_streams.read_snapshot().versions[broadcast.id]
    stream = send_streams.load_stream(broadcast.id)
    assert stream is not None
    assert stream.version == before
    quiet(cast, begin="22:00")
    assert send_streams.read_snapshot().versions[broadcast.id] != before


def test_spread_moments_that_fall_into_the_night_go_in_the_morning(
    cast: Cast, broadcast: Broadcast, set_clock: Any
) -> None:
    for number in range(12):
        make_contact(cast.workspace, phone=f"2782111{number:04d}")
    broadcast.spread_minutes = 12 * 60
    set_clock("2026-11-26 15:00")
    rows = [row for _, row in sorted(expand(broadcast, 5).items())]
    hours = [local(row, "Africa/Johannesburg")[5:] for row in rows]
    assert hours[:6] == [f"11-26 {hour}:00" for hour in range(15, 21)]
    assert set(hours[6:]) == {"11-27 08:00"}
    assert [row.hold_reason for row in rows] == [None, *["spread"] * 5, *["quiet"] * 6]
    assert {row.state for row in rows} == {MessageState.QUEUED}
