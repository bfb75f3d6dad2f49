"""The shops' inbox: what a shop tells is a row first, and is understood later, once.

The route only stores. A drain job takes batches of pending rows with SKIP LOCKED and applies each batch in one transaction; of
those that say the same about an order one is applied. A batch that fails is applied one by one, so that one delivery keeps
nobody waiting. What is fresh, of whatever shop, goes before anybody's imported past. Then the messages that are due are written.
"""

import base64
import hashlib
import hmac
import json
import logging
import re
import time
from collections.abc import Mapping, Sequence, Set
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any

from sqlalchemy import text
from sqlalchemy.exc import OperationalError

from wotnot import clock, metrics
from wotnot.extensions import db
from wotnot.models import Shop, ShopState
from wotnot.services import queue, shop_access, shop_messages, shop_orders, shops
from wotnot.services.shop_hooks import NOTE_TOPIC
from wotnot.services.transaction import on_commit, transaction
from wotnot.services.woocommerce.orders import Known, Malformed, Order, read_order

logger = logging.getLogger(__name__)

LINGER_SECONDS = 2.0
GATHER_SECONDS = 0.1
MAX_SECONDS = 20.0
BATCH = 40
MOST_ATTEMPTS = 5
NOTE_WAITS = timedelta(hours=24)
"""So long a note waits for its order, which may come later: webhooks keep no order, and some never come."""
NOTED_AFTER = timedelta(minutes=2)
"""So long its order may come by itself, before the shop is asked for it."""

AGAIN_SECONDS, LONGEST_AGAIN_SECONDS = 20, 900
LISTED = "order.listed"
"""The topic of what was found in a shop's list instead of told."""

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
        taken = _apply_batch(totals)
        written = shop_messages.write_due()
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
    is_due = bool(db.session.scalar(text(_IS_DUE))) or shop_messages.has_due()
    if is_due:
        queue.enqueue_once("drain_shops")
    return is_due


def sweep() -> dict[str, int]:
    """Wake the drain when its job was lost, and have every shop looked after or asked whose time has come."""
    wake_drain()
    due, to_ask = shops.claim_due(), shop_messages.shops_to_ask()
    ailing = shops.find_ailing([*due, *to_ask])
    for shop_id in due:
        queue.enqueue_once("tend_ailing_shop" if shop_id in ailing else "tend_shop", shop_id, every_seconds=240)
    for shop_id in to_ask:
        queue.enqueue_once("ask_ailing_unpaid" if shop_id in ailing else "ask_unpaid", shop_id, every_seconds=30)
    return {"shops": len(due), "asked": len(to_ask)}


def list_noted(shop_id: int, limit: int) -> dict[int, int]:
    """The orders that waiting notes of a shop speak of, as {the note's delivery: the shop's id, or 0}; each until `mark_asked`."""
    given = {"shop": shop_id, "topic": NOTE_TOPIC, "before": clock.now() - NOTED_AFTER, "limit": limit}
    rows = db.session.execute(text(_NOTED), given)
    return {row.id: _number(_note_of(_read(bytes(row.body))).get("order_id")) for row in rows}


def mark_asked(delivery_ids: Sequence[int]) -> None:
    """Keep that the shop was asked for what these notes speak of. Joins the caller's transaction."""
    db.session.execute(text(_ASKED), {"ids": list(delivery_ids)})


def _apply_batch(totals: dict[str, int]) -> bool:
    """Take, apply and mark some deliveries; answers whether there were any."""
    try:
        return _apply_next(BATCH, totals)
    except OperationalError as error:
        # A deadlock or a lost connection: nothing was applied, the same rows come again.
        db.session.rollback()
        logger.warning("a shop's deliveries are tried again: %s", type(error.orig).__name__)
        time.sleep(0.2)
    except Exception:
        # Whatever it was, one delivery must not keep the others from being applied.
        db.session.rollback()
        logger.exception("a batch of a shop's deliveries failed; trying them one by one")
        _apply_singly(totals)
    return True


