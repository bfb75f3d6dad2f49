"""The check page's switches and questions, the held plan, copies and tests, through a browser and over the API."""

import re
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import select

from tests import factories as make
from tests.cast import Cast
from tests.client import ApiClient, Client
from wotnot import clock
from wotnot.extensions import db
from wotnot.models import Broadcast, BroadcastState, Channel, Contact, Message, Template

S = BroadcastState
NEW_YORK = "12125550142"


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
def template(cast: Cast) -> Template:
    return make.make_template(cast.workspace, name="spring")


@pytest.fixture
def people(cast: Cast, channel: Channel) -> list[Contact]:
    """Ann, Lost who was not reachable, Ned from New York."""
    ann, lost, ned = (
        make.make_contact(cast.workspace, name="Ann"),
        make.make_contact(cast.workspace, name="Lost"),
        make.make_contact(cast.workspace, name="Ned", phone=NEW_YORK),
    )
    make.make_message(channel, lost, state="failed", error_code=131026, reached=2)
    return [ann, lost, ned]


def text_of(response: Any) -> str:
    return " ".join(response.get_data(as_text=True).split())


def state_of(broadcast_id: int) -> BroadcastState:
    db.session.expire_all()
    return db.session.scalars(select(Broadcast.state).where(Broadcast.id == broadcast_id)).one()


def test_the_switches_of_the_check_page_hold_in_the_list(
    browser: Client, cast: Cast, template: Template, people: list[Contact], run_jobs: Callable[..., list[str]]
) -> None:
    draft = make.make_broadcast(cast.workspace, template=template)
    base = f"/app/broadcasts/{draft.id}"
    page = text_of(browser.get(f"{base}/check"))
    assert "3 people will get this message" in page
    assert "1 person could not be reached before" in page
    assert "1 person has a number of the United States" in page
    for kind, name in (("unreachable", "Lost"), ("us_marketing", "Ned")):
        listed = text_of(browser.get(f"{base}/people?why={kind}"))
        assert (name in listed, "Ann" in listed) == (True, False)
        assert browser.submit(f"{base}/leave-out", page=f"{base}/check", kind=kind).location == f"{base}/check"
        assert name in text_of(browser.get(f"{base}/people?why={kind}"))
    page = text_of(browser.get(f"{base}/check"))
    assert "1 person will get this message" in page
    assert "2 of the 3 in your audience are left out" in page
    assert page.count("Keep them in") == 2
    browser.submit(f"{base}/leave-out", page=f"{base}/check", kind="us_marketing", off="1")
    assert "2 people will get this message" in text_of(browser.get(f"{base}/check"))
    assert browser.submit(f"{base}/check").location == base
    run_jobs("default")
    done = text_of(browser.get(base))
    assert "Could not be reached before" in done
    rows = db.session.execute(select(Message.contact_id, Message.skip_reason).where(Message.broadcast_id == draft.id))
    assert {row.contact_id: row.skip_reason for row in rows} == {
        people[0].id: None,
        people[1].id: "unreachable",
        people[2].id: None,
    }


def test_a_switch_that_is_none_and_one_pressed_too_late(browser: Client, cast: Cast, people: list[Contact]) -> None:
    draft = make.make_broadcast(cast.workspace)
    base = f"/app/broadcasts/{draft.id}"
    assert browser.submit(f"{base}/leave-out", page=f"{base}/check", kind="friends").status_code == 422
    gone = make.make_broadcast(cast.workspace, state=S.SENDING)
    answer = browser.submit(f"/app/broadcasts/{gone.id}/leave-out", page=f"{base}/check", kind="unreachable")
    assert answer.location == f"/app/broadcasts/{gone.id}"
    assert gone.leave_out == []


def test_the_same_again_is_asked_about_once(
    browser: Client, cast: Cast, channel: Channel, template: Template, people: list[Contact]
) -> None:
    earlier = make.make_broadcast(
        cast.workspace, channel, template, name="Spring I", state=S.FINISHED, started_at=clock.now() - timedelta(days=1)
    )
    for contact in people:
        make.make_message(channel, contact, earlier, state="delivered", reached=4)
    draft = make.make_broadcast(cast.workspace, channel, template)
    base = f"/app/broadcasts/{draft.id}"
    assert "“Spring I” went to 100% of them" in text_of(browser.get(f"{base}/check"))
    asked = browser.submit(f"{base}/check")
    assert asked.status_code == 422
    assert "Nothing was sent yet: 100% of these people got this message before." in text_of(asked)
    assert f'href="/app/broadcasts/{earlier.id}"' in text_of(asked)
    assert "Send once more to 3 people" in text_of(asked)
    assert state_of(draft.id) is S.DRAFT
    wrong = browser.submit(f"{base}/check", repeat=str(earlier.id + 1))
    assert (wrong.status_code, state_of(draft.id)) == (422, S.DRAFT)
    assert browser.submit(f"{base}/check", repeat=str(earlier.id)).location == base
    assert state_of(draft.id) is S.EXPANDING


