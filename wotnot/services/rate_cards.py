"""The rate cards of a workspace: those that come with the product, and its own. Owns `rate_cards` and `cost_settings`.

Of a currency the newest card that is valid on a day counts; on the same date a workspace's own goes before ours.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path

from sqlalchemy import delete, func, select
from sqlalchemy.dialects.postgresql import insert

from wotnot.errors import Conflict, Invalid, NotFound
from wotnot.extensions import db
from wotnot.models import CostSetting, RateCard
from wotnot.services import csv_sniffing, queue
from wotnot.services.pricing.card_files import BadCardError, CardFile, read_card
from wotnot.services.pricing.cards import Card, builtin_cards, card_for
from wotnot.services.pricing.money import CURRENCIES, read_money
from wotnot.services.transaction import transaction

MAX_BYTES = 1 << 20
DEFAULT_CURRENCY = "USD"

_OWN = re.compile(r"own-(\d{1,18})")


@dataclass(frozen=True, slots=True)
class CostSetup:
    """In which currency Meta bills, and the monthly budget in millionths of it; `stops` pauses broadcasts at the end of it.

    What would cost more than `daily_micros` in a day waits until the next.
    """

    currency: str = DEFAULT_CURRENCY
    budget_micros: int | None = None
    stops: bool = False
    daily_micros: int | None = None


def get_setup(workspace_id: int) -> CostSetup:
    """The workspace's currency and budget."""
    row = db.session.get(CostSetting, workspace_id)
    if row is None:
        return CostSetup()
    return CostSetup(row.currency, row.monthly_budget_micros, row.stops_at_budget, row.daily_budget_micros)


def save_setup(workspace_id: int, *, currency: str, budget: str, stops: bool, daily_budget: str = "") -> CostSetup:
    """Save currency and budgets as typed; an empty one is none. Raises Invalid (currency, budget, daily_budget)."""
    errors: dict[str, str] = {}
    if currency not in CURRENCIES:
        errors["currency"] = "Choose the currency in which Meta bills you."
    micros = _read_budget("budget", budget, errors)
    daily = _read_budget("daily_budget", daily_budget, errors)
    if micros and daily and daily > micros:
        errors["daily_budget"] = "A day cannot have more than its month."
    if errors:
        raise Invalid(errors)
    values = {
        "currency": currency,
        "monthly_budget_micros": micros,
        "daily_budget_micros": daily,
        "stops_at_budget": stops and micros is not None,
        "updated_at": func.now(),
    }
    with transaction() as session:
        statement = insert(CostSetting).values(workspace_id=workspace_id, **values)
        session.execute(statement.on_conflict_do_update(index_elements=["workspace_id"], set_=values))
        session.expire_all()
        queue.enqueue("check_budgets")
    return get_setup(workspace_id)


def _read_budget(name: str, typed: str, errors: dict[str, str]) -> int | None:
    """An amount in millionths, None for none; what is wrong with it goes into `errors`."""
    try:
        micros = read_money(typed) if typed.strip() else None
    except ValueError as error:
        errors[name] = str(error)
        return None
    if micros == 0:
        errors[name] = "Give an amount above zero, or leave it empty for no budget."
    return micros


def list_cards(workspace_id: int) -> list[Card]:
    """Every card of the workspace, its own before ours on the same date, the newest first."""
    return cards_of([workspace_id])[workspace_id]


def cards_of(workspace_ids: Sequence[int]) -> dict[int, list[Card]]:
    """The same for several workspaces, in one query."""
    found: dict[int, list[Card]] = {workspace_id: [] for workspace_id in workspace_ids}
    for row in db.session.scalars(select(RateCard).where(RateCard.workspace_id.in_(workspace_ids))):
        found[row.workspace_id].append(_card_of(row))
    for cards in found.values():
        cards.extend(builtin_cards())
        cards.sort(key=lambda card: card.valid_from, reverse=True)  # stable: own cards stay first
    return found


def get_card(workspace_id: int, key: str) -> Card:
    """One card by the key in its address. Raises NotFound."""
    found = next((card for card in list_cards(workspace_id) if card.key == key), None)
    if found is None:
        raise NotFound("Rate card")
    return found


def current_card(workspace_id: int, currency: str, day: date) -> Card | None:
    """The card that prices the messages of `day`; None when there is none in that currency."""
    return card_for(list_cards(workspace_id), currency, day)


def add_card(
    workspace_id: int, path: Path, filename: str, *, currency: str, valid_from: str, user_id: int | None = None
) -> Card:
    """Take over the CSV at `path` as a card. What was delivered since and had no price gets one in the background.

    Raises Invalid (file with every mistake and its row, currency, valid_from), Conflict when there is one of that date.
    """
    errors: dict[str, str | list[str]] = {}
    if currency not in CURRENCIES:
        errors["currency"] = "Choose the currency of the card."
    day = _read_day(valid_from, errors)
    card = _read_file(path, errors)
    if card and card.currency and card.currency != currency:
        errors["currency"] = f"The file is in {card.currency}. Choose that, or upload the card in {currency}."
    if errors or card is None or day is None:
        raise Invalid(errors)
    values = {
        "currency": currency,
        "valid_from": day,
        "filename": filename.replace("\x00", "")[:200],
        "rates": card.rates,
    }
    with transaction() as session:
        statement = insert(RateCard).values(workspace_id=workspace_id, user_id=user_id, **values)
        row_id = session.scalar(statement.on_conflict_do_nothing().returning(RateCard.id))
        if row_id is None:
            raise Conflict(f"There is a card in {currency} from {day:%-d %B %Y} already. Delete that one first.")
        queue.enqueue("price_missing", workspace_id)
        return get_card(workspace_id, f"own-{row_id}")


def delete_card(workspace_id: int, key: str) -> None:
    """Delete a card of the workspace's own; prices that were given by it stay. Raises NotFound, Conflict for ours."""
    if any(card.key == key for card in builtin_cards()):
        raise Conflict("This card comes with WotNot. Upload a newer one instead.")
    own = _OWN.fullmatch(key)
    with transaction() as session:
        statement = delete(RateCard).where(
            RateCard.workspace_id == workspace_id, RateCard.id == (int(own.group(1)) if own else 0)
        )
        if session.scalar(statement.returning(RateCard.id)) is None:
            raise NotFound("Rate card")


def _card_of(row: RateCard) -> Card:
    return Card(f"own-{row.id}", row.currency, row.valid_from, row.rates)


def _read_day(text: str, errors: dict[str, str | list[str]]) -> date | None:
    try:
        return date.fromisoformat(text.strip())
    except ValueError:
        errors["valid_from"] = "Give the day from which it is valid, such as 1 January 2027."
        return None


def _read_file(path: Path, errors: dict[str, str | list[str]]) -> CardFile | None:
    try:
        dialect = csv_sniffing.prepare(path)
        return read_card(path.read_text(dialect.encoding), dialect.delimiter)
    except csv_sniffing.NotCsvError as error:
        errors["file"] = str(error)
    except UnicodeDecodeError:
        errors["file"] = "The letters of this file cannot be read. Save it as “CSV UTF-8”."
    except BadCardError as error:
        errors["file"] = error.problems
    return None
