"""Whether a draft is what most of its people got a few days ago: the same template, and nearly the same list by the ledger.

Sending it again is nobody's intention most of the time, so it is asked about, and naming the earlier one is the answer.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import func, or_, select

from wotnot.clock import now
from wotnot.extensions import db
from wotnot.models import Broadcast, BroadcastState, Message, MessageState, Template, TemplateCategory
from wotnot.services import audience, audience_facts, audience_risks, tallies
from wotnot.services.audience_counts import remember
from wotnot.services.segment_audience import Settled, settle

DAYS = 7
PERCENT = 80
_MOST = 5
_NOT_SENT = (MessageState.SKIPPED, MessageState.CANCELLED)


@dataclass(frozen=True, slots=True)
class Repeat:
    """An earlier broadcast that got, or gets, to `people` of a draft's recipients, which is `percent` of them."""

    id: int
    name: str
    started_at: datetime | None
    people: int
    percent: int


def find_repeat(broadcast: Broadcast, to_send: int) -> Repeat | None:
    """The latest broadcast of the last days with the template of a draft that reached PERCENT of its `to_send` people."""
    if broadcast.template is None or not to_send:
        return None
    earlier = _list_earlier(broadcast, broadcast.template)
    sizes = {
        one: counts.funnel["audience"] for one, counts in tallies.broadcast_counts([e.id for e in earlier]).items()
    }
    large_enough = [one for one in earlier if 100 * sizes[one.id] >= PERCENT * to_send]
    shared = _count_shared(broadcast, large_enough, sizes) if large_enough else {}
    for one in large_enough:
        people = shared.get(one.id, 0)
        if 100 * people >= PERCENT * to_send:
            return Repeat(one.id, one.name, one.started_at, people, min(100, 100 * people // to_send))
    return None


def _list_earlier(broadcast: Broadcast, template: Template) -> Sequence[Broadcast]:
    """The latest first. The translations of a template are the same message."""
    is_same = Broadcast.template.has((Template.waba_id == template.waba_id) & (Template.name == template.name))
    has_begun = or_(Broadcast.started_at > now() - timedelta(days=DAYS), Broadcast.state == BroadcastState.EXPANDING)
    statement = select(Broadcast).where(
        Broadcast.workspace_id == broadcast.workspace_id, Broadcast.id != broadcast.id, is_same, has_begun
    )
    return db.session.scalars(statement.order_by(Broadcast.id.desc()).limit(_MOST)).all()


def _count_shared(broadcast: Broadcast, earlier: Sequence[Broadcast], sizes: dict[int, int]) -> dict[int, int]:
    settled = settle(broadcast.workspace_id, broadcast.audience, broadcast.exclude)
    kinds = audience_risks.left_out_of(broadcast)

    def count() -> list[list[int]]:
        return _count_now(broadcast, settled, [one.id for one in earlier])

    lists = [[one.id, sizes[one.id], one.state.value] for one in earlier]
    stamp = audience_risks.stamp(broadcast.workspace_id, kinds)
    question = ["repeat", lists, *settled.question, broadcast.variables, broadcast.template_id, stamp]
    answer: list[list[int]] = remember(broadcast.workspace_id, settled, question, count)
    return {broadcast_id: people for broadcast_id, people in answer}  # noqa: C416 — pairs came back from JSON as lists


def _count_now(broadcast: Broadcast, settled: Settled, earlier_ids: Sequence[int]) -> list[list[int]]:
    people = audience.resolve_settled(broadcast.workspace_id, settled, audience_risks.left_out_of(broadcast))
    needs_phone = broadcast.template is not None and broadcast.template.category is TemplateCategory.AUTHENTICATION
    listed = audience_facts.recipients(people, broadcast.variables, needs_phone=needs_phone)
    # A query of its own: conditions about people may ask the ledger too.
    recipients = select(listed.c.contact_id).cte("recipients").prefix_with("MATERIALIZED", dialect="postgresql")
    statement = (
        select(Message.broadcast_id, func.count())
        .join(recipients, recipients.c.contact_id == Message.contact_id)
        .where(Message.broadcast_id.in_(earlier_ids), Message.attempt == 1, Message.state.not_in(_NOT_SENT))
        .group_by(Message.broadcast_id)
    )
    return [[int(one or 0), count] for one, count in db.session.execute(statement)]
