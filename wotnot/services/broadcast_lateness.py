"""A plan whose moment passed while nothing ran: how late it may still start by itself, and what is said when it is later. Pure."""

from datetime import datetime, timedelta

from wotnot.models import Broadcast, BroadcastState
from wotnot.services.zones import say_duration


def is_held(broadcast: Broadcast) -> bool:
    """Whether it waits for somebody to say that it may go late; nothing of it has been sent."""
    has_begun = broadcast.started_at is not None
    return broadcast.state is BroadcastState.PAUSED and not has_begun and broadcast.scheduled_at is not None


def why_held(broadcast: Broadcast, moment: datetime) -> str:
    """Why a planned broadcast does not start at `moment`, as sentences; empty when it is in time or late within its limit."""
    if broadcast.scheduled_at is None:
        return ""
    late = moment - broadcast.scheduled_at
    if late <= timedelta(minutes=broadcast.late_minutes):
        return ""
    by = say_duration(late.total_seconds() // 60 * 60)
    most = say_duration(broadcast.late_minutes * 60)
    return f"WotNot was not running at its time and came to it {by} late. It may start by itself up to {most} late."
