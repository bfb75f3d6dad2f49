"""What the short paths have in common: bodies as JSON or form, and the number that is used when none is named."""

from typing import Any

from flask import request

from wotnot.blueprints.guards import workspace_id
from wotnot.errors import Conflict
from wotnot.models import Channel
from wotnot.services import broadcast_choices, channels


def read_body() -> Any:
    """The JSON body, or the form as an object. A body that is neither is a BadRequest of werkzeug's."""
    if request.mimetype in {"application/x-www-form-urlencoded", "multipart/form-data"}:
        return request.form.to_dict()
    return request.get_json(force=True)


def default_channel(channel_id: int | None) -> Channel:
    """The named number, or the workspace's first connected one. Raises NotFound, Conflict when there is none."""
    if channel_id is not None:
        return channels.get_channel(workspace_id(), channel_id)
    connected = broadcast_choices.list_sending_channels(workspace_id())
    if not connected:
        raise Conflict("Connect a WhatsApp number first.", code="no_channel")
    return connected[0]
