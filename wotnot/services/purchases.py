"""What was paid to Meta, as somebody noted it: top-ups and invoices, one by one or from a CSV file. Owns `purchases`."""

import hashlib
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any

from sqlalchemy import delete, func, select
from sqlalchemy.dialects.postgresql import insert

from wotnot import clock
from wotnot.errors import Invalid, NotFound
from wotnot.extensions import db
from wotnot.models import Purchase, PurchaseKind
from wotnot.services import csv_sniffing
from wotnot.services.csvio import RawRow, RowReader, unguard
from wotnot.services.pages import Page, clamp_limit, decode_cursor, encode_cursor
from wotnot.services.pricing.money import CURRENCIES, read_money
from wotnot.services.transaction import transaction

MAX_BYTES = 5 << 20
MAX_ROWS = 5_000
MAX_NOTE = 200
KINDS = {PurchaseKind.TOP_UP: "Top-up", PurchaseKind.INVOICE: "Invoice"}

_COLUMNS = {
    "date": "paid_on", "paid on": "paid_on", "day": "paid_on", "billing date": "paid_on", "amount": "amount", "total": "amount",
    "paid": "amount", "kind": "kind", "type": "kind", "note": "note", "description": "note", "reference": "note",
    "reference number": "note", "invoice": "note", "transaction id": "note", "currency": "currency",
}  # fmt: skip
_KIND_WORDS = {"": PurchaseKind.TOP_UP, "topup": PurchaseKind.TOP_UP, "top up": PurchaseKind.TOP_UP,
               "credit": PurchaseKind.TOP_UP, "payment": PurchaseKind.TOP_UP, "invoice": PurchaseKind.INVOICE,
               "bill": PurchaseKind.INVOICE}  # fmt: skip
_DATES = ("%Y-%m-%d", "%d.%m.%Y", "%d %B %Y", "%d %b %Y", "%B %d, %Y", "%b %d, %Y", "%Y/%m/%d")


@dataclass(frozen=True, slots=True)
class RefusedRow:
    """A row of a file that was not taken: its number in the spreadsheet, and why."""

    number: int
    reason: str
    cells: Sequence[str]


@dataclass(slots=True)
class ImportResult:
    """What a file brought: rows `added`, rows that were `known` from before, and those refused."""

    added: int = 0
    known: int = 0
    refused: list[RefusedRow] = field(default_factory=list)


def list_purchases(workspace_id: int, *, cursor: str | None = None, limit: int | None = None) -> Page[Purchase]:
    """What was paid, the latest first. Raises Invalid for a foreign cursor."""
    size = clamp_limit(limit)
    query = select(Purchase).where(Purchase.workspace_id == workspace_id)
    if cursor:
        day, purchase_id = _read_cursor(cursor)
        query = query.where(
            (Purchase.paid_on < day) | ((Purchase.paid_on == day) & (Purchase.id < purchase_id)),
        )
    query = query.order_by(Purchase.paid_on.desc(), Purchase.id.desc()).limit(size + 1)
    rows = list(db.session.scalars(query))
    last = rows[size - 1] if len(rows) > size else None
    return Page(rows[:size], next_cursor=encode_cursor(last.paid_on, last.id) if last else None)


def sum_by_currency(workspace_id: int, since: date) -> dict[str, int]:
    """What was paid since a day, in millionths by currency."""
    rows: Any = db.session.execute(
        select(Purchase.currency, func.sum(Purchase.amount_micros))
        .where(Purchase.workspace_id == workspace_id, Purchase.paid_on >= since)
        .group_by(Purchase.currency)
        .order_by(Purchase.currency)
    )
    return {str(currency): int(micros) for currency, micros in rows}


def add_purchase(workspace_id: int, fields: Mapping[str, str], *, form_id: str, user_id: int | None = None) -> None:
    """Note one: `kind`, `paid_on`, `amount`, `currency`, `note` as typed. The same `form_id` twice is noted once.

    Raises Invalid by field.
    """
    values, errors = _read(fields, fields.get("currency", ""))
    if errors:
        raise Invalid(errors)
    _insert(workspace_id, [values | {"row_key": _digest("form", form_id)}], user_id)


def import_file(workspace_id: int, path: Path, *, currency: str, user_id: int | None = None) -> ImportResult:
    """Note the rows of a CSV with at least the columns Date and Amount; a row that was imported before is known.

    Rows without a currency are in `currency`. Good rows are taken, the others answered with their reason. Raises Invalid
    (file) for what is no such list.
    """
    result = ImportResult()
    try:
        dialect = csv_sniffing.prepare(path)
    except csv_sniffing.NotCsvError as error:
        raise Invalid({"file": str(error)}) from None
    columns = [_COLUMNS.get(" ".join(name.casefold().replace("_", " ").split()), "") for name in dialect.columns]
    if not dialect.has_header or not {"paid_on", "amount"} <= set(columns):
        raise Invalid(
            {
                "file": "The first row must name the columns. A Date and an Amount are needed; Kind, Currency and Note may follow."
            }
        )
    rows, seen = [], Counter[str]()
    for raw in RowReader(path, dialect):
        if raw.number == 1:
            continue
        if raw.number > MAX_ROWS + 1:
            raise Invalid({"file": f"A file has at most {MAX_ROWS:,} rows. Split it and import the parts one by one."})
        values = _read_row(raw, columns, currency, result)
        if values:
            rows.append(values | {"row_key": _key_of(values, seen)})
    result.added = _insert(workspace_id, rows, user_id)
    result.known = len(rows) - result.added
    return result


