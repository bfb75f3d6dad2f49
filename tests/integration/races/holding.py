"""What a process holds while it waits: the one question that tells whether two of them could wait for one another."""

import threading
from collections.abc import Callable
from typing import Literal

from flask import Flask

from tests.servers import wait_until
from wotnot.extensions import db

WAITING = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'"


def while_held(
    app: Flask,
    table: Literal["contacts", "templates"],
    ids: list[int],
    act: Callable[[], object],
    *,
    lock: Literal["NO KEY UPDATE", "UPDATE"] = "NO KEY UPDATE",
    then: str = "",
) -> None:
    """Run `act` while somebody else has a `lock` on the first row of `ids`. Once it waits for that one, it must hold none of
    them, and nothing that the statement `then` would wait for.
    """
    db.session.remove()

    def run() -> None:
        with app.app_context():
            act()

    process = threading.Thread(target=run)
    with db.engine.connect() as other:
        other.exec_driver_sql(f"SELECT id FROM {table} WHERE id = %s FOR {lock}", (ids[0],))  # noqa: S608 — a name of ours
        process.start()
        try:
            wait_until(is_somebody_waiting, what="somebody to wait")
            other.exec_driver_sql(f"SELECT id FROM {table} WHERE id = ANY(%s) FOR UPDATE NOWAIT", (ids,))  # noqa: S608
            if then:
                other.exec_driver_sql("SET LOCAL lock_timeout = 1")  # whatever has to wait fails
                other.exec_driver_sql(then)
        finally:
            other.rollback()
            process.join(30)
    assert not process.is_alive()


def is_somebody_waiting() -> bool:
    """Whether any process waits for a lock of the database."""
    with db.engine.connect() as connection:
        return bool(connection.exec_driver_sql(WAITING).scalar())
