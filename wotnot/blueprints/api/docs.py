"""The API's documentation: what flask-smorest generates from the views, finished, and pages to read it on."""

import re

from flask import Blueprint, Flask, current_app, render_template
from markupsafe import Markup, escape

from wotnot.blueprints.api import openapi, reference
from wotnot.blueprints.api.reference import Section
from wotnot.blueprints.api.seed import SHORT_PATHS
from wotnot.errors import NotFound
from wotnot.extensions import api, limiter

blueprint = Blueprint("api_docs", __name__, url_prefix="/api/v1")


def register(app: Flask) -> None:
    """Finish the document and put the pages at /api/v1/docs. Every resource must be registered before."""
    openapi.finish(app)
    app.register_blueprint(blueprint)


@blueprint.get("")
@blueprint.get("/docs")
@limiter.limit("120 per minute")
def show() -> str:
    """How to begin, what errors look like, and every call there is."""
    return _render("index", _sections(), None, errors=openapi.ERRORS, short_paths=SHORT_PATHS)


@blueprint.get("/docs/<name>")
@limiter.limit("120 per minute")
def section(name: str) -> str:
    """The calls of one resource with their fields, examples and answers. Raises NotFound."""
    sections = _sections()
    here = next((one for one in sections if one.name == name), None)
    if here is None:
        raise NotFound("Page")
    return _render("section", sections, here)


def _render(page: str, sections: list[Section], here: Section | None, **also: object) -> str:
    return render_template(f"api_docs/{page}.html", sections=sections, here=here, base_url=_base_url(), **also)


def _sections() -> list[Section]:
    return reference.sections(api.spec.to_dict(), _base_url())


def _base_url() -> str:
    return str(current_app.extensions["wotnot.config"].public_url)


@blueprint.app_template_filter("code_words")
def code_words(text: str) -> Markup:
    """Text with what stands between back quotes as code."""
    return Markup(re.sub(r"`([^`]+)`", r"<code>\1</code>", str(escape(text))))  # noqa: S704 — escaped right here
