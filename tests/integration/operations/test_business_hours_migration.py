"""Migration 0024 on a database that is in use: no hours are lost on the way up, and on the way back a night ends at midnight."""

from collections.abc import Iterator

import psycopg2
import pytest

from tests.migrating import database_at, migrate, run
from tests.servers import Stores

BEFORE = "0023"
A_DAY = """
    INSERT INTO workspaces (name) VALUES ('Casa Verde');
    INSERT INTO business_hours (workspace_id, weekday, opens_at, closes_at)
    SELECT id, 0, '09:00', '23:59:59.999999' FROM workspaces;
"""
A_NIGHT = "INSERT INTO business_hours SELECT id, 4, '18:00', '02:00' FROM workspaces"
NOTHING = "INSERT INTO business_hours SELECT id, 5, '09:00', '09:00' FROM workspaces"
HOURS = "SELECT weekday, CAST(opens_at AS text), CAST(closes_at AS text) FROM business_hours ORDER BY weekday"
THE_DAY, MIDNIGHT = (0, "09:00:00", "23:59:59.999999"), "23:59:59.999999"


@pytest.fixture
def url(stores: Stores, environment: dict[str, str]) -> Iterator[str]:
    """A database as it was before, with hours in it."""
    yield from database_at(stores, environment, BEFORE, A_DAY)


def test_hours_go_over_midnight_and_are_cut_there_on_the_way_back(url: str, environment: dict[str, str]) -> None:
    with pytest.raises(psycopg2.errors.CheckViolation):
        run(url, A_NIGHT)
    migrate(environment, url, "upgrade", "0024")
    run(url, A_NIGHT)
    with pytest.raises(psycopg2.errors.CheckViolation):
        run(url, NOTHING)
    assert run(url, HOURS) == [THE_DAY, (4, "18:00:00", "02:00:00")]
    migrate(environment, url, "downgrade", BEFORE)
    assert run(url, HOURS) == [THE_DAY, (4, "18:00:00", MIDNIGHT)]
    migrate(environment, url, "upgrade", "0024")
    assert run(url, HOURS) == [THE_DAY, (4, "18:00:00", MIDNIGHT)]
