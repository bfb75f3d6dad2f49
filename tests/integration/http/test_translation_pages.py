"""Families of templates in the browser: the list, the tabs of a template, and the editor with a translation in it."""

import re
from dataclasses import replace
from typing import Any

import pytest
from flask import Flask

from tests import factories
from tests.cast import Cast
from tests.client import Client
from tests.sandbox_control import SandboxControl
from wotnot import Config
from wotnot.models import Template, TemplateStatus
from wotnot.services import message_templates

HTMX = {"HX-Request": "true"}
PARTS = [
    {"type": "HEADER", "format": "TEXT", "text": "Order {{1}}", "example": {"header_text": ["77"]}},
    {"type": "BODY", "text": "Hi {{1}}, it is on its way.", "example": {"body_text": [["Ann"]]}},
    {"type": "FOOTER", "text": "Reply STOP to opt out"},
    {
        "type": "BUTTONS",
        "buttons": [
            {"type": "URL", "text": "Follow it", "url": "https://s.example/{{1}}", "example": ["https://s.example/77"]},
            {"type": "PHONE_NUMBER", "text": "Call us", "phone_number": "+27215550140"},
        ],
    },
]
OTHER_BODY = [{"type": "BODY", "text": "Hallo {{1}} aus {{2}} da.", "example": {"body_text": [["Ann", "Ulm"]]}}]


@pytest.fixture
def channel_id(cast: Cast, sandbox: SandboxControl) -> int:
    return factories.make_channel(cast.workspace, phone_number_id=sandbox.PHONE_NUMBER_ID).id


@pytest.fixture
def alice(client: Client, cast: Cast) -> Client:
    client.sign_in(cast.alice)
    return client


@pytest.fixture
def english(cast: Cast, channel_id: int) -> Template:
    return factories.make_template(cast.workspace, name="on_its_way", components=PARTS)


def typed(template: Template, **changes: Any) -> dict[str, Any]:
    """The editor's form as it stands after "Add a translation", with the words in German."""
    return {
        "translation_of": str(template.id),
        "channel_id": "",
        "name": "something_else",
        "language": "de",
        "category": "MARKETING",
        "header_kind": "TEXT",
        "header": "Bestellung {{1}}",
        "body": "Hallo {{1}}, sie ist unterwegs.",
        "footer": "Antworte STOP",
        "button_type": ["URL", "PHONE_NUMBER"],
        "button_text": ["Verfolgen", "Anrufen"],
        "button_value": ["https://s.example/{{1}}", "+27215550140"],
        "sample-header.1": "77",
        "sample-1": "Ann",
        "sample-button.0": "77",
    } | changes


def test_the_list_has_a_row_a_name_with_all_its_languages(alice: Client, cast: Cast, english: Template) -> None:
    german = factories.make_template(
        cast.workspace, name="on_its_way", language="de", components=PARTS, status=TemplateStatus.PENDING
    )
    page = alice.get("/app/templates").text
    assert "1 template, 1 approved by Meta" in page
    assert len(re.findall(r'<tr id="family-', page)) == 1
    assert "1 of 2 approved" in page
    assert f'href="/app/templates/{german.id}"' in page
    assert "German" in page
    assert "on_its_way" in alice.get("/app/templates?status=pending").text
    for number in range(9):
        factories.make_template(cast.workspace, name="on_its_way", language=f"es_A{chr(65 + number)}", components=PARTS)
    assert "5 more" in alice.fragment("/app/templates").text


def test_a_template_has_tabs_and_says_when_variables_differ(alice: Client, cast: Cast, english: Template) -> None:
    assert 'aria-label="Language"' not in alice.get(f"/app/templates/{english.id}").text
    german = factories.make_template(cast.workspace, name="on_its_way", language="de", components=OTHER_BODY)
    for one in (english, german):
        page = alice.get(f"/app/templates/{one.id}").text
        assert 'aria-label="Language"' in page
        assert "German has other variables than English." in page
        assert "It lacks {{button.0}}, {{header.1}}. It also has {{2}}." in page
        assert "Broadcasts leave it out: its readers get English." in page


def test_a_translation_begins_with_the_same_message(alice: Client, english: Template) -> None:
    assert f"/app/templates/{english.id}/translate" in alice.get(f"/app/templates/{english.id}").text
    page = alice.get(f"/app/templates/{english.id}/translate").text
    for kept in (
        "Add a translation of on_its_way",
        "The words are still in English.",
        "Order {{1}}",
        "Hi {{1}}, it is on its way.",
        "https://s.example/{{1}}",
        "+27 21 555 0140",
        'value="77"',
    ):
        assert kept in page, kept
    assert '<option value="en"' not in page, "English is there already"
    assert "to fix" not in page, "a language that was not chosen yet is no fault"
    assert re.search(r'name="name"[^>]*readonly|readonly[^>]*name="name"', page)
    chosen = alice.get(f"/app/templates/{english.id}/translate?language=Deutsch").text
    assert re.search(r'<option value="de"\s+selected', chosen)


