"""The published short paths: names and shapes of the first API, with our checks."""

import io
import json
from datetime import UTC, timedelta

import pytest

from tests import factories
from tests.cast import PASSWORD, Cast
from tests.client import ApiClient, Client
from wotnot import clock
from wotnot.blueprints.api.seed import SHORT_PATHS
from wotnot.models import BroadcastState, MessageState
from wotnot.services import broadcasts, contacts, shop_rules


@pytest.fixture
def alice(cast: Cast, client: Client) -> ApiClient:
    return client.api(cast.alice)


@pytest.fixture
def bob(cast: Cast, client: Client) -> ApiClient:
    return client.api(cast.bob)


@pytest.fixture
def template(cast: Cast):
    factories.make_channel(cast.workspace)
    return factories.make_template(cast.workspace)


# ---------------------------------------------------------------- log-in


@pytest.mark.parametrize(
    "request_of",
    [
        {"data": {"username": "alice@example.com", "password": PASSWORD}},
        {"json": {"username": "alice@example.com", "password": PASSWORD}},
        {"json": {"email": "alice@example.com", "password": PASSWORD}},
    ],
)
@pytest.mark.parametrize("slash", ["", "/"])
def test_login_by_form_or_json(cast: Cast, client: Client, request_of, slash):
    answer = client.post(f"/login{slash}", **request_of)
    assert answer.status_code == 200
    assert answer.json["token_type"] == "bearer"
    token = ApiClient(client.application.test_client(use_cookies=False), answer.json["access_token"])
    assert token.get("/me").json["user"]["email"] == "alice@example.com"
    assert token.get("//contacts/").json == []


@pytest.mark.parametrize("email", ["alice@example.com", "nobody@example.com"])
def test_a_wrong_login_is_400_with_one_text(cast: Cast, client: Client, email):
    answer = client.post("/login", data={"username": email, "password": "wrong"})
    assert answer.status_code == 400
    assert answer.json["detail"] == "E-mail and password do not match."
    assert answer.mimetype == "application/problem+json"


def test_register_and_taken(cast: Cast, client: Client):
    body = {"username": "Dana", "email": "dana@casa.example", "password": PASSWORD}
    assert client.post("/register", json=body).json["success"] is True
    assert client.post("/login", data={"username": body["email"], "password": PASSWORD}).status_code == 200
    again = client.post("/register/", json=body)
    assert (again.status_code, again.json["code"]) == (400, "email_taken")
    assert client.post("/register", json={**body, "email": "x"}).status_code == 422


@pytest.mark.parametrize(
    "path", [path for path in SHORT_PATHS if not path.is_open], ids=lambda path: path.rule + path.method
)
def test_all_others_need_a_credential(session, client: Client, path):
    url = path.rule.replace("<int:broadcast_id>", "1").replace("<contact_id>", "1")
    url = url.replace("<phone>", "1").replace("<name>", "x")
    answer = client.open(url, method=path.method)
    assert answer.status_code == 401
    assert answer.mimetype == "application/problem+json"


@pytest.mark.parametrize("path", [path for path in SHORT_PATHS if path.role], ids=lambda path: path.rule + path.method)
def test_agents_may_not_send_or_delete(bob: ApiClient, path):
    url = path.rule.replace("<int:broadcast_id>", "1").replace("<phone>", "1").replace("<name>", "x")
    assert bob.call(path.method, f"/{url}", {}).status_code == 403


# ---------------------------------------------------------------- contacts


def test_contacts_from_first_to_last(alice: ApiClient):
    made = alice.post(
        "//contacts/", {"name": "Naledi", "email": "n@example.com", "phone": "082 555 0101", "tags": ["vip"]}
    )
    assert made.status_code == 200
    assert made.json["phone"] == "+27825550101"
    assert made.json["tags"] == ["vip"]
    duplicate = alice.post("//contacts", {"phone": "+27825550101"})
    assert duplicate.status_code == 400
    assert duplicate.json["contact_id"] == made.json["id"]
    changed = alice.put(f"//contacts/{made.json['id']}", {"name": "Naledi M", "tags": []})
    assert (changed.json["name"], changed.json["tags"], changed.json["phone"]) == ("Naledi M", [], "+27825550101")
    assert alice.get("//contacts").json == [changed.json]
    assert alice.delete("//contacts/27825550101").json == {"ok": True}
    assert alice.delete("//contacts/+27825550101").status_code == 404


