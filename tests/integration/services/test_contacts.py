"""Contacts, tags and consent, one at a time and many at once."""

from typing import Any

import pytest
from sqlalchemy import func, select

from tests import factories
from tests.cast import Cast
from wotnot.errors import Conflict, Invalid, NotFound
from wotnot.models import Consent, Contact, Message, MessageState, Tag
from wotnot.services import consent, contact_bulk, contact_lists, contacts


def make(cast: Cast, **fields: Any) -> Contact:
    return contacts.create_contact(cast.workspace.id, **{"phone": "082 555 0142", "name": "Naledi"} | fields)


def test_a_new_contact_is_stored_clean(cast: Cast) -> None:
    contact = make(
        cast,
        name=" Naledi \n Mokoena ",
        email="N@Example.com",
        tags=["VIP", "vip", " "],
        attributes={"City": " Paarl ", "x": ""},
    )
    assert (contact.phone, contact.name, contact.email) == ("27825550142", "Naledi Mokoena", "N@example.com")
    assert contact.attributes == {"City": "Paarl"}
    assert contacts.tags_of([contact.id]) == {contact.id: ["VIP"]}
    assert contacts.find_contact_by_phone(cast.workspace.id, "+27825550142") == contact


def test_a_known_number_is_refused_with_the_contact_it_belongs_to(cast: Cast) -> None:
    first = make(cast)
    with pytest.raises(Conflict) as refused:
        make(cast, phone="+27 82 555 0142", name="Somebody else")
    assert refused.value.extra == {"contact_id": first.id}
    assert make(cast, phone="+27 82 555 0143").id != first.id


def test_the_same_number_may_be_in_another_workspace(cast: Cast) -> None:
    make(cast)
    other = contacts.create_contact(cast.other_workspace.id, phone="+27825550142")
    assert other.workspace_id == cast.other_workspace.id


@pytest.mark.parametrize(
    ("fields", "field"),
    [
        ({"phone": ""}, "phone"),
        ({"phone": "2,78255E+10"}, "phone"),
        ({"email": "a@@b"}, "email"),
        ({"name": "x" * 201}, "name"),
        ({"tags": ["x" * 61]}, "tags"),
        ({"tags": [f"t{n}" for n in range(51)]}, "tags"),
        ({"attributes": {"City": "x" * 1001}}, "attributes"),
        ({"attributes": {"": "Paarl"}}, "attributes"),
        ({"attributes": {"Name": "Paarl"}}, "attributes"),
        ({"attributes": {"City": ["Paarl"]}}, "attributes"),
        ({"attributes": {str(n): "x" for n in range(51)}}, "attributes"),
    ],
)
def test_fields_that_cannot_be_taken(cast: Cast, session: Any, fields: dict[str, Any], field: str) -> None:
    with pytest.raises(Invalid) as refused:
        make(cast, **fields)
    assert list(refused.value.errors) == [field]
    assert session.scalar(select(func.count()).select_from(Contact)) == 0


def test_an_update_changes_only_what_is_given(cast: Cast) -> None:
    contact = make(cast, email="n@example.com", tags=["VIP", "shop"], attributes={"City": "Paarl"})
    contacts.update_contact(cast.workspace.id, contact.id, name="Naledi M.")
    assert (contact.name, contact.email, contact.attributes) == ("Naledi M.", "n@example.com", {"City": "Paarl"})
    contacts.update_contact(cast.workspace.id, contact.id, tags=["shop", "new"], attributes={}, phone="+442079460018")
    assert contacts.tags_of([contact.id])[contact.id] == ["new", "shop"]
    assert (contact.attributes, contact.phone) == ({}, "442079460018")


def test_an_update_cannot_take_somebody_elses_number(cast: Cast) -> None:
    make(cast)
    other = make(cast, phone="+27825550143")
    with pytest.raises(Conflict):
        contacts.update_contact(cast.workspace.id, other.id, phone="082 555 0142")


def test_a_stranger_finds_nothing(cast: Cast) -> None:
    contact = make(cast, tags=["VIP"])
    stranger = cast.other_workspace.id
    for act in (
        lambda: contacts.get_contact(stranger, contact.id),
        lambda: contacts.update_contact(stranger, contact.id, name="Mine now"),
        lambda: contacts.delete_contact(stranger, contact.id),
    ):
        with pytest.raises(NotFound):
            act()
    assert contacts.delete_contacts(stranger, [contact.id]) == 0
    assert contact_bulk.tag_contacts(stranger, [contact.id], "mine") == 0
    assert contact_bulk.untag_contacts(stranger, [contact.id], "VIP") == 0
    assert consent.record_consent(stranger, [contact.id], Consent.OPTED_OUT, source="person") == []
    assert contacts.list_contacts(stranger).items == []
    assert contacts.find_contact_by_phone(stranger, "27825550142") is None
    assert list(contact_bulk.export_rows(stranger))[-1].count("\n") == 1
    assert (contact.name, contact.consent, contacts.tags_of([contact.id])) == (
        "Naledi",
        Consent.UNKNOWN,
        {contact.id: ["VIP"]},
    )


