"""Unpaid orders: the shop is asked how they are right before anybody is reminded, for who paid a minute ago must hear nothing.

What a shop told last may be old: its webhook may have failed, and its list is read once a minute. So a reminder is written in
the transaction that takes over the order as the shop shows it now. A shop that does not answer keeps its reminders waiting, and
is not asked for them again before the reading of its changes works again; after a day they are left out.
"""

import logging
from collections.abc import Sequence
from typing import Any

from wotnot.extensions import db
from wotnot.models import Shop
from wotnot.services import queue, shop_access, shop_messages, shop_orders
from wotnot.services.shop_messages import Reminder
from wotnot.services.transaction import on_commit, release_connection, transaction
from wotnot.services.woocommerce.client import PER_PAGE, WooClient
from wotnot.services.woocommerce.faults import ShopFault
from wotnot.services.woocommerce.orders import DRAFTS, Malformed, Order, read_order

logger = logging.getLogger(__name__)

_MOST_ROUNDS = 10
_GONE = "The order is not in the shop any more."
_UNREADABLE = "What the shop says of the order could not be read; it is asked again."


def ask_unpaid(shop_id: int) -> dict[str, int]:
    """Remind of a shop's unpaid orders whose time has come, each after a look at it; answers how many were `settled`.

    May run twice and at once: a reminder is settled once.
    """
    settled = 0
    for _ in range(_MOST_ROUNDS):
        shop, due = shop_access.find_listening(shop_id), shop_messages.list_to_ask(shop_id, PER_PAGE)
        if shop is None or not due:
            break
        try:
            found = _ask(shop, due)
        except ShopFault as fault:
            shop_access.note_fault(shop_id, fault)
            shop_messages.note_reason([one.plan_id for one in due], fault.text)
            break
        shop_messages.bring_files([one.plan_id for one in due])
        settled += sum(_settle(shop_id, one, found) for one in due)
    return {"settled": settled}


def _ask(shop: Shop, due: Sequence[Reminder]) -> dict[int, Order | None]:
    """The orders as their shop shows them now, by its ids: None for what cannot be read; what it has no more is missing.

    Goes out on the network. Raises ShopFault.
    """
    opt_in_key, ids = shop.opt_in_key, sorted({one.order_id for one in due})
    client = shop_access.client_for(shop)
    release_connection()
    with client:
        return {order_id: _read(data, opt_in_key) for order_id, data in _shown(client, ids)}


def _shown(client: WooClient, ids: Sequence[int]) -> list[tuple[int, Any]]:
    answer = client.list_orders(include=",".join(map(str, ids)))
    rows = answer.data if isinstance(answer.data, list) else []
    return [(row["id"], row) for row in rows if isinstance(row, dict) and row.get("id") in ids]


def _read(data: Any, opt_in_key: str) -> Order | None:
    try:
        return read_order(data, opt_in_key)
    except Malformed:
        return None


def _settle(shop_id: int, one: Reminder, found: dict[int, Order | None]) -> int:
    """One reminder, whatever becomes of the others; answers how many were settled."""
    try:
        return _remind(shop_id, one, found)
    except Exception:
        db.session.rollback()
        logger.exception("a reminder of an unpaid order could not be written")
        shop_messages.put_off(one.plan_id, "Something went wrong here; it is tried again.")
    return 0


def _remind(shop_id: int, one: Reminder, found: dict[int, Order | None]) -> int:
    """Take over the order and write the reminder or why not, in one transaction."""
    order = found.get(one.order_id)
    if order is None and one.order_id in found:
        shop_messages.put_off(one.plan_id, _UNREADABLE)
        return 0
    with transaction() as session:
        shop = session.get_one(Shop, shop_id)
        if order is None or order.status in DRAFTS:
            shop_orders.apply_deleted(shop, one.order_id, _GONE)
            return 1
        shop_orders.apply_order(shop, order)
        on_commit(lambda: queue.enqueue_once("drain_shops"))  # that it was paid may be news for other rules
        return shop_messages.settle_asked(one.plan_id)
