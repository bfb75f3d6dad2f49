"""Editing a template in the dashboard and over the API, and the page of its history."""

from typing import Any

import pytest

from tests import factories
from tests.cast import Cast
from tests.client import Client
from tests.sandbox_control import SandboxControl
from wotnot.models import BroadcastState, Template, TemplateStatus
from wotnot.services import message_templates, template_bin, template_sync

HTMX = {"HX-Request": "true"}
BODY: dict[str, Any] = {"type": "BODY", "text": "Hi {{1}}, we miss you.", "example": {"body_text": [["Ana"]]}}
DRAFT: dict[str, Any] = {"name": "we_miss_you", "language": "en", "category": "MARKETING", "components": [BODY]}
TYPED = {"header_kind": "NONE", "body": "Hi {{1}}, come back soon.", "sample-1": "Ana", "category": "MARKETING"}


@pytest.fixture
def alice(client: Client, cast: Cast) -> Client:
    client.sign_in(cast.alice)
    return client


@pytest.fixture
def template(cast: Cast, sandbox: SandboxControl) -> Template:
    """Approved at Meta and here."""
    sandbox.set(review_after_s=0)
    channel = factories.make_channel(cast.workspace, phone_number_id=sandbox.PHONE_NUMBER_ID)
    made = message_templates.create_template(cast.workspace.id, channel_id=channel.id, user_id=cast.alice.id, **DRAFT)
    template_sync.apply_status(channel.waba_id, event="APPROVED", meta_id=made.meta_id)
    return made


def test_the_editor_opens_with_the_words_and_says_what_is_left(alice: Client, template: Template) -> None:
    here = f"/app/templates/{template.id}"
    assert f'href="{here}/edit"' in alice.get(here).text
    page = alice.get(f"{here}/edit").text
    assert "Hi {{1}}, we miss you." in page
    assert 'value="Ana"' in page
    assert "10 edits left this month" in page
    assert 'id="f-name"' not in page


def test_an_edit_is_submitted_and_shown(alice: Client, template: Template) -> None:
    here = f"/app/templates/{template.id}"
    answer = alice.submit(f"{here}/edit", **TYPED)
    assert answer.location == here
    page = alice.get(here).text
    assert "come back soon" in page
    assert "In review" in page
    assert "Words changed by Alice" in page
    assert "<del>" in page
    assert f"{here}/edit" not in page
    assert alice.get(f"{here}/edit").location == here
    assert "Submitted by Alice" in alice.get(f"{here}/history").text
    fresh = alice.fragment(here).text
    for part in ("template-facts", "template-head", "template-history"):
        assert f'id="{part}"' in fresh, part


def test_an_old_version_opens_in_the_editor(alice: Client, template: Template, cast: Cast) -> None:
    here = f"/app/templates/{template.id}"
    alice.submit(f"{here}/edit", **TYPED)
    template_sync.apply_status(template.waba_id, event="REJECTED", meta_id=template.meta_id, reason="SCAM")
    assert f"{here}/edit?version=1" in alice.get(here).text
    page = alice.get(f"{here}/edit?version=1").text
    assert "These are the words of version 1" in page
    assert "Hi {{1}}, we miss you." in page
    for strange in ("9", "x", "-1", "99999999"):
        assert alice.get(f"{here}/edit?version={strange}").status_code == 404


def test_nothing_typed_is_lost_when_an_edit_is_refused(alice: Client, template: Template) -> None:
    typed = TYPED | {"body": "{{1}} & <b>you</b>", "footer": "Reply STOP", "name": "another_name"}
    answer = alice.submit(f"/app/templates/{template.id}/edit", **typed)
    assert answer.status_code == 422
    for said in ("{{1}} &amp; &lt;b&gt;you&lt;/b&gt;", "Reply STOP", "at the start", "Edit we_miss_you"):
        assert said in answer.text, said


def test_changing_variables_asks_first(alice: Client, cast: Cast, template: Template) -> None:
    planned = factories.make_broadcast(
        cast.workspace, template=template, name="Monday", state=BroadcastState.SCHEDULED
    ).id
    here = f"/app/templates/{template.id}"
    typed = TYPED | {"body": "Hi {{1}}, {{2}} waits for you.", "sample-2": "Monstera", "footer": "Reply STOP"}
    question = alice.submit(f"{here}/edit", **typed)
    assert question.status_code == 200
    assert "is new" in question.text
    assert f'href="/app/broadcasts/{planned}"' in question.text
    assert "1 broadcast would lack a value" in question.text
    back = alice.submit(f"{here}/edit", **typed | {"back": "1"})
    assert "Reply STOP" in back.text
    assert "Hi {{1}}, {{2}} waits for you." in back.text
    assert alice.submit(f"{here}/edit", **typed | {"confirmed": "1"}).location == here
    assert "waits for you" in alice.get(here).text


def test_what_is_being_sent_stands_against_it(alice: Client, cast: Cast, template: Template) -> None:
    factories.make_broadcast(cast.workspace, template=template, name="Spring", state=BroadcastState.SENDING)
    here = f"/app/templates/{template.id}"
    assert "Spring" in alice.get(f"{here}/edit").text
    typed = TYPED | {"body": "Hi {{1}}, {{2}} waits for you.", "sample-2": "Monstera"}
    question = alice.submit(f"{here}/edit", **typed).text
    assert "A broadcast is being sent with it" in question
    assert 'name="confirmed"' not in question
    refused = alice.submit(f"{here}/edit", **typed | {"confirmed": "1"})
    assert refused.status_code == 422
    assert "Cancel it, or wait" in refused.text


