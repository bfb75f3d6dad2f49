"""The pages and the API of exports: asking, following, downloading in parts, and who may have what."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from flask import Flask

from tests import factories
from tests.cast import Cast
from tests.client import Client
from wotnot import clock
from wotnot.models import Export
from wotnot.services import exports

RunJobs = Callable[..., list[str]]


@pytest.fixture
def member(cast: Cast, client: Client) -> Client:
    client.sign_in(cast.alice)
    return client


def text_of(client: Client, path: str, status: int = 200) -> str:
    answer = client.get(path)
    assert answer.status_code == status
    return answer.get_data(as_text=True)


def test_a_form_becomes_a_file(cast: Cast, member: Client, run_jobs: RunJobs) -> None:
    factories.make_contact(cast.workspace, name="Naledi")
    assert "No files yet" in text_of(member, "/app/exports")
    answer = member.submit("/app/exports", kind="contacts", format="csv")
    assert answer.status_code == 303
    page = text_of(member, answer.location)
    assert "It waits for its turn" in page
    assert 'data-live="export:' in page
    run_jobs("bulk")
    assert "1 row is ready" in text_of(member, answer.location)
    file = member.get(f"{answer.location}/file")
    assert file.mimetype == "text/csv"
    assert "Naledi" in file.get_data(as_text=True)
    assert "attachment" in file.headers["Content-Disposition"]
    assert "Contacts" in text_of(member, "/app/exports")


def test_a_download_that_broke_off_goes_on(cast: Cast, member: Client) -> None:
    export = factories.make_export(cast.workspace, cast.alice, b"0123456789" * 1000)
    path = f"/app/exports/{export.id}/file"
    whole = member.get(path)
    part = member.get(path, headers={"Range": "bytes=9990-", "If-Range": whole.headers["ETag"]})
    assert (part.status_code, part.data) == (206, b"0123456789")
    assert part.headers["Content-Range"] == "bytes 9990-9999/10000"
    assert member.get(path, headers={"Range": "bytes=20000-"}).status_code == 416
    assert member.head(path).content_length == 10_000


def test_what_is_wrong_is_said_and_nothing_typed_is_lost(member: Client) -> None:
    answer = member.submit("/app/exports", kind="costs", **{"from": "2026-11-20", "to": "2026-11-01"})
    assert answer.status_code == 422
    page = answer.get_data(as_text=True)
    assert "The first day must not be after the last." in page
    assert 'value="2026-11-20"' in page
    assert "such as 2026-11-26" in member.submit("/app/exports", kind="costs", **{"from": "soon"}).get_data(
        as_text=True
    )
    assert member.submit("/app/exports", kind="everything").status_code == 422


def test_too_many_at_once_is_said(cast: Cast, member: Client) -> None:
    for n in range(exports.MOST_AT_ONCE):
        assert member.submit("/app/exports", kind="contacts", search=f"p{n}").location.startswith("/app/exports/")
    assert member.submit("/app/exports", kind="contacts").location == "/app/exports"
    assert "are being written already" in text_of(member, "/app/exports")


def test_agents_have_what_their_pages_show(cast: Cast, client: Client) -> None:
    mine = factories.make_export(cast.workspace, cast.bob)
    hers = factories.make_export(cast.workspace, cast.alice)
    broadcast = factories.make_broadcast(cast.workspace)
    client.sign_in(cast.bob)
    assert client.submit("/app/exports", kind="broadcast", broadcast_id=broadcast.id).status_code == 303
    for kind in ("contacts", "messages"):
        assert client.submit("/app/exports", kind=kind).status_code == 403
    page = text_of(client, "/app/exports")
    assert f"/app/exports/{mine.id}" in page
    assert f"/app/exports/{hers.id}" not in page
    assert 'value="contacts"' not in page
    text_of(client, f"/app/exports/{hers.id}", 404)
    text_of(client, f"/app/exports/{hers.id}/file", 404)
    assert client.submit(f"/app/exports/{hers.id}/delete", page="/app/exports").status_code == 404


def test_somebody_whose_role_was_taken_away_no_longer_gets_the_file(cast: Cast, client: Client) -> None:
    export = factories.make_export(cast.workspace, cast.bob, kind="contacts")
    client.sign_in(cast.bob)
    text_of(client, f"/app/exports/{export.id}/file", 403)


def test_deleting_one(cast: Cast, member: Client, session: Any) -> None:
    export_id = factories.make_export(cast.workspace, cast.alice).id
    answer = member.submit(f"/app/exports/{export_id}/delete", page="/app/exports")
    assert answer.status_code == 303
    assert session.get(Export, export_id, populate_existing=True) is None


def test_one_whose_time_is_over_is_gone_and_says_so(app: Flask, cast: Cast, member: Client) -> None:
    """For whom it was made; a stranger learns no more than of an id that never was."""
    over = factories.make_export(cast.workspace, cast.alice, expires_at=clock.now() - timedelta(hours=1))
    exports.purge_exports()
    for path in (f"/app/exports/{over.id}", f"/app/exports/{over.id}/file"):
        page = text_of(member, path, 410)
        assert f"This file was deleted on {clock.now():%-d %B %Y}" in page
        assert 'href="/app/exports"' in page
    assert member.submit(f"/app/exports/{over.id}/delete", page="/app/exports").status_code == 410
    assert "No files yet" in text_of(member, "/app/exports")
    text_of(member, f"/app/exports/{over.id + 1000}", 404)
    stranger = app.test_client()
    stranger.sign_in(cast.charlie)
    text_of(stranger, f"/app/exports/{over.id}", 404)


def test_the_api_says_what_is_gone(cast: Cast, client: Client) -> None:
    over = factories.make_export(cast.workspace, cast.alice, expires_at=clock.now() - timedelta(hours=1))
    exports.purge_exports()
    alice, charlie = client.api(cast.alice), client.api(cast.charlie)
    for method, path in (("GET", ""), ("GET", "/file"), ("DELETE", "")):
        answer = alice.call(method, f"/exports/{over.id}{path}")
        assert (answer.status_code, answer.mimetype) == (410, "application/problem+json")
        problem = answer.get_json()
        assert (problem["status"], problem["code"], problem["type"]) == (410, "gone", "about:blank")
        assert "Make it anew." in problem["detail"]
        assert problem["deleted_at"][:4] == f"{clock.now():%Y}"
        assert charlie.call(method, f"/exports/{over.id}{path}").status_code == 404
        assert alice.call(method, f"/exports/{over.id + 1000}{path}").status_code == 404


def test_lists_offer_themselves_as_files(cast: Cast, member: Client) -> None:
    """A short one as CSV at once, everything else through a job, with the filters of the list."""
    broadcast = factories.make_broadcast(cast.workspace, state="finished")
    factories.make_message(factories.make_channel(cast.workspace), factories.make_contact(cast.workspace), broadcast)
    page = text_of(member, f"/app/broadcasts/{broadcast.id}")
    assert f'href="/app/broadcasts/{broadcast.id}/report.csv"' in page
    assert 'name="format" value="xlsx"' in page
    narrowed = text_of(member, f"/app/broadcasts/{broadcast.id}?state=failed")
    assert "report.csv" not in narrowed
    assert 'name="view" value="failed"' in narrowed
    assert "/app/contacts/export.csv" in text_of(member, "/app/contacts")


def test_the_api_writes_and_hands_out(cast: Cast, client: Client, run_jobs: RunJobs) -> None:
    factories.make_contact(cast.workspace, name="Naledi")
    api = client.api(cast.alice)
    made = api.post("/exports", {"kind": "contacts", "format": "xlsx"})
    assert made.status_code == 202
    found = made.get_json()
    assert (found["state"], found["rows"]) == ("queued", 0)
    assert api.get(f"/exports/{found['id']}/file").status_code == 404
    run_jobs("bulk")
    done = api.get(f"/exports/{found['id']}").get_json()
    assert (done["state"], done["rows"], done["total"]) == ("done", 1, 1)
    file = api.get(f"/exports/{found['id']}/file", headers={"Range": "bytes=0-1"})
    assert (file.status_code, file.data) == (206, b"PK")
    assert [one["id"] for one in api.get("/exports").get_json()["items"]] == [found["id"]]
    assert api.delete(f"/exports/{found['id']}").status_code == 204
    assert api.get(f"/exports/{found['id']}").status_code == 404


def test_the_api_says_what_is_wrong(cast: Cast, client: Client) -> None:
    api = client.api(cast.alice)
    assert api.post("/exports", {"kind": "broadcast"}).get_json()["errors"] == {
        "broadcast_id": ["Say of which broadcast."]
    }
    assert api.post("/exports", {"kind": "contacts", "colour": "red"}).status_code == 422
    assert client.api(cast.bob).post("/exports", {"kind": "messages"}).status_code == 403
