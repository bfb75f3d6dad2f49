"""What each delivered message cost, counted once. Owns `message_costs`.

Meta tells the category and type of a message with its receipts; we give it the price of its day. The row in `message_costs`,
whose key is the message, is written in the transaction that applies the receipt: a receipt that comes twice, late or out of
order finds it there. The counts by day and so on are sums over `cost_tallies`, which triggers write (see tallies.py).

Volume tiers go by how many were charged in the month before. Two batches of receipts that are applied at the same moment do
not see each other's, so around a threshold a batch may be priced one tier too high; nothing is ever counted twice.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date
from itertools import groupby
from operator import itemgetter
from typing import Any

from sqlalchemy import text

from wotnot.services import rate_cards
from wotnot.services.pricing.cards import REGULAR, Card, card_for, tidy_category
from wotnot.services.pricing.markets import OTHER, country_of, market_of
from wotnot.services.transaction import transaction

BATCH = 5_000

_Key = tuple[int, date, str, str]


@dataclass(slots=True)
class _Group:
    """Delivered messages with the same of everything that decides their price, and that price once it is known.

    A batch of receipts has few groups, so what is done for each of them costs little.
    """

    ids: list[int]
    workspace_id: int
    channel_id: int
    broadcast_id: int
    day: date
    category: str
    type: str
    currency: str
    prefix: str
    country: str = ""
    market: str = OTHER
    micros: int | None = None


_FIELDS = (
    "workspace_id", "channel_id", "broadcast_id", "day", "category", "type", "country", "market", "currency", "micros",
)  # fmt: skip


def bill_messages(message_ids: Sequence[int]) -> int:
    """Write the cost of those that were delivered and whose category Meta told; answers how many that were.

    Joins the caller's transaction. Messages that have their cost already are left alone.
    """
    if not message_ids:
        return 0
    with transaction() as session:
        groups = [_group(row) for row in session.execute(text(_BILLABLE), {"ids": list(message_ids)})]
        if not groups:
            return 0
        session.execute(text(_WRITE), _columns(_price(session, groups)))
        return sum(len(group.ids) for group in groups)


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
            groups = [_group(row) for row in session.execute(text(_UNPRICED), asked)]
            if not groups:
                return total
            last = max(group.ids[-1] for group in groups)
            priced = [group for group in _price(session, groups) if group.micros is not None]
            if priced:
                session.execute(text(_REPRICE), _columns(priced))
            total += sum(len(group.ids) for group in priced)


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


def _group(row: Any) -> _Group:
    fields = (
        row.ids,
        row.workspace_id,
        row.channel_id,
        row.broadcast_id,
        row.day,
        tidy_category(row.category),
        row.type,
    )
    return _Group(*fields, row.currency, row.prefix, country_of(row.prefix))


# ---------------------------------------------------------------- prices


def _price(session: Any, groups: Sequence[_Group]) -> list[_Group]:
    """The groups with market and price; one that lies in several volume tiers becomes a group for each."""
    cards = _cards_of_days(groups)
    priced: list[_Group] = []
    tiered: list[tuple[_Group, Card]] = []
    for group in groups:
        card = cards[group.workspace_id, group.currency, group.day]
        group.market = card.market_of(group.prefix) if card else market_of(group.prefix, ())
        if group.type == REGULAR and card and card.has_tiers(group.market, group.category):
            tiered.append((group, card))
            continue
        if group.type != REGULAR:
            group.micros = 0
        elif card:
            group.micros = card.price(group.market, group.category)
        priced.append(group)
    return priced + _price_by_volume(session, tiered) if tiered else priced


def _cards_of_days(groups: Sequence[_Group]) -> dict[tuple[int, str, date], Card | None]:
    cards = rate_cards.cards_of(sorted({group.workspace_id for group in groups}))
    wanted = {(group.workspace_id, group.currency, group.day) for group in groups}
    return {key: card_for(cards[key[0]], key[1], key[2]) for key in wanted}


def _price_by_volume(session: Any, tiered: Sequence[tuple[_Group, Card]]) -> list[_Group]:
    keys = [_month_key(group) for group, _ in tiered]
    asked = {
        "workspaces": sorted({key[0] for key in keys}),
        "first": min(key[1] for key in keys),
        "last": max(group.day for group, _ in tiered),
    }
    before: dict[_Key, int] = {}
    for row in session.execute(text(_CHARGED_BEFORE), asked):
        before[row.workspace_id, row.month, row.market, row.category] = int(row.count)
    priced: list[_Group] = []
    for (group, card), key in zip(tiered, keys, strict=True):
        place = before.get(key, 0)
        before[key] = place + len(group.ids)
        prices = [card.price(group.market, group.category, place + n) for n in range(len(group.ids))]
        for micros, ids in groupby(zip(prices, group.ids, strict=True), key=itemgetter(0)):
            priced.append(replace(group, micros=micros, ids=[message_id for _, message_id in ids]))
    return priced


def _month_key(group: _Group) -> _Key:
    return group.workspace_id, group.day.replace(day=1), group.market, group.category


def _columns(groups: Sequence[_Group]) -> dict[str, list[Any]]:
    """Each message with the place of its group, and the groups."""
    return {
        "message_id": [message_id for group in groups for message_id in group.ids],
        "place": [place for place, group in enumerate(groups, start=1) for _ in group.ids],
        **{name: [getattr(group, name) for group in groups] for name in _FIELDS},
    }


# A user id carries its country in front, for those who have no number: "DE.1".
_PREFIX = "left(coalesce(m.phone, m.wa_user_id, ''), 4)"

_BILLABLE = f"""
WITH grouped AS (
    SELECT array_agg(m.id ORDER BY m.id) AS ids, m.workspace_id, m.channel_id, coalesce(m.broadcast_id, 0) AS broadcast_id,
           (coalesce(least(m.delivered_at, m.read_at), m.changed_at) AT TIME ZONE w.timezone)::date AS day,
           m.pricing_category AS category, m.pricing_type AS type, {_PREFIX} AS prefix
    FROM messages m JOIN workspaces w ON w.id = m.workspace_id
    WHERE m.id = ANY(CAST(:ids AS bigint[])) AND m.direction = 'out' AND m.reached >= 4
      AND m.pricing_category IS NOT NULL AND m.pricing_type IS NOT NULL
      AND NOT EXISTS (SELECT 1 FROM message_costs c WHERE c.message_id = m.id)
    GROUP BY 2, 3, 4, 5, 6, 7, 8
)
SELECT g.*, coalesce(s.currency, 'USD') AS currency
FROM grouped g LEFT JOIN cost_settings s ON s.workspace_id = g.workspace_id ORDER BY g.ids[1]
"""  # noqa: S608 — every value is bound

_UNBILLED = """
SELECT m.id FROM messages m
WHERE m.workspace_id = :workspace AND m.id > :after AND m.direction = 'out' AND m.reached >= 4
  AND m.pricing_category IS NOT NULL AND m.pricing_type IS NOT NULL
  AND NOT EXISTS (SELECT 1 FROM message_costs c WHERE c.message_id = m.id)
