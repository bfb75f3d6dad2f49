"""The contract of the JSON API, call by call: what is sent, the status, and the fields that clients rely on.

The rows are walked from first to last against the product; what one makes, the next may name in braces. The short paths have
a table of their own in test_short_path_contract.py.
"""

import io
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import pytest

from tests import factories
from tests.cast import PASSWORD, Cast
from tests.client import ApiClient, Client
from tests.sandbox_control import SandboxControl
from tests.shapes import is_moment, nothing_or, shape_errors
from wotnot import clock
from wotnot.models import Role
from wotnot.services import api_keys

MAYBE_MOMENT = nothing_or(is_moment)
MAYBE_TEXT = str | None
PLAIN_USER = {"id": int, "email": str, "name": str}
WORKSPACE = {"id": int, "name": str}
API_KEY = {"id": int, "name": str, "prefix": str}
CHANNEL = {
    "id": int,
    "waba_id": SandboxControl.WABA_ID,
    "phone_number_id": SandboxControl.PHONE_NUMBER_ID,
    "display_phone_number": str,
    "verified_name": str,
    "quality_rating": str,
    "messaging_limit": str,
    "rate_per_second": int,
    "state": "connected",
}
TEMPLATE = {
    "id": int,
    "name": str,
    "language": str,
    "category": str,
    "components": [{"type": str}],
    "status": str,
    "reason": str,
    "quality": str,
}
CONTACT = {
    "id": int,
    "phone": "+27825550140",
    "name": str,
    "email": str,
    "tags": list,
    "attributes": dict,
    "consent": str,
    "created_at": is_moment,
}
IMPORT = {
    "id": int,
    "state": "done",
    "rows": 3,
    "created": 1,
    "updated": 0,
    "unchanged": 0,
    "duplicates": 1,
    "invalid": 1,
    "progress": 1.0,
}
FUNNEL = dict.fromkeys(
    ("audience", "attempted", "accepted", "sent", "delivered", "read", "replied", "failed", "skipped", "unknown"), int
)
STATES = dict.fromkeys(
    ("queued", "sending", "accepted", "sent", "delivered", "read", "failed", "skipped", "unknown", "cancelled"), int
)
BROADCAST = {
    "id": int,
    "name": str,
    "state": str,
    "reason": str,
    "scheduled_at": MAYBE_MOMENT,
    "funnel": FUNNEL,
    "states": STATES,
    "started_at": MAYBE_MOMENT,
    "finished_at": MAYBE_MOMENT,
}
ERROR = {"code": 131026, "title": str, "advice": str}
TIMES = {
    "queued_at": is_moment,
    "accepted_at": MAYBE_MOMENT,
    "sent_at": MAYBE_MOMENT,
    "delivered_at": MAYBE_MOMENT,
    "read_at": MAYBE_MOMENT,
    "failed_at": MAYBE_MOMENT,
}
BROADCAST_MESSAGE = {
    "id": int,
    "contact_id": int,
    "phone": str,
    "state": "failed",
    "wamid": MAYBE_TEXT,
    "attempt": 1,
    "error": ERROR,
} | TIMES
ENTRY = {"id": int, "state": str, "error": dict | None, "price": dict | None, "attempts": [TIMES]} | TIMES
CONVERSATION = {
    "id": int,
    "contact": {"id": int, "name": str, "phone": str},
    "channel_id": int,
    "state": str,
    "window_expires_at": is_moment,
    "unread_count": int,
    "last_message": {"id": int, "text": str},
}
ANALYTICS = {
    "messages": FUNNEL,
    "by_day": [FUNNEL],
    "by_template": [FUNNEL],
    "errors": [{"code": 131026, "title": str, "count": 1}],
    "cost": {"currency": str, "total": int | None, "by_category": list, "by_country": list},
}
PROBLEM = {"type": str, "title": str, "status": int, "detail": str, "code": str}
BODY = [{"type": "BODY", "text": "Hello {{1}}, your plants are in.", "example": {"body_text": [["Naledi"]]}}]
FILE = b"name,phone,email\nB,0825550103,b@example.com\nA,0825550140,\nD,12,\n"
BROADCAST_BODY = {
    "name": "Spring",
    "channel_id": "{channel}",
    "template_id": "{template}",
    "audience": {"all": True},
    "exclude": {"tags": ["Staff"]},
    "variables": {"1": {"field": "name", "fallback": "there"}},
}
CONNECT = {
    "waba_id": SandboxControl.WABA_ID,
    "phone_number_id": SandboxControl.PHONE_NUMBER_ID,
    "access_token": SandboxControl.TOKEN,
    "rate_per_second": 80,
}
DANA = {"email": "dana@casa.example", "password": PASSWORD, "name": "Dana", "workspace_name": "Casa"}
ONE_TEXT = {"type": "text", "text": {"body": "Yes, we do."}}
TO_NALEDI = {"channel_id": "{channel}", "to": "082 555 0140"}
BY_TEMPLATE = {"type": "template", "template": {"name": "{template_name}", "language": "en", "variables": {"1": "N"}}}
PEOPLE = {
    "on_duplicate": "skip",
    "default_country": "ZA",
    "tags": "shop",
    "mapping": '{"name": "name", "phone": "phone", "email": "email"}',
    "dry_run": "false",
}


