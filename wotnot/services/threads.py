"""A conversation as people read it: its messages with what happened to them, notes and assignments in between.

Meta's deliveries come twice, late and in any order, so nothing is written into an earlier message: a reaction, an edit and
a deletion are rows of their own, and are laid over the message they speak of when the thread is read.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, select, true, tuple_
from sqlalchemy.orm import joinedload

from wotnot.errors import Invalid, NotFound
from wotnot.extensions import db
from wotnot.models import Conversation, ConversationEvent, Direction, Message, MessageState, Template, User
from wotnot.services import automatic_answers
from wotnot.services.pages import clamp_limit, decode_cursor, encode_cursor
from wotnot.services.person_messages import is_in_thread
from wotnot.services.template_wordings import read_wordings
from wotnot.services.whatsapp.components import FilledTemplate, fill_text
from wotnot.services.whatsapp.wording import CHANGES, edited, line_of, values_of, words_of

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
    `is_automatic` an answer that nobody typed. `aside` says that somebody discarded a failed message or sent it again.
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
    aside: ConversationEvent | None = None

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
        if self.aside is not None:
            return "A message that was not sent"
        if self.message is None:
            return ""
        return " ".join(self.words.split()) or line_of(self.message.type, self.content)


@dataclass(frozen=True, slots=True)
class Thread:
    """Some entries, the oldest first; `older` and `newer` are the cursors of those before and after them, None where
    there are none."""

    entries: list[Entry]
    older: str | None = None
    newer: str | None = None


_when = tuple_(Message.created_at, Message.id)


def read_thread(
    conversation: Conversation, *, before: str | None = None, after: str | None = None, limit: int | None = 40
) -> Thread:
    """The newest entries of a conversation, or those before or after a cursor. Raises Invalid for a strange cursor."""
    limit = clamp_limit(limit)
    if after:
        begin = _place_of(after)
        rows, has_more = _some(conversation, _when > begin, limit, newest_first=False)
        return _thread(conversation, rows, has_newer=has_more, since=begin[0])
    end = _place_of(before) if before else None
    rows, has_more = _some(conversation, _when < end if end else true(), limit)
    return _thread(conversation, rows[::-1], has_older=has_more, until=end[0] if end else None)


def read_around(conversation: Conversation, message: Message, *, limit: int | None = 40) -> Thread:
    """The entries around a message of the conversation, half of them before it."""
    half = max(1, clamp_limit(limit) // 2)
    at = (message.created_at, message.id)
    older, has_older = _some(conversation, _when < at, half)
    newer, has_newer = _some(conversation, _when >= at, half, newest_first=False)
    return _thread(conversation, [*older[::-1], *newer], has_older=has_older, has_newer=has_newer)


def entries_of(conversation: Conversation, messages: Sequence[Message]) -> list[Entry]:
    """These messages of one conversation with everything that belongs to them; eight statements at most for any number."""
    fill, authors = _filler_of(messages), _authors_of(messages)
    quotes, changes = _quotes_of(conversation, messages), _changes_of(conversation, messages)
    unasked = [one.id for one in messages if one.direction is Direction.OUT and one.user_id is None]
    automatic, asides = automatic_answers.automatic_among(unasked), _asides_of(messages)
    entries = []
    for message in messages:
        entry = Entry(message.created_at, message, content=message.content or {})
        entry.author = authors.get(message.user_id or 0, "")
        entry.is_automatic, entry.aside = message.id in automatic, asides.get(message.id)
        entry.template = fill(message)
        if message.context_wamid:
            entry.quote = quotes.get(message.context_wamid) or Quote(None, is_ours=False, line="An earlier message")
        _lay_over(entry, changes.get(message.wamid or "", ()))
        entries.append(entry)
    return entries


def find_entry(conversation: Conversation, message_id: int) -> Entry:
    """One message of the conversation with all that belongs to it. Raises NotFound, also for another conversation's."""
    message = db.session.scalar(select(Message).where(*_of(conversation), Message.id == message_id))
    if message is None:
        raise NotFound("Message")
    return entries_of(conversation, [message])[0]


def last_lines(messages: Mapping[int, Message]) -> dict[int, str]:
    """What a list of conversations says about the last message of each, by conversation id."""
    fill = _filler_of(list(messages.values()))
    retold, asides = _retold_of(list(messages.values())), _asides_of(list(messages.values()))
    lines = {}
    for conversation_id, message in messages.items():
        entry = Entry(message.created_at, message, content=message.content or {})
        entry.template = fill(message)
        entry.aside = asides.get(message.id)
        _lay_over(entry, retold.get(message.wamid or "", ()))
        lines[conversation_id] = entry.line
    return lines


def _of(conversation: Conversation) -> tuple[ColumnElement[bool], ...]:
    return (
        Message.workspace_id == conversation.workspace_id,
        Message.contact_id == conversation.contact_id,
        Message.channel_id == conversation.channel_id,
        # A broadcast's message that has not gone out yet is none of this conversation.
        is_in_thread(),
    )


