"""Conversations: the threads between our numbers and people, as a team works through them. Owns `conversations` and
`conversation_events`; `services/inbound.py` moves a thread on when its person writes.
"""

from collections.abc import Sequence
from itertools import cycle, islice

from sqlalchemy import (
    delete,
    select,
    text,
)
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import joinedload

from wotnot import clock
from wotnot.errors import Invalid, NotFound
from wotnot.extensions import db
from wotnot.models import (
    Conversation,
    ConversationEvent,
    ConversationState,
    EventKind,
    Member,
    Message,
    MessageText,
)
from wotnot.services import events, idempotency, presence, queue
from wotnot.services.idempotency import Answer
from wotnot.services.person_messages import in_thread
from wotnot.services.transaction import transaction
from wotnot.services.whatsapp.wording import words_of

LIST_TOPIC = "conversations"
MAX_NOTE, MAX_LABEL, MAX_LABELS = 4_000, 40, 10


def get_conversation(workspace_id: int, conversation_id: int) -> Conversation:
    """A conversation with its contact and number. Raises NotFound."""
    conversation = db.session.scalar(
        select(Conversation)
        .options(joinedload(Conversation.contact), joinedload(Conversation.channel))
        .where(Conversation.workspace_id == workspace_id, Conversation.id == conversation_id)
        .execution_options(populate_existing=True)
    )
    if conversation is None:
        raise NotFound("Conversation")
    return conversation


def ensure_conversation(workspace_id: int, channel_id: int, contact_id: int) -> Conversation:
    """The thread of a contact on one of our numbers, made when there is none yet: for writing to somebody first."""
    key = {"workspace_id": workspace_id, "channel_id": channel_id, "contact_id": contact_id}
    with transaction() as session:
        session.execute(text(_ENSURE), key)
        events.publish(workspace_id, LIST_TOPIC)
        return session.execute(
            select(Conversation).where(Conversation.channel_id == channel_id, Conversation.contact_id == contact_id)
        ).scalar_one()


def note_outbound(message: Message) -> None:
    """Move the thread on by a message of ours. Joins the caller's transaction."""
    note_outbounds([message])


def note_outbounds(messages: Sequence[Message]) -> None:
    """Move their threads on by some messages of ours, whatever their number in two statements. Joins the caller's transaction."""
    words = [(one, words_of(one.type, one.content)) for one in messages]
    with transaction() as session:
        session.execute(text(_OUTBOUND), {"ids": [one.id for one in messages]})
        session.add_all(
            MessageText(message_id=one.id, workspace_id=one.workspace_id, words=said) for one, said in words if said
        )
        for workspace_id in {one.workspace_id for one in messages}:
            people = {f"contact:{one.contact_id}" for one in messages if one.workspace_id == workspace_id}
            events.publish(workspace_id, LIST_TOPIC, *sorted(people))


def mark_read(workspace_id: int, conversation_id: int) -> Conversation:
    """The team has seen all there is; the customer gets blue ticks for it soon."""
    with transaction():
        conversation = _locked(workspace_id, conversation_id)
        if conversation.unread_count or conversation.read_through is None:
            conversation.unread_count = 0
            conversation.read_through = _newest_inbound(conversation)
            events.publish(workspace_id, LIST_TOPIC)
            if conversation.read_through:
                queue.enqueue("tell_read", conversation.id)
    return conversation


def assign(workspace_id: int, conversation_id: int, *, member_id: int | None, user_id: int | None) -> Conversation:
    """Hand the thread to a member of the workspace, or to nobody. Raises NotFound, Invalid (not a member)."""
    member = _member(workspace_id, member_id) if member_id is not None else None
    with transaction():
        conversation = _locked(workspace_id, conversation_id)
        if conversation.assignee_id != member_id:
            conversation.assignee_id = member_id
            _log(conversation, EventKind.ASSIGNED, user_id, member.user.name if member else "")
    return conversation


def assign_by_turns(workspace_id: int, conversation_id: int, *, user_id: int | None) -> Conversation:
    """Hand the thread to whoever of those online waited longest for one. Raises NotFound, Invalid (nobody is online)."""
    with transaction():
        conversation = _locked(workspace_id, conversation_id)
        if not hand_out(workspace_id, [conversation_id], user_id=user_id):
            raise Invalid({"member_id": "Nobody is online now. Choose a member yourself."})
        events.publish(workspace_id, f"contact:{conversation.contact_id}")
        db.session.refresh(conversation)
    return conversation


