"""Templates, against the sandbox in Meta's place over real HTTP."""

from datetime import timedelta
from typing import Any

import pytest
from flask import Flask

from tests import factories
from tests.cast import Cast
from tests.sandbox_control import SandboxControl
from wotnot import clock
from wotnot.errors import Conflict, Invalid, NotFound, Unavailable
from wotnot.models import BroadcastState, Channel, Template, TemplateCategory, TemplateStatus, Workspace
from wotnot.services import channels, crypto, template_bin, template_sync
from wotnot.services import message_templates as templates

BODY = {"type": "BODY", "text": "Hi {{1}}, we miss you.", "example": {"body_text": [["Ana"]]}}
DRAFT: dict[str, Any] = {"name": "we_miss_you", "language": "en", "category": "MARKETING", "components": [BODY]}


@pytest.fixture
def channel(cast: Cast, sandbox: SandboxControl) -> Channel:
    return factories.make_channel(cast.workspace, phone_number_id=sandbox.PHONE_NUMBER_ID)


def sync(channel: Channel) -> tuple[int, int, int]:
    result = templates.sync_templates(channel.workspace_id, channel.id)
    return result.created, result.updated, result.removed


def live(channel: Channel) -> dict[str, Template]:
    page = templates.list_templates(channel.workspace_id, limit=200)
    return {template.name: template for template in page.items}


def test_a_sync_makes_ours_like_metas_and_the_second_changes_nothing(channel: Channel) -> None:
    assert sync(channel) == (8, 0, 0)
    found = live(channel)
    assert found["free_money"].status is TemplateStatus.REJECTED
    assert found["free_money"].reason == "Meta took it for a scam."
    assert found["winter_sale"].status is TemplateStatus.PAUSED
    assert found["order_shipped"].parameter_format == "NAMED"
    assert found["early_access"].quality == "GREEN"
    assert found["sign_in_code"].category is TemplateCategory.AUTHENTICATION
    assert sync(channel) == (0, 0, 0)


def test_a_sync_reads_every_page(channel: Channel, sandbox: SandboxControl) -> None:
    sandbox.set(template_creations_per_hour=10_000, review_after_s=3600)
    with channels.client_for(channel) as client:
        for number in range(120):
            body = {"type": "BODY", "text": f"Number {number} of many."}
            client.create_template(channel.waba_id, DRAFT | {"name": f"t_{number}", "components": [body]})
    assert sync(channel) == (128, 0, 0)
    first = templates.list_templates(channel.workspace_id, limit=100)
    second = templates.list_templates(channel.workspace_id, limit=100, cursor=first.next_cursor)
    assert len({t.id for t in first.items + second.items}) == 128
    assert second.next_cursor is None


def test_a_sync_takes_changes_and_what_is_gone(channel: Channel, session: Any) -> None:
    sync(channel)
    session.get(Template, live(channel)["early_access"].id).quality = "RED"
    session.commit()
    with channels.client_for(channel) as client:
        client.delete_template(channel.waba_id, "new_arrivals")
    assert sync(channel) == (0, 1, 1)
    assert "new_arrivals" not in live(channel)
    binned = templates.list_templates(channel.workspace_id, deleted=True).items
    assert [t.name for t in binned] == ["new_arrivals"]
    with pytest.raises(Conflict, match="no longer has"):
        template_bin.restore_template(channel.workspace_id, binned[0].id)


def test_a_sync_says_what_meta_says(app: Flask, channel: Channel, session: Any, sandbox: SandboxControl) -> None:
    sandbox.post("/sandbox/faults", {"kind": "error", "status": 500, "on": ""})
    with pytest.raises(Unavailable):
        sync(channel)
    expired = crypto.encrypt("expired-x", app.extensions["wotnot.config"].encryption_keys)
    session.get(Channel, channel.id).token_encrypted = expired
    session.commit()
    with pytest.raises(Invalid, match="expired"):
        sync(channel)


def test_the_periodic_sync_asks_each_account_once(cast: Cast, channel: Channel, run_jobs: Any) -> None:
    factories.make_channel(cast.workspace, phone_number_id="800000000000002")
    assert template_sync.sync_all() == {"synced": 1, "failed": 0}


def test_creating_submits_to_meta_and_the_webhook_approves(channel: Channel, cast: Cast) -> None:
    here = cast.workspace.id
    template = templates.create_template(here, channel_id=channel.id, **DRAFT)
    assert template.status is TemplateStatus.PENDING
    assert "still in review" in templates.why_not_sendable(template)
    assert template_sync.apply_status(channel.waba_id, event="APPROVED", meta_id=template.meta_id) == 1
    assert template_sync.apply_status(channel.waba_id, event="APPROVED", meta_id=template.meta_id) == 1
    approved = templates.get_template(here, template.id)
    assert (approved.status, templates.why_not_sendable(approved)) == (TemplateStatus.APPROVED, "")
    assert sync(channel)[0] == 8


