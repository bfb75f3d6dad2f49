"""Every error as an answer: an RFC 9457 problem for programs, a friendly page for people, never a traceback."""

import logging
from collections.abc import Mapping
from http import HTTPStatus
from typing import Any

from flask import Flask, Response, g, json, make_response, render_template, request
from flask_wtf.csrf import CSRFError
from jinja2 import TemplateNotFound
from marshmallow import ValidationError
from redis.exceptions import RedisError
from sqlalchemy.exc import DBAPIError, OperationalError
from werkzeug.exceptions import HTTPException, InternalServerError

from wotnot.blueprints.htmx import is_htmx
from wotnot.errors import DomainError, Invalid, TooMany, Unavailable
from wotnot.extensions import db

logger = logging.getLogger(__name__)

# First path segments that programs call; `api/seed.py` adds its short paths.
PROGRAM_SEGMENTS = {"api", "webhooks", "healthz", "readyz", "metrics"}

_DETAILS = {
    400: "The request could not be understood.",
    404: "The address may be mistyped, or what was there has been deleted.",
    405: "This address does not take that method.",
    413: "That is more than this address takes.",
    415: "Send JSON, with the header Content-Type: application/json.",
    429: "Too many requests. Wait a moment, then try again.",
    500: "Something went wrong on our side. It has been written down; please try again.",
}
_UNSTORABLE = "A value holds characters or a number that cannot be stored."


def register(app: Flask) -> None:
    """Catch what services raise, what Flask raises and what nobody expected."""
    app.register_error_handler(DomainError, _answer_domain_error)
    app.register_error_handler(ValidationError, _answer_validation_error)
    app.register_error_handler(HTTPException, _answer_http_error)
    app.register_error_handler(RedisError, _answer_store_away)
    app.register_error_handler(OperationalError, _answer_store_away)
    app.register_error_handler(DBAPIError, _answer_database_error)
    app.register_error_handler(ValueError, _answer_unstorable_text)
    app.register_error_handler(RecursionError, _answer_nested_json)


def wants_problem() -> bool:
    """Whether a program asks, by the address or by what it accepts."""
    if request.path.lstrip("/").partition("/")[0] in PROGRAM_SEGMENTS:
        return True
    accepted = request.accept_mimetypes
    return accepted.best_match(["text/html", "application/json"], "text/html") == "application/json"


def problem(
    status: int,
    detail: str,
    *,
    title: str | None = None,
    code: str | None = None,
    errors: Mapping[str, list[str]] | None = None,
    extra: Mapping[str, object] | None = None,
) -> Response:
    """A problem document (RFC 9457). `code` is stable for programs; `errors` maps a field to its sentences."""
    phrase = HTTPStatus(status).phrase
    body: dict[str, Any] = {
        "type": "about:blank",
        "title": title or phrase,
        "status": status,
        "detail": detail,
        "code": code or phrase.lower().replace(" ", "_").replace("-", "_"),
        **(extra or {}),
    }
    if errors is not None:
        body["errors"] = errors
    return Response(json.dumps(body), status, mimetype="application/problem+json")


def flatten_errors(messages: object, prefix: str = "") -> dict[str, list[str]]:
    """Marshmallow's nested messages as field → sentences, with dots between the levels.

    webargs' outer level (json, form, query, …) says where the field came from, not what it is called: it is dropped.
    """
    if isinstance(messages, str):
        return {prefix or "_": [messages]}
    if isinstance(messages, Mapping):
        flat: dict[str, list[str]] = {}
        for name, inner in messages.items():
            flat |= flatten_errors(inner, _join(prefix, str(name)))
        return flat
    return {prefix or "_": [str(message) for message in messages]} if isinstance(messages, list | tuple) else {}


def _join(prefix: str, name: str) -> str:
    if name in {"_schema", "json", "form", "query", "files", "multipart"} and (not prefix or name == "_schema"):
        return prefix
    return f"{prefix}.{name}" if prefix else name


def _answer(status: int, detail: str, **members: Any) -> Response:
    if wants_problem():
        return problem(status, detail, **members)
    if is_htmx():
        # htmx does not swap errors; the sentence reaches the person as the page's notice.
        response = make_response(detail, status)
        response.mimetype = "text/plain"
        return response
    return make_response(_page(status, detail), status)


