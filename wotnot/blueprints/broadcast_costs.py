"""The cost of a broadcast on its own pages: beforehand by market, afterwards the forecast against what was charged."""

from dataclasses import dataclass
from typing import Any

from wotnot.blueprints.cost_views import rate_of
from wotnot.models import Broadcast
from wotnot.services import budgets, cost_reports, forecast
from wotnot.services.budgets import BudgetState
from wotnot.services.cost_reports import NOTHING, Amount
from wotnot.services.forecast import Forecast, Line
from wotnot.services.pricing.markets import market_name
from wotnot.services.pricing.money import say_money


@dataclass(frozen=True, slots=True)
class MarketRow:
    """A market's forecast, None if there was none, and what was charged."""

    market: str
    expected: Line | None
    actual: Amount


def cost_of_draft(broadcast: Broadcast) -> dict[str, Any]:
    """What the check page shows: the forecast, its markets, and this month's budget if it counts towards that."""
    cost = forecast.forecast_broadcast(broadcast)
    markets = sorted(cost.by_market.values(), key=lambda line: (-(line.micros or 0), -line.count)) if cost else []
    return {
        "cost": cost,
        "cost_markets": markets,
        "budget": _budget_of(cost, broadcast),
        "market_name": market_name,
        "money": say_money,
        "rate_of": rate_of,
    }


def _budget_of(cost: Forecast | None, broadcast: Broadcast) -> BudgetState | None:
    state = budgets.find_state(broadcast.workspace_id)
    if cost is None or state is None or state.currency != cost.currency:
        return None
    return state if cost.day.replace(day=1) == state.month else None


def cost_of_report(broadcast: Broadcast) -> dict[str, Any]:
    """What the page of a broadcast shows: by market what was expected when it began and what its receipts say so far."""
    expected = forecast.read_forecast(broadcast)
    costs = cost_reports.broadcast_cost(broadcast.id)
    currency = expected.currency if expected else next(iter(costs), "USD")
    actual = costs.get(currency, {})
    lines = expected.by_market if expected else {}
    markets = [
        MarketRow(market, lines.get(market), actual.get(market, NOTHING)) for market in dict.fromkeys([*lines, *actual])
    ]
    markets.sort(key=lambda row: -max(row.actual.micros, (row.expected and row.expected.micros) or 0))
    return {
        "forecast": expected,
        "cost_rows": markets,
        "cost_total": sum(actual.values(), NOTHING),
        "cost_currency": currency,
        "cost_others": {
            other: sum(parts.values(), NOTHING).micros for other, parts in costs.items() if other != currency
        },
        "market_name": market_name,
        "money": say_money,
    }
