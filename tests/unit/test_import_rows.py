"""Rows as people: mapping, reasons in words, and numbers met before."""

import csv
import io
import random
from pathlib import Path

import pytest

from wotnot.services import import_columns, import_rows
from wotnot.services.csv_sniffing import prepare
from wotnot.services.csvio import Dialect
from wotnot.services.import_rows import RowError, RowPlan, SeenNumbers, parse_row, read_chunks

GOLDEN = Path(__file__).parents[1] / "golden" / "csv"
PLAN = RowPlan.compile(["phone", "first_name", "last_name", "email", "tags", "attribute:City", ""], "ZA")


def test_reads_every_field() -> None:
    cells = ["082 555 0142", " Naledi ", "Mokoena", "n@example.com", "VIP; vip ,shop", "Paarl", "secret"]
    person = parse_row(cells, PLAN)
    assert (person.phone, person.name, person.email) == ("27825550142", "Naledi Mokoena", "n@example.com")
    assert (person.attributes, person.tags) == ({"City": "Paarl"}, ["VIP", "shop"])


def test_an_exported_guard_is_taken_away_again() -> None:
    cells = ["'+27825550142", "'=Naledi", "", "", "", "'-2", ""]
    person = parse_row(cells, PLAN)
    assert (person.phone, person.name, person.attributes) == ("27825550142", "=Naledi", {"City": "-2"})


@pytest.mark.parametrize(
    ("address", "taken"),
    [
        ("a.b+c@example.co.za", True),
        ("jürgen@example.com", True),
        ("a@b", False),
        ("emma@@example", False),
        ("a..b@example.com", False),
        ("@example.com", False),
        ("x" * 65 + "@example.com", False),
        ("a b@example.com", False),
    ],
)
def test_addresses(address: str, taken: bool) -> None:
    cells = ["0825550142", "", "", address, "", "", ""]
    if taken:
        assert parse_row(cells, PLAN).email == address
    else:
        with pytest.raises(RowError, match="Not an e-mail address"):
            parse_row(cells, PLAN)


def test_every_reason_names_its_row_and_cell() -> None:
    path = GOLDEN / "reasons.csv"
    dialect = prepare(path)
    targets = import_columns.suggest_targets(dialect.columns, dialect.samples, [], "ZA")
    [chunk] = read_chunks(path, dialect, RowPlan.compile(targets, "ZA"), SeenNumbers(100))
    refused = [(row[0], row[1], row[2], row[3]) for row in csv.reader(io.StringIO(chunk.rejected))]
    assert refused == [
        ("2", "invalid", "phone", "Missing"),
        ("3", "invalid", "phone", "Not a number that exists in South Africa"),
        ("4", "invalid", "phone", "Too long for South Africa"),
        ("5", "invalid", "phone", "No such country code"),
        ("6", "invalid", "phone", "Letters in the number"),
        ("7", "invalid", "phone", "Changed by the spreadsheet"),
        ("8", "invalid", "phone", "Two numbers in one cell"),
        ("9", "invalid", "email", "Not an e-mail address"),
        ("10", "invalid", "name", "Contains zero bytes"),
        ("11", "invalid", "name", "Contains control characters"),
        ("12", "invalid", "", "Too few cells: 2 where the file has 4 columns"),
        ("13", "invalid", "", "Too many cells: 5 where the file has 4 columns"),
        ("15", "duplicate", "phone", "The same number as in row 14"),
    ]
    assert (chunk.row_count, chunk.people_count, chunk.invalid_count, chunk.duplicate_count) == (14, 1, 12, 1)
    assert chunk.problems == {"missing": 1, "phone": 6, "email": 1, "text": 2, "row": 2}


