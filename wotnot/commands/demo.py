"""`flask --app wsgi demo`: something to look at, when the database is empty and the sandbox stands in Meta's place."""

import os
import secrets
import sys

import click
from flask import Flask

from wotnot.errors import DomainError
from wotnot.services.demo import workspace

PASSWORD_VARIABLE = "DEMO_PASSWORD"  # noqa: S105 — the name of a variable


def register(app: Flask) -> None:
    """Add the command."""

    @app.cli.command("demo")
    def demo() -> None:
        """Make the demo workspace, once; on a database with users it does nothing. Prints the log-in.

        The password is DEMO_PASSWORD, or one made up for the occasion.
        """
        if not workspace.is_wanted():
            click.echo("Nothing to do: there are users already, or the sandbox is not in use.")
            return
        password = os.environ.get(PASSWORD_VARIABLE) or secrets.token_urlsafe(9)
        try:
            workspace.make_demo(password)
        except DomainError as error:
            click.echo(f"The demo workspace could not be made: {error.detail}", err=True)
            sys.exit(1)
        click.echo(f"log-in: {workspace.EMAIL}, password {password}")
