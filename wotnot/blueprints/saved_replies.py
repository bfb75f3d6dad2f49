"""Saved replies: what the composer of the inbox offers after a slash. Everybody reads them, admins write them."""

from flask import Blueprint, Flask, flash, render_template, request
from marshmallow import fields
from werkzeug.wrappers import Response

from wotnot.blueprints.forms import Form, FormSchema, read_form
from wotnot.blueprints.guards import guard_pages, requires, workspace_id
from wotnot.blueprints.htmx import go_to
from wotnot.errors import Conflict, Invalid
from wotnot.models import Role
from wotnot.services import canned_replies, contacts
from wotnot.services.personalise import BUILT_IN_FIELDS

HERE = "/app/settings/replies"
blueprint = Blueprint("saved_replies", __name__, url_prefix=HERE)
guard_pages(blueprint)

Answer = str | Response | tuple[str, int]


class ReplyForm(FormSchema):
    """A shortcut and the text it stands for."""

    shortcut = fields.String(load_default="")
    body = fields.String(load_default="")


def register(app: Flask) -> None:
    """Put the page under /app/settings/replies."""
    app.register_blueprint(blueprint)


@blueprint.get("")
def index() -> str:
    """All of them, with the form for one more; `?edit=` puts one into the form."""
    edited = request.args.get("edit", type=int)
    if edited is None:
        return _page(Form())
    reply = canned_replies.get_reply(workspace_id(), edited)
    return _page(Form(values={"shortcut": reply.shortcut, "body": reply.body}), edited)


@blueprint.post("")
@requires(Role.ADMIN)
def create() -> Answer:
    """Keep a new one."""
    return _save(None)


@blueprint.post("/<int:reply_id>")
@requires(Role.ADMIN)
def change(reply_id: int) -> Answer:
    """Change one."""
    canned_replies.get_reply(workspace_id(), reply_id)
    return _save(reply_id)


@blueprint.post("/<int:reply_id>/delete")
@requires(Role.ADMIN)
def delete(reply_id: int) -> Response:
    """Forget one."""
    canned_replies.delete_reply(workspace_id(), reply_id)
    flash("The reply is deleted.", "success")
    return go_to(HERE)


def _save(reply_id: int | None) -> Answer:
    form = read_form(ReplyForm)
    try:
        reply = canned_replies.save_reply(workspace_id(), reply_id=reply_id, **form.data)
    except (Invalid, Conflict) as error:
        form.take(error, "shortcut")
        return _page(form, reply_id), 422
    flash(f"Type /{reply.shortcut} in the inbox to use it.", "success")
    return go_to(HERE)


def _page(form: Form, edited: int | None = None) -> str:
    return render_template(
        "settings/replies.html",
        form=form,
        edited=edited,
        replies=canned_replies.list_replies(workspace_id()),
        fields=[*BUILT_IN_FIELDS, *contacts.list_attribute_names(workspace_id())],
    )
