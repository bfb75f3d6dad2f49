"""What the journal says has left is what arrived, no more and no less, however the sender died."""

import random
import signal
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

from launcher.paths import ROOT
from tests.integration.races.receiver import Receiver, make_tls
from tests.servers import VENV_BIN
from wotnot.services import send_journal
from wotnot.services.send_journal import SendJournal
from wotnot.services.whatsapp.dispatch import Dispatcher, Result

KILLS = 6


class Line(NamedTuple):
    """A receiver, and what a sender needs to know to reach it."""

    receiver: Receiver
    url: str
    authorities: Path | None


@pytest.fixture(params=["http", "https"])
def line(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Line]:
    context, authorities = make_tls(tmp_path) if request.param == "https" else (None, None)
    receiver = Receiver(context)
    yield Line(receiver, f"{request.param}://127.0.0.1:{receiver.port}", authorities)
    receiver.close()


def test_a_killed_sender_left_what_arrived(line: Line, tmp_path: Path) -> None:
    """Sixteen threads at full speed, so that a kill finds them in every step; exact each time."""
    chance, total = random.Random(9), 0
    for _ in range(KILLS):
        line.receiver.numbers.clear()
        _send_and_kill(line, tmp_path / "journal", chance.uniform(0.1, 0.5))
        line.receiver.wait_for_quiet()
        (dead,) = send_journal.open_all_dead(tmp_path / "journal").values()
        arrived = line.receiver.numbers
        assert dead.left == set(arrived)
        assert len(arrived) == len(set(arrived))
        total += len(arrived)
        dead.discard()
    assert total > 100 * KILLS, "too few were sent for a kill to hit one"


def _send_and_kill(line: Line, journal: Path, seconds: float) -> None:
    command = [VENV_BIN / "python", "-m", "tests.integration.races.departing", line.url, journal]
    if line.authorities:
        command.append(line.authorities)
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        process.stdout.readline()
        time.sleep(seconds)
        process.send_signal(signal.SIGKILL)


def test_an_answer_is_read_and_the_connection_kept(line: Line, tmp_path: Path) -> None:
    journal, dispatcher = SendJournal.create(tmp_path, "one"), _dispatcher(line)
    answers = [dispatcher.post("1", "t", b'{"number": 1}', lambda: journal.prepare(1)) for _ in range(3)]
    assert [answer.wamid for answer in answers] == ["wamid.1"] * 3
    assert line.receiver.numbers == [1, 1, 1]
    assert len(line.receiver._threads) == 1, "one connection for all three"
    dispatcher.close()
    journal.close()


def test_a_connection_that_breaks_after_the_body_leaves_it_uncertain(tmp_path: Path) -> None:
    receiver, journal = Receiver(answer=False), SendJournal.create(tmp_path, "one")
    dispatcher = Dispatcher(f"http://127.0.0.1:{receiver.port}", "v1", connections=1)
    assert dispatcher.post("1", "t", b'{"number": 1}', lambda: journal.prepare(1)).result is Result.UNCERTAIN
    receiver.close()
    assert dispatcher.post("1", "t", b'{"number": 2}', lambda: journal.prepare(2)).result is Result.NOT_SENT
    assert receiver.numbers == [1]
    dispatcher.close()
    journal.close()


def test_a_stranger_with_a_certificate_of_its_own_gets_nothing(tmp_path: Path) -> None:
    receiver, journal = Receiver(make_tls(tmp_path)[0]), SendJournal.create(tmp_path, "one")
    dispatcher = Dispatcher(f"https://127.0.0.1:{receiver.port}", "v1", connections=1)
    answer = dispatcher.post("1", "t", b'{"number": 1}', lambda: journal.prepare(1))
    assert (answer.result, receiver.numbers) == (Result.NOT_SENT, [])
    assert "CERTIFICATE_VERIFY_FAILED" in answer.detail
    dispatcher.close()
    journal.close()
    receiver.close()


def _dispatcher(line: Line) -> Dispatcher:
    return Dispatcher(line.url, "v1", connections=1, authorities=str(line.authorities or ""))
