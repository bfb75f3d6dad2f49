"""The contact and import pages as a person uses them; every page is inspected by the client."""

import io
from collections.abc import Callable
from typing import Any

import pytest

from tests import factories
from tests.cast import Cast
from tests.client import Client
from wotnot.config import Config
from wotnot.models import Consent, ContactImport, ImportState
from wotnot.services import contact_imports, contacts

FILE = b"""Cell;Name;Surname;Mail;Town
0825550142;Naledi;Mokoena;naledi@example.com;Paarl
0825550143;Pieter;van Wyk;pieter@@example;
;Nobody;;;
0825550142;Again;;;
0825550144;=Zanele;<b>Dube</b>;;
"""


@pytest.fixture
def alice(client: Client, cast: Cast) -> Client:
    client.sign_in(cast.alice)
    return client


def page_of(client: Client, path: str, status: int = 200) -> str:
    response = client.get(path)
    assert response.status_code == status, (path, response.status_code)
    return response.get_data(as_text=True)


def send_file(client: Client, data: bytes = FILE, name: str = "november.csv", path: str = "/app/imports/new") -> Any:
    return client.submit(path, page="/app/imports/new", file=(io.BytesIO(data), name))


def test_an_empty_list_says_what_to_do_next(alice: Client) -> None:
    page = page_of(alice, "/app/contacts")
    assert "No contacts yet" in page
    assert "/app/imports/new" in page


def test_add_edit_and_delete(alice: Client, cast: Cast) -> None:
    typed = {
        "phone": "082 555 0142",
        "name": "Naledi",
        "tags": "VIP, shop",
        "attribute_name": ["City", ""],
        "attribute_value": ["Paarl", ""],
    }
    answer = alice.submit("/app/contacts/new", **typed)
    assert answer.status_code == 303
    path = answer.headers["Location"]
    page = page_of(alice, path)
    for words in ("Naledi", "+27 82 555 0142", "VIP", "shop", "City", "Paarl"):
        assert words in page
    assert "082 555 0142" in page_of(alice, f"{path}/edit").replace("+27 82", "082")
    assert alice.submit(f"{path}/edit", **typed | {"name": "Naledi M.", "tags": ""}).status_code == 303
    assert "Naledi M." in page_of(alice, path)
    assert alice.submit(f"{path}/delete", page=path).status_code == 303
    page_of(alice, path, 404)


def test_a_wrong_form_loses_nothing_and_says_where(alice: Client, cast: Cast) -> None:
    typed = {"phone": "12", "name": "Naledi", "email": "a@@b", "attribute_name": "City", "attribute_value": "Paarl"}
    answer = alice.submit("/app/contacts/new", **typed)
    page = answer.get_data(as_text=True)
    assert answer.status_code == 422
    for words in ("Too short for South Africa", "This is not an e-mail address", "Naledi", "a@@b", "Paarl"):
        assert words in page
    known = factories.make_contact(cast.workspace, phone="27825550142")
    page = alice.submit("/app/contacts/new", phone="0825550142").get_data(as_text=True)
    assert f"/app/contacts/{known.id}" in page


def test_the_list_searches_filters_and_pages(alice: Client, cast: Cast) -> None:
    people = factories.make_contacts(cast.workspace, 55)
    factories.tag_contact(people[0], factories.make_tag(cast.workspace, "VIP"))
    factories.make_contact(cast.workspace, name="Gone", consent=Consent.OPTED_OUT)
    page = page_of(alice, "/app/contacts")
    assert "56 contacts, 1 opted out" in page
    assert "Showing 40 of 56" in page
    assert "Opted out" in page
    assert people[0].name in page_of(alice, "/app/contacts?tag=VIP")
    assert "Nobody matches" in page_of(alice, "/app/contacts?search=nobody+like+this")
    assert "Gone" in page_of(alice, "/app/contacts?consent=opted_out")
    fragment = alice.fragment("/app/contacts?search=gone").get_data(as_text=True)
    assert "<html" not in fragment
    assert "Gone" in fragment


