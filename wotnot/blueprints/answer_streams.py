"""A model's answer on its way to the page: the answer to a form that was sent, one JSON object a line.

A line says what to put where (`static/js/stream.js` does it), so a part of the page is drawn by its template here, too. A
script asks for lines with its Accept header; a browser without scripts gets the whole page when all is written.

A stream holds a thread for as long as the model writes, a minute at most. They are capped well below the threads of a
process, beside the live streams (thread_shares.py); beyond the cap a person is asked to wait.
"""

import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from flask import Response, json, request, stream_with_context

from wotnot import metrics
from wotnot.blueprints.thread_shares import ANSWERS, slots_for
from wotnot.errors import Unavailable

TELL_EVERY_SECONDS = 0.12
"""How often a part of the page is drawn again while it is written."""

MIMETYPE = "application/x-ndjson"
Line = Mapping[str, Any] | None
"""`{"target", "html"}` replaces an element, `{"url"}`, `{"title"}` and `{"fields"}` change the address, the window's title
and hidden fields, `{"done"}` is the last one and is read out. None only shows whether somebody still reads."""


def wants_lines() -> bool:
    """Whether a script asks, which draws the answer as it is written."""
    return MIMETYPE in request.accept_mimetypes.values()


@contextmanager
def answer_slot() -> Iterator[None]:
    """A place among the answers that are being written. Raises Unavailable when there is none."""
    release = _take_slot()
    try:
        yield
    finally:
        release()


def stream_answer(begin: Callable[[], Iterator[Line]]) -> Response:
    """Answer with the lines of `begin()`. What that raises is answered as any error; there is nothing on its way yet."""
    release = _take_slot()
    try:
        lines = begin()
    except BaseException:
        release()
        raise
    response = Response(stream_with_context(_written(lines)), mimetype=MIMETYPE)
    response.headers["Cache-Control"] = "no-store"
    response.headers["X-Accel-Buffering"] = "no"
    response.call_on_close(release)
    return response


class Pace:
    """Says when it is time to draw again: what changes at every piece is not worth it each time."""

    def __init__(self) -> None:
        """The first time it is."""
        self._next = 0.0

    def is_due(self) -> bool:
        """Whether it is time now; asking counts as drawing."""
        now = time.monotonic()
        if now < self._next:
            return False
        self._next = now + TELL_EVERY_SECONDS
        return True


def _written(lines: Iterator[Line]) -> Iterator[str]:
    for line in lines:
        yield json.dumps(line) + "\n" if line else "\n"


def _take_slot() -> Callable[[], None]:
    """Take a place among the answers; what is answered gives it back. Raises Unavailable."""
    slots = slots_for(ANSWERS)
    if not slots.acquire(blocking=False):
        metrics.count("answer_refusals")
        raise Unavailable("Many answers are being written just now. Wait a moment, then try again.", code="ai_busy")
    return slots.release
