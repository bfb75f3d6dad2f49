"""What the API takes as a body: JSON that says so, of the types that the document names."""

import io
from typing import Any

import pytest

from tests import factories
from tests.cast import Cast
from tests.client import ApiClient, Client
from wotnot.models import Contact


@pytest.fixture
def api(cast: Cast, client: Client) -> ApiClient:
    return client.api(cast.alice)


@pytest.fixture
def contact(cast: Cast) -> Contact:
    return factories.make_contact(cast.workspace)


@pytest.mark.parametrize(
    ("body", "content_type", "status"),
    [
        (b"", None, 422),
        (b"", "application/json", 422),
        (b'{"name": "Naledi"}', None, 415),
        (b'{"name": "Naledi"}', "text/plain", 415),
        (b"<name>Naledi</name>", "application/xml", 415),
        (b"name=Naledi", "application/x-www-form-urlencoded", 415),
        (b'{"name": ', "application/json", 400),
        (b'{"attributes": {"points": NaN}}', "application/json", 400),
        (b"\xff\xfe", "application/json", 400),
        (b"[]", "application/json", 422),
        (b'{"name": "Naledi"}', "application/merge-patch+json", 200),
    ],
)
def test_a_body_is_json_that_says_so(
    api: ApiClient, contact: Contact, body: bytes, content_type: str | None, status: int
) -> None:
    answer = api.call("PATCH", f"/contacts/{contact.id}", data=body, content_type=content_type)
    assert answer.status_code == status, answer.text
    if status >= 400:
        assert answer.mimetype == "application/problem+json"
        assert contact.name.startswith("Contact")


@pytest.mark.parametrize(
    ("path", "body", "field"),
    [
        ("/api-keys", {"name": "Shop", "is_test": 0}, "is_test"),
        ("/api-keys", {"name": "Shop", "is_test": "yes"}, "is_test"),
        ("/exports", {"kind": "costs", "broadcast_id": 2.5e-42}, "broadcast_id"),
        ("/exports", {"kind": "costs", "broadcast_id": "2"}, "broadcast_id"),
        ("/exports", {"kind": "costs", "broadcast_id": True}, "broadcast_id"),
        ("/exports", {"kind": "costs", "broadcast_id": 2**63}, "broadcast_id"),
        ("/exports", {"kind": "costs", "broadcast_id": [2]}, "broadcast_id"),
        ("/contacts", {"phone": "0825550101", "attributes": {"VIP": False}}, "attributes.VIP.value"),
    ],
)
def test_a_value_of_another_type_is_refused(api: ApiClient, path: str, body: dict[str, Any], field: str) -> None:
    answer = api.post(path, body)
    assert (answer.status_code, list(answer.json["errors"])) == (422, [field])


def test_a_whole_number_may_be_written_with_a_point(api: ApiClient) -> None:
    assert api.post("/exports", {"kind": "costs", "broadcast_id": 2.0}).status_code == 202


@pytest.mark.parametrize("path", ["/imports", "/media"])
def test_a_file_comes_in_a_form_that_has_nothing_else(api: ApiClient, path: str) -> None:
    assert list(api.post(path, {"file": "people.csv"}).json["errors"]) == ["file"]
    sent = {"file": (io.BytesIO(factories.png()), "picture.png"), "surprise": "42"}
    answer = api.call("POST", path, data=sent, content_type="multipart/form-data")
    assert (answer.status_code, list(answer.json["errors"])) == (422, ["surprise"])
    assert api.call("POST", path, data={"file": "text"}, content_type="multipart/form-data").status_code == 422


def test_a_deleted_template_is_found_in_the_bin_only(cast: Cast, api: ApiClient) -> None:
    template = factories.make_template(cast.workspace)
    assert api.delete(f"/templates/{template.id}").status_code == 204
    assert api.get(f"/templates/{template.id}").status_code == 404
    assert [one["id"] for one in api.get("/templates?deleted=true").json["items"]] == [template.id]
    assert api.post(f"/templates/{template.id}/restore").status_code == 200
    assert api.get(f"/templates/{template.id}").status_code == 200
