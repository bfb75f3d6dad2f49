"""The parts of the inbox: list, head, thread, composer and contact card, each with what its partial shows.

A page is made of all of them; htmx asks for one by its id, at the same address.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeVar

from flask import render_template, request

from wotnot.blueprints import conversation_templates as templates
from wotnot.blueprints import conversation_views as views
from wotnot.blueprints.guards import actor, member_id, workspace_id
from wotnot.errors import Invalid, NotFound
from wotnot.models import ChannelState, Conversation, Direction, Message
from wotnot.services import (
    canned_replies,
    channels,
    consent,
    contact_history,
    contact_merges,
    contacts,
    conversation_lists,
    conversations,
    identities,
    inbound_media,
    media,
    presence,
    shop_orders,
    thread_search,
    threads,
    workspaces,
)
from wotnot.services.pages import MAX_LIMIT
from wotnot.services.single_messages import MEDIA_TYPES
from wotnot.services.thread_search import Hit
from wotnot.services.threads import Entry, Thread
from wotnot.services.woocommerce.orders import Order, money_words, status_words
from wotnot.services.woocommerce.values import items_words

PAGE = 30
HITS = 10
FILES = 12
T = TypeVar("T")
COMPOSERS = ("note", "templates", "template", "media", "choices", "react")
Errors = Mapping[str, Sequence[str]]


def wanted() -> dict[str, str]:
    """The filters of the address."""
    return views.wanted_of(request.args)


def _once(read: Callable[[int], Sequence[T]]) -> Sequence[T]:
    """What `read` says of the workspace, asked once a request: the list and the card both show it."""
    kept: dict[Any, Any] = request.environ.setdefault("wotnot.inbox_lists", {})
    if read not in kept:
        kept[read] = read(workspace_id())
    found: Sequence[T] = kept[read]
    return found


# ---------------------------------------------------------------- the list


def list_part(open_id: int | None) -> dict[str, Any]:
    """Tabs with their counts, the conversations, and the messages that hold the words that are looked for."""
    chosen, me = wanted(), member_id()
    shown = min(max(request.args.get("shown", PAGE, type=int), PAGE), MAX_LIMIT)
    cursor = request.args.get("cursor") or None
    page = conversation_lists.list_conversations(
        workspace_id(), views.filter_of(chosen, me), cursor=cursor, limit=shown
    )
    last = conversation_lists.list_last_messages(page.items)
    tabs = {name: views.filter_of(chosen | {"view": name}, me) for name in views.VIEWS}
    return {
        "page": page,
        "last": last,
        "lines": threads.last_lines(last),
        "hits": _hits(chosen.get("search", "")),
        # While somebody is looked for the tabs have no numbers: each would be one more search.
        "counts": {} if chosen.get("search") else conversation_lists.count_conversations(workspace_id(), tabs),
        "views": views.VIEWS,
        "states": views.STATES,
        "wanted": chosen,
        "open_id": open_id,
        "more_url": _more_url(open_id, page.next_cursor, shown),
        "channels": _once(channels.list_channels),
        "labels": _once(conversation_lists.list_labels),
        "tags": _once(contacts.list_tags),
        "address": views.address_of,
        "here_url": views.address_of(open_id, chosen, shown=shown if shown > PAGE else "", cursor=cursor),
    }


def _more_url(open_id: int | None, next_cursor: str | None, shown: int) -> str:
    """A longer list while one page can hold it, then the next page: a refresh shows again what was there."""
    if next_cursor is None:
        return ""
    more = {"shown": min(shown + PAGE, MAX_LIMIT)} if shown < MAX_LIMIT else {"cursor": next_cursor}
    return views.address_of(open_id, wanted(), **more)


def _hits(search: str) -> list[Hit]:
    try:
        return thread_search.search_messages(workspace_id(), search, limit=HITS).items if search else []
    except Invalid:
        return []  # no word in it; the list of people says that nobody matches


# ---------------------------------------------------------------- the open conversation


def open_part(conversation: Conversation) -> dict[str, Any]:
    """All parts of an open conversation."""
    return {
        **head_part(conversation),
        **entries_part(conversation),
        **composer_part(conversation),
        **card_part(conversation),
        "pane": "card" if request.args.get("pane") == "card" else "thread",
    }


def head_part(conversation: Conversation) -> dict[str, Any]:
    """Who it is, whose it is, who is writing, how long free text is possible."""
    members = workspaces.list_members(workspace_id())
    writing = presence.who_answers(conversation.id) - {actor().user.id}
    return {
        "conversation": conversation,
        "members": members,
        "online": presence.users_here(workspace_id()),
        "me": member_id(),
        "assignee": next((one for one in members if one.id == conversation.assignee_id), None),
        "writing": [one.user.name for one in members if one.user_id in writing],
        "wanted": wanted(),
        "address": views.address_of,
    }


def entries_part(conversation: Conversation) -> dict[str, Any]:
    """A stretch of the thread: the newest, that before or after a cursor, or that around a message."""
    thread = _stretch(conversation)
    new = views.new_entries(conversation, thread.entries)
    return {
        "conversation": conversation,
        "thread": thread,
        "media": _media_in(thread.entries),
        "new": new,
        "first_new": min(new, default=None),
        "mode": mode_of(conversation),
        "at": request.args.get("at", type=int),
        "wanted": wanted(),
        "address": views.address_of,
    }


def _media_in(entries: Sequence[Entry]) -> dict[int, views.Media]:
    """The files in these messages by message id: ours out of the library, theirs as far as they were fetched."""
    shown = [(one, one.message) for one in entries if one.message]
    ours = media.files_by_meta_id(workspace_id(), {views.file_id_of(*one) for one in shown} - {""})
    arrived = [one.id for _, one in shown if one.direction is Direction.IN and views.has_file(one)]
    theirs = inbound_media.list_for_messages(workspace_id(), arrived)
    found = {message.id: views.media_of(one, message, ours, theirs.get(message.id)) for one, message in shown}
    return {message_id: file for message_id, file in found.items() if file}


def _stretch(conversation: Conversation) -> Thread:
    arguments = request.args
    limit = arguments.get("limit", 40, type=int)
    if at := arguments.get("at", type=int):
        entry = threads.find_entry(conversation, at)
        assert entry.message is not None  # noqa: S101 — for the type checker; it was found by its message
        return threads.read_around(conversation, entry.message, limit=limit)
    return threads.read_thread(conversation, before=arguments.get("before"), after=arguments.get("after"), limit=limit)


def one_entry(conversation: Conversation, message: Message) -> str:
    """The bubble of one message, for whoever has just sent it."""
    entry = threads.find_entry(conversation, message.id)
    return render_template(
        "conversations/_entry.html",
        conversation=conversation,
        entry=entry,
        media=_media_in([entry]),
        wanted=wanted(),
        address=views.address_of,
    )


# ---------------------------------------------------------------- the composer


def mode_of(conversation: Conversation) -> str:
    """What may be written: free text, templates only, or nothing while the number cannot send."""
    channel = templates.channel_of(conversation)
    if channel is None or channel.state is not ChannelState.CONNECTED:
        return "stopped"
    return "free" if conversations.is_window_open(conversation) else "templates"


def composer_part(
    conversation: Conversation,
    *,
    compose: str | None = None,
    values: Mapping[str, Any] | None = None,
    errors: Errors | None = None,
) -> dict[str, Any]:
    """The composer as the address asks for it, or as a refused form was sent."""
    mode, asked = mode_of(conversation), request.args.get("compose", "") if compose is None else compose
    shown = asked if asked in COMPOSERS else "text"
    if mode == "stopped" and shown != "note":
        shown = "stopped"
    if mode == "templates" and shown not in {"note", "template"}:
        shown = "templates"
    return {
        "conversation": conversation,
        "mode": mode,
        "compose": shown,
        "values": values or {},
        "errors": errors or {},
        "wanted": wanted(),
        "address": views.address_of,
        **_COMPOSERS.get(shown, _nothing)(conversation, values or {}),
    }


def _text(conversation: Conversation, values: Mapping[str, Any]) -> dict[str, Any]:
    replies = canned_replies.list_replies(workspace_id())
    ready = [
        {"id": one.id, "shortcut": one.shortcut, "body": canned_replies.fill(one.body, conversation.contact)}
        for one in replies
    ]
    chosen = request.args.get("canned", type=int)
    typed = values.get("body") or next((one["body"] for one in ready if one["id"] == chosen), "")
    return {"canned": ready, "body": typed, **_quote(conversation, values)}


def _quote(conversation: Conversation, values: Mapping[str, Any]) -> dict[str, Any]:
    quoted = values.get("reply_to") or request.args.get("quote")
    if not quoted or not str(quoted).isdecimal():
        return {"quote": None}
    try:
        return {"quote": threads.find_entry(conversation, int(quoted))}
    except NotFound:
        return {"quote": None}


def _templates(conversation: Conversation, _values: Mapping[str, Any]) -> dict[str, Any]:
    return templates.picker_part(conversation, request.args.get("find", "").strip())


def _template(conversation: Conversation, values: Mapping[str, Any]) -> dict[str, Any]:
    return templates.form_part(conversation, values.get("template") or request.args.get("template"), values)


def _media(_conversation: Conversation, _values: Mapping[str, Any]) -> dict[str, Any]:
    page = media.list_files(workspace_id(), search=request.args.get("find"), limit=FILES * 2)
    return {"files": [one for one in page.items if one.kind in MEDIA_TYPES][:FILES]}


def _nothing(_conversation: Conversation, _values: Mapping[str, Any]) -> dict[str, Any]:
    return {}


_COMPOSERS: dict[str, Callable[[Conversation, Mapping[str, Any]], dict[str, Any]]] = {
    "text": _text,
    "react": _quote,
    "templates": _templates,
    "template": _template,
    "media": _media,
}


# ---------------------------------------------------------------- the contact card


def card_part(conversation: Conversation, *, errors: Errors | None = None) -> dict[str, Any]:
    """The person: fields, tags, consent, broadcasts, other conversations; as a form when the address asks to edit."""
    contact = conversation.contact
    here = workspace_id()
    return {
        "conversation": conversation,
        "contact": contact,
        "contact_tags": contacts.tags_of([contact.id])[contact.id],
        "history": consent.list_consent_events(here, contact.id, limit=10),
        "merges": contact_merges.list_merges(here, contact.id),
        "moves": identities.list_changes(here, contact.id),
        "broadcasts": contact_history.list_recent_broadcasts(here, contact.id),
        "orders": [(row, Order.from_json(row.facts)) for row in shop_orders.list_of_contact(here, contact.id)],
        "money_words": money_words,
        "items_words": items_words,
        "status_words": status_words,
        "others": [one for one in conversation_lists.list_of_contact(here, contact.id) if one.id != conversation.id],
        "numbers": {one.id: one for one in _once(channels.list_channels)},
        "editing": bool(errors) or request.args.get("card") == "edit",
        "card_errors": errors or {},
        "all_tags": _once(contacts.list_tags),
        "all_labels": _once(conversation_lists.list_labels),
        "wanted": wanted(),
        "address": views.address_of,
    }
