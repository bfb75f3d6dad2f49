"""Connecting a number in Meta's window, which the sandbox plays."""

import json
from urllib.parse import parse_qs, urlsplit

import pytest
import requests

from tests import factories
from tests.cast import Cast
from tests.client import Client
from tests.sandbox_control import SandboxControl
from wotnot.errors import Conflict
from wotnot.models import ChannelState
from wotnot.services import channels, sign_up_rows, sign_ups

HERE = "/app/channels/sign-up"
TOKEN_HEADERS = {"Authorization": f"Bearer {SandboxControl.TOKEN}"}


@pytest.fixture
def alice(client: Client, cast: Cast, sandbox: SandboxControl) -> Client:
    client.sign_in(cast.alice)
    return client


def new_account(sandbox: SandboxControl, *, pin: str = "") -> dict:
    """A code for an account of its own with one verified number; with a `pin` it was registered once and taken off."""
    waba = sandbox.post("/sandbox/wabas", {"name": "New shop", "subscribed": False})["id"]
    number = _graph(sandbox, f"{waba}/phone_numbers", {"cc": "27", "phone_number": "825550199", "verified_name": "New"})
    _graph(sandbox, f"{number['id']}/verify_code", {"code": "123456"})
    if pin:
        _graph(sandbox, f"{number['id']}/register", {"messaging_product": "whatsapp", "pin": pin})
        _graph(sandbox, f"{number['id']}/deregister", {})
    return {**sandbox.post("/sandbox/codes", {"waba_id": waba}), "phone_number_id": number["id"]}


def _graph(sandbox: SandboxControl, path: str, body: dict) -> dict:
    answer = requests.post(f"{sandbox.url}/v24.0/{path}", json=body, headers=TOKEN_HEADERS, timeout=5)
    answer.raise_for_status()
    return answer.json()


def through_the_window(alice: Client) -> str:
    """Press the button and go through the window; answers the address that it comes back to."""
    there = alice.get(f"{HERE}/start").location
    page = requests.get(there, timeout=5)
    assert "Continue with a new account" in page.text
    asked = parse_qs(urlsplit(there).query)
    assert asked["response_type"] == ["code"]
    finish = there.replace("/dialog/oauth?", "/dialog/oauth/finish?")
    back = requests.get(finish, allow_redirects=False, timeout=5).headers["Location"]
    assert back.startswith(asked["redirect_uri"][0])
    parts = urlsplit(back)
    return f"{parts.path}?{parts.query}"


def test_the_window_leads_to_a_number_that_sends(alice: Client, cast: Cast, session):
    assert "Connect in Meta’s window" in alice.get("/app/channels/new").text
    back = through_the_window(alice)
    shown = alice.get(alice.get(back).location)
    assert "5 of 5 steps done" in shown.text
    assert "two-step PIN" in shown.text
    (channel,) = channels.list_channels(cast.workspace.id)
    assert channel.state is ChannelState.CONNECTED
    assert f"/app/channels/{channel.id}" in shown.text
    # The address was good once: a reload leads to what it began.
    assert alice.get(back).location.startswith(f"{HERE}/")
    assert len(channels.list_channels(cast.workspace.id)) == 1


def test_an_address_that_nobody_asked_for_connects_nothing(alice: Client, cast: Cast, sandbox: SandboxControl):
    """Or somebody could make Alice connect their account."""
    code = new_account(sandbox)["code"]
    assert alice.get(f"{HERE}/back?code={code}&state=guessed").location == "/app/channels/new"
    assert channels.list_channels(cast.workspace.id) == []


def test_a_window_that_was_closed_is_said(alice: Client):
    state = parse_qs(urlsplit(alice.get(f"{HERE}/start").location).query)["state"][0]
    answer = alice.get(f"{HERE}/back?error=access_denied&state={state}")
    assert "closed before it was done" in alice.get(answer.location).text


