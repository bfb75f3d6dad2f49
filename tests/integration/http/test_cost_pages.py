"""The cost pages: who may see and change what, what they say, and what a wrong file is told."""

import io
from typing import Any

import pytest
from sqlalchemy import func, select

from tests.cast import Cast
from tests.client import Client
from tests.factories import make_broadcast, make_channel, make_contact, make_cost, make_tag, make_template, tag_contact
from wotnot.extensions import db
from wotnot.models import Broadcast, Channel, Contact, Message, Purchase, RateCard
from wotnot.services import expansion, rate_cards, reports

CARD = b"Market,Marketing,Utility\nGermany,0.1131,0.0456\nOther,0.05,0.01\n"
NBSP = "\u00a0"


@pytest.fixture
def channel(cast: Cast) -> Channel:
    return make_channel(cast.workspace)


@pytest.fixture
def member(cast: Cast, client: Client) -> Client:
    client.sign_in(cast.alice)
    return client


def text_of(client: Client, path: str, status: int = 200) -> str:
    answer = client.get(path)
    assert answer.status_code == status
    return answer.get_data(as_text=True)


def test_before_the_first_message_it_says_how_things_are(member: Client) -> None:
    page = text_of(member, "/app/cost")
    assert "Nothing has cost anything yet" in page
    assert "/app/cost/cards" in page


def test_the_page_tells_what_it_went_to(cast: Cast, member: Client, channel: Channel) -> None:
    today = reports.today_in(cast.workspace)
    broadcast = make_broadcast(cast.workspace, channel, name="Spring")
    make_cost(channel, 1_250_000, broadcast, day=today, country="DE", market="DE")
    make_cost(channel, 500_000, day=today, category="utility")
    page = text_of(member, "/app/cost")
    for words in (
        f"US${NBSP}1.75",
        f"US${NBSP}1.25",
        "Germany",
        "South Africa",
        "Spring",
        "Outside broadcasts",
        "Marketing",
    ):
        assert words in page
    assert f'href="/app/broadcasts/{broadcast.id}"' in page
    assert f'href="/app/channels/{channel.id}"' in page
    narrowed = text_of(member, "/app/cost?country=DE")
    assert f"US${NBSP}1.75" not in narrowed
    assert 'href="/app/cost"' in narrowed


@pytest.mark.parametrize(
    ("query", "status"),
    [
        ("period=last-month", 200),
        ("period=365", 200),
        ("period=nonsense", 200),
        ("from=2026-11-01&to=2026-11-05", 200),
        ("from=x", 422),
        ("from=2026-11-05&to=2026-11-01", 422),
        ("from=2020-01-01&to=2026-11-01", 422),
        ("channel_id=999999999", 404),
        ("channel_id=99999999999999999999", 404),
        ("channel_id=0", 404),
        ("channel_id=abc", 422),
        ("channel_id=-5", 422),
        ("channel_id=", 200),
        ("country=none&category=utility", 200),
        ("country=za", 200),
        ("country=ZAX", 422),
    ],
)
def test_what_the_address_may_ask_for(member: Client, channel: Channel, query: str, status: int) -> None:
    make_cost(channel)
    text_of(member, f"/app/cost?{query}", status)


@pytest.mark.parametrize("path", ["", "/broadcasts", "/messages", "/countries"])
def test_what_is_no_number_is_asked_about_and_never_the_cost_of_all(
    member: Client, channel: Channel, path: str
) -> None:
    make_cost(channel)
    assert "Choose a number of this workspace." in text_of(member, f"/app/cost{path}?channel_id=abc", 422)


def test_the_page_takes_no_more_queries_for_more_costs(
    cast: Cast, member: Client, channel: Channel, count_queries: Any
) -> None:
    today = reports.today_in(cast.workspace)
    counted = []
    for number in (1, 12):
        for _ in range(number):
            make_cost(channel, 1_000, make_broadcast(cast.workspace, channel), day=today)
        with count_queries() as statements:
            text_of(member, "/app/cost")
        counted.append(len(statements))
    assert counted[0] == counted[1] <= 16


