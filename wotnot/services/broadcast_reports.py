"""Broadcasts as people read them: the list with its numbers, progress, and failures grouped by cause."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from sqlalchemy import ColumnElement, func, select
from sqlalchemy.orm import joinedload

from wotnot import clock
from wotnot.extensions import db
from wotnot.models import Broadcast, BroadcastState, Template
from wotnot.services import limit_uses, pace, tallies
from wotnot.services.channel_pace import pace_of
from wotnot.services.holds import Waiting, find_waiting
from wotnot.services.keyset import Keyset
from wotnot.services.pages import Page, clamp_limit
from wotnot.services.tallies import BroadcastCounts
from wotnot.services.whatsapp.errors import plain_words

SKIP_WORDS: dict[str, tuple[str, str]] = {
    "opted_out": ("Opted out", "They asked for no more messages, or your team marked them so."),
    "no_number": ("No phone number", "Meta tells only a user id of them, which this kind of template cannot use."),
    "missing_value": ("A value is missing", "A field of the message is empty for them and has no fallback."),
    "us_marketing": (
        "Marketing to the United States",
        "Meta delivers no marketing templates to numbers of the USA, so the broadcast left them out.",
    ),
    "unreachable": (
        "Could not be reached before",
        "The last message to them failed and nothing arrived since, so the broadcast left them out.",
    ),
    "duplicate": (
        "In the list twice",
        "Another contact has the same number in its other spelling and gets the message.",
    ),
    "same_person": ("The same person", "Another message of this broadcast reaches them: two contacts became one."),
    "capped": (
        "Enough marketing for now",
        "They have got as many marketing messages lately as you allow, so this one was not sent.",
    ),
    "arrived": (
        "An earlier message arrived",
        "Meta had called it failed and delivered it after all, so it is not sent again.",
    ),
    "contact_deleted": ("Contact deleted", "They were deleted before their message went."),
}

LIVE_STATES = frozenset(
    {BroadcastState.SCHEDULED, BroadcastState.EXPANDING, BroadcastState.SENDING, BroadcastState.PAUSED}
)
"""States that something may still happen in by itself."""


@dataclass(frozen=True, slots=True)
class BroadcastSummary:
    """A broadcast with its counts, and who of it waits for a moment that has not come."""

    broadcast: Broadcast
    counts: BroadcastCounts
    languages: Sequence["LanguageCounts"] = ()
    waiting: Waiting = field(default_factory=Waiting)


@dataclass(frozen=True, slots=True)
class LanguageCounts:
    """The counts of what went out, or will, in one translation. `language` is empty when its template is gone."""

    template_id: int
    language: str
    counts: BroadcastCounts

    @property
    def messages(self) -> int:
        """How many messages there are in it, whatever became of them."""
        return sum(self.counts.states.values())


@dataclass(frozen=True, slots=True)
class CauseLine:
    """`count` messages ended in `state` for one `cause` (an error code or skip reason), said in words."""

    state: str
    cause: str
    count: int
    title: str
    advice: str


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a broadcast is. `total` leaves out the skipped; total = done + waiting + cancelled.

    `pace` is messages a second right now; `seconds_left` and `finishes_at` are estimates, None when nothing moves.
    """

    total: int
    done: int
    waiting: int
    cancelled: int
    pace: float
    seconds_left: int | None
    finishes_at: datetime | None

    @property
    def percent(self) -> int:
        """Whole percent done; 100 only when nothing waits."""
        return 100 if not self.waiting and self.total else int(100 * self.done / self.total) if self.total else 0


def list_broadcasts(
    workspace_id: int,
    *,
    states: Sequence[BroadcastState] = (),
    search: str | None = None,
    template_search: str | None = None,
    cursor: str | None = None,
    limit: int | None = None,
) -> Page[BroadcastSummary]:
    """Broadcasts, newest first, with their counts, in two queries. Raises Invalid for a foreign cursor."""
    keyset = Keyset.decode(cursor, clamp_limit(limit))
    conditions: list[ColumnElement[bool]] = [Broadcast.workspace_id == workspace_id]
    if states:
        conditions.append(Broadcast.state.in_(states))
    if search:
        conditions.append(Broadcast.name.icontains(search.strip(), autoescape=True))
    if template_search:
        conditions.append(Broadcast.template.has(Template.name.icontains(template_search.strip(), autoescape=True)))
    statement = (
        select(Broadcast)
        .where(*conditions, keyset.condition(Broadcast.id))
        .order_by(keyset.order(Broadcast.id))
        .limit(keyset.limit + 1)
        .options(joinedload(Broadcast.template), joinedload(Broadcast.channel))
    )
    page = keyset.page(list(db.session.scalars(statement)), lambda broadcast: broadcast.id)
    return Page(summarise(page.items), page.next_cursor, page.previous_cursor)


