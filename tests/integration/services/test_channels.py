"""Numbers, against the sandbox in Meta's place over real HTTP."""

from typing import Any

import pytest
from flask import Flask

from tests import factories
from tests.cast import Cast
from tests.sandbox_control import SandboxControl
from wotnot.errors import Conflict, Invalid, NotFound, Unavailable
from wotnot.models import BroadcastState, Channel, ChannelState, MessageState
from wotnot.services import channels, crypto, sandbox_number

GOOD = {
    "waba_id": SandboxControl.WABA_ID,
    "phone_number_id": SandboxControl.PHONE_NUMBER_ID,
    "access_token": SandboxControl.TOKEN,
}


@pytest.fixture
def here(cast: Cast, sandbox: SandboxControl) -> int:
    return cast.workspace.id


@pytest.fixture
def elsewhere(cast: Cast, here: int) -> int:
    return cast.other_workspace.id


def test_connecting_asks_meta_and_hides_the_token(app: Flask, here: int, run_jobs: Any) -> None:
    channel = channels.connect_channel(here, **GOOD)
    assert channel.display_phone_number == "+27 21 555 0140"
    assert (channel.verified_name, channel.quality_rating, channel.messaging_limit) == (
        "Casa Verde",
        "GREEN",
        "TIER_UNLIMITED",
    )
    assert channel.billing_currency == "USD"
    assert channel.state is ChannelState.CONNECTED
    assert channel.rate_per_second == app.extensions["wotnot.config"].send_rate
    assert "sandbox-token" not in channel.token_encrypted
    assert channels.token_of(channel) == "sandbox-token"
    assert run_jobs("default") == ["sync_templates"]


def test_a_pasted_token_may_bring_line_breaks(here: int) -> None:
    channel = channels.connect_channel(
        here, **GOOD | {"access_token": " sandbox-\n token \n", "waba_id": f" {GOOD['waba_id']} "}
    )
    assert channels.token_of(channel) == "sandbox-token"


@pytest.mark.parametrize(
    ("change", "field", "words"),
    [
        ({"access_token": "nonsense"}, "access_token", "Invalid OAuth access token"),
        ({"access_token": "expired-token"}, "access_token", "expired"),
        ({"access_token": ""}, "access_token", "Paste the access token"),
        ({"access_token": "tökén"}, "access_token", "Paste the access token"),
        ({"waba_id": "799999999999999"}, "waba_id", "Meta says"),
        ({"waba_id": "my account"}, "waba_id", "digits only"),
        ({"waba_id": "../me"}, "waba_id", "digits only"),
        ({"phone_number_id": "899999999999999"}, "phone_number_id", "Meta says"),
        ({"phone_number_id": "²³"}, "phone_number_id", "digits only"),
        ({"phone_number_id": "8" * 31}, "phone_number_id", "digits only"),
        ({"rate_per_second": 0}, "rate_per_second", "1 to 1,000"),
        ({"rate_per_second": 1001}, "rate_per_second", "1 to 1,000"),
    ],
)
def test_what_meta_refuses_stands_beside_its_field(here: int, change: dict[str, Any], field: str, words: str) -> None:
    with pytest.raises(Invalid) as error:
        channels.connect_channel(here, **GOOD | change)
    assert list(error.value.errors) == [field]
    assert words in error.value.errors[field][0]
    assert channels.list_channels(here) == []


def test_a_number_of_another_account_is_refused(here: int, sandbox: SandboxControl) -> None:
    waba = sandbox.post("/sandbox/wabas", {"name": "Other"})["id"]
    with pytest.raises(Invalid) as error:
        channels.connect_channel(here, **GOOD | {"waba_id": waba})
    assert "not one of the account" in error.value.errors["phone_number_id"][0]


def test_meta_being_away_is_said_and_nothing_kept(here: int, sandbox: SandboxControl) -> None:
    sandbox.post("/sandbox/faults", {"kind": "error", "status": 503, "on": "", "count": 5})
    with pytest.raises(Unavailable):
        channels.connect_channel(here, **GOOD)
    assert channels.list_channels(here) == []


def test_a_number_is_in_one_workspace_at_a_time(here: int, elsewhere: int) -> None:
    first_id = channels.connect_channel(here, **GOOD).id
    with pytest.raises(Conflict, match="connected already") as again:
        channels.connect_channel(here, **GOOD)
    assert again.value.extra["id"] == first_id
    with pytest.raises(Conflict, match="another workspace") as stranger:
        channels.connect_channel(elsewhere, **GOOD)
    assert not stranger.value.extra
    # Whoever has no working token does not even learn that the number is taken.
    with pytest.raises(Invalid):
        channels.connect_channel(elsewhere, **GOOD | {"access_token": "nonsense"})


def test_removing_forgets_the_token_and_connecting_again_keeps_the_row(here: int, elsewhere: int) -> None:
    channel_id = channels.connect_channel(here, **GOOD).id
    channels.remove_channel(here, channel_id)
    with pytest.raises(NotFound):
        channels.get_channel(here, channel_id)
    assert channels.find_channel_by_phone_number_id(GOOD["phone_number_id"]) is None
    assert channels.connect_channel(here, **GOOD).id == channel_id
    channels.remove_channel(here, channel_id)
    assert channels.connect_channel(elsewhere, **GOOD).id != channel_id


def test_what_waits_on_a_removed_number_does_not_go_out_when_it_comes_back(cast: Cast, session: Any) -> None:
    channel = factories.make_channel(cast.workspace)
    other = factories.make_channel(cast.workspace)
    contact = factories.make_contact(cast.workspace)
    waiting, elsewhere = factories.make_message(channel, contact), factories.make_message(other, contact)
    sent = factories.make_message(channel, contact, state=MessageState.SENT)
    channels.remove_channel(cast.workspace.id, channel.id)
    for message in (waiting, elsewhere, sent):
        session.refresh(message)
    assert [m.state.value for m in (waiting, elsewhere, sent)] == ["cancelled", "queued", "sent"]


