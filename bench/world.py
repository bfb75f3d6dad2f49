"""What every measurement needs: stores with their ordinary durability, the schema, the sandbox, an app, some rows."""

import json
import os
import secrets
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import requests
from cryptography.fernet import Fernet
from flask import Flask
from sqlalchemy import text

from tests.servers import VENV_BIN, Processes, Stores, free_port
from wotnot.config import Config
from wotnot.extensions import db

SECRET = secrets.token_hex(32)
TEMPLATE_BODY = "Hi {{1}}, our spring offer ends on Sunday. Show this message in the shop for 20% off."


class World:
    """The running parts. `app` is an app on them, `sandbox` the sandbox's address."""

    def __init__(self, folder: Path) -> None:
        """Start everything below `folder`."""
        self.stores = Stores(folder, {})
        self.stores.start()
        self.sandbox_port = free_port()
        self.sandbox = f"http://127.0.0.1:{self.sandbox_port}"
        self.environment = {
            "DATABASE_URL": self.stores.create_database("bench"),
            "REDIS_URL": self.stores.redis.url(),
            "SECRET_KEY": SECRET,
            "ENCRYPTION_KEYS": Fernet.generate_key().decode(),
            "GRAPH_API_URL": self.sandbox,
            "FACEBOOK_APP_SECRET": SECRET,
            "WHATSAPP_VERIFY_TOKEN": "verify",
            "STORAGE_PATH": str(folder / "storage"),
            "JOURNAL_PATH": str(folder / "journal"),
            "LOG_FORMAT": "text",
        }
        self.processes = Processes(self.environment, folder)
        self._migrate()
        from wotnot import create_app

        self.app: Flask = create_app(Config.from_env(self.environment))

    def _migrate(self) -> None:
        subprocess.run(
            [VENV_BIN / "flask", "--app", "wsgi", "db", "upgrade"], check=True, env={**os.environ, **self.environment}
        )

    def start_sandbox(self, **settings: object) -> None:
        """Start the sandbox, or change the running one's settings; webhooks are off unless asked for."""
        if "sandbox" not in self.processes._running:  # noqa: SLF001 — the harness's own record
            self.processes.start("sandbox", "python", "-m", "sandbox", "--port", str(self.sandbox_port))
            _wait_for(f"{self.sandbox}/sandbox/stats")
        wanted = {"webhooks": False, "rate_per_second": 0, "pair_limit": False, "endings": False, "review_after_s": 0}
        requests.post(f"{self.sandbox}/sandbox/settings", json={**wanted, **settings}, timeout=10).raise_for_status()

    def sandbox_stats(self) -> dict[str, Any]:
        """The sandbox's counters."""
        answer: dict[str, Any] = requests.get(f"{self.sandbox}/sandbox/stats", timeout=30).json()
        return answer

    def clear_sandbox_stats(self) -> None:
        """Count from zero."""
        requests.post(f"{self.sandbox}/sandbox/reset", json={"only": "stats"}, timeout=30).raise_for_status()

    def stop(self) -> None:
        """End every process."""
        self.processes.stop()
        self.stores.stop()


@contextmanager
def running_world() -> Iterator[World]:
    """A world in a temporary folder, gone afterwards."""
    folder = Path(tempfile.mkdtemp(prefix="wotnot-bench-"))
    folder.chmod(0o755)
    world = World(folder)
    try:
        with world.app.app_context():
            yield world
    finally:
        world.stop()
        shutil.rmtree(folder, ignore_errors=True)


def execute(statement: str, **parameters: object) -> Any:
    """Run one statement and commit."""
    result: Any = db.session.execute(text(statement), parameters)
    rows = result.all() if result.returns_rows else []
    db.session.commit()
    return rows


def vacuum() -> None:
    """Clear up after the seeding and let the planner know what is there, as autovacuum does in time."""
    with db.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.execute(text("VACUUM ANALYZE"))
        connection.execute(text("CHECKPOINT"))


def seed_workspace() -> int:
    """A workspace; answers its id."""
    return int(execute("INSERT INTO workspaces (name) VALUES ('Bench') RETURNING id")[0][0])


