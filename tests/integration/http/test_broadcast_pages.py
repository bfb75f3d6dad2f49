"""The pages of broadcasts through a browser that inspects each of them."""

import csv
import io
import json
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select

from tests import factories as make
from tests.cast import Cast
from tests.client import Client
from wotnot import clock
from wotnot.extensions import db
from wotnot.models import Broadcast, BroadcastState, Channel, Contact, Message, Template
from wotnot.services.whatsapp.components import list_variables

S = BroadcastState


@pytest.fixture
def browser(client: Client, cast: Cast) -> Client:
    """Alice's."""
    client.sign_in(cast.alice)
    return client


@pytest.fixture
def channel(cast: Cast) -> Channel:
    return make.make_channel(cast.workspace)


@pytest.fixture
def template(cast: Cast) -> Template:
    body = {"type": "BODY", "text": "Hi {{1}}, spring is in {{2}}.", "example": {"body_text": [["Ann", "Paarl"]]}}
    return make.make_template(cast.workspace, name="spring", components=[body])


@pytest.fixture
def people(cast: Cast) -> list[Contact]:
    """Ann from Paarl (VIP), somebody without a name, Dan who opted out."""
    ann = make.make_contact(cast.workspace, name="Ann Archer", attributes={"city": "Paarl"})
    make.tag_contact(ann, make.make_tag(cast.workspace, "VIP"))
    return [
        ann,
        make.make_contact(cast.workspace, name="", attributes={"city": "Ceres"}),
        make.make_contact(cast.workspace, name="Dan", consent="opted_out"),
    ]


def only_broadcast() -> Broadcast:
    db.session.expire_all()
    return db.session.scalars(select(Broadcast)).one()


def text_of(response: Any) -> str:
    return " ".join(response.get_data(as_text=True).split())


VARIABLES = {"source-1": "field:first_name", "text-1": "there", "source-2": "field:city", "text-2": ""}


def test_the_wizard_from_the_first_page_to_the_last(
    browser: Client, channel: Channel, template: Template, people: list[Contact], run_jobs: Callable[..., list[str]]
) -> None:
    page = browser.get("/app/broadcasts/new")
    assert "2 <small>of 3 contacts" in text_of(page)
    answer = browser.submit("/app/broadcasts/new", name="Spring", kind="all")
    draft = only_broadcast()
    assert answer.location == f"/app/broadcasts/{draft.id}/message"
    base = f"/app/broadcasts/{draft.id}"

    assert "Hi {{1}}, spring is in {{2}}." in text_of(browser.get(f"{base}/message"))
    chosen = browser.get(f"{base}/message?template={template.id}")
    assert "Contact’s “city”" in text_of(chosen)
    answer = browser.submit(f"{base}/message", channel=channel.id, template=template.id, **VARIABLES)
    assert answer.location == f"{base}/when"
    assert only_broadcast().variables == {"1": {"field": "first_name", "fallback": "there"}, "2": {"field": "city"}}

    assert "2 messages take about 0 s" in text_of(browser.get(f"{base}/when"))
    assert browser.submit(f"{base}/when", when="now").location == f"{base}/check"

    check = text_of(browser.get(f"{base}/check"))
    assert "2 people will get this message" in check
    assert "1 opted out" in check
    assert "1 person has no first name" in check
    assert "They will read “there”." in check
    assert "Send to 2 people" in check
    assert browser.submit(f"{base}/check").location == base
    assert only_broadcast().state is S.EXPANDING
    run_jobs("default")
    assert text_of(browser.get(base)).count("Hi Ann, spring is in Paarl.") == 2  # as text and as title


def test_a_second_press_and_a_second_tab_land_on_the_page(
    browser: Client, channel: Channel, template: Template, people: list[Contact], cast: Cast
) -> None:
    draft = make.make_broadcast(cast.workspace, channel, make.make_template(cast.workspace))
    base = f"/app/broadcasts/{draft.id}"
    assert browser.submit(f"{base}/check").location == base
    for step in ("audience", "message", "when", "check"):
        page = browser.get(f"{base}/{step}", follow_redirects=True)
        assert "moved on since" in text_of(page)
        again = browser.submit(
            f"{base}/{step}", page="/app/broadcasts", name="x", kind="all", template=template.id, **VARIABLES
        )
        assert again.location == base, step
    assert db.session.scalars(select(Broadcast.name)).all() == [draft.name]


