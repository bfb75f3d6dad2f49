"""Programs that logged in over the API: listed beside the browsers, and signed out one by one, together or with everything."""

from datetime import timedelta
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import text

from tests import factories
from tests.cast import PASSWORD, Cast
from tests.client import ApiClient, Client
from wotnot import clock
from wotnot.blueprints.browser_names import program_name
from wotnot.models import UserSession
from wotnot.services import accounts, api_keys, user_sessions
from wotnot.tasks.housekeeping import purge_expired

PROFILE = "/app/settings/profile"
EARLIER = "UPDATE user_sessions SET last_seen_at = now() - interval '10 minutes' WHERE ends_at IS NOT NULL"


def log_in(client: Client, email: str = "alice@example.com", agent: str = "curl/8.5.0") -> dict[str, Any]:
    body = {"email": email, "password": PASSWORD}
    answer = client.post("/api/v1/auth/login", json=body, headers={"User-Agent": agent})
    assert answer.status_code == 200
    tokens: dict[str, Any] = answer.json
    return tokens


def statuses(app: Flask, tokens: dict[str, Any]) -> tuple[int, int]:
    """What the access and the refresh token of a log-in are answered."""
    access, refresh = (
        ApiClient(app.test_client(use_cookies=False), tokens[kind]) for kind in ("access_token", "refresh_token")
    )
    return access.get("/me").status_code, refresh.post("/auth/refresh").status_code


def end(client: Client, session_id: int) -> int:
    return client.submit(f"/app/settings/two-factor/sessions/{session_id}/end", page=PROFILE).status_code


def test_a_program_is_listed_with_where_it_is_from(cast: Cast, client: Client) -> None:
    client.sign_in(cast.alice)
    assert "Over the API" not in client.get(PROFILE).text
    log_in(client, agent="python-requests/2.32.3")
    page = client.get(PROFILE).text
    assert "python-requests" in page
    assert "Over the API" in page
    assert "127.0.0.1 · used today at" in page
    assert page.count("This browser") == 1


def test_one_program_is_signed_out_and_the_others_go_on(cast: Cast, client: Client, app: Flask) -> None:
    client.sign_in(cast.alice)
    first, second = log_in(client), log_in(client, agent="sync/1")
    (there,) = [one for one in user_sessions.list_programs(cast.alice.id) if one.user_agent == "curl/8.5.0"]
    assert end(client, there.id) == 302
    assert statuses(app, first) == (401, 401)
    assert statuses(app, second) == (200, 200)
    page = client.get(PROFILE).text
    assert "That program is signed out." in page
    assert "curl" not in page
    assert end(client, there.id) == 404


def test_somebody_elses_program_cannot_be_signed_out(cast: Cast, client: Client, app: Flask) -> None:
    strange = log_in(client, "charlie@example.com")
    (there,) = user_sessions.list_programs(cast.charlie.id)
    client.sign_in(cast.alice)
    assert end(client, there.id) == 404
    assert statuses(app, strange) == (200, 200)


def test_all_programs_are_signed_out_and_browsers_and_keys_go_on(cast: Cast, client: Client, app: Flask) -> None:
    client.sign_in(cast.alice)
    both, strange = [log_in(client), log_in(client)], log_in(client, "charlie@example.com")
    key = ApiClient(
        app.test_client(use_cookies=False),
        api_keys.create_api_key(cast.workspace.id, user_id=cast.alice.id, name="Shop")[1],
    )
    assert client.submit(f"{PROFILE}/end-programs", page=PROFILE).status_code == 302
    assert [statuses(app, one) for one in both] == [(401, 401)] * 2
    assert statuses(app, strange) == (200, 200)
    assert key.get("/me").status_code == 200
    assert "Over the API" not in client.get(PROFILE).text
    assert client.submit(f"{PROFILE}/end-programs", page=PROFILE).status_code == 302, "twice is as good as once"


def test_signing_out_everywhere_ends_programs_too(cast: Cast, client: Client, app: Flask) -> None:
    tokens = log_in(client)
    client.sign_in(cast.alice)
    client.submit(f"{PROFILE}/end-sessions", page=PROFILE)
    assert statuses(app, tokens) == (401, 401)
    assert user_sessions.list_programs(cast.alice.id) == []


