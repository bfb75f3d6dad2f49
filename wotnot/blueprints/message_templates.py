"""Templates: the list and its recycle bin, the editor with its live phone, and the page of each template."""

from collections.abc import Mapping
from dataclasses import replace

from flask import Blueprint, Flask, flash, render_template, request
from werkzeug.wrappers import Response

from wotnot.blueprints.broadcast_views import time_words
from wotnot.blueprints.form_errors import errors_of
from wotnot.blueprints.guards import actor, guard_pages, page_timezone, requires, workspace_id
from wotnot.blueprints.htmx import go_to, render
from wotnot.blueprints.template_form import BUTTON_TYPES, TemplateValues, read_form
from wotnot.blueprints.translation_form import keep_in_family, translation_context
from wotnot.errors import Conflict, DomainError, Invalid, NotFound, Unavailable
from wotnot.models import Channel, MediaFile, MediaKind, Role
from wotnot.services import channels, media, message_templates, template_bin, template_families
from wotnot.services.languages import language_name
from wotnot.services.media_rules import SAMPLE_TYPES, size_words
from wotnot.services.template_families import FamilyFilter, read_status
from wotnot.services.template_library import get_from_library
from wotnot.services.template_rules import LANGUAGES, MAX_BODY, MAX_BUTTONS, MAX_FOOTER, MAX_HEADER, MAX_NAME, Finding
from wotnot.services.whatsapp.components import fill_text, find, list_variables, samples_of, text_of

blueprint = Blueprint("message_templates", __name__, url_prefix="/app/templates")
guard_pages(blueprint)

Answer = str | Response | tuple[str, int]

PAGE_SIZE = 25
LINE_LENGTH = 90
_SHOWN_LANGUAGES = 6
_TABS = (
    ("approved", "Approved"),
    ("pending", "In review"),
    ("rejected", "Rejected"),
    ("paused", "Paused"),
    ("disabled", "Disabled"),
)
_BODY_HINT = "*bold*, _italic_, ~strike~. Variables are {{1}}, {{2}} or {{first_name}}, {{city}}."
_BODY_EXAMPLE = "Hi {{1}}, your order {{2}} is on its way."
_LABELS = {"channel_id": "Account", "header_file_id": "Sample of the header"}
_HEADER_CHOICES = (
    ("NONE", "ban", "None"),
    ("TEXT", "typography", "Text"),
    ("IMAGE", "photo", "Picture"),
    ("VIDEO", "movie", "Video"),
    ("DOCUMENT", "file-text", "Document"),
)
_MOST_FILES = 200
_GENERAL = {"form", "template", "components", "access_token"}  # sentences without a field of their own
_LIMITS = {"name": MAX_NAME, "header": MAX_HEADER, "body": MAX_BODY, "footer": MAX_FOOTER, "buttons": MAX_BUTTONS}


def register(app: Flask) -> None:
    """Put the pages under /app/templates."""
    app.register_blueprint(blueprint)


@blueprint.context_processor
def editor_words() -> dict[str, object]:
    """What the editor's partials say on every page that shows them."""
    return {
        "languages": LANGUAGES,
        "language_words": language_name,
        "shown_languages": _SHOWN_LANGUAGES,
        "limits": _LIMITS,
        "button_types": BUTTON_TYPES,
        "header_choices": _HEADER_CHOICES,
        "size_words": size_words,
        "body_hint": _BODY_HINT,
        "body_example": _BODY_EXAMPLE,
        "leaves_bin_at": template_bin.leaves_bin_at,
        **time_words(page_timezone()),
    }


@blueprint.app_template_filter("body_line")
def body_line(components: list[dict[str, object]]) -> str:
    """The body of a template as one short line, for lists."""
    text = " ".join(text_of(find(components, "BODY"), "text").split())
    return text if len(text) <= LINE_LENGTH else text[:LINE_LENGTH].rstrip() + "…"


@blueprint.app_template_filter("braced")
def braced(name: str) -> str:
    """A variable as it is written in a template's text; kept out of Jinja, whose own braces these are."""
    return "{{" + name + "}}"


@blueprint.get("")
def index() -> str:
    """The list, one row a name with its languages, by state and words; with `bin` what was deleted."""
    wanted = {name: request.args.get(name, "").strip() for name in ("status", "search", "bin", "cursor")}
    families = FamilyFilter(
        workspace_id(), read_status(wanted["status"]), wanted["search"], deleted=bool(wanted["bin"])
    )
    page = template_families.list_families(families, cursor=wanted["cursor"] or None, limit=PAGE_SIZE)
    return render(
        "message_templates/index.html",
        "message_templates/_list.html",
        page=page,
        wanted=wanted,
        counts=template_families.count_families(workspace_id()),
        status_tabs=_TABS,
        has_channel=bool(channels.list_channels(workspace_id())),
    )


