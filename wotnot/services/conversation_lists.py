"""The list of conversations: its filters, its pages, its counts. Nothing here writes.

A page needs some thirty threads, the last moved first, and every view has an index in that order. With words to look for,
neither way is quick for all of them: walking finds a common name at once and a rare one after a million threads. So the
walk ends after NEAR threads, and only then the index of names is asked. What looks rare is asked of it right away.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import ARRAY, BigInteger, ColumnElement, Select, and_, any_, func, literal, select, true, tuple_
from sqlalchemy.orm import joinedload

from wotnot.errors import Invalid, NotFound
from wotnot.extensions import db
from wotnot.models import Channel, Contact, ContactTag, Conversation, ConversationState, Member, Message, Tag
from wotnot.services.contact_lists import is_rare, search_condition
from wotnot.services.pages import Page, clamp_limit, decode_cursor, encode_cursor

MOST_COUNTED = 99
"""A tab says "99+" beyond this, so that counting never walks a million threads."""
NEAR = 2_000
FEW_PEOPLE = 5_000
"""Up to this many people with a tag or a name are looked up one by one in a query; of more there are enough among the newest threads."""


@dataclass(frozen=True, slots=True)
class ConversationFilter:
    """Which threads a list shows. `assignee_id` is a member; `search` looks in names, numbers and e-mails.

    `active` leaves out what was closed; a `state` says more exactly which are wanted.
    """

    state: ConversationState | None = None
    active: bool = False
    assignee_id: int | None = None
    unassigned: bool = False
    unread: bool = False
    label: str = ""
    tag: str = ""
    channel_id: int | None = None
    search: str = ""


def list_conversations(
    workspace_id: int, wanted: ConversationFilter, *, cursor: str | None = None, limit: int | None = 30
) -> Page[Conversation]:
    """Threads with their contacts, the last moved first.

    Raises Invalid for a cursor that is not ours, NotFound for a member or a number of another workspace, or of none.
    """
    _check_ids(workspace_id, wanted)
    limit = clamp_limit(limit)
    walk = _Walk(_condition(workspace_id, wanted, _is_tagged(workspace_id, wanted.tag)), _after(cursor), limit + 1)
    found = Conversation.id.in_(_search(workspace_id, wanted.search, walk)) if wanted.search.strip() else walk.here
    query = select(Conversation).options(joinedload(Conversation.contact)).where(found)
    rows = list(db.session.scalars(query.order_by(*_newest_first(Conversation)).limit(walk.count)))
    more = None
    if len(rows) > limit:
        last = rows[limit - 1]
        more = encode_cursor(last.last_message_at.isoformat() if last.last_message_at else "", last.id)
    return Page(rows[:limit], next_cursor=more)


def count_conversations(workspace_id: int, views: dict[str, ConversationFilter]) -> dict[str, int]:
    """How many threads each view holds, up to MOST_COUNTED + 1; one statement for all of them. Words to look for do not count."""
    tagged = {tag: _is_tagged(workspace_id, tag) for tag in {wanted.tag for wanted in views.values()}}
    counters = [
        select(func.count()).select_from(_some(workspace_id, wanted, tagged[wanted.tag])).scalar_subquery().label(name)
        for name, wanted in views.items()
    ]
    return dict(db.session.execute(select(*counters)).one()._mapping)  # noqa: SLF001 — SQLAlchemy's public name


def count_unread(workspace_id: int) -> int:
    """How many threads nobody has read, up to MOST_COUNTED + 1."""
    return count_conversations(workspace_id, {"unread": ConversationFilter(unread=True)})["unread"]


def list_of_contact(workspace_id: int, contact_id: int) -> list[Conversation]:
    """The threads with one person, on whichever of our numbers, the last moved first."""
    query = select(Conversation).where(Conversation.workspace_id == workspace_id, Conversation.contact_id == contact_id)
    return list(db.session.scalars(query.order_by(Conversation.last_message_at.desc(), Conversation.id).limit(20)))


def list_last_messages(conversations: Sequence[Conversation]) -> dict[int, Message]:
    """The last message of each thread, by conversation id."""
    wanted = {one.last_message_id: one.id for one in conversations if one.last_message_id}
    found = db.session.scalars(select(Message).where(Message.id.in_(wanted)))
    return {wanted[message.id]: message for message in found}


def list_labels(workspace_id: int) -> list[str]:
    """Every label in use, by name."""
    names = select(func.unnest(Conversation.labels)).where(
        Conversation.workspace_id == workspace_id, Conversation.labels != []
    )
    return sorted(set(db.session.scalars(names)), key=str.lower)


def _check_ids(workspace_id: int, wanted: ConversationFilter) -> None:
    """A stranger's id is not an empty list. A number that was removed still has its threads, and a list of them."""
    if wanted.assignee_id is not None and not _has(workspace_id, Member, wanted.assignee_id):
        raise NotFound("Member")
    if wanted.channel_id is not None and not _has(workspace_id, Channel, wanted.channel_id):
        raise NotFound("Channel")