def _page(status: int, detail: str) -> str:
    context = {"status": status, "detail": detail, "request_id": g.get("request_id")}
    try:
        return render_template(f"errors/{status}.html", **context)
    except TemplateNotFound:
        return render_template("errors/500.html" if status >= 500 else "errors/400.html", **context)


def _answer_domain_error(error: DomainError) -> Response:
    errors = error.errors if isinstance(error, Invalid) else None
    response = _answer(error.status, error.detail, title=error.title, code=error.code, errors=errors, extra=error.extra)
    if error.status == HTTPStatus.UNAUTHORIZED and wants_problem():
        response.headers["WWW-Authenticate"] = 'Bearer realm="WotNot"'
    if isinstance(error, TooMany):
        response.headers["Retry-After"] = str(error.retry_after)
    return response


def _answer_validation_error(error: ValidationError) -> Response:
    return _answer_domain_error(Invalid(flatten_errors(error.messages)))


def _answer_http_error(error: HTTPException) -> Response:
    """What werkzeug, webargs and the limiter raise. An unexpected exception arrives here as a 500."""
    if error.response is not None and not isinstance(error, InternalServerError):
        return make_response(error.response)
    status = error.code or 500
    if status < HTTPStatus.BAD_REQUEST:
        return make_response(error.get_response())
    data = getattr(error, "data", None) or {}
    if status == HTTPStatus.UNPROCESSABLE_ENTITY and "messages" in data:
        return _answer_domain_error(Invalid(flatten_errors(data["messages"])))
    if status >= HTTPStatus.INTERNAL_SERVER_ERROR:
        db.session.rollback()
    response = _answer(status, _detail_of(error, status))
    for name, value in error.get_headers():
        if name.lower() in {"allow", "retry-after", "www-authenticate"}:
            response.headers[name] = value
    return response


def _detail_of(error: HTTPException, status: int) -> str:
    if isinstance(error, CSRFError):
        return "This page was open for too long, or you signed in elsewhere. Go back, load it again and try once more."
    own_words = error.description if error.description != type(error).description else None
    if status == HTTPStatus.TOO_MANY_REQUESTS and " per " in (own_words or ""):
        own_words = None  # the limiter's own description is its rule, such as "10 per 1 minute"
    return own_words or _DETAILS.get(status) or error.description or HTTPStatus(status).phrase


def _answer_store_away(error: Exception) -> Response:
    logger.error("a store is away: %s", type(error).__name__)
    db.session.rollback()
    response = _answer_domain_error(
        Unavailable("WotNot cannot reach its database right now. Nothing was lost; try again in a moment.")
    )
    response.headers["Retry-After"] = "5"
    return response


def _answer_unstorable_text(error: ValueError) -> Response:
    """PostgreSQL has no NUL and no lone surrogates: text with them is the caller's, whichever field it came in."""
    if not isinstance(error, UnicodeEncodeError) and "NUL" not in str(error):
        raise error
    db.session.rollback()
    return _answer(422, _UNSTORABLE, code="invalid", errors={"_": [_UNSTORABLE]})


def _answer_nested_json(error: RecursionError) -> Response:
    """JSON nested thousands of levels deep breaks the parser: that is the caller's; any other endless recursion is ours."""
    frame = error.__traceback__
    while frame is not None and "json" not in frame.tb_frame.f_globals.get("__name__", "").split("."):
        frame = frame.tb_next
    if frame is None:
        raise error
    return _answer(400, "The JSON is nested too deeply.")


def _answer_database_error(error: DBAPIError) -> Response:
    """A value PostgreSQL cannot take, such as a NUL byte or an id beyond 64 bits, is the caller's; the rest is ours."""
    db.session.rollback()
    if getattr(error.orig, "pgcode", None) in {"22003", "22021", "22P05"}:
        return _answer(422, _UNSTORABLE, code="invalid", errors={"_": [_UNSTORABLE]})
    logger.error("database error", exc_info=error)
    return _answer(500, _DETAILS[500])
