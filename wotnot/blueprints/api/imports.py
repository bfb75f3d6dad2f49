"""Imports of contacts over the API."""

from typing import Any

from flask import Response
from werkzeug.datastructures import FileStorage

from wotnot.blueprints.api.resource import Resource
from wotnot.blueprints.api.schemas import CursorArgs, page_schema
from wotnot.blueprints.api.schemas.contacts import ImportSchema, UploadImportSchema
from wotnot.blueprints.csv_answers import csv_answer
from wotnot.blueprints.guards import actor, requires, workspace_id
from wotnot.errors import Invalid
from wotnot.models import ContactImport, Role
from wotnot.services import contact_imports
from wotnot.services.pages import Page

blueprint = Resource("imports-api", __name__, url_prefix="/api/v1/imports", description="Contacts from a CSV file.")


@blueprint.post("")
@requires(Role.ADMIN)
@blueprint.arguments(UploadImportSchema, location="multipart")
@blueprint.response(202, ImportSchema)
@blueprint.alt_response(413, description="More than 200 MB or 1,000,000 rows.")
@blueprint.alt_response(422, description="Not a CSV, no phone column, or an option that cannot be.")
def create(form: dict[str, Any]) -> ContactImport:
    """Upload a CSV and import it in the background."""
    file = form.pop("file")
    if not isinstance(file, FileStorage):
        raise Invalid({"file": "Send the CSV as the part “file” of a multipart form."})
    return contact_imports.create_import(
        workspace_id(), file.stream, file.filename or "", user_id=actor().user.id, **form
    )


@blueprint.get("")
@requires(Role.ADMIN)
@blueprint.arguments(CursorArgs, location="query")
@blueprint.response(200, page_schema(ImportSchema))
def index(query: dict[str, Any]) -> Page[ContactImport]:
    """List imports, newest first."""
    return contact_imports.page_imports(workspace_id(), **query)


@blueprint.get("/<int:import_id>")
@requires(Role.ADMIN)
@blueprint.response(200, ImportSchema)
def show(import_id: int) -> ContactImport:
    """Get an import with its counts so far."""
    return contact_imports.get_import(workspace_id(), import_id)


@blueprint.get("/<int:import_id>/errors.csv")
@requires(Role.ADMIN)
@blueprint.response(200, content_type="text/csv")
def errors(import_id: int) -> Response:
    """Download the rows that were not taken: as they stood in the file, with row number and reason."""
    return csv_answer(contact_imports.rejected_csv(workspace_id(), import_id), f"import-{import_id}-errors.csv")
