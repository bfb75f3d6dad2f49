"""Signing up, in and out; forgotten passwords; invitations; as a browser sees them."""

import re
from email import message_from_bytes
from pathlib import Path

import pytest
from limits import RateLimitItemPerMinute
from sqlalchemy import select

from tests.cast import PASSWORD, Cast
from tests.client import Client
from wotnot import Config
from wotnot.blueprints import login_limits
from wotnot.models import Role, Workspace
from wotnot.services import accounts, workspaces

NEW_PASSWORD = "another long password"


@pytest.fixture
def mailbox(config: Config, run_jobs):
    """Call it to send what waits and read the newest mail's text."""
    folder = config.storage_path.parent / "mail"

    def newest() -> str:
        assert "send_mail" in run_jobs()
        path: Path = max(folder.glob("*.eml"))
        assert path.stat().st_mode & 0o077 == 0
        return message_from_bytes(path.read_bytes()).get_payload(decode=True).decode()

    return newest


def link_in(mail: str) -> str:
    return re.search(r"http://[^/]+(/app/\S+)", mail).group(1)


def test_a_new_person_gets_a_workspace_and_is_signed_in(session, client: Client):
    answer = client.submit(
        "/app/register",
        name="Dana",
        email="Dana@Casa.example",
        password=PASSWORD,
        workspace_name="Casa",
        default_country="ZA",
    )
    assert answer.status_code == 302
    page = client.get("/app/")
    assert page.status_code == 200
    assert "Casa" in page.text
    assert "Connect a number" in page.text


@pytest.mark.parametrize(
    ("fields", "sentence"),
    [
        ({"email": "nobody@"}, "not an e-mail address"),
        ({"password": "short"}, "at least 10"),
        ({"password": "x" * 10}, "one character over and over"),
        ({"password": "pä" * 25}, "at most 72"),
        ({"name": "  "}, "Tell us your name"),
    ],
)
def test_sign_up_says_what_is_wrong_and_keeps_what_was_typed(session, client: Client, fields, sentence):
    typed = {"name": "Dana", "email": "dana@casa.example", "password": PASSWORD} | fields
    answer = client.submit("/app/register", **typed)
    assert answer.status_code == 422
    assert sentence in answer.text
    assert f'value="{typed["email"]}"' in answer.text
    assert typed["password"] not in answer.text


def test_an_address_has_one_account_whatever_its_case(cast: Cast, client: Client):
    answer = client.submit("/app/register", name="Alice", email="ALICE@example.com", password=PASSWORD)
    assert answer.status_code == 422
    assert "has an account already" in answer.text


def test_sign_in_and_out(cast: Cast, client: Client):
    assert client.get("/app/").location == "/app/login?next=%2Fapp%2F"
    client.sign_in(cast.alice)
    assert client.get("/app/settings").status_code == 200
    assert client.submit("/app/logout", page="/app/settings").location == "/app/login"
    assert client.get("/app/settings").status_code == 302


@pytest.mark.parametrize("fields", [{"email": "alice@example.com"}, {"email": "nobody@example.com"}])
def test_wrong_e_mail_and_wrong_password_read_the_same(cast: Cast, client: Client, fields):
    answer = client.submit("/app/login", password="not the password", **fields)
    assert answer.status_code == 422
    assert accounts.WRONG_CREDENTIALS in answer.text


def test_guessing_ends_after_ten_tries_even_with_the_right_password(cast: Cast, client: Client):
    for _ in range(10):
        answer = client.submit("/app/login", email="alice@example.com", password="guess")
        assert answer.status_code == 422
    assert "0 tries left" in answer.text
    answer = client.submit("/app/login", email="Alice@Example.com", password=PASSWORD)
    assert answer.status_code == 429
    assert int(answer.headers.get("Retry-After", 1)) > 0
    client.sign_in(cast.bob)


def test_an_address_that_guesses_at_many_accounts_is_stopped(cast: Cast, client: Client, monkeypatch):
    """Other addresses are not, and the people it guessed at can sign in from theirs."""
    monkeypatch.setattr(login_limits, "FAILURES_PER_ADDRESS", RateLimitItemPerMinute(5, 15))
    for number in range(5):
        answer = client.submit("/app/login", email=f"person{number}@example.com", password="guess")
        assert answer.status_code == 422
    fields = {"email": "alice@example.com", "password": PASSWORD}
    assert client.submit("/app/login", **fields).status_code == 429
    token = client.csrf_token("/app/login")
    elsewhere = client.post(
        "/app/login", data=fields | {"csrf_token": token}, environ_overrides={"REMOTE_ADDR": "192.0.2.7"}
    )
    assert elsewhere.status_code == 302


def test_the_right_password_gives_the_tries_back(cast: Cast, client: Client):
    for _ in range(3):
        for _ in range(6):
            client.submit("/app/login", email="alice@example.com", password="guess")
        client.sign_in(cast.alice)
        client.submit("/app/logout", page="/app/settings")


