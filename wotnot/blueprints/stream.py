"""Live events to the browser (SSE): "what you show about this topic is old". The page then fetches the part again.

A stream holds a thread, never a connection: one subscription of the process feeds all of them (services/event_hub.py). Streams are capped well below the
threads of a process (`thread_shares.py`); beyond the cap a polite 503 makes the page poll instead.
"""

import time
from collections.abc import Iterator

from flask import Blueprint, Flask, Response, request
from redis.exceptions import RedisError

from wotnot import metrics
from wotnot.blueprints import guards
from wotnot.blueprints.thread_shares import STREAMS, slots_for
from wotnot.services import events, presence
from wotnot.services.transaction import release_connection

blueprint = Blueprint("stream", __name__)
guards.guard_pages(blueprint)

HEARTBEAT_SECONDS = 5.0
"""A browser that went away is noticed at the next write, so silence must not last."""


@blueprint.get("/app/stream")
def stream() -> Response:
    """Topics of the workspace, each as an event of its name; `?topics=a,b` limits them."""
    topics = frozenset(filter(None, request.args.get("topics", "").split(",")))
    workspace_id, user_id = guards.workspace_id(), guards.actor().user.id
    slots = slots_for(STREAMS)
    if not slots.acquire(blocking=False):
        metrics.count("stream_refusals")
        return Response(status=503, headers={"Retry-After": "15"})
    release_connection()
    response = Response(_events(workspace_id, user_id, topics), mimetype="text/event-stream")
    response.headers["Cache-Control"] = "no-store"
    response.headers["X-Accel-Buffering"] = "no"
    response.call_on_close(slots.release)
    return response


def _events(workspace_id: int, user_id: int, topics: frozenset[str]) -> Iterator[str]:
    presence.note_here(workspace_id, user_id)
    noted_at = time.monotonic()
    heard = events.listen(workspace_id, topics, heartbeat_seconds=HEARTBEAT_SECONDS)
    try:
        if next(heard, None) is None:
            return
        # From here on nothing is missed, so now the page fetches everything once: what happened meanwhile costs nothing.
        yield "retry: 3000\nevent: ready\ndata: \n\n"
        for topics_heard in heard:
            # By the clock and not by silence: in a busy workspace there is none.
            if time.monotonic() - noted_at >= HEARTBEAT_SECONDS:
                presence.note_here(workspace_id, user_id)
                noted_at = time.monotonic()
            yield "".join(map(_event, topics_heard)) or f"event: {BEAT}\ndata: \n\n"
    except RedisError:
        return


def _event(topic: str) -> str:
    return f"event: {topic}\ndata: {topic}\n\n"


BEAT = "beat"
"""The event that only says that the line is open: a browser that hears none for long connects again (live.js)."""


def register(app: Flask) -> None:
    """Put the stream on the app."""
    app.register_blueprint(blueprint)
