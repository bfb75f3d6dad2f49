"""Exports: what is in the files, who may have them, that asking twice makes one, and that nothing is left behind."""

import csv
import io
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import openpyxl
import pytest
from flask import Flask
from sqlalchemy import text

from tests import factories
from tests.cast import Cast
from wotnot import clock
from wotnot.errors import Conflict, Gone, Invalid, NotFound
from wotnot.models import Broadcast, Channel, Export, ExportFormat, ExportKind, ExportState
from wotnot.services import export_runs, exports, housekeeping, reports, storage
from wotnot.services.exports import Wish

RunJobs = Callable[..., list[str]]


@pytest.fixture
def channel(cast: Cast) -> Channel:
    return factories.make_channel(cast.workspace)


@pytest.fixture
def broadcast(cast: Cast, channel: Channel) -> Broadcast:
    """Three people: one read it, one could not be reached, one opted out."""
    found = factories.make_broadcast(cast.workspace, channel, name="Spring offer", state="finished")
    ann, ben, cleo = factories.make_contacts(cast.workspace, 3)
    ann.name = "=Ann"
    moments = {"accepted_at": clock.now(), "delivered_at": clock.now(), "read_at": clock.now()}
    factories.make_message(channel, ann, found, state="read", reached=5, **moments)
    factories.make_message(channel, ben, found, state="failed", reached=1, error_code=131026)
    factories.make_message(channel, cleo, found, state="skipped", skip_reason="opted_out")
    return found


def wish(kind: str, written_as: str = "csv", **filters: object) -> Wish:
    return Wish(ExportKind(kind), ExportFormat(written_as), filters)


def write(cast: Cast, run_jobs: RunJobs, wanted: Wish) -> Export:
    """Ask, and have a worker write it."""
    export = exports.start_export(cast.workspace, wanted, user_id=cast.alice.id)
    assert "build_export" in run_jobs("bulk")
    return exports.get_export(cast.workspace.id, export.id)


def rows_of(export: Export) -> list[dict[str, str]]:
    assert export.state is ExportState.DONE, export.reason
    content = exports.open_file(export).read()
    assert len(content) == export.size_bytes
    found = list(csv.DictReader(io.StringIO(content.decode("utf-8-sig"), newline="")))
    assert len(found) == export.row_count
    return found


def test_the_recipients_of_a_broadcast(cast: Cast, broadcast: Broadcast, run_jobs: RunJobs) -> None:
    export = write(cast, run_jobs, wish("broadcast", broadcast_id=broadcast.id))
    found = rows_of(export)
    assert [row["state"] for row in found] == ["read", "failed", "skipped"]
    assert found[0]["name"] == "'=Ann"
    assert found[0]["phone"].startswith("+")
    assert found[0]["read_at"].endswith("+00:00")
    assert found[1]["reason"] == "Not reachable on WhatsApp"
    assert (export.row_count, export.total_count) == (3, 3)
    assert exports.filename_of(export).startswith("spring-offer-recipients-")


def test_only_those_of_the_list_it_was_asked_from(cast: Cast, broadcast: Broadcast, run_jobs: RunJobs) -> None:
    failed = wish("broadcast", broadcast_id=broadcast.id, view="failed", cause="131026")
    assert [row["error_code"] for row in rows_of(write(cast, run_jobs, failed))] == ["131026"]
    named = wish("broadcast", broadcast_id=broadcast.id, search="Ann")
    assert [row["state"] for row in rows_of(write(cast, run_jobs, named))] == ["read"]


def test_only_those_in_one_country(cast: Cast, channel: Channel, broadcast: Broadcast, run_jobs: RunJobs) -> None:
    for phone in ("12125550001", "14165550001"):
        person = factories.make_contact(cast.workspace, phone=phone)
        factories.make_message(channel, person, broadcast, state="read", reached=5)
    export = write(cast, run_jobs, wish("broadcast", broadcast_id=broadcast.id, country="CA"))
    assert [row["phone"] for row in rows_of(export)] == ["+14165550001"]
    assert exports.filename_of(export).startswith("spring-offer-some-recipients-")
    with pytest.raises(Invalid):
        exports.start_export(
            cast.workspace, wish("broadcast", broadcast_id=broadcast.id, country="XX"), user_id=cast.alice.id
        )


def test_excel_has_the_same_rows(cast: Cast, broadcast: Broadcast, run_jobs: RunJobs) -> None:
    export = write(cast, run_jobs, wish("broadcast", "xlsx", broadcast_id=broadcast.id))
    sheet = openpyxl.load_workbook(io.BytesIO(exports.open_file(export).read())).active
    names = [cell.value for cell in sheet[1]]
    assert "read_at (UTC)" in names
    assert [cell.value for cell in sheet["A"]][1] == "=Ann"
    assert [cell.value for cell in sheet["C"]] == ["state", "read", "failed", "skipped"]


