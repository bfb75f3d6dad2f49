"""Whether a large ledger slows the sender: what it claims and records a second, beside a ledger that holds nothing else.

Two worlds side by side, measured in turn, so that what the machine does meanwhile hits both alike. Both have as many contacts
as the large ledger has tens of messages; the past broadcasts went to one slice of them after the other. Run by bench.send.
"""

import statistics
import time

from bench import ledger
from bench.world import (
    World,
    execute,
    seed_broadcast,
    seed_channel,
    seed_contacts,
    seed_template,
    seed_workspace,
    vacuum,
)
from wotnot.clock import now
from wotnot.services import outbox

COUNT = 20_000
BATCH = 450
"""What the sender takes at once for a number at 1,000 a second."""
ROUNDS = 12
BAR = 0.95
PER_PERSON = 10
"""Messages of the large ledger for each contact: a million people were written to ten times."""
PAST_SIZE = 100_000


class Desk:
    """One world with a number and a template, from which broadcasts are claimed without being sent."""

    def __init__(self, world: World, people: int) -> None:
        """Put `people` contacts there."""
        self._world, self._people = world, people
        world.start_sandbox()
        with world.app.app_context():
            self._workspace_id = seed_workspace()
            seed_contacts(self._workspace_id, people)
            self._channel_id, _ = seed_channel(world, self._workspace_id, rate=1000)
            self._template_id = seed_template(world, self._workspace_id)

    def fill(self, rows: int) -> None:
        """Add past broadcasts, each to the next slice of people, until the ledger has `rows` rows."""
        with self._world.app.app_context():
            first = int(execute("SELECT min(id) FROM contacts WHERE workspace_id = :w", w=self._workspace_id)[0][0])
            ids = {"workspace": self._workspace_id, "channel": self._channel_id, "template": self._template_id}
            size = min(PAST_SIZE, self._people)
            for place in range(rows // size):
                start = first + place * size % self._people
                ledger.add_past_broadcast(ids, f"Past {place}", days_ago=1 + place % 365, first=start, size=size)
            vacuum()

    def work(self) -> tuple[float, float]:
        """Claim a new broadcast whole and record that all of it was accepted; answers both rates, a second."""
        with self._world.app.app_context():
            broadcast_id = seed_broadcast(self._workspace_id, self._channel_id, self._template_id, first=0, count=COUNT)
            execute("UPDATE broadcasts SET state = 'sending' WHERE id = :id", id=broadcast_id)
            vacuum()
            claiming = recording = 0.0
            for _ in range(0, COUNT, BATCH):
                began = time.perf_counter()
                claims = outbox.claim_for_broadcasts([(broadcast_id, BATCH)], "bench")
                claimed = time.perf_counter()
                outbox.record_outcomes([_accepted(claim) for claim in claims])
                claiming += claimed - began
                recording += time.perf_counter() - claimed
            return COUNT / claiming, COUNT / recording


def bench_ledger(empty: World, full: World, rows: int) -> bool:
    """Print both rates in both worlds and their ratios; answers whether claiming keeps the bar."""
    people = max(COUNT, rows // PER_PERSON)
    small, large = Desk(empty, people), Desk(full, people)
    began = time.perf_counter()
    large.fill(rows)
    print(f"{rows:,} rows in {time.perf_counter() - began:.0f} s")
    ratios = []
    for place in range(ROUNDS):
        (few_claimed, few_recorded), (many_claimed, many_recorded) = _work(small, large, backwards=place % 2 == 1)
        ratios.append((many_claimed / few_claimed, many_recorded / few_recorded))
        print(
            f"claimed {few_claimed:,.0f}/s beside nothing, {many_claimed:,.0f}/s beside {rows:,}; "
            f"recorded {few_recorded:,.0f}/s and {many_recorded:,.0f}/s"
        )
    claimed, recorded = (statistics.median(column) for column in zip(*ratios, strict=True))
    print(f"ratio of claiming {claimed:.2f} (bar: at least {BAR}), of recording {recorded:.2f}")
    return bool(claimed >= BAR)


def _work(small: Desk, large: Desk, *, backwards: bool) -> tuple[tuple[float, float], tuple[float, float]]:
    """Both in turn. What the one leaves to be written must not always fall into the other's time."""
    if backwards:
        many = large.work()
        return small.work(), many
    return small.work(), large.work()


def _accepted(claim: outbox.Claim) -> outbox.Outcome:
    return outbox.Outcome(
        claim.id, claim.broadcast_id, "accepted", now(), wamid=f"wamid.bench.{claim.id}", values={"1": "Naledi"}
    )
