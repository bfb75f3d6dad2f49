"""Migration 0005 on a database that is in use: today's words become the first version, and the way back loses nothing."""

from collections.abc import Iterator

import pytest

from tests.migrating import database_at, migrate, run
from tests.servers import Stores

BEFORE = "0004"
A_TEMPLATE = """
    INSERT INTO workspaces (name) VALUES ('Casa Verde');
    INSERT INTO templates (workspace_id, waba_id, name, language, category, status, components, created_at)
    SELECT id, '7', 'news', 'en', 'utility', 'approved', '[{"type": "BODY", "text": "Hello."}]', '2026-01-02 03:04Z'
    FROM workspaces;
"""
A_VERSION = """
    SELECT v.number, v.origin, v.category, v.components -> 0 ->> 'text', v.created_at = t.created_at, t.version, e.after
    FROM template_versions v JOIN templates t ON t.id = v.template_id JOIN template_events e ON e.template_id = t.id
"""


@pytest.fixture
def url(stores: Stores, environment: dict[str, str]) -> Iterator[str]:
    """A database as it was before, with a template in it."""
    yield from database_at(stores, environment, BEFORE, A_TEMPLATE)


def test_words_become_the_first_version_and_survive_the_way_back(url: str, environment: dict[str, str]) -> None:
    for _ in range(2):
        migrate(environment, url, "upgrade", "0005")
        assert run(url, A_VERSION) == [(1, "meta", "utility", "Hello.", True, 1, "1")]
        migrate(environment, url, "downgrade", BEFORE)
    assert run(url, "SELECT name, components -> 0 ->> 'text' FROM templates") == [("news", "Hello.")]
    columns = (
        "SELECT 1 FROM information_schema.columns WHERE table_name = 'messages' AND column_name = 'template_version'"
    )
    assert run(url, columns) == []
