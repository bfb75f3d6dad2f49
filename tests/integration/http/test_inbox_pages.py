"""The inbox in a browser without scripts, and the parts that htmx asks for."""

from datetime import timedelta
from typing import Any

import pytest

from tests import factories
from tests.cast import Cast
from tests.client import Client
from tests.deliveries import deliver
from tests.deliveries import message as said
from tests.inbox import page, part, post, revision
from wotnot import clock
from wotnot.models import Channel, ConsentEvent, Contact, Conversation, ConversationState, InboundMediaState
from wotnot.services import canned_replies, conversations, presence, replies, threads

# ---------------------------------------------------------------- pages


def test_the_list_shows_who_wrote_what_and_how_much_waits(bob: Client, thread: Conversation) -> None:
    shown = page(bob, "/app/inbox")
    for words in ("Naledi Mokoena", "Do you ship to Namibia?", "Unassigned <b>1</b>", "Mine <b>0</b>"):
        assert words in shown, words
    assert "Nothing is yours" in page(bob, "/app/inbox?view=mine")
    assert "Naledi Mokoena" not in page(bob, "/app/inbox?state=closed")
    assert "Naledi Mokoena" in page(bob, "/app/inbox?search=naledi")
    replies.send_reply(thread.workspace_id, thread.id, type="text", content={"body": "It comes on Friday"})
    assert "In messages" in page(bob, "/app/inbox?search=friday")
    assert "Nobody and nothing matches" in page(bob, "/app/inbox?search=xylophone")
    assert "Naledi Mokoena" in page(bob, "/app/inbox?view=strange&state=strange&number=x")


def test_the_list_of_a_number_is_its_own_and_a_strangers_is_not_found(
    bob: Client, cast: Cast, channel: Channel, thread: Conversation
) -> None:
    assert "Naledi Mokoena" in page(bob, f"/app/inbox?number={channel.id}")
    theirs = factories.make_channel(cast.other_workspace)
    for address in ("/app/inbox", f"/app/inbox/{thread.id}"):
        for number in (theirs.id, 999_999_999):
            assert bob.get(f"{address}?number={number}").status_code == 404, (address, number)


def test_an_empty_inbox_says_what_will_come(bob: Client, channel: Channel) -> None:
    assert "Nobody has written yet" in page(bob, "/app/inbox")


def test_a_conversation_has_its_thread_composer_and_card(bob: Client, thread: Conversation) -> None:
    shown = page(bob, f"/app/inbox/{thread.id}")
    for words in ("Do you ship to Namibia?", "1 new", "Free text for 23 h", "Cape Town", "Nobody’s yet"):
        assert words in shown, words


def test_every_part_stands_alone_for_htmx(bob: Client, thread: Conversation) -> None:
    here = f"/app/inbox/{thread.id}"
    for target in ("inbox-list", "thread-head", "entries", "composer", "contact-card", "open"):
        assert f'id="{target}"' in part(bob, here, target).lstrip()[:200], target


@pytest.mark.parametrize("compose", ["note", "templates", "media", "choices", "react", "nonsense"])
def test_every_composer_is_drawn(bob: Client, cast: Cast, thread: Conversation, compose: str) -> None:
    factories.make_template(cast.workspace)
    factories.make_media_file(cast.workspace)
    assert 'id="composer"' in page(bob, f"/app/inbox/{thread.id}?compose={compose}&quote={thread.last_message_id}")


def test_the_number_of_statements_does_not_grow_with_the_thread(
    bob: Client, channel: Channel, contact: Contact, thread: Conversation, count_queries: Any
) -> None:
    here = f"/app/inbox/{thread.id}"
    page(bob, here)
    with count_queries() as few:
        page(bob, here)
    for number in range(8):
        factories.make_inbound(channel, contact, f"Again {number}")
    with count_queries() as many:
        page(bob, here)
    assert len(many) == len(few)


CONTENTS: list[tuple[str, dict[str, Any], str]] = [
    ("text", {"body": "See https://example.com/a?b=1, <b>now</b>"}, 'href="https://example.com/a?b=1"'),
    ("text", {"body": "<script>alert(1)</script>"}, "&lt;script&gt;"),
    ("image", {"id": "1", "caption": "My plant"}, "It came before files were kept here."),
    ("location", {"latitude": -33.9, "longitude": 18.4, "name": "The shop"}, "query=-33.9%2C18.4"),
    ("contacts", {"contacts": [{"name": {"formatted_name": "Thabo"}, "phones": [{"phone": "+27 83 1"}]}]}, "+27 83 1"),
    ("button", {"text": "Yes, keep one", "payload": "x"}, "Yes, keep one"),
    ("interactive", {"list_reply": {"id": "1", "title": "Small", "description": "20 cm"}}, "20 cm"),
    ("order", {"product_items": [{"product_retailer_id": "FERN", "quantity": 2}]}, "2 × FERN"),
    ("text", {"body": "Hi", "referral": {"headline": "Spring ad", "source_url": "javascript:x"}}, "Spring ad"),
    ("unsupported", {}, "does not pass this kind"),
    ("hologram", {"x": 1}, "(hologram)"),
    ("text", {}, "bub in"),
    ("contacts", {"contacts": "garbage"}, "bub in"),
    ("order", {"product_items": None}, "Order of 0 products"),
]


