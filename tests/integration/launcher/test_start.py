"""All of WotNot, started as a person starts it: up, alive through a kill -9, down to the last process, up again."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest
import requests

from launcher import leftovers
from launcher.paths import ROOT, Paths
from tests.servers import free_port, wait_until


class Start:
    """One run of the launcher on a data folder."""

    def __init__(self, paths: Paths, port: int, output: Path) -> None:
        self.paths = paths
        self.url = f"http://127.0.0.1:{port}"
        self.output = output
        keep = {name: os.environ[name] for name in ("PATH", "HOME", "LANG") if name in os.environ}
        environment = keep | {"WOTNOT_VAR": str(paths.var), "PORT": str(port)}
        with output.open("wb") as terminal:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "launcher", "start"], cwd=ROOT, env=environment, stdout=terminal, stderr=terminal
            )

    def text(self) -> str:
        return self.output.read_text()

    def wait_for_banner(self) -> float:
        """Seconds until it was ready."""
        began = time.monotonic()
        wait_until(lambda: "Ctrl-C stops it" in self.text() or self.process.poll() is not None, 90, "the banner")
        assert self.process.poll() is None, self.text()
        return time.monotonic() - began

    def is_ready(self) -> bool:
        try:
            return requests.get(f"{self.url}/readyz", timeout=5).status_code == 200
        except requests.RequestException:
            return False

    def stop(self, number: signal.Signals) -> None:
        self.process.send_signal(number)
        self.process.wait(40)

    def left(self) -> list[psutil.Process]:
        # The mark does not show in the database's and Redis's children, which rewrite their environment; their folder does.
        named = [one for one in psutil.process_iter(["cmdline"]) if str(self.paths.var) in str(one.info["cmdline"])]
        return [*leftovers._marked(str(self.paths.logs)), *(one for one in named if one.pid != os.getpid())]


@pytest.fixture
def paths(folder: Path) -> Paths:
    var = folder / "started"
    var.mkdir()
    return Paths(var)


def test_it_starts_heals_stops_and_starts_again(paths: Paths, tmp_path: Path) -> None:
    port = free_port()
    first = Start(paths, port, tmp_path / "first.txt")
    try:
        first.wait_for_banner()
        assert first.is_ready()
        assert f"{first.url}/app/" in first.text()
        assert paths.secrets.stat().st_mode & 0o777 == 0o600

        second = Start(paths, free_port(), tmp_path / "second.txt")
        assert second.process.wait(20) == 1
        assert f"already running at {first.url}" in second.text()

        for name in ("postgres", "redis", "web", "worker", "sender", "scheduler", "sandbox"):
            _kill(paths, name)
        for name in ("postgres", "redis", "web", "worker", "sender", "scheduler", "sandbox"):
            wait_until(lambda name=name: f"{name} was ended by SIGKILL" in first.text(), 10, f"the death of {name}")
        wait_until(first.is_ready, 30, "everything to come back")

        # The hardest end: the launcher itself is killed, and the next start must cope.
        first.stop(signal.SIGKILL)
        third = Start(paths, port, tmp_path / "third.txt")
        third.wait_for_banner()
        third.stop(signal.SIGINT)
        assert third.process.returncode == 0, third.text()
        assert third.left() == []

        logged = _logged(paths)
        fourth = Start(paths, port, tmp_path / "fourth.txt")
        fourth.wait_for_banner()
        assert _logged(paths) == logged, "a second start migrates nothing and fills nothing: it is quick"
        fourth.stop(signal.SIGTERM)
        assert fourth.left() == []
    finally:
        leftovers.kill_all(paths.started, str(paths.logs))


def _logged(paths: Paths) -> list[int]:
    """How much the steps of a first start have said."""
    return [file.stat().st_size for name in ("release", "demo") if (file := paths.logs / f"{name}.log").exists()]


def _kill(paths: Paths, name: str) -> None:
    found = json.loads(paths.started.read_text())[name]
    os.kill(found[0], signal.SIGKILL)
