"""Contacts and imports over the JSON API."""

import io
import json
from collections.abc import Callable
from typing import Any

import pytest

from tests import factories
from tests.cast import Cast
from tests.client import ApiClient, Client
from wotnot.models import Consent

FILE = b"phone,name,city\n0825550142,Naledi,Paarl\n0825550143,Pieter,\n,Nobody,\n0825550142,Again,\n"


@pytest.fixture
def api(client: Client, cast: Cast) -> ApiClient:
    return client.api(cast.alice)


def send(api: ApiClient, data: bytes = FILE, **fields: Any) -> Any:
    return api.call("POST", "/imports", data={"file": (io.BytesIO(data), "people.csv"), **fields})


def test_the_life_of_a_contact(api: ApiClient) -> None:
    made = api.post(
        "/contacts", {"phone": "082 555 0142", "name": "Naledi", "tags": ["VIP"], "attributes": {"City": "Paarl"}}
    )
    assert made.status_code == 201
    body = made.json
    assert body | {"id": 0, "created_at": "", "updated_at": ""} == {
        "id": 0,
        "phone": "+27825550142",
        "name": "Naledi",
        "email": "",
        "language": None,
        "tags": ["VIP"],
        "attributes": {"City": "Paarl"},
        "consent": "unknown",
        "created_at": "",
        "updated_at": "",
    }
    path = f"/contacts/{body['id']}"
    assert api.get(path).json == body
    changed = api.patch(path, {"email": "n@example.com", "consent": "opted_out"}).json
    assert (changed["email"], changed["consent"], changed["name"]) == ("n@example.com", "opted_out", "Naledi")
    replaced = api.put(path, {"phone": "+44 20 7946 0018"}).json
    kept = {name: replaced[name] for name in ("phone", "name", "email", "tags", "attributes", "consent")}
    assert kept == {
        "phone": "+442079460018",
        "name": "",
        "email": "",
        "tags": [],
        "attributes": {},
        "consent": "opted_out",
    }
    assert api.delete(path).status_code == 204
    assert api.get(path).status_code == 404


def test_a_known_number_is_a_conflict_that_names_the_contact(api: ApiClient) -> None:
    first = api.post("/contacts", {"phone": "0825550142"}).json
    again = api.post("/contacts", {"phone": "+27825550142"})
    assert (again.status_code, again.json["code"], again.json["contact_id"]) == (409, "contact_exists", first["id"])


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({}, "phone"),
        ({"phone": "12"}, "phone"),
        ({"phone": 12}, "phone"),
        ({"phone": "0825550142", "email": "x"}, "email"),
        ({"phone": "0825550142", "tags": "VIP"}, "tags"),
        ({"phone": "0825550142", "nome": "x"}, "nome"),
        ({"phone": "0825550142", "consent": "perhaps"}, "consent"),
        ({"phone": "0825550142", "country": "ZAF"}, "country"),
    ],
)
def test_fields_that_cannot_be_taken(api: ApiClient, body: dict[str, Any], field: str) -> None:
    answer = api.post("/contacts", body)
    assert (answer.status_code, list(answer.json["errors"])) == (422, [field])


def test_lists_page_search_and_filter(api: ApiClient, cast: Cast) -> None:
    people = factories.make_contacts(cast.workspace, 5)
    factories.tag_contact(people[0], factories.make_tag(cast.workspace, "VIP"))
    first = api.get("/contacts?limit=3").json
    rest = api.get(f"/contacts?limit=3&cursor={first['next_cursor']}").json
    assert [item["id"] for item in first["items"] + rest["items"]] == [person.id for person in reversed(people)]
    assert rest["next_cursor"] is None
    assert [item["tags"] for item in api.get("/contacts?tag=vip").json["items"]] == [["VIP"]]
    assert api.get(f"/contacts?search={people[2].phone}").json["items"][0]["id"] == people[2].id
    assert api.get("/contacts?limit=201").status_code == 422
    assert api.get("/contacts?cursor=nonsense").status_code == 422
    assert api.get("/contacts?consent=perhaps").status_code == 422


def test_an_agent_may_look_and_edit_but_not_delete_import_or_export(client: Client, cast: Cast) -> None:
    contact = factories.make_contact(cast.workspace)
    bob = client.api(cast.bob)
    assert bob.get("/contacts").status_code == 200
    assert bob.patch(f"/contacts/{contact.id}", {"name": "Bob was here"}).status_code == 200
    assert bob.delete(f"/contacts/{contact.id}").status_code == 403
    assert bob.get("/contacts/export.csv").status_code == 403
    assert send(bob).status_code == 403


