"""STOP and START on their way from Meta's delivery to the consent, the answer, and the sender that obeys."""

import itertools
import time
from collections.abc import Callable
from typing import Any

import pytest

from tests.cast import Cast
from tests.deliveries import PERSON, deliver, delivery, drain, message
from tests.factories import make_broadcast, make_channel, make_contact, make_message
from wotnot.errors import Invalid, NotFound
from wotnot.models import Channel, Consent, ConsentEvent, Contact, Message, MessageState
from wotnot.services import consent, consent_replies, outbox, webhook_inbox


@pytest.fixture
def channel(cast: Cast) -> Channel:
    return make_channel(cast.workspace, phone_number_id="800000000000001")


@pytest.fixture
def contact(cast: Cast, channel: Channel) -> Contact:
    return make_contact(cast.workspace, phone=PERSON, consent=Consent.OPTED_IN)


def answers(session: Any) -> list[str]:
    rows = session.query(Message).filter_by(direction="out", broadcast_id=None).order_by(Message.id)
    return [row.content["body"] for row in rows.populate_existing()]


def test_stop_is_obeyed_kept_with_its_message_and_answered_once(contact: Contact, cast: Cast, session: Any) -> None:
    stop = message("text", "Stop! 🛑")
    for _ in range(5):
        deliver(stop)
    session.refresh(contact)
    assert contact.consent is Consent.OPTED_OUT
    (event,) = session.query(ConsentEvent)
    said = session.query(Message).filter_by(direction="in").one()
    assert (event.message_id, event.source, event.note) == (said.id, "reply", "They wrote “Stop! 🛑”")
    (answer,) = answers(session)
    assert answer.startswith("You are unsubscribed: Casa Verde will send")


def test_a_queued_broadcast_skips_who_just_said_stop(
    contact: Contact, channel: Channel, cast: Cast, session: Any
) -> None:
    broadcast = make_broadcast(cast.workspace, channel, state="sending")
    other = make_contact(cast.workspace)
    mine, theirs = make_message(channel, contact, broadcast), make_message(channel, other, broadcast)
    deliver(message("text", "STOP"))
    claimed = outbox.claim_for_broadcasts([(broadcast.id, 10)], "sender")
    assert [claim.id for claim in claimed] == [theirs.id]
    session.refresh(mine)
    assert (mine.state, mine.skip_reason) == (MessageState.SKIPPED, "opted_out")
    # What confirms the opt-out is no marketing, and goes out.
    (confirmation,) = outbox.claim_for_channels([(channel.id, 10)], "sender")
    assert confirmation.content
    assert "unsubscribed" in confirmation.content["body"]


@pytest.mark.parametrize(
    ("kind", "content"),
    [
        ("text", {"body": "abmelden"}),
        ("button", {"payload": "STOP_PROMO", "text": "Nicht mehr"}),
        ("button", {"payload": "2", "text": "Stop promotions"}),
        ("interactive", {"type": "button_reply", "button_reply": {"id": "1", "title": "Unsubscribe"}}),
        ("interactive", {"type": "list_reply", "list_reply": {"id": "stop", "title": "Leave"}}),
        ("edit", {"original_message_id": "wamid.x", "message": {"type": "text", "text": {"body": "Stop"}}}),
    ],
)
def test_words_buttons_lists_and_edits_count(
    contact: Contact, session: Any, kind: str, content: dict[str, Any]
) -> None:
    said = message(kind, None)
    deliver(said | {kind: content})
    session.refresh(contact)
    assert contact.consent is Consent.OPTED_OUT


@pytest.mark.parametrize(
    ("kind", "content"),
    [
        ("text", {"body": "We have to STOP this bill"}),
        ("image", {"id": "1", "caption": "Stop"}),
        ("reaction", {"message_id": "wamid.x", "emoji": "🛑"}),
        ("text", {"body": ["stop"]}),
        ("button", {}),
        ("interactive", {"button_reply": "stop"}),
    ],
)
def test_nothing_else_does(contact: Contact, session: Any, kind: str, content: dict[str, Any]) -> None:
    deliver(message(kind, None) | {kind: content})
    session.refresh(contact)
    assert contact.consent is Consent.OPTED_IN
    assert answers(session) == []


