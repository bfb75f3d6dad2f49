"""Accounts, numbers, sign-up, media and what survives a restart."""

import base64
import hashlib
import time
from pathlib import Path

import pytest
import requests

from tests.integration.sandbox.support import NUMBER, WABA, Api, Receiver, start_sandbox, stop_sandbox, wait_for


def test_account_and_numbers(api: Api) -> None:
    assert api.get(f"/v24.0/{WABA}?fields=id,name,currency").json() == {
        "id": WABA,
        "name": "Casa Verde",
        "currency": "USD",
    }
    numbers = api.get(f"/v24.0/{WABA}/phone_numbers").json()["data"]
    assert [n["id"] for n in numbers] == [NUMBER, "800000000000002"]
    shown = api.get(f"/v24.0/{NUMBER}?fields=status,quality_rating,whatsapp_business_manager_messaging_limit").json()
    assert shown == {
        "status": "CONNECTED", "quality_rating": "GREEN", "whatsapp_business_manager_messaging_limit": "TIER_UNLIMITED", "id": NUMBER,
    }  # fmt: skip


def test_profile(api: Api) -> None:
    path = f"/v24.0/{NUMBER}/whatsapp_business_profile"
    assert (
        api.post(
            path, {"messaging_product": "whatsapp", "about": "Hello", "websites": ["https://x.example"]}
        ).status_code
        == 200
    )
    assert api.get(f"{path}?fields=about,websites").json()["data"] == [
        {"about": "Hello", "websites": ["https://x.example"], "messaging_product": "whatsapp"}
    ]


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("about", "x" * 140),
        ("about", ""),
        ("description", "x" * 513),
        ("address", "x" * 257),
        ("email", "nobody"),
        ("vertical", "PIRACY"),
        ("websites", ["https://a.example"] * 3),
        ("websites", ["ftp://a.example"]),
        ("profile_picture_handle", "4:bm8=:bm8=:ARnothing"),
    ],
)
def test_a_profile_is_checked_as_meta_checks_it(api: Api, field: str, value: object) -> None:
    path = f"/v24.0/{NUMBER}/whatsapp_business_profile"
    refused = api.post(path, {"messaging_product": "whatsapp", "email": "new@x.example", field: value})
    assert refused.json()["error"]["code"] == 131009
    assert f"Param {field} " in refused.json()["error"]["error_data"]["details"]
    assert api.get(f"{path}?fields=email").json()["data"][0]["email"] == "hello@casaverde.example"


def test_sign_up(api: Api) -> None:
    waba = api.post("/sandbox/wabas", {"name": "New shop", "subscribed": False}).json()["id"]
    code = api.post("/sandbox/codes", {"waba_id": waba}).json()["code"]
    ask = {"client_id": "500000000000001", "client_secret": "receiver-secret", "code": code}
    assert (
        requests.get(f"{api.url}/oauth/access_token", params=ask | {"client_secret": "no"}, timeout=5).status_code
        == 400
    )
    token = requests.get(f"{api.url}/v24.0/oauth/access_token", params=ask, timeout=5).json()["access_token"]
    again = requests.get(f"{api.url}/oauth/access_token", params=ask, timeout=5).json()["error"]
    assert (again["code"], again["error_subcode"]) == (100, 36009)
    about = api.get(f"/debug_token?input_token={token}").json()["data"]
    assert about["is_valid"] is True
    assert about["granular_scopes"][0]["target_ids"] == [waba]
    assert api.get("/debug_token?input_token=rubbish").json()["data"]["is_valid"] is False
    assert api.get(f"/{waba}/subscribed_apps").json() == {"data": []}
    api.post(f"/{waba}/subscribed_apps")
    assert len(api.get(f"/{waba}/subscribed_apps").json()["data"]) == 1
    app = requests.get(
        f"{api.url}/oauth/access_token", params=ask | {"grant_type": "client_credentials"}, timeout=5
    ).json()
    assert app["access_token"].startswith("500000000000001|")