def test_what_is_typed_is_kept_when_something_is_missing(
    browser: Client, channel: Channel, template: Template, people: list[Contact], cast: Cast
) -> None:
    answer = browser.submit("/app/broadcasts/new", name="", kind="tags", exclude="VIP")
    assert answer.status_code == 422
    page = text_of(answer)
    assert "Choose at least one tag" in page
    answer = browser.submit("/app/broadcasts/new", name="", kind="tags", tags="VIP")
    assert "Give the broadcast a name" in text_of(answer)
    assert 'value="VIP" checked' in text_of(answer)
    draft = make.make_broadcast(cast.workspace, channel, template, variables={})
    typed = {**VARIABLES, "source-2": "text", "text-2": ""}
    answer = browser.submit(f"/app/broadcasts/{draft.id}/message", channel=channel.id, template=template.id, **typed)
    assert answer.status_code == 422
    assert "Write the text, or choose a field." in text_of(answer)
    assert 'value="there"' in text_of(answer)


def test_the_count_follows_the_choice(browser: Client, people: list[Contact]) -> None:
    assert "1 <small>of 3 contacts" in text_of(browser.fragment("/app/broadcasts/_count?kind=tags&tags=vip"))
    assert "1 <small>of 3 contacts" in text_of(browser.fragment("/app/broadcasts/_count?kind=all&exclude=VIP"))
    assert "Choose one or more tags" in text_of(browser.fragment("/app/broadcasts/_count?kind=tags"))


def test_the_preview_walks_through_real_people(
    browser: Client, channel: Channel, template: Template, people: list[Contact], cast: Cast
) -> None:
    draft = make.make_broadcast(
        cast.workspace, channel, template, variables={"1": {"field": "name", "fallback": "you"}}
    )
    base = f"/app/broadcasts/{draft.id}/preview"
    first = text_of(browser.fragment(f"{base}?row=1"))
    assert "Ann Archer" in first
    assert 'value="1"' in first
    second = text_of(browser.fragment(f"{base}?row=2"))
    assert '<span class="wa-fallback">you</span>' in second
    assert 'value="2"' in text_of(browser.fragment(f"{base}?row=99"))
    typed = text_of(browser.fragment(f"{base}?row=1&template={template.id}&source-1=text&text-1=%3Cb%3Eall%3C/b%3E"))
    assert "&lt;b&gt;all&lt;/b&gt;" in typed


def test_a_plan_in_the_workspaces_time_zone(
    browser: Client, channel: Channel, people: list[Contact], cast: Cast
) -> None:
    cast.workspace.timezone = "Africa/Johannesburg"
    db.session.commit()
    draft = make.make_broadcast(cast.workspace, channel, make.make_template(cast.workspace))
    base = f"/app/broadcasts/{draft.id}"
    day = (clock.now() + timedelta(days=30)).date().isoformat()
    assert browser.submit(f"{base}/when", when="at", date=day, time="10:00").location == f"{base}/check"
    moment = only_broadcast().scheduled_at
    assert moment is not None
    assert moment.isoformat() == f"{day}T08:00:00+00:00"
    check = text_of(browser.get(f"{base}/check"))
    assert "Schedule for 2 people" in check
    assert "Johannesburg time" in check
    browser.submit(f"{base}/check")
    assert only_broadcast().state is S.SCHEDULED
    assert "at 10:00" in text_of(browser.get(base))
    assert browser.submit(f"{base}/reopen", page=base).location == f"{base}/audience"
    assert only_broadcast().state is S.DRAFT


@pytest.mark.parametrize(
    ("day", "time", "words"),
    [("2026-03-29", "02:30", "does not exist on 29 March 2026"), ("", "", "Give a date and a time")],
)
def test_times_that_are_none(browser: Client, cast: Cast, day: str, time: str, words: str) -> None:
    cast.workspace.timezone = "Europe/Berlin"
    db.session.commit()
    draft = make.make_broadcast(cast.workspace)
    answer = browser.submit(f"/app/broadcasts/{draft.id}/when", when="at", date=day, time=time)
    assert answer.status_code == 422
    assert words in text_of(answer)


def test_now_with_a_date_is_asked_about(browser: Client, cast: Cast) -> None:
    draft = make.make_broadcast(cast.workspace)
    answer = browser.submit(f"/app/broadcasts/{draft.id}/when", when="now", date="2099-01-01", time="10:00")
    assert answer.status_code == 422
    assert "You chose Now, but" in text_of(answer)


