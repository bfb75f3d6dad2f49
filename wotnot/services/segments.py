"""Segments: saved filters over contacts. Owns the table; counts and lists the people of a segment or of a filter not yet saved.

The rules of a definition are in `segment_rules.py`, its SQL in `segment_sql.py`. A segment may be somebody's audience: see
`segment_audience.py`.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, and_, delete, func, or_, select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from wotnot import clock
from wotnot.errors import Conflict, Invalid, NotFound
from wotnot.extensions import db
from wotnot.models import Broadcast, BroadcastState, Consent, Contact, Segment, Workspace
from wotnot.services import contact_answers
from wotnot.services.keyset import Keyset
from wotnot.services.pages import Page, clamp_limit
from wotnot.services.segment_rules import (
    Definition,
    clean_definition,
    is_fleeting,
    list_broadcast_ids,
)
from wotnot.services.segment_sql import Context, compile_definition
from wotnot.services.transaction import transaction
from wotnot.services.zones import in_zone

MAX_NAME, MAX_SEGMENTS = 100, 500
RECENT_BROADCASTS = 100
_OPEN_STATES = (BroadcastState.DRAFT, BroadcastState.SCHEDULED, BroadcastState.FAILED)


@dataclass(frozen=True, slots=True)
class SegmentCount:
    """`people` of a segment, and how many of them did not opt out."""

    people: int
    reachable: int


def list_segments(workspace_id: int, *, cursor: str | None = None, limit: int | None = None) -> Page[Segment]:
    """Segments, newest first. Raises Invalid for a foreign cursor."""
    keyset = Keyset.decode(cursor, clamp_limit(limit))
    statement = (
        select(Segment)
        .where(Segment.workspace_id == workspace_id, keyset.condition(Segment.id))
        .order_by(keyset.order(Segment.id))
        .limit(keyset.limit + 1)
    )
    return keyset.page(list(db.session.scalars(statement)), lambda segment: segment.id)


def list_names(workspace_id: int) -> list[tuple[int, str]]:
    """Id and name of every segment by name, to choose from; a workspace has at most MAX_SEGMENTS."""
    query = select(Segment.id, Segment.name).where(Segment.workspace_id == workspace_id)
    rows = db.session.execute(query.order_by(func.lower(Segment.name)).limit(MAX_SEGMENTS))
    return [(segment_id, name) for segment_id, name in rows]


def get_segment(workspace_id: int, segment_id: int) -> Segment:
    """One segment. Raises NotFound."""
    found = find_segments(workspace_id, [segment_id])
    if not found:
        raise NotFound("Segment")
    return found[0]


def find_segments(workspace_id: int, segment_ids: Sequence[int]) -> list[Segment]:
    """Those of these that are there, in one query."""
    query = select(Segment).where(Segment.workspace_id == workspace_id, Segment.id.in_(segment_ids))
    return list(db.session.scalars(query)) if segment_ids else []


def create_segment(workspace_id: int, *, name: str, definition: object, user_id: int | None = None) -> Segment:
    """Save a filter under a name. Raises Invalid by field (`name`, `definition.conditions.0.value` …), Conflict when the name
    is taken or there are MAX_SEGMENTS already.
    """
    values = _checked(workspace_id, name, definition)
    with transaction() as session:
        _refuse_too_many(workspace_id)
        segment = Segment(workspace_id=workspace_id, user_id=user_id, name=values[0], definition=values[1])
        session.add(segment)
        _flush(session, values[0])
    return segment


def update_segment(
    workspace_id: int,
    segment_id: int,
    *,
    name: str | None = None,
    definition: object | None = None,
    seen_at: datetime | None = None,
) -> Segment:
    """Change name, filter or both. Broadcasts that have started keep the filter they started with.

    `seen_at` is the `updated_at` that the caller began from. Raises Invalid, Conflict for a taken name or when somebody
    changed it since `seen_at`, NotFound.
    """
    with transaction() as session:
        segment = _lock(session, workspace_id, segment_id)
        if seen_at is not None and segment.updated_at != seen_at:
            raise Conflict("Somebody changed this segment meanwhile.", code="changed_meanwhile")
        values = _checked(
            workspace_id,
            segment.name if name is None else name,
            segment.definition if definition is None else definition,
        )
        segment.name, segment.definition = values
        segment.updated_at = clock.now()
        _flush(session, values[0])
    return segment


def delete_segment(workspace_id: int, segment_id: int) -> None:
    """Forget a segment; drafts that use it need another audience before they can be sent.

    Raises Conflict while a scheduled broadcast uses it, NotFound.
    """
    with transaction() as session:
        segment = get_segment(workspace_id, segment_id)
        scheduled = [one.name for one in list_uses(workspace_id, segment_id, BroadcastState.SCHEDULED)]
        if scheduled:
            named = ", ".join(f"“{name}”" for name in scheduled[:3])
            raise Conflict(
                f"A scheduled broadcast uses it: {named}. Change or cancel that first.", code="segment_in_use"
            )
        session.execute(delete(Segment).where(Segment.id == segment.id))


def list_uses(workspace_id: int, segment_id: int, *states: BroadcastState) -> list[Broadcast]:
    """The drafts and scheduled broadcasts, or those in `states`, that would go to a segment or leave it out, newest first."""
    uses = or_(
        Broadcast.audience.contains({"segment_id": segment_id}),
        Broadcast.exclude.contains({"segment_ids": [segment_id]}),
    )
    query = select(Broadcast).where(
        Broadcast.workspace_id == workspace_id, Broadcast.state.in_(states or _OPEN_STATES), uses
    )
    return list(db.session.scalars(query.order_by(Broadcast.id.desc()).limit(RECENT_BROADCASTS)))


# ---------------------------------------------------------------- people


def context_of(workspace_id: int) -> Context:
    """Whose contacts, and which day it is for the workspace."""
    timezone = db.session.scalar(select(Workspace.timezone).where(Workspace.id == workspace_id)) or "UTC"
    return Context(workspace_id, timezone, in_zone(clock.now(), timezone).date())


def condition_of(definition: Mapping[str, Any], context: Context) -> ColumnElement[bool]:
    """The workspace's contacts that a clean definition describes, as SQL over Contact."""
    return and_(Contact.workspace_id == context.workspace_id, compile_definition(definition, context))


