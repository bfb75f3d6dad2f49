"""How many marketing messages one person gets in so many days, over all broadcasts of a workspace.

Counted from the ledger: what went out, and what waits to. Two lists that are made at the same time see each other's rows,
because each batch of a list takes the workspace's turn first (`take_turn`).
"""

import json
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import (
    ARRAY,
    BigInteger,
    ColumnElement,
    Select,
    TableClause,
    any_,
    cast,
    false,
    func,
    literal,
    or_,
    select,
    text,
    union_all,
)
from sqlalchemy.orm import Session, aliased

from wotnot import clock
from wotnot.extensions import db
from wotnot.models import (
    Broadcast,
    BroadcastState,
    Contact,
    Message,
    MessageState,
    MessageTally,
    Template,
    TemplateCategory,
)
from wotnot.services import own_tables, pace_settings

_OPEN = (BroadcastState.EXPANDING, BroadcastState.SENDING, BroadcastState.PAUSED)
_NOT_COUNTED = (MessageState.FAILED, MessageState.SKIPPED, MessageState.CANCELLED)


@dataclass(frozen=True, slots=True)
class Cap:
    """At most `messages` since `since`. Of the broadcasts in `inside` everything is that new, of those in `partly` some is."""

    messages: int
    since: datetime
    inside: tuple[int, ...]
    partly: tuple[int, ...]

    @property
    def may_be_reached(self) -> bool:
        """Whether there are enough broadcasts for anybody to have had their share."""
        return len(self.inside) + len(self.partly) >= self.messages


def is_capped(broadcast: Broadcast) -> bool:
    """Whether a broadcast leaves out who has had their share: marketing, in a workspace with a cap, unless it ignores it."""
    return concerns(broadcast) and not broadcast.ignores_cap


def concerns(broadcast: Broadcast) -> bool:
    """Whether the workspace's cap is about a broadcast at all."""
    template = broadcast.template
    is_marketing = template is not None and template.category is TemplateCategory.MARKETING
    return is_marketing and pace_settings.setup_of(broadcast).cap_messages is not None


def find_cap(workspace_id: int) -> Cap | None:
    """The workspace's cap, and where to count; None without one."""
    setup = pace_settings.get_setup(workspace_id)
    if setup.cap_messages is None:
        return None
    since = clock.now() - timedelta(days=setup.cap_days)
    rows = db.session.execute(
        select(Broadcast.id, or_(Broadcast.started_at.is_(None), Broadcast.started_at > since))
        .join(Template, Template.id == Broadcast.template_id)
        .where(
            Broadcast.workspace_id == workspace_id,
            Template.category == TemplateCategory.MARKETING,
            or_(Broadcast.state.in_(_OPEN), Broadcast.finished_at > since),
        )
        .order_by(Broadcast.id)
    ).all()
    inside, partly = (tuple(key for key, is_new in rows if is_new is wanted) for wanted in (True, False))
    return Cap(setup.cap_messages, since, inside, partly)


def has_had_enough(workspace_id: int, span: tuple[int, int] | None = None) -> ColumnElement[bool]:
    """Whether a contact has had their share, as SQL. `span` are the first and last id of those it is asked about, else all.

    The ids of all who have are found first, in one go: asked for one contact after the other a million would take half a
    minute.
    """
    cap = find_cap(workspace_id)
    if cap is None or not cap.may_be_reached:
        return false()
    if span is not None:
        return Contact.id.in_(_have_enough(cap, span))
    # Without room for the hash each contact would walk the list of all others.
    db.session.execute(text("SET LOCAL work_mem = '256MB'"))
    return Contact.id.in_(select(_found(workspace_id, cap).c.contact_id))


def _found(workspace_id: int, cap: Cap) -> TableClause:
    """Everybody who has had their share, in a table that this transaction has for itself: a page asks many questions about
    them, and to find them takes seconds.
    """
    name = own_tables.name_by("had_enough", json.dumps([workspace_id, stamp(workspace_id)]))
    return own_tables.work_out(name, _have_enough(cap, None))


def _have_enough(cap: Cap, span: tuple[int, int] | None) -> Select[Any]:
    got = union_all(*_messages_got(cap, span)).subquery()
    return select(got.c.contact_id).group_by(got.c.contact_id).having(func.sum(got.c.n) >= cap.messages)


def _messages_got(cap: Cap, span: tuple[int, int] | None) -> list[Select[Any]]:
    """Rows (contact_id, n) whose sum is how many of the broadcasts somebody got.

    Of the new ones the unique index alone tells who is on the list, and few rows say who got nothing after all; of the
    older ones each row is looked at.
    """
    listed, not_got, later, older = (aliased(Message) for _ in range(4))

    def is_asked(row: Any, ids: tuple[int, ...]) -> list[ColumnElement[bool]]:
        asked = [row.broadcast_id == any_(literal(list(ids), ARRAY(BigInteger))), row.contact_id.is_not(None)]
        return asked + ([row.contact_id.between(*span)] if span else [])

    got_later = select(1).where(
        later.broadcast_id == not_got.broadcast_id,
        later.contact_id == not_got.contact_id,
        later.attempt > 1,
        later.state.not_in(_NOT_COUNTED),
    )
    is_new_enough = func.coalesce(older.accepted_at, older.due_at) > cap.since
    some = select(older.contact_id, older.broadcast_id).where(
        *is_asked(older, cap.partly), older.state.not_in(_NOT_COUNTED), is_new_enough
    )
    pairs = some.distinct().subquery()
    return [
        select(listed.contact_id, literal(1).label("n")).where(*is_asked(listed, cap.inside), listed.attempt == 1),
        select(not_got.contact_id, literal(-1)).where(
            *is_asked(not_got, cap.inside), not_got.attempt == 1, not_got.state.in_(_NOT_COUNTED), ~got_later.exists()
        ),
        select(pairs.c.contact_id, literal(1)),
    ]


def stamp(workspace_id: int) -> list[Any]:
    """What an answer about the cap depends on, as JSON: while it stays for the hour, so does the answer."""
    cap = find_cap(workspace_id)
    if cap is None:
        return []
    counts = MessageTally.state.not_in(_NOT_COUNTED)
    messages = cast(func.coalesce(func.sum(MessageTally.delta).filter(counts), 0), BigInteger)
    ids = [*cap.inside, *cap.partly]
    total = db.session.scalar(select(messages).where(MessageTally.broadcast_id.in_(ids)))
    return [cap.messages, ids, total, cap.since.strftime("%Y%m%d%H")]


def take_turn(session: Session, workspace_id: int) -> None:
    """Let one list at a time count and write, until the commit: what it writes is what the next one counts."""
    session.execute(text("SELECT pg_advisory_xact_lock(:area, :workspace)"), {"area": _AREA, "workspace": workspace_id})


_AREA = 14
"""Which of the advisory locks by two numbers is meant."""
