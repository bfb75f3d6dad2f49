"""The WSGI entry point: `gunicorn wsgi:app`, `flask --app wsgi …`."""

import sys

from wotnot import create_app
from wotnot.config import ConfigError

# Workers and the scheduler answer nobody: without the web they start in two thirds of the time, and need 20 MB less each.
ANSWERS = {"worker", "scheduler"}.isdisjoint(sys.argv[1:])

try:
    app = create_app(with_web=ANSWERS)
except ConfigError as error:
    sys.exit(f"WotNot cannot start: {error}")
