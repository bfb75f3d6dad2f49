"""The four pages that make a broadcast: audience, message, when, check. Each saves the draft and has its own address."""

from collections.abc import Mapping, Sequence
from typing import Any

from flask import Blueprint, Flask, flash, render_template, request, session
from werkzeug.datastructures import MultiDict
from werkzeug.wrappers import Response

from wotnot.blueprints import wizard_files, wizard_pace
from wotnot.blueprints import wizard_forms as forms
from wotnot.blueprints.broadcast_costs import cost_of_draft
from wotnot.blueprints.broadcast_views import is_editable, recipient_words, time_words
from wotnot.blueprints.forms import id_asked
from wotnot.blueprints.guards import actor, guard_pages, page_timezone, requires, workspace_id
from wotnot.blueprints.htmx import go_to, is_htmx
from wotnot.blueprints.wizard_checks import NO_LANGUAGES, Languages, check_groups, steps_of
from wotnot.blueprints.wizard_message import (
    chosen_template,
    file_words,
    list_fields,
    message_page,
    preview_of,
    template_of,
)
from wotnot.blueprints.wizard_preflight import DESPITE, TEST_TO, UNCONFIRMED, ask_about, is_unasked_repeat, say_late
from wotnot.clock import now
from wotnot.errors import Conflict, Invalid
from wotnot.models import Broadcast, Role
from wotnot.services import (
    audience,
    audience_counts,
    audience_risks,
    broadcast_choices,
    broadcast_readiness,
    broadcasts,
    contacts,
    limit_uses,
    media_rules,
    preflight,
    quality_guard,
    segment_audience,
    segments,
    trial_messages,
)
from wotnot.services.broadcast_choices import describe_audience
from wotnot.services.template_families import choice_for, look_at_translations
from wotnot.services.translations import make_choice
from wotnot.services.zones import in_zone

blueprint = Blueprint("broadcast_wizard", __name__, url_prefix="/app/broadcasts")
guard_pages(blueprint)

Answer = str | Response | tuple[str, int]

PEOPLE_PAGE = 40


def register(app: Flask) -> None:
    """Put the wizard's pages under /app/broadcasts."""
    app.register_blueprint(blueprint)


@blueprint.context_processor
def _words() -> dict[str, object]:
    return {
        **time_words(page_timezone()),
        **recipient_words(),
        "size_words": media_rules.size_words,
        "describe_audience": describe_audience,
    }


# ---------------------------------------------------------------- 1. Audience


@blueprint.get("/new")
@requires(Role.ADMIN)
def new() -> str:
    """The first page, before there is a draft. `?segment=` chooses one, which is how its page leads here."""
    asked = id_asked("segment", "Segment", "Choose a segment, or everybody.")
    chosen = "" if asked is None else segments.get_segment(workspace_id(), asked).id
    values = {"name": forms.proposed_name(_today()), "kind": "segment" if chosen else "all", "segment": chosen}
    return _audience_page(None, values, {})


@blueprint.post("/new")
@requires(Role.ADMIN)
def create() -> Answer:
    """Make the draft."""
    try:
        fields = forms.read_audience(request.form)
        broadcast = broadcasts.create_broadcast(workspace_id(), user_id=actor().user.id, **_first_choices(), **fields)
    except Invalid as error:
        return _audience_page(None, forms.typed_audience(request.form), error.errors), 422
    return _after_audience(broadcast)


@blueprint.get("/<int:broadcast_id>/audience")
@requires(Role.ADMIN)
def audience_step(broadcast_id: int) -> Answer:
    """Who gets the message. `?tag=` preselects a tag, which is how an import comes back."""
    broadcast = broadcasts.get_broadcast(workspace_id(), broadcast_id)
    if not is_editable(broadcast):
        return _moved_on(broadcast)
    values = forms.audience_values(broadcast, request.args.getlist("tag"))
    return _audience_page(broadcast, values, {})


@blueprint.post("/<int:broadcast_id>/audience")
@requires(Role.ADMIN)
def save_audience(broadcast_id: int) -> Answer:
    """Keep the audience."""
    broadcast = broadcasts.get_broadcast(workspace_id(), broadcast_id)
    try:
        fields = forms.read_audience(request.form, kept=broadcast.audience)
        broadcast = broadcasts.update_broadcast(workspace_id(), broadcast_id, **fields)
    except Conflict:
        return _moved_on(broadcast)
    except Invalid as error:
        return _audience_page(broadcast, forms.typed_audience(request.form), error.errors), 422
    return _after_audience(broadcast)


@blueprint.get("/_count")
def count() -> str:
    """How many people the audience on the page has, while it is being chosen."""
    kept: Mapping[str, Any] = {}
    if (draft := request.args.get("broadcast", "")).isdecimal():
        kept = broadcasts.get_broadcast(workspace_id(), int(draft)).audience
    chosen, left_out = forms.chosen_audience(request.args, kept)
    return render_template("broadcasts/_count.html", **_count_words(chosen, left_out))


