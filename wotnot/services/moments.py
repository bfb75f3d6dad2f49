"""When each row of a list may go: spread over time, so many people a day, and not in their quiet hours.

A row's moment follows from its place among those who get the message, which `planned_count` keeps from batch to batch, so
that a list that is taken up again after a crash goes on where its last commit ended. All of it is part of the one statement
that writes the rows.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import ColumnElement, DateTime, Integer, Subquery, and_, case, cast, func, literal, select
from sqlalchemy.orm import Session

from wotnot import clock
from wotnot.models import Broadcast, Contact, Message, MessageState
from wotnot.services import preflight, quiet_rows
from wotnot.services.quiet_rows import QuietRule

SPREAD, DAILY, QUIET = "spread", "daily", "quiet"

_MOMENT = DateTime(timezone=True)


@dataclass(frozen=True, slots=True)
class Timetable:
    """What stays the same from batch to batch. Without anything in it a row is due at once."""

    timezone: str
    rule: QuietRule | None

    def is_needed(self, broadcast: Broadcast) -> bool:
        """Whether some rows may have to wait."""
        return self.rule is not None or is_spread(broadcast)


def is_spread(broadcast: Broadcast) -> bool:
    """Whether the list is spread over time or days."""
    return bool(broadcast.spread_minutes or broadcast.daily_most)


def begin(broadcast: Broadcast) -> None:
    """Settle from when on and over how many people a list is spread, at its first batch."""
    if is_spread(broadcast) and broadcast.spread_from is None:
        broadcast.spread_from = clock.now()
        broadcast.spread_total = max(preflight.count_draft(broadcast).to_send, 1)


def moment_at(broadcast: Broadcast, place: int, timezone: str) -> datetime:
    """When the person at `place` (from 0) may get it, quiet hours aside: what `_spread_sql` says, for one person."""
    begins = broadcast.spread_from or clock.now()
    moment = begins
    if broadcast.spread_minutes:
        moment += timedelta(minutes=broadcast.spread_minutes) * (place / max(broadcast.spread_total or 1, 1))
    if broadcast.daily_most:
        moment = max(moment, _day_after(begins, place // broadcast.daily_most, timezone))
    return moment


def timed_rows(
    session: Session, broadcast: Broadcast, table: Timetable, people: Subquery, batch: ColumnElement[bool]
) -> tuple[Subquery, Any, dict[str, ColumnElement[Any]]]:
    """A batch of `people` (id, skip_reason, zone_key) with their moments: the rows, what to select them from, and what to
    write as `due_at` and `hold_reason`. `batch` is the condition over contacts that the batch is made of.
    """
    moment = clock.now()
    tentative: ColumnElement[Any] = literal(moment, _MOMENT)
    first = last = moment
    if is_spread(broadcast):
        size = _size(session, batch)
        first = moment_at(broadcast, broadcast.planned_count, table.timezone)
        last = moment_at(broadcast, broadcast.planned_count + size, table.timezone)
        tentative = _spread_sql(broadcast, people, table.timezone)
    timed = select(people, tentative.label("moment")).subquery()
    why_spread = literal(SPREAD if broadcast.spread_minutes else DAILY)
    waits = case((timed.c.moment > literal(moment, _MOMENT), why_spread), else_=None)
    periods = quiet_rows.find_periods(session, table.rule, batch, first, last) if table.rule else None
    if periods is None:
        return timed, timed, {"due_at": timed.c.moment, "hold_reason": waits}
    is_quiet = and_(
        periods.c.key == timed.c.zone_key, timed.c.moment >= periods.c.begins, timed.c.moment < periods.c.ends
    )
    due_at = func.coalesce(periods.c.ends, timed.c.moment)
    why = case((periods.c.ends.is_not(None), literal(QUIET)), else_=waits)
    return timed, timed.outerjoin(periods, is_quiet), {"due_at": due_at, "hold_reason": why}


def count_planned(session: Session, broadcast: Broadcast, last: int) -> int:
    """How many of the batch that was just written, up to the contact `last`, wait for their moment."""
    statement = select(func.count()).where(
        Message.broadcast_id == broadcast.id,
        Message.contact_id > broadcast.expanded_through,
        Message.contact_id <= last,
        Message.state != MessageState.SKIPPED,
    )
    return session.scalar(statement) or 0


def _size(session: Session, batch: ColumnElement[bool]) -> int:
    return session.scalar(select(func.count()).select_from(Contact).where(batch)) or 0


def _spread_sql(broadcast: Broadcast, people: Subquery, timezone: str) -> ColumnElement[Any]:
    """The moment of each of `people` by their place among those who get the message."""
    gets_it = people.c.skip_reason.is_(None)
    place = broadcast.planned_count + func.row_number().over(partition_by=gets_it, order_by=people.c.id) - 1
    begins = literal(broadcast.spread_from, _MOMENT)
    moment: ColumnElement[Any] = begins
    if broadcast.spread_minutes:
        seconds = broadcast.spread_minutes * 60 / max(broadcast.spread_total or 1, 1)
        moment = begins + func.make_interval(0, 0, 0, 0, 0, 0, seconds * place)
    if broadcast.daily_most:
        # On the clock of the workspace, so that a day with a change of summer time begins at the same hour.
        days = func.make_interval(0, 0, 0, cast(place // broadcast.daily_most, Integer))
        moment = func.greatest(moment, func.timezone(timezone, func.timezone(timezone, begins) + days))
    return moment


def _day_after(begins: datetime, days: int, timezone: str) -> datetime:
    """The same time on the clock of `timezone`, so many days later."""
    local = begins.astimezone(ZoneInfo(timezone))
    return (local + timedelta(days=days)).astimezone(begins.tzinfo)
