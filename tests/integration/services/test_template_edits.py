"""Changing templates, against the sandbox in Meta's place: limits, reviews, versions, and whom a change concerns."""

import json
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import select, update

from tests import factories
from tests.cast import Cast
from tests.sandbox_control import SandboxControl
from wotnot import clock
from wotnot.errors import Conflict, Invalid, NotFound, Unavailable
from wotnot.models import (
    Broadcast,
    BroadcastState,
    Channel,
    Template,
    TemplateCategory,
    TemplateEvent,
    TemplateFact,
    TemplateOrigin,
    TemplateStatus,
    TemplateVersion,
)
from wotnot.services import broadcasts, template_bin, template_edits, template_history, template_sync, webhook_inbox
from wotnot.services import message_templates as templates
from wotnot.services.template_words import ToldWords

BODY: dict[str, Any] = {"type": "BODY", "text": "Hi {{1}}, we miss you.", "example": {"body_text": [["Ana"]]}}
OTHER: dict[str, Any] = {"type": "BODY", "text": "Hi {{1}}, come back soon.", "example": {"body_text": [["Ana"]]}}
TWO: dict[str, Any] = {
    "type": "BODY",
    "text": "Hi {{1}}, {{2}} waits for you.",
    "example": {"body_text": [["Ana", "Monstera"]]},
}
DRAFT: dict[str, Any] = {"name": "we_miss_you", "language": "en", "category": "MARKETING", "components": [BODY]}


@pytest.fixture
def channel(cast: Cast, sandbox: SandboxControl) -> Channel:
    sandbox.set(review_after_s=0)
    return factories.make_channel(cast.workspace, phone_number_id=sandbox.PHONE_NUMBER_ID)


@pytest.fixture
def template(channel: Channel, cast: Cast) -> Template:
    """Submitted by Alice, approved."""
    made = templates.create_template(cast.workspace.id, channel_id=channel.id, user_id=cast.alice.id, **DRAFT)
    template_sync.apply_status(channel.waba_id, event="APPROVED", meta_id=made.meta_id)
    return made


@pytest.fixture
def stranger_id(cast: Cast) -> int:
    """Charlie's workspace; asked for before anything talks to Meta, which gives the session back."""
    return cast.other_workspace.id


def edit(template: Template, *components: Any, **fields: Any) -> Template:
    return template_edits.edit_template(template.workspace_id, template.id, components=list(components), **fields)


def approve(template: Template) -> None:
    template_sync.apply_status(template.waba_id, event="APPROVED", meta_id=template.meta_id)


def versions(session: Any, template: Template) -> list[TemplateVersion]:
    query = select(TemplateVersion).where(TemplateVersion.template_id == template.id).order_by(TemplateVersion.number)
    return list(session.scalars(query))


def fresh(session: Any, template: Template) -> Template:
    """As it is in the database now: calls to Meta give the session back, and the row with it."""
    session.expire_all()
    found: Template = session.get(Template, template.id)
    return found


def facts(template: Template) -> list[tuple[str, str, str]]:
    page = template_history.list_history(template.workspace_id, template.id)
    return [(one.event.fact.value, one.event.before, one.event.after) for one in page.items]


def grow_old(session: Any, template: Template, **ages: float) -> None:
    """Let all its versions have been made so long ago."""
    at = clock.now() - timedelta(**ages)
    session.execute(update(TemplateVersion).where(TemplateVersion.template_id == template.id).values(created_at=at))
    session.commit()


def test_an_edit_keeps_the_old_words_and_goes_to_review(template: Template, cast: Cast, session: Any) -> None:
    edited = edit(template, OTHER, user_id=cast.alice.id)
    assert (edited.status, edited.version) == (TemplateStatus.PENDING, 2)
    first, second = versions(session, template)
    assert (first.components, second.components) == ([BODY], [OTHER])
    assert (first.origin, second.origin) == (TemplateOrigin.SUBMITTED, TemplateOrigin.EDITED)
    assert second.user_id == cast.alice.id
    assert facts(template) == [
        ("words", "1", "2"),
        ("status", "approved", "pending"),
        ("status", "pending", "approved"),
        ("words", "", "1"),
    ]


