"""What one request may carry, and what refusals say."""

import io

import pytest

from tests.cast import Cast
from tests.client import ApiClient, Client
from wotnot.blueprints.limits import MAX_BODY


@pytest.fixture
def api(client: Client, cast: Cast) -> ApiClient:
    return client.api(cast.alice)


def test_json_nested_too_deeply_is_the_callers_mistake(client: Client) -> None:
    answer = client.post("/api/v1/auth/login", data="[" * 100_000, content_type="application/json")
    assert answer.status_code == 400
    assert answer.json["detail"] == "The JSON is nested too deeply."
    assert answer.mimetype == "application/problem+json"


def test_a_body_that_is_no_file_has_a_limit(api: ApiClient) -> None:
    answer = api.call("POST", "/contacts", data=b" " * (MAX_BODY + 1), content_type="application/json")
    assert answer.status_code == 413
    assert answer.json["status"] == 413


def test_only_answers_that_ask_to_come_again_say_when(api: ApiClient) -> None:
    for answer in (api.get("/me"), api.get("/contacts/999999")):
        assert "X-RateLimit-Remaining" in answer.headers
        assert "Retry-After" not in answer.headers


def test_characters_that_cannot_be_stored_are_named_under_errors(api: ApiClient) -> None:
    answer = api.call(
        "POST", "/contacts", data=b'{"phone": "0825550142", "name": "\\ud800"}', content_type="application/json"
    )
    assert answer.status_code == 422
    assert answer.json["errors"]


def test_a_delivery_without_a_length_is_cut_off_too(client: Client) -> None:
    answer = client.post(
        "/webhooks/whatsapp",
        input_stream=io.BytesIO(b" " * (4 * 1024 * 1024)),
        environ_overrides={"wsgi.input_terminated": True},
        content_type="application/json",
    )
    assert answer.status_code == 413
