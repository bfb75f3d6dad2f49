"""The sender's job and its sweep."""

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from flask import current_app

from wotnot.extensions import redis
from wotnot.services import messages, moments, queue, quiet_rows
from wotnot.services.sender import ALIVE_KEY, Sender
from wotnot.services.sender_recovery import recover_orphans


def send_due() -> dict[str, int]:
    """Send until nothing is due; what a dead predecessor left is settled first."""
    queue.clear_once("send_due")
    recover_orphans(_journals())
    sender = Sender(current_app._get_current_object())  # type: ignore[attr-defined]  # noqa: SLF001 — the documented way
    with _ending_on_sigterm(sender):
        return sender.run()


def sweep_sender() -> dict[str, Any]:
    """Settle what dead senders left, and start a sender when messages are due and none is at work."""
    settled = recover_orphans(_journals())
    if messages.count_due() and not redis.client.exists(ALIVE_KEY):
        queue.enqueue_now("send_due")
        return {**settled, "started": True}
    return {**settled, "started": False}


def hold_quiet(broadcast_id: int) -> dict[str, int]:
    """Move what is due in its recipients' quiet hours to the end of them."""
    return {"held": quiet_rows.hold_quiet(broadcast_id)}


def shift_moments(broadcast_id: int) -> dict[str, int]:
    """Move a spread list on by as much as a pause took."""
    return {"shifted": moments.shift_overdue(broadcast_id)}


def _journals() -> Any:
    return current_app.extensions["wotnot.config"].journal_path


@contextmanager
def _ending_on_sigterm(sender: Sender) -> Iterator[None]:
    """Let a shutdown end the loop cleanly instead of killing it with messages in its hands."""
    previous = signal.signal(signal.SIGTERM, lambda *_: sender.stop())
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, previous)
