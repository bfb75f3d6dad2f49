"""Writing with AI, in the browser: the settings, the drawer of the template editor, and the way back."""

import html
import json
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
from wotnot.services import ai_settings

HTMX = {"HX-Request": "true"}
KEY = "sandbox-alices-own-key-9876"
SETTINGS = "/app/settings/ai"
DRAWER = "/app/templates/ai"


@pytest.fixture
def configure(app: Flask, config: Config, monkeypatch: pytest.MonkeyPatch, sandbox: SandboxControl) -> Any:
    """Change the server's settings; at first both providers are the sandbox and the server has a key."""

    def change(**changes: Any) -> None:
        usual = {
            "gemini_api_url": sandbox.url,
            "openrouter_base_url": f"{sandbox.url}/api/v1",
            "gemini_api_key": "sandbox-server-key",
            "sandbox_url": sandbox.url,
        }
        monkeypatch.setitem(app.extensions, "wotnot.config", replace(config, **usual | changes))

    change()
    return change


@pytest.fixture
def channel_id(cast: Cast, sandbox: SandboxControl) -> int:
    return factories.make_channel(cast.workspace, phone_number_id=sandbox.PHONE_NUMBER_ID).id


@pytest.fixture
def alice(client: Client, cast: Cast, configure: Any) -> Client:
    client.sign_in(cast.alice)
    return client


@pytest.fixture
def bob(app: Flask, cast: Cast, configure: Any) -> Client:
    client = app.test_client()
    assert isinstance(client, Client)
    client.sign_in(cast.bob)
    return client


def typed(channel_id: int, **changes: Any) -> dict[str, Any]:
    """The editor's form as it stands."""
    return {
        "channel_id": str(channel_id),
        "name": "spring_sale",
        "language": "en",
        "category": "MARKETING",
        "body": "",
    } | changes


def brief(**changes: Any) -> dict[str, Any]:
    return {
        "ai_goal": "Invite people to the spring sale",
        "ai_tone": "warm",
        "ai_length": "medium",
        "ai_language": "en",
        "ai_variables": "first_name, city",
        "ai_business": "Casa Verde",
        "do": "write",
    } | changes


def hidden(page: str, name: str) -> str:
    found = re.search(rf'name="{name}"\s+value="([^"]*)"', page)
    assert found, f"no {name}"
    return html.unescape(found[1])


def written(alice: Client, channel_id: int, **editor: Any) -> dict[str, str]:
    """The hidden fields of a drawer with three variants."""
    pairs = json.dumps(list(typed(channel_id, **editor).items()))
    page = alice.submit(DRAWER, page=SETTINGS, headers=HTMX, editor=pairs, **brief()).text
    return {name: hidden(page, name) for name in ("editor", "variants")}


# ---------------------------------------------------------------- settings


def test_the_page_says_who_writes_and_how_to_get_a_key(alice: Client, configure: Any) -> None:
    page = alice.get(SETTINGS).text
    assert "The sandbox writes here, not a model." in page
    assert "The server’s" in page
    configure(gemini_api_key="", openrouter_api_key="")
    page = alice.get(SETTINGS).text
    assert "There is no key yet." in page
    assert "aistudio.google.com/apikey" in page


def test_a_key_is_saved_shown_masked_tested_and_removed(alice: Client, cast: Cast) -> None:
    here = cast.workspace.id
    alice.submit(SETTINGS, provider="openrouter", model="some/model", api_key=KEY, monthly_token_cap="500,000")
    page = alice.get(SETTINGS).text
    assert "Yours, ending in 9876" in page
    assert KEY not in page
    assert "500,000 tokens" in page
    alice.submit(f"{SETTINGS}/test", page=SETTINGS)
    assert "The model answers." in alice.get(SETTINGS).text
    alice.submit(f"{SETTINGS}/remove", page=SETTINGS)
    assert ai_settings.get_setup(here).source == "none", "the server has no key for OpenRouter"