def _audience_page(broadcast: Broadcast | None, values: Mapping[str, Any], errors: Mapping[str, Sequence[str]]) -> str:
    chosen, left_out = forms.chosen_audience(forms.as_form(values), broadcast.audience if broadcast else {})
    tags = contacts.list_tags(workspace_id())
    return render_template(
        "broadcasts/audience.html",
        broadcast=broadcast,
        values=values,
        errors=errors,
        tags=tags,
        segment_names=segments.list_names(workspace_id()),
        gone=segment_audience.is_missing(broadcast) if broadcast else (False, False),
        steps=steps_of(broadcast, None, 1, actor().workspace.timezone),
        **_count_words(chosen, left_out),
    )


def _count_words(chosen: Mapping[str, Any], left_out: Mapping[str, Any]) -> dict[str, object]:
    return {
        "count": audience_counts.count_audience(workspace_id(), chosen, left_out),
        "all_contacts": contacts.count_contacts(workspace_id()),
        "is_chosen": bool(chosen),
    }


def _after_audience(broadcast: Broadcast) -> Answer:
    if request.form.get("go") == "csv":
        return go_to(f"/app/imports/new?broadcast={broadcast.id}")
    return go_to(_after(broadcast, "message"))


def _first_choices() -> dict[str, Any]:
    """With a single connected number there is nothing to choose."""
    channels = broadcast_choices.list_sending_channels(workspace_id())
    return {"channel_id": channels[0].id} if channels else {}


# ---------------------------------------------------------------- 2. Message


@blueprint.get("/<int:broadcast_id>/message")
@requires(Role.ADMIN)
def message_step(broadcast_id: int) -> Answer:
    """Which template, and what stands for its variables. `?channel=` and `?template=` choose without saving."""
    broadcast = broadcasts.get_broadcast(workspace_id(), broadcast_id)
    if not is_editable(broadcast):
        return _moved_on(broadcast)
    return message_page(broadcast, request.args, {})


@blueprint.post("/<int:broadcast_id>/message")
@requires(Role.ADMIN)
def save_message(broadcast_id: int) -> Answer:
    """Keep the message."""
    broadcast = broadcasts.get_broadcast(workspace_id(), broadcast_id)
    sent: MultiDict[str, str] = request.form
    try:
        template = chosen_template(request.form)
        wanted = broadcast_readiness.variables_of(template)
        sent, refused = wizard_files.take_uploads(wanted, request.form)
        if refused:
            return message_page(broadcast, sent, refused), 422
        variables = forms.read_variables(sent, wanted)
        broadcast = broadcasts.update_broadcast(
            workspace_id(),
            broadcast_id,
            channel_id=request.form.get("channel", type=int),
            template_id=template.id,
            variables=variables,
            **forms.read_languages(request.form),
        )
    except Conflict:
        return _moved_on(broadcast)
    except Invalid as error:
        # The API calls them variables; on the page each has a field of its own.
        errors = {name.replace("variables.", "text-", 1): words for name, words in error.errors.items()}
        return message_page(broadcast, sent, errors), 422
    return go_to(_after(broadcast, "when"))


@blueprint.get("/<int:broadcast_id>/submitted")
@requires(Role.ADMIN)
def submitted(broadcast_id: int) -> Answer:
    """How far Meta is with the template `?template=` that was written for this draft; the message page shows it live."""
    broadcast = broadcasts.get_broadcast(workspace_id(), broadcast_id)
    template = template_of(request.args, None)
    if template is None or not is_htmx():
        return go_to(f"/app/broadcasts/{broadcast.id}/message")
    return render_template("broadcasts/_submitted.html", broadcast=broadcast, submitted=template)


@blueprint.post("/<int:broadcast_id>/message/files")
@requires(Role.ADMIN)
def choose_file(broadcast_id: int) -> Answer:
    """The files that the header `?key=` can show, after a search or an upload; everything typed stays as it is."""
    broadcast = broadcasts.get_broadcast(workspace_id(), broadcast_id)
    if not is_editable(broadcast):
        return _moved_on(broadcast)
    template = chosen_template(request.form)
    sent, errors = wizard_files.take_uploads(broadcast_readiness.variables_of(template), request.form)
    status = 422 if errors else 200
    row = next(
        (row for row in forms.variable_rows(template, broadcast, sent) if row.key == request.args.get("key")), None
    )
    if row is None or row.media_kind is None or not is_htmx():
        return message_page(broadcast, sent, errors), status
    words = file_words(broadcast, [row], sent, list_fields())
    context = {"row": row, "errors": errors, **words, "is_changed": True}
    return render_template("media/_file_choice.html", **context), status


