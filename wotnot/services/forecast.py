"""What a message to an audience will cost, by country and market, before it is sent. Nothing here writes but `note_forecast`.

Everybody is counted as delivered and charged, at the rates of the card that is valid on the day: an estimate from above, but for
codes to other countries, which Meta may charge at its international rates.
People are grouped by the first characters of their number in SQL, so a million take about a second; who is where is settled
for each group, not for each person.
"""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import date
from typing import Any

from sqlalchemy import ARRAY, ColumnElement, Select, Text, and_, func, literal, select, text, update
from sqlalchemy.orm import Session

from wotnot import clock
from wotnot.extensions import db
from wotnot.models import Broadcast, Contact, TemplateCategory, Workspace
from wotnot.services import audience, audience_facts, audience_risks, rate_cards
from wotnot.services.audience import People
from wotnot.services.audience_counts import remember
from wotnot.services.pricing.cards import Card
from wotnot.services.pricing.markets import PREFIX_LENGTH, country_of, market_of
from wotnot.services.segment_audience import settle
from wotnot.services.zones import in_zone


@dataclass(frozen=True, slots=True)
class Line:
    """`count` messages to people in `country` (ISO, empty if unknown), which `market` prices; micros None without a rate."""

    country: str
    market: str
    count: int
    micros: int | None


@dataclass(frozen=True, slots=True)
class Forecast:
    """What `count` messages of a category cost on `day`, in millionths of `currency`: `lines`, the dearest first.

    `card_date` is that of the rate card, None when there is none in the currency: then nothing has a price.
    """

    category: str
    currency: str
    day: date
    card_date: date | None
    lines: Sequence[Line] = field(default=())

    @property
    def count(self) -> int:
        """How many messages."""
        return sum(line.count for line in self.lines)

    @property
    def total(self) -> int | None:
        """The cost of all of them; None when it is not known for some."""
        found = [line.micros for line in self.lines if line.micros is not None]
        return sum(found) if len(found) == len(self.lines) else None

    @property
    def by_market(self) -> dict[str, Line]:
        """The lines of each market together."""
        found: dict[str, Line] = {}
        for line in self.lines:
            known = found.get(line.market, Line("", line.market, 0, 0))
            micros = None if line.micros is None or known.micros is None else known.micros + line.micros
            found[line.market] = Line("", line.market, known.count + line.count, micros)
        return found


def forecast(workspace_id: int, condition: ColumnElement[bool], category: str, on_day: date) -> Forecast:
    """The cost of one message of `category` to each contact that meets `condition`, at the rates of `on_day`."""
    return price_places(
        workspace_id, _count_places(and_(Contact.workspace_id == workspace_id, condition)), category, on_day
    )


def forecast_broadcast(broadcast: Broadcast) -> Forecast | None:
    """The cost of a draft to everybody who gets it, on the day it goes out; None while it has no audience or template.

    Who gets it is remembered until a contact changes, unless a segment asks about messages.
    """
    template = broadcast.template
    if template is None or not broadcast.audience:
        return None
    needs_phone = template.category is TemplateCategory.AUTHENTICATION
    settled = settle(broadcast.workspace_id, broadcast.audience, broadcast.exclude)
    kinds = audience_risks.left_out_of(broadcast)

    def count() -> dict[str, int]:
        people = audience.resolve_settled(broadcast.workspace_id, settled, kinds)
        return _count_recipients(people, broadcast.variables, needs_phone=needs_phone)

    stamp = audience_risks.stamp(broadcast.workspace_id, kinds)
    question = ["places", *settled.question, broadcast.variables, needs_phone, stamp]
    places = remember(broadcast.workspace_id, settled, question, count)
    day = day_of(broadcast)
    return price_places(broadcast.workspace_id, places, template.category.value, day)


def price_places(workspace_id: int, places: Mapping[str, int], category: str, on_day: date) -> Forecast:
    """The cost of `places`, people by `markets.prefix_of`. Volume tiers go on from what this month has charged."""
    currency = rate_cards.get_setup(workspace_id).currency
    card = rate_cards.current_card(workspace_id, currency, on_day)
    counts: dict[tuple[str, str], int] = {}
    for prefix, count in places.items():
        market = card.market_of(prefix) if card else market_of(prefix, ())
        key = country_of(prefix), market
        counts[key] = counts.get(key, 0) + count
    before = _charged_before(workspace_id, card, category, counts, on_day)
    lines = []
    for (country, market), count in sorted(counts.items(), key=lambda item: (-item[1], item[0])):
        micros = card.total(market, category, count, before.get(market, 0)) if card else None
        before[market] = before.get(market, 0) + count
        lines.append(Line(country, market, count, micros))
    lines.sort(key=lambda line: (-(line.micros or 0), -line.count, line.country))
    return Forecast(category, currency, on_day, card.valid_from if card else None, lines)


