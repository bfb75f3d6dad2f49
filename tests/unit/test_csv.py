"""Files as people upload them: what they are, how they are written, and every row's place in them."""

import csv
import io
from pathlib import Path

import pytest

from wotnot.services import csv_sniffing, csvio
from wotnot.services.csv_sniffing import NotCsvError, prepare
from wotnot.services.csvio import RowReader, guard, unguard, write_rows

GOLDEN = Path(__file__).parents[1] / "golden" / "csv"
COLUMNS = ("Cell", "Name", "Surname", "Mail", "Town")


@pytest.fixture
def golden(tmp_path: Path):  # type: ignore[no-untyped-def]
    """A copy of a golden file: reading may rewrite it."""

    def copy(name: str) -> Path:
        path = tmp_path / name
        path.write_bytes((GOLDEN / name).read_bytes())
        return path

    return copy


@pytest.mark.parametrize(
    ("name", "encoding", "delimiter"),
    [
        ("semicolon_utf8.csv", "utf-8", ";"),
        ("semicolon_utf8_bom.csv", "utf-8", ";"),
        ("semicolon_cp1252.csv", "cp1252", ";"),
        ("semicolon_utf16le.csv", "utf-8", ";"),
        ("semicolon_utf16be.csv", "utf-8", ";"),
        ("semicolon_old_mac.csv", "utf-8", ";"),
        ("tabs.csv", "utf-8", "\t"),
        ("bars.csv", "utf-8", "|"),
    ],
)
def test_recognises_how_a_file_is_written(golden, name: str, encoding: str, delimiter: str) -> None:  # type: ignore[no-untyped-def]
    path = golden(name)
    dialect = prepare(path)
    assert (dialect.encoding, dialect.delimiter, dialect.has_header, dialect.columns) == (
        encoding,
        delimiter,
        True,
        COLUMNS,
    )
    rows = list(RowReader(path, dialect))
    assert [row.number for row in rows] == [1, 2, 3, 4]
    assert rows[2].cells == ["+27 83 555 0177", "José", "van Wyk", "pvw@example.com", "Göteborg"]
    assert csv_sniffing.count_rows(path, dialect, stop_after=100) == 3
    assert [path.name] == [left.name for left in path.parent.iterdir()]


def test_recognises_utf16_without_a_mark(golden) -> None:  # type: ignore[no-untyped-def]
    dialect = prepare(golden("semicolon_utf16le_no_mark.csv"))
    assert dialect.columns == COLUMNS
    assert (dialect.encoding, dialect.rewritten_from) == ("utf-8", "UTF-16")


@pytest.mark.parametrize(
    ("name", "columns"), [("no_header.csv", ("Column 1", "Column 2", "Column 3")), ("only_phones.csv", ("Column 1",))]
)
def test_recognises_that_there_is_no_header(golden, name: str, columns: tuple[str, ...]) -> None:  # type: ignore[no-untyped-def]
    path = golden(name)
    dialect = prepare(path)
    assert (dialect.has_header, dialect.columns) == (False, columns)
    assert dialect.samples[0][0] == "0825550142"
    assert csv_sniffing.count_rows(path, dialect, stop_after=100) == 2


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("empty.csv", "is empty"),
        ("blank.csv", "is empty"),
        ("header_only.csv", "no rows under them"),
        ("workbook.csv", "an Excel workbook"),
        ("page.csv", "a web page"),
        ("data.csv", "JSON"),
        ("binary.csv", "not a text file"),
        ("undecodable.csv", "neither UTF-8"),
    ],
)
def test_refuses_what_is_no_list(golden, name: str, words: str) -> None:  # type: ignore[no-untyped-def]
    with pytest.raises(NotCsvError, match=words):
        prepare(golden(name))


@pytest.mark.parametrize(
    "head", [b"%PDF-1.7\n", b"\x89PNG\r\n\x1a\n", b"\xff\xd8\xff\xe0", b"\x1f\x8b\x08", b"\xd0\xcf\x11\xe0"]
)
def test_refuses_other_kinds_of_files(tmp_path: Path, head: bytes) -> None:
    path = tmp_path / "people.csv"
    path.write_bytes(head + b"\x00\x01phone,name\n" * 50)
    with pytest.raises(NotCsvError):
        prepare(path)


