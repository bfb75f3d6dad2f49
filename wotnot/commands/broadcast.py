"""`flask --app wsgi broadcast`: the main job from a terminal. A file of people in, one message to each, watched to the end.

It goes the way of the pages: the same import, the same broadcast, the same workers. It only starts and watches them, so
Ctrl-C leaves everything running.
"""

import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import click
from flask import Flask, current_app
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn, TimeRemainingColumn
from rich.table import Table

from wotnot.errors import DomainError, Invalid
from wotnot.extensions import db
from wotnot.models import Broadcast, BroadcastState, Channel, ContactImport, ImportState
from wotnot.services import (
    audience_counts,
    broadcast_reports,
    broadcasts,
    contact_imports,
    message_templates,
)
from wotnot.services.broadcast_reports import BroadcastSummary
from wotnot.services.zones import say_duration

LOOK_SECONDS = 0.5
PATIENCE_SECONDS = 15
_ENDED = {BroadcastState.FINISHED, BroadcastState.CANCELLED, BroadcastState.FAILED, BroadcastState.PAUSED}


@dataclass(frozen=True, slots=True)
class Order:
    """What is to be sent to whom: ids and plain values, because sessions come and go while one waits."""

    workspace_id: int
    channel_id: int
    template_id: int
    path: Path
    country: str | None
    variables: dict[str, dict[str, str]]


def register(app: Flask) -> None:
    """Add the command."""

    @app.cli.command("broadcast")
    @click.option(
        "--csv",
        "path",
        required=True,
        type=click.Path(exists=True, dir_okay=False, path_type=Path),
        help="People, with a header line.",
    )
    @click.option("--template", required=True, help="Name of an approved template.")
    @click.option("--channel", "channel_id", required=True, type=int, help="Id of the number to send from.")
    @click.option("--var", "variables", multiple=True, metavar="KEY=FIELD", help='"1=name", with a fallback "1=name|there", or fixed: "2=text:20%".')  # fmt: skip
    @click.option("--name", default="", help="Name of the broadcast; default: the file's.")
    @click.option("--workspace", "workspace_id", type=int, help="Only needed to be sure: a number belongs to one.")
    @click.option("--language", help="Of the template, when there are several.")
    @click.option("--country", help="Of numbers without a country code, such as ZA; default: the workspace's.")
    @click.option("--yes", is_flag=True, help="Do not ask before sending.")
    def broadcast(**options: Any) -> None:
        """Import a CSV file and send one template to everybody in it."""
        console = Console()
        try:
            order = _order(options)
            tag = _import(console, order)
            made = broadcasts.create_broadcast(
                order.workspace_id,
                name=options["name"] or order.path.stem,
                channel_id=order.channel_id,
                template_id=order.template_id,
                audience={"tags": [tag]},
                variables=order.variables,
            )
            _ask(console, made, yes=options["yes"])
            broadcasts.start_broadcast(made.workspace_id, made.id)
            sys.exit(_watch(console, made.workspace_id, made.id))
        except DomainError as error:
            raise click.ClickException(_words(error)) from None


def _order(options: Mapping[str, Any]) -> Order:
    """Look up what the options name, before anything is done. Raises Invalid."""
    channel = _channel(options["channel_id"], options["workspace_id"])
    template = message_templates.find_template(
        channel.workspace_id, channel.id, options["template"], options["language"]
    )
    if template is None:
        words = f"There is no template “{options['template']}” for this number. Sync the templates first."
        raise Invalid({"template": words})
    return Order(
        workspace_id=channel.workspace_id,
        channel_id=channel.id,
        template_id=template.id,
        path=options["path"],
        country=options["country"],
        variables=parse_variables(options["variables"]),
    )


def parse_variables(given: tuple[str, ...]) -> dict[str, dict[str, str]]:
    """`("1=name|there", "2=text:20%")` as a broadcast's variables. Raises Invalid for what has no "="."""
    sources: dict[str, dict[str, str]] = {}
    for one in given:
        key, equals, source = one.partition("=")
        if not equals or not key.strip() or not source.strip():
            raise Invalid({"var": f"“{one}” should look like 1=name, 1=name|there or 2=text:20%."})
        if source.startswith("text:"):
            sources[key.strip()] = {"text": source.removeprefix("text:")}
            continue
        name, _, fallback = source.partition("|")
        sources[key.strip()] = {"field": name.strip()} | ({"fallback": fallback.strip()} if fallback.strip() else {})
    return sources


def _channel(channel_id: int, workspace_id: int | None) -> Channel:
    channel = db.session.get(Channel, channel_id)
    if channel is None or workspace_id not in {None, channel.workspace_id}:
        raise Invalid({"channel": f"There is no number with the id {channel_id}" + (" in this workspace." if workspace_id else ".")})  # fmt: skip
    return channel


