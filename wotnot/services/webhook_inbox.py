"""The webhook inbox: every delivery is a row first, and is understood later, once, in batches.

The route only stores. A drain job takes pending rows with SKIP LOCKED, applies all their facts in one transaction and
marks them done; a delivery that cannot be read or applied is kept aside with its error and can be replayed.
"""

import hashlib
import hmac
import logging
import time
from collections import Counter
from collections.abc import Sequence
from functools import partial
from typing import Any

from sqlalchemy import text, update
from sqlalchemy.exc import OperationalError

from wotnot import clock, metrics
from wotnot.extensions import db
from wotnot.models import Consent, WebhookEvent, WebhookState
from wotnot.services import (
    broadcasts,
    channel_changes,
    consent,
    identities,
    inbound,
    queue,
    receipts,
    tallies,
    template_sync,
)
from wotnot.services.consent import Chosen
from wotnot.services.group_commit import GroupCommit
from wotnot.services.messages import id_from_callback
from wotnot.services.template_words import ToldWords
from wotnot.services.transaction import on_commit, transaction
from wotnot.services.whatsapp.errors import plain_words
from wotnot.services.whatsapp.parse import Facts, Malformed, Preference, TemplateChange, parse_delivery

logger = logging.getLogger(__name__)

BATCH = 200
LINGER_SECONDS = 2.0
GATHER_SECONDS = 0.1
MAX_SECONDS = 5.0
"""A drain ends after this long and queues itself again, so that the sweeps behind it get their turn."""

MOST_ATTEMPTS = 5

HOPELESS_AFTER = 20
"""So many failures for want of payment, of permission or of a usable template pause a broadcast; a few may be odd."""

RECHECK_SECONDS = 20
"""A receipt that matches no message yet may be ahead of our own commit: it is looked at once more."""


def is_signed(body: bytes, header: str, secret: str) -> bool:
    """Whether `header` (X-Hub-Signature-256) is the HMAC of the raw `body` under the app's secret."""
    expected = "sha256=" + hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()
    return bool(secret) and hmac.compare_digest(expected.encode(), header.encode())


def store_delivery(body: bytes) -> None:
    """Store one signed delivery durably, in one commit with those that arrive with it, and wake the drain."""
    if _door.add(body):
        queue.enqueue_once("drain_webhooks", every_seconds=5)


def _store(bodies: list[bytes]) -> None:
    with transaction() as session:
        session.execute(text(_STORE), {"bodies": bodies})


_door = GroupCommit(_store)


def drain(*, linger_seconds: float = LINGER_SECONDS, max_seconds: float = MAX_SECONDS) -> dict[str, int]:
    """Apply pending deliveries until none has come for `linger_seconds`; answers how many were `done` and `poison`."""
    totals = {"done": 0, "poison": 0}
    started = busy_at = time.monotonic()
    while (now := time.monotonic()) - started < max_seconds and now - busy_at <= linger_seconds:
        taken = drain_batch(totals)
        if taken:
            busy_at = time.monotonic()
        else:
            queue.clear_once("drain_webhooks")
        if taken < BATCH:
            # A batch costs nearly the same for one and for thirty: let some gather rather than take them one by one.
            time.sleep(min(GATHER_SECONDS, linger_seconds))
    queue.clear_once("drain_webhooks")
    wake_drain()
    return totals


def wake_drain() -> bool:
    """Enqueue a drain when deliveries are due; answers whether they are."""
    is_due = bool(db.session.scalar(text(_IS_DUE)))
    if is_due:
        queue.enqueue_once("drain_webhooks")
    return is_due


def drain_batch(totals: dict[str, int]) -> int:
    """Apply one batch; answers how many deliveries it took. A batch that fails is applied one delivery at a time."""
    try:
        return _apply_next(BATCH, totals)
    except OperationalError as error:
        # A deadlock or a lost connection: nothing was applied, the same rows come again.
        db.session.rollback()
        logger.warning("a batch of deliveries is tried again: %s", type(error.orig).__name__)
        time.sleep(0.2)
        return 1
    except Exception:
        # Whatever it was, one delivery must not keep the others from being applied.
        db.session.rollback()
        logger.exception("a batch of deliveries failed; trying them one by one")
    return _apply_singly(totals)


def replay_poison(event_ids: Sequence[int] | None = None) -> int:
    """Give deliveries that were kept aside another try; all of them without `event_ids`. Answers how many."""
    with transaction() as session:
        statement = update(WebhookEvent).where(WebhookEvent.state == WebhookState.POISON)
        if event_ids is not None:
            statement = statement.where(WebhookEvent.id.in_(event_ids))
        result: Any = session.execute(
            statement.values(state=WebhookState.PENDING, attempt_count=0, due_at=text("now()"))
        )
        on_commit(lambda: queue.enqueue_once("drain_webhooks"))
    return int(result.rowcount)


def count_backlog() -> int:
    """Deliveries that wait to be applied."""
    return int(db.session.scalar(text("SELECT count(*) FROM webhook_events WHERE state = 'pending'")) or 0)