@pytest.mark.parametrize("sent", CONTENTS, ids=lambda sent: sent[0])
def test_what_people_send_is_shown_as_what_it_is(
    bob: Client, channel: Channel, thread: Conversation, sent: tuple[str, dict[str, Any], str]
) -> None:
    kind, content, words = sent
    factories.make_inbound(channel, thread.contact, type=kind, content=content)
    shown = page(bob, f"/app/inbox/{thread.id}")
    assert words in shown
    assert "<script>alert" not in shown
    assert "javascript:" not in shown


@pytest.mark.parametrize(
    "sent",
    [
        ("image", "waiting", "Picture is loading</span>"),
        ("video", "waiting", "Video is loading</span>"),
        ("audio", "waiting", "Is loading</span>"),
        ("image", "kept", 'img class="image" src="/app/media/'),
        ("audio", "kept", '<audio class="ib-audio" src="/app/media/'),
        ("document", "kept", "/file?download=1"),
        ("sticker", "gone", "Meta does not have this file any more."),
    ],
    ids=lambda sent: f"{sent[0]} {sent[1]}",
)
def test_a_file_that_a_person_sent_is_shown_as_far_as_it_has_come(
    bob: Client, cast: Cast, channel: Channel, thread: Conversation, sent: tuple[str, str, str]
) -> None:
    kind, state, words = sent
    message = factories.make_inbound(channel, thread.contact, type=kind, content={"id": "11", "filename": "care.pdf"})
    file = factories.make_media_file(cast.workspace) if state == "kept" else None
    reason = "Meta does not have this file any more." if state == "gone" else ""
    factories.make_inbound_media(message, file, state=state, reason=reason)
    assert words in page(bob, f"/app/inbox/{thread.id}")


def test_a_line_looks_new_when_its_file_has_come(
    bob: Client, cast: Cast, channel: Channel, thread: Conversation
) -> None:
    message = factories.make_inbound(channel, thread.contact, type="image", content={"id": "11"})
    row = factories.make_inbound_media(message)
    before = revision(part(bob, f"/app/inbox/{thread.id}", "entries"), message)
    row.state, row.media_file_id = InboundMediaState.KEPT, factories.make_media_file(cast.workspace).id
    factories.save(row)
    assert revision(part(bob, f"/app/inbox/{thread.id}", "entries"), message) != before


def test_an_answer_that_nobody_typed_says_so_and_the_card_names_the_word(
    bob: Client, channel: Channel, contact: Contact, thread: Conversation
) -> None:
    number = channel.phone_number_id
    deliver(said("text", "Start", **{"from": contact.phone}), metadata={"phone_number_id": number})
    deliver(said("text", "STOP", **{"from": contact.phone}), metadata={"phone_number_id": number})
    replies.send_reply(thread.workspace_id, thread.id, type="text", content={"body": "As you wish"})
    entries, card = (part(bob, f"/app/inbox/{thread.id}", target) for target in ("entries", "contact-card"))
    assert entries.count("Automatic ·") == 2
    assert "They wrote “STOP”" in card
    assert "They wrote “Start”" in card


def test_who_turned_out_to_be_one_is_shown_and_parted_on_the_card(
    client: Client, cast: Cast, channel: Channel, contact: Contact, thread: Conversation
) -> None:
    client.sign_in(cast.alice)
    gone = factories.make_contact(cast.workspace, phone=None, wa_user_id="ZA.7001", name="Nal")
    theirs = factories.make_conversation(channel, gone).id
    merge = factories.make_merge(contact, gone)
    assert "Merged with Nal" in page(client, f"/app/inbox/{thread.id}")
    # Whoever has the thread open that went into the other one is brought there.
    moved = client.get(f"/app/inbox/{theirs}?view=mine")
    assert (moved.status_code, moved.location) == (303, f"/app/inbox/{thread.id}?view=mine")
    asked = client.get(f"/app/inbox/{theirs}", headers={"HX-Request": "true", "HX-Target": "entries"})
    assert asked.headers["HX-Redirect"] == f"/app/inbox/{thread.id}"
    client.submit(f"/app/contacts/{contact.id}/merges/{merge.id}/undo", page=f"/app/inbox/{thread.id}")
    assert "Merged with" not in page(client, f"/app/inbox/{thread.id}")
    assert "Nal" in page(client, f"/app/inbox/{theirs}")
    assert client.get("/app/inbox/999999999").status_code == 404


