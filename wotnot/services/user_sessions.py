"""Browsers that are signed in, and programs that logged in over the API. Owns the `user_sessions` table.

A browser's cookie names its row; taking the row away signs that browser out at its next request. A program's tokens name its
row too, but end by the list of those that are revoked (`accounts.py`): tokens of before there were rows go on.
"""

from datetime import datetime
from secrets import token_hex
from typing import NamedTuple

from sqlalchemy import BindParameter, ColumnElement, ScalarSelect, bindparam, delete, exists, func, select, update
from sqlalchemy.orm import InstrumentedAttribute

from wotnot import clock
from wotnot.errors import NotFound
from wotnot.extensions import db
from wotnot.models import UserSession
from wotnot.services.transaction import transaction

SEEN_EVERY_SECONDS = 300
"""How often a browser or program in use is noted: a page must not cost a commit."""
SHOWN_PROGRAMS = 20
"""A program may log in each time it runs, so only the last of its log-ins are listed."""
_SHOWN_BROWSERS = 100
_AGENT_LENGTH, _ADDRESS_LENGTH = 400, 45


class Ended(NamedTuple):
    """A session that was signed out. `ends_at` is there for programs only: so long their tokens would have lasted."""

    key: str
    ends_at: datetime | None


def is_live(user_id: InstrumentedAttribute[int]) -> ColumnElement[bool]:
    """SQL for whether the session with the bound `session_key` is one of this user's."""
    return exists().where(UserSession.key == bindparam("session_key"), UserSession.user_id == user_id)


def last_seen(key: str | BindParameter[str]) -> ScalarSelect[datetime]:
    """SQL for when the session with this key was last noted; null without one."""
    return select(UserSession.last_seen_at).where(UserSession.key == key).scalar_subquery()


def begin(user_id: int, *, user_agent: str, address: str, ends_at: datetime | None = None) -> str:
    """Note that a browser has signed in, or a program whose tokens last until `ends_at`; answers the key for cookie or tokens."""
    key = token_hex(20)
    with transaction() as session:
        session.add(
            UserSession(
                user_id=user_id,
                key=key,
                user_agent=user_agent.replace("\0", "")[:_AGENT_LENGTH],
                address=address[:_ADDRESS_LENGTH],
                ends_at=ends_at,
            )
        )
    return key


def note_seen(key: str, seen_at: datetime | None, *, address: str) -> None:
    """Note that a browser or program is here now, unless that was done a moment ago: it was last noted at `seen_at`.

    Without a row there is nothing to note, and nothing was seen.
    """
    if seen_at is None or (clock.now() - seen_at).total_seconds() <= SEEN_EVERY_SECONDS:
        return
    with transaction() as session:
        seen = {"last_seen_at": clock.now(), "address": address[:_ADDRESS_LENGTH]}
        session.execute(update(UserSession).where(UserSession.key == key).values(seen))


def list_sessions(user_id: int) -> list[UserSession]:
    """The user's browsers, the one seen last first; at most the newest hundred."""
    return _newest(_SHOWN_BROWSERS, UserSession.user_id == user_id, UserSession.ends_at.is_(None))


def list_programs(user_id: int) -> list[UserSession]:
    """The user's programs, the one that was here last first; at most SHOWN_PROGRAMS."""
    return _newest(SHOWN_PROGRAMS, *_programs(user_id))


def count_programs(user_id: int) -> int:
    """How many log-ins of programs have not ended."""
    return db.session.scalar(select(func.count()).select_from(UserSession).where(*_programs(user_id))) or 0


def end(user_id: int, session_id: int) -> Ended:
    """Take away a session of the user's. Joins the caller's transaction. Raises NotFound."""
    ended = _take_away(UserSession.user_id == user_id, UserSession.id == session_id)
    if not ended:
        raise NotFound("Session")
    return ended[0]


def end_programs(user_id: int) -> list[Ended]:
    """Take away every program's log-in of the user's. Joins the caller's transaction."""
    return _take_away(*_programs(user_id))


def end_this(key: str) -> None:
    """Sign out the browser with this key, or forget the program; once is enough."""
    with transaction() as session:
        session.execute(delete(UserSession).where(UserSession.key == key))


def end_others(user_id: int, keep: str = "") -> None:
    """Sign out every browser of the user's but the one with the key `keep`, and forget the programs.

    Joins the caller's transaction, which ends their tokens.
    """
    with transaction() as session:
        session.execute(delete(UserSession).where(UserSession.user_id == user_id, UserSession.key != keep))


def _programs(user_id: int) -> tuple[ColumnElement[bool], ...]:
    return UserSession.user_id == user_id, UserSession.ends_at > clock.now()


def _newest(limit: int, *which: ColumnElement[bool]) -> list[UserSession]:
    newest = UserSession.last_seen_at.desc(), UserSession.id.desc()
    return list(db.session.scalars(select(UserSession).where(*which).order_by(*newest).limit(limit)))


def _take_away(*which: ColumnElement[bool]) -> list[Ended]:
    with transaction() as session:
        gone = session.execute(delete(UserSession).where(*which).returning(UserSession.key, UserSession.ends_at))
        return [Ended(row.key, row.ends_at) for row in gone]
