"""API keys: making and stopping them, and what the test keys sent."""

from datetime import timedelta

from flask import Blueprint, Flask, flash, redirect, render_template, request
from marshmallow import fields, validate
from werkzeug.wrappers import Response

from wotnot import clock
from wotnot.blueprints.broadcast_views import time_words
from wotnot.blueprints.forms import Form, FormSchema, read_form
from wotnot.blueprints.guards import actor, guard_pages, page_timezone, requires, workspace_id
from wotnot.errors import Invalid
from wotnot.models import Role
from wotnot.services import api_keys, simulated_messages
from wotnot.services.whatsapp.errors import plain_words
from wotnot.services.whatsapp.wording import line_of

HERE = "/app/settings/keys"
blueprint = Blueprint("keys", __name__, url_prefix=HERE)
guard_pages(blueprint)

Answer = str | Response | tuple[str, int]

AREA_WORDS = {
    "contacts": ("Contacts", "tags, segments, imports"),
    "templates": ("Templates", "and the media library"),
    "broadcasts": ("Broadcasts", ""),
    "messages": ("Messages", "and conversations"),
    "analytics": ("Analytics", ""),
    "exports": ("Exports", "files of people, messages and costs"),
    "shops": ("Shops", "their rules and products"),
    "account": ("Account", "numbers, API keys"),
}
VERB_WORDS = {"read": "Read", "write": "Read and change", "send": "Read and send"}
LASTS = ("30", "90", "365", "")


class KeyForm(FormSchema):
    """What a key is for, what it may do, and how long. `access` is all, read, or some: then each area says."""

    name = fields.String(load_default="")
    kind = fields.String(load_default="live", validate=validate.OneOf(("live", "test")))
    access = fields.String(load_default="all", validate=validate.OneOf(("all", "read", "some")))
    days = fields.String(load_default="", validate=validate.OneOf(LASTS, error="Choose one of the list."))


def register(app: Flask) -> None:
    """Put the pages under /app/settings/keys."""
    app.register_blueprint(blueprint)


@blueprint.context_processor
def _words() -> dict[str, object]:
    return {**time_words(page_timezone()), "areas": _areas(), "may_do": _may_do, "has_expired": api_keys.has_expired}


@blueprint.get("")
@requires(Role.ADMIN)
def index() -> str:
    """The keys that work."""
    return _page(Form(values={"kind": "live", "access": "all", "days": "365"}))


@blueprint.post("")
@requires(Role.ADMIN)
def create() -> Answer:
    """Make a key and show it, this once. The answer is not a redirect, so the key is in no address and no session."""
    form = read_form(KeyForm)
    if form.errors:
        return _page(form), 422
    try:
        days = form.data["days"]
        row, key = api_keys.create_api_key(
            workspace_id(),
            user_id=actor().user.id,
            name=form.data["name"],
            scopes=_scopes(form),
            is_test=form.data["kind"] == "test",
            expires_at=clock.now() + timedelta(days=int(days)) if days else None,
        )
    except Invalid as error:
        form.take(error)
        return _page(form), 422
    return _page(Form(values={"kind": "live", "access": "all", "days": "365"}), shown=(row.name, key))


@blueprint.post("/<int:key_id>/revoke")
@requires(Role.ADMIN)
def revoke(key_id: int) -> Response:
    """Stop a key."""
    api_keys.revoke_api_key(workspace_id(), key_id)
    flash("The key has stopped working.", "success")
    return redirect(HERE)


@blueprint.get("/test-messages")
@requires(Role.ADMIN)
def test_messages() -> str:
    """What the test keys sent, and how far it has come."""
    page, now = simulated_messages.list_messages(workspace_id(), cursor=request.args.get("cursor")), clock.now()
    rows = [(message, simulated_messages.seen(message, now)) for message in page.items]
    return render_template(
        "settings/test_messages.html", rows=rows, next_cursor=page.next_cursor, line_of=line_of, plain_words=plain_words
    )


def _scopes(form: Form) -> list[str]:
    """The scopes that were chosen. Raises Invalid when only some areas were wanted, and none was named."""
    if form.data["access"] != "some":
        return ["read"] if form.data["access"] == "read" else []
    chosen = [f"{area}:{form.values.get(f'area_{area}')}" for area in api_keys.AREAS if form.values.get(f"area_{area}")]
    if not chosen:
        raise Invalid({"area_contacts": "Choose what the key may do in at least one area."})
    return chosen


def _areas() -> list[tuple[str, str, str, list[tuple[str, str]]]]:
    """(field, name, what else belongs to it, choices) of each area, for the form."""
    return [
        (f"area_{area}", *AREA_WORDS[area], [("", "Nothing"), *((verb, VERB_WORDS[verb]) for verb in verbs)])
        for area, verbs in api_keys.AREAS.items()
    ]


def _may_do(scopes: list[str]) -> str:
    """The scopes of a key as people read them."""
    if not scopes:
        return "Everything that its maker may"
    if ":" not in scopes[0]:
        return {"read": "Only read"}.get("".join(scopes), "Read and change")
    said: dict[str, str] = {}
    for area, _, verb in (scope.partition(":") for scope in scopes):
        said[AREA_WORDS[area][0]] = VERB_WORDS[verb].lower()
    return " · ".join(f"{name}: {words}" for name, words in said.items())


def _page(form: Form, shown: tuple[str, str] | None = None) -> str:
    page = api_keys.list_api_keys(workspace_id(), cursor=request.args.get("cursor"))
    return render_template("settings/keys.html", form=form, page=page, shown=shown)
