"""The sender and everybody's peace: quiet hours asked again at the claim, the number's limit, its quality, too many failures."""

import math
from datetime import timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from flask import Flask
from sqlalchemy import func, select

from tests.cast import Cast
from tests.factories import make_broadcast, make_channel, make_contact, make_contacts, make_message, make_template
from tests.sandbox_control import SandboxControl
from wotnot import clock
from wotnot.extensions import db
from wotnot.models import Broadcast, BroadcastState, Message, MessageState
from wotnot.services import broadcasts, channels, failure_watch, pace_settings, send_streams
from wotnot.services.sender import Sender

BODY = {"type": "BODY", "text": "Hi {{1}}, the shop opens at nine.", "example": {"body_text": [["Ann"]]}}
PEOPLE = 12
S = BroadcastState


@pytest.fixture
def broadcast(committed_cast: Cast, sandbox: SandboxControl) -> Broadcast:
    """Marketing to twelve people, sending at 200 a second."""
    sandbox.set(webhooks=False, endings=False, pair_limit=False, rate_per_second=0, review_after_s=0)
    content = {"name": "opening", "language": "en", "category": "MARKETING", "components": [BODY]}
    sandbox.post(f"/v24.0/{sandbox.WABA_ID}/message_templates?access_token={sandbox.TOKEN}", content)
    workspace = committed_cast.workspace
    channel = make_channel(workspace, phone_number_id=sandbox.PHONE_NUMBER_ID, rate_per_second=200)
    template = make_template(workspace, name="opening", components=[BODY])
    broadcast = make_broadcast(workspace, channel, template, state=S.SENDING)
    for contact in make_contacts(workspace, PEOPLE):
        make_message(channel, contact, broadcast)
    return broadcast


def send(app: Flask, seconds: float = 2) -> None:
    Sender(app, threads=16, idle_seconds=0.2, max_seconds=seconds).run()


def count(state: str) -> int:
    db.session.expire_all()
    return db.session.scalar(select(func.count()).where(Message.state == state).select_from(Message)) or 0


def test_what_is_claimed_in_quiet_hours_is_not_sent(
    app: Flask, broadcast: Broadcast, committed_cast: Cast, sandbox: SandboxControl
) -> None:
    """Due since the afternoon, found at night: after a pause, or because the list was long."""
    here = clock.now().astimezone(ZoneInfo("Africa/Johannesburg"))
    # Whatever time it is there now, it is quiet for another hour or two; in New York it is not.
    hours = {"quiet_from": f"{here - timedelta(hours=1):%H:%M}", "quiet_to": f"{here + timedelta(hours=2):%H:%M}"}
    pace_settings.save_setup(broadcast.workspace_id, hours)
    assert broadcast.channel is not None
    awake = make_contact(committed_cast.workspace, phone="12125550123")
    make_message(broadcast.channel, awake, broadcast)
    send(app)
    assert (count("queued"), count("accepted")) == (PEOPLE, 1)
    rows = db.session.scalars(select(Message).where(Message.state == MessageState.QUEUED)).all()
    assert {row.hold_reason for row in rows} == {"quiet"}
    ends_at = (here + timedelta(hours=2)).replace(second=0, microsecond=0)
    assert {row.due_at for row in rows} == {ends_at.astimezone(ZoneInfo("UTC"))}
    assert list(sandbox.sends()["to"]) == ["12125550123"]
    assert broadcast.state is S.SENDING


def test_quiet_hours_that_are_over_or_switched_off_hold_nobody(
    app: Flask, broadcast: Broadcast, committed: Any, sandbox: SandboxControl
) -> None:
    here = clock.now().astimezone(ZoneInfo("Africa/Johannesburg"))
    hours = {"quiet_from": f"{here - timedelta(hours=1):%H:%M}", "quiet_to": f"{here + timedelta(hours=2):%H:%M}"}
    pace_settings.save_setup(broadcast.workspace_id, hours)
    broadcast.sends_in_quiet_hours = True
    db.session.commit()
    send(app)
    assert count("accepted") == PEOPLE


# ---------------------------------------------------------------- the number's limit


def written_to(broadcast: Broadcast, cast: Cast, people: int, hours: int) -> None:
    """So many people who got a single template so long ago."""
    assert broadcast.channel is not None
    then = clock.now() - timedelta(hours=hours)
    for contact in make_contacts(cast.workspace, people):
        make_message(broadcast.channel, contact, type="template", state="delivered", reached=4, accepted_at=then)


def test_it_stops_at_the_limit_less_the_reserve_and_says_when_there_is_room(
    app: Flask, broadcast: Broadcast, committed_cast: Cast, sandbox: SandboxControl
) -> None:
    assert broadcast.channel is not None
    broadcast.channel.messaging_limit = "TIER_50"
    written_to(broadcast, committed_cast, 40, hours=20)
    send(app)
    allowed = 50 - math.ceil(50 * 0.05) - 40
    assert (count("accepted"), count("queued")) == (allowed, PEOPLE - allowed)
    db.session.refresh(broadcast)
    assert broadcast.state is S.SENDING
    assert broadcast.reason.startswith("Held: the number’s limit. Meta allows 50 people in any 24 hours, and 3 of them")
    assert broadcast.waits_until is not None
    assert timedelta(hours=3, minutes=55) < broadcast.waits_until - clock.now() < timedelta(hours=4, minutes=5)
    # Nobody asks for it again before, and single messages still go.
    assert send_streams.read_snapshot().broadcasts == []
    send(app, 0.5)
    assert count("accepted") == allowed


