"""`Idempotency-Key`: a decorator for calls that must not happen twice when a client repeats them."""

import hashlib
from collections.abc import Callable
from functools import wraps
from typing import Any, ParamSpec

from flask import Response, json, make_response, request

from wotnot.blueprints.guards import actor, workspace_id
from wotnot.services.idempotency import Answer, is_known, run_once

P = ParamSpec("P")

HEADER = "Idempotency-Key"
DOC: dict[str, Any] = {
    "name": HEADER,
    "in": "header",
    "required": False,
    "schema": {"type": "string", "minLength": 1, "maxLength": 255},
    "description": "Repeat a request safely: the same key and body get the first answer again, another body gets 409.",
}


def idempotent(
    operation: str, *, before: Callable[..., None] | None = None
) -> Callable[[Callable[P, Any]], Callable[P, Any]]:
    """A decorator that honours the header for a view, as `operation`. It goes right under the route, above the schemas.

    The view then runs within a transaction; `before` gets the same arguments and does what needs the network, first.
    """

    def decorate(view: Callable[P, Any]) -> Callable[P, Any]:
        @wraps(view)
        def wrapped(*args: P.args, **kwargs: P.kwargs) -> Any:
            key = request.headers.get(HEADER)
            if key is None:
                return view(*args, **kwargs)
            is_test = actor().test_key_id is not None
            done = f"test {operation}" if is_test else operation
            # What a test key asks for is simulated, so there is nothing to fetch first.
            if before is not None and not is_test and not is_known(workspace_id(), done, key):
                before(*args, **kwargs)
            body_hash = hashlib.sha256(request.path.encode() + b"\0" + request.get_data(cache=True)).hexdigest()
            answer = run_once(workspace_id(), done, key, body_hash, lambda: _answer_of(view(*args, **kwargs)))
            return Response(json.dumps(answer.body), answer.status, mimetype="application/json")

        documented: dict[str, Any] = getattr(wrapped, "_apidoc", {})
        parameters = documented.setdefault("manual_doc", {}).setdefault("parameters", [])
        parameters.append(DOC)
        return wrapped

    return decorate


def _answer_of(result: Any) -> Answer:
    response = make_response(result)
    return Answer(response.status_code, response.get_json())