def test_a_search_hit_opens_the_thread_around_that_message(
    bob: Client, channel: Channel, contact: Contact, thread: Conversation
) -> None:
    at = clock.now() - timedelta(days=2)
    made = [
        factories.make_inbound(channel, contact, f"Number {n}", created_at=at + timedelta(minutes=n)) for n in range(90)
    ]
    shown = part(bob, f"/app/inbox/{thread.id}?at={made[30].id}", "entries")
    for mark in (f'id="m-{made[30].id}"', 'id="older"', 'id="newer"'):
        assert mark in shown, mark
    assert "Number 89" not in shown
    newest = part(bob, f"/app/inbox/{thread.id}", "entries")
    assert "Number 89" in newest
    assert 'id="newer"' not in newest


def test_pages_of_a_thread_lose_and_repeat_nothing(
    cast: Cast, channel: Channel, contact: Contact, thread: Conversation
) -> None:
    at = clock.now() - timedelta(days=3)
    for number in range(30):
        factories.make_inbound(channel, contact, f"Number {number}", created_at=at + timedelta(minutes=number))
    conversations.add_note(cast.workspace.id, thread.id, user_id=cast.bob.id, words="A note at the end")
    everything = threads.read_thread(thread, limit=200).entries
    seen, cursor = [], None
    while True:
        stretch = threads.read_thread(thread, before=cursor, limit=7)
        seen = [*stretch.entries, *seen]
        cursor = stretch.older
        if cursor is None:
            break
    assert [entry.at for entry in seen] == [entry.at for entry in everything]
    middle = next(entry.message for entry in everything if entry.message and entry.words == "Number 12")
    around = threads.read_around(thread, middle, limit=10)
    walked, cursor = list(around.entries), around.newer
    while cursor:
        stretch = threads.read_thread(thread, after=cursor, limit=7)
        walked += stretch.entries
        cursor = stretch.newer
    assert [entry.at for entry in walked] == [entry.at for entry in everything][-len(walked) :]
    assert len(walked) > 20


# ---------------------------------------------------------------- team work


def test_assigning_closing_and_noting(bob: Client, cast: Cast, thread: Conversation) -> None:
    post(bob, thread, "assign", to="me")
    assert "Yours" in page(bob, f"/app/inbox/{thread.id}")
    assert "Naledi" in page(bob, "/app/inbox?view=mine")
    post(bob, thread, "assign", to="nobody")
    assert "Nobody’s yet" in page(bob, f"/app/inbox/{thread.id}")
    refused = post(bob, thread, "assign", to="auto", headers={"HX-Request": "true"})
    assert (refused.status_code, "Nobody is online" in refused.get_data(as_text=True)) == (422, True)
    presence.note_here(cast.workspace.id, cast.alice.id)
    assert "Online" in page(bob, f"/app/inbox/{thread.id}")
    post(bob, thread, "assign", to="auto")
    assert "Alice’s" in page(bob, f"/app/inbox/{thread.id}")
    assert post(bob, thread, "assign", to="999999999", headers={"HX-Request": "true"}).status_code == 422
    post(bob, thread, "note", body="She is a regular")
    shown = page(bob, f"/app/inbox/{thread.id}")
    assert "note, only your team sees it" in shown
    assert "Bob gave it back" in " ".join(shown.split())
    post(bob, thread, "close")
    assert "Naledi" not in page(bob, "/app/inbox")
    assert "Reopen" in page(bob, f"/app/inbox/{thread.id}")
    post(bob, thread, "reopen")
    assert conversations.get_conversation(cast.workspace.id, thread.id).state is ConversationState.OPEN


def test_reading_and_writing_are_told(bob: Client, cast: Cast, thread: Conversation) -> None:
    assert post(bob, thread, "read").status_code == 303
    assert conversations.get_conversation(cast.workspace.id, thread.id).unread_count == 0
    assert post(bob, thread, "typing").status_code == 204
    assert "is writing" not in page(bob, f"/app/inbox/{thread.id}")
    presence.note_answering(cast.workspace.id, thread.id, cast.alice.id)
    assert "Alice is writing…" in page(bob, f"/app/inbox/{thread.id}")
    assert post(bob, thread, "send", body="Here you are").status_code == 303
    assert presence.who_answers(thread.id) == {cast.alice.id}


