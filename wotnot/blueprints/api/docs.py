"""The API's documentation: what flask-smorest generates from the views, finished, and a page to read it on."""

import re

from flask import Blueprint, Flask, current_app, render_template
from markupsafe import Markup, escape

from wotnot.blueprints.api import openapi, reference
from wotnot.blueprints.api.seed import SHORT_PATHS
from wotnot.extensions import api, limiter

blueprint = Blueprint("api_docs", __name__, url_prefix="/api/v1")


def register(app: Flask) -> None:
    """Finish the document and put the page at /api/v1/docs. Every resource must be registered before."""
    openapi.finish(app)
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
        errors=openapi.ERRORS,
        short_paths=SHORT_PATHS,
        base_url=base_url,
    )


@blueprint.app_template_filter("code_words")
def code_words(text: str) -> Markup:
    """Text with what stands between back quotes as code."""
    return Markup(re.sub(r"`([^`]+)`", r"<code>\1</code>", str(escape(text))))  # noqa: S704 — escaped right here