def delete_purchase(workspace_id: int, purchase_id: int) -> None:
    """Forget one. Raises NotFound."""
    with transaction() as session:
        gone = session.scalar(
            delete(Purchase)
            .where(Purchase.workspace_id == workspace_id, Purchase.id == purchase_id)
            .returning(Purchase.id)
        )
        if gone is None:
            raise NotFound("Purchase")


def _insert(workspace_id: int, rows: Sequence[Mapping[str, Any]], user_id: int | None) -> int:
    if not rows:
        return 0
    with transaction() as session:
        statement = insert(Purchase).values([{**row, "workspace_id": workspace_id, "user_id": user_id} for row in rows])
        return len(session.scalars(statement.on_conflict_do_nothing().returning(Purchase.id)).all())


def _read_row(raw: RawRow, columns: Sequence[str], currency: str, result: ImportResult) -> dict[str, Any] | None:
    fields = _fields_of(raw, columns)
    values, errors = _read(fields, fields.get("currency") or currency)
    reason = raw.problem or " ".join(errors.values())
    if reason:
        result.refused.append(RefusedRow(raw.number, reason, raw.cells))
        return None
    return values


def _fields_of(raw: RawRow, columns: Sequence[str]) -> dict[str, str]:
    """The cells by what they mean. Of two columns that mean the same the first filled one counts; notes stand together."""
    fields: dict[str, str] = {}
    for name, cell in zip(columns, raw.cells, strict=False):
        value = unguard(cell.strip())
        if name == "note" and value and fields.get(name):
            fields[name] += f" · {value}"
        elif name and not fields.get(name):
            fields[name] = value
    return fields


def _read(fields: Mapping[str, str], currency: str) -> tuple[dict[str, Any], dict[str, str]]:
    """The values of one purchase, and what is wrong by field."""
    errors: dict[str, str] = {}
    values: dict[str, Any] = {"currency": currency.strip().upper(), "note": " ".join(fields.get("note", "").split())}
    readers = {"paid_on": _read_day, "amount": read_money, "kind": _read_kind}
    for name, reader in readers.items():
        try:
            values["amount_micros" if name == "amount" else name] = reader(fields.get(name, ""))
        except ValueError as error:
            errors[name] = str(error)
    if values.get("amount_micros") == 0:
        errors["amount"] = "Give an amount above zero."
    if values["currency"] not in CURRENCIES:
        errors["currency"] = f"“{currency}” is no currency that Meta bills in, such as USD or EUR."
    if len(values["note"]) > MAX_NOTE:
        errors["note"] = f"A note has at most {MAX_NOTE} characters."
    if "\x00" in values["note"]:
        errors["note"] = "The note has a character that cannot be kept."
    return values, errors


def _read_day(text: str) -> date:
    for form in _DATES:
        try:
            day = datetime.strptime(text.strip(), form).date()  # noqa: DTZ007 — a calendar day has no zone
        except ValueError:
            continue
        # Today is a day further on east of here.
        if day > clock.now().date() + timedelta(days=1) or day.year < 2016:
            raise ValueError("Give a day in the past, since 2016.")
        return day
    raise ValueError("Give the day as year-month-day, such as 2026-11-26.")


def _read_kind(text: str) -> PurchaseKind:
    word = " ".join(text.casefold().replace("_", " ").replace("-", " ").split())
    found = _KIND_WORDS.get(word)
    if found is None:
        raise ValueError("A purchase is a top-up or an invoice.")
    return found


def _key_of(values: Mapping[str, Any], seen: Counter[str]) -> str:
    """The same line has the same key in every file; the second of two equal lines of one file is its own."""
    parts = [str(values[name]) for name in ("kind", "paid_on", "amount_micros", "currency", "note")]
    line = "\x1f".join(parts)
    seen[line] += 1
    return _digest("row", line, str(seen[line]))


def _digest(*parts: str) -> str:
    return hashlib.sha256("\x1e".join(parts).encode()).hexdigest()


def _read_cursor(cursor: str) -> tuple[date, int]:
    day, purchase_id = decode_cursor(cursor, 2)
    try:
        return date.fromisoformat(day), int(purchase_id)
    except ValueError:
        raise Invalid({"cursor": "This cursor is not one of ours. Start again without it."}) from None
