"""Whatever is asked about one person's messages reads theirs and not the ledger: no index holds all rows by person, so each
question has to name a part of them (see `services/person_messages.py`).
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import select, text, update

from tests import factories as make
from tests.cast import Cast
from tests.deliveries import PHONE_NUMBER_ID, deliver, message
from wotnot import clock
from wotnot.extensions import db
from wotnot.models import BroadcastState, Channel, ChannelState, Contact, Conversation, Direction, Message
from wotnot.services import (
    contact_history,
    contact_merge_undo,
    contact_merges,
    contacts,
    conversations,
    replies,
    segment_sql,
    single_messages,
    threads,
)
from wotnot.services.audience_risks import UNREACHABLE, is_at_risk
from wotnot.services.contact_merges import Pair
from wotnot.services.person_messages import PARTS

PEOPLE, ROUNDS = 2_000, 20
ANN, BEN, CLEO, DAN, EVE = (f"2782{place:07}" for place in range(1, 6))

PEOPLE_OF_A_BUSY_YEAR = "INSERT INTO contacts (workspace_id, phone) SELECT :w, '2782' || lpad(n::text, 7, '0') FROM generate_series(1, :n) n"
# Each was sent broadcasts, wrote now and then, and has something planned.
LEDGER = """
INSERT INTO messages (workspace_id, channel_id, broadcast_id, contact_id, attempt, phone, direction, type, state, reached, wamid,
                      accepted_at)
SELECT :w, :c, CASE WHEN n < :rounds THEN :b END, p.id, n, p.phone, k.direction, k.type, k.state, k.reached, 'wamid.' || p.id || '.' || n,
       CASE WHEN k.reached > 0 THEN now() END
