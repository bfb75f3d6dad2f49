"""Whatever dies comes back, nothing is left behind, and a killed launcher is cleaned up after."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from launcher import leftovers, start
from launcher.errors import StartError, Stopped
from launcher.logs import LARGEST, LogFile
from launcher.paths import ROOT, Paths
from launcher.supervise import Program, Supervisor
from tests.servers import wait_until

FOREVER = "import time; time.sleep(600)"
# A parent that dies at once and leaves a child in a session of its own, as an RQ worker's job is.
WITH_ORPHAN = f"import subprocess, sys; subprocess.Popen([sys.executable, '-c', '{FOREVER}'], start_new_session=True)"
STUBBORN = f"import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN); {FOREVER}"
LAUNCHER = f"""
import sys, time
from pathlib import Path
from launcher.paths import Paths
from launcher.supervise import Program, Supervisor
supervisor = Supervisor(Paths(Path(sys.argv[1])))
supervisor.add(Program("sleeper", [sys.executable, "-c", {FOREVER!r}], {{}}))
while True:
    supervisor.tick()
    time.sleep(0.05)
"""


def program(code: str, name: str = "sleeper", patience: float = 10) -> Program:
    return Program(name, [sys.executable, "-c", code], {}, patience=patience)


def marked(paths: Paths) -> list[psutil.Process]:
    return sorted(leftovers._marked(str(paths.logs)), key=lambda one: one.pid)


@pytest.fixture
def paths(tmp_path: Path) -> Paths:
    paths = Paths(tmp_path)
    paths.make()
    return paths


@pytest.fixture
def supervisor(paths: Paths) -> Iterator[Supervisor]:
    supervisor = Supervisor(paths)
    yield supervisor
    supervisor.stop()
    assert marked(paths) == []


@pytest.fixture
def usual_handlers() -> Iterator[None]:
    numbers = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
    before = {number: signal.getsignal(number) for number in numbers}
    yield
    for number, handler in before.items():
        signal.signal(number, handler)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_is_heard_between_two_looks_and_interrupts_none(
    supervisor: Supervisor, usual_handlers: None, number: signal.Signals
) -> None:
    start._stop_on_signals(supervisor)
    supervisor.add(program(FOREVER))
    process = supervisor._running[0].process
    assert process
    # Where it hurt: poll() has taken its lock and not yet entered what gives it back.
    with process._waitpid_lock:  # type: ignore[attr-defined]
        os.kill(os.getpid(), number)
        assert process.poll() is None
    with pytest.raises(Stopped):
        supervisor.tick()


def test_a_killed_process_comes_back(supervisor: Supervisor, paths: Paths) -> None:
    supervisor.add(program(FOREVER))
    (first,) = marked(paths)
    os.kill(first.pid, signal.SIGKILL)

    def is_back() -> bool:
        supervisor.tick()
        found = marked(paths)
        return bool(found) and first not in found  # one that was just forked may stand beside the one that was killed

    wait_until(is_back, 5, "the process to come back")
    assert "was ended by SIGKILL" in (paths.logs / "sleeper.log").read_text()


def test_a_process_that_ends_at_once_does_not_spin_and_is_never_given_up(supervisor: Supervisor, paths: Paths) -> None:
    supervisor.add(program("print('hello')"))
    limit = time.monotonic() + 4
    while time.monotonic() < limit:
        supervisor.tick()
        time.sleep(0.02)
    # At 0, 0.5, 1.5 and 3.5 seconds, each a little later for the time that Python takes.
    assert 3 <= (paths.logs / "sleeper.log").read_text().count("hello") <= 4


def test_stopping_leaves_no_grandchild_and_waits_for_nobody_for_ever(supervisor: Supervisor, paths: Paths) -> None:
    supervisor.add(program(WITH_ORPHAN, "parent"))
    supervisor.add(program(STUBBORN, "stubborn", patience=1))
    wait_until(lambda: len(marked(paths)) >= 2, 5, "the orphan")
    began = time.monotonic()
    supervisor.stop()
    assert marked(paths) == []
    assert time.monotonic() - began < 10


def test_a_step_that_fails_shows_the_end_of_its_output(supervisor: Supervisor) -> None:
    with pytest.raises(StartError, match="no such table"):
        supervisor.run_once(program("import sys; sys.exit('no such table')", "release"))


def test_what_does_not_get_ready_is_reported_with_its_log(supervisor: Supervisor) -> None:
    supervisor.add(program(f"print('still loading', flush=True); {FOREVER}", "slow"))
    with pytest.raises(StartError, match=r"The slow one did not get ready(.|\n)*still loading"):
        supervisor.wait_until(lambda: False, 1.5, "The slow one", "slow")


def test_a_killed_launcher_leaves_nothing_that_the_next_start_does_not_stop(paths: Paths) -> None:
    launcher = subprocess.Popen([sys.executable, "-c", LAUNCHER, str(paths.var)], cwd=ROOT)
    wait_until(paths.started.exists, 10, "the launcher")
    wait_until(lambda: marked(paths), 10, "its process")
    launcher.kill()
    launcher.wait()
    leftovers.kill_all(paths.started, str(paths.logs))
    assert marked(paths) == []
    assert not paths.started.exists()


def test_a_reused_process_number_is_not_mistaken_for_ours(paths: Paths) -> None:
    paths.started.write_text(f'{{"web": [{os.getpid()}, 12345.0]}}')
    assert leftovers.kill_all(paths.started, str(paths.logs)) == 0


def test_a_large_log_is_kept_aside_and_the_writer_goes_on(tmp_path: Path) -> None:
    log = LogFile(tmp_path / "web.log")
    with log.open() as writer:
        writer.write(b"x" * LARGEST)
        writer.flush()
        log.rotate_if_large()
        writer.write(b"after")
        writer.flush()
    assert log.path.read_bytes() == b"after"
    assert (tmp_path / "web.log.1").stat().st_size == LARGEST