@pytest.mark.parametrize("phone", ["27825550101", "+27825550101", "0825550101"])
def test_a_contact_is_deleted_by_its_number_in_any_form(alice: ApiClient, phone):
    alice.post("//contacts/", {"phone": "+27825550101"})
    assert alice.delete(f"//contacts/{phone}/").json == {"ok": True}


def test_contacts_are_sorted_filtered_and_windowed(cast: Cast, alice: ApiClient):
    for name, phone in (("B", "+27825550102"), ("A", "+27825550101"), ("C", "+27825550103")):
        alice.post("//contacts/", {"name": name, "phone": phone, "tags": ["vip"] if name != "C" else []})
    names = lambda query: [one["name"] for one in alice.get(f"//contacts/?{query}").json]  # noqa: E731
    assert names("") == ["C", "A", "B"]
    assert names("sort_by=name&order=asc") == ["A", "B", "C"]
    assert names("sort_by=phone&order=desc&limit=1&offset=1") == ["B"]
    assert names("tag=VIP&sort_by=name&order=asc") == ["A", "B"]
    assert names("tag=nobody") == []


@pytest.mark.parametrize(
    "query", ["limit=0", "limit=1000000", "offset=-1", "offset=100001", "sort_by=password", "order=up"]
)
def test_windows_have_limits(alice: ApiClient, query):
    assert alice.get(f"//contacts/?{query}").status_code == 422


def test_contacts_of_others_do_not_exist(cast: Cast, alice: ApiClient):
    theirs = factories.make_contact(cast.other_workspace, phone="27825550109")
    assert alice.put(f"//contacts/{theirs.id}", {"name": "mine"}).status_code == 404
    assert alice.delete("//contacts/27825550109").status_code == 404
    assert alice.put("//contacts/abc", {"name": "x"}).status_code == 404


def csv_of(text: str) -> dict[str, object]:
    return {"data": {"file": (io.BytesIO(text.encode()), "people.csv")}, "content_type": "multipart/form-data"}


def test_a_small_file_is_imported_at_once(cast: Cast, alice: ApiClient):
    alice.post("//contacts/", {"name": "Known", "phone": "+27825550100"})
    text = "name,phone,email,tags\nA,0825550101,a@example.com,vip\nB,12,,\nKnown,0825550100,,\nA again,+27825550101,,\n"
    answer = alice.post("//contacts/bulk_import/", **csv_of(text))
    assert answer.status_code == 200
    assert [(one["name"], one["phone"], one["tags"]) for one in answer.json["contacts"]] == [
        ("A", "+27825550101", ["vip"])
    ]
    assert [(one["row"], one["reason"]) for one in answer.json["duplicate_records"]] == [
        (4, "A contact already"),
        (5, "The same number as in row 2"),
    ]
    assert [one["row"] for one in answer.json["invalid_records"]] == [3]
    assert contacts.count_contacts(cast.workspace.id).total == 2
    assert contacts.find_contact_by_phone(cast.workspace.id, "27825550100").name == "Known"


def test_a_large_file_is_sent_elsewhere_and_nothing_is_kept(cast: Cast, alice: ApiClient):
    text = "phone\n" + "\n".join(f"+2782{number:07}" for number in range(5001))
    answer = alice.post("//contacts/bulk_import", **csv_of(text))
    assert answer.status_code == 413
    assert "/api/v1/imports" in answer.json["detail"]
    assert contacts.count_contacts(cast.workspace.id).total == 0


@pytest.mark.parametrize("text", ["", "\x00\x01\x02\x00", "name\nA\n"])
def test_what_is_no_list_of_people_is_refused(alice: ApiClient, text):
    assert alice.post("//contacts/bulk_import/", **csv_of(text)).status_code == 422
    assert alice.post("//contacts/bulk_import/").status_code == 422


# ---------------------------------------------------------------- templates


def test_templates_are_listed_binned_and_restored(alice: ApiClient, template):
    listed = alice.get("//template").json
    assert listed["success"] is True
    assert [(one["name"], one["status"]) for one in listed["data"]] == [(template.name, "APPROVED")]
    assert alice.delete(f"//delete-template/{template.name}").json["success"] is True
    assert alice.get("//template/").json["data"] == []
    assert alice.delete(f"//delete-template/{template.name}").status_code == 404
    assert alice.post(f"//template/restore/{template.name}").json["success"] is True
    assert len(alice.get("//template").json["data"]) == 1
    assert alice.post("//template/restore/nothing").status_code == 404


def test_creating_a_template_needs_a_number(alice: ApiClient):
    body = {"name": "x", "category": "UTILITY", "language": "en", "components": [{"type": "BODY", "text": "Hi"}]}
    answer = alice.post("//create-template", body)
    assert (answer.status_code, answer.json["code"]) == (409, "no_channel")


