"""Pace through a browser and over the API: the settings, the group on the When page, what the broadcast says, Meta's answers."""

from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from sqlalchemy import select

from tests import factories as make
from tests.cast import Cast
from tests.client import ApiClient, Client
from wotnot import clock
from wotnot.extensions import db
from wotnot.models import Broadcast, BroadcastState, Channel, Message, MessageState
from wotnot.services import broadcasts, pace_settings
from wotnot.services.pace_settings import PaceSetup

S = BroadcastState
SETTINGS = "/app/settings/pace"
TYPED = {
    "stop_percent": "25",
    "quiet_from": "21:00",
    "quiet_to": "08:00",
    "zone_field": "zone",
    "cap_messages": "3",
    "cap_days": "30",
    "reserve_percent": "10",
}


@pytest.fixture
def browser(client: Client, cast: Cast) -> Client:
    """Alice's."""
    client.sign_in(cast.alice)
    return client


@pytest.fixture
def api(client: Client, cast: Cast) -> ApiClient:
    """Alice's."""
    return client.api(cast.alice)


@pytest.fixture
def channel(cast: Cast) -> Channel:
    return make.make_channel(cast.workspace)


@pytest.fixture
def draft(cast: Cast, channel: Channel) -> Broadcast:
    make.make_contacts(cast.workspace, 3)
    return make.make_broadcast(cast.workspace, channel, make.make_template(cast.workspace), audience={"all": True})


def text_of(response: Any) -> str:
    return " ".join(response.get_data(as_text=True).split())


def fresh(broadcast: Broadcast) -> Broadcast:
    db.session.expire_all()
    return db.session.scalars(select(Broadcast).where(Broadcast.id == broadcast.id)).one()


# ---------------------------------------------------------------- the settings


def test_settings_are_kept_and_shown_again(browser: Client, cast: Cast) -> None:
    make.make_contact(cast.workspace, attributes={"zone": "Asia/Tokyo"})
    assert pace_settings.get_setup(cast.workspace.id) == PaceSetup()
    assert browser.submit(SETTINGS, **TYPED).location == SETTINGS
    setup = pace_settings.get_setup(cast.workspace.id)
    assert (setup.stop_percent, setup.cap_messages, setup.cap_days, setup.reserve_percent) == (25, 3, 30, 10)
    assert (f"{setup.quiet_from:%H:%M}", f"{setup.quiet_to:%H:%M}", setup.quiet_all) == ("21:00", "08:00", False)
    page = text_of(browser.get(SETTINGS))
    assert 'value="21:00"' in page
    assert 'value="zone" selected' in page


def test_empty_fields_are_off(browser: Client, cast: Cast) -> None:
    browser.submit(SETTINGS, **TYPED)
    browser.submit(SETTINGS, **dict.fromkeys(TYPED, ""))
    assert pace_settings.get_setup(cast.workspace.id) == PaceSetup(stop_percent=None, reserve_percent=0)


@pytest.mark.parametrize(
    ("typed", "words"),
    [
        ({"quiet_to": ""}, "Give both times"),
        ({"quiet_from": "08:00"}, "The two times are the same"),
        ({"quiet_from": "late"}, "Give a time, such as 21:00."),
        ({"stop_percent": "0"}, "Give a whole number from 1 to 100"),
        ({"stop_percent": "1e1"}, "Give a whole number from 1 to 100"),
        ({"cap_messages": "-3"}, "Give a whole number from 1 to 100"),
        ({"cap_days": "99"}, "Give a whole number from 1 to 90"),
        ({"reserve_percent": "51"}, "Give a whole number from 0 to 50"),
    ],
)
def test_what_cannot_be_used_is_said_and_nothing_is_kept(
    browser: Client, cast: Cast, typed: dict[str, str], words: str
) -> None:
    answer = browser.submit(SETTINGS, **TYPED | typed)
    assert answer.status_code == 422
    assert words in text_of(answer)
    assert pace_settings.get_setup(cast.workspace.id) == PaceSetup()


def test_agents_read_it_only(client: Client, cast: Cast) -> None:
    client.sign_in(cast.bob)
    page = text_of(client.get(SETTINGS))
    assert "Pause at 30%" in page
    assert "Save the pace" not in page


# ---------------------------------------------------------------- the wizard


