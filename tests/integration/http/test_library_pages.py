"""The pages of the template library: looking, filtering, and the editor that opens with a message filled in."""

from html import unescape
from typing import Any
from xml.etree.ElementTree import Element

import html5lib
import pytest

from tests import factories
from tests.cast import Cast
from tests.client import Client
from tests.sandbox_control import SandboxControl
from wotnot.models import TemplateStatus
from wotnot.services import message_templates
from wotnot.services.template_library import TRADES, list_library

HERE = "/app/templates/library"
EDITOR = "/app/templates/new"


@pytest.fixture
def channel_id(cast: Cast, sandbox: SandboxControl) -> int:
    return factories.make_channel(cast.workspace, phone_number_id=sandbox.PHONE_NUMBER_ID).id


@pytest.fixture
def alice(client: Client, cast: Cast) -> Client:
    client.sign_in(cast.alice)
    return client


def shown(html: str) -> list[str]:
    """The titles on the page, in their order."""
    root = html5lib.parse(html, namespaceHTMLElements=False)
    return [heading.text or "" for heading in root.iter("h3")]


def typed_form(html: str) -> dict[str, Any]:
    """What a browser would send when the editor's form is submitted as it stands."""
    root = html5lib.parse(html, namespaceHTMLElements=False)
    form = next(one for one in root.iter("form") if one.get("id") == "template")
    fields: dict[str, list[str]] = {}
    for field in form.iter():
        value = value_of(field)
        if value is not None:
            fields.setdefault(field.get("name") or "", []).append(value)
    return dict(fields)


def value_of(field: Element) -> str | None:
    match field.tag:
        case "textarea":
            return field.text or ""
        case "select":
            return next((one.get("value") for one in field.iter("option") if "selected" in one.attrib), None)
        case "input" if field.get("name"):
            is_off = field.get("type") == "radio" and "checked" not in field.attrib
            return None if is_off else field.get("value", "")
    return None


def test_the_page_lists_every_message_by_trade(alice: Client) -> None:
    page = alice.get(HERE).text
    assert shown(page) == [one.title for one in list_library()]
    for word in TRADES.values():
        assert f"<h2>{word}</h2>" in page
    assert f"All <b>{len(list_library())}</b>" in page
    assert page.count("Use this one") == len(list_library())


def test_messages_are_shown_with_their_samples(alice: Client) -> None:
    page = alice.get(f"{HERE}?trade=retail").text
    assert '<span class="wa-fill">DHL</span>' in page
    assert "{{" not in page
    assert "Follow my parcel" in page


def test_filters_are_in_the_address_and_narrow_each_other(alice: Client) -> None:
    page = unescape(alice.get(f"{HERE}?trade=clinic&category=utility&search=visit").text)
    assert shown(page) == [one.title for one in list_library("clinic", "UTILITY", "visit")]
    assert 'href="/app/templates/library?trade=school&category=utility&search=visit"' in page
    assert 'href="/app/templates/library?category=utility&search=visit"' in page
    assert '<input type="hidden" name="trade" value="clinic">' in page
    assert '<input type="hidden" name="category" value="utility">' in page


def test_counts_follow_the_search(alice: Client) -> None:
    page = alice.get(f"{HERE}?search=parcel").text
    assert f"All <b>{len(list_library(search='parcel'))}</b>" in page
    assert "Clinics <b>0</b>" in page


@pytest.mark.parametrize("query", ["search=%3Cb%3Ezebra", "trade=bakery", "category=authentication"])
def test_nothing_matches(alice: Client, query: str) -> None:
    page = alice.get(f"{HERE}?{query}").text
    assert shown(page) == []
    assert "No message matches" in page
    assert f"Show all {len(list_library())} messages" in page
    assert "<b>zebra" not in page


def test_the_fragment_is_the_list_of_the_page(alice: Client) -> None:
    address = f"{HERE}?trade=travel&search=passport"
    fragment, page = alice.fragment(address).text, alice.get(address).text
    assert fragment.strip().startswith('<section class="wn-lib" id="library"')
    assert "<h1" not in fragment
    assert shown(fragment) == shown(page) == ["Documents are missing"]