@dataclass(frozen=True, slots=True)
class Row:
    """A call, the status and the shape of its answer. `keeps` gives a field of it a name for the rows behind.

    A text that is a name in braces stands for what was kept. `bearer` is sent instead of Alice's token.
    """

    call: str
    status: int
    answer: Any = None
    body: Any = None
    keeps: tuple[str, str] = ("", "")
    bearer: str = ""


def page_of(item: Any) -> dict[str, Any]:
    return {"items": [item], "next_cursor": MAYBE_TEXT}


TOKEN = {"access_token": str}
TOKENS = TOKEN | {"refresh_token": str, "token_type": "bearer", "expires_in": 3600}
ROWS = (
    Row(
        "POST /auth/register", 201, {"user": PLAIN_USER, "workspace": WORKSPACE} | TOKEN | {"refresh_token": str}, DANA
    ),
    Row("POST /auth/login", 200, TOKENS, {"email": DANA["email"], "password": PASSWORD}, ("refresh_token", "refresh")),
    Row("POST /auth/refresh", 200, TOKEN, keeps=("access_token", "access"), bearer="{refresh}"),
    Row("POST /auth/logout", 204, bearer="{access}"),
    Row("POST /auth/refresh", 401, PROBLEM, bearer="{refresh}"),
    Row("GET /me", 200, {"user": PLAIN_USER, "workspace": WORKSPACE, "role": "owner"}),
    Row("POST /api-keys", 201, API_KEY | {"key": str}, {"name": "Shop", "scopes": ["contacts:write"]}, ("id", "key")),
    Row("GET /api-keys", 200, page_of(API_KEY)),
    Row("DELETE /api-keys/{key}", 204),
    Row("POST /channels", 201, CHANNEL, CONNECT, ("id", "channel")),
    Row("GET /channels", 200, page_of(CHANNEL | {"phone_number_id": str})),
    Row("PATCH /channels/{channel}", 200, CHANNEL | {"rate_per_second": 20}, {"rate_per_second": 20}),
    Row(
        "POST /templates",
        201,
        TEMPLATE | {"status": "pending", "components": BODY},
        {"channel_id": "{channel}", "name": "in", "language": "en", "category": "MARKETING", "components": BODY},
        ("id", "submitted"),
    ),
    Row("GET /templates?status=pending&search=plants", 200, page_of(TEMPLATE | {"status": "pending"})),
    Row("DELETE /templates/{submitted}", 204),
    Row("POST /templates/{submitted}/restore", 200, TEMPLATE),
    Row(
        "POST /contacts",
        201,
        CONTACT | {"tags": ["VIP"], "attributes": {"City": "Paarl"}},
        {
            "phone": "082 555 0140",
            "name": "Naledi",
            "email": "n@example.com",
            "tags": ["VIP"],
            "attributes": {"City": "Paarl"},
            "country": "ZA",
        },
        ("id", "contact"),
    ),
    Row("POST /contacts", 409, PROBLEM | {"contact_id": int}, {"phone": "+27825550140"}),
    Row("GET /contacts?search=naledi&tag=VIP", 200, page_of(CONTACT)),
    Row("GET /contacts/{contact}", 200, CONTACT),
    Row(
        "PUT /contacts/{contact}", 200, CONTACT | {"name": "", "tags": lambda tags: tags == []}, {"phone": "0825550140"}
    ),
    Row("PATCH /contacts/{contact}", 200, CONTACT | {"name": "N."}, {"name": "N."}),
    Row("POST /imports", 202, {"id": int, "state": "queued"}, PEOPLE | {"file": FILE}, ("id", "import")),
    Row("GET /imports/{import}", 200, IMPORT),
    Row("GET /imports/{import}/errors.csv", 200),
    Row("GET /imports", 200, page_of(IMPORT)),
    Row("GET /contacts/export.csv", 200),
    Row("POST /broadcasts", 201, BROADCAST | {"state": "draft"}, BROADCAST_BODY, ("id", "draft")),
    Row(
        "POST /broadcasts",
        201,
        BROADCAST | {"state": "scheduled", "scheduled_at": is_moment},
        BROADCAST_BODY | {"scheduled_at": "{soon}"},
        ("id", "planned"),
    ),
    Row("POST /broadcasts/{planned}/cancel", 200, BROADCAST | {"state": "cancelled"}),
    Row("POST /broadcasts/{draft}/start", 200, BROADCAST),
    Row("POST /broadcasts/{draft}/pause", 200, BROADCAST | {"state": "paused"}),
    Row("POST /broadcasts/{draft}/resume", 200, BROADCAST | {"state": "sending"}),
    Row("POST /broadcasts/{draft}/cancel", 200, BROADCAST | {"state": "cancelled"}),
    Row("POST /broadcasts/{draft}/resume", 409, PROBLEM),
    Row("GET /broadcasts/{draft}", 200, BROADCAST | {"state": "cancelled"}),
    Row("GET /broadcasts", 200, page_of(BROADCAST)),
    Row("GET /broadcasts/{finished}/messages?state=failed", 200, page_of(BROADCAST_MESSAGE)),
    Row("GET /broadcasts/{finished}/report.csv", 200),
    # Before there is another attempt, which is no failure any more.
    Row("GET /analytics?from={today}&to={today}&channel_id={old_channel}", 200, ANALYTICS),
    Row("POST /broadcasts/{finished}/retry", 202, {"retried": 1, "broadcast": BROADCAST}, {"scope": "failed"}),
    Row("POST /messages", 202, {"id": int, "state": "queued"}, TO_NALEDI | BY_TEMPLATE, ("id", "message")),
    Row("GET /messages/{message}", 200, ENTRY),
    Row("POST /messages", 409, PROBLEM, TO_NALEDI | ONE_TEXT),
    *(
        Row(
            "POST /messages",
            202,
            {"id": int, "state": "queued"},
            {"channel_id": "{old_channel}", "to": "{writer}", "type": kind, "media": {name: value, "caption": caption}},
        )
        for kind, name, value, caption in (
            ("image", "link", "https://shop.example/a.jpg", "Plants"),
            ("document", "id", "910000000000001", "Prices"),
            ("video", "link", "https://shop.example/a.mp4", ""),
            ("audio", "id", "910000000000001", ""),
        )
    ),
    Row("GET /conversations?state=open", 200, page_of(CONVERSATION)),
    Row("GET /conversations/{thread}/messages", 200, page_of({"id": int, "type": str, "text": str})),
    Row("POST /conversations/{thread}/messages", 202, {"id": int, "state": "queued"}, ONE_TEXT),
    Row("POST /conversations/{thread}/read", 200, CONVERSATION | {"unread_count": 0}),
    Row("POST /conversations/{thread}/assign", 200, CONVERSATION, {"member_id": "{member}"}),
    Row("POST /conversations/{thread}/close", 200, CONVERSATION | {"state": "closed"}),
    Row("DELETE /contacts/{contact}", 204),
    # Last, because it takes away what the account at Meta does not have.
    Row("POST /templates/sync", 200, {"created": int, "updated": int, "removed": int}, {"channel_id": "{channel}"}),
)
CSV = {"GET /imports/{import}/errors.csv", "GET /contacts/export.csv", "GET /broadcasts/{finished}/report.csv"}