def test_chunks_are_the_same_every_time_and_end_where_the_next_begins(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(import_rows, "CHUNK_ROWS", 10)
    path = tmp_path / "people.csv"
    path.write_text("phone\n" + "".join(f"082555{n % 25:04d}\n" for n in range(30)))
    dialect = prepare(path)
    read = [list(read_chunks(path, dialect, RowPlan.compile(["phone"], "ZA"), SeenNumbers(30))) for _ in range(2)]
    assert read[0] == read[1]
    assert [(chunk.end_row, chunk.people_count, chunk.duplicate_count) for chunk in read[0]] == [
        (11, 10, 0),
        (21, 10, 0),
        (31, 5, 5),
        (31, 0, 0),
    ]
    assert read[0][-1].end_offset == path.stat().st_size


def test_numbers_seen_are_found_again_however_many() -> None:
    rng = random.Random(1)
    numbers = [str(rng.randrange(10**8, 10**9) * 10**4) for _ in range(3000)] + [
        str(27820000000 + n) for n in range(3000)
    ]
    seen, expected = SeenNumbers(len(numbers)), {}
    for row, number in enumerate(numbers + numbers[::7], start=2):
        assert seen.first_row(number, row) == expected.get(number, 0)
        expected.setdefault(number, row)


@pytest.mark.parametrize(
    ("columns", "targets"),
    [
        (("Cell", "Name", "Surname", "Mail", "Town"), ["phone", "first_name", "last_name", "email", "attribute:Town"]),
        (("Telefon", "Vorname", "Nachname", "E-Mail", "Gruppe"), ["phone", "first_name", "last_name", "email", "tags"]),
        (("Móvil", "Nombre", "Correo electrónico"), ["phone", "name", "email"]),
        (("numéro", "Prénom", "Nom de famille"), ["phone", "first_name", "last_name"]),
        (("phone_number", "Full Name", "tags", "Labels"), ["phone", "name", "tags", "tags"]),
        (("Phone", "Mobile", "city"), ["phone", "attribute:Mobile", "attribute:City"]),
    ],
)
def test_columns_are_recognised_by_name(columns: tuple[str, ...], targets: list[str]) -> None:
    assert import_columns.suggest_targets(columns, (), ["City"], "ZA") == targets


def test_a_phone_column_is_recognised_by_what_it_holds() -> None:
    samples = (("Naledi", "082 555 0142"), ("Pieter", "083 555 0177"))
    assert import_columns.suggest_targets(("Wer", "Wohin"), samples, [], "ZA") == ["attribute:Wer", "phone"]


@pytest.mark.parametrize(
    ("targets", "wrong"),
    [
        (["name", "email"], {"mapping"}),
        (["phone", "phone"], {"B"}),
        (["phone", "telephone"], {"B"}),
        (["phone", "attribute:"], {"B"}),
        (["phone", "attribute:" + "x" * 61], {"B"}),
        (["phone", ""], set()),
        (["phone", "attribute:City"], set()),
    ],
)
def test_a_mapping_is_checked(targets: list[str], wrong: set[str]) -> None:
    assert set(import_columns.check_targets(("A", "B"), targets)) == wrong


def test_a_mapping_by_names() -> None:
    named = import_columns.targets_from_names
    assert named(("Cell", "Town"), {"cell": "phone", "Town": "attributes.City"}) == (["phone", "attribute:City"], {})
    targets, errors = named(("Cell", "Town"), {"Cell": "phone", "Zip": "name", "Town": 5})
    assert targets == ["phone", ""]
    assert set(errors) == {"Zip", "Town"}


def test_cells_keep_their_zero_bytes_visible(tmp_path: Path) -> None:
    path = tmp_path / "people.csv"
    path.write_bytes(b"phone,name\n0825550142,a\x00b\n")
    [chunk] = read_chunks(
        path, Dialect(columns=("phone", "name")), RowPlan.compile(["phone", "name"], "ZA"), SeenNumbers(1)
    )
    assert "a␀b" in chunk.rejected


@pytest.mark.parametrize(
    ("column", "values", "target"),
    [
        ("Language", ["German", "", "pt-BR"], "language"),
        ("Sprache", ["Deutsch", "en"], "language"),
        ("язык", ["", ""], "language"),
        ("Language", ["Python", "Java"], "attribute:Language"),  # called so, but about something else
        ("Langues", ["fr"], "attribute:Langues"),
    ],
)
def test_a_column_of_languages_is_one_by_name_and_by_what_it_holds(column: str, values: list[str], target: str) -> None:
    samples = [["0825550142", value] for value in values]
    assert import_columns.suggest_targets(["Phone", column], samples, [], "ZA") == ["phone", target]