def test_a_number_with_a_pin_of_its_own_is_gone_on_with(alice: Client, cast: Cast, sandbox: SandboxControl, session):
    account = new_account(sandbox, pin="135790")
    answer = alice.api(cast.alice).post("//subscribe_customer", window_told(account, as_text=True))
    assert (answer.status_code, answer.json["code"]) == (400, "sign_up_register")
    page = f"{HERE}/{answer.json['sign_up_id']}"
    assert "3 of 5 steps done" in alice.get(page).text
    assert alice.submit(f"{page}/continue", page=page, pin="12").status_code == 422
    alice.submit(f"{page}/continue", page=page, pin="246802")
    assert "3 of 5 steps done" in alice.get(page).text
    alice.submit(f"{page}/continue", page=page, pin="135790")
    assert "5 of 5 steps done" in alice.get(page).text
    # Twice is as good as once.
    alice.submit(f"{page}/continue", page=page)
    assert len(channels.list_channels(cast.workspace.id)) == 1


def test_an_account_without_a_free_number_says_so(cast: Cast, sandbox: SandboxControl, session):
    account = new_account(sandbox)
    factories.make_channel(cast.other_workspace, phone_number_id=account["phone_number_id"])
    row = sign_ups.begin(cast.workspace.id, code=account["code"])
    assert row.failed_step == "number"
    assert "connected already" in row.reason


def test_ids_that_the_token_is_not_for_are_refused(cast: Cast, sandbox: SandboxControl, session):
    account = new_account(sandbox)
    row = sign_ups.begin(cast.workspace.id, code=account["code"], waba_id=SandboxControl.WABA_ID)
    assert row.failed_step == "inspect"
    other = new_account(sandbox)
    row = sign_ups.begin(cast.workspace.id, code=other["code"], phone_number_id=SandboxControl.PHONE_NUMBER_ID)
    assert row.failed_step == "number"


# ---------------------------------------------------------------- the short path


def window_told(account: dict, *, as_text: bool) -> dict:
    ids = {"waba_id": account["waba_id"], "phone_number_id": account["phone_number_id"]}
    told = {
        "sessionInfoResponse": {"data": ids, "type": "WA_EMBEDDED_SIGNUP", "event": "FINISH"},
        "sdkResponse": {"authResponse": {"code": account["code"]}, "status": "connected"},
    }
    return {name: json.dumps(value) for name, value in told.items()} if as_text else told


@pytest.mark.parametrize("as_text", [True, False])
def test_the_short_path_takes_strings_and_objects(
    cast: Cast, client: Client, sandbox: SandboxControl, session, as_text
):
    body = window_told(new_account(sandbox), as_text=as_text)
    api = client.api(cast.alice)
    answer = api.post("//subscribe_customer", body)
    assert answer.status_code == 200, answer.json
    assert answer.json["access_token"].startswith("sandbox-business-")
    assert isinstance(answer.json["expires_in"], int)
    (channel,) = channels.list_channels(cast.workspace.id)
    assert channel.id == answer.json["channel_id"]
    # A code works once; the same call again answers what it began.
    again = api.post("//subscribe_customer", body)
    assert (again.status_code, again.json) == (200, answer.json)


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"sdkResponse": "{}", "sessionInfoResponse": "{}"},
        {"sdkResponse": "not json", "sessionInfoResponse": "{}"},
        {"sdkResponse": {"authResponse": {"code": "x"}}},
        {"sdkResponse": {"authResponse": {"code": 7}}, "sessionInfoResponse": {}},
        {"sdkResponse": {"authResponse": "x"}, "sessionInfoResponse": []},
    ],
)
def test_missing_parts_are_400(cast: Cast, client: Client, sandbox: SandboxControl, body):
    answer = client.api(cast.alice).post("//subscribe_customer", body)
    assert answer.status_code == 400, answer.json
    assert answer.json["detail"]


def test_agents_cannot(cast: Cast, client: Client, sandbox: SandboxControl):
    assert client.api(cast.bob).post("//subscribe_customer", {}).status_code == 403


# ---------------------------------------------------------------- the API


def test_the_api_connects_by_a_code(cast: Cast, client: Client, sandbox: SandboxControl, session):
    account = new_account(sandbox)
    api = client.api(cast.alice)
    told = {name: account[name] for name in ("code", "waba_id", "phone_number_id")}
    made = api.post("/channels/sign-ups", told)
    assert (made.status_code, made.json["failed_step"]) == (201, ""), made.json
    assert not {"token", "access_token", "token_encrypted", "pin_encrypted"} & set(made.json)
    assert api.get(f"/channels/{made.json['channel_id']}").json["phone_number_id"] == account["phone_number_id"]
    assert api.get(f"/channels/sign-ups/{made.json['id']}").json == made.json
    again = api.post("/channels/sign-ups", told)
    assert (again.status_code, again.json) == (201, made.json)
    stranger = client.api(cast.charlie).post("/channels/sign-ups", told)
    assert (stranger.status_code, list(stranger.json["errors"])) == (422, ["code"])