@pytest.mark.usefixtures("people")
@pytest.mark.parametrize(
    ("days", "words"),
    [(1, "“Spring I” is planned for tomorrow at"), (-1, "“Spring I” was planned for yesterday at")],
)
def test_what_is_planned_for_the_same_people_is_asked_about_once(
    browser: Client, cast: Cast, template: Template, days: int, words: str
) -> None:
    moment, state = clock.now() + timedelta(days=days), S.SCHEDULED if days > 0 else S.PAUSED
    planned = make.make_broadcast(cast.workspace, template=template, name="Spring I", state=state, scheduled_at=moment)
    draft = make.make_broadcast(cast.workspace, template=template)
    base = f"/app/broadcasts/{draft.id}"
    page = text_of(browser.get(f"{base}/check"))
    assert "All of these 3 people are to get this template anyway" in page
    assert words in page
    asked = browser.submit(f"{base}/check")
    assert (asked.status_code, state_of(draft.id)) == (422, S.DRAFT)
    assert "Nothing was sent yet: 100% of these people are to get this message anyway." in text_of(asked)
    assert "; all of these 3 people are to get it. If both should go, press the button again." in text_of(asked)
    assert f'href="/app/broadcasts/{planned.id}"' in text_of(asked)
    assert browser.submit(f"{base}/check", repeat=str(planned.id)).location == base
    assert state_of(draft.id) is S.EXPANDING


def test_the_question_says_how_many_of_how_many(browser: Client, cast: Cast, template: Template) -> None:
    moment, people = clock.now() + timedelta(days=1), make.make_contacts(cast.workspace, 5)
    audience = {"contact_ids": [one.id for one in people[:4]]}
    make.make_broadcast(cast.workspace, template=template, state=S.SCHEDULED, scheduled_at=moment, audience=audience)
    base = f"/app/broadcasts/{make.make_broadcast(cast.workspace, template=template).id}"
    asked = text_of(browser.submit(f"{base}/check"))
    assert "Nothing was sent yet: 80% of these people are to get this message anyway." in asked
    assert "; 4 of these 5 people are to get it. If both should go" in asked


def test_two_plans_of_the_same_are_asked_about_too(
    browser: Client, cast: Cast, template: Template, people: list[Contact]
) -> None:
    moment = clock.now() + timedelta(days=3)
    first = make.make_broadcast(cast.workspace, template=template, state=S.SCHEDULED, scheduled_at=moment)
    draft = make.make_broadcast(cast.workspace, template=template, scheduled_at=moment - timedelta(days=1))
    base = f"/app/broadcasts/{draft.id}"
    assert browser.submit(f"{base}/check").status_code == 422
    assert browser.submit(f"{base}/check", repeat=str(first.id)).location == base
    assert state_of(draft.id) is S.SCHEDULED


def test_the_list_of_missing_values_says_which(
    browser: Client, cast: Cast, channel: Channel, template: Template
) -> None:
    make.make_contact(cast.workspace, name="Ann", attributes={"city": "Paarl"})
    make.make_contact(cast.workspace, name="Ben", email="ben@example.org")
    make.make_contact(cast.workspace, name="Cid", attributes={"city": " "})
    make.make_contact(cast.workspace, name="Dan", email="dan@example.org", attributes={"city": "Paarl"})
    sources = [{"field": "city"}, {"field": "city"}, {"field": "email"}, {"field": "town", "fallback": "you"}]
    variables = {str(key): source for key, source in enumerate(sources, start=1)}
    draft = make.make_broadcast(cast.workspace, channel, template, variables=variables)
    page = browser.get(f"/app/broadcasts/{draft.id}/people?why=missing_value")
    rows = re.findall(r"<tr>(.*?)</tr>", text_of(page))
    assert ">Missing</th>" in rows[0]
    said = [re.findall(r'data-l="missing">(.*?)</td>', row)[0].strip() for row in rows[1:]]
    assert said == ["city, E-mail", "city", "E-mail"]
    assert "Missing" not in text_of(browser.get(f"/app/broadcasts/{draft.id}/people?why=opted_out"))


