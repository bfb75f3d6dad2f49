"""The migrations are one line that leads to the models."""

from pathlib import Path

from alembic.autogenerate import compare_metadata
from alembic.config import Config as AlembicConfig
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from flask import Flask

from wotnot.extensions import Base, db
from wotnot.services import readiness


def revisions() -> list[tuple[str, object]]:
    """(revision, what it comes after), newest first."""
    settings = AlembicConfig()
    settings.set_main_option("script_location", str(readiness.MIGRATIONS))
    return [(one.revision, one.down_revision) for one in ScriptDirectory.from_config(settings).walk_revisions()]


def test_they_are_one_line() -> None:
    found = revisions()
    parents = [parent for _, parent in found]
    assert all(parent is None or isinstance(parent, str) for parent in parents), "a merge is not a line"
    assert len(set(parents)) == len(parents), "two migrations come after the same one"
    assert found[0][0] == readiness.expected_revision()


def test_files_are_named_by_their_place_in_the_line() -> None:
    names = sorted(path.name.split("_")[0] for path in Path(readiness.MIGRATIONS, "versions").glob("*.py"))
    assert names == sorted(revision for revision, _ in revisions())


def test_they_lead_to_the_models(app: Flask) -> None:
    with app.app_context(), db.engine.connect() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True})
        differences = compare_metadata(context, Base.metadata)
    assert differences == []