def _apply_singly(totals: dict[str, int]) -> None:
    for _ in range(BATCH):
        try:
            if not _apply_next(1, totals):
                return
        except Exception as error:
            db.session.rollback()
            logger.exception("a shop's delivery could not be applied")
            _count_attempt(error)


def _apply_next(limit: int, totals: dict[str, int]) -> bool:
    with transaction() as session:
        rows = session.execute(text(_TAKE), {"limit": limit}).all()
        if not rows:
            return False
        session.execute(text(_HEARD), {"ids": sorted({row.shop_id for row in rows if row.topic != LISTED})})
        again: set[int] = set()
        poison: dict[int, str] = {}
        meanings = _by_meaning(rows, poison)
        known = shop_orders.known_states([(told.shop_id, told.order_id) for told, _ in meanings])
        for told, same in meanings:
            if told.is_known(known):
                continue  # most deliveries: each order is told several times
            shop = session.get(Shop, told.shop_id)
            if shop is not None and not told.apply(shop):
                again |= {row.id for row in same if clock.now() - row.received_at < NOTE_WAITS}
        _wake_notes({(told.shop_id, told.order_id) for told, _ in meanings if told.order is not None} - known.keys())
        for delivery_id, error in poison.items():
            session.execute(text(_POISON), {"id": delivery_id, "error": error})
        session.execute(text(_AGAIN), {"ids": list(again), "seconds": AGAIN_SECONDS, "longest": LONGEST_AGAIN_SECONDS})
        done = [row.id for row in rows if row.id not in again and row.id not in poison]
        session.execute(text(_DONE), {"ids": done})
    totals["applied"] += len(done)
    totals["poison"] += len(poison)
    metrics.count("shop_deliveries", "applied", len(done))
    if poison:
        metrics.count("shop_deliveries", "poison", len(poison))
    return True


@dataclass(frozen=True, slots=True)
class _Told:
    """What some deliveries of a shop say; those with one `meaning` say the same. Ordered, so that locks are taken in one order."""

    shop_id: int
    order_id: int
    meaning: str
    topic: str
    data: dict[str, Any]
    at: datetime
    order: Order | None = None

    def is_known(self, known: Mapping[tuple[int, int], Known]) -> bool:
        """Whether it says of an order what we have of it already."""
        state = known.get((self.shop_id, self.order_id))
        return self.order is not None and state == Known(self.order.status, self.order.modified_at)

    def apply(self, shop: Shop) -> bool:
        """Apply it; False when it speaks of an order that we do not know yet. Joins the caller's transaction."""
        if self.topic == "order.deleted":
            shop_orders.apply_deleted(shop, self.order_id)
        elif self.topic == NOTE_TOPIC:
            return shop_orders.apply_note(shop, self.data, self.at)
        elif self.order is not None:
            shop_orders.apply_order(shop, self.order)
        return True


def _by_meaning(rows: Sequence[Any], poison: dict[int, str]) -> list[tuple[_Told, list[Any]]]:
    """The deliveries by what they say, an order's older copies first; what cannot be read is noted in `poison`."""
    found: dict[tuple[int, int, str], tuple[_Told, list[Any]]] = {}
    keys = {shop_id: _opt_in_key(shop_id) for shop_id in {row.shop_id for row in rows}}
    for row in rows:
        try:
            told = _understand(row, keys[row.shop_id])
        except Malformed as error:
            poison[row.id] = str(error)
            continue
        found.setdefault((told.shop_id, told.order_id, told.meaning), (told, []))[1].append(row)
    return [found[key] for key in sorted(found)]


def _understand(row: Any, opt_in_key: str) -> _Told:
    data, at = _read(bytes(row.body)), row.received_at
    if row.topic == NOTE_TOPIC:
        note = _note_of(data)
        meaning = f"~note {note.get('customer_note')}"
        return _Told(row.shop_id, _number(note.get("order_id")), meaning, row.topic, note, at)
    if row.topic == "order.deleted":
        return _Told(row.shop_id, _number(data.get("id")), "~~deleted", row.topic, data, at)
    if not row.topic.startswith("order."):
        return _Told(row.shop_id, 0, "other", row.topic, {}, at)
    order = read_order(data, opt_in_key)
    meaning = f"{order.modified_at.isoformat()} {order.status}"
    return _Told(row.shop_id, order.order_id, meaning, "order", {}, at, order)


