"""Log-in in two steps, and the browsers that are signed in."""

import re
from base64 import b32decode
from datetime import timedelta

import pytest
from flask import Flask

from tests import factories
from tests.cast import PASSWORD, Cast
from tests.client import Client
from wotnot import clock
from wotnot.blueprints.browser_names import browser_name
from wotnot.models import Role
from wotnot.services import accounts, two_factor, user_sessions, workspaces

HERE = "/app/settings/two-factor"


def code_now(secret: bytes, later: int = 0) -> str:
    return two_factor.code_at(secret, int(clock.now().timestamp()) // 30 + later)


def turn_on(client: Client) -> tuple[bytes, list[str]]:
    """Set it up in a signed-in browser; answers the phone's secret and the recovery codes."""
    assert client.submit(f"{HERE}/begin", page=HERE).status_code == 302
    page = client.get(HERE).text
    assert "<svg" in page
    typed = re.search(r'id="f-secret" value="([A-Z2-7]+)"', page).group(1)
    secret = b32decode(typed + "=" * (-len(typed) % 8))
    done = client.submit(f"{HERE}/confirm", page=HERE, code=code_now(secret, -1))
    assert done.status_code == 200
    return secret, re.findall(r"<li>((?:\w{4}-){3}\w{4})</li>", done.text)


def password_step(client: Client, cast: Cast, **fields: str):
    return client.submit("/app/login", email="alice@example.com", password=PASSWORD, **fields)


def test_codes_are_those_of_the_standard():
    """RFC 6238, appendix B, cut to six digits."""
    secret = b"12345678901234567890"
    assert two_factor.code_at(secret, 59 // 30) == "287082"
    assert two_factor.code_at(secret, 1111111109 // 30) == "081804"
    assert two_factor.code_at(secret, 2000000000 // 30) == "279037"


def test_the_password_alone_does_not_let_anybody_in(cast: Cast, client: Client, app: Flask):
    client.sign_in(cast.alice)
    secret, codes = turn_on(client)
    assert len(set(codes)) == 10
    other = app.test_client()
    asked = password_step(other, cast, next="/app/contacts")
    assert asked.location == "/app/login/code"
    assert other.get("/app/contacts").status_code == 302
    wrong = other.submit("/app/login/code", code="000000")
    assert wrong.status_code == 422
    assert "not right" in wrong.text
    right = other.submit("/app/login/code", code=code_now(secret))
    assert right.location == "/app/contacts"
    assert other.get("/app/contacts").status_code == 200


def test_a_code_works_once(cast: Cast, client: Client, app: Flask):
    client.sign_in(cast.alice)
    secret, _ = turn_on(client)
    code = code_now(secret)
    answers = []
    for _ in range(2):
        browser = app.test_client()
        password_step(browser, cast)
        answers.append(browser.submit("/app/login/code", code=code).status_code)
    assert answers == [302, 422]


def test_a_recovery_code_works_once_whatever_its_case(cast: Cast, client: Client, app: Flask):
    client.sign_in(cast.alice)
    _, codes = turn_on(client)
    answers = []
    for typed in (codes[0].upper().replace("-", " "), codes[0]):
        browser = app.test_client()
        password_step(browser, cast)
        answers.append(browser.submit("/app/login/code", code=typed).status_code)
    assert answers == [302, 422]
    assert "9 recovery codes" in client.get(HERE).text


def test_it_counts_only_once_the_phone_has_shown_it(cast: Cast, client: Client, app: Flask):
    client.sign_in(cast.alice)
    client.submit(f"{HERE}/begin", page=HERE)
    assert client.submit(f"{HERE}/confirm", page=HERE, code="123456").status_code == 422
    assert client.submit(f"{HERE}/confirm", page=HERE, code="١٢٣٤٥٦").status_code == 422
    assert password_step(app.test_client(), cast).location == "/app/"


def test_begun_again_while_it_is_on_changes_nothing(cast: Cast, client: Client, app: Flask):
    client.sign_in(cast.alice)
    secret, _ = turn_on(client)
    client.submit(f"{HERE}/begin", page=HERE)
    browser = app.test_client()
    password_step(browser, cast)
    assert browser.submit("/app/login/code", code=code_now(secret)).status_code == 302


def test_a_remembered_browser_is_not_asked_until_the_password_changes(cast: Cast, client: Client, app: Flask):
    client.sign_in(cast.alice)
    secret, _ = turn_on(client)
    browser = app.test_client()
    password_step(browser, cast)
    browser.submit("/app/login/code", code=code_now(secret), remember="1")
    browser.submit("/app/logout", page="/app/settings")
    assert password_step(browser, cast).location == "/app/"
    words, profile = {"current": PASSWORD, "new": "another long password"}, "/app/settings/profile"
    assert client.submit(f"{profile}/password", page=profile, **words).status_code == 302
    again = browser.submit("/app/login", email="alice@example.com", password="another long password")
    assert again.location == "/app/login/code"


def test_the_page_for_the_code_needs_the_password_first(session, client: Client):
    assert client.get("/app/login/code").location == "/app/login"
    assert client.submit("/app/login/code", page="/app/login", code="123456").location == "/app/login"


def test_tries_are_counted(cast: Cast, client: Client, app: Flask):
    client.sign_in(cast.alice)
    turn_on(client)
    browser = app.test_client()
    password_step(browser, cast)
    statuses = [browser.submit("/app/login/code", code="000000").status_code for _ in range(11)]
    assert statuses == [422] * 10 + [429]


def test_new_codes_and_turning_off_need_the_password(cast: Cast, client: Client, app: Flask):
    client.sign_in(cast.alice)
    _, codes = turn_on(client)
    assert client.submit(f"{HERE}/off", page=HERE, password="wrong").status_code == 422
    assert client.submit(f"{HERE}/codes", page=HERE, password="wrong").status_code == 422
    assert codes[0] not in client.submit(f"{HERE}/codes", page=HERE, password=PASSWORD).text
    browser = app.test_client()
    password_step(browser, cast)
    assert browser.submit("/app/login/code", code=codes[0]).status_code == 422
    assert client.submit(f"{HERE}/off", page=HERE, password=PASSWORD).status_code == 302
    assert password_step(app.test_client(), cast).location == "/app/"


def test_a_new_password_by_mail_does_not_go_around_it(cast: Cast, client: Client, app: Flask):
    client.sign_in(cast.alice)
    turn_on(client)
    user = accounts.find_user_by_email("alice@example.com")
    token = accounts.sign("reset", [user.id, accounts._mark(user.password_hash)])
    answer = app.test_client().submit(f"/app/reset/{token}", password="another long password")
    assert answer.location == "/app/login/code"


def test_programs_send_the_code_too(cast: Cast, client: Client, app: Flask):
    client.sign_in(cast.alice)
    secret, _ = turn_on(client)
    body = {"email": "alice@example.com", "password": PASSWORD}
    asked = client.post("/api/v1/auth/login", json=body)
    assert (asked.status_code, asked.json["code"]) == (401, "code_needed")
    assert client.post("/login", json=body).json["code"] == "code_needed"
    wrong = client.post("/api/v1/auth/login", json=body | {"code": "000000"})
    assert (wrong.status_code, wrong.json["code"]) == (401, "wrong_code")
    assert client.post("/api/v1/auth/login", json=body | {"code": code_now(secret)}).status_code == 200


# ---------------------------------------------------------------- asked of everybody


def test_a_workspace_asks_everybody_for_it(cast: Cast, client: Client, app: Flask):
    members = "/app/settings/members"
    bob, token = app.test_client(), client.api(cast.bob)
    bob.sign_in(cast.bob)
    client.sign_in(cast.alice)
    client.submit(f"{members}/two-factor", page=members, on="1")
    assert bob.get("/app/contacts").status_code == 200, "an owner without a phone must not lock everybody out"
    turn_on(client)
    client.submit(f"{members}/two-factor", page=members, on="1")
    assert bob.get("/app/contacts").location == HERE
    assert token.get("/contacts").json["code"] == "two_factor_needed"
    assert "asks everybody" in bob.get(HERE).text
    turn_on(bob)
    assert bob.get("/app/contacts").status_code == 200
    assert bob.submit(f"{HERE}/off", page=HERE, password=PASSWORD).status_code == 409
    client.submit(f"{members}/two-factor", page=members, on="0")
    assert bob.submit(f"{HERE}/off", page=HERE, password=PASSWORD).status_code == 302


def test_only_an_owner_asks_for_it(cast: Cast, client: Client):
    workspaces.change_role(
        cast.workspace.id, workspaces.find_membership(cast.bob.id, cast.workspace.id).id, Role.ADMIN, by=Role.OWNER
    )
    client.sign_in(cast.bob)
    members = "/app/settings/members"
    assert client.submit(f"{members}/two-factor", page=members, on="1").status_code == 403


# ---------------------------------------------------------------- browsers


def test_browsers_are_listed_and_signed_out_one_by_one(cast: Cast, client: Client, app: Flask):
    phone = app.test_client()
    agent = "Mozilla/5.0 (iPhone; CPU iPhone OS 18_0 like Mac OS X) AppleWebKit/605.1 Version/18.0 Safari/604.1"
    phone.environ_base["HTTP_USER_AGENT"] = agent
    phone.sign_in(cast.alice)
    client.sign_in(cast.alice)
    page = client.get("/app/settings/profile").text
    assert "Safari on iPhone" in page
    assert page.count("This browser") == 1
    there = next(one for one in user_sessions.list_sessions(cast.alice.id) if "iPhone" in one.user_agent)
    client.submit(f"{HERE}/sessions/{there.id}/end", page="/app/settings/profile")
    assert phone.get("/app/contacts").status_code == 302
    assert client.get("/app/contacts").status_code == 200


def test_a_session_of_somebody_else_cannot_be_ended(cast: Cast, client: Client):
    strange = factories.make_user_session(cast.charlie)
    client.sign_in(cast.alice)
    assert client.submit(f"{HERE}/sessions/{strange.id}/end", page="/app/settings/profile").status_code == 404


def test_signing_out_takes_the_session_with_it(cast: Cast, client: Client):
    """A cookie that was copied before is worth nothing afterwards."""
    client.sign_in(cast.alice)
    stolen = client.get_cookie("session").value
    client.submit("/app/logout", page="/app/settings")
    client.set_cookie("session", stolen)
    assert client.get("/app/contacts").status_code == 302


def test_being_here_is_noted_now_and_then(cast: Cast, client: Client, session, monkeypatch: pytest.MonkeyPatch):
    client.sign_in(cast.alice)
    (one,) = user_sessions.list_sessions(cast.alice.id)
    before, later = one.last_seen_at, clock.now() + timedelta(seconds=400)
    client.get("/app/contacts")
    session.expire_all()
    assert user_sessions.list_sessions(cast.alice.id)[0].last_seen_at == before
    monkeypatch.setattr(clock, "now", lambda: later)
    client.get("/app/contacts")
    session.expire_all()
    assert user_sessions.list_sessions(cast.alice.id)[0].last_seen_at == later


@pytest.mark.parametrize(
    ("agent", "name"),
    [
        ("Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0", "Firefox on Linux"),
        ("Mozilla/5.0 (Windows NT 10.0) AppleWebKit/537.36 Chrome/140.0 Safari/537.36 Edg/140.0", "Edge on Windows"),
        ("Mozilla/5.0 (Linux; Android 15) AppleWebKit/537.36 Chrome/140.0 Mobile Safari/537.36", "Chrome on Android"),
        ("Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) Version/18.0 Safari/605.1.15", "Safari on Mac"),
        ("curl/8.5.0", "A program or unknown browser"),
        ("", "A program or unknown browser"),
    ],
)
def test_browsers_have_names(agent: str, name: str):
    assert browser_name(agent) == name
