"""Contacts: the list with its search, filters and bulk acts, the page of each person, and the form."""

from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import urlencode

from flask import Blueprint, Flask, flash, render_template, request
from werkzeug.wrappers import Response

from wotnot.blueprints.broadcast_views import time_words
from wotnot.blueprints.csv_answers import csv_answer
from wotnot.blueprints.form_errors import errors_of
from wotnot.blueprints.guards import actor, guard_pages, page_timezone, requires, workspace_id
from wotnot.blueprints.htmx import go_to, is_htmx, render
from wotnot.errors import Conflict, Invalid
from wotnot.models import Consent, Contact, Role
from wotnot.services import (
    broadcast_choices,
    consent,
    contact_bulk,
    contact_history,
    contact_merge_undo,
    contact_merges,
    contacts,
    identities,
    inbound_media,
)
from wotnot.services.languages import LANGUAGES, language_name
from wotnot.services.phone_numbers import format_phone
from wotnot.services.segment_filters import definition_of

blueprint = Blueprint("contacts", __name__, url_prefix="/app/contacts")
guard_pages(blueprint)

Answer = str | Response | tuple[str, int]

PAGE_SIZE = 40
_SPARE_ATTRIBUTE_ROWS = 2
_FILTERS = ("search", "tag", "consent")


def register(app: Flask) -> None:
    """Put the pages under /app/contacts."""
    app.register_blueprint(blueprint)


@blueprint.context_processor
def _words() -> dict[str, object]:
    return {
        "phone_words": format_phone,
        "people_word": _people,
        "language_words": language_name,
        **time_words(page_timezone()),
    }


# ---------------------------------------------------------------- the list


@blueprint.get("")
def index() -> str:
    """The list, by words, tag and consent."""
    wanted = {name: request.args.get(name, "").strip() for name in _FILTERS}
    cursor = request.args.get("cursor", "").strip()
    filters = {name: value or None for name, value in wanted.items()}
    page = contacts.list_contacts(workspace_id(), **filters, cursor=cursor or None, limit=PAGE_SIZE)
    return render(
        "contacts/index.html",
        "contacts/_list.html",
        page=page,
        tags_of=contacts.tags_of([contact.id for contact in page.items]),
        wanted=wanted,
        counts=contacts.count_contacts(workspace_id()),
        all_tags=contacts.list_tags(workspace_id()),
        with_filters=lambda **changes: _address("/app/contacts", wanted | changes),
        is_first=not cursor,
        may_be_segment=definition_of(**wanted) is not None,
        segment_address=_address("/app/segments/new", wanted),
    )


@blueprint.get("/export.csv")
@requires(Role.ADMIN)
def export() -> Response:
    """The list as it is filtered, as CSV."""
    filters = {name: request.args.get(name, "").strip() or None for name in _FILTERS}
    if filters["consent"]:
        filters["consent"] = _consent_named(filters["consent"])
    return csv_answer(contact_bulk.export_rows(workspace_id(), **filters), "contacts.csv")


@blueprint.post("/bulk")
def bulk() -> Response:
    """One act on the selected people; afterwards the list as it was."""
    ids = list(dict.fromkeys(int(one) for one in request.form.getlist("id") if one.isdecimal() and len(one) <= 18))
    back = _address("/app/contacts", {name: request.form.get(f"keep_{name}", "") for name in _FILTERS})
    if not ids:
        flash("Nobody is selected. Tick the people first.", "warning")
        return go_to(back)
    try:
        flash(_do_bulk(request.form.get("act", ""), ids[: contact_bulk.MAX_SELECTED]), "success")
    except Invalid as error:
        flash(error.detail, "error")
    return go_to(back)


