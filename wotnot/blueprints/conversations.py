"""The team inbox: the list of conversations beside the open one. What members do there is in `conversation_acts`."""

from collections.abc import Callable
from typing import Any

from flask import Blueprint, Flask, flash, render_template, request
from werkzeug.wrappers import Response

from wotnot.blueprints import conversation_parts as parts
from wotnot.blueprints import conversation_views as views
from wotnot.blueprints.broadcast_views import time_words
from wotnot.blueprints.guards import guard_pages, page_timezone, workspace_id
from wotnot.blueprints.htmx import go_to, is_htmx, target_of
from wotnot.errors import NotFound
from wotnot.models import Conversation
from wotnot.services import broadcast_choices, contact_merges, contacts, conversation_lists, conversations

blueprint = Blueprint("conversations", __name__, url_prefix=views.HOME)
guard_pages(blueprint)

# What htmx may ask for alone: by the id of its element, the partial that draws it and who reads it.
_PARTS: dict[str, tuple[str, Callable[[Conversation], dict[str, Any]]]] = {
    "thread-head": ("conversations/_head.html", parts.head_part),
    "entries": ("conversations/_entries.html", parts.entries_part),
    "composer": ("conversations/_composer.html", parts.composer_part),
    "contact-card": ("conversations/_card.html", parts.card_part),
}


def register(app: Flask) -> None:
    """Put the pages under /app/inbox."""
    app.register_blueprint(blueprint)


@blueprint.context_processor
def _words() -> dict[str, object]:
    return {**views.inbox_words(page_timezone()), **time_words(page_timezone())}


@blueprint.get("")
def index() -> str:
    """The list, with nothing open beside it."""
    if target_of() == "inbox-list":
        return render_template("conversations/_list.html", **parts.list_part(None))
    return render_template("conversations/index.html", conversation=None, **parts.list_part(None))


@blueprint.get("/_unread")
def unread() -> str:
    """The number in the navigation, again whenever a conversation moves."""
    is_tab = target_of() == "inbox-unread-tab"
    return render_template("conversations/_unread.html", unread_id="inbox-unread-tab" if is_tab else "")


@blueprint.get("/<int:conversation_id>")
def show(conversation_id: int) -> str | Response:
    """One conversation beside the list, or the part of it that htmx asks for."""
    try:
        conversation = conversations.get_conversation(workspace_id(), conversation_id)
    except NotFound:
        return _moved(conversation_id)
    target = target_of()
    if target in _PARTS:
        partial, read = _PARTS[target]
        return render_template(partial, **read(conversation))
    if target == "inbox-list":
        return render_template("conversations/_list.html", **parts.list_part(conversation_id))
    opened = parts.open_part(conversation)
    if is_htmx():
        return render_template("conversations/_open.html", **opened)
    return render_template("conversations/index.html", **(parts.list_part(conversation_id) | opened))


def _moved(conversation_id: int) -> Response:
    """To the thread that this one went into when its person turned out to be somebody known. Raises NotFound."""
    kept = contact_merges.find_kept_thread(workspace_id(), conversation_id)
    if kept is None:
        raise NotFound("Conversation")
    return go_to(views.address_of(kept, parts.wanted()))


@blueprint.post("/with/<int:contact_id>")
def start(contact_id: int) -> Response:
    """Open the conversation with a contact, from the number that is named or the one that talked with them last."""
    contacts.get_contact(workspace_id(), contact_id)
    known = conversation_lists.list_of_contact(workspace_id(), contact_id)
    channel_id = request.form.get("channel", type=int)
    sending = [channel.id for channel in broadcast_choices.list_sending_channels(workspace_id())]
    if channel_id not in sending:
        channel_id = next((one.channel_id for one in known if one.channel_id in sending), next(iter(sending), None))
    if channel_id is None:
        flash("No number can send just now. Connect one first.", "error")
        return go_to("/app/channels")
    conversation = conversations.ensure_conversation(workspace_id(), channel_id, contact_id)
    return go_to(views.address_of(conversation.id, {}))
