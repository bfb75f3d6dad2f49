"""Jobs about channels."""

from wotnot.services import channels


def refresh_channels() -> dict[str, int]:
    """Ask Meta about the numbers whose quality, limit and state we last heard of a while ago."""
    return channels.refresh_stale()
