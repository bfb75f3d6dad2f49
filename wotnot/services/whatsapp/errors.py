"""What Meta answers when it refuses: read into one `GraphFault`, whatever shape it came in."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any

from wotnot.services.whatsapp.error_codes import (
    PASSING_KINDS,
    PERMISSION_CODES,
    TABLE,
    ErrorKind,
    Words,
    plain_words,
)

__all__ = ["ErrorKind", "GraphError", "GraphFault", "Words", "fault_of_status", "kind_of", "parse_fault", "plain_words"]

# "Unsupported request: the object does not exist or this token may not see it": a code 100 that no other content mends.
_INVALID_PARAMETER = 100
_SUBCODE_NO_OBJECT = 33
_NO_OBJECT_WORDS = Words(
    "Not found, or not visible to this token", "Check the id, and that the token belongs to the same business account."
)
_TEMPLATE_CODES = range(2388000, 2389000)
_LONGEST_TEXT = 1000


@dataclass(frozen=True, slots=True)
class GraphFault:
    """One refusal by Meta.

    `title` and `advice` are our words for the code; `details` is Meta's technical sentence and `user_message` the one it
    wrote for people, often empty. `code` is None when the answer was not one of Meta's (a proxy's page, garbage).
    """

    code: int | None
    subcode: int | None
    title: str
    details: str
    http_status: int
    kind: ErrorKind
    advice: str
    user_message: str = ""

    @property
    def meta_words(self) -> str:
        """What Meta said, in its own words, the most readable first."""
        return self.user_message or self.details or self.title

    @property
    def may_retry(self) -> bool:
        """Whether the same request can succeed later without anybody changing anything."""
        return self.kind in PASSING_KINDS


class GraphError(Exception):
    """Meta refused, or could not be reached (then `fault.http_status` is 0)."""

    def __init__(self, fault: GraphFault) -> None:
        """Keep the fault; the message is for logs, so it holds no more than the code and Meta's sentence."""
        super().__init__(f"({fault.code}) {fault.details or fault.title}")
        self.fault = fault


def parse_fault(http_status: int, body: bytes | Mapping[str, Any]) -> GraphFault:
    """Read an HTTP answer that is not 2xx. Never raises: garbage becomes a fault too, judged by its status.

    Source: the error envelope `{"error": {message, code, error_subcode, error_data, error_user_title, error_user_msg}}`;
    `error_data` is an object or a plain string, and template errors carry 2388xxx as code or as subcode.
    """
    error = _error_object(body)
    if error is None:
        return _foreign_fault(http_status)
    return _fault(error, http_status)


def fault_of_status(error: Mapping[str, Any]) -> GraphFault:
    """Read one entry of a webhook's `errors[]`: `{code, title, message, error_data: {details}}`. HTTP status is 0."""
    return _fault(error, 0)


def kind_of(code: int | None, subcode: int | None, http_status: int) -> ErrorKind:
    """What a code means for the sender; unknown codes are judged by the HTTP status."""
    if code == _INVALID_PARAMETER and subcode == _SUBCODE_NO_OBJECT:
        return ErrorKind.AUTH
    if code in TABLE:
        return TABLE[code].kind
    if code in PERMISSION_CODES or http_status == HTTPStatus.UNAUTHORIZED:
        return ErrorKind.AUTH
    if http_status == HTTPStatus.TOO_MANY_REQUESTS:
        return ErrorKind.THROTTLED
    return ErrorKind.TRANSIENT if http_status >= HTTPStatus.INTERNAL_SERVER_ERROR else ErrorKind.CONTENT


def _fault(error: Mapping[str, Any], http_status: int) -> GraphFault:
    code, subcode = _integer(error.get("code")), _integer(error.get("error_subcode"))
    spoken = subcode if subcode in _TEMPLATE_CODES else code
    kind = kind_of(code, subcode, http_status)
    if error.get("is_transient") is True and kind is ErrorKind.CONTENT and code not in TABLE:
        kind = ErrorKind.TRANSIENT
    words = _NO_OBJECT_WORDS if kind is ErrorKind.AUTH and code == _INVALID_PARAMETER else plain_words(spoken)
    if spoken not in TABLE and _text(error.get("error_user_title")):
        words = Words(_text(error.get("error_user_title")), words.advice)
    return GraphFault(
        code=code,
        subcode=subcode,
        title=words.title,
        details=_details(error),
        http_status=http_status,
        kind=kind,
        advice=words.advice,
        user_message=_user_message(error),
    )


def _foreign_fault(http_status: int) -> GraphFault:
    advice = (
        "It is tried again by itself."
        if http_status >= HTTPStatus.INTERNAL_SERVER_ERROR
        else "Check GRAPH_API_URL and what stands in between."
    )
    return GraphFault(
        code=None,
        subcode=None,
        title="Not an answer of Meta's",
        details=f"HTTP {http_status} without Meta's error document",
        http_status=http_status,
        kind=kind_of(None, None, http_status),
        advice=advice,
    )


def _error_object(body: bytes | Mapping[str, Any]) -> Mapping[str, Any] | None:
    document: object = body
    if isinstance(body, bytes):
        try:
            document = json.loads(body)
        except (ValueError, RecursionError):
            return None
    error = document.get("error") if isinstance(document, Mapping) else None
    return error if isinstance(error, Mapping) else None


def _details(error: Mapping[str, Any]) -> str:
    data = error.get("error_data")
    said = data.get("details") if isinstance(data, Mapping) else data
    return _text(said) or _text(error.get("message")) or _text(error.get("title"))


def _user_message(error: Mapping[str, Any]) -> str:
    title, message = _text(error.get("error_user_title")), _text(error.get("error_user_msg"))
    if title and message:
        return f"{title.rstrip('.')}. {message}"
    return message or title


def _integer(value: object) -> int | None:
    if isinstance(value, bool) or not isinstance(value, int | str):
        return None
    try:
        number = int(value)
    except ValueError:
        return None
    return number if -(2**31) <= number < 2**31 else None


def _text(value: object) -> str:
    """Some text of a foreign document: a string without NUL bytes (PostgreSQL stores none), cut to a sane length."""
    return value.replace("\x00", "").strip()[:_LONGEST_TEXT] if isinstance(value, str) else ""