def check_definition(workspace_id: int, definition: object, root: str = "definition") -> Definition:
    """The definition, tidy. Raises Invalid by path below `root`, also for broadcasts that the workspace does not have."""
    clean = clean_definition(definition, root)
    wanted = list_broadcast_ids(clean)
    if missing := wanted - _name_broadcasts(workspace_id, wanted).keys():
        raise Invalid(_errors_of_broadcasts(clean, missing, root))
    return clean


def count_people(workspace_id: int, definition: Definition) -> SegmentCount:
    """How many people a clean definition describes. Remembered until a contact changes, where nothing else decides."""
    context = context_of(workspace_id)
    is_reachable = func.count().filter(Contact.consent != Consent.OPTED_OUT)

    def count() -> list[int]:
        statement = select(func.count(), is_reachable).select_from(Contact).where(condition_of(definition, context))
        people, reachable = db.session.execute(statement).one()
        return [people, reachable]

    if is_fleeting(definition):
        return SegmentCount(*count())
    question = ["segment", definition, context.timezone, str(context.today)]
    return SegmentCount(*contact_answers.remember(workspace_id, question, count))


def list_people(
    workspace_id: int, definition: Mapping[str, Any], *, cursor: str | None = None, limit: int | None = None
) -> Page[Contact]:
    """The people of a clean definition, newest first. Raises Invalid for a foreign cursor."""
    keyset = Keyset.decode(cursor, clamp_limit(limit))
    found = condition_of(definition, context_of(workspace_id))
    statement = select(Contact).where(found, keyset.condition(Contact.id))
    rows = db.session.scalars(statement.order_by(keyset.order(Contact.id)).limit(keyset.limit + 1))
    return keyset.page(list(rows), lambda contact: contact.id)


# ---------------------------------------------------------------- broadcasts to ask about


