"""How many of a draft's people are to get broadcasts whose lists are not written yet, as of those that are planned: the ledger
is silent about them.

What each of them would ask at its start is asked now, by the conditions that the check page counts with, and of the draft's
people alone. A list that asks what the draft asks, as that of a copy does, has the same people without a look.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import CTE, Select, func, literal, select, union_all

from wotnot.extensions import db
from wotnot.models import Broadcast, BroadcastState, Contact, TemplateCategory
from wotnot.services import audience, audience_counts, audience_facts, audience_risks, contact_answers
from wotnot.services.segment_audience import Settled, settle, settle_frozen


@dataclass(frozen=True, slots=True)
class _List:
    """Whom a broadcast goes to, as it is now."""

    workspace_id: int
    settled: Settled
    kinds: tuple[str, ...]
    fields: audience.Variables
    needs_phone: bool

    @property
    def question(self) -> list[Any]:
        """What it asks, as JSON."""
        return [*self.settled.question, self.fields, self.needs_phone, list(self.kinds)]

    @property
    def takes_new(self) -> bool:
        """Whether a typed number that is nobody's yet gets the message: it has no value for any field."""
        return all(source.get("fallback") or source["field"] == "phone" for source in self.fields.values())


def count_shared(draft: Broadcast, planned: Sequence[Broadcast], to_send: int) -> dict[int, int]:
    """How many of a draft's `to_send` people are to get each of the broadcasts that are `planned`, by id."""
    mine, lists = _list_of(draft), {one.id: _list_of(one) for one in planned}
    others = {key: one for key, one in lists.items() if one.question != mine.question}
    counted = _remembered(mine, others) if others else {}
    return {key: min(counted.get(key, to_send), to_send) for key in lists}


def _list_of(broadcast: Broadcast) -> _List:
    template = broadcast.template
    settled = settle(broadcast.workspace_id, broadcast.audience, broadcast.exclude)
    return _List(
        broadcast.workspace_id,
        settle_frozen(broadcast) if broadcast.state is BroadcastState.EXPANDING else settled,
        audience_risks.left_out_of(broadcast),
        audience_facts.fields_of(broadcast.variables),
        template is not None and template.category is TemplateCategory.AUTHENTICATION,
    )


def _remembered(mine: _List, others: Mapping[int, _List]) -> dict[int, int]:
    def count() -> list[list[int]]:
        return _count_now(mine, others)

    asked = [mine, *others.values()]
    if any(one.settled.is_fleeting for one in asked):
        answer = count()
    else:
        stamp = audience_risks.stamp(mine.workspace_id, sorted({kind for one in asked for kind in one.kinds}))
        question = ["planned", list(others), [one.question for one in asked], stamp]
        answer = contact_answers.remember(mine.workspace_id, question, count)
    return {key: people for key, people in answer}  # noqa: C416 — pairs came back from JSON as lists


def _count_now(mine: _List, others: Mapping[int, _List]) -> list[list[int]]:
    people = audience.resolve_settled(mine.workspace_id, mine.settled, mine.kinds)
    new = frozenset(audience_counts.list_unknown(people)) if people.phones and mine.takes_new else frozenset()
    listed = audience_facts.recipients(people, mine.fields, needs_phone=mine.needs_phone)
    recipients = select(listed.c.contact_id).cte("recipients").prefix_with("MATERIALIZED", dialect="postgresql")
    counts = [_count_of(key, one, recipients, mine.kinds) for key, one in others.items()]
    return [
        [key, shared + len(new.intersection(_new_of(others[key])))]
        for key, shared in db.session.execute(union_all(*counts))
    ]


def _count_of(key: int, theirs: _List, recipients: CTE, known: Sequence[str]) -> Select[int, int]:
    """Of the `recipients` nobody is of the kinds that are `known` to be left out. One telephone in two spellings gets both
    messages whichever of its two contacts is left out.
    """
    kinds = [kind for kind in theirs.kinds if kind not in (*known, audience_risks.DUPLICATE)]
    people = audience.resolve_settled(theirs.workspace_id, theirs.settled, kinds)
    reason = audience.skip_reason(theirs.fields, needs_phone=theirs.needs_phone, people=people)
    gets_it = select(Contact.id).where(people.included, reason.is_(None)).subquery()
    return select(literal(key), func.count()).select_from(
        recipients.join(gets_it, gets_it.c.id == recipients.c.contact_id)
    )


def _new_of(theirs: _List) -> Sequence[str]:
    """The numbers that were typed for it."""
    return theirs.settled.audience.get("phones", ()) if theirs.takes_new else ()
