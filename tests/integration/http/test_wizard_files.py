"""The wizard's message page with pictures, videos and documents: from the library, uploaded on the spot, or a link."""

import io
import re
from collections.abc import Callable
from typing import Any

import pytest
from sqlalchemy import select
from werkzeug.test import TestResponse

from tests import factories as make
from tests.cast import Cast
from tests.client import Client
from tests.factories import png
from tests.integration.http.test_wizard_pages import golden_parts, text_of
from wotnot.extensions import db
from wotnot.models import Broadcast, BroadcastState, Channel, Contact, MediaFile, Template
from wotnot.services import media

HTMX = {"HX-Request": "true"}
PICTURE = "header.image"
BODY = {"type": "BODY", "text": "Hi {{1}}, spring is here.", "example": {"body_text": [["Ann"]]}}
HEADER = {"type": "HEADER", "format": "IMAGE", "example": {"header_handle": ["4:abc"]}}


@pytest.fixture
def template(cast: Cast) -> Template:
    return make.make_template(cast.workspace, name="spring", components=[HEADER, BODY])


@pytest.fixture
def ann(cast: Cast) -> Contact:
    return make.make_contact(cast.workspace, name="Ann Archer")


@pytest.fixture
def page(cast: Cast, channel: Channel, template: Template, ann: Contact) -> str:
    """The address of a draft's message page."""
    return f"/app/broadcasts/{make.make_broadcast(cast.workspace, channel, template, variables={}).id}/message"


@pytest.fixture
def typed(channel: Channel, template: Template) -> dict[str, Any]:
    """The form as it is filled in before the picture is chosen."""
    return {
        "channel": str(channel.id),
        "template": str(template.id),
        "source-1": "field:first_name",
        "text-1": "dear friend",
        f"source-{PICTURE}": "file",
    }


def send(browser: Client, address: str, page: str, fields: dict[str, Any], **kwargs: Any) -> TestResponse:
    data = {"csrf_token": browser.csrf_token(page), **fields}
    return browser.post(address, data=data, content_type="multipart/form-data", **kwargs)


def saved() -> dict[str, Any]:
    db.session.expire_all()
    return db.session.scalars(select(Broadcast)).one().variables


def test_nobody_is_asked_for_an_id_of_metas(browser: Client, page: str) -> None:
    shown = text_of(browser.get(page))
    assert "A file of your library" in shown
    assert "There is no picture in your library yet. Upload one here" in shown
    assert "JPEG picture or PNG picture, at most 5 MB." in shown


def test_a_file_of_the_library_is_chosen_and_shown(
    browser: Client, cast: Cast, page: str, typed: dict[str, Any]
) -> None:
    make.make_media_file(cast.workspace, "menu.pdf", b"%PDF-1.4 menu")
    file = make.make_media_file(cast.workspace, "spring.png")
    shown = browser.get(page).text
    assert "spring.png" in shown
    assert "menu.pdf" not in shown
    base = page.removesuffix("/message")
    query = {**typed, f"file-{PICTURE}": str(file.id)}
    preview = browser.fragment(f"{base}/preview", query_string=query).text
    assert f'<img class="img" src="/app/media/{file.id}/file"' in preview
    answer = send(browser, page, page, query)
    assert answer.location == f"{base}/when"
    assert saved() == {PICTURE: {"file_id": file.id}, "1": {"field": "first_name", "fallback": "dear friend"}}
    again = browser.get(page).text
    assert re.search(rf'value="{file.id}"\s+checked', again)
    for address in (page, f"{base}/check"):
        assert f'src="/app/media/{file.id}/file"' in browser.get(address).text


def test_an_upload_comes_back_to_the_step_with_everything_typed(
    browser: Client, cast: Cast, page: str, typed: dict[str, Any]
) -> None:
    fields = {**typed, f"upload-{PICTURE}": (io.BytesIO(png(401)), "new.png")}
    answer = send(browser, f"{page}/files?key={PICTURE}", page, fields)
    assert answer.status_code == 200
    (file,) = media.list_files(cast.workspace.id).items
    assert re.search(rf'value="{file.id}"\s+checked', answer.text)
    assert 'value="dear friend"' in answer.text
    assert f'src="/app/media/{file.id}/file" alt="Picture of the message"' in answer.text
    assert saved() == {}, "nothing is saved before Continue"


def test_with_scripts_only_the_choice_changes(browser: Client, page: str, typed: dict[str, Any]) -> None:
    fields = {**typed, f"upload-{PICTURE}": (io.BytesIO(png(402)), "new.png")}
    answer = send(browser, f"{page}/files?key={PICTURE}", page, fields, headers=HTMX)
    assert answer.text.startswith('<div class="wn-filepick"')
    assert "new.png" in answer.text
    assert 'hx-target="#preview"' in answer.text


@pytest.mark.parametrize(
    ("name", "content", "words"),
    [
        ("menu.pdf", b"%PDF-1.4", "“menu.pdf” is a PDF document. Choose a JPEG picture or PNG picture."),
        ("empty.png", b"", "“empty.png” is empty"),
        ("old.gif", b"GIF89a", "does not take files like “old.gif”"),
    ],
    ids=["kind", "empty", "unknown"],
)
def test_a_refused_upload_says_why_and_keeps_what_was_typed(
    name: str, content: bytes, words: str, *, browser: Client, cast: Cast, page: str, typed: dict[str, Any]
) -> None:
    for address in (f"{page}/files?key={PICTURE}", page):
        answer = send(browser, address, page, {**typed, f"upload-{PICTURE}": (io.BytesIO(content), name)})
        assert answer.status_code == 422
        assert words in text_of(answer)
        assert 'value="dear friend"' in answer.text
    assert media.list_files(cast.workspace.id).items == []
    assert saved() == {}


