"""What comes back: signed, retried, doubled, shuffled, batched; and the fates of messages."""

import hashlib
import hmac
import json
import time

import pytest

from tests.integration.sandbox.support import NUMBER, SECRET, VERIFY_TOKEN, WABA, Api, Receiver, wait_for

TO = "+27825551234"


def wamid_of(answer) -> str:  # type: ignore[no-untyped-def]
    assert answer.status_code == 200, answer.text
    return str(answer.json()["messages"][0]["id"])


def test_sent_delivered_read(api: Api, receiver: Receiver) -> None:
    wamid = wamid_of(api.send_template(TO, "Ana", biz_opaque_callback_data="m-1"))
    wait_for(lambda: len(receiver.statuses(wamid)) == 3)
    sent, delivered, read = receiver.statuses(wamid)
    assert [s["status"] for s in (sent, delivered, read)] == ["sent", "delivered", "read"]
    assert {s["biz_opaque_callback_data"] for s in (sent, delivered, read)} == {"m-1"}
    assert {s["recipient_id"] for s in (sent, delivered, read)} == {"27825551234"}
    assert sent["recipient_user_id"].startswith("ZA.")
    assert isinstance(sent["timestamp"], str)
    pricing = {"billable": True, "pricing_model": "PMP", "type": "regular", "category": "utility"}
    assert (sent["pricing"], delivered["pricing"]) == (pricing, pricing)
    assert "pricing" not in read


def test_signature_is_over_the_raw_bytes(api: Api, receiver: Receiver) -> None:
    api.open_window("27825550142", text="Café / 🌿")
    body, headers, _ = wait_for(lambda: receiver.posts)[0]
    assert headers["X-Hub-Signature-256"] == "sha256=" + hmac.new(SECRET.encode(), body, hashlib.sha256).hexdigest()
    assert headers["X-Hub-Signature"] == "sha1=" + hmac.new(SECRET.encode(), body, hashlib.sha1).hexdigest()
    assert headers["User-Agent"] == "facebookexternalua"
    assert b"\\u00e9" in body
    assert b" \\/ " in body
    assert json.loads(body)["entry"][0]["changes"][0]["value"]["messages"][0]["text"]["body"] == "Café / 🌿"


def test_refused_posts_come_again(api: Api, receiver: Receiver) -> None:
    receiver.answers[:] = [503, 500, 200]
    api.open_window("27825550142")
    wait_for(lambda: len(receiver.posts) == 3)
    assert len({body for body, _, _ in receiver.posts}) == 1
    pauses = [b[2] - a[2] for a, b in zip(receiver.posts, receiver.posts[1:], strict=False)]
    assert pauses[1] > pauses[0] * 1.4
    entry = wait_for(lambda: next((e for e in api.get("/sandbox/webhooks").json()["log"] if e["status"] == 200), None))
    assert (entry["attempts"], entry["what"]) == (3, "message: text")


def test_every_receipt_twice(api: Api, receiver: Receiver) -> None:
    api.set(duplicate_percent=100)
    wamid = wamid_of(api.send_template(TO))
    wait_for(lambda: len(receiver.statuses(wamid)) == 6)
    assert sorted(receiver.states(wamid)) == ["delivered", "delivered", "read", "read", "sent", "sent"]


def test_receipts_out_of_order(api: Api, receiver: Receiver) -> None:
    api.set(reorder_percent=100)
    wamids = [wamid_of(api.send_template(f"+2782555{i}")) for i in range(2000, 2020)]
    wait_for(lambda: len(receiver.statuses()) == 60)
    orders = {tuple(receiver.states(wamid)) for wamid in wamids}
    assert any(order != ("sent", "delivered", "read") for order in orders)


def test_many_statuses_in_one_post(api: Api, receiver: Receiver) -> None:
    api.set(batch_size=50, batch_wait_ms=300, webhook_concurrency=1)
    second = api.post("/sandbox/numbers", {}).json()["numbers"][0]["id"]
    for i in range(20):
        api.send_template(f"+2782555{2000 + i}")
        api.send_template(f"+2782555{2000 + i}", number=second)
    wait_for(lambda: len(receiver.statuses()) == 120)
    largest = max((json.loads(body) for body, _, _ in receiver.posts), key=lambda b: len(json.dumps(b)))
    assert len(largest["entry"]) == 2
    counts = [len(entry["changes"][0]["value"]["statuses"]) for entry in largest["entry"]]
    assert sum(counts) <= 50
    assert min(counts) > 1


