"""What the overview tells beside the counts of reports.py: the table of templates, and opt-outs."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import Any

from sqlalchemy import text

from wotnot.extensions import db
from wotnot.models import Workspace
from wotnot.services.cost_reports import Amount
from wotnot.services.reports import Period, TemplateCounts

_STEPS = ("audience", "accepted", "delivered", "read", "replied", "failed")


@dataclass(slots=True)
class TemplateLine:
    """What became of the messages with one template in a period, over all its languages.

    `template_id` is that of the language that was used most. `costs` is what Meta charged for the broadcasts with it, by currency.
    """

    name: str
    template_id: int
    funnel: dict[str, int] = field(default_factory=lambda: dict.fromkeys(_STEPS, 0))
    costs: dict[str, Amount] = field(default_factory=dict)


def rank_templates(workspace_id: int, period: Period, used: Sequence[TemplateCounts]) -> list[TemplateLine]:
    """The templates that were `used` in these days, the most messages first, with their cost in one query."""
    lines: dict[str, TemplateLine] = {}
    for one in used:
        line = lines.setdefault(one.name, TemplateLine(one.name, one.template_id))
        for step in line.funnel:
            line.funnel[step] += one.counts.funnel[step]
    asked = {"workspace": workspace_id, "first": period.first, "last": period.last}
    for row in db.session.execute(_TEMPLATE_COSTS, asked):
        if row.name in lines:
            lines[row.name].costs[row.currency] = Amount(int(row.number), int(row.micros), 0, int(row.unpriced))
    return sorted((line for line in lines.values() if line.funnel["accepted"] or line.funnel["failed"]), key=_place)


def count_opt_outs(workspace: Workspace, period: Period) -> dict[date, int]:
    """How many people opted out on each day of a period, on the workspace's clock."""
    days = dict.fromkeys(period.days, 0)
    asked = {"workspace": workspace.id, "zone": workspace.timezone, "first": period.first, "last": period.last}
    for row in db.session.execute(_OPT_OUTS, asked):
        days[row.day] = int(row.number)
    return days


def _place(line: TemplateLine) -> tuple[int, str]:
    return -line.funnel["accepted"], line.name


_TEMPLATE_COSTS: Any = text("""
SELECT t.name, c.currency, sum(c.delta) AS number, sum(c.micros) AS micros, sum(c.unpriced) AS unpriced
FROM cost_tallies c JOIN broadcasts b ON b.id = c.broadcast_id JOIN templates t ON t.id = b.template_id
WHERE c.workspace_id = :workspace AND c.day BETWEEN :first AND :last
GROUP BY t.name, c.currency HAVING sum(c.delta) <> 0 ORDER BY sum(c.delta) DESC
""")

_OPT_OUTS: Any = text("""
SELECT (created_at AT TIME ZONE :zone)::date AS day, count(*) AS number FROM consent_events
WHERE workspace_id = :workspace AND consent = 'opted_out'
  AND created_at >= CAST(:first AS date)::timestamp AT TIME ZONE :zone
  AND created_at < (CAST(:last AS date) + 1)::timestamp AT TIME ZONE :zone
GROUP BY 1
""")
