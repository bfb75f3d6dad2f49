"""Ten thousand messages, edits, deletions and reactions: in whatever order and however often they come, the end is the same.

The one thing that no delivery says is the order within a second, so no two messages of one conversation share theirs.
"""

import random
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import text

from tests.cast import Cast
from tests.deliveries import delivery, drain
from tests.factories import make_channel
from wotnot.models import Channel, Contact, Conversation, Message, Workspace
from wotnot.services import consent_replies, threads, webhook_inbox
from wotnot.services.threads import Entry

COUNT = 10_000
PEOPLE = 60
BEGAN_AGO = 23 * 3600
TEXTS = ("Hi", "Where is my order?", "Danke!", "¿Hay rosas?", "👍", "stop", "START", "x" * 4_000)

Json = dict[str, Any]


@dataclass
class Chat:
    """What one person says to one number: the ids of what can still be quoted, and the second of the last message."""

    number: int
    person: int
    second: int = 0
    said: list[tuple[str, str]] = field(default_factory=list)


class World:
    """The same story for every run; only ids and numbers differ, by the run's `name`."""

    def __init__(self, name: str, began: int) -> None:
        self.name, self.began = name, began
        self.dice = random.Random(20261126)
        self.chats = [Chat(number, person) for number in range(3) for person in range(PEOPLE) if (number + person) % 3]

    def messages(self) -> list[tuple[int, Json]]:
        """(number, message) in the order in which they were written."""
        made = []
        for place in range(COUNT):
            chat = self.dice.choice(self.chats)
            chat.second += self.dice.randint(1, 300)
            made.append((chat.number, self._message(chat, f"wamid.{self.name}.{place}")))
        return made

    def _message(self, chat: Chat, wamid: str) -> Json:
        kind, content, extra = self._content(chat)
        at = {"id": wamid, "timestamp": str(self.began + chat.second), "type": kind, kind: content}
        if kind not in {"reaction", "edit", "revoke", "system"}:
            chat.said.append((wamid, kind))
        return at | extra | self._sender(chat.person)

    def _sender(self, person: int) -> Json:
        """A third is known by number, a third by user id, and a third shows now the one, now the other, now both."""
        phone, user_id = {"from": f"2782555{person:04d}"}, {"from_user_id": f"ZA.{person}"}
        if person % 3 == 2:
            return self.dice.choice([phone, user_id, phone | user_id])
        return phone if person % 3 == 0 else user_id

    def _content(self, chat: Chat) -> tuple[str, Any, Json]:
        earlier = self.dice.choice(chat.said) if chat.said else None
        fresh = self.dice.choice(self._fresh(chat))
        if earlier is None or self.dice.random() < 0.6:
            quote = {"context": {"id": earlier[0]}} if earlier and self.dice.random() < 0.2 else {}
            return (*fresh, quote)
        wamid, kind = earlier
        wording = {"body": f"Better: {self.dice.random()}"} if kind == "text" else {"caption": "Better"}
        change = {"original_message_id": wamid}
        return self.dice.choice(
            [
                ("reaction", {"message_id": wamid, "emoji": self.dice.choice("👍❤😂")}, {}),
                ("reaction", {"message_id": wamid}, {}),
                ("edit", {**change, "message": {"type": kind, kind: wording}}, {}),
                ("revoke", change, {}),
            ]
        )

    def _fresh(self, chat: Chat) -> Sequence[tuple[str, Any]]:
        # Who has two names is merged, and then the more restrictive wish counts whatever was said last.
        words = TEXTS if chat.person % 3 != 2 else TEXTS[:5]
        return [
            *(("text", {"body": one}) for one in words),
            ("image", {"id": "1", "mime_type": "image/jpeg", "caption": "My plant"}),
            ("document", {"id": "2", "filename": "invoice.pdf"}),
            ("location", {"latitude": 1, "longitude": 2, "name": "Home"}),
            ("contacts", [{"name": {"formatted_name": "Ana Lima"}, "phones": []}]),
            ("button", {"payload": "MORE", "text": "Tell me more"}),
            ("interactive", {"type": "list_reply", "list_reply": {"id": "1", "title": "Small"}}),
            ("order", {"catalog_id": "c", "product_items": [{}, {}]}),
            ("sticker", {"id": "3"}),
            ("system", {"type": "customer_identity_changed", "body": "New phone"}),
            ("unsupported", {"type": "poll"}),
        ]