def test_a_new_password_ends_programs_too(cast: Cast, client: Client, app: Flask) -> None:
    tokens = log_in(client)
    client.sign_in(cast.alice)
    words = {"current": PASSWORD, "new": "another long password"}
    assert client.submit(f"{PROFILE}/password", page=PROFILE, **words).status_code == 302
    assert statuses(app, tokens) == (401, 401)
    assert "Over the API" not in client.get(PROFILE).text


def test_a_program_that_logs_out_is_not_listed_any_more(cast: Cast, client: Client, app: Flask) -> None:
    tokens = log_in(client)
    ApiClient(app.test_client(use_cookies=False), tokens["access_token"]).post("/auth/logout")
    assert user_sessions.list_programs(cast.alice.id) == []


@pytest.mark.parametrize("kind", ["access_token", "refresh_token"])
def test_being_used_is_noted_now_and_then(cast: Cast, client: Client, app: Flask, session: Any, kind: str) -> None:
    token = log_in(client)[kind]
    call = ("GET", "/me") if kind == "access_token" else ("POST", "/auth/refresh")
    program = ApiClient(app.test_client(use_cookies=False), token)
    before = user_sessions.list_programs(cast.alice.id)[0].last_seen_at
    assert program.call(*call).status_code == 200
    session.expire_all()
    assert user_sessions.list_programs(cast.alice.id)[0].last_seen_at == before, "a call must not cost a commit"
    session.execute(text(EARLIER))
    session.commit()
    assert program.call(*call).status_code == 200
    session.expire_all()
    assert clock.now() - user_sessions.list_programs(cast.alice.id)[0].last_seen_at < timedelta(minutes=5)


def test_tokens_of_before_there_were_rows_go_on(cast: Cast, client: Client, app: Flask, session: Any) -> None:
    tokens = log_in(client)
    session.execute(text("DELETE FROM user_sessions"))
    session.commit()
    assert statuses(app, tokens) == (200, 200)
    accounts.end_all_sessions(cast.alice.id)
    assert statuses(app, tokens) == (401, 401)


def test_a_program_that_logs_in_each_time_does_not_bury_the_browsers(cast: Cast, client: Client) -> None:
    client.sign_in(cast.alice)
    for _ in range(user_sessions.SHOWN_PROGRAMS + 3):
        factories.make_user_session(cast.alice, user_agent="curl/8.5.0", ends_at=clock.now() + timedelta(days=30))
    page = client.get(PROFILE).text
    assert page.count("Over the API") == user_sessions.SHOWN_PROGRAMS
    assert "This browser" in page
    assert "and 3 earlier log-ins over the API" in page


def test_what_has_ended_by_itself_is_not_listed_and_is_forgotten(cast: Cast, session: Any) -> None:
    over = factories.make_user_session(cast.alice, ends_at=clock.now() - timedelta(seconds=1)).id
    still = factories.make_user_session(cast.alice, ends_at=clock.now() + timedelta(hours=1)).id
    browser = factories.make_user_session(cast.alice).id
    assert [one.id for one in user_sessions.list_programs(cast.alice.id)] == [still]
    assert [one.id for one in user_sessions.list_sessions(cast.alice.id)] == [browser]
    assert purge_expired()["user_sessions"] == 1
    assert session.get(UserSession, over, populate_existing=True) is None


def test_a_log_in_by_the_short_path_lasts_as_long_as_its_only_token(cast: Cast, client: Client) -> None:
    answer = client.post("/login", json={"email": "alice@example.com", "password": PASSWORD})
    assert answer.status_code == 200
    (one,) = user_sessions.list_programs(cast.alice.id)
    assert one.ends_at is not None
    assert one.ends_at - clock.now() <= timedelta(hours=1)


@pytest.mark.parametrize(
    ("agent", "name"),
    [
        ("curl/8.5.0", "curl"),
        ("python-requests/2.32.3", "python-requests"),
        ("Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0", "Firefox on Linux"),
        ("", "A program or unknown browser"),
        ("/", "A program or unknown browser"),
        ("x" * 400, "x" * 40),
    ],
)
def test_programs_have_names(agent: str, name: str) -> None:
    assert program_name(agent) == name
