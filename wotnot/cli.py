"""Commands beside the web: workers, the scheduler, and (each in its own module) doctor, demo, broadcast, costs, recount and
rotate_keys.
"""

from importlib import import_module

import click
from flask import Flask

from wotnot import worker

# Each module has `register(app)` that adds its commands.
MODULES = ("doctor", "demo", "broadcast", "costs", "recount", "rotate_keys")


def register(app: Flask) -> None:
    """Add every command to `flask --app wsgi …`."""
    for name in MODULES:
        import_module(f"wotnot.commands.{name}").register(app)

    @app.cli.command("worker")
    @click.argument("queues", nargs=-1, required=True)
    def run_worker(queues: tuple[str, ...]) -> None:
        """Work on QUEUES, the first one first."""
        worker.run_worker(queues)

    @app.cli.command("scheduler")
    def run_scheduler() -> None:
        """Run rq-scheduler with the periodic jobs of tasks/schedule.py."""
        worker.run_scheduler()
