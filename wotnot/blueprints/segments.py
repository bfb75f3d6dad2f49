"""Segments: the list, the people of each, and the editor with its live count."""

import json
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from flask import Blueprint, Flask, flash, render_template, request
from werkzeug.wrappers import Response

from wotnot.blueprints.broadcast_views import time_words
from wotnot.blueprints.guards import actor, guard_pages, page_timezone, requires, workspace_id
from wotnot.blueprints.htmx import go_to, is_htmx, render
from wotnot.blueprints.segment_form import ROOT, Row, SegmentValues, change, place_errors, read_form, values_of
from wotnot.errors import Conflict, Invalid
from wotnot.models import Consent, Role, Segment
from wotnot.services import contacts, segments
from wotnot.services.phone_numbers import format_phone
from wotnot.services.segment_fields import ATTRIBUTE, FIELDS, MESSAGES, OWN, PERSON, SHOP, TYPES, Takes
from wotnot.services.segment_filters import definition_of
from wotnot.services.segment_rules import MAX_CONDITIONS
from wotnot.services.segment_words import say_definition

blueprint = Blueprint("segments", __name__, url_prefix="/app/segments")
guard_pages(blueprint)

Answer = str | Response | tuple[str, int]

PAGE = 25
PEOPLE_PAGE = 40


def register(app: Flask) -> None:
    """Put the pages under /app/segments."""
    app.register_blueprint(blueprint)


@blueprint.context_processor
def _words() -> dict[str, object]:
    return {
        "phone_words": format_phone,
        "takes": Takes,
        "is_row": lambda item: isinstance(item, Row),
        "type_choices": [(kind, words) for kind, (words, _) in TYPES.items()],
        "max_conditions": MAX_CONDITIONS,
        "changing": _changing,
        **time_words(page_timezone()),
    }


@blueprint.get("")
def index() -> str:
    """The list, newest first."""
    page = segments.list_segments(workspace_id(), cursor=request.args.get("cursor"), limit=PAGE)
    return render("segments/index.html", "segments/_list.html", page=page, say_segment=_sayer(page.items))


@blueprint.get("/<int:segment_id>")
def show(segment_id: int) -> str:
    """The people of a segment."""
    segment = segments.get_segment(workspace_id(), segment_id)
    page = segments.list_people(
        workspace_id(), segment.definition, cursor=request.args.get("cursor"), limit=PEOPLE_PAGE
    )
    return render(
        "segments/show.html",
        "segments/_people.html",
        segment=segment,
        page=page,
        count=segments.count_people(workspace_id(), segment.definition),
        tags_of=contacts.tags_of([contact.id for contact in page.items]),
        uses=segments.list_uses(workspace_id(), segment.id),
        words=_sayer([segment])(segment),
    )


@blueprint.get("/<int:segment_id>/count")
def count_saved(segment_id: int) -> str:
    """How many people are in it, for its line in the list."""
    segment = segments.get_segment(workspace_id(), segment_id)
    counted = segments.count_people(workspace_id(), segment.definition)
    return render_template("segments/_counted.html", segment=segment, count=counted)


@blueprint.get("/new")
@requires(Role.ADMIN)
def new() -> str:
    """The empty editor, or with `search`, `tag` and `consent` one that says the filter of the contacts page."""
    wanted = {name: request.args.get(name, "").strip() for name in ("search", "tag", "consent")}
    if wanted["consent"] not in {"", *Consent}:
        wanted["consent"] = ""
    definition = definition_of(**wanted)
    values = values_of("", definition) if definition else SegmentValues()
    return _editor(None, values, {})


@blueprint.post("/new")
@requires(Role.ADMIN)
def create() -> Answer:
    """Save a new one."""
    values = read_form(request.form)
    try:
        segment = segments.create_segment(
            workspace_id(), name=values.name, definition=values.definition, user_id=actor().user.id
        )
    except (Conflict, Invalid) as error:
        return _editor(None, values, _complaints(error)), 422
    flash(f"The segment “{segment.name}” is saved.", "success")
    return go_to(f"/app/segments/{segment.id}")


@blueprint.get("/<int:segment_id>/edit")
@requires(Role.ADMIN)
def edit(segment_id: int) -> str:
    """The editor, filled."""
    segment = segments.get_segment(workspace_id(), segment_id)
    return _editor(segment, values_of(segment.name, segment.definition), {})


@blueprint.post("/<int:segment_id>/edit")
@requires(Role.ADMIN)
def save(segment_id: int) -> Answer:
    """Keep the changes."""
    values = read_form(request.form)
    try:
        segments.update_segment(
            workspace_id(), segment_id, name=values.name, definition=values.definition, seen_at=_seen_at()
        )
    except (Conflict, Invalid) as error:
        segment = segments.get_segment(workspace_id(), segment_id)
        return _editor(segment, values, _complaints(error)), 422
    flash("Saved.", "success")
    return go_to(f"/app/segments/{segment_id}")


