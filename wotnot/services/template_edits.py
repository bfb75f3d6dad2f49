"""Changing the words of a template that Meta has: what it allows, whom a change concerns, and the change itself."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import select
from sqlalchemy.dialects.postgresql import array

from wotnot import clock
from wotnot.errors import Conflict, Invalid
from wotnot.extensions import db
from wotnot.models import (
    Broadcast,
    BroadcastState,
    Channel,
    Template,
    TemplateCategory,
    TemplateOrigin,
    TemplateStatus,
    TemplateVersion,
)
from wotnot.services import broadcasts, channels, events
from wotnot.services.broadcast_rows import uses_template
from wotnot.services.channel_checks import domain_error
from wotnot.services.message_templates import check_draft, field_of, get_template
from wotnot.services.template_rules import infer_format
from wotnot.services.template_samples import SampleFiles, find_sample_files
from wotnot.services.template_sync import TOPIC, read_category
from wotnot.services.template_versions import adopt_words, change_template, was_told_status
from wotnot.services.template_words import VariableChange, compare_variables, is_same_message
from wotnot.services.transaction import release_connection, transaction
from wotnot.services.whatsapp.components import samples_of
from wotnot.services.whatsapp.errors import GraphError
from wotnot.services.whatsapp.one_time_code import as_shown, is_code

# What Meta allows of an approved template; rejected and paused ones may be edited at will.
# Source: Meta's template management reference.
EDITS_A_MONTH = 10
_MONTH, _DAY = timedelta(days=30), timedelta(hours=24)
MOST_SHOWN = 20

_EDITABLE = frozenset({TemplateStatus.APPROVED, TemplateStatus.REJECTED, TemplateStatus.PAUSED})
_UNDER_WAY = frozenset({BroadcastState.EXPANDING, BroadcastState.SENDING, BroadcastState.PAUSED})
_OPEN = _UNDER_WAY | {BroadcastState.DRAFT, BroadcastState.SCHEDULED, BroadcastState.FAILED}
_AFFECTED = (BroadcastState.SCHEDULED, BroadcastState.EXPANDING, BroadcastState.SENDING)


@dataclass(frozen=True, slots=True)
class EditLimits:
    """How many edits Meta allows still: `left` in 30 days, None without a limit; the next one at `next_at`, None for now."""

    left: int | None = None
    next_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class ConcernedBroadcast:
    """A broadcast that would lack a value after an edit; `is_under_way` when it cannot be given one any more."""

    id: int
    name: str
    state: BroadcastState
    scheduled_at: datetime | None

    @property
    def is_under_way(self) -> bool:
        """Whether its list is made, so that what its variables stand for is fixed."""
        return self.state in _UNDER_WAY


@dataclass(frozen=True, slots=True)
class EditPlan:
    """What an edit would do: to the variables, and to the first MOST_SHOWN broadcasts that would lack a value."""

    change: VariableChange
    broadcasts: list[ConcernedBroadcast]

    @property
    def is_refused(self) -> bool:
        """Whether a broadcast that is under way stands against it."""
        return any(one.is_under_way for one in self.broadcasts)


@dataclass(frozen=True, slots=True)
class Editing:
    """A template that is being edited, with the broadcasts that are scheduled or being sent with it as (id, name, state)."""

    template: Template
    limits: EditLimits
    affected: list[tuple[int, str, BroadcastState]]


@dataclass(frozen=True, slots=True)
class _Edit:
    """An edit that Meta has taken: the columns as they were submitted, and the category that Meta gave it."""

    values: dict[str, Any]
    given_category: TemplateCategory
    began_at: datetime
    user_id: int | None
    was_approved: bool


def get_editing(workspace_id: int, template_id: int) -> Editing:
    """What the editor says about a template that exists. Raises NotFound."""
    template = get_template(workspace_id, template_id)
    rows = db.session.execute(
        select(Broadcast.id, Broadcast.name, Broadcast.state)
        .where(Broadcast.workspace_id == workspace_id, uses_template(template.id), Broadcast.state.in_(_AFFECTED))
        .order_by(Broadcast.id.desc())
        .limit(MOST_SHOWN)
    )
    return Editing(template, limits_of(template), [(row.id, row.name, row.state) for row in rows])


def limits_of(template: Template) -> EditLimits:
    """How often Meta will take another edit of this template, counted from the versions that were made here."""
    if template.status is not TemplateStatus.APPROVED:
        return EditLimits()
    edits = db.session.scalars(
        select(TemplateVersion.created_at)
        .where(
            TemplateVersion.template_id == template.id,
            TemplateVersion.was_approved,
            TemplateVersion.created_at > clock.now() - _MONTH,
        )
        .order_by(TemplateVersion.created_at.desc())
        .limit(EDITS_A_MONTH)
    ).all()
    free = [edits[-1] + _MONTH] if len(edits) == EDITS_A_MONTH else []
    free += [edits[0] + _DAY] if edits and edits[0] + _DAY > clock.now() else []
    return EditLimits(EDITS_A_MONTH - len(edits), max(free, default=None))


def why_not_editable(template: Template) -> str:
    """Why the words cannot be changed just now, as a sentence; nothing when they can."""
    if template.deleted_at is not None:
        return f"“{template.name}” is in the recycle bin. Restore it first."
    if template.status is TemplateStatus.PENDING:
        return f"“{template.name}” is in review at Meta. Wait for the answer, then change it."
    if template.status not in _EDITABLE or not template.meta_id:
        return (
            f"Meta takes changes of approved, rejected and paused templates only; “{template.name}” is none of these."
        )
    next_at = limits_of(template).next_at
    if next_at is not None:
        hours = max(1, math.ceil((next_at - clock.now()).total_seconds() / 3600))
        return (
            f"Meta takes one edit of an approved template in 24 hours, and {EDITS_A_MONTH} in 30 days. "
            f"Change it again in {hours} hour{'s' if hours > 1 else ''}."
        )
    return ""


def plan_edit(
    workspace_id: int, template_id: int, components: Sequence[Mapping[str, Any]], parameter_format: str | None = None
) -> EditPlan:
    """What changing a template to `components` would mean for its variables and for broadcasts. Raises NotFound."""
    template = get_template(workspace_id, template_id)
    return _plan(template, components, (parameter_format or infer_format(components)).upper())


def edit_template(
    workspace_id: int,
    template_id: int,
    *,
    components: Sequence[Mapping[str, Any]],
    category: str | None = None,
    parameter_format: str | None = None,
    header_file_id: int | None = None,
    card_file_ids: Sequence[int | None] = (),
    user_id: int | None = None,
    confirmed: bool = False,
) -> Template:
    """Change the words of a template at Meta, which reviews it again; the words it had are kept.

    Parameters as in `create_template`. `confirmed`: somebody has seen which drafts and scheduled broadcasts will lack a value.

    Raises NotFound, Invalid by field (our rules first, then Meta's refusal in its words), Unavailable, and Conflict when
    it cannot be edited now, nothing is different, or a broadcast would lack a value.
    """
    template = get_template(workspace_id, template_id)
    if obstacle := why_not_editable(template):
        raise Conflict(obstacle, code="not_editable")
    files = find_sample_files(workspace_id, components, header_file_id, card_file_ids)
    wanted = _category_for(template, category)
    draft = check_draft(template.name, template.language, wanted, files.stand_in(components), parameter_format)
    _refuse_unchanged(template, draft, files)
    _refuse_harm(_plan(template, draft["components"], draft["parameter_format"]), confirmed=confirmed)
    return _submit(template, draft, components, files, user_id)


def _submit(
    template: Template,
    draft: dict[str, Any],
    components: Sequence[Mapping[str, Any]],
    files: SampleFiles,
    user_id: int | None,
) -> Template:
    workspace_id, template_id, meta_id = template.workspace_id, template.id, template.meta_id or ""
    was_approved = template.status is TemplateStatus.APPROVED
    changes = _changes(template, draft)
    channel = _channel_of(template)
    client = channels.client_for(channel)
    # Only now: what we or Meta refuse anyway is not worth an upload.
    changes["components"] = files.upload(channel, components)
    release_connection()
    began_at = clock.now()
    try:
        with client:
            answer = client.edit_template(meta_id, changes)
    except GraphError as error:
        raise domain_error(error.fault, field_of(error.fault)) from error
    values = {
        # As when it was made: a code has no words but Meta's.
        "components": as_shown(changes["components"]),
        "parameter_format": draft["parameter_format"],
        "category": read_category(draft["category"]),
    }
    given = read_category(str(answer.get("category") or draft["category"]))
    edit = _Edit(values, given, began_at, user_id, was_approved)
    return _keep(workspace_id, template_id, edit)


def _keep(workspace_id: int, template_id: int, edit: _Edit) -> Template:
    who: dict[str, Any] = {"origin": TemplateOrigin.EDITED, "user_id": edit.user_id, "was_approved": edit.was_approved}
    with transaction() as session:
        template = get_template(workspace_id, template_id)
        session.refresh(template, with_for_update=True)
        values = dict(edit.values)
        if not was_told_status(template_id, edit.began_at):
            values |= {"status": TemplateStatus.PENDING, "reason": ""}
        change_template(template, values, **who)
        adopt_words(template, edit.began_at, **who)
        change_template(template, {"category": edit.given_category})
        if template.status is TemplateStatus.PENDING:
            broadcasts.pause_for_review(template_id)
        events.publish(workspace_id, TOPIC)
    return template


def _changes(template: Template, draft: Mapping[str, Any]) -> dict[str, Any]:
    """What is said to Meta: all components, because they replace the old ones, and what else is different."""
    changes: dict[str, Any] = {"components": draft["components"]}
    if draft["parameter_format"] != template.parameter_format:
        changes["parameter_format"] = draft["parameter_format"]
    if read_category(draft["category"]) is not template.category:
        changes["category"] = draft["category"]
    return changes


def _category_for(template: Template, category: str | None) -> str:
    if not category or category.strip().lower() == template.category:
        return template.category.upper()
    if template.status is TemplateStatus.APPROVED:
        words = (
            f"Meta keeps the category of an approved template, here {template.category}. Make a new template instead."
        )
        raise Invalid({"category": words})
    return category


def _refuse_unchanged(template: Template, draft: Mapping[str, Any], files: SampleFiles) -> None:
    """An edit that says the same would use up one of the few that Meta allows."""
    is_same = (
        template.status is TemplateStatus.APPROVED
        and not files.has_any
        and draft["parameter_format"] == template.parameter_format
        and is_same_message(template.components, draft["components"])
        and _has_same_samples(template, draft)
    )
    if is_same:
        raise Conflict("Nothing is different from what Meta has approved. Change something first.", code="unchanged")


def _has_same_samples(template: Template, draft: Mapping[str, Any]) -> bool:
    """Whether the reviewers see the same values; of a one-time code they are Meta's own."""
    before = samples_of(template.components, template.parameter_format)
    return is_code(template.components) or before == samples_of(draft["components"], draft["parameter_format"])


def _refuse_harm(plan: EditPlan, *, confirmed: bool) -> None:
    if plan.is_refused:
        name = next(one.name for one in plan.broadcasts if one.is_under_way)
        raise Conflict(
            f"“{name}” is being sent with this template and would lack a value. Cancel it, or wait until it has finished.",
            code="template_in_use",
        )
    if plan.broadcasts and not confirmed:
        names = ", ".join(f"“{one.name}”" for one in plan.broadcasts)
        raise Conflict(
            f"After this change {names} would lack a value and not start before somebody fills it in. "
            "Send the change again with “confirmed” to make it all the same.",
            code="variables_change",
            broadcasts=[{"id": one.id, "name": one.name, "state": one.state.value} for one in plan.broadcasts],
        )


def _plan(template: Template, components: Sequence[Mapping[str, Any]], parameter_format: str) -> EditPlan:
    shown = as_shown(components)
    change = compare_variables(template.components, shown, template.parameter_format, parameter_format)
    return EditPlan(change, _concerned(template, change.new_keys) if change.new_keys else [])


def _concerned(template: Template, keys: Sequence[str]) -> list[ConcernedBroadcast]:
    """Who says nothing about one of `keys`; what is under way stands first, because it stands against the edit."""
    rows = db.session.execute(
        select(Broadcast.id, Broadcast.name, Broadcast.state, Broadcast.scheduled_at)
        .where(
            Broadcast.workspace_id == template.workspace_id,
            uses_template(template.id),
            Broadcast.state.in_(_OPEN),
            ~Broadcast.variables.op("?&", is_comparison=True)(array(keys)),
        )
        .order_by(Broadcast.state.in_(_UNDER_WAY).desc(), Broadcast.id.desc())
        .limit(MOST_SHOWN)
    )
    return [ConcernedBroadcast(row.id, row.name, row.state, row.scheduled_at) for row in rows]


def _channel_of(template: Template) -> Channel:
    found = channels.list_channels(template.workspace_id)
    channel = next((one for one in found if one.waba_id == template.waba_id), None)
    if channel is None:
        raise Conflict("No number of this template's account is connected, so Meta cannot be asked.")
    return channel
