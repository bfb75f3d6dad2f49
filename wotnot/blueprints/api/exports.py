"""Files that are written in the background, over the API."""

from typing import Any

from flask import Response

from wotnot.blueprints.api.resource import Resource
from wotnot.blueprints.api.schemas import CursorArgs, page_schema
from wotnot.blueprints.api.schemas.exports import CreateExportSchema, ExportSchema
from wotnot.blueprints.export_answers import file_answer, only_own, start
from wotnot.blueprints.guards import workspace_id
from wotnot.models import Export
from wotnot.services import exports
from wotnot.services.exports import Wish
from wotnot.services.pages import Page

blueprint = Resource(
    "exports-api", __name__, url_prefix="/api/v1/exports", description="Reports and lists as CSV or Excel files."
)

_GONE = "The file was deleted when its seven days were over; `deleted_at` says when. Make it anew."


@blueprint.post("")
@blueprint.arguments(CreateExportSchema)
@blueprint.response(202, ExportSchema)
@blueprint.alt_response(409, description="Too many are being written already.")
@blueprint.alt_response(422, description="A filter that cannot be.")
def create(body: dict[str, Any]) -> Export:
    """Have a file written in the background. Asking for the same again while it is written answers the same export."""
    return start(Wish(body.pop("kind"), body.pop("format"), body))


@blueprint.get("")
@blueprint.arguments(CursorArgs, location="query")
@blueprint.response(200, page_schema(ExportSchema))
def index(query: dict[str, Any]) -> Page[Export]:
    """List exports, newest first; agents see their own."""
    return exports.list_exports(workspace_id(), user_id=only_own(), **query)


@blueprint.get("/<int:export_id>")
@blueprint.response(200, ExportSchema)
@blueprint.alt_response(410, description=_GONE)
def show(export_id: int) -> Export:
    """Get an export with its progress."""
    return exports.get_export(workspace_id(), export_id, user_id=only_own())


@blueprint.get("/<int:export_id>/file")
@blueprint.response(200, content_type="application/octet-stream")
@blueprint.alt_response(404, description="Also before the export is done.")
@blueprint.alt_response(410, description=_GONE)
def content(export_id: int) -> Response:
    """Download the file; `Range` is understood."""
    return file_answer(exports.get_export(workspace_id(), export_id, user_id=only_own()))


@blueprint.delete("/<int:export_id>")
@blueprint.response(204)
@blueprint.alt_response(410, description=_GONE)
def delete(export_id: int) -> None:
    """Delete an export and its file, also while it is being written."""
    exports.delete_export(workspace_id(), export_id, user_id=only_own())