def summarise(broadcasts: Sequence[Broadcast]) -> list[BroadcastSummary]:
    """Broadcasts with their counts, in one query."""
    counts = tallies.broadcast_counts([broadcast.id for broadcast in broadcasts]) if broadcasts else {}
    return [BroadcastSummary(broadcast, counts[broadcast.id]) for broadcast in broadcasts]


def describe(broadcast: Broadcast) -> BroadcastSummary:
    """One broadcast with its counts, altogether and by language."""
    summary = summarise([broadcast])[0]
    waiting = find_waiting(broadcast, summary.counts)
    return replace(summary, languages=list_languages(broadcast), waiting=waiting)


def list_languages(broadcast: Broadcast) -> list[LanguageCounts]:
    """The translations that a broadcast's messages go out in, the most used first; empty before its list is made."""
    by_template = tallies.template_counts(broadcast.id)
    if not by_template:
        return []
    rows = db.session.execute(select(Template.id, Template.language).where(Template.id.in_(by_template)))
    names = {template_id: language for template_id, language in rows}  # noqa: C416 — rows are no pairs to mypy
    found = [LanguageCounts(one, names.get(one, ""), counts) for one, counts in by_template.items()]
    return sorted(found, key=lambda one: -one.messages)


def count_by_state(workspace_id: int) -> dict[str, int]:
    """How many broadcasts are in each state."""
    rows = db.session.execute(
        select(Broadcast.state, func.count()).where(Broadcast.workspace_id == workspace_id).group_by(Broadcast.state)
    )
    return {state.value: count for state, count in rows}


def progress_of(broadcast: Broadcast, counts: BroadcastCounts, waiting: Waiting | None = None) -> Progress:
    """Where a broadcast stands; asks Redis for the pace only while it is sending.

    Who is `waiting` for a later moment, and the number's limit, decide when it is done; without it there is no estimate while
    somebody is held.
    """
    total = sum(counts.states.values()) - counts.states["skipped"]
    left, cancelled = counts.open, counts.states["cancelled"]
    speed, seconds = 0.0, None
    if broadcast.state is BroadcastState.SENDING and left:
        speed = pace.per_second(broadcast.id)
        rate = speed or (pace_of(broadcast.channel) if broadcast.channel else 0)
        seconds = round(left / rate) if rate else None
    if seconds is not None and waiting:
        seconds = max(seconds, _seconds_held(broadcast, left, waiting))
    elif waiting is None and any(cause.state == "queued" for cause in counts.causes):
        seconds = None  # some are held, and until when was not asked
    finishes_at = clock.now() + timedelta(seconds=seconds) if seconds is not None else None
    return Progress(total, total - left - cancelled, left, cancelled, speed, seconds, finishes_at)


def _seconds_held(broadcast: Broadcast, left: int, waiting: Waiting) -> int:
    """How long the last of those who are `left` has to wait at least: for their moment, or for room in the number's limit."""
    due = (waiting.last_due_at - clock.now()).total_seconds() if waiting.last_due_at else 0
    channel = broadcast.channel
    use = limit_uses.find_near_use(channel) if channel else None
    if channel is None or use is None:
        return round(due)
    return round(max(due, use.seconds_for(left, pace_of(channel))))


def cause_lines(counts: BroadcastCounts, state: str) -> list[CauseLine]:
    """Why messages are in `state` (failed or skipped), the commonest first; those without a code come last."""
    lines = [_line(cause.state, cause.cause, cause.count) for cause in counts.causes if cause.state == state]
    rest = counts.states[state] - sum(line.count for line in lines)
    if rest > 0:
        lines.append(CauseLine(state, "", rest, "Could not be sent", "Open the list to see each one."))
    return lines


def cause_words(cause: str, title: str = "") -> tuple[str, str]:
    """An error code or skip reason as (title, advice); `title` is what was recorded with the message, if anything."""
    if cause in SKIP_WORDS:
        return SKIP_WORDS[cause]
    if not cause.lstrip("-").isdecimal():
        return title or "Could not be sent", ""
    words = plain_words(int(cause))
    return words.title, words.advice


def _line(state: str, cause: str, count: int) -> CauseLine:
    title, advice = cause_words(cause)
    return CauseLine(state, cause, count, title, advice)
