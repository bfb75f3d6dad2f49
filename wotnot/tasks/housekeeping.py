"""Periodic tidying: counts folded, what has expired deleted."""

from wotnot.services import housekeeping, recounts, tallies


def compact_tallies() -> dict[str, int]:
    """Fold the appended counts."""
    return tallies.compact()


def purge_expired() -> dict[str, int]:
    """Delete revoked tokens, idempotency keys and understood webhook deliveries that are past their time."""
    return housekeeping.purge_expired()


def recount() -> dict[str, int]:
    """Hold the counts of each workspace against what they count, once a night, and mend what is wrong."""
    return recounts.recount_due()