@blueprint.get("/<int:broadcast_id>/preview")
@requires(Role.ADMIN)
def preview(broadcast_id: int) -> Answer:
    """The phone with the message for the person at `?row=`, from the draft or from what is typed on the page."""
    broadcast = broadcasts.get_broadcast(workspace_id(), broadcast_id)
    template = template_of(request.args, broadcast)
    if template is None:
        return go_to(f"/app/broadcasts/{broadcast_id}/message")
    choice = choice_for(template, one_language=forms.is_one_language(broadcast, request.args))
    context = preview_of(broadcast, choice, request.args, preflight.count_draft(broadcast, exactly=False))
    return render_template("broadcasts/_preview.html", broadcast=broadcast, **context)


# ---------------------------------------------------------------- 3. When


@blueprint.get("/<int:broadcast_id>/when")
@requires(Role.ADMIN)
def when_step(broadcast_id: int) -> Answer:
    """Now, or at a date and time in the workspace's time zone."""
    broadcast = broadcasts.get_broadcast(workspace_id(), broadcast_id)
    if not is_editable(broadcast):
        return _moved_on(broadcast)
    values = forms.when_values(broadcast, actor().workspace.timezone) | wizard_pace.pace_values(broadcast)
    return _when_page(broadcast, values, {})


@blueprint.post("/<int:broadcast_id>/when")
@requires(Role.ADMIN)
def save_when(broadcast_id: int) -> Answer:
    """Keep the moment."""
    broadcast = broadcasts.get_broadcast(workspace_id(), broadcast_id)
    try:
        moment = forms.read_when(request.form, actor().workspace.timezone)
        broadcast = broadcasts.update_broadcast(
            workspace_id(),
            broadcast_id,
            scheduled_at=moment,
            **forms.read_late(request.form),
            **wizard_pace.read_pace(request.form),
        )
    except Conflict:
        return _moved_on(broadcast)
    except Invalid as error:
        return _when_page(broadcast, request.form, error.errors), 422
    return go_to(_after(broadcast, "check"))


def _when_page(broadcast: Broadcast, values: Mapping[str, Any], errors: Mapping[str, Sequence[str]]) -> str:
    counted = preflight.count_draft(broadcast, exactly=False)
    near_use = limit_uses.find_near_use(broadcast.channel) if broadcast.channel else None
    return render_template(
        "broadcasts/when.html",
        broadcast=broadcast,
        values=values,
        errors=errors,
        count=counted,
        today=_today().isoformat(),
        late_choices=forms.late_choices(broadcast.late_minutes),
        takes=preflight.seconds_of(broadcast, counted.to_send, near_use),
        **wizard_pace.pace_page(broadcast, values, has_errors=any(name in errors for name in wizard_pace.LABELS)),
        timezone=actor().workspace.timezone,
        steps=steps_of(broadcast, counted, 3, actor().workspace.timezone),
    )


# ---------------------------------------------------------------- 4. Check


@blueprint.get("/<int:broadcast_id>/check")
@requires(Role.ADMIN)
def check_step(broadcast_id: int) -> Answer:
    """Everything once more, in numbers, before it goes."""
    broadcast = broadcasts.get_broadcast(workspace_id(), broadcast_id)
    if not is_editable(broadcast):
        return _moved_on(broadcast)
    return _check_page(broadcast)


@blueprint.post("/<int:broadcast_id>/check")
@requires(Role.ADMIN)
def send(broadcast_id: int) -> Answer:
    """Send it, or plan it. A second press finds it on its way and shows that."""
    broadcast = broadcasts.get_broadcast(workspace_id(), broadcast_id)
    if is_editable(broadcast) and is_unasked_repeat(broadcast, request.form.get("repeat")):
        return _check_page(broadcast, asks=True), 422
    try:
        if broadcast.scheduled_at is not None:
            broadcasts.schedule_broadcast(workspace_id(), broadcast_id, broadcast.scheduled_at)
        else:
            is_confirmed = bool(request.form.get(DESPITE))
            broadcasts.start_broadcast(workspace_id(), broadcast_id, despite_quality=is_confirmed)
    except Conflict as error:
        if error.code == quality_guard.LOW_QUALITY:
            return _check_page(broadcast, {DESPITE: [UNCONFIRMED]}), 422
        return _moved_on(broadcast)
    except Invalid:
        return _check_page(broadcasts.get_broadcast(workspace_id(), broadcast_id)), 422
    return go_to(f"/app/broadcasts/{broadcast_id}")


