"""Migrations that cannot take the site down: one at a time (advisory lock), and never waiting long for a table lock."""

from alembic import context
from flask import current_app
from sqlalchemy import text

import wotnot.models  # noqa: F401 — fills the metadata that autogenerate compares with

ADVISORY_LOCK = 7_201_466
LOCK_TIMEOUT = "5s"

db = current_app.extensions["migrate"].db


def run_offline() -> None:
    """Print the SQL instead of running it."""
    context.configure(url=str(db.engine.url), target_metadata=db.metadata, literal_binds=True)
    with context.begin_transaction():
        context.run_migrations()


def run_online() -> None:
    """Run against the database, holding an advisory lock so that two releases cannot migrate at once."""
    with db.engine.connect() as connection:
        connection.execute(text("SELECT pg_advisory_lock(:key)"), {"key": ADVISORY_LOCK})
        connection.execute(text(f"SET lock_timeout = '{LOCK_TIMEOUT}'"))
        connection.commit()
        context.configure(
            connection=connection,
            target_metadata=db.metadata,
            compare_type=True,
            transaction_per_migration=True,
        )
        with context.begin_transaction():
            context.run_migrations()
        connection.execute(text("SELECT pg_advisory_unlock(:key)"), {"key": ADVISORY_LOCK})
        connection.commit()


if context.is_offline_mode():
    run_offline()
else:
    run_online()
