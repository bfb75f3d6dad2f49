"""What a key may do: every scope against every route, and test keys against all of them."""

from collections.abc import Iterator
from datetime import timedelta

import pytest
from flask import Flask
from sqlalchemy import update

from tests import factories
from tests.cast import Cast
from tests.client import ApiClient, Client
from tests.contracts.routes import CHANGING, PUBLIC, Route, list_routes, make_one_of_each
from wotnot import clock
from wotnot.blueprints import api_scopes
from wotnot.models import ApiKey, Message
from wotnot.services import api_keys

AREAS_OF_PATHS = {
    "contacts": "contacts",
    "segments": "contacts",
    "imports": "contacts",
    "templates": "templates",
    "template": "templates",
    "create-template": "templates",
    "delete-template": "templates",
    "media": "templates",
    "broadcasts": "broadcasts",
    "broadcast": "broadcasts",
    "broadcasts-delete": "broadcasts",
    "broadcast-report": "broadcasts",
    "send-template-message": "broadcasts",
    "messages": "messages",
    "conversations": "messages",
    "analytics": "analytics",
    "get-analytics": "analytics",
    "exports": "exports",
    "shops": "shops",
    "test-woocommerce": "shops",
    "woo_products": "shops",
    "integrate": "shops",
    "subscribe_customer": "account",
    "channels": "account",
    "api-keys": "account",
}


def make_key(cast: Cast, app: Flask, *scopes: str, **options: object) -> ApiClient:
    _, key = api_keys.create_api_key(cast.workspace.id, user_id=cast.alice.id, name="Shop", scopes=scopes, **options)
    return ApiClient(app.test_client(use_cookies=False), key)


def api_routes(app: Flask, cast: Cast) -> Iterator[Route]:
    for route in list_routes(app, make_one_of_each(cast)):
        if route.blueprint not in PUBLIC and not route.address.startswith(("/app", "/ops")):
            yield route


def refusal(program: ApiClient, route: Route) -> str:
    """The code of a refusal for the key's sake; empty when the key was good enough."""
    answer = program.call(route.method, "/" + route.address, {} if route.method in CHANGING else None)
    return answer.json["code"] if answer.status_code == 403 else ""


def expected_area(route: Route) -> str:
    return AREAS_OF_PATHS[route.address.removeprefix("/api/v1").strip("/").split("/")[0].split("?")[0]]


def test_every_route_belongs_to_an_area(session, app: Flask, cast: Cast):
    homeless = [
        str(route)
        for route in api_routes(app, cast)
        if route.blueprint not in api_scopes.FREE and api_scopes.area_of(route.endpoint, route.address) is None
    ]
    assert not homeless, f"say in blueprints/api_scopes.py which area these are in: {homeless}"


def test_a_key_with_one_scope_gets_exactly_that_far(cast: Cast, app: Flask):
    """Every scope against every route."""
    routes = [route for route in api_routes(app, cast) if route.blueprint not in api_scopes.FREE]
    wrong = []
    for scope in api_keys.SCOPES:
        program = make_key(cast, app, scope)
        for route in routes:
            is_allowed = should_pass(scope, route)
            if (refusal(program, route) != "scope") != is_allowed:
                wrong.append(f"{scope} should {'' if is_allowed else 'not '}do for {route}")
    assert not wrong, "\n".join(wrong)


def should_pass(scope: str, route: Route) -> bool:
    area, _, verb = scope.rpartition(":")
    is_change = route.method in CHANGING and route.endpoint != "segments-api.count_filter"
    if route.endpoint == "api-keys.create" or area not in {"", expected_area(route)}:
        return False
    return verb != "read" if is_change else bool(area) or verb == "read"


def test_a_test_key_changes_nothing_and_reaches_nobody(cast: Cast, app: Flask):
    program, wrong = make_key(cast, app, is_test=True), []
    for route in api_routes(app, cast):
        is_simulated = route.endpoint in {"messages-api.send", "segments-api.count_filter", "api-keys.create"}
        asks_meta = route.endpoint == "channels-api.profile"
        should = "test_key" if asks_meta or (route.method in CHANGING and not is_simulated) else ""
        if route.endpoint != "api-keys.create" and refusal(program, route) != should:
            wrong.append(str(route))
    assert not wrong, "\n".join(wrong)