def test_an_agent_sees_the_costs_and_changes_nothing(cast: Cast, client: Client) -> None:
    client.sign_in(cast.bob)
    assert "Budget" not in text_of(client, "/app/cost/cards").split("What it cost")[1].split("Rate cards")[0]
    for path in ("/app/cost/budget", "/app/cost/purchases"):
        assert client.get(path).status_code == 403
    answer = client.submit("/app/cost/budget", page="/app/cost", currency="EUR", budget="5")
    assert answer.status_code == 403
    assert rate_cards.get_setup(cast.workspace.id).currency == "USD"


# ---------------------------------------------------------------- budget


def test_a_budget_is_kept_and_shown(cast: Cast, member: Client, channel: Channel) -> None:
    make_cost(channel, 4_100_000, day=reports.today_in(cast.workspace))
    answer = member.submit("/app/cost/budget", currency="USD", budget="5.00", stops="1")
    assert answer.status_code == 303
    page = text_of(member, "/app/cost/budget")
    assert "82% of" in page
    assert 'value="5.00"' in page
    for path in ("/app/cost", "/app/"):
        assert "82% of this month’s budget is used." in text_of(member, path)


NOT_ALL = "Not everything counts toward a budget as it is charged."


@pytest.mark.parametrize("budget", [{"budget": "5.00"}, {"budget": "", "daily_budget": "5.00"}])
def test_costs_in_another_currency_are_said_beside_the_budget(
    cast: Cast, member: Client, channel: Channel, budget: dict[str, str]
) -> None:
    assert NOT_ALL not in text_of(member, "/app/cost/budget")
    make_cost(channel, 4_100_000, day=reports.today_in(cast.workspace), currency="EUR")
    member.submit("/app/cost/budget", currency="USD", **budget)
    page = text_of(member, "/app/cost/budget")
    assert NOT_ALL in page
    assert "Costs in EUR do not count toward a budget in USD: €" in page
    noticed = "Costs in EUR do not count toward a budget in USD: €" in text_of(member, "/app/cost")
    assert noticed == bool(budget["budget"])
    member.submit("/app/cost/budget", currency="EUR", **budget)
    assert NOT_ALL not in text_of(member, "/app/cost/budget")


def test_a_number_that_is_billed_in_another_currency_is_said_beside_the_budget(cast: Cast, member: Client) -> None:
    make_channel(cast.workspace, billing_currency="EUR")
    page = text_of(member, "/app/cost/budget")
    assert NOT_ALL in page
    assert "Meta bills a number of yours in EUR; what is sent there is counted at Meta’s rates in USD." in page
    member.submit("/app/cost/budget", currency="EUR", budget="")
    assert NOT_ALL not in text_of(member, "/app/cost/budget")


def test_an_alert_says_what_it_does_not_count(cast: Cast, member: Client, channel: Channel) -> None:
    today = reports.today_in(cast.workspace)
    make_cost(channel, 4_100_000, day=today)
    make_cost(channel, 2_000_000, day=today, currency="EUR")
    rate_cards.save_setup(cast.workspace.id, currency="USD", budget="5.00", stops=False)
    for path in ("/app/cost", "/app/"):
        page = text_of(member, path)
        assert "82% of this month’s budget is used." in page
        assert "Costs in EUR do not count toward a budget in USD: €" in page


def test_a_wrong_budget_keeps_what_was_typed(member: Client) -> None:
    answer = member.submit("/app/cost/budget", currency="USD", budget="a lot")
    assert answer.status_code == 422
    page = answer.get_data(as_text=True)
    assert 'value="a lot"' in page
    assert "Give an amount such as 250.00." in page


# ---------------------------------------------------------------- purchases


def test_a_second_press_of_the_form_notes_nothing_twice(member: Client) -> None:
    fields = {"form_id": "abc", "kind": "top_up", "paid_on": "2026-11-02", "amount": "12.50", "currency": "USD"}
    for _ in range(2):
        assert member.submit("/app/cost/purchases", note="Before Christmas", **fields).status_code == 303
    assert db.session.scalar(select(func.count()).select_from(Purchase)) == 1
    page = text_of(member, "/app/cost/purchases")
    assert f"US${NBSP}12.50" in page
    assert "Before Christmas" in page


def test_an_imported_list_says_what_became_of_each_row(member: Client) -> None:
    content = b"Date,Amount,Note\n2026-11-02,12.50,<b>one</b>\nsoon,1,two\n"
    answer = _upload(member, "/app/cost/purchases/import", "/app/cost/purchases", content)
    assert answer.status_code == 200
    page = answer.get_data(as_text=True)
    assert "1 purchase noted" in page
    assert "1 row not taken" in page
    assert "Give the day as year-month-day" in page
    assert "<b>one</b>" not in page


