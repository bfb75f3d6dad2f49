"""How gunicorn serves WotNot; read by the Procfile's `web` line, here and on every host.

Threads, not only processes: each open page holds one live-event stream, a thread that mostly sleeps. The streams are
capped well below `threads` by the product, so that pages are always answered.
"""

import gc
import os
import sys
from contextlib import suppress
from typing import Any

from jinja2 import Environment, FileSystemBytecodeCache

bind = f"{os.environ.get('HOST', '0.0.0.0')}:{os.environ.get('PORT', '8000')}"  # nosec B104 # noqa: S104 - a host's router needs it; bin/start sets HOST=127.0.0.1
workers = int(os.environ.get("WEB_CONCURRENCY", "2"))
threads = int(os.environ.get("WEB_THREADS", "320"))
worker_class = "gthread"
# Loaded once and forked: half the start-up work, shared memory. Nothing connects before the first request.
preload_app = True
worker_connections = 2000
keepalive = 5
# Streams never end by themselves: on a stop they are cut after this many seconds, and the browser connects again.
graceful_timeout = 5
timeout = 60
# The product writes one line a request itself, with the request id and without personal data.
accesslog = None
errorlog = "-"
# Heartbeat files on a disk can stall a worker; memory cannot.
worker_tmp_dir = "/dev/shm" if os.path.isdir("/dev/shm") else None  # noqa: S108, PTH112 - not a predictable name, gunicorn makes its own


def when_ready(server: Any) -> None:
    """Right before the processes are forked: do what each would do again, and keep it out of the collector's way.

    What is loaded now is never freed, so there is no use in looking through it for garbage time and again, and memory
    that nobody touches stays shared.
    """
    from wotnot.services.readiness import refuse_wrong_storage  # known once the app is loaded

    app = server.app.wsgi()
    refuse_wrong_storage(app.extensions["wotnot.config"])
    _compile_pages(app.jinja_env)
    gc.collect()
    gc.freeze()
    gc.set_threshold(20_000, 20, 50)
    # A page that has the interpreter is nearly done: let it finish rather than have all of them wait for each other.
    sys.setswitchinterval(0.02)


def _compile_pages(templates: Environment) -> None:
    """Compile every page, or read what an earlier start compiled: a twentieth of the time."""
    names = templates.list_templates(extensions=["html"])
    with suppress(OSError, RuntimeError):  # no folder that is ours alone, or no room in it
        templates.bytecode_cache = FileSystemBytecodeCache()
        for name in names:
            templates.get_template(name)
    templates.bytecode_cache = None
    for name in names:  # costs nothing where it has been
        templates.get_template(name)