def test_a_refusal_names_the_scope(cast: Cast, app: Flask):
    refused = make_key(cast, app, "contacts:read").post("/messages", {})
    assert (refused.status_code, refused.json["code"], refused.json["scope"]) == (403, "scope", "messages:send")


def test_a_key_makes_no_other_key(cast: Cast, app: Flask):
    refused = make_key(cast, app).post("/api-keys", {"name": "Another"})
    assert (refused.status_code, refused.json["code"]) == (403, "scope")


def test_a_key_ends_at_its_time(cast: Cast, client: Client, app: Flask, session):
    alice = client.api(cast.alice)
    late = (clock.now() + timedelta(days=1)).isoformat()
    made = alice.post("/api-keys", {"name": "A day", "expires_at": late}).json
    program = ApiClient(app.test_client(use_cookies=False), made["key"])
    assert program.get("/me").status_code == 200
    session.execute(update(ApiKey).values(expires_at=clock.now() - timedelta(seconds=1)))
    session.commit()
    refused = program.get("/me")
    assert (refused.status_code, refused.json["code"]) == (401, "key_expired")
    assert alice.get("/api-keys").json["items"][0]["expires_at"]


@pytest.mark.parametrize(
    ("fields", "wrong"),
    [
        ({"scopes": ["contacts:drive"]}, "scopes.0"),
        ({"scopes": ["analytics:write"]}, "scopes.0"),
        ({"expires_at": "2020-01-01T00:00:00Z"}, "expires_at"),
        ({"expires_at": "tomorrow"}, "expires_at"),
        ({"name": ""}, "name"),
    ],
)
def test_what_no_key_can_be_is_refused(cast: Cast, client: Client, fields, wrong):
    answer = client.api(cast.alice).post("/api-keys", {"name": "Shop"} | fields)
    assert answer.status_code == 422
    assert list(answer.json["errors"]) == [wrong]


# ---------------------------------------------------------------- what a test key sends


def sent_by(program: ApiClient, to: str = "+27825550140", **changes: object) -> dict:
    body = {"to": to, "type": "template", "template": {"name": "hello_world"}} | changes
    answer = program.post("/messages", body)
    assert answer.status_code == 202, answer.json
    assert answer.json["is_test"] is True
    return answer.json


def after(monkeypatch: pytest.MonkeyPatch, seconds: float) -> None:
    later = clock.now() + timedelta(seconds=seconds)
    monkeypatch.setattr(clock, "now", lambda: later)


def test_a_test_message_needs_no_number_and_gets_its_receipts(cast: Cast, app: Flask, session, monkeypatch):
    program = make_key(cast, app, is_test=True)
    sent = sent_by(program)
    assert program.get(f"/messages/{sent['id']}").json["state"] == "queued"
    after(monkeypatch, 5)
    shown = program.get(f"/messages/{sent['id']}").json
    assert (shown["state"], shown["is_test"], shown["to"], shown["read_at"]) == (
        "delivered",
        True,
        "+27825550140",
        None,
    )
    assert shown["accepted_at"] < shown["sent_at"] < shown["delivered_at"]
    assert shown["wamid"] == f"wamid.test.{sent['id']}"
    after(monkeypatch, 9)
    assert program.get(f"/messages/{sent['id']}").json["state"] == "read"
    assert session.query(Message).count() == 0


@pytest.mark.parametrize(
    ("ending", "end"),
    [
        ("0001", ("sent", None)),
        ("0002", ("delivered", None)),
        ("0026", ("failed", 131026)),
        ("0049", ("failed", 131049)),
    ],
)
def test_an_ending_decides_what_becomes_of_it(cast: Cast, app: Flask, monkeypatch, ending, end):
    program = make_key(cast, app, is_test=True)
    sent = sent_by(program, f"+2782555{ending}")
    after(monkeypatch, 60)
    shown = program.get(f"/messages/{sent['id']}").json
    assert (shown["state"], (shown["error"] or {}).get("code")) == end


def test_it_counts_nowhere_and_leaves_no_contact(cast: Cast, client: Client, app: Flask, monkeypatch):
    program, alice = make_key(cast, app, is_test=True), client.api(cast.alice)
    before = alice.get("/analytics").json
    sent_by(program, "+27825550199")
    sent_by(program, "+27825550199", type="text", text={"body": "Hello"})
    after(monkeypatch, 60)
    assert alice.get("/analytics").json["messages"] == before["messages"]
    assert alice.get("/contacts?search=825550199").json["items"] == []


