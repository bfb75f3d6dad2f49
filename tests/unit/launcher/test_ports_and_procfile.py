"""Ports and the Procfile, and what is said when one of them is wrong."""

import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from launcher import ports, procfile
from launcher.errors import StartError
from launcher.supervise import LONGEST_WAIT, back_off


@pytest.fixture
def taken() -> Iterator[int]:
    """A port on which somebody listens."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield server.getsockname()[1]


def test_a_taken_port_is_refused_with_advice(taken: int) -> None:
    with pytest.raises(StartError, match=f"Port {taken} is taken"):
        ports.wanted(str(taken))


@pytest.mark.parametrize("text", ["", "abc", "0", "65536", "-1", "80.5"])
def test_what_is_no_port_is_refused(text: str) -> None:
    with pytest.raises(StartError, match="PORT must be"):
        ports.wanted(text)


def test_a_port_is_remembered_until_somebody_takes_it(tmp_path: Path, taken: int) -> None:
    file = tmp_path / "ports.json"
    first = ports.remembered(file, "redis")
    assert ports.remembered(file, "redis") == first
    assert ports.remembered(file, "sandbox", favourite=first) != first, "one port for two"
    file.write_text(f'{{"redis": {taken}}}')
    assert ports.remembered(file, "redis") != taken
    file.write_text("broken")
    assert ports.remembered(file, "redis") > 0


def test_a_procfile_is_read(tmp_path: Path) -> None:
    file = tmp_path / "Procfile"
    file.write_text("# why\nweb: a --b ${C:-1}\n\nworker:  d: e\n")
    assert procfile.read(file) == {"web": "a --b ${C:-1}", "worker": "d: e"}


@pytest.mark.parametrize("line", ["web", "web:", ": x", "we b: x"])
def test_a_line_that_is_no_process_is_named(tmp_path: Path, line: str) -> None:
    file = tmp_path / "Procfile"
    file.write_text(line)
    with pytest.raises(StartError, match="line 1"):
        procfile.read(file)


def test_the_wait_grows_to_half_a_minute_and_stays_there() -> None:
    assert [back_off(n) for n in (1, 2, 3, 4)] == [0.5, 1, 2, 4]
    assert back_off(7) == back_off(10_000) == LONGEST_WAIT
