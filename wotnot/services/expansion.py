"""Freeze a broadcast's audience as ledger rows: one row a person, whatever crashes on the way.

Batches walk the contacts by id. Each batch inserts its rows and moves the checkpoint `expanded_through` in one commit,
under the broadcast's row lock: after a crash the next run continues behind the last committed batch, two runs at once
take turns, and a cancel or stop in between ends the walk. The unique key (broadcast, contact, attempt) is the last word.
Which translation somebody gets is settled here, with their row.
"""

from dataclasses import dataclass, replace
from typing import Any

from sqlalchemy import BigInteger, ColumnElement, Date, and_, case, cast, func, literal, null, select, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from wotnot.models import (
    Broadcast,
    BroadcastState,
    Contact,
    Message,
    MessageState,
    Template,
    TemplateCategory,
    Workspace,
)
from wotnot.services import (
    audience,
    audience_risks,
    contact_merges,
    contacts,
    events,
    forecast,
    frequency_caps,
    ledger_statistics,
    messages,
    moments,
    quality_guard,
    quiet_rows,
    segment_audience,
)
from wotnot.services.broadcast_pace import is_spread
from wotnot.services.moments import Timetable
from wotnot.services.template_families import choice_for
from wotnot.services.transaction import transaction

BATCH = 10_000


@dataclass(frozen=True, slots=True)
class ExpansionResult:
    """`finished`: the list is complete and sending may begin; `busy`: another run holds it; `batches` of this run."""

    finished: bool
    busy: bool
    batches: int


@dataclass(frozen=True, slots=True)
class _Plan:
    """What stays the same from batch to batch."""

    people: audience.People
    timezone: str
    needs_phone: bool
    template_id: ColumnElement[Any]
    timetable: Timetable


def expand_broadcast(broadcast_id: int, *, batch: int = BATCH) -> ExpansionResult:
    """Write the ledger rows of an `expanding` broadcast, `batch` contacts a commit, then let it send.

    Does nothing for a broadcast in another state, so a job that runs twice is harmless. Memory is constant.
    """
    batches = 0
    while True:
        outcome = _expand_batch(broadcast_id, batch)
        if outcome != "more":
            return ExpansionResult(finished=outcome == "finished", busy=outcome == "busy", batches=batches)
        batches += 1


def _expand_batch(broadcast_id: int, batch: int) -> str:
    """One commit. Answers `more`, `finished`, `busy` (somebody else holds the row) or `gone` (not expanding)."""
    with transaction() as session:
        quality_guard.keep_rating(session, broadcast_id)
        broadcast = session.scalar(
            select(Broadcast)
            .where(Broadcast.id == broadcast_id)
            .with_for_update(skip_locked=True)
            .execution_options(populate_existing=True)
        )
        if broadcast is None:
            return "busy"
        if broadcast.state is not BroadcastState.EXPANDING:
            return "gone"
        if frequency_caps.is_capped(broadcast):
            frequency_caps.take_turn(session, broadcast.workspace_id)
        plan = _plan(session, broadcast)
        last = _end_of_batch(session, broadcast, plan.people, batch)
        events.publish(broadcast.workspace_id, f"broadcast:{broadcast.id}", "broadcasts", "workspace")
        if last is None:
            _begin_sending(session, broadcast)
            return "finished"
        moments.begin(broadcast)
        _insert_rows(session, broadcast, plan, last)
        if is_spread(broadcast):
            broadcast.planned_count += moments.count_planned(session, broadcast, last)
        broadcast.expanded_through = last
        broadcast.updated_at = func.now()
        return "more"


def _plan(session: Session, broadcast: Broadcast) -> _Plan:
    timezone = session.scalar(select(Workspace.timezone).where(Workspace.id == broadcast.workspace_id)) or "UTC"
    template = session.get(Template, broadcast.template_id) if broadcast.template_id else None
    settled, kinds = segment_audience.settle_frozen(broadcast), audience_risks.left_out_of(broadcast)
    people = audience.resolve_settled(broadcast.workspace_id, settled, kinds)
    if people.phones and not broadcast.expanded_through:
        # Numbers that were typed and are nobody's yet become contacts, so that everybody has a ledger and a history.
        contacts.ensure_contacts(broadcast.workspace_id, people.phones)
    return _Plan(
        people,
        timezone,
        needs_phone=template is not None and template.category is TemplateCategory.AUTHENTICATION,
        template_id=choice_for(template, one_language=broadcast.one_language).id_sql() if template else null(),
        timetable=Timetable(timezone, quiet_rows.rule_for(broadcast)),
    )


