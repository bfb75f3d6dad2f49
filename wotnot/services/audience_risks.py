"""People of an audience whom a message would hardly reach, or reach twice: found before it is sent, left out where a draft says so.

- unreachable: the last message that could tell failed with Meta's 131026, and nothing was delivered and nobody wrote since.
- us_marketing: Meta delivers no marketing template to a number of the United States (131049, since 1 April 2025).
- capped: they have had as many marketing messages lately as the workspace allows (`frequency_caps.py`), which is not chosen here.
- duplicate: WhatsApp knows numbers of three countries in two spellings, and another contact in the audience has the other one.
"""

from collections.abc import Sequence
from functools import cache
from typing import Any

from sqlalchemy import (
    ARRAY,
    BigInteger,
    ColumnElement,
    Text,
    and_,
    any_,
    case,
    cast,
    func,
    literal,
    literal_column,
    or_,
    select,
)
from sqlalchemy.orm import aliased

from wotnot.errors import Invalid
from wotnot.extensions import db
from wotnot.models import Broadcast, Contact, Direction, Message, MessageState, MessageTally, TemplateCategory
from wotnot.services import frequency_caps
from wotnot.services.person_messages import is_in_thread
from wotnot.services.pricing.markets import PREFIX_LENGTH, country_of
from wotnot.services.tallies import REACHED_DELIVERED

US_MARKETING, UNREACHABLE, CAPPED, DUPLICATE = "us_marketing", "unreachable", "capped", "duplicate"
KINDS = (US_MARKETING, UNREACHABLE, CAPPED, DUPLICATE)
"""In the order in which somebody who is several of them counts."""

CHOOSABLE = (US_MARKETING, UNREACHABLE, DUPLICATE)
"""What a draft's `leave_out` may name; the cap is a setting of the workspace, and a switch of its own."""

NOT_REACHABLE = 131026
"""Meta's code for "not on WhatsApp", an old app, or terms that were not accepted; it never says which."""

_UNITED_STATES = "US"


def clean_leave_out(kinds: Sequence[Any]) -> list[str]:
    """Kinds of people to leave out, once each in a fixed order. Raises Invalid on `leave_out`."""
    if isinstance(kinds, str) or not all(kind in CHOOSABLE for kind in kinds):
        raise Invalid({"leave_out": f"Choose among {', '.join(CHOOSABLE)}."})
    return [kind for kind in CHOOSABLE if kind in kinds]


def kinds_for(broadcast: Broadcast) -> tuple[str, ...]:
    """The kinds that concern a broadcast: only marketing is held back from the United States, or capped."""
    template = broadcast.template
    is_marketing = template is not None and template.category is TemplateCategory.MARKETING
    others = {US_MARKETING: is_marketing, CAPPED: frequency_caps.concerns(broadcast)}
    return tuple(kind for kind in KINDS if others.get(kind, True))


def left_out_of(broadcast: Broadcast) -> tuple[str, ...]:
    """The kinds that a broadcast leaves out: those that are switched on and concern it."""
    chosen = {*broadcast.leave_out} | ({CAPPED} if not broadcast.ignores_cap else set())
    return tuple(kind for kind in kinds_for(broadcast) if kind in chosen)


def stamp(workspace_id: int, kinds: Sequence[str]) -> list[Any]:
    """What an answer about these kinds depends on beside the contacts, as JSON: while it stays, so does the answer."""
    cap = frequency_caps.stamp(workspace_id) if CAPPED in kinds else []
    if UNREACHABLE not in kinds:
        return [*kinds, *cap]
    sums = [
        cast(func.coalesce(func.sum(MessageTally.delta).filter(one), 0), BigInteger)
        for one in (
            MessageTally.cause == str(NOT_REACHABLE),
            MessageTally.reached >= REACHED_DELIVERED,
            MessageTally.direction == Direction.IN.value,
        )
    ]
    row = db.session.execute(select(*sums).where(MessageTally.workspace_id == workspace_id)).one()
    return [*kinds, *cap, *(int(one) for one in row)]


