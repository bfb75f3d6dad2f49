"""Single messages over the API."""

from dataclasses import asdict
from types import SimpleNamespace
from typing import Any

from flask import request

from wotnot import clock
from wotnot.blueprints.api.idempotency import idempotent
from wotnot.blueprints.api.resource import Resource
from wotnot.blueprints.api.schemas.messages import MessageSchema, QueuedMessageSchema, SendMessageSchema, part_of
from wotnot.blueprints.guards import actor, workspace_id
from wotnot.errors import Invalid
from wotnot.models import Direction, Message, MessageState, SimulatedMessage
from wotnot.services import cost_reports, inbound_media, messages, simulated_messages, single_messages

blueprint = Resource(
    "messages-api", __name__, url_prefix="/api/v1/messages", description="One message to one person, and the ledger."
)


def raw_content() -> dict[str, Any]:
    """What stands under the type's name in the request, before anybody has checked it; empty when it is no such thing."""
    body = request.get_json(silent=True)
    content = body.get(part_of(str(body.get("type")))) if isinstance(body, dict) else None
    return content if isinstance(content, dict) else {}


def _bring_files() -> None:
    body = request.get_json(silent=True)
    channel_id = body.get("channel_id") if isinstance(body, dict) else None
    if isinstance(channel_id, int):
        single_messages.bring_files(workspace_id(), channel_id, raw_content())


@blueprint.post("")
@idempotent("messages", before=_bring_files)
@blueprint.arguments(SendMessageSchema)
@blueprint.response(202, QueuedMessageSchema)
@blueprint.alt_response(
    409, description="The number cannot send, the template is not approved, the person opted out, or no window is open."
)
def send(body: dict[str, Any]) -> Message | SimpleNamespace:
    """Send one message. It is queued and goes out at the number's pace; free text needs an open 24-hour window.

    With an Idempotency-Key the same request may be repeated without sending twice. With a test key nothing goes out: the
    message is simulated, its receipts included, and `channel_id` may be left out.
    """
    content = body[part_of(body["type"])]
    if (test_key_id := actor().test_key_id) is not None:
        simulated = simulated_messages.simulate_message(
            workspace_id(),
            api_key_id=test_key_id,
            channel_id=body["channel_id"],
            to=body["to"],
            type=body["type"],
            content=content,
        )
        return SimpleNamespace(id=simulated.id, state=MessageState.QUEUED, is_test=True)
    if body["channel_id"] is None:
        raise Invalid({"channel_id": "Say which number sends it."})
    return single_messages.send_message(
        workspace_id(),
        channel_id=body["channel_id"],
        to=body["to"],
        type=body["type"],
        content=content,
        user_id=actor().user.id,
    )


@blueprint.get("/<int:message_id>")
@blueprint.response(200, MessageSchema)
def show(message_id: int) -> SimpleNamespace:
    """Get a ledger entry: its state and times, every attempt, the error in plain words, its file and its price.

    With a test key, a simulated message; the two have ids of their own.
    """
    if actor().test_key_id is not None:
        return _simulated(simulated_messages.get_message(workspace_id(), message_id))
    message = messages.get_message(workspace_id(), message_id)
    columns = {column.key: getattr(message, column.key) for column in Message.__table__.columns}
    media = inbound_media.list_for_messages(workspace_id(), [message.id]).get(message.id)
    cost = cost_reports.find_message_cost(message.id)
    attempts = messages.list_attempts(message)
    return SimpleNamespace(**columns, attempts=attempts, media=media, cost=cost, is_test=False)


def _simulated(message: SimulatedMessage) -> SimpleNamespace:
    """A simulated message with the fields of one of the ledger."""
    columns = {column.key: getattr(message, column.key) for column in SimulatedMessage.__table__.columns}
    nothing = {"broadcast_id": None, "contact_id": None, "skip_reason": None, "pricing_category": None, "media": None}
    seen = asdict(simulated_messages.seen(message, clock.now()))
    told = columns | nothing | seen | {"direction": Direction.OUT, "attempt": 1, "error_title": None, "is_test": True}
    return SimpleNamespace(**told, attempts=[SimpleNamespace(**told)])
