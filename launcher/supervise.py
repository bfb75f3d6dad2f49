"""Keeps processes running: starts again whichever dies, with a back-off, and never gives up.

Not supervisord: its back-off grows by a second a try without a limit (an hour's outage ends in waits of minutes), a program
that fails often enough is given up, and a supervisord that is killed leaves its programs behind. Here the wait is capped, and
the kernel ends the children of a killed launcher (PR_SET_PDEATHSIG; where there is none, the next start does).
"""

import ctypes
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from launcher import leftovers
from launcher.errors import StartError, Stopped
from launcher.logs import LogFile, say
from launcher.paths import ROOT, Paths

LONGEST_WAIT = 30.0  # seconds between two starts of a process that keeps dying
STEADY_AFTER = 30.0  # seconds after which a process counts as well again
PR_SET_PDEATHSIG = 1


@dataclass(frozen=True, slots=True)
class Program:
    """What to run. `stop_signal` asks it to end; `patience` is how many seconds it gets before it is killed."""

    name: str
    arguments: Sequence[str]
    environment: Mapping[str, str]
    user: str | None = None
    stop_signal: signal.Signals = signal.SIGTERM
    patience: float = 10.0
    stop_last: bool = False


@dataclass(slots=True)
class _Running:
    program: Program
    log: LogFile
    process: subprocess.Popen[bytes] | None = None
    started_at: float = 0.0
    failures: int = 0
    start_at: float = field(default=0.0)


class Supervisor:
    """Runs programs in their own process groups. Everything happens in the caller's thread, in `tick()`."""

    def __init__(self, paths: Paths) -> None:
        """`paths` say where the programs' output goes, and where is kept what was started, for a start after a kill."""
        self._logs = paths.logs
        self._record = paths.started
        self._running: list[_Running] = []
        self.is_asked_to_stop = False

    def ask_to_stop(self) -> None:
        """Let the next `tick()` raise Stopped: a signal's handler must not, since out of the middle of `Popen.poll()` an
        exception would leave that process's lock taken, and nobody would ever see it end.
        """
        self.is_asked_to_stop = True

    def add(self, program: Program) -> None:
        """Start `program` now and keep it running."""
        entry = _Running(program, LogFile(self._logs / f"{program.name}.log"))
        self._running.append(entry)
        self._start(entry)

    def tick(self) -> None:
        """See who died, start those whose wait is over, rotate the logs. Call it a few times a second.

        Raises Stopped once that was asked for.
        """
        if self.is_asked_to_stop:
            raise Stopped
        now = time.monotonic()
        for entry in self._running:
            entry.log.rotate_if_large()
            if entry.process is not None and entry.process.poll() is not None:
                self._note_death(entry, entry.process, now)
            if entry.process is None and now >= entry.start_at:
                self._start(entry)

    def wait_until(self, ready: Callable[[], bool], seconds: float, what: str, log: str) -> None:
        """Keep everything running until `ready()`. Raises StartError with the end of `log` after `seconds`."""
        limit = time.monotonic() + seconds
        while not ready():
            if time.monotonic() > limit:
                path = self._logs / f"{log}.log"
                raise StartError(f"{what} did not get ready within {seconds:.0f} seconds. {_tail(path)}")
            self.tick()
            time.sleep(0.05)

    def run_once(self, program: Program) -> None:
        """Run `program` to its end while the others are kept running. Raises StartError with its output if it fails."""
        path = self._logs / f"{program.name}.log"
        log = LogFile(path)
        process = _spawn(program, log)
        try:
            while process.poll() is None:
                self.tick()
                time.sleep(0.05)
        except BaseException:
            _signal_group(process, signal.SIGKILL)
            raise
        finally:
            process.wait()
        if process.returncode != 0:
            raise StartError(f"{program.name} failed (exit {process.returncode}). {_tail(path)}")

    def stop(self) -> None:
        """Stop everything, what the others lean on last. Nothing is left afterwards."""
        for last in (False, True):
            group = [entry for entry in self._running if entry.program.stop_last is last and entry.process is not None]
            for entry in group:
                _signal(entry, entry.program.stop_signal)
            _wait_for(group)
        self._running.clear()
        leftovers.kill_all(self._record, str(self._logs))

    def _start(self, entry: _Running) -> None:
        entry.process = _spawn(entry.program, entry.log)
        entry.started_at = time.monotonic()
        leftovers.record(self._record, {e.program.name: e.process.pid for e in self._running if e.process is not None})

    def _note_death(self, entry: _Running, process: subprocess.Popen[bytes], now: float) -> None:
        # What it started itself (a worker's job, gunicorn's workers) must not live on beside its successor.
        _signal_group(process, signal.SIGKILL)
        steady = now - entry.started_at >= STEADY_AFTER
        entry.failures = 1 if steady else entry.failures + 1
        wait = back_off(entry.failures)
        entry.start_at = now + wait
        how = _how_it_ended(process.returncode)
        entry.process = None
        line = f"{entry.program.name} {how}; starting it again in {wait:.1f} s"
        entry.log.note(line)
        say(f"{line} (see {entry.log.path})")