@pytest.fixture
def world(cast: Cast, sandbox: SandboxControl) -> dict[str, Any]:
    """What must have happened before: a broadcast that failed for somebody, and a customer who wrote."""
    number = factories.make_channel(cast.workspace)
    # One of the sandbox's account: what the table connects can send it, and a sync of the account finds it and keeps it.
    template = factories.make_template(
        cast.workspace, waba_id=sandbox.WABA_ID, name="feedback_request", meta_id="611000000000005"
    )
    finished = factories.make_broadcast(cast.workspace, number, template, state="finished")
    lost = factories.make_contact(cast.workspace)
    factories.make_message(number, lost, finished, state="failed", reached=1, error_code=131026, failed_at=clock.now())
    writer = factories.make_contact(cast.workspace, name="Thandi")
    asked = factories.make_inbound(number, writer, "Do you ship to Namibia?")
    thread = factories.make_conversation(number, writer, unread_count=1, last_message_id=asked.id)
    return {
        "old_channel": number.id,
        "template": template.id,
        "template_name": template.name,
        "finished": finished.id,
        "thread": thread.id,
        "writer": f"+{writer.phone}",
        "member": factories.make_member(cast.workspace, factories.make_user(), Role.AGENT).id,
        "soon": (clock.now() + timedelta(hours=2)).isoformat(),
        "today": clock.now().date().isoformat(),
    }