def test_the_history_says_who_and_what(template: Template, cast: Cast) -> None:
    edit(template, OTHER, user_id=cast.alice.id)
    newest = template_history.list_history(cast.workspace.id, template.id, limit=1)
    (entry,) = newest.items
    assert entry.user_name == "Alice"
    (change,) = entry.changes
    assert change.part == "Body"
    assert "".join(text for kind, text in change.pieces if kind != "removed") == OTHER["text"]
    older = template_history.list_history(cast.workspace.id, template.id, cursor=newest.next_cursor)
    assert [one.event.after for one in older.items] == ["pending", "approved", "1"]


def test_what_is_in_review_is_not_edited(template: Template) -> None:
    edit(template, OTHER)
    with pytest.raises(Conflict, match="in review"):
        edit(template, BODY)


def test_an_approved_template_is_edited_once_a_day_and_ten_times_a_month(template: Template, session: Any) -> None:
    assert template_edits.limits_of(template) == template_edits.EditLimits(10, None)
    edit(template, OTHER)
    approve(template)
    limits = template_edits.limits_of(template)
    assert limits.left == 9
    assert limits.next_at is not None
    with pytest.raises(Conflict, match="24 hours"):
        edit(template, BODY)
    grow_old(session, template, hours=25)
    assert template_edits.limits_of(template) == template_edits.EditLimits(9, None)
    for number in range(3, 12):
        row = {"number": number, "category": "marketing", "parameter_format": "POSITIONAL", "components": [BODY]}
        ids = {"workspace_id": template.workspace_id, "template_id": template.id}
        session.add(TemplateVersion(**ids, **row, origin="edited", was_approved=True))
    session.commit()
    grow_old(session, template, days=29)
    limits = template_edits.limits_of(template)
    assert (limits.left, limits.next_at is not None) == (0, True)
    grow_old(session, template, days=31)
    assert template_edits.limits_of(template) == template_edits.EditLimits(10, None)


def test_a_rejected_template_is_edited_at_will(template: Template, channel: Channel, sandbox: SandboxControl) -> None:
    sandbox.post(f"/sandbox/templates/{template.meta_id}", {"status": "REJECTED"})
    for words in (OTHER, BODY, OTHER):
        template_sync.apply_status(channel.waba_id, event="REJECTED", meta_id=template.meta_id, reason="SCAM")
        assert template_edits.limits_of(template) == template_edits.EditLimits()
        assert edit(template, words).reason == ""
        sandbox.post(f"/sandbox/templates/{template.meta_id}", {"status": "REJECTED"})


def test_an_edit_that_changes_nothing_does_not_use_one_up(template: Template, session: Any) -> None:
    with pytest.raises(Conflict, match="Nothing is different"):
        edit(template, BODY)
    assert len(versions(session, template)) == 1


def test_our_rules_speak_first_and_metas_refusal_keeps_everything(
    template: Template, sandbox: SandboxControl, session: Any
) -> None:
    with pytest.raises(Invalid) as refused:
        edit(template, {"type": "BODY", "text": "{{1}} hello"})
    assert set(refused.value.errors) == {"body", "sample-1"}
    error = {"code": 100, "error_subcode": 2388072, "error_user_title": "No", "error_user_msg": "Not these words."}
    sandbox.post("/sandbox/faults", {"kind": "error", "status": 400, "body": {"error": error}, "on": ""})
    with pytest.raises(Invalid) as refused:
        edit(template, OTHER)
    assert "Not these words" in refused.value.errors["body"][0]
    sandbox.post("/sandbox/faults", {"kind": "error", "status": 500, "on": ""})
    with pytest.raises(Unavailable):
        edit(template, OTHER)
    same = fresh(session, template)
    assert (same.status, same.version, same.components) == (TemplateStatus.APPROVED, 1, [BODY])


def test_the_category_is_fixed_once_it_is_approved(
    template: Template, channel: Channel, sandbox: SandboxControl
) -> None:
    with pytest.raises(Invalid) as refused:
        edit(template, OTHER, category="UTILITY")
    assert "marketing" in refused.value.errors["category"][0]
    sandbox.post(f"/sandbox/templates/{template.meta_id}", {"status": "REJECTED"})
    template_sync.apply_status(channel.waba_id, event="REJECTED", meta_id=template.meta_id)
    assert edit(template, OTHER, category="UTILITY").category is TemplateCategory.UTILITY