def test_a_bad_key_is_said_beside_its_field_and_not_shown_again(alice: Client, sandbox: SandboxControl) -> None:
    for path in ("enerateContent",):
        body = {"error": {"code": 400, "message": "API key not valid.", "status": "INVALID_ARGUMENT"}}
        sandbox.post("/sandbox/faults", {"kind": "error", "on": path, "status": 400, "body": body})
    answer = alice.submit(SETTINGS, provider="gemini", model="gemini-2.5-pro", api_key=KEY)
    assert answer.status_code == 422
    assert "refuses the key" in answer.text
    assert KEY not in answer.text
    assert 'value="gemini-2.5-pro"' in answer.text


def test_an_agent_looks_and_changes_nothing(bob: Client) -> None:
    page = bob.get(SETTINGS)
    assert page.status_code == 200
    assert "Test and save" not in page.text
    for path in (SETTINGS, f"{SETTINGS}/test", f"{SETTINGS}/remove", DRAWER, f"{DRAWER}/use", f"{DRAWER}/back"):
        assert bob.submit(path, page=SETTINGS, provider="gemini", api_key=KEY).status_code == 403


def test_a_stranger_sees_their_own_settings_only(alice: Client, app: Flask, cast: Cast) -> None:
    alice.submit(SETTINGS, provider="gemini", model="gemini-2.5-flash", api_key=KEY)
    charlie = app.test_client()
    assert isinstance(charlie, Client)
    charlie.sign_in(cast.charlie)
    assert "9876" not in charlie.get(SETTINGS).text
    charlie.submit(f"{SETTINGS}/remove", page=SETTINGS)
    assert "9876" in alice.get(SETTINGS).text


# ---------------------------------------------------------------- the drawer


def test_the_drawer_opens_with_what_is_known(alice: Client, channel_id: int) -> None:
    assert "Write with AI" in alice.get("/app/templates/new").text
    opened = alice.submit(
        DRAWER,
        page=SETTINGS,
        headers=HTMX | {"HX-Target": "ai-drawer"},
        **typed(channel_id, body="Hi {{first_name}}, we have a sale."),
    ).text
    assert "data-open" in opened
    assert "Say this better: Hi {{first_name}}, we have a sale." in opened
    assert 'value="Casa Verde"' in opened
    assert 'value="first_name"' in opened


def test_three_variants_and_one_in_the_form(alice: Client, channel_id: int) -> None:
    fields = written(alice, channel_id)
    drafts = json.loads(fields["variants"])["variants"]
    assert len(drafts) == 3

    page = alice.submit(f"{DRAWER}/use", page=SETTINGS, use="1", **fields).text
    assert html.escape(drafts[1]["body"], quote=False) in page
    assert 'value="spring_sale"' in page
    assert 'value="Naledi"' in page
    assert "The message is in the form." in page
    assert "Put mine back" not in page, "there was nothing"


def test_what_was_typed_can_be_put_back(alice: Client, channel_id: int) -> None:
    fields = written(alice, channel_id, body="My very own words.", footer="My footer", header="My header")
    page = alice.submit(f"{DRAWER}/use", page=SETTINGS, use="0", **fields).text
    assert "It replaced the words you had there." in page
    assert "My very own words." not in re.sub(r"<input type=\"hidden\"[^>]*>", "", page)
    assert 'value="My header"' in page, "the draft has no header of its own"
    before = hidden(page, "editor")
    assert "My very own words." in alice.submit(f"{DRAWER}/back", page=SETTINGS, editor=before).text


def test_the_whole_of_it_without_scripts(alice: Client, channel_id: int) -> None:
    page = alice.submit(DRAWER, page=SETTINGS, **typed(channel_id, body="Mine")).text
    assert "<h1" in page
    fields = {"editor": hidden(page, "editor")}
    page = alice.submit(DRAWER, page=SETTINGS, **fields, **brief()).text
    assert page.count("Use this one") == 3
    fields["variants"] = hidden(page, "variants")
    assert "spring_sale" in alice.submit(f"{DRAWER}/use", page=SETTINGS, use="2", **fields).text


@pytest.mark.parametrize("wish", ["shorter", "warmer", "translate"])
def test_one_variant_anew_the_others_stay(alice: Client, channel_id: int, wish: str) -> None:
    fields = written(alice, channel_id)
    before = json.loads(fields["variants"])["variants"]
    page = alice.submit(DRAWER, page=SETTINGS, headers=HTMX, **fields, **brief(do=f"{wish}:1")).text
    after = json.loads(hidden(page, "variants"))["variants"]
    assert [old["body"] == new["body"] for old, new in zip(before, after, strict=True)] == [True, False, True]