def _end_of_batch(session: Session, broadcast: Broadcast, people: audience.People, batch: int) -> int | None:
    """The id of the last contact of the next batch; None behind the last one.

    For tags and segments it walks every contact of the workspace, not only the audience: each batch is then a narrow range of ids,
    which stays cheap whatever the tags; a sparse tag costs 100 small range scans in a million contacts, not 100 sorts.
    A list of ids or numbers is walked itself.
    """
    walked = people.condition if people.is_listed else Contact.workspace_id == broadcast.workspace_id
    ids = (
        select(Contact.id)
        .where(walked, Contact.id > broadcast.expanded_through)
        .order_by(Contact.id)
        .limit(batch)
        .subquery()
    )
    last: int | None = session.scalar(select(func.max(ids.c.id)))
    return last


def _insert_rows(session: Session, broadcast: Broadcast, plan: _Plan, last: int) -> None:
    batch_of = replace(plan.people, span=(broadcast.expanded_through + 1, last))
    reason = audience.skip_reason(broadcast.variables, needs_phone=plan.needs_phone, people=batch_of)
    batch = and_(plan.people.included, Contact.id > broadcast.expanded_through, Contact.id <= last)
    people = (
        select(
            Contact.id,
            Contact.phone,
            Contact.wa_user_id,
            plan.template_id.label("template_id"),
            reason.label("skip_reason"),
            *_zone_key(plan.timetable),
        )
        .where(batch)
        .subquery()
    )
    timing: dict[str, Any] = {}
    source: Any = people
    if plan.timetable.is_needed(broadcast):
        people, source, timing = moments.timed_rows(session, broadcast, plan.timetable, people, batch)
    state = case(
        (people.c.skip_reason.is_(None), literal(MessageState.QUEUED.value)), else_=literal(MessageState.SKIPPED.value)
    )
    columns: dict[str, Any] = {
        "workspace_id": literal(broadcast.workspace_id),
        "channel_id": cast(broadcast.channel_id, BigInteger),
        "broadcast_id": literal(broadcast.id),
        "template_id": cast(people.c.template_id, BigInteger),
        "user_id": cast(broadcast.user_id, BigInteger),
        "contact_id": people.c.id,
        "phone": people.c.phone,
        "wa_user_id": people.c.wa_user_id,
        "state": state,
        "skip_reason": people.c.skip_reason,
        "day": cast(func.timezone(plan.timezone, func.now()), Date),
        **timing,
    }
    rows = select(*columns.values()).select_from(source).order_by(people.c.id)
    statement = insert(Message).from_select(list(columns), rows, include_defaults=False)
    session.execute(statement.on_conflict_do_nothing())


def _zone_key(timetable: Timetable) -> list[ColumnElement[Any]]:
    return [quiet_rows.zone_key(timetable.rule.zone_field).label("zone_key")] if timetable.rule else []


def _begin_sending(session: Session, broadcast: Broadcast) -> None:
    """Let it send; or pause it, when Meta rated its number low while the list was being prepared."""
    contact_merges.follow_into_list(session, broadcast.workspace_id, broadcast.id)
    ledger_statistics.count_if_empty(session)
    forecast.note_forecast(session, broadcast)
    low = quality_guard.why_held(broadcast)
    begun = {"state": BroadcastState.PAUSED, "reason": low} if low else {"state": BroadcastState.SENDING}
    session.execute(
        update(Broadcast)
        .where(Broadcast.id == broadcast.id, Broadcast.state == BroadcastState.EXPANDING)
        .values(started_at=func.now(), updated_at=func.now(), **begun)
    )
    messages.wake_sender()
