"""The team's work in conversations: lists, threads, hands and what is found. Answers are in `test_conversation_answers`."""

from datetime import timedelta
from typing import Any

import pytest

from tests.cast import Cast
from tests.factories import (
    make_broadcast,
    make_channel,
    make_contact,
    make_conversation,
    make_inbound,
    make_member,
    make_message,
    make_tag,
    make_template,
    make_user,
    save,
    tag_contact,
)
from wotnot import clock
from wotnot.errors import Invalid, NotFound
from wotnot.models import Channel, Contact, Conversation, ConversationState, EventKind, Message, MessageState
from wotnot.services import conversation_lists, conversations, presence, replies, thread_search, threads
from wotnot.services.conversation_lists import ConversationFilter
from wotnot.services.template_versions import change_template
from wotnot.services.transaction import transaction


@pytest.fixture
def channel(cast: Cast) -> Channel:
    return make_channel(cast.workspace)


@pytest.fixture
def contact(cast: Cast) -> Contact:
    return make_contact(cast.workspace, name="Naledi Mokoena")


@pytest.fixture
def thread(channel: Channel, contact: Contact) -> Conversation:
    return make_conversation(
        channel,
        contact,
        window_expires_at=clock.now() + timedelta(hours=3),
        last_message_at=clock.now() - timedelta(hours=21),
    )


def change(
    thread: Conversation, channel: Channel, kind: str, content: dict[str, Any], minutes: int, **fields: Any
) -> Message:
    at = clock.now() + timedelta(minutes=minutes)
    return make_inbound(channel, thread.contact, type=kind, content=content, created_at=at, **fields)


# ---------------------------------------------------------------- lists


