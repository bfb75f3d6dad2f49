"""A conversation as people read it: its messages with what happened to them, notes and assignments in between.

Meta's deliveries come twice, late and in any order, so nothing is written into an earlier message: a reaction, an edit and
a deletion are rows of their own, and are laid over the message they speak of when the thread is read.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, or_, select, true, tuple_
from sqlalchemy.orm import joinedload

from wotnot.errors import Invalid
from wotnot.extensions import db
from wotnot.models import Conversation, ConversationEvent, Direction, Message, MessageState, Template, User
from wotnot.services import automatic_answers
from wotnot.services.pages import clamp_limit, decode_cursor, encode_cursor
from wotnot.services.whatsapp.components import FilledTemplate, fill_text
from wotnot.services.whatsapp.wording import CHANGES, line_of, values_of, words_of

# What was planned and never went out is no part of a conversation.
_UNSEEN = (MessageState.SKIPPED, MessageState.CANCELLED)


@dataclass(frozen=True, slots=True)
class Reaction:
    """An emoji on a message, by the customer or by us."""

    emoji: str
    is_ours: bool


@dataclass(frozen=True, slots=True)
class Quote:
    """The message that another one answers; `message_id` is None when we do not have it."""

    message_id: int | None
    is_ours: bool
    line: str


@dataclass(slots=True)
class Entry:
    """One line of a thread: either a `message` with what belongs to it, or an `event`.

    `template` is a template message as the customer saw it. `content` is the newest wording of an edited message,
    `is_automatic` an answer that nobody typed.
    """

    at: datetime
    message: Message | None = None
    event: ConversationEvent | None = None
    content: Mapping[str, Any] = field(default_factory=dict)
    author: str = ""
    quote: Quote | None = None
    reactions: list[Reaction] = field(default_factory=list)
    template: FilledTemplate | None = None
    is_edited: bool = False
    is_deleted: bool = False
    is_automatic: bool = False

    @property
    def words(self) -> str:
        """What the message says, for copying and quoting; nothing once it was deleted."""
        if self.message is None or self.is_deleted:
            return ""
        return self.template.body_text if self.template else words_of(self.message.type, self.content)

    @property
    def line(self) -> str:
        """The message on one line."""
        if self.is_deleted:
            return "This message was deleted"
        if self.message is None:
            return ""
        return " ".join(self.words.split()) or line_of(self.message.type, self.content)


@dataclass(frozen=True, slots=True)
class Thread:
    """Some entries, the oldest first; `older` is the cursor of those before them, None at the beginning."""

    entries: list[Entry]
    older: str | None = None


def read_thread(conversation: Conversation, *, before: str | None = None, limit: int | None = 40) -> Thread:
    """The newest entries of a conversation, or those before the cursor `before`. Raises Invalid for a strange cursor."""
    limit = clamp_limit(limit)
    shown = (Message.type.not_in(CHANGES), Message.state.not_in(_UNSEEN), _before(before))
    query = select(Message).where(*_of(conversation), *shown)
    query = query.order_by(Message.created_at.desc(), Message.id.desc()).limit(limit + 1)
    rows = list(db.session.scalars(query))
    has_more, rows = len(rows) > limit, rows[:limit][::-1]
    older = encode_cursor(rows[0].created_at.isoformat(), rows[0].id) if has_more else None
    entries = [*entries_of(conversation, rows), *_events(conversation, rows, before, has_more=has_more)]
    return Thread(sorted(entries, key=lambda entry: entry.at), older)


def entries_of(conversation: Conversation, messages: Sequence[Message]) -> list[Entry]:
    """These messages of one conversation with everything that belongs to them; six statements for any number."""
    templates, authors = _templates_of(messages), _authors_of(messages)
    quotes, changes = _quotes_of(messages), _changes_of(conversation, messages)
    unasked = [one.id for one in messages if one.direction is Direction.OUT and one.user_id is None]
    automatic = automatic_answers.automatic_among(unasked)
    entries = []
    for message in messages:
        entry = Entry(message.created_at, message, content=message.content or {})
        entry.author = authors.get(message.user_id or 0, "")
        entry.is_automatic = message.id in automatic
        entry.template = _filled(message, templates.get(message.template_id or 0))
        if message.context_wamid:
            entry.quote = quotes.get(message.context_wamid) or Quote(None, is_ours=False, line="An earlier message")
        _lay_over(entry, changes.get(message.wamid or "", ()))
        entries.append(entry)
    return entries


def last_lines(messages: Mapping[int, Message]) -> dict[int, str]:
    """What a list of conversations says about the last message of each, by conversation id."""
    templates = _templates_of(list(messages.values()))
    deleted = _deleted_of(list(messages.values()))
    lines = {}
    for conversation_id, message in messages.items():
        entry = Entry(message.created_at, message, content=message.content or {})
        entry.template = _filled(message, templates.get(message.template_id or 0))
        entry.is_deleted = message.wamid in deleted
        lines[conversation_id] = entry.line
    return lines


def _of(conversation: Conversation) -> tuple[ColumnElement[bool], ...]:
    return (
        Message.workspace_id == conversation.workspace_id,
        Message.contact_id == conversation.contact_id,
        Message.channel_id == conversation.channel_id,
        # A broadcast's message that has not gone out yet is none of this conversation.
        or_(Message.broadcast_id.is_(None), Message.reached > 0),
    )


def _before(cursor: str | None) -> ColumnElement[bool]:
    if not cursor:
        return true()
    moment, number = decode_cursor(cursor, 2)
    try:
        return tuple_(Message.created_at, Message.id) < (datetime.fromisoformat(moment), int(number))
    except ValueError as error:
        raise Invalid({"cursor": "This cursor is not one of ours. Start again without it."}) from error


def _events(
    conversation: Conversation, messages: Sequence[Message], before: str | None, *, has_more: bool
) -> list[Entry]:
    """Notes and assignments in the stretch of time that the messages cover."""
    query = (
        select(ConversationEvent)
        .options(joinedload(ConversationEvent.user))
        .where(ConversationEvent.conversation_id == conversation.id)
    )
    if has_more:
        query = query.where(ConversationEvent.created_at >= messages[0].created_at)
    if before:
        query = query.where(ConversationEvent.created_at < datetime.fromisoformat(decode_cursor(before, 2)[0]))
    found = db.session.scalars(query.order_by(ConversationEvent.id.desc()).limit(200))
    return [Entry(event.created_at, event=event, author=event.user.name if event.user else "") for event in found]


def _templates_of(messages: Sequence[Message]) -> dict[int, Template]:
    ids = {message.template_id for message in messages if message.template_id}
    if not ids:
        return {}
    return {template.id: template for template in db.session.scalars(select(Template).where(Template.id.in_(ids)))}


def _authors_of(messages: Sequence[Message]) -> dict[int, str]:
    ids = {message.user_id for message in messages if message.user_id}
    if not ids:
        return {}
    return {row.id: row.name for row in db.session.execute(select(User.id, User.name).where(User.id.in_(ids)))}


def _filled(message: Message, template: Template | None) -> FilledTemplate | None:
    if template is None or message.type != "template":
        return None
    content = message.content or {}
    values = content.get("values") or values_of(content, template.components, template.parameter_format)
    return fill_text(template.components, values)


def _quotes_of(messages: Sequence[Message]) -> dict[str, Quote]:
    """The messages that others answer, by Meta's id."""
    wamids = {message.context_wamid for message in messages if message.context_wamid}
    if not wamids:
        return {}
    quoted = list(db.session.scalars(select(Message).where(Message.wamid.in_(wamids))))
    lines = last_lines({message.id: message for message in quoted})
    return {
        str(message.wamid): Quote(message.id, message.direction is Direction.OUT, lines[message.id])
        for message in quoted
    }


