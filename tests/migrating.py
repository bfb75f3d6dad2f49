"""Migrations as tests run them, up and down, and what is in the database in between."""

from collections.abc import Iterator
from typing import Literal

import flask_migrate
import psycopg2

from tests.servers import Stores
from wotnot import create_app
from wotnot.config import Config
from wotnot.extensions import db
from wotnot.services.readiness import MIGRATIONS


def database_at(stores: Stores, environment: dict[str, str], revision: str, filling: str) -> Iterator[str]:
    """The address of a database as it was at `revision`, with what the SQL `filling` puts there; dropped afterwards."""
    name = f"wotnot_{revision}"
    url = stores.create_database(name)
    migrate(environment, url, "upgrade", revision)
    run(url, filling)
    yield url
    stores.drop_database(name)


def migrate(environment: dict[str, str], url: str, way: Literal["upgrade", "downgrade"], revision: str) -> None:
    """Bring the database at `url` up or down to a revision, in this process: a command of its own takes longer to start."""
    app = create_app(Config.from_env(environment | {"DATABASE_URL": url}))
    with app.app_context():
        getattr(flask_migrate, way)(str(MIGRATIONS), revision)
        db.session.remove()
        db.engine.dispose()


def run(url: str, statement: str) -> list[tuple[object, ...]]:
    """Run one statement and commit; answers its rows."""
    connection = psycopg2.connect(url)
    try:
        with connection, connection.cursor() as cursor:
            cursor.execute(statement)
            return list(cursor.fetchall()) if cursor.description else []
    finally:
        connection.close()