def test_it_is_checked_like_a_real_one(cast: Cast, app: Flask):
    program = make_key(cast, app, is_test=True)
    template = factories.make_template(cast.workspace)
    factories.make_contact(cast.workspace, phone="27825550141", consent="opted_out")
    for body, status in (
        ({"to": "12", "type": "text", "text": {"body": "Hello"}}, 422),
        ({"to": "+27825550140", "type": "template", "template": {"name": "unheard_of"}}, 422),
        ({"to": "+27825550140", "type": "template", "template": {"name": template.name}}, 422),
        ({"to": "+27825550141", "type": "template", "template": {"name": "hello_world"}}, 409),
        ({"to": "+27825550140", "type": "text", "text": {"body": " "}}, 422),
        ({"to": "+27825550140", "type": "image", "media": {"file_id": 99}}, 422),
        ({"to": "+27825550140", "type": "text", "text": {"body": "x"}, "channel_id": 99}, 404),
    ):
        assert program.post("/messages", body).status_code == status, body


def test_a_live_key_must_name_its_number(cast: Cast, app: Flask):
    refused = make_key(cast, app).post("/messages", {"to": "+27825550140", "type": "text", "text": {"body": "x"}})
    assert refused.status_code == 422
    assert list(refused.json["errors"]) == ["channel_id"]


def test_the_two_ledgers_are_not_mixed(cast: Cast, client: Client, app: Flask):
    test, live = make_key(cast, app, is_test=True), make_key(cast, app)
    sent = sent_by(test)
    assert live.get(f"/messages/{sent['id']}").status_code == 404
    message = factories.make_message(factories.make_channel(cast.workspace), factories.make_contact(cast.workspace))
    assert live.get(f"/messages/{message.id}").status_code == 200
    assert live.get(f"/messages/{message.id}").json["is_test"] is False
    if message.id != sent["id"]:
        assert test.get(f"/messages/{message.id}").status_code == 404


def test_a_stranger_sees_no_test_message(cast: Cast, app: Flask):
    sent = sent_by(make_key(cast, app, is_test=True))
    _, key = api_keys.create_api_key(cast.other_workspace.id, user_id=cast.charlie.id, name="x", is_test=True)
    assert ApiClient(app.test_client(use_cookies=False), key).get(f"/messages/{sent['id']}").status_code == 404


def test_repeated_with_the_same_idempotency_key_it_is_one(cast: Cast, app: Flask):
    test, once = make_key(cast, app, is_test=True), {"Idempotency-Key": "order-7"}
    body = {"to": "+27825550140", "type": "text", "text": {"body": "x"}, "channel_id": None}
    first, second = (test.post("/messages", body, headers=once).json for _ in range(2))
    assert first == second
    assert test.get(f"/messages/{first['id']}").json["to"] == "+27825550140"
    # What was tried with a test key is sent for real with a live one.
    assert make_key(cast, app).post("/messages", body, headers=once).status_code == 422


# ---------------------------------------------------------------- in the browser


def test_a_limited_test_key_is_made_and_its_messages_are_seen(cast: Cast, client: Client, app: Flask, monkeypatch):
    client.sign_in(cast.alice)
    page = "/app/settings/keys"
    assert "No test message yet" in client.get(f"{page}/test-messages").text
    chosen = {"access": "some", "area_messages": "send", "area_contacts": "read"}
    made = client.submit(page, name="Trial", kind="test", days="30", **chosen)
    key = made.text.split('value="wn_test_')[1].split('"')[0]
    assert "Contacts: read · Messages: read and send" in made.text
    sent_by(ApiClient(app.test_client(use_cookies=False), f"wn_test_{key}"), "+27825550026")
    after(monkeypatch, 60)
    seen = client.get(f"{page}/test-messages").text
    assert "Template hello_world" in seen
    assert "Failed" in seen


def test_a_key_that_may_do_nothing_is_not_made(cast: Cast, client: Client):
    client.sign_in(cast.alice)
    answer = client.submit("/app/settings/keys", name="Nothing", access="some", days="30", kind="live")
    assert answer.status_code == 422
    assert "at least one area" in answer.text
    assert not api_keys.list_api_keys(cast.workspace.id).items


def test_strange_choices_are_refused(cast: Cast, client: Client):
    client.sign_in(cast.alice)
    answer = client.submit("/app/settings/keys", name="x", access="some", days="9", kind="live", area_contacts="drive")
    assert answer.status_code == 422
