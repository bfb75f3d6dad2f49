"""Answers in conversations: what is sent, what is refused, what is sent once, and what failed."""

from datetime import timedelta
from typing import Any

import pytest

from tests.cast import Cast
from tests.factories import (
    make_channel,
    make_contact,
    make_conversation,
    make_inbound,
    make_message,
    make_template,
    save,
)
from wotnot import clock
from wotnot.errors import Conflict, Invalid, NotFound
from wotnot.models import Channel, Consent, Contact, Conversation, Message, MessageState
from wotnot.services import conversations, replies, thread_search, threads


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


def test_an_answer_quotes_and_moves_the_thread_on(cast: Cast, channel: Channel, thread: Conversation) -> None:
    asked = make_inbound(channel, thread.contact, "Do you have it in red?", wamid="wamid.asked")
    sent = replies.send_reply(
        cast.workspace.id, thread.id, type="text", content={"body": "Yes"}, user_id=cast.bob.id, reply_to=asked.id
    )
    assert (sent.state, sent.context_wamid, sent.content["body"]) == (MessageState.QUEUED, "wamid.asked", "Yes")
    entry = threads.read_thread(thread).entries[-1]
    assert (entry.author, entry.quote and entry.quote.line) == ("Bob", "Do you have it in red?")
    assert conversations.get_conversation(cast.workspace.id, thread.id).last_message_id == sent.id


def test_a_double_click_answers_once(cast: Cast, thread: Conversation, session: Any) -> None:
    same = {"type": "text", "content": {"body": "Yes"}, "client_id": "tab-1-17"}
    ids = {replies.send_reply(cast.workspace.id, thread.id, **same).id for _ in range(2)}
    assert len(ids) == 1
    assert session.query(Message).count() == 1


def test_what_was_sent_is_answered_again_after_the_window(cast: Cast, thread: Conversation, session: Any) -> None:
    """The first answer was lost on its way, and meanwhile nothing could be sent any more."""
    same = {"type": "text", "content": {"body": "Yes"}, "client_id": "tab-1-17"}
    sent = replies.send_reply(cast.workspace.id, thread.id, **same).id
    thread.window_expires_at = clock.now() - timedelta(seconds=1)
    save(thread)
    assert replies.send_reply(cast.workspace.id, thread.id, **same).id == sent


def test_something_else_in_a_form_that_was_sent_before_is_another_message(
    cast: Cast, thread: Conversation, session: Any
) -> None:
    for body in ("Yes", "No", "Yes"):
        replies.send_reply(cast.workspace.id, thread.id, type="text", content={"body": body}, client_id="form-1")
    assert session.query(Message).count() == 2


def test_a_note_that_is_sent_twice_is_kept_once(cast: Cast, thread: Conversation) -> None:
    ids = {
        conversations.add_note(cast.workspace.id, thread.id, user_id=cast.bob.id, words=words, client_id="form-1").id
        for words in ("Call back", "Call back ", "Called")
    }
    assert len(ids) == 2
    assert [entry.event and entry.event.text for entry in threads.read_thread(thread).entries] == [
        "Call back",
        "Called",
    ]


def test_a_closed_window_takes_only_templates(cast: Cast, thread: Conversation) -> None:
    thread.window_expires_at = clock.now() - timedelta(seconds=1)
    save(thread)
    with pytest.raises(Conflict) as refused:
        replies.send_reply(cast.workspace.id, thread.id, type="text", content={"body": "Hi"})
    assert refused.value.code == "window_closed"


def test_somebody_who_opted_out_still_gets_an_answer_but_no_template(
    cast: Cast, channel: Channel, thread: Conversation
) -> None:
    thread.contact.consent = Consent.OPTED_OUT
    save(thread.contact)
    replies.send_reply(cast.workspace.id, thread.id, type="text", content={"body": "You are off the list."})
    make_template(cast.workspace, waba_id=channel.waba_id, name="offer")
    with pytest.raises(Conflict) as refused:
        replies.send_reply(cast.workspace.id, thread.id, type="template", content={"name": "offer"})
    assert refused.value.code == "opted_out"


def test_a_reaction_names_its_message(cast: Cast, channel: Channel, thread: Conversation) -> None:
    asked = make_inbound(channel, thread.contact, "Thanks", wamid="wamid.thanks")
    sent = replies.send_reply(cast.workspace.id, thread.id, type="reaction", content={"emoji": "❤️"}, reply_to=asked.id)
    assert sent.content == {"message_id": "wamid.thanks", "emoji": "❤️"}
    assert [(one.emoji, one.is_ours) for one in threads.read_thread(thread).entries[0].reactions] == [("❤️", True)]
    with pytest.raises(Invalid):
        replies.send_reply(cast.workspace.id, thread.id, type="reaction", content={"emoji": "ok"}, reply_to=asked.id)
    with pytest.raises(Invalid):
        replies.send_reply(cast.workspace.id, thread.id, type="reaction", content={"emoji": "❤️"})


