"""Costs under real threads and a real kill -9: what was delivered is charged once, and the counts agree."""

import random
import subprocess
import sys
import threading
from datetime import UTC, datetime
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import func, select, text

from launcher.paths import ROOT
from tests.cast import Cast
from tests.factories import make_broadcast, make_channel
from wotnot.extensions import db
from wotnot.models import Channel, CostTally, Message, MessageCost
from wotnot.services import billing, recounts, tallies
from wotnot.services.messages import callback_of
from wotnot.services.receipts import apply_receipts
from wotnot.services.whatsapp.parse import Receipt

PEOPLE = 400
RATE = 37_900
AT = datetime(2026, 11, 23, 9, tzinfo=UTC)

APPLY = """
import sys
from tests.integration.races.test_billing_races import receipts_of
from wotnot import create_app
from wotnot.services.receipts import apply_receipts
app = create_app()
with app.app_context():
    receipts = receipts_of(sys.argv[1], range(int(sys.argv[2]), int(sys.argv[3]) + 1))
    for start in range(0, len(receipts), 10):
        apply_receipts(receipts[start:start + 10])
        print("applied", flush=True)
"""


def receipts_of(phone_number_id: str, message_ids: Any) -> list[Receipt]:
    """Sent, delivered and read for each message."""
    return [
        Receipt(
            phone_number_id,
            f"wamid.{message_id}",
            status,
            AT,
            callback_of(message_id),
            pricing_category=None if status == "read" else "marketing",
            pricing_type=None if status == "read" else "regular",
        )
        for message_id in message_ids
        for status in ("sent", "delivered", "read")
    ]


@pytest.fixture
def channel(committed_cast: Cast) -> Channel:
    """A number with messages that Meta took."""
    channel = make_channel(committed_cast.workspace)
    broadcast = make_broadcast(committed_cast.workspace, channel, state="sending")
    db.session.execute(
        text(
            "INSERT INTO messages (workspace_id, channel_id, broadcast_id, phone, state, reached) "
            "SELECT :w, :c, :b, (27820000000 + n)::text, 'accepted', 2 FROM generate_series(1, :n) AS n"
        ),
        {"w": channel.workspace_id, "c": channel.id, "b": broadcast.id, "n": PEOPLE},
    )
    db.session.commit()
    return channel


def assert_all_is_charged_once(channel: Channel) -> None:
    db.session.rollback()
    assert billing.recount(channel.workspace_id) == []
    costs = db.session.execute(select(func.count(), func.sum(MessageCost.micros))).one()
    told = db.session.execute(select(func.sum(CostTally.delta), func.sum(CostTally.micros))).one()
    assert tuple(costs) == tuple(told) == (PEOPLE, PEOPLE * RATE)
    assert recounts.mend_counts(channel.workspace_id) == {}


def test_the_same_receipts_in_several_threads_at_once(app: Flask, channel: Channel) -> None:
    receipts = receipts_of(channel.phone_number_id, db.session.scalars(select(Message.id)).all())
    db.session.rollback()
    failures: list[Exception] = []
    barrier = threading.Barrier(5)

    def apply(seed: int) -> None:
        mine = random.Random(seed).sample(receipts, len(receipts))
        with app.app_context():
            barrier.wait()
            try:
                for start in range(0, len(mine), 60):
                    apply_receipts(mine[start : start + 60])
            except Exception as error:  # noqa: BLE001 — the test looks at it
                failures.append(error)

    def fold() -> None:
        with app.app_context():
            barrier.wait()
            for _ in range(10):
                tallies.compact()

    threads = [*(threading.Thread(target=apply, args=(seed,)) for seed in range(4)), threading.Thread(target=fold)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert failures == []
    assert_all_is_charged_once(channel)


def test_killed_in_the_middle_and_told_again(channel: Channel, environment: dict[str, str]) -> None:
    ids = db.session.scalars(select(Message.id).order_by(Message.id)).all()
    number = channel.phone_number_id
    db.session.rollback()
    process = subprocess.Popen(
        [sys.executable, "-c", APPLY, number, str(ids[0]), str(ids[-1])],
        cwd=ROOT,
        env=environment,
        stdout=subprocess.PIPE,
        text=True,
    )
    with process:
        assert process.stdout is not None
        for _ in range(20):
            assert process.stdout.readline() == "applied\n"
        process.kill()
    charged = db.session.scalar(select(func.count()).select_from(MessageCost)) or 0
    assert 0 < charged < PEOPLE, "the kill came in the middle"
    assert billing.recount(channel.workspace_id) == []
    db.session.rollback()
    apply_receipts(receipts_of(number, ids))
    assert_all_is_charged_once(channel)
