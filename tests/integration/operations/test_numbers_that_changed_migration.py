"""Migration 0030 on a database that is in use: whose number changed before it is marked as whose number changes after it."""

from collections.abc import Iterator

import pytest

from tests.migrating import database_at, migrate, run
from tests.servers import Stores

BEFORE = "0029"
A_LEDGER = """
    INSERT INTO workspaces (name) VALUES ('Casa Verde');
    INSERT INTO channels (workspace_id, waba_id, phone_number_id, token_encrypted, display_phone_number, verified_name)
    SELECT id, '7', '8', '', '', '' FROM workspaces;
    INSERT INTO broadcasts (workspace_id, name) SELECT id, 'Spring' FROM workspaces;
    INSERT INTO contacts (workspace_id, name, phone, wa_user_id) SELECT w.id, p.* FROM workspaces w, (VALUES
        ('stays', '27825550101', NULL), ('moved', '14165550102', NULL), ('at home', '27835550103', NULL),
        ('known', '27825550104', 'ZA.104'), ('named', '27825550105', 'ZA.105'), ('renamed', '27825550106', 'DE.106'),
        ('not in a broadcast', '27825550107', NULL), ('in another area', '12125550108', NULL)
    ) AS p (name, phone, wa_user_id);
    INSERT INTO messages (workspace_id, channel_id, broadcast_id, contact_id, phone, wa_user_id)
    SELECT c.workspace_id, h.id, CASE WHEN c.name <> 'not in a broadcast' THEN b.id END, c.id, was.phone, was.wa_user_id
    FROM channels h, broadcasts b, contacts c JOIN (VALUES
        ('stays', '27825550101', NULL), ('moved', '27825550102', NULL), ('at home', '27845550103', NULL),
        ('known', '27825550104', NULL), ('named', NULL, 'ZA.105'), ('renamed', NULL, 'ZA.106'),
        ('not in a broadcast', '14165550107', NULL), ('in another area', '14165550108', NULL)
    ) AS was (name, phone, wa_user_id) USING (name);
"""
LEFT_OUT = """
    INSERT INTO messages (workspace_id, channel_id, broadcast_id, contact_id, phone, state)
    SELECT h.workspace_id, h.id, b.id, 999, '14165550999', 'skipped' FROM channels h, broadcasts b
"""
NAMED = "SELECT contact_id FROM messages WHERE phone = '14165550999'"
MARKED = "SELECT name FROM contacts WHERE number_changed_at IS NOT NULL ORDER BY id"
INDEX = "SELECT count(*) FROM pg_index WHERE indexrelid = 'ix_contacts_number_changed'::regclass AND indisvalid"


@pytest.fixture
def url(stores: Stores, environment: dict[str, str]) -> Iterator[str]:
    """A database as it was before, with people whose number is, or begins like, or is not the one that was written to."""
    yield from database_at(stores, environment, BEFORE, A_LEDGER)


def test_who_changed_before_and_after_it_is_marked(url: str, environment: dict[str, str]) -> None:
    migrate(environment, url, "upgrade", "0030")
    assert run(url, MARKED) == [("moved",), ("renamed",), ("in another area",)]
    run(url, "UPDATE contacts SET phone = '4915155501', wa_user_id = wa_user_id WHERE name = 'stays'")
    assert run(url, MARKED) == [("stays",), ("moved",), ("renamed",), ("in another area",)]
    migrate(environment, url, "downgrade", BEFORE)
    migrate(environment, url, "upgrade", "0030")
    assert run(url, MARKED) == [("stays",), ("moved",), ("renamed",), ("in another area",)]


def test_who_was_deleted_while_a_list_was_made_is_named_no_more(url: str, environment: dict[str, str]) -> None:
    run(url, LEFT_OUT)
    migrate(environment, url, "upgrade", "0030")
    assert run(url, NAMED) == [(None,)]


def test_what_was_cut_off_is_done_again(url: str, environment: dict[str, str]) -> None:
    migrate(environment, url, "upgrade", "0030")
    run(url, "UPDATE contacts SET number_changed_at = NULL")
    run(url, "UPDATE pg_index SET indisvalid = false WHERE indexrelid = 'ix_contacts_number_changed'::regclass")
    run(url, "UPDATE alembic_version SET version_num = '0029'")
    migrate(environment, url, "upgrade", "0030")
    assert run(url, INDEX) == [(1,)]
    assert run(url, MARKED) == [("moved",), ("renamed",), ("in another area",)]


@pytest.mark.parametrize(
    ("change", "is_marked"),
    [
        ("phone = '27835550101'", False),
        ("phone = '14165550101'", True),
        ("phone = NULL, wa_user_id = 'ZA.1'", True),
        ("wa_user_id = 'DE.1'", False),
        ("name = 'stays', email = 'a@example.org'", False),
    ],
)
def test_only_what_begins_otherwise_is_a_change(
    url: str, environment: dict[str, str], change: str, *, is_marked: bool
) -> None:
    migrate(environment, url, "upgrade", "0030")
    run(url, f"UPDATE contacts SET {change} WHERE name = 'stays'")  # noqa: S608 — one of the cases above
    assert (("stays",) in run(url, MARKED)) is is_marked
