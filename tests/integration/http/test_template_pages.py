"""The pages of the templates: list, editor with its live phone, recycle bin."""

from typing import Any

import pytest

from tests import factories
from tests.cast import Cast
from tests.client import Client
from tests.sandbox_control import SandboxControl
from wotnot.models import Template, TemplateStatus
from wotnot.services import message_templates

HTMX = {"HX-Request": "true"}


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
        "name": "we_miss_you",
        "language": "en",
        "category": "MARKETING",
        "body": "Hi {{1}}, we miss you.",
        "sample-1": "Ana",
    } | changes


def test_without_a_number_the_page_says_what_comes_first(alice: Client) -> None:
    assert "connect one of its numbers first" in alice.get("/app/templates").text
    assert alice.get("/app/templates/new").location == "/app/channels"


def test_syncing_fills_the_list(alice: Client, channel_id: int) -> None:
    assert "Sync from Meta" in alice.get("/app/templates").text
    alice.submit("/app/templates/sync", page="/app/templates")
    page = alice.get("/app/templates").text
    assert "8 templates, 6 approved by Meta" in page
    assert "8 new, 0 changed, 0 gone at Meta." in page
    assert "Meta took it for a scam." in page
    assert "free_money" in alice.get("/app/templates?status=rejected").text
    assert "early_access" not in alice.get("/app/templates?status=rejected").text
    assert "No template matches" in alice.fragment("/app/templates?search=nothing").text


def test_the_list_takes_a_constant_number_of_queries(alice: Client, cast: Cast, count_queries: Any) -> None:
    counts = []
    for _ in range(2):
        for _ in range(5):
            factories.make_template(cast.workspace)
        with count_queries() as statements:
            assert alice.get("/app/templates").status_code == 200
        counts.append(len(statements))
    assert counts[0] == counts[1]


def test_creating_shows_it_in_review(alice: Client, channel_id: int) -> None:
    answer = alice.submit("/app/templates/new", **form(channel_id))
    assert answer.status_code == 303
    page = alice.get(answer.location).text
    assert "In review" in page
    assert '<span class="wa-fill">Ana</span>' in page


def test_nothing_typed_is_lost_when_it_is_refused(alice: Client, cast: Cast, channel_id: int) -> None:
    typed = form(
        channel_id,
        name="We Miss You",
        header="<b>x</b>",
        body="{{1}} hi & bye",
        footer="Reply STOP",
        button_type=["QUICK_REPLY", "URL"],
        button_text=["Yes please, I would like that", "Shop"],
        button_value=["", "https://s.example/{{1}}"],
    )
    answer = alice.submit("/app/templates/new", **typed)
    assert answer.status_code == 422
    for kept in (
        'value="We Miss You"',
        "&lt;b&gt;x&lt;/b&gt;",
        "{{1}} hi &amp; bye",
        "Reply STOP",
        "I would like that",
        "s.example/{{1}}",
    ):
        assert kept in answer.text, kept
    for said in ("other characters", "at the start", "29 of 25", "no sample"):
        assert said in answer.text, said
    assert message_templates.list_templates(cast.workspace.id).items == []


def test_a_taken_name_is_said_beside_the_name(alice: Client, channel_id: int) -> None:
    alice.submit("/app/templates/new", **form(channel_id))
    answer = alice.submit("/app/templates/new", **form(channel_id))
    assert answer.status_code == 422
    assert "already. Choose another name" in answer.text


@pytest.mark.parametrize("channel", ["", "x", "999999", "²"])
def test_a_strange_account_is_refused_in_the_form(alice: Client, channel_id: int, channel: str) -> None:
    answer = alice.submit("/app/templates/new", **(form(channel_id) | {"channel_id": channel}))
    assert answer.status_code == 422
    assert "Choose a number" in answer.text


def test_the_preview_fills_marks_and_escapes(alice: Client, channel_id: int) -> None:
    token = alice.csrf_token("/app/templates/new")
    typed = form(channel_id, csrf_token=token, body="Hi {{1}} <script>, {{2}}", **{"sample-1": "<i>"})
    page = alice.post("/app/templates/preview", data=typed, headers=HTMX).text
    assert '<span class="wa-fill">&lt;i&gt;</span>' in page
    assert "&lt;script&gt;" in page
    assert '<span class="wa-missing">{{2}}</span>' in page
    assert 'id="samples" hx-swap-oob="true"' in page
    again = alice.post("/app/templates/preview", data=typed | {"sample_rows": "1 2"}, headers=HTMX).text
    assert 'id="samples"' not in again


