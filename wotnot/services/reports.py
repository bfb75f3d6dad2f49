"""Numbers over time: sums over the message tallies, so that a report costs the same whatever the ledger holds."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import BigInteger, bindparam, func, select, tuple_

from wotnot import clock
from wotnot.errors import Invalid
from wotnot.extensions import db
from wotnot.models import Broadcast, BroadcastState, MessageTally, Template, Workspace
from wotnot.services import channels, tallies
from wotnot.services.tallies import BroadcastCounts
from wotnot.services.whatsapp.errors import plain_words

DEFAULT_DAYS = 30
MAX_DAYS = 366
_NO_TEMPLATE = 0


@dataclass(frozen=True, slots=True)
class Period:
    """Calendar days in the workspace's time zone, both ends included."""

    first: date
    last: date

    @property
    def days(self) -> list[date]:
        """Every day of it."""
        return [self.first + timedelta(days=n) for n in range(self.length)]

    @property
    def length(self) -> int:
        """How many days."""
        return (self.last - self.first).days + 1

    def before(self) -> "Period":
        """As many days, right before."""
        return Period(self.first - timedelta(days=self.length), self.first - timedelta(days=1))


@dataclass(frozen=True, slots=True)
class TemplateCounts:
    """What became of the messages of one template."""

    template_id: int
    name: str
    language: str
    counts: BroadcastCounts


@dataclass(frozen=True, slots=True)
class FailureCount:
    """`count` messages failed with Meta's `code` (None when there was none), said in words."""

    code: int | None
    title: str
    advice: str
    count: int


@dataclass(slots=True)
class Analytics:
    """A period's messages: together, by day (every day, also the empty ones), by template, and why some failed."""

    period: Period
    total: BroadcastCounts = field(default_factory=BroadcastCounts)
    by_day: dict[date, BroadcastCounts] = field(default_factory=dict)
    by_template: list[TemplateCounts] = field(default_factory=list)
    failures: list[FailureCount] = field(default_factory=list)


def period_of(workspace: Workspace, first: date | None = None, last: date | None = None) -> Period:
    """The asked days; without them the last 30, ending today. Raises Invalid (fields from, to)."""
    last = last or today_in(workspace)
    first = first or last - timedelta(days=DEFAULT_DAYS - 1)
    if first > last:
        raise Invalid({"from": "The first day must not be after the last."})
    if (last - first).days >= MAX_DAYS:
        raise Invalid({"from": f"Ask for at most {MAX_DAYS} days at a time."})
    return Period(first, last)


def today_in(workspace: Workspace) -> date:
    """Today's date where the workspace is."""
    return clock.now().astimezone(ZoneInfo(workspace.timezone)).date()


def analyse(workspace_id: int, period: Period, *, channel_id: int | None = None) -> Analytics:
    """Everything about the messages planned or sent in the period, in at most three queries.

    Raises NotFound for a channel of another workspace.
    """
    if channel_id is not None:
        channels.get_channel(workspace_id, channel_id)
    report, by_template = _read(_BY_PART, workspace_id, period, channel_id)
    report.by_template = _name_templates(workspace_id, by_template)
    return report


def _read(
    statement: Any, workspace_id: int, period: Period, channel_id: int | None = None
) -> tuple[Analytics, dict[int, BroadcastCounts]]:
    """The report without the templates, and their counts. A row is of a day, a template, a cause, or of everything."""
    report = Analytics(period, by_day={day: BroadcastCounts() for day in period.days})
    by_template: dict[int, BroadcastCounts] = {}
    causes: dict[str, int] = {}
    for day, template_id, cause, *sums in _rows(statement, workspace_id, period, channel_id):
        counts = tallies.unfold(sums)
        if day is not None:
            report.by_day[day] = counts
        elif template_id is not None:
            by_template[template_id] = counts
        elif cause is not None:
            causes[cause] = counts.states["failed"]
        else:
            report.total = counts
    by_template.pop(_NO_TEMPLATE, None)
    report.failures = _failures(causes)
    return report, by_template


def count_messages(workspace_id: int, period: Period, *, channel_id: int | None = None) -> BroadcastCounts:
    """Only the totals of a period, in one query."""
    (sums,) = _rows(_TOGETHER, workspace_id, period, channel_id)
    return tallies.unfold(sums)


def by_day(workspace_id: int, period: Period) -> dict[date, BroadcastCounts]:
    """The totals of every day of a period, in one query."""
    days = {day: BroadcastCounts() for day in period.days}
    return days | {day: tallies.unfold(sums) for day, *sums in _rows(_BY_DAY, workspace_id, period)}


def has_sent_messages(workspace_id: int) -> bool:
    """Whether the workspace ever had a message to send."""
    found = (
        select(MessageTally.id)
        .where(MessageTally.workspace_id == workspace_id, MessageTally.direction == "out")
        .limit(1)
    )
    return db.session.scalar(found) is not None


def list_next_broadcasts(workspace_id: int, limit: int = 3) -> list[Broadcast]:
    """The scheduled broadcasts, the soonest first."""
    query = (
        select(Broadcast)
        .where(Broadcast.workspace_id == workspace_id, Broadcast.state == BroadcastState.SCHEDULED)
        .order_by(Broadcast.scheduled_at, Broadcast.id)
        .limit(limit)
    )
    return list(db.session.scalars(query))


def _statement(columns: Sequence[Any], *group: Any) -> Any:
    """Sums over the period, made once: making them takes longer than the database takes to answer."""
    channel: Any = bindparam("channel", type_=BigInteger)
    statement = select(*columns, *tallies.FOLDED).where(
        MessageTally.workspace_id == bindparam("workspace"),
        MessageTally.day.between(bindparam("first"), bindparam("last")),
        MessageTally.direction == "out",
        channel.is_(None) | (MessageTally.channel_id == channel),
    )
    return statement.group_by(*group)


_PARTS = (MessageTally.day, MessageTally.template_id, MessageTally.cause)
_TOGETHER = _statement(())
_BY_DAY = _statement((MessageTally.day,), MessageTally.day)
_BY_PART = _statement(_PARTS, func.grouping_sets(*map(tuple_, _PARTS), tuple_()))


def _rows(statement: Any, workspace_id: int, period: Period, channel_id: int | None = None) -> Sequence[Any]:
    asked = {"workspace": workspace_id, "first": period.first, "last": period.last, "channel": channel_id}
    return db.session.execute(statement, asked).all()


def _name_templates(workspace_id: int, by_template: dict[int, BroadcastCounts]) -> list[TemplateCounts]:
    """With their names, the most used first. A template that is gone keeps its numbers."""
    if not by_template:
        return []
    rows = db.session.execute(
        select(Template.id, Template.name, Template.language).where(
            Template.workspace_id == workspace_id, Template.id.in_(by_template)
        )
    )
    names = {row.id: (row.name, row.language) for row in rows}
    found = [
        TemplateCounts(template_id, *names.get(template_id, ("(deleted)", "")), counts)
        for template_id, counts in by_template.items()
    ]
    return sorted(found, key=lambda one: -one.counts.funnel["audience"])


def _failures(causes: dict[str, int]) -> list[FailureCount]:
    found = []
    for cause, count in sorted(causes.items(), key=lambda item: -item[1]):
        if not count:
            continue
        code = int(cause) if cause.lstrip("-").isdecimal() else None
        words = plain_words(code)
        found.append(FailureCount(code, words.title, words.advice, count))
    return found
