"""Who a broadcast goes to: its audience as one SQL condition over contacts, counted and walked.

Nothing here writes. `services/expansion.py` freezes the same condition into ledger rows.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from sqlalchemy import (
    ARRAY,
    BigInteger,
    ColumnElement,
    CompoundSelect,
    Select,
    Text,
    and_,
    any_,
    case,
    false,
    func,
    literal,
    or_,
    select,
    true,
)

from wotnot.errors import Invalid
from wotnot.extensions import db
from wotnot.models import Consent, Contact, ContactTag, Tag
from wotnot.services import contacts
from wotnot.services.keyset import Keyset
from wotnot.services.pages import Page, clamp_limit
from wotnot.services.personalise import BUILT_IN_FIELDS

Variables = Mapping[str, Mapping[str, str]]


@dataclass(frozen=True, slots=True)
class People:
    """An audience resolved in its workspace: conditions over Contact, the workspace's own condition first."""

    workspace_id: int
    condition: ColumnElement[bool]
    excluded: ColumnElement[bool] | None
    tag_ids: tuple[int, ...] = ()
    excluded_ids: tuple[int, ...] = ()
    phones: tuple[str, ...] = ()
    is_everybody: bool = False
    is_listed: bool = False

    @property
    def included(self) -> ColumnElement[bool]:
        """In the audience and not left out by tag."""
        return self.condition if self.excluded is None else and_(self.condition, ~self.excluded)


@dataclass(frozen=True, slots=True)
class AudienceCount:
    """People in the audience, and why some get no message: total = excluded + opted_out + no_number + missing + to_send.

    `missing_by_variable` and `fallback_by_variable` count people among those to be messaged (missing: among the
    rest) by template variable; `missing` counts each person once.
    """

    total: int
    excluded: int
    opted_out: int
    no_number: int
    missing: int
    to_send: int
    missing_by_variable: dict[str, int] = field(default_factory=dict)
    fallback_by_variable: dict[str, int] = field(default_factory=dict)

    @property
    def left_out(self) -> int:
        """Everybody in the audience who gets no message."""
        return self.total - self.to_send


def resolve(workspace_id: int, audience: Mapping[str, Any], exclude: Mapping[str, Any]) -> People:
    """Turn a clean audience into conditions. Unknown tags match nobody; an empty audience is nobody."""
    tag_ids = _tag_ids(workspace_id, [*audience.get("tags", ()), *exclude.get("tags", ())])
    excluded_ids = [tag_ids[name.casefold()] for name in exclude.get("tags", ()) if name.casefold() in tag_ids]
    chosen_ids = [tag_ids[name.casefold()] for name in audience.get("tags", ()) if name.casefold() in tag_ids]
    mine = Contact.workspace_id == workspace_id
    return People(
        workspace_id=workspace_id,
        condition=and_(mine, _chosen(audience, chosen_ids)),
        excluded=_tagged(excluded_ids) if excluded_ids else None,
        tag_ids=tuple(chosen_ids),
        excluded_ids=tuple(excluded_ids),
        phones=tuple(audience.get("phones", ())),
        is_everybody=bool(audience.get("all")),
        is_listed=bool(audience.get("phones") or audience.get("contact_ids")),
    )


def skip_reason(variables: Variables, *, needs_phone: bool) -> ColumnElement[str | None]:
    """Why a contact of the audience gets no message, as SQL: the first that applies, else NULL.

    `needs_phone` is true for authentication templates, which Meta refuses to send to a user id (131062).
    """
    reasons: list[tuple[ColumnElement[bool], Any]] = [(Contact.consent == Consent.OPTED_OUT, literal("opted_out"))]
    if needs_phone:
        reasons.append((Contact.phone.is_(None), literal("no_number")))
    if required := _required(variables):
        reasons.append((or_(*[_is_blank(name) for name in required]), literal("missing_value")))
    return case(*reasons, else_=None)


def count_audience(
    workspace_id: int,
    audience: Mapping[str, Any],
    exclude: Mapping[str, Any] | None = None,
    variables: Variables | None = None,
    *,
    needs_phone: bool = False,
) -> AudienceCount:
    """How many people an audience has, how many of them get a message, and why the others do not."""
    people = resolve(workspace_id, audience, exclude or {})
    fields = {key: source for key, source in (variables or {}).items() if source.get("field")}
    if not people.is_listed:
        counted = _count_by_indexes(people, needs_phone=needs_phone)
        return _with_blanks(counted, people, fields, needs_phone=needs_phone) if fields else counted
    row = db.session.execute(_counters(people, fields, needs_phone=needs_phone)).one()
    counts = {name: int(value or 0) for name, value in row._mapping.items()}  # noqa: SLF001 — SQLAlchemy's public name
    unknown = len(people.phones) - counts["total"] if people.phones else 0
    return _count_of(counts, fields, unknown)


def person_at(people: People, position: int) -> Contact | None:
    """The contact at `position` (from 1) among those of the audience who may be messaged, in the order of sending."""
    statement = (
        select(Contact)
        .where(people.included, Contact.consent != Consent.OPTED_OUT)
        .order_by(Contact.id)
        .offset(max(position, 1) - 1)
        .limit(1)
    )
    return db.session.scalar(statement)


def list_people(
    people: People, why: str, variables: Variables, *, cursor: str | None = None, limit: int | None = None
) -> Page[Contact]:
    """People of the audience by `why`: opted_out, excluded, missing_value, no_number, `blank:<field>`; "" for all.

    Raises Invalid for another reason or a foreign cursor.
    """
    keyset = Keyset.decode(cursor, clamp_limit(limit))
    statement = (
        select(Contact)
        .where(_condition_of(people, why, variables), keyset.condition(Contact.id))
        .order_by(keyset.order(Contact.id))
        .limit(keyset.limit + 1)
    )
    return keyset.page(list(db.session.scalars(statement)), lambda contact: contact.id)


