"""What came back from Meta goes into the ledger, whatever it looks like."""

from collections.abc import Callable, Iterator
from queue import SimpleQueue
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import select

from tests.cast import Cast
from tests.factories import make_broadcast, make_channel, make_contacts, make_message
from tests.servers import wait_until
from wotnot.extensions import redis as redis_extension
from wotnot.models import BroadcastState, Message
from wotnot.services import outbox
from wotnot.services.rate_limit import LeakyBucket
from wotnot.services.send_pipeline import Lane, Parcel, Returned
from wotnot.services.send_recorder import Recorder
from wotnot.services.whatsapp.dispatch import Answer, Result

PEOPLE = 5


@pytest.fixture
def claims(committed_cast: Cast) -> list[outbox.Claim]:
    """Five messages of a broadcast, held by sender `a`."""
    broadcast = make_broadcast(
        committed_cast.workspace, make_channel(committed_cast.workspace), state=BroadcastState.SENDING
    )
    for contact in make_contacts(committed_cast.workspace, PEOPLE):
        make_message(broadcast.channel, contact, broadcast)
    return outbox.claim_for_broadcasts([(broadcast.id, PEOPLE)], "a")


@pytest.fixture
def record(app: Flask, claims: list[outbox.Claim]) -> Iterator[Callable[[list[Answer]], Recorder]]:
    """Call it with an answer for each claim; it comes back when all are settled."""
    results: SimpleQueue[Returned] = SimpleQueue()
    recorder = Recorder(app, "a", results, LeakyBucket(redis_extension.client))
    lane = Lane(claims[0].channel_id, "800000000000001", "token")

    def run(answers: list[Answer]) -> Recorder:
        for claim, answer in zip(claims, answers, strict=True):
            results.put(Returned(Parcel(claim, lane, b"{}", 0.0, lambda: False, {"1": "Ann"}), answer))
        wait_until(lambda: recorder.settled == len(answers), 10, "the answers to be recorded")
        return recorder

    yield run
    recorder.close()


@pytest.mark.parametrize("odd", ["wamid.\x00", "wamid.\ud83d", "wamid." + "x" * 200, "wamid.0"])
def test_an_id_that_cannot_be_kept_costs_nobody_else_their_record(
    odd: str, record: Callable[[list[Answer]], Recorder], committed: Any, caplog: pytest.LogCaptureFixture
) -> None:
    """With a NUL, half a character, too long, the same twice: Meta took that one too, so nobody may be offered to send it again."""
    wamids = [f"wamid.{n}" for n in range(PEOPLE - 1)] + [odd]
    record([Answer(Result.ACCEPTED, wamid=wamid) for wamid in wamids])
    rows = list(committed.scalars(select(Message).order_by(Message.id)))
    assert [(row.state, row.claimed_by, row.content["values"]) for row in rows] == [
        ("accepted", None, {"1": "Ann"})
    ] * PEOPLE
    assert sorted(row.wamid or "" for row in rows) == ["", *wamids[:-1]]
    assert "could not be recorded" in caplog.text
    assert "Ann" not in caplog.text, "the log tells what people were written"