def back_off(failures: int) -> float:
    """Seconds to wait before the next start after `failures` deaths in a row: 0.5, 1, 2, … up to LONGEST_WAIT."""
    return float(min(LONGEST_WAIT, 0.5 * 2 ** min(failures - 1, 10)))


def _spawn(program: Program, log: LogFile) -> subprocess.Popen[bytes]:
    """Start in a session of its own, so that a Ctrl-C in the terminal reaches the launcher alone, which stops all in order."""
    with log.open() as output:
        return subprocess.Popen(
            list(program.arguments),
            cwd=ROOT,
            env={**program.environment, leftovers.MARK: str(log.path.parent)},
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
            user=program.user,
            group=program.user,
            extra_groups=None if program.user is None else [],
            preexec_fn=_die_with_parent(program.stop_signal),  # noqa: PLW1509 - the launcher has one thread only
        )


def _die_with_parent(signal_number: signal.Signals) -> Callable[[], None] | None:
    if not sys.platform.startswith("linux"):
        return None
    libc = ctypes.CDLL(None)

    def ask() -> None:
        libc.prctl(PR_SET_PDEATHSIG, int(signal_number), 0, 0, 0)

    return ask


def _signal(entry: _Running, number: signal.Signals) -> None:
    """To the process alone: it knows how to end its own children in good order."""
    if entry.process is not None and entry.process.poll() is None:
        entry.process.send_signal(number)


def _signal_group(process: subprocess.Popen[bytes], number: signal.Signals) -> None:
    try:
        os.killpg(process.pid, number)
    except (ProcessLookupError, PermissionError):
        return


def _wait_for(entries: Sequence[_Running]) -> None:
    """Wait for all to end; ask again at half of each one's patience (RQ then leaves its job), kill at the end of it."""
    started = time.monotonic()
    asked: set[str] = set()
    while alive := [entry for entry in entries if entry.process is not None and entry.process.poll() is None]:
        for entry in alive:
            waited = time.monotonic() - started
            if waited > entry.program.patience and entry.process is not None:
                _signal_group(entry.process, signal.SIGKILL)
            elif waited > entry.program.patience / 2 and entry.program.name not in asked:
                asked.add(entry.program.name)
                _signal(entry, entry.program.stop_signal)
        time.sleep(0.05)
    for entry in entries:
        if entry.process is not None:
            _signal_group(entry.process, signal.SIGKILL)


def _how_it_ended(code: int) -> str:
    if code < 0:
        return f"was ended by {signal.Signals(-code).name}"
    return f"ended with exit code {code}"


def _tail(path: Path, lines: int = 15) -> str:
    text = path.read_text(errors="replace").splitlines()[-lines:] if path.exists() else []
    return "\n".join([f"The end of {path}:", *(f"  {line}" for line in text)])
