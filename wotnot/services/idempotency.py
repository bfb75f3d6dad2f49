"""Requests that may be repeated safely. Owns the `idempotency_keys` table.

The row is the lock: whoever inserts it does the work, and its answer is kept for whoever comes again with the same key.
Housekeeping forgets it after a day.
"""

import hashlib
import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, select, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from wotnot import clock
from wotnot.errors import Conflict, Invalid
from wotnot.extensions import db
from wotnot.models import IdempotencyKey
from wotnot.services.transaction import transaction

KEY_LENGTH = 255


@dataclass(frozen=True, slots=True)
class Answer:
    """An HTTP status and a JSON body."""

    status: int
    body: Any


def run_once(workspace_id: int, operation: str, key: str, body_hash: str, work: Callable[[], Answer]) -> Answer:
    """Do `work` the first time this key comes; afterwards give its first answer again.

    `work`, the key and the answer are one commit: a process that dies leaves either all of them or nothing, so a
    repeated request can never do the work twice. A second request that comes meanwhile waits for the first. After an
    exception the same key may be tried again. `work` must not go out on the network.
    Raises Invalid (a key that is empty or too long), Conflict `idempotency_mismatch` (same key, other body).
    """
    if not key or len(key) > KEY_LENGTH or "\0" in key:
        raise Invalid({"Idempotency-Key": f"Use 1 to {KEY_LENGTH} characters."})
    where = _one(workspace_id, operation, key)
    with transaction() as session:
        if not _claim(session, workspace_id, operation, key, body_hash):
            return _earlier_answer(session, where, body_hash)
        answer = work()
        session.execute(update(IdempotencyKey).where(*where).values(status=answer.status, answer={"body": answer.body}))
        return answer


def is_known(workspace_id: int, operation: str, key: str) -> bool:
    """Whether a request with this key has come before: then there is nothing left to prepare for it."""
    query = select(IdempotencyKey.key).where(*_one(workspace_id, operation, key))
    return db.session.scalar(query) is not None


def find_answer(workspace_id: int, operation: str, key: str) -> Answer | None:
    """What a request with this key was answered, whatever its body; None where none has come to its end."""
    query = select(IdempotencyKey.status, IdempotencyKey.answer).where(*_one(workspace_id, operation, key))
    row = db.session.execute(query).one_or_none()
    return Answer(row.status, row.answer["body"]) if row and row.status else None


def key_of(client_id: str, *said: Any) -> str:
    """The key of a form that was sent under an id of its own: who goes back and writes something else in it means that, too."""
    return hashlib.sha256(json.dumps([client_id, *said], sort_keys=True, default=str).encode()).hexdigest()


def _one(workspace_id: int, operation: str, key: str) -> tuple[ColumnElement[bool], ...]:
    return (
        IdempotencyKey.workspace_id == workspace_id,
        IdempotencyKey.operation == operation,
        IdempotencyKey.key == key,
    )


def _claim(session: Session, workspace_id: int, operation: str, key: str, body_hash: str) -> bool:
    """Insert the row; PostgreSQL makes this wait while another transaction holds the same key. Whether the work is ours."""
    row = insert(IdempotencyKey).values(
        workspace_id=workspace_id, operation=operation, key=key, body_hash=body_hash, created_at=clock.now()
    )
    return session.scalar(row.on_conflict_do_nothing().returning(IdempotencyKey.key)) is not None


def _earlier_answer(session: Session, where: tuple[Any, ...], body_hash: str) -> Answer:
    row = session.execute(
        select(IdempotencyKey.body_hash, IdempotencyKey.status, IdempotencyKey.answer).where(*where)
    ).one_or_none()
    if row is not None and row.body_hash != body_hash:
        raise Conflict("This Idempotency-Key was used with another body.", code="idempotency_mismatch")
    if row is None or row.status is None:
        # Forgotten by housekeeping between the two statements: the next try does the work.
        raise Conflict("The first request with this Idempotency-Key has just ended. Try again.", code="in_progress")
    return Answer(row.status, row.answer["body"])
