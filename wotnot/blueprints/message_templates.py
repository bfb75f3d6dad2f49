"""Templates: the list and its recycle bin, the editor with its live phone, and the page of each template."""

from collections.abc import Mapping
from contextlib import suppress

from flask import Blueprint, Flask, flash, render_template, request
from werkzeug.wrappers import Response

from wotnot.blueprints import template_views as views
from wotnot.blueprints.broadcast_views import is_editable, time_words
from wotnot.blueprints.guards import actor, guard_pages, page_timezone, requires, workspace_id
from wotnot.blueprints.htmx import go_to, is_htmx, render
from wotnot.blueprints.template_drafts import values_of
from wotnot.blueprints.template_form import TemplateValues, change, read_form
from wotnot.blueprints.translation_form import keep_in_family
from wotnot.errors import Conflict, Invalid, NotFound, Unavailable
from wotnot.models import Role, Template
from wotnot.services import (
    assistant_drafts,
    assistant_talks,
    broadcasts,
    channels,
    message_templates,
    template_bin,
    template_edits,
    template_families,
    template_history,
)
from wotnot.services.languages import language_name
from wotnot.services.media_rules import size_words
from wotnot.services.template_families import FamilyFilter, read_status
from wotnot.services.template_library import get_from_library
from wotnot.services.template_rules import MAX_NAME, direction_of
from wotnot.services.whatsapp.components import (
    TemplateVariable,
    fill_text,
    find,
    list_variables,
    samples_of,
    text_of,
)

blueprint = Blueprint("message_templates", __name__, url_prefix="/app/templates")
guard_pages(blueprint)

Answer = str | Response | tuple[str, int]

PAGE_SIZE = 25
HISTORY_SIZE = 6
LINE_LENGTH = 90
_SHOWN_LANGUAGES = 6
_TABS = (
    ("approved", "Approved"),
    ("pending", "In review"),
    ("rejected", "Rejected"),
    ("paused", "Paused"),
    ("disabled", "Disabled"),
)
_COPY = "_copy"
# Variables that are no words in the text.
_FACT_WORDS = {
    "header.latitude": "latitude of the place",
    "header.longitude": "longitude of the place",
    "header.place": "name of the place",
    "header.address": "address of the place",
    "offer.expires_at": "end of the offer",
}


def register(app: Flask) -> None:
    """Put the pages under /app/templates."""
    app.register_blueprint(blueprint)


@blueprint.context_processor
def editor_words() -> dict[str, object]:
    """What the editor's partials say on every page that shows them."""
    return views.WORDS | {
        "language_words": language_name,
        "shown_languages": _SHOWN_LANGUAGES,
        "edit_words": edit_words,
        "leaves_bin_at": template_bin.leaves_bin_at,
        "name_free_at": template_bin.name_free_at,
        "name_blocked_days": template_bin.NAME_BLOCKED_DAYS,
        **time_words(page_timezone()),
    }


@blueprint.app_template_filter("body_line")
def body_line(components: list[dict[str, object]]) -> str:
    """The body of a template as one short line, for lists."""
    text = " ".join(text_of(find(components, "BODY"), "text").split())
    return text if len(text) <= LINE_LENGTH else text[:LINE_LENGTH].rstrip() + "…"


@blueprint.app_template_filter("variable_words")
def variable_words(key: str) -> str:
    """What a variable is called where no text is around it: "{{2}}", "image of the header", "value of button 1"."""
    *where, name = key.split(".")
    if where[:1] == ["card"]:
        return f"{variable_words('.'.join([*where[2:], name]))} of card {int(where[1]) + 1}"
    if where == ["button"]:
        return f"value of button {int(name) + 1}"
    if key in _FACT_WORDS:
        return _FACT_WORDS[key]
    return f"{name} of the {where[0]}" if where else braced(name)


def edit_words(obstacle: str, limits: template_edits.EditLimits) -> str:
    """Whether a template can be edited, and how often still."""
    if obstacle or limits.left is None:
        return obstacle or "Any time; Meta reviews it again"
    edits = f"{limits.left} edit{'' if limits.left == 1 else 's'}"
    return f"Once in 24 hours; {edits} left this month"


@blueprint.app_template_filter("braced")
def braced(name: str) -> str:
    """A variable as it is written in a template's text; kept out of Jinja, whose own braces these are."""
    return "{{" + name + "}}"


@blueprint.app_template_filter("place_in_words")
def place_in_words(variable: TemplateVariable) -> str:
    """Which variable of the form it is: its name, and where it stands when that is not the body."""
    name = variable.key.removeprefix(f"card.{variable.index}.").removeprefix("header.")
    if name.startswith("button."):
        words = f"End of the link of button {int(name.removeprefix('button.')) + 1}"
    else:
        words = braced(name)
    places = {"header": "Header", "card": f"Card {variable.index + 1}"}
    return f"{places[variable.component]}, {words[0].lower()}{words[1:]}" if variable.component in places else words


