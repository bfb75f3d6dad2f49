"""Jobs about channels."""

from wotnot.services import channels, limit_uses


def refresh_channels() -> dict[str, int]:
    """Ask Meta about the numbers whose quality, limit and state we last heard of a while ago."""
    return channels.refresh_stale()


def refresh_account(waba_id: str) -> dict[str, int]:
    """Ask Meta about the numbers of an account of which it has just told something."""
    return channels.refresh_account(waba_id)


def note_limit_uses() -> dict[str, int]:
    """Count how much of its limit each number has used."""
    return limit_uses.note_uses()
