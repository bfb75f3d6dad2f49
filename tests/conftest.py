"""Fixtures: real PostgreSQL and Redis, the schema from the real migrations, a cast of people, the sandbox, live processes.

`session` gives a test one outer transaction that is rolled back. Whoever needs real commits, threads or other processes asks
for `committed` (in this process) or `processes` / `live_server` (in others), and the tables are emptied afterwards.
"""

import base64
import gc
import os
import shutil
import subprocess
import tempfile
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import requests
from flask import Flask
from redis import Redis
from rq import Queue, SimpleWorker
from sqlalchemy import event, text

from launcher.paths import ROOT
from tests.cast import Cast, make_cast
from tests.client import Client
from tests.meta_bodies import check_bodies
from tests.sandbox_control import SandboxControl
from tests.servers import VENV_BIN, Processes, Stores, free_port, wait_until
from wotnot import Config, create_app
from wotnot.extensions import Base, db
from wotnot.extensions import redis as redis_extension
from wotnot.services.queue import QUEUES

TEMPLATE_DATABASE = "wotnot_migrated"
TEST_DATABASE = "wotnot_test"
APP_SECRET = "test-app-secret"
VERIFY_TOKEN = "test-verify-token"
LONGEST = (
    "launcher/test_start.py",
    "races/test_sender_killed.py",
    "races/test_shops_killed.py",
    "browser/test_every_page.py",
    "browser/test_every_page_on_a_phone.py",
    "browser/test_inbox.py",
    "browser/test_inbox_lines.py",
    "browser/test_template_kinds.py",
    "browser/test_wizard_file_journey.py",
)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Lanes take whole files (`bin/test`): the longest first, so that no lane ends long after the others.

    Integration tests are shuffled, always alike: what works and what waits lie in folders of their own otherwise.
    """

    def place(item: pytest.Item) -> tuple[bool, int]:
        is_shuffled = "integration" in item.path.parts
        return not str(item.path).endswith(LONGEST), zlib.crc32(item.path.name.encode()) if is_shuffled else 0

    items.sort(key=place)


def pytest_collection_finish() -> None:
    """What is loaded now stays: looking through it for garbage time and again is a tenth of what tests take."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(20_000, 20, 50)


@pytest.fixture(scope="session")
def folder() -> Iterator[Path]:
    """A short-named folder for this session's servers (a socket's path may have about 100 characters)."""
    path = Path(tempfile.mkdtemp(prefix="wotnot-"))
    path.chmod(0o711)
    yield path
    shutil.rmtree(path, ignore_errors=True)


@pytest.fixture(scope="session")
def stores(folder: Path) -> Iterator[Stores]:
    """PostgreSQL and Redis, running."""
    stores = Stores(folder)
    try:
        stores.start()
        yield stores
    finally:
        stores.stop()


@pytest.fixture(scope="session")
def environment(stores: Stores, folder: Path) -> dict[str, str]:
    """The environment of the product in tests, for this process and for those that it starts."""
    sandbox_url = f"http://127.0.0.1:{free_port()}"
    keep = {name: os.environ[name] for name in ("PATH", "HOME", "LANG", "TMPDIR") if name in os.environ}
    port = free_port()
    return keep | {
        "DATABASE_URL": stores.postgres.url(TEST_DATABASE),
        "REDIS_URL": stores.redis.url(),
        "SECRET_KEY": "a secret key for tests, and for nothing but tests",
        "ENCRYPTION_KEYS": base64.urlsafe_b64encode(bytes(range(32))).decode(),
        "GRAPH_API_URL": sandbox_url,
        "SANDBOX_URL": sandbox_url,
        "FACEBOOK_APP_ID": "500000000000001",
        "FACEBOOK_APP_SECRET": APP_SECRET,
        "WHATSAPP_VERIFY_TOKEN": VERIFY_TOKEN,
        "PUBLIC_URL": f"http://127.0.0.1:{port}",
        "PORT": str(port),
        "HOST": "127.0.0.1",
        "ALLOW_PRIVATE_URLS": "1",
        "STORAGE_PATH": str(folder / "storage"),
        "JOURNAL_PATH": str(folder / "journal"),
        "LOG_FORMAT": "text",
    }


