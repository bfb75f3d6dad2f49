"""One commit a use case, and what may only happen after it.

Nothing leaves the process before the commit: jobs and live events are remembered with `on_commit` and released when the
outermost `transaction()` has committed. They are dropped when it rolls back.
"""

import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from sqlalchemy.orm import Session

from wotnot.extensions import db

logger = logging.getLogger(__name__)

_HOOKS = "wotnot.on_commit"


@contextmanager
def transaction() -> Iterator[Session]:
    """Run the block in one transaction and commit it; a `transaction()` inside another joins it.

    Yields the session. Any exception rolls everything back and goes on to the caller.
    """
    session = db.session()
    if _HOOKS in session.info:
        yield session
        return
    session.info[_HOOKS] = []
    try:
        yield session
        session.commit()
        hooks = session.info.pop(_HOOKS)
    except BaseException:
        session.info.pop(_HOOKS, None)
        session.rollback()
        raise
    for hook in hooks:
        _run(hook)


def on_commit(hook: Callable[[], object]) -> None:
    """Call `hook` once the running transaction has committed.

    Outside a transaction that is a programming error: RuntimeError.
    """
    hooks = db.session().info.get(_HOOKS)
    if hooks is None:
        raise RuntimeError("on_commit() needs a running transaction().")
    hooks.append(hook)


def release_connection() -> None:
    """Give the database connection back before slow work outside (rule: no network inside a transaction)."""
    if _HOOKS in db.session().info:
        raise RuntimeError("A transaction is still open; commit it before going out on the network.")
    db.session.remove()


def _run(hook: Callable[[], object]) -> None:
    # The commit stands whatever happens here: jobs and events are hints, and a sweep repairs a lost one.
    try:
        hook()
    except Exception:
        logger.exception("after-commit hook failed")
