"""Who a broadcast goes to: its audience as one SQL condition over contacts, and the lists of its people.

`services/audience_counts.py` counts it. Nothing here writes. `services/expansion.py` freezes the same condition into ledger rows.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import (
    ARRAY,
    BigInteger,
    ColumnElement,
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
from wotnot.services import audience_risks as risks
from wotnot.services.keyset import Keyset
from wotnot.services.pages import Page, clamp_limit
from wotnot.services.personalise import BUILT_IN_FIELDS
from wotnot.services.segment_audience import Settled, settle
from wotnot.services.segment_sql import compile_definition

Variables = Mapping[str, Mapping[str, Any]]


@dataclass(frozen=True, slots=True)
class People:
    """An audience resolved in its workspace: conditions over Contact, the workspace's own condition first.

    `leave_out` are kinds of people (see `audience_risks.py`) who are on the list and get no message. `span` is the first and
    last id of those it is asked about, where it is asked about a part.
    """

    workspace_id: int
    condition: ColumnElement[bool]
    excluded: ColumnElement[bool] | None
    tag_ids: tuple[int, ...] = ()
    excluded_ids: tuple[int, ...] = ()
    phones: tuple[str, ...] = ()
    is_everybody: bool = False
    is_listed: bool = False
    is_filtered: bool = False
    leave_out: tuple[str, ...] = ()
    span: tuple[int, int] | None = None

    @property
    def included(self) -> ColumnElement[bool]:
        """In the audience and not left out by tag or segment."""
        return self.condition if self.excluded is None else and_(self.condition, ~self.excluded)


def resolve(
    workspace_id: int, audience: Mapping[str, Any], exclude: Mapping[str, Any], leave_out: Sequence[str] = ()
) -> People:
    """Turn a clean audience into conditions. Unknown tags match nobody; an empty audience is nobody, and so is one that names
    a segment which is gone.
    """
    return resolve_settled(workspace_id, settle(workspace_id, audience, exclude), leave_out)


def resolve_settled(workspace_id: int, settled: Settled, leave_out: Sequence[str] = ()) -> People:
    """The same for an audience whose segments are spelled out."""
    audience, exclude = settled.audience, settled.exclude
    tag_ids = _tag_ids(workspace_id, [*audience.get("tags", ()), *exclude.get("tags", ())])
    excluded_ids = [tag_ids[name.casefold()] for name in exclude.get("tags", ()) if name.casefold() in tag_ids]
    chosen_ids = [tag_ids[name.casefold()] for name in audience.get("tags", ()) if name.casefold() in tag_ids]
    mine = Contact.workspace_id == workspace_id
    return People(
        workspace_id=workspace_id,
        condition=and_(mine, _chosen(settled, chosen_ids)),
        excluded=_left_out(settled, excluded_ids),
        tag_ids=tuple(chosen_ids),
        excluded_ids=tuple(excluded_ids),
        phones=tuple(audience.get("phones", ())),
        is_everybody=bool(audience.get("all")),
        is_listed=bool(audience.get("phones") or audience.get("contact_ids")),
        is_filtered=settled.is_filtered,
        leave_out=tuple(leave_out),
    )


def skip_reason(variables: Variables, *, needs_phone: bool, people: People) -> ColumnElement[str | None]:
    """Why a contact of `people` gets no message, as SQL: the first that applies, else NULL.

    `needs_phone` is true for authentication templates, which Meta refuses to send to a user id (131062).
    """
    reasons: list[tuple[ColumnElement[bool], Any]] = [(Contact.consent == Consent.OPTED_OUT, literal("opted_out"))]
    if needs_phone:
        reasons.append((Contact.phone.is_(None), literal("no_number")))
    reasons += [(is_so, literal(kind)) for kind, is_so in _at_risk(people)]
    if required := _required(variables):
        reasons.append((or_(*[is_blank(name) for name in required]), literal("missing_value")))
    if risks.DUPLICATE in people.leave_out:
        # Last: of two contacts of one line one is left out only for another that gets the message.
        gets_it = and_(people.included, case(*reasons, else_=None).is_(None))
        reasons.append((risks.is_at_risk(risks.DUPLICATE, people.workspace_id, gets_it), literal(risks.DUPLICATE)))
    return case(*reasons, else_=None)


def may_get_it(people: People) -> ColumnElement[bool]:
    """In the audience, not opted out and of no kind that is left out: whose message can be looked at beforehand."""
    conditions = [people.included, Contact.consent != Consent.OPTED_OUT, *(~is_so for _, is_so in _at_risk(people))]
    if risks.DUPLICATE in people.leave_out:
        conditions.append(~risks.is_at_risk(risks.DUPLICATE, people.workspace_id, and_(*conditions)))
    return and_(*conditions)


def _at_risk(people: People) -> list[tuple[str, ColumnElement[bool]]]:
    kinds = [kind for kind in people.leave_out if kind != risks.DUPLICATE]
    return [(kind, risks.is_at_risk(kind, people.workspace_id, people.included, people.span)) for kind in kinds]


def is_of_kind(people: People, kind: str, variables: Variables, *, needs_phone: bool) -> ColumnElement[bool]:
    """Whether somebody gets nothing because they are of this kind; where it is not left out, whether they get it all the same."""
    reason = skip_reason(variables, needs_phone=needs_phone, people=people)
    gets_it = and_(people.included, reason.is_(None))
    at_risk = risks.is_at_risk(kind, people.workspace_id, gets_it)
    if kind not in people.leave_out:
        return and_(gets_it, at_risk)
    is_why = and_(people.included, reason == kind)
    # Said twice for those who are looked up by it: few among many.
    return is_why if kind == risks.DUPLICATE else and_(is_why, at_risk)


def list_people(
    people: People,
    why: str,
    variables: Variables,
    *,
    needs_phone: bool = False,
    cursor: str | None = None,
    limit: int | None = None,
) -> Page[Contact]:
    """People of the audience by `why`: opted_out, excluded, missing_value, no_number, a kind of `audience_risks.KINDS`,
    `blank:<field>`; "" for all.

    Raises Invalid for another reason or a foreign cursor.
    """
    keyset = Keyset.decode(cursor, clamp_limit(limit))
    statement = (
        select(Contact)
        .where(_condition_of(people, why, variables, needs_phone=needs_phone), keyset.condition(Contact.id))
        .order_by(keyset.order(Contact.id))
        .limit(keyset.limit + 1)
    )
    return keyset.page(list(db.session.scalars(statement)), lambda contact: contact.id)


def _condition_of(people: People, why: str, variables: Variables, *, needs_phone: bool) -> ColumnElement[bool]:
    if why in risks.KINDS:
        return is_of_kind(people, why, variables, needs_phone=needs_phone)
    if why.startswith("blank:"):
        return and_(people.included, Contact.consent != Consent.OPTED_OUT, is_blank(why.removeprefix("blank:")))
    lacks_value = skip_reason(variables, needs_phone=False, people=people) == "missing_value"
    known = {
        "": people.condition,
        "excluded": and_(people.condition, people.excluded if people.excluded is not None else false()),
        "opted_out": and_(people.included, Contact.consent == Consent.OPTED_OUT),
        "no_number": and_(people.included, Contact.phone.is_(None)),
        "missing_value": and_(people.included, lacks_value),
    }
    if why not in known:
        names = ", ".join([*filter(None, known), *risks.KINDS])
        raise Invalid({"why": f"Choose {names} or blank:<field>."})
    return known[why]


def _tag_ids(workspace_id: int, names: Sequence[str]) -> dict[str, int]:
    if not names:
        return {}
    wanted = {name.casefold(): name for name in names}
    lowered = select(func.lower(func.unnest(literal(list(wanted.values()), ARRAY(Text)))))
    rows = db.session.execute(
        select(Tag.name, Tag.id).where(Tag.workspace_id == workspace_id, func.lower(Tag.name).in_(lowered))
    )
    return {name.casefold(): tag_id for name, tag_id in rows}


def _chosen(settled: Settled, tag_ids: Sequence[int]) -> ColumnElement[bool]:
    audience = settled.audience
    if settled.filter and settled.context:
        return compile_definition(settled.filter, settled.context)
    if audience.get("all"):
        return true()
    if audience.get("tags"):
        return _tagged(tag_ids) if tag_ids else false()
    if audience.get("contact_ids"):
        return Contact.id == any_(literal(list(audience["contact_ids"]), ARRAY(BigInteger)))
    if audience.get("phones"):
        return Contact.phone == any_(literal(list(audience["phones"]), ARRAY(Text)))
    return false()


def _left_out(settled: Settled, tag_ids: Sequence[int]) -> ColumnElement[bool] | None:
    """Who is in the audience and gets nothing all the same; None where nobody can be."""
    ways = [_has_tag(tag_ids)] if tag_ids else []
    if settled.context:
        ways += [compile_definition(definition, settled.context) for definition in settled.filters]
    return or_(*ways) if ways else None


def _tagged(tag_ids: Sequence[int]) -> ColumnElement[bool]:
    return Contact.id.in_(select(ContactTag.contact_id).where(ContactTag.tag_id.in_(tag_ids)))


def _has_tag(tag_ids: Sequence[int]) -> ColumnElement[bool]:
    """The same, asked for each contact: what a page looks at are few, and for all of them the planner joins."""
    return select(1).where(ContactTag.contact_id == Contact.id, ContactTag.tag_id.in_(tag_ids)).exists()


def _required(variables: Variables) -> list[str]:
    """Fields without a fallback: who has no value for one of them cannot get the message."""
    return [source["field"] for source in variables.values() if source.get("field") and not source.get("fallback")]


def is_blank(name: str) -> ColumnElement[bool]:
    """SQL twin of `personalise.value_of(…) == ""`."""
    if name in BUILT_IN_FIELDS:
        column = {"name": Contact.name, "first_name": Contact.name, "email": Contact.email, "phone": Contact.phone}[
            name
        ]
        return func.btrim(func.coalesce(column, ""), " \t\n\r") == ""
    return func.btrim(func.coalesce(Contact.attributes.op("->>")(name), ""), " \t\n\r") == ""
