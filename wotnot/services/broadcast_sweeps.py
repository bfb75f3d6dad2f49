"""What repairs and completes broadcasts every few seconds; every part is safe to run twice and at once."""

from datetime import timedelta

from sqlalchemy import exists, func, select, update

from wotnot.clock import now
from wotnot.extensions import db
from wotnot.models import Broadcast, BroadcastState, Message, MessageState
from wotnot.services import broadcast_rows, broadcast_uploads, events, failure_watch, outbox, queue
from wotnot.services.broadcasts import start_due_broadcast
from wotnot.services.transaction import release_connection, transaction

STALLED_AFTER = timedelta(seconds=30)
"""A list that is being prepared commits every second or so; a pause this long means that its job is gone."""

_LATE_ROWS = timedelta(days=2)
_BATCH = 200
_RETRIES = 20_000
"""So many late retries are settled in one commit; the next sweep takes more."""


def sweep_broadcasts() -> dict[str, int]:
    """Start what is due, resume what stalled, pause what fails too much, let retries fail that are too late, finish what has
    drained, cancel what was left, renew files at Meta.

    Answers how many of each.
    """
    return {
        "started": _start_due(),
        "resumed": _resume_stalled(),
        "failing": failure_watch.watch_failures(),
        "too_late": _settle_late(),
        "finished": finish_drained(),
        "cancelled": _cancel_leftovers(),
        "files_wanted": broadcast_uploads.renew_uploads(),
    }


def finish_drained() -> int:
    """Finish every sending broadcast that has nothing queued or on its way to Meta; answers how many."""
    open_rows = exists().where(
        Message.broadcast_id == Broadcast.id, Message.state.in_([MessageState.QUEUED, MessageState.SENDING])
    )
    with transaction() as session:
        finished = session.execute(
            update(Broadcast)
            .where(Broadcast.state == BroadcastState.SENDING, ~open_rows)
            .values(state=BroadcastState.FINISHED, finished_at=func.now(), updated_at=func.now())
            .returning(Broadcast.workspace_id, Broadcast.id)
            .execution_options(synchronize_session=False)
        ).all()
        for workspace_id, broadcast_id in finished:
            events.publish(workspace_id, f"broadcast:{broadcast_id}", "broadcasts", "workspace")
    return len(finished)


def _start_due() -> int:
    """Scheduled broadcasts whose moment passed: rq-scheduler starts them, this is for when Redis forgot."""
    due = db.session.scalars(
        select(Broadcast.id)
        .where(Broadcast.state == BroadcastState.SCHEDULED, Broadcast.scheduled_at <= now())
        .order_by(Broadcast.scheduled_at)
        .limit(_BATCH)
    ).all()
    return sum(start_due_broadcast(broadcast_id) for broadcast_id in due)


def _resume_stalled() -> int:
    stalled = db.session.scalars(
        select(Broadcast.id)
        .where(Broadcast.state == BroadcastState.EXPANDING, Broadcast.updated_at < now() - STALLED_AFTER)
        .limit(_BATCH)
    ).all()
    release_connection()
    for broadcast_id in stalled:
        queue.enqueue_once("expand_broadcast", broadcast_id, every_seconds=int(STALLED_AFTER.total_seconds()))
    return len(stalled)


def _settle_late() -> int:
    """Retries that would look as if they waited, though their deadline has passed while their broadcast did not go on."""
    with transaction():
        settled = outbox.settle_late(_RETRIES)
        for workspace_id, broadcast_id, _ in settled:
            events.publish(workspace_id, f"broadcast:{broadcast_id}", "broadcasts", "workspace")
    return sum(count for _, _, count in settled)


def _cancel_leftovers() -> int:
    """Rows of cancelled broadcasts that were too many for one commit, or came back from a sender afterwards."""
    left = db.session.scalars(
        select(Broadcast.id)
        .where(
            Broadcast.state == BroadcastState.CANCELLED,
            Broadcast.finished_at > now() - _LATE_ROWS,
            exists().where(Message.broadcast_id == Broadcast.id, Message.state == MessageState.QUEUED),
        )
        .limit(_BATCH)
    ).all()
    for broadcast_id in left:
        _cancel_all(broadcast_id)
    return len(left)


def _cancel_all(broadcast_id: int) -> None:
    more = True
    while more:
        with transaction() as session:
            more = broadcast_rows.cancel_queued(session, broadcast_id)
