"""The API's documentation: what flask-smorest generates from the views, finished, and a page to read it on."""

import re
from typing import Any

from flask import Blueprint, Flask, current_app, render_template
from markupsafe import Markup, escape

from wotnot.blueprints import api_scopes
from wotnot.blueprints.api import reference
from wotnot.blueprints.api.seed import SHORT_PATHS
from wotnot.extensions import api, limiter
from wotnot.services import api_keys

blueprint = Blueprint("api_docs", __name__, url_prefix="/api/v1")

PROBLEM = "application/problem+json"
OPEN_PATHS = {"/api/v1/auth/register", "/api/v1/auth/login"}
ERRORS = (
    (401, "unauthorized", "No credential, or one that has ended."),
    (403, "forbidden, scope", "The role of the member, or the scope of the key, does not allow it."),
    (404, "not_found", "It does not exist, or it belongs to another workspace."),
    (409, "conflict", "Its state does not allow this now, or it exists already."),
    (413, "too_large", "More than the call takes."),
    (422, "invalid", "Fields that cannot be taken; `errors` says which and why."),
    (429, "too_many_requests", "Wait as many seconds as `Retry-After` says."),
    (503, "unavailable", "A part that this needs is away; try again later."),
)


def register(app: Flask) -> None:
    """Finish the document and put the page at /api/v1/docs. Every resource must be registered before."""
    _finish_spec(app)
    app.register_blueprint(blueprint)


@blueprint.get("")
@blueprint.get("/docs")
@limiter.limit("120 per minute")
def show() -> str:
    """Every call with its fields, an example and its answers."""
    document = api.spec.to_dict()
    base_url = current_app.extensions["wotnot.config"].public_url
    return render_template(
        "api_docs/index.html",
        sections=reference.sections(document, base_url),
        errors=ERRORS,
        short_paths=SHORT_PATHS,
        base_url=base_url,
    )


@blueprint.app_template_filter("code_words")
def code_words(text: str) -> Markup:
    """Text with what stands between back quotes as code."""
    return Markup(re.sub(r"`([^`]+)`", r"<code>\1</code>", str(escape(text))))  # noqa: S704 — escaped right here


def _finish_spec(app: Flask) -> None:
    """What flask-smorest cannot know: how to sign in, who may call what, and that errors are problems."""
    spec = api.spec
    spec.options["info"] = {
        "description": "Contacts, templates, broadcasts and messages of one WotNot workspace.",
    }
    spec.options["servers"] = [{"url": app.extensions["wotnot.config"].public_url}]
    spec.options["security"] = [{"bearer": []}, {"apiKey": []}]
    schemes = spec.components.security_schemes
    schemes["bearer"] = {"type": "http", "scheme": "bearer", "description": "An access token or an API key."}
    schemes["apiKey"] = {"type": "apiKey", "in": "header", "name": "X-API-Key"}
    _describe_problems(spec.components)
    for rule in app.url_map.iter_rules():
        _describe_guard(app, rule)
        _describe_scope(rule)


def _describe_guard(app: Flask, rule: Any) -> None:
    path = _openapi_path(rule.rule)
    operations = api.spec._paths.get(path)  # noqa: SLF001 — apispec offers no other way to reach a finished path
    for method in {method.lower() for method in rule.methods or ()} & set(operations or ()):
        operation = operations[method]
        role = getattr(app.view_functions[rule.endpoint], "required_role", None)
        if role is not None:
            operation["x-role"] = str(role)
        if path in OPEN_PATHS:
            operation["security"] = []


def _describe_scope(rule: Any) -> None:
    """Which scope a limited key needs for a call."""
    for method, operation in (api.spec._paths.get(_openapi_path(rule.rule)) or {}).items():  # noqa: SLF001 — as above
        area = api_scopes.area_of(rule.endpoint, rule.rule)
        if area and method.upper() in (rule.methods or ()):
            is_change = api_scopes.changes(rule.endpoint, method.upper())
            operation["x-scope"] = f"{area}:{api_keys.AREAS[area][-1] if is_change else 'read'}"


def _describe_problems(components: Any) -> None:
    """RFC 9457 in the place of flask-smorest's own error body."""
    components.schemas["Error"] = _problem_schema()
    for answer in components.responses.values():
        for content_type in list(answer.get("content", {})):
            if answer["content"][content_type].get("schema", {}).get("$ref", "").endswith("/Error"):
                answer["content"][PROBLEM] = answer["content"].pop(content_type)


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
