"""A rate card as a CSV file: one row a market, one column a category, further rows for volume tiers.

    Market,From,Marketing,Utility,Authentication,Authentication-International,Service
    Brazil,0,0.0625,0.0068,0.0068,,0.0068
    Brazil,250000,,0.0064,,,

`From` may be left out; an empty cell has no rate of its own. Meta's names for markets and columns are understood.
"""

import csv
import io
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from wotnot.services.pricing.markets import OTHER, market_name, read_market
from wotnot.services.pricing.money import read_rate

MAX_ROWS = 5_000
MOST_PROBLEMS = 50

Tiers = list[tuple[int, int]]
Rates = dict[str, dict[str, Tiers]]

_COLUMNS = {
    "market": "market", "country": "market", "region": "market", "marketing": "marketing", "utility": "utility",
    "authentication": "authentication", "authenticationinternational": "authentication_international",
    "authintl": "authentication_international", "service": "service", "from": "from", "tier": "from", "currency": "currency",
}  # fmt: skip
_NEEDED = ("marketing", "utility")
_SIGNS = {"$US": "USD", "US$": "USD"}
MOST_NOTES = 10
_COUNT = re.compile(r"[\d.,\s]*")


class BadCardError(ValueError):
    """The file is no card. `problems` are sentences, one a mistake, each with its row."""

    def __init__(self, problems: Sequence[str]) -> None:
        """`problems` must not be empty."""
        super().__init__(problems[0])
        self.problems = list(problems)


@dataclass(slots=True)
class CardFile:
    """What a file says: the rates, and the currency if a column names it."""

    rates: Rates = field(default_factory=dict)
    currency: str = ""
    problems: list[str] = field(default_factory=list)


def read_card(text: str, delimiter: str = ",") -> CardFile:
    """Read a card, every row checked; notes above and below the table are passed over. Raises BadCardError with all that is wrong."""
    try:
        rows = list(csv.reader(io.StringIO(text.lstrip("\ufeff")), delimiter=delimiter))
    except csv.Error:
        raise BadCardError(["The file cannot be read as a table. Export it as CSV again."]) from None
    filled = [(number, row) for number, row in enumerate(rows, start=1) if any(cell.strip() for cell in row)]
    if len(filled) < 2 or len(filled) > MAX_ROWS:
        raise BadCardError(
            ["The file has no rates: put the column names in the first row and one market in each row below."]
        )
    place = _find_header([row for _, row in filled])
    columns = _read_columns(filled[place][1])
    card = CardFile()
    for number, row in filled[place + 1 :]:
        if _is_note(columns, row):
            continue
        try:
            _read_row(card, columns, row)
        except ValueError as error:
            card.problems.append(f"Row {number}: {error}")
    _check_whole(card)
    if card.problems:
        more = len(card.problems) - MOST_PROBLEMS
        raise BadCardError(card.problems[:MOST_PROBLEMS] + ([f"And {more:,} more rows."] if more > 0 else []))
    for categories in card.rates.values():
        for tiers in categories.values():
            tiers.sort()
    return card


def write_card(rates: Mapping[str, Mapping[str, Sequence[Sequence[int]]]]) -> list[list[str]]:
    """The rows of a card as `read_card` reads them, its column names first."""
    header = ["Market", "From", "Marketing", "Utility", "Authentication", "Authentication-International", "Service"]
    return [header, *(row for market, categories in rates.items() for row in _rows_of(market, categories))]


def _rows_of(market: str, categories: Mapping[str, Sequence[Sequence[int]]]) -> list[list[str]]:
    starts = sorted({start for tiers in categories.values() for start, _ in tiers})
    return [[market_name(market), str(start), *_cells(categories, start)] for start in starts]


def _cells(categories: Mapping[str, Sequence[Sequence[int]]], start: int) -> list[str]:
    names = ("marketing", "utility", "authentication", "authentication_international", "service")
    found = [next((rate for at, rate in categories.get(name, []) if at == start), None) for name in names]
    return ["" if rate is None else f"{rate // 1_000_000}.{rate % 1_000_000:06d}" for rate in found]


