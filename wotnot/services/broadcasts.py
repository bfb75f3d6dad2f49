"""Broadcasts: drafts, and every move of the state machine as one conditional UPDATE whose row count is the lock."""

from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, and_, bindparam, delete, func, or_, select, true, update
from sqlalchemy.orm import Session, joinedload

from wotnot.clock import now
from wotnot.errors import Conflict, Invalid, NotFound
from wotnot.extensions import db
from wotnot.models import Broadcast, BroadcastState, Workspace
from wotnot.services import (
    broadcast_files,
    broadcast_holds,
    broadcast_lateness,
    broadcast_rows,
    events,
    messages,
    quality_guard,
    queue,
    segment_audience,
)
from wotnot.services import broadcast_states as states
from wotnot.services.broadcast_fields import MAX_NAME, clean_fields, clean_name
from wotnot.services.broadcast_pace import is_spread
from wotnot.services.broadcast_readiness import list_blockers, list_obstacles, say_blockers
from wotnot.services.broadcast_states import EDITABLE, Move, refusal_words
from wotnot.services.transaction import transaction

LONGEST_PLAN = timedelta(days=366)
_SHIFT_WAIT = timedelta(minutes=5)
WATCH_ANEW = -1
"""Somebody has seen the failures so far and goes on: `failure_watch.py` looks at what comes from now on."""

_UNDER_WAY = (BroadcastState.EXPANDING, BroadcastState.SENDING)

_WITH_ITS_PARTS = (
    select(Broadcast)
    .where(Broadcast.workspace_id == bindparam("workspace"), Broadcast.id == bindparam("id"))
    .options(
        joinedload(Broadcast.channel),
        joinedload(Broadcast.template),
        joinedload(Broadcast.user),
        joinedload(Broadcast.pace),
    )
)


def get_broadcast(workspace_id: int, broadcast_id: int) -> Broadcast:
    """A broadcast with its channel, template, author and pace. Raises NotFound."""
    broadcast = db.session.scalar(_WITH_ITS_PARTS, {"workspace": workspace_id, "id": broadcast_id})
    if broadcast is None:
        raise NotFound("Broadcast")
    return broadcast


def create_broadcast(workspace_id: int, *, name: str, user_id: int | None = None, **fields: Any) -> Broadcast:
    """Start a draft; `fields` as in `update_broadcast`. Raises Invalid naming each field that cannot be used."""
    with transaction() as session:
        values = clean_fields(session, workspace_id, {"name": name, **fields})
        broadcast = Broadcast(workspace_id=workspace_id, user_id=user_id, **values)
        session.add(broadcast)
        session.flush()
        _tell(workspace_id, broadcast.id)
    return broadcast


def plan_broadcast(
    workspace_id: int, *, user_id: int | None = None, scheduled_at: datetime | None = None, **fields: Any
) -> Broadcast:
    """Make a draft, and with `scheduled_at` schedule it; all or nothing. Raises Invalid."""
    with transaction():
        broadcast = create_broadcast(workspace_id, user_id=user_id, **fields)
        if scheduled_at is not None:
            broadcast = schedule_broadcast(workspace_id, broadcast.id, scheduled_at)
        return broadcast


def change_broadcast(workspace_id: int, broadcast_id: int, **fields: Any) -> Broadcast:
    """Change what the state allows: all of a draft, name and moment of a scheduled one, else only the name.

    Raises Invalid, Conflict, NotFound; all or nothing.
    """
    with transaction():
        broadcast = get_broadcast(workspace_id, broadcast_id)
        if "name" in fields:
            broadcast = rename_broadcast(workspace_id, broadcast_id, fields.pop("name"))
        if "scheduled_at" in fields and broadcast.state is BroadcastState.SCHEDULED:
            broadcast = schedule_broadcast(workspace_id, broadcast_id, fields.pop("scheduled_at"))
        if "scheduled_at" in fields:
            _check_moment(fields["scheduled_at"])
        return update_broadcast(workspace_id, broadcast_id, **fields) if fields else broadcast


def update_broadcast(workspace_id: int, broadcast_id: int, **fields: Any) -> Broadcast:
    """Change a draft: `name`, `channel_id`, `template_id`, `audience`, `exclude`, `variables`, `one_language`,
    `leave_out`, `scheduled_at`, `late_minutes`, and its pace (see `broadcast_pace.py`).

    Raises Invalid for values that cannot be used, Conflict once it is scheduled or further, NotFound.
    """
    with transaction() as session:
        values = clean_fields(session, workspace_id, fields)
        return _move(session, workspace_id, broadcast_id, states.EDIT, **values)