def test_the_group_is_folded_until_something_is_chosen(browser: Client, cast: Cast, draft: Broadcast) -> None:
    pace_settings.save_setup(cast.workspace.id, TYPED)
    base = f"/app/broadcasts/{draft.id}"
    page = text_of(browser.get(f"{base}/when"))
    assert '<details class="wn-fold" >' in page or '<details class="wn-fold">' in page
    assert "not from 21:00 to 08:00 where people are" in page
    typed = {
        "when": "now",
        "has_pace": "1",
        "spread_amount": "2.5",
        "spread_unit": "hours",
        "daily_most": "5,000",
        "retry_hours": "24",
        "has_sends_in_quiet_hours": "1",
        "sends_in_quiet_hours": "1",
        "has_ignores_cap": "1",
        "ignores_cap": "1",
    }
    assert browser.submit(f"{base}/when", **typed).location == f"{base}/check"
    kept = fresh(draft)
    assert (kept.spread_minutes, kept.daily_most, kept.retry_hours) == (150, 5000, 24)
    assert (kept.sends_in_quiet_hours, kept.ignores_cap) == (True, True)
    page = text_of(browser.get(f"{base}/when"))
    assert '<details class="wn-fold" open>' in page
    assert 'value="2.5"' in page
    assert "Spread evenly over 2 h 30 min, at most 5,000 people a day" in text_of(browser.get(f"{base}/check"))
    cleared = {"when": "now", "has_pace": "1", "spread_amount": "", "daily_most": "", "retry_hours": "0"}
    browser.submit(f"{base}/when", **cleared, has_sends_in_quiet_hours="1", has_ignores_cap="1")
    kept = fresh(draft)
    assert (kept.spread_minutes, kept.daily_most, kept.sends_in_quiet_hours, kept.ignores_cap) == (
        None,
        None,
        False,
        False,
    )


@pytest.mark.parametrize(
    ("typed", "words"),
    [
        ({"spread_amount": "soon"}, "Give a number of hours or days"),
        ({"spread_amount": "-1"}, "Spread it over a minute at least"),
        ({"spread_amount": "31", "spread_unit": "days"}, "Spread it over a minute at least"),
        ({"spread_amount": "nan"}, "Spread it over a minute at least"),
        ({"daily_most": "0"}, "Give a whole number of people"),
        ({"daily_most": "many"}, "Give a whole number of people"),
        ({"retry_hours": "12"}, "Choose one of 0, 24, 48, 72 hours."),
    ],
)
def test_a_wrong_pace_is_said_in_its_place(
    browser: Client, draft: Broadcast, typed: dict[str, str], words: str
) -> None:
    fields = {"when": "now", "has_pace": "1", "spread_amount": "", "daily_most": "", "retry_hours": "0"}
    answer = browser.submit(f"/app/broadcasts/{draft.id}/when", **fields | typed)
    assert answer.status_code == 422
    assert words in text_of(answer)
    assert '<details class="wn-fold" open>' in text_of(answer)
    assert fresh(draft).spread_minutes is None


def test_the_check_page_counts_who_had_their_share_and_lets_them_in(
    browser: Client, cast: Cast, draft: Broadcast, channel: Channel
) -> None:
    pace_settings.save_setup(cast.workspace.id, {"cap_messages": "1"})
    now = clock.now()
    earlier = make.make_broadcast(
        cast.workspace, channel, make.make_template(cast.workspace), state=S.FINISHED, started_at=now, finished_at=now
    )
    full = make.make_contact(cast.workspace, name="Full")
    make.make_message(channel, full, earlier, state="delivered", accepted_at=now)
    base = f"/app/broadcasts/{draft.id}"
    page = text_of(browser.get(f"{base}/check"))
    assert "1 person has had enough marketing for now" in page
    assert "3 people will get this message" in page
    listed = text_of(browser.get(f"{base}/people?why=capped"))
    assert "Full" in listed
    assert "People who have had enough marketing for now" in listed
    browser.submit(f"{base}/leave-out", page=f"{base}/check", kind="capped", off="1")
    assert fresh(draft).ignores_cap
    assert "4 people will get this message" in text_of(browser.get(f"{base}/check"))
    browser.submit(f"{base}/leave-out", page=f"{base}/check", kind="capped")
    assert not fresh(draft).ignores_cap


# ---------------------------------------------------------------- the broadcast's page


def test_the_page_says_who_is_held_and_until_when(browser: Client, cast: Cast, channel: Channel) -> None:
    cast.workspace.timezone = "Africa/Johannesburg"
    sending = make.make_broadcast(
        cast.workspace, channel, make.make_template(cast.workspace), state=S.SENDING, started_at=clock.now()
    )
    later = datetime.now(ZoneInfo("UTC")) + timedelta(days=2)
    tokyo_morning = later.astimezone(ZoneInfo("Asia/Tokyo")).replace(hour=8, minute=0, second=0, microsecond=0)
    tokyo = make.make_contact(cast.workspace, name="Tomo", phone="81312345678")
    make.make_message(channel, tokyo, sending, due_at=tokyo_morning, hold_reason="quiet")
    # A British number may be on an island, where the clock shows the same.
    london = later.astimezone(ZoneInfo("Europe/London")).replace(hour=8, minute=0, second=0, microsecond=0)
    british = make.make_contact(cast.workspace, name="Una", phone="447400623631")
    make.make_message(channel, british, sending, due_at=london, hold_reason="quiet")
    make.make_message(channel, make.make_contact(cast.workspace), sending, due_at=later, hold_reason="retry", attempt=2)
    page = text_of(browser.get(f"/app/broadcasts/{sending.id}"))
    assert "2 held:</a> Quiet hours" in page
    assert "1 held:</a> Meta is asked again" in page
    assert page.count("at 08:00 (their time): quiet hours") == 2
    assert "The next goes" in page