@pytest.mark.parametrize(
    ("content", "words"),
    [(None, "Choose a file first."), (b"%PDF-1.7", "This is a PDF, not a CSV."), (b"x" * ((5 << 20) + 1), "larger than 5 MB")],
)  # fmt: skip
def test_a_wrong_list_is_refused_with_a_sentence(member: Client, content: bytes | None, words: str) -> None:
    answer = _upload(member, "/app/cost/purchases/import", "/app/cost/purchases", content)
    assert answer.status_code == 422
    assert words in answer.get_data(as_text=True)


# ---------------------------------------------------------------- rate cards


def _upload(client: Client, path: str, page: str, content: bytes | None, **fields: str) -> Any:
    """A form with a file, made by hand: the test client would keep a large one in a file that nobody closes."""
    parts = [
        (f'name="{name}"', value.encode()) for name, value in {"csrf_token": client.csrf_token(page), **fields}.items()
    ]
    if content is not None:
        parts.append(('name="file"; filename="rates.csv"', content))
    body = b"".join(
        b"--X\r\nContent-Disposition: form-data; %b\r\n\r\n%b\r\n" % (name.encode(), value) for name, value in parts
    )
    stream = io.BytesIO(body + b"--X--\r\n")
    return client.post(path, input_stream=stream, content_type="multipart/form-data; boundary=X")


def test_the_cards_say_how_old_they_are(cast: Cast, member: Client) -> None:
    page = text_of(member, "/app/cost/cards")
    age = (reports.today_in(cast.workspace) - rate_cards.list_cards(cast.workspace.id)[0].valid_from).days
    assert f"1 October 2026, {age} days old" in page
    assert "Comes with WotNot" in page


def test_a_card_of_ones_own_is_uploaded_shown_downloaded_and_deleted(cast: Cast, member: Client) -> None:
    fields = {"currency": "USD", "valid_from": "2026-11-01"}
    answer = _upload(member, "/app/cost/cards", "/app/cost/cards", CARD, **fields)
    assert answer.status_code == 303
    page = text_of(member, answer.location)
    assert f"US${NBSP}0.1131" in page
    assert "Rates of 1 November 2026" in page
    csv = member.get(f"{answer.location}/rates.csv")
    assert "Germany,0,0.113100,0.045600" in csv.get_data(as_text=True)
    assert rate_cards.current_card(cast.workspace.id, "USD", reports.today_in(cast.workspace)).key in answer.location
    assert member.submit(f"{answer.location}/delete", page="/app/cost/cards").status_code == 303
    assert member.get(answer.location).status_code == 404


def test_two_cards_of_one_day_are_one_too_many(member: Client) -> None:
    fields = {"currency": "USD", "valid_from": "2026-11-01"}
    assert _upload(member, "/app/cost/cards", "/app/cost/cards", CARD, **fields).status_code == 303
    answer = _upload(member, "/app/cost/cards", "/app/cost/cards", CARD, **fields)
    assert answer.status_code == 422
    assert "There is a card in USD from 1 November 2026 already." in answer.get_data(as_text=True)


def test_a_wrong_card_is_refused_with_every_row(member: Client) -> None:
    content = b"Market,Marketing,Utility\nAtlantis,1,1\nGermany,1,\nOther,1,1\n"
    answer = _upload(member, "/app/cost/cards", "/app/cost/cards", content, currency="USD", valid_from="")
    assert answer.status_code == 422
    page = answer.get_data(as_text=True)
    for words in ("Atlantis", "Row 3: Germany has no rate for utility.", "Give the day from which it is valid"):
        assert words in page
    assert db.session.scalar(select(func.count()).select_from(RateCard)) == 0


def test_ours_cannot_be_deleted(member: Client) -> None:
    assert member.submit("/app/cost/cards/usd-2026-10-01/delete", page="/app/cost/cards").status_code == 409


