"""What each delivered message cost, counted once. Owns `message_costs`.

Meta tells the category and type of a message with its receipts; we give it the price of its day. The row in `message_costs`,
whose key is the message, is written in the transaction that applies the receipt: a receipt that comes twice, late or out of
order finds it there. The counts by day and so on are sums over `cost_tallies`, which triggers write (see tallies.py).

Volume tiers go by how many were charged in the month before. Two batches of receipts that are applied at the same moment do
not see each other's, so around a threshold a batch may be priced one tier too high; nothing is ever counted twice.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import Any

from sqlalchemy import text

from wotnot.services import rate_cards
from wotnot.services.pricing.cards import REGULAR, Card, card_for, tidy_category
from wotnot.services.pricing.markets import OTHER, country_of, market_of
from wotnot.services.transaction import transaction

BATCH = 5_000

_Key = tuple[int, date, str, str]


@dataclass(slots=True)
class _Charge:
    """A delivered message with what decides its price, and the price."""

    message_id: int
    workspace_id: int
    channel_id: int
    broadcast_id: int
    day: date
    category: str
    type: str
    country: str
    currency: str
    prefix: str
    market: str = OTHER
    micros: int | None = None


def bill_messages(message_ids: Sequence[int]) -> int:
    """Write the cost of those that were delivered and whose category Meta told; answers how many that were.

    Joins the caller's transaction. Messages that have their cost already are left alone.
    """
    if not message_ids:
        return 0
    with transaction() as session:
        charges = [_charge(row) for row in session.execute(text(_BILLABLE), {"ids": list(message_ids)})]
        if not charges:
            return 0
        _price(session, charges)
        session.execute(text(_WRITE), _columns(charges))
        return len(charges)


def bill_workspace(workspace_id: int) -> int:
    """The same for everything of a workspace that has no cost yet, in batches; for ledgers older than the price list."""
    total, last = 0, 0
    while True:
        with transaction() as session:
            ids = list(session.scalars(text(_UNBILLED), {"workspace": workspace_id, "after": last, "batch": BATCH}))
            total += bill_messages(ids)
        if not ids:
            return total
        last = ids[-1]


def price_missing(workspace_id: int) -> int:
    """Give what had no price the one of a card that came since; answers how many got one."""
    total, last = 0, 0
    while True:
        with transaction() as session:
            asked = {"workspace": workspace_id, "after": last, "batch": BATCH}
            charges = [_charge(row) for row in session.execute(text(_UNPRICED), asked)]
            if not charges:
                return total
            _price(session, charges)
            priced = [charge for charge in charges if charge.micros is not None]
            if priced:
                session.execute(text(_REPRICE), _columns(priced))
            total += len(priced)
            last = charges[-1].message_id


def recount(workspace_id: int) -> list[str]:
    """What does not agree between receipts, costs and their counts, as sentences; empty when all is well."""
    asked = {"workspace": workspace_id}
    missing, strays = (int(_scalar(sql, asked)) for sql in (_COUNT_MISSING, _COUNT_STRAYS))
    wrong = int(_scalar(_COUNT_WRONG, asked))
    found = []
    if missing:
        found.append(f"{missing:,} delivered messages have no cost.")
    if strays:
        found.append(f"{strays:,} costs belong to messages that were not delivered.")
    if wrong:
        found.append(f"{wrong:,} counts differ from the sum of their messages.")
    return found


def _scalar(statement: str, asked: dict[str, int]) -> Any:
    with transaction() as session:
        return session.scalar(text(statement), asked) or 0


def _charge(row: Any) -> _Charge:
    return _Charge(
        row.id,
        row.workspace_id,
        row.channel_id,
        row.broadcast_id,
        row.day,
        tidy_category(row.category),
        row.type,
        country_of(row.prefix),
        row.currency,
        row.prefix,
    )


# ---------------------------------------------------------------- prices


@dataclass(slots=True)
class _Month:
    """How many charged messages of a month there were, by (workspace, first of the month, market, category)."""

    counts: dict[_Key, int] = field(default_factory=dict)

    def take(self, key: _Key) -> int:
        """The place of the next one."""
        place = self.counts.get(key, 0)
        self.counts[key] = place + 1
        return place


def _price(session: Any, charges: Iterable[_Charge]) -> None:
    """Set the market and price of each."""
    charges = list(charges)
    cards = _cards_of_days(charges)
    tiered = []
    for charge in charges:
        card = cards[charge.workspace_id, charge.currency, charge.day]
        charge.market = card.market_of(charge.prefix) if card else market_of(charge.prefix, ())
        if charge.type != REGULAR:
            charge.micros = 0
        elif card and card.has_tiers(charge.market, charge.category):
            tiered.append((charge, card))
        elif card:
            charge.micros = card.price(charge.market, charge.category)
    if tiered:
        _price_by_volume(session, tiered)


def _cards_of_days(charges: Sequence[_Charge]) -> dict[tuple[int, str, date], Card | None]:
    cards = rate_cards.cards_of(sorted({charge.workspace_id for charge in charges}))
    wanted = {(charge.workspace_id, charge.currency, charge.day) for charge in charges}
    return {key: card_for(cards[key[0]], key[1], key[2]) for key in wanted}


def _price_by_volume(session: Any, tiered: Sequence[tuple[_Charge, Card]]) -> None:
    keys = [_month_key(charge) for charge, _ in tiered]
    asked = {
        "workspaces": sorted({key[0] for key in keys}),
        "first": min(key[1] for key in keys),
        "last": max(charge.day for charge, _ in tiered),
    }
    month = _Month()
    for row in session.execute(text(_CHARGED_BEFORE), asked):
        month.counts[row.workspace_id, row.month, row.market, row.category] = int(row.count)
    for (charge, card), key in zip(tiered, keys, strict=True):
        charge.micros = card.price(charge.market, charge.category, month.take(key))


def _month_key(charge: _Charge) -> _Key:
    return charge.workspace_id, charge.day.replace(day=1), charge.market, charge.category


def _columns(charges: Sequence[_Charge]) -> dict[str, list[Any]]:
    return {name: [getattr(charge, name) for charge in charges] for name in _Charge.__slots__ if name != "prefix"}


# A user id carries its country in front, for those who have no number: "DE.1".
_FACTS = """m.id, m.workspace_id, m.channel_id, coalesce(m.broadcast_id, 0) AS broadcast_id,
    left(coalesce(m.phone, m.wa_user_id, ''), 4) AS prefix"""

_BILLABLE = f"""
SELECT {_FACTS}, m.pricing_category AS category, m.pricing_type AS type, coalesce(s.currency, 'USD') AS currency,
       (coalesce(least(m.delivered_at, m.read_at), m.changed_at) AT TIME ZONE w.timezone)::date AS day