def _apply_singly(totals: dict[str, int]) -> int:
    taken = 0
    while taken < BATCH:
        try:
            if not _apply_next(1, totals):
                break
        except Exception as error:
            db.session.rollback()
            logger.exception("a delivery could not be applied")
            _count_attempt(error)
        taken += 1
    return taken


def _apply_next(limit: int, totals: dict[str, int]) -> int:
    """Take, apply and mark up to `limit` deliveries in one transaction."""
    with transaction() as session:
        rows = session.execute(text(_TAKE), {"limit": limit}).all()
        if not rows:
            return 0
        facts, poison = Facts(), {}
        readable = []
        for row in rows:
            try:
                parsed = parse_delivery(bytes(row.body))
            except Malformed as error:
                poison[row.id] = str(error)
                continue
            readable.append((row.id, row.attempt_count, parsed))
            facts.extend(parsed)
        unmatched = _apply(facts)
        again = [key for key, attempts, parsed in readable if attempts == 0 and _names(parsed) & unmatched]
        _mark(session, [key for key, _, _ in readable if key not in again], again, poison)
    totals["done"] += len(readable) - len(again)
    totals["poison"] += len(poison)
    metrics.count("webhook_deliveries", "taken", len(rows))
    _count(facts, len(poison))
    return len(rows)


def _apply(facts: Facts) -> frozenset[str]:
    """Apply everything in one transaction; answers the wamids that match no message of ours."""
    _hold_people(facts)
    inbound.apply_inbound(facts.inbound)
    identities.apply_changes(facts.inbound)
    applied = receipts.apply_receipts(facts.receipts)
    for workspace_id, contact_ids in applied.opted_out.items():
        note = "Meta reported that this person stopped marketing from your business."
        consent.record_consent(workspace_id, contact_ids, Consent.OPTED_OUT, source="whatsapp", note=note)
    for broadcast_id, code in applied.hopeless:
        _stop_if_many(broadcast_id, code)
    _apply_preferences(facts.preferences)
    template_sync.hold_templates(facts.template_changes)
    for change in facts.template_changes:
        _apply_template_change(change)
    channel_changes.apply_news(facts.number_news)
    for waba_id in facts.channel_wabas:
        on_commit(partial(queue.enqueue_once, "refresh_account", waba_id))
    return applied.unmatched


def _hold_people(facts: Facts) -> None:
    """Lock everybody whose contact may be written, in the order of ids: of two drains one waits, and never each for the other.

    Who is not known yet has no row; of two drains that add them, the unique index lets one wait.
    """
    names = identities.list_names(facts.inbound)
    names += [(one.phone_number_id, one.phone, one.user_id) for one in facts.preferences]
    refused = [receipt for receipt in facts.receipts if receipts.is_opt_out(receipt)]
    if not names and not refused:
        return
    given = {
        "numbers": [number for number, _, _ in names],
        "phones": [phone for _, phone, _ in names],
        "user_ids": [user_id for _, _, user_id in names],
        "messages": [id_from_callback(receipt.callback) for receipt in refused],
        "wamids": [receipt.wamid for receipt in refused],
    }
    db.session.execute(text(_HOLD), given)


def _stop_if_many(broadcast_id: int, code: int) -> None:
    """Pause a broadcast once enough of it failed for a reason that is not the recipients' own."""
    causes = tallies.broadcast_counts([broadcast_id])[broadcast_id].causes
    if any(cause.cause == str(code) and cause.count >= HOPELESS_AFTER for cause in causes):
        words = plain_words(code)
        broadcasts.stop_broadcast(broadcast_id, f"{words.title}. {words.advice}")


def _apply_preferences(preferences: Sequence[Preference]) -> None:
    """Choices made inside WhatsApp, for the contacts they are about; somebody we never met has no row to change."""
    if not preferences:
        return
    given = {
        "numbers": [one.phone_number_id for one in preferences],
        "phones": [one.phone for one in preferences],
        "user_ids": [one.user_id for one in preferences],
    }
    people = db.session.execute(text(_PEOPLE), given).all()
    consent.record_choices([_choice(preferences[one.place - 1], one) for one in people if one.contact_id is not None])


def _choice(preference: Preference, person: Any) -> Chosen:
    wish = Consent.OPTED_OUT if preference.is_stop else Consent.OPTED_IN
    at = preference.at or clock.now()  # a choice counts, whatever is missing
    return Chosen(person.workspace_id, person.contact_id, wish, at, preference.detail)


def _apply_template_change(change: TemplateChange) -> None:
    which = {"meta_id": change.meta_id, "name": change.name, "language": change.language}
    if change.kind == "status":
        template_sync.apply_status(change.waba_id, event=change.value, reason=change.reason, **which)
    elif change.kind == "quality":
        template_sync.apply_quality(change.waba_id, quality=change.value, **which)
    elif change.kind == "words":
        template_sync.apply_words(change.waba_id, words=ToldWords(**change.words), **which)
    else:
        template_sync.apply_category(change.waba_id, category=change.value, **which)


