"""Every kind of message through the editor's form: what Meta receives, what is kept meanwhile, and copies."""

import re
from typing import Any

import pytest
import requests

from tests import factories
from tests.cast import Cast
from tests.client import Client
from tests.factories import png
from tests.sandbox_control import SandboxControl
from wotnot.models import Template, TemplateCategory
from wotnot.services import message_templates
from wotnot.services.message_templates import get_template

HTMX = {"HX-Request": "true"}
Form = dict[str, Any]


@pytest.fixture
def channel_id(cast: Cast, sandbox: SandboxControl) -> int:
    return factories.make_channel(cast.workspace, phone_number_id=sandbox.PHONE_NUMBER_ID).id


@pytest.fixture
def alice(client: Client, cast: Cast) -> Client:
    client.sign_in(cast.alice)
    return client


def form(channel_id: int, **changes: Any) -> Form:
    return {
        "channel_id": str(channel_id),
        "name": "made_here",
        "language": "en",
        "category": "MARKETING",
        "body": "Our plants are here, come and look.",
    } | changes


def carousel(*file_ids: object) -> Form:
    return {
        "kind": "CAROUSEL",
        "card_header": "IMAGE",
        "card_button": ["URL", "NONE"],
        "card_had": ["URL"],
        "card_file_id": [str(file_id) for file_id in file_ids],
        "card_body": [f"Plant {n} for {{{{1}}}} and you" for n, _ in enumerate(file_ids, start=1)],
        "card_button_text": ["Shop"] * len(file_ids),
        "card_button_value": ["https://shop.co.za/{{1}}"] * len(file_ids),
    } | {f"sample-card.{n}.{key}": "x" for n, _ in enumerate(file_ids) for key in ("1", "button.0")}


OFFER = {
    "kind": "OFFER", "offer_text": "Ends tonight", "offer_expires": "1", "offer_code": "SPRING20",
    "offer_link_text": "Shop", "offer_link": "https://shop.co.za/spring",
}  # fmt: skip
CODE = {
    "kind": "CODE", "code_type": "ONE_TAP", "code_package": "co.za.shop", "code_signature": "K8a/AINcGX7",
    "code_advice": "1", "code_minutes": "10",
}  # fmt: skip
BUTTONS = {
    "button_type": ["FLOW", "COPY_CODE", "CATALOG"],
    "button_text": ["Book", "", ""],
    "button_value": ["1187543219876543", "SPRING20", ""],
    "button_screen": ["START", "", ""],
}
APP = {"package_name": "co.za.shop", "signature_hash": "K8a/AINcGX7"}


def received(sandbox: SandboxControl, name: str) -> dict[str, Any]:
    """A template as Meta has it."""
    url = f"{sandbox.url}/v24.0/700000000000001/message_templates?name={name}&fields=name,components,category"
    rows = requests.get(url, headers={"Authorization": "Bearer sandbox-token"}, timeout=5).json()["data"]
    (row,) = [row for row in rows if row["name"] == name]
    return dict(row)


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({"header_kind": "LOCATION"}, [("HEADER", {"format": "LOCATION"})]),
        (OFFER, [
            ("LIMITED_TIME_OFFER", {"limited_time_offer": {"text": "Ends tonight", "has_expiration": True}}),
            ("BUTTONS", {"buttons": [
                {"type": "COPY_CODE", "example": "SPRING20"},
                {"type": "URL", "text": "Shop", "url": "https://shop.co.za/spring"},
            ]}),
        ]),
        (CODE, [
            ("BODY", {"add_security_recommendation": True,
                      "text": "*{{1}}* is your verification code. For your security, do not share this code."}),
            ("FOOTER", {"code_expiration_minutes": 10, "text": "This code expires in 10 minutes."}),
            ("BUTTONS", {"buttons": [{"type": "OTP", "otp_type": "ONE_TAP", "supported_apps": [APP]}]}),
        ]),
        ({"kind": "CATALOG"}, [("BUTTONS", {"buttons": [{"type": "CATALOG", "text": "View catalog"}]})]),
        (BUTTONS, [
            ("BUTTONS", {"buttons": [
                {"type": "FLOW", "text": "Book", "flow_id": "1187543219876543", "flow_action": "navigate",
                 "navigate_screen": "START"},
                {"type": "COPY_CODE", "example": "SPRING20"},
                {"type": "CATALOG", "text": "View catalog"},
            ]}),
        ]),
    ],
    ids=["location", "offer", "code", "catalogue", "flow"],
)  # fmt: skip
def test_meta_receives_what_was_made(
    alice: Client, channel_id: int, sandbox: SandboxControl, fields: Form, expected: list[Any]
) -> None:
    # A category that the kind cannot have is not sent, whatever the form says.
    answer = alice.submit("/app/templates/new", **form(channel_id, **fields))
    assert answer.status_code == 303, re.findall(r"wn-call bad.*?</ul>", answer.text, re.DOTALL)
    got = received(sandbox, "made_here")
    assert got["category"] == ("AUTHENTICATION" if fields is CODE else "MARKETING")
    parts = {part["type"]: {key: value for key, value in part.items() if key != "type"} for part in got["components"]}
    assert [(kind, parts.get(kind)) for kind, _ in expected] == expected
    assert "In review" in alice.get(answer.location).text


