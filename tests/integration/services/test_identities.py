"""One person under two names: known by number and by user id, merged when it shows, and parted again."""

import itertools
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import text

from tests.cast import Cast
from tests.deliveries import PERSON, deliver, message
from tests.factories import (
    make_broadcast,
    make_channel,
    make_consent_event,
    make_contact,
    make_conversation,
    make_inbound,
    make_member,
    make_merge,
    make_message,
    make_tag,
    make_user,
    tag_contact,
)
from wotnot import clock
from wotnot.errors import Conflict, NotFound
from wotnot.models import (
    Channel,
    Consent,
    ConsentEvent,
    Contact,
    ContactMerge,
    Conversation,
    ConversationEvent,
    IdentityChange,
    Message,
)
from wotnot.services import contact_merges, contacts, conversations, threads
from wotnot.services.contact_merge_undo import undo_merge

USER_ID = "ZA.7001"


@pytest.fixture
def channel(cast: Cast) -> Channel:
    return make_channel(cast.workspace, phone_number_id="800000000000001")


def by_phone(body: str = "By phone", **fields: Any) -> dict[str, Any]:
    return message("text", body, **fields)


def by_id(body: str = "By id", **fields: Any) -> dict[str, Any]:
    return message("text", body, **{"from": None, "from_user_id": USER_ID} | fields)


def by_both(body: str = "By both", **fields: Any) -> dict[str, Any]:
    return message("text", body, **{"from_user_id": USER_ID} | fields)


def the_one(session: Any) -> tuple[Contact, Conversation]:
    session.expire_all()
    return session.query(Contact).one(), session.query(Conversation).one()


# ---------------------------------------------------------------- who wrote


@pytest.mark.parametrize("order", list(itertools.permutations(range(3))))
@pytest.mark.parametrize("together", [False, True], ids=["apart", "together"])
def test_however_they_show_themselves_they_are_one(
    channel: Channel, session: Any, order: tuple[int, ...], together: bool
) -> None:
    said = [by_phone(ago=30), by_id(ago=20), by_both(ago=10)]
    groups = [[said[place] for place in order]] if together else [[said[place]] for place in order]
    for group in groups * 2:
        deliver(*group)
    contact, conversation = the_one(session)
    assert (contact.phone, contact.wa_user_id) == (PERSON, USER_ID)
    assert [entry.words for entry in threads.read_thread(conversation).entries] == ["By phone", "By id", "By both"]
    assert conversation.unread_count == 3
    assert session.query(Message).filter(Message.contact_id.is_(None)).count() == 0


def test_two_workspaces_do_not_meet(cast: Cast, channel: Channel, session: Any) -> None:
    stranger = make_contact(cast.other_workspace, phone=None, wa_user_id=USER_ID)
    make_contact(cast.workspace, phone=PERSON)
    deliver(by_both())
    assert session.query(ContactMerge).count() == 0
    assert session.get(Contact, stranger.id).phone is None


def test_a_user_id_of_another_number_is_not_taken(cast: Cast, channel: Channel, session: Any) -> None:
    """Both are known already and say something else: no guess is made."""
    make_contact(cast.workspace, phone=PERSON, wa_user_id="ZA.1")
    make_contact(cast.workspace, phone="27825550999", wa_user_id=USER_ID)
    deliver(by_both())
    assert session.query(Contact).count() == 2
    assert session.query(Conversation).one().contact.phone == PERSON


# ---------------------------------------------------------------- merging


def two(cast: Cast) -> tuple[Contact, Contact]:
    kept = make_contact(cast.workspace, phone=PERSON, name="", attributes={"city": "", "size": "M"})
    gone = make_contact(
        cast.workspace,
        phone=None,
        wa_user_id=USER_ID,
        name="Naledi",
        email="naledi@example.com",
        language="af",
        attributes={"city": "Durban", "size": "L", "pet": "cat"},
    )
    return kept, gone


