"""Every published short path with every field of its request and answer, in one table, against the sandbox.

The rows are walked from first to last: what one makes, the next may name. What the paths do besides is in test_short_paths.py.
"""

import io
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import pytest

from tests import factories
from tests.cast import PASSWORD, Cast
from tests.client import ApiClient, Client
from tests.integration.http.test_sign_up import new_account, window_told
from tests.sandbox_control import SandboxControl
from tests.sandbox_shop import SandboxShop
from tests.shapes import shape_errors
from wotnot import clock
from wotnot.blueprints.api.seed import SHORT_PATHS

TEXT_OR_NOTHING = (str, type(None))
CONTACT = {"id": int, "name": str, "email": str, "phone": str, "tags": [str], "created_at": str}
TEMPLATE = {
    "id": str,
    "name": str,
    "category": str,
    "language": str,
    "status": str,
    "components": list,
    "sub_category": str,
}
BROADCAST = {
    "id": int,
    "name": str,
    "template": str,
    "type": str,
    "contacts": [str],
    "contacts_count": int,
    "success": int,
    "failed": int,
    "status": str,
    "scheduled_time": TEXT_OR_NOTHING,
    "task_id": TEXT_OR_NOTHING,
}
REPORT = {
    "id": int,
    "broadcast_id": int,
    "phone_no": str,
    "contact_name": str,
    "message_id": TEXT_OR_NOTHING,
    "status": str,
    "sent": bool,
    "delivered": bool,
    "read": bool,
    "replied": bool,
    "error_reason": TEXT_OR_NOTHING,
}
DAY = {"start": int, "end": int, "sent": int, "delivered": int}
BODY = [{"type": "BODY", "text": "Hello {{1}}, your plants are in.", "example": {"body_text": [["Naledi"]]}}]


@dataclass(frozen=True, slots=True)
class Row:
    """A call and the shape of its answer. `keeps` remembers a field of it under a name for the paths and bodies behind."""

    method: str
    path: str
    request: dict[str, Any]
    answer: Any
    keeps: tuple[str, str] | None = None
    works_off: bool = False


def json(**fields: Any) -> dict[str, Any]:
    return {"json": fields}


def rows(world: dict[str, Any]) -> Iterator[Row]:
    """The table; `world` has what the sandbox and earlier rows made."""
    soon = (clock.now() + timedelta(hours=2)).isoformat()
    yield Row(
        "POST",
        "/register",
        json(username="Dana", email="d@casa.example", password=PASSWORD),
        {"success": bool, "message": str},
    )
    yield Row(
        "POST",
        "/login",
        {"data": {"username": "d@casa.example", "password": PASSWORD}},
        {"access_token": str, "token_type": str},
    )
    yield Row(
        "POST", "/login", json(email="d@casa.example", password=PASSWORD), {"access_token": str, "token_type": str}
    )
    yield Row(
        "POST",
        "/subscribe_customer",
        {"json": world["window"]},
        {"access_token": str, "expires_in": int, "channel_id": int},
    )
    yield Row(
        "POST",
        "/contacts",
        json(name="Naledi", email="n@example.com", phone="+27825550101", tags=["VIP"]),
        CONTACT,
        ("id", "contact"),
    )
    yield Row(
        "PUT",
        f"/contacts/{world.get('contact')}",
        json(name="N.", email="m@example.com", phone="+27825550102", tags=["A"]),
        CONTACT,
    )
    yield Row("GET", "/contacts", {"query_string": "limit=10&offset=0&tag=A&sort_by=updated_at&order=asc"}, [CONTACT])
    yield Row(
        "POST",
        "/contacts/bulk_import",
        {
            "data": {
                "file": (
                    io.BytesIO(b"name,phone,email,tags\nB,0825550103,b@example.com,vip\nC,0825550102,,\nD,12,,\n"),
                    "p.csv",
                )
            }
        },
        {
            "contacts": [CONTACT],
            "duplicate_records": [{"row": int, "phone": str, "name": str, "reason": str}],
            "invalid_records": [{"row": int, "reason": str}],
        },
    )
    yield Row("DELETE", "/contacts/27825550103", {}, {"ok": bool})
    yield Row(
        "POST",
        "/create-template",
        json(name="plants", category="MARKETING", language="en", components=BODY, sub_category="CUSTOM"),
        {"id": str, "status": str, "category": str},
    )
    yield Row("GET", "/template", {}, {"success": bool, "data": [TEMPLATE]})
    yield Row("DELETE", "/delete-template/plants", {}, {"success": bool, "message": str})
    yield Row("POST", "/template/restore/plants", {}, {"success": bool, "message": str})
    yield Row(
        "POST",
        "/send-template-message",
        json(
            name="Now",
            recipients=[{"name": "Naledi", "phone": "+27825550102"}],
            template=world["template"],
            template_data='{"language": {"code": "en"}}',
            type="template",
            status="processing",
            image_id=None,
            body_parameters=["name"],
        ),
        {"status": str, "broadcast_id": int},
        ("broadcast_id", "sent"),
        works_off=True,
    )
    yield Row("GET", f"/broadcast-report/{world.get('sent')}", {"query_string": "limit=10&offset=0"}, [REPORT])
    yield Row(
        "POST",
        "/broadcast",
        json(
            name="Later",
            template=world["template"],
            type="template",
            contacts=["+27825550102"],
            success=0,
            failed=0,
            status="Scheduled",
            scheduled_time=soon,
            task_id="t",
        ),
        {"broadcast_id": int},
        ("broadcast_id", "planned"),
    )
    yield Row(
        "PUT",
        f"/broadcast/{world.get('planned')}",
        json(name="Much later", scheduled_time=soon, task_id="t"),
        {"message": str, "broadcast_id": int, "task_id": str},
    )
    yield Row(
        "GET",
        "/broadcast",
        {"query_string": f"limit=10&offset=0&statusfilter=scheduled&tag={world['template']}"},
        [BROADCAST],
    )
    yield Row("DELETE", f"/broadcasts-delete/{world.get('planned')}", {}, {"detail": str})
    yield Row("GET", "/get-analytics", {"query_string": "start=2026-11-01&end=2026-11-02"}, {"data_points": [DAY]})
    yield Row(
        "POST",
        "/test-woocommerce",
        {"json": world["shop"] | {"store_name": "Mine"}},
        {"message": str, "store_info": dict},
    )
    yield Row(
        "GET", "/woo_products", {"query_string": "limit=2&offset=0&search="}, [{"id": int, "name": str, "price": str}]
    )
    yield Row(
        "POST",
        "/integrate/woo_order_cnf",
        json(
            template_id=world["template"],
            template_data="{}",
            parameters=[{"key": "first_name"}],
            type="text",
            product_id=None,
            description="",
            image_id=None,
        ),
        {"template": str, "parameters": [{"key": str}], "rule_id": int},
    )