def _do_bulk(act: str, ids: Sequence[int]) -> str:
    """Do it and say what happened; a second press finds nothing left to do and says so."""
    tag = request.form.get("tag", "").strip()
    match act:
        case "tag":
            count = contact_bulk.tag_contacts(workspace_id(), ids, tag)
            return f"{_people(count)} tagged “{tag}”." if count else f"All of them have the tag “{tag}” already."
        case "untag":
            count = contact_bulk.untag_contacts(workspace_id(), ids, tag)
            return f"The tag “{tag}” is off {_people(count)}." if count else f"None of them has the tag “{tag}”."
        case "opt_out":
            count = len(
                consent.record_consent(
                    workspace_id(),
                    ids,
                    Consent.OPTED_OUT,
                    source="person",
                    note="Opted out by hand in the contact list",
                    user_id=actor().user.id,
                )
            )
            return f"{_people(count)} opted out." if count else "They have all opted out already."
        case "delete":
            return _delete_bulk(ids)
    raise Invalid({"act": "Choose what to do with the selected people."})


@requires(Role.ADMIN)
def _delete_bulk(ids: Sequence[int]) -> str:
    count = contacts.delete_contacts(workspace_id(), ids)
    return f"{_people(count)} deleted." if count else "They are deleted already."


# ---------------------------------------------------------------- one person


@blueprint.get("/new")
def new() -> str:
    """The empty form."""
    return _form_page(None, {"attributes": []}, {})


@blueprint.post("/new")
def create() -> Answer:
    """Add a person."""
    values = _typed()
    try:
        contact = contacts.create_contact(workspace_id(), **_fields(values))
    except Conflict as error:
        return _form_page(None, values, {"phone": [error.detail]}, known_id=error.extra.get("contact_id")), 422
    except Invalid as error:
        return _form_page(None, values, errors_of(error)), 422
    flash(f"{_shown(contact)} is in your contacts.", "success")
    return go_to(f"/app/contacts/{contact.id}")


@blueprint.get("/<int:contact_id>")
def show(contact_id: int) -> str:
    """A person: fields, tags, consent with its history, the last messages."""
    contact = contacts.get_contact(workspace_id(), contact_id)
    messages = contact_history.list_recent_messages(workspace_id(), contact.id)
    return render(
        "contacts/show.html",
        "contacts/_person.html",
        contact=contact,
        tags=contacts.tags_of([contact.id])[contact.id],
        all_tags=contacts.list_tags(workspace_id()),
        history=consent.list_consent_events(workspace_id(), contact.id),
        messages=messages,
        files=inbound_media.list_for_messages(workspace_id(), [message.id for message, _ in messages]),
        merges=contact_merges.list_merges(workspace_id(), contact.id),
        moves=identities.list_changes(workspace_id(), contact.id),
        sending_channels=broadcast_choices.list_sending_channels(workspace_id()),
    )


@blueprint.get("/<int:contact_id>/edit")
def edit(contact_id: int) -> str:
    """The form, filled."""
    contact = contacts.get_contact(workspace_id(), contact_id)
    values = {
        "phone": format_phone(contact.phone),
        "name": contact.name,
        "email": contact.email,
        "language": contact.language or "",
        "tags": ", ".join(contacts.tags_of([contact.id])[contact.id]),
        "attributes": list(contact.attributes.items()),
    }
    return _form_page(contact, values, {})


@blueprint.post("/<int:contact_id>/edit")
def save(contact_id: int) -> Answer:
    """Change a person."""
    values = _typed()
    fields = _fields(values)
    contact = contacts.get_contact(workspace_id(), contact_id)
    if contact.phone is None and not fields["phone"].strip():
        del fields["phone"]  # known to Meta only by a user id
    try:
        contacts.update_contact(workspace_id(), contact_id, **fields)
    except Conflict as error:
        return _form_page(contact, values, {"phone": [error.detail]}, known_id=error.extra.get("contact_id")), 422
    except Invalid as error:
        return _form_page(contact, values, errors_of(error)), 422
    flash("Saved.", "success")
    return go_to(f"/app/contacts/{contact_id}")


@blueprint.post("/<int:contact_id>/delete")
@requires(Role.ADMIN)
def delete(contact_id: int) -> Response:
    """Delete a person."""
    shown = _shown(contacts.get_contact(workspace_id(), contact_id))
    contacts.delete_contact(workspace_id(), contact_id)
    flash(f"{shown} is deleted.", "success")
    return go_to("/app/contacts")


