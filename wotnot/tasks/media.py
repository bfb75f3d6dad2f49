"""Jobs about files."""

from wotnot.services import broadcast_uploads, inbound_media


def fetch_inbound_media() -> dict[str, int]:
    """Fetch the files that people sent from Meta, the longest waiting first."""
    return inbound_media.fetch_due()


def sweep_inbound_media() -> dict[str, bool]:
    """Wake the fetching when files are due and its job was lost."""
    return {"due": inbound_media.sweep()}


def upload_broadcast_files(broadcast_id: int) -> dict[str, object]:
    """Give Meta the library's files that a broadcast shows."""
    return {"broadcast_id": broadcast_id, "uploaded": broadcast_uploads.upload_files(broadcast_id)}
