"""Real servers for tests: PostgreSQL, Redis, and any process of the product, each on loopback with data of its own."""

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path

import psycopg2

from launcher.paths import ROOT, Paths
from launcher.postgres import Postgres
from launcher.redis_server import RedisServer
from launcher.supervise import Supervisor

VENV_BIN = Path(sys.executable).parent
# Tests may lose the database with the machine, so nothing waits for a disk.
UNSAFE_AND_FAST = {"fsync": "off", "synchronous_commit": "off", "full_page_writes": "off", "shared_buffers": "128MB"}


def free_port() -> int:
    """A TCP port on loopback that was free a moment ago."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def wait_until(condition: Callable[[], object], seconds: float = 20, what: str | Callable[[], str] = "") -> None:
    """Poll `condition` until it is true. Fails the test after `seconds`."""
    limit = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > limit:
            words = what() if callable(what) else what
            raise AssertionError(f"waited {seconds} s in vain for {words or condition}")
        time.sleep(0.02)


class Stores:
    """One PostgreSQL and one Redis for the whole test session."""

    def __init__(self, folder: Path, settings: Mapping[str, str] = UNSAFE_AND_FAST) -> None:
        """Everything goes below `folder`; `settings` are PostgreSQL's."""
        self.paths = Paths(folder)
        self.paths.make()
        self._supervisor = Supervisor(self.paths)
        self.postgres = Postgres(self.paths.postgres, dict(settings))
        self.redis = RedisServer(self.paths.redis, free_port(), "test-password")

    def start(self) -> None:
        """Start both and wait until they answer."""
        self.postgres.prepare()
        environment = {"PATH": os.environ["PATH"]}
        self._supervisor.add(self.postgres.program(environment))
        self._supervisor.add(self.redis.program(environment))
        self._supervisor.wait_until(self.postgres.is_ready, 60, "PostgreSQL", "postgres")
        self._supervisor.wait_until(self.redis.is_ready, 60, "Redis", "redis")

    def stop(self) -> None:
        """Stop both."""
        self._supervisor.stop()

    def restart_postgres(self, number: signal.Signals = signal.SIGKILL) -> None:
        """End PostgreSQL with `number`, start it again, and return when it answers."""
        pid = int((self.paths.postgres / "postmaster.pid").read_text().splitlines()[0])
        os.kill(pid, number)

        def is_back() -> bool:
            self._supervisor.tick()
            file = self.paths.postgres / "postmaster.pid"
            lines = file.read_text().splitlines() if file.exists() else []
            return bool(lines) and int(lines[0]) != pid and self.postgres.is_ready()

        wait_until(is_back, 30, "PostgreSQL to come back")

    def create_database(self, name: str, template: str = "template0") -> str:
        """A new database like `template`; answers its URL."""
        self._execute(f"CREATE DATABASE {name} TEMPLATE {template}")
        return self.postgres.url(name)

    def drop_database(self, name: str) -> None:
        """Drop it, whoever is still connected."""
        self._execute(f"DROP DATABASE IF EXISTS {name} WITH (FORCE)")

    def _execute(self, statement: str) -> None:
        connection = psycopg2.connect(self.postgres.url("postgres"))
        connection.autocommit = True
        try:
            with connection.cursor() as cursor:
                cursor.execute(statement)
        finally:
            connection.close()


class Processes:
    """Processes of the product that a test starts, kills and leaves behind; `stop()` ends them all."""

    def __init__(self, environment: Mapping[str, str], logs: Path) -> None:
        """`environment` is complete; output goes to files in `logs`."""
        self.environment = {
            **environment,
            "PATH": f"{VENV_BIN}{os.pathsep}{os.environ['PATH']}",
            "PYTHONUNBUFFERED": "1",
        }
        self._logs = logs
        self._running: dict[str, subprocess.Popen[bytes]] = {}

    def start(self, name: str, *arguments: str, **environment: str) -> subprocess.Popen[bytes]:
        """Start `arguments` as `name`, in a process group of its own; `environment` is added for this one."""
        with self.log(name).open("ab") as output:
            process = subprocess.Popen(
                arguments,
                cwd=ROOT,
                env=self.environment | environment,
                stdout=output,
                stderr=subprocess.STDOUT,
                stdin=subprocess.DEVNULL,
                start_new_session=True,
            )
        self._running[name] = process
        return process

    def start_worker(self, *queues: str, name: str = "") -> subprocess.Popen[bytes]:
        """An RQ worker as in the Procfile."""
        return self.start(name or f"worker-{'-'.join(queues)}", "flask", "--app", "wsgi", "worker", *queues)

    def kill(self, name: str) -> None:
        """kill -9, the whole group: what a lost machine looks like."""
        process = self._running.pop(name)
        _kill_group(process)

    def forget(self, name: str) -> "subprocess.Popen[bytes]":
        """Hand `name` over to the test, which ends it in its own way."""
        return self._running.pop(name)

    def stop(self) -> None:
        """End everything that still runs."""
        for process in self._running.values():
            _kill_group(process)
        self._running.clear()

    def log(self, name: str) -> Path:
        """Where the output of `name` goes."""
        return self._logs / f"{name}.log"


def _kill_group(process: subprocess.Popen[bytes]) -> None:
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait(10)