def test_bulk_acts_are_safe_to_repeat(alice: Client, cast: Cast, session: Any) -> None:
    people = factories.make_contacts(cast.workspace, 3)
    ids = [person.id for person in people]
    stranger = factories.make_contact(cast.other_workspace)

    def act(name: str, **fields: Any) -> str:
        chosen = [*map(str, ids), str(stranger.id), "nonsense"]
        answer = alice.submit(
            "/app/contacts/bulk", page="/app/contacts", act=name, id=chosen, keep_search="Contact", **fields
        )
        assert answer.headers["Location"] == "/app/contacts?search=Contact"
        return page_of(alice, "/app/contacts")

    assert "3 people tagged “VIP”." in act("tag", tag="VIP")
    assert "have the tag “VIP” already" in act("tag", tag="VIP")
    assert "off 3 people" in act("untag", tag="vip")
    assert "Enter a tag" in act("tag", tag=" ")
    assert "3 people opted out." in act("opt_out")
    assert "They have all opted out already" in act("opt_out")
    assert "3 people deleted" in act("delete")
    assert "They are deleted already" in act("delete")
    session.expire_all()
    assert contacts.get_contact(cast.other_workspace.id, stranger.id).consent is Consent.UNKNOWN
    answer = alice.submit("/app/contacts/bulk", page="/app/contacts", act="tag", tag="VIP")
    assert answer.status_code == 303
    assert "Nobody is selected" in page_of(alice, "/app/contacts")


def test_consent_is_changed_by_hand_with_proof(alice: Client, cast: Cast) -> None:
    contact = factories.make_contact(cast.workspace)
    path = f"/app/contacts/{contact.id}"
    alice.submit(f"{path}/consent", page=path, consent="opted_out")
    assert "Opt in again" in page_of(alice, path)
    alice.submit(f"{path}/consent", page=path, consent="opted_in")
    assert "Say where they agreed" in page_of(alice, path)
    alice.submit(f"{path}/consent", page=path, consent="opted_in", note="Asked at the till")
    page = page_of(alice, path)
    assert "Asked at the till" in page
    assert alice.submit(f"{path}/consent", page=path, consent="perhaps").status_code == 422


def test_tags_on_the_page_of_a_person(alice: Client, cast: Cast) -> None:
    contact = factories.make_contact(cast.workspace)
    path = f"/app/contacts/{contact.id}"
    alice.submit(f"{path}/tags", page=path, tag="VIP")
    assert contacts.tags_of([contact.id])[contact.id] == ["VIP"]
    token = alice.csrf_token(path)
    fragment = alice.post(f"{path}/tags", data={"remove": "VIP"}, headers={"HX-Request": "true", "X-CSRFToken": token})
    assert fragment.status_code == 200
    assert contacts.tags_of([contact.id])[contact.id] == []


def test_a_merge_is_shown_and_undone(alice: Client, cast: Cast) -> None:
    kept = factories.make_contact(cast.workspace, name="Naledi")
    gone = factories.make_contact(cast.workspace, phone=None, wa_user_id="ZA.7001", name="Nal")
    merge = factories.make_merge(kept, gone)
    page = f"/app/contacts/{kept.id}"
    assert "Merged with" in alice.get(page).text
    address = f"{page}/merges/{merge.id}/undo"
    answer = alice.submit(address, page=page)
    assert answer.location == f"/app/contacts/{gone.id}"
    assert "two contacts again" in alice.get(answer.location).text
    assert "Merged with" not in alice.get(page).text
    assert alice.submit(address, page=page).location == f"/app/contacts/{gone.id}"


