"""What messages cost over time: sums over the cost tallies, so that a page costs the same whatever the ledger holds."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta
from typing import Any

from sqlalchemy import text

from wotnot.extensions import db
from wotnot.models import MessageCost, Workspace
from wotnot.services import channels, rate_cards
from wotnot.services.reports import Period, today_in

MONTHS = 12
AVERAGE_DAYS = 28
TOP = 15
"""So many countries and broadcasts are listed on their own; the rest of them is one line."""


@dataclass(frozen=True, slots=True)
class Amount:
    """`count` delivered messages and what they cost in millionths; `free` of them cost nothing, `unpriced` have no price."""

    count: int = 0
    micros: int = 0
    free: int = 0
    unpriced: int = 0

    def __add__(self, other: "Amount") -> "Amount":
        """Both together."""
        return Amount(
            self.count + other.count,
            self.micros + other.micros,
            self.free + other.free,
            self.unpriced + other.unpriced,
        )


NOTHING = Amount()


@dataclass(frozen=True, slots=True)
class Narrowing:
    """Only the costs of this `category`, `country` (ISO, "" for those not known), `channel_id`, or broadcasts with the
    templates named `template`; None leaves it open. `currency` is the workspace's unless another is asked for: two are never
    added up.
    """

    category: str | None = None
    country: str | None = None
    channel_id: int | None = None
    template: str | None = None
    currency: str | None = None


EVERYTHING = Narrowing()


@dataclass(slots=True)
class CostReport:
    """A period's costs in `currency`, together and by part, the dearest first. Broadcast 0 is messages outside broadcasts.

    `others` are totals in other currencies, as when the workspace's was changed.
    """

    period: Period
    currency: str
    total: Amount = NOTHING
    by_day: dict[date, Amount] = field(default_factory=dict)
    by_category: dict[str, Amount] = field(default_factory=dict)
    by_country: dict[str, Amount] = field(default_factory=dict)
    by_channel: dict[int, Amount] = field(default_factory=dict)
    by_broadcast: dict[int, Amount] = field(default_factory=dict)
    others: dict[str, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class MonthFigures:
    """This month so far, the same days of last month, all of last month, and what this month comes to, in millionths.

    `expected` is what was spent plus, for each day that is left, the average of the last AVERAGE_DAYS (`daily`); it is None
    in the first days, when there is nothing to go by.
    """

    today: date
    spent: int
    same_days_before: int
    last_month: int
    daily: int
    expected: int | None


@dataclass(frozen=True, slots=True)
class MonthOfCategories:
    """One month (its first day) and its costs by category."""

    month: date
    by_category: dict[str, Amount]


def report(workspace_id: int, period: Period, narrowing: Narrowing = EVERYTHING) -> CostReport:
    """A period's costs in one query and one for other currencies. Raises NotFound for a number of another workspace."""
    if narrowing.channel_id is not None:
        channels.get_channel(workspace_id, narrowing.channel_id)
    currency = _currency(workspace_id, narrowing)
    found = CostReport(period, currency, by_day=dict.fromkeys(period.days, NOTHING))
    asked = _asked(workspace_id, currency, narrowing) | {"first": period.first, "last": period.last}
    for row in db.session.execute(text(_PARTS), asked):
        _put(found, row, _amount(row))
    for name in ("by_category", "by_country", "by_channel", "by_broadcast"):
        setattr(found, name, _dearest_first(getattr(found, name)))
    rows: Any = db.session.execute(text(_OTHER_CURRENCIES), asked)
    found.others = {str(other): int(micros) for other, micros in rows}
    return found


