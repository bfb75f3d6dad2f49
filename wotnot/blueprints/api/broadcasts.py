"""Broadcasts over the API."""

from collections.abc import Callable
from functools import partial
from typing import Any

from flask import Response, stream_with_context

from wotnot.blueprints.api.idempotency import idempotent
from wotnot.blueprints.api.resource import ANY_JSON, Resource
from wotnot.blueprints.api.schemas import page_schema
from wotnot.blueprints.api.schemas.broadcasts import (
    BroadcastDetailSchema,
    BroadcastListArgs,
    BroadcastMessagesArgs,
    BroadcastMessageSchema,
    BroadcastSchema,
    ChangeBroadcastSchema,
    CreateBroadcastSchema,
    GoSchema,
    RetriedSchema,
    RetrySchema,
)
from wotnot.blueprints.api.schemas.messages import QueuedMessageSchema
from wotnot.blueprints.api.schemas.preflight import CheckSchema, SendTestSchema
from wotnot.blueprints.api.schemas.reports import BroadcastReportSchema, dump_report
from wotnot.blueprints.guards import actor, requires, workspace_id
from wotnot.models import Broadcast, Message, Role
from wotnot.services import (
    broadcast_copies,
    broadcast_csv,
    broadcast_reports,
    broadcasts,
    preflight,
    rate_cards,
    recipients,
    trial_messages,
)
from wotnot.services.broadcast_reports import BroadcastSummary
from wotnot.services.pages import Page
from wotnot.services.recipients import Recipient

blueprint = Resource(
    "broadcasts-api", __name__, url_prefix="/api/v1/broadcasts", description="One template to many people."
)

_WRONG_STATE = "The state of the broadcast does not allow it; `state` says which it is."
_LOW_QUALITY = f"{_WRONG_STATE} Or it is marketing from a number that Meta rates low (`low_quality`)."


@blueprint.post("")
@requires(Role.ADMIN)
@idempotent("broadcasts")
@blueprint.arguments(CreateBroadcastSchema)
@blueprint.response(201, BroadcastDetailSchema)
@blueprint.alt_response(409, description="The Idempotency-Key was used with another body.")
def create(body: dict[str, Any]) -> BroadcastSummary:
    """Make a draft, or with `scheduled_at` plan it. With an Idempotency-Key the request may be repeated safely."""
    return _summary(broadcasts.plan_broadcast(workspace_id(), user_id=actor().user.id, **body))


@blueprint.get("")
@blueprint.arguments(BroadcastListArgs, location="query")
@blueprint.response(200, page_schema(BroadcastSchema))
def index(query: dict[str, Any]) -> Page[BroadcastSummary]:
    """List broadcasts, newest first."""
    state = query.pop("state")
    return broadcast_reports.list_broadcasts(workspace_id(), states=(state,) if state else (), **query)


@blueprint.get("/<int:broadcast_id>")
@blueprint.response(200, BroadcastDetailSchema)
def show(broadcast_id: int) -> BroadcastSummary:
    """Get one broadcast with its counts."""
    return _summary(broadcasts.get_broadcast(workspace_id(), broadcast_id))


@blueprint.patch("/<int:broadcast_id>")
@requires(Role.ADMIN)
@blueprint.arguments(ChangeBroadcastSchema)
@blueprint.response(200, BroadcastDetailSchema)
@blueprint.alt_response(409, description=_WRONG_STATE)
def change(body: dict[str, Any], broadcast_id: int) -> BroadcastSummary:
    """Change a draft; a scheduled one may get another name or moment, any other only another name."""
    return _summary(broadcasts.change_broadcast(workspace_id(), broadcast_id, **body))


@blueprint.delete("/<int:broadcast_id>")
@requires(Role.ADMIN)
@blueprint.response(204)
@blueprint.alt_response(409, description=_WRONG_STATE)
def delete(broadcast_id: int) -> None:
    """Delete a draft. What was sent stays as a record."""
    broadcasts.delete_broadcast(workspace_id(), broadcast_id)


@blueprint.get("/<int:broadcast_id>/check")
@requires(Role.ADMIN)
@blueprint.response(200, CheckSchema)
def check(broadcast_id: int) -> dict[str, object]:
    """Look at a draft before it is sent: whom it reaches, who is left out and why, limit, price, and what went out before."""
    return preflight.describe(broadcasts.get_broadcast(workspace_id(), broadcast_id))


@blueprint.post("/<int:broadcast_id>/test")
@requires(Role.ADMIN)
@blueprint.arguments(SendTestSchema)
@blueprint.response(202, QueuedMessageSchema)
@blueprint.alt_response(409, description="The number or the template cannot send, or that person opted out.")
def test(body: dict[str, Any], broadcast_id: int) -> Message:
    """Send the message of a broadcast to one number, to see it on a telephone."""
    return trial_messages.send_trial(workspace_id(), broadcast_id, body["to"], row=body["row"], user_id=actor().user.id)


