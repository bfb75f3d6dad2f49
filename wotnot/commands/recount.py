"""`flask --app wsgi recount`: hold every count against what it counts, now instead of at night."""

import click
from flask import Flask
from sqlalchemy import select

from wotnot.extensions import db
from wotnot.models import Workspace
from wotnot.services import recounts


def register(app: Flask) -> None:
    """Add the command."""

    @app.cli.command("recount")
    def recount() -> None:
        """Recount every workspace and mend what is wrong; safe to run at any time.

        After an upgrade it also fills what reports of older messages count by; otherwise that is done within the hour.
        """
        for workspace_id, name in db.session.execute(select(Workspace.id, Workspace.name).order_by(Workspace.id)).all():
            found = recounts.recount_workspace(workspace_id)
            words = ", ".join(f"{count:,} in {table}" for table, count in found.items())
            click.echo(f"{name}: {words + ' were wrong and are mended.' if words else 'All agrees.'}")
