"""An export killed with -9 in the middle, more than once: the file equals that of an undisturbed run, and nothing is left over."""

import os
import random
import signal
import subprocess
import time
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import text

from launcher.paths import ROOT
from tests.cast import Cast
from tests.factories import make_broadcast, make_channel
from tests.servers import VENV_BIN
from wotnot import clock
from wotnot.extensions import db
from wotnot.models import Export, ExportFormat, ExportKind, ExportState
from wotnot.services import export_runs, exports
from wotnot.services.exports import Wish

ROWS = 24_000
KILLS = 3
# Smaller parts than the product's, so that a run on a slow machine still has a middle to be killed in.
PART_ROWS = 2_000


@pytest.mark.parametrize("kind", ["csv", "xlsx"])
def test_kill_nine_changes_nothing_in_the_file(
    kind: str, committed_cast: Cast, committed: Any, environment: dict[str, str]
) -> None:
    rng, wish = random.Random(7), _wish(committed_cast, ExportFormat(kind))
    plain = exports.start_export(committed_cast.workspace, wish, user_id=committed_cast.alice.id).id
    assert _run(environment, plain).wait(120) == 0
    expected = _content(committed, plain)
    files = _files(environment)

    export_id = exports.start_export(committed_cast.workspace, wish, user_id=committed_cast.bob.id).id
    died_at = set()
    for _ in range(KILLS):
        died_at.add(_run_and_kill(committed, environment, export_id, rng))
        _let_the_heart_stop(committed, export_id)
    assert len(died_at - {0, ROWS}) >= 2, f"the kills did not hit the middle: {died_at}"
    assert _run(environment, export_id).wait(120) == 0

    assert _content(committed, export_id) == expected
    found = committed.get(Export, export_id)
    kept = {key for key, _ in found.parts}
    partials = {name for name in _files(environment) - files if name.endswith(".part")}
    assert _files(environment) - files - partials == kept, "a piece that belongs to no file was left behind"


def _wish(cast: Cast, kind: ExportFormat) -> Wish:
    """The recipients of a broadcast that is through."""
    broadcast = make_broadcast(cast.workspace, make_channel(cast.workspace), state="finished")
    db.session.execute(text(_PEOPLE), {"workspace": cast.workspace.id, "rows": ROWS})
    db.session.execute(text(_LEDGER), {"broadcast": broadcast.id})
    db.session.commit()
    return Wish(ExportKind.BROADCAST, kind, {"broadcast_id": broadcast.id})


def _run(environment: dict[str, str], export_id: int) -> "subprocess.Popen[bytes]":
    """A process of its own that does what the worker does."""
    code = (
        "from wsgi import app\nfrom wotnot.services import export_runs\n"
        f"export_runs.PART_ROWS = {PART_ROWS}\n"
        f"with app.app_context(): assert export_runs.run({export_id})['state'] == 'finished'"
    )
    return subprocess.Popen([str(VENV_BIN / "python"), "-c", code], cwd=ROOT, env=environment)


def _run_and_kill(session: Any, environment: dict[str, str], export_id: int, rng: random.Random) -> int:
    """Let it write some more parts, then kill it; answers how many rows were kept."""
    before = _rows(session, export_id)
    process = _run(environment, export_id)
    limit = time.monotonic() + 60
    while _rows(session, export_id) < before + 4_000 and process.poll() is None and time.monotonic() < limit:
        time.sleep(0.01)
    time.sleep(rng.random() * 0.2)
    os.kill(process.pid, signal.SIGKILL)
    process.wait()
    return _rows(session, export_id)


def _rows(session: Any, export_id: int) -> int:
    session.rollback()
    return int(session.get(Export, export_id, populate_existing=True).row_count)


def _let_the_heart_stop(session: Any, export_id: int) -> None:
    """Instead of waiting until the dead run is given up."""
    session.rollback()
    found = session.get(Export, export_id, populate_existing=True)
    if found.state is ExportState.RUNNING:
        found.heartbeat_at = clock.now() - timedelta(seconds=export_runs.STALE_SECONDS + 1)
    session.commit()


def _content(session: Any, export_id: int) -> bytes:
    session.rollback()
    found = session.get(Export, export_id, populate_existing=True)
    assert (found.state, found.row_count) == (ExportState.DONE, ROWS), found.reason
    with exports.open_file(found) as file:
        return file.read()


def _files(environment: dict[str, str]) -> set[str]:
    return {path.name for path in Path(environment["STORAGE_PATH"]).iterdir()}


_PEOPLE = """
INSERT INTO contacts (workspace_id, phone, name)
SELECT :workspace, (27820000000 + n)::text, 'Person ' || n FROM generate_series(1, :rows) n
"""
_LEDGER = """
INSERT INTO messages (workspace_id, channel_id, broadcast_id, contact_id, template_id, phone, state, reached, delivered_at)
SELECT b.workspace_id, b.channel_id, b.id, c.id, b.template_id, c.phone, (ARRAY['delivered', 'read', 'failed'])[1 + c.id % 3],
       (ARRAY[4, 5, 1])[1 + c.id % 3], now()
FROM broadcasts b JOIN contacts c USING (workspace_id) WHERE b.id = :broadcast
"""
