"""Jobs about templates."""

from dataclasses import asdict

from wotnot.services import template_sync


def sync_templates(channel_id: int | None = None) -> dict[str, int]:
    """Sync the templates of one channel's account, or of every account when none is named."""
    if channel_id is None:
        return template_sync.sync_all()
    result = template_sync.sync_channel(channel_id)
    return asdict(result) if result else {}
