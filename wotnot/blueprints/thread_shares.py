"""How many of a process's threads long answers may hold, so that enough are left for pages, the API and webhooks.

Of WEB_THREADS (gunicorn.conf.py) live streams may hold a half and answers that a model is writing an eighth; who comes beyond
that is told to come again.
"""

import threading

from flask import Flask, current_app

from wotnot.config import Config

STREAMS, ANSWERS = "streams", "answers"
_SHARES = {STREAMS: 2, ANSWERS: 8}


def register(app: Flask) -> None:
    """Count the threads out, anew for each app: a process serves one."""
    config: Config = app.extensions["wotnot.config"]
    app.extensions["wotnot.thread_slots"] = {
        name: threading.BoundedSemaphore(max(1, config.web_threads // share)) for name, share in _SHARES.items()
    }


def slots_for(name: str) -> threading.BoundedSemaphore:
    """The places for STREAMS or ANSWERS in this process; take one without waiting, and give it back."""
    found: dict[str, threading.BoundedSemaphore] = current_app.extensions["wotnot.thread_slots"]
    return found[name]