@pytest.fixture(scope="session")
def migrated(stores: Stores, environment: dict[str, str]) -> str:
    """A database made by the real migrations; answers its name, to be used as a template and never written to."""
    url = stores.create_database(TEMPLATE_DATABASE)
    command = [str(VENV_BIN / "flask"), "--app", "wsgi", "db", "upgrade"]
    done = subprocess.run(
        command, cwd=ROOT, env=environment | {"DATABASE_URL": url}, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return TEMPLATE_DATABASE


@pytest.fixture(scope="session")
def config(environment: dict[str, str]) -> Config:
    """The configuration of `app`."""
    return replace(Config.from_env(environment), testing=True)


@pytest.fixture(scope="session")
def app(stores: Stores, migrated: str, config: Config) -> Iterator[Flask]:
    """The application on a migrated database."""
    stores.create_database(TEST_DATABASE, migrated)
    app = create_app(config)
    app.test_client_class = Client
    yield app
    with app.app_context():
        db.engine.dispose()
    redis_extension.client.close()


@pytest.fixture
def redis(app: Flask) -> Iterator["Redis[bytes]"]:
    """Redis, empty."""
    redis_extension.client.flushall()
    yield redis_extension.client
    redis_extension.client.flushall()


@pytest.fixture
def session(app: Flask, redis: "Redis[bytes]") -> Iterator[Any]:
    """The session of a test whose commits are savepoints in one outer transaction, rolled back at the end.

    Flask-SQLAlchemy takes a session's connection from its engines and ignores `bind=`, so the engine itself is swapped.
    """
    with app.app_context():
        engine = db.engine
        connection = engine.connect()
        outer = connection.begin()
        db.engines[None] = connection
        db.session.configure(join_transaction_mode="create_savepoint")
        try:
            yield db.session
        finally:
            db.session.remove()
            db.session.configure(join_transaction_mode="conditional_savepoint")
            db.engines[None] = engine
            outer.rollback()
            connection.close()


@pytest.fixture
def committed(app: Flask, redis: "Redis[bytes]") -> Iterator[Any]:
    """A session that really commits; every table is emptied afterwards."""
    with app.app_context():
        try:
            yield db.session
        finally:
            db.session.remove()
            _empty_tables()


def _empty_tables() -> None:
    tables = ", ".join(table.name for table in Base.metadata.sorted_tables)
    with db.engine.begin() as connection:
        connection.execute(text("SET LOCAL lock_timeout = '20s'"))
        connection.execute(text(f"TRUNCATE {tables} RESTART IDENTITY CASCADE"))


@pytest.fixture
def cast(session: Any) -> Cast:
    """Alice and Bob in one workspace, Charlie the stranger in another; rolled back with the test."""
    return make_cast()


@pytest.fixture
def committed_cast(committed: Any) -> Cast:
    """The cast, committed, for tests with other threads or processes."""
    return make_cast()


@pytest.fixture
def client(app: Flask) -> Client:
    """Somebody's browser, not signed in. `client.sign_in(cast.alice)` signs in."""
    client = app.test_client()
    assert isinstance(client, Client)
    return client


@pytest.fixture
def run_jobs(app: Flask, redis: "Redis[bytes]") -> Callable[..., list[str]]:
    """Call it to work off the queues (all, or those named) with an RQ worker in this process and transaction.

    Answers the jobs' names in the order in which they ran. A job that fails fails the test.
    """

    class Worker(SimpleWorker):
        def subscribe(self) -> None:
            """Nobody commands it; a worker that listens ends a second late."""

        def perform_job(self, job: Any, queue: Any, execution: Any) -> bool:
            with app.app_context():
                return bool(super().perform_job(job, queue, execution))

    def run(*queues: str) -> list[str]:
        ran: list[str] = []
        worker = Worker([Queue(name, connection=redis) for name in queues or QUEUES], connection=redis)

        def failed(job: Any, *exc_info: Any) -> bool:
            raise AssertionError(f"job {job.description} failed") from exc_info[1]

        worker.push_exc_handler(failed)
        original = worker.perform_job

        def perform(job: Any, queue: Any, execution: Any) -> bool:
            ran.append(str(job.description))
            return original(job, queue, execution)

        worker.perform_job = perform  # type: ignore[method-assign]
        worker.work(burst=True, logging_level="ERROR")
        return ran

    return run


@pytest.fixture
def count_queries(app: Flask) -> Callable[..., Any]:
    """`with count_queries() as statements:` collects the SQL that runs inside the block."""

    @contextmanager
    def counting() -> Iterator[list[str]]:
        statements: list[str] = []

        def note(_connection: Any, _cursor: Any, statement: str, *_rest: Any) -> None:
            if not statement.startswith(("SAVEPOINT", "RELEASE", "ROLLBACK")):
                statements.append(statement)

        with app.app_context():
            target = db.engine
        event.listen(target, "before_cursor_execute", note)
        try:
            yield statements
        finally:
            event.remove(target, "before_cursor_execute", note)

    return counting


@pytest.fixture(scope="session")
def sandbox_server(environment: dict[str, str], folder: Path) -> Iterator[SandboxControl]:
    """The sandbox process of this session. Tests use `sandbox`, which starts from the default world."""
    control = SandboxControl(environment["SANDBOX_URL"])
    processes = Processes(environment, folder / "log")
    processes.start(
        "sandbox",
        *(str(VENV_BIN / "python"), "-m", "sandbox"),
        SANDBOX_PORT=control.url.rsplit(":", 1)[1],
        SANDBOX_APP_SECRET=APP_SECRET,
        SANDBOX_VERIFY_TOKEN=VERIFY_TOKEN,
    )
    try:
        wait_until(lambda: answers(f"{control.url}/sandbox/stats"), 15, "the sandbox")
        yield control
    finally:
        processes.stop()


@pytest.fixture
def sandbox(sandbox_server: SandboxControl) -> Iterator[SandboxControl]:
    """The sandbox in Meta's place, in its default world. Its webhooks go nowhere until `sandbox.set(webhook_url=…)`.

    Whatever a test is about: all that reached the sandbox about templates has to look as Meta's reference says.
    """
    sandbox_server.reset()
    yield sandbox_server
    check_bodies(sandbox_server.bodies())


@pytest.fixture
def processes(committed: Any, environment: dict[str, str], folder: Path) -> Iterator[Processes]:
    """Start processes of the product on the committed test database; all are ended before the tables are emptied."""
    processes = Processes(environment, folder / "log")
    try:
        yield processes
    finally:
        processes.stop()


@pytest.fixture
def live_server(processes: Processes, environment: dict[str, str]) -> str:
    """The product under gunicorn, as the Procfile starts it; answers its address. Workers: `processes.start_worker`."""
    url = environment["PUBLIC_URL"]
    processes.start("web", "gunicorn", "wsgi:app", "--config", "gunicorn.conf.py", WEB_THREADS="40")
    wait_until(lambda: answers(f"{url}/healthz"), 60, "gunicorn")
    return url


def answers(url: str) -> bool:
    """Whether `url` answers 200."""
    try:
        return requests.get(url, timeout=2).status_code == 200
    except requests.RequestException:
        return False
