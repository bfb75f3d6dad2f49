"""When each row of a list may go: spread over time, so many people a day, and not in their quiet hours.

A row's moment follows from its place among those who get the message, which `planned_count` keeps from batch to batch, so
that a list that is taken up again after a crash goes on where its last commit ended. All of it is part of the one statement
that writes the rows.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import ColumnElement, DateTime, Integer, Subquery, and_, case, cast, func, literal, select, text
from sqlalchemy.orm import Session

from wotnot import clock
from wotnot.models import Broadcast, BroadcastState, Contact, Message, MessageState, Workspace
from wotnot.services import broadcast_holds, preflight, quiet_rows
from wotnot.services.broadcast_pace import is_spread
from wotnot.services.quiet_rows import QuietRule
from wotnot.services.transaction import transaction

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
    why_spread: ColumnElement[Any] = literal(SPREAD)
    first = last = moment
    if is_spread(broadcast):
        size = _size(session, batch)
        first = moment_at(broadcast, broadcast.planned_count, table.timezone)
        last = moment_at(broadcast, broadcast.planned_count + size, table.timezone)
        tentative, why_spread = _spread_sql(broadcast, people, table.timezone)
    timed = select(people, tentative.label("moment"), why_spread.label("why_spread")).subquery()
    waits = case((timed.c.moment > literal(moment, _MOMENT), timed.c.why_spread), else_=None)
    periods = quiet_rows.find_periods(session, table.rule, batch, first, last) if table.rule else None
    if periods is None:
        return timed, timed, {"due_at": timed.c.moment, "hold_reason": waits}
    is_quiet = and_(
        periods.c.key == timed.c.zone_key, timed.c.moment >= periods.c.begins, timed.c.moment < periods.c.ends
    )
    due_at = func.coalesce(periods.c.ends, timed.c.moment)
    why = case((periods.c.ends.is_not(None), literal(QUIET)), else_=waits)
    return timed, timed.outerjoin(periods, is_quiet), {"due_at": due_at, "hold_reason": why}


def shift_overdue(broadcast_id: int) -> int:
    """Move the moments of a spread list on by as much as a pause took; answers how many rows. Then it goes on.

    Else all that a pause made late would go at once. A list of so many a day moves by whole days. One statement, so that it
    is all or nothing; a second run finds nothing late.
    """
    with transaction() as session:
        broadcast = session.get(Broadcast, broadcast_id, with_for_update=True, populate_existing=True)
        if broadcast is None or broadcast.state is not BroadcastState.SENDING:
            return 0
        moved: Any = session.execute(_SHIFT_DAYS if broadcast.daily_most else _SHIFT, _asked(session, broadcast))
        broadcast_holds.release_all(Broadcast.id == broadcast_id, broadcast_holds.MOMENTS)
        return int(moved.rowcount)


def _asked(session: Session, broadcast: Broadcast) -> dict[str, Any]:
    zone = session.scalar(select(Workspace.timezone).where(Workspace.id == broadcast.workspace_id))
    return {"broadcast": broadcast.id, "now": clock.now(), "zone": zone or "UTC"}


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


def _spread_sql(broadcast: Broadcast, people: Subquery, timezone: str) -> tuple[ColumnElement[Any], ColumnElement[Any]]:
    """The moment of each of `people` by their place among those who get the message, and which of the two made it so late."""
    gets_it = people.c.skip_reason.is_(None)
    place = broadcast.planned_count + func.row_number().over(partition_by=gets_it, order_by=people.c.id) - 1
    begins = literal(broadcast.spread_from, _MOMENT)
    seconds = (broadcast.spread_minutes or 0) * 60 / max(broadcast.spread_total or 1, 1)
    evenly = begins + func.make_interval(0, 0, 0, 0, 0, 0, seconds * place)
    if not broadcast.daily_most:
        return evenly, literal(SPREAD)
    # On the clock of the workspace, so that a day with a change of summer time begins at the same hour.
    days = func.make_interval(0, 0, 0, cast(place // broadcast.daily_most, Integer))
    daily = func.timezone(timezone, func.timezone(timezone, begins) + days)
    return func.greatest(evenly, daily), case((evenly > daily, literal(SPREAD)), else_=literal(DAILY))


def _day_after(begins: datetime, days: int, timezone: str) -> datetime:
    """The same time on the clock of `timezone`, so many days later."""
    local = begins.astimezone(ZoneInfo(timezone))
    return (local + timedelta(days=days)).astimezone(begins.tzinfo)


# Those who wait for the end of their quiet hours, or for another attempt, have moments of their own.
_IN_THE_LIST = """
    broadcast_id = :broadcast AND state = 'queued' AND (hold_reason IS NULL OR hold_reason IN ('spread', 'daily'))
"""

_SHIFT = text(f"""
    WITH late AS (SELECT CAST(:now AS timestamptz) - min(due_at) AS by FROM messages WHERE {_IN_THE_LIST})
    UPDATE messages m SET due_at = m.due_at + late.by, hold_reason = 'spread', changed_at = now()
    FROM late WHERE m.{_IN_THE_LIST.strip()} AND late.by > interval '1 minute'
""")  # noqa: S608 — made of constants

_SHIFT_DAYS = text(f"""
    WITH late AS (
        SELECT CAST(CAST(:now AS timestamptz) AT TIME ZONE :zone AS date) - CAST(min(due_at) AT TIME ZONE :zone AS date) AS days
        FROM messages WHERE {_IN_THE_LIST}
    )
    UPDATE messages m
    SET due_at = (m.due_at AT TIME ZONE :zone + make_interval(days => late.days)) AT TIME ZONE :zone, hold_reason = 'daily',
        changed_at = now()
    FROM late WHERE m.{_IN_THE_LIST.strip()} AND late.days > 0
""")  # noqa: S608 — made of constants