def test_the_cards_show_the_reviewers_their_own_pictures(
    alice: Client, cast: Cast, channel_id: int, sandbox: SandboxControl
) -> None:
    pictures = [png(seed) for seed in (501, 502)]
    files = [factories.make_media_file(cast.workspace, f"{n}.png", data).id for n, data in enumerate(pictures)]
    answer = alice.submit("/app/templates/new", **form(channel_id, **carousel(*files, files[0])))
    assert answer.status_code == 303
    cards = received(sandbox, "made_here")["components"][1]["cards"]
    handles = [card["components"][0]["example"]["header_handle"][0] for card in cards]
    assert [requests.get(handle, timeout=5).content for handle in handles] == [*pictures, pictures[0]]
    assert len(set(handles)) == 3, "a handle is used once"
    assert cards[0]["components"][2]["buttons"][0]["example"] == ["https://shop.co.za/x"]
    page = alice.get(answer.location).text
    assert "3 cards, side by side" in page
    assert "Card 2" in page


def test_a_card_without_a_picture_or_with_a_strangers_says_so(alice: Client, cast: Cast, channel_id: int) -> None:
    mine = factories.make_media_file(cast.workspace).id
    theirs = factories.make_media_file(cast.other_workspace).id
    answer = alice.submit("/app/templates/new", **form(channel_id, **carousel(mine, "")))
    assert answer.status_code == 422
    assert "The picture of card 2 has no sample" in answer.text
    assert "Plant 2 for {{1}} and you" in answer.text
    answer = alice.submit("/app/templates/new", **form(channel_id, **carousel(mine, theirs)))
    assert answer.status_code == 422
    assert "not in the library any more" in answer.text
    assert message_templates.list_templates(cast.workspace.id).items == []


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        (OFFER | {"offer_text": "Until the end of May"}, "20 of 16 characters"),
        (OFFER | {"offer_link": "shop"}, "no full address"),
        (CODE | {"code_signature": "short"}, "signature hash is not complete"),
        (CODE | {"code_minutes": "soon"}, "1 to 90 minutes"),
        (CODE | {"code_type": "ZERO_TAP"}, "terms for zero-tap are not accepted"),
        (BUTTONS | {"button_value": ["my flow", "x" * 16, ""]}, "16 of 15 characters"),
    ],
)
def test_what_is_wrong_is_said_and_everything_comes_back(
    alice: Client, channel_id: int, fields: Form, said: str
) -> None:
    answer = alice.submit("/app/templates/new", **form(channel_id, **fields))
    assert answer.status_code == 422
    assert said in answer.text
    for value in (one for given in fields.values() for one in ([given] if isinstance(given, str) else given) if one):
        assert f'value="{value}"' in answer.text, value