@blueprint.post("/<int:contact_id>/tags")
def tag(contact_id: int) -> Answer:
    """Put a tag on (`tag`) or take one off (`remove`)."""
    contacts.get_contact(workspace_id(), contact_id)
    remove = request.form.get("remove", "")
    try:
        if remove:
            contact_bulk.untag_contacts(workspace_id(), [contact_id], remove)
        else:
            contact_bulk.tag_contacts(workspace_id(), [contact_id], request.form.get("tag", ""))
    except Invalid as error:
        flash(error.detail, "error")
    return show(contact_id) if is_htmx() else go_to(f"/app/contacts/{contact_id}")


@blueprint.post("/<int:contact_id>/consent")
def change_consent(contact_id: int) -> Response:
    """Record that a person opted out, or in again with where they said so."""
    contact = contacts.get_contact(workspace_id(), contact_id)
    wanted, note = _consent_named(request.form.get("consent", "")), request.form.get("note", "").strip()[:500]
    if wanted is Consent.OPTED_IN and not note:
        flash("Say where they agreed to get messages again; it is kept as proof.", "error")
        return go_to(f"/app/contacts/{contact_id}")
    consent.record_consent(workspace_id(), [contact_id], wanted, source="person", note=note, user_id=actor().user.id)
    words = "opted out and gets no more messages" if wanted is Consent.OPTED_OUT else "can be messaged again"
    flash(f"{_shown(contact)} {words}.", "success")
    return go_to(f"/app/contacts/{contact_id}")


@blueprint.post("/<int:contact_id>/merges/<int:merge_id>/undo")
@requires(Role.ADMIN)
def undo_merge(contact_id: int, merge_id: int) -> Response:
    """Part two contacts that were made one."""
    contacts.get_contact(workspace_id(), contact_id)
    try:
        returned = contact_merge_undo.undo_merge(workspace_id(), merge_id)
    except Conflict as error:
        flash(error.detail, "error")
        return go_to(f"/app/contacts/{contact_id}")
    flash("They are two contacts again, and stay so. This is the one that returned.", "success")
    return go_to(f"/app/contacts/{returned}")


# ---------------------------------------------------------------- parts


def _typed() -> dict[str, Any]:
    """The form as it was typed; custom fields as rows of name and value."""
    form = request.form
    rows = zip(form.getlist("attribute_name"), form.getlist("attribute_value"), strict=False)
    values = {name: form.get(name, "") for name in ("phone", "name", "email", "language", "tags")}
    return values | {"attributes": [(name, value) for name, value in rows if name.strip() or value.strip()]}


def _fields(values: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "phone": values["phone"],
        "name": values["name"],
        "email": values["email"],
        "language": values["language"],
        "tags": values["tags"].split(","),
        "attributes": dict(values["attributes"]),
    }


def _form_page(
    contact: Contact | None,
    values: Mapping[str, Any],
    errors: Mapping[str, Sequence[str]],
    *,
    known_id: object = None,
) -> str:
    rows = [*values["attributes"], *[("", "")] * _SPARE_ATTRIBUTE_ROWS]
    return render_template(
        "contacts/form.html",
        contact=contact,
        values=values,
        rows=rows,
        languages=_language_choices(values.get("language", "")),
        errors=errors,
        known_id=known_id,
        attribute_names=contacts.list_attribute_names(workspace_id()),
        all_tags=contacts.list_tags(workspace_id()),
    )


def _language_choices(chosen: str) -> list[tuple[str, str]]:
    """The languages most asked for, and the one that is chosen already."""
    known = LANGUAGES if not chosen or chosen in LANGUAGES else {chosen: language_name(chosen), **LANGUAGES}
    return [("", "Not known"), *known.items()]


def _consent_named(value: str) -> Consent:
    try:
        return Consent(value)
    except ValueError:
        raise Invalid({"consent": "Choose opted in or opted out."}) from None


def _shown(contact: Contact) -> str:
    return contact.name or format_phone(contact.phone) or "This contact"


def _people(count: int) -> str:
    return f"{count:,} {'person' if count == 1 else 'people'}"


def _address(path: str, query: Mapping[str, str]) -> str:
    kept = {name: value for name, value in query.items() if value}
    return f"{path}?{urlencode(kept)}" if kept else path
