"""The library of files over the API."""

from typing import Any

from flask import Response
from werkzeug.datastructures import FileStorage

from wotnot.blueprints.api.resource import Resource
from wotnot.blueprints.api.schemas import page_schema
from wotnot.blueprints.api.schemas.media import MediaArgs, MediaSchema, UploadMediaSchema
from wotnot.blueprints.guards import actor, requires, workspace_id
from wotnot.blueprints.media_answers import file_answer
from wotnot.errors import Invalid
from wotnot.models import MediaFile, Role
from wotnot.services import media
from wotnot.services.pages import Page

blueprint = Resource(
    "media-api", __name__, url_prefix="/api/v1/media", description="Pictures, videos, recordings, documents, stickers."
)


@blueprint.post("")
@blueprint.arguments(UploadMediaSchema, location="multipart")
@blueprint.response(201, MediaSchema)
@blueprint.alt_response(409, description="The same content was deleted at this very moment; send it again.")
@blueprint.alt_response(413, description="Larger than WhatsApp takes a file of this type.")
@blueprint.alt_response(422, description="WhatsApp does not take this file; `errors.file` says why.")
def create(form: dict[str, Any]) -> MediaFile:
    """Upload a file. The same content a second time answers the file that is there already."""
    file = form["file"]
    if not isinstance(file, FileStorage):
        raise Invalid({"file": "Send the file as the part “file” of a multipart form."})
    return media.save_file(workspace_id(), file.stream, file.filename or "", user_id=actor().user.id)


@blueprint.get("")
@blueprint.arguments(MediaArgs, location="query")
@blueprint.response(200, page_schema(MediaSchema))
def index(query: dict[str, Any]) -> Page[MediaFile]:
    """List files, newest first."""
    return media.list_files(workspace_id(), **query)


@blueprint.get("/<int:file_id>")
@blueprint.response(200, MediaSchema)
def show(file_id: int) -> MediaFile:
    """Get what is known about a file."""
    return media.get_file(workspace_id(), file_id)


@blueprint.get("/<int:file_id>/file")
@blueprint.response(200, content_type="application/octet-stream")
def content(file_id: int) -> Response:
    """Download the file itself; `Range` is understood."""
    return file_answer(media.get_file(workspace_id(), file_id), shown=False)


@blueprint.delete("/<int:file_id>")
@requires(Role.ADMIN)
@blueprint.response(204)
@blueprint.alt_response(409, description="A broadcast that is not through uses it.")
def delete(file_id: int) -> None:
    """Take a file out of the library; its content is removed after 30 days."""
    media.delete_file(workspace_id(), file_id)
