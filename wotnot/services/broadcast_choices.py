"""What the wizard offers: numbers that can send, templates they may use, and a look at the message for real people."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import func, select

from wotnot.clock import now
from wotnot.extensions import db
from wotnot.models import (
    Broadcast,
    BroadcastState,
    Channel,
    ChannelState,
    Contact,
    Template,
    TemplateCategory,
    TemplateStatus,
)
from wotnot.services import audience_risks, segment_audience
from wotnot.services.audience_counts import AudienceCount, count_languages, person_at
from wotnot.services.personalise import FilledValues, fill_values
from wotnot.services.template_families import Family, FamilyFilter, list_families
from wotnot.services.translations import Choice
from wotnot.services.whatsapp.payloads import FilledTemplate, fill_text

RECENTLY = timedelta(days=30)
MAX_TEMPLATES = 20


@dataclass(frozen=True, slots=True)
class Preview:
    """The message as the person at `row` of `total` would see it; without a person, with the template's own words.

    `template` is the translation that they get.
    """

    row: int
    total: int
    contact: Contact | None
    template: Template
    message: FilledTemplate
    filled: FilledValues


@dataclass(frozen=True, slots=True)
class EarlierUse:
    """The last broadcast that went out with the same template."""

    id: int
    name: str
    started_at: datetime


def list_sending_channels(workspace_id: int) -> list[Channel]:
    """The workspace's numbers that are connected, the first one first."""
    return list(
        db.session.scalars(
            select(Channel)
            .where(Channel.workspace_id == workspace_id, Channel.state == ChannelState.CONNECTED)
            .order_by(Channel.id)
        )
    )


def list_sendable_families(workspace_id: int, channel: Channel, search: str = "") -> Sequence[Family]:
    """The templates of the number's account that are approved in some language and hold `search` in name or text, the
    newest MAX_TEMPLATES.
    """
    wanted = FamilyFilter(workspace_id, TemplateStatus.APPROVED, search, channel.waba_id)
    return list_families(wanted, limit=MAX_TEMPLATES).items


def may_send(channel: Channel, template: Template) -> bool:
    """Whether `channel` can send `template`: it is approved, in the number's account, and not deleted."""
    return (
        template.waba_id == channel.waba_id
        and template.status is TemplateStatus.APPROVED
        and template.deleted_at is None
    )


def count_pending_templates(workspace_id: int, channel: Channel) -> int:
    """How many templates of the account cannot be sent yet, for the words beside an empty list."""
    return (
        db.session.scalar(
            select(func.count())
            .select_from(Template)
            .where(
                Template.workspace_id == workspace_id,
                Template.waba_id == channel.waba_id,
                Template.status != TemplateStatus.APPROVED,
                Template.deleted_at.is_(None),
            )
        )
        or 0
    )


def count_readers(broadcast: Broadcast, choice: Choice, counted: AudienceCount) -> list[tuple[Template, int]]:
    """How many of the people `counted` to get a message get it in which of the translations, the main one first."""
    if not choice.has_several:
        return [(choice.main, counted.to_send)]
    readers = count_languages(
        broadcast.workspace_id,
        broadcast.audience,
        broadcast.exclude,
        broadcast.variables,
        needs_phone=choice.main.category is TemplateCategory.AUTHENTICATION,
        leave_out=audience_risks.left_out_of(broadcast),
    )
    return choice.count_people(readers, counted.to_send)


def preview_message(
    broadcast: Broadcast,
    choice: Choice,
    variables: Mapping[str, Mapping[str, Any]],
    row: int,
    counted: AudienceCount,
) -> Preview:
    """The message for the person at `row` (from 1) of the broadcast's audience, `counted` just now, in their language;
    `row` is kept within.
    """
    total = counted.in_sight
    row = min(max(row, 1), max(total, 1))
    contact = None
    if total:
        contact = person_at(
            broadcast.workspace_id,
            broadcast.audience,
            broadcast.exclude,
            row,
            as_of=counted.as_of,
            leave_out=audience_risks.left_out_of(broadcast),
        )
    filled = fill_values(variables, contact) if contact else FilledValues({})
    template = choice.template_for(contact.language) if contact else choice.main
    message = fill_text(template.components, filled.values, filled.fallbacks)
    return Preview(row, total, contact, template, message, filled)


def find_earlier_use(broadcast: Broadcast) -> EarlierUse | None:
    """The last broadcast of the workspace with the same template in the last 30 days, or None."""
    row = db.session.execute(
        select(Broadcast.id, Broadcast.name, Broadcast.started_at)
        .where(
            Broadcast.workspace_id == broadcast.workspace_id,
            Broadcast.template_id == broadcast.template_id,
            Broadcast.id != broadcast.id,
            Broadcast.started_at > now() - RECENTLY,
        )
        .order_by(Broadcast.id.desc())
        .limit(1)
    ).first()
    return EarlierUse(row.id, row.name, row.started_at) if row else None


def is_busy(channel: Channel) -> bool:
    """Whether another broadcast is sending from this number; the two share its pace."""
    statement = select(Broadcast.id).where(
        Broadcast.workspace_id == channel.workspace_id,
        Broadcast.channel_id == channel.id,
        Broadcast.state.in_([BroadcastState.SENDING, BroadcastState.EXPANDING]),
    )
    return db.session.scalar(statement.limit(1)) is not None


def describe_audience(broadcast: Broadcast) -> str:
    """A broadcast's audience in few words, for a person: "Everybody", "VIP, Newsletter", "120 numbers"."""
    chosen = broadcast.audience
    if chosen.get("all"):
        return "Everybody"
    if chosen.get("tags"):
        return ", ".join(chosen["tags"])
    if chosen.get("contact_ids"):
        return f"{len(chosen['contact_ids']):,} chosen contacts"
    if chosen.get("phones"):
        return f"{len(chosen['phones']):,} numbers"
    return segment_audience.say_audience(broadcast) or "Nobody yet"