def test_meta_may_choose_another_category(channel: Channel, cast: Cast) -> None:
    body = {"type": "BODY", "text": "Get 20% off everything today, all day long."}
    template = templates.create_template(
        cast.workspace.id, channel_id=channel.id, **DRAFT | {"category": "UTILITY", "components": [body]}
    )
    assert template.category is TemplateCategory.MARKETING


def test_our_rules_speak_before_meta_is_asked(channel: Channel, cast: Cast, sandbox: SandboxControl) -> None:
    before = sandbox.stats()
    with pytest.raises(Invalid) as error:
        templates.create_template(
            cast.workspace.id,
            channel_id=channel.id,
            **DRAFT | {"name": "Hi There", "components": [{"type": "BODY", "text": ""}]},
        )
    assert set(error.value.errors) == {"name", "body"}
    with pytest.raises(Invalid) as error:
        templates.create_template(cast.workspace.id, channel_id=channel.id, **DRAFT | {"components": [1]})
    assert set(error.value.errors) == {"components"}
    assert sandbox.stats().get("requests") == before.get("requests")


def test_what_meta_refuses_comes_in_its_words_beside_its_field(
    channel: Channel, cast: Cast, sandbox: SandboxControl
) -> None:
    refusal = {
        "error": {
            "message": "Invalid parameter",
            "code": 100,
            "error_subcode": 2388299,
            "error_user_title": "Variables can't be at the start",
            "error_user_msg": "Add some text.",
        }
    }
    sandbox.post("/sandbox/faults", {"kind": "error", "status": 400, "body": refusal, "on": "message_templates"})
    with pytest.raises(Invalid) as error:
        templates.create_template(cast.workspace.id, channel_id=channel.id, **DRAFT)
    assert "Variables can't be at the start. Add some text" in error.value.errors["body"][0]
    assert live(channel) == {}


def test_a_name_is_taken_once_per_language(channel: Channel, cast: Cast) -> None:
    here = cast.workspace.id
    first = templates.create_template(here, channel_id=channel.id, **DRAFT)
    with pytest.raises(Conflict, match="already"):
        templates.create_template(here, channel_id=channel.id, **DRAFT)
    body = {"type": "BODY", "text": "Dag {{1}}, we missen je.", "example": {"body_text": [["Ana"]]}}
    other = templates.create_template(here, channel_id=channel.id, **DRAFT | {"language": "nl", "components": [body]})
    assert templates.find_template(here, channel.id, "we_miss_you", "en").id == first.id  # type: ignore[union-attr]
    assert templates.find_template(here, channel.id, "we_miss_you", "nl").id == other.id  # type: ignore[union-attr]
    with pytest.raises(Invalid, match="en, nl"):
        templates.find_template(here, channel.id, "we_miss_you")
    assert templates.find_template(here, channel.id, "unheard_of") is None


def test_the_bin_keeps_what_a_sync_finds_and_gives_it_back(channel: Channel, cast: Cast) -> None:
    here = cast.workspace.id
    sync(channel)
    template_id = live(channel)["early_access"].id
    template_bin.delete_template(here, template_id)
    template_bin.delete_template(here, template_id)
    assert "early_access" not in live(channel)
    assert "recycle bin" in templates.why_not_sendable(templates.get_template(here, template_id))
    assert sync(channel) == (0, 0, 0)
    with pytest.raises(Conflict, match="recycle bin"):
        templates.create_template(here, channel_id=channel.id, **DRAFT | {"name": "early_access"})
    template_bin.restore_template(here, template_id)
    assert live(channel)["early_access"].id == template_id


def test_deleting_at_meta_is_for_good(channel: Channel, cast: Cast) -> None:
    here = cast.workspace.id
    sync(channel)
    template_id = live(channel)["early_access"].id
    with pytest.raises(Conflict, match="recycle bin"):
        template_bin.delete_at_meta(here, template_id)
    template_bin.delete_template(here, template_id)
    template_bin.delete_at_meta(here, template_id)
    with channels.client_for(channel) as client:
        assert "early_access" not in {row["name"] for row in client.list_templates(channel.waba_id)}
    with pytest.raises(Conflict):
        template_bin.restore_template(here, template_id)


def test_names_move_all_their_languages(cast: Cast, session: Any) -> None:
    here = cast.workspace.id
    for language in ("en", "af"):
        factories.make_template(cast.workspace, name="news", language=language)
    assert template_bin.delete_templates_named(here, "news") == 2
    with pytest.raises(NotFound):
        template_bin.delete_templates_named(here, "news")
    assert template_bin.restore_templates_named(here, "news") == 2
    with pytest.raises(NotFound):
        template_bin.restore_templates_named(here, "news")


def test_restoring_beside_a_newer_one_of_the_same_name_is_refused(cast: Cast, session: Any) -> None:
    old = factories.make_template(cast.workspace, name="news")
    template_bin.delete_template(cast.workspace.id, old.id)
    factories.make_template(cast.workspace, name="news")
    with pytest.raises(Conflict, match="another template"):
        template_bin.restore_template(cast.workspace.id, old.id)


