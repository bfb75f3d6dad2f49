"""A number's WhatsApp profile: the pages and the API, against the sandbox in Meta's place."""

import io
import re

import pytest
from flask import Flask

from tests import factories
from tests.cast import Cast
from tests.client import Client
from tests.pictures import png
from tests.sandbox_control import SandboxControl
from wotnot.models import Channel
from wotnot.services import crypto, media

PLACE = b"GPS 33 55 S 18 25 E"
FORM = {
    "about": "Plants for small homes",
    "description": "Indoor plants <b>and</b> advice.",
    "address": "12 Kloof Street\nCape Town",
    "email": "hi@casaverde.example",
    "website_1": "https://casaverde.example/",
    "website_2": "https://casaverde.example/shop",
    "category": "GROCERY",
}


@pytest.fixture
def channel(cast: Cast, sandbox: SandboxControl) -> Channel:
    return factories.make_channel(cast.workspace, phone_number_id=sandbox.PHONE_NUMBER_ID)


@pytest.fixture
def here(channel: Channel) -> str:
    return f"/app/channels/{channel.id}/profile"


def choose(client: Client, here: str, content: bytes, name: str = "logo.png"):
    fields = {"csrf_token": client.csrf_token(here), "picture": (io.BytesIO(content), name)}
    return client.post(f"{here}/picture", data=fields, content_type="multipart/form-data")


def break_next(sandbox: SandboxControl, kind: str = "error", **more: object) -> None:
    sandbox.post("/sandbox/faults", {"kind": kind, "on": "whatsapp_business_profile", "count": 1} | more)


def test_the_form_shows_what_meta_has_and_saves_what_is_typed(client: Client, cast: Cast, here: str) -> None:
    client.sign_in(cast.alice)
    page = client.get(here).text
    assert 'value="hello@casaverde.example"' in page
    assert page.count("Plants for small homes") == 2  # in its field and on the phone
    saved = client.submit(here, page=here, **FORM)
    assert (saved.status_code, saved.location) == (303, here)
    page = client.get(here).text
    for words in ("hi@casaverde.example", "https://casaverde.example/shop", "Food and grocery"):
        assert words in page
    assert "Indoor plants &lt;b&gt;and&lt;/b&gt; advice." in page
    emptied = client.submit(here, page=here, **FORM | {"website_1": "", "website_2": "", "address": ""})
    assert emptied.status_code == 303
    page = client.get(here).text
    assert "casaverde.example/shop" not in page
    assert "12 Kloof Street" not in page


@pytest.mark.parametrize(
    ("field", "case"),
    [
        ("about", ("", "WhatsApp does not let this be emptied")),
        ("about", ("x" * 140, "This has 140 characters, and WhatsApp takes 139")),
        ("description", ("ü" * 513, "This has 513 characters")),
        ("address", ("x" * 257, "This has 257 characters")),
        ("email", ("x" * 117 + "@example.com", "This has 129 characters")),
        ("email", ("casaverde", "Enter an e-mail address such as")),
        ("website_1", ("ftp://casaverde.example", "“ftp://casaverde.example” is not the address of a website")),
        ("website_2", ("casaverde.example/shop", "“casaverde.example/shop” is not the address of a website")),
        ("category", ("PIRACY", "Choose one of the list")),
    ],
)
def test_a_refusal_stands_beside_its_field_and_keeps_the_rest(
    client: Client, cast: Cast, here: str, field: str, case: tuple[str, str]
) -> None:
    value, words = case
    client.sign_in(cast.alice)
    page = client.submit(here, page=here, **FORM | {"address": "New Street 1", field: value})
    assert page.status_code == 422
    assert words in page.text
    assert f'id="f-{field}-error"' in page.text
    assert field == "address" or "New Street 1" in page.text
    assert "New Street 1" not in client.get(here).text


def test_metas_own_refusal_finds_its_field(client: Client, cast: Cast, here: str, sandbox: SandboxControl) -> None:
    client.sign_in(cast.alice)
    said = {"message": "(#100) Param vertical is not allowed for this business", "code": 100, "type": "OAuthException"}
    token = client.csrf_token("/app/channels")
    break_next(sandbox, status=400, body={"error": said}, skip=1)  # it is read first
    page = client.post(here, data={"csrf_token": token, **FORM, "about": "Hello"})
    assert page.status_code == 422
    assert 'id="f-category-error"' in page.text
    assert "is not allowed for this business" in page.text
    assert 'value="Hello"' in page.text


def test_when_meta_is_away_it_says_so_and_loses_nothing(
    client: Client, cast: Cast, here: str, sandbox: SandboxControl
) -> None:
    client.sign_in(cast.alice)
    token = client.csrf_token("/app/channels")
    break_next(sandbox, kind="drop_before")
    page = client.get(here)
    assert page.status_code == 200
    assert "The profile cannot be shown just now" in page.text
    assert 'name="about"' not in page.text  # an empty form would invite to empty the profile
    break_next(sandbox, kind="drop_before", skip=1)
    refused = client.post(here, data={"csrf_token": token, **FORM, "about": "Typed with care"})
    assert refused.status_code == 422
    assert "Meta does not answer just now" in refused.text
    assert "What you typed is still here" in refused.text
    assert 'value="Typed with care"' in refused.text


