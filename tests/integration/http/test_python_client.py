"""The Python client against the product under gunicorn, over real HTTP."""

import importlib.util
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from types import ModuleType
from typing import Any, ClassVar
from urllib.error import URLError

import pytest

from launcher.paths import ROOT
from tests import factories
from tests.cast import Cast
from tests.servers import free_port
from wotnot.services import api_keys


@pytest.fixture(scope="module")
def client() -> ModuleType:
    """The one file, as somebody has it beside their program."""
    spec = importlib.util.spec_from_file_location("wotnot_client", ROOT / "clients" / "python" / "wotnot.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def shop(client: ModuleType, live_server: str, committed_cast: Cast) -> Any:
    """Alice's workspace, with a test key."""
    return client.WotNot(live_server, key_of(committed_cast, is_test=True))


def key_of(cast: Cast, **options: Any) -> str:
    return api_keys.create_api_key(cast.workspace.id, user_id=cast.alice.id, name="Client", **options)[1]


def test_it_speaks_with_the_product(client: ModuleType, shop: Any, live_server: str, committed_cast: Cast) -> None:
    assert shop.me()["user"]["email"] == "alice@example.com"
    first = shop.send_template("+27825550140", "hello_world", once="order-7")
    assert first["is_test"] is True
    assert shop.send_template("+27825550140", "hello_world", once="order-7") == first
    assert shop.send_template("+27825550140", "hello_world")["id"] != first["id"]
    assert shop.message(first["id"])["to"] == "+27825550140"
    with pytest.raises(client.WotNotError) as refused:
        shop.create_contact("+27825550141")
    assert (refused.value.status, refused.value.code) == (403, "test_key")
    live = client.WotNot(live_server, key_of(committed_cast))
    names = [f"Person {number}" for number in range(7)]
    for number, name in enumerate(names):
        live.create_contact(f"+2782555020{number}", name=name, tags=["VIP & co"])
    assert sorted(one["name"] for one in live.contacts(tag="VIP & co", limit="3")) == names
    with pytest.raises(client.WotNotError) as invalid:
        live.create_contact("12")
    assert list(invalid.value.errors) == ["phone"]
    draft = live.call("GET", "/broadcasts?limit=1")
    assert draft["items"] == []


def test_files_go_up_and_come_down(client: ModuleType, live_server: str, committed_cast: Cast) -> None:
    live = client.WotNot(live_server, key_of(committed_cast))
    options = {
        "default_country": "ZA",
        "tags": ["VIP", "Café"],
        "mapping": {"Cell": "phone", "Who": "name"},
        "dry_run": False,
    }
    started = live.import_contacts('people "new".csv', "Cell,Who\n0825550101,Zoë\n12,Nobody\n".encode(), **options)
    assert started["filename"].startswith("people")
    assert live.import_state(started["id"])["state"] == "queued"
    assert live.import_errors(started["id"]).decode("utf-8-sig").startswith("row")
    picture = live.upload_file("plant.png", factories.png())
    assert picture["kind"] == "image"
    assert live.download(f"/media/{picture['id']}/file") == factories.png()
    with pytest.raises(client.WotNotError) as refused:
        live.upload_file("plant.exe", b"MZ")
    assert list(refused.value.errors) == ["file"]


def test_a_broadcast_from_draft_to_report(
    client: ModuleType, live_server: str, committed_cast: Cast, run_jobs: Callable[..., list[str]]
) -> None:
    channel = factories.make_channel(committed_cast.workspace)
    template = factories.make_template(committed_cast.workspace)
    live = client.WotNot(live_server, key_of(committed_cast))
    person = live.create_contact("+27825550101", name="Naledi")
    assert live.change_contact(person["id"], email="n@example.com")["email"] == "n@example.com"
    assert live.contact(person["id"])["name"] == "Naledi"
    assert [one["id"] for one in live.channels()] == [channel.id]
    assert [one["name"] for one in live.templates(status="approved")] == [template.name]
    wish = {"channel_id": channel.id, "template_id": template.id, "audience": {"all": True}}
    draft = live.create_broadcast(name="Spring", variables={"1": {"field": "name"}}, once="spring", **wish)
    assert live.create_broadcast(name="Spring", variables={"1": {"field": "name"}}, once="spring", **wish) == draft
    assert live.start_broadcast(draft["id"])["state"] == "expanding"
    run_jobs("events", "default")
    assert live.pause_broadcast(draft["id"])["state"] == "paused"
    assert live.resume_broadcast(draft["id"])["state"] == "sending"
    assert live.cancel_broadcast(draft["id"])["state"] == "cancelled"
    with pytest.raises(client.WotNotError) as refused:
        live.retry_broadcast(draft["id"])
    assert refused.value.status == 409
    assert [one["contact_id"] for one in live.broadcast_messages(draft["id"])] == [person["id"]]
    assert [one["id"] for one in live.broadcasts(search="Spr")] == [draft["id"]]
    assert live.broadcast_report(draft["id"]).decode("utf-8-sig").count("\n") == 2
    assert live.analytics(first="2026-11-01", last="2026-11-02")["messages"]["attempted"] == 0
    assert list(live.conversations(state="open")) == []
    live.delete_contact(person["id"])
    assert list(live.contacts()) == []


def test_nobody_there_is_said(client: ModuleType) -> None:
    away = client.WotNot(f"http://127.0.0.1:{free_port()}", "wn_test_x", tries=2)
    with pytest.raises(URLError):
        away.me()


class Door(BaseHTTPRequestHandler):
    """Answers what stands in `told`, one after the other, and notes which calls came."""

    told: ClassVar[list[tuple[int, str]]] = []
    came: ClassVar[list[str]] = []

    def do_GET(self) -> None:
        self.came.append(self.command)
        self.rfile.read(int(self.headers.get("Content-Length") or 0))
        status, wait = self.told.pop(0)
        self.send_response(status)
        self.send_header("Retry-After", wait)
        self.send_header("Content-Length", "2")
        self.end_headers()
        self.wfile.write(b"{}")

    do_POST = do_PATCH = do_PUT = do_DELETE = do_GET  # noqa: N815 — the names that http.server looks for

    def log_message(self, *_: object) -> None:
        """Not into the output of the tests."""


@pytest.fixture
def door() -> Iterator[str]:
    """The address of what stands before a WotNot and answers for it."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), Door)
    thread = Thread(target=server.serve_forever)
    thread.start()
    Door.came.clear()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


@pytest.mark.parametrize(
    "tried",
    [
        ("GET", "", [(503, "0"), (200, "")], 2),
        ("PUT", "", [(503, "0"), (200, "")], 2),
        ("POST", "order-7", [(503, "0"), (200, "")], 2),
        ("POST", "", [(429, "0"), (429, "0"), (200, "")], 3),
        ("PATCH", "", [(429, "0"), (200, "")], 2),
        # Somebody in between may say so after the work was done.
        ("POST", "", [(503, "0")], 1),
        ("PATCH", "", [(503, "0")], 1),
        ("GET", "", [(500, "")], 1),
        ("GET", "", [(503, "0")] * 4, 4),
    ],
)
def test_only_what_is_safe_is_tried_again(
    client: ModuleType, door: str, tried: tuple[str, str, list[tuple[int, str]], int]
) -> None:
    method, once, told, calls = tried
    Door.told = list(told)
    shop = client.WotNot(door, "wn_live_x")
    body = None if method == "GET" else {}
    if told[-1][0] == 200:
        assert shop.call(method, "/contacts", body, once=once) == {}
    else:
        with pytest.raises(client.WotNotError) as refused:
            shop.call(method, "/contacts", body, once=once)
        assert refused.value.status == told[-1][0]
    assert Door.came == [method] * calls


def test_an_address_without_a_scheme_is_refused(client: ModuleType) -> None:
    with pytest.raises(ValueError, match="full address"):
        client.WotNot("wotnot.example", "wn_test_x")
