"""`flask --app wsgi doctor`: looks at everything this WotNot leans on, and says what to do about what is wrong."""

import secrets
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import cast

import click
import requests
from flask import Flask, current_app
from redis.exceptions import RedisError
from rq_scheduler import Scheduler
from sqlalchemy import select
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.orm import Session

from wotnot import metrics
from wotnot.config import META_GRAPH_URL, Config
from wotnot.extensions import db, redis
from wotnot.models import Channel, ChannelState
from wotnot.services import channels, readiness
from wotnot.services.crypto import UnreadableSecret
from wotnot.services.whatsapp.errors import GraphError
from wotnot.tasks.schedule import PERIODIC

SECONDS = 10


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing looked at. `advice` says what to do; it is empty when all is well."""

    what: str
    advice: str = ""


def register(app: Flask) -> None:
    """Add the command."""

    @app.cli.command("doctor")
    def doctor() -> None:
        """Check configuration, stores, workers, tokens and the webhook's address. Exits with 1 if something is wrong."""
        is_well = True
        for finding in examine():
            is_well = is_well and not finding.advice
            click.echo(f"✗ {finding.what}\n    {finding.advice}" if finding.advice else f"✓ {finding.what}")
        if not is_well:
            sys.exit(1)


def examine() -> Iterator[Finding]:
    """Every finding, the foundations first; what a store's absence makes unknowable is left out."""
    config: Config = current_app.extensions["wotnot.config"]
    yield from _configuration(config)
    database = readiness.check_database()
    yield Finding("Database and migrations", database)
    redis_problem = readiness.check_redis()
    yield Finding("Redis", redis_problem)
    yield Finding("File storage", readiness.check_storage(config))
    if not redis_problem:
        yield from _guarded("Workers", _workers)
        yield from _guarded("Scheduler", _scheduler)
    if not database:
        yield from _guarded("Numbers", _numbers)
    yield _webhook(config)


def _configuration(config: Config) -> Iterator[Finding]:
    missing = [name for name in ("facebook_app_secret", "whatsapp_verify_token") if not getattr(config, name)]
    names = ", ".join(name.upper() for name in missing)
    yield Finding("Configuration", f"Set {names}: without them Meta's webhooks are refused." if missing else "")
    uses_meta = config.graph_api_url == META_GRAPH_URL
    if uses_meta and not config.public_url.startswith("https://"):
        yield Finding("Public address", f"Meta delivers to https only; PUBLIC_URL is {config.public_url}.")


def _guarded(what: str, check: Callable[[], Iterator[Finding]]) -> Iterator[Finding]:
    try:
        yield from check()
    except (RedisError, SQLAlchemyError) as error:
        yield Finding(what, f"Could not be looked at: {type(error).__name__}.")


def process_of(queue: str) -> str:
    """The Procfile's process that serves a queue before others do."""
    own = {"send": "sender"} | {name: name for name in ("events", "shops", "tends", "bulk")}
    return own.get(queue, "worker")


def _workers() -> Iterator[Finding]:
    for queue, count in metrics.workers_by_queue().items():
        advice = "" if count else f"Nobody works on it. Start the Procfile's `{process_of(queue)}`."
        yield Finding(f"Queue {queue}: {count} worker{'' if count == 1 else 's'}", advice)


def _scheduler() -> Iterator[Finding]:
    # A living scheduler's own key is renewed at every round, and expires seconds after the last.
    keys = redis.client.scan_iter(match=f"{Scheduler.redis_scheduler_namespace_prefix}*")
    is_alive = any(not redis.client.hexists(key, "death") for key in keys)
    yield Finding("Scheduler", "" if is_alive else "Not running. Start the Procfile's `scheduler`.")
    known = {name.decode() for name in cast(list[bytes], redis.client.zrange(Scheduler.scheduled_jobs_key, 0, -1))}
    missing = [periodic.name for periodic in PERIODIC if periodic.job_id not in known]
    advice = f"Not planned: {', '.join(missing)}. The scheduler puts them back within a second of its start."
    yield Finding("Periodic jobs", advice if missing else "")


def _numbers() -> Iterator[Finding]:
    """Every connected number's token, asked of Meta (or of what GRAPH_API_URL points at)."""
    with Session(db.engine) as session:  # given back before we wait for the network
        connected = session.scalars(select(Channel).where(Channel.state == ChannelState.CONNECTED)).all()
        session.expunge_all()
    if not connected:
        yield Finding("Numbers: none connected yet")
    for channel in connected:
        yield Finding(
            f"Number {channel.display_phone_number} (workspace {channel.workspace_id})", _token_advice(channel)
        )


def _token_advice(channel: Channel) -> str:
    try:
        with channels.client_for(channel) as client:
            client.get_phone_number(channel.phone_number_id)
    except UnreadableSecret:
        return "Its token cannot be decrypted. Put the earlier key back at the end of ENCRYPTION_KEYS."
    except GraphError as error:
        return f"{channels.reason_of(error.fault)} Paste a new token under Numbers if it is the token."
    return ""


def _webhook(config: Config) -> Finding:
    """Shake hands with our own webhook through the public address, as Meta does."""
    address = f"{config.public_url}/webhooks/whatsapp"
    challenge = secrets.token_hex(8)
    query = {
        "hub.mode": "subscribe",
        "hub.verify_token": config.whatsapp_verify_token,
        "hub.challenge": challenge,
    }
    try:
        answer = requests.get(address, params=query, timeout=SECONDS)
    except requests.RequestException as error:
        return Finding(
            f"Webhook {address}", f"Not reachable ({type(error).__name__}). Check PUBLIC_URL and that the web runs."
        )
    if answer.status_code == 200 and answer.text == challenge:
        return Finding(f"Webhook {address}")
    return Finding(
        f"Webhook {address}", f"It answers {answer.status_code} and not the challenge. Does PUBLIC_URL lead here?"
    )
