"""Channels: the WhatsApp numbers of a workspace. Owns the `channels` table.

A number belongs to one workspace at a time; its token is encrypted and never leaves through an answer. Removing keeps
the row, because messages and conversations belong to it; connecting the number again takes the row up again.
"""

import logging
import time
from collections.abc import Sequence
from datetime import timedelta
from http import HTTPStatus

from flask import current_app
from sqlalchemy import select
from sqlalchemy.exc import IntegrityError

from wotnot import clock
from wotnot.config import Config
from wotnot.errors import Conflict, Invalid, NotFound
from wotnot.extensions import db
from wotnot.models import Broadcast, BroadcastState, Channel, ChannelState, ToldBy
from wotnot.services import crypto, events, messages, queue
from wotnot.services.channel_changes import TOPIC, begin_history, change_channel
from wotnot.services.channel_checks import NumberFacts, ask_again, ask_meta, domain_error
from wotnot.services.keyset import Keyset
from wotnot.services.pages import Page, clamp_limit
from wotnot.services.transaction import release_connection, transaction
from wotnot.services.whatsapp.client import GraphClient
from wotnot.services.whatsapp.errors import ErrorKind, GraphError, GraphFault

logger = logging.getLogger(__name__)

MIN_RATE, MAX_RATE = 1, 1000
_LONGEST_ID = 30
_BUSY = (BroadcastState.SCHEDULED, BroadcastState.EXPANDING, BroadcastState.SENDING, BroadcastState.PAUSED)
_REFRESH_AFTER = timedelta(minutes=10)
_REFRESH_BUDGET_SECONDS = 240.0
CONNECTED_ELSEWHERE = "This number is connected to another workspace. Remove it there first, then connect it here."


def check_number(*, waba_id: str, phone_number_id: str, access_token: str) -> NumberFacts:
    """What Meta says about a number that is not connected yet. Writes nothing.

    Raises Invalid naming the field that Meta refused, in Meta's words; Unavailable when Meta is away.
    """
    waba_id, phone_number_id, token = _clean(waba_id, phone_number_id, access_token)
    release_connection()
    with client_with(token) as client:
        return ask_meta(client, _config(), waba_id, phone_number_id, token)


def connect_channel(
    workspace_id: int, *, waba_id: str, phone_number_id: str, access_token: str, rate_per_second: int | None = None
) -> Channel:
    """Connect a number after asking Meta, and have its webhooks sent here. Its templates are fetched in the background.

    Raises Invalid (a field Meta refused), Conflict (connected already, here or elsewhere), Unavailable (Meta is away).
    """
    rate = _checked_rate(_config().send_rate if rate_per_second is None else rate_per_second)
    waba_id, phone_number_id, token = _clean(waba_id, phone_number_id, access_token)
    facts = check_number(waba_id=waba_id, phone_number_id=phone_number_id, access_token=token)
    # Only now: whoever cannot show a working token learns nothing about which numbers are connected here.
    _refuse_connected(workspace_id, phone_number_id)
    release_connection()
    _subscribe(token, waba_id)
    try:
        with transaction() as session:
            channel = _removed_row(workspace_id, phone_number_id) or Channel(
                workspace_id=workspace_id, phone_number_id=phone_number_id
            )
            channel.waba_id = waba_id
            channel.rate_per_second = rate
            channel.token_encrypted = crypto.encrypt(token, _config().encryption_keys)
            is_new = channel.id is None
            _apply_facts(channel, facts, ToldBy.PERSON)
            session.add(channel)
            if is_new:
                begin_history(channel)
            queue.enqueue("sync_templates", channel.id)
            events.publish(workspace_id, TOPIC)
    except IntegrityError as error:
        raise Conflict(CONNECTED_ELSEWHERE, code="number_connected_elsewhere") from error
    return channel


def get_channel(workspace_id: int, channel_id: int) -> Channel:
    """A connected or stopped channel. Raises NotFound, also for removed ones and those of other workspaces."""
    channel = db.session.scalar(
        select(Channel).where(
            Channel.workspace_id == workspace_id, Channel.id == channel_id, Channel.state != ChannelState.REMOVED
        )
    )
    if channel is None:
        raise NotFound("Channel")
    return channel