blueprint.app_template_filter("size_words")(size_words)


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
        category_notices=template_history.list_category_notices(workspace_id()),
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
    """The editor: empty, or with the message of the library that `from` names, with a copy of the template `copy`, or with
    the assistant's `draft`.

    Nothing is saved yet. With `broadcast` the template is for that draft, and submitting leads back to it.
    """
    if request.args.get("copy", "").isdecimal():
        template = message_templates.get_template(workspace_id(), int(request.args["copy"]))
        return editor_page(_copy_of(template), copied=template)
    start = get_from_library(request.args["from"]) if request.args.get("from") else None
    found = channels.list_channels(workspace_id())
    if not found:
        flash("Connect a number first: a template belongs to its account.", "warning")
        return go_to("/app/channels")
    channel_id = str(found[0].id)
    if key := request.args.get("draft"):
        row = assistant_talks.get_draft(workspace_id(), actor().user.id, key)
        return editor_page(values_of(assistant_drafts.read_row(row), channel_id), ai_said={"before": ""})
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
            category=values.meta_category,
            components=values.components,
            parameter_format=values.parameter_format,
            header_file_id=values.header_file,
            card_file_ids=values.card_files,
            user_id=actor().user.id,
        )
    except NotFound:
        return editor_page(values, {"channel_id": ["Choose a number of this workspace."]}), 422
    except (Invalid, Conflict, Unavailable) as error:
        return editor_page(values, views.form_errors(error, values)), 422
    flash("Submitted. Meta usually answers within minutes, at most within a day.", "success")
    return go_to(_after_submitting(template.id))


@blueprint.post("/edit")
@requires(Role.ADMIN)
def edit() -> str:
    """The editor after one of its buttons (`act`): another kind of message or header, a button or a card more or fewer."""
    changed = change(read_form(request.form), request.form.get("act", ""))
    if not is_htmx():
        return editor_page(changed.values)
    return render_template(
        "message_templates/_changed.html", part=changed.part, focus=changed.focus, **_context(changed.values)
    )


@blueprint.post("/preview")
@requires(Role.ADMIN)
def preview() -> str:
    """The phone and what Meta would say, while it is being typed; new variables get their row of samples."""
    values = keep_in_family(read_form(request.form))
    context = views.editor_context(values)
    return render_template(
        "message_templates/_preview_changed.html",
        **context,
        # Somebody may have uploaded a file in another tab.
        new_files=values.has_media_header and request.form.get("header_newest") != str(context["header_newest"]),
        new_card_files=bool(context["card_files"]) and request.form.get("card_newest") != str(context["card_newest"]),
        new_rows=request.form.get("sample_rows") != context["sample_rows"],
    )


@blueprint.get("/<int:template_id>")
def show(template_id: int) -> str:
    """One template as the customer sees it, with what Meta says about it and the other languages of its family."""
    template = message_templates.get_template(workspace_id(), template_id)
    family = template_families.family_of(template)
    samples = samples_of(template.components, template.parameter_format)
    return render(
        "message_templates/show.html",
        "message_templates/_state_changed.html",
        template=template,
        family=family,
        differences=[
            (one, *template_families.variable_differences(family.main, one))
            for one in family.translations
            if template in {one, family.main}
        ],
        message=fill_text(template.components, samples),
        variables=list_variables(template.components, template.parameter_format),
        business=views.business_of(template.waba_id),
        direction=direction_of(template.language),
        obstacle=message_templates.why_not_sendable(template),
        edit_obstacle=template_edits.why_not_editable(template),
        edit_limits=template_edits.limits_of(template),
        history=template_history.list_history(workspace_id(), template_id, limit=HISTORY_SIZE),
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
        template_bin.delete_at_meta(workspace_id(), template_id, user_id=actor().user.id)
        flash("Deleted at Meta as well.", "success")
    except (Conflict, Invalid, Unavailable) as error:
        flash(error.detail, "error")
    return go_to("/app/templates?bin=1")


def editor_page(values: TemplateValues, errors: Mapping[str, list[str]] | None = None, **more: object) -> str:
    """The editor with `values` in it. `more` says where they come from: `is_empty`, `start` (of the library), `copied`
    (the template they are a copy of), `ai_said` (written with AI, with what they replaced), `broadcast_id` (the draft they
    are for), `restored` (the number of an earlier version).

    Raises NotFound when they name a template to edit that is not there.
    """
    page = "edit" if values.template_id else "new"
    return render_template(f"message_templates/{page}.html", **(_context(values, errors) | more))


def _context(values: TemplateValues, errors: Mapping[str, list[str]] | None = None) -> dict[str, object]:
    context = views.editor_context(values, errors)
    if not values.template_id:
        return context
    edited = template_edits.get_editing(workspace_id(), int(values.template_id))
    return context | {"edited": edited, "message_kinds": views.kinds_for(edited.template, values.kind)}


def _after_submitting(template_id: int) -> str:
    """Back to the draft that the template was made for, while that waits for one; else the template's own page."""
    if broadcast_id := request.form.get("broadcast", type=int):
        with suppress(NotFound):
            if is_editable(broadcasts.get_broadcast(workspace_id(), broadcast_id)):
                return f"/app/broadcasts/{broadcast_id}/message?submitted={template_id}"
    return f"/app/templates/{template_id}"


def _copy_of(template: Template) -> TemplateValues:
    """The template under another name, for the account that it is of, where a number of it is still connected."""
    return TemplateValues.from_components(
        template.components,
        parameter_format=template.parameter_format,
        channel_id=views.channel_of(template.waba_id),
        name=template.name[: MAX_NAME - len(_COPY)] + _COPY,
        language=template.language,
        category=template.category,
    )