def test_a_pause_at_failures_has_a_button_to_go_on(browser: Client, cast: Cast, draft: Broadcast) -> None:
    draft.state, draft.started_at = S.SENDING, clock.now()
    db.session.commit()
    broadcasts.stop_broadcast(draft.id, "31 of the last 100 results failed, 31%, and your limit is 30%.")
    page = text_of(browser.get(f"/app/broadcasts/{draft.id}"))
    assert "31 of the last 100 results failed" in page
    assert "Go on" in page
    browser.submit(f"/app/broadcasts/{draft.id}/resume", page=f"/app/broadcasts/{draft.id}")
    assert fresh(draft).state is S.SENDING


def test_a_report_with_failures_leads_to_what_metas_answers_mean(
    browser: Client, cast: Cast, draft: Broadcast, channel: Channel
) -> None:
    draft.state = S.FINISHED
    db.session.commit()
    make.make_message(channel, make.make_contact(cast.workspace), draft, state="failed", error_code=131049, reached=2)
    assert "/app/broadcasts/answers" in text_of(browser.get(f"/app/broadcasts/{draft.id}"))
    page = text_of(browser.get("/app/broadcasts/answers"))
    for words in ("Tried again daily", "The broadcast stops", "Held back by Meta", "131049", "200–299"):
        assert words in page
    found = text_of(browser.get("/app/broadcasts/answers?search=131049"))
    assert "Held back by Meta" in found
    assert "Access token has expired" not in found
    assert "No answer with these words" in text_of(browser.get("/app/broadcasts/answers?search=zebra"))


# ---------------------------------------------------------------- the API


def test_the_api_takes_and_shows_the_pace(api: ApiClient, cast: Cast, channel: Channel) -> None:
    body = {
        "name": "Gently",
        "channel_id": channel.id,
        "template_id": make.make_template(cast.workspace).id,
        "audience": {"all": True},
        "variables": {"1": {"text": "there"}},
        "spread_minutes": 120,
        "daily_most": 500,
        "retry_hours": 24,
        "sends_in_quiet_hours": True,
        "ignores_cap": True,
    }
    made = api.post("/broadcasts", body).json
    pace = ("spread_minutes", "daily_most", "retry_hours", "sends_in_quiet_hours", "ignores_cap")
    assert {name: made[name] for name in pace} == {name: body[name] for name in pace}
    assert (made["held"], made["next_due_at"], made["last_due_at"]) == ([], None, None)
    changed = api.patch(f"/broadcasts/{made['id']}", {"spread_minutes": None, "daily_most": None}).json
    assert (changed["spread_minutes"], changed["daily_most"]) == (None, None)
    copied = api.post(f"/broadcasts/{made['id']}/copy").json
    assert (copied["retry_hours"], copied["ignores_cap"]) == (24, True)
    without = {name: value for name, value in body.items() if name not in pace}
    assert api.post("/broadcasts", without).json["retry_hours"] == 0


@pytest.mark.parametrize(
    ("field", "value"), [("spread_minutes", 0), ("spread_minutes", 43_201), ("daily_most", 0), ("retry_hours", 12)]
)
def test_the_api_names_a_wrong_pace(api: ApiClient, draft: Broadcast, field: str, value: int) -> None:
    answer = api.patch(f"/broadcasts/{draft.id}", {field: value})
    assert answer.status_code == 422
    assert field in answer.json["errors"]


def test_the_api_says_who_is_held(api: ApiClient, cast: Cast, draft: Broadcast, channel: Channel) -> None:
    draft.state = S.SENDING
    db.session.commit()
    due_at = clock.now() + timedelta(hours=9)
    contact = make.make_contact(cast.workspace)
    make.make_message(channel, contact, draft, due_at=due_at, hold_reason="quiet")
    shown = api.get(f"/broadcasts/{draft.id}").json
    assert shown["held"] == [{"reason": "quiet", "count": 1, "words": "Quiet hours"}]
    assert datetime.fromisoformat(shown["next_due_at"]) == due_at
    row = api.get(f"/broadcasts/{draft.id}/messages").json["items"][0]
    assert (row["state"], row["hold_reason"]) == (MessageState.QUEUED.value, "quiet")
    assert datetime.fromisoformat(row["due_at"]) == due_at
    assert db.session.scalars(select(Message.hold_reason)).one() == "quiet"
