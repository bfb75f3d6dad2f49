"""The Dockerfile against the tree that it is built from: what it copies is there, what it runs runs, what is secret stays out."""

import os
import re
import subprocess
from fnmatch import fnmatch
from pathlib import Path

import pytest

from launcher import procfile
from launcher.paths import ROOT

DOCKERFILE = (ROOT / "Dockerfile").read_text()
IGNORE = [line for line in (ROOT / ".dockerignore").read_text().splitlines() if line and not line.startswith("#")]
COPIED = [
    source for line in re.findall(r"^COPY (?!--from)(.+)$", DOCKERFILE, re.MULTILINE) for source in line.split()[:-1]
]
COMMANDS = procfile.read(ROOT / "Procfile")


def is_sent(path: str) -> bool:
    """Whether the builder gets `path`: the last pattern that fits decides."""
    sent = True
    for pattern in IGNORE:
        bare = pattern.removeprefix("!").removeprefix("**/")
        parts = [path, *(str(parent) for parent in Path(path).parents), *Path(path).parts]
        if any(fnmatch(part, bare) for part in parts):
            sent = pattern.startswith("!")
    return sent


def run(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        arguments, cwd=ROOT, env=os.environ | environment, capture_output=True, text=True, check=False
    )


@pytest.mark.parametrize("source", COPIED)
def test_what_is_copied_is_there_and_sent(source: str) -> None:
    assert (ROOT / source).exists()
    assert is_sent(source)


@pytest.mark.parametrize(
    "path",
    [".env", ".git/config", "var/secrets.env", "tests/conftest.py", "sandbox/__main__.py", "wotnot/__pycache__/x"],
)
def test_what_is_not_needed_or_secret_stays_out(path: str) -> None:
    assert not is_sent(path)


def test_the_image_has_no_secret_and_no_root() -> None:
    settings = " ".join(re.findall(r"^(?:ENV|ARG) (.+)$", DOCKERFILE, re.MULTILINE))
    assert not re.search(r"SECRET|KEY|TOKEN|PASSWORD|DATABASE_URL", settings)
    users = re.findall(r"^USER (.+)$", DOCKERFILE, re.MULTILINE)
    assert users == ["10001:10001"]


@pytest.mark.parametrize("name", COMMANDS)
def test_every_process_of_the_procfile_can_be_run(name: str, tmp_path: Path) -> None:
    program = COMMANDS[name].split()[0]
    (tmp_path / program).write_text('#!/bin/sh\necho "$(basename "$0") $*"\n')
    (tmp_path / program).chmod(0o755)
    done = run("bin/process", name, PATH=f"{tmp_path}:{os.environ['PATH']}")
    assert (done.returncode, done.stdout.strip()) == (0, COMMANDS[name])


@pytest.mark.parametrize("arguments", [(), ("nothing",), (".*",)])
def test_another_name_is_told(arguments: tuple[str, ...]) -> None:
    done = run("bin/process", *arguments)
    assert done.returncode == 64
    assert all(name in done.stderr for name in COMMANDS)


def test_what_the_image_starts_with_is_there_and_runs() -> None:
    started = re.findall(r'"(bin/\w+)"', DOCKERFILE)
    assert started == ["bin/healthy", "bin/process"]
    assert all(os.access(ROOT / path, os.X_OK) for path in started)
