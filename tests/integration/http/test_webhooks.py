"""Meta's door: the handshake, the signature on the raw bytes, and nothing that lets a stranger in."""

import hashlib
import hmac
from typing import Any

import pytest

from tests.client import Client
from tests.conftest import APP_SECRET, VERIFY_TOKEN
from wotnot.models import WebhookEvent

BODY = b'{"object": "whatsapp_business_account", "entry": [], "note": "\\u00e9\\/"}'


def sign(body: bytes, secret: str = APP_SECRET) -> str:
    return "sha256=" + hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()


def post(client: Client, body: bytes, signature: str) -> Any:
    headers = {"X-Hub-Signature-256": signature, "Content-Type": "application/json"}
    return client.post("/webhooks/whatsapp", data=body, headers=headers)


def test_handshake(client: Client, session: Any) -> None:
    query = {"hub.mode": "subscribe", "hub.challenge": "1158201444", "hub.verify_token": VERIFY_TOKEN}
    assert client.get("/webhooks/whatsapp", query_string=query).data == b"1158201444"
    refused = client.get("/webhooks/whatsapp", query_string={**query, "hub.verify_token": "wrong"})
    assert refused.status_code == 403


def test_a_signed_delivery_is_stored_as_it_came(client: Client, session: Any) -> None:
    assert post(client, BODY, sign(BODY)).status_code == 200
    assert session.query(WebhookEvent).one().body == BODY


@pytest.mark.parametrize("signature", ["", "sha256=", sign(BODY, "other secret"), sign(BODY + b" "), "sha1=abc", "é"])
def test_forged_deliveries_are_refused(client: Client, session: Any, signature: str) -> None:
    assert post(client, BODY, signature).status_code == 401
    assert session.query(WebhookEvent).count() == 0


def test_malformed_but_signed_is_stored_and_answered(client: Client, session: Any) -> None:
    assert post(client, b"not json", sign(b"not json")).status_code == 200


def test_too_large_is_refused(client: Client, session: Any) -> None:
    body = b" " * (3 * 1024 * 1024 + 1)
    assert post(client, body, sign(body)).status_code == 413
