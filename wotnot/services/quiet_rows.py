"""Quiet hours over the ledger: one moment for each beginning of a number, joined to the rows that are written or moved.

The zone of a person follows from the first digits of their number, or from a custom field. So whoever writes many rows asks
for the different ones among them, settles these in Python, and lets one statement do the rest.
"""

from dataclasses import dataclass
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import ARRAY, ColumnElement, DateTime, Subquery, Text, case, func, literal, or_, select, text
from sqlalchemy.orm import Session

from wotnot import clock
from wotnot.extensions import db
from wotnot.models import Broadcast, BroadcastState, Contact, Message, MessageState, TemplateCategory, Workspace
from wotnot.services import events, pace_settings
from wotnot.services.pace_settings import PaceSetup
from wotnot.services.quiet_hours import QuietHours
from wotnot.services.recipient_zones import CODE_LENGTH, telling_lengths, zones_of
from wotnot.services.transaction import transaction

MOVED_AT_ONCE = 10_000
"""Rows that one commit moves to the end of their quiet hours."""

_SEPARATOR = "|"


@dataclass(frozen=True, slots=True)
class QuietRule:
    """The quiet hours that a broadcast keeps; `zone_field` is the custom field that names the recipient's zone, or empty."""

    hours: QuietHours
    zone_field: str

    def until(self, person: Any, moment: datetime) -> datetime | None:
        """When a person (with phone, wa_user_id, attributes) may be written to again; None when they may be now."""
        said = str(person.attributes.get(self.zone_field) or "").strip() if self.zone_field else ""
        return self.hours.until(zones_of(person.phone or person.wa_user_id or "", said), moment)


def rule_for(broadcast: Broadcast) -> QuietRule | None:
    """The quiet hours for this broadcast; None when it has none, or sends in them too."""
    setup = pace_settings.get_setup(broadcast.workspace_id)
    if broadcast.sends_in_quiet_hours or not _concerns(setup, broadcast):
        return None
    return QuietRule(hours_of(setup, broadcast.workspace_id), setup.zone_field)


def is_marketing(broadcast: Broadcast) -> bool:
    """Whether it is marketing, by its template; without one nothing is known yet."""
    return broadcast.template is not None and broadcast.template.category is TemplateCategory.MARKETING


def hours_of(setup: PaceSetup, workspace_id: int) -> QuietHours:
    """The hours that a workspace chose, with its own zone for whoever tells none."""
    assert setup.quiet_from is not None  # noqa: S101 — for the type checker; the caller looked
    assert setup.quiet_to is not None  # noqa: S101 — as above
    workspace = db.session.get(Workspace, workspace_id)
    return QuietHours(setup.quiet_from, setup.quiet_to, workspace.timezone if workspace else "UTC")


@dataclass(frozen=True, slots=True)
class TheirZones:
    """Where people are, as a workspace looks at them: by its field, by their number, else on its own clock."""

    zone_field: str
    home: str

    def of(self, person: Any, moment: datetime) -> str:
        """The zone to show a person's `moment` in: theirs where all that they may be in agree on the time, else the workspace's."""
        said = str(person.attributes.get(self.zone_field) or "").strip() if self.zone_field else ""
        zones = zones_of(person.phone or person.wa_user_id or "", said)
        clocks = {moment.astimezone(ZoneInfo(zone)).utcoffset() for zone in zones}
        return zones[0] if len(clocks) == 1 else self.home


def their_zones(workspace_id: int, home: str) -> TheirZones:
    """Where the people of a workspace are, whose own clock is that of `home`."""
    return TheirZones(pace_settings.get_setup(workspace_id).zone_field, home)


def zone_key(zone_field: str) -> ColumnElement[str]:
    """What of a contact tells their zone, as SQL: equal for all whose zone is the same."""
    number = func.coalesce(Contact.phone, Contact.wa_user_id, "")
    told = func.left(number, case(*_lengths(number), else_=CODE_LENGTH))
    if not zone_field:
        return told
    return func.btrim(func.coalesce(Contact.attributes.op("->>")(zone_field), "")).concat(_SEPARATOR).concat(told)


