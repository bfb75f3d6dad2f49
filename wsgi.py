"""The WSGI entry point: `gunicorn wsgi:app`, `flask --app wsgi …`."""

import gc
import sys

# Nothing of what is loaded here is garbage: it is not looked through for any, now or ever. Processes load and end quicker,
# and those that a worker forks for its jobs go on sharing its memory.
gc.disable()

from wotnot import create_app  # noqa: E402
from wotnot.config import ConfigError  # noqa: E402

# Workers, the scheduler and migrations answer nobody: without the web they start in two thirds of the time and need 20 MB less.
ANSWERS = {"worker", "scheduler", "db"}.isdisjoint(sys.argv[1:])

try:
    app = create_app(with_web=ANSWERS)
except ConfigError as error:
    sys.exit(f"WotNot cannot start: {error}")
gc.freeze()
gc.enable()
