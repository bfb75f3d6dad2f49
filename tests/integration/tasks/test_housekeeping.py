"""What may be forgotten is, and nothing else; running it twice changes nothing more."""

import os
from datetime import timedelta
from pathlib import Path
from typing import Any

from flask import Flask

from wotnot import clock
from wotnot.models import RevokedToken, WebhookEvent
from wotnot.tasks.housekeeping import compact_tallies, purge_expired


def test_only_what_is_past_its_time_goes(session: Any, app: Flask) -> None:
    now = clock.now()
    session.add_all(
        [
            RevokedToken(jti="old", expires_at=now - timedelta(hours=1)),
            RevokedToken(jti="new", expires_at=now + timedelta(hours=1)),
            WebhookEvent(body=b"old", state="done", received_at=now - timedelta(days=8)),
            WebhookEvent(body=b"new", state="done", received_at=now - timedelta(days=6)),
            WebhookEvent(body=b"kept", state="poison", received_at=now - timedelta(days=80)),
        ]
    )
    session.commit()
    nothing_else = {
        "idempotency_keys": 0,
        "exports": 0,
        "shop_deliveries": 0,
        "simulated_messages": 0,
        "user_sessions": 0,
        "sign_ups": 0,
        "templates": 0,
        "contact_merges": 0,
        "media_files": 0,
        "partial_files": 0,
    }
    assert purge_expired() == {"revoked_tokens": 1, "webhook_events": 1} | nothing_else
    assert {event.body for event in session.query(WebhookEvent)} == {b"new", b"kept"}
    assert not any(purge_expired().values())


def test_files_that_a_killed_upload_left(session: Any, app: Flask) -> None:
    folder: Path = app.extensions["wotnot.config"].storage_path
    folder.mkdir(parents=True, exist_ok=True)
    old, fresh = folder / "old.part", folder / "fresh.part"
    for file in (old, fresh):
        file.write_bytes(b"half")
    os.utime(old, (1, 1))
    try:
        assert purge_expired()["partial_files"] == 1
        assert fresh.exists()
        assert not old.exists()
    finally:
        fresh.unlink()


def test_folding_counts_twice_changes_nothing(session: Any) -> None:
    compact_tallies()
    assert not any(compact_tallies().values())
