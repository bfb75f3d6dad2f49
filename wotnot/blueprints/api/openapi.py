"""The OpenAPI document, finished: what flask-smorest cannot know from the views.

How to sign in and who may call what, every status with its problem document, a name for each call, and links from what was made
to all that can be done with it. Programs are generated from this document and tests are run from it, so it is exact.
"""

import re
from collections.abc import Iterator
from typing import Any

from flask import Flask
from werkzeug.routing import Rule

from wotnot.blueprints import api_scopes
from wotnot.blueprints.api import idempotency
from wotnot.extensions import api
from wotnot.services import api_keys

Operation = dict[str, Any]

PROBLEM = "application/problem+json"
OPEN_PATHS = {"/api/v1/auth/register", "/api/v1/auth/login"}
# (status, code, when): what a call may answer besides its own statuses.
ERRORS = (
    (400, "bad_request", "The body is not JSON."),
    (401, "unauthorized", "No credential, or one that has ended."),
    (403, "forbidden, scope", "The role of the member, or the scope of the key, does not allow it."),
    (404, "not_found", "It does not exist, or it belongs to another workspace."),
    (409, "conflict", "Its state does not allow this now, or it exists already."),
    (410, "gone", "It was deleted because its time was over; make it anew."),
    (413, "too_large", "More than the call takes."),
    (415, "unsupported_media_type", "The body is of another type than the call takes."),
    (422, "invalid", "Fields that cannot be taken; `errors` says which and why."),
    (429, "too_many_requests", "Wait as many seconds as `Retry-After` says."),
    (503, "unavailable", "A part that this needs is away; try again later."),
)
_TEXTS = {str(status): text for status, _, text in ERRORS}
# What is made elsewhere than in the list it goes to: (path of the POST, path of what it makes).
_MADE_ELSEWHERE = {
    "/api/v1/broadcasts/{broadcast_id}/copy": "/api/v1/broadcasts/{broadcast_id}",
    "/api/v1/broadcasts/{broadcast_id}/test": "/api/v1/messages/{message_id}",
    "/api/v1/conversations/{conversation_id}/messages": "/api/v1/messages/{message_id}",
}
# Bodies whose schemas refuse an empty object.
_AT_LEAST_ONE = ("ChangeBroadcast", "ChangeSegment")
_WAIT = {"description": "Seconds to wait.", "required": True, "schema": {"type": "integer", "minimum": 1}}


def finish(app: Flask) -> None:
    """Finish the document. Every resource must be registered before."""
    spec = api.spec
    spec.options["info"] = {"description": "Contacts, templates, broadcasts and messages of one WotNot workspace."}
    spec.options["servers"] = [{"url": app.extensions["wotnot.config"].public_url}]
    spec.options["security"] = [{"bearer": []}, {"apiKey": []}]
    schemes = spec.components.security_schemes
    schemes["bearer"] = {"type": "http", "scheme": "bearer", "description": "An access token or an API key."}
    schemes["apiKey"] = {"type": "apiKey", "in": "header", "name": "X-API-Key"}
    spec.components.schemas["Error"] = _problem_schema()
    spec.components.responses.clear()
    for name in _AT_LEAST_ONE:
        spec.components.schemas[name]["minProperties"] = 1
    for rule in app.url_map.iter_rules():
        for method, operation in _operations(rule):
            _name(operation, rule.endpoint)
            _describe_guard(app, rule, operation)
            _describe_scope(rule, method, operation)
            _describe_query(operation)
            _describe_answers(rule, operation)
    _link()


def _paths() -> dict[str, dict[str, Operation]]:
    paths: dict[str, dict[str, Operation]] = api.spec._paths  # noqa: SLF001 — apispec offers no other way to reach a finished path
    return paths


def _operations(rule: Rule) -> Iterator[tuple[str, Operation]]:
    """(method, operation) of the document that the rule answers."""
    operations = _paths().get(_openapi_path(rule.rule), {})
    for method in sorted({method.lower() for method in rule.methods or ()} & set(operations)):
        yield method.upper(), operations[method]


def _name(operation: Operation, endpoint: str) -> None:
    resource, _, verb = endpoint.partition(".")
    operation["operationId"] = f"{resource.removesuffix('-api').replace('-', '_')}_{verb}"


def _describe_guard(app: Flask, rule: Rule, operation: Operation) -> None:
    role = getattr(app.view_functions[rule.endpoint], "required_role", None)
    if role is not None:
        operation["x-role"] = str(role)
    if _openapi_path(rule.rule) in OPEN_PATHS:
        operation["security"] = []


