"""Processes that apply deliveries about the same people take them in the order of their ids, so none waits for another that
waits for it.
"""

import io
from collections.abc import Callable

import pytest
from flask import Flask
from sqlalchemy import text

from tests.cast import Cast
from tests.deliveries import delivery, drain, message
from tests.factories import make_channel, make_contact, make_customer_import, make_message, make_sandbox_shop
from tests.integration.races.holding import while_held
from tests.sandbox_control import SandboxControl
from wotnot.extensions import db
from wotnot.models import Channel, Consent, Contact, OnDuplicate
from wotnot.services import (
    consent,
    contact_bulk,
    contact_imports,
    contacts,
    customer_imports,
    import_runs,
    webhook_inbox,
)
from wotnot.services.messages import callback_of

FIRST, LAST, NEW = "27825550101", "27825550199", "27825550150"
NALEDI, ANNELISE, MARCO = "27825550142", "4915123456789", "393471234567"


@pytest.fixture
def people(committed_cast: Cast) -> tuple[Contact, Contact]:
    """Two contacts, the first with the lower id. His row was written last, so whoever reads the table meets hers before."""
    first, last = (make_contact(committed_cast.workspace, phone=phone) for phone in (FIRST, LAST))
    first.name = "Sipho"
    db.session.commit()
    db.session.execute(text("ANALYZE contacts"))
    db.session.commit()
    return first, last


def adding(workspace_id: int, phone: str = NEW) -> str:
    """The statement that adds a person."""
    return f"INSERT INTO contacts (workspace_id, phone) VALUES ({workspace_id}, '{phone}')"  # noqa: S608 — values of ours


def choices() -> list[bytes]:
    """Choices made inside WhatsApp, hers first."""
    wishes = [
        {"wa_id": phone, "category": "marketing_messages", "value": "stop", "timestamp": 1790000200}
        for phone in (LAST, FIRST)
    ]
    return [delivery(field="user_preferences", user_preferences=wishes)]


def a_word_and_a_choice() -> list[bytes]:
    """What she writes is stored before his choice is looked at."""
    wish = {"wa_id": FIRST, "category": "marketing_messages", "value": "stop", "timestamp": 1790000200}
    return [
        delivery(message("text", "Stop", **{"from": LAST})),
        delivery(field="user_preferences", user_preferences=[wish]),
    ]


def a_word_and_a_refusal() -> list[bytes]:
    """She writes, and Meta tells that he stopped marketing."""
    his = db.session.query(Contact).filter_by(phone=FIRST).one()
    sent = make_message(db.session.query(Channel).one(), his, state="accepted", wamid="wamid.sent")
    error = {"code": 131050, "title": "User has stopped marketing messages"}
    status = {"id": "wamid.sent", "status": "failed", "timestamp": "1790000300", "errors": [error]}
    status["biz_opaque_callback_data"] = callback_of(sent.id)
    return [delivery(message("text", "Stop", **{"from": LAST})), delivery(statuses=[status])]


def changes_of_what_was_said() -> list[bytes]:
    """Both take back something; each deletion is stored before the words of anything are made anew."""
    gone = [message("revoke", {"original_message_id": "wamid.x"}, **{"from": phone}) for phone in (LAST, FIRST)]
    return [delivery(*gone)]


@pytest.mark.parametrize("told", [choices, a_word_and_a_choice, a_word_and_a_refusal, changes_of_what_was_said])
def test_a_drain_that_waits_holds_nobody_further_on(
    app: Flask, people: tuple[Contact, Contact], committed_cast: Cast, told: Callable[[], list[bytes]]
) -> None:
    make_channel(committed_cast.workspace, phone_number_id="800000000000001")
    ids = [one.id for one in people]
    for body in told():
        webhook_inbox.store_delivery(body)
    while_held(app, "contacts", ids, drain)
    assert webhook_inbox.count_backlog() == 0


def test_who_is_marked_by_us_is_marked_in_the_same_order(
    app: Flask, people: tuple[Contact, Contact], committed_cast: Cast
) -> None:
    workspace_id, ids = committed_cast.workspace.id, [one.id for one in people]
    act = lambda: consent.record_consent(workspace_id, ids[::-1], Consent.OPTED_OUT, source="whatsapp")  # noqa: E731
    while_held(app, "contacts", ids, act)
    assert {one.consent for one in db.session.query(Contact)} == {Consent.OPTED_OUT}


