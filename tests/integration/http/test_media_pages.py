"""The pages of the library, and its files as a browser gets them."""

import io
from typing import Any

import pytest
from werkzeug.test import TestResponse

from tests import factories
from tests.cast import Cast
from tests.client import Client
from tests.factories import png
from tests.sandbox_control import SandboxControl
from wotnot.models import MediaFile
from wotnot.services import media

HTMX = {"HX-Request": "true"}
STICKER = b"RIFF\0\0\0\0WEBPVP8X\x0a" + b"\0" * 7 + b"\xff\x01\0\xff\x01\0"


@pytest.fixture
def alice(client: Client, cast: Cast) -> Client:
    client.sign_in(cast.alice)
    return client


def upload(client: Client, *files: tuple[str, bytes], **kwargs: Any) -> TestResponse:
    parts = [(io.BytesIO(content), name) for name, content in files]
    data = {"csrf_token": client.csrf_token("/app/media"), "file": parts}
    return client.post("/app/media", data=data, content_type="multipart/form-data", **kwargs)


def kept(cast: Cast) -> list[MediaFile]:
    return media.list_files(cast.workspace.id).items


def test_an_empty_library_says_what_comes_next(alice: Client) -> None:
    page = alice.get("/app/media").text
    assert "No files yet" in page
    assert 'href="/app/templates/new"' in page
    assert 'href="/app/media"' in alice.get("/app/templates").text


def test_one_file_goes_to_its_page(alice: Client, cast: Cast) -> None:
    answer = upload(alice, ("Spring <1>.png", png(11)))
    (file,) = kept(cast)
    assert answer.location == f"/app/media/{file.id}"
    page = alice.get(answer.location).text
    assert "Spring _1_.png is in the library." in page
    assert "PNG picture" in page
    assert f'src="/app/media/{file.id}/file"' in page
    assert "Not at Meta yet" in page
    assert "Keep the file" in page


def test_several_files_at_once(alice: Client, cast: Cast) -> None:
    answer = upload(alice, ("a.png", png(12)), ("b.pdf", b"%PDF-1.4 b"), headers=HTMX)
    assert answer.headers["HX-Redirect"] == "/app/media"
    page = alice.get("/app/media").text
    for said in ("2 files are in the library.", "a.png", "PDF document", "Pictures <b>1</b>", "Documents <b>1</b>"):
        assert said in page, said


def test_each_refused_file_is_named_and_the_others_are_kept(alice: Client, cast: Cast) -> None:
    answer = upload(
        alice,
        ("good.png", png(13)),
        ("empty.png", b""),
        ("photo.jpg.js", png(14)),
        ("wrong.jpg", png(15)),
        ("film.mov", b"\0\0\0\x14ftypqt  "),
        ("large.webp", STICKER + b"\0" * 100 * 1024),
        headers=HTMX,
    )
    assert answer.status_code == 422
    for said in (
        "1 file was kept, 5 were not",
        "“empty.png” is empty",
        "the ending of a program (.js)",
        "Rename it to .png",
        "does not take files like “film.mov”",
        "at most 100 KB",
    ):
        assert said in answer.text, said
        assert answer.text.count(said) == 1, f"{said} is said more than once"
    (file,) = kept(cast)
    assert f'<a href="/app/media/{file.id}">good.png</a> is in the library.' in answer.text


def test_one_refused_file_is_said_once(alice: Client) -> None:
    answer = upload(alice, ("empty.png", b""))
    assert answer.status_code == 422
    assert "Nothing was kept" in answer.text
    assert answer.text.count("“empty.png” is empty") == 1


def test_no_file_is_said_without_scripts_too(alice: Client) -> None:
    answer = alice.submit("/app/media", page="/app/media")
    assert answer.status_code == 422
    assert "Choose a file first." in answer.text


def test_tabs_search_and_pages(alice: Client, cast: Cast) -> None:
    for number in range(25):
        factories.make_media_file(cast.workspace, f"Photo {number:02}.png")
    factories.make_media_file(cast.workspace, "menu.pdf", b"%PDF-1.4 menu")
    assert "menu.pdf" not in alice.get("/app/media?kind=image").text
    assert "menu.pdf" in alice.fragment("/app/media?search=MENU").text
    assert "No file matches" in alice.fragment("/app/media?search=nothing").text
    page = alice.fragment("/app/media?kind=image").text
    assert page.count('loading="lazy"') == 24
    assert "cursor=" in page
    assert alice.get("/app/media?kind=hologram").status_code == 422


