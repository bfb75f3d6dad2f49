"""Every kind of message is edited through the form that its page shows: what Meta receives, and what is asked again."""

import re
from dataclasses import dataclass
from typing import Any

import html5lib
import pytest

from tests import factories
from tests.cast import Cast
from tests.client import Client
from tests.factories import png
from tests.integration.http.test_template_kinds import BUTTONS, CODE, OFFER, carousel, form, received
from tests.sandbox_control import SandboxControl
from wotnot.services import message_templates, template_sync

HTMX = {"HX-Request": "true"}
Form = dict[str, Any]


@dataclass
class Editing:
    """A workspace with a number, and its account at Meta."""

    workspace_id: int
    channel_id: int
    sandbox: SandboxControl

    def approve(self, alice: Client, fields: Form) -> int:
        """The id of a template made through the form, approved, and fetched from Meta, which keeps it in its own way."""
        answer = alice.submit("/app/templates/new", **form(self.channel_id, **fields))
        template = message_templates.get_template(self.workspace_id, int(answer.location.rsplit("/", 1)[1]))
        template_id = template.id
        template_sync.apply_status(template.waba_id, event="APPROVED", meta_id=template.meta_id)
        message_templates.sync_templates(self.workspace_id, self.channel_id)
        return template_id

    def at_meta(self) -> dict[str, Any]:
        """The parts of the template as Meta has them."""
        return {part["type"]: part for part in received(self.sandbox, "made_here")["components"]}


@pytest.fixture
def editing(cast: Cast, sandbox: SandboxControl) -> Editing:
    sandbox.set(review_after_s=0)
    channel = factories.make_channel(cast.workspace, phone_number_id=sandbox.PHONE_NUMBER_ID)
    return Editing(cast.workspace.id, channel.id, sandbox)


@pytest.fixture
def alice(client: Client, cast: Cast) -> Client:
    client.sign_in(cast.alice)
    return client


def fields_of(page: str) -> dict[str, list[str]]:
    """What a browser would send of the editor's form, as it stands on the page."""
    root = html5lib.parse(page, namespaceHTMLElements=False)
    (editor,) = [one for one in root.iter("form") if one.get("id") == "template"]
    found: dict[str, list[str]] = {}
    for field in editor.iter():
        kind, name = field.get("type"), field.get("name") or ""
        if field.tag == "textarea":
            found.setdefault(name, []).append(field.text or "")
        elif field.tag == "select":
            options = [one for one in field.iter("option") if one.get("selected") is not None] or [field[0]]
            found.setdefault(name, []).append(options[0].get("value") or "")
        elif field.tag == "input" and name and (kind not in {"radio", "checkbox"} or field.get("checked") is not None):
            found.setdefault(name, []).append(field.get("value") or "")
    return found


@pytest.mark.parametrize(
    ("fields", "changes", "expected"),
    [
        ({"header_kind": "LOCATION"}, {"body": "We moved."}, "'text': 'We moved.'"),
        (OFFER, {"offer_text": "Ends at noon"}, "{'text': 'Ends at noon', 'has_expiration': True}"),
        (OFFER, {"offer_expires": []}, "{'text': 'Ends tonight', 'has_expiration': False}"),
        (CODE, {"code_minutes": "5"}, "'code_expiration_minutes': 5"),
        ({"kind": "CATALOG"}, {"footer": "Bye"}, "{'type': 'FOOTER', 'text': 'Bye'}"),
        (BUTTONS, {"button_screen": ["WELCOME", "", ""]}, "'navigate_screen': 'WELCOME'"),
    ],
    ids=["location", "offer", "no clock", "code", "catalogue", "flow"],
)  # fmt: skip
def test_each_kind_opens_whole_and_says_what_changes(
    alice: Client, editing: Editing, fields: Form, changes: Form, expected: str
) -> None:
    here = f"/app/templates/{editing.approve(alice, fields)}"
    before = editing.at_meta()
    typed = fields_of(alice.get(f"{here}/edit").text)
    same = alice.submit(f"{here}/edit", **typed)
    assert same.status_code == 422
    assert "Nothing is different" in same.text
    answer = alice.submit(f"{here}/edit", **typed | changes | {"confirmed": "1"})
    assert answer.location == here, re.findall(r"wn-call bad.*?</ul>", answer.text, re.DOTALL)
    after = editing.at_meta()
    assert [kind for kind in before if kind not in after] == []
    assert expected in str(after)
    assert "In review" in alice.get(here).text


def test_cards_are_edited_with_new_pictures(alice: Client, cast: Cast, editing: Editing) -> None:
    first, second, third = (
        factories.make_media_file(cast.workspace, f"{seed}.png", png(seed)).id for seed in (601, 602, 603)
    )
    template_id = editing.approve(alice, carousel(first, second))
    here = f"/app/templates/{template_id}"
    page = alice.get(f"{here}/edit").text
    assert "the files of the cards: choose one for each" in page
    typed = fields_of(page) | {"card_body": ["Rose for {{1}} and you", "Plant 2 for {{1}} and you"]}
    missing = alice.submit(f"{here}/edit", **typed)
    assert missing.status_code == 422
    assert "The picture of card 1 has no sample" in missing.text
    assert "Rose for {{1}} and you</textarea>" in missing.text
    assert alice.submit(f"{here}/edit", **typed | {"card_file_id": [str(third), str(first)]}).location == here
    cards = editing.at_meta()["CAROUSEL"]["cards"]
    assert [card["components"][1]["text"] for card in cards] == typed["card_body"]
    assert all(card["components"][0]["example"]["header_handle"] for card in cards)
    assert "Card 1, body" in alice.get(here).text


def test_an_approved_template_becomes_only_what_its_category_allows(
    alice: Client, cast: Cast, editing: Editing
) -> None:
    utility = factories.make_template(cast.workspace, name="plain", category="utility", waba_id="elsewhere").id
    code = editing.approve(alice, CODE)
    page = alice.get(f"/app/templates/{code}/edit").text
    assert fields_of(page)["kind"] == ["CODE"]
    assert 'type="radio" id="f-kind-' not in page
    page = alice.get(f"/app/templates/{utility}/edit").text
    assert re.findall(r'id="f-kind-(\w+)"', page) == ["USUAL", "CAROUSEL"]
    answer = alice.submit(f"/app/templates/{utility}/edit", **fields_of(page) | OFFER | {"confirmed": "1"})
    assert answer.status_code == 422
    assert "Meta keeps the category of an approved template" in answer.text


def test_another_kind_stays_with_the_template(alice: Client, editing: Editing) -> None:
    template_id = editing.approve(alice, {})
    typed = fields_of(alice.get(f"/app/templates/{template_id}/edit").text) | OFFER | {"act": "parts"}
    fragment = alice.post("/app/templates/edit", data=typed, headers=HTMX).text
    assert "Line of the offer" in fragment
    assert "f-category-MARKETING" not in fragment
    page = alice.post("/app/templates/edit", data=typed).text
    assert "Edit made_here" in page
    assert fields_of(page)["template_id"] == [str(template_id)]
