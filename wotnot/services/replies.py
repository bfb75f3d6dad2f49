"""Answers in a conversation: what members write, and the ticks and the "is typing" that the customer sees meanwhile."""

import logging
from collections.abc import Mapping
from typing import Any

from sqlalchemy import select

from wotnot.errors import Conflict, Invalid
from wotnot.extensions import db
from wotnot.models import ChannelState, Conversation, Direction, EventKind, Message, MessageState
from wotnot.services import channels, conversations, idempotency, messages, presence, queue, single_messages
from wotnot.services.idempotency import Answer
from wotnot.services.person_messages import is_in_thread
from wotnot.services.transaction import release_connection
from wotnot.services.whatsapp.errors import GraphError
from wotnot.services.whatsapp.payloads import read_receipt

logger = logging.getLogger(__name__)

TYPING_EVERY_SECONDS = 20
"""The customer's phone shows "typing" for up to 25 seconds each time."""


def send_reply(
    workspace_id: int,
    conversation_id: int,
    *,
    type: str,  # noqa: A002 — Meta's and the API's word
    content: Mapping[str, Any],
    user_id: int | None = None,
    reply_to: int | None = None,
    client_id: str | None = None,
) -> Message:
    """Queue an answer. `content` is what `single_messages.send_message` takes under the type; `reply_to` is the message
    that is quoted, and for the type "reaction" the one that gets the `{emoji}`.

    The same `client_id` never sends the same twice: a double click or a repeated request gets the first message again, also
    when nothing could be sent any more meanwhile. Raises NotFound, Invalid, Conflict (closed window, stopped number, opted out of templates), Unavailable (a file could
    not be brought to Meta).
    """
    conversation = conversations.get_conversation(workspace_id, conversation_id)
    key = client_id and idempotency.key_of(client_id, conversation_id, type, dict(content), reply_to)
    if key and (earlier := idempotency.find_answer(workspace_id, "replies", key)):
        return messages.get_message(workspace_id, earlier.body["id"])
    channel, contact = channels.get_channel(workspace_id, conversation.channel_id), conversation.contact
    quoted = _quoted(conversation, reply_to)
    if type == "reaction":
        if quoted is None:
            raise Invalid({"reply_to": "Say which message the reaction is for."})
        content, quoted = {**content, "message_id": quoted}, None
    draft = single_messages.draft_message(channel, contact, type=type, content=content)

    def write() -> Answer:
        message = single_messages.queue_draft(draft, user_id=user_id, context_wamid=quoted)
        return Answer(202, {"id": message.id})

    answer = idempotency.run_once(workspace_id, "replies", key, "", write) if key else write()
    if user_id is not None:
        presence.forget_answering(workspace_id, conversation_id, user_id)
    return messages.get_message(workspace_id, answer.body["id"])


def retry_reply(workspace_id: int, conversation_id: int, message_id: int, *, user_id: int | None = None) -> Message:
    """Send a failed answer of this conversation again; a second try at once gets the first one's message.

    Raises NotFound, Conflict (it did not fail, or the window has closed meanwhile).
    """
    conversation = conversations.get_conversation(workspace_id, conversation_id)
    failed = _failed_in(conversation, message_id)
    channel = channels.get_channel(workspace_id, conversation.channel_id)
    draft = single_messages.draft_again(channel, conversation.contact, failed)

    def write() -> Answer:
        message = single_messages.queue_draft(draft, user_id=user_id, context_wamid=failed.context_wamid)
        conversations.put_aside(conversation, failed, EventKind.RETRIED, user_id=user_id)
        return Answer(202, {"id": message.id})

    answer = idempotency.run_once(workspace_id, "replies", f"retry:{failed.id}", "", write)
    return messages.get_message(workspace_id, answer.body["id"])


def discard_reply(workspace_id: int, conversation_id: int, message_id: int, *, user_id: int | None = None) -> None:
    """Take a failed answer out of the way: the thread says in its place that it was discarded. A second press changes nothing.

    Raises NotFound, Invalid (another conversation's), Conflict (it did not fail).
    """
    conversation = conversations.get_conversation(workspace_id, conversation_id)
    failed = _failed_in(conversation, message_id)
    conversations.put_aside(conversation, failed, EventKind.DISCARDED, user_id=user_id)


def say_typing(workspace_id: int, conversation_id: int, *, user_id: int) -> None:
    """A member is writing: the colleagues see who, the customer sees that somebody is. Raises NotFound."""
    conversation = conversations.get_conversation(workspace_id, conversation_id)
    presence.note_answering(workspace_id, conversation_id, user_id)
    if conversations.is_window_open(conversation):
        queue.enqueue_once("tell_typing", conversation_id, every_seconds=TYPING_EVERY_SECONDS)


def tell_read(conversation_id: int, *, is_typing: bool = False) -> bool:
    """Give the customer blue ticks up to their newest message, and "typing" if so; answers whether Meta was told.

    For a job: Meta being away costs the ticks and nothing else.
    """
    conversation = db.session.get(Conversation, conversation_id)
    if conversation is None:
        return False
    wamid = _newest_wamid(conversation)
    channel = channels.get_channel(conversation.workspace_id, conversation.channel_id)
    if wamid is None or channel.state is not ChannelState.CONNECTED:
        return False
    phone_number_id, client = channel.phone_number_id, channels.client_for(channel)
    release_connection()
    try:
        with client:
            client.mark_read(phone_number_id, read_receipt(wamid, typing=is_typing))
    except GraphError as error:
        logger.warning("no blue ticks: %s", error.fault.title)
        return False
    return True


def _quoted(conversation: Conversation, message_id: int | None) -> str | None:
    if message_id is None:
        return None
    wamid = _message_in(conversation, message_id).wamid
    if wamid is None:
        raise Invalid({"reply_to": "This message has not reached WhatsApp yet, so it cannot be quoted."})
    return wamid


def _message_in(conversation: Conversation, message_id: int) -> Message:
    message = messages.get_message(conversation.workspace_id, message_id)
    if (message.contact_id, message.channel_id) != (conversation.contact_id, conversation.channel_id):
        raise Invalid({"reply_to": "This message is not in this conversation."})
    return message


def _failed_in(conversation: Conversation, message_id: int) -> Message:
    message = _message_in(conversation, message_id)
    if message.state is not MessageState.FAILED or message.direction is not Direction.OUT or message.broadcast_id:
        raise Conflict("This is no answer that failed, so there is nothing to do about it.", code="not_failed")
    return message


def _newest_wamid(conversation: Conversation) -> str | None:
    query = select(Message.wamid).where(
        Message.contact_id == conversation.contact_id,
        Message.channel_id == conversation.channel_id,
        is_in_thread(),
        Message.direction == Direction.IN,
    )
    return db.session.scalar(query.order_by(Message.created_at.desc(), Message.id.desc()).limit(1))