def test_a_new_number_is_verified_and_registered(api: Api) -> None:
    number = api.post(
        f"/{WABA}/phone_numbers", {"cc": "27", "phone_number": "215550199", "verified_name": "Two"}
    ).json()["id"]
    assert api.send_text("+27825551234", number=number).json()["error"]["code"] == 133010
    assert api.post(f"/{number}/register", {"pin": "123456"}).json()["error"]["code"] == 133006
    assert api.post(f"/{number}/request_code?code_method=SMS&language=en_US").json() == {"success": True}
    assert api.post(f"/{number}/verify_code?code=999999").status_code == 400
    assert api.post(f"/{number}/verify_code", {"code": "123456"}).json() == {"success": True}
    assert api.post(f"/{number}/register", {"pin": "123456"}).json() == {"success": True}
    assert api.send_text("+27825551234", number=number).status_code == 200
    codes = [api.post(f"/{number}/register", {"pin": "123456"}).status_code for _ in range(9)]
    assert codes[-1] == 400


def test_a_hundred_numbers_and_quality(api: Api, receiver: Receiver) -> None:
    numbers = api.post("/sandbox/numbers", {"count": 100, "rate_per_second": 20}).json()["numbers"]
    assert len({n["id"] for n in numbers}) == len({n["display_phone_number"] for n in numbers}) == 100
    assert numbers[0]["rate_per_second"] == 20
    api.post(f"/sandbox/numbers/{NUMBER}", {"quality_rating": "RED"})
    value = wait_for(lambda: receiver.of_field("phone_number_quality_update"))[0]
    assert value["event"] == "FLAGGED"


def test_messaging_limit_when_enforced(api: Api, receiver: Receiver) -> None:
    api.post(f"/sandbox/numbers/{NUMBER}", {"messaging_limit": "TIER_250", "rate_per_second": 0})
    api.set(enforce_messaging_limit=True)
    for i in range(252):
        api.send_template(f"+2783000{1000 + i}")
    wait_for(lambda: api.get("/sandbox/stats").json()["statuses"].get("failed") == 2)
    failed = wait_for(lambda: [s for s in receiver.statuses() if s["status"] == "failed"])
    assert failed[0]["errors"][0]["code"] == 131048


PNG = b"\x89PNG\r\n\x1a\n" + b"0" * 2_000_000


def upload(api: Api, data: bytes = PNG, mime: str = "image/png") -> requests.Response:
    form = {"messaging_product": "whatsapp", "type": mime}
    return api.session.post(
        f"{api.url}/v24.0/{NUMBER}/media", data=form, files={"file": ("a.png", data, mime)}, timeout=10
    )


def test_media(api: Api) -> None:
    media_id = upload(api).json()["id"]
    about = api.get(f"/v24.0/{media_id}?phone_number_id={NUMBER}").json()
    assert (about["mime_type"], about["file_size"], about["sha256"]) == (
        "image/png",
        len(PNG),
        hashlib.sha256(PNG).hexdigest(),
    )
    assert api.session.get(about["url"], timeout=5).content == PNG
    assert requests.get(about["url"], timeout=5).status_code == 401
    assert api.session.get(about["url"] + "0", timeout=5).status_code == 404
    assert api.send("+27825551234", type="image", image={"id": media_id}).status_code == 200
    assert api.delete(f"/v24.0/{media_id}").json() == {"success": True}
    assert api.get(f"/v24.0/{media_id}").status_code == 400


@pytest.mark.parametrize(
    ("data", "mime"), [(b"x", "application/zip"), (b"", "image/png"), (b"x" * 6_000_000, "image/png")]
)
def test_media_that_is_refused(api: Api, data: bytes, mime: str) -> None:
    assert upload(api, data, mime).json()["error"]["code"] == 100


@pytest.mark.parametrize(
    ("name", "mime", "kind"),
    [("a.png", "", "image"), ("a.webp", "", "sticker"), ("v.ogg", "audio/ogg; codecs=opus", "audio"), ("b.zip", "", "document")],
)  # fmt: skip
def test_a_customer_sends_a_file(api: Api, receiver: Receiver, name: str, mime: str, kind: str) -> None:
    file = {"name": name, "mime": mime, "data": base64.b64encode(PNG).decode()}
    wamid = api.post(
        "/sandbox/inbound", {"from": "27825550142", "phone_number_id": NUMBER, "file": file, "caption": "Look"}
    ).json()["id"]
    (message,) = wait_for(lambda: [m for m in receiver.messages() if m["id"] == wamid])
    told = message[kind]
    assert message["type"] == kind
    assert base64.b64decode(told["sha256"]) == hashlib.sha256(PNG).digest()
    assert told.get("caption") == ("Look" if kind in {"image", "document"} else None)
    assert told.get("filename") == (name if kind == "document" else None)
    answer = api.session.get(api.get(f"/v24.0/{told['id']}").json()["url"], timeout=5)
    assert (answer.content, answer.headers["Content-Type"]) == (PNG, told["mime_type"])