@pytest.mark.parametrize(
    ("trouble", "words"),
    [("blocked", "refuses to write this"), ("cut", "broke off"), ("not_json", "nothing that Meta would take")],
)
def test_trouble_is_a_sentence_and_the_brief_stays(
    alice: Client, channel_id: int, sandbox: SandboxControl, trouble: str, words: str
) -> None:
    sandbox.set(ai_trouble=trouble)
    answer = alice.submit(DRAWER, page=SETTINGS, headers=HTMX, editor="[]", **brief())
    assert answer.status_code == 422
    assert words in answer.text
    assert "Invite people to the spring sale" in answer.text


def test_no_key_and_no_tokens_left_say_where_to_go(alice: Client, channel_id: int, configure: Any) -> None:
    alice.submit(SETTINGS, provider="gemini", model="gemini-2.5-flash", monthly_token_cap="1")
    assert alice.submit(DRAWER, page=SETTINGS, headers=HTMX, **brief()).status_code == 200
    assert "tokens are used up" in alice.submit(DRAWER, page=SETTINGS, headers=HTMX, **brief()).text
    configure(gemini_api_key="")
    answer = alice.submit(DRAWER, page=SETTINGS, headers=HTMX, **brief())
    assert "No model is set up yet" in answer.text


@pytest.mark.parametrize(
    "fields",
    [
        {"do": "write", "ai_goal": ""},
        {"do": "shorter:9", "ai_goal": "x"},
        {"do": "louder:0", "ai_goal": "x", "variants": '{"variants": [{"body": "Hello there"}]}'},
        {"do": "write", "ai_goal": "x", "ai_variables": "First Name"},
        {"do": "shorter:x", "ai_goal": "x", "editor": "{{", "variants": "[[["},
    ],
)
def test_nonsense_is_refused_politely(alice: Client, fields: dict[str, str]) -> None:
    assert alice.submit(DRAWER, page=SETTINGS, headers=HTMX, **fields).status_code == 422
    assert alice.submit(f"{DRAWER}/use", page=SETTINGS, use="7", **fields).status_code == 422


def test_on_a_page_of_its_own_the_buttons_need_no_editor_beside_them(alice: Client) -> None:
    """A fragment fills the editor that it lies in; the page alone has none, so there its form goes out whole."""
    alone = alice.get("/app/templates/ai").get_data(as_text=True)
    form = alone[alone.index('id="ai-form"') :]
    assert "hx-target" not in form[: form.index("</form>")]
    drawer = alice.fragment("/app/templates/ai").get_data(as_text=True)
    assert 'hx-target="#ai"' in drawer


# ---------------------------------------------------------------- piece by piece


def lines_of(alice: Client, headers: dict[str, str] = HTMX, **fields: Any) -> list[dict[str, Any]]:
    accept = {"Accept": "application/x-ndjson, application/json"}
    answer = alice.submit(DRAWER, page=SETTINGS, headers=headers | accept, editor="[]", **brief(**fields))
    assert answer.mimetype == "application/x-ndjson"
    lines = [json.loads(line) for line in answer.get_data(as_text=True).split("\n") if line]
    answer.close()
    return lines


def test_variants_appear_as_they_are_written(alice: Client, channel_id: int) -> None:
    lines = lines_of(alice)
    written = [line["html"] for line in lines if line.get("target") == "#ai-written"]
    assert "The model is thinking." in written[0]
    assert len(written) > 3
    assert "Being written, not checked yet." in written[-1]
    assert "spring sale" in written[-1]
    assert not any("Use this one" in html for html in written), "nothing of it is checked yet"
    assert lines[-2]["target"] == "#ai"
    assert lines[-2]["html"].count("Use this one") == 3
    assert lines[-1] == {"done": "3 messages to choose from."}


@pytest.mark.parametrize("headers", [HTMX, {}], ids=["drawer", "page"])
def test_only_the_form_is_put_into_the_page(alice: Client, channel_id: int, headers: dict[str, str]) -> None:
    form = lines_of(alice, headers)[-2]["html"]
    assert form.strip().startswith('<div id="ai"')
    assert "<html" not in form
    assert ("hx-target" in form) == bool(headers), "on a page of its own its buttons need no editor beside them"