def _import(console: Console, order: Order) -> str:
    """Import the file and answer the tag that all its people have now."""
    path, workspace_id = order.path, order.workspace_id
    tag = f"{path.stem[:36]} {datetime.now(UTC):%Y-%m-%d %H:%M:%S}"
    with path.open("rb") as file:
        made = contact_imports.create_import(workspace_id, file, path.name, default_country=order.country, tags=[tag])
    import_id = made.id
    with _bar(console, f"Importing {path.name}", "rows") as (progress, task):

        def look() -> bool:
            found = _fresh_import(workspace_id, import_id)
            progress.update(task, total=found.row_count or None, completed=_rows_of(found))
            return found.state in {ImportState.DONE, ImportState.FAILED}

        _wait(console, look, lambda: _fresh_import(workspace_id, import_id).state is ImportState.QUEUED)
    found = _fresh_import(workspace_id, import_id)
    if found.state is ImportState.FAILED:
        raise Invalid({"csv": f"The file could not be imported: {found.reason}"})
    console.print(
        f"{found.created_count:,} new, {found.updated_count:,} changed, {found.unchanged_count:,} known already, "
        f"{found.duplicate_count:,} twice in the file, {found.invalid_count:,} not usable."
    )
    return tag


def _ask(console: Console, made: Broadcast, *, yes: bool) -> None:
    count = audience_counts.count_audience(made.workspace_id, made.audience, made.exclude, made.variables)
    console.print(
        f"{count.to_send:,} of {count.total:,} people get the message: {count.opted_out:,} opted out, "
        f"{count.missing:,} have a missing value."
    )
    if not count.to_send:
        raise Invalid({"csv": "Nobody is left to send to; the draft is kept."})
    if not yes and not click.confirm(f"Send to {count.to_send:,} people now?"):
        console.print(f"Nothing was sent. The draft is kept: {_address(made.id)}")
        sys.exit(0)


def _watch(console: Console, workspace_id: int, broadcast_id: int) -> int:
    """Show the progress until the broadcast ends; answers the exit code."""
    try:
        with _bar(console, "Sending", "messages") as (progress, task):

            def look() -> bool:
                summary = _fresh_broadcast(workspace_id, broadcast_id)
                now_at = broadcast_reports.progress_of(summary.broadcast, summary.counts)
                progress.update(task, total=now_at.total or None, completed=now_at.done)
                return summary.broadcast.state in _ENDED

            _wait(console, look, lambda: not _fresh_broadcast(workspace_id, broadcast_id).counts.funnel["attempted"])
    except KeyboardInterrupt:
        console.print(f"\nIt goes on without this window. Watch, pause or cancel it at {_address(broadcast_id)}")
        return 130
    return _report(console, _fresh_broadcast(workspace_id, broadcast_id))


def _report(console: Console, summary: BroadcastSummary) -> int:
    broadcast, counts = summary.broadcast, summary.counts
    table = Table(title=f"{broadcast.name}: {broadcast.state.value}", show_header=False)
    for state, count in counts.states.items():
        if count:
            table.add_row(str(state), f"{count:,}")
    for line in (*broadcast_reports.cause_lines(counts, "failed"), *broadcast_reports.cause_lines(counts, "skipped")):
        table.add_row(f"  {line.title}", f"{line.count:,}")
    console.print(table)
    if broadcast.started_at and broadcast.finished_at:
        seconds = (broadcast.finished_at - broadcast.started_at).total_seconds()
        console.print(f"It took {say_duration(seconds)}. Receipts go on arriving: {_address(broadcast.id)}")
    if broadcast.state is BroadcastState.FINISHED:
        return 0
    console.print(f"It did not finish. {broadcast.reason} {_address(broadcast.id)}".replace("  ", " "))
    return 1


def _wait(console: Console, look: Callable[[], bool], is_untouched: Callable[[], bool]) -> None:
    """Look until it is over; say so once when nobody takes the work up."""
    began, said = time.monotonic(), False
    while not look():
        if not said and time.monotonic() - began > PATIENCE_SECONDS and is_untouched():
            console.print("Nothing has happened yet. Are the workers running? `flask --app wsgi doctor` tells.")
            said = True
        db.session.remove()
        time.sleep(LOOK_SECONDS)


@contextmanager
def _bar(console: Console, words: str, unit: str) -> Iterator[tuple[Progress, TaskID]]:
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn(unit),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=console) as progress:
        yield progress, progress.add_task(words, total=None)


def _fresh_import(workspace_id: int, import_id: int) -> ContactImport:
    db.session.expire_all()
    return contact_imports.get_import(workspace_id, import_id)


def _fresh_broadcast(workspace_id: int, broadcast_id: int) -> BroadcastSummary:
    db.session.expire_all()
    return broadcast_reports.summarise([broadcasts.get_broadcast(workspace_id, broadcast_id)])[0]


def _rows_of(found: ContactImport) -> int:
    return (
        found.created_count + found.updated_count + found.unchanged_count + found.duplicate_count + found.invalid_count
    )


def _address(broadcast_id: int) -> str:
    return f"{current_app.extensions['wotnot.config'].public_url}/app/broadcasts/{broadcast_id}"


def _words(error: DomainError) -> str:
    if isinstance(error, Invalid):
        return " ".join(sentence for sentences in error.errors.values() for sentence in sentences)
    return error.detail
