"""Messages by where people are, by the hour of sending, and by how soon they were read: sums over the report tallies.

Triggers write these tallies with every change of the ledger, in its transaction (see tallies.py for how counting works).
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import text

from wotnot.extensions import db
from wotnot.models import Workspace
from wotnot.services.cost_reports import NOTHING, Amount
from wotnot.services.pricing.markets import country_of
from wotnot.services.reports import Period

READ_AFTER = (
    "Within 1 min", "1 to 5 min", "5 to 15 min", "15 to 60 min", "1 to 6 h", "6 to 24 h", "Later",
)  # fmt: skip
"""The steps of the histogram; a tally names one by its place."""

WEEKDAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")


@dataclass(slots=True)
class Reached:
    """How far messages got: `sent` is taken by Meta, also those that failed afterwards."""

    sent: int = 0
    delivered: int = 0
    read: int = 0
    replied: int = 0
    failed: int = 0

    def add(self, row: Any) -> None:
        """Count a row of tallies in."""
        self.sent += row.sent
        self.delivered += row.delivered
        self.read += row.read
        self.replied += row.replied
        self.failed += row.failed


@dataclass(slots=True)
class Country:
    """What became of the messages to one country (ISO; empty when it is not known), and what Meta charged in `currency`."""

    country: str
    reached: Reached = field(default_factory=Reached)
    cost: Amount = NOTHING


def list_countries(broadcast_id: int, currency: str) -> list[Country]:
    """A broadcast by country, the largest first, in two queries. The caller checked the tenant."""
    found: dict[str, Country] = {}
    for row in db.session.execute(_COUNTRIES, {"broadcast": broadcast_id}):
        country = country_of(row.key)
        found.setdefault(country, Country(country)).reached.add(row)
    for row in db.session.execute(_COSTS, {"broadcast": broadcast_id, "currency": currency}):
        line = found.setdefault(row.country, Country(row.country))
        line.cost = Amount(int(row.number), int(row.micros), 0, int(row.unpriced))
    return sorted(found.values(), key=lambda one: (-one.reached.sent - one.reached.failed, one.country))


def count_country(broadcast_id: int, country: str) -> Reached:
    """What became of the messages of a broadcast to one country, as `list_countries` has it. The caller checked the tenant."""
    reached = Reached()
    for row in db.session.execute(_COUNTRIES, {"broadcast": broadcast_id}):
        if country_of(row.key) == country:
            reached.add(row)
    return reached


def count_read_after(broadcast_id: int) -> list[int]:
    """How many messages of a broadcast were read within each step of READ_AFTER. The caller checked the tenant."""
    counts = [0] * len(READ_AFTER)
    for row in db.session.execute(_READ_AFTER, {"broadcast": broadcast_id}):
        counts[int(row.key)] = int(row.number)
    return counts


def count_by_hour(workspace: Workspace, period: Period) -> list[list[Reached]]:
    """What became of the messages that went out in each hour of the week, on the workspace's clock: Monday first, 24 each.

    Only delivered and read are counted beside sent: which hour a reply belongs to is not known.
    """
    week = [[Reached() for _ in range(24)] for _ in WEEKDAYS]
    asked = {"workspace": workspace.id, "first": period.first, "last": period.last, "zone": workspace.timezone}
    for row in db.session.execute(_HOURS, asked):
        cell = week[int(row.weekday) - 1][int(row.hour)]
        cell.sent, cell.delivered, cell.read = int(row.sent), int(row.delivered), int(row.read)
    return week


def best_hours(week: Sequence[Sequence[Reached]], *, at_least: int = 20) -> list[tuple[int, int, Reached]]:
    """(weekday, hour, counts) by the share that was read, the best first; hours with few deliveries say nothing."""
    cells = [
        (day, hour, one)
        for day, hours in enumerate(week)
        for hour, one in enumerate(hours)
        if one.delivered >= at_least
    ]
    return sorted(cells, key=lambda cell: (-cell[2].read / cell[2].delivered, -cell[2].delivered))


_REACHED = """
       coalesce(sum(delta) FILTER (WHERE reached >= 2), 0)::bigint AS sent,
       coalesce(sum(delta) FILTER (WHERE reached >= 4), 0)::bigint AS delivered,
       coalesce(sum(delta) FILTER (WHERE reached >= 5), 0)::bigint AS read,
       coalesce(sum(delta) FILTER (WHERE replied), 0)::bigint AS replied,
       coalesce(sum(delta) FILTER (WHERE failed), 0)::bigint AS failed
"""

_COUNTRIES = text(f"""
SELECT key, {_REACHED} FROM report_tallies
WHERE broadcast_id = :broadcast AND broadcast_id <> 0 AND facet = 'country' GROUP BY key HAVING sum(delta) <> 0 ORDER BY key
""")  # noqa: S608 — columns of ours

_COSTS = text("""
SELECT country, sum(delta) AS number, sum(micros) AS micros, sum(unpriced) AS unpriced FROM cost_tallies
WHERE broadcast_id = :broadcast AND broadcast_id <> 0 AND currency = :currency GROUP BY country HAVING sum(delta) <> 0
""")

_READ_AFTER = text("""
SELECT key, sum(delta) AS number FROM report_tallies
WHERE broadcast_id = :broadcast AND broadcast_id <> 0 AND facet = 'read_after' GROUP BY key
""")

# The quarter hours first: a year has few of them in which something was sent, and turning one into an hour takes a while.
_HOURS = text(f"""
WITH quarters AS MATERIALIZED (
    SELECT key, {_REACHED} FROM report_tallies
    WHERE workspace_id = :workspace AND facet = 'quarter' AND day BETWEEN :first AND :last GROUP BY key
), local AS (
    SELECT to_timestamp(key::bigint * 900) AT TIME ZONE :zone AS at, sent, delivered, read FROM quarters WHERE sent <> 0
)
SELECT extract(isodow FROM at) AS weekday, extract(hour FROM at) AS hour, sum(sent) AS sent, sum(delivered) AS delivered,
       sum(read) AS read
FROM local GROUP BY 1, 2
""")  # noqa: S608 — columns of ours