def test_a_stranger_gets_404(client: Client, cast: Cast, api: ApiClient) -> None:
    contact, import_id = factories.make_contact(cast.workspace), send(api).json["id"]
    charlie = client.api(cast.charlie)
    for method, path in (
        ("GET", f"/contacts/{contact.id}"),
        ("PUT", f"/contacts/{contact.id}"),
        ("PATCH", f"/contacts/{contact.id}"),
        ("DELETE", f"/contacts/{contact.id}"),
        ("GET", f"/imports/{import_id}"),
        ("GET", f"/imports/{import_id}/errors.csv"),
    ):
        body = {"phone": "0825550142"} if method in {"PUT", "PATCH"} else None
        assert charlie.call(method, path, body).status_code == 404, (method, path)


def test_the_export(api: ApiClient, cast: Cast) -> None:
    factories.make_contact(cast.workspace, phone="27825550142", name="=cmd()", consent=Consent.OPTED_OUT)
    factories.make_contact(cast.other_workspace, name="Not ours")
    answer = api.get("/contacts/export.csv")
    assert (answer.status_code, answer.mimetype, answer.is_streamed) == (200, "text/csv", True)
    assert "attachment" in answer.headers["Content-Disposition"]
    lines = answer.get_data(as_text=True).removeprefix("\ufeff").splitlines()
    assert len(lines) == 2
    assert lines[1].startswith("+27825550142,'=cmd(),,,,opted_out,")


def test_an_import(api: ApiClient, run_jobs: Callable[..., list[str]]) -> None:
    answer = send(
        api,
        default_country="ZA",
        on_duplicate="overwrite",
        tags="november, shop",
        mapping=json.dumps({"phone": "phone", "name": "name", "city": "attribute:City"}),
    )
    assert (answer.status_code, answer.json["state"], answer.json["rows"]) == (202, "queued", 0)
    assert run_jobs("bulk") == ["run_import"]
    done = api.get(f"/imports/{answer.json['id']}").json
    named = ("state", "rows", "created", "updated", "unchanged", "duplicates", "invalid", "progress")
    assert [done[name] for name in named] == ["done", 4, 2, 0, 0, 1, 1, 1.0]
    errors = api.get(f"/imports/{answer.json['id']}/errors.csv").get_data(as_text=True)
    assert "4,,Nobody,,phone: Missing" in errors
    [naledi] = api.get("/contacts?search=naledi").json["items"]
    assert (naledi["tags"], naledi["attributes"]) == (["november", "shop"], {"City": "Paarl"})
    assert [item["id"] for item in api.get("/imports").json["items"]] == [answer.json["id"]]


def test_a_dry_run_changes_nothing(api: ApiClient, run_jobs: Callable[..., list[str]]) -> None:
    import_id = send(api, dry_run="true").json["id"]
    run_jobs("bulk")
    done = api.get(f"/imports/{import_id}").json
    assert (done["state"], done["dry_run"], done["created"]) == ("done", True, 2)
    assert api.get("/contacts").json["items"] == []


@pytest.mark.parametrize(
    ("data", "fields", "field"),
    [
        (b"", {}, "file"),
        (b"PK\x03\x04" + bytes(200), {}, "file"),
        (b"phone,name\n", {}, "file"),
        (b"name\nNaledi\n", {}, "mapping"),
        (FILE, {"mapping": "{"}, "mapping"),
        (FILE, {"mapping": "[]"}, "mapping"),
        (FILE, {"mapping": '{"zip": "name"}'}, "mapping"),
        (FILE, {"on_duplicate": "merge"}, "on_duplicate"),
        (FILE, {"default_country": "XX"}, "default_country"),
        (FILE, {"dry_run": "perhaps"}, "dry_run"),
        (FILE, {"nonsense": "1"}, "nonsense"),
    ],
)
def test_an_import_that_cannot_be(api: ApiClient, data: bytes, fields: dict[str, str], field: str) -> None:
    answer = send(api, data, **fields)
    assert (answer.status_code, list(answer.json["errors"])) == (422, [field]), answer.json
    assert api.get("/imports").json["items"] == []


def test_an_import_without_a_file(api: ApiClient) -> None:
    assert list(api.call("POST", "/imports", data={"dry_run": "1"}).json["errors"]) == ["file"]


def test_two_gigabytes_are_refused_before_they_are_read(api: ApiClient) -> None:
    answer = api.call(
        "POST",
        "/imports",
        data=b"--x\r\n",
        headers={"Content-Type": "multipart/form-data; boundary=x"},
        environ_overrides={"CONTENT_LENGTH": str(2 << 30)},
    )
    assert (answer.status_code, answer.mimetype) == (413, "application/problem+json")


def test_a_column_mapped_to_its_own_name_becomes_an_attribute(api: ApiClient) -> None:
    assert send(api, FILE, mapping=json.dumps({"phone": "phone", "city": "City"}), dry_run="true").status_code == 202
    refused = send(api, FILE, mapping=json.dumps({"phone": "phone", "city": "town"}))
    assert refused.status_code == 422
    assert "town" in refused.json["detail"]


def test_utf_32_is_read(api: ApiClient) -> None:
    assert send(api, "phone,name\n0825550142,Zoë\n".encode("utf-32")).status_code == 202
