"""Expanding a broadcast to 1,000,000 recipients against the bare INSERT … SELECT of the same rows.

    python -m bench.audience [--people 1000000]

Both write the same rows into tables with the same columns, keys, foreign keys and indexes, in the same database and run;
the bare one in a single statement, ours in committed batches that can be resumed, with every count kept. Bars: at most 3 times the
time, and memory that does not grow with the audience.
"""

import argparse
import resource
import sys
import time

from sqlalchemy import text

from bench.world import running_world
from wotnot.extensions import db
from wotnot.models import Broadcast, BroadcastState, Channel, Template, TemplateCategory, TemplateStatus, Workspace
from wotnot.services import expansion

BAR = 3.0
MEMORY_BAR_MB = 40
DATABASE = "wotnot_bench_audience"


def main() -> int:
    """Run the bench; the exit code says whether the bars were met."""
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--people", type=int, default=1_000_000)
    people = arguments.parse_args().people
    with running_world():
        broadcast = fill(people)
        bare = _time_bare(broadcast)
        before = _memory_mb()
        ours = _time_ours(broadcast, people)
        grown = _memory_mb() - before
    return _report(people, bare, ours, grown)


def _report(people: int, bare: float, ours: float, grown: float) -> int:
    ratio = ours / bare
    print(f"bare INSERT … SELECT   {bare:7.2f} s   {people / bare:10,.0f} rows/s")
    print(f"expand_broadcast       {ours:7.2f} s   {people / ours:10,.0f} rows/s")
    print(f"ratio {ratio:.2f} (bar: at most {BAR})   memory grew by {grown:.0f} MB (bar: at most {MEMORY_BAR_MB})")
    return 0 if ratio <= BAR and grown <= MEMORY_BAR_MB else 1


def fill(people: int) -> Broadcast:
    """A workspace with `people` contacts, one in 50 opted out, and a broadcast to all of them that is being prepared."""
    workspace = Workspace(name="Bench", timezone="Africa/Johannesburg")
    db.session.add(workspace)
    db.session.flush()
    channel = Channel(
        workspace_id=workspace.id,
        waba_id="1",
        phone_number_id="1",
        token_encrypted="-",  # noqa: S106 — nothing is sent
        display_phone_number="+27 21 555 0140",
        verified_name="Bench",
    )
    template = Template(
        workspace_id=workspace.id,
        waba_id="1",
        name="bench",
        language="en",
        category=TemplateCategory.MARKETING,
        status=TemplateStatus.APPROVED,
        components=[{"type": "BODY", "text": "Hi {{1}}"}],
    )
    db.session.add_all([channel, template])
    db.session.execute(text(_CONTACTS), {"workspace": workspace.id, "people": people})
    db.session.flush()
    broadcast = Broadcast(
        workspace_id=workspace.id,
        channel_id=channel.id,
        template_id=template.id,
        name="Bench",
        state=BroadcastState.EXPANDING,
        audience={"all": True},
        variables={"1": {"field": "first_name", "fallback": "there"}},
    )
    db.session.add(broadcast)
    db.session.commit()
    db.session.execute(text("ANALYZE contacts"))
    db.session.commit()
    return broadcast


def _time_bare(broadcast: Broadcast) -> float:
    db.session.execute(text("CREATE TABLE bare_messages (LIKE messages INCLUDING ALL)"))
    for column, table in _FOREIGN_KEYS:
        db.session.execute(text(f"ALTER TABLE bare_messages ADD FOREIGN KEY ({column}) REFERENCES {table} (id)"))
    db.session.commit()
    _settle()
    started = time.perf_counter()
    db.session.execute(
        text(_BARE),
        {
            "workspace": broadcast.workspace_id,
            "channel": broadcast.channel_id,
            "broadcast": broadcast.id,
            "template": broadcast.template_id,
        },
    )
    db.session.commit()
    return time.perf_counter() - started


def _time_ours(broadcast: Broadcast, people: int) -> float:
    broadcast_id = broadcast.id
    db.session.remove()
    _settle()
    started = time.perf_counter()
    result = expansion.expand_broadcast(broadcast_id)
    elapsed = time.perf_counter() - started
    rows = db.session.scalar(text("SELECT count(*) FROM messages WHERE broadcast_id = :id"), {"id": broadcast_id})
    assert result.finished
    assert rows == people, f"expected {people} rows, found {rows}"
    return elapsed


def _settle() -> None:
    """Let neither run pay for what was written before it."""
    db.session.execute(text("CHECKPOINT"))
    db.session.commit()


def _memory_mb() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


# LIKE copies everything but these.
_FOREIGN_KEYS = (
    ("workspace_id", "workspaces"),
    ("channel_id", "channels"),
    ("broadcast_id", "broadcasts"),
)

_CONTACTS = """
INSERT INTO contacts (workspace_id, phone, name, attributes, consent)
SELECT :workspace, (27600000000 + n)::text, 'Person ' || n, jsonb_build_object('city', 'Cape Town'),
       CASE WHEN n % 50 = 0 THEN 'opted_out' ELSE 'unknown' END
FROM generate_series(1, :people) AS n
"""

_BARE = """
INSERT INTO bare_messages (workspace_id, channel_id, broadcast_id, template_id, contact_id, phone, wa_user_id, state,
                           skip_reason, day)
SELECT workspace_id, :channel, :broadcast, :template, id, phone, wa_user_id,
       CASE WHEN consent = 'opted_out' THEN 'skipped' ELSE 'queued' END,
       CASE WHEN consent = 'opted_out' THEN 'opted_out' END, current_date
FROM contacts WHERE workspace_id = :workspace ORDER BY id
"""


if __name__ == "__main__":
    sys.exit(main())