def test_the_answer_is_in_the_language_of_the_word_and_the_workspaces_own(
    contact: Contact, cast: Cast, session: Any
) -> None:
    consent_replies.save_texts(cast.workspace.id, "de", stop="Tschüss von {{business}}.", start="")
    deliver(message("text", "Abmelden", ago=60))
    deliver(message("text", "Anmelden"))
    first, second = answers(session)
    assert first == "Tschüss von Casa Verde."
    assert second.startswith("Willkommen zurück.")


def test_own_words_and_silence(contact: Contact, cast: Cast, session: Any) -> None:
    settings = {"language": "en", "stop_words": "no more plants\nleave me", "start_words": "", "answers_start": True}
    consent_replies.save_words(cast.workspace.id, **settings, answers_stop=False)
    deliver(message("text", "No more PLANTS!"))
    session.refresh(contact)
    assert contact.consent is Consent.OPTED_OUT
    assert answers(session) == []


def test_a_second_stop_is_kept_and_not_answered_again(contact: Contact, session: Any) -> None:
    deliver(message("text", "stop", ago=60))
    deliver(message("text", "stop"))
    assert session.query(ConsentEvent).count() == 2
    assert len(answers(session)) == 1


def test_the_last_word_counts_in_whatever_order_it_comes(cast: Cast, channel: Channel, session: Any) -> None:
    words = [("stop", 300), ("start", 240), ("stop", 180), ("start", 120)]
    people = [make_contact(cast.workspace, consent=Consent.OPTED_IN) for _ in range(24)]
    orders = list(itertools.permutations(words))
    for place in range(4):
        said = [(person, *order[place]) for person, order in zip(people, orders, strict=True)]
        deliver(*(message("text", word, ago=ago, **{"from": person.phone}) for person, word, ago in said))
    session.expire_all()
    assert [person.consent for person in people] == [Consent.OPTED_IN] * 24


@pytest.mark.parametrize("order", [("start", "stop"), ("stop", "start")])
@pytest.mark.parametrize("together", [True, False])
def test_within_a_second_the_stop_counts(
    contact: Contact, session: Any, order: tuple[str, str], together: bool
) -> None:
    words = [message("text", word, ago=10) for word in order]
    words[1]["timestamp"] = words[0]["timestamp"]
    for group in [words] if together else [[word] for word in words]:
        deliver(*group)
    session.refresh(contact)
    assert contact.consent is Consent.OPTED_OUT


def chosen(value: str, at: int) -> None:
    """The person chose it in WhatsApp's own menu."""
    deliver(field="user_preferences", user_preferences=[wish(PERSON, value, at)])


def wish(phone: str | None, value: str, at: int) -> dict[str, Any]:
    """A choice as Meta tells it."""
    return {
        "wa_id": phone,
        "category": "marketing_messages",
        "value": value,
        "timestamp": at,
        "detail": f"User: {value}",
    }


def test_a_choice_inside_whatsapp_has_its_own_time_and_is_kept_once(contact: Contact, session: Any) -> None:
    at = int(time.time()) - 600
    chosen("stop", at)
    chosen("stop", at)
    (event,) = session.query(ConsentEvent)
    assert (event.source, event.note, event.created_at.timestamp()) == ("choice", "User: stop", at)


@pytest.mark.parametrize("order", list(itertools.permutations(range(4))))
def test_choices_and_words_count_by_when_they_were_made(contact: Contact, session: Any, order: tuple[int, ...]) -> None:
    now = int(time.time())
    acts = [
        lambda: chosen("stop", now - 40),
        lambda: deliver(message("text", "start", ago=30)),
        lambda: chosen("stop", now - 20),
        lambda: chosen("resume", now - 10),
    ]
    for place in order:
        acts[place]()
    session.refresh(contact)
    assert contact.consent is Consent.OPTED_IN


def test_the_choices_of_a_batch_count_by_when_they_were_made(
    cast: Cast, channel: Channel, session: Any, count_queries: Any
) -> None:
    """However they are ordered in it, all are kept, and the last of a person counts; of two within a second the stop."""
    now = int(time.time())
    orders = list(
        itertools.permutations([("stop", now - 30), ("resume", now - 20), ("stop", now - 10), ("resume", now - 10)])
    )
    people = [make_contact(cast.workspace) for _ in orders]
    told = [
        wish(person.phone, *one) for person, order in zip(people, orders, strict=True) for one in (*order, order[0])
    ]
    session.commit()
    with count_queries() as for_one:
        deliver(field="user_preferences", user_preferences=told[:1])
    with count_queries() as for_all:
        deliver(field="user_preferences", user_preferences=told)
    assert len(for_all) == len(for_one)
    session.expire_all()
    assert {person.consent for person in people} == {Consent.OPTED_OUT}
    for person in people:
        history = consent.list_consent_events(cast.workspace.id, person.id)
        assert [one.created_at.timestamp() - now for one in history] == [-10, -10, -20, -30]
        assert [one.note for one in history] == ["User: stop", "User: resume", "User: resume", "User: stop"]