def rename_broadcast(workspace_id: int, broadcast_id: int, name: str) -> Broadcast:
    """Change the name, in any state. Raises Invalid, NotFound."""
    with transaction() as session:
        clean = clean_name(name)
        changed = session.execute(_mine(workspace_id, broadcast_id).values(name=clean, updated_at=func.now()))
        if not _row_count(changed):
            raise NotFound("Broadcast")
        _tell(workspace_id, broadcast_id)
    return get_broadcast(workspace_id, broadcast_id)


def delete_broadcast(workspace_id: int, broadcast_id: int) -> None:
    """Delete a draft. Raises Conflict for anything that was scheduled or sent, NotFound."""
    with transaction() as session:
        gone = session.execute(
            delete(Broadcast).where(
                Broadcast.workspace_id == workspace_id,
                Broadcast.id == broadcast_id,
                Broadcast.state.in_(states.DELETE.sources),
            )
        )
        if not _row_count(gone):
            raise _refusal(session, workspace_id, broadcast_id, states.DELETE)
        _tell(workspace_id, broadcast_id)


def schedule_broadcast(workspace_id: int, broadcast_id: int, scheduled_at: datetime) -> Broadcast:
    """Let a ready draft start by itself at `scheduled_at` (aware); an earlier plan is replaced.

    Raises Invalid for a moment in the past or too far away and for what is still missing, Conflict, NotFound.
    """
    _check_moment(scheduled_at)
    with transaction() as session:
        broadcast = _move(session, workspace_id, broadcast_id, states.SCHEDULE, scheduled_at=scheduled_at, reason="")
        _refuse_blocked(broadcast)
        queue.enqueue_at(scheduled_at, "start_broadcast", broadcast_id, key=f"broadcast-{broadcast_id}")
        return broadcast


def reopen_broadcast(workspace_id: int, broadcast_id: int) -> Broadcast:
    """Make a scheduled (or failed) broadcast a draft again, to change it. Raises Conflict, NotFound."""
    with transaction() as session:
        return _move(session, workspace_id, broadcast_id, states.REOPEN, reason="")


def start_broadcast(workspace_id: int, broadcast_id: int, *, despite_quality: bool = False) -> Broadcast:
    """Start now: the list is frozen in the background, then it sends.

    Of two starts at once one wins and the other gets Conflict. Raises Invalid for what is still missing, Conflict for marketing
    from a number rated low unless it goes `despite_quality`, NotFound.
    """
    anew = {"reason": "", "expanded_through": 0, "scheduled_at": None, "despite_quality": despite_quality}
    with transaction() as session:
        quality_guard.keep_rating(session, broadcast_id)
        broadcast = _move(session, workspace_id, broadcast_id, states.START, **anew)
        _refuse_blocked(broadcast)
        quality_guard.refuse_low(broadcast)
        _set_going(broadcast)
        return broadcast


def start_due_broadcast(broadcast_id: int) -> bool:
    """Start a scheduled broadcast whose moment has come; answers whether this call did.

    What cannot start (template no longer approved, number disconnected) becomes `failed` with the reason in words; what is
    found later than its `late_minutes`, or is marketing from a number rated low, is paused until somebody starts it.
    """
    with transaction() as session:
        quality_guard.keep_rating(session, broadcast_id)
        broadcast = session.scalar(
            select(Broadcast)
            .where(
                Broadcast.id == broadcast_id,
                Broadcast.state == BroadcastState.SCHEDULED,
                Broadcast.scheduled_at <= now(),
            )
            .with_for_update(skip_locked=True)
        )
        if broadcast is None:
            return False
        move, reason = _due_move(broadcast)
        moved = _move(session, broadcast.workspace_id, broadcast_id, move, reason=reason)
        if move is states.START:
            _set_going(moved)
        return move is states.START


def _due_move(broadcast: Broadcast) -> tuple[Move, str]:
    """What becomes of a plan whose moment has come, and why if it does not start."""
    if blockers := list_blockers(broadcast):
        return states.FAIL, f"It did not start. {say_blockers(blockers)}"
    reason = broadcast_lateness.why_held(broadcast, now()) or quality_guard.why_held(broadcast)
    return (states.HOLD, reason) if reason else (states.START, "")


def pause_broadcast(workspace_id: int, broadcast_id: int) -> Broadcast:
    """Stop sending for now; what left already goes on. Raises Conflict, NotFound."""
    with transaction() as session:
        return _move(session, workspace_id, broadcast_id, states.PAUSE, reason="")