FROM contacts p CROSS JOIN generate_series(1, :rounds) n
CROSS JOIN LATERAL (
    SELECT 'in' AS direction, 'text' AS type, 'received' AS state, 0 AS reached WHERE n = :rounds
    UNION ALL SELECT 'out', 'template', 'queued', 0 WHERE n = 1
    UNION ALL SELECT 'out', 'template', 'delivered', 4 WHERE n BETWEEN 2 AND :rounds - 1
) k
"""
ROWS_READ = "SELECT seq_tup_read + idx_tup_fetch FROM pg_stat_xact_user_tables WHERE relname = 'messages'"
FEW = PEOPLE * ROUNDS // 20


@dataclass(frozen=True)
class Scene:
    """A large ledger, of one number."""

    workspace_id: int
    user_id: int
    channel_id: int

    def id_of(self, phone: str) -> int:
        """The contact with a number."""
        return db.session.scalars(select(Contact.id).where(Contact.phone == phone)).one()

    def thread_of(self, phone: str) -> Conversation:
        """Their conversation."""
        return conversations.ensure_conversation(self.workspace_id, self.channel_id, self.id_of(phone))


@pytest.fixture
def scene(cast: Cast, session: Any) -> Scene:
    channel = make.make_channel(cast.workspace, phone_number_id=PHONE_NUMBER_ID)
    broadcast = make.make_broadcast(cast.workspace, channel, state=BroadcastState.SENDING)
    make.make_automation(cast.workspace)
    session.execute(text(PEOPLE_OF_A_BUSY_YEAR), {"w": cast.workspace.id, "n": PEOPLE})
    ids = {"w": cast.workspace.id, "c": channel.id, "b": broadcast.id, "rounds": ROUNDS}
    session.execute(text(LEDGER), ids)
    return Scene(cast.workspace.id, cast.alice.id, channel.id)


def open_a_thread(scene: Scene) -> None:
    thread = scene.thread_of(ANN)
    entries = threads.read_thread(thread).entries
    last = next(entry.message for entry in entries if entry.message)
    assert threads.find_entry(thread, last.id).message is last
    said = next(entry.message for entry in entries if entry.message and entry.message.direction is Direction.IN)
    assert threads.last_lines({thread.id: said})
    assert threads.read_around(thread, last).entries
    conversations.mark_read(scene.workspace_id, thread.id)


def tell_that_we_read(scene: Scene) -> None:
    """The number cannot send at the moment, so nothing leaves."""
    channel = db.session.get_one(Channel, scene.channel_id)
    channel.state = ChannelState.STOPPED
    assert replies.tell_read(scene.thread_of(ANN).id) is False
    channel.state = ChannelState.CONNECTED


def look_at_a_contact(scene: Scene) -> None:
    assert len(contact_history.list_recent_messages(scene.workspace_id, scene.id_of(ANN))) == ROUNDS
    assert len(contact_history.list_recent_broadcasts(scene.workspace_id, scene.id_of(ANN))) == 5


def receive_a_message_and_answer_it(scene: Scene) -> None:
    assert deliver(message("text", "Good morning", **{"from": BEN, "id": "wamid.new"})) == {"done": 1, "poison": 0}
    deliver(message("revoke", {"original_message_id": "wamid.new"}, **{"from": BEN}))
    ben, channel = (db.session.get_one(Contact, scene.id_of(BEN)), db.session.get_one(Channel, scene.channel_id))
    draft = single_messages.draft_message(channel, ben, type="text", content={"body": "Good morning"})
    single_messages.queue_draft(draft, user_id=scene.user_id)


def opt_out(_scene: Scene) -> None:
    assert deliver(message("text", "Stop", **{"from": CLEO})) == {"done": 1, "poison": 0}


def move_to_another_number(_scene: Scene) -> None:
    said = {"body": "A changed to B", "wa_id": "27839999999", "type": "user_changed_number"}
    assert deliver(message("system", said, **{"from": DAN})) == {"done": 1, "poison": 0}


def become_one_and_two_again(scene: Scene) -> None:
    scene.thread_of(EVE)
    pair = Pair(scene.id_of(ANN), scene.id_of(EVE))
    assert contact_merges.merge([pair], contact_merges.SAME_MESSAGE) == 1
    (merge,) = contact_merges.list_merges(scene.workspace_id, pair.kept_id)
    contact_merge_undo.undo_merge(scene.workspace_id, merge.id)


def ask_what_somebody_was_sent(scene: Scene) -> None:
    context = segment_sql.Context(scene.workspace_id, "UTC", clock.now().date())
    conditions = [{"field": "last_out", "op": "ever"}]
    was_sent = segment_sql.compile_definition({"match": "all", "conditions": conditions}, context)
    one = select(Contact.id).where(Contact.workspace_id == scene.workspace_id, Contact.phone == ANN)
    assert len(db.session.scalars(one.where(was_sent)).all()) == 1


def ask_whom_meta_cannot_reach(scene: Scene) -> None:
    last = update(Message).where(Message.wamid == f"wamid.{scene.id_of(ANN)}.{ROUNDS}")
    db.session.execute(last.values(direction="out", state="failed", reached=1, error_code=131026))
    unreachable = is_at_risk(UNREACHABLE, scene.workspace_id, Contact.id > 0)
    one = select(Contact.phone).where(Contact.workspace_id == scene.workspace_id, unreachable)
    assert db.session.scalars(one).all() == [ANN]


def delete_some(scene: Scene) -> None:
    mine = select(Contact.id).where(Contact.workspace_id == scene.workspace_id)
    ids = list(db.session.scalars(mine.order_by(Contact.id.desc()).limit(10)))
    assert contacts.delete_contacts(scene.workspace_id, ids) == 10
    for part in PARTS:
        assert db.session.scalars(select(Message.id).where(Message.contact_id.in_(ids), part)).all() == []


ACTS = (
    open_a_thread,
    tell_that_we_read,
    look_at_a_contact,
    receive_a_message_and_answer_it,
    opt_out,
    move_to_another_number,
    become_one_and_two_again,
    ask_what_somebody_was_sent,
    ask_whom_meta_cannot_reach,
    delete_some,
)


def test_nothing_about_one_person_reads_the_whole_ledger(scene: Scene) -> None:
    db.session.execute(text("ANALYZE contacts, messages"))
    # It finds what somebody wrote by its second column, and would hide that a question names no part.
    db.session.execute(text("DROP INDEX ix_messages_inbound"))
    read = {act.__name__: rows_read(act, scene) for act in ACTS}
    assert {name: rows for name, rows in read.items() if rows > FEW} == {}


def delete_four(_scene: Scene) -> None:
    db.session.execute(text("DELETE FROM contacts WHERE phone < :eve"), {"eve": EVE})


def test_nobody_is_deleted_by_reading_the_ledger_though_the_planner_knows_nothing_of_it(scene: Scene) -> None:
    assert rows_read(delete_four, scene) <= FEW
    assert db.session.scalar(text("SELECT count(*) FROM messages WHERE contact_id IS NULL")) == 4 * ROUNDS


def rows_read(act: Callable[[Scene], object], scene: Scene) -> int:
    """How many rows of the ledger were looked at meanwhile."""
    before = db.session.scalar(text(ROWS_READ)) or 0
    act(scene)
    db.session.flush()
    return (db.session.scalar(text(ROWS_READ)) or 0) - before


def test_each_message_is_in_one_part(scene: Scene) -> None:
    counts = [db.session.query(Message).filter(part).count() for part in PARTS]
    assert sum(counts) == db.session.query(Message).count() == PEOPLE * ROUNDS
    assert counts[1] == PEOPLE


def test_what_is_planned_stands_among_what_went_out(cast: Cast) -> None:
    """On a contact's page, newest first."""
    ben, begins = make.make_contact(cast.workspace), clock.now()
    channel = make.make_channel(cast.workspace)
    for place in range(6):
        broadcast = make.make_broadcast(cast.workspace, channel, name=f"Offer {place}")
        at = begins - timedelta(hours=place)
        make.make_message(channel, ben, broadcast, reached=0 if place % 3 == 0 else 4, created_at=at)
    ids = cast.workspace.id, ben.id
    for found in (contact_history.list_recent_messages(*ids, limit=5), contact_history.list_recent_broadcasts(*ids)):
        assert [(name, one.reached) for one, name in found] == [
            ("Offer 0", 0),
            ("Offer 1", 4),
            ("Offer 2", 4),
            ("Offer 3", 0),
            ("Offer 4", 4),
        ]