def test_every_call_takes_and_answers_its_fields(
    cast: Cast, client: Client, world: dict[str, Any], run_jobs: Callable[..., list[str]]
) -> None:
    alice = client.api(cast.alice)
    for row in ROWS:
        method, _, path = filled(row.call, world).partition(" ")
        token = filled(row.bearer, world)
        api = with_token(client, token) if token else alice
        answer = api.call(method, path, **request_of(filled(row.body, world)))
        assert answer.status_code == row.status, (row.call, answer.text)
        if row.call in CSV:
            assert answer.mimetype == "text/csv", row.call
            answer.close()  # a stream that is not read keeps its place in the database
            continue
        assert (
            answer.mimetype == ("application/problem+json" if row.status >= 400 else "application/json")
            or not answer.data
        )
        shape = row.answer
        assert shape is None or shape_errors(answer.json, shape, row.call, may_have_more=True) == []
        if row.keeps[0]:
            world[row.keeps[1]] = answer.json[row.keeps[0]]
        run_jobs("default", "events", "bulk")


@pytest.mark.parametrize(
    "path", ["api-keys", "channels", "templates", "contacts", "imports", "broadcasts", "conversations"]
)
def test_every_list_pages_alike(cast: Cast, client: Client, path: str) -> None:
    here = cast.workspace
    for _ in range(3):
        factories.make_conversation(factories.make_channel(here), factories.make_contact(here))
        factories.make_broadcast(here)
        api_keys.create_api_key(here.id, user_id=cast.alice.id, name="Shop")
        factories.make_import(here)
    api = client.api(cast.alice)
    whole = [one["id"] for one in api.get(f"/{path}?limit=200").json["items"]]
    found, cursor = [], ""
    for _ in whole:
        page = api.get(f"/{path}?limit=1&cursor={cursor}" if cursor else f"/{path}?limit=1").json
        found += [one["id"] for one in page["items"]]
        cursor = page["next_cursor"]
    assert (found, cursor) == (whole, None)
    assert len(whole) >= 3
    for wrong in ("limit=201", "limit=0", "limit=x", "cursor=nonsense"):
        assert api.get(f"/{path}?{wrong}").status_code == 422, wrong


