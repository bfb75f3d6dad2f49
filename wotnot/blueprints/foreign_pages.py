"""Pages of others, by CORS: those that are listed may call what programs call, and nothing else."""

import re

from flask import Flask

from wotnot.blueprints.api.seed import SHORT_PATHS
from wotnot.config import Config
from wotnot.extensions import cors

# Answers that say how often a program may call; without a word, browsers keep them from the pages of others.
COUNTING_HEADERS = ("Retry-After", "X-RateLimit-Limit", "X-RateLimit-Remaining", "X-RateLimit-Reset")


def register(app: Flask) -> None:
    """Let the listed pages call the API and the short paths. They bring a token or a key: cookies stay at home."""
    config: Config = app.extensions["wotnot.config"]
    allowed = {"origins": list(config.cors_origins), "expose_headers": list(COUNTING_HEADERS)}
    cors.init_app(app, resources={r"/api/.*": allowed, _short_paths(): allowed})


def _short_paths() -> str:
    """A pattern of all addresses of theirs, with and without the slash at the end."""
    first = sorted({re.escape(path.rule.split("/")[1]) for path in SHORT_PATHS})
    return rf"/(?:{'|'.join(first)})(?:/.*)?$"
