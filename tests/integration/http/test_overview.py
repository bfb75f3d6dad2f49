"""The overview in its two shapes, the parts that refresh themselves, and the same numbers over the API."""

import re
from datetime import timedelta
from typing import Any

import pytest

from tests import factories
from tests.cast import Cast
from tests.client import Client
from wotnot import clock
from wotnot.models import BroadcastState, ChannelState, MessageState
from wotnot.services import limit_uses


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


@pytest.mark.parametrize(
    ("before", "icon"),
    [(4, "trending-down wn-warnc"), (0, "trending-up wn-okc")],
    ids=["less was delivered than before", "more was delivered"],
)
def test_less_than_before_is_no_good_news(cast: Cast, client: Client, sent, before, icon):
    """4 of 5 were delivered now. More messages are neither good nor bad, so their arrow has no colour."""
    factories.make_message(sent.channel, factories.make_contact(cast.workspace), sent, **_some_days_ago(reached=2))
    factories.make_message(
        sent.channel, factories.make_contact(cast.workspace), sent, day=clock.now().date(), reached=2
    )
    for _ in range(before * 4):
        factories.make_message(sent.channel, factories.make_contact(cast.workspace), sent, **_some_days_ago(reached=4))
    client.sign_in(cast.alice)
    delivered = client.get("/app/_numbers?days=7").text.split('class="lab">Delivered')[1].split("</section>")[0]
    assert icon in delivered
    assert "wn-okc" not in client.get("/app/_numbers?days=7").text.split('class="lab">Delivered')[0].split("fail")[0]


def _some_days_ago(reached: int) -> dict[str, Any]:
    state = MessageState.DELIVERED if reached == 4 else MessageState.ACCEPTED
    return {"state": state, "reached": reached, "day": clock.now().date() - timedelta(days=10)}


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
        assert f"<code>{path}</code>" in page.text
        assert all(operation.get("summary") for verb, operation in operations.items() if verb != "parameters"), path
    rules = {rule.rule for rule in app.url_map.iter_rules() if rule.rule.startswith("/api/v1/")}
    assert len(document["paths"]) == len(rules - {"/api/v1/docs", "/api/v1/docs/<name>", "/api/v1/openapi.json"})


def test_every_call_of_the_documentation_leads_to_its_fields(session, client: Client):
    leads = re.findall(r'href="(/api/v1/docs/[a-z-]+)#([^"]+)"><code>', client.get("/api/v1/docs").text)
    pages = {page: client.get(page).text for page in {page for page, _ in leads}}
    assert len(leads) > 100
    for page, anchor in leads:
        assert f'id="{anchor}"' in pages[page], (page, anchor)


def test_a_page_of_the_documentation_that_is_none_is_404(session, client: Client):
    assert client.get("/api/v1/docs/nothing").status_code == 404


def test_the_document_names_every_status_and_every_call(session, client: Client):
    """Programs are generated from it: “default” would be anything, and a link to nothing a dead end."""
    document = client.get("/api/v1/openapi.json").json
    operations = [one for path in document["paths"].values() for verb, one in path.items() if verb != "parameters"]
    names = [one["operationId"] for one in operations]
    assert len(names) == len(set(names))
    for one in operations:
        assert "default" not in one["responses"], one["operationId"]
        assert "429" in one["responses"], one["operationId"]
        errors = [answer for status, answer in one["responses"].items() if status >= "400"]
        assert all(list(answer["content"]) == ["application/problem+json"] for answer in errors), one["operationId"]
        links = {name for answer in one["responses"].values() for name in answer.get("links", {})}
        assert links <= set(names)
    made = document["paths"]["/api/v1/contacts"]["post"]["responses"]["201"]["links"]
    assert set(made) == {"contacts_show", "contacts_replace", "contacts_change", "contacts_delete"}
    upload = document["paths"]["/api/v1/imports"]["post"]["requestBody"]["content"]
    assert list(upload) == ["multipart/form-data"]


