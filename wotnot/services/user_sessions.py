"""Browsers that are signed in. Owns the `user_sessions` table.

A session's cookie names its row; taking the row away signs that browser out at its next request.
"""

from secrets import token_hex

from sqlalchemy import ColumnElement, bindparam, delete, exists, select, update
from sqlalchemy.orm import InstrumentedAttribute

from wotnot import clock
from wotnot.errors import NotFound
from wotnot.extensions import db
from wotnot.models import UserSession
from wotnot.services.transaction import transaction

SEEN_EVERY_SECONDS = 300
"""How often a browser in use is noted: a page must not cost a commit."""
_AGENT_LENGTH, _ADDRESS_LENGTH = 400, 45


def is_live(user_id: InstrumentedAttribute[int]) -> ColumnElement[bool]:
    """SQL for whether the session with the bound `session_key` is one of this user's."""
    return exists().where(UserSession.key == bindparam("session_key"), UserSession.user_id == user_id)


def begin(user_id: int, *, user_agent: str, address: str) -> str:
    """Note that a browser has signed in; answers the key for its cookie."""
    key = token_hex(20)
    with transaction() as session:
        session.add(
            UserSession(
                user_id=user_id,
                key=key,
                user_agent=user_agent.replace("\0", "")[:_AGENT_LENGTH],
                address=address[:_ADDRESS_LENGTH],
            )
        )
    return key


def note_seen(key: str, *, address: str) -> None:
    """Note that a browser was here now."""
    with transaction() as session:
        seen = {"last_seen_at": clock.now(), "address": address[:_ADDRESS_LENGTH]}
        session.execute(update(UserSession).where(UserSession.key == key).values(seen))


def list_sessions(user_id: int) -> list[UserSession]:
    """The user's browsers, the one seen last first; at most the newest hundred."""
    newest = UserSession.last_seen_at.desc(), UserSession.id.desc()
    return list(
        db.session.scalars(select(UserSession).where(UserSession.user_id == user_id).order_by(*newest).limit(100))
    )


def end(user_id: int, session_id: int) -> str:
    """Sign a browser of the user's out; answers its key. Raises NotFound."""
    mine = UserSession.user_id == user_id, UserSession.id == session_id
    with transaction() as session:
        key: str | None = session.scalar(delete(UserSession).where(*mine).returning(UserSession.key))
        if key is None:
            raise NotFound("Session")
    return key


def end_this(key: str) -> None:
    """Sign out the browser with this key; once is enough."""
    with transaction() as session:
        session.execute(delete(UserSession).where(UserSession.key == key))


def end_others(user_id: int, keep: str = "") -> None:
    """Sign out every browser of the user's but the one with the key `keep`. Joins the caller's transaction."""
    with transaction() as session:
        session.execute(delete(UserSession).where(UserSession.user_id == user_id, UserSession.key != keep))