def resume_broadcast(workspace_id: int, broadcast_id: int, *, despite_quality: bool = False) -> Broadcast:
    """Go on after a pause. Who waits for a translation that cannot be sent any more gets the main language.

    What was held because it was late starts now. Raises Conflict also while the number or the template cannot send, and as
    `start_broadcast` does for a number rated low, NotFound.
    """
    anew = {"watched_settled": WATCH_ANEW, "despite_quality": despite_quality, **broadcast_holds.AT_ONCE}
    with transaction() as session:
        if broadcast_lateness.is_held(get_broadcast(workspace_id, broadcast_id)):
            return start_broadcast(workspace_id, broadcast_id, despite_quality=despite_quality)
        quality_guard.keep_rating(session, broadcast_id)
        broadcast = _move(session, workspace_id, broadcast_id, states.RESUME, **anew)
        if blockers := list_obstacles(broadcast):
            raise Conflict(f"It cannot go on yet. {say_blockers(blockers)}", code="not_ready")
        quality_guard.refuse_low(broadcast)
        broadcast_rows.use_main_language(session, broadcast)
        broadcast_files.want_upload(broadcast_id, broadcast.variables)
        if is_spread(broadcast):
            # What a pause made late must not go all at once. Should the job be lost, it goes on by itself.
            until, words = now() + _SHIFT_WAIT, "Those who wait get new moments."
            broadcast_holds.hold_all(Broadcast.id == broadcast_id, broadcast_holds.MOMENTS, until, words)
            queue.enqueue("shift_moments", broadcast_id)
        messages.wake_sender()
        return get_broadcast(workspace_id, broadcast_id)


def cancel_broadcast(workspace_id: int, broadcast_id: int) -> Broadcast:
    """End it for good: nothing that waits is sent, what left already keeps its receipts. Raises Conflict, NotFound.

    Sending stops with this commit, because the sender claims rows of `sending` broadcasts only; the rows of a big one
    are marked `cancelled` in the background.
    """
    with transaction() as session:
        broadcast = _move(session, workspace_id, broadcast_id, states.CANCEL, reason="", finished_at=func.now())
        if broadcast_rows.cancel_queued(session, broadcast_id):
            queue.enqueue("sweep_broadcasts")
        return broadcast


def retry_broadcast(workspace_id: int, broadcast_id: int, scope: str, *, despite_quality: bool = False) -> int:
    """Give everybody whose last attempt ended `failed` (or `unknown`) one more attempt; answers how many.

    Left out: who opted out meanwhile and who was deleted. A second call at once finds nothing left to retry. Raises
    Invalid for another scope, Conflict for a state that cannot, when nobody can be retried, and as `start_broadcast` does for a
    number rated low, NotFound.
    """
    if scope not in {"failed", "unknown"}:
        raise Invalid({"scope": "Choose failed or unknown."})
    with transaction() as session:
        quality_guard.keep_rating(session, broadcast_id)
        before = get_broadcast(workspace_id, broadcast_id).state
        anew = {"finished_at": None, "despite_quality": true() if despite_quality else Broadcast.despite_quality}
        broadcast = _move(session, workspace_id, broadcast_id, states.RETRY, **anew)
        if before is BroadcastState.PAUSED:
            broadcast.state = BroadcastState.PAUSED
        else:
            _refuse_unsendable(broadcast)
        timezone = session.scalar(select(Workspace.timezone).where(Workspace.id == workspace_id)) or "UTC"
        count = broadcast_rows.add_attempts(session, broadcast_id, scope, timezone)
        if not count:
            raise Conflict(broadcast_rows.NOBODY_TO_RETRY[scope], code="nothing_to_retry")
        broadcast_files.want_upload(broadcast_id, broadcast.variables)
        messages.wake_sender()
        return count


def stop_broadcast(broadcast_id: int, reason: str) -> bool:
    """Pause a sending broadcast because nothing of it can succeed now, and say why; answers whether this call did."""
    with transaction() as session:
        workspace_id = session.scalar(
            update(Broadcast)
            .where(Broadcast.id == broadcast_id, Broadcast.state.in_(states.STOP.sources))
            .values(state=states.STOP.target, reason=reason, updated_at=func.now())
            .returning(Broadcast.workspace_id)
        )
        if workspace_id is not None:
            _tell(workspace_id, broadcast_id)
        return workspace_id is not None


def pause_for_review(template_id: int) -> None:
    """Pause what is being sent with a template that Meta reviews again, be it only to some: Meta takes none until then.

    Joins the caller's transaction.
    """
    reason = "Its template was edited and is in review at Meta. Resume it once the template is approved."
    with transaction() as session:
        paused = session.execute(
            update(Broadcast)
            .where(broadcast_rows.uses_template(template_id), Broadcast.state.in_(states.STOP.sources))
            .values(state=states.STOP.target, reason=reason, updated_at=func.now())
            .returning(Broadcast.workspace_id, Broadcast.id)
            .execution_options(synchronize_session=False)
        ).all()
        for workspace_id, broadcast_id in paused:
            _tell(workspace_id, broadcast_id)


