"""Changing a template that Meta has: the editor with its words in it, the question before harm is done, and its history."""

from dataclasses import replace

from flask import Blueprint, Flask, flash, render_template, request
from werkzeug.wrappers import Response

from wotnot.blueprints import template_views as views
from wotnot.blueprints.guards import actor, guard_pages, requires, workspace_id
from wotnot.blueprints.history_lines import HistoryLine
from wotnot.blueprints.htmx import go_to
from wotnot.blueprints.marks import CHIPS
from wotnot.blueprints.message_templates import editor_page, editor_words
from wotnot.blueprints.template_form import TemplateValues, read_form
from wotnot.errors import Conflict, Invalid, Unavailable
from wotnot.models import Role, Template, TemplateFact, TemplateOrigin, TemplateStatus, TemplateVersion
from wotnot.services import message_templates, template_edits, template_history
from wotnot.services.template_history import HistoryEntry

blueprint = Blueprint("template_edits", __name__, url_prefix="/app/templates")
guard_pages(blueprint)

Answer = str | Response | tuple[str, int]

PAGE_SIZE = 20
_QUALITY = {"GREEN": "high", "YELLOW": "medium", "RED": "low"}


def register(app: Flask) -> None:
    """Put the pages under /app/templates/<id>."""
    app.register_blueprint(blueprint)
    app.jinja_env.globals["history_line"] = line_of


@blueprint.context_processor
def _words() -> dict[str, object]:
    return editor_words()


@blueprint.get("/<int:template_id>/edit")
@requires(Role.ADMIN)
def edit(template_id: int) -> Answer:
    """The editor with the words of the template, or with those it had at `version`. Nothing is changed yet."""
    template = message_templates.get_template(workspace_id(), template_id)
    words = _wanted_version(template)
    values = _values_of(template, words)
    obstacle = template_edits.why_not_editable(template) or _loss(values)
    if obstacle:
        flash(obstacle, "warning")
        return go_to(f"/app/templates/{template_id}")
    return editor_page(values, restored=words.number if isinstance(words, TemplateVersion) else None)


@blueprint.post("/<int:template_id>/edit")
@requires(Role.ADMIN)
def submit(template_id: int) -> Answer:
    """Submit the change to Meta, after a question when its variables change. What is refused comes back as it was typed."""
    template = message_templates.get_template(workspace_id(), template_id)
    values = _fixed(read_form(request.form), template)
    if request.form.get("back"):
        return editor_page(values)
    plan = template_edits.plan_edit(workspace_id(), template_id, values.components, values.parameter_format)
    is_sure = bool(request.form.get("confirmed"))
    has_errors = any(finding.level == "error" for finding in values.findings())
    if plan.change.is_breaking and not is_sure and not has_errors and not template_edits.why_not_editable(template):
        return render_template(
            "message_templates/confirm_edit.html",
            template=template,
            plan=plan,
            typed=[(name, value) for name, value in request.form.items(multi=True) if name != "csrf_token"],
            **views.editor_context(values),
        )
    try:
        template_edits.edit_template(
            workspace_id(),
            template_id,
            components=values.components,
            category=values.meta_category,
            parameter_format=values.parameter_format,
            header_file_id=values.header_file,
            card_file_ids=values.card_files,
            user_id=actor().user.id,
            confirmed=is_sure,
        )
    except (Invalid, Conflict, Unavailable) as error:
        return editor_page(values, views.form_errors(error, values)), 422
    flash("Submitted. Meta looks at the change, usually within minutes.", "success")
    return go_to(f"/app/templates/{template_id}")


@blueprint.get("/<int:template_id>/history")
def history(template_id: int) -> str:
    """Everything that changed, newest first."""
    template = message_templates.get_template(workspace_id(), template_id)
    page = template_history.list_history(
        workspace_id(), template_id, cursor=request.args.get("cursor"), limit=PAGE_SIZE
    )
    return render_template(
        "message_templates/history.html",
        template=template,
        history=page,
        is_whole=True,
        edit_obstacle=template_edits.why_not_editable(template),
    )


def line_of(entry: HistoryEntry) -> HistoryLine:
    """What an entry of the history says."""
    event = entry.event
    if event.fact is TemplateFact.WORDS:
        return _words_line(entry)
    if event.fact is TemplateFact.CATEGORY:
        who = f"{entry.user_name} moved" if entry.user_name else "Meta moved"
        note = "Messages are charged by category, so the price changes too."
        return HistoryLine("receipt", "warn", f"{who} it from {event.before} to {event.after}", note)
    if event.fact is TemplateFact.QUALITY:
        before, after = (_QUALITY.get(word, "not known") for word in (event.before, event.after))
        family = {"GREEN": "ok", "YELLOW": "warn", "RED": "bad"}.get(event.after, "mute")
        return HistoryLine("shield", family, f"Quality went from {before} to {after}")
    return _status_line(entry)


def _words_line(entry: HistoryEntry) -> HistoryLine:
    version, event = entry.version, entry.event
    is_ours = version is not None and version.origin is not TemplateOrigin.META
    by = f" by {entry.user_name}" if entry.user_name else ""
    if not event.before:
        return HistoryLine("file-plus", "mute", f"Submitted{by}" if is_ours else "First seen at Meta")
    return HistoryLine("pencil", "info", f"Words changed{by or (' here' if is_ours else ' at Meta')}")


def _status_line(entry: HistoryEntry) -> HistoryLine:
    icon, family, word = CHIPS["template"].get(entry.event.after, ("circle-dashed", "", entry.event.after))
    family = "mute" if family in {"", "hollow"} else family
    if entry.event.after == TemplateStatus.PENDING:
        return HistoryLine(icon, family, "Sent to Meta’s reviewers again")
    if entry.event.after == TemplateStatus.DELETED:
        return HistoryLine(icon, family, "Deleted at Meta")
    return HistoryLine(icon, family, word, entry.event.reason)


def _wanted_version(template: Template) -> Template | TemplateVersion:
    """The words that `version` in the address names; without it those of today. Raises NotFound."""
    wanted = request.args.get("version", "")
    if not wanted or wanted == str(template.version):
        return template
    number = int(wanted) if wanted.isdecimal() and len(wanted) < 5 else 0
    return template_history.get_version(workspace_id(), template.id, number)


def _values_of(template: Template, words: Template | TemplateVersion) -> TemplateValues:
    """A template as if somebody had typed it, with the words that it has or had."""
    values = TemplateValues.from_components(
        words.components, parameter_format=words.parameter_format, category=template.category
    )
    return _fixed(values, template)


def _loss(values: TemplateValues) -> str:
    """What an edit here would take from the template, as a sentence; nothing when the editor shows all of it."""
    if not values.left_out:
        return ""
    return (
        f"The editor does not show {', '.join(values.left_out)}, so it would be lost. "
        "Change this template in WhatsApp Manager, or through the API."
    )


def _fixed(values: TemplateValues, template: Template) -> TemplateValues:
    """The values with what cannot be changed about a template taken from it, whatever the form says."""
    category = template.category.upper()
    may_move = template.status is not TemplateStatus.APPROVED and values.category
    return replace(
        values,
        template_id=str(template.id),
        channel_id=views.channel_of(template.waba_id),
        name=template.name,
        language=template.language,
        category=values.category if may_move else category,
    )
