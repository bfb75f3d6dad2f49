"""What the overview tells beside the counts of reports.py: the table of templates, opt-outs, which broadcasts a number is made of."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import Any

from sqlalchemy import text

from wotnot.extensions import db
from wotnot.models import Workspace
from wotnot.services.cost_reports import NOTHING, Amount
from wotnot.services.reports import Period, TemplateCounts
from wotnot.services.tallies import REACHED_ACCEPTED, REACHED_DELIVERED, REACHED_READ

STEPS = ("accepted", "delivered", "read", "replied", "failed")
"""What a number of the overview can be made of."""

TOP = 100


@dataclass(slots=True)
class TemplateLine:
    """What became of the messages with one template in a period, over all its languages.

    `template_id` is that of the language that was used most. `cost` is what Meta charged for the broadcasts with it.
    """

    name: str
    template_id: int
    funnel: dict[str, int] = field(default_factory=lambda: dict.fromkeys((*STEPS, "audience"), 0))
    cost: Amount = NOTHING


@dataclass(frozen=True, slots=True)
class Share:
    """`count` of a number belong to this broadcast; without one they were sent outside broadcasts."""

    broadcast_id: int | None
    name: str
    count: int


def rank_templates(
    workspace_id: int, period: Period, currency: str, used: Sequence[TemplateCounts]
) -> list[TemplateLine]:
    """The templates that were `used` in these days, the most messages first, with their cost in one query."""
    lines: dict[str, TemplateLine] = {}
    for one in used:
        line = lines.setdefault(one.name, TemplateLine(one.name, one.template_id))
        for step in line.funnel:
            line.funnel[step] += one.counts.funnel[step]
    asked = {"workspace": workspace_id, "first": period.first, "last": period.last, "currency": currency}
    for row in db.session.execute(_TEMPLATE_COSTS, asked):
        if row.name in lines:
            lines[row.name].cost = Amount(int(row.number), int(row.micros), 0, int(row.unpriced))
    return sorted((line for line in lines.values() if line.funnel["accepted"] or line.funnel["failed"]), key=_place)


def count_opt_outs(workspace: Workspace, period: Period) -> dict[date, int]:
    """How many people opted out on each day of a period, on the workspace's clock."""
    days = dict.fromkeys(period.days, 0)
    asked = {"workspace": workspace.id, "zone": workspace.timezone, "first": period.first, "last": period.last}
    for row in db.session.execute(_OPT_OUTS, asked):
        days[row.day] = int(row.number)
    return days


def list_shares(
    workspace_id: int, period: Period, step: str, *, template: str | None = None, cause: str | None = None
) -> list[Share]:
    """Which broadcasts a number is made of, the largest share first and TOP at most: messages of the period that got to
    `step` (one of STEPS), of the templates of one name, that failed for one cause."""
    asked = {
        "workspace": workspace_id,
        "first": period.first,
        "last": period.last,
        "template": template,
        "cause": cause,
    }
    rows = db.session.execute(_SHARES[step], asked | {"top": TOP})
    return [Share(row.broadcast_id, row.name, int(row.number)) for row in rows]


def _place(line: TemplateLine) -> tuple[int, str]:
    return -line.funnel["accepted"], line.name


_TEMPLATE_COSTS: Any = text("""
SELECT t.name, sum(c.delta) AS number, sum(c.micros) AS micros, sum(c.unpriced) AS unpriced
FROM cost_tallies c JOIN broadcasts b ON b.id = c.broadcast_id JOIN templates t ON t.id = b.template_id
WHERE c.workspace_id = :workspace AND c.day BETWEEN :first AND :last AND c.currency = :currency
GROUP BY t.name
""")

_OPT_OUTS: Any = text("""
SELECT (created_at AT TIME ZONE :zone)::date AS day, count(*) AS number FROM consent_events
WHERE workspace_id = :workspace AND consent = 'opted_out'
  AND created_at >= CAST(:first AS date)::timestamp AT TIME ZONE :zone
  AND created_at < (CAST(:last AS date) + 1)::timestamp AT TIME ZONE :zone
GROUP BY 1
""")

_REACHED_STEP = {
    "accepted": f"t.reached >= {REACHED_ACCEPTED}",
    "delivered": f"t.reached >= {REACHED_DELIVERED}",
    "read": f"t.reached >= {REACHED_READ}",
    "replied": "t.replied",
    "failed": "t.state = 'failed'",
}

_SHARES: dict[str, Any] = {
    step: text(f"""
SELECT b.id AS broadcast_id, coalesce(b.name, '') AS name, sum(t.delta) AS number
FROM message_tallies t LEFT JOIN broadcasts b ON b.id = t.broadcast_id
WHERE t.workspace_id = :workspace AND t.day BETWEEN :first AND :last AND t.direction = 'out' AND {condition}
  AND (CAST(:cause AS text) IS NULL OR t.cause = :cause)
  AND (CAST(:template AS text) IS NULL OR t.template_id IN (
      SELECT id FROM templates WHERE workspace_id = :workspace AND name = :template))
GROUP BY b.id, b.name HAVING sum(t.delta) > 0 ORDER BY number DESC, b.id DESC LIMIT :top
""")  # noqa: S608 — conditions of ours
    for step, condition in _REACHED_STEP.items()
}