@blueprint.post("/sync")
@requires(Role.ADMIN)
def sync() -> Answer:
    """Fetch the templates of every connected account."""
    one_an_account = {channel.waba_id: channel.id for channel in channels.list_channels(workspace_id())}
    if not one_an_account:
        flash("Connect a number first: templates belong to its account.", "error")
        return go_to("/app/channels")
    here = workspace_id()
    try:
        results = [message_templates.sync_templates(here, channel_id) for channel_id in one_an_account.values()]
    except (Invalid, Unavailable) as error:
        flash(error.detail, "error")
        return go_to("/app/templates")
    created, updated, removed = (sum(getattr(r, name) for r in results) for name in ("created", "updated", "removed"))
    same = not (created or updated or removed)
    flash(
        "Nothing has changed at Meta." if same else f"{created} new, {updated} changed, {removed} gone at Meta.",
        "success",
    )
    return go_to("/app/templates")


@blueprint.get("/new")
@requires(Role.ADMIN)
def new() -> Answer:
    """The editor: empty, or with the message of the library that `from` names. Nothing is saved yet."""
    start = get_from_library(request.args["from"]) if request.args.get("from") else None
    found = channels.list_channels(workspace_id())
    if not found:
        flash("Connect a number first: a template belongs to its account.", "warning")
        return go_to("/app/channels")
    channel_id = str(found[0].id)
    if start is None:
        return editor_page(TemplateValues(channel_id=channel_id), is_empty=True)
    return editor_page(TemplateValues.from_library(start, channel_id), start=start)


@blueprint.post("/new")
@requires(Role.ADMIN)
def create() -> Answer:
    """Submit to Meta. What is refused comes back with everything that was typed."""
    values = keep_in_family(read_form(request.form))
    try:
        channel_id = int(values.channel_id) if values.channel_id.isdecimal() else 0
        template = message_templates.create_template(
            workspace_id(),
            channel_id=channel_id,
            name=values.name,
            language=values.language,
            category=values.category,
            components=values.components,
            parameter_format=values.parameter_format,
            header_file_id=int(values.header_file_id) if values.has_media_header and values.header_file_id else None,
        )
    except NotFound:
        return editor_page(values, {"channel_id": ["Choose a number of this workspace."]}), 422
    except (Invalid, Conflict, Unavailable) as error:
        return editor_page(values, _form_errors(error, values)), 422
    flash("Submitted. Meta usually answers within minutes, at most within a day.", "success")
    return go_to(f"/app/templates/{template.id}")


@blueprint.post("/edit")
@requires(Role.ADMIN)
def edit() -> str:
    """The editor with another kind of header, or with a button more or fewer."""
    values = read_form(request.form)
    if request.form.get("header_as"):
        values = values.with_header(request.form["header_as"])
        return render("message_templates/new.html", "message_templates/_header_changed.html", **_editor_context(values))
    if request.form.get("remove", "").isdecimal():
        values = values.without_button(int(request.form["remove"]))
    elif request.form.get("add"):
        values = values.with_button(request.form["add"])
    return render("message_templates/new.html", "message_templates/_buttons_changed.html", **_editor_context(values))


@blueprint.post("/preview")
@requires(Role.ADMIN)
def preview() -> str:
    """The phone and what Meta would say, while it is being typed; new variables get their row of samples."""
    typed = read_form(request.form)
    values = keep_in_family(typed)
    context = _editor_context(values)
    return render_template(
        "message_templates/_preview_changed.html",
        **context,
        # Somebody may have uploaded a file in another tab.
        new_files=values.has_media_header and request.form.get("header_newest") != str(context["header_newest"]),
        new_rows={variable.key for variable in values.variables} != set(typed.samples),
    )


@blueprint.get("/<int:template_id>")
def show(template_id: int) -> str:
    """One template as the customer sees it, with what Meta says about it and the other languages of its family."""
    template = message_templates.get_template(workspace_id(), template_id)
    family = template_families.family_of(template)
    samples = samples_of(template.components, template.parameter_format)
    return render(
        "message_templates/show.html",
        "message_templates/_facts.html",
        template=template,
        family=family,
        differences=[
            (one, *template_families.variable_differences(family.main, one))
            for one in family.translations
            if template in {one, family.main}
        ],
        message=fill_text(template.components, samples),
        variables=list_variables(template.components, template.parameter_format),
        business=_business(template.waba_id),
        obstacle=message_templates.why_not_sendable(template),
    )