def test_the_limit_and_low_quality_are_said(browser: Client, cast: Cast, people: list[Contact]) -> None:
    channel = make.make_channel(cast.workspace, messaging_limit="TIER_250", quality_rating="RED")
    template = make.make_template(cast.workspace, quality="RED")
    page = text_of(browser.get(f"/app/broadcasts/{make.make_broadcast(cast.workspace, channel, template).id}/check"))
    assert "237 of 237 people left in this number’s limit" in page
    assert "13 of them are kept for single messages, and 0 people were written to in the 24 before" in page
    assert "Meta rates this template low" in page
    assert "Meta rates +27 21 555" in page
    make.make_contacts(cast.workspace, 249)
    base = f"/app/broadcasts/{make.make_broadcast(cast.workspace, channel, template).id}"
    page = text_of(browser.get(f"{base}/check"))
    assert "237 today, the other 15 within 24 hours after that" in page
    assert "Finishes tomorrow at about" in page
    assert "about 24 h" in text_of(browser.get(f"{base}/when"))


def test_marketing_from_a_number_rated_low_is_confirmed_on_the_check_page(
    browser: Client, cast: Cast, people: list[Contact]
) -> None:
    channel = make.make_channel(cast.workspace, quality_rating="RED")
    draft = make.make_broadcast(cast.workspace, channel, make.make_template(cast.workspace, category="marketing"))
    base = f"/app/broadcasts/{draft.id}"
    assert "Send it though Meta rates the number low" in text_of(browser.get(f"{base}/check"))
    refused = browser.submit(f"{base}/check")
    assert (refused.status_code, state_of(draft.id)) == (422, S.DRAFT)
    assert "Nothing was sent yet. Confirm this" in text_of(refused)
    assert browser.submit(f"{base}/check", despite_quality="1").location == base
    assert state_of(draft.id) is S.EXPANDING


@pytest.mark.usefixtures("people")
@pytest.mark.parametrize(("state", "act"), [(S.PAUSED, "resume"), (S.SCHEDULED, "start")])
def test_marketing_from_a_number_rated_low_is_confirmed_on_its_page(
    browser: Client, cast: Cast, state: BroadcastState, act: str
) -> None:
    channel = make.make_channel(cast.workspace, quality_rating="RED")
    template = make.make_template(cast.workspace, category="marketing")
    moment = clock.now() + timedelta(days=1) if state is S.SCHEDULED else None
    broadcast = make.make_broadcast(cast.workspace, channel, template, state=state, scheduled_at=moment)
    base = f"/app/broadcasts/{broadcast.id}"
    asked = browser.submit(f"{base}/{act}", page=base)
    assert (asked.location, state_of(broadcast.id)) == (f"{base}?confirm={act}", state)
    page = text_of(browser.get(f"{base}?confirm={act}"))
    assert "Meta rates the number low" in page
    assert 'name="despite_quality" value="1"' in page
    browser.submit(f"{base}/{act}", page=base, despite_quality="1")
    assert state_of(broadcast.id) in {S.SENDING, S.EXPANDING}


def test_a_plan_found_too_late_waits_on_its_page(
    browser: Client, cast: Cast, people: list[Contact], run_jobs: Callable[..., list[str]]
) -> None:
    reason = "WotNot was not running at its time and came to it 5 h late."
    held = make.make_broadcast(
        cast.workspace, state=S.PAUSED, scheduled_at=clock.now() - timedelta(hours=5), reason=reason
    )
    base = f"/app/broadcasts/{held.id}"
    page = text_of(browser.get(base))
    assert "It waits for you." in page
    assert reason in page
    assert "Resume" not in page
    assert browser.submit(f"{base}/start", page=base).location == base
    assert state_of(held.id) is S.EXPANDING
    run_jobs("default")
    assert state_of(held.id) is S.SENDING


def test_how_late_is_chosen_beside_the_moment(browser: Client, cast: Cast, people: list[Contact]) -> None:
    draft = make.make_broadcast(cast.workspace)
    base = f"/app/broadcasts/{draft.id}"
    assert "At most 1 h late" in text_of(browser.get(f"{base}/when"))
    browser.submit(f"{base}/when", when="now", late_minutes="180")
    db.session.refresh(draft)
    assert draft.late_minutes == 180
    for minutes in ("soon", "0", "99999999"):
        assert browser.submit(f"{base}/when", when="now", late_minutes=minutes).status_code == 422
    db.session.refresh(draft)
    assert draft.late_minutes == 180


def test_a_test_from_the_check_page(
    browser: Client, cast: Cast, channel: Channel, template: Template, people: list[Contact]
) -> None:
    draft = make.make_broadcast(cast.workspace, channel, template)
    base = f"/app/broadcasts/{draft.id}"
    refused = browser.submit(f"{base}/test", page=f"{base}/check", to="nobody", row="1")
    assert refused.status_code == 422
    assert 'value="nobody"' in text_of(refused)
    assert (
        browser.submit(f"{base}/test", page=f"{base}/check", to="+27 82 111 2222", row="2").location == f"{base}/check"
    )
    page = text_of(browser.get(f"{base}/check"))
    assert "The test is on its way to +27 82 111 2222." in page
    assert 'value="+27 82 111 2222"' in page
    sent = db.session.scalars(select(Message).where(Message.phone == "27821112222")).one()
    assert "Lost" in str(sent.content)
    assert state_of(draft.id) is S.DRAFT


