"""The library over the API."""

import io

import pytest
from werkzeug.test import TestResponse

from tests import factories
from tests.cast import Cast
from tests.client import ApiClient, Client
from tests.factories import png
from tests.sandbox_control import SandboxControl

STICKER = b"RIFF\0\0\0\0WEBPVP8X\x0a" + b"\0" * 7 + b"\xff\x01\0\xff\x01\0"


@pytest.fixture
def api(client: Client, cast: Cast) -> ApiClient:
    return client.api(cast.alice)


def upload(api: ApiClient, name: str, content: bytes) -> TestResponse:
    return api.call("POST", "/media", data={"file": (io.BytesIO(content), name)}, content_type="multipart/form-data")


def test_the_whole_life_of_a_file(api: ApiClient) -> None:
    content = png(31)
    made = upload(api, "spring.png", content)
    assert made.status_code == 201
    assert made.json is not None
    file_id = made.json["id"]
    assert made.json == {
        "id": file_id,
        "kind": "image",
        "origin": "library",
        "filename": "spring.png",
        "mime_type": "image/png",
        "size_bytes": len(content),
        "created_at": made.json["created_at"],
    }
    assert upload(api, "again.png", content).json == made.json
    assert api.get(f"/media/{file_id}").json == made.json
    assert api.get("/media").json == {"items": [made.json], "next_cursor": None}
    sent = api.get(f"/media/{file_id}/file")
    assert (sent.data, sent.mimetype) == (content, "image/png")
    assert sent.headers["Content-Disposition"].startswith("attachment")
    assert api.delete(f"/media/{file_id}").status_code == 204
    assert api.get(f"/media/{file_id}").status_code == 404
    assert api.get(f"/media/{file_id}/file").status_code == 404


def test_pages_and_kinds(api: ApiClient, cast: Cast) -> None:
    ids = [factories.make_media_file(cast.workspace).id for _ in range(3)]
    paper = factories.make_media_file(cast.workspace, "menu.pdf", b"%PDF-1.4")
    first = api.get("/media?kind=image&limit=2").json
    assert first is not None
    assert [row["id"] for row in first["items"]] == [ids[2], ids[1]]
    rest = api.get(f"/media?kind=image&limit=2&cursor={first['next_cursor']}").json
    assert rest is not None
    assert [row["id"] for row in rest["items"]] == [ids[0]]
    named = api.get("/media?search=MENU").json
    assert named is not None
    assert [row["id"] for row in named["items"]] == [paper.id]
    assert api.get("/media?kind=hologram").status_code == 422


@pytest.mark.parametrize(
    ("name", "content", "status", "words"),
    [
        ("a.png", b"", 422, "zero bytes"),
        ("a.gif", b"GIF89a", 422, "does not take files"),
        ("a.jpg", png(), 422, "Rename it to .png"),
        ("invoice.pdf.exe", b"%PDF-1.4", 422, "the ending of a program"),
        ("a.webp", STICKER + b"\0" * 100 * 1024, 413, "at most 100 KB"),
    ],
    ids=["empty", "unknown", "mismatch", "program", "large"],
)
def test_what_is_refused_says_why(api: ApiClient, name: str, content: bytes, status: int, words: str) -> None:
    answer = upload(api, name, content)
    assert (answer.status_code, answer.mimetype) == (status, "application/problem+json")
    assert answer.json is not None
    assert words in answer.json["detail"]
    if status == 422:
        assert answer.json["errors"]["file"] == [answer.json["detail"]]


def test_without_a_file(api: ApiClient) -> None:
    assert api.post("/media", {}).status_code == 422


def test_roles_and_strangers(client: Client, cast: Cast) -> None:
    file_id = factories.make_media_file(cast.workspace).id
    bob = client.api(cast.bob)
    assert upload(bob, "a.png", png(33)).status_code == 201
    assert bob.delete(f"/media/{file_id}").status_code == 403
    charlie = client.api(cast.charlie)
    for path in (f"/media/{file_id}", f"/media/{file_id}/file"):
        assert charlie.get(path).status_code == 404
    assert charlie.delete(f"/media/{file_id}").status_code == 404
    assert charlie.get("/media").json == {"items": [], "next_cursor": None}


def test_a_file_that_meta_has_never_seen_is_sent_once_for_a_key(
    client: Client, committed_cast: Cast, sandbox: SandboxControl
) -> None:
    sandbox.set(webhooks=False)
    api, workspace = client.api(committed_cast.alice), committed_cast.workspace
    channel = factories.make_channel(workspace, waba_id=sandbox.WABA_ID, phone_number_id=sandbox.PHONE_NUMBER_ID)
    contact = factories.make_contact(workspace)
    factories.make_conversation(channel, contact)
    file = factories.make_media_file(workspace, "menu.png", factories.png())
    media = {"file_id": file.id, "caption": "Today"}
    body = {"channel_id": channel.id, "to": f"+{contact.phone}", "type": "image", "media": media}
    key = {"Idempotency-Key": "menu-1"}
    first, again = (api.post("/messages", body, headers=key) for _ in range(2))
    assert (first.status_code, again.status_code) == (202, 202), first.text
    assert first.json == again.json
    assert len(api.get("/conversations").json["items"]) == 1