def test_contacts_with_their_own_fields(cast: Cast, run_jobs: RunJobs) -> None:
    factories.make_contact(cast.workspace, name="Naledi", attributes={"City": "Paarl"})
    factories.make_contact(cast.workspace, name="Pieter", consent="opted_out")
    assert [row["City"] for row in rows_of(write(cast, run_jobs, wish("contacts")))] == ["Paarl", ""]
    gone = write(cast, run_jobs, wish("contacts", consent="opted_out"))
    assert [row["name"] for row in rows_of(gone)] == ["Pieter"]


def test_messages_of_some_days(
    cast: Cast, broadcast: Broadcast, channel: Channel, run_jobs: RunJobs, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Windows of ids that hold nothing, or more than a batch, lose nothing."""
    monkeypatch.setattr("wotnot.services.export_sources.WINDOW", 2)
    monkeypatch.setattr("wotnot.services.export_sources.BATCH", 1)
    today = reports.today_in(cast.workspace)
    person = factories.make_contact(cast.workspace, name="Naledi")
    factories.make_inbound(channel, person, "Where is it?", day=today)
    factories.make_message(channel, person, day=today - timedelta(days=40))
    factories.make_inbound(factories.make_channel(cast.other_workspace), factories.make_contact(cast.other_workspace))
    export = write(cast, run_jobs, wish("messages", first=today, last=today))
    found = rows_of(export)
    assert [row["direction"] for row in found] == ["out", "out", "out", "in"]
    assert (found[3]["text"], found[3]["name"]) == ("Where is it?", "Naledi")
    assert found[0]["broadcast"] == "Spring offer"
    assert export.total_count == 4


def test_costs_by_day(cast: Cast, broadcast: Broadcast, channel: Channel, run_jobs: RunJobs) -> None:
    today = reports.today_in(cast.workspace)
    factories.make_cost(channel, 1_250_000, broadcast, day=today)
    factories.make_cost(channel, 750_000, broadcast, day=today)
    factories.make_cost(channel, None, day=today - timedelta(days=35))
    found = rows_of(write(cast, run_jobs, wish("costs", first=today - timedelta(days=40), last=today)))
    assert [(row["messages"], row["cost"], row["without_price"]) for row in found] == [
        ("1", "0.000000", "1"),
        ("2", "2.000000", "0"),
    ]
    assert found[1]["broadcast"] == "Spring offer"


def test_a_file_of_many_parts_reads_as_one(cast: Cast, run_jobs: RunJobs, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("wotnot.services.export_runs.PART_ROWS", 10)
    monkeypatch.setattr("wotnot.services.contact_bulk._EXPORT_BATCH", 7)
    factories.make_contacts(cast.workspace, 50)
    export = write(cast, run_jobs, wish("contacts"))
    assert len(export.parts) > 3
    whole = exports.open_file(export).read()
    assert len(rows_of(export)) == 50
    file = exports.open_file(export)
    for start in (0, 1, len(whole) // 3, len(whole) - 5, len(whole)):
        file.seek(start)
        assert file.read(700) == whole[start : start + 700]


def test_asking_twice_writes_one(cast: Cast, broadcast: Broadcast, run_jobs: RunJobs) -> None:
    wanted = wish("broadcast", broadcast_id=broadcast.id)
    first = exports.start_export(cast.workspace, wanted, user_id=cast.alice.id)
    again = exports.start_export(cast.workspace, wanted, user_id=cast.alice.id)
    others = exports.start_export(cast.workspace, wanted, user_id=cast.bob.id)
    assert first.id == again.id != others.id
    run_jobs("bulk")
    assert exports.start_export(cast.workspace, wanted, user_id=cast.alice.id).id != first.id


def test_there_is_an_end_to_asking(cast: Cast) -> None:
    for n in range(exports.MOST_AT_ONCE):
        exports.start_export(cast.workspace, wish("contacts", search=f"person {n}"), user_id=cast.alice.id)
    with pytest.raises(Conflict):
        exports.start_export(cast.workspace, wish("contacts"), user_id=cast.alice.id)
    assert exports.start_export(cast.other_workspace, wish("contacts"), user_id=cast.charlie.id)


def test_what_makes_no_sense_is_refused(cast: Cast, broadcast: Broadcast) -> None:
    for wanted in (
        wish("broadcast"),
        wish("broadcast", broadcast_id=broadcast.id, view="nonsense"),
        wish("contacts", consent="perhaps"),
        wish("costs", first=reports.today_in(cast.workspace), last=reports.today_in(cast.workspace) - timedelta(1)),
    ):
        with pytest.raises(Invalid):
            exports.start_export(cast.workspace, wanted, user_id=cast.alice.id)


def test_a_stranger_finds_nothing(cast: Cast, broadcast: Broadcast) -> None:
    export = exports.start_export(cast.workspace, wish("contacts"), user_id=cast.alice.id)
    with pytest.raises(NotFound):
        exports.get_export(cast.other_workspace.id, export.id)
    with pytest.raises(NotFound):
        exports.get_export(cast.workspace.id, export.id, user_id=cast.bob.id)
    with pytest.raises(NotFound):
        exports.start_export(
            cast.other_workspace, wish("broadcast", broadcast_id=broadcast.id), user_id=cast.charlie.id
        )
    assert exports.list_exports(cast.workspace.id, user_id=cast.bob.id).items == []


def test_a_second_run_changes_nothing(cast: Cast, broadcast: Broadcast, run_jobs: RunJobs) -> None:
    export = write(cast, run_jobs, wish("broadcast", broadcast_id=broadcast.id))
    parts = [list(part) for part in export.parts]
    assert export_runs.run(export.id)["state"] == "not due"
    assert exports.get_export(cast.workspace.id, export.id).parts == parts


def test_a_lost_job_is_found(cast: Cast, broadcast: Broadcast, run_jobs: RunJobs, redis: Any) -> None:
    export = exports.start_export(cast.workspace, wish("broadcast", broadcast_id=broadcast.id), user_id=cast.alice.id)
    redis.flushall()
    assert exports.sweep_exports() == {"started": 1}
    run_jobs("bulk")
    assert exports.get_export(cast.workspace.id, export.id).state is ExportState.DONE
    assert exports.sweep_exports() == {"started": 0}


def test_what_is_past_its_time_goes_with_its_file(app: Flask, cast: Cast, run_jobs: RunJobs, session: Any) -> None:
    factories.make_contact(cast.workspace)
    export = write(cast, run_jobs, wish("contacts"))
    kept = storage.storage_for(app.extensions["wotnot.config"])
    key, export_id = export.parts[0][0], export.id
    assert housekeeping.purge_expired()["exports"] == 0
    session.execute(text("UPDATE exports SET expires_at = now() - interval '1 second'"))
    assert housekeeping.purge_expired()["exports"] == 1
    assert housekeeping.purge_expired()["exports"] == 0
    with pytest.raises(Gone, match="Make it anew"):
        exports.get_export(cast.workspace.id, export_id)
    with pytest.raises(NotFound):
        exports.get_export(cast.other_workspace.id, export_id)
    with pytest.raises(NotFound):
        exports.get_export(cast.workspace.id, export_id, user_id=cast.bob.id)
    with pytest.raises(storage.MissingFileError):
        kept.open(key)
    assert exports.list_exports(cast.workspace.id).items == []


def test_that_it_was_there_is_remembered_for_a_while_and_whom_it_was_about_is_not(
    cast: Cast, run_jobs: RunJobs, session: Any
) -> None:
    export_id = write(cast, run_jobs, wish("contacts", search="+27 82 555 0140")).id
    session.execute(text("UPDATE exports SET expires_at = now() - interval '1 second'"))
    exports.purge_exports()
    row = session.get(Export, export_id, populate_existing=True)
    assert (row.filters, row.parts, row.place) == ({}, [], {})
    session.execute(text("UPDATE exports SET deleted_at = now() - interval '91 days'"))
    exports.purge_exports()
    with pytest.raises(NotFound):
        exports.get_export(cast.workspace.id, export_id)


def test_what_is_still_being_written_when_its_time_is_over_stops(
    cast: Cast, broadcast: Broadcast, session: Any
) -> None:
    export = exports.start_export(cast.workspace, wish("broadcast", broadcast_id=broadcast.id), user_id=cast.alice.id)
    claimed = export_runs._claim(export.id)
    assert claimed is not None
    session.execute(text("UPDATE exports SET expires_at = now() - interval '1 second'"))
    assert exports.purge_exports() == 1
    with pytest.raises(export_runs._LostClaimError):
        export_runs._work(claimed)
    assert exports.sweep_exports() == {"started": 0}


def test_deleting_it_stops_the_writing(
    app: Flask, cast: Cast, broadcast: Broadcast, monkeypatch: pytest.MonkeyPatch
) -> None:
    export = exports.start_export(cast.workspace, wish("broadcast", broadcast_id=broadcast.id), user_id=cast.alice.id)
    claimed = export_runs._claim(export.id)
    assert claimed is not None
    exports.delete_export(cast.workspace.id, export.id)
    with pytest.raises(export_runs._LostClaimError):
        export_runs._work(claimed)
    kept = storage.storage_for(app.extensions["wotnot.config"])
    for key, _ in claimed.parts:
        with pytest.raises(storage.MissingFileError):
            kept.open(key)
