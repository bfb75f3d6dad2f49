"""A file on its way into the contacts: dry run and real run, every option, and what must not happen."""

import io
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import func, select

from tests import factories
from tests.cast import Cast
from wotnot import clock
from wotnot.config import Config
from wotnot.errors import Conflict, Invalid, NotFound, TooLarge
from wotnot.models import Consent, Contact, ContactImport, ImportRow, ImportState, OnDuplicate, RowVerdict
from wotnot.services import contact_bulk, contact_imports, contacts, import_rows, import_runs
from wotnot.services.contact_imports import ImportOptions

GOLDEN = Path(__file__).parents[2] / "golden" / "csv"
FILE = b"""phone,name,email,tags,city
0825550142,Naledi,naledi@example.com,VIP,Paarl
0825550143,Pieter,,,
0825550144,Zanele,zanele@example.com,VIP;shop,
,Nobody,,,
+27825550142,Naledi again,,,
0825550145,,bad@@example,,
"""


def upload(cast: Cast, data: bytes = FILE, name: str = "people.csv") -> ContactImport:
    return contact_imports.upload(cast.workspace.id, io.BytesIO(data), name, user_id=cast.alice.id)


def options(found: ContactImport, **fields: Any) -> ImportOptions:
    return ImportOptions(**{"targets": found.mapping["targets"], "default_country": "ZA"} | fields)


def go(cast: Cast, data: bytes = FILE, *, dry_run: bool = False, **fields: Any) -> ContactImport:
    """The whole way of a program's import."""
    found = contact_imports.create_import(
        cast.workspace.id, io.BytesIO(data), "people.csv", default_country="ZA", dry_run=dry_run, **fields
    )
    import_runs.run(found.id)
    return contact_imports.get_import(cast.workspace.id, found.id)


def counts(found: ContactImport) -> tuple[int, int, int, int, int]:
    """created, updated, unchanged, duplicates, invalid."""
    total = (
        found.created_count,
        found.updated_count,
        found.unchanged_count,
        found.duplicate_count,
        found.invalid_count,
    )
    assert sum(total) == import_runs.rows_done(found)
    return total


def stored_files(config: Config) -> list[str]:
    return [path.name for path in config.storage_path.iterdir()] if config.storage_path.exists() else []


def test_a_file_becomes_contacts(cast: Cast, session: Any, config: Config) -> None:
    found = go(cast, tags=["november"])
    assert (found.state, counts(found)) == (ImportState.DONE, (3, 0, 0, 1, 2))
    naledi = contacts.find_contact_by_phone(cast.workspace.id, "27825550142")
    assert naledi is not None
    assert (naledi.name, naledi.email, naledi.attributes) == ("Naledi", "naledi@example.com", {"city": "Paarl"})
    assert contacts.tags_of([naledi.id])[naledi.id] == ["november", "VIP"]
    assert [(tag.name, tag.count) for tag in contacts.list_tags(cast.workspace.id)] == [
        ("november", 3),
        ("shop", 1),
        ("VIP", 2),
    ]
    assert contacts.count_contacts(cast.workspace.id).total == 3
    assert found.problems == {"missing": 1, "email": 1, "twice": 1}
    assert found.storage_key not in stored_files(config)


def test_refused_rows_are_kept_with_number_cell_and_reason(cast: Cast) -> None:
    found = go(cast)
    [missing, address] = contact_imports.list_rejected(cast.workspace.id, found.id, RowVerdict.INVALID)
    assert (missing.row_number, missing.column_name, missing.reason) == (5, "phone", "Missing")
    assert (address.row_number, address.column_name, address.reason) == (7, "email", "Not an e-mail address")
    [double] = contact_imports.list_rejected(cast.workspace.id, found.id, RowVerdict.DUPLICATE)
    assert (double.row_number, double.reason) == (6, "The same number as in row 2")
    assert contact_imports.count_rejected(cast.workspace.id, found.id) == {
        RowVerdict.INVALID: 2,
        RowVerdict.DUPLICATE: 1,
    }
    lines = "".join(contact_imports.rejected_csv(cast.workspace.id, found.id)).removeprefix("\ufeff").splitlines()
    assert lines == [
        "row,phone,name,email,tags,city,reason",
        "5,,Nobody,,,,phone: Missing",
        "6,+27825550142,Naledi again,,,,phone: The same number as in row 2",
        "7,0825550145,,bad@@example,,,email: Not an e-mail address",
    ]