def month_figures(
    workspace: Workspace, narrowing: Narrowing = EVERYTHING, *, today: date | None = None
) -> MonthFigures:
    """Where this month stands and leads to, as of `today` if not now, in one query."""
    today = today or today_in(workspace)
    first = today.replace(day=1)
    last_month_end = first - timedelta(days=1)
    last_month = last_month_end.replace(day=1)
    average_from = today - timedelta(days=AVERAGE_DAYS)
    currency = _currency(workspace.id, narrowing)
    row = db.session.execute(
        text(_FIGURES),
        _asked(workspace.id, currency, narrowing)
        | {
            "today": today,
            "first": first,
            "last_month": last_month,
            "last_month_end": last_month_end,
            "same_day": min(last_month + timedelta(days=today.day - 1), last_month_end),
            "average_from": average_from,
        },
    ).one()
    known_days = min(AVERAGE_DAYS, (today - row.begun).days) if row.begun else 0
    daily = int(row.lately) // known_days if known_days else 0
    next_month = (first + timedelta(days=31)).replace(day=1)
    left = (next_month - today).days - 1
    expected = int(row.spent) + daily * left if known_days else None
    return MonthFigures(today, int(row.spent), int(row.same_days), int(row.last_total), daily, expected)


def list_months(
    workspace: Workspace, narrowing: Narrowing = EVERYTHING, *, today: date | None = None
) -> list[MonthOfCategories]:
    """The last MONTHS months up to `today`'s, also the empty ones, the oldest first, in one query."""
    this_month = (today or today_in(workspace)).replace(day=1)
    months = [_months_before(this_month, n) for n in range(MONTHS - 1, -1, -1)]
    found: dict[date, dict[str, Amount]] = {month: {} for month in months}
    currency = _currency(workspace.id, narrowing)
    asked = _asked(workspace.id, currency, narrowing) | {"first": months[0]}
    for row in db.session.execute(text(_MONTHS), asked):
        if row.month in found:
            found[row.month][row.category] = _amount(row)
    return [MonthOfCategories(month, categories) for month, categories in found.items()]


def free_service(workspace: Workspace) -> dict[int, int]:
    """How many free service messages each number sent this month, by channel id; only those that sent some."""
    asked = {"workspace": workspace.id, "first": today_in(workspace).replace(day=1)}
    rows: Any = db.session.execute(text(_FREE_SERVICE), asked)
    return {int(channel_id): int(count) for channel_id, count in rows}


def broadcast_cost(broadcast_id: int) -> dict[str, dict[str, Amount]]:
    """What a broadcast cost, by currency and market. The caller checked the tenant."""
    found: dict[str, dict[str, Amount]] = {}
    for row in db.session.execute(text(_BROADCAST), {"broadcast": broadcast_id}):
        found.setdefault(row.currency, {})[row.market] = _amount(row)
    return found


def find_message_cost(message_id: int) -> MessageCost | None:
    """What one message cost; None until it is delivered. The caller checked the tenant."""
    return db.session.get(MessageCost, message_id)


def has_costs(workspace_id: int) -> bool:
    """Whether anything was ever charged or counted as free."""
    return db.session.scalar(text(_ANY), {"workspace": workspace_id}) is not None


def name_broadcasts(workspace_id: int, broadcast_ids: Sequence[int]) -> dict[int, str]:
    """Their names; those that are gone are missing."""
    rows: Any = db.session.execute(text(_NAMES), {"workspace": workspace_id, "ids": list(broadcast_ids)})
    return {int(broadcast_id): str(name) for broadcast_id, name in rows}


def top(parts: Mapping[Any, Amount], most: int = TOP) -> tuple[dict[Any, Amount], Amount]:
    """The first `most` parts, and all others together."""
    items = list(parts.items())
    return dict(items[:most]), sum((amount for _, amount in items[most:]), NOTHING)


def _currency(workspace_id: int, narrowing: Narrowing) -> str:
    return narrowing.currency or rate_cards.get_setup(workspace_id).currency


def _asked(workspace_id: int, currency: str, narrowing: Narrowing) -> dict[str, Any]:
    return {
        "workspace": workspace_id,
        "currency": currency,
        "category": narrowing.category,
        "country": narrowing.country,
        "channel": narrowing.channel_id,
        "template": narrowing.template,
    }


def _amount(row: Any) -> Amount:
    return Amount(int(row.count), int(row.micros), int(row.free), int(row.unpriced))


def _put(found: CostReport, row: Any, amount: Amount) -> None:
    """A row is of one part: the one of its columns that it was grouped by."""
    if row.part == 0:
        found.total = amount
    elif amount != NOTHING:
        name = ("by_day", "by_category", "by_country", "by_channel", "by_broadcast")[row.part - 1]
        key = (row.day, row.category, row.country, row.channel_id, row.broadcast_id)[row.part - 1]
        getattr(found, name)[key] = amount