@pytest.fixture
def world(cast: Cast, sandbox: SandboxControl) -> dict[str, Any]:
    """A number, an approved template and a shop, all of the sandbox."""
    shop = SandboxShop(sandbox)
    window = window_told(new_account(sandbox), as_text=True)
    factories.make_channel(cast.workspace, phone_number_id=sandbox.PHONE_NUMBER_ID)
    factories.make_sandbox_shop(cast.workspace)
    template = factories.make_template(cast.workspace)
    keys = {"base_url": shop.url, "consumer_key": shop.key, "consumer_secret": shop.secret}
    return {"template": template.name, "shop": keys, "window": window}


@pytest.mark.parametrize("slash", ["", "/"])
def test_every_path_takes_and_answers_its_fields(
    cast: Cast, client: Client, world: dict[str, Any], run_jobs: Callable[..., list[str]], slash: str
) -> None:
    alice = client.api(cast.alice)
    count = sum(1 for _ in rows(world))
    for place in range(count):
        row = list(rows(world))[place]
        answer = call(alice, row, slash)
        assert answer.status_code == 200, (row.method, row.path, answer.text)
        assert shape_errors(answer.json, row.answer, f"{row.method} {row.path}") == []
        if row.keeps:
            world[row.keeps[1]] = answer.json[row.keeps[0]]
        if row.works_off:
            run_jobs("events", "default")


def test_the_table_leaves_no_path_out(world: dict[str, Any]) -> None:
    walked = {(row.method, row.path) for row in rows(world)}
    published = {(path.method, path.rule) for path in SHORT_PATHS}
    assert {known for known in published if not any(is_of(row, known) for row in walked)} == set()


def is_of(row: tuple[str, str], known: tuple[str, str]) -> bool:
    """Whether a walked path is a published one with its argument filled in."""
    same, stem = row[0] == known[0], known[1].partition("<")[0]
    return same and (row[1].startswith(stem) if "<" in known[1] else row[1] == stem)


def call(alice: ApiClient, row: Row, slash: str) -> Any:
    request = dict(row.request)
    if "file" in request.get("data", {}):
        request["content_type"] = "multipart/form-data"
    return alice.call(row.method, f"/{row.path}{slash}", **request)