def _has(workspace_id: int, table: type[Channel | Member], key: int) -> bool:
    return db.session.scalar(select(table.id).where(table.workspace_id == workspace_id, table.id == key)) is not None


def _condition(workspace_id: int, wanted: ConversationFilter, is_tagged: ColumnElement[bool]) -> ColumnElement[bool]:
    parts: list[ColumnElement[bool]] = [Conversation.workspace_id == workspace_id, is_tagged]
    if wanted.state is not None:
        parts.append(Conversation.state == wanted.state)
    elif wanted.active:
        parts.append(Conversation.state != ConversationState.CLOSED)
    if wanted.unassigned:
        parts.append(Conversation.assignee_id.is_(None))
    elif wanted.assignee_id is not None:
        parts.append(Conversation.assignee_id == wanted.assignee_id)
    if wanted.unread:
        parts.append(Conversation.unread_count > 0)
    if wanted.label:
        parts.append(and_(Conversation.labels != [], Conversation.labels.contains([wanted.label])))
    if wanted.channel_id is not None:
        parts.append(Conversation.channel_id == wanted.channel_id)
    return and_(*parts)


@dataclass(frozen=True, slots=True)
class _Walk:
    """Threads that meet `condition`, the last moved first, from a `place` on; at most `count` of them."""

    condition: ColumnElement[bool]
    place: ColumnElement[bool]
    count: int

    @property
    def here(self) -> ColumnElement[bool]:
        """Those from the place on."""
        return and_(self.condition, self.place)

    def first(self, more: ColumnElement[bool]) -> Sequence[int]:
        """Their ids; `more` is asked of each besides."""
        query = select(Conversation.id).where(self.here, more)
        return db.session.scalars(query.order_by(*_newest_first(Conversation)).limit(self.count)).all()

    def named(self, search: str, near: int | None) -> Sequence[int]:
        """Those of whose person the words are true, among the first `near`. LATERAL, since a join may be made from its far end."""
        query = select(Conversation.id, Conversation.contact_id, Conversation.last_message_at)
        query = query.where(self.here).order_by(*_newest_first(Conversation))
        walk = query.limit(near).subquery()
        person = select(Contact.phone, Contact.search_text).where(Contact.id == walk.c.contact_id).limit(1).lateral()
        found = select(walk.c.id).join(person, true()).where(search_condition(search, person.c))
        return db.session.scalars(found.order_by(*_newest_first(walk.c)).limit(self.count)).all()


def _search(workspace_id: int, search: str, walk: _Walk) -> Sequence[int]:
    """The ids of the threads with people of that name, number or e-mail; see above for the two tries."""
    if not is_rare(search):
        found = walk.named(search, NEAR)
        if len(found) == walk.count:
            return found
    people = select(Contact.id).where(Contact.workspace_id == workspace_id, search_condition(search))
    few = db.session.scalars(people.limit(FEW_PEOPLE + 1)).all()
    return walk.first(_is_one_of(few)) if len(few) <= FEW_PEOPLE else walk.named(search, None)


def _newest_first(columns: Any) -> tuple[Any, Any]:
    return columns.last_message_at.desc(), columns.id.desc()


def _is_one_of(people: Sequence[int]) -> ColumnElement[bool]:
    return Conversation.contact_id == any_(literal(list(people), ARRAY(BigInteger)))


def _is_tagged(workspace_id: int, tag: str) -> ColumnElement[bool]:
    """Whether the person has the tag, if there is one. The threads of few such people are looked up by who they are; of many
    there are enough among the first that the list walks by. Left to itself, PostgreSQL walks a million threads for the few.
    """
    if not tag:
        return true()
    tagged = select(ContactTag.contact_id).join(Tag, Tag.id == ContactTag.tag_id)
    tagged = tagged.where(Tag.workspace_id == workspace_id, func.lower(Tag.name) == tag.lower())
    people = db.session.scalars(tagged.limit(FEW_PEOPLE + 1)).all()
    if len(people) <= FEW_PEOPLE:
        return _is_one_of(people)
    return tagged.where(ContactTag.contact_id == Conversation.contact_id).correlate(Conversation).exists()


def _after(cursor: str | None) -> ColumnElement[bool]:
    if not cursor:
        return true()
    moment, number = decode_cursor(cursor, 2)
    try:
        behind = datetime.fromisoformat(moment), int(number)
    except ValueError as error:
        raise Invalid({"cursor": "This cursor is not one of ours. Start again without it."}) from error
    return tuple_(Conversation.last_message_at, Conversation.id) < behind


def _some(workspace_id: int, wanted: ConversationFilter, is_tagged: ColumnElement[bool]) -> Any:
    few: Select[Any] = (
        select(Conversation.id).where(_condition(workspace_id, wanted, is_tagged)).limit(MOST_COUNTED + 1)
    )
    return few.subquery()
