"""Numbers, templates and single messages over the JSON API."""

from datetime import timedelta
from typing import Any

import pytest

from tests import factories
from tests.cast import Cast
from tests.client import ApiClient, Client
from tests.sandbox_control import SandboxControl
from wotnot import clock
from wotnot.models import Channel, Consent, Message, MessageState, Template, TemplateStatus

CONNECT = {
    "waba_id": SandboxControl.WABA_ID,
    "phone_number_id": SandboxControl.PHONE_NUMBER_ID,
    "access_token": SandboxControl.TOKEN,
}


@pytest.fixture
def api(client: Client, cast: Cast) -> ApiClient:
    return client.api(cast.alice)


@pytest.fixture
def channel(cast: Cast, session: Any) -> Channel:
    return factories.make_channel(cast.workspace)


@pytest.fixture
def template(cast: Cast, session: Any) -> Template:
    return factories.make_template(cast.workspace, name="news")


def send(channel: Channel, **changes: Any) -> dict[str, Any]:
    template = {"name": "news", "language": "en", "variables": {"1": "Thandi"}}
    return {"channel_id": channel.id, "to": "082 555 0140", "type": "template", "template": template} | changes


def test_a_number_from_connection_to_removal(api: ApiClient, sandbox: SandboxControl) -> None:
    answer = api.post("/channels", CONNECT | {"rate_per_second": 80})
    assert answer.status_code == 201
    body = answer.json
    expected = {
        "waba_id": SandboxControl.WABA_ID,
        "phone_number_id": SandboxControl.PHONE_NUMBER_ID,
        "display_phone_number": "+27 21 555 0140",
        "verified_name": "Casa Verde",
        "quality_rating": "GREEN",
        "messaging_limit": "TIER_UNLIMITED",
        "rate_per_second": 80,
        "state": "connected",
    }
    assert {name: body[name] for name in expected} == expected
    assert "sandbox-token" not in answer.text
    assert api.post("/channels", CONNECT).status_code == 409
    assert [c["id"] for c in api.get("/channels").json["items"]] == [body["id"]]
    path = f"/channels/{body['id']}"
    assert api.patch(path, {"rate_per_second": 1000}).json["rate_per_second"] == 1000
    for wrong in (0, 1001, "80", 1.5, None):
        assert api.patch(path, {"rate_per_second": wrong}).status_code == 422, wrong
    assert api.post(f"{path}/refresh").json["state"] == "connected"
    assert api.delete(path).status_code == 204
    assert api.get(path).status_code == 404


def test_a_refused_token_is_a_problem_in_metas_words(api: ApiClient, sandbox: SandboxControl) -> None:
    answer = api.post("/channels", CONNECT | {"access_token": "nonsense"})
    assert (answer.status_code, answer.mimetype) == (422, "application/problem+json")
    assert answer.json["code"] == "meta_190"
    assert "Invalid OAuth access token" in answer.json["errors"]["access_token"][0]


def test_templates_from_submission_to_the_bin(api: ApiClient, cast: Cast, sandbox: SandboxControl) -> None:
    channel = factories.make_channel(cast.workspace, phone_number_id=sandbox.PHONE_NUMBER_ID)
    body = {"type": "BODY", "text": "Hi {{1}}, we miss you.", "example": {"body_text": [["Ana"]]}}
    draft = {"channel_id": channel.id, "name": "miss", "language": "en", "category": "MARKETING", "components": [body]}
    answer = api.post("/templates", draft)
    assert answer.status_code == 201
    assert (answer.json["status"], answer.json["category"], answer.json["components"]) == (
        "pending",
        "marketing",
        [body],
    )
    assert api.post("/templates", draft).status_code == 409
    assert api.post("/templates", draft | {"name": "Ä"}).json["errors"].keys() == {"name"}
    assert api.post("/templates", draft | {"components": []}).json["errors"].keys() == {"components"}
    assert api.post("/templates/sync", {"channel_id": channel.id}).json == {"created": 8, "updated": 0, "removed": 0}
    assert len(api.get("/templates?status=approved").json["items"]) == 6
    assert [t["name"] for t in api.get("/templates?search=miss you").json["items"]] == ["miss"]
    page = api.get("/templates?limit=5").json
    assert len(api.get(f"/templates?limit=5&cursor={page['next_cursor']}").json["items"]) == 4
    path = f"/templates/{answer.json['id']}"
    assert api.delete(path).status_code == 204
    assert api.get("/templates?search=miss you").json["items"] == []
    assert api.get("/templates?deleted=true").json["items"][0]["deleted_at"]
    assert api.post(f"{path}/restore").json["deleted_at"] is None
    assert api.get("/templates?status=nonsense").status_code == 422


