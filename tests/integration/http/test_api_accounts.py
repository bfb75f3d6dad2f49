"""Registering, tokens, keys and problems over the API."""

from datetime import timedelta

import pytest
from flask_jwt_extended import create_access_token, create_refresh_token

from tests import factories
from tests.cast import PASSWORD, Cast
from tests.client import ApiClient, Client
from wotnot.models import Role
from wotnot.services import accounts, api_keys, workspaces

PROBLEM = "application/problem+json"


def program(client: Client, token: str) -> ApiClient:
    return ApiClient(client.application.test_client(use_cookies=False), token)


def test_register_answers_who_where_and_tokens_that_work(session, client: Client):
    answer = client.post(
        "/api/v1/auth/register",
        json={"email": "dana@casa.example", "password": PASSWORD, "name": "Dana", "workspace_name": "Casa"},
    )
    assert answer.status_code == 201
    body = answer.json
    assert body["user"]["email"] == "dana@casa.example"
    assert body["workspace"]["name"] == "Casa"
    me = program(client, body["access_token"]).get("/me").json
    assert me["role"] == "owner"
    assert me["workspace"]["id"] == body["workspace"]["id"]
    assert client.post("/api/v1/auth/refresh", headers=bearer(body["refresh_token"])).status_code == 200


def bearer(token: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {token}"}


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"email": "nonsense"}, "email"),
        ({"email": None}, "email"),
        ({"password": "short"}, "password"),
        ({"password": "0123456789" * 7 + "abc"}, "password"),
        ({"name": ""}, "name"),
        ({"workspace_name": "x" * 201}, "workspace_name"),
        ({"surprise": 1}, "surprise"),
    ],
)
def test_register_refuses_field_by_field(session, client: Client, change, field):
    body = {"email": "dana@casa.example", "password": PASSWORD, "name": "Dana"} | change
    answer = client.post("/api/v1/auth/register", json=body)
    assert answer.status_code == 422
    assert answer.mimetype == PROBLEM
    assert list(answer.json["errors"]) == [field]
    assert answer.json["code"] == "invalid"


def test_a_password_of_72_bytes_is_taken_whole(session, client: Client):
    password = "0123456789" * 7 + "ab"
    client.post("/api/v1/auth/register", json={"email": "dana@casa.example", "password": password, "name": "Dana"})
    assert accounts.authenticate("dana@casa.example", password).name == "Dana"
    login = client.post("/api/v1/auth/login", json={"email": "dana@casa.example", "password": password[:-1] + "x"})
    assert login.status_code == 401


def test_an_address_in_use_is_a_conflict(cast: Cast, client: Client):
    body = {"email": "Alice@Example.com", "password": PASSWORD, "name": "Alice"}
    answer = client.post("/api/v1/auth/register", json=body)
    assert (answer.status_code, answer.json["code"]) == (409, "email_taken")


@pytest.mark.parametrize("email", ["alice@example.com", "nobody@example.com", "", "\x00"])
def test_wrong_credentials_read_the_same(cast: Cast, client: Client, email):
    answer = client.post("/api/v1/auth/login", json={"email": email, "password": "wrong"})
    assert answer.status_code == 401
    assert answer.json["detail"] == accounts.WRONG_CREDENTIALS
    assert answer.json["code"] == "wrong_credentials"


def test_guessing_is_slowed_down_with_retry_after(cast: Cast, client: Client):
    answers = [
        client.post("/api/v1/auth/login", json={"email": "alice@example.com", "password": "wrong"}) for _ in range(11)
    ]
    assert [answer.status_code for answer in answers] == [401] * 10 + [429]
    assert 0 < int(answers[-1].headers["Retry-After"]) <= 900
    assert answers[-1].mimetype == PROBLEM


def test_logging_out_ends_the_log_in_and_no_other(cast: Cast, client: Client):
    first = client.post("/api/v1/auth/login", json={"email": "alice@example.com", "password": PASSWORD}).json
    second = client.api(cast.alice)
    assert program(client, first["access_token"]).post("/auth/logout").status_code == 204
    assert program(client, first["access_token"]).get("/me").status_code == 401
    assert program(client, first["access_token"]).post("/auth/logout").status_code == 401
    assert program(client, first["refresh_token"]).post("/auth/refresh").status_code == 401
    assert second.get("/me").status_code == 200


