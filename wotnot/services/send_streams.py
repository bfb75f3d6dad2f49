"""What the sender serves right now: each broadcast that is sending, and each channel with single messages waiting."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from sqlalchemy import text

from wotnot import clock
from wotnot.models import Broadcast
from wotnot.services import quiet_rows
from wotnot.services.broadcast_files import with_meta_ids
from wotnot.services.channel_pace import pace_of
from wotnot.services.messages import callback_of
from wotnot.services.outbox import Claim
from wotnot.services.personalise import fill_values
from wotnot.services.quiet_rows import QuietRule
from wotnot.services.transaction import transaction
from wotnot.services.whatsapp.payloads import CompiledTemplate, compile_template, template_message

Version = tuple[int | None, datetime | None]
"""What a stream was made from; a tuple, so that a change of either part is one."""


@dataclass(frozen=True, slots=True)
class ChannelFacts:
    """What sending for a channel needs. The token is still encrypted."""

    id: int
    workspace_id: int
    phone_number_id: str
    token_encrypted: str
    rate: int
    waba_id: str = ""
    messaging_limit: str = ""


@dataclass(slots=True, eq=False)
class BroadcastStream:
    """A broadcast that is sending, its template taken apart once, as are the `translations` that its messages go out in, by
    id. `quiet_until` spares empty claims (monotonic).

    `version` is that of the words of its whole family and of the workspace's pace; once they change, the stream ends and is
    opened anew.
    """

    id: int
    workspace_id: int
    channel_id: int
    template: CompiledTemplate
    variables: dict[str, Mapping[str, Any]]
    version: Version
    quiet: QuietRule | None = None
    translations: dict[int, CompiledTemplate] = field(default_factory=dict)
    active: bool = True
    quiet_until: float = 0.0

    def stopped(self) -> bool:
        """Whether claimed messages must go back instead of out."""
        return not self.active

    def quiet_for(self, claim: Claim) -> datetime | None:
        """When this person may be written to again; None when they may be now."""
        return self.quiet.until(claim, clock.now()) if self.quiet else None

    def lacking(self) -> list[str]:
        """Variables of its templates that the broadcast says nothing about, so that nobody could get them."""
        needed = [one.key for template in (self.template, *self.translations.values()) for one in template.variables]
        return [key for key in dict.fromkeys(needed) if key not in self.variables]

    def body_for(self, claim: Claim) -> tuple[bytes, dict[str, str]]:
        """The request body for one person, and the values in it. Raises MissingVariable."""
        values = fill_values(self.variables, claim).values
        template = self.translations.get(claim.template_id or 0, self.template)
        message = template_message(claim.phone or "", template.payload(values), callback_of(claim.id))
        return _encode(message, claim), values


@dataclass(slots=True)
class Snapshot:
    """What there is to send at one moment: channels by id, sending broadcasts as (id, channel id), waiting channels.

    `versions` are those of the words of each sending broadcast's templates (None without a template) and of its pace.
    """

    channels: dict[int, ChannelFacts] = field(default_factory=dict)
    broadcasts: list[tuple[int, int]] = field(default_factory=list)
    waiting: set[int] = field(default_factory=set)
    versions: dict[int, Version] = field(default_factory=dict)


def read_snapshot() -> Snapshot:
    """Two light queries; run several times a second, so that a pause is seen at once."""
    snapshot = Snapshot()
    with transaction() as session:
        for row in session.execute(text(_BROADCASTS)):
            snapshot.channels[row.channel_id] = _facts(row)
            snapshot.broadcasts.append((row.broadcast_id, row.channel_id))
            snapshot.versions[row.broadcast_id] = row.family_version, row.pace_version
        for row in session.execute(text(_WAITING)):
            snapshot.channels[row.channel_id] = _facts(row)
            snapshot.waiting.add(row.channel_id)
    return snapshot


def load_stream(broadcast_id: int) -> BroadcastStream | None:
    """Take the template of a broadcast apart, and the translations in its ledger; None when the template is gone.

    Raises UnsupportedTemplate, and FilesNotReadyError while Meta does not know the files of the message. An id that is
    good now stays so for a day, and a sender runs for an hour at most.
    """
    with transaction() as session:
        rows = session.execute(text(_TEMPLATES), {"id": broadcast_id}).all()
        main = next((row for row in rows if row.is_main), None)
        if main is None:
            return None
        variables = with_meta_ids(session, main.variables, main.channel_id)
        broadcast = session.get(Broadcast, broadcast_id, populate_existing=True)
        quiet = quiet_rows.rule_for(broadcast) if broadcast else None
    compiled = {
        row.template_id: compile_template(row.name, row.language, row.components, row.parameter_format) for row in rows
    }
    return BroadcastStream(
        broadcast_id,
        main.workspace_id,
        main.channel_id,
        compiled.pop(main.template_id),
        variables,
        (main.family_version, main.pace_version),
        quiet,
        compiled,
    )


def single_body(claim: Claim) -> bytes:
    """The request body of a single message, whose content was built when it was created."""
    message: dict[str, Any] = {
        "messaging_product": "whatsapp",
        "recipient_type": "individual",
        "to": f"+{claim.phone}",
        "type": claim.type,
        claim.type: claim.content,
        "biz_opaque_callback_data": callback_of(claim.id),
    }
    if claim.context_wamid:
        message["context"] = {"message_id": claim.context_wamid}
    return _encode(message, claim)


_ENCODER = json.JSONEncoder(ensure_ascii=False, separators=(",", ":"))
"""One for all messages: making it costs as much as encoding one."""


def _encode(message: dict[str, Any], claim: Claim) -> bytes:
    if not claim.phone:
        # Somebody whose number Meta keeps to itself is addressed by the business-scoped user id.
        del message["to"]
        message["recipient"] = claim.wa_user_id
    return _ENCODER.encode(message).encode()


def _facts(row: Any) -> ChannelFacts:
    return ChannelFacts(
        row.channel_id,
        row.workspace_id,
        row.phone_number_id,
        row.token_encrypted,
        pace_of(row),
        row.waba_id,
        row.messaging_limit,
    )


# Versions only ever grow, so the sum over a family changes with each of them.
_FAMILY_VERSION = """(
    SELECT sum(f.version)::int FROM templates f
    WHERE f.workspace_id = t.workspace_id AND f.waba_id = t.waba_id AND f.name = t.name)"""

_PACE_VERSION = "(SELECT s.updated_at FROM pace_settings s WHERE s.workspace_id = b.workspace_id)"

_PACE = "c.rate_per_second, c.quality_rating, c.waba_id, c.messaging_limit"

_BROADCASTS = f"""
SELECT b.id AS broadcast_id, c.id AS channel_id, c.workspace_id, c.phone_number_id, c.token_encrypted, {_PACE},
       {_FAMILY_VERSION} AS family_version, {_PACE_VERSION} AS pace_version
