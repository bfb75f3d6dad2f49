"""A broadcast in several languages: in the wizard, on its page, and over the API; and the language of a contact."""

from collections.abc import Callable
from typing import Any

import pytest
from sqlalchemy import select

from tests import factories as make
from tests.cast import Cast
from tests.client import ApiClient, Client
from wotnot.extensions import db
from wotnot.models import Broadcast, Channel, Contact, Message, Template, TemplateStatus


@pytest.fixture
def browser(client: Client, cast: Cast) -> Client:
    client.sign_in(cast.alice)
    return client


@pytest.fixture
def api(client: Client, cast: Cast) -> ApiClient:
    return client.api(cast.alice)


@pytest.fixture
def channel(cast: Cast) -> Channel:
    return make.make_channel(cast.workspace)


@pytest.fixture
def family(cast: Cast) -> dict[str, Template]:
    """English, German, and French that is still in review."""
    words = {"en": "Hi {{1}}, spring is here.", "de": "Hallo {{1}}, es ist Frühling.", "fr": "Bonjour {{1}}, voici."}
    return {
        language: make.make_template(
            cast.workspace,
            name="spring",
            language=language,
            status=TemplateStatus.PENDING if language == "fr" else TemplateStatus.APPROVED,
            components=[{"type": "BODY", "text": body, "example": {"body_text": [["Ann"]]}}],
        )
        for language, body in words.items()
    }


@pytest.fixture
def people(cast: Cast) -> list[Contact]:
    """Ann, of whom no language is known, and Uwe from Vienna."""
    return [
        make.make_contact(cast.workspace, name="Ann"),
        make.make_contact(cast.workspace, name="Uwe", language="de_AT"),
    ]


def text_of(response: Any) -> str:
    return " ".join(response.get_data(as_text=True).split())


def body(channel: Channel, template: Template, **changes: Any) -> dict[str, Any]:
    return {
        "name": "Spring",
        "channel_id": channel.id,
        "template_id": template.id,
        "audience": {"all": True},
        "variables": {"1": {"field": "name", "fallback": "there"}},
    } | changes


# ---------------------------------------------------------------- the wizard


def test_from_the_choice_to_the_report(
    browser: Client,
    channel: Channel,
    family: dict[str, Template],
    people: list[Contact],
    run_jobs: Callable[..., list[str]],
) -> None:
    browser.submit("/app/broadcasts/new", name="Spring", kind="all")
    base = f"/app/broadcasts/{db.session.scalars(select(Broadcast.id)).one()}"
    choose = text_of(browser.get(f"{base}/message"))
    assert "English, German" in choose
    assert choose.count(">Use it<") == 1, "a name is one row"

    main = family["en"].id
    page = text_of(browser.get(f"{base}/message?template={main}"))
    assert '2 languages: <span class="wn-md">English</span> (main), German.' in page
    assert "Each contact gets their own, all others English." in page
    assert "Send everybody English" in page
    assert "is not used: it is still in review at Meta." in page
    assert f"/message?channel={channel.id}&amp;template={family['de'].id}" in page, "another one may be the main one"

    fields = {"channel": channel.id, "template": main, "source-1": "field:first_name", "text-1": "there"}
    seen = browser.fragment(f"{base}/preview?template={main}&row=2&source-1=field:first_name&has_languages=1")
    assert "In German" in text_of(seen)
    assert "es ist Frühling." in text_of(seen)
    seen = browser.fragment(f"{base}/preview?template={main}&row=2&has_languages=1&one_language=1")
    assert "spring is here." in text_of(seen)
    browser.submit(f"{base}/message", **fields, has_languages="1")
    check = text_of(browser.get(f"{base}/check"))
    assert "Each in their own language, all others in English" in check
    assert "1 in English, 1 in German." in check
    assert "French is not used" in check
    browser.submit(f"{base}/check")
    run_jobs("default")
    shown = text_of(browser.get(base))
    assert "Hallo Uwe, es ist Frühling." in shown
    assert "Hi Ann, spring is here." in shown
    assert "2 languages" in shown


def test_the_switch_is_kept_and_taken_back(
    browser: Client, cast: Cast, channel: Channel, family: dict[str, Template], people: list[Contact]
) -> None:
    draft = make.make_broadcast(cast.workspace, channel, family["en"])
    base = f"/app/broadcasts/{draft.id}"
    fields = {"channel": channel.id, "template": family["en"].id, "source-1": "field:first_name", "text-1": "there"}
    browser.submit(f"{base}/message", **fields, has_languages="1", one_language="1")
    db.session.refresh(draft)
    assert draft.one_language
    assert "Each in their own language" not in text_of(browser.get(f"{base}/check"))
    assert "spring is here." in text_of(browser.fragment(f"{base}/preview?row=2"))
    # A form that has no such box leaves it as it is.
    browser.submit(f"{base}/message", **fields)
    db.session.refresh(draft)
    assert draft.one_language
    browser.submit(f"{base}/message", **fields, has_languages="1")
    db.session.refresh(draft)
    assert not draft.one_language