def hand_out(workspace_id: int, conversation_ids: Sequence[int], *, user_id: int | None = None) -> int:
    """Give threads to the members online by turns, the longest idle first; answers how many. Joins the caller's transaction."""
    here = presence.users_here(workspace_id)
    if not here or not conversation_ids:
        return 0
    with transaction() as session:
        members = session.scalars(
            select(Member)
            .where(Member.workspace_id == workspace_id, Member.user_id.in_(here))
            .order_by(Member.assigned_at.asc().nulls_first(), Member.id)
            .with_for_update(of=Member)
        ).all()
        if not members:
            return 0
        turns = list(islice(cycle(member.id for member in members), len(conversation_ids)))
        given = {"ids": list(conversation_ids), "members": turns, "workspace_id": workspace_id, "user_id": user_id}
        session.execute(text(_HAND_OUT), given)
        events.publish(workspace_id, LIST_TOPIC)
    return len(turns)


def close(workspace_id: int, conversation_id: int, *, user_id: int | None) -> Conversation:
    """Put the thread away; the next message of its person opens it again."""
    with transaction():
        conversation = _locked(workspace_id, conversation_id)
        if conversation.state is not ConversationState.CLOSED:
            conversation.state = ConversationState.CLOSED
            conversation.unread_count = 0
            _log(conversation, EventKind.CLOSED, user_id)
    return conversation


def reopen(workspace_id: int, conversation_id: int, *, user_id: int | None) -> Conversation:
    """Take a closed thread out again: open while its window is, else expired."""
    with transaction():
        conversation = _locked(workspace_id, conversation_id)
        if conversation.state is ConversationState.CLOSED:
            is_open = is_window_open(conversation)
            conversation.state = ConversationState.OPEN if is_open else ConversationState.EXPIRED
            _log(conversation, EventKind.REOPENED, user_id)
    return conversation


def add_note(
    workspace_id: int, conversation_id: int, *, user_id: int | None, words: str, client_id: str | None = None
) -> ConversationEvent:
    """Keep a private note in the thread; it never leaves the team. The same `client_id` never keeps the same twice.

    Raises NotFound, Invalid.
    """
    words = words.strip()
    if not words or len(words) > MAX_NOTE:
        raise Invalid({"note": f"Write 1 to {MAX_NOTE:,} characters."})

    def write() -> Answer:
        return Answer(201, {"id": _log(_locked(workspace_id, conversation_id), EventKind.NOTE, user_id, words).id})

    with transaction() as session:
        key = client_id and idempotency.key_of(client_id, conversation_id, words)
        answer = idempotency.run_once(workspace_id, "notes", key, "", write) if key else write()
        return session.get_one(ConversationEvent, answer.body["id"])


def put_aside(conversation: Conversation, message: Message, kind: EventKind, *, user_id: int | None) -> None:
    """Note that a message that failed was discarded or sent again: no search finds it any more, the ledger keeps it.

    The first word counts; a second one is none. Joins the caller's transaction.
    """
    with transaction() as session:
        noted = insert(ConversationEvent).values(
            workspace_id=conversation.workspace_id,
            conversation_id=conversation.id,
            user_id=user_id,
            kind=kind,
            message_id=message.id,
        )
        session.execute(noted.on_conflict_do_nothing(index_elements=[ConversationEvent.message_id]))
        session.execute(delete(MessageText).where(MessageText.message_id == message.id))
        events.publish(conversation.workspace_id, LIST_TOPIC, f"contact:{conversation.contact_id}")


def set_labels(workspace_id: int, conversation_id: int, labels: Sequence[str]) -> Conversation:
    """Give the thread exactly these labels; one that differs in case only is the same. Raises NotFound, Invalid."""
    names: dict[str, str] = {}
    for label in labels:
        name = " ".join(label.split())
        if name:
            names.setdefault(name.lower(), name)
    if len(names) > MAX_LABELS:
        raise Invalid({"labels": f"At most {MAX_LABELS} labels."})
    if any(len(name) > MAX_LABEL for name in names.values()):
        raise Invalid({"labels": f"A label has at most {MAX_LABEL} characters."})
    with transaction():
        conversation = _locked(workspace_id, conversation_id)
        conversation.labels = sorted(names.values(), key=str.lower)
        events.publish(workspace_id, LIST_TOPIC, f"contact:{conversation.contact_id}")
    return conversation


