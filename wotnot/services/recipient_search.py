"""Finding recipients in a ledger of millions: which rows a view means, and the quickest way to the next few of them.

A page needs some fifty rows in the order of sending. Every state has an index in that order, so the states of a view are
walked side by side. With words to look for, neither way is quick for all of them: the walk finds common words at once and
rare ones after the whole ledger, the index of names finds rare ones at once. So the walk ends after NEAR rows, and only
then the index is asked, which by then has few people to name. What looks rare is asked of the index right away.
A country is found in the same way, see recipient_countries.py.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

from sqlalchemy import (
    ARRAY,
    BigInteger,
    ColumnElement,
    Text,
    any_,
    asc,
    desc,
    literal,
    literal_column,
    select,
    true,
    union_all,
)

from wotnot.extensions import db
from wotnot.models import Contact, Message, MessageState
from wotnot.services.contact_lists import is_rare, search_condition
from wotnot.services.keyset import Keyset
from wotnot.services.recipient_countries import FEW_PEOPLE, RARE, find_few, in_country
from wotnot.services.tallies import OUTBOUND_STATES, REACHED_ACCEPTED, REACHED_DELIVERED, REACHED_SENT, country_key

NEAR = 2_000
NEAR_COUNTRY = 50_000
"""So many rows are looked at for a country, which takes no look at a contact. The words are looked for in NEAR of those in it."""
FEW_HITS = 50_000
"""Up to this many people that match a search are looked up one by one; beyond it the ledger is walked to its end."""

_S = MessageState

Way = Callable[[Keyset], Sequence[int] | None]


@dataclass(frozen=True, slots=True)
class View:
    """Which rows a tab or a number of the funnel stands for: by state, by how far the failed ones got, or answered.

    Only a failed message may have got further than its state says, so only there `failed_from` is looked at.
    """

    states: tuple[MessageState, ...]
    failed_from: int = 0
    replied: bool = False


_DELIVERED = (_S.DELIVERED, _S.READ)
_ACCEPTED = (_S.ACCEPTED, _S.SENT, *_DELIVERED)

VIEWS: dict[str, View] = {
    "all": View(OUTBOUND_STATES),
    "waiting": View((_S.QUEUED, _S.SENDING)),
    "on_the_way": View((_S.ACCEPTED, _S.SENT)),
    "got_attempted": View((_S.UNKNOWN, *_ACCEPTED, _S.FAILED)),
    "got_accepted": View((*_ACCEPTED, _S.FAILED), REACHED_ACCEPTED),
    "got_no_further": View((_S.ACCEPTED, _S.SENT, _S.FAILED), REACHED_ACCEPTED),
    "got_sent": View((_S.SENT, *_DELIVERED, _S.FAILED), REACHED_SENT),
    "got_delivered": View(_DELIVERED),
    "got_read": View((_S.READ,)),
    "replied": View(OUTBOUND_STATES, replied=True),
    **{state.value: View((state,)) for state in OUTBOUND_STATES},
}
"""By the name used in addresses. A state's own name means the messages that are in it now."""


