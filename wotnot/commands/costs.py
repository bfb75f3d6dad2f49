"""`flask --app wsgi costs`: price what has no price yet, and compare every count with its messages."""

import sys

import click
from flask import Flask
from sqlalchemy import select

from wotnot.extensions import db
from wotnot.models import Workspace
from wotnot.services import billing


def register(app: Flask) -> None:
    """Add the command."""

    @app.cli.command("costs")
    def costs() -> None:
        """Price delivered messages that have no price, and recount. Exits with 1 when something does not agree.

        Once after an upgrade from a WotNot that did not know prices; safe to run at any time.
        """
        is_well = True
        for workspace_id, name in db.session.execute(select(Workspace.id, Workspace.name).order_by(Workspace.id)).all():
            billed, priced = billing.bill_workspace(workspace_id), billing.price_missing(workspace_id)
            findings = billing.recount(workspace_id)
            is_well = is_well and not findings
            click.echo(
                f"{name}: {billed:,} messages billed, {priced:,} priced later. {' '.join(findings) or 'All agrees.'}"
            )
        if not is_well:
            sys.exit(1)