def _some(
    conversation: Conversation, where: ColumnElement[bool], limit: int, *, newest_first: bool = True
) -> tuple[list[Message], bool]:
    """Messages that are shown as such, from one end; and whether there are more."""
    shown = (Message.type.not_in(CHANGES), Message.state.not_in(_UNSEEN))
    query = select(Message).where(*_of(conversation), *shown, where)
    order = (Message.created_at, Message.id)
    query = query.order_by(*(column.desc() for column in order) if newest_first else order)
    rows = list(db.session.scalars(query.limit(limit + 1)))
    return rows[:limit], len(rows) > limit


def _thread(
    conversation: Conversation,
    rows: Sequence[Message],
    *,
    has_older: bool = False,
    has_newer: bool = False,
    since: datetime | None = None,
    until: datetime | None = None,
) -> Thread:
    """What stands between the messages belongs to the page of the one before it, so that no page loses or repeats it."""
    if rows and has_older:
        since = rows[0].created_at
    if rows and has_newer:
        until = rows[-1].created_at
    entries = [*entries_of(conversation, rows), *_events(conversation, since, until)]
    return Thread(
        sorted(entries, key=lambda entry: entry.at),
        older=_cursor(rows[0]) if rows and has_older else None,
        newer=_cursor(rows[-1]) if rows and has_newer else None,
    )


def _cursor(message: Message) -> str:
    return encode_cursor(message.created_at.isoformat(), message.id)


def _place_of(cursor: str) -> tuple[datetime, int]:
    moment, number = decode_cursor(cursor, 2)
    try:
        return (datetime.fromisoformat(moment), int(number))
    except ValueError as error:
        raise Invalid({"cursor": "This cursor is not one of ours. Start again without it."}) from error


def _events(conversation: Conversation, since: datetime | None, until: datetime | None) -> list[Entry]:
    """Notes and assignments in the stretch of time that the messages cover, open at an end where nothing follows."""
    query = (
        select(ConversationEvent)
        .options(joinedload(ConversationEvent.user))
        .where(ConversationEvent.conversation_id == conversation.id, ConversationEvent.message_id.is_(None))
    )
    if since:
        query = query.where(ConversationEvent.created_at >= since)
    if until:
        query = query.where(ConversationEvent.created_at < until)
    latest = db.session.scalars(query.order_by(ConversationEvent.id.desc()).limit(200)).all()
    # Oldest first, so that two of the same moment keep their order.
    found = reversed(latest)
    return [Entry(event.created_at, event=event, author=event.user.name if event.user else "") for event in found]


def _asides_of(messages: Sequence[Message]) -> dict[int, ConversationEvent]:
    """What somebody did about those of these messages that failed, by message id."""
    failed = [one.id for one in messages if one.state is MessageState.FAILED]
    if not failed:
        return {}
    query = select(ConversationEvent).options(joinedload(ConversationEvent.user))
    found = db.session.scalars(query.where(ConversationEvent.message_id.in_(failed)))
    return {event.message_id: event for event in found if event.message_id}


def _filler_of(messages: Sequence[Message]) -> "_Filler":
    ids = {message.template_id for message in messages if message.template_id}
    return _Filler(list(db.session.scalars(select(Template).where(Template.id.in_(ids)))) if ids else [])


def _authors_of(messages: Sequence[Message]) -> dict[int, str]:
    ids = {message.user_id for message in messages if message.user_id}
    if not ids:
        return {}
    return {row.id: row.name for row in db.session.execute(select(User.id, User.name).where(User.id.in_(ids)))}


class _Filler:
    """Lays the values of template messages into the words that they were sent with."""

    def __init__(self, templates: Sequence[Template]) -> None:
        self._templates = {template.id: template for template in templates}
        self._wordings = read_wordings(templates)

    def __call__(self, message: Message) -> FilledTemplate | None:
        template = self._templates.get(message.template_id or 0)
        if template is None or message.type != "template":
            return None
        components = self._wordings.sent(template.id, message.template_version, message.created_at)
        content = message.content or {}
        values = content.get("values") or values_of(content, components, template.parameter_format)
        return fill_text(components, values)


def _quotes_of(conversation: Conversation, messages: Sequence[Message]) -> dict[str, Quote]:
    """The messages of the conversation that others answer, by Meta's id; what was said elsewhere is not shown here."""
    wamids = {message.context_wamid for message in messages if message.context_wamid}
    if not wamids:
        return {}
    quoted = list(db.session.scalars(select(Message).where(Message.wamid.in_(wamids), *_of(conversation))))
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


def _retold_of(messages: Sequence[Message]) -> dict[str, list[Message]]:
    """Edits and deletions of these messages of any conversations, by the Meta id of the message, the oldest first."""
    wamids = [message.wamid for message in messages if message.wamid and message.direction is Direction.IN]
    contact_ids = [message.contact_id for message in messages]
    if not wamids:
        return {}
    target = Message.content["original_message_id"].astext
    query = select(Message).where(
        Message.contact_id.in_(contact_ids), is_in_thread(), Message.type.in_(("edit", "revoke")), target.in_(wamids)
    )
    found: dict[str, list[Message]] = {}
    for change in db.session.scalars(query.order_by(Message.created_at, Message.id)):
        found.setdefault(target_of(change), []).append(change)
    return found


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
    content = edited(entry.message.type, entry.content, wording) if entry.message else None
    if content is not None:
        entry.content, entry.is_edited = content, True
