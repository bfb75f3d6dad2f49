"""Migration 0028 on a ledger that is in use: whoever is deleted is forgotten before and after it, and the way back holds again."""

from collections.abc import Iterator

import pytest

from tests.migrating import database_at, migrate, run
from tests.servers import Stores

BEFORE = "0027"
A_LEDGER = """
    INSERT INTO workspaces (name) VALUES ('Casa Verde');
    INSERT INTO channels (workspace_id, waba_id, phone_number_id, token_encrypted, display_phone_number, verified_name)
    SELECT id, '7', '8', '', '', '' FROM workspaces;
    INSERT INTO broadcasts (workspace_id, name) SELECT id, 'Spring' FROM workspaces;
    INSERT INTO contacts (workspace_id, phone) SELECT id, phone FROM workspaces, unnest('{27825550101,27825550102}'::text[]) phone;
    INSERT INTO messages (workspace_id, channel_id, broadcast_id, contact_id, phone, reached)
    SELECT c.workspace_id, h.id, b.id, c.id, c.phone, 0 FROM contacts c, channels h, broadcasts b
    UNION ALL SELECT c.workspace_id, h.id, NULL, c.id, c.phone, 4 FROM contacts c, channels h;
"""
LEFT = "SELECT phone, count(*), count(contact_id) FROM messages GROUP BY phone ORDER BY phone"
INDEXES = """
    SELECT indexname FROM pg_indexes
    WHERE tablename = 'messages' AND (indexname LIKE 'ix_messages_thread%' OR indexname = 'ix_messages_unsent') ORDER BY 1
"""


@pytest.fixture
def url(stores: Stores, environment: dict[str, str]) -> Iterator[str]:
    """A database as it was before, with a sent and a planned message to each of two people."""
    yield from database_at(stores, environment, BEFORE, A_LEDGER)


def test_who_is_deleted_is_forgotten_on_both_sides_of_it(url: str, environment: dict[str, str]) -> None:
    migrate(environment, url, "upgrade", "0028")
    assert run(url, INDEXES) == [("ix_messages_thread",), ("ix_messages_unsent",)]
    run(url, "DELETE FROM contacts WHERE phone = '27825550101'")
    assert run(url, LEFT) == [("27825550101", 2, 0), ("27825550102", 2, 2)]
    # A list that was being made meanwhile names somebody who is gone.
    run(url, "UPDATE messages SET contact_id = 999 WHERE phone = '27825550101' AND broadcast_id IS NOT NULL")
    migrate(environment, url, "downgrade", BEFORE)
    assert run(url, INDEXES) == [("ix_messages_thread",)]
    assert run(url, LEFT) == [("27825550101", 2, 0), ("27825550102", 2, 2)]
    run(url, "DELETE FROM contacts")
    assert run(url, LEFT) == [("27825550101", 2, 0), ("27825550102", 2, 0)]
    migrate(environment, url, "upgrade", "0028")


def test_a_build_that_was_cut_off_is_begun_anew(url: str, environment: dict[str, str]) -> None:
    run(url, "CREATE INDEX ix_messages_thread_new ON messages (contact_id)")
    run(url, "UPDATE pg_index SET indisvalid = false WHERE indexrelid = 'ix_messages_thread_new'::regclass")
    migrate(environment, url, "upgrade", "0028")
    where = "SELECT indexdef LIKE '%(contact_id, created_at, id) WHERE%' FROM pg_indexes WHERE indexname = 'ix_messages_thread'"
    assert run(url, where) == [(True,)]