def test_an_agent_sees_and_edits_but_cannot_import_export_or_delete(client: Client, cast: Cast) -> None:
    contact = factories.make_contact(cast.workspace)
    client.sign_in(cast.bob)
    page = page_of(client, "/app/contacts")
    assert "/app/imports/new" not in page
    path = f"/app/contacts/{contact.id}"
    assert client.submit(f"{path}/edit", phone=f"+{contact.phone}", name="Bob").status_code == 303
    assert client.submit(f"{path}/delete", page=path).status_code == 403
    assert (
        client.submit("/app/contacts/bulk", page="/app/contacts", act="delete", id=str(contact.id)).status_code == 403
    )
    for forbidden in ("/app/imports/new", "/app/contacts/export.csv"):
        page_of(client, forbidden, 403)
    assert contacts.get_contact(cast.workspace.id, contact.id)


def test_a_stranger_gets_404(client: Client, cast: Cast) -> None:
    contact, found = factories.make_contact(cast.workspace), factories.make_import(cast.workspace)
    client.sign_in(cast.charlie)
    for path in (
        f"/app/contacts/{contact.id}",
        f"/app/contacts/{contact.id}/edit",
        f"/app/imports/{found.id}",
        f"/app/imports/{found.id}/columns",
        f"/app/imports/{found.id}/check",
        f"/app/imports/{found.id}/errors.csv",
    ):
        page_of(client, path, 404)
    for path in (
        f"/app/contacts/{contact.id}/edit",
        f"/app/contacts/{contact.id}/delete",
        f"/app/contacts/{contact.id}/tags",
        f"/app/contacts/{contact.id}/consent",
        f"/app/imports/{found.id}/columns",
        f"/app/imports/{found.id}/read",
        f"/app/imports/{found.id}/start",
        f"/app/imports/{found.id}/discard",
    ):
        data = {"consent": "opted_out", "phone": "1", "tag": "x"}
        assert client.submit(path, page="/app/contacts", **data).status_code == 404, path


def test_the_whole_way_of_a_file(alice: Client, cast: Cast, run_jobs: Callable[..., list[str]]) -> None:
    answer = send_file(alice)
    assert answer.status_code == 303
    columns = answer.headers["Location"]
    page = page_of(alice, columns)
    for words in ("Match your columns", "november.csv", "5 rows", "semicolons, UTF-8", "082555014", "Check 5 rows"):
        assert words.replace("082555014", "0825550142") in page
    base = columns.removesuffix("/columns")
    chosen = {
        "target-0": "phone",
        "target-1": "first_name",
        "target-2": "last_name",
        "target-3": "email",
        "target-4": "new",
    }
    options = {"new-4": "City", "default_country": "ZA", "on_duplicate": "fill", "tags": "november"}
    wrong = alice.submit(columns, **chosen | options | {"target-0": "", "target-3": "first_name"})
    assert wrong.status_code == 422
    assert "No column holds the phone number" in wrong.get_data(as_text=True)
    answer = alice.submit(columns, **chosen | options)
    assert answer.headers["Location"] == f"{base}/check"
    assert "Checking every row" in page_of(alice, f"{base}/check")
    assert alice.get(base).headers["Location"] == f"{base}/check"
    assert run_jobs("bulk") == ["check_import"]
    page = page_of(alice, f"{base}/check")
    for words in (
        "2 people are ready, 2 rows need a fix",
        "fix 1 e-mail address",
        "enter a phone number in 1 row",
        "Import 2 people",
    ):
        assert words in page
    assert "The same number as in row 2" in page_of(alice, f"{base}/check?show=twice")
    for show in ("ready", "fix", "known", "out", "nonsense"):
        assert alice.fragment(f"{base}/check?show={show}").status_code == 200
    assert alice.submit(f"{base}/start", page=f"{base}/check").headers["Location"] == base
    assert "Waiting for its turn" in page_of(alice, base)
    token = alice.csrf_token(base)
    assert alice.post(f"{base}/start", data={"csrf_token": token}).headers["Location"] == base
    assert run_jobs("bulk") == ["run_import"]
    page = page_of(alice, base)
    for words in ("2 people were added", "Download 3 rows with reasons", "/app/contacts?tag=november"):
        assert words in page
    errors = alice.get(f"{base}/errors.csv")
    assert errors.mimetype == "text/csv"
    assert "Not an e-mail address" in errors.get_data(as_text=True)
    assert alice.get(columns).headers["Location"] == base
    people = page_of(alice, "/app/contacts?tag=november")
    assert "=Zanele &lt;b&gt;Dube&lt;/b&gt;" in people
    assert "november.csv" in page_of(alice, "/app/imports/new")


