"""Logs: one line a record, JSON on hosts and plain text in a terminal, never a message body or a whole phone number.

Callers pass ids and counts. What slips through all the same (a number in an exception's text) is shortened here, last.
"""

import json
import logging
import re
import secrets
import sys
import time
from datetime import UTC, datetime
from http import HTTPStatus

from flask import Flask, Response, g, has_request_context, request

# "+", or at least nine digits in a row (spaces and dashes inside count): what people and Meta write phone numbers as.
_NUMBER = re.compile(r"(?<![\w.])\+?\d(?:[\s-]?\d){8,14}(?![\w.])")
# What follows a telling name, as in an address, a header, a form or JSON. `_code` of error_code= is no secret.
_NAMED = re.compile(
    r"""(?ix) (bearer\s+ | (?:token | secret | password | passwd | api[-_]?key | consumer_key | signature | appsecret_proof)
    ["']? \s* [=:] \s* ["']? (?:bearer\s+)?) [^\s&"',;}]+"""
)
# Secrets that look like what they are: our keys, tokens of ours and Meta's, keys of shops and of AI services.
_SHAPED = re.compile(
    r"\b(?:wn_(?:live|test)_|EAA|c[ks]_|AIza|sk-|eyJ)[\w-]{8,}(?:\.[\w-]+)*|(?<=/app/reset/)[^\s/?\"']+"
    r"|(?<=/app/invitations/)[^\s/?\"']+"
)
_CREDENTIALS = re.compile(r"(?<=://)[^\s/@:]*:[^\s/@]+(?=@)")
_REQUEST_ID = re.compile(r"[\w-]{8,64}\Z")
_STANDARD = set(logging.makeLogRecord({}).__dict__) | {"message", "asctime", "taskName"}
_QUIET = {"/healthz", "/readyz", "/metrics"}
# Hundreds of deliveries a second during a broadcast: the metrics count them, the log names those that went wrong.
_COUNTED = {"/webhooks/whatsapp"}

logger = logging.getLogger(__name__)


def configure(log_format: str) -> None:
    """Send all logging to standard error as `json` or `text`; a second call replaces the first."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(JsonFormatter() if log_format == "json" else TextFormatter())
    handler.set_name("wotnot")
    root = logging.getLogger()
    for old in [one for one in root.handlers if one.get_name() == "wotnot"]:
        root.removeHandler(old)
    root.addHandler(handler)
    root.setLevel(logging.INFO)
    # Libraries that log every request or job at INFO; gunicorn and werkzeug have said it already.
    for name in ("urllib3", "rq.worker", "rq_scheduler", "werkzeug", "alembic", "httpx"):
        logging.getLogger(name).setLevel(logging.WARNING)


def register(app: Flask) -> None:
    """Give each request an id, and log each answer with its time in milliseconds."""
    app.before_request(_begin)
    app.after_request(_finish)


def redact(text: str) -> str:
    """`text` with phone numbers cut to their last four digits, and tokens, keys and passwords cut out."""
    cut = _NAMED.sub(r"\1…", _SHAPED.sub("…", _CREDENTIALS.sub("…", text)))
    return _NUMBER.sub(lambda match: "…" + re.sub(r"\D", "", match.group())[-4:], cut)


class JsonFormatter(logging.Formatter):
    """One JSON object a line: time, level, logger, message, request id, and whatever was passed as `extra`."""

    def format(self, record: logging.LogRecord) -> str:
        """The line, redacted."""
        line: dict[str, object] = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": redact(record.getMessage()),
        }
        if request_id := current_request_id():
            line["request_id"] = request_id
        line |= {name: _plain(value) for name, value in record.__dict__.items() if name not in _STANDARD}
        if record.exc_info:
            line["error"] = redact(self.formatException(record.exc_info))
        return json.dumps(line, ensure_ascii=False)


class TextFormatter(logging.Formatter):
    """One line for a person: time, level, message, then the extras."""

    def format(self, record: logging.LogRecord) -> str:
        """The line, redacted."""
        extras = " ".join(f"{name}={value}" for name, value in record.__dict__.items() if name not in _STANDARD)
        moment = datetime.fromtimestamp(record.created).astimezone().strftime("%H:%M:%S")
        parts = [f"{moment} {record.levelname:<7} {record.name}: {record.getMessage()}", extras]
        line = "  ".join(part for part in parts if part)
        if record.exc_info:
            line += "\n" + self.formatException(record.exc_info)
        return redact(line)


def current_request_id() -> str:
    """The id of the request being answered; empty outside one."""
    return str(g.get("request_id", "")) if has_request_context() else ""


def _plain(value: object) -> object:
    if value is None or isinstance(value, bool | float) or (isinstance(value, int) and abs(value) < 10**9):
        return value
    return redact(str(value))


def _begin() -> None:
    given = request.headers.get("X-Request-ID", "")
    g.request_id = given if _REQUEST_ID.match(given) else secrets.token_hex(8)
    g.request_started = time.perf_counter()


def _finish(response: Response) -> Response:
    response.headers.setdefault("X-Request-ID", current_request_id())
    if request.path in _QUIET or request.path.startswith("/static/"):
        return response
    if request.path in _COUNTED and response.status_code == HTTPStatus.OK:
        return response
    facts = {
        "method": request.method,
        # The rule and not the address: an address may hold a phone number or a token.
        "route": str(request.url_rule or "none"),
        "status": response.status_code,
        "milliseconds": round((time.perf_counter() - g.get("request_started", time.perf_counter())) * 1000, 1),
    }
    logger.info("request", extra=facts)
    return response
