"""TCP ports on this machine: is one free, and which one had we last time."""

import json
import socket
from pathlib import Path

from launcher.errors import StartError

LOOPBACK = "127.0.0.1"


def is_free(port: int) -> bool:
    """Whether a server could listen on `port` now. SO_REUSEADDR as servers set it: a just closed connection is no reason."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((LOOPBACK, port))
        except OSError:
            return False
        return True


def answers(port: int) -> bool:
    """Whether something accepts connections on `port`."""
    with socket.socket() as probe:
        probe.settimeout(1)
        return probe.connect_ex((LOOPBACK, port)) == 0


def wanted(text: str) -> int:
    """The PORT of the environment. Raises StartError if it is no port or is taken."""
    if not text.isdecimal() or not 1 <= int(text) <= 65535:
        raise StartError(f"PORT must be a whole number from 1 to 65535; it is {text!r}.")
    port = int(text)
    if not is_free(port):
        raise StartError(
            f"Port {port} is taken by another program (or is not allowed to you). "
            f"Stop that program, or choose another port: PORT={port + 1 if port < 65535 else 8000} bin/start"
        )
    return port


def remembered(file: Path, name: str, favourite: int = 0) -> int:
    """A free port for `name`: last time's if it is still free, else `favourite`, else any. Remembered in `file`."""
    known = _read(file)
    for port in (known.get(name, 0), favourite):
        if port and port not in (value for key, value in known.items() if key != name) and is_free(port):
            break
    else:
        port = _any()
    file.write_text(json.dumps(known | {name: port}))
    return port


def _any() -> int:
    with socket.socket() as probe:
        probe.bind((LOOPBACK, 0))
        return int(probe.getsockname()[1])


def _read(file: Path) -> dict[str, int]:
    try:
        data = json.loads(file.read_text())
    except (FileNotFoundError, ValueError):
        return {}
    return {str(name): int(port) for name, port in data.items()} if isinstance(data, dict) else {}
