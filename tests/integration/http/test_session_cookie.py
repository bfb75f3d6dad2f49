"""When an answer may set the session's cookie: a part that a page fetches by itself may come late, and must undo nothing."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from itsdangerous import TimestampSigner
from werkzeug.test import TestResponse

from tests import factories as make
from tests.cast import Cast
from tests.client import Client, session_cookie_of
from wotnot import clock
from wotnot.models import Channel, Contact
from wotnot.services import user_sessions

NUMBER = "+27 82 111 2222"
PARTS = ("/app/_sending", "/app/_recent", "/app/inbox/_unread", "/app/broadcasts", "/app/channels")
PAGES = ("/app/", "/app/contacts", "/app/broadcasts", "/app/settings/profile")


@pytest.fixture
def move_clock(monkeypatch: pytest.MonkeyPatch) -> Callable[[timedelta], None]:
    """Call it to let time pass, also for the signature that says how old a cookie is."""

    def move(by: timedelta) -> None:
        later = clock.now() + by
        monkeypatch.setattr(clock, "now", lambda: later)
        monkeypatch.setattr(TimestampSigner, "get_timestamp", lambda _self: int(later.timestamp()))

    return move


@pytest.fixture
def draft(cast: Cast, channel: Channel, people: list[Contact]) -> str:
    """The address of one that a test can be sent of."""
    return f"/app/broadcasts/{make.make_broadcast(cast.workspace, channel).id}"


def browser_like(app: Flask, browser: Client) -> Client:
    """Another one with the same cookie, in which a request may be under way for long."""
    other: Any = app.test_client()
    other.set_cookie("session", cookie_of(browser))
    return other


def cookie_of(browser: Client) -> str:
    cookie = browser.get_cookie("session")
    assert cookie
    return cookie.value


def apply(answer: TestResponse, browser: Client) -> None:
    """What a browser does with an answer that comes late."""
    value = session_cookie_of(answer)
    if value is not None:
        browser.set_cookie("session", value)


@pytest.mark.parametrize("path", PARTS)
def test_a_part_of_a_page_sets_no_cookie(browser: Client, path: str) -> None:
    answer = browser.fragment(path)
    assert answer.status_code == 200
    assert session_cookie_of(answer) is None


@pytest.mark.parametrize("path", PAGES)
def test_a_page_sets_none_when_nothing_has_changed(browser: Client, path: str) -> None:
    answer = browser.get(path)
    assert answer.status_code == 200
    assert session_cookie_of(answer) is None


def test_neither_does_the_stream(browser: Client) -> None:
    answer = browser.get("/app/stream")
    assert answer.mimetype == "text/event-stream"
    assert session_cookie_of(answer) is None
    answer.close()


def test_a_telephone_that_changes_its_network_gets_no_new_cookie_with_a_part(browser: Client) -> None:
    elsewhere = {"REMOTE_ADDR": "203.0.113.7"}
    assert session_cookie_of(browser.fragment("/app/_sending", environ_base=elsewhere)) is None


@pytest.mark.parametrize("path", ["/app/_sending", "/app/inbox/_unread"])
def test_what_was_said_after_a_form_outlives_a_part_that_comes_late(
    browser: Client, app: Flask, draft: str, path: str, move_clock: Callable[[timedelta], None]
) -> None:
    move_clock(timedelta(minutes=10))  # so long that the browser is due to be noted
    late = browser_like(app, browser)
    sent = browser.submit(f"{draft}/test", page=f"{draft}/check", to=NUMBER, row="1")
    assert sent.location == f"{draft}/check"
    apply(late.fragment(path), browser)
    page = browser.get(f"{draft}/check").text
    assert f"The test is on its way to {NUMBER}." in page
    assert f'value="{NUMBER}"' in page


def test_a_part_leaves_what_is_to_be_said_to_the_next_page(browser: Client, app: Flask) -> None:
    """Also where the answer is a whole page that htmx takes a part of, as in the template editor."""
    here = "/app/settings/profile"
    browser.submit(here, name="Alice the First")
    htmx = FlaskClient(app, app.response_class)  # without the inspection, which takes no whole page for a part
    htmx.set_cookie("session", cookie_of(browser))
    with app.app_context():
        part = htmx.get(here, headers={"HX-Request": "true"})
    assert "Alice the First" in part.text
    assert "Your name is changed." not in part.text
    apply(part, browser)
    assert "Your name is changed." in browser.get(here).text


@pytest.mark.parametrize("address", ["/app/stream", "/app/media/1/file"])
def test_a_stream_or_picture_that_is_sent_to_the_log_in_leaves_it_as_well(
    browser: Client, app: Flask, address: str
) -> None:
    browser.submit("/app/logout", page="/app/settings/profile")
    other = browser_like(app, browser)
    sent_on = other.get(address, headers={"Sec-Fetch-Dest": "empty"}, follow_redirects=True)
    assert sent_on.request.path == "/app/login"
    apply(sent_on, browser)
    assert "You are signed out." in browser.get("/app/login", headers={"Sec-Fetch-Dest": "document"}).text


def test_the_token_of_forms_is_that_of_the_log_in(client: Client, app: Flask, cast: Cast) -> None:
    """Two tabs that open at once after the log-in would else make one each, and the forms of one would be refused."""
    client.sign_in(cast.alice)
    first, second = browser_like(app, client), browser_like(app, client)
    token = first.csrf_token("/app/settings/profile")
    client.set_cookie("session", cookie_of(first))
    apply(second.get("/app/"), client)
    answer = client.post("/app/settings/profile", data={"csrf_token": token, "name": "Alice"})
    assert answer.status_code == 302


# ---------------------------------------------------------------- how long it lasts


def test_the_cookie_is_renewed_once_a_day_and_only_with_a_page(
    browser: Client, move_clock: Callable[[timedelta], None]
) -> None:
    move_clock(timedelta(hours=23))
    assert session_cookie_of(browser.get("/app/contacts")) is None
    move_clock(timedelta(hours=2))
    assert session_cookie_of(browser.fragment("/app/contacts")) is None
    assert session_cookie_of(browser.get("/app/contacts/no-such-page")) is None
    assert session_cookie_of(browser.get("/app/contacts")) is not None
    assert session_cookie_of(browser.get("/app/contacts")) is None


def test_whoever_comes_back_within_a_month_stays_signed_in(
    browser: Client, move_clock: Callable[[timedelta], None]
) -> None:
    for _ in range(3):
        move_clock(timedelta(days=20))
        assert browser.get("/app/contacts").status_code == 200
    move_clock(timedelta(days=32))
    assert browser.get("/app/contacts").status_code == 302


def test_somebody_in_no_workspace_is_noted_and_stays_signed_in(
    client: Client, cast: Cast, session: Any, move_clock: Callable[[timedelta], None]
) -> None:
    loner = make.make_user()
    client.sign_in(loner)
    move_clock(timedelta(days=20))
    assert session_cookie_of(client.get("/app/workspaces/new")) is not None
    session.expire_all()
    assert user_sessions.list_sessions(loner.id)[0].last_seen_at == clock.now()


def test_being_noted_costs_no_question_more(
    browser: Client, count_queries: Callable[..., Any], move_clock: Callable[[timedelta], None]
) -> None:
    with count_queries() as usual:
        browser.fragment("/app/_sending")
    move_clock(timedelta(minutes=10))
    with count_queries() as noted:
        browser.fragment("/app/_sending")
    assert len(noted) == len(usual) + 1
    assert sum(statement.startswith("UPDATE user_sessions") for statement in noted) == 1
    with count_queries() as again:
        browser.fragment("/app/_sending")
    assert len(again) == len(usual)