def test_a_file_that_was_picked_but_not_uploaded_goes_along_with_continue(
    browser: Client, page: str, typed: dict[str, Any]
) -> None:
    answer = send(browser, page, page, {**typed, f"upload-{PICTURE}": (io.BytesIO(png(404)), "new.png")})
    assert answer.status_code == 303
    assert saved()[PICTURE] == {"file_id": db.session.scalars(select(MediaFile.id)).one()}


def test_search_looks_through_the_whole_library_and_keeps_the_chosen(
    browser: Client, cast: Cast, page: str, typed: dict[str, Any]
) -> None:
    old = make.make_media_file(cast.workspace, "Autumn.png")
    for number in range(14):
        make.make_media_file(cast.workspace, f"Photo {number}.png")
    first = browser.get(page).text
    assert "Autumn.png" not in first
    assert 'aria-label="Look for a picture"' in first
    fields = {**typed, f"search-{PICTURE}": "autumn"}
    found = send(browser, f"{page}/files?key={PICTURE}", page, fields, headers=HTMX).text
    assert "Autumn.png" in found
    assert "Photo 3.png" not in found
    chosen = {**typed, f"file-{PICTURE}": str(old.id), f"search-{PICTURE}": "photo 1"}
    both = send(browser, f"{page}/files?key={PICTURE}", page, chosen, headers=HTMX).text
    assert both.index("Autumn.png") < both.index("Photo 13.png")
    nothing = send(browser, f"{page}/files?key={PICTURE}", page, {**typed, f"search-{PICTURE}": "zzz"}, headers=HTMX)
    assert "No picture has “zzz” in its name." in nothing.text


def test_nothing_chosen_and_a_stranger_s_file(browser: Client, cast: Cast, page: str, typed: dict[str, Any]) -> None:
    answer = send(browser, page, page, typed)
    assert answer.status_code == 422
    assert "Picture in the header: choose a file, or upload one." in text_of(answer)
    theirs = make.make_media_file(cast.other_workspace, "theirs.png")
    answer = send(browser, page, page, {**typed, f"file-{PICTURE}": str(theirs.id)})
    assert answer.status_code == 422
    assert "This file is not in the library any more. Choose another one." in text_of(answer)
    assert "theirs.png" not in answer.text


def test_a_link_is_still_possible(browser: Client, page: str, typed: dict[str, Any]) -> None:
    link = {f"source-{PICTURE}": "text", f"text-{PICTURE}": "https://shop.example/spring.jpg"}
    assert send(browser, page, page, typed | link).status_code == 303
    assert saved()[PICTURE] == {"text": "https://shop.example/spring.jpg"}
    wrong = send(browser, page, page, typed | link | {f"text-{PICTURE}": "spring"})
    assert "Give the full address of the file" in text_of(wrong)


def test_every_card_of_a_carousel_has_its_own(
    browser: Client, cast: Cast, channel: Channel, ann: Contact, count_queries: Callable[..., Any]
) -> None:
    template = make.make_template(cast.workspace, name="harvest", components=golden_parts("carousel"))
    draft = make.make_broadcast(cast.workspace, channel, template, variables={})
    one, two = make.make_media_file(cast.workspace, "one.png"), make.make_media_file(cast.workspace, "two.png")
    page = f"/app/broadcasts/{draft.id}/message"
    with count_queries() as statements:
        shown = text_of(browser.get(page))
    assert "Picture in the header on card 2 is" in shown
    assert sum("FROM media_files" in statement for statement in statements) == 1
    query = {f"source-card.{n}.header.image": "file" for n in (0, 1)}
    query |= {"card.0": "", "file-card.0.header.image": str(one.id), "file-card.1.header.image": str(two.id)}
    preview = browser.fragment(f"{page.removesuffix('/message')}/preview", query_string=query).text
    assert preview.index(f"/app/media/{one.id}/file") < preview.index(f"/app/media/{two.id}/file")


def test_a_file_that_a_draft_shows_is_not_deleted(
    browser: Client, cast: Cast, page: str, typed: dict[str, Any]
) -> None:
    file = make.make_media_file(cast.workspace, "spring.png")
    send(browser, page, page, {**typed, f"file-{PICTURE}": str(file.id)})
    here = f"/app/media/{file.id}"
    assert browser.submit(f"{here}/delete", page=here).location == here
    assert "uses this file and has not finished. Choose another file there" in text_of(browser.get(here))


def test_a_second_tab_that_is_too_late_is_shown_where_it_is_now(
    browser: Client, page: str, typed: dict[str, Any], cast: Cast
) -> None:
    fields = {**typed, f"upload-{PICTURE}": (io.BytesIO(png(405)), "late.png"), "csrf_token": browser.csrf_token(page)}
    db.session.scalars(select(Broadcast)).one().state = BroadcastState.SENDING
    db.session.commit()
    answer = browser.post(f"{page}/files?key={PICTURE}", data=fields, content_type="multipart/form-data")
    assert answer.location == page.removesuffix("/message")
    assert media.list_files(cast.workspace.id).items == []


def test_agents_choose_nothing(client: Client, cast: Cast, page: str, typed: dict[str, Any]) -> None:
    client.sign_in(cast.bob)
    data = {**typed, "csrf_token": client.csrf_token("/app/media")}
    assert client.post(f"{page}/files?key={PICTURE}", data=data).status_code == 403