@pytest.mark.parametrize("on_duplicate", [OnDuplicate.FILL, OnDuplicate.OVERWRITE])
def test_an_import_takes_them_in_the_same_order(
    app: Flask, people: tuple[Contact, Contact], committed_cast: Cast, on_duplicate: OnDuplicate
) -> None:
    """The file has her first."""
    file = f"phone,name,email\n+{LAST},,last@example.com\n+{FIRST},,first@example.com\n".encode()
    wanted = contact_imports.create_import(
        committed_cast.workspace.id, io.BytesIO(file), "people.csv", on_duplicate=on_duplicate
    )
    import_id, ids = wanted.id, [one.id for one in people]
    while_held(app, "contacts", ids, lambda: import_runs.run(import_id))
    assert {one.email for one in db.session.query(Contact)} == {"first@example.com", "last@example.com"}


def test_an_import_tags_them_in_the_same_order(
    app: Flask, people: tuple[Contact, Contact], committed_cast: Cast
) -> None:
    """Nothing but a tag: to tag somebody is to wait for whoever may delete them."""
    file = f"phone,tags\n+{LAST},VIP\n+{FIRST},VIP\n".encode()
    wanted = contact_imports.create_import(committed_cast.workspace.id, io.BytesIO(file), "people.csv")
    import_id, ids = wanted.id, [one.id for one in people]
    while_held(app, "contacts", ids, lambda: import_runs.run(import_id), lock="UPDATE")
    assert {contact_id: len(tags) for contact_id, tags in contacts.tags_of(ids).items()} == dict.fromkeys(ids, 1)


def test_who_is_tagged_at_once_is_tagged_in_the_same_order(
    app: Flask, people: tuple[Contact, Contact], committed_cast: Cast
) -> None:
    workspace_id, ids = committed_cast.workspace.id, [one.id for one in people]
    while_held(app, "contacts", ids, lambda: contact_bulk.tag_contacts(workspace_id, ids[::-1], "VIP"), lock="UPDATE")
    assert sorted(contacts.tags_of(ids)) == ids


def test_an_import_that_waits_for_somebody_known_has_added_nobody_yet(
    app: Flask, people: tuple[Contact, Contact], committed_cast: Cast
) -> None:
    """A drain locks who is known and then adds the others; whoever does it the other way round would wait for it, and it for them."""
    file = f"phone,email\n+{NEW},new@example.com\n+{FIRST},first@example.com\n".encode()
    wanted = contact_imports.create_import(committed_cast.workspace.id, io.BytesIO(file), "people.csv")
    import_id, workspace_id, ids = wanted.id, committed_cast.workspace.id, [one.id for one in people]
    while_held(app, "contacts", ids, lambda: import_runs.run(import_id), then=adding(workspace_id))
    assert db.session.query(Contact).count() == 3


def test_who_gets_a_name_gets_it_in_the_same_order(
    app: Flask, people: tuple[Contact, Contact], committed_cast: Cast
) -> None:
    db.session.execute(text("UPDATE contacts SET name = ''"))
    db.session.commit()
    workspace_id, ids = committed_cast.workspace.id, [one.id for one in people]
    names = {f"+{NEW}": "Naledi", f"+{LAST}": "Lerato", f"+{FIRST}": "Sipho"}
    act = lambda: contact_bulk.name_contacts(workspace_id, names)  # noqa: E731
    while_held(app, "contacts", ids, act, then=adding(workspace_id))
    assert {one.name for one in db.session.query(Contact)} == {"Naledi", "Lerato", "Sipho"}


@pytest.mark.parametrize("phones", [(ANNELISE, NALEDI), (NALEDI, ANNELISE)])
def test_the_customers_of_a_shop_are_taken_in_the_same_order(
    app: Flask, committed_cast: Cast, sandbox: SandboxControl, phones: tuple[str, str]
) -> None:
    """Whichever of the two the shop names first. The others of the page are new."""
    workspace = committed_cast.workspace
    workspace_id = workspace.id
    ids = [make_contact(workspace, phone=phone, name="", email="").id for phone in phones]
    import_id = make_customer_import(make_sandbox_shop(workspace)).id
    db.session.commit()
    while_held(app, "contacts", ids, lambda: customer_imports.run_import(import_id), then=adding(workspace_id, MARCO))
    assert db.session.query(Contact).filter_by(name="").count() == 0
