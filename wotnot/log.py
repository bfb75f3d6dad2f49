"""Logging set up once."""


def configure(log_format: str) -> None:
    """Placeholder until written."""
