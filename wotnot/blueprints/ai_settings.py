"""Settings, Writing with AI: the key, the model, the cap, and what this month took."""

from flask import Blueprint, Flask, flash, redirect, render_template
from marshmallow import fields
from werkzeug.wrappers import Response

from wotnot.blueprints.broadcast_views import time_words
from wotnot.blueprints.forms import Form, FormSchema, read_form
from wotnot.blueprints.guards import guard_pages, page_timezone, requires, workspace_id
from wotnot.errors import Conflict, Invalid, Unavailable
from wotnot.models import AiProvider, Role
from wotnot.services import ai_settings

blueprint = Blueprint("ai_settings", __name__, url_prefix="/app/settings/ai")
guard_pages(blueprint)

Answer = str | Response | tuple[str, int]

_HERE = "/app/settings/ai"
_PROVIDERS = [
    (AiProvider.GEMINI, "Gemini", "From Google. It has a free tier."),
    (AiProvider.OPENROUTER, "OpenRouter", "One key for the models of many makers."),
    (AiProvider.CUSTOM, "Your own server", "Anything that speaks OpenAI’s protocol."),
]


class AiForm(FormSchema):
    """Provider, model, key and cap, as they were typed."""

    provider = fields.String(load_default="")
    model = fields.String(load_default="")
    base_url = fields.String(load_default="")
    api_key = fields.String(load_default="")
    monthly_token_cap = fields.String(load_default="")


def register(app: Flask) -> None:
    """Put the page under /app/settings/ai."""
    app.register_blueprint(blueprint)


@blueprint.context_processor
def _words() -> dict[str, object]:
    return {"providers": _PROVIDERS, "models": ai_settings.DEFAULT_MODELS, **time_words(page_timezone())}


@blueprint.get("")
def index() -> str:
    """Who writes here, and what it took this month."""
    setup = ai_settings.get_setup(workspace_id())
    cap = setup.monthly_token_cap
    values = {
        "provider": setup.provider,
        "model": setup.model,
        "base_url": setup.base_url,
        "monthly_token_cap": "" if cap is None else str(cap),
    }
    return _page(Form(values=values))


@blueprint.post("")
@requires(Role.ADMIN)
def save() -> Answer:
    """Save, once a tiny call has shown that it works."""
    form = read_form(AiForm)
    try:
        ai_settings.save_settings(workspace_id(), **form.data)
    except (Invalid, Unavailable) as error:
        form.take(error)
        return _page(form), 422
    flash("Saved. The model answers.", "success")
    return redirect(_HERE)


@blueprint.post("/test")
@requires(Role.ADMIN)
def test() -> Response:
    """Ask the model for one word."""
    try:
        ai_settings.check_settings(workspace_id())
        flash("The model answers.", "success")
    except (Conflict, Invalid, Unavailable) as error:
        flash(error.detail, "error")
    return redirect(_HERE)


@blueprint.post("/remove")
@requires(Role.ADMIN)
def remove() -> Response:
    """Forget the key."""
    ai_settings.remove_key(workspace_id())
    flash("The key is removed.", "success")
    return redirect(_HERE)


def _page(form: Form) -> str:
    form.values.pop("api_key", None)  # a key is never written back into a page
    here = workspace_id()
    return render_template(
        "settings/ai.html", form=form, setup=ai_settings.get_setup(here), usage=ai_settings.get_usage(here)
    )
