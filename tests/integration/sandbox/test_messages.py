"""POST /messages: what is taken, what is refused and in whose words."""

import base64
from typing import Any

import pytest

from tests.integration.sandbox.support import NUMBER, WABA, Api

TO = "+27825551234"


@pytest.mark.parametrize("prefix", ["", "/v19.0", "/v24.0", "/v26.0"])
def test_any_version_prefix_or_none(api: Api, prefix: str) -> None:
    answer = api.post(f"{prefix}/{NUMBER}/messages", {"messaging_product": "whatsapp", "to": TO, "text": {"body": "x"}})
    assert answer.status_code == 200


def test_answer_names_the_contact_and_a_well_made_id(api: Api) -> None:
    data = api.send_template(TO, "Ana").json()
    assert data["contacts"] == [{"input": TO, "wa_id": "27825551234"}]
    assert data["messages"][0]["message_status"] == "accepted"
    raw = base64.b64decode(data["messages"][0]["id"].removeprefix("wamid."), validate=True)
    assert raw[:3] == b"\x1c\x18\x0b"
    assert raw[3:14] == b"27825551234"
    assert raw[14:19] == b"\x15\x02\x00\x11\x18"


@pytest.mark.parametrize(
    ("token", "status", "code"),
    [
        ("sandbox-other", 200, None),
        ("expired-one", 401, 190),
        ("nonsense", 401, 190),
        ("", 401, 190),
        ("denied-x", 403, 10),
    ],
)
def test_tokens(api: Api, token: str, status: int, code: int | None) -> None:
    answer = api.session.get(f"{api.url}/{NUMBER}", headers={"Authorization": f"Bearer {token}"}, timeout=5)
    assert answer.status_code == status
    assert answer.json().get("error", {}).get("code") == code


def test_token_in_the_query(api: Api) -> None:
    api.session.headers.pop("Authorization")
    assert api.get(f"/v24.0/{NUMBER}?access_token=sandbox-token").status_code == 200
    assert api.get(f"/v24.0/{NUMBER}").status_code == 401


def test_unknown_object(api: Api) -> None:
    error = api.get("/v24.0/123").json()["error"]
    assert (error["code"], error["error_subcode"], error["type"]) == (100, 33, "GraphMethodException")
    assert error["fbtrace_id"]


def template(name: str, language: str = "en", *components: Any) -> dict[str, Any]:
    return {
        "type": "template",
        "template": {"name": name, "language": {"code": language}, "components": list(components)},
    }


def body(*values: str) -> dict[str, Any]:
    return {"type": "body", "parameters": [{"type": "text", "text": value} for value in values]}


SHIPPED = [
    {"type": "header", "parameters": [{"type": "text", "parameter_name": "order", "text": "1042"}]},
    {"type": "body", "parameters": [{"type": "text", "parameter_name": "first_name", "text": "Ana"},
                                    {"type": "text", "parameter_name": "day", "text": "Friday"}]},
    {"type": "button", "sub_type": "url", "index": "0", "parameters": [{"type": "text", "text": "1042"}]},
]  # fmt: skip
IMAGE = {"type": "header", "parameters": [{"type": "image", "image": {"link": "https://x.example/a.jpg"}}]}
COUPON = {
    "type": "button",
    "sub_type": "copy_code",
    "index": 1,
    "parameters": [{"type": "coupon_code", "coupon_code": "VERDE30"}],
}