def is_at_risk(
    kind: str, workspace_id: int, gets_it: ColumnElement[bool], span: tuple[int, int] | None = None
) -> ColumnElement[bool]:
    """Whether a contact is of this kind, as SQL. `gets_it` says who else gets the message, for those in it twice; `span` the
    first and last id of those it is asked about, if it is not everybody.
    """
    if kind == US_MARKETING:
        return _is_american()
    if kind == CAPPED:
        return frequency_caps.has_had_enough(workspace_id, span)
    return _is_unreachable(workspace_id) if kind == UNREACHABLE else _is_twin(workspace_id, gets_it)


def count_americans(phones: Sequence[str]) -> int:
    """How many of these digits are numbers of the United States."""
    return sum(country_of(phone[:PREFIX_LENGTH]) == _UNITED_STATES for phone in phones)


@cache
def american_prefixes() -> tuple[str, ...]:
    """The beginnings of numbers of the United States: +1 is shared, and its area codes say whose a number is."""
    prefixes = (f"1{area}" for area in range(200, 1000))
    return tuple(prefix for prefix in prefixes if country_of(prefix) == _UNITED_STATES)


def _is_american() -> ColumnElement[bool]:
    prefix = func.left(func.coalesce(Contact.phone, ""), PREFIX_LENGTH)
    by_user_id = and_(Contact.phone.is_(None), func.starts_with(Contact.wa_user_id, f"{_UNITED_STATES}."))
    return or_(prefix == any_(literal(list(american_prefixes()), ARRAY(Text))), by_user_id)


def _is_unreachable(workspace_id: int) -> ColumnElement[bool]:
    failed, since = aliased(Message), aliased(Message)
    was_reached = select(1).where(
        since.contact_id == failed.contact_id,
        is_in_thread(since),
        since.id > failed.id,
        or_(since.reached >= REACHED_DELIVERED, since.direction == Direction.IN),
    )
    last = select(1).where(
        failed.workspace_id == workspace_id,
        failed.contact_id == Contact.id,
        failed.error_code == literal_column(str(NOT_REACHABLE)),  # as the index says it
        failed.state == MessageState.FAILED,
        ~was_reached.exists(),
    )
    return last.exists()


def _is_twin(workspace_id: int, gets_it: ColumnElement[bool]) -> ColumnElement[bool]:
    """The one of the two that was added later, so that the other still gets the message."""
    twin = aliased(Contact)
    # A query of its own: who gets it is asked about the twin, not about the contact.
    others = select(Contact.id).where(gets_it).correlate(None)
    first = select(1).where(
        twin.workspace_id == workspace_id,
        twin.phone == _other_spelling(Contact.phone),
        twin.id < Contact.id,
        twin.id.in_(others),
    )
    return and_(func.left(Contact.phone, 2).in_(("52", "54", "55")), first.exists())


def _other_spelling(phone: Any) -> ColumnElement[str | None]:
    """Mexico's mobiles with and without 1 after the code, Argentina's with and without 9, Brazil's with and without 9 after
    the area code. WhatsApp tells the old spelling of who writes, people type the new one. NULL for any other number.
    """

    def added(pattern: str, digit: str) -> tuple[ColumnElement[bool], Any]:
        return phone.op("~")(literal(pattern)), func.regexp_replace(phone, pattern, rf"\1{digit}\2")

    def taken(pattern: str) -> tuple[ColumnElement[bool], Any]:
        return phone.op("~")(literal(pattern)), func.regexp_replace(phone, pattern, r"\1\2")

    return case(
        taken(r"^(52)1(\d{10})$"),
        added(r"^(52)([2-9]\d{9})$", "1"),
        taken(r"^(54)9(\d{10})$"),
        added(r"^(54)([1-8]\d{9})$", "9"),
        taken(r"^(55\d\d)9([6-9]\d{7})$"),
        added(r"^(55\d\d)([6-9]\d{7})$", "9"),
        else_=None,
    )
