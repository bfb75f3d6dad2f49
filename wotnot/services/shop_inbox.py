"""The shops' inbox: what a shop tells is a row first, and is understood later, once.

The route only stores. A drain job takes pending rows with SKIP LOCKED and applies each in a transaction of its own, so that one
that cannot be applied keeps nobody waiting; then it writes the messages that are due.
"""

import base64
import hashlib
import hmac
import json
import logging
import re
import time
from enum import StrEnum
from typing import Any

from sqlalchemy import text
from sqlalchemy.exc import OperationalError

from wotnot import metrics
from wotnot.extensions import db
from wotnot.models import Shop, ShopState
from wotnot.services import queue, shop_access, shop_messages, shop_orders, shops
from wotnot.services.shop_hooks import NOTE_TOPIC
from wotnot.services.transaction import on_commit, transaction
from wotnot.services.woocommerce.orders import Malformed, read_order

logger = logging.getLogger(__name__)

LINGER_SECONDS = 2.0
GATHER_SECONDS = 0.05
MAX_SECONDS = 20.0
WRITE_AFTER = 10
MOST_ATTEMPTS = 5
AGAIN_SECONDS = 20
_PING = re.compile(rb"webhook_id=\d{1,18}")


class Received(StrEnum):
    """What became of a delivery at the door."""

    STORED = "stored"
    PING = "ping"
    FORGED = "forged"
    GONE = "gone"


def receive(token: str, body: bytes, *, topic: str, signature: str) -> Received:
    """Store one signed delivery durably and wake the drain.

    A new webhook pings with an unsigned form and counts as broken unless that is answered 200. What a removed shop or nobody's
    token sends is `gone`: the shop then stops by itself.
    """
    shop = shops.find_by_token(token)
    if shop is None or shop.state is ShopState.REMOVED:
        return Received.GONE
    if _PING.fullmatch(body.strip()):
        return Received.PING
    if not is_signed(body, signature, shop_access.hook_secret_of(shop)):
        return Received.FORGED
    with transaction() as session:
        row = {"workspace": shop.workspace_id, "shop": shop.id, "topic": topic[:100], "body": body}
        session.execute(text(_STORE), row)
        on_commit(lambda: queue.enqueue_once("drain_shops", every_seconds=5))
    return Received.STORED


def is_signed(body: bytes, signature: str, secret: str) -> bool:
    """Whether `signature` (X-WC-Webhook-Signature) is the base64 of the HMAC of the raw `body` under the webhook's secret."""
    expected = base64.b64encode(hmac.new(secret.encode(), body, hashlib.sha256).digest())
    return bool(secret) and hmac.compare_digest(expected, signature.encode())


def drain(*, linger_seconds: float = LINGER_SECONDS, max_seconds: float = MAX_SECONDS) -> dict[str, int]:
    """Apply what waits and write the messages that are due, until nothing has come for `linger_seconds`."""
    totals = {"applied": 0, "poison": 0, "written": 0}
    started = busy_at = time.monotonic()
    while busy_at - started < max_seconds:
        taken = _apply_one(totals)
        # A rush of orders must not keep the first of them waiting for its message.
        written = shop_messages.write_due() if not taken or totals["applied"] % WRITE_AFTER == 0 else 0
        totals["written"] += written
        if taken or written:
            busy_at = time.monotonic()
            continue
        queue.clear_once("drain_shops")
        if time.monotonic() - busy_at >= linger_seconds:
            break
        time.sleep(GATHER_SECONDS)
    queue.clear_once("drain_shops")
    wake_drain()
    return totals


def wake_drain() -> bool:
    """Enqueue a drain when deliveries or messages are due; answers whether they are."""
    is_due = bool(db.session.scalar(text(_IS_DUE)))
    if is_due:
        queue.enqueue_once("drain_shops")
    return is_due


def sweep() -> dict[str, int]:
    """Wake the drain when its job was lost, and have every shop looked after whose time has come."""
    wake_drain()
    due = shops.claim_due()
    for shop_id in due:
        queue.enqueue_now("tend_shop", shop_id)
    return {"shops": len(due)}