REFUSALS = (
    ("nobody", "GET", "/me", None, 401),
    ("bob", "DELETE", "/contacts/{contact}", None, 403),
    ("bob", "POST", "/broadcasts", {}, 403),
    ("charlie", "GET", "/contacts/{contact}", None, 404),
    ("charlie", "PATCH", "/contacts/{contact}", {"name": "Mine"}, 404),
    ("alice", "GET", "/nothing", None, 404),
    ("alice", "PUT", "/me", {}, 405),
    ("alice", "POST", "/contacts", {"phone": "{phone}"}, 409),
    ("alice", "POST", "/contacts", {"phone": "12"}, 422),
    ("alice", "POST", "/contacts", {"phone": "+27825550141", "colour": "red"}, 422),
)


@pytest.mark.parametrize("refusal", REFUSALS, ids=lambda refusal: f"{refusal[0]} {refusal[1]} {refusal[2]}")
def test_every_refusal_is_a_problem(cast: Cast, client: Client, refusal: tuple[str, str, str, Any, int]) -> None:
    who, method, path, body, status = refusal
    known = factories.make_contact(cast.workspace)
    world = {"contact": known.id, "phone": f"+{known.phone}"}
    api = with_token(client, "") if who == "nobody" else client.api(getattr(cast, who))
    answer = api.call(method, filled(path, world), filled(body, world))
    assert (answer.status_code, answer.mimetype) == (status, "application/problem+json")
    assert shape_errors(answer.json, PROBLEM | {"status": status}, path, may_have_more=True) == []
    assert ("errors" in answer.json) == (status == 422)


def test_too_many_tries_say_when_to_come_again(cast: Cast, client: Client) -> None:
    wrong = {"email": cast.alice.email, "password": "wrong wrong wrong"}
    answer = [client.post("/api/v1/auth/login", json=wrong) for _ in range(11)][-1]
    assert (answer.status_code, int(answer.headers["Retry-After"]) > 0) == (429, True)
    assert shape_errors(answer.json, PROBLEM | {"status": 429}, "429", may_have_more=True) == []


def test_a_user_of_several_workspaces_says_which(cast: Cast, client: Client) -> None:
    factories.make_member(cast.other_workspace, cast.alice)
    api = client.api(cast.alice)
    there = api.get("/me", headers={"X-Workspace": str(cast.other_workspace.id)}).json
    assert (there["workspace"]["id"], there["role"]) == (cast.other_workspace.id, "agent")
    assert client.api(cast.bob).get("/me", headers={"X-Workspace": str(cast.other_workspace.id)}).status_code == 404


def with_token(client: Client, token: str) -> ApiClient:
    """Whoever has this token."""
    return ApiClient(client.application.test_client(use_cookies=False), token)  # type: ignore[arg-type]


def filled(value: Any, world: dict[str, Any]) -> Any:
    """`value` with what was kept in the place of its names; a text that is nothing but a name becomes the thing itself."""
    if isinstance(value, dict):
        return {name: filled(inner, world) for name, inner in value.items()}
    if isinstance(value, list):
        return [filled(inner, world) for inner in value]
    if not isinstance(value, str):
        return value
    if value.startswith("{") and value[1:-1] in world:
        return world[value[1:-1]]
    for name, kept in world.items():
        value = value.replace(f"{{{name}}}", str(kept)) if " /" in value or value.startswith("/") else value
    return value


def request_of(body: Any) -> dict[str, Any]:
    """As JSON, or as a form when a file is among the fields."""
    if isinstance(body, dict) and isinstance(body.get("file"), bytes):
        return {
            "data": body | {"file": (io.BytesIO(body["file"]), "people.csv")},
            "content_type": "multipart/form-data",
        }
    return {"body": body}
