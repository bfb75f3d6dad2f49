"""Purchases: noted once however often, from a form or a file, each wrong row with its reason."""

from datetime import date
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select

from tests.cast import Cast
from tests.factories import make_purchase
from wotnot.errors import Invalid, NotFound
from wotnot.extensions import db
from wotnot.models import Purchase
from wotnot.services import purchases

FIELDS = {
    "kind": "invoice",
    "paid_on": "2026-11-02",
    "amount": "163.20",
    "currency": "USD",
    "note": " Invoice  for October ",
}


def noted(cast: Cast) -> list[tuple[Any, ...]]:
    rows = select(Purchase).where(Purchase.workspace_id == cast.workspace.id).order_by(Purchase.paid_on, Purchase.id)
    return [(one.kind, one.paid_on, one.amount_micros, one.currency, one.note) for one in db.session.scalars(rows)]


def test_the_same_form_is_noted_once(cast: Cast) -> None:
    for _ in range(2):
        purchases.add_purchase(cast.workspace.id, FIELDS, form_id="form 1")
    purchases.add_purchase(cast.workspace.id, FIELDS, form_id="form 2")
    assert noted(cast) == [("invoice", date(2026, 11, 2), 163_200_000, "USD", "Invoice for October")] * 2
    assert purchases.sum_by_currency(cast.workspace.id, date(2026, 1, 1)) == {"USD": 326_400_000}


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"kind": "gift"}, "kind"),
        ({"paid_on": "yesterday"}, "paid_on"),
        ({"paid_on": "2099-01-01"}, "paid_on"),
        ({"amount": "a lot"}, "amount"),
        ({"amount": "0"}, "amount"),
        ({"currency": "BTC"}, "currency"),
        ({"note": "x" * 201}, "note"),
        ({"note": "a\x00b"}, "note"),
    ],
)
def test_what_cannot_be_noted_is_refused_by_field(cast: Cast, change: dict[str, str], field: str) -> None:
    with pytest.raises(Invalid) as refused:
        purchases.add_purchase(cast.workspace.id, FIELDS | change, form_id="form 1")
    assert set(refused.value.errors) == {field}
    assert noted(cast) == []


LIST = """Date;Kind;Amount;Note
2026-11-02;Invoice;163,20;October
14.11.2026;Top-up;200,00;
14.11.2026;Top-up;200,00;
someday;Top-up;10;
2026-11-20;gift;10;
2026-11-21;;10;
"""


def test_a_file_is_taken_row_by_row_and_never_twice(cast: Cast, tmp_path: Path) -> None:
    for added, known in ((4, 0), (0, 4)):
        path = tmp_path / "list.csv"
        path.write_text(LIST)
        result = purchases.import_file(cast.workspace.id, path, currency="EUR")
        assert (result.added, result.known) == (added, known)
        assert [(row.number, row.reason) for row in result.refused] == [
            (5, "Give the day as year-month-day, such as 2026-11-26."),
            (6, "A purchase is a top-up or an invoice."),
        ]
    assert [row[2:] for row in noted(cast)] == [
        (163_200_000, "EUR", "October"), (200_000_000, "EUR", ""), (200_000_000, "EUR", ""), (10_000_000, "EUR", "")
    ]  # fmt: skip


def test_columns_with_one_meaning_do_not_overwrite_each_other(cast: Cast, tmp_path: Path) -> None:
    path = tmp_path / "list.csv"
    path.write_text("Date,Amount,Total,Reference number,Description\n2026-11-02,5,,R1,Ads\n2026-11-02,5,,R2,Ads\n")
    assert purchases.import_file(cast.workspace.id, path, currency="USD").added == 2
    assert [(row[2], row[4]) for row in noted(cast)] == [(5_000_000, "R1 · Ads"), (5_000_000, "R2 · Ads")]


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "The file is empty."),
        (b"PK\x03\x04 and so on", "This is an Excel workbook or a zip file"),
        (b"Name,Phone\nAnn,27\n", "A Date and an Amount are needed"),
        (b"2026-11-02,163.20\n2026-11-03,5\n", "The first row must name the columns."),
    ],
)
def test_a_wrong_file_is_refused_whole(cast: Cast, tmp_path: Path, content: bytes, words: str) -> None:
    path = tmp_path / "list.csv"
    path.write_bytes(content)
    with pytest.raises(Invalid, match=words):
        purchases.import_file(cast.workspace.id, path, currency="USD")
    assert noted(cast) == []


def test_the_list_pages_from_the_latest_on(cast: Cast) -> None:
    days = [date(2026, 11, day) for day in (3, 9, 9, 1, 7)]
    ids = {make_purchase(cast.workspace, paid_on=day).id for day in days}
    seen, cursor = [], None
    while True:
        page = purchases.list_purchases(cast.workspace.id, cursor=cursor, limit=2)
        seen += page.items
        cursor = page.next_cursor
        if not cursor:
            break
    assert [one.paid_on for one in seen] == sorted(days, reverse=True)
    assert {one.id for one in seen} == ids
    with pytest.raises(Invalid):
        purchases.list_purchases(cast.workspace.id, cursor="nonsense")


def test_a_strangers_purchase_is_not_found(cast: Cast) -> None:
    theirs = make_purchase(cast.workspace)
    with pytest.raises(NotFound):
        purchases.delete_purchase(cast.other_workspace.id, theirs.id)
    purchases.delete_purchase(cast.workspace.id, theirs.id)
    assert noted(cast) == []
