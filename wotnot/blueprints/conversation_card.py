"""The contact card beside a conversation: what members keep about the person, and the labels of the conversation."""

from collections.abc import Callable
from typing import Any

from flask import Blueprint, Flask, render_template, request
from werkzeug.wrappers import Response

from wotnot.blueprints import conversation_parts as parts
from wotnot.blueprints import conversation_views as views
from wotnot.blueprints.broadcast_views import time_words
from wotnot.blueprints.form_errors import errors_of
from wotnot.blueprints.guards import actor, guard_pages, page_timezone, workspace_id
from wotnot.blueprints.htmx import go_to, is_htmx
from wotnot.errors import Invalid
from wotnot.models import Consent, Conversation
from wotnot.services import consent, contact_bulk, contacts, conversations

blueprint = Blueprint("conversation_card", __name__, url_prefix=views.HOME)
guard_pages(blueprint)

Answer = str | Response | tuple[str, int]


def register(app: Flask) -> None:
    """Put the acts under /app/inbox."""
    app.register_blueprint(blueprint)


@blueprint.context_processor
def _words() -> dict[str, object]:
    return {**views.inbox_words(page_timezone()), **time_words(page_timezone())}


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


def _card_act(conversation_id: int, act: Callable[[], object]) -> Answer:
    try:
        act()
    except Invalid as error:
        return _refused_card(_conversation(conversation_id), {"form": [error.detail]})
    return _card(conversation_id)


def _card(conversation_id: int) -> Answer:
    if not is_htmx():
        return go_to(views.address_of(conversation_id, parts.wanted(), pane="card"))
    return render_template("conversations/_card.html", **parts.card_part(_conversation(conversation_id)))


def _refused_card(conversation: Conversation, errors: parts.Errors) -> tuple[str, int]:
    context = parts.card_part(conversation, errors=errors)
    if is_htmx():
        return render_template("conversations/_card.html", **context), 422
    page = parts.list_part(conversation.id) | parts.open_part(conversation) | context | {"pane": "card"}
    return render_template("conversations/index.html", **page), 422