def test_shuffled_and_repeated_they_end_as_in_order(cast: Cast, session: Any) -> None:
    began = int(time.time()) - BEGAN_AGO
    ordered, shuffled = World("ordered", began), World("shuffled", began)
    in_order = ordered.messages()
    mixed = shuffled.messages()
    dice = random.Random(7)
    mixed += dice.sample(mixed, COUNT // 4)
    dice.shuffle(mixed)
    _apply(cast.workspace, "o", _groups(in_order, [500] * (COUNT // 500)))
    # One by one at first, so that people are met by each of their names alone; then as many as Meta may send at once.
    sizes = [1] * 240 + [dice.randint(1, 400) for _ in range(COUNT)]
    _apply(cast.other_workspace, "s", _groups(mixed, sizes))
    session.expire_all()
    wanted, found = _state(session, cast.workspace), _state(session, cast.other_workspace)
    assert sum(len(one["thread"]) for one in wanted["conversations"].values()) > COUNT // 2
    assert found["people"] == wanted["people"]
    assert found["words"] == wanted["words"]
    assert found["conversations"].keys() == wanted["conversations"].keys()
    for key, conversation in wanted["conversations"].items():
        assert found["conversations"][key] == conversation, key


def _groups(messages: Sequence[tuple[int, Json]], sizes: Sequence[int]) -> Iterator[list[tuple[int, Json]]]:
    start = 0
    for size in sizes:
        if start < len(messages):
            yield list(messages[start : start + size])
            start += size


def _apply(workspace: Workspace, letter: str, groups: Iterator[list[tuple[int, Json]]]) -> None:
    """Store each group as one delivery a number, and drain after some of them, as a busy worker does."""
    settings = {"language": "en", "stop_words": "", "start_words": "", "answers_stop": False, "answers_start": False}
    consent_replies.save_words(workspace.id, **settings)
    for number in range(3):
        make_channel(workspace, phone_number_id=f"{letter}{number}")
    for place, group in enumerate(groups):
        for number in range(3):
            said = [message for to, message in group if to == number]
            if said:
                webhook_inbox.store_delivery(delivery(*said, number=f"{letter}{number}"))
        if place % 4 == 3:
            drain()
    assert drain()["poison"] == 0


def _state(session: Any, workspace: Workspace) -> Json:
    people = {
        one.id: (one.phone, one.wa_user_id) for one in session.query(Contact).filter_by(workspace_id=workspace.id)
    }
    consents = session.query(Contact.phone, Contact.wa_user_id, Contact.consent).filter_by(workspace_id=workspace.id)
    words = session.execute(text(_WORDS), {"workspace": workspace.id}).all()
    conversations = {}
    numbers = {one.id: one.phone_number_id[1:] for one in session.query(Channel).filter_by(workspace_id=workspace.id)}
    for one in session.query(Conversation).filter_by(workspace_id=workspace.id):
        number = numbers[one.channel_id]
        last = session.get(Message, one.last_message_id)
        conversations[number, people[one.contact_id]] = {
            "unread": one.unread_count,
            "state": one.state,
            "window": one.window_expires_at,
            "last": (_bare(last.wamid), one.last_message_at),
            "thread": [_shown(entry) for entry in _whole_thread(one)],
        }
    return {
        "people": sorted(map(tuple, consents), key=str),
        "words": sorted((_bare(row.wamid), row.words) for row in words),
        "conversations": conversations,
    }


def _whole_thread(conversation: Conversation) -> list[Entry]:
    entries: list[Entry] = []
    cursor = None
    while True:
        page = threads.read_thread(conversation, before=cursor, limit=100)
        entries = [*page.entries, *entries]
        cursor = page.older
        if cursor is None:
            return entries


def _shown(entry: Entry) -> tuple[Any, ...]:
    assert entry.message
    quote = (entry.quote.line, entry.quote.is_ours) if entry.quote else None
    reactions = [one.emoji for one in entry.reactions]
    flags = (entry.is_edited, entry.is_deleted)
    return (
        _bare(entry.message.wamid),
        entry.at,
        entry.message.type,
        entry.line,
        entry.content,
        quote,
        reactions,
        flags,
    )


def _bare(wamid: str) -> int:
    return int(wamid.rsplit(".", 1)[1])


_WORDS = """
SELECT m.wamid, t.words FROM message_texts t JOIN messages m ON m.id = t.message_id WHERE t.workspace_id = :workspace
"""