def test_a_refused_token_is_named(client: Client, app: Flask, cast: Cast, sandbox: SandboxControl) -> None:
    keys = app.extensions["wotnot.config"].encryption_keys
    lost = factories.make_channel(
        cast.workspace, phone_number_id=sandbox.PHONE_NUMBER_ID, token_encrypted=crypto.encrypt("expired-x", keys)
    )
    client.sign_in(cast.alice)
    assert "Replace the token to send again." in client.get(f"/app/channels/{lost.id}/profile").text
    lost.token_encrypted = "not a secret of ours"
    factories.save(lost)
    assert "encryption keys were changed" in client.get(f"/app/channels/{lost.id}/profile").text


def test_a_picture_goes_to_meta_without_the_place_and_comes_back(
    client: Client, cast: Cast, here: str, sandbox: SandboxControl
) -> None:
    client.sign_in(cast.alice)
    plain = factories.make_channel(cast.workspace, phone_number_id="800000000000002")
    assert "/profile/picture?v=" not in client.get(f"/app/channels/{plain.id}/profile").text
    assert client.get(f"/app/channels/{plain.id}/profile/picture").status_code == 404
    saved = choose(client, here, png(200, 200, (b"tEXt", b"Comment\x00" + PLACE)))
    assert (saved.status_code, saved.location) == (303, here)
    address = re.search(r'src="(/app/channels/\d+/profile/picture\?v=\w+)"', client.get(here).text).group(1)
    shown = client.get(address)
    assert (shown.data, shown.mimetype) == (png(200, 200), "image/png")
    assert choose(client, here, png(300, 300)).status_code == 303
    assert address not in client.get(here).text
    client.submit(here, page=here, **FORM)
    assert "/profile/picture?v=" in client.get(here).text, "saving words took the picture away"


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (png(191, 191), "Choose one of at least 192 × 192."),
        (png(400, 300), "cut it to 300 × 300"),
        (b"<svg onload=alert(1)>", "not a JPEG or PNG"),
        (png(200, 200)[:-20], "ends too early"),
    ],
)
def test_a_picture_that_does_not_fit_says_why(
    client: Client, cast: Cast, here: str, content: bytes, words: str
) -> None:
    client.sign_in(cast.alice)
    before = client.get(f"{here}/picture").data
    page = choose(client, here, content)
    assert page.status_code == 422
    assert words in page.text
    assert "hello@casaverde.example" in page.text
    assert client.get(f"{here}/picture").data == before


def test_the_phone_follows_what_is_typed_without_asking_meta(
    client: Client, cast: Cast, here: str, sandbox: SandboxControl
) -> None:
    client.sign_in(cast.alice)
    token = client.csrf_token(here)
    break_next(sandbox, kind="drop_before")
    typed = FORM | {"about": "<i>Half a sen", "csrf_token": token}
    shown = client.post(f"{here}/preview", data=typed, headers={"HX-Request": "true"})
    assert shown.status_code == 200
    assert "&lt;i&gt;Half a sen" in shown.text
    assert "Food and grocery" in shown.text


def test_agents_read_it_and_strangers_do_not(client: Client, app: Flask, cast: Cast, here: str) -> None:
    client.sign_in(cast.bob)
    page = client.get(here)
    assert "12 Kloof Street" in page.text
    assert "Save the profile" not in page.text
    for path in (here, f"{here}/preview", f"{here}/picture"):
        assert client.submit(path, page="/app/channels", **FORM).status_code == 403, path
    stranger = app.test_client()
    stranger.sign_in(cast.charlie)
    assert stranger.get(here).status_code == 404
    assert stranger.get(f"{here}/picture").status_code == 404


def test_over_the_api(client: Client, cast: Cast, channel: Channel) -> None:
    address, alice = f"/channels/{channel.id}/profile", client.api(cast.alice)
    read = alice.get(address)
    assert read.json["category"] == "RETAIL"
    assert read.json["websites"] == ["https://casaverde.example/"]
    changed = alice.put(address, {"about": "Open all day", "websites": []})
    assert changed.status_code == 200, changed.json
    assert (changed.json["about"], changed.json["websites"]) == ("Open all day", [])
    assert changed.json["email"] == "hello@casaverde.example"
    refused = alice.put(address, {"websites": ["a.example", "b", "c"], "about": ""})
    assert refused.status_code == 422
    assert set(refused.json["errors"]) == {"websites", "about"}
    three = alice.put(address, {"websites": [f"https://{name}.example" for name in "abc"]})
    assert (three.status_code, three.json["errors"]) == (422, {"websites": ["WhatsApp shows at most 2 websites."]})
    for odd in (
        {"vertical": "RETAIL"},
        {"about": "a\x00b"},
        {"about": "a\ud800b"},
        {"websites": ["https://a.example/\x07"]},
    ):
        assert alice.put(address, odd).status_code == 422, odd
    assert client.api(cast.bob).put(address, {"about": "x"}).status_code == 403
    assert client.api(cast.charlie).get(address).status_code == 404


def test_a_picture_of_the_library_over_the_api(client: Client, cast: Cast, channel: Channel) -> None:
    address, alice = f"/channels/{channel.id}/profile", client.api(cast.alice)

    def put(picture_media_id: int):
        return alice.put(address, {"about": "New", "picture_media_id": picture_media_id})

    def keep(content: bytes) -> int:
        return media.save_file(cast.workspace.id, io.BytesIO(content), "logo.png", user_id=cast.alice.id).id

    refused = put(keep(png(300, 200)))
    assert (refused.status_code, list(refused.json["errors"])) == (422, ["picture_media_id"])
    assert put(999_999).status_code == 422
    assert alice.get(address).json["about"] == "Plants for small homes", "half of it was saved"
    changed = put(keep(png(200, 200)))
    assert changed.status_code == 200, changed.json
    assert changed.json["about"] == "New"
    assert changed.json["picture_url"]
