"""How much one request may carry, and what its answer says about coming again."""

from http import HTTPStatus

from flask import Flask, Response, request

# A broadcast to 100,000 listed numbers is 2 MB of JSON. Only files are larger, and those are streamed to disk.
MAX_BODY = 16 * 1024 * 1024
_COME_AGAIN = {HTTPStatus.TOO_MANY_REQUESTS, HTTPStatus.SERVICE_UNAVAILABLE}


def register(app: Flask) -> None:
    """Limit bodies that are read into memory, and keep `Retry-After` for answers that ask for it."""
    app.before_request(_limit_body)
    # The limiter adds the header to every answer. It registered earlier, and these run last to first.
    app.after_request_funcs.setdefault(None, []).insert(0, _only_when_to_come_again)


def _limit_body() -> None:
    if request.mimetype != "multipart/form-data":
        request.max_content_length = MAX_BODY


def _only_when_to_come_again(response: Response) -> Response:
    if response.status_code not in _COME_AGAIN:
        response.headers.pop("Retry-After", None)
    return response