def test_a_template_message_goes_into_the_ledger(
    api: ApiClient, channel: Channel, template: Template, session: Any
) -> None:
    answer = api.post("/messages", send(channel))
    assert answer.status_code == 202
    assert answer.json["state"] == "queued"
    message = session.get(Message, answer.json["id"])
    assert (message.phone, message.template_id, message.type) == ("27825550140", template.id, "template")
    parameters = [{"type": "text", "text": "Thandi"}]
    assert message.content["components"] == [{"type": "body", "parameters": parameters}]
    entry = api.get(f"/messages/{message.id}").json
    assert (entry["to"], entry["state"], entry["error"], entry["price"]) == ("+27825550140", "queued", None, None)
    assert [attempt["id"] for attempt in entry["attempts"]] == [message.id]
    assert entry["queued_at"]
    assert entry["sent_at"] is None


def test_the_ledger_says_why_it_failed(api: ApiClient, cast: Cast, channel: Channel) -> None:
    contact = factories.make_contact(cast.workspace)
    failed = factories.make_message(
        channel, contact, state=MessageState.FAILED, error_code=131026, failed_at=clock.now()
    )
    entry = api.get(f"/messages/{failed.id}").json
    assert entry["error"]["code"] == 131026
    assert entry["error"]["title"] == "Not reachable on WhatsApp"
    assert entry["failed_at"]


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"to": "12"}, "to"),
        ({"to": "call me"}, "to"),
        ({"type": "carrier pigeon"}, "type"),
        ({"template": None}, "template"),
        ({"template": {"name": "unheard_of"}}, "template.name"),
        ({"template": {"name": "news", "language": "af"}}, "template.name"),
        ({"template": {"name": "news", "variables": {}}}, "template.variables.1"),
        ({"template": {"name": "news", "variables": {"1": " \n "}}}, "template.variables.1"),
        ({"typo": 1}, "typo"),
        ({"type": "text"}, "text"),
        ({"type": "text", "text": {"body": ""}}, "text.body"),
        ({"type": "text", "text": {"body": "x" * 4097}}, "text.body"),
        ({"type": "image", "media": {"link": "ftp://x/y"}}, "media.link"),
    ],
)
def test_what_is_wrong_is_named(
    api: ApiClient, channel: Channel, template: Template, changes: dict[str, Any], field: str
) -> None:
    answer = api.post("/messages", send(channel, **changes))
    assert answer.status_code == 422
    assert list(answer.json["errors"]) == [field]


def test_free_text_needs_an_open_window(api: ApiClient, cast: Cast, channel: Channel, session: Any) -> None:
    contact = factories.make_contact(cast.workspace, phone="27825550140")
    text = send(channel, type="text", text={"body": "Hello"}, template=None)
    refused = api.post("/messages", text)
    assert (refused.status_code, refused.json["code"]) == (409, "window_closed")
    assert "template" in refused.json["detail"]
    factories.make_conversation(channel, contact, window_expires_at=clock.now() + timedelta(hours=1))
    sent = api.post("/messages", text)
    assert sent.status_code == 202
    assert session.get(Message, sent.json["id"]).content == {"preview_url": True, "body": "Hello"}
    media = {"link": "https://shop.example/a.pdf", "caption": "Bill", "filename": "a.pdf"}
    document = api.post("/messages", send(channel, type="document", media=media, template=None))
    assert session.get(Message, document.json["id"]).content == media
    both = send(channel, type="image", media={"id": "1", "link": "https://s.example/a.png"}, template=None)
    assert api.post("/messages", both).json["errors"].keys() == {"media"}


