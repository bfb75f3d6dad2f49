"""Meta's receipts applied to the ledger: set-wise, forward only, the same end in whatever order they come."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import text
from sqlalchemy.orm import Session

from wotnot.services import billing, events, retries
from wotnot.services.messages import RANKED_STATES, id_from_callback, rank_sql
from wotnot.services.transaction import transaction
from wotnot.services.whatsapp.errors import ErrorKind, fault_of_status
from wotnot.services.whatsapp.parse import Receipt

_RANK = {state: place for place, state in enumerate(RANKED_STATES)}
_HOPELESS = frozenset({ErrorKind.AUTH, ErrorKind.POLICY, ErrorKind.TEMPLATE})
_REACHED = {"failed": 1, "sent": 3, "delivered": 4, "read": 5}


@dataclass(slots=True)
class _Fold:
    """All receipts of one message in a batch as one row: the highest state, and the earliest time of each kind."""

    phone_number_id: str
    wamid: str
    message_id: int | None
    state: str
    reached: int
    sent_at: datetime | None = None
    delivered_at: datetime | None = None
    read_at: datetime | None = None
    failed_at: datetime | None = None
    error_code: int | None = None
    error_title: str | None = None
    pricing_category: str | None = None
    pricing_type: str | None = None


@dataclass(frozen=True, slots=True)
class Applied:
    """What a batch of receipts did: wamids that match no message of ours, contacts (by workspace) who stopped marketing,
    and (broadcast id, code) of failures that nobody else would escape."""

    unmatched: frozenset[str]
    opted_out: dict[int, list[int]]
    hopeless: frozenset[tuple[int, int]] = frozenset()


def apply_receipts(receipts: Sequence[Receipt]) -> Applied:
    """Apply receipts; duplicates and late ones change nothing. Joins the caller's transaction.

    A receipt finds its message by our id in its callback (so it may come before our own commit), else by its wamid; it
    must come from the number the message went out on, and agree with the wamid where that is known.
    """
    folds = _fold(receipts)
    if not folds:
        return Applied(frozenset(), {})
    with transaction() as session:
        rows = session.execute(text(_APPLY), _columns(folds)).all()
        changed = [row for row in rows if row.changed]
        billing.bill_messages([row.id for row in changed])
        _plan_attempts(session, changed)
        for workspace_id, broadcast_id in {(row.workspace_id, row.broadcast_id) for row in changed if row.broadcast_id}:
            events.publish(workspace_id, f"broadcast:{broadcast_id}", "broadcasts")
        single = {(row.workspace_id, row.contact_id) for row in changed if not row.broadcast_id}
        for workspace_id in {workspace_id for workspace_id, _ in single}:
            events.publish(workspace_id, "conversations")
        for workspace_id, contact_id in single:
            events.publish(workspace_id, f"contact:{contact_id}")
        # A crowd: of it, only those whose thread somebody has open.
        crowd = {(row.workspace_id, row.contact_id) for row in changed if row.broadcast_id and row.contact_id} - single
        events.publish_where_open([(workspace_id, f"contact:{contact_id}") for workspace_id, contact_id in crowd])
    matched = {row.given_wamid for row in rows}
    opted_out: dict[int, list[int]] = {}
    hopeless = set()
    for row in rows:
        kind = _kind_of(row.given_code)
        if row.contact_id is not None and kind is ErrorKind.OPTED_OUT:
            opted_out.setdefault(row.workspace_id, []).append(row.contact_id)
        if row.broadcast_id is not None and kind in _HOPELESS:
            hopeless.add((row.broadcast_id, row.given_code))
    unmatched = frozenset(fold.wamid for fold in folds if fold.wamid not in matched)
    return Applied(unmatched, opted_out, frozenset(hopeless))


def is_opt_out(receipt: Receipt) -> bool:
    """Whether Meta tells by it that the person stopped marketing from the business."""
    return receipt.error is not None and fault_of_status(receipt.error).kind is ErrorKind.OPTED_OUT


def _plan_attempts(session: Session, changed: Sequence[Any]) -> None:
    """What failed for a reason that passes gets another attempt; who got it after all does not wait for one any more."""
    failed = [row.id for row in changed if row.given_code in retries.RETRIED or row.given_code in retries.LOST]
    retries.plan_retries(session, failed, were_taken=True)
    arrived = [row.id for row in changed if row.before == "failed" and row.given_state in {"delivered", "read"}]
    retries.drop_arrived(session, arrived)


def _fold(receipts: Sequence[Receipt]) -> list[_Fold]:
    folds: dict[str, _Fold] = {}
    for receipt in receipts:
        fold = folds.get(receipt.wamid)
        if fold is None:
            message_id = id_from_callback(receipt.callback)
            fold = _Fold(receipt.phone_number_id, receipt.wamid, message_id, receipt.status, _REACHED[receipt.status])
            folds[receipt.wamid] = fold
        _add(fold, receipt)
    return list(folds.values())


def _add(fold: _Fold, receipt: Receipt) -> None:
    fold.message_id = fold.message_id or id_from_callback(receipt.callback)
    if _RANK[receipt.status] > _RANK[fold.state]:
        fold.state = receipt.status
    fold.reached = max(fold.reached, _REACHED[receipt.status])
    name = f"{receipt.status}_at"
    earlier = getattr(fold, name)
    setattr(fold, name, receipt.at if earlier is None else min(earlier, receipt.at))
    if receipt.error is not None:
        fault = fault_of_status(receipt.error)
        fold.error_code, fold.error_title = fault.code, fault.title
    fold.pricing_category = receipt.pricing_category or fold.pricing_category
    fold.pricing_type = receipt.pricing_type or fold.pricing_type


def _kind_of(code: int | None) -> ErrorKind | None:
    return None if code is None else fault_of_status({"code": code}).kind


def _columns(folds: Sequence[_Fold]) -> dict[str, list[Any]]:
    names = _Fold.__slots__
    return {name: [getattr(fold, name) for fold in folds] for name in names}


# Finding comes first and locks in the order of ids, as every writer of several messages does. Each step hands on all that the
# next one needs: the planner believes that few rows were given, and would join two steps by comparing all with all.
_APPLY = f"""
WITH given AS (
    SELECT g.*, c.id AS channel_id FROM unnest(
        CAST(:phone_number_id AS text[]), CAST(:wamid AS text[]), CAST(:message_id AS bigint[]),
        CAST(:state AS text[]), CAST(:reached AS smallint[]), CAST(:sent_at AS timestamptz[]),
        CAST(:delivered_at AS timestamptz[]), CAST(:read_at AS timestamptz[]), CAST(:failed_at AS timestamptz[]),
        CAST(:error_code AS int[]), CAST(:error_title AS text[]), CAST(:pricing_category AS text[]),
        CAST(:pricing_type AS text[])
    ) AS g (phone_number_id, wamid, message_id, state, reached, sent_at, delivered_at, read_at, failed_at,
            error_code, error_title, pricing_category, pricing_type)
    JOIN channels c ON c.phone_number_id = g.phone_number_id AND c.state <> 'removed'
), found AS (
    SELECT m.id, m.workspace_id, m.broadcast_id, m.contact_id, g.*
    FROM given g JOIN messages m ON m.id = g.message_id
    WHERE m.channel_id = g.channel_id AND m.direction = 'out' AND (m.wamid IS NULL OR m.wamid = g.wamid)
    UNION ALL
    SELECT m.id, m.workspace_id, m.broadcast_id, m.contact_id, g.*
    FROM given g JOIN messages m ON m.wamid = g.wamid
    WHERE g.message_id IS NULL AND m.channel_id = g.channel_id AND m.direction = 'out'
), locked AS (
    SELECT f.*, m.state AS before FROM found f JOIN messages m ON m.id = f.id ORDER BY m.id FOR UPDATE OF m
), changed AS (
    UPDATE messages m
    SET state = CASE WHEN {rank_sql("g.state")} > {rank_sql("m.state")} THEN g.state ELSE m.state END,
        reached = greatest(m.reached, g.reached),
        wamid = g.wamid,
        sent_at = least(m.sent_at, g.sent_at),
        delivered_at = least(m.delivered_at, g.delivered_at),
        read_at = least(m.read_at, g.read_at),
        failed_at = least(m.failed_at, g.failed_at),
        error_code = CASE
            WHEN {rank_sql("g.state")} > {rank_sql("m.state")} THEN CASE WHEN g.state = 'failed' THEN g.error_code END
            ELSE m.error_code END,
        error_title = CASE
            WHEN {rank_sql("g.state")} > {rank_sql("m.state")} THEN CASE WHEN g.state = 'failed' THEN g.error_title END
            ELSE m.error_title END,
        pricing_category = coalesce(g.pricing_category, m.pricing_category),
        pricing_type = coalesce(g.pricing_type, m.pricing_type),
        changed_at = now()
    FROM locked g
    WHERE m.id = g.id AND (
        {rank_sql("g.state")} > {rank_sql("m.state")} OR m.reached < g.reached OR m.wamid IS NULL
        OR least(m.sent_at, g.sent_at) IS DISTINCT FROM m.sent_at
        OR least(m.delivered_at, g.delivered_at) IS DISTINCT FROM m.delivered_at
        OR least(m.read_at, g.read_at) IS DISTINCT FROM m.read_at
        OR (m.pricing_type IS NULL AND g.pricing_type IS NOT NULL))
    RETURNING m.id
)
SELECT f.id, f.workspace_id, f.broadcast_id, f.contact_id, f.wamid AS given_wamid, f.error_code AS given_code,
       f.state AS given_state, f.before, f.id IN (SELECT id FROM changed) AS changed
FROM locked f
"""  # noqa: S608 — rank_sql is ours, every value is bound