def test_deleting_skips_what_waits_and_keeps_what_was_sent(cast: Cast, session: Any) -> None:
    contact, channel = factories.make_contact(cast.workspace), factories.make_channel(cast.workspace)
    waiting = factories.make_message(channel, contact, state=MessageState.QUEUED)
    sent = factories.make_message(channel, contact, state=MessageState.DELIVERED)
    contacts.delete_contact(cast.workspace.id, contact.id)
    session.expire_all()
    states = dict(session.execute(select(Message.id, Message.state)).all())
    assert states == {waiting.id: MessageState.SKIPPED, sent.id: MessageState.DELIVERED}
    assert session.get(Message, waiting.id).skip_reason == "contact_deleted"


def test_consent_is_kept_with_its_history(cast: Cast) -> None:
    contact, other = factories.make_contacts(cast.workspace, 2)
    ids = [contact.id, other.id]
    record = consent.record_consent
    assert record(cast.workspace.id, [contact.id], Consent.OPTED_OUT, source="person", user_id=cast.alice.id) == [
        contact.id
    ]
    assert sorted(record(cast.workspace.id, ids, Consent.OPTED_IN, source="api", note="form")) == sorted(ids)
    assert record(cast.workspace.id, ids, Consent.OPTED_IN, source="api") == []
    history = consent.list_consent_events(cast.workspace.id, contact.id)
    assert [(event.consent, event.source, event.note) for event in history] == [
        (Consent.OPTED_IN, "api", "form"),
        (Consent.OPTED_OUT, "person", ""),
    ]


def test_counts_follow_every_change(cast: Cast) -> None:
    people = factories.make_contacts(cast.workspace, 3)
    ids = [person.id for person in people]
    contact_bulk.tag_contacts(cast.workspace.id, ids, "VIP")
    assert contact_bulk.tag_contacts(cast.workspace.id, ids, "vip") == 0
    assert contact_bulk.untag_contacts(cast.workspace.id, ids[:1], "ViP") == 1
    consent.record_consent(cast.workspace.id, ids[:2], Consent.OPTED_OUT, source="person")
    assert contacts.count_contacts(cast.workspace.id) == contacts.ContactCounts(3, 2)
    assert [(tag.name, tag.count) for tag in contacts.list_tags(cast.workspace.id)] == [("VIP", 2)]
    assert contacts.delete_contacts(cast.workspace.id, ids[:2]) == 2
    assert contacts.delete_contacts(cast.workspace.id, ids[:2]) == 0
    assert contacts.count_contacts(cast.workspace.id) == contacts.ContactCounts(1, 0)
    assert [(tag.name, tag.count) for tag in contacts.list_tags(cast.workspace.id)] == [("VIP", 1)]


@pytest.mark.parametrize(
    ("search", "found"),
    [
        ("naledi", {"Naledi Mokoena"}),
        ("MOKOENA naledi", {"Naledi Mokoena"}),
        ("kgosi@", {"Naledi Mokoena"}),
        ("+27 82 555 01", {"Naledi Mokoena", "Élodie 100% O'Neil"}),
        ("+27", {"Naledi Mokoena", "Élodie 100% O'Neil"}),
        ("+4", {"Pieter"}),
        ("+", {"Naledi Mokoena", "Élodie 100% O'Neil", "Pieter"}),
        ("082 555 0143", {"Élodie 100% O'Neil"}),
        ("élodie", {"Élodie 100% O'Neil"}),
        ("100%", {"Élodie 100% O'Neil"}),
        ("0_0", set()),
        ("o'", {"Élodie 100% O'Neil"}),
        ("mo", {"Naledi Mokoena"}),
        ("ok", set()),
        ("\x00", {"Naledi Mokoena", "Élodie 100% O'Neil", "Pieter"}),
        ("' OR 1=1 --", set()),
    ],
)
def test_search(cast: Cast, search: str, found: set[str]) -> None:
    make(cast, name="Naledi Mokoena", email="kgosi@example.com")
    make(cast, name="Élodie 100% O'Neil", phone="082 555 0143")
    make(cast, name="Pieter", phone="+442079460018")
    assert {contact.name for contact in contacts.list_contacts(cast.workspace.id, search=search).items} == found


def test_pages_lead_to_every_contact_and_back(cast: Cast) -> None:
    ids = [contact.id for contact in factories.make_contacts(cast.workspace, 7)][::-1]
    first = contacts.list_contacts(cast.workspace.id, limit=3)
    second = contacts.list_contacts(cast.workspace.id, limit=3, cursor=first.next_cursor)
    third = contacts.list_contacts(cast.workspace.id, limit=3, cursor=second.next_cursor)
    assert [[c.id for c in page.items] for page in (first, second, third)] == [ids[:3], ids[3:6], ids[6:]]
    assert (first.previous_cursor, third.next_cursor) == (None, None)
    back = contacts.list_contacts(cast.workspace.id, limit=3, cursor=third.previous_cursor)
    again = contacts.list_contacts(cast.workspace.id, limit=3, cursor=back.previous_cursor)
    assert [c.id for c in back.items] == ids[3:6]
    assert [c.id for c in again.items] == ids[:3]
    assert again.previous_cursor is None