FATES = [
    ("0026", 131026), ("0042", 131042), ("0047", 131047), ("0048", 131048), ("0049", 131049), ("0050", 131050),
    ("0053", 131053), ("0072", 130472), ("0500", 131000),
]  # fmt: skip


@pytest.mark.parametrize(("ending", "code"), FATES)
def test_endings_that_fail(api: Api, receiver: Receiver, ending: str, code: int) -> None:
    wamid = wamid_of(api.send_template(f"+2782555{ending}", biz_opaque_callback_data="x"))
    failed = wait_for(lambda: receiver.statuses(wamid))[0]
    assert (failed["status"], failed["errors"][0]["code"]) == ("failed", code)
    assert failed["errors"][0]["title"] == failed["errors"][0]["message"]
    assert failed["errors"][0]["error_data"]["details"]
    assert failed["biz_opaque_callback_data"] == "x"
    assert "pricing" not in failed
    assert all("contacts" not in change["value"] for change in receiver.changes())


@pytest.mark.parametrize(
    ("ending", "states"), [("0001", ["sent"]), ("0002", ["sent", "delivered"]), ("0003", ["sent", "read"])]
)
def test_endings_that_stop_early(api: Api, receiver: Receiver, ending: str, states: list[str]) -> None:
    wamid = wamid_of(api.send_template(f"+2782555{ending}"))
    wait_for(lambda: len(receiver.statuses(wamid)) == len(states))
    time.sleep(0.5)
    assert receiver.states(wamid) == states


def test_free_text_needs_an_open_window(api: Api, receiver: Receiver) -> None:
    closed = wamid_of(api.send_text(TO))
    assert wait_for(lambda: receiver.statuses(closed))[0]["errors"][0]["code"] == 131047
    api.open_window("27825551234")
    opened = wamid_of(api.send_text(TO))
    wait_for(lambda: receiver.states(opened) == ["sent", "delivered", "read"])
    assert receiver.statuses(opened)[0]["pricing"] == {
        "billable": False, "pricing_model": "PMP", "type": "free_customer_service", "category": "service",
    }  # fmt: skip


def test_marketing_stops_at_the_us_border_and_at_a_stop(api: Api, receiver: Receiver) -> None:
    american = wamid_of(api.send_template("+12025550188", "Ana", "Fern", name="new_arrivals"))
    canadian = wamid_of(api.send_template("+14165550188", "Ana", "Fern", name="new_arrivals"))
    utility = wamid_of(api.send_template("+12025550188"))
    assert wait_for(lambda: receiver.statuses(american))[0]["errors"][0]["code"] == 131049
    wait_for(lambda: len(receiver.statuses(canadian)) == len(receiver.statuses(utility)) == 3)

    stop = {"from": "27825551234", "phone_number_id": NUMBER, "value": "stop"}
    assert api.post("/sandbox/marketing", stop).status_code == 200
    preference = wait_for(lambda: receiver.of_field("user_preferences"))[0]["user_preferences"][0]
    assert (preference["value"], preference["category"], preference["wa_id"]) == (
        "stop",
        "marketing_messages",
        "27825551234",
    )
    stopped = wamid_of(api.send_template(TO, "Ana", "Fern", name="new_arrivals"))
    assert wait_for(lambda: receiver.statuses(stopped))[0]["errors"][0]["code"] == 131050
    api.post("/sandbox/marketing", stop | {"value": "resume"})
    resumed = wamid_of(api.send_template(TO, "Ana", "Fern", name="new_arrivals"))
    wait_for(lambda: receiver.states(resumed) == ["sent", "delivered", "read"])


def test_failure_mix(api: Api, receiver: Receiver) -> None:
    api.set(failure_percent={"131026": 100})
    wamid = wamid_of(api.send_template(TO))
    assert wait_for(lambda: receiver.statuses(wamid))[0]["errors"][0]["code"] == 131026
    api.set(failure_percent={}, refuse_percent={"131016": 100})
    assert api.send_template(TO).status_code == 500


