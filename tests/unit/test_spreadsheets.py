"""Tables written in pieces are the same tables: read back by the csv module and by somebody else's reader of Excel files."""

import csv
import io
import json
from datetime import UTC, datetime
from decimal import Decimal

import openpyxl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from wotnot.services.spreadsheets import ENCODERS, Layout, Row, XlsxEncoder, xlsx_pieces

LAYOUT = Layout(["name", "phone", "count", "sent_at"], "Africa/Johannesburg", ["sent_at"])
NOON = datetime(2026, 11, 26, 10, 0, 5, 999_999, tzinfo=UTC)
ROWS: list[Row] = [
    ("Zoë & <Ann>", "+27825550142", 3, NOON),
    ('=HYPERLINK("http://x")', "+27 82", Decimal("0.250000"), None),
    ("-2+3", "@sum", 0, None),
    ('two\nlines, "quoted"', "", None, None),
    ("bad\x00\x0bsigns", "  spaces  ", -7, None),
]


def write_in_pieces(kind: str, rows: list[Row], size: int, layout: Layout = LAYOUT) -> bytes:
    """As one process after another would: each knows only the JSON that the one before left."""
    pieces, state = [], None
    for start in range(0, len(rows), size):
        encoder = ENCODERS[kind](layout, json.loads(json.dumps(state)) if state else None)
        pieces.append(encoder.write(rows[start : start + size]))
        state = encoder.state
    return b"".join([*pieces, ENCODERS[kind](layout, state).finish()])


def read_xlsx(content: bytes) -> list[list[list[object]]]:
    """The cells of each sheet."""
    book = openpyxl.load_workbook(io.BytesIO(content))
    return [[[cell.value for cell in row] for row in sheet.iter_rows()] for sheet in book]


@pytest.mark.parametrize("size", [1, 2, 100])
def test_excel_reads_what_was_written(size: int) -> None:
    (sheet,) = read_xlsx(write_in_pieces("xlsx", ROWS, size))
    assert sheet == [
        ["name", "phone", "count", "sent_at (Africa/Johannesburg)"],
        ["Zoë & <Ann>", "+27825550142", 3, datetime(2026, 11, 26, 12, 0, 5)],  # noqa: DTZ001 — Excel's dates know no zone
        ['=HYPERLINK("http://x")', "+27 82", 0.25, None],
        ["-2+3", "@sum", 0, None],
        ['two\nlines, "quoted"', None, None, None],
        ["badsigns", "  spaces  ", -7, None],
    ]


def test_no_text_is_a_formula_or_a_number_in_excel() -> None:
    book = openpyxl.load_workbook(io.BytesIO(write_in_pieces("xlsx", ROWS, 2)))
    cells = [book.active.cell(row, column) for row in range(2, 7) for column in (1, 2)]
    assert {cell.data_type for cell in cells if cell.value is not None} == {"inlineStr"} or {
        cell.data_type for cell in cells if cell.value is not None
    } == {"s"}
    assert {cell.number_format for cell in cells if cell.value is not None} == {"@"}


def test_more_rows_than_a_sheet_holds_go_on_in_another(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(xlsx_pieces, "ROWS_IN_SHEET", 3)
    rows: list[Row] = [(f"person {n}", "", n, None) for n in range(8)]
    sheets = read_xlsx(write_in_pieces("xlsx", rows, 2))
    assert [len(sheet) - 1 for sheet in sheets] == [3, 3, 2]
    assert [row[0] for sheet in sheets for row in sheet[1:]] == [row[0] for row in rows]


def test_a_table_without_rows_is_a_table() -> None:
    assert read_xlsx(XlsxEncoder(LAYOUT).finish()) == [[["name", "phone", "count", "sent_at (Africa/Johannesburg)"]]]
    assert ENCODERS["csv"](LAYOUT).finish() == b"\xef\xbb\xbfname,phone,count,sent_at\r\n"


@pytest.mark.parametrize("size", [1, 2, 100])
def test_csv_has_one_header_and_runs_nothing(size: int) -> None:
    text = write_in_pieces("csv", ROWS, size).decode("utf-8-sig")
    rows = list(csv.reader(io.StringIO(text, newline="")))
    assert rows[0] == ["name", "phone", "count", "sent_at"]
    assert rows[1] == ["Zoë & <Ann>", "+27825550142", "3", "2026-11-26T12:00:05+02:00"]
    assert [row[0] for row in rows[2:4]] == ['\'=HYPERLINK("http://x")', "'-2+3"]
    assert rows[3][1] == "'@sum"
    assert len(rows) == len(ROWS) + 1


@given(
    st.lists(st.text(st.characters(exclude_categories=["Cs"]), max_size=40), min_size=1, max_size=12),
    st.integers(1, 5),
)
def test_whatever_is_typed_comes_back(words: list[str], size: int) -> None:
    """But for signs that XML has no place for, and line ends, which it writes its own way."""
    layout = Layout(["words"], "UTC")
    (sheet,) = read_xlsx(write_in_pieces("xlsx", [(word,) for word in words], size, layout))
    kept = [xlsx_pieces._NOT_XML.sub("", word).replace("\r\n", "\n").replace("\r", "\n") or None for word in words]
    assert [row[0] or None for row in sheet[1:]] == kept