def test_one_language_asks_nothing(browser: Client, cast: Cast, channel: Channel, people: list[Contact]) -> None:
    alone = make.make_template(cast.workspace)
    draft = make.make_broadcast(cast.workspace, channel, alone)
    page = text_of(browser.get(f"/app/broadcasts/{draft.id}/message"))
    assert "Send everybody" not in page
    assert "In English" not in text_of(browser.get(f"/app/broadcasts/{draft.id}/preview"))


# ---------------------------------------------------------------- the API


def test_broadcasts_take_and_tell_languages(
    api: ApiClient,
    channel: Channel,
    family: dict[str, Template],
    people: list[Contact],
    run_jobs: Callable[..., list[str]],
) -> None:
    made = api.post("/broadcasts", body(channel, family["en"])).json
    assert (made["one_language"], made["languages"]) == (False, [])
    alone = api.post("/broadcasts", body(channel, family["en"], one_language=True)).json
    assert alone["one_language"] is True
    for draft in (made, alone):
        api.post(f"/broadcasts/{draft['id']}/start")
    run_jobs("default")
    found = api.get(f"/broadcasts/{made['id']}").json["languages"]
    assert sorted((one["language"], one["template_id"], one["messages"], one["states"]["queued"]) for one in found) == [
        ("de", family["de"].id, 1, 1),
        ("en", family["en"].id, 1, 1),
    ]
    items = api.get(f"/broadcasts/{made['id']}/messages").json["items"]
    assert {one["contact_id"]: one["language"] for one in items} == {people[0].id: "en", people[1].id: "de"}
    assert [one["messages"] for one in api.get(f"/broadcasts/{alone['id']}").json["languages"]] == [2]
    assert api.patch(f"/broadcasts/{made['id']}", {"one_language": True}).status_code == 409
    assert api.post("/broadcasts", body(channel, family["en"], one_language="perhaps")).status_code == 422


def test_a_single_message_is_in_the_language_of_its_contact(
    api: ApiClient, channel: Channel, family: dict[str, Template], people: list[Contact]
) -> None:
    def send(contact: Contact, **template: Any) -> Any:
        content = {"name": "spring", "variables": {"1": "you"}} | template
        return api.post(
            "/messages",
            {"channel_id": channel.id, "to": f"+{contact.phone}", "type": "template", "template": content},
        )

    sent = send(people[1])
    assert sent.status_code == 202
    message = db.session.get(Message, sent.json["id"])
    assert message is not None
    assert message.template_id == family["de"].id
    assert message.content["language"]["code"] == "de"
    named = db.session.get(Message, send(people[1], language="en").json["id"])
    assert named is not None
    assert named.template_id == family["en"].id
    unknown = send(people[0])
    assert unknown.status_code == 422
    assert "exists in de, en, fr. Say which." in unknown.text
    people[0].language = "fr"  # whose translation is not approved
    db.session.commit()
    assert send(people[0]).status_code == 422


def test_a_contact_has_a_language(api: ApiClient) -> None:
    made = api.post("/contacts", {"phone": "082 555 0142", "language": "Deutsch"}).json
    assert made["language"] == "de"
    path = f"/contacts/{made['id']}"
    assert api.patch(path, {"name": "Uwe"}).json["language"] == "de"
    assert api.patch(path, {"language": "pt-BR"}).json["language"] == "pt_BR"
    assert api.patch(path, {"language": None}).json["language"] is None
    assert api.put(path, {"phone": "082 555 0142", "language": "en"}).json["language"] == "en"
    assert api.put(path, {"phone": "082 555 0142"}).json["language"] is None
    wrong = api.patch(path, {"language": "Klingon"})
    assert (wrong.status_code, list(wrong.json["errors"])) == (422, ["language"])
    assert "“Klingon” is no language we know." in wrong.json["detail"]


def test_the_language_is_on_the_contacts_page(browser: Client, cast: Cast) -> None:
    contact = make.make_contact(cast.workspace, language="en_ZA")
    path = f"/app/contacts/{contact.id}"
    assert "English (ZA)" in browser.get(path).text
    assert "English (ZA)" in browser.get(f"{path}/edit").text, "also one that the list does not offer"
    typed = {"phone": f"+{contact.phone}", "name": "Uwe", "language": "de"}
    assert browser.submit(f"{path}/edit", **typed).status_code == 303
    assert "German" in browser.get(path).text
    refused = browser.submit(f"{path}/edit", **typed | {"language": "Klingon"})
    assert refused.status_code == 422
    assert "is no language we know" in refused.text
    browser.submit(f"{path}/edit", **typed | {"language": ""})
    db.session.refresh(contact)
    assert contact.language is None