def test_what_breaks_a_rule_is_mended_in_sight_and_never_offered(
    alice: Client, channel_id: int, sandbox: SandboxControl
) -> None:
    sandbox.set(ai_trouble="violation")
    lines = lines_of(alice)
    assert any("being mended" in line.get("html", "") for line in lines)
    drafts = json.loads(hidden(lines[-2]["html"], "variants"))["variants"]
    assert len(drafts) == 3
    assert not any(draft["body"].startswith("{{") for draft in drafts)


@pytest.mark.parametrize(
    ("trouble", "words"),
    [("blocked", "refuses to write this"), ("cut", "ry again"), ("violation_always", "nothing that Meta would take")],
)
def test_trouble_in_the_middle_ends_with_the_form_and_a_sentence(
    alice: Client, channel_id: int, sandbox: SandboxControl, trouble: str, words: str
) -> None:
    sandbox.set(ai_trouble=trouble)
    lines = lines_of(alice)
    assert words in lines[-2]["html"]
    assert "Use this one" not in lines[-2]["html"]
    assert "Invite people to the spring sale" in lines[-2]["html"]


def test_a_brief_that_says_nothing_is_said_beside_its_field(alice: Client, channel_id: int) -> None:
    lines = lines_of(alice, ai_goal=" ")
    assert "Say in a sentence what the message should do." in lines[-2]["html"]


# ---------------------------------------------------------------- for a broadcast


@pytest.fixture
def broadcast_id(cast: Cast, sandbox: SandboxControl) -> int:
    channel = factories.make_channel(cast.workspace, phone_number_id=sandbox.PHONE_NUMBER_ID)
    return factories.make_broadcast(cast.workspace, channel, template_id=None).id


def test_from_the_wizard_to_the_model_and_back(alice: Client, broadcast_id: int) -> None:
    message = f"/app/broadcasts/{broadcast_id}/message"
    assert f"{DRAWER}?broadcast={broadcast_id}" in alice.get(message).text
    page = alice.get(f"{DRAWER}?broadcast={broadcast_id}").text
    assert message in page, "there is a way back"
    page = alice.submit(DRAWER, page=SETTINGS, editor=hidden(page, "editor"), **brief()).text
    fields = {name: hidden(page, name) for name in ("editor", "variants")}
    page = alice.submit(f"{DRAWER}/use", page=SETTINGS, use="0", **fields).text
    assert hidden(page, "broadcast") == str(broadcast_id)
    assert re.search(r'value="MARKETING"\s+checked', page), "it can be submitted as it is"
    channel_id = hidden(page, "channel_id")
    assert channel_id.isdecimal(), "there is one number, and it is known"

    form = {
        "category": "MARKETING",
        "language": "en",
        "body": "Come and see our plants today",
        "broadcast": broadcast_id,
    }
    refused = alice.submit("/app/templates/new", page=SETTINGS, name="No Good", channel_id=channel_id, **form)
    assert refused.status_code == 422
    assert hidden(refused.text, "broadcast") == str(broadcast_id), "a mistake does not lose the way back"
    done = alice.submit("/app/templates/new", page=SETTINGS, name="spring_plants", channel_id=channel_id, **form)
    assert done.location.startswith(f"{message}?submitted=")
    page = alice.get(done.location).text
    assert "“spring_plants” is in review at Meta." in page
    template_id = done.location.rpartition("=")[2]
    part = alice.fragment(f"/app/broadcasts/{broadcast_id}/submitted?template={template_id}").text
    assert 'data-live="templates"' in part


@pytest.mark.parametrize("wanted", ["999999", "strange"])
def test_a_broadcast_that_is_not_there_is_no_way_back(alice: Client, channel_id: int, wanted: str) -> None:
    form = {"category": "MARKETING", "language": "en", "body": "Come and see our plants today", "broadcast": wanted}
    done = alice.submit("/app/templates/new", page=SETTINGS, name="spring_plants", channel_id=channel_id, **form)
    assert re.fullmatch(r"/app/templates/\d+", done.location)
