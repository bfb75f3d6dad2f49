"""A broadcast in several languages: who gets which, from the plan to the counts."""

from typing import Any

import pytest
from sqlalchemy import select, text

from tests.cast import Cast
from tests.factories import make_broadcast, make_channel, make_contact, make_message, make_template
from wotnot.extensions import db
from wotnot.models import Broadcast, BroadcastState, Contact, Message, MessageState, Template, TemplateStatus
from wotnot.services import broadcast_reports, broadcasts, expansion
from wotnot.services.audience_counts import count_audience, count_languages
from wotnot.services.broadcast_choices import count_readers, preview_message
from wotnot.services.broadcast_csv import stream_report
from wotnot.services.template_families import choice_for
from wotnot.services.translations import make_choice

READERS = ("en", "de", "de_AT", "pt", "pt_PT", "pt_BR", "en_GB", "fr", None, "zz", "p", "")
VARIABLES = {"1": {"field": "name", "fallback": "there"}}


@pytest.fixture
def family(cast: Cast) -> dict[str, Template]:
    """English (the main one), German, Brazilian Portuguese, and French that is still in review."""
    found = {one: make_template(cast.workspace, name="spring", language=one) for one in ("en", "de", "pt_BR")}
    found["fr"] = make_template(cast.workspace, name="spring", language="fr", status=TemplateStatus.PENDING)
    return found


@pytest.fixture
def readers(cast: Cast) -> list[Contact]:
    return [make_contact(cast.workspace, language=language) for language in READERS]


def expand(cast: Cast, template: Template, batch: int = 5, **fields: Any) -> Broadcast:
    channel = make_channel(cast.workspace)
    broadcast = make_broadcast(cast.workspace, channel, template, state=BroadcastState.EXPANDING, **fields)
    assert expansion.expand_broadcast(broadcast.id, batch=batch).finished
    return broadcast


def languages_of(broadcast: Broadcast) -> list[tuple[str | None, str]]:
    """(what a contact reads, what they get) in the order of the contacts."""
    rows = db.session.execute(
        select(Contact.language, Template.language)
        .select_from(Message)
        .join(Contact, Contact.id == Message.contact_id)
        .join(Template, Template.id == Message.template_id)
        .where(Message.broadcast_id == broadcast.id)
        .order_by(Contact.id)
    )
    return [(reads, gets) for reads, gets in rows]


def test_everybody_gets_their_own_language_or_the_main_one(
    cast: Cast, family: dict[str, Template], readers: list[Contact]
) -> None:
    broadcast = expand(cast, family["en"])
    expected = ["en", "de", "de", "pt_BR", "pt_BR", "pt_BR", "en", "en", "en", "en", "en", "en"]
    assert languages_of(broadcast) == list(zip(READERS, expected, strict=True))


def test_python_and_sql_choose_alike(cast: Cast, readers: list[Contact]) -> None:
    family = [
        make_template(cast.workspace, name="spring", language=one) for one in ("en_US", "pt_BR", "de", "pt_PT", "en")
    ]
    for main in family:
        choice = make_choice(main, family)
        rows = db.session.execute(select(Contact.language, choice.id_sql()).order_by(Contact.id)).all()
        assert rows == [(language, choice.template_for(language).id) for language in READERS], main.language


def test_a_switch_sends_everybody_the_main_language(
    cast: Cast, family: dict[str, Template], readers: list[Contact]
) -> None:
    broadcast = expand(cast, family["de"], one_language=True)
    assert {gets for _, gets in languages_of(broadcast)} == {"de"}


def test_the_choice_is_made_when_the_list_is(cast: Cast, family: dict[str, Template]) -> None:
    make_contact(cast.workspace, language="fr")
    channel = make_channel(cast.workspace)
    broadcast = make_broadcast(cast.workspace, channel, family["en"], state=BroadcastState.EXPANDING)
    family["fr"].status = TemplateStatus.APPROVED  # between planning and the moment
    db.session.commit()
    expansion.expand_broadcast(broadcast.id)
    assert languages_of(broadcast) == [("fr", "fr")]