def is_window_open(conversation: Conversation) -> bool:
    """Whether free text may go out: the person wrote to this number within Meta's 24 hours."""
    return conversation.window_expires_at is not None and conversation.window_expires_at > clock.now()


def _locked(workspace_id: int, conversation_id: int) -> Conversation:
    conversation = db.session.scalar(
        select(Conversation)
        .where(Conversation.workspace_id == workspace_id, Conversation.id == conversation_id)
        .with_for_update()
        .execution_options(populate_existing=True)
    )
    if conversation is None:
        raise NotFound("Conversation")
    return conversation


def _member(workspace_id: int, member_id: int) -> Member:
    member = db.session.scalar(
        select(Member)
        .options(joinedload(Member.user))
        .where(Member.workspace_id == workspace_id, Member.id == member_id)
    )
    if member is None:
        raise Invalid({"member_id": "This is not a member of the workspace."})
    return member


def _log(conversation: Conversation, kind: EventKind, user_id: int | None, words: str = "") -> ConversationEvent:
    event = ConversationEvent(
        workspace_id=conversation.workspace_id,
        conversation_id=conversation.id,
        user_id=user_id,
        kind=kind,
        text=words,
    )
    db.session.add(event)
    db.session.flush()
    events.publish(conversation.workspace_id, LIST_TOPIC, f"contact:{conversation.contact_id}")
    return event


def _newest_inbound(conversation: Conversation) -> int | None:
    newest: int | None = db.session.scalar(
        text(_NEWEST_INBOUND), {"contact": conversation.contact_id, "channel": conversation.channel_id}
    )
    return newest


_ENSURE = """
INSERT INTO conversations (workspace_id, channel_id, contact_id, state, last_message_at)
VALUES (:workspace_id, :channel_id, :contact_id, 'expired', now())
ON CONFLICT (channel_id, contact_id) DO NOTHING
"""

# A thread that we begin has no window yet; one that was closed is at work again.
_OUTBOUND = """
INSERT INTO conversations AS c (workspace_id, channel_id, contact_id, state, last_message_id, last_message_at)
SELECT DISTINCT ON (channel_id, contact_id) workspace_id, channel_id, contact_id, 'expired', id, created_at
FROM messages WHERE id = ANY(CAST(:ids AS bigint[])) AND contact_id IS NOT NULL
ORDER BY channel_id, contact_id, created_at DESC, id DESC
ON CONFLICT (channel_id, contact_id) DO UPDATE SET
    state = CASE WHEN c.window_expires_at > now() THEN 'open' ELSE 'expired' END,
    last_message_id = CASE WHEN coalesce(c.last_message_at, '-infinity') <= excluded.last_message_at
                           THEN excluded.last_message_id ELSE c.last_message_id END,
    last_message_at = greatest(c.last_message_at, excluded.last_message_at)
"""

_NEWEST_INBOUND = f"""
SELECT m.id FROM messages m
WHERE m.contact_id = :contact AND m.channel_id = :channel AND {in_thread("m")} AND m.direction = 'in'
ORDER BY m.created_at DESC, m.id DESC LIMIT 1
"""  # noqa: S608 — made of constants

_HAND_OUT = """
WITH given AS (
    SELECT * FROM unnest(CAST(:ids AS bigint[]), CAST(:members AS bigint[])) WITH ORDINALITY AS g (id, member_id, place)
), handed AS (
    UPDATE conversations c SET assignee_id = g.member_id FROM given g WHERE c.id = g.id RETURNING c.id, g.member_id
), noted AS (
    -- Places a moment apart keep the order of turns.
    UPDATE members m SET assigned_at = clock_timestamp() + t.place * interval '1 microsecond'
    FROM (SELECT member_id, max(place) AS place FROM given GROUP BY member_id) t WHERE m.id = t.member_id
)
INSERT INTO conversation_events (workspace_id, conversation_id, user_id, kind, text)
SELECT :workspace_id, h.id, :user_id, 'assigned', u.name
FROM handed h JOIN members m ON m.id = h.member_id JOIN users u ON u.id = m.user_id
"""