@pytest.mark.parametrize("state", ["scheduled", "expanding", "sending", "paused"])
def test_a_number_in_use_is_not_removed(cast: Cast, session: Any, state: str) -> None:
    channel = factories.make_channel(cast.workspace)
    broadcast = factories.make_broadcast(cast.workspace, channel, name="Spring", state=BroadcastState(state))
    with pytest.raises(Conflict, match="Spring"):
        channels.remove_channel(cast.workspace.id, channel.id)
    broadcast.state = BroadcastState.FINISHED
    session.commit()
    channels.remove_channel(cast.workspace.id, channel.id)


def test_the_rate(cast: Cast, session: Any) -> None:
    channel = factories.make_channel(cast.workspace)
    assert channels.update_rate(cast.workspace.id, channel.id, 1000).rate_per_second == 1000
    for rate in (0, -1, 1001):
        with pytest.raises(Invalid):
            channels.update_rate(cast.workspace.id, channel.id, rate)


def test_a_stopped_channel_starts_again_when_meta_says_so(here: int) -> None:
    channel_id = channels.connect_channel(here, **GOOD).id
    assert channels.stop_channel(here, channel_id, "Meta refuses the token.")
    assert not channels.stop_channel(here, channel_id, "again")
    stopped = channels.get_channel(here, channel_id)
    assert (stopped.state, stopped.state_reason) == (ChannelState.STOPPED, "Meta refuses the token.")
    assert channels.refresh_channel(here, channel_id).state is ChannelState.CONNECTED


def test_a_refused_token_stops_the_channel_and_a_new_one_mends_it(app: Flask, here: int, session: Any) -> None:
    channel = channels.connect_channel(here, **GOOD)
    keys = app.extensions["wotnot.config"].encryption_keys
    channel.token_encrypted = crypto.encrypt("expired-token", keys)
    session.commit()
    stopped = channels.refresh_channel(here, channel.id)
    assert stopped.state is ChannelState.STOPPED
    assert "Replace the token" in stopped.state_reason
    with pytest.raises(Invalid):
        channels.replace_token(here, channel.id, "nonsense")
    assert channels.replace_token(here, channel.id, "sandbox-new").state is ChannelState.CONNECTED


def test_lost_encryption_keys_are_said_on_the_channel(cast: Cast, session: Any) -> None:
    channel = factories.make_channel(cast.workspace, token_encrypted="gAAAAA-unreadable")
    assert "Replace the token" in channels.refresh_channel(cast.workspace.id, channel.id).state_reason


def test_a_refresh_while_meta_is_away_changes_nothing(here: int, sandbox: SandboxControl) -> None:
    channel_id = channels.connect_channel(here, **GOOD).id
    sandbox.post("/sandbox/faults", {"kind": "error", "status": 503, "on": ""})
    with pytest.raises(Unavailable):
        channels.refresh_channel(here, channel_id)
    assert channels.get_channel(here, channel_id).state is ChannelState.CONNECTED


def test_the_sweep_asks_about_the_stale_ones_only(here: int, session: Any) -> None:
    channel = channels.connect_channel(here, **GOOD)
    assert channels.refresh_stale() == {"refreshed": 0, "failed": 0}
    channel.checked_at = None
    channel.quality_rating = "RED"
    session.commit()
    assert channels.refresh_stale() == {"refreshed": 1, "failed": 0}
    assert channels.get_channel(here, channel.id).quality_rating == "GREEN"


def test_a_refresh_reads_the_currency_of_the_account_and_keeps_it_when_that_is_not_told(
    here: int, sandbox: SandboxControl, session: Any
) -> None:
    channel = channels.connect_channel(here, **GOOD)
    channel.billing_currency = "EUR"
    session.commit()
    sandbox.post("/sandbox/faults", {"kind": "error", "code": 100, "on": SandboxControl.WABA_ID})
    assert channels.refresh_channel(here, channel.id).billing_currency == "EUR"
    assert channels.refresh_channel(here, channel.id).billing_currency == "USD"


def test_one_broken_channel_does_not_keep_the_others_waiting(cast: Cast, here: int, session: Any) -> None:
    factories.make_channel(cast.workspace, token_encrypted="")
    channel = channels.connect_channel(here, **GOOD)
    channel.checked_at = None
    session.commit()
    channels.refresh_stale()
    assert session.get(Channel, channel.id).checked_at is not None


def test_the_sandbox_connects_with_one_press_however_many_ask(here: int, elsewhere: int) -> None:
    assert sandbox_number.connect_sandbox(here).display_phone_number == "+27 21 555 0140"
    assert sandbox_number.connect_sandbox(elsewhere).display_phone_number == "+27 21 555 0141"
    third = sandbox_number.connect_sandbox(here)
    assert third.display_phone_number.startswith("+27 21556")
    assert third.state is ChannelState.CONNECTED


def test_strangers_find_nothing(cast: Cast, session: Any) -> None:
    channel = factories.make_channel(cast.workspace)
    strange = cast.other_workspace.id
    assert channels.list_channels(strange) == []
    assert not channels.stop_channel(strange, channel.id, "x")
    for call in (
        lambda: channels.get_channel(strange, channel.id),
        lambda: channels.update_rate(strange, channel.id, 5),
        lambda: channels.remove_channel(strange, channel.id),
        lambda: channels.refresh_channel(strange, channel.id),
        lambda: channels.replace_token(strange, channel.id, "sandbox-x"),
    ):
        with pytest.raises(NotFound):
            call()
