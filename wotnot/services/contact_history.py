"""What happened with one contact: the last messages and broadcasts, for their page and for who talks with them."""

from sqlalchemy import ColumnElement, Select, select, union_all

from wotnot.extensions import db
from wotnot.models import Broadcast, Message
from wotnot.services import contacts
from wotnot.services.person_messages import PARTS

_newest = (Message.created_at.desc(), Message.id.desc())


def list_recent_messages(workspace_id: int, contact_id: int, limit: int = 20) -> list[tuple[Message, str]]:
    """The latest messages from and to a contact, newest first, each with its broadcast's name or "". Raises NotFound."""
    contacts.get_contact(workspace_id, contact_id)
    query = (
        select(Message, Broadcast.name)
        .outerjoin(Broadcast, Broadcast.id == Message.broadcast_id)
        .where(Message.id.in_(_newest_of(workspace_id, contact_id, limit)))
        .order_by(*_newest)
        .limit(limit)
    )
    return [(message, name or "") for message, name in db.session.execute(query)]


def list_recent_broadcasts(workspace_id: int, contact_id: int, limit: int = 5) -> list[tuple[Message, str]]:
    """The latest broadcasts that reached for a contact, newest first: the message in each, and the broadcast's name."""
    query = (
        select(Message, Broadcast.name)
        .join(Broadcast, Broadcast.id == Message.broadcast_id)
        .where(Message.id.in_(_newest_of(workspace_id, contact_id, limit, Message.broadcast_id.is_not(None))))
        .order_by(*_newest)
        .limit(limit)
    )
    return [(message, name) for message, name in db.session.execute(query)]


def _newest_of(workspace_id: int, contact_id: int, limit: int, *where: ColumnElement[bool]) -> Select[tuple[int]]:
    """The ids of the newest of either part of their messages, `limit` of each."""
    mine = select(Message.id).where(Message.workspace_id == workspace_id, Message.contact_id == contact_id, *where)
    parts = union_all(*(mine.where(part).order_by(*_newest).limit(limit) for part in PARTS)).subquery()
    return select(parts.c.id)