@blueprint.post("/<int:broadcast_id>/leave-out")
@requires(Role.ADMIN)
def leave_out(broadcast_id: int) -> Answer:
    """Leave people of a `kind` out, or with `off` send to them too."""
    broadcast = broadcasts.get_broadcast(workspace_id(), broadcast_id)
    kind, is_off = request.form.get("kind", ""), bool(request.form.get("off"))
    kept = [one for one in broadcast.leave_out if one != kind]
    change: dict[str, Any] = {"leave_out": kept if is_off else [*kept, kind]}
    if kind == audience_risks.CAPPED:
        change = {"ignores_cap": is_off}
    try:
        broadcasts.update_broadcast(workspace_id(), broadcast_id, **change)
    except Conflict:
        return _moved_on(broadcast)
    return go_to(f"/app/broadcasts/{broadcast_id}/check")


@blueprint.post("/<int:broadcast_id>/test")
@requires(Role.ADMIN)
def test(broadcast_id: int) -> Answer:
    """The message on one telephone, filled in as for the person in the preview."""
    broadcast = broadcasts.get_broadcast(workspace_id(), broadcast_id)
    if not is_editable(broadcast):
        return _moved_on(broadcast)
    to, row = request.form.get("to", "").strip(), request.form.get("row", default=1, type=int)
    try:
        trial_messages.send_trial(workspace_id(), broadcast_id, to, row=row, user_id=actor().user.id)
    except Invalid as error:
        # The form has one field; what is wrong with the message is said there too.
        words = [word for found in error.errors.values() for word in found]
        return _check_page(broadcasts.get_broadcast(workspace_id(), broadcast_id), {"to": words}), 422
    except Conflict as error:
        return _check_page(broadcasts.get_broadcast(workspace_id(), broadcast_id), {"to": [error.detail]}), 422
    session[TEST_TO] = to
    flash(f"The test is on its way to {to}.", "success")
    return go_to(f"/app/broadcasts/{broadcast_id}/check")


@blueprint.get("/<int:broadcast_id>/people")
def people(broadcast_id: int) -> str:
    """The people of the audience behind a number of the check page: `?why=opted_out` and so on."""
    broadcast = broadcasts.get_broadcast(workspace_id(), broadcast_id)
    why = request.args.get("why", "")
    kinds = audience_risks.left_out_of(broadcast)
    resolved = audience.resolve(workspace_id(), broadcast.audience, broadcast.exclude, kinds)
    page = audience.list_people(
        resolved,
        why,
        broadcast.variables,
        needs_phone=preflight.needs_phone(broadcast),
        cursor=request.args.get("cursor"),
        limit=PEOPLE_PAGE,
    )
    return render_template("broadcasts/people.html", broadcast=broadcast, why=why, page=page)


def _check_page(broadcast: Broadcast, errors: Mapping[str, Sequence[str]] | None = None, *, asks: bool = False) -> str:
    """`asks`: whether it is to go to those who get the same message from another broadcast."""
    counted = preflight.count_draft(broadcast, keeps=True)
    found = preflight.look(broadcast, counted)
    context: dict[str, Any] = {}
    languages = NO_LANGUAGES
    if broadcast.template is not None:
        choice, left_out = look_at_translations(broadcast.template)
        if broadcast.one_language:
            choice, left_out = make_choice(broadcast.template), []
        languages = Languages(broadcast_choices.count_readers(broadcast, choice, counted), left_out)
        context = preview_of(broadcast, choice, MultiDict(), counted)
    groups = check_groups(broadcast, counted, actor().workspace, found, languages)
    context |= cost_of_draft(broadcast)
    return render_template(
        "broadcasts/check.html",
        broadcast=broadcast,
        count=counted,
        groups=groups,
        repeat=ask_about(found.repeat, counted.to_send, actor().workspace.timezone) if asks and found.repeat else None,
        late_words=say_late(broadcast),
        is_low=quality_guard.is_low(broadcast) and broadcast.scheduled_at is None,
        is_confirmed=bool(request.form.get(DESPITE)),
        repeat_named=request.form.get("repeat", ""),
        test_to=request.form.get("to", session.get(TEST_TO, "")),
        errors=errors or {},
        steps=steps_of(broadcast, counted, 4, actor().workspace.timezone),
        **context,
    )


# ---------------------------------------------------------------- all of them


def _after(broadcast: Broadcast, step: str) -> str:
    """The next page; or back to the check page for somebody who came from there to change one thing."""
    if request.form.get("back") == "check":
        step = "check"
    return f"/app/broadcasts/{broadcast.id}/{step}"


def _moved_on(broadcast: Broadcast) -> Response:
    """Another tab, or a second press, was first: show where it is now."""
    flash("This broadcast has moved on since that page was opened. This is where it is now.", "success")
    return go_to(f"/app/broadcasts/{broadcast.id}")


def _today() -> Any:
    return in_zone(now(), actor().workspace.timezone).date()