def test_a_file_of_the_library_goes_to_meta_first(
    api: ApiClient, cast: Cast, sandbox: SandboxControl, session: Any
) -> None:
    channel = factories.make_channel(cast.workspace, phone_number_id=sandbox.PHONE_NUMBER_ID)
    factories.make_conversation(channel, factories.make_contact(cast.workspace, phone="27825550140"))
    picture = factories.make_media_file(cast.workspace).id
    paper = factories.make_media_file(cast.workspace, "menu.pdf", b"%PDF-1.4 menu").id
    theirs = factories.make_media_file(cast.other_workspace).id
    wrong = send(channel, type="image", template=None)
    for media in ({"file_id": theirs}, {"file_id": paper}):
        assert api.post("/messages", wrong | {"media": media}).json["errors"].keys() == {"media.file_id"}
    two = api.post("/messages", wrong | {"media": {"file_id": picture, "id": "1"}})
    assert two.json["errors"].keys() == {"media"}
    document = send(channel, type="document", media={"file_id": paper, "caption": "Menu"}, template=None)
    contents = [session.get(Message, api.post("/messages", document).json["id"]).content for _ in range(2)]
    assert contents[0] == contents[1]
    assert contents[0] == {"id": contents[0]["id"], "caption": "Menu", "filename": "menu.pdf"}
    assert contents[0]["id"].startswith("91")


def test_whom_and_what_may_not_be_sent(
    api: ApiClient, cast: Cast, channel: Channel, template: Template, session: Any
) -> None:
    contact = factories.make_contact(cast.workspace, phone="27825550140", consent=Consent.OPTED_OUT)
    refused = api.post("/messages", send(channel))
    assert (refused.status_code, refused.json["code"]) == (409, "opted_out")
    session.get(type(contact), contact.id).consent = Consent.OPTED_IN
    session.get(Template, template.id).status = TemplateStatus.PAUSED
    session.commit()
    paused = api.post("/messages", send(channel))
    assert (paused.status_code, paused.json["code"]) == (409, "template_not_approved")
    session.get(Channel, channel.id).state = "stopped"
    session.commit()
    assert api.post("/messages", send(channel)).json["code"] == "channel_stopped"


def test_the_same_key_sends_once(api: ApiClient, channel: Channel, template: Template, session: Any) -> None:
    key = {"Idempotency-Key": "order-7"}
    first = api.post("/messages", send(channel), headers=key)
    again = api.post("/messages", send(channel), headers=key)
    assert (first.status_code, again.status_code, again.json) == (202, 202, first.json)
    assert session.query(Message).count() == 1
    assert api.post("/messages", send(channel, to="082 555 0141"), headers=key).status_code == 409


def test_agents_send_but_do_not_set_up(client: Client, cast: Cast, channel: Channel, template: Template) -> None:
    bob = client.api(cast.bob)
    assert bob.post("/messages", send(channel)).status_code == 202
    assert bob.get("/channels").status_code == 200
    assert bob.post("/channels", CONNECT).status_code == 403
    assert bob.patch(f"/channels/{channel.id}", {"rate_per_second": 5}).status_code == 403
    assert bob.delete(f"/templates/{template.id}").status_code == 403


def test_strangers_get_404(client: Client, cast: Cast, channel: Channel, template: Template) -> None:
    message = factories.make_message(channel, factories.make_contact(cast.workspace))
    charlie = client.api(cast.charlie)
    for path in (f"/channels/{channel.id}", f"/templates/{template.id}", f"/messages/{message.id}"):
        assert charlie.get(path).status_code == 404, path
    assert charlie.post("/messages", send(channel)).status_code == 404
    assert charlie.post("/templates/sync", {"channel_id": channel.id}).status_code == 404
    assert charlie.post(f"/templates/{template.id}/restore").status_code == 404
    assert charlie.delete(f"/channels/{channel.id}").status_code == 404
    assert charlie.get("/templates").json["items"] == []
