"""What a dead sender leaves behind, settled by whoever looks first.

Its journal tells which of the claimed messages had left: those become `unknown` until Meta's receipt says more, all
others go back into the queue. Nothing is sent twice on a guess.
"""

import logging
from collections import Counter
from pathlib import Path

from wotnot.services import outbox, send_journal

logger = logging.getLogger(__name__)


def recover_orphans(folder: Path) -> dict[str, int]:
    """Settle the claims of every dead sender; safe to run anywhere and at any time.

    `folder` holds this host's journals. Answers how many messages were `requeued` and how many became `unknown`.
    """
    # The dead are locked before their claims are read: nobody can die in between with claims that are not seen.
    dead = send_journal.open_all_dead(folder)
    totals: Counter[str] = Counter(requeued=0, unknown=0)
    for sender_id in outbox.list_claimers():
        if sender_id in dead:
            left = dead[sender_id].left
            totals.update(outbox.settle_claims_of(sender_id, None if left is None else sorted(left)))
        elif not send_journal.is_here(folder, sender_id):
            # Another host's sender, or this host's disk is gone: wait for the lease, then assume the worst.
            totals["unknown"] += outbox.settle_expired_claims(sender_id)
    for journal in dead.values():
        journal.discard()
    if any(totals.values()):
        logger.warning("settled the claims of a dead sender", extra=dict(totals))
    return dict(totals)