def test_the_editor_stays_with_its_template_without_scripts(alice: Client, template: Template) -> None:
    token = alice.csrf_token(f"/app/templates/{template.id}/edit")
    typed = TYPED | {"csrf_token": token, "template_id": str(template.id), "act": "add:URL"}
    page = alice.post("/app/templates/edit", data=typed).text
    assert "Edit we_miss_you" in page
    assert "Address of button 1" in page
    assert alice.post("/app/templates/edit", data=typed | {"template_id": "999999"}).status_code == 404
    assert "<html" not in alice.post("/app/templates/edit", data=typed, headers=HTMX).text


@pytest.mark.parametrize(
    ("parts", "lost"),
    [
        ([{"type": "HEADER", "format": "PRODUCT"}, BODY], "the header (PRODUCT)"),
        ([BODY, {"type": "BUTTONS", "buttons": [{"type": "VOICE_CALL", "text": "Call"}]}], "the voice call button 1"),
        ([BODY | {"tone": "warm"}], "tone of the body"),
    ],
)
def test_parts_that_the_editor_does_not_know_are_not_lost(
    alice: Client, cast: Cast, parts: list[Any], lost: str
) -> None:
    template = factories.make_template(cast.workspace, components=parts)
    answer = alice.get(f"/app/templates/{template.id}/edit")
    assert answer.location == f"/app/templates/{template.id}"
    assert f"The editor does not show {lost}, so it would be lost." in alice.get(answer.location).text


def test_the_history_is_paged_in_a_constant_number_of_queries(alice: Client, cast: Cast, count_queries: Any) -> None:
    template = factories.make_template(cast.workspace)
    here, counts = f"/app/templates/{template.id}/history", []
    for _ in range(2):
        for quality in ("RED", "YELLOW") * 6:
            template_sync.apply_quality(template.waba_id, quality=quality, meta_id=template.meta_id)
        with count_queries() as statements:
            page = alice.get(here).text
        counts.append(len(statements))
    assert counts[0] == counts[1]
    assert "Quality went from low to medium" in page
    older = page.split('rel="next" href="')[1].split('"')[0]
    assert "First seen at Meta" in alice.get(older).text
    assert alice.get(f"{here}?cursor=x").status_code == 422


def test_a_moved_category_is_said_above_the_list_and_in_the_history(alice: Client, cast: Cast) -> None:
    template = factories.make_template(cast.workspace, name="news")
    template_sync.apply_category(template.waba_id, category="UTILITY", meta_id=template.meta_id)
    assert "Meta moved “news” from marketing to utility." in alice.get("/app/templates").text
    page = alice.get(f"/app/templates/{template.id}").text
    assert "Meta moved it from marketing to utility" in page
    assert "the price changes too" in page


def test_a_deleted_template_says_until_when_its_name_is_blocked(alice: Client, template: Template) -> None:
    here = template.workspace_id
    template_bin.delete_template(here, template.id)
    template_bin.delete_at_meta(here, template.id)
    assert "blocked for 30 days: it can be used again" in alice.get(f"/app/templates/{template.id}").text


def test_agents_look_and_do_not_edit(client: Client, cast: Cast) -> None:
    template = factories.make_template(cast.workspace)
    here = f"/app/templates/{template.id}"
    client.sign_in(cast.bob)
    assert client.get(f"{here}/edit").status_code == 403
    assert client.get(f"{here}/history").status_code == 200
    assert client.submit(f"{here}/edit", page="/app/templates", **TYPED).status_code == 403


def test_strangers_find_no_edit(client: Client, cast: Cast) -> None:
    here = f"/app/templates/{factories.make_template(cast.workspace).id}"
    client.sign_in(cast.charlie)
    assert client.get(f"{here}/edit").status_code == 404
    assert client.get(f"{here}/history").status_code == 404
    assert client.submit(f"{here}/edit", page="/app/templates", **TYPED).status_code == 404


def test_the_api_edits_and_answers_the_template(client: Client, cast: Cast, template: Template) -> None:
    factories.make_broadcast(cast.workspace, template=template, name="Monday")
    api, here = client.api(cast.alice), f"/templates/{template.id}"
    two = {
        "type": "BODY",
        "text": "Hi {{1}}, {{2}} waits for you.",
        "example": {"body_text": [["Ana", "Monstera"]]},
    }
    refused = api.call("PATCH", here, {"components": [two]})
    assert refused.status_code == 409
    assert refused.json["code"] == "variables_change"
    assert refused.json["broadcasts"][0]["name"] == "Monday"
    answer = api.call("PATCH", here, {"components": [two], "confirmed": True})
    assert answer.status_code == 200
    assert (answer.json["status"], answer.json["version"]) == (TemplateStatus.PENDING.value, 2)
    assert answer.json["components"] == [two]
    assert answer.json.keys() == api.call("GET", here).json.keys()
    assert api.call("PATCH", here, {"components": [two]}).json["code"] == "not_editable"
    assert api.call("PATCH", here, {}).status_code == 422


def test_only_admins_edit_over_the_api(client: Client, cast: Cast) -> None:
    here = f"/templates/{factories.make_template(cast.workspace).id}"
    assert client.api(cast.bob).call("PATCH", here, {"components": [BODY]}).status_code == 403
    assert client.api(cast.charlie).call("PATCH", here, {"components": [BODY]}).status_code == 404
