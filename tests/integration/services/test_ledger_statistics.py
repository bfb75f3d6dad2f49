"""A list is complete only when the planner knows that there are rows."""

from typing import Any

from sqlalchemy import text

from tests import factories
from tests.cast import Cast
from wotnot.models import BroadcastState
from wotnot.services.expansion import expand_broadcast


def test_a_ledger_that_was_looked_at_too_early_is_looked_at_again(committed_cast: Cast, committed: Any) -> None:
    factories.make_contacts(committed_cast.workspace, 3)
    broadcast = factories.make_broadcast(committed_cast.workspace, state=BroadcastState.EXPANDING)
    committed.execute(text("UPDATE pg_class SET reltuples = 0, relpages = 9 WHERE oid = 'messages'::regclass"))
    committed.commit()
    assert expand_broadcast(broadcast.id).finished
    assert committed.scalar(text("SELECT reltuples FROM pg_class WHERE oid = 'messages'::regclass")) == 3