def list_channels(workspace_id: int) -> list[Channel]:
    """Every channel that is not removed, newest first. A workspace has a handful, so this is not paged."""
    query = select(Channel).where(Channel.workspace_id == workspace_id, Channel.state != ChannelState.REMOVED)
    return list(db.session.scalars(query.order_by(Channel.id.desc())))


def page_channels(workspace_id: int, *, cursor: str | None = None, limit: int | None = None) -> Page[Channel]:
    """The same for programs, which page every list alike. Raises Invalid for a cursor that is not ours."""
    keyset = Keyset.decode(cursor, clamp_limit(limit))
    query = select(Channel).where(Channel.workspace_id == workspace_id, Channel.state != ChannelState.REMOVED)
    rows = db.session.scalars(
        query.where(keyset.condition(Channel.id)).order_by(keyset.order(Channel.id)).limit(keyset.limit + 1)
    )
    return keyset.page(list(rows), lambda channel: channel.id)


def find_channel_by_phone_number_id(phone_number_id: str) -> Channel | None:
    """The channel that has this number now, in whatever workspace: for webhooks, which only know Meta's id."""
    return db.session.scalar(
        select(Channel).where(Channel.phone_number_id == phone_number_id, Channel.state != ChannelState.REMOVED)
    )


def find_takers(phone_number_ids: Sequence[str]) -> dict[str, int]:
    """Which of these numbers are connected, and in which workspace: number → workspace."""
    query = select(Channel.phone_number_id, Channel.workspace_id).where(
        Channel.phone_number_id.in_(phone_number_ids), Channel.state != ChannelState.REMOVED
    )
    return dict(db.session.execute(query).all())


def update_rate(workspace_id: int, channel_id: int, rate_per_second: int) -> Channel:
    """Set how many messages a second the number may send, 1 to 1,000. Raises Invalid, NotFound."""
    rate = _checked_rate(rate_per_second)
    with transaction():
        channel = get_channel(workspace_id, channel_id)
        channel.rate_per_second = rate
        events.publish(workspace_id, TOPIC, f"channel:{channel_id}")
    return channel


def replace_token(workspace_id: int, channel_id: int, access_token: str) -> Channel:
    """Give a channel a new token, after asking Meta with it. Raises as `connect_channel` does."""
    channel = get_channel(workspace_id, channel_id)
    waba_id, phone_number_id = channel.waba_id, channel.phone_number_id
    waba_id, phone_number_id, token = _clean(waba_id, phone_number_id, access_token)
    facts = check_number(waba_id=waba_id, phone_number_id=phone_number_id, access_token=token)
    _subscribe(token, waba_id)
    with transaction():
        channel = get_channel(workspace_id, channel_id)
        channel.token_encrypted = crypto.encrypt(token, _config().encryption_keys)
        _apply_facts(channel, facts, ToldBy.PERSON)
        events.publish(workspace_id, TOPIC, f"channel:{channel_id}")
    return channel


def refresh_channel(workspace_id: int, channel_id: int) -> Channel:
    """Ask Meta for name, quality, limit and state. A refused token stops the channel; a good answer starts it again.

    Raises NotFound, Unavailable (Meta is away; nothing changed).
    """
    channel = get_channel(workspace_id, channel_id)
    answer = _ask_again(channel)
    with transaction() as session:
        channel = get_channel(workspace_id, channel_id)
        session.refresh(channel, with_for_update=True)  # a webhook may tell of it at the same time
        if isinstance(answer, NumberFacts):
            _apply_facts(channel, answer, ToldBy.REFRESH)
        else:
            _stop(channel, answer)
        events.publish(workspace_id, TOPIC, f"channel:{channel_id}")
    return channel


def refresh_stale() -> dict[str, int]:
    """Refresh every channel not asked about for ten minutes, the longest-waiting first, for four minutes at most.

    Answers how many were `refreshed` and how many `failed`; a channel that fails does not keep the others waiting.
    """
    return _refresh_each(_stale_channels())