# ---------------------------------------------------------------- broadcasts


def send(alice: ApiClient, to_send, **fields):
    body = {
        "name": "Hello",
        "recipients": [{"name": "Naledi", "phone": "0825550101"}, {"name": "", "phone": "+27825550102"}],
        "template": to_send.name,
        "template_data": json.dumps({"language": {"code": to_send.language}}),
        "type": "template",
        "status": "processing",
    }
    return alice.post("//send-template-message/", body | fields)


def test_a_template_is_sent_to_people_who_become_contacts(cast: Cast, alice: ApiClient, template, run_jobs):
    answer = send(alice, template, body_parameters=["name", "50%"])
    assert answer.status_code == 200, answer.json
    assert answer.json["status"] == "processing"
    run_jobs("events", "default")
    found = broadcasts.get_broadcast(cast.workspace.id, answer.json["broadcast_id"])
    assert found.state is BroadcastState.SENDING
    assert contacts.find_contact_by_phone(cast.workspace.id, "27825550101").name == "Naledi"
    listed = alice.get("//broadcast").json[0]
    assert listed["contacts"] == ["+27825550101", "+27825550102"]
    assert (listed["contacts_count"], listed["status"], listed["template"]) == (2, "sending", template.name)
    report = alice.get(f"//broadcast-report/{found.id}").json
    assert [(one["phone_no"], one["contact_name"], one["status"]) for one in report] == [
        ("+27825550101", "Naledi", "queued"),
        ("+27825550102", "", "queued"),
    ]
    assert [one["phone_no"] for one in alice.get(f"//broadcast-report/{found.id}?limit=1&offset=1").json] == [
        "+27825550102"
    ]


WITH_PICTURE = [{"type": "HEADER", "format": "IMAGE"}, {"type": "BODY", "text": "The new plants are in."}]


@pytest.mark.parametrize("kind", ["a number", "its digits", "an id of Meta's", "an id of Meta's as a number", "a link"])
def test_a_picture_is_named_by_its_id_in_the_library_or_at_meta(cast: Cast, alice: ApiClient, kind: str):
    factories.make_channel(cast.workspace)
    template = factories.make_template(cast.workspace, components=WITH_PICTURE)
    file_id = factories.make_media_file(cast.workspace).id
    given, kept = {
        "a number": (file_id, {"file_id": file_id}),
        "its digits": (str(file_id), {"file_id": file_id}),
        "an id of Meta's": ("910000000000001", {"text": "910000000000001"}),
        "an id of Meta's as a number": (910000000000001, {"text": "910000000000001"}),
        "a link": ("https://shop.example/a.jpg", {"text": "https://shop.example/a.jpg"}),
    }[kind]
    sent = send(alice, template, image_id=given)
    assert sent.status_code == 200, sent.text
    broadcast = broadcasts.get_broadcast(cast.workspace.id, sent.json["broadcast_id"])
    assert broadcast.variables == {"header.image": kept}
    shop = factories.make_sandbox_shop(cast.workspace)
    order = {"template_id": template.name, "template_data": "{}", "parameters": [], "type": "image", "image_id": given}
    assert alice.post("//integrate/woo_order_cnf", order).status_code == 200
    assert shop_rules.list_rules(cast.workspace.id, shop.id)[0].variables == {"header.image": kept}


@pytest.mark.parametrize("given", [True, 1.5, [], {"id": 1}, 999_999_999])
def test_a_picture_that_is_none_is_refused(cast: Cast, alice: ApiClient, given: object):
    factories.make_channel(cast.workspace)
    template = factories.make_template(cast.workspace, components=WITH_PICTURE)
    assert send(alice, template, image_id=given).status_code == 422


def test_states_have_their_first_names_too(cast: Cast, alice: ApiClient):
    made = {state: factories.make_broadcast(cast.workspace, state=state).id for state in BroadcastState}
    found = lambda word: {one["id"] for one in alice.get(f"//broadcast?limit=50&statusfilter={word}").json}  # noqa: E731
    assert found("processing") == {made[BroadcastState.EXPANDING], made[BroadcastState.SENDING]}
    assert found("Completed") == {made[BroadcastState.FINISHED]}
    assert found("") == set(made.values())
    refused = alice.get("//broadcast?statusfilter=nonsense")
    assert (refused.status_code, list(refused.json["errors"])) == (422, ["statusfilter"])


