"""The WSGI entry point: `gunicorn wsgi:app`, `flask --app wsgi …`."""

import sys

from wotnot import create_app
from wotnot.config import ConfigError

try:
    app = create_app()
except ConfigError as error:
    sys.exit(f"WotNot cannot start: {error}")
