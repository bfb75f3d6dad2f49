"""The ledger: every write to the `messages` table but the expansion of a broadcast.

States only move forward. What decides is a rank, so facts may arrive twice, late or in any order and the end is the same:

    queued < sending < unknown < accepted < sent < failed < delivered < read

`failed` beats `sent` because Meta fails messages after taking them; `delivered` beats `failed` because it is proof.
"""

from datetime import UTC, date, datetime
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import select, text, update
from sqlalchemy.orm import Session

from wotnot import clock
from wotnot.errors import NotFound
from wotnot.extensions import db
from wotnot.models import Contact, Conversation, Message, MessageState, Workspace
from wotnot.services import first_answers, queue
from wotnot.services.person_messages import PARTS
from wotnot.services.transaction import on_commit, transaction

CALLBACK_PREFIX = "wotnot:"
"""What Meta echoes in every receipt: this and our message id. Other apps on the same number have other prefixes."""

RANKED_STATES = ("queued", "sending", "unknown", "accepted", "sent", "failed", "delivered", "read")


def rank_sql(expression: str) -> str:
    """SQL for the rank of a state; the states outside the ladder (skipped, cancelled) rank lowest."""
    states = ",".join(f"'{state}'" for state in RANKED_STATES)
    return f"coalesce(array_position(ARRAY[{states}]::text[], ({expression})::text), 0)"


def callback_of(message_id: int) -> str:
    """The `biz_opaque_callback_data` of a message."""
    return f"{CALLBACK_PREFIX}{message_id}"


def id_from_callback(callback: object) -> int | None:
    """The message id in a callback that we made, else None."""
    if not isinstance(callback, str) or not callback.startswith(CALLBACK_PREFIX):
        return None
    digits = callback.removeprefix(CALLBACK_PREFIX)
    return int(digits) if digits.isascii() and digits.isdecimal() and len(digits) <= 18 else None


def create_message(
    workspace_id: int,
    *,
    channel_id: int,
    contact_id: int | None,
    phone: str,
    type: str,  # noqa: A002 — Meta's and the API's word
    content: dict[str, Any],
    template_id: int | None = None,
    user_id: int | None = None,
    wa_user_id: str | None = None,
    context_wamid: str | None = None,
) -> Message:
    """Write a single message into the ledger and wake the sender.

    `phone` is E.164 digits (empty for a person known by `wa_user_id` only), `content` the Cloud API's object for `type`
    (what stands under that key in its message), `context_wamid` the message it answers. Raises NotFound when the contact was
    deleted meanwhile.
    """
    with transaction() as session:
        if contact_id is not None:
            _hold_contact(session, contact_id)
        message = Message(
            workspace_id=workspace_id,
            channel_id=channel_id,
            contact_id=contact_id,
            phone=phone or None,
            wa_user_id=wa_user_id,
            context_wamid=context_wamid,
            type=type,
            content=content,
            template_id=template_id,
            user_id=user_id,
            day=today_of(workspace_id),
        )
        session.add(message)
        session.flush()
        if user_id is not None:
            first_answers.note_answer(message)
        wake_sender()
    return message


def _hold_contact(session: Session, contact_id: int) -> None:
    """Keep them from being deleted before the message is committed, which then would name nobody."""
    held = select(Contact.id).where(Contact.id == contact_id).with_for_update(read=True, key_share=True)
    if session.scalar(held) is None:
        raise NotFound("Contact")


def get_message(workspace_id: int, message_id: int) -> Message:
    """One ledger entry. Raises NotFound."""
    message = db.session.get(Message, message_id)
    if message is None or message.workspace_id != workspace_id:
        raise NotFound("Message")
    return message


def list_attempts(message: Message) -> list[Message]:
    """All attempts to reach the same contact in the same broadcast, the first one first."""
    if message.broadcast_id is None or message.contact_id is None:
        return [message]
    query = (
        select(Message)
        .where(Message.broadcast_id == message.broadcast_id, Message.contact_id == message.contact_id)
        .order_by(Message.attempt)
    )
    return list(db.session.scalars(query))


def has_open_window(channel_id: int, contact_id: int) -> bool:
    """Whether free text may go to this contact now: they wrote to this number within Meta's 24 hours."""
    query = select(Conversation.window_expires_at).where(
        Conversation.channel_id == channel_id, Conversation.contact_id == contact_id
    )
    expires_at = db.session.scalar(query)
    return expires_at is not None and expires_at > clock.now()


def skip_for_contacts(contact_ids: list[int]) -> None:
    """Skip what waits for contacts that are about to be deleted. Joins the caller's transaction."""
    skipped = {"state": MessageState.SKIPPED, "skip_reason": "contact_deleted", "changed_at": clock.now()}
    with transaction() as session:
        for part in PARTS:
            waiting = (Message.contact_id.in_(contact_ids), part, Message.state == MessageState.QUEUED)
            session.execute(update(Message).where(*waiting).values(**skipped))


def cancel_for_channel(channel_id: int) -> None:
    """Cancel the single messages that wait on a number about to be removed, or they would go out when it comes back.

    Joins the caller's transaction.
    """
    with transaction() as session:
        session.execute(
            update(Message)
            .where(
                Message.channel_id == channel_id,
                Message.broadcast_id.is_(None),
                Message.state == MessageState.QUEUED,
            )
            .values(state=MessageState.CANCELLED, changed_at=clock.now())
        )


def wake_sender() -> None:
    """Have the sender look for due messages once this transaction has committed."""
    on_commit(lambda: queue.enqueue_once("send_due", every_seconds=2))


def today_of(workspace_id: int) -> date:
    """The calendar day in the workspace's time zone, which reports count by."""
    zone = db.session.scalar(select(Workspace.timezone).where(Workspace.id == workspace_id)) or "UTC"
    return datetime.now(ZoneInfo(zone)).date()


def count_due(limit: int = 1) -> int:
    """How many messages wait for the sender now, up to `limit`; cheap enough for a sweep."""
    rows = db.session.execute(text(_DUE), {"limit": limit, "now": datetime.now(UTC)})
    return len(rows.all())


_DUE = """
SELECT 1 FROM broadcasts b WHERE b.state = 'sending' AND (b.waits_until IS NULL OR b.waits_until <= :now) AND EXISTS (
    SELECT 1 FROM messages m WHERE m.broadcast_id = b.id AND m.state = 'queued' AND m.due_at <= :now)
UNION ALL
SELECT 1 FROM messages WHERE broadcast_id IS NULL AND state = 'queued' AND due_at <= :now
LIMIT :limit
"""
