"""Writing the recipients of a broadcast as a file: how many rows a second, and that memory does not grow with the list.

    python -m bench.exports [--people 1000000]

The bare loop reads the same rows over a server-side cursor and hands them to the csv module, with none of our cells, parts or
checkpoints. Bars: CSV at most 4 times its time, and memory that does not grow with the list.
"""

import argparse
import csv
import io
import time

import psutil
from sqlalchemy import text

from bench.audience import fill
from bench.world import running_world
from wotnot.extensions import db
from wotnot.models import Export, ExportFormat, ExportKind, Workspace
from wotnot.services import export_runs, exports
from wotnot.services.exports import Wish

BAR = 4.0
MEMORY_BAR_MB = 60


def main() -> int:
    """Run the bench; the exit code says whether the bars were met."""
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--people", type=int, default=1_000_000)
    people = arguments.parse_args().people
    with running_world():
        broadcast = fill(people)
        broadcast_id, workspace_id = broadcast.id, broadcast.workspace_id
        db.session.execute(text(_LEDGER), {"broadcast": broadcast_id})
        db.session.commit()
        bare = _time_bare(broadcast_id)
        print(f"bare csv loop   {bare:7.1f} s   {people / bare:10,.0f} rows/s")
        before = _memory_mb()
        seconds = [_time_ours(workspace_id, broadcast_id, kind, people) for kind in ExportFormat]
        grown = _memory_mb() - before
    print(f"CSV against bare {seconds[0] / bare:.2f} (bar: at most {BAR})   memory grew by {grown:.0f} MB")
    return 0 if seconds[0] / bare <= BAR and grown <= MEMORY_BAR_MB else 1


def _time_bare(broadcast_id: int) -> float:
    started = time.monotonic()
    rows = db.session.execute(text(_BARE), {"broadcast": broadcast_id}, execution_options={"yield_per": 5000})
    for some in rows.partitions():
        csv.writer(io.StringIO()).writerows(some)
    db.session.rollback()
    return time.monotonic() - started


def _time_ours(workspace_id: int, broadcast_id: int, kind: ExportFormat, people: int) -> float:
    workspace = db.session.get_one(Workspace, workspace_id)
    wish = Wish(ExportKind.BROADCAST, kind, {"broadcast_id": broadcast_id})
    export_id = exports.start_export(workspace, wish, user_id=_a_user()).id
    started = time.monotonic()
    export_runs.run(export_id)
    seconds = time.monotonic() - started
    export = db.session.get_one(Export, export_id, populate_existing=True)
    assert export.row_count == people, export.reason
    print(f"{kind.value:15} {seconds:7.1f} s   {people / seconds:10,.0f} rows/s   {export.size_bytes / 1e6:.0f} MB")
    return seconds


def _a_user() -> int:
    statement = (
        "INSERT INTO users (email, name, password_hash) VALUES (gen_random_uuid()::text, 'Bench', '-') RETURNING id"
    )
    return int(db.session.execute(text(statement)).scalar_one())


def _memory_mb() -> float:
    return float(psutil.Process().memory_info().rss) / (1 << 20)


_LEDGER = """
INSERT INTO messages (workspace_id, channel_id, broadcast_id, contact_id, template_id, phone, state, reached, wamid, accepted_at,
                      sent_at, delivered_at, read_at)
SELECT b.workspace_id, b.channel_id, b.id, c.id, b.template_id, c.phone, 'read', 5, 'wamid.' || c.id, now(), now(), now(), now()
FROM broadcasts b JOIN contacts c USING (workspace_id) WHERE b.id = :broadcast ORDER BY c.id
"""
_BARE = """
SELECT c.name, m.phone, m.state, m.replied, m.error_code, m.attempt, m.id, m.wamid, m.created_at, m.accepted_at, m.sent_at,
       m.delivered_at, m.read_at, m.failed_at, t.language
FROM messages m LEFT JOIN contacts c ON c.id = m.contact_id LEFT JOIN templates t ON t.id = m.template_id
WHERE m.broadcast_id = :broadcast
"""

if __name__ == "__main__":
    raise SystemExit(main())