def test_without_a_card_in_the_currency_the_page_says_so(cast: Cast, member: Client, channel: Channel) -> None:
    rate_cards.save_setup(cast.workspace.id, currency="EUR", budget="", stops=False)
    make_cost(channel, None, currency="EUR")
    assert "There is no rate card in EUR." in text_of(member, "/app/cost")
    assert "There is no card in EUR yet." in text_of(member, "/app/cost/cards")


# ---------------------------------------------------------------- broadcasts


@pytest.fixture
def draft(cast: Cast, channel: Channel) -> Broadcast:
    """To two in Germany and one in South Africa."""
    tag = make_tag(cast.workspace, "all of them")
    for phone in ("4915112345678", "4915112345679", "27825550101"):
        tag_contact(make_contact(cast.workspace, phone=phone), tag)
    return make_broadcast(cast.workspace, channel, make_template(cast.workspace), audience={"tags": ["all of them"]})


def test_the_check_page_says_what_it_will_cost(member: Client, draft: Broadcast) -> None:
    page = text_of(member, f"/app/broadcasts/{draft.id}/check")
    assert f"Send to 3 people for about US${NBSP}0.31" in page
    for words in ("Germany", f"US${NBSP}0.1365", f"US${NBSP}0.27", "rates of 1 October 2026"):
        assert words in page


@pytest.mark.parametrize(("budget", "is_over"), [("0.30", True), ("5.00", False)])
def test_the_check_page_counts_it_towards_the_budget(
    cast: Cast, member: Client, draft: Broadcast, budget: str, is_over: bool
) -> None:
    rate_cards.save_setup(cast.workspace.id, currency="USD", budget=budget, stops=False)
    page = text_of(member, f"/app/broadcasts/{draft.id}/check")
    assert f"after this: US${NBSP}0.31 of US${NBSP}{budget}" in page
    assert ("More than the budget." in page) == is_over


def test_a_used_up_budget_is_said_before_the_button(
    cast: Cast, member: Client, channel: Channel, draft: Broadcast
) -> None:
    rate_cards.save_setup(cast.workspace.id, currency="USD", budget="1", stops=True)
    make_cost(channel, 1_000_000, day=reports.today_in(cast.workspace))
    page = text_of(member, f"/app/broadcasts/{draft.id}/check")
    assert f"This month’s budget of US${NBSP}1.00 is used up" in page
    assert 'href="/app/cost/budget"' in page


def test_the_report_holds_the_forecast_against_the_receipts(
    cast: Cast, member: Client, channel: Channel, draft: Broadcast
) -> None:
    draft.state = "expanding"
    db.session.commit()
    expansion.expand_broadcast(draft.id)
    make_cost(channel, 136_500, draft, country="DE", market="DE")
    page = text_of(member, f"/app/broadcasts/{draft.id}")
    assert f"US${NBSP}0.14 of about US${NBSP}0.31 charged" in page
    db.session.delete(db.session.scalar(select(Contact).where(Contact.phone == "4915112345678")))
    db.session.commit()
    assert f"of about US${NBSP}0.31 charged" in text_of(member, f"/app/broadcasts/{draft.id}"), "a forecast stays"


def test_the_api_tells_the_cost_of_a_period(cast: Cast, client: Client, channel: Channel) -> None:
    today = reports.today_in(cast.workspace)
    make_cost(channel, 136_500, day=today, country="DE", market="DE")
    make_cost(channel, 0, day=today, category="service", type="free_customer_service")
    cost = client.api(cast.alice).get("/analytics").json["cost"]
    assert (cost["currency"], cost["total"], cost["unpriced"]) == ("USD", 136_500, 0)
    assert cost["by_category"][0] == {"category": "marketing", "count": 1, "micros": 136_500, "free": 0}
    assert cost["by_country"][0] == {"country": "DE", "name": "Germany", "count": 1, "micros": 136_500, "free": 0}
    assert client.api(cast.charlie).get("/analytics").json["cost"]["total"] == 0


def test_the_api_tells_what_one_message_cost(cast: Cast, client: Client, channel: Channel) -> None:
    cost = make_cost(channel, 37_900)
    message = db.session.get(Message, cost.message_id)
    assert message is not None
    message.pricing_category, message.pricing_type = "marketing", "regular"
    db.session.commit()
    price = client.api(cast.alice).get(f"/messages/{message.id}").json["price"]
    assert price == {"category": "marketing", "type": "regular", "micros": 37_900, "currency": "USD"}
