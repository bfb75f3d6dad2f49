"""Two questions to the database that spare a quick start the loading of the whole product."""

import psycopg2
from alembic.config import Config
from alembic.script import ScriptDirectory

from launcher.paths import ROOT


def is_current(url: str) -> bool:
    """Whether the database has the newest migration. False too if it cannot be told: migrating again changes nothing."""
    settings = Config()
    settings.set_main_option("script_location", str(ROOT / "migrations"))
    heads = sorted(ScriptDirectory.from_config(settings).get_heads())
    return _ask(url, "SELECT version_num FROM alembic_version ORDER BY 1") == [(head,) for head in heads]


def is_empty(url: str) -> bool:
    """Whether nobody can log in yet."""
    return _ask(url, "SELECT 1 FROM users LIMIT 1") == []


def _ask(url: str, statement: str) -> list[tuple[object, ...]] | None:
    """The rows, or None if the table is not there or the database does not answer."""
    try:
        connection = psycopg2.connect(url.replace("postgresql+psycopg2://", "postgresql://", 1), connect_timeout=10)
    except psycopg2.OperationalError:
        return None
    try:
        with connection.cursor() as cursor:
            cursor.execute(statement)
            return list(cursor.fetchall())
    except psycopg2.errors.UndefinedTable:
        return None
    finally:
        connection.close()