def _changes_of(conversation: Conversation, messages: Sequence[Message]) -> dict[str, list[Message]]:
    """Reactions, edits and deletions, by the Meta id of the message they speak of, the oldest first."""
    if not messages:
        return {}
    query = select(Message).where(
        *_of(conversation), Message.type.in_(CHANGES), Message.created_at >= messages[0].created_at
    )
    changes: dict[str, list[Message]] = {}
    for change in db.session.scalars(query.order_by(Message.created_at, Message.id)):
        changes.setdefault(target_of(change), []).append(change)
    return changes


def _deleted_of(messages: Sequence[Message]) -> set[str]:
    """The Meta ids of those among these messages that their writer has taken back."""
    wamids = [message.wamid for message in messages if message.wamid and message.direction is Direction.IN]
    contact_ids = [message.contact_id for message in messages]
    if not wamids:
        return set()
    target = Message.content["original_message_id"].astext
    query = select(target).where(Message.contact_id.in_(contact_ids), Message.type == "revoke", target.in_(wamids))
    return set(db.session.scalars(query))


def target_of(change: Message) -> str:
    """The Meta id of the message that a reaction, edit or deletion speaks of."""
    content = change.content or {}
    return str(content.get("message_id") or content.get("original_message_id") or "")


def _lay_over(entry: Entry, changes: Sequence[Message]) -> None:
    reactions: dict[Direction, Reaction] = {}
    for change in changes:
        content = change.content or {}
        if change.type == "revoke":
            entry.is_deleted = True
        elif change.type == "edit":
            _edit(entry, content.get("message"))
        elif change.state is not MessageState.FAILED:
            # Each side has one reaction; the last one counts, and an empty one takes it back.
            reactions.pop(change.direction, None)
            if content.get("emoji"):
                reactions[change.direction] = Reaction(str(content["emoji"]), change.direction is Direction.OUT)
    entry.reactions = list(reactions.values())


def _edit(entry: Entry, wording: Any) -> None:
    kind = entry.message.type if entry.message else ""
    if isinstance(wording, Mapping) and isinstance(wording.get(kind), Mapping):
        entry.content = {**entry.content, **wording[kind]}
        entry.is_edited = True
