"""How many people an audience has, why some of them get no message, and who stands where in the order of sending.

Looking at a million people takes most of a second, so what was found is remembered until the workspace's contacts change.
What a segment asks about messages is the exception: these change all the time.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from typing import Any

from sqlalchemy import CTE, ColumnElement, CompoundSelect, Select, TableClause, and_, func, or_, select, true

from wotnot.extensions import db
from wotnot.models import Consent, Contact, ContactTag
from wotnot.services import audience_facts, audience_risks, contact_answers, contacts
from wotnot.services.audience import (
    People,
    Variables,
    is_blank,
    is_of_kind,
    may_get_it,
    resolve_settled,
    skip_reason,
)
from wotnot.services.segment_audience import Settled, settle

MILE = 5_000
_REASONS = ("opted_out", "no_number", "missing_value")


@dataclass(frozen=True, slots=True)
class AudienceCount:
    """People in the audience, and why some get no message: total = excluded + opted_out + no_number + missing + to_send,
    and those of a kind that is left out, in `by_kind`.

    `missing_by_variable` and `fallback_by_variable` count people among those to be messaged (missing: among the
    rest) by template variable; `missing` counts each person once. `as_of` says which state of the contacts was counted.
    """

    total: int
    excluded: int
    opted_out: int
    no_number: int
    missing: int
    to_send: int
    missing_by_variable: dict[str, int] = field(default_factory=dict)
    fallback_by_variable: dict[str, int] = field(default_factory=dict)
    by_kind: dict[str, int] = field(default_factory=dict)
    as_of: int = field(default=0, compare=False)

    @property
    def in_sight(self) -> int:
        """People whose message can be looked at beforehand: also those who still lack a value."""
        return self.to_send + self.missing

    @property
    def left_out(self) -> int:
        """Everybody in the audience who gets no message."""
        return self.total - self.to_send


def count_audience(
    workspace_id: int,
    audience: Mapping[str, Any],
    exclude: Mapping[str, Any] | None = None,
    variables: Variables | None = None,
    *,
    needs_phone: bool = False,
    leave_out: Sequence[str] = (),
    keeps: bool = False,
) -> AudienceCount:
    """How many people an audience has, how many of them get a message, and why the others do not.

    `leave_out` are kinds of `audience_risks.KINDS` who get none. With `keeps`, what had to be looked at stays at hand for
    other questions of this transaction (`audience_facts.py`).
    """
    fields = audience_facts.fields_of(variables or {})
    settled = settle(workspace_id, audience, exclude or {})

    def count() -> dict[str, Any]:
        people = resolve_settled(workspace_id, settled, leave_out)
        return asdict(_count(people, fields, needs_phone=needs_phone, keeps=keeps))

    question = ["audience", *settled.question, fields, needs_phone, audience_risks.stamp(workspace_id, leave_out)]
    as_of = contact_answers.count_changes(workspace_id)
    answer = remember(workspace_id, settled, question, count, changes=as_of)
    return AudienceCount(**{**answer, "as_of": as_of})


def count_kinds(
    workspace_id: int,
    audience: Mapping[str, Any],
    exclude: Mapping[str, Any],
    variables: Variables,
    kinds: Sequence[str],
    *,
    needs_phone: bool = False,
    leave_out: Sequence[str] = (),
) -> dict[str, int]:
    """How many people of each of `kinds` get no message because of it, or get one all the same where it is not left out."""
    settled = settle(workspace_id, audience, exclude)

    def count() -> dict[str, int]:
        people = resolve_settled(workspace_id, settled, leave_out)
        found = {kind: _count_of_kind(people, kind, variables, needs_phone=needs_phone) for kind in kinds}
        if people.phones and audience_risks.US_MARKETING in found:
            found[audience_risks.US_MARKETING] += audience_risks.count_americans(list_unknown(people))
        return found

    stamp = audience_risks.stamp(workspace_id, [*kinds, *leave_out])
    question = ["kinds", *settled.question, variables, needs_phone, list(kinds), stamp]
    answer: dict[str, int] = remember(workspace_id, settled, question, count)
    return answer


def _count_of_kind(people: People, kind: str, variables: Variables, *, needs_phone: bool) -> int:
    condition = is_of_kind(people, kind, variables, needs_phone=needs_phone)
    return db.session.scalar(select(func.count()).select_from(Contact).where(condition)) or 0


def count_languages(
    workspace_id: int,
    audience: Mapping[str, Any],
    exclude: Mapping[str, Any] | None = None,
    variables: Variables | None = None,
    *,
    needs_phone: bool = False,
    leave_out: Sequence[str] = (),
) -> dict[str, int]:
    """How many of those who get a message read which language, by code; those whose language is not known are not in it."""
    fields = audience_facts.fields_of(variables or {})
    settled = settle(workspace_id, audience, exclude or {})

    def count() -> dict[str, int]:
        people = resolve_settled(workspace_id, settled, leave_out)
        language = audience_facts.recipients(people, fields, needs_phone=needs_phone).c.language
        rows = db.session.execute(select(language, func.count()).where(language.is_not(None)).group_by(language))
        return {str(code): people for code, people in rows}

    question = ["languages", *settled.question, fields, needs_phone, audience_risks.stamp(workspace_id, leave_out)]
    found: dict[str, int] = remember(workspace_id, settled, question, count)
    return found


def person_at(
    workspace_id: int,
    audience: Mapping[str, Any],
    exclude: Mapping[str, Any],
    position: int,
    *,
    as_of: int | None = None,
    leave_out: Sequence[str] = (),
) -> Contact | None:
    """The contact at `position` (from 1) among those of the audience who may be messaged, in the order of sending.

    `as_of` is that of the AudienceCount the position lies in, when it was counted just now.
    """
    settled = settle(workspace_id, audience, exclude)
    people = resolve_settled(workspace_id, settled, leave_out)
    mile, steps = divmod(max(position, 1) - 1, MILE)
    start = true()
    if mile:
        question = ["milestones", *settled.question, audience_risks.stamp(workspace_id, leave_out)]
        stones = remember(workspace_id, settled, question, lambda: _milestones(people), changes=as_of)
        if mile >= len(stones):
            return None
        start = Contact.id >= stones[mile]
    statement = select(Contact).where(may_get_it(people), start)
    return db.session.scalar(statement.order_by(Contact.id).offset(steps).limit(1))


def remember(
    workspace_id: int,
    settled: Settled,
    question: Sequence[Any],
    work_out: Callable[[], Any],
    *,
    changes: int | None = None,
) -> Any:
    """The answer from memory, where only contacts decide; what also depends on messages is worked out each time."""
    if settled.is_fleeting:
        return work_out()
    return contact_answers.remember(workspace_id, question, work_out, changes=changes)


def _milestones(people: People) -> list[int]:
    """The ids of every MILEth person, so that the person at 800,000 is found without passing all before."""
    place = func.row_number().over(order_by=Contact.id)
    numbered = select(Contact.id, place.label("place")).where(may_get_it(people)).subquery()
    stones = select(numbered.c.id).where((numbered.c.place - 1) % MILE == 0).order_by(numbered.c.place)
    return list(db.session.scalars(stones))


def _count(people: People, fields: Variables, *, needs_phone: bool, keeps: bool) -> AudienceCount:
    if not people.is_listed and not people.is_filtered and not people.leave_out:
        counted = _count_by_indexes(people, needs_phone=needs_phone)
        return _with_blanks(counted, people, fields, needs_phone=needs_phone) if fields else counted
    row = db.session.execute(_counters(people, fields, needs_phone=needs_phone, keeps=keeps)).one()
    counts = {name: int(value or 0) for name, value in row._mapping.items()}  # noqa: SLF001 — SQLAlchemy's public name
    unknown = list_unknown(people) if people.phones else []
    return _count_of(counts, fields, len(unknown), _held_back(people, unknown), people.leave_out)


def list_unknown(people: People) -> list[str]:
    """Typed numbers that are nobody's yet."""
    known = select(Contact.phone).where(Contact.workspace_id == people.workspace_id, Contact.phone.in_(people.phones))
    return list(set(people.phones).difference(db.session.scalars(known)))