def refresh_account(waba_id: str) -> dict[str, int]:
    """Refresh the numbers of an account at once, because Meta told something about it. Answers as `refresh_stale` does."""
    queue.clear_once("refresh_account", waba_id)  # what is told from now on needs another look
    query = select(Channel.workspace_id, Channel.id).where(
        Channel.waba_id == waba_id, Channel.state != ChannelState.REMOVED
    )
    return _refresh_each([(workspace_id, channel_id) for workspace_id, channel_id in db.session.execute(query)])


def remove_channel(workspace_id: int, channel_id: int) -> None:
    """Forget a number's token and stop using it; single messages that wait are cancelled, its history stays.

    Raises Conflict naming a broadcast that is scheduled, sending or paused on it; NotFound.
    """
    with transaction() as session:
        channel = get_channel(workspace_id, channel_id)
        busy = session.scalar(
            select(Broadcast.name)
            .where(
                Broadcast.workspace_id == workspace_id, Broadcast.channel_id == channel_id, Broadcast.state.in_(_BUSY)
            )
            .limit(1)
        )
        if busy is not None:
            raise Conflict(
                f"“{busy}” is scheduled or being sent on this number. Cancel it, or wait until it has finished.",
                code="channel_in_use",
            )
        messages.cancel_for_channel(channel_id)
        change_channel(channel, {"state": ChannelState.REMOVED, "state_reason": ""}, ToldBy.PERSON)
        channel.token_encrypted = ""
        events.publish(workspace_id, TOPIC, f"channel:{channel_id}")


def stop_channel(workspace_id: int, channel_id: int, reason: str) -> bool:
    """Mark a connected channel as unable to send, with the reason a person reads. False if it was not connected."""
    with transaction() as session:
        channel = session.scalar(
            select(Channel)
            .where(
                Channel.workspace_id == workspace_id,
                Channel.id == channel_id,
                Channel.state == ChannelState.CONNECTED,
            )
            .with_for_update()
        )
        if channel is not None:
            change_channel(channel, {"state": ChannelState.STOPPED, "state_reason": reason}, ToldBy.SENDING)
            events.publish(workspace_id, TOPIC, f"channel:{channel_id}")
    return channel is not None


def client_for(channel: Channel) -> GraphClient:
    """A client that speaks for this channel. Raises UnreadableSecret when the encryption keys were lost."""
    return client_with(token_of(channel))


def client_with(token: str) -> GraphClient:
    """A client that speaks with this token, to Meta or to the sandbox, as configured."""
    config = _config()
    return GraphClient(config.graph_api_url, config.graph_api_version, token)


def token_of(channel: Channel) -> str:
    """The channel's access token in the clear: for calls to Meta only. Raises UnreadableSecret."""
    return crypto.decrypt(channel.token_encrypted, _config().encryption_keys)


def reason_of(fault: GraphFault) -> str:
    """Why Meta refused, in one or two sentences for the channel's page."""
    if fault.kind is ErrorKind.AUTH and fault.http_status == HTTPStatus.UNAUTHORIZED:
        return f"Meta refuses the access token: {fault.meta_words.rstrip('.')}. Replace the token to send again."
    return f"{fault.title}: {fault.meta_words.rstrip('.')}. {fault.advice}"


def is_sandbox() -> bool:
    """Whether the sandbox stands in for Meta here."""
    return bool(_config().sandbox_url)


def webhook_settings() -> tuple[str, str]:
    """The callback address and the verify token to paste at Meta."""
    config = _config()
    return f"{config.public_url}/webhooks/whatsapp", config.whatsapp_verify_token


def _config() -> Config:
    config = current_app.extensions["wotnot.config"]
    assert isinstance(config, Config)  # noqa: S101 — for the type checker; the factory puts it there
    return config


def _clean(waba_id: str, phone_number_id: str, access_token: str) -> tuple[str, str, str]:
    errors = {}
    ids = {"waba_id": waba_id.strip(), "phone_number_id": phone_number_id.strip()}
    for field, value in ids.items():
        if not value.isascii() or not value.isdecimal() or len(value) > _LONGEST_ID:
            errors[field] = "Paste the id from WhatsApp Manager: it has digits only, such as 104512398765432."
    token = "".join(access_token.split())  # a pasted token may bring line breaks along
    if not token or not token.isascii() or not token.isprintable():
        errors["access_token"] = "Paste the access token of a system user."  # noqa: S105 — a sentence, not a secret
    if errors:
        raise Invalid(errors)
    return ids["waba_id"], ids["phone_number_id"], token


