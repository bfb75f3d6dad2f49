"""Migrations as tests run them, up and down, and what is in the database in between."""

import subprocess

import psycopg2

from launcher.paths import ROOT
from tests.servers import VENV_BIN


def migrate(environment: dict[str, str], url: str, way: str, revision: str) -> None:
    """Bring the database at `url` up or down ("upgrade", "downgrade") to a revision."""
    command = [str(VENV_BIN / "flask"), "--app", "wsgi", "db", way, revision]
    env = environment | {"DATABASE_URL": url}
    done = subprocess.run(command, cwd=ROOT, env=env, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def run(url: str, statement: str) -> list[tuple[object, ...]]:
    """Run one statement and commit; answers its rows."""
    connection = psycopg2.connect(url)
    try:
        with connection, connection.cursor() as cursor:
            cursor.execute(statement)
            return list(cursor.fetchall()) if cursor.description else []
    finally:
        connection.close()