def _names(facts: Facts) -> set[str]:
    return {receipt.wamid for receipt in facts.receipts}


def _mark(session: Any, done: list[int], again: list[int], poison: dict[int, str]) -> None:
    session.execute(text(_DONE), {"ids": done})
    if again:
        session.execute(text(_AGAIN), {"ids": again, "seconds": RECHECK_SECONDS})
    for event_id, error in poison.items():
        session.execute(text(_POISON), {"id": event_id, "error": error[:1000]})


def _count_attempt(error: Exception) -> None:
    """The first pending delivery could not be applied: try it later, and keep it aside after some attempts."""
    with transaction() as session:
        session.execute(text(_ATTEMPT), {"error": _storable(error), "most": MOST_ATTEMPTS})


def _storable(error: Exception) -> str:
    """What went wrong, without the characters that PostgreSQL would refuse once more."""
    words = f"{type(error).__name__}: {getattr(error, 'orig', None) or error}"
    return words.encode(errors="replace").decode().replace("\x00", "")[:1000]


def _count(facts: Facts, poison: int) -> None:
    kinds = Counter(f"unknown {kind}" for kind in facts.unknown)
    kinds.update(receipt=len(facts.receipts), inbound=len(facts.inbound), poison=poison)
    for kind, amount in kinds.items():
        if amount:
            metrics.count("webhook_changes", kind, amount)


# Scalar subqueries say how each row is found, whatever the planner believes about a table.
_HOLD = """
WITH named AS MATERIALIZED (
    SELECT (SELECT c.id FROM contacts c WHERE c.workspace_id = ch.workspace_id AND c.phone = g.phone) AS by_phone,
           (SELECT c.id FROM contacts c WHERE c.workspace_id = ch.workspace_id AND c.wa_user_id = g.user_id) AS by_user_id
    FROM unnest(CAST(:numbers AS text[]), CAST(:phones AS text[]), CAST(:user_ids AS text[]))
        AS g (phone_number_id, phone, user_id)
    JOIN channels ch ON ch.phone_number_id = g.phone_number_id AND ch.state <> 'removed'
), refused AS MATERIALIZED (
    SELECT (SELECT m.contact_id FROM messages m WHERE m.id = g.id) AS by_id,
           (SELECT m.contact_id FROM messages m WHERE m.wamid = g.wamid) AS by_wamid
    FROM unnest(CAST(:messages AS bigint[]), CAST(:wamids AS text[])) AS g (id, wamid)
)
SELECT id FROM contacts WHERE id = ANY(ARRAY(
    SELECT by_phone FROM named UNION SELECT by_user_id FROM named
    UNION SELECT by_id FROM refused UNION SELECT by_wamid FROM refused))
ORDER BY id FOR NO KEY UPDATE
"""

_PEOPLE = """
SELECT g.place, ch.workspace_id, coalesce(
    (SELECT c.id FROM contacts c WHERE c.workspace_id = ch.workspace_id AND c.phone = g.phone),
    (SELECT c.id FROM contacts c WHERE c.workspace_id = ch.workspace_id AND c.wa_user_id = g.user_id)) AS contact_id
FROM unnest(CAST(:numbers AS text[]), CAST(:phones AS text[]), CAST(:user_ids AS text[]))
    WITH ORDINALITY AS g (phone_number_id, phone, user_id, place)
JOIN channels ch ON ch.phone_number_id = g.phone_number_id AND ch.state <> 'removed'
ORDER BY g.place
"""

_IS_DUE = "SELECT EXISTS (SELECT 1 FROM webhook_events WHERE state = 'pending' AND due_at <= now())"

_STORE = "INSERT INTO webhook_events (body) SELECT unnest(CAST(:bodies AS bytea[]))"

_TAKE = """
SELECT id, body, attempt_count FROM webhook_events WHERE state = 'pending' AND due_at <= now()
ORDER BY due_at, id LIMIT :limit FOR UPDATE SKIP LOCKED
"""

_DONE = "UPDATE webhook_events SET state = 'done', applied_at = now() WHERE id = ANY(CAST(:ids AS bigint[]))"

_AGAIN = """
UPDATE webhook_events SET attempt_count = attempt_count + 1, due_at = now() + make_interval(secs => :seconds)
WHERE id = ANY(CAST(:ids AS bigint[]))
"""

_POISON = "UPDATE webhook_events SET state = 'poison', error = :error WHERE id = :id"

_ATTEMPT = """
UPDATE webhook_events SET attempt_count = attempt_count + 1, error = :error,
    due_at = now() + make_interval(secs => 5 * (attempt_count + 1)),
    state = CASE WHEN attempt_count + 1 >= :most THEN 'poison' ELSE state END
WHERE id = (
    SELECT id FROM webhook_events WHERE state = 'pending' AND due_at <= now()
    ORDER BY due_at, id LIMIT 1 FOR UPDATE SKIP LOCKED)
"""