@blueprint.post("/<int:broadcast_id>/copy")
@requires(Role.ADMIN)
@blueprint.response(201, BroadcastDetailSchema)
def copy(broadcast_id: int) -> BroadcastSummary:
    """Make a draft that is like another broadcast, in whatever state that is."""
    return _summary(broadcast_copies.copy_broadcast(workspace_id(), broadcast_id, user_id=actor().user.id))


@blueprint.post("/<int:broadcast_id>/start")
@requires(Role.ADMIN)
@blueprint.arguments(GoSchema, location=ANY_JSON, required=False)
@blueprint.response(200, BroadcastDetailSchema)
@blueprint.alt_response(409, description=_LOW_QUALITY)
@blueprint.alt_response(422, description="Something is missing or cannot be sent now; `errors` names it by field.")
def start(body: dict[str, Any], broadcast_id: int) -> BroadcastSummary:
    """Start now. Of two calls at once one wins."""
    return _moved(broadcast_id, partial(broadcasts.start_broadcast, **body))


@blueprint.post("/<int:broadcast_id>/pause")
@requires(Role.ADMIN)
@blueprint.response(200, BroadcastDetailSchema)
@blueprint.alt_response(409, description=_WRONG_STATE)
def pause(broadcast_id: int) -> BroadcastSummary:
    """Stop for now; sending stops within a second."""
    return _moved(broadcast_id, broadcasts.pause_broadcast)


@blueprint.post("/<int:broadcast_id>/resume")
@requires(Role.ADMIN)
@blueprint.arguments(GoSchema, location=ANY_JSON, required=False)
@blueprint.response(200, BroadcastDetailSchema)
@blueprint.alt_response(409, description=_LOW_QUALITY)
def resume(body: dict[str, Any], broadcast_id: int) -> BroadcastSummary:
    """Go on after a pause."""
    return _moved(broadcast_id, partial(broadcasts.resume_broadcast, **body))


@blueprint.post("/<int:broadcast_id>/cancel")
@requires(Role.ADMIN)
@blueprint.response(200, BroadcastDetailSchema)
@blueprint.alt_response(409, description=_WRONG_STATE)
def cancel(broadcast_id: int) -> BroadcastSummary:
    """End it for good: what waits is not sent. In a large broadcast the counts follow within seconds."""
    return _moved(broadcast_id, broadcasts.cancel_broadcast)


@blueprint.post("/<int:broadcast_id>/retry")
@requires(Role.ADMIN)
@blueprint.arguments(RetrySchema)
@blueprint.response(202, RetriedSchema)
@blueprint.alt_response(409, description=f"{_LOW_QUALITY} Or nobody is left to retry.")
def retry(body: dict[str, Any], broadcast_id: int) -> dict[str, object]:
    """Queue one more attempt for everybody whose last one failed, or is unknown and was given time for its receipt."""
    count = broadcasts.retry_broadcast(workspace_id(), broadcast_id, **body)
    return {"retried": count, "broadcast": _summary(broadcasts.get_broadcast(workspace_id(), broadcast_id))}


@blueprint.get("/<int:broadcast_id>/messages")
@blueprint.arguments(BroadcastMessagesArgs, location="query")
@blueprint.response(200, page_schema(BroadcastMessageSchema))
def messages(query: dict[str, Any], broadcast_id: int) -> Page[Recipient]:
    """List the messages of a broadcast: one a recipient and attempt, newest first."""
    broadcast = broadcasts.get_broadcast(workspace_id(), broadcast_id)
    return recipients.list_recipients(workspace_id(), broadcast.id, view=query.pop("state"), **query)


@blueprint.get("/<int:broadcast_id>/report")
@blueprint.response(200, BroadcastReportSchema)
def facets(broadcast_id: int) -> dict[str, Any]:
    """Get a broadcast by country, by how soon it was read, and by cause of failure. For a file of it see `POST /exports`."""
    broadcast = broadcasts.get_broadcast(workspace_id(), broadcast_id)
    return dump_report(broadcast, rate_cards.get_setup(workspace_id()).currency)


@blueprint.get("/<int:broadcast_id>/report.csv")
@blueprint.response(200, content_type="text/csv")
def report(broadcast_id: int) -> Response:
    """Stream every recipient with state, reason and times as CSV."""
    lines = broadcast_csv.stream_report(broadcasts.get_broadcast(workspace_id(), broadcast_id))
    response = Response(stream_with_context(lines), mimetype="text/csv")
    response.headers["Content-Disposition"] = f'attachment; filename="broadcast-{broadcast_id}.csv"'
    return response


def _moved(broadcast_id: int, move: Callable[[int, int], Broadcast]) -> BroadcastSummary:
    return _summary(move(workspace_id(), broadcast_id))


def _summary(broadcast: Broadcast) -> BroadcastSummary:
    return broadcast_reports.describe(broadcast)