ORDER BY m.id LIMIT :batch
"""

_UNPRICED = f"""
SELECT array_agg(c.message_id ORDER BY c.message_id) AS ids, c.workspace_id, c.channel_id, c.broadcast_id, c.day, c.category,
       c.type, c.currency, c.prefix
FROM (
    SELECT c.*, {_PREFIX} AS prefix FROM message_costs c JOIN messages m ON m.id = c.message_id
    WHERE c.workspace_id = :workspace AND c.micros IS NULL AND c.message_id > :after
    ORDER BY c.message_id LIMIT :batch FOR UPDATE OF c
) c
GROUP BY 2, 3, 4, 5, 6, 7, 8, 9 ORDER BY min(c.message_id)
"""  # noqa: S608 — every value is bound

_WRITE = """
INSERT INTO message_costs (message_id, workspace_id, channel_id, broadcast_id, day, category, type, country, market,
                           currency, micros)
SELECT i.message_id, g.workspace_id, g.channel_id, g.broadcast_id, g.day, g.category, g.type, g.country, g.market,
       g.currency, g.micros
FROM unnest(CAST(:message_id AS bigint[]), CAST(:place AS int[])) AS i (message_id, place)
JOIN unnest(
    CAST(:workspace_id AS bigint[]), CAST(:channel_id AS bigint[]), CAST(:broadcast_id AS bigint[]),
    CAST(:day AS date[]), CAST(:category AS text[]), CAST(:type AS text[]), CAST(:country AS text[]),
    CAST(:market AS text[]), CAST(:currency AS text[]), CAST(:micros AS bigint[])) WITH ORDINALITY
    AS g (workspace_id, channel_id, broadcast_id, day, category, type, country, market, currency, micros, place)
    USING (place)
ORDER BY i.message_id -- two that write the same must not wait for each other
ON CONFLICT (message_id) DO NOTHING
"""

_REPRICE = """
UPDATE message_costs c SET micros = g.micros, market = g.market
FROM unnest(CAST(:message_id AS bigint[]), CAST(:place AS int[])) AS i (message_id, place)
JOIN unnest(CAST(:market AS text[]), CAST(:micros AS bigint[])) WITH ORDINALITY AS g (market, micros, place) USING (place)
WHERE c.message_id = i.message_id AND c.micros IS NULL
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