SECOND = b"""phone,name,email,city,age
0825550142,Naledi M.,,Cape Town,41
0825550143,Pieter,pieter@example.com,,
0825550144,Zanele,zanele@example.com,,
0825550149,New,,,
"""


@pytest.mark.parametrize(
    ("how", "expected", "naledi"),
    [
        (OnDuplicate.SKIP, (1, 0, 0, 3, 0), ("Naledi", {"city": "Paarl"})),
        (OnDuplicate.FILL, (1, 2, 1, 0, 0), ("Naledi", {"city": "Paarl", "age": "41"})),
        (OnDuplicate.OVERWRITE, (1, 2, 1, 0, 0), ("Naledi M.", {"city": "Cape Town", "age": "41"})),
    ],
)
def test_known_people(
    cast: Cast, session: Any, how: OnDuplicate, expected: tuple[int, ...], naledi: tuple[Any, ...]
) -> None:
    go(cast)
    rehearsed = go(cast, SECOND, on_duplicate=how, dry_run=True)
    assert (counts(rehearsed), contacts.count_contacts(cast.workspace.id).total) == (expected, 3)
    assert counts(go(cast, SECOND, on_duplicate=how)) == expected
    session.expire_all()
    contact = contacts.find_contact_by_phone(cast.workspace.id, "27825550142")
    assert contact is not None
    assert (contact.name, contact.attributes, contact.email) == (*naledi, "naledi@example.com")
    # The same file once more has nothing left to do.
    again = counts(go(cast, SECOND, on_duplicate=how))
    assert again == ((0, 0, 0, 4, 0) if how is OnDuplicate.SKIP else (0, 0, 4, 0, 0))


LANGUAGES = b"""phone,name,Sprache
0825550142,Naledi,Deutsch
0825550143,Pieter,pt-BR
0825550144,Zanele,
0825550145,Thabo,Klingon
"""


@pytest.mark.parametrize(
    ("how", "expected", "languages"),
    [
        (OnDuplicate.SKIP, (2, 0, 0, 1, 1), ["fr", "pt_BR", None]),
        (OnDuplicate.FILL, (2, 0, 1, 0, 1), ["fr", "pt_BR", None]),
        (OnDuplicate.OVERWRITE, (2, 1, 0, 0, 1), ["de", "pt_BR", None]),
    ],
)
def test_languages_are_read_as_people_write_them(
    cast: Cast, session: Any, how: OnDuplicate, expected: tuple[int, ...], languages: list[str | None]
) -> None:
    factories.make_contact(cast.workspace, phone="27825550142", name="Naledi", language="fr")
    mapping = {"phone": "phone", "name": "name", "Sprache": "language"}
    assert counts(go(cast, LANGUAGES, on_duplicate=how, mapping=mapping, dry_run=True)) == expected
    found = go(cast, LANGUAGES, on_duplicate=how, mapping=mapping)
    assert (counts(found), found.problems["language"]) == (expected, 1)
    session.expire_all()
    assert list(session.scalars(select(Contact.language).order_by(Contact.phone))) == languages
    [refused] = contact_imports.list_rejected(cast.workspace.id, found.id, RowVerdict.INVALID)
    assert (refused.row_number, refused.column_name) == (5, "Sprache")
    assert refused.reason == "Not a language we know; write a code or a name, such as pt_BR or German"


def test_an_unknown_language_is_filled_in(cast: Cast, session: Any) -> None:
    factories.make_contact(cast.workspace, phone="27825550142", name="Naledi")
    assert counts(go(cast, b"phone,language\n0825550142,de\n")) == (0, 1, 0, 0, 0)
    assert counts(go(cast, b"phone,language\n0825550142,en\n")) == (0, 0, 1, 0, 0)
    session.expire_all()
    assert session.scalars(select(Contact.language)).one() == "de"


@pytest.mark.parametrize("dry_run", [True, False])
def test_a_new_tag_is_a_change(cast: Cast, dry_run: bool) -> None:
    go(cast, b"phone\n0825550142\n0825550143\n", tags=["old"])
    assert counts(go(cast, b"phone\n0825550142\n", tags=["old"], dry_run=dry_run)) == (0, 0, 1, 0, 0)
    assert counts(go(cast, b"phone\n0825550142\n0825550149\n", tags=["OLD", "new"], dry_run=dry_run)) == (1, 1, 0, 0, 0)
    skipped = go(cast, b"phone\n0825550143\n0825550150\n", tags=["x"], on_duplicate=OnDuplicate.SKIP, dry_run=dry_run)
    assert counts(skipped) == (1, 0, 0, 1, 0)
    assert next((tag.count for tag in contacts.list_tags(cast.workspace.id) if tag.name == "x"), 0) == (
        0 if dry_run else 1
    )


