"""Answers about a workspace's contacts that are kept until one of the contacts changes.

Every statement that changes contacts or their tags raises a number in `contact_tallies`, in its own transaction. An answer
is kept under the number that was current before it was worked out, so it is never older than what the asker can see. Redis
is only a help: without it the answer is worked out again.
"""

import hashlib
import json
import logging
from collections.abc import Callable, Sequence
from typing import Any

from redis.exceptions import RedisError
from sqlalchemy import bindparam, func, select

from wotnot.extensions import db, redis
from wotnot.models import ContactTally

logger = logging.getLogger(__name__)

KEEP_SECONDS = 3600


_CHANGES = -2
_CHANGE_COUNT = select(func.sum(ContactTally.delta)).where(
    ContactTally.workspace_id == bindparam("workspace"), ContactTally.tag_id == _CHANGES
)


def count_changes(workspace_id: int) -> int:
    """How many statements have changed the workspace's contacts or their tags: while it stays, so do the contacts."""
    return int(db.session.scalar(_CHANGE_COUNT, {"workspace": workspace_id}) or 0)


def remember(
    workspace_id: int, question: Sequence[Any], work_out: Callable[[], Any], *, changes: int | None = None
) -> Any:
    """The answer to `question` (anything JSON can say), from memory or `work_out`. Both answer what JSON can hold.

    `changes` is what count_changes said a moment ago, for a caller with several questions.
    """
    if changes is None:
        changes = count_changes(workspace_id)
    key = f"wotnot:contact-answers:{workspace_id}:{changes}:{_digest(question)}"
    try:
        kept: Any = redis.client.get(key)
    except RedisError as error:
        logger.warning("no answers are kept now: %s", type(error).__name__)
        return work_out()
    if kept is not None:
        return json.loads(kept)
    answer = work_out()
    _keep(key, answer)
    return answer


def _keep(key: str, answer: Any) -> None:
    try:
        redis.client.set(key, json.dumps(answer), ex=KEEP_SECONDS)
    except RedisError as error:
        logger.warning("an answer is not kept: %s", type(error).__name__)


def _digest(question: Sequence[Any]) -> str:
    return hashlib.sha256(json.dumps(question, sort_keys=True).encode()).hexdigest()