def test_a_file_for_a_broadcast_leads_back_to_it(alice: Client, cast: Cast, run_jobs: Callable[..., list[str]]) -> None:
    broadcast = factories.make_broadcast(cast.workspace)
    answer = send_file(alice, path=f"/app/imports/new?broadcast={broadcast.id}")
    columns = answer.headers["Location"]
    assert columns.endswith(f"/columns?broadcast={broadcast.id}")
    assert 'value="november"' in page_of(alice, columns)
    base = columns.partition("/columns")[0]
    chosen = {
        "target-0": "phone",
        "target-1": "name",
        "default_country": "ZA",
        "on_duplicate": "fill",
        "tags": "november",
    }
    checked = alice.submit(columns, **chosen).headers["Location"]
    run_jobs("bulk")
    started = alice.submit(f"{base}/start?broadcast={broadcast.id}", page=checked).headers["Location"]
    run_jobs("bulk")
    assert f"/app/broadcasts/{broadcast.id}/audience?tag=november" in page_of(alice, started)


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"", "The file is empty"),
        (b"PK\x03\x04" + bytes(300), "Excel workbook"),
        (b"<html><body>", "a web page"),
        (b"phone,name\n", "no rows under them"),
    ],
)
def test_what_is_no_list_is_answered_on_the_page(
    alice: Client, cast: Cast, config: Config, data: bytes, words: str
) -> None:
    answer = send_file(alice, data)
    assert answer.status_code == 422
    assert words in answer.get_data(as_text=True)
    assert contact_imports.list_imports(cast.workspace.id) == []


def test_no_file_and_too_large_a_file(alice: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    answer = alice.submit("/app/imports/new")
    assert (answer.status_code, "Choose a file first" in answer.get_data(as_text=True)) == (422, True)
    monkeypatch.setattr(contact_imports, "MAX_BYTES", 10)
    answer = send_file(alice)
    assert (answer.status_code, "larger than" in answer.get_data(as_text=True)) == (413, True)


def test_reading_the_file_another_way_and_throwing_it_away(
    alice: Client, cast: Cast, config: Config, session: Any
) -> None:
    columns = send_file(alice).headers["Location"]
    base = columns.removesuffix("/columns")
    alice.submit(f"{base}/read", page=columns, delimiter="0", encoding="utf-8")
    assert "Column 1" in page_of(alice, columns)
    alice.submit(f"{base}/read", page=columns, delimiter="9", encoding="utf-8")
    assert "Choose one of the listed ways" in page_of(alice, columns)
    assert alice.submit(f"{base}/discard", page=columns).status_code == 303
    page_of(alice, columns, 404)


@pytest.mark.parametrize("state", list(ImportState))
def test_every_state_has_its_page(alice: Client, cast: Cast, state: ImportState) -> None:
    dialect = {
        "delimiter": ",",
        "encoding": "utf-8",
        "has_header": True,
        "columns": ["phone"],
        "samples": [["0825550142"]],
    }
    found: ContactImport = factories.make_import(
        cast.workspace, state=state, dialect=dialect, mapping={"targets": ["phone"]}, row_count=1, reason="Words."
    )
    for page in ("", "/columns", "/check"):
        answer = alice.get(f"/app/imports/{found.id}{page}", follow_redirects=True)
        assert answer.status_code == 200, (state, page)