@blueprint.post("/editor")
@requires(Role.ADMIN)
def edited() -> Answer:
    """The editor after one of its buttons (`act`): a condition more or fewer, another field. Nothing is saved."""
    changed = change(read_form(request.form), request.form.get("act", ""))
    sent = request.form.get("segment", "")
    segment = segments.get_segment(workspace_id(), int(sent)) if sent.isdecimal() and len(sent) <= 18 else None
    if not is_htmx():
        return _editor(segment, changed.values, {}, focus=changed.focus, seen_at=request.form.get("seen_at", ""))
    words = _editor_words(changed.values, {}) | _count(changed.values)
    return render_template("segments/_edited.html", focus=changed.focus, **words)


@blueprint.post("/count")
@requires(Role.ADMIN)
def count() -> str:
    """How many people the editor describes right now."""
    return render_template("segments/_count.html", **_count(read_form(request.form)))


@blueprint.post("/<int:segment_id>/delete")
@requires(Role.ADMIN)
def delete(segment_id: int) -> Response:
    """Forget it."""
    name = segments.get_segment(workspace_id(), segment_id).name
    try:
        segments.delete_segment(workspace_id(), segment_id)
    except Conflict as error:
        flash(error.detail, "error")
        return go_to(f"/app/segments/{segment_id}")
    flash(f"The segment “{name}” is deleted. The people in it stay.", "success")
    return go_to("/app/segments")


# ---------------------------------------------------------------- parts


def _changing(act: str) -> dict[str, str]:
    """What a field carries that changes the form by being changed."""
    return {
        "data-edit": "",
        "hx-post": "/app/segments/editor",
        "hx-trigger": "change",
        "hx-target": "#conditions",
        "hx-swap": "outerHTML",
        "hx-sync": "this:drop",
        "hx-vals": json.dumps({"act": act}),
    }


def _editor(
    segment: Segment | None,
    values: SegmentValues,
    errors: Mapping[str, Sequence[str]],
    *,
    focus: str = "",
    seen_at: str = "",
) -> str:
    words = _editor_words(values, errors) | _count(values)
    return render_template("segments/edit.html", segment=segment, focus=focus, seen_at=seen_at, **words)


def _editor_words(values: SegmentValues, errors: Mapping[str, Sequence[str]]) -> dict[str, Any]:
    """What the rows show: the form, the fields to choose from, the tags and broadcasts that there are."""
    placed = place_errors(values, errors)
    rows = list(values.rows)
    chosen = [int(row.value) for row in rows if row.operator.takes is Takes.BROADCAST and _is_id(row.value)]
    asks_broadcasts = any(row.operator.takes is Takes.BROADCAST for row in rows)
    return {
        "values": values,
        "errors": placed.by_control,
        "labels": placed.labels,
        "field_groups": _field_groups(rows),
        "all_tags": contacts.list_tags(workspace_id()),
        "broadcast_choices": segments.list_broadcast_choices(workspace_id(), chosen) if asks_broadcasts else [],
    }


def _field_groups(rows: Sequence[Row]) -> list[tuple[str, list[tuple[str, str]]]]:
    """The fields by heading; a custom field that a row names is among them, also when nobody has it any more."""
    named = {row.field.removeprefix(ATTRIBUTE) for row in rows if row.is_own}
    own = sorted({*contacts.list_attribute_names(workspace_id()), *named}, key=str.lower)
    groups = [
        (title, [(key, one.words) for key, one in FIELDS.items() if one.group == title])
        for title in (PERSON, MESSAGES, SHOP)
    ]
    return [groups[0], (OWN, [(ATTRIBUTE + name, name) for name in own if name.strip()]), *groups[1:]]


def _count(values: SegmentValues) -> dict[str, Any]:
    """The number beside the editor, or what is still missing for one."""
    try:
        definition = segments.check_definition(workspace_id(), values.definition, ROOT)
    except Invalid:
        return {"count": None, "is_empty": not values.items}
    total = contacts.count_contacts(workspace_id()).total
    return {"count": segments.count_people(workspace_id(), definition), "all_contacts": total}


def _sayer(found: Sequence[Segment]) -> Any:
    names = segments.name_broadcasts(workspace_id(), [one.definition for one in found])
    return lambda segment: say_definition(segment.definition, names)


def _complaints(error: Conflict | Invalid) -> Mapping[str, Sequence[str]]:
    if isinstance(error, Invalid):
        return error.errors
    if error.code == "changed_meanwhile":
        # The page has the newer moment now, so the second press is a choice.
        return {"form": [f"{error.detail} Save again to replace that change with what stands here."]}
    return {"name": [error.detail]}


def _seen_at() -> datetime | None:
    """As of when the segment stood in the editor that was sent."""
    try:
        return datetime.fromisoformat(request.form.get("seen_at", ""))
    except ValueError:
        return None


def _is_id(text: str) -> bool:
    return text.isascii() and text.isdecimal() and len(text) <= 18
