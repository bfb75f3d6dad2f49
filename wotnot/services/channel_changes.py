"""What Meta says of numbers, written down with what it said before. Owns the table `channel_events`.

Whoever learns something about a number writes it through `change_channel`, so that nothing changes without a trace and
everything that depends on it follows. `services/channel_history.py` reads it.
"""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import select

from wotnot import clock
from wotnot.extensions import db
from wotnot.models import Broadcast, Channel, ChannelEvent, ChannelFact, ChannelState, ToldBy
from wotnot.services import broadcast_holds, events
from wotnot.services.channel_pace import RED, STOPPED
from wotnot.services.transaction import transaction
from wotnot.services.whatsapp.number_news import NumberNews

_FACTS = {
    "quality_rating": ChannelFact.QUALITY,
    "messaging_limit": ChannelFact.LIMIT,
    "throughput": ChannelFact.THROUGHPUT,
    "verified_name": ChannelFact.NAME,
    "name_status": ChannelFact.NAME_STATUS,
}
TOPIC = "channels"


def begin_history(channel: Channel) -> None:
    """Remember that a person connected a number. Joins the caller's transaction."""
    with transaction() as session:
        session.flush()
        now = clock.now()
        session.add(_event(channel, ChannelFact.STATE, "", ChannelState.CONNECTED, told_by=ToldBy.PERSON, told_at=now))


def change_channel(
    channel: Channel, values: Mapping[str, Any], told_by: ToldBy, *, told_at: datetime | None = None, reason: str = ""
) -> None:
    """Set columns of a number, remember what they were, and let follow what depends on them: holds, pauses.

    What becomes known for the first time is no change. Joins the caller's transaction, which holds the row.
    """
    at = told_at or clock.now()
    is_new = channel.id is None
    before = {name: getattr(channel, name) for name in values}
    was = channel.state, channel.state_reason
    if not is_new:
        _follow(channel, values)
    for name, value in values.items():
        setattr(channel, name, value)
    if is_new:
        return
    with transaction() as session:
        for name, fact in _FACTS.items():
            if name in values and before[name] and before[name] != values[name]:
                session.add(
                    _event(channel, fact, before[name], values[name], told_by=told_by, told_at=at, reason=reason)
                )
        if (channel.state, channel.state_reason) != was:
            why = channel.state_reason
            session.add(
                _event(channel, ChannelFact.STATE, was[0], channel.state, told_by=told_by, told_at=at, reason=why)
            )


def apply_news(news: Sequence[NumberNews]) -> None:
    """Write down what webhooks told. A repeated delivery, and one that comes late, changes nothing and is noted once."""
    if not news:
        return
    with transaction() as session:
        found = list(
            session.scalars(
                select(Channel)
                .where(Channel.waba_id.in_({one.waba_id for one in news}), Channel.state != ChannelState.REMOVED)
                .order_by(Channel.id)
                .with_for_update()
                .execution_options(populate_existing=True)
            )
        )
        known = _Known(found, min(one.at for one in news))
        for one in sorted(news, key=lambda told: told.at):
            for channel in found:
                if _is_about(one, channel):
                    _apply(channel, one, known)


class _Known:
    """Which changes have been written down since a moment, so that Meta's repeats and latecomers are told apart."""

    def __init__(self, channels: Iterable[Channel], since: datetime) -> None:
        rows = db.session.execute(
            select(ChannelEvent.channel_id, ChannelEvent.fact, ChannelEvent.told_at, ChannelEvent.after).where(
                ChannelEvent.channel_id.in_([channel.id for channel in channels]), ChannelEvent.told_at >= since
            )
        )
        self._told = {(row.channel_id, row.fact, row.told_at, row.after) for row in rows}

    def has(self, channel_id: int, fact: ChannelFact, at: datetime, after: str) -> bool:
        """Whether this very thing was written down; if not, it is from now on."""
        key = (channel_id, fact, at, after)
        was = key in self._told
        self._told.add(key)
        return was

    def has_newer(self, channel_id: int, fact: ChannelFact, at: datetime) -> bool:
        """Whether something later is known about the same."""
        return any(told[:2] == (channel_id, fact) and told[2] > at for told in self._told)


def _apply(channel: Channel, news: NumberNews, known: _Known) -> None:
    changes = {
        name: value
        for name, value in news.facts.items()
        if not known.has_newer(channel.id, _FACTS[name], news.at)
        and getattr(channel, name) != value
        and not known.has(channel.id, _FACTS[name], news.at, value)
    }
    change_channel(channel, changes, ToldBy.WEBHOOK, told_at=news.at, reason=news.reason)
    if news.notice and not known.has(channel.id, ChannelFact.NOTICE, news.at, news.notice):
        told = {"told_by": ToldBy.WEBHOOK, "told_at": news.at, "reason": news.reason}
        db.session.add(_event(channel, ChannelFact.NOTICE, "", news.notice, **told))
    events.publish(channel.workspace_id, TOPIC, f"channel:{channel.id}")


def _is_about(news: NumberNews, channel: Channel) -> bool:
    digits = "".join(sign for sign in channel.display_phone_number if sign.isdigit())
    return news.waba_id == channel.waba_id and news.number in {"", digits}


def _follow(channel: Channel, values: Mapping[str, Any]) -> None:
    """What was true of the number is not any more: marketing pauses when Meta rates it low, and another limit has other room."""
    quality = values.get("quality_rating", channel.quality_rating)
    if quality.upper() == RED != channel.quality_rating.upper():
        broadcast_holds.pause_for_quality(channel.id, STOPPED)
    if values.get("messaging_limit", channel.messaging_limit) != channel.messaging_limit:
        broadcast_holds.release_all(Broadcast.channel_id == channel.id, broadcast_holds.LIMIT)


def _event(channel: Channel, fact: ChannelFact, before: str, after: str, **told: Any) -> ChannelEvent:
    return ChannelEvent(
        workspace_id=channel.workspace_id, channel_id=channel.id, fact=fact, before=before, after=after, **told
    )