FROM messages m JOIN workspaces w ON w.id = m.workspace_id LEFT JOIN cost_settings s ON s.workspace_id = m.workspace_id
WHERE m.id = ANY(CAST(:ids AS bigint[])) AND m.direction = 'out' AND m.reached >= 4
  AND m.pricing_category IS NOT NULL AND m.pricing_type IS NOT NULL
  AND NOT EXISTS (SELECT 1 FROM message_costs c WHERE c.message_id = m.id)
ORDER BY m.id
"""  # noqa: S608 — every value is bound

_UNBILLED = """
SELECT m.id FROM messages m
WHERE m.workspace_id = :workspace AND m.id > :after AND m.direction = 'out' AND m.reached >= 4
  AND m.pricing_category IS NOT NULL AND m.pricing_type IS NOT NULL
  AND NOT EXISTS (SELECT 1 FROM message_costs c WHERE c.message_id = m.id)
ORDER BY m.id LIMIT :batch
"""

_UNPRICED = f"""
SELECT {_FACTS}, c.category, c.type, c.currency, c.day
FROM message_costs c JOIN messages m ON m.id = c.message_id
WHERE c.workspace_id = :workspace AND c.micros IS NULL AND c.message_id > :after
ORDER BY c.message_id LIMIT :batch FOR UPDATE OF c
"""  # noqa: S608 — every value is bound

_WRITE = """
INSERT INTO message_costs (message_id, workspace_id, channel_id, broadcast_id, day, category, type, country, market,
                           currency, micros)
SELECT * FROM unnest(
    CAST(:message_id AS bigint[]), CAST(:workspace_id AS bigint[]), CAST(:channel_id AS bigint[]),
    CAST(:broadcast_id AS bigint[]), CAST(:day AS date[]), CAST(:category AS text[]), CAST(:type AS text[]),
    CAST(:country AS text[]), CAST(:market AS text[]), CAST(:currency AS text[]), CAST(:micros AS bigint[]))
ON CONFLICT (message_id) DO NOTHING
"""

_REPRICE = """
UPDATE message_costs c SET micros = g.micros, market = g.market
FROM unnest(CAST(:message_id AS bigint[]), CAST(:market AS text[]), CAST(:micros AS bigint[])) AS g (id, market, micros)
WHERE c.message_id = g.id AND c.micros IS NULL
"""

_CHARGED_BEFORE = """
SELECT workspace_id, date_trunc('month', day)::date AS month, market, category, sum(delta - unpriced) AS count
FROM cost_tallies
WHERE workspace_id = ANY(CAST(:workspaces AS bigint[])) AND day BETWEEN :first AND :last AND type = 'regular'
GROUP BY 1, 2, 3, 4
"""

_COUNT_MISSING = """
SELECT count(*) FROM messages m
WHERE m.workspace_id = :workspace AND m.direction = 'out' AND m.reached >= 4
  AND m.pricing_category IS NOT NULL AND m.pricing_type IS NOT NULL
  AND NOT EXISTS (SELECT 1 FROM message_costs c WHERE c.message_id = m.id)
"""

_COUNT_STRAYS = """
SELECT count(*) FROM message_costs c JOIN messages m ON m.id = c.message_id
WHERE c.workspace_id = :workspace AND m.reached < 4
"""

_COUNT_WRONG = """
WITH told AS (
    SELECT channel_id, broadcast_id, day, category, type, country, market, currency,
           sum(delta) AS n, sum(micros) AS micros, sum(unpriced) AS unpriced
    FROM cost_tallies WHERE workspace_id = :workspace GROUP BY 1, 2, 3, 4, 5, 6, 7, 8
), counted AS (
    SELECT channel_id, broadcast_id, day, category, type, country, market, currency,
           count(*) AS n, coalesce(sum(micros), 0) AS micros, count(*) FILTER (WHERE micros IS NULL) AS unpriced
    FROM message_costs WHERE workspace_id = :workspace GROUP BY 1, 2, 3, 4, 5, 6, 7, 8
)
SELECT count(*) FROM told t FULL JOIN counted c USING (channel_id, broadcast_id, day, category, type, country, market, currency)
WHERE coalesce(t.n, 0) <> coalesce(c.n, 0) OR coalesce(t.micros, 0) <> coalesce(c.micros, 0)
   OR coalesce(t.unpriced, 0) <> coalesce(c.unpriced, 0)
"""
