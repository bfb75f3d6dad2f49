"""Every number of the cost page is a link to its list, and the list says the same number."""

import re
from datetime import timedelta
from xml.etree.ElementTree import Element

import html5lib
import pytest

from tests import factories
from tests.cast import Cast
from tests.client import Client
from tests.integration.http.test_number_lists import NUMBER, shown_numbers, words_of
from wotnot.models import Broadcast, BroadcastState, Channel
from wotnot.services import reports

COUNTRIES = ["DE", "AT", "CH", "FR", "ES", "IT", "NL", "BE", "LU", "DK", "SE", "NO", "FI", "PL", "CZ", "SK", "HU"]


@pytest.fixture
def channel(cast: Cast) -> Channel:
    return factories.make_channel(cast.workspace)


@pytest.fixture
def spent(cast: Cast, channel: Channel) -> Broadcast:
    """Costs of two months, currencies and broadcasts, of single messages, and in more countries than the page shows."""
    today = reports.today_in(cast.workspace)
    before = today.replace(day=1) - timedelta(days=1)
    broadcast = factories.make_broadcast(cast.workspace, channel, name="Autumn", state=BroadcastState.FINISHED)
    for number, country in enumerate(COUNTRIES):
        factories.make_cost(channel, 1_010_000 + 10_000 * number, broadcast, day=today, country=country)
    for _ in range(2):
        factories.make_cost(channel, 330_000, day=today, category="utility")
    factories.make_cost(channel, 0, day=today, category="service", type="free_customer_service")
    factories.make_cost(channel, 120_000, day=today, category="authentication_international")
    factories.make_cost(channel, 70_000, broadcast, day=before)
    factories.make_cost(channel, 550_000, broadcast, day=today, currency="EUR")
    return broadcast


def main_of(client: Client, href: str) -> Element:
    answer = client.get(href.partition("#")[0])
    assert answer.status_code == 200, href
    found: Element = html5lib.parse(answer.get_data(as_text=True), namespaceHTMLElements=False).find(".//main")
    return found


def test_every_number_is_a_link_to_a_list_with_that_number(cast: Cast, client: Client, spent: Broadcast) -> None:
    client.sign_in(cast.alice)
    seen, main = 0, main_of(client, "/app/cost")
    # What the month will come to is made of no messages yet.
    forecast = next(one for one in main.iter("section") if "Expected in" in words_of(one))
    for shown in shown_numbers(main):
        number = NUMBER.search(words_of(shown))
        assert number
        if shown in list(forecast.iter()) or not float(number[0].replace(",", "").rstrip(".")):
            continue
        links = [link.get("href") or "" for link in shown.iter("a")]
        assert links, f"{words_of(shown)!r} leads nowhere"
        for href in links:
            seen += 1
            listed = words_of(main_of(client, href))
            # A broadcast shows all its days, and "All others" leads to the table that has each of them.
            assert href.startswith(("/app/broadcasts/", "/app/cost/countries")) or number[0] in listed, (
                href,
                number[0],
            )
    assert seen > 50, "the page of a workspace with costs has many numbers"


def test_a_cost_leads_to_its_broadcasts_and_messages(cast: Cast, client: Client, spent: Broadcast) -> None:
    client.sign_in(cast.alice)
    page = words_of(main_of(client, "/app/cost/broadcasts?category=utility"))
    assert "US$ 0.66 for 2 messages" in page
    assert "Autumn" not in page
    messages = client.get("/app/cost/messages?category=utility").text
    assert messages.count('class="wn-person"') == 2
    assert "€0.55 for 1 message" in words_of(main_of(client, "/app/cost/broadcasts?currency=EUR"))
    assert "Nothing was charged" in words_of(main_of(client, "/app/cost/broadcasts?country=US"))


def test_a_broadcast_charged_in_two_currencies_shows_both_apart(cast: Cast, client: Client, spent: Broadcast) -> None:
    client.sign_in(cast.alice)
    page = words_of(main_of(client, f"/app/broadcasts/{spent.id}"))
    assert "€0.55 charged" in page
    assert "was charged in USD, which is not part of it" in page


def test_all_countries_have_a_page(cast: Cast, client: Client, spent: Broadcast) -> None:
    client.sign_in(cast.alice)
    assert "Show all 18 countries" in words_of(main_of(client, "/app/cost"))
    page = client.get("/app/cost/countries").text
    for country in (*COUNTRIES, "ZA"):
        assert f"country={country}" in page


@pytest.mark.parametrize("path", ["broadcasts", "messages", "countries"])
def test_a_stranger_finds_nothing(cast: Cast, client: Client, spent: Broadcast, channel: Channel, path: str) -> None:
    client.sign_in(cast.charlie)
    assert "Nothing was charged" in words_of(main_of(client, f"/app/cost/{path}"))
    assert client.get(f"/app/cost/{path}?channel_id={channel.id}").status_code == 404


@pytest.mark.parametrize("path", ["broadcasts", "messages"])
def test_the_lists_go_on_page_by_page_and_miss_nothing(cast: Cast, client: Client, channel: Channel, path: str) -> None:
    today = reports.today_in(cast.workspace)
    for _ in range(60):
        broadcast = factories.make_broadcast(cast.workspace, channel) if path == "broadcasts" else None
        factories.make_cost(channel, 1_000, broadcast, day=today)
    client.sign_in(cast.alice)
    rows: list[str] = []
    address = f"/app/cost/{path}"
    while address:
        page = client.get(address).text
        rows += re.findall(r'nm" href="/app/(?:contacts|broadcasts)/(\d+)"', page)
        older = re.search(r'rel="next" href="([^"]+)"', page)
        address = older[1].replace("&amp;", "&") if older else ""
    assert len(rows) == len(set(rows)) == 60
    assert client.get(f"/app/cost/{path}?cursor=x").status_code == 422