def test_drafts_and_plans_that_would_lack_a_value_are_named(template: Template, cast: Cast, session: Any) -> None:
    for state, name in ((BroadcastState.SCHEDULED, "Monday"), (BroadcastState.DRAFT, "Later")):
        factories.make_broadcast(cast.workspace, template=template, name=name, state=state)
    factories.make_broadcast(cast.workspace, template=template, name="Over", state=BroadcastState.FINISHED)
    ready = {"1": {"text": "you"}, "2": {"text": "Calathea"}}
    factories.make_broadcast(cast.workspace, template=template, name="Ready", variables=ready)
    plan = template_edits.plan_edit(cast.workspace.id, template.id, [TWO])
    assert (plan.change.added, plan.is_refused) == (("2",), False)
    assert [one.name for one in plan.broadcasts] == ["Later", "Monday"]
    with pytest.raises(Conflict, match="“Later”, “Monday”") as refused:
        edit(template, TWO)
    assert refused.value.code == "variables_change"
    assert edit(template, TWO, confirmed=True).version == 2


@pytest.mark.parametrize("state", ["expanding", "sending", "paused"])
def test_what_is_under_way_keeps_its_variables(template: Template, cast: Cast, state: str) -> None:
    factories.make_broadcast(cast.workspace, template=template, name="Spring", state=BroadcastState(state))
    with pytest.raises(Conflict, match="Spring") as refused:
        edit(template, TWO, confirmed=True)
    assert refused.value.code == "template_in_use"


def test_what_is_being_sent_pauses_for_the_review(template: Template, cast: Cast, session: Any) -> None:
    sending = factories.make_broadcast(cast.workspace, template=template, state=BroadcastState.SENDING)
    other = factories.make_broadcast(cast.workspace, state=BroadcastState.SENDING)
    ids = sending.id, other.id
    edit(template, OTHER)
    session.expire_all()
    paused, goes_on = (session.get(Broadcast, broadcast_id) for broadcast_id in ids)
    assert (paused.state, goes_on.state) == (BroadcastState.PAUSED, BroadcastState.SENDING)
    assert "in review" in paused.reason


def test_what_is_sent_to_the_readers_of_a_translation_pauses_for_its_review(
    template: Template, cast: Cast, session: Any
) -> None:
    main = factories.make_template(cast.workspace, waba_id=template.waba_id, name=template.name, language="de")
    to_all = factories.make_broadcast(cast.workspace, template=main, state=BroadcastState.SENDING)
    to_germans = factories.make_broadcast(cast.workspace, template=main, state=BroadcastState.SENDING)
    for broadcast, one in ((to_all, main), (to_all, template), (to_germans, main)):
        contact = factories.make_contact(cast.workspace)
        factories.make_message(broadcast.channel, contact, broadcast, template_id=one.id)
    ids = to_all.id, to_germans.id
    assert [found for found, *_ in template_edits.get_editing(cast.workspace.id, template.id).affected] == [to_all.id]
    with pytest.raises(Conflict, match="would lack a value"):
        edit(template, TWO, confirmed=True)
    edit(template, OTHER)
    session.expire_all()
    paused, goes_on = (session.get(Broadcast, broadcast_id) for broadcast_id in ids)
    assert (paused.state, goes_on.state) == (BroadcastState.PAUSED, BroadcastState.SENDING)


def test_a_plan_whose_template_changed_does_not_start_and_says_what_is_missing(
    template: Template, cast: Cast, session: Any
) -> None:
    broadcast = factories.make_broadcast(
        cast.workspace,
        template=template,
        state=BroadcastState.SCHEDULED,
        scheduled_at=clock.now() - timedelta(seconds=1),
    )
    three = {"type": "BODY", "text": "Hi {{1}}, {{2}} and {{3}} wait for you."}
    template_sync.apply_words(template.waba_id, words=ToldWords("", three["text"], ""), meta_id=template.meta_id)
    assert broadcasts.start_due_broadcast(broadcast.id) is False
    session.expire_all()
    failed = session.get(Broadcast, broadcast.id)
    assert failed.state is BroadcastState.FAILED
    assert failed.reason == "It did not start. Its template has changed: say what {{2}} and {{3}} stand for."
    assert broadcasts.reopen_broadcast(cast.workspace.id, broadcast.id).state is BroadcastState.DRAFT


