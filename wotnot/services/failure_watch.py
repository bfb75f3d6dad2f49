"""Pauses a broadcast of which too much fails for reasons that are not the recipients' own.

It looks at the results since it looked last, once there are WINDOW of them. The counts are the ledger's own tallies and
where it looked last is two columns of the broadcast, so a crash forgets nothing, and any number of messages costs one query.
"""

from collections import Counter
from typing import Any

from sqlalchemy import select, update
from sqlalchemy.orm import Session

from wotnot.extensions import db
from wotnot.models import Broadcast, BroadcastState, PaceSetting
from wotnot.services import broadcasts, tallies
from wotnot.services.outbox import TOO_LATE
from wotnot.services.pace_settings import PaceSetup
from wotnot.services.tallies import BroadcastCounts
from wotnot.services.transaction import transaction
from wotnot.services.whatsapp.error_codes import UNKNOWN_WORDS
from wotnot.services.whatsapp.error_plan import is_ours
from wotnot.services.whatsapp.errors import plain_words

WINDOW = 100
"""So many results are looked at together at least: fewer say little."""


def watch_failures() -> int:
    """Look at every broadcast that is being sent; answers how many were paused. Safe to run twice at once."""
    watched = _list_watched()
    counts = tallies.broadcast_counts([row.id for row in watched]) if watched else {}
    return sum(_look_at(row, counts[row.id]) for row in watched)


def count_results(counts: BroadcastCounts) -> int:
    """Messages whose end is known: failed, or heard of again after Meta took them.

    While no receipt has come at all, what Meta took counts: where receipts do not arrive, nothing more will be heard.
    """
    states = counts.states
    heard_of = states["sent"] + states["delivered"] + states["read"]
    return states["failed"] + (heard_of or states["accepted"])


def our_failures(counts: BroadcastCounts) -> Counter[str]:
    """Failures by cause that say something about the broadcast, not about single people."""
    causes = {one.cause: one.count for one in counts.causes if one.state == "failed"}
    without_code = counts.states["failed"] - sum(causes.values())
    return Counter({cause: count for cause, count in {**causes, "": without_code}.items() if _is_ours(cause)})


def _list_watched() -> list[Any]:
    percent = PaceSetting.stop_percent
    is_off = PaceSetting.workspace_id.is_not(None) & percent.is_(None)
    statement = (
        select(Broadcast.id, Broadcast.watched_settled, Broadcast.watched_failed, percent.label("percent"))
        .outerjoin(PaceSetting, PaceSetting.workspace_id == Broadcast.workspace_id)
        .where(Broadcast.state == BroadcastState.SENDING, ~is_off)
        .order_by(Broadcast.id)
    )
    return list(db.session.execute(statement))


def _look_at(row: Any, counts: BroadcastCounts) -> bool:
    """One broadcast; answers whether it was paused. The window begins anew when it is full, or when counts went back."""
    failures = our_failures(counts)
    settled, failed = count_results(counts), failures.total()
    results, lost = settled - row.watched_settled, failed - row.watched_failed
    begins_anew = row.watched_settled == broadcasts.WATCH_ANEW or results < 0
    if not begins_anew and results < WINDOW:
        return False
    percent = row.percent or PaceSetup().stop_percent or 100
    is_too_much = not begins_anew and lost * 100 > percent * results
    with transaction() as session:
        is_first = _take_window(session, row, settled, failed)
        return is_first and is_too_much and broadcasts.stop_broadcast(row.id, _say(lost, results, percent, failures))


def _take_window(session: Session, row: Any, settled: int, failed: int) -> bool:
    """Move on from where `row` stood; of two who looked at once only one does."""
    moved: Any = session.execute(
        update(Broadcast)
        .where(
            Broadcast.id == row.id,
            Broadcast.state == BroadcastState.SENDING,
            Broadcast.watched_settled == row.watched_settled,
            Broadcast.watched_failed == row.watched_failed,
        )
        .values(watched_settled=settled, watched_failed=failed)
        .execution_options(synchronize_session=False)
    )
    return bool(moved.rowcount)


def _say(lost: int, results: int, percent: int, failures: Counter[str]) -> str:
    code = _code_of(failures.most_common(1)[0][0])
    words = UNKNOWN_WORDS if code is None else plain_words(code)
    return (
        f"{lost:,} of the last {results:,} results failed, {lost * 100 // results}%, and your limit is {percent}%. "
        f"Most often: {words.title}. {words.advice} Then go on, or cancel the rest."
    )


def _is_ours(cause: str) -> bool:
    """A retry that was held past its deadline was never sent, and says nothing about what is."""
    return cause != TOO_LATE and is_ours(_code_of(cause))


def _code_of(cause: str) -> int | None:
    return int(cause) if cause.lstrip("-").isdecimal() else None