def test_the_list_takes_a_constant_number_of_queries(alice: Client, cast: Cast, count_queries: Any) -> None:
    counts = []
    for _ in range(2):
        for _ in range(5):
            factories.make_media_file(cast.workspace)
        with count_queries() as statements:
            assert alice.get("/app/media").status_code == 200
        counts.append(len(statements))
    assert counts[0] == counts[1]


def test_a_picture_is_shown_and_everything_else_downloaded(alice: Client, cast: Cast) -> None:
    content = png(17)
    picture = factories.make_media_file(cast.workspace, "grün.png", content)
    paper = factories.make_media_file(cast.workspace, "menu.pdf", b"%PDF-1.4 menu")
    text = factories.make_media_file(cast.workspace, "a.txt", b"<script>alert(1)</script>")
    shown = alice.get(f"/app/media/{picture.id}/file")
    assert shown.data == content
    assert shown.mimetype == "image/png"
    assert shown.headers["X-Content-Type-Options"] == "nosniff"
    assert shown.headers["Content-Disposition"].startswith("inline")
    assert "sandbox" in shown.headers["Content-Security-Policy"]
    assert shown.headers["Cache-Control"] == "private, no-cache"
    for address in (f"{picture.id}/file?download=1", f"{paper.id}/file", f"{text.id}/file"):
        assert alice.get(f"/app/media/{address}").headers["Content-Disposition"].startswith("attachment"), address


def test_a_part_and_an_unchanged_file(alice: Client, cast: Cast) -> None:
    content = png(18, padding=1000)
    here = f"/app/media/{factories.make_media_file(cast.workspace, 'a.png', content).id}/file"
    part = alice.get(here, headers={"Range": "bytes=100-199"})
    assert (part.status_code, part.data) == (206, content[100:200])
    etag = alice.get(here).headers["ETag"]
    assert alice.get(here, headers={"If-None-Match": etag}).status_code == 304


@pytest.mark.parametrize(
    ("name", "content", "tag"),
    [
        ("a.mp4", b"\0\0\0\x18ftypisom\0\0\0\0isom", "<video"),
        ("a.mp3", b"ID3\x04\0\0", "<audio"),
        ("a.pdf", b"%PDF-1.4", "Documents are not shown here"),
    ],
)
def test_every_kind_has_a_page(alice: Client, cast: Cast, name: str, content: bytes, tag: str) -> None:
    file = factories.make_media_file(cast.workspace, name, content)
    assert tag in alice.get(f"/app/media/{file.id}").text


def test_its_page_says_until_when_meta_knows_it(alice: Client, cast: Cast, sandbox: SandboxControl) -> None:
    channel = factories.make_channel(cast.workspace, phone_number_id=sandbox.PHONE_NUMBER_ID)
    file = factories.make_media_file(cast.workspace)
    file_id = file.id
    media.media_id_for(channel, file)
    page = alice.get(f"/app/media/{file_id}").text
    assert "Known at Meta until" in page
    assert "for Casa Verde" in page


def test_deleting(alice: Client, cast: Cast) -> None:
    file = factories.make_media_file(cast.workspace, "old.png")
    here = f"/app/media/{file.id}"
    answer = alice.submit(f"{here}/delete", page=here)
    assert answer.location == "/app/media"
    assert "old.png is deleted." in alice.get("/app/media").text
    assert alice.get(here).status_code == 404
    assert alice.get(f"{here}/file").status_code == 404


def test_agents_upload_and_do_not_delete(client: Client, cast: Cast) -> None:
    client.sign_in(cast.bob)
    assert upload(client, ("a.png", png(19))).status_code == 303
    here = f"/app/media/{kept(cast)[0].id}"
    assert "Keep the file" not in client.get(here).text
    assert client.submit(f"{here}/delete", page=here).status_code == 403


def test_strangers_get_404(client: Client, cast: Cast) -> None:
    here = f"/app/media/{factories.make_media_file(cast.workspace).id}"
    client.sign_in(cast.charlie)
    assert client.get(here).status_code == 404
    assert client.get(f"{here}/file").status_code == 404
    assert client.submit(f"{here}/delete", page="/app/media").status_code == 404
    assert "No files yet" in client.get("/app/media").text
