"""How much of a workspace's monthly budget is used. Reads only; `budget_checks.py` acts on it.

A budget counts the costs in its own currency, which is the workspace's. What was counted in another one before that was changed,
and that Meta bills a number in another one, is said beside it: no rate of exchange is known here.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any

from sqlalchemy import text

from wotnot.extensions import db
from wotnot.services.pricing.money import say_money

ALERTS = (50, 80, 100)
"""The shares of a budget, in percent, at which owners and admins are told."""


@dataclass(frozen=True, slots=True)
class BudgetState:
    """What a month may cost and has cost, in millionths of `currency`; `stops` pauses broadcasts when it is used up.

    `others` is what the month has cost in other currencies, which does not count; `billed` are other currencies in which Meta
    bills numbers of the workspace.
    """

    workspace_id: int
    workspace_name: str
    month: date
    currency: str
    budget: int
    spent: int
    stops: bool
    others: Mapping[str, int] = field(default_factory=dict)
    billed: Sequence[str] = ()

    @property
    def percent(self) -> int:
        """How much is used, in whole percent, rounded down."""
        return self.spent * 100 // self.budget

    @property
    def alert(self) -> int:
        """The highest of ALERTS that is reached; 0 below the first."""
        return max((share for share in ALERTS if self.percent >= share), default=0)

    @property
    def is_used_up(self) -> bool:
        """Whether nothing is left."""
        return self.spent >= self.budget

    @property
    def words(self) -> str:
        """US$ 412.00 of US$ 500.00."""
        return f"{say_money(self.spent, self.currency)} of {say_money(self.budget, self.currency)}"

    @property
    def apart_words(self) -> str:
        """What does not count toward it, or not as it is charged, in sentences; empty when all is in its currency."""
        return say_apart(self.currency, self.others, self.billed)


def find_state(workspace_id: int) -> BudgetState | None:
    """The state of the running month; None without a budget."""
    found = _states(workspace_id)
    return found[0] if found else None


def list_states() -> list[BudgetState]:
    """The state of every workspace that has a budget."""
    return _states(None)


@dataclass(frozen=True, slots=True)
class DailyState:
    """What today may cost and has cost on the workspace's calendar, in millionths of `currency`; `tomorrow` is when that ends."""

    workspace_id: int
    currency: str
    budget: int
    spent: int
    tomorrow: datetime

    @property
    def is_used_up(self) -> bool:
        """Whether nothing is left for today."""
        return self.spent >= self.budget

    @property
    def words(self) -> str:
        """Why broadcasts wait, and for what."""
        spent, budget = say_money(self.spent, self.currency), say_money(self.budget, self.currency)
        return f"Held: today’s budget. {spent} of {budget} are spent; it goes on tomorrow by itself."


def find_apart(workspace_id: int, currency: str) -> str:
    """What a budget in `currency`, the workspace's own, does not count this month, or not as it is charged; "" for nothing."""
    row = db.session.execute(text(_APART), {"workspace": workspace_id, "currency": currency}).one()
    return say_apart(currency, row.others, row.billed)


def say_apart(currency: str, others: Mapping[str, int], billed: Sequence[str]) -> str:
    """ "Costs in EUR do not count toward a budget in USD: €30.00 this month."; empty where all is in its currency."""
    sentences = []
    if others:
        amounts = " and ".join(say_money(micros, other) for other, micros in others.items())
        names = " and ".join(others)
        sentences.append(f"Costs in {names} do not count toward a budget in {currency}: {amounts} this month.")
    if billed:
        whose = "a number of yours" if len(billed) == 1 else "numbers of yours"
        counted = f"what is sent there is counted at Meta’s rates in {currency}"
        sentences.append(f"Meta bills {whose} in {' and '.join(billed)}; {counted}.")
    return " ".join(sentences)


def list_daily_states() -> list[DailyState]:
    """Today in every workspace that has a daily budget."""
    return [DailyState(*row) for row in db.session.execute(text(_DAILY))]


def stop_words(state: BudgetState) -> str:
    """Why broadcasts do not go on, and what to do."""
    budget = say_money(state.budget, state.currency)
    return f"This month’s budget of {budget} is used up, and broadcasts stop at it. Raise it under Cost, Budget."


def why_stopped(workspace_id: int, day: date) -> str:
    """The sentence that keeps broadcasts from going out on `day`; empty while the budget, if there is one, allows it.

    Another month has a budget of its own.
    """
    state = find_state(workspace_id)
    stops = state is not None and state.stops and state.is_used_up and state.month == day.replace(day=1)
    return stop_words(state) if state and stops else ""


def _states(workspace_id: int | None) -> list[BudgetState]:
    rows: Any = db.session.execute(text(_STATES), {"workspace": workspace_id})
    return [BudgetState(*row) for row in rows]


# What lies beside a workspace's currency `c.code` since the day `m.month`.
_OTHERS = """
(SELECT coalesce(jsonb_object_agg(o.currency, o.micros), '{}') FROM (
    SELECT t.currency, sum(t.micros)::bigint AS micros FROM cost_tallies t
    WHERE t.workspace_id = w.id AND t.day >= m.month AND t.currency <> c.code
    GROUP BY t.currency HAVING sum(t.micros) > 0
) o) AS others,
ARRAY(
    SELECT DISTINCT n.billing_currency FROM channels n
    WHERE n.workspace_id = w.id AND n.state <> 'removed' AND n.billing_currency NOT IN ('', c.code) ORDER BY 1
) AS billed
"""

_MONTH = "CROSS JOIN LATERAL (SELECT date_trunc('month', now() AT TIME ZONE w.timezone)::date AS month) m"

_APART = f"""
SELECT {_OTHERS} FROM workspaces w CROSS JOIN (SELECT CAST(:currency AS text) AS code) c {_MONTH} WHERE w.id = :workspace
"""  # noqa: S608 — every value is bound

_STATES = f"""
SELECT s.workspace_id, w.name, m.month, s.currency, s.monthly_budget_micros,
       (SELECT coalesce(sum(t.micros), 0)::bigint FROM cost_tallies t
        WHERE t.workspace_id = s.workspace_id AND t.day >= m.month AND t.currency = s.currency) AS spent,
       s.stops_at_budget AS stops, {_OTHERS}
FROM cost_settings s JOIN workspaces w ON w.id = s.workspace_id
CROSS JOIN LATERAL (SELECT s.currency AS code) c {_MONTH}
WHERE s.monthly_budget_micros IS NOT NULL
  AND (CAST(:workspace AS bigint) IS NULL OR s.workspace_id = CAST(:workspace AS bigint))
"""  # noqa: S608 — every value is bound

_DAILY = """
SELECT s.workspace_id, s.currency, s.daily_budget_micros,
       (SELECT coalesce(sum(t.micros), 0)::bigint FROM cost_tallies t
        WHERE t.workspace_id = s.workspace_id AND t.day >= d.day AND t.currency = s.currency) AS spent,
       (d.day + 1)::timestamp AT TIME ZONE w.timezone AS tomorrow
FROM cost_settings s JOIN workspaces w ON w.id = s.workspace_id
CROSS JOIN LATERAL (SELECT (now() AT TIME ZONE w.timezone)::date AS day) d
WHERE s.daily_budget_micros IS NOT NULL
"""