def test_words_changed_at_meta_are_a_version_too(template: Template, channel: Channel, session: Any) -> None:
    told = ToldWords("Hello", "Hi {{1}}, come back soon.", "Reply STOP")
    assert template_sync.apply_words(channel.waba_id, words=told, meta_id=template.meta_id) == 1
    assert template_sync.apply_words(channel.waba_id, words=told, meta_id=template.meta_id) == 1
    first, second = versions(session, template)
    assert second.origin is TemplateOrigin.META
    assert [part["type"] for part in second.components] == ["HEADER", "BODY", "FOOTER"]
    assert first.components == [BODY]


def test_a_sync_brings_words_that_changed_at_meta(
    template: Template, channel: Channel, sandbox: SandboxControl, session: Any
) -> None:
    sandbox.post(f"/v24.0/{template.meta_id}?access_token={sandbox.TOKEN}", {"components": [OTHER]})
    templates.sync_templates(channel.workspace_id, channel.id)
    synced = fresh(session, template)
    assert (synced.version, synced.components) == (2, [OTHER])
    assert [one.origin.value for one in versions(session, template)] == ["submitted", "meta"]
    templates.sync_templates(channel.workspace_id, channel.id)
    assert len(versions(session, template)) == 2


def told_first(template: Template, user_id: int | None) -> template_edits._Edit:
    """Our edit with the other words, answered by Meta, while its webhooks of it are applied already."""
    values = {"components": [OTHER], "parameter_format": "POSITIONAL"}
    began_at = clock.now() - timedelta(minutes=5)
    return template_edits._Edit(values, template.category, began_at, user_id, was_approved=True)


def test_metas_word_on_our_own_edit_may_come_before_our_commit(template: Template, cast: Cast, session: Any) -> None:
    told = ToldWords("", OTHER["text"], "")
    template_sync.apply_words(template.waba_id, words=told, meta_id=template.meta_id)
    kept = template_edits._keep(cast.workspace.id, template.id, told_first(template, cast.alice.id))
    second = versions(session, kept)[1]
    assert kept.version == 2
    assert (second.origin, second.user_id, second.was_approved) == (TemplateOrigin.EDITED, cast.alice.id, True)


def test_an_approval_that_overtakes_our_commit_is_kept(template: Template, cast: Cast) -> None:
    template_sync.apply_status(template.waba_id, event="PENDING", meta_id=template.meta_id)
    approve(template)
    kept = template_edits._keep(cast.workspace.id, template.id, told_first(template, None))
    assert kept.status is TemplateStatus.APPROVED


def test_a_category_that_meta_chose_at_once_is_noticed(channel: Channel, cast: Cast) -> None:
    body = {"type": "BODY", "text": "Get 20% off everything today, all day long."}
    draft = DRAFT | {"category": "UTILITY", "components": [body]}
    made = templates.create_template(cast.workspace.id, channel_id=channel.id, user_id=cast.alice.id, **draft)
    (notice,) = template_history.list_category_notices(made.workspace_id)
    assert (notice.before, notice.after) == ("utility", "marketing")


def test_meta_moving_a_category_is_noticed(stranger_id: int, template: Template, session: Any) -> None:
    which = {"meta_id": template.meta_id}
    assert template_history.list_category_notices(template.workspace_id) == []
    template_sync.apply_category(template.waba_id, category="UTILITY", **which)
    template_sync.apply_category(template.waba_id, category="UTILITY", **which)
    template_sync.apply_quality(template.waba_id, quality="GREEN", **which)
    (notice,) = template_history.list_category_notices(template.workspace_id)
    assert (notice.name, notice.before, notice.after) == ("we_miss_you", "marketing", "utility")
    assert template_history.list_category_notices(stranger_id) == []
    assert facts(template)[:2] == [("quality", "UNKNOWN", "GREEN"), ("category", "marketing", "utility")]
    session.execute(update(TemplateEvent).values(created_at=clock.now() - timedelta(days=15)))
    session.commit()
    assert template_history.list_category_notices(template.workspace_id) == []


def test_why_meta_refused_stays_in_the_history(template: Template, session: Any) -> None:
    template_sync.apply_status(template.waba_id, event="REJECTED", meta_id=template.meta_id, reason="SCAM")
    approve(template)
    page = template_history.list_history(template.workspace_id, template.id)
    reasons = [one.event.reason for one in page.items if one.event.fact is TemplateFact.STATUS]
    assert reasons == ["", "Meta took it for a scam.", ""]


