"""How much of a workspace's monthly budget is used. Reads only; `budget_checks.py` acts on it.

A budget counts the costs in its own currency. What was counted in another one, before the currency was changed, is said apart:
no rate of exchange is known here.
"""

from collections.abc import Mapping
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

    `others` is what the month has cost in other currencies, which does not count.
    """

    workspace_id: int
    workspace_name: str
    month: date
    currency: str
    budget: int
    spent: int
    stops: bool
    others: Mapping[str, int] = field(default_factory=dict)

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
    def others_words(self) -> str:
        """What does not count toward it, as a sentence; empty when everything does."""
        return say_others(self.others, f"this budget in {self.currency}")


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


def find_others(workspace_id: int) -> Mapping[str, int]:
    """What the running month has cost in other currencies than the workspace's own, in millionths by currency."""
    found: Mapping[str, int] | None = db.session.scalar(text(_OTHERS_OF), {"workspace": workspace_id})
    return found or {}


def say_others(others: Mapping[str, int], budget: str) -> str:
    """ "Costs in EUR do not count toward this budget in USD: €30.00 this month."; empty without any."""
    if not others:
        return ""
    amounts = " and ".join(say_money(micros, currency) for currency, micros in others.items())
    return f"Costs in {' and '.join(others)} do not count toward {budget}: {amounts} this month."


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


_OTHERS = """
       (SELECT coalesce(jsonb_object_agg(o.currency, o.micros), '{}') FROM (
            SELECT t.currency, sum(t.micros)::bigint AS micros FROM cost_tallies t
            WHERE t.workspace_id = s.workspace_id AND t.day >= m.month AND t.currency <> s.currency
            GROUP BY t.currency HAVING sum(t.micros) > 0
        ) o)"""

_MONTH = """
FROM cost_settings s JOIN workspaces w ON w.id = s.workspace_id
CROSS JOIN LATERAL (SELECT date_trunc('month', now() AT TIME ZONE w.timezone)::date AS month) m
"""

_OTHERS_OF = f"SELECT {_OTHERS} {_MONTH} WHERE s.workspace_id = :workspace"

_STATES = f"""
SELECT s.workspace_id, w.name, m.month, s.currency, s.monthly_budget_micros,
       (SELECT coalesce(sum(t.micros), 0)::bigint FROM cost_tallies t
        WHERE t.workspace_id = s.workspace_id AND t.day >= m.month AND t.currency = s.currency) AS spent,
       s.stops_at_budget AS stops, {_OTHERS} AS others
{_MONTH}
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
