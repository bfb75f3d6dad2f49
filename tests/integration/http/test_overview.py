"""The overview in its two shapes, the parts that refresh themselves, and the same numbers over the API."""

from datetime import timedelta

import pytest

from tests import factories
from tests.cast import Cast
from tests.client import Client
from wotnot import clock
from wotnot.models import BroadcastState, ChannelState, MessageState


def test_first_steps_follow_what_is_done(cast: Cast, client: Client):
    client.sign_in(cast.alice)
    assert "0 of 5 done" in client.get("/app/").text
    channel = factories.make_channel(cast.workspace)
    page = client.get("/app/").text
    assert "1 of 5 done" in page
    assert "Import a file" in page
    factories.make_contact(cast.workspace)
    factories.make_template(cast.workspace)
    draft = factories.make_broadcast(cast.workspace, channel)
    page = client.get("/app/").text
    assert "3 of 5 done" in page
    assert "Choose whom to send it to" in page
    contact = factories.make_contact(cast.workspace)
    factories.make_message(channel, contact, type="template", accepted_at=clock.now(), state=MessageState.ACCEPTED)
    assert "4 of 5 first steps done" in client.get("/app/").text
    draft.started_at = clock.now()
    factories.save(draft)
    assert "first steps done" not in client.get("/app/").text


def test_first_steps_that_are_hidden_stay_away(cast: Cast, client: Client):
    client.sign_in(cast.alice)
    assert "0 of 5 done" in client.get("/app/").text
    client.submit("/app/first-steps/hide", page="/app/")
    page = client.get("/app/").text
    assert "of 5 done" not in page
    assert "Messages by day" in page


def test_agents_get_no_buttons_they_may_not_press(cast: Cast, client: Client):
    client.sign_in(cast.bob)
    page = client.get("/app/").text
    assert "0 of 5 done" in page
    assert "/app/channels/new" not in page


@pytest.fixture
def sent(cast: Cast):
    channel = factories.make_channel(cast.workspace)
    broadcast = factories.make_broadcast(
        cast.workspace, channel, name="<b>Autumn</b> & sale", state=BroadcastState.SENDING
    )
    outcomes = [(MessageState.READ, 5)] * 3 + [(MessageState.DELIVERED, 4)] + [(MessageState.FAILED, 1)] * 2
    for state, reached in outcomes:
        code = 131026 if state is MessageState.FAILED else None
        contact = factories.make_contact(cast.workspace)
        factories.make_message(
            channel, contact, broadcast, state=state, reached=reached, error_code=code, day=clock.now().date()
        )
    return broadcast


def test_the_overview_says_how_it_went(cast: Cast, client: Client, sent):
    client.sign_in(cast.alice)
    page = client.get("/app/").text
    assert "Why 2 messages failed" in page
    assert "Not reachable on WhatsApp" in page
    assert "75.0%" in page
    assert "&lt;b&gt;Autumn&lt;/b&gt; &amp; sale" in page
    assert "<b>Autumn</b>" not in page


@pytest.mark.parametrize("days", ["7", "90", "8", "x", "-1"])
def test_any_period_in_the_address_makes_a_page(cast: Cast, client: Client, sent, days):
    client.sign_in(cast.alice)
    page = client.get(f"/app/?days={days}").text
    assert f"Last {days if days in {'7', '90'} else '30'} days" in page


@pytest.mark.parametrize(
    ("path", "words"), [("/app/_numbers?days=7", "Messages sent"), ("/app/_recent", "sale"), ("/app/_sending", "100%")]
)
def test_parts_refresh_themselves_as_what_they_were(cast: Cast, client: Client, sent, path, words):
    client.sign_in(cast.alice)
    part = client.fragment(path)
    assert part.status_code == 200
    assert words in part.text
    assert f'hx-get="{path}"' in part.text


def test_a_stopped_number_is_the_first_thing_one_reads(cast: Cast, client: Client, sent):
    factories.make_channel(cast.workspace, state=ChannelState.STOPPED, state_reason="Meta refuses the access token.")
    client.sign_in(cast.alice)
    assert "has stopped sending" in client.get("/app/").text


def test_the_overview_costs_the_same_number_of_queries_however_much_there_is(
    cast: Cast, client: Client, sent, count_queries
):
    client.sign_in(cast.alice)
    client.get("/app/")
    with count_queries() as few:
        client.get("/app/")
    for _ in range(6):
        factories.make_broadcast(cast.workspace, sent.channel)
        moment = clock.now() + timedelta(days=1)
        factories.make_broadcast(cast.workspace, sent.channel, state=BroadcastState.SCHEDULED, scheduled_at=moment)
    with count_queries() as many:
        client.get("/app/")
    assert len(few) == len(many)


def test_analytics_over_the_api(cast: Cast, client: Client, sent):
    answer = client.api(cast.alice).get("/analytics")
    assert answer.status_code == 200
    body = answer.json
    assert body["messages"]["delivered"] == 4
    assert len(body["by_day"]) == 30
    assert body["by_day"][-1]["failed"] == 2
    assert body["by_template"][0]["template_id"] == sent.template_id
    assert body["errors"] == [{"code": 131026, "title": "Not reachable on WhatsApp", "count": 2}]
    assert set(body["cost"]) == {"currency", "total", "unpriced", "by_category", "by_country"}
    assert client.api(cast.charlie).get("/analytics").json["messages"]["delivered"] == 0
    assert client.api(cast.charlie).get(f"/analytics?channel_id={sent.channel_id}").status_code == 404


@pytest.mark.parametrize("query", ["from=x", "from=2026-02-01&to=2026-01-01", "from=2020-01-01", "channel_id=x"])
def test_analytics_arguments_are_checked(cast: Cast, client: Client, query):
    assert client.api(cast.alice).get(f"/analytics?{query}").status_code == 422


def test_the_documentation_shows_every_call(session, client: Client, app):
    page = client.get("/api/v1/docs")
    assert page.status_code == 200
    document = client.get("/api/v1/openapi.json").json
    for path, operations in document["paths"].items():
        assert path in page.text
        assert all(operation.get("summary") for verb, operation in operations.items() if verb != "parameters"), path
    rules = {rule.rule for rule in app.url_map.iter_rules() if rule.rule.startswith("/api/v1/")}
    assert len(document["paths"]) == len(rules - {"/api/v1/docs", "/api/v1/openapi.json"})
    answers = document["components"]["responses"]["DEFAULT_ERROR"]["content"]
    assert list(answers) == ["application/problem+json"]