def code_parts(minutes: int) -> list[dict[str, Any]]:
    """A one-time code as it is submitted: Meta writes the words."""
    return [
        {"type": "BODY", "add_security_recommendation": True},
        {"type": "FOOTER", "code_expiration_minutes": minutes},
        {"type": "BUTTONS", "buttons": [{"type": "OTP", "otp_type": "COPY_CODE"}]},
    ]


@pytest.fixture
def code(channel: Channel, cast: Cast) -> Template:
    """A one-time code, approved."""
    draft = DRAFT | {"name": "code", "category": "AUTHENTICATION", "components": code_parts(10)}
    made = templates.create_template(cast.workspace.id, channel_id=channel.id, **draft)
    approve(made)
    return made


def test_metas_words_for_a_code_are_no_change_of_it(code: Template, channel: Channel, session: Any) -> None:
    made_id, here = code.id, code.workspace_id
    told = ToldWords("", "*{{1}}* is jou verifikasiekode.", "", ({"type": "URL", "text": "Kopieer kode"},))
    for _ in range(2):
        template_sync.apply_words(code.waba_id, words=told, meta_id=code.meta_id)
        made = templates.get_template(here, made_id)
        (only,) = versions(session, made)
        assert only.components == made.components
        assert only.components[0]["text"] == told.body
        templates.sync_templates(here, channel.id)
        made = fresh(session, templates.get_template(here, made_id))
        (only,) = versions(session, made)
        assert only.components == made.components
        assert "verification code" in only.components[0]["text"]


def test_how_a_code_is_handed_over_is_edited(code: Template, session: Any) -> None:
    plan = template_edits.plan_edit(code.workspace_id, code.id, code_parts(5))
    assert not plan.change.is_breaking
    with pytest.raises(Conflict, match="Nothing is different"):
        edit(code, *code_parts(10))
    edited = edit(code, *code_parts(5))
    assert (edited.version, edited.category) == (2, TemplateCategory.AUTHENTICATION)
    assert edited.components[1]["text"] == "This code expires in 5 minutes."
    (entry,) = template_history.list_history(edited.workspace_id, edited.id, limit=1).items
    assert [change.part for change in entry.changes] == ["Footer"]


def test_the_name_of_a_deleted_template_is_free_again_after_thirty_days(template: Template, cast: Cast) -> None:
    assert template_bin.name_free_at(template) is None
    template_bin.delete_template(cast.workspace.id, template.id)
    gone = template_bin.delete_at_meta(cast.workspace.id, template.id, user_id=cast.alice.id)
    free_at = template_bin.name_free_at(gone)
    assert free_at is not None
    assert timedelta(days=29) < free_at - clock.now() <= timedelta(days=30)
    assert facts(template)[0] == ("status", "approved", "deleted")


def test_the_webhook_of_metas_edit_is_applied(template: Template, session: Any) -> None:
    value = {
        "message_template_id": int(template.meta_id or 0),
        "message_template_name": template.name,
        "message_template_language": "en-US",
        "message_template_element": "Hi {{1}}, we moved.",
    }
    change = {"field": "message_template_components_update", "value": value}
    entry = {"id": template.waba_id, "time": 1, "changes": [change]}
    body = {"object": "whatsapp_business_account", "entry": [entry]}
    factories.make_webhook_event(json.dumps(body).encode())
    assert webhook_inbox.drain(linger_seconds=0.1) == {"done": 1, "poison": 0}
    session.expire_all()
    assert session.get(Template, template.id).components[0]["text"] == "Hi {{1}}, we moved."


def test_strangers_find_nothing(stranger_id: int, template: Template) -> None:
    strange = stranger_id
    for call in (
        lambda: template_edits.edit_template(strange, template.id, components=[OTHER]),
        lambda: template_edits.plan_edit(strange, template.id, [OTHER]),
        lambda: template_edits.get_editing(strange, template.id),
        lambda: template_history.list_history(strange, template.id),
        lambda: template_history.get_version(strange, template.id, 1),
    ):
        with pytest.raises(NotFound):
            call()
    with pytest.raises(NotFound):
        template_history.get_version(template.workspace_id, template.id, 7)