@pytest.mark.parametrize("file", [{"name": "a.png", "data": "no base64"}, {"name": "a.png", "data": ""}, {}])
def test_a_file_that_cannot_be_sent(api: Api, file: dict[str, str]) -> None:
    answer = api.post("/sandbox/inbound", {"from": "27825550142", "phone_number_id": NUMBER, "file": file})
    assert answer.status_code == 422


def test_resumable_upload_becomes_a_header_sample(api: Api) -> None:
    session = api.post("/v24.0/500000000000001/uploads?file_name=a.png&file_length=2000008&file_type=image/png").json()[
        "id"
    ]
    url = f"{api.url}/v24.0/{session}"
    first = api.session.post(url, data=PNG[:1000], headers={"file_offset": "0"}, timeout=5).json()
    assert first["file_offset"] == 1000
    assert api.session.get(url, timeout=5).json()["file_offset"] == 1000
    handle = api.session.post(url, data=PNG[1000:], headers={"file_offset": "1000"}, timeout=5).json()["h"]
    header = {"type": "HEADER", "format": "IMAGE", "example": {"header_handle": [handle]}}
    template = {
        "name": "with_picture",
        "language": "en",
        "category": "UTILITY",
        "components": [header, {"type": "BODY", "text": "Hi"}],
    }
    created = api.post(f"/v24.0/{WABA}/message_templates", template)
    assert created.status_code == 200, created.text
    shown = api.get(f"/v24.0/{created.json()['id']}").json()["components"][0]["example"]["header_handle"][0]
    assert requests.get(shown, timeout=5).content == PNG


def test_state_survives_a_restart(tmp_path: Path, receiver: Receiver) -> None:
    process, url = start_sandbox("--data", str(tmp_path), "--webhook-url", receiver.url)
    api = Api(url)
    api.set(deliver_after_s=3, sent_after_s=0.05)
    body = {"type": "BODY", "text": "Hello there"}
    template = {"name": "kept", "language": "en", "category": "UTILITY", "components": [body]}
    template_id = api.post(f"/{WABA}/message_templates", template).json()["id"]
    media_id = upload(api, b"\x89PNG", "image/png").json()["id"]
    api.post("/sandbox/customers/27825551234", {"name": "Ana"})
    wamid = api.send_template("+27825551234").json()["messages"][0]["id"]
    wait_for(lambda: receiver.states(wamid) == ["sent"])
    stop_sandbox(process)
    started = time.monotonic()
    process, url = start_sandbox("--data", str(tmp_path), "--webhook-url", receiver.url)
    took = time.monotonic() - started
    api = Api(url)
    assert api.get(f"/{template_id}").json()["name"] == "kept"
    assert api.session.get(api.get(f"/{media_id}").json()["url"], timeout=5).content == b"\x89PNG"
    customer = api.get("/sandbox/customers/27825551234").json()
    assert customer["name"] == "Ana"
    assert [m["id"] for m in customer["chats"][NUMBER]["messages"]] == [wamid]
    wait_for(lambda: "delivered" in receiver.states(wamid))
    wait_for(lambda: api.get(f"/{template_id}").json()["status"] == "APPROVED")
    stop_sandbox(process)
    assert took < 3


def test_webhooks_that_are_owed_survive_a_restart(tmp_path: Path, receiver: Receiver) -> None:
    receiver.answers[:] = [503] * 3
    process, url = start_sandbox("--data", str(tmp_path), "--webhook-url", receiver.url)
    api = Api(url)
    api.set(webhook_retry_s=60)
    message = api.open_window("27825550142")
    wait_for(lambda: len(receiver.posts) == 1)
    stop_sandbox(process)
    receiver.answers.clear()
    process, _ = start_sandbox("--data", str(tmp_path), "--webhook-url", receiver.url)
    wait_for(lambda: len(receiver.posts) == 2)
    assert receiver.posts[0][0] == receiver.posts[1][0]
    assert message.encode() in receiver.posts[1][0].replace(b"\\/", b"/")
    stop_sandbox(process)
