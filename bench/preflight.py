"""The look at a draft to 1,000,000 people before it is sent, against reading once what it has to read.

    python -m bench.preflight [--people 1000000]

The draft leaves out whoever is of any kind of risk, in a workspace with a frequency cap that a third of the people have used
up, from a number with a limit that two thirds of them count in. The bare loop reads every contact and every message of those
two broadcasts once, in SQL. Bar: 10 seconds for the first look; the second is from memory.
"""

import argparse
import sys
import time
from collections.abc import Callable
from typing import Any

from sqlalchemy import text

from bench import ledger
from bench.world import execute, running_world, vacuum
from wotnot.extensions import db
from wotnot.models import Broadcast
from wotnot.services import audience_risks, forecast, messaging_limits, pace_settings, preflight, repeat_guard

BAR_SECONDS = 10.0


def main() -> int:
    """Run the bench; the exit code says whether the bar was met."""
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--people", type=int, default=1_000_000)
    people = arguments.parse_args().people
    with running_world():
        draft_id = fill(people)
        bare = _time(_read_once)
        first = _time(lambda: preflight.describe(db.session.get_one(Broadcast, draft_id)))
        again = _time(lambda: preflight.describe(db.session.get_one(Broadcast, draft_id)))
        _forget()
        parts = _time_parts(draft_id)
    return _report(people, bare, first, again, parts)


def fill(people: int) -> int:
    """The people, two broadcasts that overlap in a third of them, and the draft; answers its id."""
    _, ids, first = ledger.seed(people)
    execute(_AMERICANS)
    share = 2 * people // 3
    ledger.add_past_broadcast(ids, "Last week", days_ago=3, first=first, size=share)
    ledger.add_past_broadcast(ids, "Today", days_ago=0, first=first + people - share, size=share)
    pace_settings.save_setup(ids["workspace"], {"cap_messages": "2", "cap_days": "7"})
    execute("UPDATE channels SET messaging_limit = 'TIER_100K'")
    kinds = list(audience_risks.CHOOSABLE)
    draft_id = int(execute(_DRAFT, kinds=kinds, **ids)[0][0])
    vacuum()
    return draft_id


def _time(work: Callable[[], Any]) -> float:
    db.session.remove()
    started = time.perf_counter()
    work()
    return time.perf_counter() - started


def _read_once() -> None:
    db.session.execute(text(_BARE_CONTACTS)).one()
    db.session.execute(text(_BARE_MESSAGES)).one()


def _forget() -> None:
    """So that the parts are worked out, not remembered: a contact changes."""
    execute("UPDATE contacts SET name = name || '.' WHERE id = (SELECT min(id) FROM contacts)")


def _time_parts(draft_id: int) -> dict[str, float]:
    """Each part as it is asked for by one page, in one transaction."""
    db.session.remove()
    draft = db.session.get_one(Broadcast, draft_id)
    assert draft.channel is not None
    channel = draft.channel
    counted = preflight.count_draft(draft)
    parts: dict[str, Callable[[], Any]] = {
        "people": lambda: preflight.count_draft(draft),
        "risks": lambda: preflight.look(draft, counted),
        "limit": lambda: messaging_limits.read_use(channel),
        "repeat": lambda: repeat_guard.find_repeat(draft, counted.to_send),
        "cost": lambda: forecast.forecast_broadcast(draft),
    }
    _forget()
    found = {}
    for name, work in parts.items():
        started = time.perf_counter()
        work()
        found[name] = time.perf_counter() - started
    return found


def _report(people: int, bare: float, first: float, again: float, parts: dict[str, float]) -> int:
    print(f"bare: contacts and messages read once {bare:6.2f} s")
    print(f"first look at {people:,} people {first:6.2f} s (bar: {BAR_SECONDS:.0f} s), ratio {first / bare:.1f}")
    print(f"again {again:6.2f} s")
    print("of it", ", ".join(f"{name} {seconds:.2f} s" for name, seconds in parts.items()))
    return 0 if first <= BAR_SECONDS else 1


_AMERICANS = """
UPDATE contacts SET phone = '1212' || lpad((id % 10000000)::text, 7, '0') WHERE id % 100 = 0
"""

_DRAFT = """
INSERT INTO broadcasts (workspace_id, channel_id, template_id, name, state, audience, exclude, variables, leave_out)
VALUES (:workspace, :channel, :template, 'Next', 'draft', '{"all": true}', '{"tags": ["press"]}',
        '{"1": {"field": "first_name", "fallback": "there"}, "2": {"text": "Paarl"}}', CAST(:kinds AS text[]))
RETURNING id
"""

_BARE_CONTACTS = """
SELECT count(*) FILTER (WHERE consent = 'opted_out'), count(*) FILTER (WHERE btrim(name) = ''),
       count(*) FILTER (WHERE starts_with(phone, '1'))
FROM contacts
"""

_BARE_MESSAGES = """
SELECT count(*), count(*) FILTER (WHERE n > 1)
FROM (SELECT contact_id, count(*) AS n FROM messages GROUP BY contact_id) got
"""


if __name__ == "__main__":
    sys.exit(main())
