"""The sender's side of the ledger: claim what is due, record what became of it, give back what did not go.

Each function is one set-based statement in one short transaction. Whoever touches several rows locks them in the order
of their ids, so that the sender and the webhook inbox can never wait for each other in a circle.
"""

import json
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from sqlalchemy import text

from wotnot import clock
from wotnot.services import retries
from wotnot.services.messages import rank_sql
from wotnot.services.transaction import transaction

TOO_LATE = "too_late"
"""The reason of a retry that failed because its deadline had passed before it could go."""

LEASE_SECONDS = 120
"""After this long, a claim of a sender on another host that never reported counts as having left."""


@dataclass(frozen=True, slots=True)
class Claim:
    """One message that this sender holds, with what filling its template needs."""

    id: int
    workspace_id: int
    channel_id: int
    broadcast_id: int | None
    contact_id: int | None
    phone: str | None
    wa_user_id: str | None
    type: str
    content: dict[str, Any] | None
    throttle_count: int
    context_wamid: str | None = None
    name: str = ""
    email: str = ""
    attributes: dict[str, Any] = field(default_factory=dict)
    template_id: int | None = None


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of a claimed message: `accepted` with its wamid, `failed` with an error, or `unknown`.

    `values` are the filled variables, kept as proof of what was sent.
    """

    message_id: int
    broadcast_id: int | None
    state: str
    at: datetime
    wamid: str | None = None
    error_code: int | None = None
    error_title: str | None = None
    values: dict[str, str] | None = None


@dataclass(frozen=True, slots=True)
class Release:
    """A claimed message that surely did not go and is due again at `due_at`; `throttled` counts a failed try.

    `hold_reason` says why it waits, when it is not just for the next try.
    """

    message_id: int
    due_at: datetime
    throttled: bool = False
    hold_reason: str | None = None


def claim_for_broadcasts(wishes: Sequence[tuple[int, int]], sender_id: str) -> list[Claim]:
    """Claim up to n due messages of each (broadcast id, n), oldest first; nobody else can claim them then.

    The consent check is here, in the statement that decides: who opted out a moment ago is skipped, not sent, and a retry
    whose deadline has passed has failed for good. So is the note of which version of its template's words a message goes out with.
    """
    ids, counts = [wish[0] for wish in wishes], [wish[1] for wish in wishes]
    return _claim(_PICK_FOR_BROADCASTS, {"ids": ids, "counts": counts, "sender": sender_id})


def claim_for_channels(wishes: Sequence[tuple[int, int]], sender_id: str) -> list[Claim]:
    """Claim up to n due single messages of each (channel id, n); they go before any broadcast."""
    ids, counts = [wish[0] for wish in wishes], [wish[1] for wish in wishes]
    return _claim(_PICK_FOR_CHANNELS, {"ids": ids, "counts": counts, "sender": sender_id})


def settle_late(limit: int) -> list[tuple[int, int, int]]:
    """Let up to `limit` waiting retries fail whose deadline passed before a claim came to them, as where a broadcast is paused
    or waits as a whole. Answers (workspace id, broadcast id, how many).
    """
    asked = {"limit": limit, "sender": "", "now": clock.now()}
    with transaction() as session:
        settled = session.execute(text(_CLAIM.format(picking=_PICK_LATE)), asked).all()
    counts = Counter((row.workspace_id, row.broadcast_id) for row in settled)
    return [(workspace_id, broadcast_id, count) for (workspace_id, broadcast_id), count in counts.items()]


def record_outcomes(outcomes: Sequence[Outcome]) -> None:
    """Record a group of outcomes. A receipt that came first keeps its state; our facts are added to it.

    Whom Meta holds back gets another attempt in the same commit.
    """
    with transaction() as session:
        session.execute(
            text(_RECORD),
            {
                "ids": [outcome.message_id for outcome in outcomes],
                "states": [outcome.state for outcome in outcomes],
                "wamids": [outcome.wamid for outcome in outcomes],
                "codes": [outcome.error_code for outcome in outcomes],
                "titles": [outcome.error_title for outcome in outcomes],
                "contents": [_proof(outcome) for outcome in outcomes],
                "times": [outcome.at for outcome in outcomes],
            },
        )
        refused = [outcome.message_id for outcome in outcomes if outcome.error_code in retries.RETRIED]
        retries.plan_retries(session, refused, were_taken=False)


def release(releases: Sequence[Release], sender_id: str) -> None:
    """Put claimed messages back into the queue; into a cancelled broadcast they return as cancelled."""
    with transaction() as session:
        session.execute(
            text(_RELEASE),
            {
                "ids": [item.message_id for item in releases],
                "due": [item.due_at for item in releases],
                "throttled": [int(item.throttled) for item in releases],
                "holds": [item.hold_reason for item in releases],
                "sender": sender_id,
            },
        )


def list_claimers() -> list[str]:
    """The senders that hold claimed messages, dead or alive."""
    with transaction() as session:
        rows = session.scalars(text("SELECT DISTINCT claimed_by FROM messages WHERE state = 'sending'"))
        return [row for row in rows if row]


def settle_claims_of(sender_id: str, left: Sequence[int] | None) -> dict[str, int]:
    """Settle what a dead sender held: what may have `left` becomes unknown, the rest goes back into the queue.

    `left` None means that nobody can tell, so all of it becomes unknown. Answers how many rows went each way.
    """
    with transaction() as session:
        requeued = 0
        if left is not None:
            requeued = _count(session.execute(text(_REQUEUE), {"sender": sender_id, "left": list(left)}))
        unknown = _count(session.execute(text(_GIVE_UP), {"sender": sender_id}))
    return {"requeued": requeued, "unknown": unknown}


def settle_expired_claims(sender_id: str) -> int:
    """Give up the claims of a sender elsewhere that are older than the lease; answers how many."""
    with transaction() as session:
        return _count(
            session.execute(
                text(_GIVE_UP + " AND claimed_at < now() - make_interval(secs => :lease)"),
                {"sender": sender_id, "lease": LEASE_SECONDS},
            )
        )


def _claim(picking: str, parameters: dict[str, Any]) -> list[Claim]:
    with transaction() as session:
        rows = session.execute(text(_CLAIM.format(picking=picking)), {**parameters, "now": clock.now()}).all()
    return [
        Claim(
            row.id,
            row.workspace_id,
            row.channel_id,
            row.broadcast_id,
            row.contact_id,
            row.phone,
            row.wa_user_id,
            row.type,
            row.content,
            row.throttle_count,
            row.context_wamid,
            row.name or "",
            row.email or "",
            row.attributes or {},
            row.template_id,
        )
        for row in sorted(rows, key=lambda row: row.id)
        if row.state == "sending"
    ]


def _proof(outcome: Outcome) -> str | None:
    return None if outcome.values is None else json.dumps({"values": outcome.values}, ensure_ascii=False)


def _count(result: Any) -> int:
    return int(result.rowcount)


_PICK_FOR_BROADCASTS = """
    SELECT m.id, m.contact_id, true AS in_broadcast, true AS is_unasked,
           m.expires_at < :now AS is_late
    FROM unnest(CAST(:ids AS bigint[]), CAST(:counts AS int[])) AS w (broadcast_id, n)
    JOIN broadcasts b ON b.id = w.broadcast_id AND b.state = 'sending'
    CROSS JOIN LATERAL (
        SELECT id, contact_id, expires_at FROM messages
        WHERE broadcast_id = w.broadcast_id AND state = 'queued' AND due_at <= :now
        ORDER BY due_at, id LIMIT w.n FOR UPDATE SKIP LOCKED
    ) m