@pytest.mark.parametrize("cursor", ["x", "bzE", "!!!", "b" * 500])
def test_a_made_up_cursor_is_refused(cast: Cast, cursor: str) -> None:
    with pytest.raises(Invalid):
        contacts.list_contacts(cast.workspace.id, cursor=cursor)


def test_filters_by_tag_and_consent(cast: Cast) -> None:
    people = factories.make_contacts(cast.workspace, 4)
    contact_bulk.tag_contacts(cast.workspace.id, [p.id for p in people[:3]], "VIP")
    consent.record_consent(cast.workspace.id, [p.id for p in people[2:]], Consent.OPTED_OUT, source="person")
    listed = contacts.list_contacts
    assert {c.id for c in listed(cast.workspace.id, tag="vip").items} == {p.id for p in people[:3]}
    assert {c.id for c in listed(cast.workspace.id, consent="opted_out").items} == {p.id for p in people[2:]}
    assert [c.id for c in listed(cast.workspace.id, tag="vip", consent="opted_out").items] == [people[2].id]
    assert listed(cast.workspace.id, tag="unheard of").items == []
    pages = listed(cast.workspace.id, tag="vip", limit=2)
    assert [c.id for c in listed(cast.workspace.id, tag="vip", limit=2, cursor=pages.next_cursor).items] == [
        people[0].id
    ]


def test_numbers_become_contacts_once(cast: Cast, session: Any) -> None:
    known = factories.make_contact(cast.workspace)
    phones = [known.phone, *(factories.phone(9_000_000 + n) for n in range(3)), factories.phone(9_000_000)]
    ids = contacts.ensure_contacts(cast.workspace.id, phones)
    assert ids[known.phone] == known.id
    assert len(ids) == 4
    assert contacts.ensure_contacts(cast.workspace.id, phones) == ids
    assert session.scalar(select(func.count()).select_from(Contact)) == 4


def test_the_export_cannot_run_formulas_and_comes_back_the_same(cast: Cast) -> None:
    fields = {"City": "-2+3", "Note": "x, y"}
    make(cast, name="=HYPERLINK(1)", email="n@example.com", language="German", tags=["a", "b"], attributes=fields)
    text = "".join(contact_bulk.export_rows(cast.workspace.id))
    head, row = text.removeprefix("\ufeff").splitlines()
    assert head == "phone,name,email,language,tags,consent,created_at,City,Note"
    assert row.startswith('+27825550142,\'=HYPERLINK(1),n@example.com,de,"a, b",unknown,')
    assert row.endswith(',\'-2+3,"x, y"')


def test_the_export_follows_the_filters(cast: Cast) -> None:
    make(cast, tags=["VIP"])
    make(cast, name="Pieter", phone="+442079460018")
    assert "".join(contact_bulk.export_rows(cast.workspace.id, tag="VIP")).count("\n") == 2
    assert "Pieter" in "".join(contact_bulk.export_rows(cast.workspace.id, search="pieter"))
    assert "".join(contact_bulk.export_rows(cast.workspace.id, tag="none such")).count("\n") == 1


def test_lists_take_a_fixed_number_of_queries(cast: Cast, count_queries: Any) -> None:
    def queries() -> int:
        with count_queries() as statements:
            page = contacts.list_contacts(cast.workspace.id, search="contact")
            contacts.tags_of([contact.id for contact in page.items])
        return len(statements)

    factories.make_contacts(cast.workspace, 2)
    before = queries()
    factories.make_contacts(cast.workspace, 30)
    assert queries() == before


def test_tag_names_are_one_spelling_a_workspace(cast: Cast, session: Any) -> None:
    ids = contacts.ensure_tags(cast.workspace.id, ["Shop", "SHOP", "Ältere"])
    assert set(ids) == {"shop", "ältere"}
    assert contacts.ensure_tags(cast.workspace.id, ["shop"]) == {"shop": ids["shop"]}
    assert session.scalar(select(func.count()).select_from(Tag)) == 2


def test_a_field_that_an_import_brought_is_known_when_it_is_done(cast: Cast, session: Any) -> None:
    """An import ends a moment after its last contact: the names must not be remembered from in between."""
    factories.make_contact(cast.workspace, attributes={"city": "Paarl"})
    assert contact_lists.list_attribute_names(cast.workspace.id) == ["city"]
    factories.make_import(cast.workspace, state="done", mapping={"targets": ["phone", "attribute:plan"]})
    assert contact_lists.list_attribute_names(cast.workspace.id) == ["city", "plan"]
