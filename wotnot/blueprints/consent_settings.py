"""Settings, Consent words: what opts out and in, in which languages, and what we answer."""

from typing import Any

from flask import Blueprint, Flask, flash, redirect, render_template
from marshmallow import fields
from werkzeug.wrappers import Response

from wotnot.blueprints.forms import Form, FormSchema, read_form
from wotnot.blueprints.guards import guard_pages, requires, workspace_id
from wotnot.errors import Invalid
from wotnot.models import Role
from wotnot.services import automatic_answers, consent_replies, consent_words

blueprint = Blueprint("consent_settings", __name__, url_prefix="/app/settings/consent")
guard_pages(blueprint)

Answer = str | Response | tuple[str, int]

_HERE = "/app/settings/consent"


class WordsForm(FormSchema):
    """A workspace's own words, one a line, and whether we answer."""

    language = fields.String(load_default="")
    stop_words = fields.String(load_default="")
    start_words = fields.String(load_default="")
    answers_stop = fields.Boolean(load_default=False)
    answers_start = fields.Boolean(load_default=False)


class AnswersForm(FormSchema):
    """Our answers in one language."""

    stop = fields.String(load_default="")
    start = fields.String(load_default="")


def register(app: Flask) -> None:
    """Put the pages under /app/settings/consent."""
    app.register_blueprint(blueprint)


@blueprint.get("")
def index() -> str:
    """The words of every language, and one's own."""
    settings = consent_replies.get_settings(workspace_id())
    values: dict[str, Any] = {
        "language": settings.language,
        "stop_words": "\n".join(settings.stop_words),
        "start_words": "\n".join(settings.start_words),
        "answers_stop": settings.answers_stop,
        "answers_start": settings.answers_start,
    }
    return _page(Form(values=values))


@blueprint.post("")
@requires(Role.ADMIN)
def save() -> Answer:
    """Keep one's own words."""
    form = read_form(WordsForm)
    try:
        consent_replies.save_words(workspace_id(), **form.data)
    except Invalid as error:
        form.take(error)
        return _page(form), 422
    flash("The words are saved.", "success")
    return redirect(_HERE)


@blueprint.get("/answers/<language>")
def answers(language: str) -> str:
    """What we answer in one language."""
    consent_replies.get_language(language)
    settings = consent_replies.get_settings(workspace_id())
    values = {name: settings.own_text(language, is_stop=name == "stop") for name in ("stop", "start")}
    return _answers_page(language, Form(values=values))


@blueprint.post("/answers/<language>")
@requires(Role.ADMIN)
def save_answers(language: str) -> Answer:
    """Keep them; an empty one is the built-in one again."""
    form = read_form(AnswersForm)
    try:
        consent_replies.save_texts(workspace_id(), language, **form.data)
    except Invalid as error:
        form.take(error)
        return _answers_page(language, form), 422
    flash(f"The answers in {consent_replies.get_language(language).name} are saved.", "success")
    return redirect(_HERE)


def _page(form: Form) -> str:
    languages = list(consent_words.languages().values())
    return render_template(
        "settings/consent.html",
        form=form,
        settings=consent_replies.get_settings(workspace_id()),
        languages=languages,
        choices=[(one.code, one.name) for one in languages],
    )


def _answers_page(code: str, form: Form) -> str:
    language = consent_replies.get_language(code)
    business = automatic_answers.business_name(workspace_id())
    return render_template(
        "settings/consent_answers.html", form=form, language=language, business=business, limit=consent_replies.MAX_TEXT
    )
