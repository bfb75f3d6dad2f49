"""What changed about numbers is written down: once, in order, and with who said so."""

import json
import time
from typing import Any

import pytest

from tests import factories
from tests.cast import Cast
from tests.deliveries import drain
from tests.sandbox_control import SandboxControl
from wotnot.errors import NotFound
from wotnot.models import Channel
from wotnot.services import channel_history, channels, webhook_inbox

NUMBER = "27215550140"
NOW = int(time.time())


@pytest.fixture
def channel(cast: Cast, sandbox: SandboxControl) -> Channel:
    return factories.make_channel(
        cast.workspace, phone_number_id=sandbox.PHONE_NUMBER_ID, display_phone_number="+27 21 555 0140"
    )


def told(field: str, at: int = NOW, waba_id: str = SandboxControl.WABA_ID, **value: Any) -> bytes:
    entry = {"id": waba_id, "time": at, "changes": [{"field": field, "value": value}]}
    return json.dumps({"object": "whatsapp_business_account", "entry": [entry]}).encode()


def limit(tier: str, at: int = NOW, number: str = NUMBER) -> bytes:
    value = {"display_phone_number": number, "event": "UPGRADE", "current_limit": tier}
    return told("phone_number_quality_update", at, **value)


def deliver(*bodies: bytes) -> None:
    for body in bodies:
        webhook_inbox.store_delivery(body)
    assert drain()["poison"] == 0


def lines(channel: Channel) -> list[tuple[str, str, str, str]]:
    """Newest first."""
    found = channel_history.list_history(channel.workspace_id, channel.id).items
    return [(event.fact.value, event.before, event.after, event.told_by.value) for event in found]


def fresh(channel: Channel) -> Channel:
    factories.db.session.expire_all()
    return channels.get_channel(channel.workspace_id, channel.id)


def test_a_limit_is_written_once_however_often_it_is_told(channel: Channel) -> None:
    deliver(limit("TIER_100K"), limit("TIER_100K"))
    deliver(limit("TIER_100K"))
    assert lines(channel) == [("limit", "TIER_10K", "TIER_100K", "webhook")]
    assert fresh(channel).messaging_limit == "TIER_100K"


def test_what_comes_late_or_again_does_not_undo_what_is_newer(channel: Channel) -> None:
    first, second = limit("TIER_100K", NOW), limit("TIER_UNLIMITED", NOW + 5)
    deliver(first)
    deliver(second)
    deliver(first, limit("TIER_2K", NOW + 3))
    deliver(second, first)
    assert [line[2] for line in lines(channel)] == ["TIER_UNLIMITED", "TIER_100K"]
    assert fresh(channel).messaging_limit == "TIER_UNLIMITED"


def test_two_changes_of_one_second_told_again_stay_two(channel: Channel) -> None:
    up, down = limit("TIER_100K"), limit("TIER_2K")
    deliver(up)
    deliver(down)
    deliver(up)
    assert [line[2] for line in lines(channel)] == ["TIER_2K", "TIER_100K"]
    assert fresh(channel).messaging_limit == "TIER_2K"


def test_several_numbers_and_accounts(cast: Cast, channel: Channel) -> None:
    second = factories.make_channel(cast.workspace, display_phone_number="+27 21 555 0141")
    elsewhere = factories.make_channel(cast.other_workspace, waba_id="700000000000009", display_phone_number=NUMBER)
    deliver(limit("TIER_100K"))
    assert (len(lines(channel)), lines(second), lines(elsewhere)) == (1, [], [])
    deliver(told("business_capability_update", NOW + 1, max_daily_conversations_per_business="TIER_2K"))
    assert [len(lines(one)) for one in (channel, second, elsewhere)] == [2, 1, 0]
    deliver(told("account_update", NOW + 2, "700000000000009", event="DISABLED_UPDATE"))
    assert [len(lines(one)) for one in (channel, second, elsewhere)] == [2, 1, 1]
    named = [(event.fact.value, of.id) for event, of in channel_history.list_recent(cast.workspace.id)]
    assert named[0][0] == "limit"
    assert {of for _, of in named} == {channel.id, second.id}