def find_periods(
    session: Session, rule: QuietRule, people: ColumnElement[bool], first: datetime, last: datetime
) -> Subquery | None:
    """The quiet times of these contacts that overlap the moments from `first` to `last`, as rows (key, begins, ends).

    None when there are none, so that a statement needs no join.
    """
    key = zone_key(rule.zone_field).label("key")
    sample = func.min(func.coalesce(Contact.phone, Contact.wa_user_id, ""))
    found = session.execute(select(key, sample).where(people).group_by(key))
    rows = [
        (name, begins, ends)
        for name, number in found
        for begins, ends in rule.hours.periods(zones_of(number, _said(name, rule)), first, last)
    ]
    if not rows:
        return None
    keys, begins, ends = (list(column) for column in zip(*rows, strict=True))
    moments = ARRAY(DateTime(timezone=True))
    table = func.unnest(literal(keys, ARRAY(Text)), literal(begins, moments), literal(ends, moments))
    return select(table.table_valued("key", "begins", "ends").render_derived()).subquery()


def hold_quiet(broadcast_id: int) -> int:
    """Move what of a broadcast is due while it is quiet for its recipient to the end of that; answers how many.

    The sender looks at each message that it claims all the same; this spares it thousands that could not go.
    """
    moved, more = 0, True
    while more:
        with transaction() as session:
            found = _hold_some(session, broadcast_id)
        moved, more = moved + found, found == MOVED_AT_ONCE
    return moved


def _hold_some(session: Session, broadcast_id: int) -> int:
    """One commit. What is due and may go stays, and is sent before anything behind it."""
    broadcast = session.get(Broadcast, broadcast_id)
    rule = rule_for(broadcast) if broadcast else None
    if broadcast is None or rule is None or broadcast.state is not BroadcastState.SENDING:
        return 0
    moment = clock.now()
    key = zone_key(rule.zone_field)
    rows = session.execute(
        select(Message.id, key, func.coalesce(Contact.phone, Contact.wa_user_id, ""))
        .join(Contact, Contact.id == Message.contact_id)
        .where(Message.broadcast_id == broadcast_id, Message.state == MessageState.QUEUED, Message.due_at <= moment)
        .order_by(Message.due_at, Message.id)
        .limit(MOVED_AT_ONCE)
        .with_for_update(skip_locked=True, of=Message)
    )
    untils: dict[str, datetime | None] = {}
    held: list[tuple[int, datetime]] = []
    for message_id, name, number in rows:
        if name not in untils:
            untils[name] = rule.hours.until(zones_of(number, _said(name, rule)), moment)
        until = untils[name]
        if until is not None:
            held.append((message_id, until))
    if held:
        ids, ends = zip(*held, strict=True)
        session.execute(text(_HOLD), {"ids": list(ids), "ends": list(ends)})
        events.publish(broadcast.workspace_id, f"broadcast:{broadcast_id}")
    return len(held)


def _concerns(setup: PaceSetup, broadcast: Broadcast) -> bool:
    return setup.has_quiet_hours and (setup.quiet_all or is_marketing(broadcast))


def _lengths(number: Any) -> list[tuple[ColumnElement[bool], Any]]:
    """How many digits tell the zone, as the branches of a CASE over `number`."""
    by_length: dict[int, list[str]] = {}
    for code, length in telling_lengths().items():
        by_length.setdefault(length, []).append(code)
    return [
        (or_(*(func.starts_with(number, code) for code in sorted(codes))), literal(length))
        for length, codes in sorted(by_length.items())
    ]


def _said(key: str, rule: QuietRule) -> str:
    """What the custom field says, taken out of a key."""
    return key.rpartition(_SEPARATOR)[0] if rule.zone_field else ""


_HOLD = """
UPDATE messages m SET due_at = h.ends, hold_reason = 'quiet', changed_at = now()
FROM unnest(CAST(:ids AS bigint[]), CAST(:ends AS timestamptz[])) AS h (id, ends)
WHERE m.id = h.id AND m.state = 'queued'
"""
