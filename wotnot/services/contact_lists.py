"""Reading contacts: pages by search and filter, counts from the tallies, tags, the names of custom fields."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, cast

from sqlalchemy import ColumnElement, Select, and_, asc, bindparam, desc, func, or_, select, text, true

from wotnot.errors import Invalid
from wotnot.extensions import db
from wotnot.models import Consent, Contact, ContactTag, ContactTally, Tag
from wotnot.services import contact_answers
from wotnot.services.import_columns import ATTRIBUTE
from wotnot.services.pages import Page, clamp_limit, decode_cursor, encode_cursor

MAX_SEARCH = 100
_PHONE_LIKE = re.compile(r"[+\d][\d\s().-]*")
_NOT_DIGIT = re.compile(r"\D")
_TRIGRAM = 3
_LONGEST_PHONE = 20
_PART_OF_A_NUMBER, _LONG_WORD = 5, 12
_SAMPLED = 1000
_WALKED = 2_000
_ALL, _OPTED_OUT = 0, -1
_NEWER, _OLDER = "n", "o"


@dataclass(frozen=True, slots=True)
class ContactCounts:
    """How many contacts there are, and how many of them opted out."""

    total: int
    opted_out: int


@dataclass(frozen=True, slots=True)
class TagCount:
    """A tag and how many contacts have it."""

    id: int
    name: str
    count: int


def list_contacts(
    workspace_id: int,
    *,
    search: str | None = None,
    tag: str | None = None,
    consent: str | None = None,
    cursor: str | None = None,
    limit: int | None = 50,
) -> Page[Contact]:
    """Contacts, newest first. `search` looks in name, phone and e-mail; every word must be found.

    A page's `previous_cursor` leads to the newer ones. Raises Invalid for a cursor or consent that means nothing.
    """
    wanted = _Wanted(_consent(consent) if consent else None, search if search and search.strip() else None)
    tag_id = None
    if tag:
        found = find_tag(workspace_id, tag)
        if found is None:
            return Page([])
        tag_id = found.id
    return _page(_List(workspace_id, tag_id), wanted, cursor, clamp_limit(limit))


@dataclass(frozen=True, slots=True)
class _Wanted:
    """What people on a list must meet, as SQL over whatever has the columns `consent`, `phone` and `search_text`."""

    consent: Consent | None
    search: str | None

    def conditions(self, columns: Any) -> list[ColumnElement[bool]]:
        """All of it."""
        conditions = [] if self.consent is None else [columns.consent == self.consent]
        return conditions if self.search is None else [*conditions, search_condition(self.search, columns)]


@dataclass(frozen=True, slots=True)
class _List:
    """What is walked: a workspace's contacts, or those with one tag; both have an index in the order of the list."""

    workspace_id: int
    tag_id: int | None

    @property
    def key(self) -> Any:
        """The contact's id in that index."""
        return Contact.id if self.tag_id is None else ContactTag.contact_id

    def ids(self) -> Select[Any]:
        """Everybody's id, from the index alone."""
        if self.tag_id is None:
            return select(Contact.id).where(Contact.workspace_id == self.workspace_id)
        return select(ContactTag.contact_id.label("id")).where(ContactTag.tag_id == self.tag_id)

    def nearest(self, position: ColumnElement[bool], order: Any, wanted: _Wanted) -> Any:
        """The next _WALKED people with the columns to look at. LATERAL, since a join may be made from its far end."""
        if self.tag_id is None:
            people = select(Contact.id, Contact.consent, Contact.phone, Contact.search_text)
            people = people.where(Contact.workspace_id == self.workspace_id, position)
            if wanted.consent is not None:
                people = people.where(Contact.consent == wanted.consent)
            return people.order_by(order).limit(_WALKED).subquery()
        ids = self.ids().where(position).order_by(order).limit(_WALKED).subquery()
        columns = (Contact.consent, Contact.phone, Contact.search_text)
        person = select(*columns).where(Contact.id == ids.c.id).limit(1).lateral()
        return select(ids.c.id, person.c.consent, person.c.phone, person.c.search_text).join(person, true()).subquery()

    def matching(self, position: ColumnElement[bool], wanted: _Wanted) -> Any:
        """Everybody who is wanted, by whatever index is best; the OFFSET keeps the planner from walking the list."""
        query = select(Contact.id).where(Contact.workspace_id == self.workspace_id, position)
        if self.tag_id is not None:
            query = query.join(ContactTag, ContactTag.contact_id == Contact.id).where(ContactTag.tag_id == self.tag_id)
        return query.where(*wanted.conditions(Contact)).offset(0).subquery()