"""

_PICK_FOR_CHANNELS = """
    SELECT m.id, m.contact_id, false AS in_broadcast, m.type = 'template' AS is_unasked, false AS is_late
    FROM unnest(CAST(:ids AS bigint[]), CAST(:counts AS int[])) AS w (channel_id, n)
    CROSS JOIN LATERAL (
        SELECT id, contact_id, type FROM messages
        WHERE channel_id = w.channel_id AND broadcast_id IS NULL AND state = 'queued' AND due_at <= :now
        ORDER BY id LIMIT w.n FOR UPDATE SKIP LOCKED
    ) m
"""

# Late as all of them are, the claim ends each and takes none. Cancelled broadcasts cancel what waits themselves.
_PICK_LATE = """
    SELECT m.id, m.contact_id, true AS in_broadcast, true AS is_unasked, true AS is_late
    FROM messages m JOIN broadcasts b ON b.id = m.broadcast_id AND b.state IN ('sending', 'paused')
    WHERE m.state = 'queued' AND m.expires_at < :now
    ORDER BY m.id LIMIT :limit FOR UPDATE OF m SKIP LOCKED
"""

_CLAIM = """
WITH picked AS MATERIALIZED ({picking}),
people AS (
    SELECT p.id, c.id AS contact_id, c.name, c.email, c.attributes,
           CASE WHEN c.consent = 'opted_out' AND p.is_unasked THEN 'opted_out'
                WHEN c.id IS NULL AND p.in_broadcast THEN 'contact_deleted'
                WHEN p.is_late THEN 'too_late' END AS skip_reason
    FROM picked p LEFT JOIN contacts c ON c.id = p.contact_id
)
UPDATE messages m
SET state = CASE WHEN p.skip_reason IS NULL THEN 'sending' WHEN p.skip_reason = 'too_late' THEN 'failed' ELSE 'skipped' END,
    failed_at = CASE WHEN p.skip_reason = 'too_late' THEN :now ELSE m.failed_at END,
    skip_reason = p.skip_reason,
    hold_reason = NULL,
    -- Who was deleted while the list was being made is named no more.
    contact_id = p.contact_id,
    claimed_by = CASE WHEN p.skip_reason IS NULL THEN :sender END,
    template_version = CASE WHEN p.skip_reason IS NULL THEN (SELECT version FROM templates WHERE id = m.template_id) END,
    claimed_at = :now,
    changed_at = :now
