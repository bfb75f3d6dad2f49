"""Finding recipients: by words near and far in the ledger, by how far the failed got, by cause."""

from typing import Any

import pytest
from sqlalchemy import event, text

from tests import factories as make
from tests.cast import Cast
from wotnot.extensions import db
from wotnot.models import Broadcast
from wotnot.services.recipient_search import NEAR
from wotnot.services.recipients import STREAM_BATCH, Recipient, list_recipients, stream_recipients

CROWD = NEAR + 500


@pytest.fixture
def broadcast(cast: Cast) -> Broadcast:
    """A broadcast to a crowd: everybody is a Patel but the last, who is a Featherstonehaugh; every 10th failed."""
    broadcast = make.make_broadcast(cast.workspace, make.make_channel(cast.workspace), state="finished")
    db.session.execute(
        text(
            """
            WITH people AS (
                INSERT INTO contacts (workspace_id, phone, name)
                SELECT b.workspace_id, 27820000000 + n, CASE WHEN n = :crowd THEN 'Zoe Featherstonehaugh'
                       WHEN n = :crowd - 1 THEN 'Xi Ng' ELSE 'Ann Patel ' || n END
                FROM broadcasts b, generate_series(1, :crowd) n WHERE b.id = :id RETURNING id, phone
            )
            INSERT INTO messages (workspace_id, channel_id, broadcast_id, contact_id, phone, state, reached, error_code)
            SELECT b.workspace_id, b.channel_id, b.id, p.id, p.phone, x.state, x.reached, x.code
            FROM people p CROSS JOIN broadcasts b
            CROSS JOIN LATERAL (SELECT
                CASE WHEN p.phone::bigint % 10 = 0 THEN 'failed' ELSE 'read' END,
                CASE WHEN p.phone::bigint % 100 = 0 THEN 3 WHEN p.phone::bigint % 10 = 0 THEN 1 ELSE 5 END,
                CASE WHEN p.phone::bigint % 1000 = 0 THEN 131049 WHEN p.phone::bigint % 10 = 0 THEN 131026 END
            ) x (state, reached, code)
            WHERE b.id = :id ORDER BY p.id
            """
        ),
        {"id": broadcast.id, "crowd": CROWD},
    )
    return broadcast


def find(broadcast: Broadcast, **wanted: Any) -> list[Recipient]:
    return list_recipients(broadcast.workspace_id, broadcast.id, limit=200, **wanted).items


def names(broadcast: Broadcast, **wanted: Any) -> list[str]:
    return [one.name for one in find(broadcast, **wanted)]


@pytest.mark.parametrize(
    ("words", "found"),
    [
        ("featherstonehaugh", ["Zoe Featherstonehaugh"]),
        ("FEATHER zoe", ["Zoe Featherstonehaugh"]),
        ("ng", ["Xi Ng"]),
        ("nobody", []),
        (f"patel {CROWD - 2}", [f"Ann Patel {CROWD - 2}"]),
        (f"+2782 000 {CROWD}", ["Zoe Featherstonehaugh"]),
        (f"082000{CROWD}", ["Zoe Featherstonehaugh"]),
    ],
)
def test_words_are_found_however_far_down(broadcast: Broadcast, words: str, found: list[str]) -> None:
    assert names(broadcast, search=words) == found


def test_common_words_come_in_the_order_of_sending(broadcast: Broadcast) -> None:
    first = list_recipients(broadcast.workspace_id, broadcast.id, search="patel", limit=3)
    assert [one.name for one in first.items] == ["Ann Patel 1", "Ann Patel 2", "Ann Patel 3"]
    second = list_recipients(broadcast.workspace_id, broadcast.id, search="patel", limit=3, cursor=first.next_cursor)
    assert [one.name for one in second.items] == ["Ann Patel 4", "Ann Patel 5", "Ann Patel 6"]
    back = list_recipients(broadcast.workspace_id, broadcast.id, search="patel", limit=3, cursor=second.previous_cursor)
    assert [one.name for one in back.items] == [one.name for one in first.items]


def test_a_view_and_words_together(broadcast: Broadcast) -> None:
    assert names(broadcast, view="failed", search="featherstonehaugh") == ["Zoe Featherstonehaugh"][: CROWD % 10 == 0]
    assert names(broadcast, view="read", search="ann patel 1001") == ["Ann Patel 1001"]
    assert names(broadcast, view="failed", search="ann patel 1001") == []


def test_the_funnel_counts_the_failed_as_far_as_they_got(broadcast: Broadcast) -> None:
    """Every 10th failed, but only every 100th after Meta had taken and sent it."""
    for view in ("got_accepted", "got_sent"):
        first_page = find(broadcast, view=view)
        assert [one.phone for one in first_page if one.state == "failed"] == ["27820000100", "27820000200"]
    assert all(one.state == "read" for one in find(broadcast, view="got_delivered"))


def test_by_cause(broadcast: Broadcast) -> None:
    assert len(find(broadcast, view="failed", cause="131049")) == CROWD // 1000
    assert find(broadcast, view="failed", cause="1") == []


def test_strangers_words_find_nobody(broadcast: Broadcast, cast: Cast) -> None:
    assert list_recipients(cast.other_workspace.id, broadcast.id, search="featherstonehaugh").items == []


def test_a_file_of_everybody_takes_one_batch_after_the_other_from_the_database(broadcast: Broadcast) -> None:
    cursors: list[Any] = []

    def remember(_connection: Any, cursor: Any, *_rest: Any) -> None:
        cursors.append(cursor)

    event.listen(db.engine, "after_cursor_execute", remember)
    next(stream_recipients(broadcast.id))
    event.remove(db.engine, "after_cursor_execute", remember)
    assert 0 < cursors[-1].rownumber <= STREAM_BATCH < CROWD
