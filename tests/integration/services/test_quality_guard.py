"""Marketing from a number that Meta rates low goes only after somebody has said so, on every way by which it could begin."""

from typing import Any

import pytest

from tests.cast import Cast
from tests.factories import make_broadcast, make_channel, make_contacts, make_message, make_template
from wotnot import clock
from wotnot.errors import Conflict
from wotnot.extensions import db
from wotnot.models import Broadcast, BroadcastState, Channel, Message, Template, ToldBy
from wotnot.services import broadcasts, expansion, quality_guard, receipts
from wotnot.services.channel_changes import change_channel
from wotnot.services.transaction import transaction
from wotnot.services.whatsapp.parse import Receipt

S = BroadcastState
LOST = 131000


@pytest.fixture
def low(cast: Cast) -> Channel:
    return make_channel(cast.workspace, quality_rating="RED")


@pytest.fixture
def marketing(cast: Cast) -> Template:
    make_contacts(cast.workspace, 3)
    return make_template(cast.workspace, category="marketing")


def fresh(broadcast: Broadcast) -> Broadcast:
    db.session.expire_all()
    return db.session.get_one(Broadcast, broadcast.id)


def retry(workspace_id: int, broadcast_id: int, **fields: Any) -> Broadcast:
    broadcasts.retry_broadcast(workspace_id, broadcast_id, "failed", **fields)
    return broadcasts.get_broadcast(workspace_id, broadcast_id)


@pytest.mark.parametrize(
    ("move", "state"),
    [
        (broadcasts.start_broadcast, S.DRAFT),
        (broadcasts.start_broadcast, S.SCHEDULED),
        (broadcasts.resume_broadcast, S.PAUSED),
        (retry, S.FINISHED),
    ],
)
def test_it_goes_only_after_somebody_has_said_so(
    cast: Cast, low: Channel, marketing: Template, move: Any, state: BroadcastState
) -> None:
    broadcast = make_broadcast(cast.workspace, low, marketing, state=state)
    make_message(low, make_contacts(cast.workspace, 1)[0], broadcast, state="failed", reached=1)
    with pytest.raises(Conflict) as refused:
        move(cast.workspace.id, broadcast.id)
    assert refused.value.code == quality_guard.LOW_QUALITY
    assert "wait until the quality is better" in refused.value.detail
    assert fresh(broadcast).state is state
    gone = move(cast.workspace.id, broadcast.id, despite_quality=True)
    assert (gone.state in {S.EXPANDING, S.SENDING}, gone.despite_quality) == (True, True)


@pytest.mark.parametrize(("rating", "category"), [("RED", "utility"), ("YELLOW", "marketing"), ("", "marketing")])
def test_nothing_else_is_asked_about(cast: Cast, rating: str, category: str) -> None:
    channel = make_channel(cast.workspace, quality_rating=rating)
    draft = make_broadcast(cast.workspace, channel, make_template(cast.workspace, category=category))
    assert broadcasts.start_broadcast(cast.workspace.id, draft.id).state is S.EXPANDING


@pytest.mark.parametrize(("confirmed", "state"), [(False, S.PAUSED), (True, S.SENDING)])
def test_a_number_that_turns_red_while_the_list_is_prepared(
    cast: Cast, marketing: Template, confirmed: bool, state: BroadcastState
) -> None:
    channel = make_channel(cast.workspace)
    draft = make_broadcast(cast.workspace, channel, marketing)
    broadcasts.start_broadcast(cast.workspace.id, draft.id, despite_quality=confirmed)
    turn_red(channel)
    assert expansion.expand_broadcast(draft.id).finished
    found = fresh(draft)
    assert (found.state, found.reason) == (state, "" if confirmed else quality_guard.HELD)
    if not confirmed:
        gone = broadcasts.resume_broadcast(cast.workspace.id, draft.id, despite_quality=True)
        assert (gone.state, gone.reason) == (S.SENDING, "")


def test_a_word_that_was_given_ends_when_the_number_turns_red(cast: Cast, marketing: Template) -> None:
    channel = make_channel(cast.workspace)
    broadcast = make_broadcast(cast.workspace, channel, marketing, state=S.SENDING, despite_quality=True)
    turn_red(channel)
    assert (fresh(broadcast).state, fresh(broadcast).despite_quality) == (S.PAUSED, False)


@pytest.mark.parametrize(("confirmed", "state"), [(False, S.PAUSED), (True, S.SENDING)])
def test_a_retry_by_itself_reopens_nothing_that_nobody_spoke_for(
    cast: Cast, low: Channel, marketing: Template, confirmed: bool, state: BroadcastState
) -> None:
    broadcast = make_broadcast(cast.workspace, low, marketing, state=S.FINISHED, despite_quality=confirmed)
    contact = make_contacts(cast.workspace, 1)[0]
    message = make_message(low, contact, broadcast, state="accepted", reached=2, wamid="wamid.1")
    lose(low, message)
    found = fresh(broadcast)
    assert (found.state, found.reason) == (state, "" if confirmed else quality_guard.HELD)


def turn_red(channel: Channel) -> None:
    with transaction():
        change_channel(channel, {"quality_rating": "RED"}, ToldBy.WEBHOOK)


def lose(channel: Channel, message: Message) -> None:
    """Meta says that it lost a message through a fault of its own, which is tried again by itself."""
    facts = {"phone_number_id": channel.phone_number_id, "wamid": message.wamid or "", "status": "failed"}
    with transaction():
        receipts.apply_receipts([Receipt(at=clock.now(), error={"code": LOST, "title": "x"}, **facts)])
