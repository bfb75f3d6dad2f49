"""Processes that apply deliveries about the same people take them in the order of their ids, so none waits for another that
waits for it.
"""

from collections.abc import Callable

import pytest
from flask import Flask
from sqlalchemy import text

from tests.cast import Cast
from tests.deliveries import delivery, drain, message
from tests.factories import make_channel, make_contact, make_message
from tests.integration.races.holding import while_held
from wotnot.extensions import db
from wotnot.models import Channel, Consent, Contact
from wotnot.services import consent, webhook_inbox
from wotnot.services.messages import callback_of

FIRST, LAST = "27825550101", "27825550199"


@pytest.fixture
def people(committed_cast: Cast) -> tuple[Contact, Contact]:
    """Two contacts, the first with the lower id. His row was written last, so whoever reads the table meets hers before."""
    first, last = (make_contact(committed_cast.workspace, phone=phone) for phone in (FIRST, LAST))
    first.name = "Sipho"
    db.session.commit()
    db.session.execute(text("ANALYZE contacts"))
    db.session.commit()
    return first, last


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