def _checked_rate(rate: int) -> int:
    if not MIN_RATE <= rate <= MAX_RATE:
        raise Invalid({"rate_per_second": f"Choose a whole number from {MIN_RATE} to {MAX_RATE:,} messages a second."})
    return rate


def _refuse_connected(workspace_id: int, phone_number_id: str) -> None:
    other = find_channel_by_phone_number_id(phone_number_id)
    if other is None:
        return
    if other.workspace_id != workspace_id:
        raise Conflict(CONNECTED_ELSEWHERE, code="number_connected_elsewhere")
    raise Conflict(
        "This number is connected already. Open it to replace its token.", code="number_connected", id=other.id
    )


def _removed_row(workspace_id: int, phone_number_id: str) -> Channel | None:
    return db.session.scalar(
        select(Channel)
        .where(
            Channel.workspace_id == workspace_id,
            Channel.phone_number_id == phone_number_id,
            Channel.state == ChannelState.REMOVED,
        )
        .order_by(Channel.id.desc())
        .limit(1)
        .with_for_update()
    )


def _ask_again(channel: Channel) -> NumberFacts | str:
    """What Meta says about a connected number, or the reason why it cannot be used. Raises Unavailable."""
    waba_id, phone_number_id = channel.waba_id, channel.phone_number_id
    try:
        token = token_of(channel)
    except crypto.UnreadableSecret:
        return "The token cannot be read any more, because the encryption keys were changed. Replace the token."
    release_connection()
    try:
        with client_with(token) as client:
            return ask_again(client, waba_id, phone_number_id)
    except GraphError as error:
        if error.fault.may_retry:
            raise domain_error(error.fault, "access_token") from error
        return reason_of(error.fault)


def _subscribe(token: str, waba_id: str) -> None:
    try:
        with client_with(token) as client:
            client.subscribe_app(waba_id)
    except GraphError as error:
        raise domain_error(error.fault, "access_token") from error


def _apply_facts(channel: Channel, facts: NumberFacts, told_by: ToldBy) -> None:
    channel.display_phone_number = facts.display_phone_number or channel.display_phone_number or channel.phone_number_id
    channel.billing_currency = facts.billing_currency or channel.billing_currency or ""
    channel.checked_at = clock.now()
    values = {
        "verified_name": facts.verified_name,
        "quality_rating": facts.quality_rating,
        "messaging_limit": facts.messaging_limit,
        "throughput": facts.throughput,
        "name_status": facts.name_status,
        "state": ChannelState.STOPPED if facts.stop_reason else ChannelState.CONNECTED,
        "state_reason": facts.stop_reason,
    }
    change_channel(channel, values, told_by)


def _stop(channel: Channel, reason: str) -> None:
    change_channel(channel, {"state": ChannelState.STOPPED, "state_reason": reason}, ToldBy.REFRESH)
    channel.checked_at = clock.now()


def _refresh_each(found: Sequence[tuple[int, int]]) -> dict[str, int]:
    deadline = time.monotonic() + _REFRESH_BUDGET_SECONDS
    done = {"refreshed": 0, "failed": 0}
    for workspace_id, channel_id in found:
        if time.monotonic() > deadline:
            break
        try:
            refresh_channel(workspace_id, channel_id)
            done["refreshed"] += 1
        except Exception:
            logger.exception("a channel could not be refreshed", extra={"channel_id": channel_id})
            done["failed"] += 1
    return done


def _stale_channels() -> list[tuple[int, int]]:
    rows = db.session.execute(
        select(Channel.workspace_id, Channel.id)
        .where(
            Channel.state != ChannelState.REMOVED,
            Channel.checked_at.is_(None) | (Channel.checked_at < clock.now() - _REFRESH_AFTER),
        )
        .order_by(Channel.checked_at.asc().nulls_first())
        .limit(1000)
    )
    return [(workspace_id, channel_id) for workspace_id, channel_id in rows]