def test_a_message_of_another_thread_cannot_be_quoted(cast: Cast, channel: Channel, thread: Conversation) -> None:
    elsewhere = make_inbound(channel, make_contact(cast.workspace), "Secret")
    with pytest.raises(Invalid):
        replies.send_reply(cast.workspace.id, thread.id, type="text", content={"body": "Hi"}, reply_to=elsewhere.id)


def test_a_message_of_another_workspace_is_neither_quoted_nor_shown(
    cast: Cast, channel: Channel, thread: Conversation, session: Any
) -> None:
    theirs = make_channel(cast.other_workspace)
    secret = make_inbound(theirs, make_contact(cast.other_workspace), "Secret", wamid="wamid.secret")
    with pytest.raises(NotFound):
        replies.send_reply(cast.workspace.id, thread.id, type="text", content={"body": "Hi"}, reply_to=secret.id)
    assert session.query(Message).filter_by(direction="out").count() == 0
    make_inbound(channel, thread.contact, "As you said", context_wamid="wamid.secret")
    quote = threads.read_thread(thread).entries[0].quote
    assert quote
    assert (quote.message_id, quote.line) == (None, "An earlier message")


def test_a_failed_answer_is_sent_again_once(cast: Cast, channel: Channel, thread: Conversation, session: Any) -> None:
    failed = make_message(
        channel, thread.contact, type="text", content={"body": "Hi"}, state=MessageState.FAILED, error_code=131000
    )
    ids = {replies.retry_reply(cast.workspace.id, thread.id, failed.id).id for _ in range(2)}
    assert len(ids) == 1
    with pytest.raises(Conflict):
        replies.retry_reply(cast.workspace.id, thread.id, ids.pop())
    first, again = threads.read_thread(thread).entries
    assert (first.aside.kind, first.line, again.aside) == ("retried", "A message that was not sent", None)


def test_a_failed_answer_is_discarded_for_everybody_and_kept_in_the_ledger(
    cast: Cast, channel: Channel, thread: Conversation, session: Any
) -> None:
    workspace = cast.workspace.id
    failed = replies.send_reply(workspace, thread.id, type="text", content={"body": "A xylophone"})
    with pytest.raises(Conflict):
        replies.discard_reply(workspace, thread.id, failed.id)
    failed.state = MessageState.FAILED
    save(failed)
    for user in (cast.bob, cast.alice):
        replies.discard_reply(workspace, thread.id, failed.id, user_id=user.id)
    (entry,) = threads.read_thread(thread).entries
    assert (entry.aside.kind, entry.aside.user_id) == ("discarded", cast.bob.id)
    assert threads.last_lines({thread.id: failed}) == {thread.id: "A message that was not sent"}
    assert thread_search.search_messages(workspace, "xylophone").items == []
    assert session.get(Message, failed.id).state is MessageState.FAILED
    # Proof that it arrived after all is stronger than what somebody thought of it.
    failed.state = MessageState.DELIVERED
    save(failed)
    assert threads.read_thread(thread).entries[0].aside is None
    with pytest.raises(NotFound):
        replies.discard_reply(cast.other_workspace.id, thread.id, failed.id)


@pytest.mark.parametrize(
    ("content", "where"),
    [
        ({"body": "Which size?", "buttons": ["S", "M", "L", "XL"]}, "interactive.buttons"),
        ({"body": "Which size?", "buttons": ["S", "s"]}, "interactive.buttons"),
        ({"body": "", "buttons": ["S"]}, "interactive.body"),
        ({"body": "Which?", "list": {"button": "Open", "rows": []}}, "interactive.list.rows"),
        ({"body": "Which?", "list": {"button": "", "rows": [{"title": "S"}]}}, "interactive.list.button"),
        ({"body": "Which?"}, "interactive"),
    ],
)
def test_choices_that_whatsapp_would_refuse(
    cast: Cast, thread: Conversation, content: dict[str, Any], where: str
) -> None:
    with pytest.raises(Invalid) as refused:
        replies.send_reply(cast.workspace.id, thread.id, type="interactive", content=content)
    assert where in refused.value.errors
