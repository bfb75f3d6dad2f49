"""The one place that knows what time it is, so that a test can move it."""

from datetime import UTC, datetime


def now() -> datetime:
    """The current time, always aware and in UTC."""
    return datetime.now(UTC)
