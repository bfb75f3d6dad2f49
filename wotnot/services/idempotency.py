"""Requests that may be repeated safely. Owns the `idempotency_keys` table.

The row is the lock: whoever inserts it does the work, and its answer is kept for whoever comes again with the same key.
Housekeeping forgets it after a day.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from sqlalchemy import delete, select, update
from sqlalchemy.dialects.postgresql import insert

from wotnot import clock
from wotnot.errors import Conflict, Invalid
from wotnot.extensions import db
from wotnot.models import IdempotencyKey
from wotnot.services.transaction import transaction

KEY_LENGTH = 255
# A row without an answer that is older than this was left by a process that died; the work may be tried again, and its
# own unique keys decide whether it was done.
ABANDONED = timedelta(minutes=2)


@dataclass(frozen=True, slots=True)
class Answer:
    """An HTTP status and a JSON body."""

    status: int
    body: Any


def run_once(workspace_id: int, operation: str, key: str, body_hash: str, work: Callable[[], Answer]) -> Answer:
    """Do `work` the first time this key comes; afterwards give its first answer again.

    An answer is only kept when `work` returns: after an exception the same key may be tried again.
    Raises Invalid (a key too long), Conflict `idempotency_mismatch` (same key, other body) or `in_progress`.
    """
    if not key or len(key) > KEY_LENGTH or "\0" in key:
        raise Invalid({"Idempotency-Key": f"Use 1 to {KEY_LENGTH} characters."})
    where = (
        IdempotencyKey.workspace_id == workspace_id,
        IdempotencyKey.operation == operation,
        IdempotencyKey.key == key,
    )
    if not _claim(workspace_id, operation, key, body_hash):
        return _earlier_answer(where, body_hash)
    try:
        answer = work()
    except BaseException:
        with transaction() as session:
            session.execute(delete(IdempotencyKey).where(*where))
        raise
    with transaction() as session:
        session.execute(update(IdempotencyKey).where(*where).values(status=answer.status, answer={"body": answer.body}))
    return answer


def _claim(workspace_id: int, operation: str, key: str, body_hash: str) -> bool:
    """Insert the row, or take over one that a dead process left with the same body. Whether the work is ours."""
    row = insert(IdempotencyKey).values(
        workspace_id=workspace_id, operation=operation, key=key, body_hash=body_hash, created_at=clock.now()
    )
    taken = row.on_conflict_do_update(
        index_elements=["workspace_id", "operation", "key"],
        set_={"created_at": clock.now()},
        where=(
            IdempotencyKey.status.is_(None)
            & (IdempotencyKey.created_at < clock.now() - ABANDONED)
            & (IdempotencyKey.body_hash == body_hash)
        ),
    ).returning(IdempotencyKey.key)
    with transaction() as session:
        return session.scalar(taken) is not None


def _earlier_answer(where: tuple[Any, ...], body_hash: str) -> Answer:
    row = db.session.execute(
        select(IdempotencyKey.body_hash, IdempotencyKey.status, IdempotencyKey.answer).where(*where)
    ).one_or_none()
    if row is not None and row.body_hash != body_hash:
        raise Conflict("This Idempotency-Key was used with another body.", code="idempotency_mismatch")
    if row is None or row.status is None:
        # No row: the first try has just failed and taken it away.
        raise Conflict("The first request with this Idempotency-Key is still running.", code="in_progress")
    return Answer(row.status, row.answer["body"])
