"""What the pages and the API of exports share: who may ask for which, and the file as an answer."""

from flask import Response

from wotnot.blueprints.guards import actor
from wotnot.blueprints.media_answers import ranged_answer
from wotnot.errors import Forbidden
from wotnot.models import Export, ExportKind, Role
from wotnot.services import exports
from wotnot.services.exports import Wish


def start(wish: Wish) -> Export:
    """Have the file written, if the actor may see what is in it. Raises Forbidden and what `start_export` does."""
    check_right(wish.kind)
    return exports.start_export(actor().workspace, wish, user_id=actor().user.id)


def check_right(kind: ExportKind) -> None:
    """Raises Forbidden."""
    if not actor().may(exports.LEAST_ROLE[kind]):
        raise Forbidden("Only an admin or owner of this workspace may export that. Ask one of them.")


def only_own() -> int | None:
    """Whose exports the actor sees: None for everybody's."""
    return None if actor().may(Role.ADMIN) else actor().user.id


def file_answer(export: Export) -> Response:
    """The file as a download that goes on where it broke off. Raises NotFound before it is ready, StorageError."""
    check_right(export.kind)
    size, name, mime_type = export.size_bytes, exports.filename_of(export), exports.mime_type_of(export)
    moment, etag = export.finished_at or export.created_at, f"export-{export.id}-{export.size_bytes}"
    response = ranged_answer(exports.open_file(export), mime_type, size=size, name=name, etag=etag, moment=moment)
    # The browser must not keep people's numbers, but may ask whether a download that broke off is still the same.
    response.headers["Cache-Control"] = "private, no-cache"
    return response