def test_a_choice_finds_its_person_by_the_number_before_the_user_id_and_nobody_elses(
    cast: Cast, channel: Channel, session: Any
) -> None:
    by_phone = make_contact(cast.workspace, phone=PERSON)
    by_user_id = make_contact(cast.workspace, wa_user_id="ZA.1")
    stranger = make_contact(cast.other_workspace, phone="27825550177")
    at = int(time.time()) - 60
    told = [
        wish(PERSON, "stop", at) | {"user_id": "ZA.1"},
        wish(None, "resume", at) | {"user_id": "ZA.1"},
        wish(stranger.phone, "stop", at),
    ]
    deliver(field="user_preferences", user_preferences=told)
    session.expire_all()
    assert [one.consent for one in (by_phone, by_user_id, stranger)] == [
        Consent.OPTED_OUT,
        Consent.OPTED_IN,
        Consent.UNKNOWN,
    ]


def test_what_the_team_entered_later_is_not_undone_by_an_old_word(contact: Contact, cast: Cast, session: Any) -> None:
    consent.record_consent(cast.workspace.id, [contact.id], Consent.OPTED_OUT, source="person")
    deliver(message("text", "start", ago=600))
    session.refresh(contact)
    assert contact.consent is Consent.OPTED_OUT
    deliver(message("text", "start"))
    session.refresh(contact)
    assert contact.consent is Consent.OPTED_IN


def test_a_word_of_yesterday_counts_but_is_not_answered(contact: Contact, session: Any) -> None:
    deliver(message("text", "stop", ago=25 * 3600))
    session.refresh(contact)
    assert contact.consent is Consent.OPTED_OUT
    assert answers(session) == []


def test_what_fails_halfway_leaves_no_answer_behind(contact: Contact, session: Any) -> None:
    """The batch is rolled back with the consent and the answer in it, and applied again one by one."""
    webhook_inbox.store_delivery(delivery(message("text", "stop")))
    webhook_inbox.store_delivery(delivery(message("text", "\u0000")))
    totals = {"done": 0, "poison": 0}
    webhook_inbox.drain_batch(totals)
    assert totals["done"] == 1
    session.refresh(contact)
    assert contact.consent is Consent.OPTED_OUT
    assert len(answers(session)) == 1


def test_a_batch_costs_the_same_for_one_and_for_many(
    cast: Cast, channel: Channel, count_queries: Callable[..., Any], session: Any
) -> None:
    counts = []
    for people in (1, 40):
        said = [message("text", "stop", **{"from": f"2783{people:03d}{n:04d}"}) for n in range(people)]
        webhook_inbox.store_delivery(delivery(*said))
        with count_queries() as statements:
            assert drain()["done"] == 1
        counts.append(len(statements))
    assert counts[0] == counts[1]
    assert len(answers(session)) == 41


def test_own_words_that_contradict_are_refused(cast: Cast) -> None:
    given = {"language": "en", "answers_stop": True, "answers_start": True}
    for stop, start in (("start", ""), ("", "Parar"), ("plants", "Plants!")):
        with pytest.raises(Invalid):
            consent_replies.save_words(cast.workspace.id, stop_words=stop, start_words=start, **given)
    with pytest.raises(Invalid):
        consent_replies.save_words(cast.workspace.id, stop_words="", start_words="", **given | {"language": "xx"})
    with pytest.raises(NotFound):
        consent_replies.save_texts(cast.workspace.id, "xx", stop="", start="")
    with pytest.raises(Invalid):
        consent_replies.save_texts(cast.workspace.id, "en", stop="x" * 1001, start="")


def test_another_workspaces_words_are_its_own(contact: Contact, cast: Cast, session: Any) -> None:
    given = {"language": "en", "start_words": "", "answers_stop": True, "answers_start": True}
    consent_replies.save_words(cast.other_workspace.id, stop_words="leave me", **given)
    deliver(message("text", "leave me"))
    session.refresh(contact)
    assert contact.consent is Consent.OPTED_IN
