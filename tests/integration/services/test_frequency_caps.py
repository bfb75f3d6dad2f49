"""Nobody gets more marketing than their share: who counts as having had it, what the check page says, and who is skipped."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import select

from tests.cast import Cast
from tests.factories import make_broadcast, make_channel, make_contact, make_contacts, make_message, make_template
from wotnot import clock
from wotnot.extensions import db
from wotnot.models import Broadcast, BroadcastState, Channel, Contact, Message, TemplateCategory
from wotnot.services import audience_risks, expansion, pace_settings, preflight
from wotnot.services.broadcast_reports import SKIP_WORDS

S = BroadcastState


@pytest.fixture
def channel(cast: Cast) -> Channel:
    return make_channel(cast.workspace)


@pytest.fixture
def earlier(cast: Cast, channel: Channel) -> Callable[..., Broadcast]:
    """`earlier(contact, state=…)` makes a marketing broadcast that wrote to `contact` an hour ago."""

    def make(
        contact: Contact, *, category: Any = TemplateCategory.MARKETING, hours: int = 1, **fields: Any
    ) -> Broadcast:
        then = clock.now() - timedelta(hours=hours)
        template = make_template(cast.workspace, category=category)
        state = fields.pop("broadcast_state", S.FINISHED)
        broadcast = make_broadcast(cast.workspace, channel, template, state=state, started_at=then, finished_at=then)
        make_message(
            channel, contact, broadcast, **{"state": "delivered", "accepted_at": then, "due_at": then} | fields
        )
        return broadcast

    return make


@pytest.fixture
def draft(cast: Cast, channel: Channel) -> Broadcast:
    return make_broadcast(cast.workspace, channel, make_template(cast.workspace), audience={"all": True})


def cap(cast: Cast, messages: int = 1, days: int = 7) -> None:
    pace_settings.save_setup(cast.workspace.id, {"cap_messages": str(messages), "cap_days": str(days)})


def capped(draft: Broadcast) -> int:
    return preflight.look(draft, preflight.count_draft(draft)).by_kind.get(audience_risks.CAPPED, 0)


def skipped(draft: Broadcast) -> set[int | None]:
    """Who was skipped for it when the list was made."""
    draft.state = S.EXPANDING
    db.session.commit()
    while not expansion.expand_broadcast(draft.id, batch=2).finished:
        pass
    rows = db.session.execute(select(Message.contact_id, Message.skip_reason).where(Message.broadcast_id == draft.id))
    return {contact_id for contact_id, reason in rows if reason == "capped"}


def test_who_had_their_share_is_counted_and_skipped_with_words(cast: Cast, draft: Broadcast, earlier: Any) -> None:
    cap(cast)
    full, free, _ = make_contacts(cast.workspace, 3)
    earlier(full)
    assert capped(draft) == 1
    assert preflight.count_draft(draft).to_send == 2
    assert skipped(draft) == {full.id}
    assert SKIP_WORDS["capped"][0] == "Enough marketing for now"
    assert free.id not in skipped(draft)


@pytest.mark.parametrize(
    ("fields", "counts"),
    [
        ({}, True),
        ({"state": "read"}, True),
        ({"state": "queued", "accepted_at": None, "broadcast_state": S.SENDING}, True),
        ({"state": "queued", "accepted_at": None, "broadcast_state": S.PAUSED}, True),
        ({"state": "unknown", "accepted_at": None}, True),
        ({"state": "failed"}, False),
        ({"state": "skipped", "accepted_at": None}, False),
        ({"state": "cancelled", "accepted_at": None}, False),
        ({"category": TemplateCategory.UTILITY}, False),
        ({"hours": 7 * 24 + 1}, False),
        ({"hours": 7 * 24 - 1}, True),
    ],
)
def test_what_counts(cast: Cast, draft: Broadcast, earlier: Any, fields: dict[str, Any], counts: bool) -> None:
    cap(cast)
    contact = make_contact(cast.workspace)
    earlier(contact, **fields)
    assert capped(draft) == int(counts)
    assert skipped(draft) == ({contact.id} if counts else set())


def test_several_attempts_of_one_broadcast_are_one_message(
    cast: Cast, draft: Broadcast, earlier: Any, channel: Channel
) -> None:
    cap(cast, 2)
    contact = make_contact(cast.workspace)
    first = earlier(contact, state="unknown")
    make_message(channel, contact, first, attempt=2, state="delivered", accepted_at=clock.now())
    assert capped(draft) == 0
    earlier(contact)
    assert capped(draft) == 1


def test_a_draft_may_ignore_it(cast: Cast, draft: Broadcast, earlier: Any) -> None:
    cap(cast)
    contact = make_contact(cast.workspace)
    earlier(contact)
    draft.ignores_cap = True
    db.session.commit()
    assert preflight.count_draft(draft).to_send == 1
    assert capped(draft) == 1  # still said, so that it can be switched on again
    assert skipped(draft) == set()


def test_without_a_cap_or_for_utility_nobody_is_asked(cast: Cast, draft: Broadcast, earlier: Any) -> None:
    contact = make_contact(cast.workspace)
    earlier(contact)
    assert "capped" not in preflight.look(draft, preflight.count_draft(draft)).by_kind
    cap(cast)
    assert draft.template is not None
    draft.template.category = TemplateCategory.UTILITY
    db.session.commit()
    assert "capped" not in preflight.look(draft, preflight.count_draft(draft)).by_kind
    assert skipped(draft) == set()


def test_another_workspaces_broadcasts_do_not_count(cast: Cast, draft: Broadcast) -> None:
    cap(cast)
    contact = make_contact(cast.workspace)
    theirs = make_channel(cast.other_workspace)
    other = make_broadcast(
        cast.other_workspace, theirs, make_template(cast.other_workspace), state=S.FINISHED, finished_at=clock.now()
    )
    make_message(theirs, make_contact(cast.other_workspace), other, state="delivered", accepted_at=clock.now())
    assert capped(draft) == 0
    assert skipped(draft) == set()
    assert contact.id


def test_the_answer_follows_the_ledger(cast: Cast, draft: Broadcast, earlier: Any) -> None:
    cap(cast)
    one, two = make_contacts(cast.workspace, 2)
    assert capped(draft) == 0
    earlier(one)
    assert capped(draft) == 1
    earlier(two)
    assert capped(draft) == 2
    assert preflight.count_draft(draft).to_send == 0
