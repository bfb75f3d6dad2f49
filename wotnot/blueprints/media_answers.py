"""A file of the library as an answer, streamed from the storage; a part of it when only a part is asked for."""

from datetime import datetime
from http import HTTPStatus
from typing import IO

from flask import Response, request, send_file
from werkzeug.exceptions import RequestedRangeNotSatisfiable
from werkzeug.http import is_resource_modified, quote_etag

from wotnot.models import MediaFile
from wotnot.services import media
from wotnot.services.media_rules import SHOWN_TYPES


def file_answer(file: MediaFile, *, shown: bool) -> Response:
    """The bytes with their own type: `shown` inside our pages where that is safe, else as a download.

    Raises NotFound when the bytes are gone, Unavailable when the storage is away.
    """
    if not is_resource_modified(request.environ, etag=quote_etag(file.sha256)):
        # The storage need not be asked: the content behind an id never changes.
        response = Response(status=HTTPStatus.NOT_MODIFIED)
        response.set_etag(file.sha256)
    else:
        response = _content(file, as_attachment=not (shown and file.mime_type in SHOWN_TYPES))
    # Whoever signs out or deletes it must not find it in the browser's cache; asking again costs no bytes.
    response.headers["Cache-Control"] = "private, no-cache"
    # Opened by itself it may do nothing, whatever it claims to be.
    response.headers["Content-Security-Policy"] = "default-src 'none'; img-src 'self'; media-src 'self'; sandbox"
    response.headers["X-Content-Type-Options"] = "nosniff"
    return response


def _content(file: MediaFile, *, as_attachment: bool) -> Response:
    """Streamed from where a Range begins. Raises RequestedRangeNotSatisfiable."""
    size, mime_type, name, etag, moment = file.size_bytes, file.mime_type, file.filename, file.sha256, file.created_at
    stream = media.open_file(file)
    return ranged_answer(stream, mime_type, size=size, name=name, etag=etag, moment=moment, as_attachment=as_attachment)


def ranged_answer(
    stream: IO[bytes], mime_type: str, *, size: int, name: str, etag: str, moment: datetime, as_attachment: bool = True
) -> Response:
    """`size` bytes of `stream`, or the part that a Range asks for. Closes it. Raises RequestedRangeNotSatisfiable."""
    response = send_file(
        stream,
        mime_type,
        as_attachment=as_attachment,
        download_name=name,
        conditional=False,
        etag=etag,
        last_modified=moment,
    )
    response.content_length = size
    try:
        response.make_conditional(request.environ, accept_ranges=True, complete_length=size)
    except RequestedRangeNotSatisfiable:
        stream.close()
        raise
    if request.method == "HEAD":
        response.close()  # nobody will read what was opened
    return response
