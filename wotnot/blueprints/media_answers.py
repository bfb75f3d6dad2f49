"""A file of the library as an answer, streamed from the storage; a part of it when only a part is asked for."""

from http import HTTPStatus

from flask import Response, request, send_file

from wotnot.models import MediaFile
from wotnot.services import media
from wotnot.services.media_rules import SHOWN_TYPES


def file_answer(file: MediaFile, *, shown: bool) -> Response:
    """The bytes with their own type: `shown` inside our pages where that is safe, else as a download.

    Raises NotFound when the bytes are gone.
    """
    response = send_file(
        media.path_of(file),
        mimetype=file.mime_type,
        as_attachment=not (shown and file.mime_type in SHOWN_TYPES),
        download_name=file.filename,
        conditional=True,
        etag=file.sha256,
        last_modified=file.created_at,
    )
    if response.status_code == HTTPStatus.NOT_MODIFIED or request.method == "HEAD":
        response.close()  # nobody will read the file that was opened
    # Whoever signs out or deletes it must not find it in the browser's cache; asking again costs no bytes.
    response.headers["Cache-Control"] = "private, no-cache"
    # Opened by itself it may do nothing, whatever it claims to be.
    response.headers["Content-Security-Policy"] = "default-src 'none'; img-src 'self'; media-src 'self'; sandbox"
    response.headers["X-Content-Type-Options"] = "nosniff"
    return response
