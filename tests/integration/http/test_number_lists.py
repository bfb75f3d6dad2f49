"""Every number of the overview is a link to its list, and the list says the same number."""

import re
from collections.abc import Iterator
from datetime import datetime, time, timedelta
from typing import Any
from xml.etree.ElementTree import Element

import html5lib
import pytest
from sqlalchemy import delete, text

from tests import factories
from tests.cast import Cast
from tests.client import Client
from wotnot import clock
from wotnot.models import Broadcast, BroadcastState, Member, MessageState

NUMBER = re.compile(r"\d[\d,.]*")


def words_of(element: Element) -> str:
    return " ".join("".join(element.itertext()).split())


def shown_numbers(root: Element) -> Iterator[Element]:
    """What holds a number: the large ones, the cells of tables, the counts of funnels and legends."""
    for element in root.iter():
        classes = set((element.get("class") or "").split())
        is_cell = element.tag == "td" and classes & {"r", "l1", "l2", "l3", "l4", "l5", "few"}
        if (classes & {"wn-big", "v"} or element.tag == "b" or is_cell) and NUMBER.search(words_of(element)):
            yield element


@pytest.fixture
def sent(cast: Cast, session: Any) -> Broadcast:
    """A broadcast with every outcome, single messages, costs in two currencies, opt-outs and answers."""
    channel, today = factories.make_channel(cast.workspace), clock.now().date()
    broadcast = factories.make_broadcast(cast.workspace, channel, name="Autumn", state=BroadcastState.FINISHED)
    at = datetime.combine(today, time(9, 5), tzinfo=clock.now().tzinfo)
    outcomes = [(MessageState.READ, 5)] * 24 + [(MessageState.DELIVERED, 4)] * 6 + [(MessageState.ACCEPTED, 2)] * 3
    codes = (131026, 131049, 131050, 132000, 130472, 131047, 131053, None)
    for number, (state, reached) in enumerate([*outcomes, *[(MessageState.FAILED, 1)] * len(codes)]):
        code = codes[number - len(outcomes)] if state is MessageState.FAILED else None
        fields = {"state": state, "reached": reached, "error_code": code, "replied": number < 4, "day": today}
        person = factories.make_contact(cast.workspace)
        factories.make_message(channel, person, broadcast, accepted_at=at if reached > 1 else None, **fields)
    for _ in range(2):
        person = factories.make_contact(cast.workspace)
        factories.make_message(channel, person, state=MessageState.DELIVERED, reached=4, day=today, accepted_at=at)
    factories.make_cost(channel, 1_250_000, broadcast, day=today)
    factories.make_cost(channel, 330_000, broadcast, day=today, currency="EUR")
    for _ in range(3):
        factories.make_consent_event(factories.make_contact(cast.workspace))
    for member, seconds in ((cast.alice, 60), (cast.bob, 600), (cast.bob, 7200)):
        person = factories.make_contact(cast.workspace)
        factories.make_conversation(channel, person)
        answer = factories.make_message(channel, person, type="text", user_id=member.id, day=today)
        row = {"id": answer.id, "workspace": cast.workspace.id, "user": member.id, "day": today, "seconds": seconds}
        session.execute(text("INSERT INTO first_answers VALUES (:id, :workspace, :user, :day, :seconds)"), row)
    session.commit()
    return broadcast


def test_every_number_is_a_link_to_a_list_with_that_number(cast: Cast, client: Client, sent: Broadcast) -> None:
    client.sign_in(cast.alice)
    page = client.get("/app/").get_data(as_text=True)
    main = html5lib.parse(page, namespaceHTMLElements=False).find(".//main")
    seen = 0
    for shown in shown_numbers(main):
        number = NUMBER.search(words_of(shown))
        links = [link.get("href") or "" for link in shown.iter("a")]
        assert number, words_of(shown)
        if number[0] in {"0", "0.0"}:
            continue
        assert links, f"{words_of(shown)!r} leads nowhere"
        for href in links:
            seen += 1
            answer = client.get(href.partition("#")[0])
            assert answer.status_code == 200, href
            if href.startswith(("/app/numbers", "/app/cost")):
                listed = html5lib.parse(answer.get_data(as_text=True), namespaceHTMLElements=False).find(".//main")
                assert number[0] in words_of(listed), (href, number[0])
    assert seen > 30, "the page of a workspace with data has many numbers"


