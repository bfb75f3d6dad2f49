"""An import killed with -9 in the middle, more than once: what it leaves equals what an undisturbed one leaves."""

import io
import os
import random
import signal
import subprocess
import time
from datetime import timedelta
from typing import Any

from sqlalchemy import func, select, text

from launcher.paths import ROOT
from tests.cast import Cast
from tests.servers import VENV_BIN
from wotnot import clock
from wotnot.models import Contact, ContactImport, ContactTag, ImportRow, ImportState
from wotnot.services import contact_imports, import_runs

ROWS = 40_000
KILLS = 3


def test_kill_nine_changes_nothing_twice_and_loses_nothing(
    committed_cast: Cast, committed: Any, environment: dict[str, str]
) -> None:
    rng = random.Random(11)
    data = _file(rng)
    plain = _upload(committed_cast.other_workspace.id, data)
    import_runs.run(plain)
    expected = _outcome(committed, committed_cast.other_workspace.id, plain)

    import_id = _upload(committed_cast.workspace.id, data)
    died_at = set()
    for _ in range(KILLS):
        died_at.add(_run_and_kill(committed, environment, import_id, rng))
        _let_the_heart_stop(committed, import_id)
    assert len(died_at - {0, ROWS}) >= 2, f"the kills did not hit the middle: {died_at}"
    assert _run(environment, import_id).wait(60) == 0

    assert _outcome(committed, committed_cast.workspace.id, import_id) == expected
    assert expected["state"] is ImportState.DONE


def _file(rng: random.Random) -> bytes:
    """People, every fifth one there again somewhere, every 50th without a number, with tags and fields."""
    lines = ["phone,name,tags,city"]
    for n in range(ROWS):
        number = "" if n % 50 == 0 else f"082{(rng.randrange(n) if n and n % 5 == 0 else n):07d}"
        lines.append(f'{number},"Person {n}",{"even" if n % 2 == 0 else "odd"},Town {n % 7}')
    return "\n".join(lines).encode()


def _upload(workspace_id: int, data: bytes) -> int:
    found = contact_imports.create_import(
        workspace_id, io.BytesIO(data), "people.csv", default_country="ZA", tags=["all"]
    )
    return found.id


def _run(environment: dict[str, str], import_id: int) -> "subprocess.Popen[bytes]":
    """A process of its own that does what the worker does."""
    code = f"from wsgi import app\nfrom wotnot.tasks.imports import run_import\nwith app.app_context(): run_import({import_id})"
    return subprocess.Popen([str(VENV_BIN / "python"), "-c", code], cwd=ROOT, env=environment)


def _run_and_kill(session: Any, environment: dict[str, str], import_id: int, rng: random.Random) -> int:
    """Let it work for some more chunks, then kill it; answers how many rows were done."""
    before = _done(session, import_id)
    process = _run(environment, import_id)
    limit = time.monotonic() + 60
    while _done(session, import_id) < before + 5000 and process.poll() is None and time.monotonic() < limit:
        time.sleep(0.01)
    time.sleep(rng.random() * 0.2)
    os.kill(process.pid, signal.SIGKILL)
    process.wait()
    _wait_for_its_connection(session)
    return _done(session, import_id)


def _done(session: Any, import_id: int) -> int:
    session.rollback()
    found = session.get(ContactImport, import_id, populate_existing=True)
    return import_runs.rows_done(found)


def _wait_for_its_connection(session: Any) -> None:
    """PostgreSQL notices a dead client when it next speaks to it; its open transaction is gone then."""
    busy = text(
        "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid() "
        "AND state <> 'idle'"
    )
    limit = time.monotonic() + 30
    while session.scalar(busy) and time.monotonic() < limit:
        session.rollback()
        time.sleep(0.02)
    session.rollback()


def _let_the_heart_stop(session: Any, import_id: int) -> None:
    """Instead of waiting until the dead run is given up."""
    found = session.get(ContactImport, import_id, populate_existing=True)
    if found.heartbeat_at is not None and found.state is ImportState.RUNNING:
        found.heartbeat_at = clock.now() - timedelta(seconds=import_runs.STALE_SECONDS + 1)
    session.commit()


def _outcome(session: Any, workspace_id: int, import_id: int) -> dict[str, Any]:
    """Everything an import leaves behind, without ids and times."""
    session.rollback()
    found = session.get(ContactImport, import_id, populate_existing=True)
    counted = ("created", "updated", "unchanged", "duplicate", "invalid", "opted_out")
    people = select(Contact.phone, Contact.name, Contact.attributes).where(Contact.workspace_id == workspace_id)
    refused = select(ImportRow.row_number, ImportRow.verdict, ImportRow.reason).where(ImportRow.import_id == import_id)
    tagged = select(func.count()).select_from(ContactTag).where(ContactTag.workspace_id == workspace_id)
    tallies = text("SELECT sum(delta) FROM contact_tallies WHERE workspace_id = :id AND tag_id = 0")
    return {
        "state": found.state,
        "problems": found.problems,
        **{name: getattr(found, f"{name}_count") for name in counted},
        "people": [tuple(map(str, row)) for row in session.execute(people.order_by(Contact.phone))],
        "refused": [tuple(map(str, row)) for row in session.execute(refused.order_by(ImportRow.row_number))],
        "tagged": session.scalar(tagged),
        "tally": session.scalar(tallies, {"id": workspace_id}),
    }
