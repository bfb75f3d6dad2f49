"""The pages of the numbers."""

import pytest

from tests import factories
from tests.cast import Cast
from tests.client import Client
from tests.sandbox_control import SandboxControl
from wotnot.models import Channel, ChannelState

FORM = {
    "waba_id": SandboxControl.WABA_ID,
    "phone_number_id": SandboxControl.PHONE_NUMBER_ID,
    "access_token": SandboxControl.TOKEN,
}


@pytest.fixture
def alice(client: Client, cast: Cast, sandbox: SandboxControl) -> Client:
    client.sign_in(cast.alice)
    return client


def test_the_first_visit_offers_the_sandbox_and_one_press_connects_it(alice: Client) -> None:
    assert "Connect the sandbox number" in alice.get("/app/channels").text
    page = alice.submit("/app/channels/sandbox", page="/app/channels")
    assert page.status_code == 303
    listed = alice.get("/app/channels").text
    assert "+27 21 555 0140" in listed
    assert "Casa Verde" in listed


def test_connecting_shows_what_meta_says_first_and_keeps_what_was_typed(alice: Client, session: object) -> None:
    asked = alice.submit("/app/channels/new", step="check", **FORM)
    assert asked.status_code == 200
    assert "Meta says this is +27 21 555 0140" in asked.text
    assert "No limit" in asked.text
    assert f'value="{FORM["phone_number_id"]}"' in asked.text
    done = alice.submit("/app/channels/new", step="connect", rate_per_second="80", **FORM)
    assert done.status_code == 303
    page = alice.get(done.location)
    assert "At 80 a second" in page.text
    assert "sandbox-token" not in page.text


def test_a_refusal_stands_beside_its_field_and_on_top(alice: Client) -> None:
    page = alice.submit("/app/channels/new", step="connect", rate_per_second="fast", **FORM)
    assert page.status_code == 422
    assert page.text.count("Enter a whole number.") == 2
    page = alice.submit("/app/channels/new", step="check", **FORM | {"access_token": "<b>bad</b>"})
    assert page.status_code == 422
    assert "Invalid OAuth access token" in page.text
    assert "<b>bad</b>" not in page.text


def test_the_rate_form(alice: Client, cast: Cast) -> None:
    channel = factories.make_channel(cast.workspace)
    here = f"/app/channels/{channel.id}"
    assert alice.submit(f"{here}/rate", page=here, rate_per_second="1000").status_code == 303
    refused = alice.submit(f"{here}/rate", page=here, rate_per_second="1001")
    assert refused.status_code == 422
    assert 'value="1001"' in refused.text
    assert "1 to 1,000" in refused.text
    assert "At 7 a second" in alice.fragment(f"{here}/_pace?rate_per_second=7").text
    assert "At 1,000 a second" in alice.fragment(f"{here}/_pace?rate_per_second=99999").text


def test_a_stopped_number_says_why_and_a_refresh_mends_it(alice: Client, cast: Cast, sandbox: SandboxControl) -> None:
    channel = factories.make_channel(
        cast.workspace,
        phone_number_id=sandbox.PHONE_NUMBER_ID,
        state=ChannelState.STOPPED,
        state_reason="Meta refuses the <token>.",
    )
    here = f"/app/channels/{channel.id}"
    assert "Meta refuses the &lt;token&gt;." in alice.get(here).text
    assert "Cannot send" in alice.get("/app/channels").text
    assert alice.submit(f"{here}/refresh", page=here).status_code == 303
    assert "Cannot send" not in alice.get(here).text


def test_removing_asks_first_and_refuses_while_it_is_in_use(alice: Client, cast: Cast, session: object) -> None:
    channel = factories.make_channel(cast.workspace)
    broadcast = factories.make_broadcast(cast.workspace, channel, name="Spring <i>", state="sending")
    here = f"/app/channels/{channel.id}"
    assert "Keep the number" in alice.get(here).text
    refused = alice.submit(f"{here}/remove", page=here)
    assert "Spring &lt;i&gt;" in alice.get(refused.location).text
    factories.db.session.get(type(broadcast), broadcast.id).state = "finished"
    factories.db.session.commit()
    assert alice.submit(f"{here}/remove", page=here).location == "/app/channels"
    assert alice.get(here).status_code == 404


def test_agents_look_and_do_not_touch(client: Client, cast: Cast) -> None:
    channel = factories.make_channel(cast.workspace)
    client.sign_in(cast.bob)
    page = client.get(f"/app/channels/{channel.id}")
    assert page.status_code == 200
    assert "Verify token" not in page.text
    assert "Replace the token" not in page.text
    assert client.get("/app/channels/new").status_code == 403
    for path in (
        "sandbox",
        f"{channel.id}/rate",
        f"{channel.id}/remove",
        f"{channel.id}/token",
        f"{channel.id}/refresh",
    ):
        assert client.submit(f"/app/channels/{path}", page="/app/channels").status_code == 403, path
    assert factories.db.session.get(Channel, channel.id).state is ChannelState.CONNECTED


def test_strangers_get_404(client: Client, cast: Cast) -> None:
    channel = factories.make_channel(cast.workspace)
    client.sign_in(cast.charlie)
    here = f"/app/channels/{channel.id}"
    assert client.get(here).status_code == 404
    assert client.get(f"{here}/_pace").status_code == 404
    for act in ("rate", "token", "refresh", "remove"):
        answer = client.submit(f"{here}/{act}", page="/app/channels", rate_per_second="5", access_token="sandbox-x")
        assert answer.status_code == 404, act


def test_the_page_says_what_each_fact_means_and_what_changed(
    alice: Client, cast: Cast, sandbox: SandboxControl
) -> None:
    channel = factories.make_channel(cast.workspace, phone_number_id=sandbox.PHONE_NUMBER_ID, messaging_limit="TIER_2K")
    here = f"/app/channels/{channel.id}"
    page = alice.get(here).text
    assert "Nothing has changed since it was connected." in page
    assert 'id="recent-changes"' in alice.get("/app/channels").text
    sandbox.post(f"/sandbox/numbers/{sandbox.PHONE_NUMBER_ID}", {"quality_rating": "YELLOW"})
    alice.submit(f"{here}/refresh", page=here)
    page = alice.get(here).text
    for words in (
        "Quality went from high to medium",
        "New conversations went from 2,000 people in 24 hours to no limit",
        "noticed when Meta was asked",
        "Up to 80 messages a second",
        "Customers see it above the chat.",
        "at half its pace here",
    ):
        assert words in page, words
    assert "Quality went from high to medium" in alice.get(f"{here}/history").text
    assert "Quality went from high to medium" in alice.fragment(f"{here}/history?card=1").text
    assert "Quality went from high to medium" in alice.fragment("/app/channels/recent").text
    assert alice.get(f"{here}/history?cursor=nonsense").status_code == 422
    listed = alice.api(cast.alice).get(f"/channels/{channel.id}/history?limit=1")
    assert [item["told_by"] for item in listed.json["items"]] == ["refresh"]
    assert listed.json["next_cursor"]


def test_numbers_of_several_accounts_say_which(alice: Client, cast: Cast) -> None:
    factories.make_channel(cast.workspace)
    assert "account 700000000000001" not in alice.get("/app/channels").text
    factories.make_channel(cast.workspace, waba_id="700000000000077")
    page = alice.get("/app/channels").text
    assert "account 700000000000001" in page
    assert "account 700000000000077" in page