def _find_header(rows: Sequence[Sequence[str]]) -> int:
    """Where the column names are: Meta's own files begin with a few rows of notes. The first row when none has them."""
    for place, row in enumerate(rows[:MOST_NOTES]):
        if {"market", *_NEEDED} <= set(_names_of(row)):
            return place
    return 0


def _names_of(header: Sequence[str]) -> list[str]:
    return [_COLUMNS.get(re.sub(r"[^a-z]", "", cell.casefold()), "") for cell in header]


def _is_note(columns: Sequence[str], row: Sequence[str]) -> bool:
    """A row about no market and without a rate, such as the notes below Meta's tables."""
    cells = dict(zip(columns, (cell.strip() for cell in row), strict=False))
    rates = [cell for name, cell in cells.items() if name not in {"", "market", "from", "currency"}]
    return not any(map(_is_rate, rates)) and read_market(cells.get("market", "")) is None


def _read_columns(header: Sequence[str]) -> list[str]:
    columns = _names_of(header)
    missing = [name for name in ("market", *_NEEDED) if name not in columns]
    if missing:
        words = " and ".join(f"“{name.capitalize()}”" for name in missing)
        raise BadCardError(
            [f"The first row has no column called {words}. Download the card in use to see how it looks."]
        )
    if len(set(columns) - {""}) != len([name for name in columns if name]):
        raise BadCardError(["Two columns of the first row have the same name."])
    return columns


def _read_row(card: CardFile, columns: Sequence[str], row: Sequence[str]) -> None:
    cells = {name: cell.strip() for name, cell in zip(columns, row, strict=False) if name}
    named = cells.get("market", "")
    market = read_market(named)
    if market is None:
        raise ValueError(f"“{named}” is no market. Use a country's name or code, or one of Meta's regions.")
    told = cells.get("currency", "").upper()
    _read_currency(card, _SIGNS.get(told, told))
    start = _read_start(cells.get("from", ""))
    rates = {name: cells[name] for name in cells if name not in {"market", "from", "currency"}}
    if not start and (empty := [name for name in _NEEDED if not _is_rate(rates.get(name, ""))]):
        raise ValueError(f"{market_name(market)} has no rate for {' and '.join(empty)}.")
    _add(card, market, start, {name: read_rate(cell) for name, cell in rates.items() if _is_rate(cell)})


def _add(card: CardFile, market: str, start: int, rates: dict[str, int]) -> None:
    if not start:
        rates.setdefault("authentication", rates["utility"])
        rates.setdefault("service", rates["utility"])
    known = card.rates.setdefault(market, {})
    for category, rate in rates.items():
        tiers = known.setdefault(category, [])
        if any(at == start for at, _ in tiers):
            raise ValueError(f"{market_name(market)} is in the file twice.")
        tiers.append((start, rate))


def _read_currency(card: CardFile, told: str) -> None:
    if told and card.currency and told != card.currency:
        raise ValueError(f"It is in {told}, the rows above are in {card.currency}. A card has one currency.")
    card.currency = told or card.currency


def _read_start(text: str) -> int:
    digits = re.sub(r"\D", "", text)
    if not _COUNT.fullmatch(text) or len(digits) > 9:
        raise ValueError(f"“{text}” is no number of messages.")
    return int(digits or 0)


def _is_rate(cell: str) -> bool:
    return bool(cell) and cell.casefold() not in {"n/a", "na", "-", "–"}


def _check_whole(card: CardFile) -> None:
    for market, categories in card.rates.items():
        for category, tiers in categories.items():
            if tiers and min(tiers)[0] > 0:
                card.problems.append(f"{market_name(market)} has a volume tier for {category} but no first rate.")
    if not card.problems and OTHER not in card.rates:
        card.problems.append("There is no row “Other”, which prices every country that has no row of its own.")
