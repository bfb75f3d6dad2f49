"""How many marketing messages one person gets in so many days, over all broadcasts of a workspace.

Counted from the ledger: what went out, and what waits to. Two lists that are made at the same time see each other's rows,
because each batch of a list takes the workspace's turn first (`take_turn`).
"""

from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from sqlalchemy import ARRAY, BigInteger, ColumnElement, any_, cast, false, func, literal, or_, select, text
from sqlalchemy.orm import Session, aliased

from wotnot import clock
from wotnot.extensions import db
from wotnot.models import (
    Broadcast,
    BroadcastState,
    Contact,
    Message,
    MessageState,
    MessageTally,
    Template,
    TemplateCategory,
)
from wotnot.services import pace_settings

_OPEN = (BroadcastState.EXPANDING, BroadcastState.SENDING, BroadcastState.PAUSED)
_NOT_COUNTED = (MessageState.FAILED, MessageState.SKIPPED, MessageState.CANCELLED)


@dataclass(frozen=True, slots=True)
class Cap:
    """At most `messages` in `days`; `broadcast_ids` are those that may have something in these days."""

    messages: int
    days: int
    broadcast_ids: tuple[int, ...]


def is_capped(broadcast: Broadcast) -> bool:
    """Whether a broadcast leaves out who has had their share: marketing, in a workspace with a cap, unless it ignores it."""
    return concerns(broadcast) and not broadcast.ignores_cap


def concerns(broadcast: Broadcast) -> bool:
    """Whether the workspace's cap is about a broadcast at all."""
    template = broadcast.template
    is_marketing = template is not None and template.category is TemplateCategory.MARKETING
    return is_marketing and pace_settings.get_setup(broadcast.workspace_id).cap_messages is not None


def find_cap(workspace_id: int) -> Cap | None:
    """The workspace's cap, and where to count; None without one."""
    setup = pace_settings.get_setup(workspace_id)
    if setup.cap_messages is None:
        return None
    since = clock.now() - timedelta(days=setup.cap_days)
    found = db.session.scalars(
        select(Broadcast.id)
        .join(Template, Template.id == Broadcast.template_id)
        .where(
            Broadcast.workspace_id == workspace_id,
            Template.category == TemplateCategory.MARKETING,
            or_(Broadcast.state.in_(_OPEN), Broadcast.finished_at > since),
        )
        .order_by(Broadcast.id)
    )
    return Cap(setup.cap_messages, setup.cap_days, tuple(found))


def has_had_enough(workspace_id: int) -> ColumnElement[bool]:
    """Whether a contact has had their share, as SQL: one look into the unique index of the ledger for each broadcast."""
    cap = find_cap(workspace_id)
    if cap is None or len(cap.broadcast_ids) < cap.messages:
        return false()
    sent = aliased(Message)
    count = select(func.count(sent.broadcast_id.distinct())).where(
        sent.broadcast_id == any_(literal(list(cap.broadcast_ids), ARRAY(BigInteger))),
        sent.contact_id == Contact.id,
        sent.state.not_in(_NOT_COUNTED),
        func.coalesce(sent.accepted_at, sent.due_at) > clock.now() - timedelta(days=cap.days),
    )
    return count.correlate(Contact).scalar_subquery() >= cap.messages


def stamp(workspace_id: int) -> list[Any]:
    """What an answer about the cap depends on, as JSON: while it stays for the hour, so does the answer."""
    cap = find_cap(workspace_id)
    if cap is None:
        return []
    counts = MessageTally.state.not_in(_NOT_COUNTED)
    messages = cast(func.coalesce(func.sum(MessageTally.delta).filter(counts), 0), BigInteger)
    total = db.session.scalar(select(messages).where(MessageTally.broadcast_id.in_(cap.broadcast_ids)))
    return [cap.messages, cap.days, list(cap.broadcast_ids), total, clock.now().strftime("%Y%m%d%H")]


def take_turn(session: Session, workspace_id: int) -> None:
    """Let one list at a time count and write, until the commit: what it writes is what the next one counts."""
    session.execute(text("SELECT pg_advisory_xact_lock(:area, :workspace)"), {"area": _AREA, "workspace": workspace_id})


_AREA = 14
"""Which of the advisory locks by two numbers is meant."""