def _note_of(data: Mapping[str, Any]) -> dict[str, Any]:
    said = data.get("arg")
    return said if isinstance(said, dict) else {}


def _wake_notes(orders: Set[tuple[int, int]]) -> None:
    """Have the notes applied that came before these orders. Joins the caller's transaction."""
    if not orders:
        return
    given = {"shops": sorted({shop_id for shop_id, _ in orders}), "topic": NOTE_TOPIC}
    waiting = db.session.execute(text(_WAITING_NOTES), given)
    ids = [row.id for row in waiting if (row.shop_id, _note_of(_read(bytes(row.body))).get("order_id")) in orders]
    if ids:
        db.session.execute(text(_WAKE), {"ids": ids})


def _number(value: Any) -> int:
    return value if isinstance(value, int) and 0 < value < 2**63 else 0


def _opt_in_key(shop_id: int) -> str:
    shop = db.session.get(Shop, shop_id)
    return shop.opt_in_key if shop else ""


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
INSERT INTO shop_deliveries (workspace_id, shop_id, topic, body, received_at)
VALUES (:workspace, :shop, :topic, :body, clock_timestamp())
"""

_IS_DUE = "SELECT EXISTS (SELECT 1 FROM shop_deliveries WHERE state = 'pending' AND due_at <= now())"

_TAKE = """
SELECT id, shop_id, topic, body, received_at FROM shop_deliveries WHERE state = 'pending' AND due_at <= now()
ORDER BY is_past, due_at, id LIMIT :limit FOR UPDATE SKIP LOCKED
"""

_WAITING_NOTES = """
SELECT id, shop_id, body FROM shop_deliveries
WHERE state = 'pending' AND due_at > now() AND topic = :topic AND shop_id = ANY(CAST(:shops AS bigint[]))
ORDER BY id LIMIT 500 FOR UPDATE SKIP LOCKED
"""

# What was tried once can be read; its order was not known then.
_NOTED = """
SELECT id, body FROM shop_deliveries
WHERE state = 'pending' AND shop_id = :shop AND topic = :topic AND attempt_count > 0 AND asked_at IS NULL
    AND received_at < :before
ORDER BY id LIMIT :limit
"""

_ASKED = "UPDATE shop_deliveries SET asked_at = now() WHERE id = ANY(CAST(:ids AS bigint[]))"

_WAKE = "UPDATE shop_deliveries SET due_at = now() WHERE id = ANY(CAST(:ids AS bigint[]))"

_DONE = "UPDATE shop_deliveries SET state = 'done', applied_at = now() WHERE id = ANY(CAST(:ids AS bigint[]))"

_AGAIN = """
UPDATE shop_deliveries SET attempt_count = attempt_count + 1,
    due_at = now() + make_interval(secs => least(:seconds * 2 ^ least(attempt_count, 10), :longest))
WHERE id = ANY(CAST(:ids AS bigint[]))
"""

_POISON = "UPDATE shop_deliveries SET state = 'poison', error = :error WHERE id = :id"

_HEARD = """
UPDATE shops SET heard_at = now()
WHERE id = ANY(CAST(:ids AS bigint[])) AND (heard_at IS NULL OR heard_at < now() - interval '10 seconds')
"""

_ATTEMPT = """
UPDATE shop_deliveries SET attempt_count = attempt_count + 1, error = :error,
    due_at = now() + make_interval(secs => 5 * (attempt_count + 1)),
    state = CASE WHEN attempt_count + 1 >= :most THEN 'poison' ELSE state END
WHERE id = (
    SELECT id FROM shop_deliveries WHERE state = 'pending' AND due_at <= now()
    ORDER BY is_past, due_at, id LIMIT 1 FOR UPDATE SKIP LOCKED)
"""