def test_the_check_counts_people_by_what_they_will_get(
    cast: Cast, family: dict[str, Template], readers: list[Contact], count_queries: Any
) -> None:
    make_contact(cast.workspace, language="de", consent="opted_out")
    make_contact(cast.workspace, language="de", name="")
    make_contact(cast.other_workspace, language="de")
    broadcast = make_broadcast(
        cast.workspace, make_channel(cast.workspace), family["en"], variables={"1": {"field": "name"}}
    )
    here = cast.workspace.id
    counted = count_audience(here, {"all": True}, {}, broadcast.variables)
    assert counted.to_send == len(READERS)
    readers_of = count_readers(broadcast, choice_for(family["en"]), counted)
    assert [(one.language, people) for one, people in readers_of] == [("en", 7), ("de", 2), ("pt_BR", 3)]
    with count_queries() as statements:
        assert count_languages(here, {"all": True}, {}, broadcast.variables)["de"] == 1
    assert not any("GROUP BY" in statement for statement in statements), "it is remembered"
    alone = count_readers(broadcast, choice_for(family["en"], one_language=True), counted)
    assert alone == [(family["en"], len(READERS))]


def test_numbers_that_are_nobodys_yet_read_the_main_language(cast: Cast, family: dict[str, Template]) -> None:
    german = make_contact(cast.workspace, language="de")
    audience = {"phones": [german.phone, "27825559999"]}
    broadcast = make_broadcast(cast.workspace, make_channel(cast.workspace), family["en"], audience=audience)
    counted = count_audience(cast.workspace.id, audience, {}, VARIABLES)
    readers_of = count_readers(broadcast, choice_for(family["en"]), counted)
    assert [(one.language, people) for one, people in readers_of] == [("en", 1), ("de", 1), ("pt_BR", 0)]


def test_the_preview_is_in_the_persons_language(cast: Cast, family: dict[str, Template]) -> None:
    body = {"type": "BODY", "text": "Hallo {{1}}, es gibt Neues.", "example": {"body_text": [["Ann"]]}}
    family["de"].components = [body]
    db.session.commit()
    make_contact(cast.workspace, name="Uwe", language="de_AT")
    make_contact(cast.workspace, name="Ann")
    broadcast = make_broadcast(cast.workspace, make_channel(cast.workspace), family["en"])
    choice = choice_for(family["en"])
    counted = count_audience(cast.workspace.id, broadcast.audience)
    texts = [preview_message(broadcast, choice, VARIABLES, row, counted).message.body_text for row in (1, 2)]
    assert texts == ["Hallo Uwe, es gibt Neues.", "Hello Ann, we have news for you."]


def test_another_attempt_is_in_the_same_language(cast: Cast, family: dict[str, Template]) -> None:
    german = make_contact(cast.workspace, language="de")
    broadcast = make_broadcast(
        cast.workspace, make_channel(cast.workspace), family["en"], state=BroadcastState.FINISHED
    )
    assert broadcast.channel
    make_message(broadcast.channel, german, broadcast, template_id=family["de"].id, state=MessageState.FAILED)
    german.language = "pt_BR"
    db.session.commit()
    assert broadcasts.retry_broadcast(cast.workspace.id, broadcast.id, "failed") == 1
    assert set(db.session.scalars(select(Message.template_id))) == {family["de"].id}


def test_resuming_moves_those_whose_translation_is_gone_to_the_main_language(
    cast: Cast, family: dict[str, Template]
) -> None:
    make_contact(cast.workspace, language="en")
    for language in ("de", "de", "pt_BR"):
        make_contact(cast.workspace, language=language)
    broadcast = expand(cast, family["en"])
    sent = db.session.scalars(select(Message).where(Message.template_id == family["de"].id).limit(1)).one()
    sent.state = MessageState.ACCEPTED
    family["de"].status = TemplateStatus.PAUSED
    broadcast.state = BroadcastState.PAUSED
    db.session.commit()
    broadcasts.resume_broadcast(cast.workspace.id, broadcast.id)
    db.session.expire_all()
    assert [gets for _, gets in languages_of(broadcast)] == ["en", "de", "en", "pt_BR"]
    assert sum(one.messages for one in broadcast_reports.list_languages(broadcast)) == 4


def test_the_report_counts_by_language(cast: Cast, family: dict[str, Template], readers: list[Contact]) -> None:
    broadcast = expand(cast, family["en"])
    db.session.execute(
        text("UPDATE messages SET state = 'read', reached = 5 WHERE template_id = :id"), {"id": family["de"].id}
    )
    db.session.commit()
    found = broadcast_reports.describe(broadcast).languages
    assert [(one.language, one.messages, one.counts.funnel["read"]) for one in found] == [
        ("en", 7, 0),
        ("pt_BR", 3, 0),
        ("de", 2, 2),
    ]
    lines = "".join(stream_report(broadcast)).splitlines()
    assert lines[0].endswith(",language")
    assert sorted(line.rsplit(",", 1)[1] for line in lines[1:]) == ["de"] * 2 + ["en"] * 7 + ["pt_BR"] * 3