def note_waiting(broadcast_id: int, reason: str) -> None:
    """Say why a broadcast under way does not send yet, or with an empty reason that it does not wait any more."""
    with transaction() as session:
        workspace_id = session.scalar(
            update(Broadcast)
            .where(Broadcast.id == broadcast_id, Broadcast.state.in_(_UNDER_WAY), Broadcast.reason != reason)
            .values(reason=reason)
            .returning(Broadcast.workspace_id)
        )
        if workspace_id is not None:
            _tell(workspace_id, broadcast_id)


def _refuse_unsendable(broadcast: Broadcast) -> None:
    if blockers := list_obstacles(broadcast):
        raise Conflict(f"It cannot send now. {blockers[0].words}", code="not_ready")
    quality_guard.refuse_low(broadcast)


def _set_going(broadcast: Broadcast) -> None:
    segment_audience.freeze(broadcast)
    queue.enqueue("expand_broadcast", broadcast.id)
    broadcast_files.want_upload(broadcast.id, broadcast.variables)


def _move(session: Session, workspace_id: int, broadcast_id: int, move: Move, **values: Any) -> Broadcast:
    """Make `move` if the state allows it now; the row is locked until the commit. Raises Conflict, NotFound."""
    moved = session.execute(
        _mine(workspace_id, broadcast_id)
        .where(Broadcast.state.in_(move.sources), _may_leave(move))
        .values(state=move.target, updated_at=func.now(), **values)
        .execution_options(synchronize_session=False)
    )
    if not _row_count(moved):
        raise _refusal(session, workspace_id, broadcast_id, move)
    _tell(workspace_id, broadcast_id)
    session.expire_all()
    return get_broadcast(workspace_id, broadcast_id)


def _may_leave(move: Move) -> ColumnElement[bool]:
    """Of the paused ones, only what was held before it began can start or be changed; only what has begun can go on."""
    is_held = and_(Broadcast.started_at.is_(None), Broadcast.scheduled_at.is_not(None))
    if move in {states.START, states.REOPEN}:
        return or_(Broadcast.state != BroadcastState.PAUSED, is_held)
    return ~is_held if move is states.RESUME else true()


def _mine(workspace_id: int, broadcast_id: int) -> Any:
    return update(Broadcast).where(Broadcast.workspace_id == workspace_id, Broadcast.id == broadcast_id)


def _row_count(result: Any) -> int:
    return int(result.rowcount)


def _refusal(session: Session, workspace_id: int, broadcast_id: int, move: Move) -> Conflict | NotFound:
    state = session.scalar(
        select(Broadcast.state).where(Broadcast.workspace_id == workspace_id, Broadcast.id == broadcast_id)
    )
    if state is None:
        return NotFound("Broadcast")
    return Conflict(refusal_words(move, state), code="wrong_state", state=state.value)


def _refuse_blocked(broadcast: Broadcast) -> None:
    blockers = list_blockers(broadcast)
    if blockers:
        raise Invalid({blocker.field: blocker.words for blocker in blockers}, code="not_ready")


def _check_moment(moment: datetime) -> None:
    if moment.tzinfo is None:
        raise Invalid({"scheduled_at": "Give the time with its offset, such as 2026-11-27T09:00:00+02:00."})
    if moment <= now():
        raise Invalid({"scheduled_at": "That moment has passed. Choose a later one, or send now."})
    if moment > now() + LONGEST_PLAN:
        raise Invalid({"scheduled_at": "Choose a moment within the next year."})


def _tell(workspace_id: int, broadcast_id: int) -> None:
    events.publish(workspace_id, f"broadcast:{broadcast_id}", "broadcasts", "workspace")


__all__ = [
    "EDITABLE",
    "MAX_NAME",
    "WATCH_ANEW",
    "cancel_broadcast",
    "change_broadcast",
    "create_broadcast",
    "delete_broadcast",
    "get_broadcast",
    "note_waiting",
    "pause_broadcast",
    "pause_for_review",
    "plan_broadcast",
    "rename_broadcast",
    "reopen_broadcast",
    "resume_broadcast",
    "retry_broadcast",
    "schedule_broadcast",
    "start_broadcast",
    "start_due_broadcast",
    "stop_broadcast",
    "update_broadcast",
]
