"""What the short paths have in common: bodies as JSON or form, and the number that is used when none is named."""

import json
from collections.abc import Mapping
from typing import Any

from flask import request

from wotnot.blueprints.guards import workspace_id
from wotnot.errors import Conflict, DomainError
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


def read_sign_up(body: Any) -> tuple[str, str, str]:
    """(code, account id, number id) of what Meta's window told the browser, as objects or as JSON in strings.

    The ids may be empty. Raises DomainError (400) for what is missing.
    """
    told = body if isinstance(body, Mapping) else {}
    sdk, session = _object(told.get("sdkResponse")), _object(told.get("sessionInfoResponse"))
    code = _object(sdk.get("authResponse")).get("code")
    data = _object(session.get("data"))
    if not isinstance(code, str) or not code:
        raise DomainError("Send sdkResponse with authResponse.code, as Meta’s window answers it.")
    if "sessionInfoResponse" not in told:
        raise DomainError("Send sessionInfoResponse, the message that Meta’s window posts when it is done.")
    return code, _id(data.get("waba_id")), _id(data.get("phone_number_id"))


def _object(value: Any) -> Mapping[str, Any]:
    if isinstance(value, str):
        try:
            value = json.loads(value)
        except ValueError:
            return {}
    return value if isinstance(value, Mapping) else {}


def _id(value: Any) -> str:
    text = str(value or "")
    return text if text.isascii() and text.isdecimal() and len(text) <= 30 else ""
