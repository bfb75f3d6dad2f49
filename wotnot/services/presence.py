"""Who is here, and who is answering whom. Lives in Redis only: it is true for seconds and may vanish at any moment."""

import logging
import time
from typing import Any

from redis.exceptions import RedisError

from wotnot.extensions import redis
from wotnot.services import events

logger = logging.getLogger(__name__)

HERE_SECONDS = 30
"""An open page says every few seconds that it is still there; after this long its member counts as gone."""

ANSWERING_SECONDS = 8


def note_here(workspace_id: int, user_id: int) -> None:
    """This user has a page of the workspace open."""
    try:
        with redis.client.pipeline(transaction=False) as pipeline:
            pipeline.zadd(_here(workspace_id), {str(user_id): time.time()})
            pipeline.expire(_here(workspace_id), HERE_SECONDS * 2)
            pipeline.execute()
    except RedisError:
        logger.warning("presence lost: Redis is away")


def users_here(workspace_id: int) -> set[int]:
    """The users who have a page of the workspace open now."""
    try:
        since = time.time() - HERE_SECONDS
        found: Any = redis.client.zrangebyscore(_here(workspace_id), since, "+inf")
        return {int(user_id) for user_id in found}
    except RedisError:
        return set()


def note_answering(workspace_id: int, conversation_id: int, user_id: int) -> None:
    """This user is writing an answer; the others' pages hear of it when it is news."""
    key, now = _answering(conversation_id), time.time()
    try:
        with redis.client.pipeline(transaction=False) as pipeline:
            pipeline.zremrangebyscore(key, "-inf", now - ANSWERING_SECONDS)
            pipeline.zadd(key, {str(user_id): now})
            pipeline.expire(key, ANSWERING_SECONDS)
            _, is_news, _ = pipeline.execute()
    except RedisError:
        return
    if is_news:
        events.publish_now(workspace_id, f"answering:{conversation_id}")


def forget_answering(workspace_id: int, conversation_id: int, user_id: int) -> None:
    """This user has sent what they were writing; the others' pages hear of it."""
    try:
        was_writing = redis.client.zrem(_answering(conversation_id), str(user_id))
    except RedisError:
        return
    if was_writing:
        events.publish_now(workspace_id, f"answering:{conversation_id}")


def who_answers(conversation_id: int) -> set[int]:
    """The users who are writing an answer now."""
    try:
        found: Any = redis.client.zrangebyscore(_answering(conversation_id), time.time() - ANSWERING_SECONDS, "+inf")
        return {int(user_id) for user_id in found}
    except RedisError:
        return set()


def _here(workspace_id: int) -> str:
    return f"wotnot:here:{workspace_id}"


def _answering(conversation_id: int) -> str:
    return f"wotnot:answering:{conversation_id}"
