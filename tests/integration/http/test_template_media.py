"""Templates with a picture, a video or a document above their words: from the library to Meta's reviewers."""

from typing import Any

import pytest
import requests

from tests import factories
from tests.cast import Cast
from tests.client import Client
from tests.factories import png
from tests.sandbox_control import SandboxControl
from wotnot.models import MediaFile
from wotnot.services import message_templates

HTMX = {"HX-Request": "true"}
MP4 = b"\0\0\0\x18ftypisom\0\0\0\0isom" + b"\0" * 2000
CONTENTS = {
    "IMAGE": ("spring.png", png(71)),
    "VIDEO": ("spring.mp4", MP4),
    "DOCUMENT": ("menu.pdf", b"%PDF-1.4 " + b"0" * 2000),
}


@pytest.fixture
def channel_id(cast: Cast, sandbox: SandboxControl) -> int:
    return factories.make_channel(cast.workspace, phone_number_id=sandbox.PHONE_NUMBER_ID).id


@pytest.fixture
def alice(client: Client, cast: Cast) -> Client:
    client.sign_in(cast.alice)
    return client


def form(channel_id: int, **changes: Any) -> dict[str, Any]:
    return {
        "channel_id": str(channel_id),
        "name": "spring_picture",
        "language": "en",
        "category": "MARKETING",
        "body": "Our spring range is here, come and look.",
    } | changes


def make(cast: Cast, kind: str) -> MediaFile:
    return factories.make_media_file(cast.workspace, *CONTENTS[kind])


def received(sandbox: SandboxControl, name: str) -> dict[str, Any]:
    """The header of a template as Meta has it."""
    url = f"{sandbox.url}/v24.0/700000000000001/message_templates?name={name}&fields=name,components"
    rows = requests.get(url, headers={"Authorization": "Bearer sandbox-token"}, timeout=5).json()["data"]
    (components,) = [row["components"] for row in rows if row["name"] == name]
    header: dict[str, Any] = components[0]
    return header


@pytest.mark.parametrize("kind", list(CONTENTS))
def test_meta_receives_the_header_with_its_sample(
    alice: Client, cast: Cast, channel_id: int, sandbox: SandboxControl, kind: str
) -> None:
    file = make(cast, kind)
    answer = alice.submit("/app/templates/new", **form(channel_id, header_kind=kind, header_file_id=str(file.id)))
    assert answer.status_code == 303, answer.text
    header = received(sandbox, "spring_picture")
    assert (header["type"], header["format"]) == ("HEADER", kind)
    assert requests.get(header["example"]["header_handle"][0], timeout=5).content == CONTENTS[kind][1]
    page = alice.get(answer.location).text
    assert "an uploaded file" in page
    assert "In review" in page


def test_without_a_file_it_says_so_and_loses_nothing(alice: Client, cast: Cast, channel_id: int) -> None:
    answer = alice.submit("/app/templates/new", **form(channel_id, header_kind="IMAGE", header="kept text"))
    assert answer.status_code == 422
    for said in ("The picture of the header has no sample", "There is no picture in your files yet", "kept text"):
        assert said in answer.text, said
    assert message_templates.list_templates(cast.workspace.id).items == []


def test_a_file_that_does_not_fit_or_is_not_there(alice: Client, cast: Cast, channel_id: int) -> None:
    video = make(cast, "VIDEO").id
    theirs = factories.make_media_file(cast.other_workspace).id
    for file_id, said in ((video, "does not fit this header"), (theirs, "not in the library any more")):
        answer = alice.submit(
            "/app/templates/new", **form(channel_id, header_kind="IMAGE", header_file_id=str(file_id))
        )
        assert answer.status_code == 422
        assert said in answer.text


def test_what_meta_refuses_after_the_upload_comes_back_whole(
    alice: Client, cast: Cast, channel_id: int, sandbox: SandboxControl
) -> None:
    file_id = make(cast, "IMAGE").id
    typed = form(channel_id, name="early_access", header_kind="IMAGE", header_file_id=str(file_id))
    answer = alice.submit("/app/templates/new", **typed)
    assert answer.status_code == 422
    assert "spring.png" in answer.text
    assert f'<option value="{file_id}" selected' in answer.text


def test_choosing_a_kind_with_and_without_scripts(alice: Client, cast: Cast, channel_id: int) -> None:
    make(cast, "IMAGE")
    make(cast, "VIDEO")
    typed = form(channel_id, csrf_token=alice.csrf_token("/app/templates/new"), header_kind="TEXT", header="Hello")
    fragment = alice.post("/app/templates/edit", data=typed | {"act": "header:IMAGE"}, headers=HTMX).text
    assert "Picture for Meta’s reviewers" in fragment
    assert "spring.png" in fragment
    assert "spring.mp4" not in fragment
    assert 'id="side"' in fragment
    assert '<input type="hidden" name="header" value="Hello">' in fragment
    page = alice.post("/app/templates/edit", data=typed | {"act": "header:VIDEO"}).text
    assert "spring.mp4" in page
    assert "spring_picture" in page
    none = alice.post("/app/templates/edit", data=typed | {"act": "header:NONE"}, headers=HTMX).text
    assert "Text of the header" not in none


def test_the_phone_shows_the_picture(alice: Client, cast: Cast, channel_id: int) -> None:
    file_id = make(cast, "IMAGE").id
    typed = form(
        channel_id,
        csrf_token=alice.csrf_token("/app/templates/new"),
        header_kind="IMAGE",
        header_file_id=str(file_id),
        header_newest=str(file_id),
    )
    preview = alice.post("/app/templates/preview", data=typed, headers=HTMX).text
    assert f'<img class="img" src="/app/media/{file_id}/file"' in preview
    assert 'id="template-header"' not in preview
    newer = factories.make_media_file(cast.workspace, "from another tab.png").id
    preview = alice.post("/app/templates/preview", data=typed, headers=HTMX).text
    assert 'id="template-header" class="wn-field" hx-swap-oob="true"' in preview
    assert f'<option value="{newer}"' in preview


def test_the_api_takes_a_file_of_the_library(
    client: Client, cast: Cast, channel_id: int, sandbox: SandboxControl
) -> None:
    file_id = make(cast, "DOCUMENT").id
    api = client.api(cast.alice)
    body = {
        "channel_id": channel_id,
        "name": "our_menu",
        "language": "en",
        "category": "UTILITY",
        "components": [{"type": "HEADER", "format": "DOCUMENT"}, {"type": "BODY", "text": "Here is our menu."}],
    }
    refused = api.post("/templates", body)
    assert refused.status_code == 422
    assert refused.json is not None
    assert "sample-header.document" in refused.json["errors"]
    assert api.post("/templates", body | {"header_file_id": file_id}).status_code == 201
    assert received(sandbox, "our_menu")["format"] == "DOCUMENT"