@pytest.mark.parametrize("template", list_library(), ids=lambda one: one.slug)
def test_the_editor_opens_filled_in(alice: Client, cast: Cast, channel_id: int, template: Any) -> None:
    page = alice.get(f"{EDITOR}?from={template.slug}").text
    form = typed_form(page)
    for name in ("name", "language", "category", "header", "body", "footer"):
        assert form[name] == [getattr(template, name)], name
    assert form["channel_id"] == [str(channel_id)]
    assert form.get("button_text", []) == [button.text for button in template.buttons]
    samples = {key.removeprefix("sample-"): values for key, values in form.items() if key.startswith("sample-")}
    assert samples == {key: [value] for key, value in template.samples.items()}
    assert "Nothing that Meta is known to refuse" in page
    assert "wa-missing" not in page
    assert message_templates.list_templates(cast.workspace.id).items == []


@pytest.mark.parametrize("slug", ["retail-order-on-its-way", "restaurant-special-night", "clinic-before-the-visit"])
def test_what_the_editor_holds_can_be_submitted(alice: Client, cast: Cast, channel_id: int, slug: str) -> None:
    form = typed_form(alice.get(f"{EDITOR}?from={slug}").text)
    form.pop("csrf_token")
    answer = alice.submit(EDITOR, **form)
    assert answer.status_code == 303, answer.text
    [template] = message_templates.list_templates(cast.workspace.id).items
    assert [template.name] == form["name"]
    assert template.status is TemplateStatus.PENDING
    assert "In review" in alice.get(answer.location).text


def test_the_words_can_be_changed_before(alice: Client, cast: Cast, channel_id: int) -> None:
    form = typed_form(alice.get(f"{EDITOR}?from=retail-refund-made").text)
    form.pop("csrf_token")
    changed = form | {"name": "money_is_back", "body": ["Hi {{first_name}}, your money is back."]}
    assert alice.submit(EDITOR, **changed).status_code == 303
    [template] = message_templates.list_templates(cast.workspace.id).items
    assert template.name == "money_is_back"
    assert template.components[0]["text"] == "Hi {{first_name}}, your money is back."


def test_the_editor_says_what_is_still_an_example(alice: Client, channel_id: int) -> None:
    linked = alice.get(f"{EDITOR}?from=retail-order-confirmed").text
    assert "This is “Order received” from the library." in linked
    assert "your own addresses and numbers" in linked
    assert "/app/templates/library?trade=retail" in linked
    assert "your own addresses and numbers" not in alice.get(f"{EDITOR}?from=restaurant-table-booked").text


def test_an_unknown_message_is_not_found(alice: Client, channel_id: int) -> None:
    assert alice.get(f"{EDITOR}?from=no-such-message").status_code == 404


def test_without_a_number_one_is_connected_first(alice: Client, cast: Cast) -> None:
    assert alice.get(HERE).status_code == 200
    assert alice.get(f"{EDITOR}?from=retail-order-confirmed").location == "/app/channels"


def test_ways_in(alice: Client, channel_id: int, cast: Cast) -> None:
    link = 'href="/app/templates/library"'
    assert alice.get("/app/templates").text.count(link) == 2, "in the head and where the list is empty"
    assert link in alice.get(EDITOR).text
    factories.make_template(cast.workspace)
    assert alice.get("/app/templates").text.count(link) == 1


def test_agents_look_and_do_not_touch(client: Client, cast: Cast, channel_id: int) -> None:
    client.sign_in(cast.bob)
    page = client.get(HERE).text
    assert len(shown(page)) == len(list_library())
    assert "Use this one" not in page
    assert EDITOR not in page
    assert client.get(f"{EDITOR}?from=retail-order-confirmed").status_code == 403
    assert "Browse the library" in client.get("/app/templates").text
