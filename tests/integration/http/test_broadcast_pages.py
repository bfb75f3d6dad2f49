"""The pages of broadcasts through a browser that inspects each of them."""

import csv
import io
import re
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import select

from tests import factories as make
from tests.cast import Cast
from tests.client import Client
from wotnot import clock
from wotnot.extensions import db
from wotnot.models import Broadcast, BroadcastState, Channel, Contact, Message, Template

S = BroadcastState


def only_broadcast() -> Broadcast:
    db.session.expire_all()
    return db.session.scalars(select(Broadcast)).one()


def text_of(response: Any) -> str:
    return " ".join(response.get_data(as_text=True).split())


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


def test_the_report_leads_to_all_of_its_countries(browser: Client, cast: Cast, channel: Channel) -> None:
    broadcast = make.make_broadcast(cast.workspace, channel, name="Far", state=S.FINISHED)
    for number, code in enumerate((27, 27, 31, 32, 33, 34, 36, 39, 40, 41, 43, 44, 45, 46, 47)):
        person = make.make_contact(cast.workspace, phone=f"{code}8255500{number:02}")
        make.make_message(channel, person, broadcast, state="read", reached=5)
    base = f"/app/broadcasts/{broadcast.id}"
    report = text_of(browser.get(base))
    assert f'<a href="{base}/countries">Show all 14 countries</a>' in report
    page = text_of(browser.get(f"{base}/countries"))
    assert page.index("South Africa") < page.index("Netherlands") < page.index("Norway")
    assert f'href="{base}?state=got_read&amp;country=NO#recipients"' in page
    assert page.count("<tr>") == 1 + 14


@pytest.fixture
def far(cast: Cast, channel: Channel) -> Broadcast:
    """Read by two in the United States and one each in Canada, Kazakhstan, Germany (by an id) and nowhere; one more waits."""
    broadcast = make.make_broadcast(cast.workspace, channel, name="Far", state=S.FINISHED)
    people = {
        "Uma": "12125550001",
        "Ulf": "13055550001",
        "Cam": "14165550001",
        "Kai": "77015550001",
        "Noa": "99955500001",
    }
    for name, phone in people.items():
        person = make.make_contact(cast.workspace, name=name, phone=phone)
        make.make_message(channel, person, broadcast, state="read", reached=5)
    ida = make.make_contact(cast.workspace, name="Ida", phone=None, wa_user_id="DE.4711")
    make.make_message(channel, ida, broadcast, state="read", reached=5, wa_user_id="DE.4711")
    make.make_message(channel, make.make_contact(cast.workspace, name="Uwe", phone="12125550002"), broadcast)
    return broadcast


NAMES = ("Uma", "Ulf", "Cam", "Kai", "Noa", "Ida", "Uwe")


def test_every_number_of_every_country_leads_to_so_many_people(browser: Client, far: Broadcast) -> None:
    page = browser.get(f"/app/broadcasts/{far.id}/countries").get_data(as_text=True)
    links = re.findall(r'<a class="wn-numlink wn-num" href="([^"]+)">(\d+)', page)
    assert len(links) == 5 * len(("sent", "delivered", "read"))
    for address, count in links:
        shown = text_of(browser.get(address.replace("&amp;", "&")))
        assert len(ids_in(shown)) == int(count), address
        assert f"Showing {count} of {count}, in the order of sending" in shown


@pytest.mark.parametrize(
    ("query", "names"),
    [
        ("country=US", ["Uma", "Ulf", "Uwe"]),
        ("country=us&state=read", ["Uma", "Ulf"]),
        ("country=US&state=waiting", ["Uwe"]),
        ("country=US&search=ulf", ["Ulf"]),
        ("country=CA", ["Cam"]),
        ("country=KZ", ["Kai"]),
        ("country=RU", []),
        ("country=DE", ["Ida"]),
        ("country=none", ["Noa"]),
        ("country=", list(NAMES)),
    ],
)
def test_recipients_in_a_country(browser: Client, far: Broadcast, query: str, names: list[str]) -> None:
    for fetch in (browser.get, browser.fragment):
        page = text_of(fetch(f"/app/broadcasts/{far.id}/recipients?{query}"))
        assert [name for name in NAMES if f'title="{name}"' in page] == names


def test_a_country_stays_until_it_is_taken_away(browser: Client, far: Broadcast) -> None:
    here = f"/app/broadcasts/{far.id}/recipients"
    page = text_of(browser.get(f"{here}?state=read&country=US"))
    assert f'href="{here}?state=read" aria-label="Remove United States"' in page
    assert f'href="{here}?state=waiting&amp;country=US"' in page
    assert page.count('<input type="hidden" name="country" value="US">') == len(("search", "csv", "xlsx"))
    assert "report.csv" not in page
    assert "Country not known" in text_of(browser.get(f"{here}?country=none"))


@pytest.mark.parametrize("country", ["XX", "USA", "1", "+1", "United States", "%00"])
def test_what_is_no_country_is_asked_about(browser: Client, far: Broadcast, country: str) -> None:
    for path in ("", "/recipients"):
        answer = browser.get(f"/app/broadcasts/{far.id}{path}?country={country}")
        assert answer.status_code == 422
        assert "Choose a country by its two letters" in text_of(answer)


def test_without_many_countries_there_is_no_second_list(browser: Client, cast: Cast, running: Broadcast) -> None:
    assert "countries</a>" not in text_of(browser.get(f"/app/broadcasts/{running.id}"))
    empty = make.make_broadcast(cast.workspace, state=S.DRAFT)
    assert "Nothing was sent yet" in text_of(browser.get(f"/app/broadcasts/{empty.id}/countries"))


def test_a_strangers_countries_are_no_page(client: Client, cast: Cast, running: Broadcast) -> None:
    client.sign_in(cast.charlie)
    assert client.get(f"/app/broadcasts/{running.id}/countries").status_code == 404


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