FROM people p
WHERE m.id = p.id
RETURNING m.id, m.workspace_id, m.channel_id, m.broadcast_id, m.contact_id, m.phone, m.wa_user_id, m.type, m.content,
          m.throttle_count, m.template_id, m.context_wamid, m.state, p.name, p.email, p.attributes
"""

_RECORD = f"""
WITH facts AS (
    SELECT * FROM unnest(
        CAST(:ids AS bigint[]), CAST(:states AS text[]), CAST(:wamids AS text[]), CAST(:codes AS int[]),
        CAST(:titles AS text[]), CAST(:contents AS jsonb[]), CAST(:times AS timestamptz[])
    ) AS f (id, state, wamid, error_code, error_title, content, at)
), locked AS (
    SELECT m.id FROM messages m WHERE m.id = ANY(CAST(:ids AS bigint[])) ORDER BY m.id FOR UPDATE
)
UPDATE messages m
SET state = CASE WHEN {rank_sql("f.state")} > {rank_sql("m.state")} THEN f.state ELSE m.state END,
    reached = greatest(m.reached, CASE f.state WHEN 'accepted' THEN 2 ELSE 1 END),
    wamid = coalesce(m.wamid, f.wamid),
    content = coalesce(f.content, m.content),
    error_code = CASE WHEN {rank_sql("f.state")} > {rank_sql("m.state")} THEN f.error_code ELSE m.error_code END,
    error_title = CASE WHEN {rank_sql("f.state")} > {rank_sql("m.state")} THEN f.error_title ELSE m.error_title END,
    accepted_at = CASE WHEN f.state = 'accepted' THEN coalesce(m.accepted_at, f.at) ELSE m.accepted_at END,
    failed_at = CASE WHEN f.state = 'failed' THEN coalesce(m.failed_at, f.at) ELSE m.failed_at END,
    changed_at = f.at,
    claimed_by = NULL
FROM facts f JOIN locked USING (id)
WHERE m.id = f.id
"""  # noqa: S608 — rank_sql is ours, every value is bound

_RELEASE = """
WITH items AS (
    SELECT * FROM unnest(
        CAST(:ids AS bigint[]), CAST(:due AS timestamptz[]), CAST(:throttled AS int[]), CAST(:holds AS text[])
    ) AS i (id, due_at, throttled, hold_reason)
), locked AS (
    SELECT m.id FROM messages m WHERE m.id = ANY(CAST(:ids AS bigint[])) AND m.state = 'sending'
    AND m.claimed_by = :sender ORDER BY m.id FOR UPDATE
), ended AS (
    SELECT m.id FROM locked l JOIN messages m USING (id) JOIN broadcasts b ON b.id = m.broadcast_id
    WHERE b.state = 'cancelled'
)
UPDATE messages m
SET state = CASE WHEN m.id IN (SELECT id FROM ended) THEN 'cancelled' ELSE 'queued' END,
    due_at = i.due_at, hold_reason = i.hold_reason, throttle_count = m.throttle_count + i.throttled,
    claimed_by = NULL, claimed_at = NULL, changed_at = now()
FROM items i JOIN locked USING (id)
WHERE m.id = i.id
"""

_REQUEUE = """
UPDATE messages m
SET state = CASE WHEN EXISTS (SELECT 1 FROM broadcasts b WHERE b.id = m.broadcast_id AND b.state = 'cancelled')
                 THEN 'cancelled' ELSE 'queued' END,
    claimed_by = NULL, claimed_at = NULL, changed_at = now()
WHERE claimed_by = :sender AND state = 'sending' AND NOT (id = ANY(CAST(:left AS bigint[])))
"""

_GIVE_UP = """
UPDATE messages SET state = 'unknown', reached = greatest(reached, 1), claimed_by = NULL, changed_at = now()
WHERE claimed_by = :sender AND state = 'sending'
"""
