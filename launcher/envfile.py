"""Files of NAME=value lines: .env, var/secrets.env, var/run/environment."""

import os
from collections.abc import Mapping
from pathlib import Path

from launcher.errors import StartError


def read(path: Path) -> dict[str, str]:
    """The settings in `path`; none if there is no such file. Blank lines, # comments, `export` and quotes are understood.

    Raises StartError naming the line that is not NAME=value.
    """
    if not path.exists():
        return {}
    settings = {}
    for number, raw in enumerate(path.read_text(encoding="utf-8-sig").splitlines(), start=1):
        line = raw.strip().removeprefix("export ").strip()
        if not line or line.startswith("#"):
            continue
        name, equals, value = line.partition("=")
        if not equals or not name.strip().isidentifier():
            raise StartError(f"{path.name}, line {number}: expected NAME=value, found {raw.strip()[:40]!r}.")
        settings[name.strip()] = _unquoted(value.strip())
    return settings


def write_private(path: Path, settings: Mapping[str, str]) -> None:
    """Replace `path` with `settings`, readable by its owner only from the first byte on; all of it or nothing."""
    partial = path.with_name(path.name + ".new")
    partial.unlink(missing_ok=True)
    handle = os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(handle, "w", encoding="utf-8") as file:
        file.writelines(f"{name}={value}\n" for name, value in settings.items())
        file.flush()
        os.fsync(file.fileno())
    partial.replace(path)


def _unquoted(value: str) -> str:
    if len(value) >= 2 and value[0] == value[-1] and value[0] in "\"'":
        return value[1:-1]
    return value.split(" #", 1)[0].rstrip()