def test_a_phone_that_is_off_and_one_without_receipts(api: Api, receiver: Receiver) -> None:
    api.post("/sandbox/customers/27825551234", {"online": False, "read_receipts": False})
    wamid = wamid_of(api.send_template(TO))
    time.sleep(0.4)
    assert receiver.states(wamid) == ["sent"]
    api.post("/sandbox/customers/27825551234", {"online": True})
    wait_for(lambda: receiver.states(wamid) == ["sent", "delivered"])
    time.sleep(0.3)
    assert receiver.states(wamid) == ["sent", "delivered"]


@pytest.mark.parametrize("how", ["customer", "ending", "setting"])
def test_people_without_a_phone_number(api: Api, receiver: Receiver, how: str) -> None:
    wa_id = "27825550007" if how == "ending" else "27825551234"
    if how == "customer":
        api.post(f"/sandbox/customers/{wa_id}", {"bsuid_only": True})
    elif how == "setting":
        api.set(hide_phone_numbers=True)
    api.open_window(wa_id)
    message = wait_for(receiver.messages)[0]
    assert "from" not in message
    contact = receiver.changes()[0]["value"]["contacts"][0]
    assert "wa_id" not in contact
    assert contact["user_id"] == message["from_user_id"]
    wamid = wamid_of(api.send_template("+" + wa_id))
    assert "recipient_id" not in wait_for(lambda: receiver.statuses(wamid))[0]


def test_pressing_a_quick_reply(api: Api, receiver: Receiver) -> None:
    wamid = wamid_of(api.send_template(TO))
    wait_for(lambda: "delivered" in receiver.states(wamid))
    press = {"from": "27825551234", "phone_number_id": NUMBER, "wamid": wamid, "index": 1}
    assert "sent" in api.post("/sandbox/press", press).json()
    message = wait_for(receiver.messages)[0]
    assert (message["type"], message["button"]) == ("button", {"payload": "I need help", "text": "I need help"})
    assert message["context"] == {"from": "27215550140", "id": wamid}
    assert api.post("/sandbox/press", press | {"index": 9}).status_code == 422


def test_pressing_reply_and_list_buttons(api: Api, receiver: Receiver) -> None:
    api.open_window("27825551234")
    action = {"button": "Go", "sections": [{"rows": [{"id": "r1", "title": "One", "description": "First"}]}]}
    wamid = wamid_of(
        api.send(TO, type="interactive", interactive={"type": "list", "body": {"text": "x"}, "action": action})
    )
    api.post("/sandbox/press", {"from": "27825551234", "phone_number_id": NUMBER, "wamid": wamid, "index": 0})
    reply = wait_for(lambda: [m for m in receiver.messages() if m["type"] == "interactive"])[0]
    assert reply["interactive"] == {
        "type": "list_reply",
        "list_reply": {"id": "r1", "title": "One", "description": "First"},
    }


def test_webhooks_need_a_subscription(api: Api, receiver: Receiver) -> None:
    assert api.delete(f"/{WABA}/subscribed_apps").json() == {"success": True}
    api.open_window("27825550142")
    time.sleep(0.2)
    assert receiver.posts == []
    assert api.post(f"/{WABA}/subscribed_apps").json() == {"success": True}
    api.open_window("27825550142")
    assert wait_for(receiver.messages)


def test_a_new_address_is_asked_for_the_challenge(api: Api, receiver: Receiver) -> None:
    wait_for(lambda: receiver.handshakes)
    wait_for(lambda: "Verified: " in api.get("/sandbox/page/log").text)
    api.set(verify_token="wrong")
    wait_for(lambda: "Not verified (HTTP Status Code = 403)" in api.get("/sandbox/page/log").text)


def test_handshake_before_an_address_is_taken(api: Api, receiver: Receiver) -> None:
    override = {"override_callback_uri": receiver.url + "/mine", "verify_token": "wrong"}
    refused = api.post(f"/{WABA}/subscribed_apps", override)
    assert (refused.status_code, refused.json()["error"]["code"]) == (400, 2200)
    assert api.post(f"/{WABA}/subscribed_apps", override | {"verify_token": VERIFY_TOKEN}).status_code == 200
    assert receiver.handshakes[-1]["hub.mode"] == "subscribe"
    assert api.post("/sandbox/handshake", {}).json() == {"ok": True, "problem": ""}
