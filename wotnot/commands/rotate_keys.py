"""`flask --app wsgi rotate-keys`: write every stored secret anew with the newest of ENCRYPTION_KEYS."""

import sys

import click
from flask import Flask

from wotnot.services import key_rotation


def register(app: Flask) -> None:
    """Add the command."""

    @app.cli.command("rotate-keys")
    def rotate_keys() -> None:
        """Encrypt every token and key with the newest of ENCRYPTION_KEYS, so that the older ones can be taken out.

        Safe to run at any time, and again. Exits with 1 while there is a secret that none of the keys can read.
        """
        unreadable = 0
        for done in key_rotation.rotate_all():
            unreadable += done.unreadable
            click.echo(f"{done.what}: {done.rotated:,} written anew, {done.unreadable:,} that no key can read.")
        if unreadable:
            click.echo("Keep the older keys in ENCRYPTION_KEYS, or replace these secrets in the dashboard.")
            sys.exit(1)
        click.echo("Every secret is under the newest key. The older keys can be taken out.")