def _dearest_first(parts: dict[Any, Amount]) -> dict[Any, Amount]:
    return dict(sorted(parts.items(), key=lambda item: (-item[1].micros, -item[1].count)))


def _months_before(month: date, count: int) -> date:
    year, place = divmod(month.year * 12 + month.month - 1 - count, 12)
    return date(year, place + 1, 1)


_AMOUNT = """coalesce(sum(delta), 0) AS count, coalesce(sum(micros), 0) AS micros,
    coalesce(sum(delta) FILTER (WHERE type <> 'regular'), 0) AS free, coalesce(sum(unpriced), 0) AS unpriced"""

_NARROWED = """workspace_id = :workspace
    AND (CAST(:category AS text) IS NULL OR category = CAST(:category AS text))
    AND (CAST(:country AS text) IS NULL OR country = CAST(:country AS text))
    AND (CAST(:channel AS bigint) IS NULL OR channel_id = CAST(:channel AS bigint))
    AND (CAST(:template AS text) IS NULL OR broadcast_id IN (
        SELECT b.id FROM broadcasts b JOIN templates t ON t.id = b.template_id
        WHERE b.workspace_id = :workspace AND t.name = CAST(:template AS text)))"""

_MINE = f"{_NARROWED} AND currency = :currency"

_PARTS = f"""
SELECT CASE WHEN grouping(day) = 0 THEN 1 WHEN grouping(category) = 0 THEN 2 WHEN grouping(country) = 0 THEN 3
            WHEN grouping(channel_id) = 0 THEN 4 WHEN grouping(broadcast_id) = 0 THEN 5 ELSE 0 END AS part,
       day, category, country, channel_id, broadcast_id, {_AMOUNT}
FROM cost_tallies WHERE {_MINE} AND day BETWEEN :first AND :last
GROUP BY GROUPING SETS ((day), (category), (country), (channel_id), (broadcast_id), ())
"""  # noqa: S608 — every value is bound

_OTHER_CURRENCIES = f"""
SELECT currency, sum(micros) FROM cost_tallies
WHERE {_NARROWED} AND currency <> :currency AND day BETWEEN :first AND :last
GROUP BY currency HAVING sum(micros) <> 0 ORDER BY currency
"""  # noqa: S608 — every value is bound

_FIGURES = f"""
SELECT coalesce(sum(micros) FILTER (WHERE day BETWEEN :first AND :today), 0) AS spent,
       coalesce(sum(micros) FILTER (WHERE day BETWEEN :last_month AND :same_day), 0) AS same_days,
       coalesce(sum(micros) FILTER (WHERE day BETWEEN :last_month AND :last_month_end), 0) AS last_total,
       coalesce(sum(micros) FILTER (WHERE day >= :average_from AND day < :today), 0) AS lately,
       min(day) FILTER (WHERE day >= :average_from AND day < :today) AS begun
FROM cost_tallies WHERE {_MINE} AND day >= least(CAST(:last_month AS date), CAST(:average_from AS date))
"""  # noqa: S608 — every value is bound

_MONTHS = f"""
SELECT date_trunc('month', day)::date AS month, category, {_AMOUNT}
FROM cost_tallies WHERE {_MINE} AND day >= :first GROUP BY 1, 2
"""  # noqa: S608 — every value is bound

_FREE_SERVICE = """
SELECT channel_id, sum(delta) FROM cost_tallies
WHERE workspace_id = :workspace AND day >= :first AND category = 'service' AND type = 'free_customer_service'
GROUP BY channel_id HAVING sum(delta) > 0
"""

_BROADCAST = f"""
SELECT currency, market, {_AMOUNT} FROM cost_tallies WHERE broadcast_id = :broadcast
GROUP BY currency, market HAVING sum(delta) <> 0 ORDER BY currency, sum(micros) DESC
"""  # noqa: S608 — every value is bound

_ANY = "SELECT 1 FROM cost_tallies WHERE workspace_id = :workspace LIMIT 1"

_NAMES = "SELECT id, name FROM broadcasts WHERE workspace_id = :workspace AND id = ANY(CAST(:ids AS bigint[]))"