@pytest.mark.parametrize(
    ("path", "title"),
    [
        ("/app/numbers?what=audience", "48 messages were to be sent"),
        ("/app/numbers?what=undelivered", "3 messages were sent and not delivered"),
        ("/app/numbers?what=unread", "10 messages were delivered and not read"),
        ("/app/numbers/opt-outs", "3 people opted out"),
        ("/app/numbers/answers", "3 first answers"),
        ("/app/numbers/causes", "8 causes of failures"),
        ("/app/numbers/templates", "1 template was used"),
    ],
)
def test_a_list_says_how_many(cast: Cast, client: Client, sent: Broadcast, path: str, title: str) -> None:
    client.sign_in(cast.alice)
    assert title in client.get(path).text


@pytest.mark.parametrize("path", ["", "/opt-outs", "/answers", "/messages", "/causes", "/templates"])
def test_a_stranger_finds_nothing_in_a_list(cast: Cast, client: Client, sent: Broadcast, path: str) -> None:
    client.sign_in(cast.charlie)
    assert "There are none" in client.get(f"/app/numbers{path}").text


def test_an_hour_of_the_week_leads_to_its_broadcasts(cast: Cast, client: Client, sent: Broadcast) -> None:
    client.sign_in(cast.alice)
    weekday = clock.now().weekday()
    page = client.get(f"/app/numbers/hour?days=7&weekday={weekday}&hour=9").text
    assert "24 of 32 delivered were read" in page
    assert f"/app/broadcasts/{sent.id}?state=got_read#recipients" in page
    assert "There are none" in client.get(f"/app/numbers/hour?days=7&weekday={weekday}&hour=3").text
    for wrong in ("weekday=7&hour=1", "weekday=1&hour=24", "weekday=x&hour=1", ""):
        assert client.get(f"/app/numbers/hour?{wrong}").status_code == 422


def test_lists_go_on_page_by_page_and_miss_nobody(cast: Cast, client: Client, sent: Broadcast) -> None:
    for _ in range(60):
        factories.make_consent_event(factories.make_contact(cast.workspace))
    client.sign_in(cast.alice)
    people: list[str] = []
    path = "/app/numbers/opt-outs?days=7"
    while path:
        page = client.get(path).text
        people += re.findall(r'href="/app/contacts/(\d+)"', page)
        older = re.search(r'rel="next" href="([^"]+)"', page)
        path = older[1].replace("&amp;", "&") if older else ""
    assert len(people) == len(set(people)) == 63
    assert client.get("/app/numbers/opt-outs?cursor=x").status_code == 422


def test_messages_outside_broadcasts_have_a_list(cast: Cast, client: Client, sent: Broadcast) -> None:
    client.sign_in(cast.alice)
    assert "/app/numbers/messages?days=30&amp;what=delivered" in client.get("/app/numbers?what=delivered").text
    page = client.get("/app/numbers/messages?days=30&what=delivered").text
    assert page.count('class="wn-person"') == 2
    assert "There are none" in client.get("/app/numbers/messages?what=failed").text


def test_answers_of_one_colleague(cast: Cast, client: Client, sent: Broadcast) -> None:
    client.sign_in(cast.alice)
    page = client.get(f"/app/numbers/answers?user_id={cast.bob.id}").text
    assert "2 first answers" in page
    assert page.index("2 h") < page.index("10 min"), "who waited longest comes first"
    carla = factories.make_member(cast.workspace, factories.make_user(name="Carla"))
    assert "0 first answers" in client.get(f"/app/numbers/answers?user_id={carla.user_id}").text
    for strange in (cast.charlie.id, 999_999_999, "nobody"):
        assert client.get(f"/app/numbers/answers?user_id={strange}").status_code == 404


def test_the_answers_of_somebody_who_left_stay(cast: Cast, client: Client, sent: Broadcast, session: Any) -> None:
    bob_id = cast.bob.id
    session.execute(delete(Member).where(Member.user_id == bob_id))
    session.commit()
    client.sign_in(cast.alice)
    assert "2 first answers" in client.get(f"/app/numbers/answers?user_id={bob_id}").text


def test_days_of_ones_own_are_those_of_the_list(cast: Cast, client: Client, sent: Broadcast) -> None:
    day = clock.now().date() - timedelta(days=1)
    client.sign_in(cast.alice)
    for path in ("", "/opt-outs", "/answers", "/messages", "/causes", "/templates"):
        assert "There are none" in client.get(f"/app/numbers{path}?from={day}&to={day}").text, path
