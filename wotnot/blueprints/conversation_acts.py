"""What members do in a conversation: answer, note, assign, close. The contact card is in `conversation_card`."""

from collections.abc import Mapping
from typing import Any

from flask import Blueprint, Flask, flash, make_response, render_template, request
from werkzeug.datastructures import MultiDict
from werkzeug.wrappers import Response

from wotnot.blueprints import conversation_parts as parts
from wotnot.blueprints import conversation_templates as templates
from wotnot.blueprints import conversation_views as views
from wotnot.blueprints.broadcast_views import time_words
from wotnot.blueprints.form_errors import errors_of
from wotnot.blueprints.guards import actor, guard_pages, member_id, page_timezone, workspace_id
from wotnot.blueprints.htmx import go_to, is_htmx
from wotnot.errors import Conflict, DomainError, Invalid, TooLarge, Unavailable
from wotnot.models import Conversation, Message, Template
from wotnot.services import (
    canned_replies,
    conversations,
    media,
    message_templates,
    replies,
)

blueprint = Blueprint("conversation_acts", __name__, url_prefix=views.HOME)
guard_pages(blueprint)

Answer = str | Response | tuple[str, int]
SENT = "inbox-sent"
"""The event that tells the page to fetch the thread: something of ours is in it now."""


def register(app: Flask) -> None:
    """Put the acts under /app/inbox."""
    app.register_blueprint(blueprint)


@blueprint.context_processor
def _words() -> dict[str, object]:
    return {**views.inbox_words(page_timezone()), **time_words(page_timezone())}


# ---------------------------------------------------------------- answers


@blueprint.post("/<int:conversation_id>/send")
def send(conversation_id: int) -> Answer:
    """A text. The page that sent it gets its bubble; without scripts the thread is shown again."""
    conversation = _conversation(conversation_id)
    try:
        message = _reply(conversation, "text", {"body": _written()})
    except (Invalid, Conflict) as error:
        if is_htmx():
            raise
        return _refused(conversation, "text", error)
    return parts.one_entry(conversation, message) if is_htmx() else _back(conversation_id)


@blueprint.post("/<int:conversation_id>/note")
def note(conversation_id: int) -> Answer:
    """A private note."""
    conversation = _conversation(conversation_id)
    try:
        conversations.add_note(
            workspace_id(),
            conversation_id,
            user_id=actor().user.id,
            words=request.form.get("body", ""),
            client_id=_form_key(),
        )
    except Invalid as error:
        return _refused(conversation, "note", error)
    return _sent(conversation)


@blueprint.post("/<int:conversation_id>/media")
def send_media(conversation_id: int) -> Answer:
    """A file that is uploaded here or chosen from the library, with a caption."""
    conversation = _conversation(conversation_id)
    try:
        file = _file()
        content = {"file_id": file.id, "caption": request.form.get("caption", "")}
        _reply(conversation, file.kind, content)
    except (Invalid, Conflict, TooLarge, Unavailable) as error:
        return _refused(_conversation(conversation_id), "media", error, beside="file")
    return _sent(_conversation(conversation_id))


@blueprint.post("/<int:conversation_id>/template")
def send_template(conversation_id: int) -> Answer:
    """An approved template with the values that were typed and the files that were chosen."""
    sent, refused = templates.take_uploads(_template(), request.form)
    # Read only now: the connection may have been given back while a file was stored.
    conversation, template = _conversation(conversation_id), _template()
    if refused:
        return _shown_again(conversation, "template", sent, refused)
    try:
        variables = templates.variables_of(template, sent, conversation)
        _reply(
            conversation,
            "template",
            {"name": template.name, "language": template.language, "variables": variables},
        )
    except (Invalid, Conflict, Unavailable) as error:
        return _refused(_conversation(conversation_id), "template", error, values=sent)
    return _sent(_conversation(conversation_id))