FROM broadcasts b JOIN channels c ON c.id = b.channel_id LEFT JOIN templates t ON t.id = b.template_id
WHERE b.state = 'sending' AND c.state = 'connected' AND (b.waits_until IS NULL OR b.waits_until <= now()) ORDER BY b.id
"""  # noqa: S608 — made of constants

_WAITING = f"""
SELECT c.id AS channel_id, c.workspace_id, c.phone_number_id, c.token_encrypted, {_PACE}
FROM channels c WHERE c.state = 'connected' AND EXISTS (
    SELECT 1 FROM messages m
    WHERE m.channel_id = c.id AND m.broadcast_id IS NULL AND m.state = 'queued' AND m.due_at <= now())
"""  # noqa: S608 — made of constants

# The tallies know in which translations there are messages; the ledger itself would have to be read for it.
_TEMPLATES = f"""
SELECT b.workspace_id, b.channel_id, b.variables, t.id AS template_id, t.id = b.template_id AS is_main,
       t.name, t.language, t.components, t.parameter_format, {_FAMILY_VERSION} AS family_version,
       {_PACE_VERSION} AS pace_version
FROM broadcasts b
JOIN templates t ON t.workspace_id = b.workspace_id
 AND (t.id = b.template_id OR t.id IN (SELECT y.template_id FROM message_tallies y WHERE y.broadcast_id = b.id))
WHERE b.id = :id
"""  # noqa: S608 — made of constants