def test_what_blocks_stands_instead_of_the_button(browser: Client, cast: Cast) -> None:
    template = make.make_template(cast.workspace, status="pending")
    draft = make.make_broadcast(cast.workspace, template=template)
    check = text_of(browser.get(f"/app/broadcasts/{draft.id}/check"))
    assert "is in review" in check or "in review" in check
    assert "Nobody would get this message" in check
    assert "disabled" in check
    answer = browser.submit(f"/app/broadcasts/{draft.id}/check")
    assert answer.status_code == 422
    assert only_broadcast().state is S.DRAFT


def test_the_numbers_of_the_check_page_open_their_people(
    browser: Client, channel: Channel, people: list[Contact], cast: Cast
) -> None:
    draft = make.make_broadcast(cast.workspace, channel)
    page = text_of(browser.get(f"/app/broadcasts/{draft.id}/people?why=opted_out"))
    assert "Dan" in page
    assert "Ann Archer" not in page
    assert browser.get(f"/app/broadcasts/{draft.id}/people?why=nonsense").status_code == 422


# ---------------------------------------------------------------- the page of a broadcast


@pytest.fixture
def running(cast: Cast, channel: Channel, template: Template, people: list[Contact]) -> Broadcast:
    """Sending: one delivered with its values, one failed, one queued, one left out."""
    variables = {"1": {"field": "name", "fallback": "you"}, "2": {"field": "city"}}
    broadcast = make.make_broadcast(
        cast.workspace, channel, template, name="Autumn", state=S.SENDING, started_at=clock.now(), variables=variables
    )
    ann, ben, dan = people
    make.make_message(
        channel,
        ann,
        broadcast,
        state="delivered",
        replied=True,
        reached=4,
        delivered_at=clock.now(),
        content={"values": {"1": "Annie", "2": "Paarl"}},
    )
    make.make_message(channel, ben, broadcast, state="failed", reached=1, error_code=131026, failed_at=clock.now())
    make.make_message(channel, dan, broadcast, state="skipped", skip_reason="opted_out")
    cid = make.make_contact(cast.workspace, name="=Cid", attributes={"city": "Elgin"})
    make.make_message(channel, cid, broadcast)
    return broadcast


def test_the_page_says_it_all(browser: Client, running: Broadcast) -> None:
    page = text_of(browser.get(f"/app/broadcasts/{running.id}"))
    for words in (
        "2 <small>of 3 sent",
        "Sending",
        "1 failed, by cause",
        "Hi Annie, spring is in Paarl.",
        "Hi =Cid, spring is in Elgin.",
        "Opted out",
        "Pause",
        "Cancel the rest",
        "Retry failed",
    ):
        assert words in page, words


@pytest.mark.parametrize(
    ("query", "names"),
    [
        ("state=failed", []),
        ("state=delivered", ["Ann Archer"]),
        ("state=got_sent", ["Ann Archer"]),
        ("state=replied", ["Ann Archer"]),
        ("state=replied&search=dan", []),
        ("state=waiting", ["=Cid"]),
        ("search=arch", ["Ann Archer"]),
        ("search=nobody", []),
        ("state=skipped&cause=opted_out", ["Dan"]),
        ("state=failed&cause=1", []),
    ],
)
def test_recipients_by_state_reason_and_name(browser: Client, running: Broadcast, query: str, names: list[str]) -> None:
    for fetch in (browser.get, browser.fragment):
        page = text_of(fetch(f"/app/broadcasts/{running.id}/recipients?{query}"))
        shown = [name for name in ("Ann Archer", "=Cid", "Dan") if f'title="{name}"' in page]
        assert shown == names


def test_search_by_phone_ignores_how_it_is_written(browser: Client, running: Broadcast, people: list[Contact]) -> None:
    phone = people[0].phone
    assert phone is not None
    page = text_of(
        browser.get(f"/app/broadcasts/{running.id}/recipients?search=%2B{phone[:2]} {phone[2:4]} {phone[4:]}")
    )
    assert "Ann Archer" in page


