"""Finding recipients in a ledger of millions: which rows a view means, and the quickest way to the next few of them.

A page needs some fifty rows in the order of sending. Every state has an index in that order, so the states of a view are
walked side by side. With words to look for, neither way is quick for all of them: the walk finds common words at once and
rare ones after the whole ledger, the index of names finds rare ones at once. So the walk ends after NEAR rows, and only
then the index is asked, which by then has few people to name. What looks rare is asked of the index right away.
"""

from collections.abc import Sequence
from dataclasses import dataclass
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
from wotnot.services.tallies import OUTBOUND_STATES, REACHED_ACCEPTED, REACHED_DELIVERED, REACHED_SENT

NEAR = 2_000
FEW_HITS = 50_000
"""Up to this many people that match a search are looked up one by one; beyond it the ledger is walked to its end."""

_S = MessageState


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
    """Whom to find in a broadcast: those of a view, with a cause (an error code or skip reason), with some words."""

    workspace_id: int
    broadcast_id: int
    view: View
    cause: str | None = None
    words: str | None = None

    def find(self, keyset: Keyset) -> Sequence[int]:
        """The ids of one page's messages and one more, in the keyset's order."""
        if not self.words:
            walk = self._walk(keyset, keyset.limit + 1)
            return db.session.scalars(select(walk.c.id)).all()
        if not is_rare(self.words):
            found = self._find_near(keyset, NEAR)
            if len(found) > keyset.limit:
                return found
        hits = self._few_hits()
        return self._find_near(keyset, None) if hits is None else self._look_up(hits, keyset)

    def _find_near(self, keyset: Keyset, near: int | None) -> Sequence[int]:
        """Those with the words among the next `near` rows. LATERAL, since a join may be made from its far end."""
        walk = self._walk(keyset, near)
        person = select(Contact.phone, Contact.search_text).where(Contact.id == walk.c.contact_id).limit(1).lateral()
        statement = select(walk.c.id).join(person, true()).where(search_condition(self.words or "", person.c))
        return db.session.scalars(statement.order_by(_order(keyset)(walk.c.id)).limit(keyset.limit + 1)).all()

    def _few_hits(self) -> Sequence[int] | None:
        """The contacts with the words, or None when they are many."""
        statement = select(Contact.id).where(
            Contact.workspace_id == self.workspace_id, search_condition(self.words or "")
        )
        hits = db.session.scalars(statement.limit(FEW_HITS + 1)).all()
        return hits if len(hits) <= FEW_HITS else None

    def _look_up(self, hits: Sequence[int], keyset: Keyset) -> Sequence[int]:
        statement = select(Message.id).where(
            Message.broadcast_id == self.broadcast_id,
            Message.contact_id == any_(literal(list(hits), ARRAY(BigInteger))),
            Message.state.in_(self.view.states),
            *self._conditions(keyset),
        )
        if self.view.failed_from:
            statement = statement.where((Message.state != _S.FAILED) | (Message.reached >= self.view.failed_from))
        return db.session.scalars(statement.order_by(_order(keyset)(Message.id)).limit(keyset.limit + 1)).all()

    def _walk(self, keyset: Keyset, limit: int | None) -> Any:
        """The next `limit` rows of the view, each kind in the order of its own index, merged as they are needed."""
        order = _order(keyset)

        def rows(*conditions: Any) -> Any:
            statement = select(Message.id, Message.contact_id).where(Message.broadcast_id == self.broadcast_id)
            statement = statement.where(*conditions, *self._conditions(keyset))
            return statement.order_by(order(Message.id)).limit(limit)

        kinds = [rows(*kind) for kind in self._kinds()]
        merged = union_all(*kinds).subquery() if len(kinds) > 1 else kinds[0].subquery()
        return select(merged.c.id, merged.c.contact_id).order_by(order(merged.c.id)).limit(limit).subquery()

    def _kinds(self) -> list[list[Any]]:
        """The conditions of each run of rows that an index holds in order."""
        if self.view.replied:
            return [[Message.replied]]
        kinds: list[list[Any]] = []
        for state in self.view.states:
            if state is _S.FAILED and self.view.failed_from:
                steps = range(self.view.failed_from, REACHED_DELIVERED)
                kinds += [[Message.state == state, Message.reached == step] for step in steps]
            else:
                kinds.append([Message.state == state])
        return kinds

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


def _order(keyset: Keyset) -> Any:
    return asc if keyset.is_older else desc
