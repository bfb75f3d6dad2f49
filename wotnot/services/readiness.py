"""Whether this WotNot can serve: its stores answer, the database has the code's schema, and files can be kept."""

import logging
from functools import cache
from pathlib import Path

from alembic.config import Config as AlembicConfig
from alembic.script import ScriptDirectory
from redis.exceptions import RedisError
from sqlalchemy import text
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.orm import Session

from wotnot.config import Config
from wotnot.extensions import db, redis
from wotnot.services.storage import MisconfiguredStorageError, StorageError, storage_for

logger = logging.getLogger(__name__)

STATEMENT_MILLISECONDS = 2000
MIGRATIONS = Path(__file__).resolve().parents[2] / "migrations"


def list_problems() -> dict[str, str]:
    """What keeps this process from serving: store → a sentence for the log. Empty when it is ready."""
    problems = {"database": check_database(), "redis": check_redis()}
    return {store: problem for store, problem in problems.items() if problem}


def check_database() -> str:
    """Empty if PostgreSQL answers and its schema is the code's, else what is wrong and what to do."""
    try:
        with Session(db.engine) as session:
            session.execute(text(f"SET LOCAL statement_timeout = {STATEMENT_MILLISECONDS}"))
            if session.scalar(text("SELECT to_regclass('alembic_version')")) is None:
                return "The database is empty. Run: flask --app wsgi db upgrade"
            found = session.scalar(text("SELECT string_agg(version_num, ', ') FROM alembic_version"))
    except SQLAlchemyError as error:
        return f"PostgreSQL does not answer ({type(error).__name__})."
    if found != expected_revision():
        return (
            f"The database is at migration {found}, the code at {expected_revision()}. Run: flask --app wsgi db upgrade"
        )
    return ""


def check_redis() -> str:
    """Empty if Redis answers, else what is wrong."""
    try:
        redis.client.ping()
    except RedisError as error:
        return f"Redis does not answer ({type(error).__name__})."
    return ""


def check_storage(config: Config) -> str:
    """Empty if files can be kept, else what is wrong. Goes out on the network where the storage is a bucket."""
    try:
        storage_for(config).check()
    except StorageError as error:
        return error.reason
    return ""


def refuse_wrong_storage(config: Config) -> None:
    """Stop a process that starts with a storage that no waiting mends: SystemExit with one sentence.

    A storage that is only away stops nobody: what needs no files goes on, and what needs them tries again.
    """
    try:
        storage_for(config).check()
    except MisconfiguredStorageError as error:
        raise SystemExit(f"WotNot cannot start. {error.reason}") from None
    except StorageError as error:
        logger.warning("%s Files cannot be kept or shown until it does.", error.reason)


@cache
def expected_revision() -> str:
    """The newest migration among the code's files. Raises alembic's CommandError if there are two heads."""
    settings = AlembicConfig()
    settings.set_main_option("script_location", str(MIGRATIONS))
    return str(ScriptDirectory.from_config(settings).get_current_head())
