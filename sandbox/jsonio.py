"""JSON in and out: one alias for JSON objects and the few helpers every endpoint needs."""

from __future__ import annotations

import json
from typing import Any

from aiohttp import web

from sandbox.errors import GraphError

Json = dict[str, Any]

_encode = json.JSONEncoder(ensure_ascii=False, separators=(",", ":")).encode
_JSON_HEADERS = {"Content-Type": "application/json; charset=UTF-8"}


def respond(data: Any, status: int = 200) -> web.Response:
    """Answer `data` as compact JSON."""
    return web.Response(body=_encode(data).encode(), status=status, headers=_JSON_HEADERS)


def refuse(error: GraphError) -> web.Response:
    """Answer a Cloud API error envelope with the HTTP status that belongs to its code."""
    return respond(error.envelope(), error.http)


def dump_like_meta(data: Any) -> bytes:
    """Encode a webhook body the way Meta does: `\\uXXXX` for non-ASCII and `\\/` for slashes.

    Receivers that re-serialise before they check the signature must fail here as they would there.
    """
    return json.dumps(data, separators=(",", ":")).replace("/", "\\/").encode()


async def read_json(request: web.BaseRequest) -> Json:
    """The request's body as a JSON object, or GraphError 100."""
    raw = await request.read()
    try:
        data = json.loads(raw) if raw else {}
    except ValueError:
        raise GraphError(100, "The request body is not valid JSON.") from None
    if not isinstance(data, dict):
        raise GraphError(100, "The request body must be a JSON object.")
    return data


async def read_params(request: web.BaseRequest) -> Json:
    """Query, form and JSON parameters in one mapping, as the Graph API takes them anywhere."""
    params: Json = dict(request.query)
    kind = request.content_type
    if kind in ("application/x-www-form-urlencoded", "multipart/form-data"):
        params.update({key: value for key, value in (await request.post()).items() if isinstance(value, str)})
    elif request.can_read_body:
        params.update(await read_json(request))
    return params