REFUSALS: list[tuple[str, dict[str, Any], int, int]] = [
    ("no text", {"type": "text"}, 400, 131008),
    ("empty text", {"type": "text", "text": {"body": ""}}, 400, 131008),
    ("long text", {"type": "text", "text": {"body": "x" * 4097}}, 400, 131009),
    ("unknown type", {"type": "fax", "fax": {}}, 400, 100),
    ("type is a number", {"type": 5}, 400, 100),
    ("image without source", {"type": "image", "image": {}}, 400, 131008),
    ("image with unknown id", {"type": "image", "image": {"id": "1"}}, 400, 100),
    ("image with a bad link", {"type": "image", "image": {"link": "ftp://x"}}, 400, 131009),
    ("caption on audio", {"type": "audio", "audio": {"link": "https://x.example/a.mp3", "caption": "x"}}, 400, 100),
    ("location off the map", {"type": "location", "location": {"latitude": 91, "longitude": 0}}, 400, 131009),
    ("four reply buttons", {"type": "interactive", "interactive": {"type": "button", "body": {"text": "x"}, "action": {
        "buttons": [{"type": "reply", "reply": {"id": str(i), "title": str(i)}} for i in range(4)]}}}, 400, 131009),
    ("a footer that is no object", {"type": "interactive", "interactive": {"type": "button", "body": {"text": "x"}, "footer": "x",
        "action": {"buttons": [{"type": "reply", "reply": {"id": "1", "title": "One"}}]}}}, 400, 131009),
    ("eleven rows", {"type": "interactive", "interactive": {"type": "list", "body": {"text": "x"}, "action": {
        "button": "Go", "sections": [{"rows": [{"id": str(i), "title": str(i)} for i in range(11)]}]}}}, 400, 131009),
    ("unknown template", template("nobody_knows_it"), 404, 132001),
    ("template in another language", template("feedback_request", "de", body("Ana")), 404, 132001),
    ("rejected template", template("free_money", "en", body("Ana")), 404, 132001),
    ("paused template", template("winter_sale", "en", body("Ana")), 400, 132015),
    ("too few values", template("feedback_request", "en"), 400, 132000),
    ("too many values", template("feedback_request", "en", body("Ana", "Lima")), 400, 132000),
    ("a value with a line break", template("feedback_request", "en", body("Ana\nLima")), 400, 132012),
    ("a value with five spaces", template("feedback_request", "en", body("Ana     Lima")), 400, 132012),
    ("an empty value", template("feedback_request", "en", body("")), 400, 131008),
    ("a value that is too long", template("feedback_request", "en", body("x" * 1024)), 400, 132005),
    ("an image where text belongs", template("feedback_request", "en", {"type": "body", "parameters": [
        {"type": "image", "image": {"link": "https://x.example/a.jpg"}}]}), 400, 132012),
    ("no header image", template("early_access", "en", body("Ana", "pots"), COUPON), 400, 132012),
    ("no coupon code", template("early_access", "en", IMAGE, body("Ana", "pots")), 400, 131008),
    ("no address suffix", template("order_shipped", "en", *SHIPPED[:2]), 400, 131008),
    ("a wrong variable name", template("order_shipped", "en", SHIPPED[0], {"type": "body", "parameters": [
        {"type": "text", "parameter_name": "wrong", "text": "Ana"},
        {"type": "text", "parameter_name": "day", "text": "Friday"}]}, SHIPPED[2]), 400, 132012),
    ("values without names", template("order_shipped", "en", SHIPPED[0], body("Ana", "Friday"), SHIPPED[2]), 400, 100),
    ("a button that is not there", template("feedback_request", "en", body("Ana"), {
        "type": "button", "sub_type": "quick_reply", "index": 7, "parameters": []}), 400, 131009),
    ("components that are no list", {"type": "template", "template": {
        "name": "feedback_request", "language": {"code": "en"}, "components": {"a": 1}}}, 400, 100),
    ("a long callback string", {"type": "text", "text": {"body": "x"}, "biz_opaque_callback_data": "x" * 513}, 400, 100),
]  # fmt: skip


@pytest.mark.parametrize(("payload", "status", "code"), [r[1:] for r in REFUSALS], ids=[r[0] for r in REFUSALS])
def test_refusals(api: Api, payload: dict[str, Any], status: int, code: int) -> None:
    answer = api.send(TO, **payload)
    error = answer.json()["error"]
    assert (answer.status_code, error["code"]) == (status, code), error
    assert api.get("/sandbox/stats").json()["accepted"] == 0


ACCEPTED: list[tuple[str, dict[str, Any]]] = [
    ("text", {"type": "text", "text": {"body": "Hi", "preview_url": True}}),
    ("image", {"type": "image", "image": {"link": "https://x.example/a.jpg", "caption": "x"}}),
    ("document", {"type": "document", "document": {"link": "https://x.example/a.pdf", "filename": "a.pdf"}}),
    ("location", {"type": "location", "location": {"latitude": "52.5", "longitude": 13.4}}),
    ("contacts", {"type": "contacts", "contacts": [{"name": {"formatted_name": "Ana"}}]}),
    ("reaction", {"type": "reaction", "reaction": {"message_id": "wamid.X", "emoji": "👍"}}),
    ("buttons", {"type": "interactive", "interactive": {"type": "button", "body": {"text": "x"}, "action": {
        "buttons": [{"type": "reply", "reply": {"id": "1", "title": "One"}}]}}}),
    ("link", {"type": "interactive", "interactive": {"type": "cta_url", "body": {"text": "x"}, "action": {
        "name": "cta_url", "parameters": {"display_text": "Go", "url": "https://x.example"}}}}),
    ("named template", template("order_shipped", "en", *SHIPPED)),
    ("image template", template("early_access", "en", IMAGE, body("Ana", "pots"), COUPON)),
    ("capitals", template("feedback_request", "en", {"type": "BODY", "parameters": [{"type": "TEXT", "text": "Ana"}]})),
    ("template without components", template("hello_world", "en_US")),
]  # fmt: skip


@pytest.mark.parametrize("payload", [a[1] for a in ACCEPTED], ids=[a[0] for a in ACCEPTED])
def test_accepted(api: Api, payload: dict[str, Any]) -> None:
    answer = api.send(TO, **payload)
    assert answer.status_code == 200, answer.text
    assert api.get("/sandbox/sends").json()["to"] == {"27825551234": 1}


