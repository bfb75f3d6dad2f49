"""kill -9 of the sender, and its stores pulled away: everybody is reached exactly once, as the receiver counted."""

import random
import signal
import time
from collections import Counter
from collections.abc import Callable
from typing import Any

import psutil
import pytest
from sqlalchemy import text

from tests.cast import Cast
from tests.factories import make_broadcast, make_channel, make_template
from tests.sandbox_control import SandboxControl
from tests.servers import Processes, Stores, wait_until
from wotnot.extensions import db
from wotnot.services import ledger_statistics, recounts

AUDIENCE = 10_000
KILLS = 20
BODY = {"type": "BODY", "text": "Hi {{1}}, the shop opens at nine.", "example": {"body_text": [["Ann"]]}}


@pytest.fixture
def broadcast_id(committed_cast: Cast, sandbox: SandboxControl, live_server: str, processes: Processes) -> int:
    """A broadcast to 10,000 people, sending, on a sandbox that takes 100 ms for each message and reports back."""
    sandbox.set(
        webhook_url=f"{live_server}/webhooks/whatsapp",
        latency_ms=100,
        rate_per_second=0,
        pair_limit=False,
        endings=False,
        review_after_s=0,
        sent_after_s=0.2,
        deliver_after_s=0.5,
        read_percent=0,
    )
    workspace = committed_cast.workspace
    sandbox.post(f"/v24.0/{sandbox.WABA_ID}/message_templates?access_token={sandbox.TOKEN}", _template("opening"))
    template = make_template(workspace, name="opening", components=[BODY])
    # More people than the usual limit of a day: no limit, neither here nor when the number is asked for it again.
    sandbox.post(f"/sandbox/numbers/{sandbox.PHONE_NUMBER_ID}", {"messaging_limit": "TIER_UNLIMITED"})
    number = {"phone_number_id": sandbox.PHONE_NUMBER_ID, "messaging_limit": "TIER_UNLIMITED"}
    channel = make_channel(workspace, rate_per_second=1000, **number)
    broadcast = make_broadcast(workspace, channel, template)
    _begin_sending(broadcast.id)
    processes.start_worker("events")
    processes.start("scheduler", "flask", "--app", "wsgi", "scheduler")
    return broadcast.id


def test_sender_killed_twenty_times(broadcast_id: int, sandbox: SandboxControl, processes: Processes) -> None:
    """Twenty kills at random moments; nobody lost, nobody twice, nothing left unknown."""
    chance = random.Random(20)
    for _ in range(KILLS):
        processes.start_worker("send", name="sender")
        before = _count_open(broadcast_id)
        wait_until(lambda before=before: _count_open(broadcast_id) < before, 30, _say(broadcast_id))
        time.sleep(chance.uniform(0.05, 0.6))
        _kill_sender(processes)
    processes.start_worker("send", name="sender")
    _assert_everybody_once(broadcast_id, sandbox)


def test_redis_flushed_midway(broadcast_id: int, sandbox: SandboxControl, processes: Processes, redis: Any) -> None:
    """Redis is a hint: queues, schedule and pace are rebuilt, the rows decide."""
    processes.start_worker("send", name="sender")
    for _ in range(3):
        before = _count_open(broadcast_id)
        wait_until(lambda before=before: _count_open(broadcast_id) < before - 500, 60, _say(broadcast_id))
        redis.flushall()
    _assert_everybody_once(broadcast_id, sandbox)


def test_postgres_restarted_midway(
    broadcast_id: int, sandbox: SandboxControl, processes: Processes, stores: Stores
) -> None:
    """PostgreSQL killed twice while sending: outcomes wait in the sender until it is back."""
    processes.start_worker("send", name="sender")
    for _ in range(2):
        before = _count_open(broadcast_id)
        wait_until(lambda before=before: _count_open(broadcast_id) < before - 1000, 60, _say(broadcast_id))
        db.session.remove()
        stores.restart_postgres(signal.SIGINT)
        db.engine.dispose()
    _assert_everybody_once(broadcast_id, sandbox)


def _assert_everybody_once(broadcast_id: int, sandbox: SandboxControl) -> None:
    wait_until(
        lambda: _states(broadcast_id)["delivered"] == AUDIENCE,
        90,
        lambda: (
            f"{_states(broadcast_id)}; the sandbox reached {len(sandbox.sends()['to'])}, {sandbox.stats()['webhooks']}"
        ),
    )
    reached = sandbox.sends()["to"]
    assert len(reached) == AUDIENCE
    assert set(reached.values()) == {1}
    wait_until(lambda: _broadcast_state(broadcast_id) == "finished", 30, "the broadcast to finish")
    workspace_id = db.session.scalar(text("SELECT workspace_id FROM broadcasts WHERE id = :id"), {"id": broadcast_id})
    assert recounts.mend_counts(workspace_id) == {}, "counts differ from the ledger"


def _kill_sender(processes: Processes) -> None:
    """SIGKILL to the worker and to the job it forked, which has a process group of its own."""
    worker = processes.forget("sender")
    worker.send_signal(signal.SIGSTOP)  # or it may fork the next job when it sees this one dead
    jobs = psutil.Process(worker.pid).children(recursive=True)
    for process in [*jobs, worker]:
        process.send_signal(signal.SIGKILL)
    worker.wait(10)


def _begin_sending(broadcast_id: int) -> None:
    """The list and the state in one commit: a broadcast that is sending and has nobody left is finished."""
    db.session.execute(
        text(
            """
            WITH people AS (
                INSERT INTO contacts (workspace_id, phone, name)
                SELECT b.workspace_id, '2782' || lpad(n::text, 7, '0'), 'Person ' || n
                FROM broadcasts b, generate_series(1, :audience) n WHERE b.id = :id RETURNING id, phone
            )
            INSERT INTO messages (workspace_id, channel_id, broadcast_id, contact_id, template_id, phone)
            SELECT b.workspace_id, b.channel_id, b.id, p.id, b.template_id, p.phone
            FROM people p, broadcasts b WHERE b.id = :id
            """
        ),
        {"id": broadcast_id, "audience": AUDIENCE},
    )
    ledger_statistics.count_if_empty(db.session())
    db.session.execute(text("UPDATE broadcasts SET state = 'sending' WHERE id = :id"), {"id": broadcast_id})
    db.session.commit()


def _template(name: str) -> dict[str, Any]:
    return {"name": name, "language": "en", "category": "UTILITY", "components": [BODY]}


def _say(broadcast_id: int) -> Callable[[], str]:
    return lambda: f"the sender to send; {_broadcast_state(broadcast_id)}, {_states(broadcast_id)}"


def _states(broadcast_id: int) -> Counter[str]:
    rows = _rows("SELECT state, count(*) FROM messages WHERE broadcast_id = :id GROUP BY state", broadcast_id)
    return Counter(dict(rows))


def _count_open(broadcast_id: int) -> int:
    states = _states(broadcast_id)
    return states["queued"] + states["sending"]


def _broadcast_state(broadcast_id: int) -> str:
    return str(_rows("SELECT state FROM broadcasts WHERE id = :id", broadcast_id)[0][0])


def _rows(statement: str, broadcast_id: int) -> list[Any]:
    """On a connection of its own each time: the database is restarted under some of these tests."""
    with db.engine.connect() as connection:
        return [tuple(row) for row in connection.execute(text(statement), {"id": broadcast_id})]
