"""One broadcast in three languages through the sandbox: what each customer's phone shows, and what Meta may refuse."""

from typing import Any

import pytest
import requests
from flask import Flask
from sqlalchemy import select

from tests.cast import Cast
from tests.factories import make_broadcast, make_channel, make_contact, make_template
from tests.sandbox_control import SandboxControl
from wotnot.models import Broadcast, BroadcastState, Message, MessageState, Template, TemplateStatus
from wotnot.services import broadcasts, expansion
from wotnot.services.sender import Sender
from wotnot.services.template_versions import change_template
from wotnot.services.transaction import transaction

WORDS = {
    "en": "Hello {{1}}, the shop opens at nine.",
    "de": "Hallo {{1}}, der Laden öffnet um neun.",
    "pt_BR": "Olá {{1}}, a loja abre às nove.",
}
READERS = ("en", "de_AT", "pt_PT", None, "fr", "de")
THEIRS = ["en", "de", "pt_BR", "en", "en", "de"]
WITHOUT_GERMAN = ["en", "en", "pt_BR", "en", "en", "en"]


@pytest.fixture
def family(committed_cast: Cast, sandbox: SandboxControl) -> dict[str, Template]:
    """The same message in three languages, here and at Meta."""
    sandbox.set(webhooks=False, endings=False, pair_limit=False, rate_per_second=0, review_after_s=0)
    found = {}
    for language, words in WORDS.items():
        body = {"type": "BODY", "text": words, "example": {"body_text": [["Ann"]]}}
        content = {"name": "opening", "language": language, "category": "UTILITY", "components": [body]}
        sandbox.post(f"/v24.0/{sandbox.WABA_ID}/message_templates?access_token={sandbox.TOKEN}", content)
        found[language] = make_template(committed_cast.workspace, name="opening", language=language, components=[body])
    return found


@pytest.fixture
def broadcast(committed_cast: Cast, sandbox: SandboxControl, family: dict[str, Template]) -> Broadcast:
    """To six people, its list made."""
    workspace = committed_cast.workspace
    for number, language in enumerate(READERS):
        contact = make_contact(workspace, name=f"P{number}", language=language)
        sandbox.post(f"/sandbox/customers/{contact.phone}", {"online": True})
    channel = make_channel(workspace, phone_number_id=sandbox.PHONE_NUMBER_ID, rate_per_second=200)
    made = make_broadcast(workspace, channel, family["en"], state=BroadcastState.EXPANDING)
    expansion.expand_broadcast(made.id)
    return made


def send(app: Flask, seconds: float = 3) -> None:
    Sender(app, threads=16, idle_seconds=0.3, max_seconds=seconds).run()


def arrived(committed: Any, sandbox: SandboxControl) -> list[str]:
    """The language of the one message on each customer's phone, in the order of the contacts."""
    languages = []
    for phone in committed.scalars(select(Message.phone).order_by(Message.contact_id)):
        customer = requests.get(f"{sandbox.url}/sandbox/customers/{phone}", timeout=10).json()
        [message] = customer["chats"][sandbox.PHONE_NUMBER_ID]["messages"]
        languages.append(message["body"]["language"]["code"])
    return languages


def test_each_customer_reads_their_own_language(
    app: Flask, broadcast: Broadcast, committed: Any, sandbox: SandboxControl
) -> None:
    send(app)
    committed.expire_all()
    assert set(committed.scalars(select(Message.state))) == {MessageState.ACCEPTED}
    assert sorted(sandbox.sends()["to"].values()) == [1] * len(READERS)
    assert arrived(committed, sandbox) == THEIRS


def test_each_message_names_the_version_of_its_own_language(
    app: Flask, broadcast: Broadcast, family: dict[str, Template], committed: Any, sandbox: SandboxControl
) -> None:
    with transaction():
        change_template(
            family["de"], {"components": [{"type": "BODY", "text": "Hallo {{1}}, der Laden öffnet um zehn."}]}
        )
    send(app)
    committed.expire_all()
    versions = committed.scalars(select(Message.template_version).order_by(Message.contact_id))
    assert list(versions) == [2 if language == "de" else 1 for language in THEIRS]


def test_a_translation_that_comes_to_need_another_value_stops_the_broadcast(
    app: Flask, broadcast: Broadcast, family: dict[str, Template], committed: Any, sandbox: SandboxControl
) -> None:
    """Its readers would all fail for want of the value."""
    with transaction():
        change_template(family["de"], {"components": [{"type": "BODY", "text": "Hallo {{1}}, {{2}} öffnet um zehn."}]})
    send(app, 1)
    committed.expire_all()
    assert broadcast.state is BroadcastState.PAUSED
    assert "{{2}}" in broadcast.reason
    assert sandbox.sends()["to"] == {}


def test_a_translation_that_meta_refuses_loses_nobody(
    app: Flask, broadcast: Broadcast, family: dict[str, Template], committed: Any, sandbox: SandboxControl
) -> None:
    found = requests.get(
        f"{sandbox.url}/v24.0/{sandbox.WABA_ID}/message_templates",
        params={"access_token": sandbox.TOKEN, "name": "opening", "limit": 50},
        timeout=10,
    ).json()["data"]
    german = next(one["id"] for one in found if one["language"] == "de" and one["name"] == "opening")
    sandbox.post(f"/sandbox/templates/{german}", {"status": "PAUSED"})
    send(app)
    committed.expire_all()
    assert broadcast.state is BroadcastState.PAUSED
    assert "the German translation" in broadcast.reason
    waiting = committed.scalars(select(Message).where(Message.state == MessageState.QUEUED)).all()
    assert {row.template_id for row in waiting} >= {family["de"].id}

    family["de"].status = TemplateStatus.PAUSED  # as the webhook or the next sync says
    committed.commit()
    broadcasts.resume_broadcast(broadcast.workspace_id, broadcast.id)
    send(app)
    committed.expire_all()
    assert broadcast.state is BroadcastState.FINISHED
    assert sorted(sandbox.sends()["to"].values()) == [1] * len(READERS)
    assert arrived(committed, sandbox) == WITHOUT_GERMAN