@dataclass(frozen=True, slots=True)
class RecipientSearch:
    """Whom to find in a broadcast: those of a view, with a cause (an error code or skip reason), in a country (ISO, "" for
    those not known), with some words.
    """

    workspace_id: int
    broadcast_id: int
    view: View
    cause: str | None = None
    country: str | None = None
    words: str | None = None

    def find(self, keyset: Keyset) -> Sequence[int]:
        """The ids of one page's messages and one more, in the keyset's order."""
        if not self.words and self.country is None:
            walk = self._walk(keyset, keyset.limit + 1)
            return db.session.scalars(select(walk.c.id)).all()
        people = self._find_people(RARE)
        if people is None and not is_rare(self.words or ""):
            found = self._find_near(keyset, NEAR)
            if len(found) > keyset.limit:
                return found
        return self._find_far(keyset, people)

    def _find_near(self, keyset: Keyset, near: int | None) -> Sequence[int]:
        """Those with the words among the next `near` rows. LATERAL, since a join may be made from its far end."""
        rows = self._next_rows(keyset, near)
        statement = select(rows.c.id)
        if self.words:
            person = (
                select(Contact.phone, Contact.search_text).where(Contact.id == rows.c.contact_id).limit(1).lateral()
            )
            statement = statement.join(person, true()).where(search_condition(self.words, person.c))
        return db.session.scalars(statement.order_by(_order(keyset)(rows.c.id)).limit(keyset.limit + 1)).all()

    def _find_far(self, keyset: Keyset, people: Sequence[int] | None) -> Sequence[int]:
        """By the people who can be meant, when they are few; else by the walk to its end."""
        ways: list[Way] = [partial(self._find_by_country, people), self._find_by_words]
        for way in reversed(ways) if is_rare(self.words or "") else ways:
            found = way(keyset)
            if found is not None:
                return found
        return self._find_near(keyset, None)

    def _find_by_words(self, keyset: Keyset) -> Sequence[int] | None:
        hits = self._hits() if self.words else None
        return None if hits is None or len(hits) > FEW_HITS else self._look_up(hits, keyset)

    def _find_by_country(self, people: Sequence[int] | None, keyset: Keyset) -> Sequence[int] | None:
        people = self._find_people(FEW_PEOPLE) if people is None else people
        if people is None:
            return None
        return self._look_up(self._hits(people) if self.words else people, keyset)

    def _find_people(self, most: int) -> Sequence[int] | None:
        """Who may be in the country; None for more than `most`, and where no country is asked for."""
        if self.country is None:
            return None
        return find_few(self.workspace_id, self.broadcast_id, self.country, most)

    def _hits(self, people: Sequence[int] | None = None) -> Sequence[int]:
        """The contacts with the words, of `people` if given; of more than FEW_HITS only some."""
        some: Any = Contact
        if people is not None:
            of_them = select(Contact.id, Contact.workspace_id, Contact.phone, Contact.search_text)
            # The OFFSET keeps the planner from looking for everybody with the words.
            some = of_them.where(Contact.id == _any_of(people)).offset(0).subquery().c
        statement = select(some.id).where(
            some.workspace_id == self.workspace_id, search_condition(self.words or "", some)
        )
        return db.session.scalars(statement.limit(FEW_HITS + 1)).all()

    def _look_up(self, hits: Sequence[int], keyset: Keyset) -> Sequence[int]:
        """Their rows; without words also those of contacts that were deleted."""
        theirs = Message.contact_id == _any_of(hits)
        statement = select(Message.id).where(
            Message.broadcast_id == self.broadcast_id,
            theirs if self.words else theirs | Message.contact_id.is_(None),
            Message.state.in_(self.view.states),
            *self._conditions(keyset),
        )
        if self.country is not None:
            statement = statement.where(in_country(self.country, _PLACE))
        if self.view.failed_from:
            statement = statement.where((Message.state != _S.FAILED) | (Message.reached >= self.view.failed_from))
        # The OFFSET keeps the planner from walking all messages in the order of their ids.
        found = statement.offset(0).subquery()
        return db.session.scalars(select(found.c.id).order_by(_order(keyset)(found.c.id)).limit(keyset.limit + 1)).all()

    def _next_rows(self, keyset: Keyset, limit: int | None) -> Any:
        """The next `limit` rows of the view; in a country those that are among so many more."""
        if self.country is None:
            return self._walk(keyset, limit)
        walk = self._walk(keyset, limit and NEAR_COUNTRY)
        theirs = select(walk.c.id, walk.c.contact_id).where(in_country(self.country, walk.c.place))
        return theirs.order_by(_order(keyset)(walk.c.id)).limit(limit).subquery()

    def _walk(self, keyset: Keyset, limit: int | None) -> Any:
        """The next `limit` rows of the view, each kind in the order of its own index, merged as they are needed."""
        order = _order(keyset)

        def rows(*conditions: Any) -> Any:
            columns = (Message.id, Message.contact_id, _PLACE.label("place"))
            statement = select(*columns).where(Message.broadcast_id == self.broadcast_id)
            statement = statement.where(*conditions, *self._conditions(keyset))
            return statement.order_by(order(Message.id)).limit(limit)

        kinds = [rows(*kind) for kind in _kinds(self.view)]
        merged = union_all(*kinds).subquery() if len(kinds) > 1 else kinds[0].subquery()
        return select(*merged.c).order_by(order(merged.c.id)).limit(limit).subquery()

    def _conditions(self, keyset: Keyset) -> list[Any]:
        conditions: list[Any] = []
        if keyset.id is not None:
            # A page further on holds later rows: the opposite of the lists that show the newest first.
            conditions.append(Message.id > keyset.id if keyset.is_older else Message.id < keyset.id)
        if self.cause is not None:
            conditions.append(self.cause == _CAUSE)
        if self.view.replied:
            conditions.append(Message.replied)
        return conditions


# As the index has it, so that it is used.
_CAUSE: ColumnElement[str] = literal_column("coalesce(messages.skip_reason, messages.error_code::text, '')", Text)
_PLACE: ColumnElement[str] = literal_column(country_key("messages"), Text)


def _order(keyset: Keyset) -> Any:
    return asc if keyset.is_older else desc


def _kinds(view: View) -> list[list[Any]]:
    """The conditions of each run of rows that an index holds in order."""
    if view.replied:
        return [[Message.replied]]
    kinds: list[list[Any]] = []
    for state in view.states:
        if state is _S.FAILED and view.failed_from:
            steps = range(view.failed_from, REACHED_DELIVERED)
            kinds += [[Message.state == state, Message.reached == step] for step in steps]
        else:
            kinds.append([Message.state == state])
    return kinds


def _any_of(ids: Sequence[int]) -> Any:
    return any_(literal(list(ids), ARRAY(BigInteger)))