def _apply_one(totals: dict[str, int]) -> bool:
    """Take, apply and mark the next delivery in one transaction; answers whether there was one."""
    try:
        return _apply_next(totals)
    except OperationalError as error:
        # A deadlock or a lost connection: nothing was applied, the same row comes again.
        db.session.rollback()
        logger.warning("a shop's delivery is tried again: %s", type(error.orig).__name__)
        time.sleep(0.2)
    except Exception as error:
        db.session.rollback()
        logger.exception("a shop's delivery could not be applied")
        _count_attempt(error)
    return True


def _apply_next(totals: dict[str, int]) -> bool:
    with transaction() as session:
        row = session.execute(text(_TAKE)).one_or_none()
        if row is None:
            return False
        shop = session.get(Shop, row.shop_id)
        try:
            is_settled = shop is None or _apply(shop, row.topic, bytes(row.body))
        except Malformed as error:
            session.execute(text(_POISON), {"id": row.id, "error": str(error)})
            totals["poison"] += 1
            metrics.count("shop_deliveries", "poison")
            return True
        is_last = row.attempt_count + 1 >= MOST_ATTEMPTS
        session.execute(text(_DONE if is_settled or is_last else _AGAIN), {"id": row.id, "seconds": AGAIN_SECONDS})
        totals["applied"] += 1
    metrics.count("shop_deliveries", "applied")
    return True


def _apply(shop: Shop, topic: str, body: bytes) -> bool:
    """Apply one delivery; False when it speaks of an order that we do not know yet. Joins the caller's transaction."""
    if topic != "order.listed":
        db.session.execute(text(_HEARD), {"id": shop.id})
    data = _read(body)
    if topic == "order.deleted":
        shop_orders.apply_deleted(shop, data.get("id"))
        return True
    if topic == NOTE_TOPIC:
        said = data.get("arg")
        return shop_orders.apply_note(shop, said) if isinstance(said, dict) else True
    if topic.startswith("order."):
        shop_orders.apply_order(shop, read_order(data, shop.opt_in_key))
    return True


def _read(body: bytes) -> dict[str, Any]:
    try:
        data = json.loads(body)
    except ValueError:
        raise Malformed("The body is not JSON.") from None
    if not isinstance(data, dict):
        raise Malformed("The body is not a JSON object.")
    return data


def _count_attempt(error: Exception) -> None:
    words = f"{type(error).__name__}: {getattr(error, 'orig', None) or error}"
    plain = words.encode(errors="replace").decode().replace("\x00", "")[:1000]
    with transaction() as session:
        session.execute(text(_ATTEMPT), {"error": plain, "most": MOST_ATTEMPTS})


_STORE = """
INSERT INTO shop_deliveries (workspace_id, shop_id, topic, body) VALUES (:workspace, :shop, :topic, :body)
"""

_IS_DUE = """
SELECT EXISTS (SELECT 1 FROM shop_deliveries WHERE state = 'pending' AND due_at <= now())
    OR EXISTS (SELECT 1 FROM shop_messages WHERE state = 'waiting' AND due_at <= now())
"""

_TAKE = """
SELECT id, shop_id, topic, body, attempt_count FROM shop_deliveries WHERE state = 'pending' AND due_at <= now()
ORDER BY due_at, id LIMIT 1 FOR UPDATE SKIP LOCKED
"""

_DONE = "UPDATE shop_deliveries SET state = 'done', applied_at = now() WHERE id = :id"

_AGAIN = """
UPDATE shop_deliveries SET attempt_count = attempt_count + 1, due_at = now() + make_interval(secs => :seconds) WHERE id = :id
"""

_POISON = "UPDATE shop_deliveries SET state = 'poison', error = :error WHERE id = :id"

_HEARD = """
UPDATE shops SET heard_at = now() WHERE id = :id AND (heard_at IS NULL OR heard_at < now() - interval '10 seconds')
"""

_ATTEMPT = """
UPDATE shop_deliveries SET attempt_count = attempt_count + 1, error = :error,
    due_at = now() + make_interval(secs => 5 * (attempt_count + 1)),
    state = CASE WHEN attempt_count + 1 >= :most THEN 'poison' ELSE state END
WHERE id = (
    SELECT id FROM shop_deliveries WHERE state = 'pending' AND due_at <= now()
    ORDER BY due_at, id LIMIT 1 FOR UPDATE SKIP LOCKED)
"""