@pytest.mark.parametrize(
    "fields",
    [
        {"recipients": []},
        {"recipients": [{"name": "x", "phone": "12"}]},
        {"template": "unknown"},
        {"template_data": "{"},
        {"template_data": "[]"},
        {"recipients": "everybody"},
        {"name": " "},
    ],
)
def test_what_cannot_be_sent_leaves_nothing_behind(cast: Cast, alice: ApiClient, template, fields):
    assert send(alice, template, **fields).status_code == 422
    assert alice.get("//broadcast").json == []
    assert contacts.count_contacts(cast.workspace.id).total == 0


def test_a_broadcast_is_scheduled_moved_and_cancelled(cast: Cast, alice: ApiClient):
    factories.make_channel(cast.workspace)
    template = factories.make_template(cast.workspace, components=[{"type": "BODY", "text": "Hello {{1}}"}])
    soon = clock.now() + timedelta(hours=2)
    body = {"name": "Later", "template": template.name, "type": "template", "contacts": ["+27825550101"]}
    made = alice.post("//broadcast", body | {"scheduled_time": soon.isoformat()}).json["broadcast_id"]
    shown = alice.get("//broadcast?statusfilter=Scheduled").json[0]
    assert (shown["id"], shown["status"], shown["task_id"]) == (made, "scheduled", f"broadcast-{made}")
    assert shown["contacts"] == ["+27825550101"]
    later = (clock.now() + timedelta(hours=5)).replace(microsecond=0)
    moved = alice.put(f"//broadcast/{made}", {"name": "Much later", "scheduled_time": later.isoformat()})
    assert moved.json["broadcast_id"] == made
    assert broadcasts.get_broadcast(cast.workspace.id, made).scheduled_at == later
    assert alice.delete(f"//broadcasts-delete/{made}").status_code == 200
    assert broadcasts.get_broadcast(cast.workspace.id, made).state is BroadcastState.CANCELLED
    assert alice.delete(f"//broadcasts-delete/{made}").status_code == 409


def test_a_time_without_an_offset_is_the_workspaces_own(cast: Cast, alice: ApiClient, session):
    cast.workspace.timezone = "Africa/Johannesburg"
    session.commit()
    factories.make_channel(cast.workspace)
    template = factories.make_template(cast.workspace, components=[{"type": "BODY", "text": "Hello"}])
    body = {"name": "Later", "template": template.name, "contacts": ["+27825550101"]}
    tomorrow = (clock.now() + timedelta(days=1)).date()
    made = alice.post("//broadcast", body | {"scheduled_time": f"{tomorrow}T10:00:00"}).json["broadcast_id"]
    scheduled_at = broadcasts.get_broadcast(cast.workspace.id, made).scheduled_at
    assert scheduled_at.astimezone(UTC).isoformat() == f"{tomorrow}T08:00:00+00:00"


def test_without_a_time_it_is_a_draft(cast: Cast, alice: ApiClient, template):
    made = alice.post("//broadcast", {"name": "Draft", "template": template.name, "contacts": ["+27825550101"]})
    assert broadcasts.get_broadcast(cast.workspace.id, made.json["broadcast_id"]).state is BroadcastState.DRAFT


def test_broadcasts_of_others_do_not_exist(cast: Cast, alice: ApiClient):
    channel = factories.make_channel(cast.other_workspace)
    theirs = factories.make_broadcast(cast.other_workspace, channel, factories.make_template(cast.other_workspace))
    assert alice.get("//broadcast").json == []
    assert alice.get(f"//broadcast-report/{theirs.id}").status_code == 404
    assert alice.put(f"//broadcast/{theirs.id}", {"name": "mine"}).status_code == 404
    assert alice.delete(f"//broadcasts-delete/{theirs.id}").status_code == 404


def test_analytics_count_by_day(cast: Cast, alice: ApiClient):
    channel = factories.make_channel(cast.workspace)
    contact = factories.make_contact(cast.workspace)
    day = clock.now().date() - timedelta(days=1)
    factories.make_message(channel, contact, day=day, state=MessageState.DELIVERED, reached=4)
    factories.make_message(channel, contact, day=day, state=MessageState.ACCEPTED, reached=2)
    points = alice.get(f"//get-analytics?start={day}&end={day}").json["data_points"]
    assert [(point["sent"], point["delivered"], point["end"] - point["start"]) for point in points] == [(2, 1, 86400)]
    assert len(alice.get("//get-analytics").json["data_points"]) == 30
    assert alice.get("//get-analytics?start=yesterday").status_code == 422
    assert alice.get("//get-analytics?start=2026-02-01&end=2026-01-01").status_code == 422
