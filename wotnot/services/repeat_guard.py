"""Whether a draft is what most of its people got a few days ago, or are to get: the same template, and nearly the same list.

Sending it again is nobody's intention most of the time, so it is asked about, and naming the other one is the answer. Whom
one got says the ledger; whom one that is planned goes to is asked as if it began now (`planned_lists.py`).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import DateTime, Select, and_, func, literal, or_, select
from sqlalchemy.orm import joinedload

from wotnot.clock import now
from wotnot.extensions import db
from wotnot.models import Broadcast, BroadcastState, Message, MessageState, Template, TemplateCategory
from wotnot.services import audience, audience_facts, audience_risks, planned_lists, tallies
from wotnot.services.audience_counts import remember
from wotnot.services.broadcast_lateness import is_held
from wotnot.services.segment_audience import Settled, settle

DAYS = 7
PERCENT = 80
_MOST = 5
_MOST_PLANNED = 3
_WITHOUT_LIST = (BroadcastState.SCHEDULED, BroadcastState.EXPANDING)
_NOT_SENT = (MessageState.SKIPPED, MessageState.CANCELLED)


@dataclass(frozen=True, slots=True)
class Repeat:
    """Another broadcast that got, or gets, to `people` of a draft's recipients, which is `percent` of them.

    `scheduled_at` is there where it is planned and has not begun.
    """

    id: int
    name: str
    started_at: datetime | None
    people: int
    percent: int
    scheduled_at: datetime | None = None


def find_repeat(broadcast: Broadcast, to_send: int) -> Repeat | None:
    """The latest broadcast of the last days with the template of a draft that reached PERCENT of its `to_send` people; else
    the one planned nearest to it that would.
    """
    if broadcast.template is None or not to_send:
        return None
    return _find_sent(broadcast, broadcast.template, to_send) or _find_planned(broadcast, broadcast.template, to_send)


def _find_sent(broadcast: Broadcast, template: Template, to_send: int) -> Repeat | None:
    earlier = _list_earlier(broadcast, template)
    sizes = {
        one: counts.funnel["audience"] for one, counts in tallies.broadcast_counts([e.id for e in earlier]).items()
    }
    large_enough = [one for one in earlier if _is_most(sizes[one.id], to_send)]
    shared = _count_shared(broadcast, large_enough, sizes) if large_enough else {}
    return _first_repeat(large_enough, shared, to_send)


def _find_planned(broadcast: Broadcast, template: Template, to_send: int) -> Repeat | None:
    planned = _list_planned(broadcast, template)
    shared = planned_lists.count_shared(broadcast, planned, to_send) if planned else {}
    return _first_repeat(planned, shared, to_send)


def _first_repeat(others: Sequence[Broadcast], shared: Mapping[int, int], to_send: int) -> Repeat | None:
    for one in others:
        people = shared.get(one.id, 0)
        if _is_most(people, to_send):
            percent = min(100, 100 * people // to_send)
            planned_for = one.scheduled_at if _is_planned(one) else None
            return Repeat(one.id, one.name, one.started_at, people, percent, planned_for)
    return None


def _is_most(people: int, to_send: int) -> bool:
    return 100 * people >= PERCENT * to_send


def _is_planned(broadcast: Broadcast) -> bool:
    return broadcast.state is BroadcastState.SCHEDULED or is_held(broadcast)


def _list_earlier(broadcast: Broadcast, template: Template) -> Sequence[Broadcast]:
    """The latest first."""
    has_begun = or_(Broadcast.started_at > now() - timedelta(days=DAYS), Broadcast.state == BroadcastState.EXPANDING)
    statement = _others(broadcast, template).where(has_begun)
    return db.session.scalars(statement.order_by(Broadcast.id.desc()).limit(_MOST)).all()


def _list_planned(broadcast: Broadcast, template: Template) -> Sequence[Broadcast]:
    """Those within DAYS of the draft's own moment, before or after it, the nearest first; also one whose list is being written.

    One whose moment has passed begins when somebody lets it, which may be now.
    """
    moment = literal(max(broadcast.scheduled_at or now(), now()), DateTime(timezone=True))
    begins = func.greatest(Broadcast.scheduled_at, literal(now(), DateTime(timezone=True)))
    apart = func.greatest(begins - moment, moment - begins)
    never_began = and_(Broadcast.started_at.is_(None), Broadcast.scheduled_at.is_not(None))
    has_no_list = or_(Broadcast.state.in_(_WITHOUT_LIST), and_(Broadcast.state == BroadcastState.PAUSED, never_began))
    statement = _others(broadcast, template).where(has_no_list, apart <= timedelta(days=DAYS))
    nearest = statement.options(joinedload(Broadcast.template)).order_by(apart, Broadcast.id)
    return db.session.scalars(nearest.limit(_MOST_PLANNED)).all()


def _others(broadcast: Broadcast, template: Template) -> Select[Broadcast]:
    """The workspace's other broadcasts with this template. Its translations are the same message."""
    is_same = Broadcast.template.has((Template.waba_id == template.waba_id) & (Template.name == template.name))
    return select(Broadcast).where(
        Broadcast.workspace_id == broadcast.workspace_id, Broadcast.id != broadcast.id, is_same
    )


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