def test_another_kind_keeps_what_was_typed(alice: Client, cast: Cast, channel_id: int) -> None:
    file_id = factories.make_media_file(cast.workspace).id
    typed = form(channel_id, csrf_token=alice.csrf_token("/app/templates/new"), **BUTTONS)
    typed |= carousel(file_id, "") | {"header": "Spring", "footer": "Bye", "category": "UTILITY", "kind": "CODE"}
    fragment = alice.post("/app/templates/edit", data=typed | {"act": "parts"}, headers=HTMX).text
    assert "How is the code handed over?" in fragment
    assert "Meta takes one-time codes as authentication only" in fragment
    assert 'id="side"' in fragment
    page = alice.post("/app/templates/edit", data=typed | {"act": "parts"}).text
    for kept in ("Spring", "Bye", "UTILITY", "1187543219876543", "Plant 1 for {{1}} and you", str(file_id)):
        assert f'value="{kept}"' in page, kept
    hidden = re.findall(r'<input type="hidden"\s+name="([^"]+)"\s+value="([^"]*)"', page)
    again: dict[str, list[str]] = {}
    for name, value in hidden:
        again.setdefault(name, []).append(value)
    usual = typed | again | {"kind": "USUAL", "act": "parts"}
    assert "1187543219876543" in alice.post("/app/templates/edit", data=usual, headers=HTMX).text
    cards = alice.post("/app/templates/edit", data=typed | again | {"kind": "CAROUSEL", "act": "parts"}, headers=HTMX)
    assert "Plant 1 for {{1}} and you</textarea>" in cards.text
    assert f'<option value="{file_id}" selected' in cards.text


def test_cards_come_and_go_with_and_without_scripts(alice: Client, channel_id: int) -> None:
    typed = form(channel_id, csrf_token=alice.csrf_token("/app/templates/new"), **carousel("", ""))
    fragment = alice.post("/app/templates/edit", data=typed | {"act": "card-add"}, headers=HTMX).text
    assert "Text of card 3" in fragment
    assert 'data-focus="f-sample-card.2.header.image"' in fragment
    page = alice.post("/app/templates/edit", data=typed | {"act": "card-add"}).text
    assert "Text of card 3" in page
    moved = alice.post("/app/templates/edit", data=typed | {"act": "card-down:0"}, headers=HTMX).text
    assert moved.index("Plant 2") < moved.index("Plant 1")


def test_the_preview_shows_the_pictures_of_the_cards_and_new_ones(alice: Client, cast: Cast, channel_id: int) -> None:
    first = factories.make_media_file(cast.workspace).id
    typed = form(channel_id, csrf_token=alice.csrf_token("/app/templates/new"), **carousel(first, ""))
    typed |= {"card_newest": str(first), "sample_rows": "card.0.1 card.0.button.0 card.1.1 card.1.button.0"}
    preview = alice.post("/app/templates/preview", data=typed, headers=HTMX).text
    assert f'src="/app/media/{first}/file"' in preview
    assert 'id="cards"' not in preview
    assert 'id="samples"' not in preview
    newer = factories.make_media_file(cast.workspace, "from another tab.png").id
    preview = alice.post("/app/templates/preview", data=typed, headers=HTMX).text
    assert f'<option value="{newer}"' in preview


def test_the_menu_offers_what_is_known_about_people(alice: Client, cast: Cast, channel_id: int) -> None:
    factories.make_contact(cast.workspace, attributes={"Lieblings-Tee": "mint", "名前": "x", "first name": "y"})
    page = alice.get("/app/templates/new").text
    offered = dict(
        re.findall(r'data-insert="\{\{(\w+)\}\}" data-into="f-body"><span class="grow trunc">([^<]+)<', page)
    )
    assert offered == {
        "name": "Name", "first_name": "First name", "email": "E-mail", "phone": "Phone number",
        "lieblings_tee": "Lieblings-Tee", "field": "名前",
    }  # fmt: skip


