"""Live events over a real server: who may listen, what arrives, and what happens beyond the cap."""

import re
from collections.abc import Iterator

import pytest
import requests

from tests.cast import PASSWORD, Cast
from tests.servers import wait_until
from wotnot.services import events


@pytest.fixture
def browser(live_server: str, committed_cast: Cast) -> requests.Session:
    """Alice, signed in."""
    browser = requests.Session()
    page = browser.get(f"{live_server}/app/login", timeout=10).text
    token = re.search(r'name="csrf_token"[^>]*value="([^"]+)"', page)
    assert token
    form = {"email": committed_cast.alice.email, "password": PASSWORD, "csrf_token": token[1]}
    answer = browser.post(f"{live_server}/app/login", data=form, timeout=10)
    assert answer.ok
    assert "/login" not in answer.url
    return browser


def listen(browser: requests.Session, server: str, topics: str) -> Iterator[str]:
    answer = browser.get(f"{server}/app/stream", params={"topics": topics}, stream=True, timeout=20)
    assert answer.status_code == 200
    assert answer.headers["Content-Type"].startswith("text/event-stream")
    return (line for line in answer.iter_lines(chunk_size=1, decode_unicode=True) if line.startswith("event:"))


def test_only_the_topics_of_the_own_workspace(
    browser: requests.Session, live_server: str, committed_cast: Cast
) -> None:
    lines = listen(browser, live_server, "broadcast:1,broadcast:2")
    assert next(lines) == "event: ready"
    events.publish_now(committed_cast.other_workspace.id, "broadcast:1")
    events.publish_now(committed_cast.workspace.id, "import:9", "broadcast:2")
    assert next(lines) == "event: broadcast:2"
    # Nothing else is to be told, and the browser hears that the line is open.
    assert next(lines) == "event: beat"


def test_beyond_the_cap_pages_poll_and_are_answered(browser: requests.Session, live_server: str) -> None:
    """Two processes of 40 threads, see `live_server`; which of them takes a connection is chance."""
    address, streams = f"{live_server}/app/stream?topics=conversations", []
    while len(streams) <= 2 * 40 // 2:
        streams.append(browser.get(address, stream=True, timeout=20))
        if streams[-1].status_code == 503:
            break
    refused = streams.pop()
    assert (refused.status_code, refused.headers["Retry-After"]) == (503, "15")
    assert len(streams) >= 40 // 2
    for _ in range(8):
        assert browser.get(f"{live_server}/app/contacts", timeout=10).ok
    for stream in streams:
        stream.close()
    # A browser that went away is noticed at the next heartbeat.
    wait_until(lambda: _is_open(browser, address), 20, "a free place")


def test_nobody_listens_without_signing_in(live_server: str, committed_cast: Cast) -> None:
    answer = requests.get(f"{live_server}/app/stream", timeout=10, allow_redirects=False)
    assert answer.status_code in {302, 401}


def _is_open(browser: requests.Session, address: str) -> bool:
    with browser.get(address, stream=True, timeout=20) as answer:
        return answer.status_code == 200