def note_forecast(session: Session, broadcast: Broadcast) -> None:
    """Keep what the frozen list of a broadcast is estimated to cost, for its report. Joins the caller's transaction."""
    if broadcast.template is None:
        return
    rows = session.execute(text(_LISTED), {"broadcast": broadcast.id, "length": PREFIX_LENGTH})
    places = {str(prefix): int(count) for prefix, count in rows}
    found = price_places(broadcast.workspace_id, places, broadcast.template.category.value, day_of(broadcast))
    session.execute(update(Broadcast).where(Broadcast.id == broadcast.id).values(forecast=_as_json(found)))


def read_forecast(broadcast: Broadcast) -> Forecast | None:
    """What was noted when it began; None for one that has not begun."""
    kept = broadcast.forecast
    if not kept:
        return None
    card_date = date.fromisoformat(kept["card_date"]) if kept["card_date"] else None
    lines = [Line(**line) for line in kept["lines"]]
    return Forecast(kept["category"], kept["currency"], date.fromisoformat(kept["day"]), card_date, lines)


def _as_json(found: Forecast) -> dict[str, Any]:
    return {
        "category": found.category,
        "currency": found.currency,
        "day": found.day.isoformat(),
        "card_date": found.card_date.isoformat() if found.card_date else None,
        "lines": [asdict(line) for line in found.lines],
    }


def day_of(broadcast: Broadcast) -> date:
    """The day on which a broadcast goes out, or goes on, on the workspace's calendar."""
    zone = db.session.scalar(select(Workspace.timezone).where(Workspace.id == broadcast.workspace_id)) or "UTC"
    return in_zone(max(broadcast.scheduled_at or clock.now(), clock.now()), zone).date()


def _count_recipients(people: People, variables: audience.Variables, *, needs_phone: bool) -> dict[str, int]:
    place = audience_facts.recipients(people, variables, needs_phone=needs_phone).c.place
    places = {str(prefix): int(count) for prefix, count in db.session.execute(_by(place))}
    for phone in _unknown_phones(people, variables):
        prefix = phone[:PREFIX_LENGTH]
        places[prefix] = places.get(prefix, 0) + 1
    return places


def _unknown_phones(people: People, variables: audience.Variables) -> list[str]:
    """Typed numbers that become contacts at the start; one that lacks a needed value gets nothing."""
    needs_more = any(
        source.get("field") not in {None, "phone"} and not source.get("fallback") for source in variables.values()
    )
    if not people.phones or needs_more:
        return []
    typed = select(func.unnest(literal(list(people.phones), ARRAY(Text))).label("phone")).subquery()
    known = select(1).where(Contact.workspace_id == people.workspace_id, Contact.phone == typed.c.phone).exists()
    unknown = db.session.scalars(select(typed.c.phone).where(~known))
    if audience_risks.US_MARKETING in people.leave_out:
        return [phone for phone in unknown if not audience_risks.count_americans([phone])]
    return list(unknown)


def _count_places(condition: ColumnElement[bool]) -> dict[str, int]:
    rows = db.session.execute(_by(audience_facts.place()).where(condition))
    return {str(place): int(count) for place, count in rows}


def _by(place: ColumnElement[str]) -> Select[str, int]:
    return select(place, func.count()).group_by(place)


def _charged_before(
    workspace_id: int, card: Card | None, category: str, counts: Mapping[tuple[str, str], int], on_day: date
) -> dict[str, int]:
    """How many were charged in the month so far, by market; only for those whose price depends on it."""
    tiered = {market for _, market in counts if card and card.has_tiers(market, category)}
    if not tiered:
        return {}
    asked = {
        "workspace": workspace_id,
        "category": category,
        "markets": sorted(tiered),
        "first": on_day.replace(day=1),
        "last": on_day,
    }
    return {str(market): int(count) for market, count in db.session.execute(text(_CHARGED), asked)}


_LISTED = """
SELECT left(coalesce(phone, wa_user_id, ''), :length), count(*) FROM messages
WHERE broadcast_id = :broadcast AND state NOT IN ('skipped', 'cancelled') AND attempt = 1 GROUP BY 1
"""

_CHARGED = """
SELECT market, sum(delta - unpriced) FROM cost_tallies
WHERE workspace_id = :workspace AND day BETWEEN :first AND :last AND type = 'regular' AND category = :category
  AND market = ANY(CAST(:markets AS text[]))
GROUP BY market
"""