@pytest.mark.parametrize("dry_run", [True, False])
def test_who_opted_out_is_left_alone(cast: Cast, session: Any, dry_run: bool) -> None:
    gone = factories.make_contact(cast.workspace, phone="27825550142", name="", consent=Consent.OPTED_OUT)
    found = go(cast, on_duplicate=OnDuplicate.OVERWRITE, tags=["november"], dry_run=dry_run)
    assert counts(found) == (2, 0, 1, 1, 2)
    assert found.opted_out_count == 1
    session.refresh(gone)
    assert (gone.name, gone.consent, contacts.tags_of([gone.id])) == ("", Consent.OPTED_OUT, {gone.id: []})


def test_a_rehearsal_changes_nothing(cast: Cast, session: Any, config: Config) -> None:
    found = go(cast, dry_run=True)
    assert (found.state, counts(found)) == (ImportState.DONE, (3, 0, 0, 1, 2))
    assert session.scalar(select(func.count()).select_from(Contact)) == 0
    assert contacts.list_tags(cast.workspace.id) == []
    assert found.storage_key not in stored_files(config)


def test_the_way_through_the_pages(cast: Cast, session: Any, run_jobs: Callable[..., list[str]]) -> None:
    found = upload(cast)
    assert (found.state, found.row_count) == (ImportState.UPLOADED, 6)
    assert found.mapping["targets"] == ["phone", "name", "email", "tags", "attribute:city"]
    with pytest.raises(Conflict):
        contact_imports.start_import(cast.workspace.id, found.id)
    contact_imports.check_import(cast.workspace.id, found.id, options(found, tags=["november"]))
    assert run_jobs("bulk") == ["check_import"]
    session.refresh(found)
    assert (found.state, counts(found)) == (ImportState.CHECKED, (3, 0, 0, 1, 2))
    assert contacts.count_contacts(cast.workspace.id).total == 0
    contact_imports.start_import(cast.workspace.id, found.id)
    contact_imports.start_import(cast.workspace.id, found.id)
    assert run_jobs("bulk") == ["run_import"]
    session.refresh(found)
    assert (found.state, counts(found)) == (ImportState.DONE, (3, 0, 0, 1, 2))
    assert sum(contact_imports.count_rejected(cast.workspace.id, found.id).values()) == 3
    contact_imports.start_import(cast.workspace.id, found.id)
    assert run_jobs("bulk") == []


def test_columns_may_be_changed_after_the_check(cast: Cast, session: Any, run_jobs: Callable[..., list[str]]) -> None:
    found = upload(cast)
    contact_imports.check_import(cast.workspace.id, found.id, options(found))
    run_jobs("bulk")
    contact_imports.check_import(
        cast.workspace.id, found.id, options(found, targets=["phone", "name", "", "tags", "attribute:Town"])
    )
    run_jobs("bulk")
    session.refresh(found)
    assert counts(found) == (4, 0, 0, 1, 1)
    assert contact_imports.count_rejected(cast.workspace.id, found.id) == {
        RowVerdict.INVALID: 1,
        RowVerdict.DUPLICATE: 1,
    }


def test_a_file_may_be_read_another_way(cast: Cast) -> None:
    found = upload(cast, b"phone,name\n0825550142,Naledi\n")
    again = contact_imports.reread(cast.workspace.id, found.id, delimiter=";", encoding="cp1252", has_header=False)
    assert again.dialect["columns"] == ["Column 1"]
    assert again.row_count == 2
    with pytest.raises(Invalid):
        contact_imports.reread(cast.workspace.id, found.id, delimiter="x", encoding="utf-8", has_header=True)


@pytest.mark.parametrize(
    "name", ["empty.csv", "header_only.csv", "workbook.csv", "page.csv", "data.csv", "binary.csv", "undecodable.csv"]
)
def test_what_is_no_list_leaves_nothing_behind(cast: Cast, session: Any, config: Config, name: str) -> None:
    before = stored_files(config)
    with pytest.raises(Invalid) as refused:
        upload(cast, (GOLDEN / name).read_bytes())
    assert list(refused.value.errors) == ["file"]
    assert stored_files(config) == before
    assert session.scalar(select(func.count()).select_from(ContactImport)) == 0