@blueprint.post("/<int:conversation_id>/template/files")
def choose_file(conversation_id: int) -> Answer:
    """The files that the header `?key=` can show, after a search or an upload; everything typed stays as it is."""
    sent, errors = templates.take_uploads(_template(), request.form)
    conversation, template = _conversation(conversation_id), _template()
    context = templates.files_part(conversation, template, sent)
    row = next((row for row in context["file_rows"] if row.key == request.args.get("key")), None)
    if row is None or not is_htmx():
        return _shown_again(conversation, "template", sent, errors, 422 if errors else 200)
    context |= {"row": row, "errors": errors, "is_changed": True}
    return render_template("media/_file_choice.html", **context), 422 if errors else 200


@blueprint.post("/<int:conversation_id>/preview")
def preview_template(conversation_id: int) -> str:
    """The template as the customer would see it with what is typed so far."""
    message = templates.look(_conversation(conversation_id), _template(), request.form)
    return render_template("conversations/_preview.html", message=message)


@blueprint.post("/<int:conversation_id>/choices")
def send_choices(conversation_id: int) -> Answer:
    """A question with buttons or a list."""
    conversation = _conversation(conversation_id)
    try:
        _reply(conversation, "interactive", views.read_choices(request.form))
    except (Invalid, Conflict) as error:
        return _refused(conversation, "choices", error)
    return _sent(conversation)


@blueprint.post("/<int:conversation_id>/react")
def react(conversation_id: int) -> Answer:
    """An emoji on a message; an empty one takes ours back."""
    conversation = _conversation(conversation_id)
    typed = request.form.get("other", "").strip()
    try:
        _reply(conversation, "reaction", {"emoji": typed or request.form.get("emoji", "")})
    except (Invalid, Conflict) as error:
        return _refused(conversation, "react", error)
    return _sent(conversation)


@blueprint.post("/<int:conversation_id>/retry/<int:message_id>")
def retry(conversation_id: int, message_id: int) -> Answer:
    """Send what failed again."""
    conversation = _conversation(conversation_id)
    try:
        replies.retry_reply(workspace_id(), conversation_id, message_id, user_id=actor().user.id)
    except Conflict as error:
        if is_htmx():
            raise
        flash(error.detail, "error")
    return _sent(conversation)


@blueprint.post("/<int:conversation_id>/discard/<int:message_id>")
def discard(conversation_id: int, message_id: int) -> Answer:
    """Put what failed aside."""
    conversation = _conversation(conversation_id)
    try:
        replies.discard_reply(workspace_id(), conversation_id, message_id, user_id=actor().user.id)
    except Conflict as error:
        if is_htmx():
            raise
        flash(error.detail, "error")
    return _sent(conversation)


@blueprint.post("/<int:conversation_id>/typing")
def typing(conversation_id: int) -> tuple[str, int]:
    """A member is writing an answer: the colleagues see who, the customer that somebody is."""
    replies.say_typing(workspace_id(), conversation_id, user_id=actor().user.id)
    return "", 204


@blueprint.post("/<int:conversation_id>/read")
def read(conversation_id: int) -> Answer:
    """Everything in it has been seen."""
    conversations.mark_read(workspace_id(), conversation_id)
    return ("", 204) if is_htmx() else _back(conversation_id)


# ---------------------------------------------------------------- team work


@blueprint.post("/<int:conversation_id>/assign")
def assign(conversation_id: int) -> Answer:
    """To me, to a member by id, to nobody, or to whoever is next in turn."""
    to, user_id = request.form.get("to", "me"), actor().user.id
    try:
        if to == "auto":
            conversations.assign_by_turns(workspace_id(), conversation_id, user_id=user_id)
        else:
            member = {"me": member_id(), "nobody": None}.get(to, int(to) if to.isdecimal() else 0)
            conversations.assign(workspace_id(), conversation_id, member_id=member, user_id=user_id)
    except Invalid as error:
        if is_htmx():
            raise
        flash(error.detail, "error")
    return _head(conversation_id)