def test_a_refreshed_token_ends_with_its_log_in(cast: Cast, client: Client):
    tokens = client.post("/api/v1/auth/login", json={"email": "alice@example.com", "password": PASSWORD}).json
    fresh = program(client, tokens["refresh_token"]).post("/auth/refresh").json["access_token"]
    assert program(client, fresh).get("/me").status_code == 200
    program(client, tokens["refresh_token"]).post("/auth/logout")
    assert program(client, fresh).get("/me").status_code == 401


def test_refresh_and_access_are_not_each_other(cast: Cast, client: Client):
    tokens = client.post("/api/v1/auth/login", json={"email": "alice@example.com", "password": PASSWORD}).json
    assert program(client, tokens["refresh_token"]).get("/me").status_code == 401
    assert program(client, tokens["access_token"]).post("/auth/refresh").status_code == 401


@pytest.mark.parametrize("token", ["", "nonsense", "a.b.c", "wn_live_unknown", "Bearer"])
def test_what_is_no_credential_is_refused(cast: Cast, client: Client, token):
    answer = client.get("/api/v1/me", headers=bearer(token))
    assert answer.status_code == 401
    assert answer.headers["WWW-Authenticate"].startswith("Bearer")
    assert answer.mimetype == PROBLEM


def test_expired_and_foreign_tokens_are_refused(cast: Cast, client: Client, app):
    claims = {"wid": cast.workspace.id, "epoch": 0, "sid": "x"}
    old = create_access_token(str(cast.alice.id), additional_claims=claims, expires_delta=timedelta(seconds=-1))
    incomplete = create_access_token(str(cast.alice.id))
    gone = create_refresh_token("999999", additional_claims=claims)
    for token in (old, incomplete):
        assert program(client, token).get("/me").status_code == 401
    assert program(client, gone).post("/auth/refresh").status_code == 401


def test_a_session_cookie_is_no_credential_for_the_api(cast: Cast, client: Client):
    client.sign_in(cast.alice)
    assert client.get("/api/v1/me").status_code == 401


def test_a_token_works_in_each_of_ones_workspaces_and_in_no_other(cast: Cast, client: Client):
    second = factories.make_workspace(name="Second")
    factories.make_member(second, cast.alice, Role.AGENT)
    alice = client.api(cast.alice)
    assert alice.get("/me").json["workspace"]["id"] == cast.workspace.id
    other = alice.get("/me", headers={"X-Workspace": str(second.id)}).json
    assert (other["workspace"]["name"], other["role"]) == ("Second", "agent")
    for strange in (str(cast.other_workspace.id), "0", "-1", "abc", "9" * 30):
        assert alice.get("/me", headers={"X-Workspace": strange}).status_code == 404


def test_who_was_removed_keeps_no_access(cast: Cast, client: Client):
    bob = client.api(cast.bob)
    member = workspaces.find_membership(cast.bob.id, cast.workspace.id)
    workspaces.remove_member(cast.workspace.id, member.id, by=Role.OWNER)
    assert bob.get("/me").status_code == 404
    login = client.post("/api/v1/auth/login", json={"email": "bob@example.com", "password": PASSWORD})
    assert login.status_code == 403


def test_keys_are_made_listed_used_and_revoked(cast: Cast, client: Client):
    alice = client.api(cast.alice)
    made = alice.post("/api-keys", {"name": "Shop", "scopes": ["read"]})
    assert made.status_code == 201
    key = made.json["key"]
    assert key.startswith(made.json["prefix"])
    listed = alice.get("/api-keys").json["items"]
    assert [one["id"] for one in listed] == [made.json["id"]]
    assert "key" not in listed[0]
    shop = program(client, key)
    assert shop.get("/me").json["user"]["email"] == "alice@example.com"
    assert client.application.test_client().get("/api/v1/me", headers={"X-API-Key": key}).status_code == 200
    refused = shop.post("/api-keys", {"name": "More"})
    assert (refused.status_code, refused.json["code"]) == (403, "scope")
    assert alice.delete(f"/api-keys/{made.json['id']}").status_code == 204
    assert alice.delete(f"/api-keys/{made.json['id']}").status_code == 404
    assert shop.get("/me").status_code == 401


def test_keys_of_others_cannot_be_seen_or_stopped(cast: Cast, client: Client):
    row, key = api_keys.create_api_key(cast.workspace.id, user_id=cast.alice.id, name="Shop")
    charlie = client.api(cast.charlie)
    assert charlie.get("/api-keys").json == {"items": [], "next_cursor": None}
    assert charlie.delete(f"/api-keys/{row.id}").status_code == 404
    there = {"X-Workspace": str(cast.other_workspace.id)}
    assert program(client, key).get("/me", headers=there).status_code == 404