def _condition_of(people: People, why: str, variables: Variables) -> ColumnElement[bool]:
    if not why:
        return people.condition
    if why == "excluded":
        return and_(people.condition, people.excluded if people.excluded is not None else false())
    if why == "opted_out":
        return and_(people.included, Contact.consent == Consent.OPTED_OUT)
    if why == "no_number":
        return and_(people.included, Contact.phone.is_(None))
    if why == "missing_value":
        return and_(people.included, skip_reason(variables, needs_phone=False) == "missing_value")
    if why.startswith("blank:"):
        return and_(people.included, Contact.consent != Consent.OPTED_OUT, _is_blank(why.removeprefix("blank:")))
    raise Invalid({"why": "Choose opted_out, excluded, missing_value, no_number or blank:<field>."})


def _tag_ids(workspace_id: int, names: Sequence[str]) -> dict[str, int]:
    if not names:
        return {}
    wanted = {name.casefold(): name for name in names}
    lowered = select(func.lower(func.unnest(literal(list(wanted.values()), ARRAY(Text)))))
    rows = db.session.execute(
        select(Tag.name, Tag.id).where(Tag.workspace_id == workspace_id, func.lower(Tag.name).in_(lowered))
    )
    return {name.casefold(): tag_id for name, tag_id in rows}


def _chosen(audience: Mapping[str, Any], tag_ids: Sequence[int]) -> ColumnElement[bool]:
    if audience.get("all"):
        return true()
    if audience.get("tags"):
        return _tagged(tag_ids) if tag_ids else false()
    if audience.get("contact_ids"):
        return Contact.id == any_(literal(list(audience["contact_ids"]), ARRAY(BigInteger)))
    if audience.get("phones"):
        return Contact.phone == any_(literal(list(audience["phones"]), ARRAY(Text)))
    return false()


def _tagged(tag_ids: Sequence[int]) -> ColumnElement[bool]:
    return Contact.id.in_(select(ContactTag.contact_id).where(ContactTag.tag_id.in_(tag_ids)))


def _required(variables: Variables) -> list[str]:
    """Fields without a fallback: who has no value for one of them cannot get the message."""
    return [source["field"] for source in variables.values() if source.get("field") and not source.get("fallback")]


def _is_blank(name: str) -> ColumnElement[bool]:
    """SQL twin of `personalise.value_of(…) == ""`."""
    if name in BUILT_IN_FIELDS:
        column = {"name": Contact.name, "first_name": Contact.name, "email": Contact.email, "phone": Contact.phone}[
            name
        ]
        return func.btrim(func.coalesce(column, ""), " \t\n\r") == ""
    return func.btrim(func.coalesce(Contact.attributes.op("->>")(name), ""), " \t\n\r") == ""


def _counters(people: People, fields: Variables, *, needs_phone: bool) -> Select[Any]:
    """Looks at each person once: what is so about them first, then the counts of it."""
    excluded = people.excluded if people.excluded is not None else false()
    facts = (
        select(
            excluded.label("is_excluded"),
            skip_reason(fields, needs_phone=needs_phone).label("reason"),
            *(_is_blank(source["field"]).label(f"is_blank_{index}") for index, source in enumerate(fields.values())),
        )
        .where(people.condition)
        .cte("facts")
        .prefix_with("MATERIALIZED", dialect="postgresql")
    )
    stays = ~facts.c.is_excluded
    goes = and_(stays, facts.c.reason.is_(None))

    def count(condition: ColumnElement[bool], name: str) -> ColumnElement[int]:
        return func.count().filter(condition).label(name)

    columns: list[ColumnElement[Any]] = [
        func.count().label("total"),
        count(facts.c.is_excluded, "excluded"),
        count(goes, "to_send"),
        *(count(and_(stays, facts.c.reason == why), why) for why in ("opted_out", "no_number", "missing_value")),
    ]
    for index, source in enumerate(fields.values()):
        asked = goes if source.get("fallback") else and_(stays, facts.c.reason.is_distinct_from("opted_out"))
        columns.append(count(and_(asked, facts.c[f"is_blank_{index}"]), f"blank_{index}"))
    return select(*columns).select_from(facts)


def _count_of(counts: Mapping[str, int], fields: Variables, unknown: int) -> AudienceCount:
    """`unknown` phones become contacts at the start; until then they have no name and no attribute."""
    blank = {key: counts[f"blank_{index}"] + unknown for index, key in enumerate(fields)}
    blocked = (
        unknown if any(source["field"] != "phone" and not source.get("fallback") for source in fields.values()) else 0
    )
    return AudienceCount(
        total=counts["total"] + unknown,
        excluded=counts["excluded"],
        opted_out=counts["opted_out"],
        no_number=counts["no_number"],
        missing=counts["missing_value"] + blocked,
        to_send=counts["to_send"] + unknown - blocked,
        missing_by_variable={key: n for key, n in blank.items() if n and not fields[key].get("fallback")},
        fallback_by_variable={key: n for key, n in blank.items() if n and fields[key].get("fallback")},
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
    reason = skip_reason(fields, needs_phone=needs_phone)
    columns: list[ColumnElement[Any]] = [func.count().filter(reason == "missing_value").label("missing")]
    for index, source in enumerate(fields.values()):
        asked = and_(_is_blank(source["field"]), reason.is_(None) if source.get("fallback") else true())
        columns.append(func.count().filter(asked).label(f"blank_{index}"))
    lacks_one = or_(*(_is_blank(name) for name in {source["field"] for source in fields.values()}))
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