def test_names_and_notices(channel: Channel) -> None:
    asked = {"display_phone_number": NUMBER, "requested_verified_name": "Casa Azul"}
    refused = told("phone_number_name_update", **asked, decision="REJECTED", rejection_reason="NAME_UNRELATED")
    channel.name_status = "APPROVED"
    factories.save(channel)
    deliver(refused, refused)
    deliver(told("phone_number_name_update", NOW + 1, **asked, decision="APPROVED", rejection_reason=None))
    restricted = told("account_update", NOW + 2, event="ACCOUNT_RESTRICTION", restriction_info=[])
    deliver(restricted, restricted)
    deliver(restricted)
    assert lines(channel) == [
        ("notice", "", "ACCOUNT_RESTRICTION", "webhook"),
        ("name_status", "DECLINED", "APPROVED", "webhook"),
        ("name", "Casa Verde", "Casa Azul", "webhook"),
        ("name_status", "APPROVED", "DECLINED", "webhook"),
    ]
    reasons = [event.reason for event in channel_history.list_history(channel.workspace_id, channel.id).items]
    assert "NAME_UNRELATED" in reasons


def test_meta_is_asked_at_once_when_it_tells_something(
    channel: Channel, sandbox: SandboxControl, run_jobs: Any
) -> None:
    channels.refresh_channel(channel.workspace_id, channel.id)
    before = len(lines(channel))
    sandbox.post(f"/sandbox/numbers/{sandbox.PHONE_NUMBER_ID}", {"quality_rating": "RED"})
    deliver(told("phone_number_quality_update", display_phone_number=NUMBER, event="FLAGGED"))
    assert "refresh_account" in run_jobs("default")
    channels.refresh_account(sandbox.WABA_ID)
    channels.refresh_account(sandbox.WABA_ID)
    new = lines(channel)[: len(lines(channel)) - before]
    assert new == [("quality", "GREEN", "RED", "refresh"), ("notice", "", "FLAGGED", "webhook")]


def test_a_refused_token_and_its_end(channel: Channel) -> None:
    assert channels.stop_channel(channel.workspace_id, channel.id, "Meta refuses the token.")
    assert not channels.stop_channel(channel.workspace_id, channel.id, "Again.")
    channels.refresh_channel(channel.workspace_id, channel.id)
    states = [line for line in lines(channel) if line[0] == "state"]
    assert states == [("state", "stopped", "connected", "refresh"), ("state", "connected", "stopped", "sending")]


def test_connecting_and_removing(cast: Cast, sandbox: SandboxControl) -> None:
    good = {"waba_id": sandbox.WABA_ID, "phone_number_id": sandbox.PHONE_NUMBER_ID, "access_token": sandbox.TOKEN}
    channel = channels.connect_channel(cast.workspace.id, **good)
    assert (channel.throughput, channel.name_status) == ("STANDARD", "APPROVED")
    assert lines(channel) == [("state", "", "connected", "person")]
    channels.remove_channel(cast.workspace.id, channel.id)
    with pytest.raises(NotFound):
        channel_history.list_history(cast.workspace.id, channel.id)
    channels.connect_channel(cast.workspace.id, **good)
    assert [line[1:3] for line in lines(channel)] == [
        ("removed", "connected"),
        ("connected", "removed"),
        ("", "connected"),
    ]


def test_what_becomes_known_is_no_change(channel: Channel) -> None:
    assert (channel.throughput, channel.name_status) == ("", "")
    channels.refresh_channel(channel.workspace_id, channel.id)
    assert fresh(channel).throughput == "STANDARD"
    assert [line[0] for line in lines(channel)] == ["limit"]


def test_pages_and_strangers(cast: Cast, channel: Channel) -> None:
    deliver(*(limit(tier, NOW + at) for at, tier in enumerate(("TIER_2K", "TIER_10K", "TIER_100K"))))
    page = channel_history.list_history(channel.workspace_id, channel.id, limit=2)
    rest = channel_history.list_history(channel.workspace_id, channel.id, limit=2, cursor=page.next_cursor)
    assert [event.after for event in (*page.items, *rest.items)] == ["TIER_100K", "TIER_10K", "TIER_2K"]
    assert rest.next_cursor is None
    with pytest.raises(NotFound):
        channel_history.list_history(cast.other_workspace.id, channel.id)
    assert channel_history.list_recent(cast.other_workspace.id) == []