def _describe_scope(rule: Rule, method: str, operation: Operation) -> None:
    """Which scope a limited key needs for a call."""
    area = api_scopes.area_of(rule.endpoint, rule.rule)
    if area:
        is_change = api_scopes.changes(rule.endpoint, method)
        operation["x-scope"] = f"{area}:{api_keys.AREAS[area][-1] if is_change else 'read'}"


def _describe_query(operation: Operation) -> None:
    """A parameter of the address is there or is not: it cannot be null."""
    for parameter in operation.get("parameters", ()):
        schema = parameter.get("schema", {}) if isinstance(parameter, dict) else {}
        if isinstance(schema.get("type"), list):
            (schema["type"],) = [kind for kind in schema["type"] if kind != "null"]
        if None in schema.get("enum", ()):
            schema["enum"] = [value for value in schema["enum"] if value is not None]
        if "default" in schema and schema["default"] is None:
            del schema["default"]


def _describe_answers(rule: Rule, operation: Operation) -> None:
    """Every status that the call may answer, and that an error is a problem document."""
    answers = operation["responses"]
    answers.pop("default", None)
    for status in _common_statuses(rule, operation):
        answers.setdefault(str(status), {"description": _TEXTS[str(status)]})
    for status, answer in answers.items():
        if status in _TEXTS:
            answer.pop("$ref", None)
            answer.setdefault("description", _TEXTS[status])
            answer["content"] = {PROBLEM: {"schema": {"$ref": "#/components/schemas/Error"}}}
        if status == "429":
            answer["headers"] = {"Retry-After": _WAIT}


def _common_statuses(rule: Rule, operation: Operation) -> Iterator[int]:
    """What does not depend on what the call does, but on how it is called."""
    yield 429
    if operation.get("security") != []:
        yield 401
        yield 403
        # X-Workspace may name a workspace that the token's user is not in.
        yield 404
    if "requestBody" in operation:
        yield from (413, 422)
        if "application/json" in operation["requestBody"]["content"]:
            yield from (400, 415)
    if operation.get("parameters"):
        yield 422
    if any(parameter.get("name") == idempotency.HEADER for parameter in operation.get("parameters", ())):
        yield 409
    if "/auth/" in rule.rule:
        yield from (401, 403)


def _link() -> None:
    """From each POST that makes something to every call about what it made."""
    for path, operations in _paths().items():
        answers = operations.get("post", {}).get("responses", {})
        links = dict(_links_from(path))
        for status in {"201", "202"} & set(answers):
            answers[status] |= {"links": links} if links else {}


def _links_from(path: str) -> Iterator[tuple[str, dict[str, Any]]]:
    """(name, link) of each call at or below the address of what a POST to `path` makes; its id comes in the answer."""
    elsewhere = _MADE_ELSEWHERE.get(path)
    made = re.compile(rf"{re.escape(elsewhere)}(/|$)" if elsewhere else rf"{re.escape(path)}/{{\w+}}(/|$)")
    known = set(re.findall(r"{(\w+)}", path))
    for target, operations in _paths().items():
        needed = re.findall(r"{(\w+)}", target)
        new = [name for name in needed if name not in known] or needed[-1:]
        if not made.match(target) or len(new) != 1:
            continue
        parameters = {name: f"$request.path.{name}" for name in needed} | {new[0]: "$response.body#/id"}
        for method in sorted(set(operations) - {"parameters"}):
            name = operations[method]["operationId"]
            yield name, {"operationId": name, "parameters": parameters}


def _problem_schema() -> dict[str, Any]:
    text = {"type": "string"}
    return {
        "type": "object",
        "description": "A problem document (RFC 9457).",
        "required": ["type", "title", "status", "detail", "code"],
        "properties": {
            "type": {**text, "example": "about:blank"},
            "title": {**text, "example": "Some fields need a change"},
            "status": {"type": "integer", "example": 422},
            "detail": {**text, "example": "This number is too short for South Africa."},
            "code": {**text, "example": "invalid", "description": "Stable: a program can branch on it."},
            "errors": {
                "type": "object",
                "description": "Field → sentences; only with 422.",
                "additionalProperties": {"type": "array", "items": text},
                "example": {"phone": ["This number is too short for South Africa."]},
            },
        },
    }


def _openapi_path(rule: str) -> str:
    return re.sub(r"<(?:[^:<>]+:)?([^<>]+)>", r"{\1}", rule)