def test_the_card_is_kept_in_place(bob: Client, cast: Cast, thread: Conversation, session: Any) -> None:
    assert 'name="attribute_value"' in part(bob, f"/app/inbox/{thread.id}?card=edit", "contact-card")
    pairs = {"attribute_name": ["city", "size"], "attribute_value": ["Durban", "42"]}
    assert post(bob, thread, "contact", name="Naledi M", email="n@example.com", **pairs).status_code == 303
    session.refresh(thread.contact)
    assert (thread.contact.name, thread.contact.attributes) == ("Naledi M", {"city": "Durban", "size": "42"})
    wrong = post(bob, thread, "contact", name="Naledi", email="not-one")
    assert (wrong.status_code, "not an e-mail address" in wrong.get_data(as_text=True)) == (422, True)
    post(bob, thread, "tags", tag="regular")
    post(bob, thread, "labels", label="Refund")
    shown = page(bob, f"/app/inbox/{thread.id}")
    assert "Remove the tag regular" in shown
    assert "Remove the label Refund" in shown
    assert "Naledi" in page(bob, "/app/inbox?label=Refund&tag=regular")
    post(bob, thread, "tags", remove="regular")
    post(bob, thread, "labels", remove="Refund")
    assert "Remove the" not in page(bob, f"/app/inbox/{thread.id}")
    assert post(bob, thread, "labels", label="x" * 41).status_code == 422


def test_consent_is_recorded_with_its_proof(bob: Client, thread: Conversation, session: Any) -> None:
    assert post(bob, thread, "consent", consent="opted_in").status_code == 422
    assert post(bob, thread, "consent", consent="opted_in", note="Asked in the chat").status_code == 303
    assert session.query(ConsentEvent).one().note == "Asked in the chat"
    post(bob, thread, "consent", consent="opted_out")
    assert "Opted out" in page(bob, f"/app/inbox/{thread.id}")


def test_a_contact_can_be_written_to_first(bob: Client, cast: Cast, channel: Channel) -> None:
    contact = factories.make_contact(cast.workspace, name="Thabo")
    assert "Write to this person" in page(bob, f"/app/contacts/{contact.id}")
    first = bob.submit(f"/app/inbox/with/{contact.id}", page="/app/inbox")
    second = bob.submit(f"/app/inbox/with/{contact.id}", page="/app/inbox")
    assert first.status_code == 303
    assert first.location == second.location
    assert "has not written to this number yet" in page(bob, first.location)


# ---------------------------------------------------------------- settings


def test_saved_replies_are_written_by_admins_and_filled_for_the_person(
    client: Client, cast: Cast, thread: Conversation
) -> None:
    client.sign_in(cast.alice)
    here = "/app/settings/replies"
    made = client.submit(here, shortcut="/Hours", body="Hi {{first_name}} in {{city}}, see {{website}}")
    assert made.status_code == 303
    assert client.submit(here, shortcut="hours", body="Again").status_code == 422
    assert client.submit(here, shortcut="two words", body="").status_code == 422
    (reply,) = canned_replies.list_replies(cast.workspace.id)
    assert reply.shortcut == "hours"
    shown = page(client, f"/app/inbox/{thread.id}?canned={reply.id}")
    assert "Hi Naledi in Cape Town, see {{website}}</textarea>" in shown
    assert 'value="hours"' in page(client, f"{here}?edit={reply.id}")
    assert client.submit(f"{here}/{reply.id}", page=here, shortcut="open", body="At nine").status_code == 303
    assert client.submit(f"{here}/{reply.id}/delete", page=here).status_code == 303
    assert canned_replies.list_replies(cast.workspace.id) == []
    client.post("/app/logout", data={"csrf_token": client.csrf_token(here)})
    client.sign_in(cast.bob)
    assert client.submit(here, shortcut="mine", body="No").status_code == 403


def test_new_conversations_are_handed_out_when_the_workspace_wants_it(client: Client, cast: Cast, session: Any) -> None:
    client.sign_in(cast.alice)
    fields = {"name": "Casa Verde", "default_country": "ZA", "timezone": "UTC"}
    client.submit("/app/settings", auto_assign="1", **fields)
    session.refresh(cast.workspace)
    assert cast.workspace.auto_assign
    client.submit("/app/settings", **fields)
    session.refresh(cast.workspace)
    assert not cast.workspace.auto_assign


def test_the_navigation_counts_what_nobody_has_read(bob: Client, thread: Conversation) -> None:
    assert "unread: </span>1" in page(bob, "/app/contacts")
    assert "unread: </span>1" in bob.fragment("/app/inbox/_unread").get_data(as_text=True)
