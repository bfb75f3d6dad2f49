"""Set-based changes to a broadcast's ledger rows: cancelling what waits, and adding attempts. No row is read here.

The functions work in the caller's transaction: the broadcast's own move and its rows commit together.
"""

from datetime import timedelta
from typing import Any

from sqlalchemy import ColumnElement, CursorResult, Date, and_, cast, exists, func, literal, or_, select, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session, aliased

from wotnot.models import Broadcast, Consent, Contact, Message, MessageState, MessageTally
from wotnot.services import tallies
from wotnot.services.template_families import choice_for

CANCEL_BATCH = 20_000

UNKNOWN_GRACE = timedelta(minutes=10)
"""How long a receipt may settle an `unknown` message before its owner may choose to send it again."""

STOPPED_BY_THEM = 131050
"""Meta's code for a person who stopped marketing messages from this number."""

NOBODY_TO_RETRY = {
    "failed": "Nobody is left to retry: no failed message can be sent again. People who opted out are not asked again.",
    "unknown": (
        "Nobody is left to retry: unknown messages may be sent again "
        f"{UNKNOWN_GRACE.seconds // 60} minutes after the connection broke, when no receipt came."
    ),
}


def cancel_queued(session: Session, broadcast_id: int, *, limit: int = CANCEL_BATCH) -> bool:
    """Turn up to `limit` queued rows of a broadcast into `cancelled`; answers whether there may be more."""
    batch = (
        select(Message.id)
        .where(Message.broadcast_id == broadcast_id, Message.state == MessageState.QUEUED)
        .order_by(Message.id)
        .limit(limit)
        .with_for_update(skip_locked=True)
    )
    changed: CursorResult[Any] = session.execute(  # type: ignore[assignment]  # an UPDATE always answers a CursorResult
        update(Message)
        .where(Message.id.in_(batch), Message.state == MessageState.QUEUED)
        .values(state=MessageState.CANCELLED, changed_at=func.now())
        .execution_options(synchronize_session=False)
    )
    return changed.rowcount >= limit


def uses_template(template_id: int) -> ColumnElement[bool]:
    """Whether a broadcast goes out with this template: as its main one, or to those on its list who read its language."""
    in_its_list = exists().where(
        MessageTally.broadcast_id == Broadcast.id,
        MessageTally.broadcast_id != 0,  # what the index says of itself
        MessageTally.template_id == template_id,
    )
    return or_(Broadcast.template_id == template_id, in_its_list)


def use_main_language(session: Session, broadcast: Broadcast) -> int:
    """Let whoever waits for a translation that cannot be sent any more get the main language; answers how many did."""
    if broadcast.template is None:
        return 0
    sendable = [one.id for one in choice_for(broadcast.template).templates]
    gone = set(tallies.template_counts(broadcast.id)).difference([*sendable, tallies.NO_TEMPLATE])
    if not gone:
        return 0
    changed: CursorResult[Any] = session.execute(  # type: ignore[assignment]  # as above
        update(Message)
        .where(
            Message.broadcast_id == broadcast.id,
            Message.state == MessageState.QUEUED,
            Message.template_id.in_(gone),
        )
        .values(template_id=broadcast.template_id)
        .execution_options(synchronize_session=False)
    )
    return changed.rowcount


def add_attempts(session: Session, broadcast_id: int, scope: str, timezone: str) -> int:
    """Queue attempt n+1 for everybody whose last attempt is in the state `scope`; answers how many rows were added.

    The number is taken from the contact again, so that a corrected one is used. Doing it twice adds nothing: the first
    time left a later attempt, and the unique key (broadcast, contact, attempt) settles a race.
    """
    later = aliased(Message)
    is_last = ~exists().where(
        later.broadcast_id == Message.broadcast_id,
        later.contact_id == Message.contact_id,
        later.attempt > Message.attempt,
    )
    may_retry = {
        "failed": and_(
            Message.state == MessageState.FAILED,
            or_(Message.error_code.is_(None), Message.error_code != STOPPED_BY_THEM),
        ),
        "unknown": and_(Message.state == MessageState.UNKNOWN, Message.changed_at < func.now() - UNKNOWN_GRACE),
    }[scope]
    rows = (
        select(
            Message.workspace_id,
            Message.channel_id,
            Message.broadcast_id,
            Message.template_id,
            Message.user_id,
            Message.contact_id,
            Contact.phone,
            Contact.wa_user_id,
            Message.attempt + 1,
            literal(MessageState.QUEUED.value),
            cast(func.timezone(timezone, func.now()), Date),
        )
        .join(Contact, Contact.id == Message.contact_id)
        .where(Message.broadcast_id == broadcast_id, may_retry, is_last, Contact.consent != Consent.OPTED_OUT)
        .order_by(Message.id)
    )
    columns = ["workspace_id", "channel_id", "broadcast_id", "template_id", "user_id", "contact_id", "phone"]
    statement = insert(Message).from_select(
        [*columns, "wa_user_id", "attempt", "state", "day"], rows, include_defaults=False
    )
    added: CursorResult[Any] = session.execute(statement.on_conflict_do_nothing())  # type: ignore[assignment]
    return added.rowcount
