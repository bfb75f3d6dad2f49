"""`bin/start`, from the lock to the banner."""

import fcntl
import os
import signal
import sys
import time
from contextlib import suppress
from types import FrameType
from typing import TextIO
from urllib.error import URLError
from urllib.request import urlopen

from launcher import banner, environment, leftovers, ports, procfile, schema, secrets_file
from launcher.errors import StartError, Stopped
from launcher.logs import say
from launcher.paths import ROOT, Paths
from launcher.postgres import Postgres
from launcher.redis_server import RedisServer
from launcher.supervise import Program, Supervisor

DEFAULT_PORT = "8000"


def run(paths: Paths) -> None:
    """Start everything and keep it running until Ctrl-C or SIGTERM. Raises StartError when it cannot start."""
    paths.make()
    settings = environment.given()
    with _only_one(paths, settings.get("PORT", DEFAULT_PORT)):
        if leftovers.kill_all(paths.started, str(paths.logs)):
            say("Stopped what an earlier start had left running.")
        supervisor = Supervisor(paths)
        _stop_on_signals(supervisor)
        try:
            _bring_up(paths, settings, supervisor)
            while True:
                supervisor.tick()
                time.sleep(0.2)
        except (Stopped, StartError):
            if not supervisor.is_asked_to_stop:
                raise
            say("Stopping …")
        finally:
            _ignore_signals()
            supervisor.stop()
        say("Stopped. Everything is kept in " + str(paths.var))


def _bring_up(paths: Paths, settings: dict[str, str], supervisor: Supervisor) -> None:
    began = time.monotonic()
    port = ports.wanted(settings.get("PORT", DEFAULT_PORT))
    env = environment.for_web(settings, paths, port)
    env = _start_database(paths, env, supervisor)
    env = _start_redis(paths, env, supervisor)
    uses_sandbox = "GRAPH_API_URL" not in settings
    if uses_sandbox:
        env = _start_sandbox(paths, env, supervisor)
    environment.remember(paths, env)
    commands = procfile.read(ROOT / "Procfile")
    release = procfile.program(procfile.RELEASE, commands.pop(procfile.RELEASE), env)
    if not schema.is_current(env["DATABASE_URL"]):
        supervisor.run_once(release)
    address = f"http://{ports.LOOPBACK}:{port}"
    # The web first and alone: it is what a person waits for, and loading it four times at once would make them wait longer.
    supervisor.add(procfile.program("web", commands.pop("web"), env))
    if uses_sandbox and schema.is_empty(env["DATABASE_URL"]):
        _make_demo(paths, supervisor, env)
    supervisor.wait_until(lambda: _is_ready(f"{address}/readyz"), 60, "WotNot", "web")
    for name, command in commands.items():
        supervisor.add(procfile.program(name, command, env))
    banner.show(paths, env, address, time.monotonic() - began)


def _make_demo(paths: Paths, supervisor: Supervisor, env: dict[str, str]) -> None:
    """Something to look at in an empty database; WotNot is of use without it, so its failure stops nothing."""
    try:
        supervisor.run_once(procfile.program("demo", "flask --app wsgi demo", env))
        secrets_file.keep_demo_log_in(paths, (paths.logs / "demo.log").read_text(errors="replace"))
    except StartError as error:
        say(f"The demo workspace could not be made: {error}")


def _start_database(paths: Paths, env: dict[str, str], supervisor: Supervisor) -> dict[str, str]:
    if "DATABASE_URL" in env:
        return env
    server = Postgres(paths.postgres)
    server.prepare()
    supervisor.add(server.program({"PATH": env["PATH"]}))
    supervisor.wait_until(server.is_ready, 60, "The embedded PostgreSQL", "postgres")
    server.ensure_database()
    return env | {"DATABASE_URL": server.url()}


def _start_redis(paths: Paths, env: dict[str, str], supervisor: Supervisor) -> dict[str, str]:
    if "REDIS_URL" in env:
        return env
    server = RedisServer(paths.redis, ports.remembered(paths.ports, "redis"), environment.redis_password(paths))
    supervisor.add(server.program({"PATH": env["PATH"]}))
    supervisor.wait_until(server.is_ready, 60, "The embedded Redis", "redis")
    return env | {"REDIS_URL": server.url()}


def _start_sandbox(paths: Paths, env: dict[str, str], supervisor: Supervisor) -> dict[str, str]:
    port = ports.remembered(paths.ports, "sandbox", environment.SANDBOX_PORT)
    env = environment.with_sandbox(env, paths, port)
    command = Program("sandbox", [sys.executable, "-m", "sandbox"], environment.for_sandbox(env, paths, port))
    supervisor.add(command)
    supervisor.wait_until(lambda: ports.answers(port), 30, "The sandbox", "sandbox")
    return env


def _is_ready(address: str) -> bool:
    try:
        with urlopen(address, timeout=3) as answer:  # nosec B310 # noqa: S310 - our own address
            return bool(answer.status == 200)
    except (URLError, TimeoutError, ConnectionError):
        return False


def _only_one(paths: Paths, port: str) -> TextIO:
    """Hold the lock of this data folder; the kernel gives it back however we end. Raises StartError if another has it."""
    file = (paths.run / "lock").open("a+")
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        file.seek(0)
        where = file.read().strip() or "in another terminal"
        file.close()
        raise StartError(
            f"WotNot is already running {where}. Stop it with Ctrl-C there before starting it again."
        ) from None
    file.truncate(0)
    file.write(f"at http://{ports.LOOPBACK}:{port} (process {os.getpid()})")
    file.flush()
    return file


def _stop_on_signals(supervisor: Supervisor) -> None:
    def stop(_number: int, _frame: FrameType | None) -> None:
        supervisor.ask_to_stop()

    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, stop)


def _ignore_signals() -> None:
    """Stopping takes seconds at most, and an impatient second Ctrl-C must not leave half of it running."""
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        with suppress(ValueError):
            signal.signal(number, signal.SIG_IGN)