def list_broadcast_choices(workspace_id: int, chosen: Iterable[int] = ()) -> list[tuple[int, str]]:
    """Broadcasts that went out, newest first, and those `chosen` already: id and name with the day."""
    query = select(Broadcast).where(Broadcast.workspace_id == workspace_id, Broadcast.started_at.is_not(None))
    recent = query.order_by(Broadcast.id.desc()).limit(RECENT_BROADCASTS).subquery()
    is_wanted = or_(Broadcast.id.in_(select(recent.c.id)), Broadcast.id.in_(list(chosen)))
    found = select(Broadcast.id, Broadcast.name, Broadcast.started_at, Workspace.timezone)
    rows = db.session.execute(
        found.join(Workspace, Workspace.id == Broadcast.workspace_id)
        .where(Broadcast.workspace_id == workspace_id, is_wanted)
        .order_by(Broadcast.id.desc())
    )
    return [
        (row.id, f"{row.name}, {in_zone(row.started_at, row.timezone):%-d %b %Y}" if row.started_at else row.name)
        for row in rows
    ]


def name_broadcasts(workspace_id: int, definitions: Iterable[Mapping[str, Any]]) -> dict[int, str]:
    """The names of the broadcasts that some clean definitions speak of, in one query."""
    wanted = {broadcast_id for definition in definitions for broadcast_id in list_broadcast_ids(definition)}
    return _name_broadcasts(workspace_id, wanted)


def _name_broadcasts(workspace_id: int, broadcast_ids: Iterable[int]) -> dict[int, str]:
    wanted = list(broadcast_ids)
    if not wanted:
        return {}
    query = select(Broadcast.id, Broadcast.name).where(Broadcast.workspace_id == workspace_id, Broadcast.id.in_(wanted))
    return {broadcast_id: name for broadcast_id, name in db.session.execute(query)}  # noqa: C416 — rows are no pairs to mypy


def _errors_of_broadcasts(definition: Definition, missing: set[int], root: str) -> dict[str, str]:
    """The path of every condition that names one of the `missing`."""
    prefix = f"{root}." if root else ""
    errors: dict[str, str] = {}
    for at, one in enumerate(definition["conditions"]):
        inner = list(enumerate(one["conditions"])) if "conditions" in one else []
        places = [(f"conditions.{at}.conditions.{number}", each) for number, each in inner] or [
            (f"conditions.{at}", one)
        ]
        for path, condition in places:
            if condition["field"] == "broadcast" and condition["value"] in missing:
                errors[f"{prefix}{path}.value"] = "This broadcast does not exist in this workspace. Choose another."
    return errors


# ---------------------------------------------------------------- checks


def _checked(workspace_id: int, name: str, definition: object) -> tuple[str, Definition]:
    errors: dict[str, Any] = {}
    clean: Definition = {}
    name = " ".join(name.split())
    if not name or "\x00" in name:
        errors["name"] = "Give the segment a name."
    elif len(name) > MAX_NAME:
        errors["name"] = f"A name has at most {MAX_NAME} characters; this one has {len(name)}."
    try:
        clean = check_definition(workspace_id, definition)
    except Invalid as error:
        errors.update(error.errors)
    if errors:
        raise Invalid(errors)
    return name, clean


def _lock(session: Session, workspace_id: int, segment_id: int) -> Segment:
    query = select(Segment).where(Segment.workspace_id == workspace_id, Segment.id == segment_id).with_for_update()
    segment = session.scalar(query, execution_options={"populate_existing": True})
    if segment is None:
        raise NotFound("Segment")
    return segment


def _flush(session: Session, name: str) -> None:
    try:
        session.flush()
    except IntegrityError:
        raise Conflict(f"There is a segment “{name}” already. Choose another name.", code="name_taken") from None


def _refuse_too_many(workspace_id: int) -> None:
    count = db.session.scalar(select(func.count()).select_from(Segment).where(Segment.workspace_id == workspace_id))
    if (count or 0) >= MAX_SEGMENTS:
        raise Conflict(f"There are {MAX_SEGMENTS} segments already. Delete one first.", code="too_many_segments")


__all__ = [
    "SegmentCount",
    "check_definition",
    "condition_of",
    "context_of",
    "count_people",
    "create_segment",
    "delete_segment",
    "find_segments",
    "get_segment",
    "list_broadcast_choices",
    "list_names",
    "list_people",
    "list_segments",
    "list_uses",
    "name_broadcasts",
    "update_segment",
]
