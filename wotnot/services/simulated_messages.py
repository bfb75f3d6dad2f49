"""What test keys send: checked like the real thing, then simulated. Owns the `simulated_messages` table.

Nothing of it is in the ledger and no sender reads it, so it reaches neither Meta nor any count, limit or bill. Its receipts
are planned when it is written and come true as time passes: a message is read a few seconds after it was sent.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import joinedload

from wotnot import clock
from wotnot.errors import Conflict, Invalid, NotFound
from wotnot.extensions import db
from wotnot.models import MessageState, SimulatedMessage, Template
from wotnot.services import channels, consent, contacts, media, message_templates
from wotnot.services.pages import Page, clamp_limit, decode_id_cursor, encode_cursor
from wotnot.services.phone_numbers import PhoneError, parse_phone
from wotnot.services.single_messages import compile_sendable, fill, free_content, split_values
from wotnot.services.transaction import transaction

SAMPLE_TEMPLATE = "hello_world"
"""A template that every test key knows, also where no number is connected; it has no variables."""

_ACCEPTED, _SENT, _DELIVERED, _READ = (timedelta(seconds=seconds) for seconds in (1, 2, 4, 8))
_A_FILE = "simulated-file"

# The last four digits of a number decide, as they do on the sandbox: where the receipts end, or with which of Meta's codes.
ENDS_EARLY = {"0001": "sent", "0002": "delivered"}
FAILS = {"0026": 131026, "0049": 131049, "0050": 131050, "0500": 131000}


@dataclass(frozen=True, slots=True)
class Seen:
    """A simulated message as it stands at some moment: what has not happened yet is None."""

    state: MessageState
    wamid: str | None
    error_code: int | None
    accepted_at: datetime | None
    sent_at: datetime | None
    delivered_at: datetime | None
    read_at: datetime | None
    failed_at: datetime | None


def simulate_message(
    workspace_id: int,
    *,
    api_key_id: int,
    to: str,
    type: str,  # noqa: A002 — Meta's and the API's word
    content: Mapping[str, Any],
    channel_id: int | None = None,
) -> SimulatedMessage:
    """Check a message as `single_messages.send_message` does and plan its receipts. No number has to be connected.

    The 24-hour window counts as open. Raises Invalid, Conflict (template not approved, opted out), NotFound (channel).
    """
    if channel_id is not None:
        channels.get_channel(workspace_id, channel_id)
    phone = _phone(workspace_id, to)
    contact = contacts.find_contact_by_phone(workspace_id, phone)
    if type == "template":
        if contact is not None and not consent.may_message(contact):
            raise Conflict("This person opted out of your messages.", code="opted_out")
        body = _template_body(workspace_id, channel_id, content)
    else:
        body = free_content(type, _without_files(workspace_id, type, content))
    with transaction() as session:
        message = SimulatedMessage(
            workspace_id=workspace_id,
            api_key_id=api_key_id,
            channel_id=channel_id,
            phone=phone,
            type=type,
            content=body,
            **_plan(phone, clock.now()),
        )
        session.add(message)
        session.flush()
    return message


def get_message(workspace_id: int, message_id: int) -> SimulatedMessage:
    """One of them. Raises NotFound."""
    message = db.session.get(SimulatedMessage, message_id)
    if message is None or message.workspace_id != workspace_id:
        raise NotFound("Message")
    return message


def list_messages(workspace_id: int, *, cursor: str | None = None, limit: int | None = None) -> Page[SimulatedMessage]:
    """The newest first, with their keys. Raises Invalid (cursor)."""
    size, before = clamp_limit(limit), decode_id_cursor(cursor)
    query = (
        select(SimulatedMessage)
        .options(joinedload(SimulatedMessage.api_key))
        .where(SimulatedMessage.workspace_id == workspace_id)
        .order_by(SimulatedMessage.id.desc())
        .limit(size + 1)
    )
    if before is not None:
        query = query.where(SimulatedMessage.id < before)
    rows = list(db.session.scalars(query))
    return Page(rows[:size], encode_cursor(rows[size - 1].id) if len(rows) > size else None)


def seen(message: SimulatedMessage, at: datetime) -> Seen:
    """How far a message has come at a moment."""
    steps = ("accepted", "sent", "failed", "delivered", "read")
    planned: dict[str, datetime | None] = {step: getattr(message, f"{step}_at") for step in steps}
    passed = {step: moment for step, moment in planned.items() if moment is not None and moment <= at}
    return Seen(
        state=MessageState(list(passed)[-1]) if passed else MessageState.QUEUED,
        wamid=f"wamid.test.{message.id}" if passed else None,
        error_code=message.error_code if "failed" in passed else None,
        **{f"{step}_at": passed.get(step) for step in steps},
    )


def _plan(phone: str, now: datetime) -> dict[str, Any]:
    ending = phone[-4:]
    moments = {"created_at": now, "accepted_at": now + _ACCEPTED}
    if ending in FAILS:
        return {**moments, "failed_at": now + _SENT, "error_code": FAILS[ending]}
    last = ENDS_EARLY.get(ending, "read")
    moments["sent_at"] = now + _SENT
    if last in {"delivered", "read"}:
        moments["delivered_at"] = now + _DELIVERED
    if last == "read":
        moments["read_at"] = now + _READ
    return moments


def _phone(workspace_id: int, to: str) -> str:
    try:
        return parse_phone(to, contacts.default_country(workspace_id)).digits
    except PhoneError as error:
        raise Invalid({"to": f"{error}."}) from error


def _template_body(workspace_id: int, channel_id: int | None, content: Mapping[str, Any]) -> dict[str, Any]:
    name, language = str(content.get("name") or ""), content.get("language")
    template = message_templates.find_template(workspace_id, channel_id, name, language)
    if template is None and name == SAMPLE_TEMPLATE:
        template = Template(name=name, language="en_US", components=[], parameter_format="POSITIONAL")
    elif template is None:
        raise Invalid(
            {"template.name": f"There is no template “{name}” in that language. Test keys also know “hello_world”."}
        )
    elif obstacle := message_templates.why_not_sendable(template):
        raise Conflict(obstacle, code="template_not_approved")
    values, files = split_values(workspace_id, content.get("variables") or {})
    return fill(compile_sendable(template), values | dict.fromkeys(files, _A_FILE))


def _without_files(workspace_id: int, type: str, content: Mapping[str, Any]) -> Mapping[str, Any]:  # noqa: A002
    """The content with a stand-in for a file of the library, which has to be there and of that type."""
    if not content.get("file_id"):
        return content
    try:
        file = media.get_file(workspace_id, int(content["file_id"]))
    except NotFound:
        raise Invalid({"media.file_id": "This file is not in the library."}) from None
    if file.kind != type:
        raise Invalid({"media.file_id": f"“{file.filename}” can be sent as the type {file.kind} only."})
    return {**content, "id": _A_FILE}
