"""What members do in a conversation: answer, note, assign, label, close, and keep the contact card."""

from collections.abc import Mapping
from typing import Any

from flask import Blueprint, Flask, flash, make_response, render_template, request
from werkzeug.wrappers import Response

from wotnot.blueprints import conversation_parts as parts
from wotnot.blueprints import conversation_views as views
from wotnot.blueprints.broadcast_views import time_words
from wotnot.blueprints.form_errors import errors_of
from wotnot.blueprints.guards import actor, guard_pages, member_id, page_timezone, workspace_id
from wotnot.blueprints.htmx import go_to, is_htmx
from wotnot.errors import Conflict, DomainError, Invalid, TooLarge, Unavailable
from wotnot.models import Consent, Conversation, Message
from wotnot.services import (
    canned_replies,
    consent,
    contact_bulk,
    contacts,
    conversations,
    media,
    message_templates,
    replies,
)
from wotnot.services.whatsapp.components import fill_text

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
            workspace_id(), conversation_id, user_id=actor().user.id, words=request.form.get("body", "")
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
    """An approved template with the values that were typed."""
    conversation = _conversation(conversation_id)
    template = message_templates.get_template(workspace_id(), request.form.get("template", 0, type=int))
    variables = parts.typed_values(template, request.form, conversation)
    content = {"name": template.name, "language": template.language, "variables": variables}
    try:
        _reply(conversation, "template", content)
    except (Invalid, Conflict) as error:
        return _refused(conversation, "template", error)
    return _sent(conversation)


@blueprint.post("/<int:conversation_id>/preview")
def preview_template(conversation_id: int) -> str:
    """The template as the customer would see it with what is typed so far."""
    conversation = _conversation(conversation_id)
    template = message_templates.get_template(workspace_id(), request.form.get("template", 0, type=int))
    message = fill_text(template.components, parts.typed_values(template, request.form, conversation))
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
    user = actor().user
    replies.say_typing(workspace_id(), conversation_id, user_id=user.id, name=user.name)
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


@blueprint.post("/<int:conversation_id>/labels")
def label(conversation_id: int) -> Answer:
    """Put a label on (`label`) or take one off (`remove`)."""
    conversation = _conversation(conversation_id)
    remove = request.form.get("remove", "")
    kept = [one for one in conversation.labels if one != remove]
    return _card_act(
        conversation_id,
        lambda: conversations.set_labels(workspace_id(), conversation_id, [*kept, request.form.get("label", "")]),
    )


# ---------------------------------------------------------------- the contact card


@blueprint.post("/<int:conversation_id>/contact")
def save_contact(conversation_id: int) -> Answer:
    """Name, e-mail and attributes of the person."""
    conversation, form = _conversation(conversation_id), request.form
    pairs = zip(form.getlist("attribute_name"), form.getlist("attribute_value"), strict=False)
    fields: dict[str, Any] = {"name": form.get("name", ""), "email": form.get("email", "")}
    fields["attributes"] = {name: value for name, value in pairs if name.strip() and value.strip()}
    try:
        contacts.update_contact(workspace_id(), conversation.contact_id, **fields)
    except Invalid as error:
        return _refused_card(conversation, errors_of(error))
    return _card(conversation_id)


@blueprint.post("/<int:conversation_id>/tags")
def tag(conversation_id: int) -> Answer:
    """Put a tag on the person (`tag`) or take one off (`remove`)."""
    contact_id, remove = _conversation(conversation_id).contact_id, request.form.get("remove", "")
    if remove:
        return _card_act(conversation_id, lambda: contact_bulk.untag_contacts(workspace_id(), [contact_id], remove))
    words = request.form.get("tag", "")
    return _card_act(conversation_id, lambda: contact_bulk.tag_contacts(workspace_id(), [contact_id], words))


@blueprint.post("/<int:conversation_id>/consent")
def record(conversation_id: int) -> Answer:
    """That the person agreed to messages or wants none, and where they said so."""
    conversation, note_words = _conversation(conversation_id), request.form.get("note", "").strip()[:500]
    wants = Consent.OPTED_IN if request.form.get("consent") == Consent.OPTED_IN.value else Consent.OPTED_OUT
    if wants is Consent.OPTED_IN and not note_words:
        return _refused_card(conversation, {"note": ["Say where they agreed; it is kept as proof."]})
    contact_id = conversation.contact_id
    return _card_act(
        conversation_id,
        lambda: consent.record_consent(
            workspace_id(), [contact_id], wants, source="person", note=note_words, user_id=actor().user.id
        ),
    )


# ---------------------------------------------------------------- parts


def _conversation(conversation_id: int) -> Conversation:
    return conversations.get_conversation(workspace_id(), conversation_id)


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
        reply_to=request.form.get("reply_to", type=int),
        client_id=request.form.get("client_id") or None,
    )


def _sent(conversation: Conversation) -> Answer:
    """The composer as it was in the beginning; the thread is fetched by whoever shows it."""
    if not is_htmx():
        return _back(conversation.id)
    response = make_response(
        render_template("conversations/_composer.html", **parts.composer_part(conversation, compose=""))
    )
    response.headers["HX-Trigger"] = SENT
    return response


def _refused(conversation: Conversation, compose: str, error: DomainError, beside: str = "form") -> tuple[str, int]:
    """The composer with what was typed and what is wrong with it."""
    found = errors_of(error)
    errors = views.form_errors(found if isinstance(error, Invalid) else {beside: found["form"]})
    context = parts.composer_part(conversation, compose=compose, values=request.form, errors=errors)
    if is_htmx():
        return render_template("conversations/_composer.html", **context), 422
    page = parts.list_part(conversation.id) | parts.open_part(conversation) | context
    return render_template("conversations/index.html", **page), 422


def _head(conversation_id: int) -> Answer:
    if not is_htmx():
        return _back(conversation_id)
    return render_template("conversations/_head.html", **parts.head_part(_conversation(conversation_id)))


def _card_act(conversation_id: int, act: Any) -> Answer:
    try:
        act()
    except Invalid as error:
        return _refused_card(_conversation(conversation_id), {"form": [error.detail]})
    return _card(conversation_id)


def _card(conversation_id: int) -> Answer:
    if not is_htmx():
        return _back(conversation_id, pane="card")
    return render_template("conversations/_card.html", **parts.card_part(_conversation(conversation_id)))


def _refused_card(conversation: Conversation, errors: parts.Errors) -> tuple[str, int]:
    context = parts.card_part(conversation, errors=errors)
    if is_htmx():
        return render_template("conversations/_card.html", **context), 422
    page = parts.list_part(conversation.id) | parts.open_part(conversation) | context | {"pane": "card"}
    return render_template("conversations/index.html", **page), 422


def _back(conversation_id: int, **more: object) -> Response:
    return go_to(views.address_of(conversation_id, parts.wanted(), **more))