@blueprint.post("/<int:conversation_id>/close")
def close(conversation_id: int) -> Answer:
    """Put it away."""
    conversations.close(workspace_id(), conversation_id, user_id=actor().user.id)
    return _head(conversation_id)


@blueprint.post("/<int:conversation_id>/reopen")
def reopen(conversation_id: int) -> Answer:
    """Take it out again."""
    conversations.reopen(workspace_id(), conversation_id, user_id=actor().user.id)
    return _head(conversation_id)


# ---------------------------------------------------------------- parts


def _conversation(conversation_id: int) -> Conversation:
    return conversations.get_conversation(workspace_id(), conversation_id)


def _template() -> Template:
    return message_templates.get_template(workspace_id(), request.form.get("template", 0, type=int))


def _written() -> str:
    """The text of the form. Raises Invalid while a saved reply in it still has a gap."""
    body = request.form.get("body", "")
    if gaps := canned_replies.gaps_in(body):
        named = " and ".join(f"{{{{{gap}}}}}" for gap in gaps[:3])
        raise Invalid({"text.body": f"Nothing is known for {named}. Write something in its place."})
    return body


def _file() -> Any:
    """The file that was uploaded, kept in the library, or the one that was chosen there."""
    sent = request.files.get("file")
    if sent is not None and sent.filename:
        return media.save_file(workspace_id(), sent.stream, sent.filename, user_id=actor().user.id)
    chosen = request.form.get("file_id", "")
    if not chosen.isdecimal():
        raise Invalid({"file": "Choose a file from your computer or from the library."})
    return media.get_file(workspace_id(), int(chosen))


def _reply(conversation: Conversation, kind: str, content: Mapping[str, Any]) -> Message:
    return replies.send_reply(
        workspace_id(),
        conversation.id,
        type=kind,
        content=content,
        user_id=actor().user.id,
        reply_to=_quoted(),
        client_id=_form_key(),
    )


def _form_key() -> str | None:
    """What the page named this submission: repeated, it counts once."""
    return request.form.get("client_id") or None


def _quoted() -> int | None:
    """The message that is answered. A strange one is somebody else's, not none: an answer must not lose what it is about."""
    typed = request.form.get("reply_to", "")
    if not typed:
        return None
    return int(typed) if typed.isdecimal() and len(typed) < 19 else 0


def _sent(conversation: Conversation) -> Answer:
    """The composer as it was in the beginning; the thread is fetched by whoever shows it."""
    if not is_htmx():
        return _back(conversation.id)
    response = make_response(
        render_template("conversations/_composer.html", **parts.composer_part(conversation, compose=""))
    )
    response.headers["HX-Trigger"] = SENT
    return response


def _refused(
    conversation: Conversation,
    compose: str,
    error: DomainError,
    beside: str = "form",
    values: MultiDict[str, str] | None = None,
) -> tuple[str, int]:
    """The composer with what was typed and what is wrong with it."""
    found = errors_of(error)
    errors = views.form_errors(found if isinstance(error, Invalid) else {beside: found["form"]})
    return _shown_again(conversation, compose, request.form if values is None else values, errors)


def _shown_again(
    conversation: Conversation, compose: str, values: MultiDict[str, str], errors: parts.Errors, status: int = 422
) -> tuple[str, int]:
    context = parts.composer_part(conversation, compose=compose, values=values, errors=errors)
    if is_htmx():
        return render_template("conversations/_composer.html", **context), status
    page = parts.list_part(conversation.id) | parts.open_part(conversation) | context
    return render_template("conversations/index.html", **page), status


def _head(conversation_id: int) -> Answer:
    if not is_htmx():
        return _back(conversation_id)
    return render_template("conversations/_head.html", **parts.head_part(_conversation(conversation_id)))


def _back(conversation_id: int, **more: object) -> Response:
    return go_to(views.address_of(conversation_id, parts.wanted(), **more))
