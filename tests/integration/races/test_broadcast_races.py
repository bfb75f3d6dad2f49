"""Broadcasts under real threads and a real kill -9."""

import subprocess
import sys
import threading
import time
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import func, select, text

from launcher.paths import ROOT
from tests import factories as make
from tests.cast import Cast
from wotnot import clock
from wotnot.errors import Conflict
from wotnot.extensions import db
from wotnot.models import Broadcast, BroadcastState, Message, Workspace
from wotnot.services import broadcast_sweeps, broadcasts, expansion, recounts, tallies

EXPAND = """
import sys
from wotnot import create_app
from wotnot.services.expansion import expand_broadcast
app = create_app()
with app.app_context():
    print("ready", flush=True)
    expand_broadcast(int(sys.argv[1]), batch=int(sys.argv[2]))
"""


def at_once(app: Flask, count: int, act: Callable[[], Any]) -> list[Any]:
    """The answers (or exceptions) of `count` threads that begin together, each with a connection of its own."""
    barrier, answers = threading.Barrier(count), []

    def run() -> None:
        with app.app_context():
            barrier.wait()
            try:
                answers.append(act())
            except Exception as error:  # noqa: BLE001 — the test looks at it
                answers.append(error)

    threads = [threading.Thread(target=run) for _ in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert len(answers) == count
    return answers


def fill(workspace: Workspace, count: int) -> None:
    db.session.execute(
        text(
            "INSERT INTO contacts (workspace_id, phone, name) "
            "SELECT :w, (27820000000 + n)::text, 'Person ' || n FROM generate_series(1, :n) AS n"
        ),
        {"w": workspace.id, "n": count},
    )
    db.session.commit()


@pytest.mark.parametrize("_round", range(3))
def test_of_two_starts_at_once_one_wins(app: Flask, committed_cast: Cast, _round: int) -> None:
    workspace_id, broadcast_id = committed_cast.workspace.id, make.make_broadcast(committed_cast.workspace).id
    answers = at_once(app, 6, lambda: broadcasts.start_broadcast(workspace_id, broadcast_id).id)
    assert sorted(type(answer).__name__ for answer in answers) == ["Conflict"] * 5 + ["int"]


def test_of_two_retries_at_once_one_adds(app: Flask, committed_cast: Cast) -> None:
    home = committed_cast.workspace
    broadcast = make.make_broadcast(home, state=BroadcastState.FINISHED)
    assert broadcast.channel is not None
    for contact in make.make_contacts(home, 20):
        make.make_message(broadcast.channel, contact, broadcast, state="failed")
    ids = home.id, broadcast.id
    answers = at_once(app, 4, lambda: broadcasts.retry_broadcast(*ids, "failed"))
    assert [answer for answer in answers if isinstance(answer, int)] == [20]
    assert sum(isinstance(answer, Conflict) for answer in answers) == 3
    assert db.session.scalar(select(func.count()).select_from(Message)) == 40


def test_several_expansions_at_once_make_one_row_a_person(app: Flask, committed_cast: Cast) -> None:
    fill(committed_cast.workspace, 2_000)
    broadcast_id = make.make_broadcast(committed_cast.workspace, state=BroadcastState.EXPANDING).id
    db.session.remove()
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline:
        answers = at_once(app, 3, lambda: expansion.expand_broadcast(broadcast_id, batch=50))
        assert all(isinstance(answer, expansion.ExpansionResult) for answer in answers), answers
        if any(answer.finished for answer in answers):
            break
    rows = db.session.execute(select(func.count(), func.count(func.distinct(Message.contact_id)))).one()
    assert tuple(rows) == (2_000, 2_000)


def test_a_cancel_meets_an_expansion(app: Flask, committed_cast: Cast) -> None:
    fill(committed_cast.workspace, 3_000)
    workspace_id = committed_cast.workspace.id
    broadcast_id = make.make_broadcast(committed_cast.workspace, state=BroadcastState.EXPANDING).id
    db.session.remove()

    def expand() -> Any:
        return expansion.expand_broadcast(broadcast_id, batch=20)

    def cancel() -> Any:
        time.sleep(0.1)
        return broadcasts.cancel_broadcast(workspace_id, broadcast_id).state

    jobs = iter([expand, cancel])

    def act() -> Any:
        return next(jobs)()

    answers = at_once(app, 2, act)
    assert BroadcastState.CANCELLED in answers
    left = db.session.scalar(select(func.count()).where(Message.state == "queued").select_from(Message))
    assert left == 0
    assert not expansion.expand_broadcast(broadcast_id).finished


def test_an_expansion_killed_again_and_again_ends_with_one_row_a_person(
    committed_cast: Cast, environment: dict[str, str]
) -> None:
    people = 20_000
    fill(committed_cast.workspace, people)
    broadcast = make.make_broadcast(committed_cast.workspace, state=BroadcastState.EXPANDING)
    broadcast_id, kills, seen = broadcast.id, 0, set()
    db.session.remove()
    for delay in (0.05, 0.15, 0.3, 0.1, 0.2):
        process = subprocess.Popen(
            [sys.executable, "-c", EXPAND, str(broadcast_id), "500"], cwd=ROOT, env=environment, stdout=subprocess.PIPE
        )
        assert process.stdout is not None
        assert process.stdout.readline() == b"ready\n"
        time.sleep(delay)
        process.kill()
        kills += process.wait() == -9
        process.stdout.close()
        seen.add(db.session.scalar(select(Broadcast.expanded_through).where(Broadcast.id == broadcast_id)))
        db.session.remove()
    assert kills >= 1, "every run was over before it was killed: the test proves nothing"
    assert len(seen) > 1, "no run got anywhere before it was killed: the test proves nothing"
    subprocess.run(
        [sys.executable, "-c", EXPAND, str(broadcast_id), "500"],
        cwd=ROOT,
        env=environment,
        check=True,
        stdout=subprocess.DEVNULL,
    )
    rows = db.session.execute(select(func.count(), func.count(func.distinct(Message.contact_id)))).one()
    assert tuple(rows) == (people, people)
    state = db.session.scalar(select(Broadcast.state).where(Broadcast.id == broadcast_id))
    assert state is BroadcastState.SENDING
    tallied = db.session.scalar(
        text("SELECT sum(delta) FROM message_tallies WHERE broadcast_id = :b"), {"b": broadcast_id}
    )
    assert tallied == people


def test_of_sweeps_at_once_each_late_retry_fails_in_one(app: Flask, committed_cast: Cast) -> None:
    home = committed_cast.workspace
    broadcast = make.make_broadcast(home, state=BroadcastState.PAUSED, started_at=clock.now())
    assert broadcast.channel is not None
    retry = {"attempt": 2, "hold_reason": "retry", "expires_at": clock.now() - timedelta(minutes=1)}
    for contact in make.make_contacts(home, 60):
        make.make_message(broadcast.channel, contact, broadcast, **retry)
    workspace_id, broadcast_id = home.id, broadcast.id
    answers = at_once(app, 4, lambda: broadcast_sweeps.sweep_broadcasts()["too_late"])
    assert sum(answers) == 60
    counts = tallies.broadcast_counts([broadcast_id])[broadcast_id]
    assert (counts.states["failed"], counts.states["queued"]) == (60, 0)
    assert recounts.mend_counts(workspace_id) == {}
