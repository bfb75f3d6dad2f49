"""Adding a language to a template: the editor with the same message in it, and a model to translate it."""

from flask import Blueprint, Flask, flash, request
from werkzeug.wrappers import Response

from wotnot.blueprints.form_errors import errors_of
from wotnot.blueprints.guards import actor, guard_pages, requires, workspace_id
from wotnot.blueprints.htmx import go_to
from wotnot.blueprints.message_templates import editor_page, editor_words
from wotnot.blueprints.template_form import read_form
from wotnot.blueprints.translation_form import keep_in_family, translated, translation_values
from wotnot.errors import Conflict, Invalid, Unavailable
from wotnot.models import Role
from wotnot.services import message_templates
from wotnot.services.languages import language_name, read_language

blueprint = Blueprint("template_translations", __name__, url_prefix="/app/templates")
guard_pages(blueprint)
blueprint.context_processor(editor_words)

Answer = str | Response | tuple[str, int]


def register(app: Flask) -> None:
    """Put the pages under /app/templates."""
    app.register_blueprint(blueprint)


@blueprint.get("/<int:template_id>/translate")
@requires(Role.ADMIN)
def new(template_id: int) -> Answer:
    """The editor with the message of a template, to be written in another language (`?language=`). Nothing is saved yet."""
    template = message_templates.get_template(workspace_id(), template_id)
    values = translation_values(template, read_language(request.args.get("language", "")) or "")
    if values is None:
        flash(
            "This message has parts that the editor has no fields for. Add its translation in Meta’s WhatsApp Manager, "
            "then sync.",
            "warning",
        )
        return go_to(f"/app/templates/{template_id}")
    return editor_page(values)


@blueprint.post("/translate")
@requires(Role.ADMIN)
def translate() -> Answer:
    """The editor with its words translated by a model. Nothing is submitted, and what it cannot do is said."""
    values = keep_in_family(read_form(request.form))
    try:
        values = translated(values, actor().user.id)
    except Invalid as error:
        # A brief's fields are not on this page.
        return editor_page(values, error.errors if "language" in error.errors else {"form": [error.detail]}), 422
    except (Conflict, Unavailable) as error:
        return editor_page(values, errors_of(error)), 422
    flash(f"Translated into {language_name(values.language)}. Read it before you submit it.", "success")
    return editor_page(values)
