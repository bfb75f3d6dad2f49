"""What an earlier launcher left running when it was killed: found, and stopped, before a new start and after every stop.

Two ways to know our own, since neither sees everything: the record of started processes (with their birth times, so that a
reused number is never mistaken), and a mark in the environment, which grandchildren such as a worker's job carry too.
"""

import json
import os
import signal
from collections.abc import Mapping
from pathlib import Path

import psutil

from launcher.errors import StartError

MARK = "WOTNOT_STARTED_BY"
GRACE = 5.0  # seconds between asking and killing


def record(file: Path, pids: Mapping[str, int]) -> None:
    """Remember the running processes, with the time each was born."""
    births = {}
    for name, pid in pids.items():
        try:
            births[name] = [pid, psutil.Process(pid).create_time()]
        except psutil.NoSuchProcess:
            continue
    partial = file.with_suffix(".new")
    partial.write_text(json.dumps(births))
    partial.replace(file)


def kill_all(file: Path, mark: str) -> int:
    """Stop every process that the record `file` or the `mark` names, and answer how many there were.

    Raises StartError if one of them belongs to another user.
    """
    found = _recorded(file) | _marked(mark)
    for process in found:
        _ask(process)
    _, alive = psutil.wait_procs(found, timeout=GRACE)
    for process in alive:
        _send(process, signal.SIGKILL)
    psutil.wait_procs(alive, timeout=GRACE)
    file.unlink(missing_ok=True)
    return len(found)


def _recorded(file: Path) -> set[psutil.Process]:
    try:
        births = json.loads(file.read_text())
    except (FileNotFoundError, ValueError):
        return set()
    found = set()
    for pid, born in births.values():
        try:
            process = psutil.Process(pid)
            if abs(process.create_time() - born) < 1:
                found.add(process)
        except psutil.NoSuchProcess:
            continue
    return found


def _marked(mark: str) -> set[psutil.Process]:
    found = set()
    for process in psutil.process_iter():
        try:
            if process.pid != os.getpid() and process.environ().get(MARK) == mark:
                found.add(process)
        except (psutil.Error, OSError):  # gone meanwhile, or another user's and so not ours
            continue
    return found


def _ask(process: psutil.Process) -> None:
    """SIGTERM; to PostgreSQL SIGINT, which does not wait for its clients and still saves the recovery at the next start."""
    try:
        name = process.name()
    except psutil.NoSuchProcess:
        return
    _send(process, signal.SIGINT if name.startswith("postgres") else signal.SIGTERM)


def _send(process: psutil.Process, number: signal.Signals) -> None:
    try:
        process.send_signal(number)
    except psutil.NoSuchProcess:
        return
    except psutil.AccessDenied as error:
        raise StartError(
            f"A part of an earlier WotNot still runs as another user (process {process.pid}). Stop it as that user first."
        ) from error