def seed_contacts(workspace_id: int, count: int) -> None:
    """`count` contacts with South African mobile numbers and names, in one statement."""
    execute(
        """
        INSERT INTO contacts (workspace_id, phone, name, email, attributes)
        SELECT :workspace, '2782' || lpad(n::text, 7, '0'),
               (ARRAY['Naledi','Pieter','Aisha','Thabo','Femke','Chidi','Lerato','Sipho'])[1 + n % 8] || ' '
               || (ARRAY['Mokoena','van Wyk','Patel','Dlamini','de Boer','Okafor','Khumalo'])[1 + n % 7] || ' ' || n,
               'person' || n || '@example.com', '{}'::jsonb
        FROM generate_series(1, :count) AS n
        """,
        workspace=workspace_id,
        count=count,
    )


def seed_channel(world: World, workspace_id: int, *, rate: int, phone_number_id: str | None = None) -> tuple[int, str]:
    """A connected number of the sandbox; answers its id and Meta's id of it."""
    from wotnot.services import crypto

    if phone_number_id is None:
        made = requests.post(f"{world.sandbox}/sandbox/numbers", json={"count": 1, "rate_per_second": 0}, timeout=10)
        phone_number_id = str(made.json()["numbers"][0]["id"])
    config: Config = world.app.extensions["wotnot.config"]
    rows = execute(
        """
        INSERT INTO channels (workspace_id, waba_id, phone_number_id, token_encrypted, display_phone_number,
                              verified_name, rate_per_second)
        VALUES (:workspace, '700000000000001', :number, :token, '+27 21 555 0140', 'Bench', :rate) RETURNING id
        """,
        workspace=workspace_id,
        number=phone_number_id,
        token=crypto.encrypt("sandbox-token", config.encryption_keys),
        rate=rate,
    )
    return int(rows[0][0]), phone_number_id


def seed_template(world: World, workspace_id: int) -> int:
    """An approved template with one variable, at the sandbox and here; answers its id here."""
    components = [{"type": "BODY", "text": TEMPLATE_BODY, "example": {"body_text": [["Naledi"]]}}]
    requests.post(
        f"{world.sandbox}/v24.0/700000000000001/message_templates",
        headers={"Authorization": "Bearer sandbox-token"},
        json={"name": "bench_offer", "language": "en", "category": "UTILITY", "components": components},
        timeout=10,
    )
    time.sleep(0.5)
    return int(
        execute(
            """
            INSERT INTO templates (workspace_id, waba_id, name, language, category, status, components)
            VALUES (:workspace, '700000000000001', 'bench_offer', 'en', 'utility', 'approved', CAST(:parts AS jsonb))
            RETURNING id
            """,
            workspace=workspace_id,
            parts=json.dumps(components),
        )[0][0]
    )


def seed_broadcast(workspace_id: int, channel_id: int, template_id: int, *, first: int, count: int) -> int:
    """A broadcast with `count` queued messages to the contacts from `first` on, still paused; answers its id."""
    broadcast_id = int(
        execute(
            """
            INSERT INTO broadcasts (workspace_id, channel_id, template_id, name, state, variables, started_at)
            VALUES (:workspace, :channel, :template, 'Bench', 'paused',
                    '{"1": {"field": "first_name", "fallback": "there"}}', now()) RETURNING id
            """,
            workspace=workspace_id,
            channel=channel_id,
            template=template_id,
        )[0][0]
    )
    execute(
        """
        INSERT INTO messages (workspace_id, channel_id, broadcast_id, contact_id, template_id, phone)
        SELECT :workspace, :channel, :broadcast, id, :template, phone FROM contacts
        WHERE workspace_id = :workspace ORDER BY id OFFSET :first LIMIT :count
        """,
        workspace=workspace_id,
        channel=channel_id,
        broadcast=broadcast_id,
        template=template_id,
        first=first,
        count=count,
    )
    return broadcast_id


def start_web(world: World, name: str, *, app: str = "wsgi:app", **environment: str) -> int:
    """Start gunicorn as the Procfile does, serving `app`; answers its port once it answers."""
    port = free_port()
    command = ("gunicorn", app, "--config", "gunicorn.conf.py")
    world.processes.start(name, *command, HOST="127.0.0.1", PORT=str(port), **environment)
    _wait_for(f"http://127.0.0.1:{port}/healthz", any_answer=True)
    return port


def _wait_for(url: str, seconds: float = 60, *, any_answer: bool = False) -> None:
    limit = time.monotonic() + seconds
    while time.monotonic() < limit:
        try:
            if requests.get(url, timeout=1).ok or any_answer:
                return
        except requests.RequestException:
            time.sleep(0.05)
    raise SystemExit(f"{url} did not answer within {seconds} s")