@pytest.mark.parametrize("state", ["scheduled", "expanding", "sending", "paused"])
def test_a_template_in_use_is_not_deleted(cast: Cast, session: Any, state: str) -> None:
    template = factories.make_template(cast.workspace)
    factories.make_broadcast(cast.workspace, template=template, name="Spring", state=BroadcastState(state))
    with pytest.raises(Conflict, match="Spring"):
        template_bin.delete_template(cast.workspace.id, template.id)
    with pytest.raises(Conflict, match="Spring"):
        template_bin.delete_templates_named(cast.workspace.id, template.name)


def test_filters_and_counts(cast: Cast, session: Any) -> None:
    here = cast.workspace.id
    factories.make_template(cast.workspace, name="spring_sale")
    factories.make_template(cast.workspace, name="autumn", status=TemplateStatus.REJECTED)
    factories.make_template(cast.other_workspace, name="spring_sale")
    names = lambda **filters: [t.name for t in templates.list_templates(here, **filters).items]  # noqa: E731
    assert names() == ["autumn", "spring_sale"]
    assert names(status="approved") == ["spring_sale"]
    assert names(search="Spring Sale") == ["spring_sale"]
    assert names(search="NEWS FOR") == ["autumn", "spring_sale"]
    assert names(search="100%") == []
    with pytest.raises(Invalid):
        templates.list_templates(here, status="nonsense")
    with pytest.raises(Invalid):
        templates.list_templates(here, cursor="nonsense")


def test_webhooks_find_a_template_by_name_and_normalised_language(cast: Cast, session: Any) -> None:
    template = factories.make_template(cast.workspace, name="news", language="en_US", meta_id=None)
    which = {"name": "news", "language": "en-US"}
    assert template_sync.apply_status("700000000000001", event="PAUSED", reason="NONE", **which) == 1
    assert template_sync.apply_quality("700000000000001", quality="red", **which) == 1
    assert template_sync.apply_category("700000000000001", category="UTILITY", **which) == 1
    session.refresh(template)
    assert (template.status, template.quality, template.category) == ("paused", "RED", "utility")
    assert template_sync.apply_status("799999999999999", event="APPROVED", **which) == 0
    assert template_sync.apply_status("700000000000001", event="SOMETHING_NEW", **which) == 0


def test_a_rejection_says_why_in_words_with_metas_advice(cast: Cast, session: Any) -> None:
    template = factories.make_template(cast.workspace, name="news", language="en", meta_id=None)
    for reason, said in (
        ("INVALID_FORMAT", "Variables or formatting are not as Meta wants them."),
        ("INVALID_FORMAT Mend it.", "Variables or formatting are not as Meta wants them. Mend it."),
        ("Something new at Meta", "Something new at Meta"),
    ):
        template_sync.apply_status(template.waba_id, event="REJECTED", name="news", language="en", reason=reason)
        session.refresh(template)
        assert template.reason == said


def test_a_status_of_a_template_made_elsewhere_brings_a_sync(channel: Channel, run_jobs: Any) -> None:
    assert template_sync.apply_status(channel.waba_id, event="APPROVED", meta_id="611000000000001") == 0
    assert run_jobs("default") == ["sync_templates"]
    assert len(live(channel)) == 8


def test_strangers_find_nothing(cast: Cast, session: Any) -> None:
    template = factories.make_template(cast.workspace)
    channel = factories.make_channel(cast.workspace)
    strange = cast.other_workspace.id
    assert templates.list_templates(strange).items == []
    for call in (
        lambda: templates.get_template(strange, template.id),
        lambda: template_bin.delete_template(strange, template.id),
        lambda: template_bin.restore_template(strange, template.id),
        lambda: template_bin.delete_at_meta(strange, template.id),
        lambda: template_bin.delete_templates_named(strange, template.name),
        lambda: templates.sync_templates(strange, channel.id),
        lambda: templates.find_template(strange, channel.id, template.name),
        lambda: templates.list_templates(strange, channel_id=channel.id),
        lambda: templates.create_template(strange, channel_id=channel.id, **DRAFT),
    ):
        with pytest.raises(NotFound):
            call()


def test_the_bin_is_emptied_after_thirty_days_but_for_what_was_sent(channel: Channel, session: Any) -> None:
    here, workspace = channel.workspace_id, session.get(Workspace, channel.workspace_id)
    now = clock.now()
    old, used, fresh = (
        factories.make_template(workspace, name=name, deleted_at=now - timedelta(days=days))
        for name, days in (("old", 31), ("used", 31), ("fresh", 29))
    )
    broadcast = factories.make_broadcast(workspace, channel, used, state="finished")
    assert [row.name for row in templates.list_templates(here, deleted=True).items] == ["fresh"]
    with pytest.raises(Conflict, match="more than 30 days"):
        template_bin.restore_template(here, old.id)
    assert template_bin.leaves_bin_at(fresh) == now + timedelta(days=1)
    assert template_bin.purge_bin() == 1
    assert template_bin.purge_bin() == 0
    session.expire_all()
    assert broadcast.template.name == "used"