def test_the_api_goes_on_where_it_stopped(cast: Cast, client: Client, sandbox: SandboxControl, session):
    api = client.api(cast.alice)
    stopped = api.post("/channels/sign-ups", {"code": new_account(sandbox, pin="135790")["code"]}).json
    assert (stopped["failed_step"], stopped["channel_id"]) == ("register", None)
    there = f"/channels/sign-ups/{stopped['id']}/continue"
    assert list(api.post(there, {"pin": "12"}).json["errors"]) == ["pin"]
    assert api.post(there, {"pin": "135790"}).json["failed_step"] == ""
    assert client.api(cast.charlie).post(there, {}).status_code == 404


# ---------------------------------------------------------------- what may go wrong on the way


def test_of_several_numbers_a_person_chooses(alice: Client, cast: Cast, sandbox: SandboxControl, session):
    account = new_account(sandbox)
    facts = {"cc": "27", "phone_number": "825550198", "verified_name": "Second line"}
    second = _graph(sandbox, f"{account['waba_id']}/phone_numbers", facts)["id"]
    _graph(sandbox, f"{second}/verify_code", {"code": "123456"})
    row = sign_ups.begin(cast.workspace.id, code=account["code"])
    assert (row.failed_step, len(row.choices)) == ("number", 2)
    assert "Not finished" in alice.get("/app/channels").text
    page = f"{HERE}/{row.id}"
    assert "Second line" in alice.get(page).text
    alice.submit(f"{page}/continue", page=page, phone_number_id=second)
    assert "5 of 5 steps done" in alice.get(page).text
    assert [one.phone_number_id for one in channels.list_channels(cast.workspace.id)] == [second]
    assert "Not finished" not in alice.get("/app/channels").text


def test_a_number_of_another_workspace_is_refused_before_it_is_registered(cast: Cast, sandbox: SandboxControl, session):
    account = new_account(sandbox)
    factories.make_channel(cast.other_workspace, phone_number_id=account["phone_number_id"])
    row = sign_ups.begin(cast.workspace.id, code=account["code"], phone_number_id=account["phone_number_id"])
    assert (row.failed_step, row.phone_number_id) == ("number", "")
    assert "another workspace" in row.reason


def test_what_was_connected_by_hand_meanwhile_is_no_dead_end(cast: Cast, sandbox: SandboxControl, session):
    """Or by a process that died between connecting and saying so."""
    account = new_account(sandbox, pin="135790")
    row = sign_ups.begin(cast.workspace.id, code=account["code"])
    assert row.failed_step == "register"
    _graph(sandbox, f"{account['phone_number_id']}/register", {"messaging_product": "whatsapp", "pin": "135790"})
    ids = {name: account[name] for name in ("waba_id", "phone_number_id")}
    by_hand = channels.connect_channel(cast.workspace.id, **ids, access_token=SandboxControl.TOKEN).id
    assert sign_ups.go_on(cast.workspace.id, row.id).channel_id == by_hand


def test_whoever_comes_while_it_is_being_done_waits(alice: Client, cast: Cast, sandbox: SandboxControl, session):
    account = new_account(sandbox, pin="135790")
    row_id = sign_ups.begin(cast.workspace.id, code=account["code"]).id
    assert sign_up_rows.claim(cast.workspace.id, row_id)
    assert not sign_up_rows.claim(cast.workspace.id, row_id)
    with pytest.raises(Conflict, match="already"):
        sign_ups.go_on(cast.workspace.id, row_id, pin="135790")
    assert "Being done just now" in alice.get(f"{HERE}/{row_id}").text
    sign_up_rows.let_go(row_id)
    assert sign_ups.go_on(cast.workspace.id, row_id, pin="135790").channel_id


def test_one_that_nobody_wants_is_forgotten(alice: Client, cast: Cast, sandbox: SandboxControl, session):
    row_id = sign_ups.begin(cast.workspace.id, code=new_account(sandbox, pin="135790")["code"]).id
    alice.submit(f"{HERE}/{row_id}/forget", page="/app/channels")
    assert alice.get(f"{HERE}/{row_id}").status_code == 404