def test_who_is_planned_when_the_limit_is_reached_still_gets_it(
    app: Flask, broadcast: Broadcast, committed_cast: Cast, sandbox: SandboxControl
) -> None:
    """Slowly, so that some of the last places are still planned when no more can be claimed."""
    assert broadcast.channel is not None
    broadcast.channel.messaging_limit, broadcast.channel.rate_per_second = "TIER_50", 5
    written_to(broadcast, committed_cast, 37, hours=20)
    send(app, 4)
    assert (count("accepted"), count("queued")) == (10, PEOPLE - 10)
    db.session.refresh(broadcast)
    assert broadcast.waits_for == "limit"


def test_it_goes_on_when_there_is_room(
    app: Flask, broadcast: Broadcast, committed_cast: Cast, sandbox: SandboxControl
) -> None:
    assert broadcast.channel is not None
    broadcast.channel.messaging_limit = "TIER_50"
    written_to(broadcast, committed_cast, 47, hours=25)
    broadcast.waits_until, broadcast.waits_for, broadcast.reason = clock.now(), "limit", "Held: the number’s limit."
    db.session.commit()
    send(app)
    assert count("accepted") == PEOPLE
    db.session.refresh(broadcast)
    assert (broadcast.reason, broadcast.waits_until, broadcast.waits_for) == ("", None, "")
    assert broadcast.state is S.FINISHED


def test_no_reserve_is_all_of_it(
    app: Flask, broadcast: Broadcast, committed_cast: Cast, sandbox: SandboxControl
) -> None:
    pace_settings.save_setup(broadcast.workspace_id, {"reserve_percent": "0"})
    assert broadcast.channel is not None
    broadcast.channel.messaging_limit = "TIER_50"
    written_to(broadcast, committed_cast, 40, hours=20)
    send(app)
    assert count("accepted") == 10


# ---------------------------------------------------------------- quality


def test_yellow_halves_the_pace_red_pauses_and_green_waits_for_somebody(
    broadcast: Broadcast, committed: Any, sandbox: SandboxControl
) -> None:
    number = f"/sandbox/numbers/{sandbox.PHONE_NUMBER_ID}"
    ids, broadcast_id = (broadcast.workspace_id, broadcast.channel_id or 0), broadcast.id

    def rated(quality: str) -> int:
        sandbox.post(number, {"quality_rating": quality})
        channels.refresh_channel(*ids)
        db.session.expire_all()
        facts = send_streams.read_snapshot().channels.get(ids[1])
        return facts.rate if facts else 0

    def state() -> BroadcastState:
        return db.session.get_one(Broadcast, broadcast_id, populate_existing=True).state

    assert rated("YELLOW") == 100
    assert state() is S.SENDING
    assert rated("RED") == 0
    assert state() is S.PAUSED
    reason = db.session.get_one(Broadcast, broadcast_id).reason
    assert reason.startswith("Meta rates the number low")
    assert rated("GREEN") == 0
    assert state() is S.PAUSED
    broadcasts.resume_broadcast(ids[0], broadcast_id)
    assert rated("GREEN") == 200


def test_red_leaves_what_is_no_marketing_alone(broadcast: Broadcast, committed: Any, sandbox: SandboxControl) -> None:
    assert broadcast.template is not None
    broadcast.template.category = "utility"  # type: ignore[assignment]  # as the database has it
    db.session.commit()
    sandbox.post(f"/sandbox/numbers/{sandbox.PHONE_NUMBER_ID}", {"quality_rating": "RED"})
    broadcast_id = broadcast.id
    channels.refresh_channel(broadcast.workspace_id, broadcast.channel_id or 0)
    assert db.session.get_one(Broadcast, broadcast_id).state is S.SENDING


# ---------------------------------------------------------------- too many failures


def test_a_broadcast_that_fails_too_much_pauses_in_the_middle(
    app: Flask, broadcast: Broadcast, committed_cast: Cast, sandbox: SandboxControl
) -> None:
    """Half of all messages are refused for their content: it stops before the list is through, and nobody is lost."""
    assert broadcast.channel is not None
    for contact in make_contacts(committed_cast.workspace, 1200):
        make_message(broadcast.channel, contact, broadcast)
    sandbox.set(refuse_percent={"132012": 50})
    send(app, 6)
    db.session.refresh(broadcast)
    assert broadcast.state is S.PAUSED
    assert "results failed" in broadcast.reason
    assert "A variable has the wrong form" in broadcast.reason
    queued, failed, accepted = (count(one) for one in ("queued", "failed", "accepted"))
    assert queued > 0
    assert queued + failed + accepted == 1200 + PEOPLE
    assert count("sending") == 0
    broadcasts.resume_broadcast(broadcast.workspace_id, broadcast.id)
    sandbox.set(refuse_percent={})
    send(app, 15)
    db.session.refresh(broadcast)
    assert broadcast.state is S.FINISHED
    assert count("queued") == 0
    assert max(sandbox.sends()["to"].values()) == 1
    assert failure_watch.watch_failures() == 0
    assert set(db.session.scalars(select(Message.state))) == {MessageState.ACCEPTED, MessageState.FAILED}