def test_the_one_that_stays_takes_what_it_lacks(cast: Cast, session: Any) -> None:
    kept, gone = two(cast)
    shared, own = make_tag(cast.workspace, "vip"), make_tag(cast.workspace, "news")
    for contact, tag in ((kept, shared), (gone, shared), (gone, own)):
        tag_contact(contact, tag)
    make_merge(kept, gone)
    (found,) = session.query(Contact)
    assert (found.id, found.phone, found.wa_user_id) == (kept.id, PERSON, USER_ID)
    assert (found.name, found.email, found.language) == ("Naledi", "naledi@example.com", "af")
    assert found.attributes == {"city": "Durban", "size": "M", "pet": "cat"}
    assert contacts.tags_of([kept.id])[kept.id] == ["news", "vip"]
    assert contacts.count_contacts(cast.workspace.id).total == 1


@pytest.mark.parametrize(
    ("kept", "gone", "after"),
    [
        ("opted_in", "opted_out", "opted_out"),
        ("opted_out", "opted_in", "opted_out"),
        ("unknown", "opted_out", "opted_out"),
        ("unknown", "opted_in", "opted_in"),
        ("opted_in", "unknown", "opted_in"),
    ],
)
def test_an_opt_out_of_either_counts(cast: Cast, session: Any, kept: str, gone: str, after: str) -> None:
    first = make_contact(cast.workspace, consent=kept)
    second = make_contact(cast.workspace, consent=gone)
    event = make_consent_event(second, consent=gone)
    make_merge(first, second)
    session.expire_all()
    assert session.get(Contact, first.id).consent == after
    assert session.get(ConsentEvent, event.id).contact_id == first.id
    assert session.query(ConsentEvent).filter_by(source="merge").count() == int(after != kept)


def test_threads_on_one_number_become_one_and_others_move(cast: Cast, channel: Channel, session: Any) -> None:
    kept, gone = two(cast)
    other_number = make_channel(cast.workspace)
    now = clock.now()
    carla = make_member(cast.workspace, make_user(name="Carla"))
    mine = make_conversation(
        channel, kept, unread_count=2, labels=["Urgent"], window_expires_at=now - timedelta(days=1)
    )
    theirs = make_conversation(channel, gone, unread_count=3, labels=["urgent", "Refund"], assignee_id=carla.id)
    elsewhere = make_conversation(other_number, gone, unread_count=1)
    note = conversations.add_note(cast.workspace.id, theirs.id, user_id=None, words="Call back")
    first = make_inbound(channel, kept, "One", created_at=now - timedelta(hours=30))
    second = make_inbound(channel, gone, "Two", created_at=now - timedelta(hours=1))
    make_merge(kept, gone)
    session.expire_all()
    assert {one.id: one.contact_id for one in session.query(Conversation)} == {mine.id: kept.id, elsewhere.id: kept.id}
    assert (mine.unread_count, mine.assignee_id, mine.state) == (5, carla.id, "open")
    assert [label.lower() for label in mine.labels] == ["refund", "urgent"]
    assert mine.window_expires_at > now
    said = [entry.message.id for entry in threads.read_thread(mine).entries if entry.message]
    assert said == [first.id, second.id]
    assert session.get(ConversationEvent, note.id).conversation_id == mine.id


def test_one_broadcast_reaches_them_once(cast: Cast, channel: Channel, session: Any) -> None:
    kept, gone = two(cast)
    runs = {}
    for state, other in (("queued", "queued"), ("delivered", "queued"), ("queued", "sending"), ("sent", "read")):
        broadcast = make_broadcast(cast.workspace, channel, state="sending")
        runs[state, other] = [
            make_message(channel, person, broadcast, state=how) for person, how in ((kept, state), (gone, other))
        ]
    make_merge(kept, gone)
    session.expire_all()
    after = {pair: [(one.state.value, one.attempt, one.contact_id) for one in both] for pair, both in runs.items()}
    assert after == {
        ("queued", "queued"): [("queued", 1, kept.id), ("skipped", 2, kept.id)],
        ("delivered", "queued"): [("delivered", 1, kept.id), ("skipped", 2, kept.id)],
        ("queued", "sending"): [("skipped", 1, kept.id), ("sending", 2, kept.id)],
        ("sent", "read"): [("sent", 1, kept.id), ("read", 2, kept.id)],
    }


# ---------------------------------------------------------------- undoing