def test_recipients_page_both_ways(browser: Client, cast: Cast, channel: Channel) -> None:
    broadcast = make.make_broadcast(cast.workspace, channel, state=S.FINISHED)
    for number, contact in enumerate(make.make_contacts(cast.workspace, 120)):
        make.make_message(channel, contact, broadcast, state="read" if number % 2 else "delivered")
    expected = [str(one) for one in db.session.scalars(select(Message.id).order_by(Message.id))]
    url, seen, back = f"/app/broadcasts/{broadcast.id}/recipients", [], []
    while url:
        html = browser.get(url).get_data(as_text=True)
        seen += ids_in(html)
        url = link_of(html, "next")
    assert seen == expected
    url = link_of(html, "prev")
    while url:
        html = browser.get(url).get_data(as_text=True)
        back = ids_in(html) + back
        url = link_of(html, "prev")
    assert back == expected[:100]


def ids_in(html: str) -> list[str]:
    return [part.split('"', 1)[0] for part in html.split('id="m-')[1:]]


def link_of(html: str, rel: str) -> str:
    part = html.split(f'rel="{rel}" href="', 1)
    return part[1].split('"', 1)[0].replace("&amp;", "&") if len(part) > 1 else ""


def test_the_report_has_everybody_and_no_formula(browser: Client, running: Broadcast) -> None:
    response = browser.get(f"/app/broadcasts/{running.id}/report.csv")
    assert response.mimetype == "text/csv"
    rows = list(csv.DictReader(io.StringIO(response.get_data(as_text=True).removeprefix("\ufeff"))))
    by_name = {row["name"]: row for row in rows}
    assert {name: row["state"] for name, row in by_name.items()} == {
        "Ann Archer": "delivered",
        "": "failed",
        "Dan": "skipped",
        "'=Cid": "queued",
    }
    assert by_name[""]["error_code"] == "131026"
    assert by_name[""]["reason"]
    assert by_name["Dan"]["reason"] == "Opted out"
    assert by_name["Ann Archer"]["phone"].startswith("+27")
    assert by_name["Ann Archer"]["delivered_at"].endswith("+00:00")


def test_pause_resume_and_cancel(browser: Client, running: Broadcast) -> None:
    base = f"/app/broadcasts/{running.id}"
    browser.submit(f"{base}/pause", page=base)
    assert only_broadcast().state is S.PAUSED
    assert "Resume" in text_of(browser.get(base))
    late = browser.submit(f"{base}/pause", page=base)
    assert "it is paused" in text_of(browser.get(late.location))
    browser.submit(f"{base}/resume", page=base)
    assert only_broadcast().state is S.SENDING
    dialog = text_of(browser.fragment(f"{base}/_confirm/cancel"))
    assert "<span>Cancel 1 message</span>" in dialog
    assert "Keep sending" in dialog
    assert "Cancel the remaining" in text_of(browser.get(f"{base}?confirm=cancel"))
    browser.submit(f"{base}/cancel", page=base)
    assert only_broadcast().state is S.CANCELLED
    assert browser.get(f"{base}/_confirm/nonsense").status_code == 404


def test_retry_from_the_page(browser: Client, running: Broadcast) -> None:
    base = f"/app/broadcasts/{running.id}"
    answer = browser.submit(f"{base}/retry", page=base, scope="failed")
    assert "Queued again: 1 message." in text_of(browser.get(answer.location))
    assert db.session.scalars(select(Message.attempt).where(Message.attempt > 1)).all() == [2]


def test_every_state_has_a_page(browser: Client, cast: Cast, channel: Channel) -> None:
    for state in S:
        fields: dict[str, Any] = {"scheduled_at": clock.now() + timedelta(days=1)} if state is S.SCHEDULED else {}
        if state in {S.PAUSED, S.FAILED}:
            fields["reason"] = "Access token has expired."
        broadcast = make.make_broadcast(cast.workspace, channel, state=state, **fields)
        page = browser.get(f"/app/broadcasts/{broadcast.id}", follow_redirects=True)
        assert page.status_code == 200
        if fields.get("reason"):
            assert "Access token has expired." in text_of(page)
        assert browser.fragment(f"/app/broadcasts/{broadcast.id}/_progress").status_code == 200


# ---------------------------------------------------------------- the list


def test_the_list_by_state_and_name(browser: Client, cast: Cast, channel: Channel) -> None:
    assert "No broadcast yet" in text_of(browser.get("/app/broadcasts"))
    for name, state in (("Spring", S.DRAFT), ("Summer", S.SENDING), ("Autumn", S.FINISHED), ("100%", S.CANCELLED)):
        make.make_broadcast(cast.workspace, channel, name=name, state=state)
    assert all(name in text_of(browser.get("/app/broadcasts")) for name in ("Spring", "Summer", "Autumn"))
    drafts = text_of(browser.get("/app/broadcasts?state=draft"))
    assert "Spring" in drafts
    assert "Summer" not in drafts
    found = text_of(browser.get("/app/broadcasts?search=%25"))
    assert "100%" in found
    assert "Autumn" not in found
    assert "No broadcast matches" in text_of(browser.get("/app/broadcasts?search=winter"))
    assert browser.get("/app/broadcasts?state=nonsense").status_code == 422


