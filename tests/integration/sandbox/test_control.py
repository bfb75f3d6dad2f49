"""The controls: settings, faults, reset; and the page."""

import re

import pytest
import requests

from tests.integration.sandbox.support import NUMBER, Api, Receiver, wait_for

TO = "+27825551234"


@pytest.mark.parametrize(
    "changes",
    [
        {"no_such": 1}, {"latency_ms": -1}, {"latency_ms": "soon"}, {"read_percent": 101}, {"webhook_url": "nowhere"},
        {"failure_percent": {"999": 1}}, {"failure_percent": {"131026": 60, "131049": 50}}, {"batch_size": 0},
        {"webhooks": "perhaps"}, {"app_secret": 5},
    ],
)  # fmt: skip
def test_wrong_settings_change_nothing(api: Api, changes: dict[str, object]) -> None:
    before = api.get("/sandbox/settings").json()
    answer = api.post("/sandbox/settings", {"deliver_after_s": 9, **changes})
    assert answer.status_code == 422
    assert list(answer.json()["problems"]) == list(changes)
    assert api.get("/sandbox/settings").json() == before


@pytest.mark.parametrize(("status", "body"), [(0, None), (503, "<html>busy</html>"), (429, {"error": {"code": 4}})])
def test_next_answers_are_errors(api: Api, status: int, body: object) -> None:
    api.post(
        "/sandbox/faults", {"kind": "error", "count": 2, "skip": 1, "status": status, "body": body, "code": 131016}
    )
    assert [api.send_text(TO).status_code for _ in range(4)] == [200, status or 500, status or 500, 200]
    assert api.get("/sandbox/stats").json()["accepted"] == 2


@pytest.mark.parametrize(("kind", "accepted"), [("drop_before", 0), ("drop_after", 1)])
def test_dropped_connections(api: Api, kind: str, accepted: int) -> None:
    api.post("/sandbox/faults", {"kind": kind})
    with pytest.raises(requests.ConnectionError):
        api.send_text(TO)
    assert api.get("/sandbox/stats").json()["accepted"] == accepted
    assert api.send_text(TO).status_code == 200


@pytest.mark.parametrize(("kind", "accepted"), [("hang_before", 0), ("hang_after", 1)])
def test_requests_that_are_never_answered(api: Api, kind: str, accepted: int) -> None:
    api.post("/sandbox/faults", {"kind": kind})
    payload = {"messaging_product": "whatsapp", "to": TO, "text": {"body": "x"}}
    with pytest.raises(requests.Timeout):
        api.session.post(f"{api.url}/{NUMBER}/messages", json=payload, timeout=0.5)
    assert api.get("/sandbox/stats").json()["accepted"] == accepted


@pytest.mark.parametrize(
    "fault",
    [
        {},
        {"kind": "sulk"},
        {"kind": "error", "count": 0},
        {"kind": "error", "code": 1234567},
        {"kind": "error", "x": 1},
    ],
)
def test_faults_that_make_no_sense(api: Api, fault: dict[str, object]) -> None:
    assert api.post("/sandbox/faults", fault).status_code == 422
    assert api.get("/sandbox/faults").json() == {"faults": []}


def test_endings_that_drop_and_hang(api: Api) -> None:
    with pytest.raises(requests.ConnectionError):
        api.send_text("+27820990409")
    payload = {"messaging_product": "whatsapp", "to": "+27820990408", "text": {"body": "x"}}
    with pytest.raises(requests.Timeout):
        api.session.post(f"{api.url}/{NUMBER}/messages", json=payload, timeout=0.5)
    assert api.get("/sandbox/stats").json()["accepted"] == 2


def test_latency(api: Api) -> None:
    api.set(latency_ms=200)
    assert api.send_text(TO).elapsed.total_seconds() >= 0.2


def test_other_sites_cannot_use_the_controls(api: Api) -> None:
    plain = requests.post(
        f"{api.url}/sandbox/settings", data='{"latency_ms": 5}', headers={"Content-Type": "text/plain"}, timeout=5
    )
    assert plain.status_code == 415
    foreign = requests.post(f"{api.url}/sandbox/reset", json={}, headers={"Sec-Fetch-Site": "cross-site"}, timeout=5)
    assert foreign.status_code == 403


def test_reset(api: Api) -> None:
    api.send_text(TO)
    api.post("/sandbox/numbers", {"count": 3})
    api.post("/sandbox/reset", {"only": "stats"})
    assert api.get("/sandbox/stats").json()["accepted"] == 0
    assert len(api.get("/sandbox/numbers").json()["numbers"]) == 5
    api.post("/sandbox/reset", {})
    assert len(api.get("/sandbox/numbers").json()["numbers"]) == 2
    assert api.get("/sandbox/settings").json()["webhook_url"] == ""
    assert api.get("/sandbox/customers/27825551234").status_code == 404


def test_unknown_controls_and_odd_bodies(api: Api) -> None:
    assert api.get("/sandbox/nothing").status_code == 404
    assert api.post("/sandbox/settings", [1]).status_code == 400
    assert api.post("/sandbox/inbound", {"from": "x", "phone_number_id": NUMBER, "text": "a"}).status_code == 422
    assert api.post("/sandbox/inbound", {"from": "27825551234", "phone_number_id": "1", "text": "a"}).status_code == 404
    assert api.post("/sandbox/inbound", {"from": "27825551234", "phone_number_id": NUMBER}).status_code == 422
    assert api.get("/sandbox/static/..%2Fapp.py").status_code == 404


def test_the_page_shows_chats_and_escapes(api: Api, receiver: Receiver) -> None:
    wamid = api.send_template(TO, "<script>alert(1)</script> *bold*").json()["messages"][0]["id"]
    wait_for(lambda: "read" in receiver.states(wamid))
    api.open_window("27825551234", text="<img src=x onerror=alert(1)>")
    page = api.get("/?phone=27825551234")
    assert page.status_code == 200
    assert "<script>alert" not in page.text
    assert "<img src=x" not in page.text
    assert "&lt;script&gt;alert(1)&lt;/script&gt; <b>bold</b>" in page.text
    assert "I need help" in page.text
    assert not re.search(r"\sstyle=|\son\w+=\"|<style", page.text)
    policy = page.headers["Content-Security-Policy"]
    assert "default-src 'none'" in policy
    assert "unsafe" not in policy
    for part in ("chats", "chat", "log"):
        assert api.get(f"/sandbox/page/{part}?phone=27825551234&number={NUMBER}").status_code == 200


def test_the_page_hears_of_changes(api: Api) -> None:
    with api.session.get(f"{api.url}/sandbox/page/events?phone=27825551234", stream=True, timeout=5) as stream:
        lines = stream.iter_lines(chunk_size=1)
        assert next(lines) == b'data: {"chat": true, "log": true}'
        next(lines)
        api.open_window("27825551234")
        assert b'"chat": true' in next(lines)