SNAPSHOT = {
    "contacts": "SELECT id, phone, wa_user_id, name, email, language, attributes, consent FROM contacts ORDER BY id",
    "tags": "SELECT contact_id, tag_id FROM contact_tags ORDER BY 1, 2",
    "threads": """SELECT id, channel_id, contact_id, state, unread_count, window_expires_at, last_message_id,
                  last_message_at FROM conversations ORDER BY id""",
    "messages": "SELECT id, contact_id, attempt FROM messages ORDER BY id",
    "notes": "SELECT id, conversation_id FROM conversation_events ORDER BY id",
    "consent": "SELECT id, contact_id FROM consent_events WHERE source <> 'merge' ORDER BY id",
}


def snapshot(session: Any) -> dict[str, Any]:
    return {name: session.execute(text(query)).all() for name, query in SNAPSHOT.items()}


def test_undone_everything_is_as_it_was(cast: Cast, channel: Channel, session: Any) -> None:
    kept, gone = two(cast)
    gone.consent = Consent.OPTED_OUT
    make_consent_event(gone)
    shared, own = make_tag(cast.workspace, "vip"), make_tag(cast.workspace, "news")
    for contact, tag in ((kept, shared), (gone, shared), (gone, own)):
        tag_contact(contact, tag)
    at = clock.now() - timedelta(hours=2)
    for number in (channel, make_channel(cast.workspace)):
        for person in (kept, gone) if number is channel else (gone,):
            said = make_inbound(number, person, created_at=at)
            fields = {"last_message_id": said.id, "last_message_at": at, "window_expires_at": at + timedelta(hours=24)}
            thread = make_conversation(number, person, unread_count=1, **fields)
            conversations.add_note(cast.workspace.id, thread.id, user_id=None, words="Note")
    broadcast = make_broadcast(cast.workspace, channel, state="sending")
    for person in (kept, gone):
        make_message(channel, person, broadcast, state="sent", reached=3)
    before = snapshot(session)
    merge = make_merge(kept, gone)
    assert snapshot(session) != before
    assert undo_merge(cast.workspace.id, merge.id) == gone.id
    assert snapshot(session) == before
    assert undo_merge(cast.workspace.id, merge.id) == gone.id
    assert snapshot(session) == before
    assert contact_merges.list_merges(cast.workspace.id, kept.id) == []


def test_what_was_parted_stays_apart(cast: Cast, channel: Channel, session: Any) -> None:
    kept, gone = two(cast)
    deliver(by_both())
    merge = session.query(ContactMerge).one()
    assert [one.id for one in contact_merges.list_merges(cast.workspace.id, kept.id)] == [merge.id]
    undo_merge(cast.workspace.id, merge.id)
    deliver(by_both("Again"))
    session.expire_all()
    assert (session.get(Contact, kept.id).wa_user_id, session.get(Contact, gone.id).wa_user_id) == (None, USER_ID)
    assert session.query(Message).order_by(Message.id.desc()).first().contact_id == kept.id


def test_what_came_since_stays_with_who_stayed(cast: Cast, channel: Channel, session: Any) -> None:
    kept, gone = two(cast)
    deliver(by_id("Before", ago=60))
    deliver(by_both("Since"))
    deliver(by_phone("Stop"))
    contacts.update_contact(cast.workspace.id, kept.id, name="Naledi Mokoena")
    undo_merge(cast.workspace.id, session.query(ContactMerge).one().id)
    session.expire_all()
    owners = {row.content["body"]: row.contact_id for row in session.query(Message).filter_by(direction="in")}
    assert owners == {"Before": gone.id, "Since": kept.id, "Stop": kept.id}
    threads_of = {one.contact_id: (one.unread_count, one.last_message_id) for one in session.query(Conversation)}
    assert threads_of[gone.id] == (1, session.query(Message.id).filter_by(contact_id=gone.id).scalar())
    assert session.get(Contact, kept.id).name == "Naledi Mokoena"
    # Nobody can tell which of the two said stop.
    assert [one.consent for one in session.query(Contact)] == [Consent.OPTED_OUT] * 2