def test_agents_make_no_keys(cast: Cast, client: Client):
    bob = client.api(cast.bob)
    assert bob.get("/api-keys").status_code == 403
    assert bob.post("/api-keys", {"name": "x"}).status_code == 403


def test_a_key_stops_when_its_maker_leaves(cast: Cast, client: Client):
    factories.make_member(cast.workspace, cast.charlie, Role.ADMIN)
    _, key = api_keys.create_api_key(cast.workspace.id, user_id=cast.charlie.id, name="Shop")
    assert program(client, key).get("/me").status_code == 200
    workspaces.leave_workspace(cast.workspace.id, cast.charlie.id)
    assert program(client, key).get("/me").status_code == 401


def test_keys_page_without_gaps(cast: Cast, client: Client):
    for number in range(5):
        api_keys.create_api_key(cast.workspace.id, user_id=cast.alice.id, name=f"Key {number}")
    alice, names, cursor = client.api(cast.alice), [], ""
    while cursor is not None:
        page = alice.get(f"/api-keys?limit=2&cursor={cursor}").json
        names += [one["name"] for one in page["items"]]
        cursor = page["next_cursor"]
    assert names == [f"Key {number}" for number in (4, 3, 2, 1, 0)]


@pytest.mark.parametrize("query", ["limit=0", "limit=201", "limit=x", "cursor=%00", "cursor=nonsense", "surprise=1"])
def test_list_arguments_are_checked(cast: Cast, client: Client, query):
    answer = client.api(cast.alice).get(f"/api-keys?{query}")
    if query == "surprise=1":
        assert answer.status_code == 200  # a query may carry more, such as a campaign's marks
    else:
        assert answer.status_code == 422
        assert list(answer.json["errors"]) == [query.split("=")[0]]


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/nothing", 404),
        ("DELETE", "/me", 405),
        ("DELETE", "/api-keys/0", 404),
        ("DELETE", "/api-keys/99999999999999999999999", 404),
    ],
)
def test_what_is_not_there_is_a_problem_too(cast: Cast, client: Client, method, path, status):
    answer = client.api(cast.alice).call(method, path)
    assert answer.status_code == answer.json["status"] == status
    assert answer.mimetype == PROBLEM


@pytest.mark.parametrize("body", [b"{", b"", b"[1]", b"\xff", b'"x"'])
def test_a_body_that_is_no_json_object_is_refused(session, client: Client, body):
    answer = client.post("/api/v1/auth/login", data=body, content_type="application/json")
    assert answer.status_code in {400, 422}
    assert answer.mimetype == PROBLEM


@pytest.mark.parametrize("text", ["a\\u0000b", "a\\ud800b"])
def test_text_that_no_database_can_hold_is_the_callers_fault(session, client: Client, text):
    body = f'{{"email": "dana@casa.example", "password": "{PASSWORD}", "name": "Dana", "workspace_name": "{text}"}}'
    answer = client.post("/api/v1/auth/register", data=body, content_type="application/json")
    assert answer.status_code == 422
    assert "cannot be stored" in answer.json["detail"]


def test_a_page_that_is_not_there_is_friendly(session, client: Client):
    answer = client.get("/app/nothing")
    assert answer.status_code == 404
    assert "There is nothing here" in answer.text


def test_every_answer_carries_the_security_headers(session, client: Client):
    for path in ("/app/login", "/api/v1/me", "/app/nothing", "/static/mark.svg"):
        with client.get(path) as answer:
            assert "default-src 'self'" in answer.headers["Content-Security-Policy"]
            assert answer.headers["X-Content-Type-Options"] == "nosniff"


def test_calls_are_counted_against_a_limit_of_each_credential(cast: Cast, client: Client):
    alice, bob = client.api(cast.alice), client.api(cast.bob)
    left = [int(one.get("/me").headers["X-RateLimit-Remaining"]) for one in (alice, alice, bob)]
    assert left[0] - left[1] == 1
    assert left[2] == left[0]


def test_an_api_call_costs_two_queries(cast: Cast, client: Client, count_queries):
    token = client.api(cast.alice).token
    with count_queries() as statements:
        assert program(client, token).get("/me").status_code == 200
    assert len(statements) == 2