@blueprint.post("/<int:template_id>/delete")
@requires(Role.ADMIN)
def delete(template_id: int) -> Answer:
    """Put it into the recycle bin."""
    try:
        template = template_bin.delete_template(workspace_id(), template_id)
    except Conflict as error:
        flash(error.detail, "error")
        return go_to(f"/app/templates/{template_id}")
    flash(f"{template.name} is in the recycle bin.", "success")
    return go_to("/app/templates")


@blueprint.post("/<int:template_id>/restore")
@requires(Role.ADMIN)
def restore(template_id: int) -> Answer:
    """Take it out of the recycle bin."""
    try:
        template = template_bin.restore_template(workspace_id(), template_id)
        flash(f"{template.name} is back.", "success")
    except Conflict as error:
        flash(error.detail, "error")
    return go_to(f"/app/templates/{template_id}")


@blueprint.post("/<int:template_id>/delete-at-meta")
@requires(Role.ADMIN)
def delete_at_meta(template_id: int) -> Answer:
    """Delete it at Meta as well, for good."""
    try:
        template_bin.delete_at_meta(workspace_id(), template_id)
        flash("Deleted at Meta as well.", "success")
    except (Conflict, Invalid, Unavailable) as error:
        flash(error.detail, "error")
    return go_to("/app/templates?bin=1")


def editor_page(values: TemplateValues, errors: Mapping[str, list[str]] | None = None, **more: object) -> str:
    """The editor with `values` in it. `more` says where they come from: `is_empty`, `start` (of the library), `ai_said`
    (written with AI, with what they replaced).
    """
    return render_template("message_templates/new.html", **_editor_context(values, errors), **more)


def _editor_context(values: TemplateValues, errors: Mapping[str, list[str]] | None = None) -> dict[str, object]:
    found = channels.list_channels(workspace_id())
    files = _header_files(values)
    chosen = next((file for file in files if str(file.id) == values.header_file_id), None)
    message = fill_text(values.components, values.given_samples)
    if message.header and chosen:
        message = replace(
            message, header=replace(message.header, name=chosen.filename, url=f"/app/media/{chosen.id}/file")
        )
    family = translation_context(values)
    waba_ids = {str(channel.id): channel.waba_id for channel in found}
    return {
        "values": values,
        "errors": errors or {},
        "labels": {name: _label_of(name) for name in errors or {} if name not in _GENERAL},
        "channels": _one_an_account(found),
        "header_files": files,
        "header_newest": files[0].id if files else 0,
        "message": message,
        "business": _business(waba_ids.get(values.channel_id, "")),
        "findings": [
            *(finding for finding in values.findings() if not _is_untouched(finding, values)),
            *family.pop("family_findings"),
        ],
        "to_write": [
            word
            for word, text in (("a name", values.name), ("the language", values.language), ("the body", values.body))
            if not text.strip()
        ],
        **family,
    }


def _header_files(values: TemplateValues) -> list[MediaFile]:
    """The newest files that the header may show."""
    if not values.has_media_header:
        return []
    kind = MediaKind(values.header_kind.lower())
    return media.list_files(workspace_id(), kind=kind, mime_types=SAMPLE_TYPES[kind], limit=_MOST_FILES).items


def _is_untouched(finding: Finding, values: TemplateValues) -> bool:
    """Whether a finding only says that something is not written yet; that is no news while one writes."""
    typed = {"name": values.name, "language": values.language, "body": values.body.strip()}
    return not typed.get(finding.field, "typed")


def _label_of(field: str) -> str:
    """What a field of the form is called in the list of errors on top."""
    if field.startswith("button-"):
        return f"Button {int(field.removeprefix('button-')) + 1}"
    if field.startswith("sample-"):
        return "Sample"
    return _LABELS.get(field, field.replace("_", " ").capitalize())


def _form_errors(error: DomainError, values: TemplateValues) -> dict[str, list[str]]:
    taken = isinstance(error, Conflict) and error.code in {"template_exists", "template_in_bin"}
    field = "language" if values.translation_of else "name"
    return {field: [error.detail]} if taken else errors_of(error)


def _one_an_account(found: list[Channel]) -> list[Channel]:
    return list({channel.waba_id: channel for channel in reversed(found)}.values())


def _business(waba_id: str) -> str:
    """Whose name stands above the chat: the number's, else the workspace's."""
    channel = next((one for one in channels.list_channels(workspace_id()) if one.waba_id == waba_id), None)
    return (channel.verified_name if channel else "") or actor().workspace.name