def test_a_list_goes_by_the_last_message_and_pages_without_gaps(cast: Cast, channel: Channel) -> None:
    at = clock.now()
    made = [
        make_conversation(channel, make_contact(cast.workspace), last_message_at=at - timedelta(minutes=number // 2))
        for number in range(7)
    ]
    seen, cursor = [], None
    while True:
        page = conversation_lists.list_conversations(cast.workspace.id, ConversationFilter(), cursor=cursor, limit=3)
        seen += [one.id for one in page.items]
        cursor = page.next_cursor
        if cursor is None:
            break
    assert sorted(seen) == sorted(one.id for one in made)
    times = {one.id: one.last_message_at for one in made}
    assert [times[one] for one in seen] == sorted(times.values(), reverse=True)


def test_each_filter_shows_its_own(cast: Cast, channel: Channel, thread: Conversation) -> None:
    carla = make_member(cast.workspace, make_user(name="Carla"))
    other = make_conversation(channel, make_contact(cast.workspace), assignee_id=carla.id, unread_count=2)
    conversations.set_labels(cast.workspace.id, other.id, ["Urgent"])
    conversations.close(cast.workspace.id, thread.id, user_id=cast.bob.id)

    def found(**wanted: Any) -> list[int]:
        page = conversation_lists.list_conversations(cast.workspace.id, ConversationFilter(**wanted))
        return [one.id for one in page.items]

    assert found(assignee_id=carla.id) == [other.id]
    assert found(unassigned=True) == [thread.id]
    assert found(unread=True) == [other.id]
    assert found(state=ConversationState.CLOSED) == [thread.id]
    assert found(label="Urgent") == [other.id]
    assert found(label="urgen") == []
    assert found(search="naledi") == [thread.id]
    assert conversation_lists.list_labels(cast.workspace.id) == ["Urgent"]
    views = {"mine": ConversationFilter(assignee_id=carla.id), "all": ConversationFilter()}
    assert conversation_lists.count_conversations(cast.workspace.id, views) == {"mine": 1, "all": 2}


def test_another_workspace_finds_nothing(cast: Cast, thread: Conversation) -> None:
    stranger = cast.other_workspace.id
    assert conversation_lists.list_conversations(stranger, ConversationFilter()).items == []
    for call in (
        lambda: conversations.get_conversation(stranger, thread.id),
        lambda: conversations.mark_read(stranger, thread.id),
        lambda: conversations.add_note(stranger, thread.id, user_id=None, words="Hi"),
        lambda: replies.send_reply(stranger, thread.id, type="text", content={"body": "Hi"}),
    ):
        with pytest.raises(NotFound):
            call()


# ---------------------------------------------------------------- threads


def test_what_changes_a_message_is_laid_over_it_in_any_order(channel: Channel, thread: Conversation) -> None:
    first = make_inbound(channel, thread.contact, "Where is my oder?", wamid="wamid.first")
    second = make_inbound(channel, thread.contact, "Sorry, wrong person", wamid="wamid.second")
    edited = {"original_message_id": "wamid.first", "message": {"type": "text", "text": {"body": "Where is my order?"}}}
    # A reaction that was replaced comes after the one that replaced it.
    change(thread, channel, "reaction", {"message_id": "wamid.first", "emoji": "🙏"}, 3, wamid="wamid.r2")
    change(thread, channel, "reaction", {"message_id": "wamid.first", "emoji": "😡"}, 2, wamid="wamid.r1")
    change(thread, channel, "edit", edited, 1, wamid="wamid.e")
    change(thread, channel, "revoke", {"original_message_id": "wamid.second"}, 1, wamid="wamid.d")
    entries = threads.read_thread(thread).entries
    assert [entry.message and entry.message.id for entry in entries] == [first.id, second.id]
    assert (entries[0].words, entries[0].is_edited) == ("Where is my order?", True)
    assert [(one.emoji, one.is_ours) for one in entries[0].reactions] == [("🙏", False)]
    assert (entries[1].words, entries[1].line, entries[1].is_deleted) == ("", "This message was deleted", True)


def test_an_empty_reaction_takes_the_earlier_one_back(channel: Channel, thread: Conversation) -> None:
    make_inbound(channel, thread.contact, "Thanks", wamid="wamid.first")
    change(thread, channel, "reaction", {"message_id": "wamid.first", "emoji": "👍"}, 1, wamid="wamid.r1")
    change(thread, channel, "reaction", {"message_id": "wamid.first"}, 2, wamid="wamid.r2")
    assert threads.read_thread(thread).entries[0].reactions == []


def test_a_quote_shows_what_it_quotes_and_a_template_its_values(
    cast: Cast, channel: Channel, thread: Conversation
) -> None:
    components = [{"type": "BODY", "text": "Hi {{1}}, 20% off today."}]
    template = make_template(cast.workspace, waba_id=channel.waba_id, components=components)
    broadcast = make_broadcast(cast.workspace, channel, template)
    make_message(
        channel,
        thread.contact,
        broadcast,
        template_id=template.id,
        wamid="wamid.offer",
        reached=3,
        state=MessageState.SENT,
        content={"values": {"1": "Naledi"}},
    )
    make_inbound(channel, thread.contact, "How long?", context_wamid="wamid.offer")
    make_inbound(channel, thread.contact, "Hello?", context_wamid="wamid.unknown")
    entries = threads.read_thread(thread).entries
    assert [entry.words for entry in entries] == ["Hi Naledi, 20% off today.", "How long?", "Hello?"]
    assert entries[1].quote
    assert (entries[1].quote.line, entries[1].quote.is_ours) == ("Hi Naledi, 20% off today.", True)
    assert entries[2].quote
    assert entries[2].quote.message_id is None


def test_a_template_that_has_changed_since_stands_in_the_words_that_were_sent(
    cast: Cast, channel: Channel, thread: Conversation, count_queries: Any
) -> None:
    body = {"type": "BODY", "text": "Hi {{1}}, 20% off today."}
    template = make_template(cast.workspace, waba_id=channel.waba_id, components=[body])
    words = {"type": "template", "template_id": template.id, "content": {"values": {"1": "Naledi"}}, "reached": 3}
    make_message(channel, thread.contact, template_version=1, **words)
    with transaction():
        change_template(template, {"components": [body | {"text": "Dear {{1}}, the sale is over."}]})
    make_message(channel, thread.contact, template_version=2, **words)
    with count_queries() as few:
        entries = threads.read_thread(thread).entries
    assert [entry.words for entry in entries] == ["Hi Naledi, 20% off today.", "Dear Naledi, the sale is over."]
    make_message(channel, thread.contact, template_version=1, **words)
    with count_queries() as more:
        threads.read_thread(thread)
    assert len(more) == len(few)


@pytest.mark.parametrize("few", [0, 5_000], ids=["walked by", "named"])
def test_the_threads_of_a_tag_are_found_whether_few_or_many_have_it(
    cast: Cast, channel: Channel, few: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(conversation_lists, "FEW_PEOPLE", few)
    vip = make_tag(cast.workspace, "VIP")
    tagged = [make_contact(cast.workspace) for _ in range(3)]
    for one in tagged:
        tag_contact(one, vip)
    threads_of = {one.id: make_conversation(channel, one) for one in (*tagged, make_contact(cast.workspace))}
    wanted = ConversationFilter(tag="vip")
    found = conversation_lists.list_conversations(cast.workspace.id, wanted).items
    assert {one.id for one in found} == {threads_of[one.id].id for one in tagged}
    counts = conversation_lists.count_conversations(cast.workspace.id, {"vip": wanted, "all": ConversationFilter()})
    assert counts == {"vip": 3, "all": 4}
    assert conversation_lists.list_conversations(cast.workspace.id, ConversationFilter(tag="nobody's")).items == []


@pytest.mark.parametrize(
    ("words", "limits"),
    [("patel", (2_000, 5_000)), ("patel", (0, 5_000)), ("patel", (0, 0)), ("271155500", (0, 5_000))],
    ids=["near the top", "named", "walked by to the end", "rare by its looks"],
)
def test_people_are_found_in_the_list_whichever_way_is_quick(
    cast: Cast, channel: Channel, words: str, limits: tuple[int, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(conversation_lists, "NEAR", limits[0])
    monkeypatch.setattr(conversation_lists, "FEW_PEOPLE", limits[1])
    people = [make_contact(cast.workspace, name=f"Aisha Patel {n}", phone=f"2711555000{n}") for n in range(5)]
    wanted = [make_conversation(channel, one).id for one in people]
    make_conversation(channel, make_contact(cast.workspace, name="Thabo Dlamini"))
    seen: list[int] = []
    cursor = None
    while cursor or not seen:
        search = ConversationFilter(search=words)
        page = conversation_lists.list_conversations(cast.workspace.id, search, cursor=cursor, limit=2)
        seen += [one.id for one in page.items]
        cursor = page.next_cursor
    assert sorted(seen) == sorted(wanted)
    stranger = conversation_lists.list_conversations(cast.other_workspace.id, ConversationFilter(search=words))
    assert stranger.items == []


def test_older_entries_come_with_the_notes_of_their_time(cast: Cast, channel: Channel, thread: Conversation) -> None:
    start = clock.now() - timedelta(hours=1)
    for number in range(5):
        make_inbound(channel, thread.contact, f"Message {number}", created_at=start + timedelta(minutes=number))
    conversations.add_note(cast.workspace.id, thread.id, user_id=cast.bob.id, words="Knows us from the fair")
    newest = threads.read_thread(thread, limit=2)
    assert [entry.words or (entry.event and entry.event.text) for entry in newest.entries] == [
        "Message 3",
        "Message 4",
        "Knows us from the fair",
    ]
    older = threads.read_thread(thread, before=newest.older, limit=10)
    assert [entry.words for entry in older.entries] == ["Message 0", "Message 1", "Message 2"]
    assert older.older is None
    with pytest.raises(Invalid):
        threads.read_thread(thread, before="no cursor of ours")


def test_a_deleted_last_message_is_not_shown_in_the_list(channel: Channel, thread: Conversation) -> None:
    last = make_inbound(channel, thread.contact, "My card number is 4111…", wamid="wamid.card")
    change(thread, channel, "revoke", {"original_message_id": "wamid.card"}, 1, wamid="wamid.d")
    assert threads.last_lines({thread.id: last}) == {thread.id: "This message was deleted"}


def test_an_edited_last_message_stands_in_the_list_as_it_is_now(channel: Channel, thread: Conversation) -> None:
    last = make_inbound(channel, thread.contact, "Tusday", wamid="wamid.day")
    new = {"original_message_id": "wamid.day", "message": {"type": "text", "text": {"body": "Tuesday"}}}
    change(thread, channel, "edit", new, 1, wamid="wamid.e")
    assert threads.last_lines({thread.id: last}) == {thread.id: "Tuesday"}


# ---------------------------------------------------------------- hands


def test_reading_ends_what_is_unread(cast: Cast, channel: Channel, thread: Conversation) -> None:
    newest = make_inbound(channel, thread.contact, "Hi")
    thread.unread_count = 3
    save(thread)
    read = conversations.mark_read(cast.workspace.id, thread.id)
    assert (read.unread_count, read.read_through) == (0, newest.id)


def test_an_assignment_is_noted_once(cast: Cast, thread: Conversation) -> None:
    member = make_member(cast.workspace, make_user(name="Carla"))
    for _ in range(2):
        conversations.assign(cast.workspace.id, thread.id, member_id=member.id, user_id=cast.alice.id)
    events = [entry.event for entry in threads.read_thread(thread).entries]
    assert [(event.kind, event.text) for event in events if event] == [(EventKind.ASSIGNED, "Carla")]
    foreign = make_member(cast.other_workspace, make_user())
    with pytest.raises(Invalid):
        conversations.assign(cast.workspace.id, thread.id, member_id=foreign.id, user_id=cast.alice.id)


def test_turns_go_round_those_who_are_online(cast: Cast, channel: Channel) -> None:
    presence.note_here(cast.workspace.id, cast.alice.id)
    presence.note_here(cast.workspace.id, cast.bob.id)
    make_member(cast.workspace, make_user(name="Offline"))
    made = [make_conversation(channel, make_contact(cast.workspace)) for _ in range(4)]
    hands = [
        conversations.assign_by_turns(cast.workspace.id, one.id, user_id=cast.alice.id).assignee_id for one in made
    ]
    assert len(set(hands)) == 2
    assert hands[0] == hands[2] != hands[1] == hands[3]


def test_nobody_online_is_said(cast: Cast, thread: Conversation) -> None:
    with pytest.raises(Invalid, match="online"):
        conversations.assign_by_turns(cast.workspace.id, thread.id, user_id=cast.alice.id)


def test_closing_and_reopening_follows_the_window(cast: Cast, thread: Conversation) -> None:
    assert conversations.close(cast.workspace.id, thread.id, user_id=cast.bob.id).state is ConversationState.CLOSED
    assert conversations.reopen(cast.workspace.id, thread.id, user_id=cast.bob.id).state is ConversationState.OPEN
    conversations.close(cast.workspace.id, thread.id, user_id=cast.bob.id)
    thread.window_expires_at = clock.now() - timedelta(minutes=1)
    save(thread)
    assert conversations.reopen(cast.workspace.id, thread.id, user_id=cast.bob.id).state is ConversationState.EXPIRED


@pytest.mark.parametrize("words", ["", "   ", "x" * 4001])
def test_a_note_has_words(cast: Cast, thread: Conversation, words: str) -> None:
    with pytest.raises(Invalid):
        conversations.add_note(cast.workspace.id, thread.id, user_id=cast.bob.id, words=words)


def test_labels_are_one_spelling_each(cast: Cast, thread: Conversation) -> None:
    labelled = conversations.set_labels(cast.workspace.id, thread.id, ["Urgent", " urgent ", "", "Big  order"])
    assert labelled.labels == ["Big order", "Urgent"]
    with pytest.raises(Invalid):
        conversations.set_labels(cast.workspace.id, thread.id, ["x" * 41])
    with pytest.raises(Invalid):
        conversations.set_labels(cast.workspace.id, thread.id, [str(number) for number in range(11)])


# ---------------------------------------------------------------- search


def test_words_are_found_in_both_directions_and_only_here(cast: Cast, channel: Channel, thread: Conversation) -> None:
    replies.send_reply(cast.workspace.id, thread.id, type="text", content={"body": "The delivery comes on Friday"})
    (hit,) = thread_search.search_messages(cast.workspace.id, "deliv FRIDAY").items
    assert (hit.conversation_id, hit.is_ours, hit.contact_name) == (thread.id, True, "Naledi Mokoena")
    assert thread_search.search_messages(cast.workspace.id, "monday").items == []
    assert thread_search.search_messages(cast.other_workspace.id, "delivery").items == []
    with pytest.raises(Invalid):
        thread_search.search_messages(cast.workspace.id, " ?! ")