@pytest.mark.parametrize(
    ("data", "fields", "field"),
    [
        (b"name,city\nNaledi,Paarl\n", {}, "mapping"),
        (FILE, {"mapping": {"name": "name"}}, "mapping"),
        (FILE, {"mapping": {"phone": "phone", "zip": "attribute:Zip"}}, "mapping"),
        (FILE, {"mapping": {"phone": "phone", "name": "nonsense"}}, "column.1"),
        (FILE, {"default_country": "XX"}, "default_country"),
        (FILE, {"tags": ["x" * 61]}, "tags"),
    ],
)
def test_options_that_cannot_be_leave_nothing_behind(
    cast: Cast, config: Config, data: bytes, fields: dict[str, Any], field: str
) -> None:
    before = stored_files(config)
    with pytest.raises(Invalid) as refused:
        contact_imports.create_import(cast.workspace.id, io.BytesIO(data), "people.csv", **fields)
    assert list(refused.value.errors) == [field]
    assert stored_files(config) == before
    assert contact_imports.list_imports(cast.workspace.id) == []


def test_too_much_is_refused_and_not_kept(cast: Cast, config: Config, monkeypatch: pytest.MonkeyPatch) -> None:
    before = stored_files(config)
    monkeypatch.setattr(contact_imports, "MAX_BYTES", 100)
    with pytest.raises(TooLarge):
        upload(cast)
    monkeypatch.undo()
    monkeypatch.setattr(contact_imports, "MAX_ROWS", 5)
    with pytest.raises(TooLarge, match="more than 5 rows"):
        upload(cast)
    assert stored_files(config) == before


def test_a_stranger_finds_nothing(cast: Cast) -> None:
    found, stranger = upload(cast), cast.other_workspace.id
    for act in (
        lambda: contact_imports.get_import(stranger, found.id),
        lambda: contact_imports.check_import(stranger, found.id, options(found)),
        lambda: contact_imports.start_import(stranger, found.id),
        lambda: contact_imports.discard_import(stranger, found.id),
        lambda: contact_imports.reread(stranger, found.id, delimiter=",", encoding="utf-8", has_header=True),
        lambda: contact_imports.list_rejected(stranger, found.id, RowVerdict.INVALID),
        lambda: contact_imports.count_rejected(stranger, found.id),
        lambda: contact_imports.rejected_csv(stranger, found.id),
    ):
        with pytest.raises(NotFound):
            act()
    assert contact_imports.list_imports(stranger) == []