def test_submitting_it_keeps_name_and_account(alice: Client, cast: Cast, english: Template) -> None:
    answer = alice.submit("/app/templates/new", **typed(english))
    assert answer.status_code == 303
    german = next(t for t in message_templates.list_templates(cast.workspace.id).items if t.language == "de")
    assert (german.name, german.waba_id) == (english.name, english.waba_id)
    assert "Bestellung" in alice.get(answer.location).text
    again = alice.submit("/app/templates/new", **typed(english))
    assert again.status_code == 422
    assert 'href="#f-language"' in again.text, "it is said beside the language, since the name is fixed"


def test_what_is_refused_comes_back_as_a_translation(alice: Client, english: Template) -> None:
    answer = alice.submit("/app/templates/new", **typed(english, language="", body=""))
    assert answer.status_code == 422
    assert "Add a translation of on_its_way" in answer.text
    assert f'name="translation_of" value="{english.id}"' in answer.text
    assert "Bestellung" in answer.text


def test_other_variables_are_said_while_typing(alice: Client, english: Template) -> None:
    token = alice.csrf_token("/app/templates/new")
    fields = typed(english, csrf_token=token)
    preview = "/app/templates/preview"
    assert "Its variables differ" not in alice.post(preview, data=fields, headers=HTMX).text
    page = alice.post(preview, data=fields | {"body": "Hallo, sie kommt."}, headers=HTMX).text
    assert "Its variables differ from English" in page


def test_a_variable_that_comes_back_has_its_sample_again(alice: Client, english: Template) -> None:
    fields = typed(english, csrf_token=alice.csrf_token("/app/templates/new"))
    del fields["sample-1"]  # as when the words were typed anew from nothing
    page = alice.post("/app/templates/preview", data=fields, headers=HTMX).text
    assert '<span class="wa-fill">Ann</span>' in page
    assert 'id="samples" hx-swap-oob="true"' in page
    assert alice.submit("/app/templates/new", **fields).status_code == 303


def test_what_the_editor_cannot_show_is_not_opened_in_it(alice: Client, cast: Cast, channel_id: int) -> None:
    asking = factories.make_template(cast.workspace, components=[*OTHER_BODY, {"type": "CALL_PERMISSION_REQUEST"}])
    answer = alice.get(f"/app/templates/{asking.id}/translate")
    assert answer.location == f"/app/templates/{asking.id}"
    assert "parts that the editor has no fields for" in alice.get(answer.location).text


@pytest.fixture
def with_ai(app: Flask, config: Config, monkeypatch: pytest.MonkeyPatch, sandbox: SandboxControl) -> None:
    """The server writes with the sandbox."""
    settings = {"gemini_api_url": sandbox.url, "gemini_api_key": "sandbox-server-key", "sandbox_url": sandbox.url}
    monkeypatch.setitem(app.extensions, "wotnot.config", replace(config, **settings))


def test_a_model_translates_the_words_and_nothing_else(alice: Client, english: Template, with_ai: None) -> None:
    new = f"/app/templates/{english.id}/translate"
    words = {
        "header": "Order {{1}}",
        "body": "Hi {{1}}, it is on its way.",
        "footer": "Reply STOP to opt out",
        "button_text": ["Follow it", "Call us"],
    }
    answer = alice.submit("/app/templates/translate", page=new, **typed(english, **words))
    assert answer.status_code == 200
    assert "Translated into German." in answer.text
    assert "(In German, says the sandbox:) Hi {{1}}, it is on its way." in answer.text
    assert "The words are still in English." not in answer.text
    for kept in ("https://s.example/{{1}}", "+27215550140", "on_its_way", 'value="77"'):
        assert kept in answer.text, kept


def test_a_model_needs_a_language_and_a_key(alice: Client, english: Template, with_ai: None, app: Flask) -> None:
    new = f"/app/templates/{english.id}/translate"
    answer = alice.submit("/app/templates/translate", page=new, **typed(english, language=""))
    assert answer.status_code == 422
    assert "Choose the language to translate into first." in answer.text
    app.extensions["wotnot.config"] = replace(app.extensions["wotnot.config"], gemini_api_key="")
    answer = alice.submit("/app/templates/translate", page=new, **typed(english))
    assert answer.status_code == 422
    assert "Hallo {{1}}, sie ist unterwegs." in answer.text, "nothing typed is lost"


def test_agents_and_strangers_do_not_translate(alice: Client, app: Flask, cast: Cast, english: Template) -> None:
    for user, status in ((cast.bob, 403), (cast.charlie, 404)):
        other = app.test_client()
        assert isinstance(other, Client)
        other.sign_in(user)
        assert other.get(f"/app/templates/{english.id}/translate").status_code == status
        answer = other.submit("/app/templates/new", page="/app/templates", **typed(english))
        assert answer.status_code == status
