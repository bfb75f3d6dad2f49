"""The Procfile: the same processes here and on a host that reads Procfiles."""

from collections.abc import Mapping
from pathlib import Path

from launcher.errors import StartError
from launcher.supervise import Program

RELEASE = "release"


def read(file: Path) -> dict[str, str]:
    """Process name → shell command. Raises StartError naming a line that is not `name: command`."""
    commands = {}
    for number, line in enumerate(file.read_text().splitlines(), start=1):
        if not line.strip() or line.startswith("#"):
            continue
        name, colon, command = line.partition(":")
        if not colon or not name.isidentifier() or not command.strip():
            raise StartError(f"Procfile, line {number}: expected `name: command`, found {line!r}.")
        commands[name] = command.strip()
    return commands


def program(name: str, command: str, environment: Mapping[str, str]) -> Program:
    """`command` run by the shell, which steps aside so that signals reach the process itself."""
    return Program(name=name, arguments=["/bin/sh", "-c", f"exec {command}"], environment=environment)