def test_a_copy_opens_in_the_wizard(browser: Client, cast: Cast, channel: Channel, template: Template) -> None:
    done = make.make_broadcast(
        cast.workspace, channel, template, name="Spring", state=S.FINISHED, started_at=clock.now()
    )
    answer = browser.submit(f"/app/broadcasts/{done.id}/copy", page=f"/app/broadcasts/{done.id}")
    copy = db.session.scalars(select(Broadcast).where(Broadcast.name == "Copy of Spring")).one()
    assert answer.location == f"/app/broadcasts/{copy.id}/check"
    assert copy.user_id == cast.alice.id


# ---------------------------------------------------------------- the API


def test_the_check_says_everything_over_the_api(
    api: ApiClient, cast: Cast, channel: Channel, template: Template, people: list[Contact]
) -> None:
    body = {
        "name": "Spring",
        "channel_id": channel.id,
        "template_id": template.id,
        "audience": {"all": True},
        "variables": {"1": {"field": "name", "fallback": "there"}},
        "leave_out": ["unreachable"],
        "late_minutes": 15,
    }
    made = api.post("/broadcasts", body).json
    assert (made["leave_out"], made["late_minutes"]) == (["unreachable"], 15)
    path = f"/broadcasts/{made['id']}"
    found = api.get(f"{path}/check").json
    assert found["blockers"] == []
    assert found["by_kind"] == {"us_marketing": 1, "unreachable": 1, "duplicate": 0}
    assert (found["count"]["total"], found["count"]["to_send"], found["count"]["left_out"]) == (
        3,
        2,
        {"unreachable": 1},
    )
    assert found["limit"] == {"limit": 10_000, "used": 0, "reserved": 500, "left": 9_500}
    assert found["repeat"] is None
    assert found["finishes_at"]
    assert found["cost"]["total_micros"] > 0
    assert api.patch(path, {"leave_out": ["us_marketing", "unreachable"]}).json["leave_out"] == ["us_marketing", "unreachable"]  # fmt: skip
    assert api.get(f"{path}/check").json["count"]["to_send"] == 1


def test_the_check_tells_a_program_what_is_planned_for_the_same_people(
    api: ApiClient, cast: Cast, template: Template, people: list[Contact]
) -> None:
    moment = clock.now() + timedelta(days=1)
    planned = make.make_broadcast(
        cast.workspace, template=template, name="Spring I", state=S.SCHEDULED, scheduled_at=moment
    )
    found = api.get(f"/broadcasts/{make.make_broadcast(cast.workspace, template=template).id}/check").json["repeat"]
    assert datetime.fromisoformat(found.pop("scheduled_at")) == moment
    assert found == {"id": planned.id, "name": "Spring I", "started_at": None, "people": 3, "percent": 100}


@pytest.mark.parametrize(
    ("fields", "field"),
    [
        ({"leave_out": ["friends"]}, "leave_out.0"),
        ({"leave_out": "unreachable"}, "leave_out"),
        ({"late_minutes": 0}, "late_minutes"),
        ({"late_minutes": 10_081}, "late_minutes"),
        ({"late_minutes": "soon"}, "late_minutes"),
    ],
)
def test_what_cannot_be_is_refused_by_field(api: ApiClient, cast: Cast, fields: dict[str, Any], field: str) -> None:
    draft = make.make_broadcast(cast.workspace)
    refused = api.patch(f"/broadcasts/{draft.id}", fields)
    assert (refused.status_code, list(refused.json["errors"])) == (422, [field])


def test_copies_and_tests_over_the_api(api: ApiClient, cast: Cast, channel: Channel, template: Template) -> None:
    make.make_contact(cast.workspace, name="Ann")
    done = make.make_broadcast(cast.workspace, channel, template, name="Spring", state=S.FINISHED)
    copy = api.post(f"/broadcasts/{done.id}/copy")
    assert (copy.status_code, copy.json["state"], copy.json["name"]) == (201, "draft", "Copy of Spring")
    test = api.post(f"/broadcasts/{copy.json['id']}/test", {"to": "+27821112222"})
    assert (test.status_code, test.json["state"]) == (202, "queued")
    refused = api.post(f"/broadcasts/{copy.json['id']}/test", {"to": "nobody"})
    assert (refused.status_code, list(refused.json["errors"])) == (422, ["to"])
