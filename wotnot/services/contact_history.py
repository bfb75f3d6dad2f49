"""What happened with one contact: the last messages, for their page."""

from sqlalchemy import select

from wotnot.extensions import db
from wotnot.models import Broadcast, Message
from wotnot.services import contacts


def list_recent_messages(workspace_id: int, contact_id: int, limit: int = 20) -> list[tuple[Message, str]]:
    """The latest messages from and to a contact, newest first, each with its broadcast's name or "". Raises NotFound."""
    contacts.get_contact(workspace_id, contact_id)
    query = (
        select(Message, Broadcast.name)
        .outerjoin(Broadcast, Broadcast.id == Message.broadcast_id)
        .where(Message.workspace_id == workspace_id, Message.contact_id == contact_id)
        .order_by(Message.id.desc())
        .limit(limit)
    )
    return [(message, name or "") for message, name in db.session.execute(query)]
