"""Another attempt for those whom Meta did not take a message for yet: planned in the transaction that records the failure.

An attempt is a row of its own, as when somebody presses Retry, and waits in the queue until its moment. So a crash can
neither lose nor double it: failure and next attempt are one commit, and the key (broadcast, contact, attempt) is unique.
"""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import text
from sqlalchemy.orm import Session

from wotnot.services import audience_risks, events
from wotnot.services.channel_pace import RED
from wotnot.services.messages import wake_sender
from wotnot.services.quality_guard import HELD
from wotnot.services.whatsapp.error_plan import LATER_HOURS, SOON_SECONDS, Action, codes_of

RETRIED = frozenset(codes_of(Action.LATER))
"""Codes after which a refused message gets another attempt by itself."""

LOST = frozenset(codes_of(Action.SOON))
"""Codes after which a message that Meta had taken gets one too: it was not delivered through no fault of anybody's here."""


def plan_retries(session: Session, message_ids: Sequence[int], *, were_taken: bool) -> int:
    """Queue the next attempt of those of these messages that failed for a reason that passes; answers how many.

    `were_taken` says that Meta had accepted them, so that its own faults count too: before that the sender tried already.

    Whom Meta holds back is asked again after a day, while `retry_hours` of the broadcast allow it; marketing to the United
    States never, since it is never delivered. No attempt goes out later than a day after the last that is allowed, counted
    from the first failure: what a pause, quiet hours or a limit held for longer has failed. A broadcast that had finished
    goes on, or waits for somebody when it is marketing from a number that Meta rates low now. Joins the caller's transaction.
    """
    if not message_ids:
        return 0
    asked = {
        "ids": list(message_ids),
        "later": sorted(RETRIED),
        "soon": sorted(LOST) if were_taken else [],
        "pauses": list(SOON_SECONDS),
        "hours": LATER_HOURS,
        "never": list(audience_risks.american_prefixes()),
    }
    planned = session.execute(text(_PLAN), asked).all()
    if planned:
        _go_on(session, {row.broadcast_id for row in planned})
    return len(planned)


def drop_arrived(session: Session, message_ids: Sequence[int]) -> int:
    """Skip the waiting attempts for people whom an earlier one reached after all; answers how many.

    Meta may deliver what it called failed. Joins the caller's transaction.
    """
    if not message_ids:
        return 0
    dropped: Any = session.execute(text(_DROP), {"ids": list(message_ids)})
    return int(dropped.rowcount)


def _go_on(session: Session, broadcast_ids: set[int]) -> None:
    ids = {"ids": sorted(broadcast_ids)}
    session.execute(text(_KEEP_RATINGS), ids)
    reopened = session.execute(text(_REOPEN), {**ids, "low": RED, "held": HELD}).all()
    for workspace_id, broadcast_id in reopened:
        events.publish(workspace_id, f"broadcast:{broadcast_id}", "broadcasts", "workspace")
    wake_sender()


_PLAN = """
INSERT INTO messages (workspace_id, channel_id, broadcast_id, template_id, user_id, contact_id, phone, wa_user_id, attempt,
                      state, due_at, hold_reason, expires_at, day)
SELECT m.workspace_id, m.channel_id, m.broadcast_id, m.template_id, m.user_id, m.contact_id, c.phone, c.wa_user_id,
       m.attempt + 1, 'queued', coalesce(m.failed_at, now()) + p.pause, 'retry', p.deadline, (now() AT TIME ZONE w.timezone)::date
FROM messages m
JOIN broadcasts b ON b.id = m.broadcast_id AND b.state IN ('sending', 'paused', 'finished')
JOIN contacts c ON c.id = m.contact_id AND c.consent <> 'opted_out'
JOIN workspaces w ON w.id = m.workspace_id
CROSS JOIN LATERAL (
    SELECT coalesce(m.expires_at, coalesce(m.failed_at, now()) + make_interval(hours => b.retry_hours + CAST(:hours AS int)))
        AS deadline
) d
CROSS JOIN LATERAL (
    SELECT make_interval(hours => CAST(:hours AS int)) AS pause, d.deadline
    WHERE m.error_code = ANY(CAST(:later AS int[])) AND m.attempt * CAST(:hours AS int) <= b.retry_hours
      AND NOT (left(coalesce(c.phone, ''), 4) = ANY(CAST(:never AS text[])))
    UNION ALL
    SELECT make_interval(secs => (CAST(:pauses AS int[]))[m.attempt]::int), d.deadline
    WHERE m.error_code = ANY(CAST(:soon AS int[])) AND m.attempt <= cardinality(CAST(:pauses AS int[]))
) p
WHERE m.id = ANY(CAST(:ids AS bigint[])) AND m.state = 'failed'
  AND coalesce(m.failed_at, now()) + p.pause <= p.deadline
  AND NOT EXISTS (
    SELECT 1 FROM messages l
    WHERE l.broadcast_id = m.broadcast_id AND l.contact_id = m.contact_id AND l.attempt > m.attempt)
ON CONFLICT DO NOTHING
RETURNING broadcast_id
"""

_KEEP_RATINGS = """
SELECT 1 FROM channels
WHERE id IN (SELECT channel_id FROM broadcasts WHERE id = ANY(CAST(:ids AS bigint[])) AND state = 'finished')
ORDER BY id FOR SHARE
"""

_REOPEN = """
UPDATE broadcasts b
SET state = CASE WHEN q.is_low THEN 'paused' ELSE 'sending' END, reason = CASE WHEN q.is_low THEN :held ELSE b.reason END,
    finished_at = NULL, updated_at = now()
FROM (
    SELECT f.id, NOT f.despite_quality AND upper(c.quality_rating) = :low AND t.category = 'marketing' AS is_low
    FROM broadcasts f LEFT JOIN channels c ON c.id = f.channel_id LEFT JOIN templates t ON t.id = f.template_id
    WHERE f.id = ANY(CAST(:ids AS bigint[]))
) q
WHERE b.id = q.id AND b.state = 'finished'
RETURNING b.workspace_id, b.id
"""

_DROP = """
UPDATE messages l SET state = 'skipped', skip_reason = 'arrived', changed_at = now()
FROM messages m
WHERE m.id = ANY(CAST(:ids AS bigint[])) AND m.state IN ('delivered', 'read')
  AND l.broadcast_id = m.broadcast_id AND l.contact_id = m.contact_id AND l.attempt > m.attempt AND l.state = 'queued'
"""