def is_rare(search: str) -> bool:
    """Whether few people will have these words, by their looks: a long number, an address, a very long word."""
    longest = max(search.split(), key=len, default="")
    if any(map(str.isdigit, longest)) or "@" in longest:
        return len(_NOT_DIGIT.sub("", search)) > _PART_OF_A_NUMBER or len(longest) > _PART_OF_A_NUMBER
    return len(longest) > _LONG_WORD


def search_condition(search: str, columns: Any = Contact) -> ColumnElement[bool]:
    """SQL for "name, phone and e-mail hold these words", over the `columns` phone and search_text.

    "082 555 01" is looked up as digits of the stored number, "+27" as how it begins, which its own index knows. Words of one
    or two letters are only looked for where a word begins: the trigram index knows those. Signs alone are passed over:
    nobody's name is "@".
    """
    search = search.strip()[:MAX_SEARCH].replace("\x00", "")
    digits = _NOT_DIGIT.sub("", search).lstrip("0")
    text = columns.search_text
    is_phone = _PHONE_LIKE.fullmatch(search) and digits
    if is_phone and search.startswith("+"):
        return cast("ColumnElement[bool]", columns.phone.between(digits, digits.ljust(_LONGEST_PHONE, "9")))
    if is_phone and len(digits) >= _TRIGRAM:
        return cast("ColumnElement[bool]", text.like(f"%{digits}%"))
    words = [word for word in search.lower().split() if any(map(str.isalnum, word))]
    return and_(true(), *(_word_condition(word, text) for word in words))


def _word_condition(word: str, text: Any) -> ColumnElement[bool]:
    escaped = re.sub(r"([\\%_])", r"\\\1", word)
    if len(word) >= _TRIGRAM:
        return cast("ColumnElement[bool]", text.like(f"%{escaped}%"))
    return or_(text.like(f"{escaped}%"), text.like(f"% {escaped}%"))


# Asked beside nearly every list: made once, since making a statement takes longer than the database takes to answer it.
_WORKSPACE: ColumnElement[int] = bindparam("workspace")
_SUM = func.sum(ContactTally.delta)
_COUNTS = (
    select(ContactTally.tag_id, _SUM)
    .where(ContactTally.workspace_id == _WORKSPACE, ContactTally.tag_id.in_((_ALL, _OPTED_OUT)))
    .group_by(ContactTally.tag_id)
)
_TAG_SUMS = (
    select(ContactTally.tag_id, _SUM.label("count"))
    .where(ContactTally.workspace_id == _WORKSPACE, ContactTally.tag_id > 0)
    .group_by(ContactTally.tag_id)
    .subquery()
)
_TAGS = (
    select(Tag.id, Tag.name, func.coalesce(_TAG_SUMS.c["count"], 0))
    .outerjoin(_TAG_SUMS, _TAG_SUMS.c.tag_id == Tag.id)
    .where(Tag.workspace_id == _WORKSPACE)
    .order_by(func.lower(Tag.name))
)
_TAGS_OF = (
    select(ContactTag.contact_id, Tag.name)
    .join(Tag, Tag.id == ContactTag.tag_id)
    .where(ContactTag.contact_id.in_(bindparam("ids", expanding=True)))
    .order_by(func.lower(Tag.name))
)

# Taken apart by the database: a hundred imports say nearly the same, and reading them here took longer.
_IMPORTED_FIELDS = text("""
SELECT DISTINCT target
FROM (SELECT mapping -> 'targets' AS targets FROM contact_imports
      WHERE workspace_id = :workspace AND state = 'done' ORDER BY id DESC LIMIT 100) AS newest,
     jsonb_array_elements_text(targets) AS target
WHERE target LIKE :own
""")


def count_contacts(workspace_id: int) -> ContactCounts:
    """All contacts and the opted-out ones, from the tallies."""
    counts = {tag_id: int(total) for tag_id, total in db.session.execute(_COUNTS, {"workspace": workspace_id})}
    return ContactCounts(counts.get(_ALL, 0), counts.get(_OPTED_OUT, 0))


def count_by_consent(workspace_id: int) -> dict[str, int]:
    """How many contacts said what about offers, by consent; counted once until a contact changes."""
    rows = select(Contact.consent, func.count()).where(Contact.workspace_id == workspace_id).group_by(Contact.consent)

    def count() -> dict[str, int]:
        return {consent.value: total for consent, total in db.session.execute(rows)}

    found: dict[str, int] = contact_answers.remember(workspace_id, ["by consent"], count)
    return {consent.value: found.get(consent.value, 0) for consent in Consent}


def list_tags(workspace_id: int) -> list[TagCount]:
    """Every tag with its number of contacts, by name."""
    rows = db.session.execute(_TAGS, {"workspace": workspace_id})
    return [TagCount(tag_id, name, int(count)) for tag_id, name, count in rows]


