"""Contacts under the published short paths."""

from collections.abc import Sequence
from typing import Any

from flask import jsonify, request
from flask.typing import ResponseReturnValue

from wotnot.blueprints.api.schemas.seed import (
    SeedContactArgs,
    SeedContactChangesSchema,
    SeedContactSchema,
    check,
)
from wotnot.blueprints.api.seed_input import read_body
from wotnot.blueprints.guards import actor, workspace_id
from wotnot.errors import Invalid, NotFound
from wotnot.models import Contact
from wotnot.services import contacts, offset_lists, short_imports
from wotnot.services.phone_numbers import PhoneError, parse_phone
from wotnot.services.short_imports import RefusedRow


def index() -> ResponseReturnValue:
    """A window of the contacts."""
    args = check(SeedContactArgs, request.args.to_dict())
    is_descending = args.pop("order") == "desc"
    return jsonify(_dump(offset_lists.list_contacts(workspace_id(), **args, is_descending=is_descending)))


def create() -> ResponseReturnValue:
    """Add a contact."""
    body = check(SeedContactSchema, read_body())
    given = {name: value for name, value in body.items() if value is not None}
    return jsonify(_dump([contacts.create_contact(workspace_id(), **given)])[0])


def update(contact_id: str) -> ResponseReturnValue:
    """Change a contact."""
    if not contact_id.isdecimal():
        raise NotFound("Contact")
    body = check(SeedContactChangesSchema, read_body())
    return jsonify(_dump([contacts.update_contact(workspace_id(), int(contact_id), **body)])[0])


def delete(phone: str) -> ResponseReturnValue:
    """Remove the contact with this number, written with or without the plus, or as people write it."""
    found = contacts.find_contact_by_phone(workspace_id(), phone) or _find_as_written(phone)
    if found is None:
        raise NotFound("Contact")
    contacts.delete_contact(workspace_id(), found.id)
    return jsonify(ok=True)


def bulk_import() -> ResponseReturnValue:
    """Import a small CSV while the caller waits."""
    file = request.files.get("file")
    if file is None:
        raise Invalid({"file": "Send the CSV as the multipart field “file”."})
    outcome = short_imports.import_now(
        workspace_id(), file.stream, file.filename or "contacts.csv", user_id=actor().user.id
    )
    return jsonify(
        contacts=_dump(outcome.contacts),
        duplicate_records=[_dump_refused(row) for row in outcome.duplicates],
        invalid_records=[{"row": row.row, "reason": row.reason} for row in outcome.invalid],
    )


def _find_as_written(phone: str) -> Contact | None:
    try:
        digits = parse_phone(phone, actor().workspace.default_country).digits
    except PhoneError:
        return None
    return contacts.find_contact_by_phone(workspace_id(), digits)


def _dump(found: Sequence[Contact]) -> list[dict[str, Any]]:
    tags = contacts.tags_of([contact.id for contact in found])
    return [
        {
            "id": contact.id,
            "name": contact.name,
            "email": contact.email,
            "phone": f"+{contact.phone}" if contact.phone else None,
            "tags": tags[contact.id],
            "created_at": contact.created_at.isoformat(),
        }
        for contact in found
    ]


def _dump_refused(row: RefusedRow) -> dict[str, Any]:
    return {"row": row.row, "phone": f"+{row.phone}", "name": row.name, "reason": row.reason}
