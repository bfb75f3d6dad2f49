"""Broadcasts that stop or wait as a whole, and go on: for a number's quality, for room in its limit, for the next day's budget.

Each is one UPDATE whose condition is the lock. It knows no channel and no budget: those who do call it.
"""

from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, and_, func, or_, select, update

from wotnot.clock import now
from wotnot.models import Broadcast, BroadcastState, Template, TemplateCategory
from wotnot.services import broadcast_states as states
from wotnot.services import events, messages
from wotnot.services.transaction import transaction

LIMIT, BUDGET, MOMENTS = "limit", "budget", "moments"
"""What a broadcast under way waits for as a whole (`waits_for`)."""

AT_ONCE: dict[str, Any] = {"reason": "", "waits_until": None, "waits_for": ""}
"""What takes off that it waits."""


def pause_for_quality(channel_id: int, words: str) -> None:
    """Pause the marketing that is being sent from a number that Meta rates low now, whatever was said before.

    Joins the caller's transaction.
    """
    marketing = select(Template.id).where(Template.category == TemplateCategory.MARKETING)
    with transaction() as session:
        paused = session.execute(
            update(Broadcast)
            .where(
                Broadcast.channel_id == channel_id,
                Broadcast.template_id.in_(marketing),
                Broadcast.state.in_(states.STOP.sources),
            )
            .values(state=states.STOP.target, reason=words, despite_quality=False, updated_at=func.now())
            .returning(Broadcast.workspace_id, Broadcast.id)
            .execution_options(synchronize_session=False)
        ).all()
        for workspace_id, broadcast_id in paused:
            _tell(workspace_id, broadcast_id)


def hold_all(condition: ColumnElement[bool], what_for: str, until: datetime, words: str) -> int:
    """Let the sending broadcasts that meet `condition` wait until a moment; answers how many began to.

    Nothing of them is claimed before; then they go on by themselves. `what_for` is LIMIT or BUDGET.
    """
    with transaction() as session:
        held = session.execute(
            update(Broadcast)
            .where(
                condition,
                Broadcast.state == BroadcastState.SENDING,
                or_(Broadcast.waits_until.is_(None), Broadcast.waits_until < until, Broadcast.reason != words),
            )
            .values(waits_until=until, waits_for=what_for, reason=words, updated_at=func.now())
            .returning(Broadcast.workspace_id, Broadcast.id)
            .execution_options(synchronize_session=False)
        ).all()
        for workspace_id, broadcast_id in held:
            _tell(workspace_id, broadcast_id)
    return len(held)


def release_all(condition: ColumnElement[bool], what_for: str) -> int:
    """Let those go on at once that meet `condition` and wait for `what_for`; answers how many."""
    with transaction() as session:
        freed = session.execute(
            update(Broadcast)
            .where(condition, Broadcast.waits_for == what_for, Broadcast.state == BroadcastState.SENDING)
            .values(updated_at=func.now(), **AT_ONCE)
            .returning(Broadcast.workspace_id, Broadcast.id)
            .execution_options(synchronize_session=False)
        ).all()
        for workspace_id, broadcast_id in freed:
            _tell(workspace_id, broadcast_id)
        if freed:
            messages.wake_sender()
    return len(freed)


def note_going(broadcast_id: int) -> None:
    """Take off that a broadcast waits, once its moment has come."""
    for what_for in (LIMIT, BUDGET, MOMENTS):
        release_all(and_(Broadcast.id == broadcast_id, Broadcast.waits_until <= now()), what_for)


def _tell(workspace_id: int, broadcast_id: int) -> None:
    events.publish(workspace_id, f"broadcast:{broadcast_id}", "broadcasts", "workspace")