def test_an_empty_form_is_not_scolded(alice: Client, channel_id: int) -> None:
    page = alice.get("/app/templates/new").text
    assert "A name and the body" in page
    assert "Variables are {{1}}, {{2}} or {{first_name}}, {{city}}." in page
    assert "to fix" not in page


def test_buttons_come_and_go_with_and_without_scripts(alice: Client, channel_id: int) -> None:
    token = alice.csrf_token("/app/templates/new")
    typed = form(channel_id, csrf_token=token)
    fragment = alice.post("/app/templates/edit", data=typed | {"act": "add:URL"}, headers=HTMX).text
    assert "Address of button 1" in fragment
    assert "End of the link" not in fragment
    assert 'id="side"' in fragment
    page = alice.post("/app/templates/edit", data=typed | {"act": "add:PHONE_NUMBER"}).text
    assert "Number of button 1" in page
    assert "we_miss_you" in page
    rows = {"button_type": ["URL"], "button_text": ["Shop"], "button_value": ["https://s.example"], "act": "remove:0"}
    assert "Address of button 1" not in alice.post("/app/templates/edit", data=typed | rows, headers=HTMX).text


def test_the_recycle_bin(alice: Client, cast: Cast, channel_id: int) -> None:
    alice.submit("/app/templates/sync", page="/app/templates")
    template = next(t for t in message_templates.list_templates(cast.workspace.id).items if t.name == "early_access")
    here = f"/app/templates/{template.id}"
    assert "Keep the template" in alice.get(here).text
    alice.submit(f"{here}/delete", page=here)
    assert "early_access" not in alice.fragment("/app/templates").text
    assert "early_access" in alice.fragment("/app/templates?bin=1").text
    assert "In the recycle bin" in alice.get(here).text
    alice.submit(f"{here}/restore", page=here)
    assert "early_access" in alice.fragment("/app/templates").text
    alice.submit(f"{here}/delete", page=here)
    alice.submit(f"{here}/delete-at-meta", page=here)
    page = alice.get(here).text
    assert f"{here}/restore" not in page


@pytest.mark.parametrize("status", list(TemplateStatus))
def test_every_state_has_a_page(alice: Client, cast: Cast, status: TemplateStatus) -> None:
    template = factories.make_template(cast.workspace, status=status, reason="Because.")
    page = alice.get(f"/app/templates/{template.id}")
    assert page.status_code == 200
    assert ("Send a broadcast" in page.text) == (status is TemplateStatus.APPROVED)


@pytest.mark.parametrize(
    "components", [[], [{}], [{"type": "BODY"}], [{"type": "BUTTONS", "buttons": None}], [{"type": "CAROUSEL"}]]
)
def test_odd_components_have_a_page(alice: Client, cast: Cast, components: list[Any]) -> None:
    template = factories.make_template(cast.workspace, components=components)
    assert alice.get(f"/app/templates/{template.id}").status_code == 200
    assert alice.get("/app/templates").status_code == 200


def test_agents_look_and_do_not_touch(client: Client, cast: Cast) -> None:
    template = factories.make_template(cast.workspace)
    client.sign_in(cast.bob)
    here = f"/app/templates/{template.id}"
    assert client.get(here).status_code == 200
    assert client.get("/app/templates").status_code == 200
    assert client.get("/app/templates/new").status_code == 403
    for path in (
        "sync",
        "new",
        "edit",
        "preview",
        f"{template.id}/delete",
        f"{template.id}/restore",
        f"{template.id}/delete-at-meta",
    ):
        assert client.submit(f"/app/templates/{path}", page="/app/templates").status_code == 403, path
    assert factories.db.session.get(Template, template.id).deleted_at is None


def test_strangers_get_404(client: Client, cast: Cast) -> None:
    template = factories.make_template(cast.workspace)
    client.sign_in(cast.charlie)
    here = f"/app/templates/{template.id}"
    assert client.get(here).status_code == 404
    for act in ("delete", "restore", "delete-at-meta"):
        assert client.submit(f"{here}/{act}", page="/app/templates").status_code == 404, act
