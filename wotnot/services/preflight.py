"""The look at a draft before the button: who is at risk, how much of the number's limit is left, whether it went out before."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from wotnot.clock import now
from wotnot.models import Broadcast, TemplateCategory
from wotnot.services import audience_counts, audience_risks, forecast, messaging_limits, repeat_guard
from wotnot.services.audience_counts import AudienceCount
from wotnot.services.broadcast_readiness import list_blockers
from wotnot.services.channel_pace import pace_of
from wotnot.services.messaging_limits import LimitUse
from wotnot.services.repeat_guard import Repeat


@dataclass(frozen=True, slots=True)
class Preflight:
    """`by_kind` counts people of each kind of `audience_risks.KINDS` that concerns the draft, left out or not."""

    by_kind: Mapping[str, int] = field(default_factory=dict)
    limit: LimitUse | None = None
    repeat: Repeat | None = None


def count_draft(broadcast: Broadcast, *, exactly: bool = True, keeps: bool = False) -> AudienceCount:
    """The audience of a draft; `exactly` with a look at every person's values. `keeps` as in `audience_counts.count_audience`."""
    return audience_counts.count_audience(
        broadcast.workspace_id,
        broadcast.audience,
        broadcast.exclude,
        broadcast.variables if exactly else {},
        needs_phone=needs_phone(broadcast),
        leave_out=audience_risks.left_out_of(broadcast),
        keeps=keeps,
    )


def look(broadcast: Broadcast, counted: AudienceCount) -> Preflight:
    """What is to be known of a draft whose audience was `counted` just now."""
    return Preflight(
        by_kind=_count_kinds(broadcast, counted) if broadcast.audience else {},
        limit=messaging_limits.read_use(broadcast.channel, broadcast.scheduled_at) if broadcast.channel else None,
        repeat=repeat_guard.find_repeat(broadcast, counted.to_send),
    )


def describe(broadcast: Broadcast) -> dict[str, Any]:
    """All of it for a program: `blockers`, `count`, `by_kind`, `limit`, `repeat`, `finishes_at`, `cost`."""
    counted = count_draft(broadcast, keeps=True)
    found = look(broadcast, counted)
    return {
        "blockers": list_blockers(broadcast),
        "count": counted,
        "by_kind": found.by_kind,
        "limit": found.limit,
        "repeat": found.repeat,
        "finishes_at": finish_of(broadcast, counted.to_send, found.limit),
        "cost": forecast.forecast_broadcast(broadcast),
    }


def finish_of(broadcast: Broadcast, to_send: int, limit: LimitUse | None) -> datetime | None:
    """When it will be done at its pace, if it starts now or at its time; None without a number.

    Quiet hours of the people, and whom Meta holds back, come on top.
    """
    if broadcast.channel is None:
        return None
    return max(broadcast.scheduled_at or now(), now()) + timedelta(seconds=seconds_of(broadcast, to_send, limit))


def seconds_of(broadcast: Broadcast, to_send: int, limit: LimitUse | None = None) -> float:
    """How long so many messages take: at the pace of the number, spread, with so many people a day, and within its limit."""
    rate = pace_of(broadcast.channel) if broadcast.channel else 1
    spread = 60 * (broadcast.spread_minutes or 0)
    takes = max(to_send / rate, spread)
    if most := broadcast.daily_most:
        days = (max(to_send, 1) - 1) // most
        takes = max(takes, days * 86_400 + (to_send - days * most) / rate)
    return max(takes, limit.seconds_for(to_send, rate)) if limit else takes


def needs_phone(broadcast: Broadcast) -> bool:
    """Whether Meta sends the message to numbers only, and to nobody who is known by a user id."""
    return broadcast.template is not None and broadcast.template.category is TemplateCategory.AUTHENTICATION


def _count_kinds(broadcast: Broadcast, counted: AudienceCount) -> dict[str, int]:
    """Those left out are counted already; the others are looked for."""
    kinds = audience_risks.kinds_for(broadcast)
    others = audience_counts.count_kinds(
        broadcast.workspace_id,
        broadcast.audience,
        broadcast.exclude,
        {key: source for key, source in broadcast.variables.items() if source.get("field")},
        [kind for kind in kinds if kind not in counted.by_kind],
        needs_phone=needs_phone(broadcast),
        leave_out=audience_risks.left_out_of(broadcast),
    )
    return {kind: counted.by_kind.get(kind, others.get(kind, 0)) for kind in kinds}