# ---------------------------------------------------------------- the charts and tables below the numbers


@pytest.mark.parametrize(
    ("query", "words"),
    [
        ("period=today", "Today"),
        ("period=this-month", "This month"),
        ("period=last-month", "Last month"),
        ("from=2026-11-01&to=2026-11-10", "1 November to 10 November"),
    ],
)
def test_every_range_keeps_itself_in_its_parts(cast: Cast, client: Client, sent, query, words):
    client.sign_in(cast.alice)
    page = client.get(f"/app/?{query}").text
    shown = query.replace("&", "&amp;")
    assert words in page
    assert f'hx-get="/app/_numbers?{shown}"' in page
    assert f'hx-get="/app/_detail?{shown}"' in page
    assert client.fragment(f"/app/_detail?{query}").status_code == 200


def test_days_that_make_no_sense_are_told_and_can_be_mended(cast: Cast, client: Client, sent):
    client.sign_in(cast.alice)
    answer = client.get("/app/?from=2026-11-20&to=2026-11-01")
    assert answer.status_code == 422
    assert "The first day must not be after the last." in answer.text
    assert 'value="2026-11-20"' in answer.text


def test_every_number_leads_to_its_people(cast: Cast, client: Client, sent):
    """Over the broadcasts that it is made of, which add up to it."""
    client.sign_in(cast.alice)
    page = client.get("/app/").text
    assert "/app/numbers?days=30&amp;what=read" in page
    assert "/app/numbers?days=30&amp;what=failed&amp;cause=131026" in page
    shares = client.get("/app/numbers?days=30&what=failed&cause=131026").text
    assert "2 messages failed" in shares
    assert "Not reachable on WhatsApp" in shares
    assert f"/app/broadcasts/{sent.id}?state=failed&amp;cause=131026#recipients" in shares
    assert "4 messages were delivered" in client.get("/app/numbers?what=delivered").text
    assert "3 messages were read" in client.get(f"/app/numbers?what=read&template={sent.template.name}").text
    assert "There are none" in client.get("/app/numbers?what=read&template=another").text
    assert client.get("/app/numbers?what=everything").status_code == 404


def test_a_stranger_sees_none_of_it(cast: Cast, client: Client, sent):
    factories.make_message(factories.make_channel(cast.other_workspace), factories.make_contact(cast.other_workspace))
    client.sign_in(cast.charlie)
    assert "There are none" in client.get("/app/numbers?what=delivered").text
    assert sent.template.name not in client.get("/app/").text


def test_templates_hours_and_opt_outs(cast: Cast, client: Client, sent):
    now = clock.now()
    for _ in range(25):
        factories.make_message(
            sent.channel,
            factories.make_contact(cast.workspace),
            sent,
            state=MessageState.READ,
            reached=5,
            accepted_at=now.replace(hour=9, minute=5),
            day=now.date(),
        )
    factories.make_consent_event(factories.make_contact(cast.workspace))
    factories.make_cost(sent.channel, 1_250_000, sent, day=now.date())
    client.sign_in(cast.alice)
    page = client.get("/app/").text
    assert sent.template.name in page
    assert "US$\u00a01.25" in page
    assert f"{now:%A} at 09:00 is read best: 100% of 25" in page
    assert "1 person opted out" in page
    assert "Nobody was answered in these days" in page


def test_the_limit_that_is_used_is_shown_once_it_was_counted(cast: Cast, client: Client, sent, run_jobs):
    sent.channel.messaging_limit = "TIER_1K"
    message = factories.make_message(
        sent.channel, factories.make_contact(cast.workspace), sent, state=MessageState.SENT, reached=3
    )
    message.accepted_at = clock.now()
    client.sign_in(cast.alice)
    assert limit_uses.note_uses() == {"noted": 1}
    assert "1 of 1,000 people in 24 hours used" in " ".join(client.get("/app/").text.split())