@pytest.mark.parametrize(
    ("wanted", "lands"),
    [
        ("/app/settings", "/app/settings"),
        ("https://evil.example/", "/app/"),
        ("//evil.example/", "/app/"),
        ("/app/\\evil", "/app/"),
        ("/ops/rq", "/app/"),
    ],
)
def test_after_signing_in_one_stays_on_this_site(cast: Cast, client: Client, wanted, lands):
    answer = client.submit("/app/login", email="alice@example.com", password=PASSWORD, next=wanted)
    assert answer.location == lands


def test_a_form_without_its_csrf_token_is_refused(cast: Cast, client: Client):
    client.sign_in(cast.alice)
    assert client.post("/app/settings", data={"name": "Hacked"}).status_code == 400


def test_a_fragment_of_somebody_signed_out_sends_the_whole_page_to_the_log_in(session, client: Client):
    answer = client.get(
        "/app/_sending", headers={"HX-Request": "true", "HX-Current-URL": "http://localhost/app/broadcasts?state=draft"}
    )
    assert answer.status_code == 200
    assert answer.headers["HX-Redirect"] == "/app/login?next=%2Fapp%2Fbroadcasts%3Fstate%3Ddraft"


def test_a_mailed_link_sets_a_new_password_once_and_ends_other_sessions(cast: Cast, client: Client, app, mailbox):
    elsewhere = app.test_client()
    elsewhere.sign_in(cast.alice)
    assert "is on its way" in client.submit("/app/forgot", email="alice@example.com").text
    path = link_in(mailbox())
    assert client.submit(path, password="short").status_code == 422
    assert client.submit(path, password=NEW_PASSWORD).location == "/app/"
    assert client.get("/app/settings").status_code == 200
    assert elsewhere.get("/app/settings").status_code == 302
    again = client.get(path)
    assert again.status_code == 410
    assert "used already" in again.text
    app.test_client().sign_in(cast.alice, NEW_PASSWORD)


def test_an_unknown_address_gets_the_same_answer_and_no_mail(cast: Cast, client: Client, run_jobs):
    answer = client.submit("/app/forgot", email="nobody@example.com")
    assert answer.status_code == 200
    assert "is on its way" in answer.text
    assert run_jobs() == []


@pytest.mark.parametrize("token", ["nonsense", "WzEsICJ4Il0.aaaa.bbbb"])
def test_a_broken_link_says_so(session, client: Client, token):
    answer = client.get(f"/app/reset/{token}")
    assert answer.status_code == 410
    assert "not complete" in answer.text


def test_somebody_new_joins_with_an_invitation(cast: Cast, client: Client, app, mailbox):
    client.sign_in(cast.alice)
    answer = client.submit(
        "/app/settings/members/invite", page="/app/settings/members", email="erin@example.com", role="admin"
    )
    assert answer.status_code == 302
    path = link_in(mailbox())
    browser = app.test_client()
    assert "Create an account and join" in browser.get(path).text
    token = path.rsplit("/", 1)[1]
    sign_up = f"/app/register?invitation={token}"
    wrong = browser.submit(sign_up, invitation=token, name="Mallory", email="mallory@example.com", password=PASSWORD)
    assert wrong.status_code == 422
    done = browser.submit(sign_up, invitation=token, name="Erin", email="erin@example.com", password=PASSWORD)
    assert done.status_code == 302
    assert "Casa Verde" in browser.get("/app/settings").text
    roles = {member.user.email: member.role for member in workspaces.list_members(cast.workspace.id)}
    assert roles["erin@example.com"] is Role.ADMIN
    assert "mallory@example.com" not in roles


def test_an_invitation_is_for_one_address_only(cast: Cast, client: Client, app, mailbox):
    client.sign_in(cast.alice)
    client.submit("/app/settings/members/invite", page="/app/settings/members", email="erin@example.com", role="admin")
    path = link_in(mailbox())
    stranger = app.test_client()
    stranger.sign_in(cast.charlie)
    assert stranger.submit(path, page="/app/settings").status_code == 403
    assert workspaces.find_membership(cast.charlie.id, cast.workspace.id) is None


def test_root_and_the_short_addresses_lead_to_the_pages(session, client: Client):
    assert client.get("/").location == "/app/"
    assert client.get("/login").location == "/app/login"
    assert client.get("/register").location == "/app/register"


@pytest.mark.parametrize(
    ("told", "kept"),
    [
        ("Africa/Johannesburg", "Africa/Johannesburg"),
        ("Asia/Calcutta", "Asia/Calcutta"),
        ("Mars/Base", "UTC"),
        ("", "UTC"),
    ],
)
def test_a_new_workspace_has_the_browsers_time_zone(session, client: Client, told: str, kept: str):
    typed = {"name": "Thandi", "email": "thandi@example.com", "password": PASSWORD, "default_country": "ZA"}
    assert client.submit("/app/register", timezone=told, **typed).status_code == 302
    made = session.scalars(
        select(Workspace).where(Workspace.default_country == "ZA").order_by(Workspace.id.desc())
    ).first()
    assert made.timezone == kept


def test_a_country_that_is_none_is_refused(session, client: Client):
    typed = {"name": "Thandi", "email": "thandi@example.com", "password": PASSWORD, "default_country": "XX"}
    answer = client.submit("/app/register", **typed)
    assert answer.status_code == 422
    assert "Choose a country from the list." in answer.text