def _held_back(people: People, unknown: Sequence[str]) -> int:
    return audience_risks.count_americans(unknown) if audience_risks.US_MARKETING in people.leave_out else 0


def _counters(people: People, fields: Variables, *, needs_phone: bool, keeps: bool) -> Select[Any]:
    """Looks at each person once: what is so about them first, then the counts of it."""
    facts: TableClause | CTE
    if keeps:
        facts = audience_facts.keep(people, fields, needs_phone=needs_phone)
    else:
        looked_at = audience_facts.facts_of(people, fields, needs_phone=needs_phone)
        facts = looked_at.cte("facts").prefix_with("MATERIALIZED", dialect="postgresql")
    stays = ~facts.c.is_excluded
    goes = and_(stays, facts.c.reason.is_(None))

    def count(condition: ColumnElement[bool], name: str) -> ColumnElement[int]:
        return func.count().filter(condition).label(name)

    columns: list[ColumnElement[Any]] = [
        func.count().label("total"),
        count(facts.c.is_excluded, "excluded"),
        count(goes, "to_send"),
        *(count(and_(stays, facts.c.reason == why), why) for why in (*_REASONS, *people.leave_out)),
    ]
    for index, source in enumerate(fields.values()):
        asked = goes if source.get("fallback") else and_(stays, facts.c.reason.is_distinct_from("opted_out"))
        columns.append(count(and_(asked, facts.c[f"blank_{index}"]), f"blank_{index}"))
    return select(*columns).select_from(facts)