def test_arabic_runs_from_right_to_left(alice: Client, cast: Cast, channel_id: int) -> None:
    token = alice.csrf_token("/app/templates/new")
    page = alice.post("/app/templates/edit", data=form(channel_id, csrf_token=token, language="ar", act="parts")).text
    assert re.search(r'<textarea[^>]+name="body"[^>]+dir="rtl"', page)
    assert '<div class="wa-b" dir="rtl">' in page
    template = factories.make_template(cast.workspace, language="he")
    assert '<div class="wa-b" dir="rtl">' in alice.get(f"/app/templates/{template.id}").text


def test_a_copy_opens_the_editor_with_everything_but_the_name(alice: Client, cast: Cast, channel_id: int) -> None:
    components = [
        {"type": "HEADER", "format": "IMAGE", "example": {"header_handle": ["4:x"]}},
        {"type": "BODY", "text": "Hallo {{1}}, sie ist da.", "example": {"body_text": [["Ana"]]}},
        {"type": "BUTTONS", "buttons": [{"type": "VOICE_CALL", "text": "Anrufen"}]},
    ]
    template = factories.make_template(
        cast.workspace, name="rose", language="de_AT", category=TemplateCategory.UTILITY, components=components
    )
    assert f'href="/app/templates/new?copy={template.id}"' in alice.get(f"/app/templates/{template.id}").text
    page = alice.get(f"/app/templates/new?copy={template.id}").text
    assert 'value="rose_copy"' in page
    assert "Hallo {{1}}, sie ist da.</textarea>" in page
    assert 'value="Ana"' in page
    assert re.search(r'<option value="de_AT"\s+selected', page)
    assert re.search(r'value="UTILITY"\s+checked', page)
    assert "The editor leaves out:" in page
    assert "the picture of the header: choose a file" in page
    assert "the voice call button 1" in page
    plain = factories.make_template(cast.workspace, name="x" * 512)
    page = alice.get(f"/app/templates/new?copy={plain.id}").text
    assert "This is a copy of" in page
    assert f'value="{"x" * 507}_copy"' in page


def test_a_copy_of_a_strangers_template_is_not_there(alice: Client, cast: Cast, channel_id: int) -> None:
    theirs = factories.make_template(cast.other_workspace)
    assert alice.get(f"/app/templates/new?copy={theirs.id}").status_code == 404
    assert alice.get("/app/templates/new?copy=99999999999").status_code == 404


def test_a_new_code_has_words_before_meta_told_its_own(alice: Client, cast: Cast, channel_id: int) -> None:
    answer = alice.submit("/app/templates/new", **form(channel_id, **CODE))
    template = get_template(cast.workspace.id, int(answer.location.rsplit("/", 1)[1]))
    assert isinstance(template, Template)
    assert template.components[0]["text"].startswith("*{{1}}* is your verification code.")
    page = alice.get(answer.location).text
    assert '<span class="wa-fill">123456</span>' in page
    assert "It has 1 variable" in page


def test_the_api_takes_files_for_the_cards(
    client: Client, cast: Cast, channel_id: int, sandbox: SandboxControl
) -> None:
    file_id = factories.make_media_file(cast.workspace).id
    link = {"type": "URL", "text": "Shop", "url": "https://shop.co.za"}
    card = {"components": [{"type": "HEADER", "format": "IMAGE"}, {"type": "BUTTONS", "buttons": [link]}]}
    body = {
        "channel_id": channel_id,
        "name": "cards",
        "language": "en",
        "category": "MARKETING",
        "components": [{"type": "BODY", "text": "Our plants."}, {"type": "CAROUSEL", "cards": [card, card]}],
    }
    api = client.api(cast.alice)
    missing = api.post("/templates", body | {"card_file_ids": [file_id, None]})
    assert missing.status_code == 422
    assert missing.json is not None
    assert list(missing.json["errors"]) == ["sample-card.1.header.image"]
    many = api.post("/templates", body | {"card_file_ids": [file_id] * 3})
    assert many.json is not None
    assert many.json["errors"] == {"card_file_ids": ["There are 3 files for 2 cards."]}
    made = api.post("/templates", body | {"card_file_ids": [file_id, file_id]})
    assert made.status_code == 201, made.json
    assert len(received(sandbox, "cards")["components"][1]["cards"]) == 2
