"""The report of a broadcast as a CSV file: one line a ledger row, streamed."""

from collections.abc import Iterator
from datetime import datetime

from sqlalchemy import select

from wotnot.extensions import db
from wotnot.models import Broadcast, Workspace
from wotnot.services import csvio
from wotnot.services.broadcast_reports import cause_words
from wotnot.services.recipients import Recipient, stream_recipients
from wotnot.services.zones import in_zone

COLUMNS = (
    "name", "phone", "state", "replied", "reason", "advice", "error_code", "attempt", "message_id", "wamid",
    "queued_at", "accepted_at", "sent_at", "delivered_at", "read_at", "failed_at", "language",
)  # fmt: skip
MOMENTS = ("queued_at", "accepted_at", "sent_at", "delivered_at", "read_at", "failed_at")


def stream_report(broadcast: Broadcast) -> Iterator[str]:
    """CSV text with COLUMNS, times in the workspace's time zone with their offset; memory stays constant."""
    timezone = db.session.scalar(select(Workspace.timezone).where(Workspace.id == broadcast.workspace_id)) or "UTC"
    return csvio.write_rows(_rows(broadcast.id, timezone))


def _rows(broadcast_id: int, timezone: str) -> Iterator[tuple[object, ...]]:
    yield COLUMNS
    for recipient in stream_recipients(broadcast_id):
        yield tuple(_plain(cell, timezone) for cell in row_of(recipient))


def row_of(recipient: Recipient) -> tuple[str | int | datetime | None, ...]:
    """One ledger row under COLUMNS; times are aware."""
    failed = recipient.state in {"failed", "skipped"}
    reason, advice = cause_words(recipient.cause, recipient.error_title or "") if failed else ("", "")
    return (
        recipient.name,
        f"+{recipient.phone}" if recipient.phone else recipient.wa_user_id or "",
        recipient.state,
        "yes" if recipient.replied else "no",
        reason,
        advice,
        recipient.error_code if failed else None,
        recipient.attempt,
        recipient.id,
        recipient.wamid or "",
        recipient.queued_at,
        recipient.accepted_at,
        recipient.sent_at,
        recipient.delivered_at,
        recipient.read_at,
        recipient.failed_at,
        recipient.language or "",
    )


def _plain(cell: str | int | datetime | None, timezone: str) -> str | int | None:
    return in_zone(cell, timezone).isoformat(timespec="seconds") if isinstance(cell, datetime) else cell