def test_quoted_line_breaks_belong_to_their_row(golden) -> None:  # type: ignore[no-untyped-def]
    path = golden("quoted.csv")
    dialect = prepare(path)
    rows = list(RowReader(path, dialect))
    assert rows[1].cells == ["0825550142", 'Naledi "Nana" Mokoena', "lives in\nPaarl, Western Cape"]
    # A spreadsheet counts the blank line too.
    assert [(row.number, row.cells[1], row.problem) for row in rows[2:]] == [(4, "Pieter", None), (5, "Zanele", None)]
    assert csv_sniffing.count_rows(path, dialect, stop_after=100) == 3


def test_a_quotation_mark_that_is_never_closed_costs_its_own_row_only(golden) -> None:  # type: ignore[no-untyped-def]
    path = golden("unclosed_quote.csv")
    rows = list(RowReader(path, prepare(path)))
    assert [(row.number, row.problem) for row in rows] == [
        (1, None),
        (2, "A quotation mark is opened and never closed"),
        (3, None),
        (4, None),
    ]
    assert rows[3].cells == ["0845550178", "Zanele"]


def test_an_unclosed_quotation_in_a_long_file_is_found_too(tmp_path: Path) -> None:
    path = tmp_path / "people.csv"
    path.write_text('phone,name\n0825550142,"Naledi\n' + "0835550177,Pieter\n" * 20_000)
    rows = list(RowReader(path, csvio.Dialect(columns=("phone", "name"))))
    assert len(rows) == 20_002
    assert [row.number for row in rows if row.problem] == [2]


def test_a_line_without_end_is_one_bad_row(tmp_path: Path) -> None:
    path = tmp_path / "people.csv"
    path.write_bytes(b"phone,name\n" + b"x" * 3_000_000 + b"\n0835550177,Pieter\n")
    rows = list(RowReader(path, csvio.Dialect(columns=("phone", "name"))))
    assert [(row.number, row.problem) for row in rows] == [(1, None), (2, "The row is too long to read"), (3, None)]
    assert len(rows[1].cells[0]) == 1000


@pytest.mark.parametrize(
    "name", ["quoted.csv", "unclosed_quote.csv", "semicolon_utf8_bom.csv", "semicolon_cp1252.csv", "reasons.csv"]
)
def test_reading_goes_on_from_every_row(golden, name: str) -> None:  # type: ignore[no-untyped-def]
    path = golden(name)
    dialect = prepare(path)
    reader = RowReader(path, dialect)
    whole, places = [], []
    for row in reader:
        whole.append(row)
        places.append((reader.offset, reader.number))
    for place, (offset, number) in enumerate(places, start=1):
        assert list(RowReader(path, dialect, offset=offset, number=number)) == whole[place:]


def test_a_broken_letter_spoils_its_row_not_the_others(golden) -> None:  # type: ignore[no-untyped-def]
    path = golden("broken_letter.csv")
    dialect = prepare(path)
    assert dialect.encoding == "utf-8"
    assert [row.cells[1] for row in RowReader(path, dialect)] == ["name", "José", "Pi\ufffdeter", "Zanele"]


def test_double_and_missing_column_names_become_distinct(tmp_path: Path) -> None:
    path = tmp_path / "people.csv"
    path.write_text("phone,Name,name,,Name\n0825550142,a,b,c,d\n")
    assert prepare(path).columns == ("phone", "Name", "name (2)", "Column 4", "Name (3)")


def test_counting_stops_when_there_are_too_many(tmp_path: Path) -> None:
    path = tmp_path / "people.csv"
    path.write_text('phone,name\n"1","a"\n' * 1000)
    assert csv_sniffing.count_rows(path, csvio.Dialect(), stop_after=100) in range(101, 200)


@pytest.mark.parametrize("text", ["=1+1", "+1+1", "-2", "@SUM(A1)", "\t=1", "+cmd|' /C calc'!A0"])
def test_no_cell_runs_as_a_formula_and_none_is_changed_for_good(text: str) -> None:
    assert guard(text) == "'" + text
    assert unguard(guard(text)) == text


@pytest.mark.parametrize("text", ["+27825550142", "+27 82 555 0142", "O'Neil", "'tis", "", "a=b"])
def test_other_cells_are_left_alone(text: str) -> None:
    assert guard(text) == text
    assert unguard(text) == text


def test_writes_what_any_reader_reads() -> None:
    text = "".join(write_rows([["a", 'b "c"', "d\ne"], [1, None, "=x"]]))
    assert list(csv.reader(io.StringIO(text.removeprefix("\ufeff")))) == [["a", 'b "c"', "d\ne"], ["1", "", "'=x"]]
