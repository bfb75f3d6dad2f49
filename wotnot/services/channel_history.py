"""What changed about numbers, newest first: of one number, and lately of all of a workspace."""

from sqlalchemy import select

from wotnot.extensions import db
from wotnot.models import Channel, ChannelEvent, ChannelState
from wotnot.services import channels
from wotnot.services.keyset import Keyset
from wotnot.services.pages import Page, clamp_limit


def list_history(
    workspace_id: int, channel_id: int, *, cursor: str | None = None, limit: int | None = None
) -> Page[ChannelEvent]:
    """The changes of a number. Raises NotFound, Invalid for a foreign cursor."""
    channel = channels.get_channel(workspace_id, channel_id)
    keyset = Keyset.decode(cursor, clamp_limit(limit))
    rows = db.session.scalars(
        select(ChannelEvent)
        .where(ChannelEvent.channel_id == channel.id, keyset.condition(ChannelEvent.id))
        .order_by(keyset.order(ChannelEvent.id))
        .limit(keyset.limit + 1)
    ).all()
    return keyset.page(rows, lambda event: event.id)


def list_recent(workspace_id: int, *, limit: int = 8) -> list[tuple[ChannelEvent, Channel]]:
    """The last changes of all numbers that are connected, each with its number."""
    rows = db.session.execute(
        select(ChannelEvent, Channel)
        .join(Channel, Channel.id == ChannelEvent.channel_id)
        .where(ChannelEvent.workspace_id == workspace_id, Channel.state != ChannelState.REMOVED)
        .order_by(ChannelEvent.id.desc())
        .limit(limit)
    )
    return [(event, channel) for event, channel in rows]