@pytest.mark.parametrize("path", ["/app/broadcasts", "/app/broadcasts/{id}", "/app/broadcasts/{id}/recipients"])
def test_the_number_of_queries_does_not_grow(
    browser: Client, cast: Cast, channel: Channel, count_queries: Callable[..., Any], path: str
) -> None:
    def queries(rows: int) -> int:
        for _ in range(rows):
            last = make.make_broadcast(cast.workspace, channel, state=S.FINISHED)
            make.make_message(channel, make.make_contact(cast.workspace), broadcast, state="read")
            make.make_message(channel, make.make_contact(cast.workspace), last, state="failed", error_code=131026)
        db.session.expire_all()
        with count_queries() as statements:
            assert browser.get(path.format(id=broadcast_id)).status_code == 200
        return len(statements)

    broadcast = make.make_broadcast(cast.workspace, channel, state=S.FINISHED)
    broadcast_id = broadcast.id
    few, many = queries(2), queries(20)
    assert few == many
    assert many <= 15


# ---------------------------------------------------------------- who may


def test_agents_look_but_do_not_touch(client: Client, cast: Cast, running: Broadcast) -> None:
    client.sign_in(cast.bob)
    base = f"/app/broadcasts/{running.id}"
    page = text_of(client.get(base))
    assert "Autumn" in page
    assert "Pause" not in page
    assert "New broadcast" not in text_of(client.get("/app/broadcasts"))
    assert client.get(f"{base}/report.csv").status_code == 200
    for path in ("/app/broadcasts/new", f"{base}/audience", f"{base}/check"):
        assert client.get(path).status_code == 403
    for verb in ("pause", "cancel", "retry", "start", "delete"):
        assert client.submit(f"{base}/{verb}", page=base).status_code == 403
    assert only_broadcast().state is S.SENDING


def golden_parts(name: str) -> list[dict[str, Any]]:
    path = Path(__file__).parents[2] / "golden" / "graph" / f"template_{name}.json"
    parts: list[dict[str, Any]] = json.loads(path.read_text())["template"]["components"]
    return parts


def test_the_wizard_asks_for_every_part_of_a_carousel(
    browser: Client, channel: Channel, cast: Cast, people: list[Contact]
) -> None:
    template = make.make_template(cast.workspace, name="new_harvest", components=golden_parts("carousel"))
    draft = make.make_broadcast(cast.workspace, channel, template, state=S.DRAFT, audience={"all": True})
    page = text_of(browser.get(f"/app/broadcasts/{draft.id}/message"))
    for label in ("Picture in the header on card 1", "{{2}} on card 2", "Link or code of button 2 on card 2"):
        assert f"{label} is" in page
    assert "2 cards, side by side" in page


@pytest.mark.parametrize(
    ("kind", "values", "words"),
    [
        ("offer", {"text-offer.expires_at": "Sunday"}, "Give the moment with its offset from UTC"),
        ("location", {"text-header.latitude": "north"}, "A latitude is a number from -90 to 90"),
    ],
)
def test_the_wizard_refuses_what_is_no_moment_and_no_place(  # noqa: PLR0917 — fixtures and a table
    browser: Client,
    channel: Channel,
    cast: Cast,
    people: list[Contact],
    kind: str,
    values: dict[str, str],
    words: str,
) -> None:
    template = make.make_template(cast.workspace, name=kind, components=golden_parts(kind))
    draft = make.make_broadcast(cast.workspace, channel, template, state=S.DRAFT, audience={"all": True})
    keys = [variable.key for variable in list_variables(template.components)]
    typed = {f"source-{key}": "text" for key in keys} | {f"text-{key}": "https://shop.example/a" for key in keys}
    address = f"/app/broadcasts/{draft.id}/message"
    chosen = {"channel": str(channel.id), "template": str(template.id)}
    answer = browser.submit(address, **chosen | typed | values)
    assert answer.status_code == 422
    assert words in text_of(answer)
