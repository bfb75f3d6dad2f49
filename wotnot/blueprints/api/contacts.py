"""Contacts over the API."""

from collections.abc import Sequence
from typing import Any

from flask import Response

from wotnot.blueprints.api.resource import Resource
from wotnot.blueprints.api.schemas import page_schema
from wotnot.blueprints.api.schemas.contacts import (
    ChangeContactSchema,
    ContactArgs,
    ContactFilterSchema,
    ContactSchema,
    CreateContactSchema,
    ReplaceContactSchema,
)
from wotnot.blueprints.csv_answers import csv_answer
from wotnot.blueprints.guards import actor, requires, workspace_id
from wotnot.models import Contact, Role
from wotnot.services import contact_bulk, contacts
from wotnot.services.pages import Page

blueprint = Resource("contacts-api", __name__, url_prefix="/api/v1/contacts", description="The people you write to.")


@blueprint.post("")
@blueprint.arguments(CreateContactSchema)
@blueprint.response(201, ContactSchema)
@blueprint.alt_response(409, description="The number is a contact already; `contact_id` names it.")
@blueprint.alt_response(422, description="A field cannot be taken; `errors` says which and why.")
def create(body: dict[str, Any]) -> dict[str, Any]:
    """Add a contact."""
    return shape([contacts.create_contact(workspace_id(), user_id=actor().user.id, **body)])[0]


@blueprint.get("")
@blueprint.arguments(ContactArgs, location="query")
@blueprint.response(200, page_schema(ContactSchema))
def index(query: dict[str, Any]) -> Page[dict[str, Any]]:
    """List contacts, newest first."""
    page = contacts.list_contacts(workspace_id(), **query)
    return Page(shape(page.items), page.next_cursor)


@blueprint.get("/export.csv")
@requires(Role.ADMIN)
@blueprint.arguments(ContactFilterSchema, location="query")
@blueprint.response(200, content_type="text/csv")
def export(query: dict[str, Any]) -> Response:
    """Export contacts as CSV, streamed."""
    return csv_answer(contact_bulk.export_rows(workspace_id(), **query), "contacts.csv")


@blueprint.get("/<int:contact_id>")
@blueprint.response(200, ContactSchema)
def show(contact_id: int) -> dict[str, Any]:
    """Get one contact."""
    return shape([contacts.get_contact(workspace_id(), contact_id)])[0]


@blueprint.put("/<int:contact_id>")
@blueprint.arguments(ReplaceContactSchema)
@blueprint.response(200, ContactSchema)
@blueprint.alt_response(409, description="The number belongs to another contact.")
def replace(body: dict[str, Any], contact_id: int) -> dict[str, Any]:
    """Replace a contact: what is left out is emptied."""
    return shape([contacts.update_contact(workspace_id(), contact_id, user_id=actor().user.id, **body)])[0]


@blueprint.patch("/<int:contact_id>")
@blueprint.arguments(ChangeContactSchema)
@blueprint.response(200, ContactSchema)
@blueprint.alt_response(409, description="The number belongs to another contact.")
def change(body: dict[str, Any], contact_id: int) -> dict[str, Any]:
    """Change some fields of a contact."""
    return shape([contacts.update_contact(workspace_id(), contact_id, user_id=actor().user.id, **body)])[0]


@blueprint.delete("/<int:contact_id>")
@requires(Role.ADMIN)
@blueprint.response(204)
def delete(contact_id: int) -> None:
    """Delete a contact; what waits to be sent to them is skipped."""
    contacts.delete_contact(workspace_id(), contact_id)


def shape(people: Sequence[Contact]) -> list[dict[str, Any]]:
    """Contacts with their tags, for ContactSchema."""
    tags = contacts.tags_of([person.id for person in people])
    names = ("id", "phone", "name", "email", "language", "attributes", "consent", "created_at", "updated_at")
    return [{name: getattr(person, name) for name in names} | {"tags": tags[person.id]} for person in people]