def find_tag(workspace_id: int, name: str) -> Tag | None:
    """The tag of this name, whatever the case."""
    return db.session.scalar(
        select(Tag).where(Tag.workspace_id == workspace_id, func.lower(Tag.name) == func.lower(name.strip()))
    )


def tags_of(contact_ids: Sequence[int]) -> dict[int, list[str]]:
    """The tags of some contacts, by name, in one query. The caller checked the tenant."""
    tags: dict[int, list[str]] = {contact_id: [] for contact_id in contact_ids}
    for contact_id, name in db.session.execute(_TAGS_OF, {"ids": list(contact_ids)}):
        tags[contact_id].append(name)
    return tags


def list_attribute_names(workspace_id: int) -> list[str]:
    """The names of custom fields in use, by name: those of the newest and oldest contacts and of every import.

    Reading every contact would take seconds for a million; a field that only stands in the middle came by an import.
    """
    names = contact_answers.remember(workspace_id, ["sampled names"], lambda: _sample_attribute_names(workspace_id))
    return sorted({*names, *_imported_attribute_names(workspace_id)}, key=str.lower)


def _sample_attribute_names(workspace_id: int) -> list[str]:
    names: set[str] = set()
    for order in (Contact.id.desc(), Contact.id.asc()):
        some = (
            select(Contact.attributes).where(Contact.workspace_id == workspace_id).order_by(order).limit(_SAMPLED)
        ).subquery()
        names.update(db.session.scalars(select(func.jsonb_object_keys(some.c.attributes)).distinct()))
    return sorted(names)


def _imported_attribute_names(workspace_id: int) -> set[str]:
    """Not remembered: an import is done a moment after it changed its last contact."""
    found = db.session.scalars(_IMPORTED_FIELDS, {"workspace": workspace_id, "own": f"{ATTRIBUTE}%"})
    return {target.removeprefix(ATTRIBUTE) for target in found}


def _page(source: _List, wanted: _Wanted, cursor: str | None, limit: int) -> Page[Contact]:
    way, last_id = _read_cursor(cursor)
    position: ColumnElement[bool] = true()
    if last_id is not None:
        position = source.key > last_id if way == _NEWER else source.key < last_id
    direction = asc if way == _NEWER else desc
    ids = _find(source, wanted, position, direction, limit + 1)
    rows = list(db.session.scalars(select(Contact).where(Contact.id.in_(ids)).order_by(direction(Contact.id))))
    has_more, rows = len(rows) > limit, rows[:limit]
    if way == _NEWER:
        rows.reverse()
    if not rows:
        return Page([])
    older = has_more if way == _OLDER else True
    newer = has_more if way == _NEWER else last_id is not None
    return Page(
        rows,
        next_cursor=encode_cursor(_OLDER, rows[-1].id) if older else None,
        previous_cursor=encode_cursor(_NEWER, rows[0].id) if newer else None,
    )


def _find(source: _List, wanted: _Wanted, position: ColumnElement[bool], direction: Any, limit: int) -> Sequence[int]:
    """The ids of the first `limit` who are wanted: from an index when there is one in the list's order, else in two tries.

    Neither way alone is quick for every word. Walking the list finds a common one at once and a rare one after the whole
    table, so it ends after _WALKED people; then an index finds the rest. What looks rare is asked of the index right away.
    """
    order = direction(source.key)
    if wanted.search is None and (wanted.consent is None or source.tag_id is None):
        exact = source.ids().where(position, *wanted.conditions(Contact))
        return db.session.scalars(exact.order_by(order).limit(limit)).all()
    ids: Sequence[int] = ()
    if not is_rare(wanted.search or ""):
        near = source.nearest(position, order, wanted)
        found = select(near.c.id).where(*wanted.conditions(near.c)).order_by(direction(near.c.id)).limit(limit)
        ids = db.session.scalars(found).all()
    if len(ids) < limit:
        matching = source.matching(position, wanted)
        ids = db.session.scalars(select(matching.c.id).order_by(direction(matching.c.id)).limit(limit)).all()
    return ids


def _read_cursor(cursor: str | None) -> tuple[str, int | None]:
    if not cursor:
        return _OLDER, None
    way, number = decode_cursor(cursor, 2)
    if way not in {_NEWER, _OLDER} or not number.isdecimal() or len(number) > 18:
        raise Invalid({"cursor": "This cursor is not one of ours. Start again without it."})
    return way, int(number)


def _consent(value: str) -> Consent:
    try:
        return Consent(value)
    except ValueError:
        raise Invalid({"consent": f"“{value}” is not one of {', '.join(Consent)}."}) from None
