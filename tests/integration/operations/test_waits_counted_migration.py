"""Migration 0029 on a database that is in use: what was answered before is counted, and what comes after."""

from collections.abc import Iterator

import pytest

from tests.migrating import database_at, migrate, run
from tests.servers import Stores

BEFORE = "0028"
ANSWERS = """
    INSERT INTO workspaces (name) VALUES ('Casa Verde');
    INSERT INTO channels (workspace_id, waba_id, phone_number_id, token_encrypted, display_phone_number, verified_name)
    SELECT id, '1', '2', '-', '', '' FROM workspaces;
    INSERT INTO messages (workspace_id, channel_id, phone, state, day, created_at)
    SELECT workspace_id, id, '31612345678', 'read', '2026-05-01', now() FROM channels, generate_series(1, 4);
    INSERT INTO first_answers (message_id, workspace_id, user_id, day, seconds)
    SELECT id, workspace_id, 7, day, CASE WHEN id % 2 = 0 THEN 0 ELSE 2147483647 END FROM messages;
"""
COUNTS = "SELECT step, sum(delta)::int FROM answer_tallies GROUP BY step ORDER BY step"


@pytest.fixture
def url(stores: Stores, environment: dict[str, str]) -> Iterator[str]:
    """A database as it was before, with the shortest and the longest waits in it."""
    yield from database_at(stores, environment, BEFORE, ANSWERS)


def test_answers_are_counted_from_before_and_after(url: str, environment: dict[str, str]) -> None:
    migrate(environment, url, "upgrade", "0029")
    assert run(url, COUNTS) == [(0, 2), (248, 2)]
    run(
        url,
        "DELETE FROM first_answers WHERE message_id = (SELECT min(message_id) FROM first_answers WHERE seconds = 0)",
    )
    assert run(url, COUNTS) == [(0, 1), (248, 2)]
    migrate(environment, url, "downgrade", BEFORE)
    migrate(environment, url, "upgrade", "0029")
    assert run(url, COUNTS) == [(0, 1), (248, 2)]