def test_many_chunks_count_as_one_file(cast: Cast, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(import_rows, "CHUNK_ROWS", 7)
    monkeypatch.setattr(import_runs, "CHUNK_ROWS", 7)
    rows = "".join(f"082555{n % 40:04d},P{n}\n" for n in range(100)) + "x,bad\n"
    found = go(cast, f"phone,name\n{rows}".encode())
    assert counts(found) == (40, 0, 0, 60, 1)
    assert [contact.name for contact in contacts.list_contacts(cast.workspace.id, limit=2).items] == ["P39", "P38"]


def test_an_import_that_died_goes_on_where_it_was(cast: Cast, session: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """Killed between two commits: the second run skips what is saved and still knows its numbers."""
    monkeypatch.setattr(import_rows, "CHUNK_ROWS", 7)
    monkeypatch.setattr(import_runs, "CHUNK_ROWS", 7)
    rows = "".join(f"082555{n % 40:04d},P{n}\n" for n in range(100)) + "x,bad\n"
    found = contact_imports.create_import(
        cast.workspace.id, io.BytesIO(f"phone,name\n{rows}".encode()), "people.csv", default_country="ZA"
    )
    real = import_runs._commit_chunk
    done: list[int] = []

    def die_after_five(*args: Any, **kwargs: Any) -> Any:
        if len(done) == 5:
            raise SystemExit
        done.append(1)
        return real(*args, **kwargs)

    monkeypatch.setattr(import_runs, "_commit_chunk", die_after_five)
    with pytest.raises(SystemExit):
        import_runs.run(found.id)
    session.refresh(found)
    assert (found.state, found.next_row, import_runs.rows_done(found)) == (ImportState.RUNNING, 36, 35)
    monkeypatch.setattr(import_runs, "_commit_chunk", real)
    assert import_runs.run(found.id)["state"] == "not due"  # its heart may still beat
    found.heartbeat_at = clock.now() - timedelta(seconds=import_runs.STALE_SECONDS + 1)
    session.commit()
    assert import_runs.list_stuck(session()) == [(found.id, ImportState.RUNNING)]
    assert import_runs.run(found.id)["state"] == "finished"
    session.refresh(found)
    assert (found.state, counts(found)) == (ImportState.DONE, (40, 0, 0, 60, 1))
    assert session.scalar(select(func.count()).select_from(ImportRow)) == 61


def test_a_run_that_was_overtaken_writes_nothing_more(
    cast: Cast, session: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = contact_imports.create_import(cast.workspace.id, io.BytesIO(FILE), "people.csv", default_country="ZA")
    real = import_runs._claim

    def claim_and_lose(import_id: int) -> Any:
        mine = real(import_id)
        taken = session.get(ContactImport, import_id)
        taken.heartbeat_at = clock.now() + timedelta(seconds=1)
        session.commit()
        return mine

    monkeypatch.setattr(import_runs, "_claim", claim_and_lose)
    assert import_runs.run(found.id)["state"] == "taken over"
    assert contacts.count_contacts(cast.workspace.id).total == 0


def test_a_lost_job_is_found_by_the_sweep(
    cast: Cast, session: Any, redis: Any, run_jobs: Callable[..., list[str]]
) -> None:
    found = contact_imports.create_import(cast.workspace.id, io.BytesIO(FILE), "people.csv", default_country="ZA")
    redis.flushall()
    assert contact_imports.sweep_imports()["restarted"] == 1
    assert run_jobs("bulk") == ["run_import"]
    session.refresh(found)
    assert found.state is ImportState.DONE
    assert contact_imports.sweep_imports() == {"restarted": 0, "forgotten": 0}


def test_a_missing_file_fails_in_words(cast: Cast, config: Config) -> None:
    found = contact_imports.create_import(cast.workspace.id, io.BytesIO(FILE), "people.csv", default_country="ZA")
    (config.storage_path / found.storage_key).unlink()
    import_runs.run(found.id)
    found = contact_imports.get_import(cast.workspace.id, found.id)
    assert (found.state, found.reason) == (ImportState.FAILED, "The uploaded file is gone. Upload it again.")


def test_what_nobody_came_back_for_is_forgotten(cast: Cast, session: Any, config: Config) -> None:
    found, fresh = upload(cast), upload(cast)
    found.created_at = clock.now() - timedelta(days=8)
    session.commit()
    key = found.storage_key
    assert contact_imports.sweep_imports()["forgotten"] == 1
    assert key not in stored_files(config)
    assert fresh.storage_key in stored_files(config)
    contact_imports.discard_import(cast.workspace.id, fresh.id)
    assert fresh.storage_key not in stored_files(config)


def test_an_export_can_be_imported_again(cast: Cast, session: Any) -> None:
    contacts.create_contact(
        cast.workspace.id,
        phone="0825550142",
        name="=Naledi",
        tags=["a", "b"],
        attributes={"City": "+2", "Note": 'x, "y"'},
    )
    data = "".join(contact_bulk.export_rows(cast.workspace.id)).encode()
    contacts.delete_contacts(cast.workspace.id, [session.scalar(select(Contact.id))])
    mapping = {
        "phone": "phone",
        "name": "name",
        "email": "email",
        "tags": "tags",
        "City": "attribute:City",
        "Note": "attribute:Note",
    }
    assert counts(go(cast, data, mapping=mapping)) == (1, 0, 0, 0, 0)
    [contact] = contacts.list_contacts(cast.workspace.id).items
    assert (contact.name, contact.attributes) == ("=Naledi", {"City": "+2", "Note": 'x, "y"'})
    assert contacts.tags_of([contact.id])[contact.id] == ["a", "b"]


@pytest.mark.parametrize(
    "name",
    [
        "quoted.csv",
        "unclosed_quote.csv",
        "broken_letter.csv",
        "reasons.csv",
        "semicolon_utf16le.csv",
        "only_phones.csv",
    ],
)
def test_every_row_of_every_golden_file_is_counted(cast: Cast, name: str) -> None:
    data = (GOLDEN / name).read_bytes()
    expected = {
        "quoted.csv": (3, 0, 0, 0, 0),
        "unclosed_quote.csv": (2, 0, 0, 0, 1),
        "broken_letter.csv": (2, 0, 0, 0, 1),
        "reasons.csv": (1, 0, 0, 1, 12),
        "semicolon_utf16le.csv": (3, 0, 0, 0, 0),
        "only_phones.csv": (2, 0, 0, 0, 0),
    }
    assert counts(go(cast, data)) == expected[name]