@pytest.mark.parametrize(
    ("to", "status", "wa_id"),
    [
        ("+27 (82) 555-1234", 200, "27825551234"),
        ("0825551234", 200, "27825551234"),
        ("+525512345678", 200, "5215512345678"),
        ("+5541987654321", 200, "554187654321"),
        ("call me", 400, None),
        ("+12", 400, None),
        ("+1234567890123456", 400, None),
        ("+27215550140", 400, None),
    ],
)
def test_recipients(api: Api, to: str, status: int, wa_id: str | None) -> None:
    answer = api.send_text(to)
    assert answer.status_code == status
    if wa_id:
        assert answer.json()["contacts"][0]["wa_id"] == wa_id


@pytest.mark.parametrize("raw", ["", "not json", "[1, 2]", "null", '{"messaging_product": "sms"}', "\x00"])
def test_broken_bodies(api: Api, raw: str) -> None:
    answer = api.session.post(f"{api.url}/{NUMBER}/messages", data=raw.encode(), timeout=5)
    assert answer.status_code == 400
    assert answer.json()["error"]["code"] == 100


def test_business_scoped_recipient(api: Api) -> None:
    user_id = api.post("/sandbox/customers/27825550142", {}).json()["user_id"]
    payload = {"messaging_product": "whatsapp", "recipient": user_id, "type": "text", "text": {"body": "x"}}
    assert api.post(f"/{NUMBER}/messages", payload).json()["contacts"] == [{"input": user_id, "user_id": user_id}]


def test_throughput_limit(api: Api) -> None:
    number = api.post("/sandbox/numbers", {"rate_per_second": 20}).json()["numbers"][0]["id"]
    answers = [api.send_text(f"+2782555{i:04d}", number=number) for i in range(100, 160)]
    refused = [a for a in answers if a.status_code != 200]
    assert 20 <= 60 - len(refused) <= 45
    assert {a.json()["error"]["code"] for a in refused} == {130429}
    assert {a.status_code for a in refused} == {400}
    seconds = api.get("/sandbox/stats").json()["per_second"][number]
    assert sum(seconds.values()) == 60


def test_pair_limit_lends_45_messages(api: Api) -> None:
    answers = [api.send_text(TO) for _ in range(46)]
    assert [a.status_code for a in answers[:45]] == [200] * 45
    assert answers[45].json()["error"]["code"] == 131056
    api.set(pair_limit=False)
    assert api.send_text(TO).status_code == 200


@pytest.mark.parametrize(
    ("to", "status", "code"),
    [
        ("+27820990030", 400, 131030),
        ("+27820990429", 400, 130429),
        ("+27820990503", 500, 131016),
        ("+27820990500", 500, 131000),
    ],
)
def test_endings_that_are_refused_at_once(api: Api, to: str, status: int, code: int) -> None:
    answer = api.send_text(to)
    assert (answer.status_code, answer.json()["error"]["code"]) == (status, code)
    api.set(endings=False)
    assert api.send_text(to).status_code == 200


def test_an_ending_that_is_refused_once(api: Api) -> None:
    assert [api.send_text("+27820990501").status_code for _ in range(3)] == [500, 200, 200]


def test_number_that_is_not_registered(api: Api) -> None:
    assert api.post(f"/{NUMBER}/deregister").json() == {"success": True}
    assert api.send_text(TO).json()["error"]["code"] == 133010
    assert api.post(f"/{NUMBER}/register", {"messaging_product": "whatsapp", "pin": "123456"}).json() == {
        "success": True
    }
    assert api.send_text(TO).status_code == 200
    assert api.post(f"/{NUMBER}/register", {"pin": "654321"}).json()["error"]["code"] == 133005


def test_counts_by_recipient_and_callback(api: Api) -> None:
    for data in ("a", "a", "b"):
        api.send_text(TO, biz_opaque_callback_data=data)
    sends = api.get(f"/sandbox/sends?phone_number_id={NUMBER}").json()
    assert sends == {"to": {"27825551234": 3}, "biz_opaque_callback_data": {"a": 2, "b": 1}}
    assert api.get("/sandbox/sends?phone_number_id=1").json()["to"] == {}


def test_read_receipts_from_the_business(api: Api) -> None:
    wamid = api.open_window("27825550142")
    receipt = {
        "messaging_product": "whatsapp",
        "status": "read",
        "message_id": wamid,
        "typing_indicator": {"type": "text"},
    }
    assert api.post(f"/{NUMBER}/messages", receipt).json() == {"success": True}
    messages = api.get("/sandbox/customers/27825550142").json()["chats"][NUMBER]["messages"]
    assert messages[0]["state"] == "read"
    assert api.post(f"/{NUMBER}/messages", receipt | {"message_id": "wamid.no"}).status_code == 400


def test_management_limit(api: Api) -> None:
    api.set(management_calls_per_hour=2)
    answers = [api.get(f"/{WABA}") for _ in range(3)]
    assert [a.status_code for a in answers] == [200, 200, 400]
    assert answers[2].json()["error"]["code"] == 80007