def _count_of(
    counts: Mapping[str, int], fields: Variables, unknown: int, held_back: int, kinds: Sequence[str]
) -> AudienceCount:
    """`unknown` phones become contacts at the start; until then they have no name and no attribute. `held_back` of them
    are American and get no marketing.
    """
    by_kind = {kind: counts[kind] for kind in kinds}
    if held_back:
        by_kind[audience_risks.US_MARKETING] += held_back
    total, unknown = counts["total"] + unknown, unknown - held_back
    blank = {key: counts[f"blank_{index}"] + unknown for index, key in enumerate(fields)}
    blocked = (
        unknown if any(source["field"] != "phone" and not source.get("fallback") for source in fields.values()) else 0
    )
    return AudienceCount(
        total=total,
        excluded=counts["excluded"],
        opted_out=counts["opted_out"],
        no_number=counts["no_number"],
        missing=counts["missing_value"] + blocked,
        to_send=counts["to_send"] + unknown - blocked,
        missing_by_variable={key: n for key, n in blank.items() if n and not fields[key].get("fallback")},
        fallback_by_variable={key: n for key, n in blank.items() if n and fields[key].get("fallback")},
        by_kind=by_kind,
    )


def _count_by_indexes(people: People, *, needs_phone: bool) -> AudienceCount:
    """The same counts without looking at every contact: tallies, the tags' own index, and the few who are special.

    A million contacts take milliseconds this way, so that the number can follow the clicks.
    """
    total = _count_tagged(people.workspace_id, people.tag_ids, is_everybody=people.is_everybody)
    excluded = _count_both(people) if people.excluded_ids else 0
    opted_out = _count_contacts(people, Contact.consent == Consent.OPTED_OUT)
    no_number = 0
    if needs_phone:
        no_number = _count_contacts(people, Contact.phone.is_(None), Contact.consent != Consent.OPTED_OUT)
    return AudienceCount(total, excluded, opted_out, no_number, 0, total - excluded - opted_out - no_number)


def _with_blanks(counted: AudienceCount, people: People, fields: Variables, *, needs_phone: bool) -> AudienceCount:
    """`counted` with what is missing in the people's values: only those who lack one are looked at closely."""
    reason = skip_reason(fields, needs_phone=needs_phone, people=people)
    columns: list[ColumnElement[Any]] = [func.count().filter(reason == "missing_value").label("missing")]
    for index, source in enumerate(fields.values()):
        asked = and_(is_blank(source["field"]), reason.is_(None) if source.get("fallback") else true())
        columns.append(func.count().filter(asked).label(f"blank_{index}"))
    lacks_one = or_(*(is_blank(name) for name in {source["field"] for source in fields.values()}))
    statement = select(*columns).select_from(Contact)
    row = db.session.execute(statement.where(people.included, Contact.consent != Consent.OPTED_OUT, lacks_one)).one()
    blank = {key: int(row[index + 1]) for index, key in enumerate(fields)}
    return replace(
        counted,
        missing=row.missing,
        to_send=counted.to_send - row.missing,
        missing_by_variable={key: n for key, n in blank.items() if n and not fields[key].get("fallback")},
        fallback_by_variable={key: n for key, n in blank.items() if n and fields[key].get("fallback")},
    )


def _count_tagged(workspace_id: int, tag_ids: Sequence[int], *, is_everybody: bool) -> int:
    if is_everybody:
        return contacts.count_contacts(workspace_id).total
    if len(tag_ids) == 1:
        # The commonest choice is in the tallies.
        return next((tag.count for tag in contacts.list_tags(workspace_id) if tag.id == tag_ids[0]), 0)
    return _count_rows(select(ContactTag.contact_id).where(ContactTag.tag_id.in_(tag_ids)).distinct()) if tag_ids else 0


def _count_both(people: People) -> int:
    """People of the audience with a tag that leaves them out."""
    if people.is_everybody:
        return _count_tagged(people.workspace_id, people.excluded_ids, is_everybody=False)
    if not people.tag_ids:
        return 0
    chosen = select(ContactTag.contact_id).where(ContactTag.tag_id.in_(people.tag_ids))
    return _count_rows(
        chosen.intersect(select(ContactTag.contact_id).where(ContactTag.tag_id.in_(people.excluded_ids)))
    )


def _count_contacts(people: People, *conditions: ColumnElement[bool]) -> int:
    return db.session.scalar(select(func.count()).select_from(Contact).where(people.included, *conditions)) or 0


def _count_rows(statement: Select[Any] | CompoundSelect[Any]) -> int:
    return db.session.scalar(select(func.count()).select_from(statement.subquery())) or 0