def test_it_is_refused_when_late_or_when_somebody_else_is_there(cast: Cast, session: Any) -> None:
    kept, gone = two(cast)
    merge = make_merge(kept, gone)
    with pytest.raises(NotFound):
        undo_merge(cast.other_workspace.id, merge.id)
    session.query(Contact).filter_by(id=kept.id).update({"wa_user_id": None})
    make_contact(cast.workspace, phone=None, wa_user_id=USER_ID)
    with pytest.raises(Conflict):
        undo_merge(cast.workspace.id, merge.id)
    merge.created_at = clock.now() - timedelta(days=31)
    session.commit()
    with pytest.raises(Conflict):
        undo_merge(cast.workspace.id, merge.id)
    assert contact_merges.list_merges(cast.workspace.id, kept.id) == []
    assert contact_merges.purge_merges() == 1


# ---------------------------------------------------------------- new numbers and user ids


def moved(new: str, **fields: Any) -> dict[str, Any]:
    said = {"body": "A changed to B", "wa_id": new, "type": "user_changed_number"}
    return message("system", said, **fields)


NEW = "27825550202"


def test_a_new_number_is_the_contacts_new_number(cast: Cast, channel: Channel, session: Any) -> None:
    contact = make_contact(cast.workspace, phone=PERSON, wa_user_id=USER_ID)
    waiting, sent = make_message(channel, contact), make_message(channel, contact, state="sent")
    told = moved(NEW)
    for _ in range(3):
        deliver(told)
    session.expire_all()
    assert (contact.phone, contact.wa_user_id) == (NEW, USER_ID)
    assert (waiting.phone, sent.phone) == (NEW, PERSON)
    change = session.query(IdentityChange).one()
    assert (change.contact_id, change.old_value, change.new_value) == (contact.id, PERSON, NEW)
    assert session.query(Message).count() == 2


def test_a_number_that_is_a_contact_already_makes_them_one(cast: Cast, channel: Channel, session: Any) -> None:
    old = make_contact(cast.workspace, phone=PERSON, name="Naledi")
    make_inbound(channel, old, "Earlier")
    new = make_contact(cast.workspace, phone=NEW, name="")
    deliver(moved(NEW))
    session.expire_all()
    contact = session.query(Contact).one()
    assert (contact.id, contact.phone, contact.name) == (new.id, NEW, "Naledi")
    assert session.query(Message).one().contact_id == new.id
    assert session.query(ContactMerge).one().reason == contact_merges.NEW_NUMBER
    undo_merge(cast.workspace.id, session.query(ContactMerge).one().id)
    assert {one.phone for one in session.query(Contact)} == {PERSON, NEW}


@pytest.mark.parametrize("order", list(itertools.permutations(range(4))))
def test_several_moves_end_at_the_last_place(channel: Channel, session: Any, order: tuple[int, ...]) -> None:
    last = "27825550303"
    said = [
        by_phone("First", ago=90),
        moved(NEW, ago=60),
        moved(last, ago=30, **{"from": NEW}),
        message("text", "Last", **{"from": last}),
    ]
    deliver(*(said[place] for place in order))
    contact, conversation = the_one(session)
    assert contact.phone == last
    assert [entry.words for entry in threads.read_thread(conversation).entries] == ["First", "Last"]


def test_a_new_user_id_is_learnt(cast: Cast, channel: Channel, session: Any) -> None:
    contact = make_contact(cast.workspace, phone=None, wa_user_id=USER_ID)
    said = {"type": "user_changed_user_id", "user_id": "ZA.9", "body": "New id"}
    deliver(message("system", said, **{"from": None, "from_user_id": USER_ID}))
    session.refresh(contact)
    assert contact.wa_user_id == "ZA.9"


@pytest.mark.parametrize(
    "said",
    [
        {"type": "user_changed_number"},
        {"type": "user_changed_number", "wa_id": PERSON},
        {"type": "user_changed_number", "wa_id": ["x"]},
        {"type": "customer_identity_changed", "identity": {"hash": "x"}},
        {},
    ],
)
def test_other_system_messages_change_nothing(cast: Cast, channel: Channel, session: Any, said: dict[str, Any]) -> None:
    contact = make_contact(cast.workspace, phone=PERSON)
    assert deliver(message("system", said)) == {"done": 1, "poison": 0}
    session.refresh(contact)
    assert contact.phone == PERSON
    assert session.query(IdentityChange).count() == 0
