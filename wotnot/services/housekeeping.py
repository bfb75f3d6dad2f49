"""What may be forgotten, and when."""

from flask import current_app
from sqlalchemy import text

from wotnot.config import Config
from wotnot.services import contact_merges, exports, media, storage, template_bin
from wotnot.services.transaction import transaction

BATCH = 10_000
DAY_SECONDS = 86_400

# Meta may deliver again for seven days, and a poison delivery is kept until somebody looked at it.
_EXPIRED = {
    "revoked_tokens": "DELETE FROM revoked_tokens WHERE expires_at < now()",
    "idempotency_keys": "DELETE FROM idempotency_keys WHERE created_at < now() - interval '24 hours'",
    # A browser's cookie lasts a month after it was last here, a program's tokens as long as they say.
    "user_sessions": "DELETE FROM user_sessions WHERE last_seen_at < now() - interval '32 days' OR ends_at < now()",
    "sign_ups": "DELETE FROM sign_ups WHERE created_at < now() - interval '7 days'",
    "simulated_messages": "DELETE FROM simulated_messages WHERE created_at < now() - interval '30 days'",
    "webhook_events": """
        DELETE FROM webhook_events WHERE id IN (
            SELECT id FROM webhook_events
            WHERE state = 'done' AND received_at < now() - interval '7 days' LIMIT :batch)
    """,
    "shop_deliveries": """
        DELETE FROM shop_deliveries WHERE id IN (
            SELECT id FROM shop_deliveries
            WHERE state = 'done' AND received_at < now() - interval '7 days' LIMIT :batch)
    """,
}


def purge_expired() -> dict[str, int]:
    """Delete what is past its time, in batches that hold no lock for long; answers how many rows by table, and files."""
    config: Config = current_app.extensions["wotnot.config"]
    purged = {table: _purge(statement) for table, statement in _EXPIRED.items()}
    return purged | {
        "templates": template_bin.purge_bin(),
        "contact_merges": contact_merges.purge_merges(),
        "exports": exports.purge_exports(),
        "media_files": media.purge_deleted(),
        "partial_files": storage.storage_for(config).remove_partials(older_than=DAY_SECONDS),
    }


def _purge(statement: str) -> int:
    total = 0
    while True:
        with transaction() as session:
            deleted = int(session.execute(text(statement), {"batch": BATCH} if ":batch" in statement else {}).rowcount)  # type: ignore[attr-defined]
        total += deleted
        if ":batch" not in statement or deleted < BATCH:
            return total
