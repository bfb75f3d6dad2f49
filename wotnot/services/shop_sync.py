"""What webhooks missed: a shop's own list of changed orders, read every minute, by the shop's clock.

WooCommerce sends a webhook once, and never again. So the list is the truth and a webhook only makes it quick. Everything found
goes into the same inbox, and is applied once like everything else. What the list never shows, because it is older than what was
read at the start, is asked for when a note speaks of it.
"""

import json
import logging
from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import text

from wotnot import clock
from wotnot.extensions import db
from wotnot.models import Shop
from wotnot.services import queue, shop_access, shop_hooks, shop_inbox, shop_messages, shop_notes
from wotnot.services.transaction import on_commit, release_connection, transaction
from wotnot.services.woocommerce.client import PER_PAGE, Answer, WooClient
from wotnot.services.woocommerce.faults import ShopFault
from wotnot.services.woocommerce.orders import moment_of

logger = logging.getLogger(__name__)

OVERLAP = timedelta(minutes=5)
"""Every reading begins so much before the end of the last one: an order may be saved late with an earlier time."""

MOST_A_WINDOW = 2_000
MOST_A_RUN = 10_000
MOST_PAGES = 500
"""A window of a second or two cannot be narrowed: somebody who edits 50,000 orders at once is still read whole."""

NARROWEST = timedelta(seconds=2)
_TRIES = 3


def tend_shop(shop_id: int) -> dict[str, int]:
    """Look after one shop: its changed orders, then its webhooks when they are due. Answers how many were `found`.

    A failure is kept with the shop and the next time is put off; other shops have jobs of their own. What is wrong with the
    webhooks alone, such as keys that may only read, keeps no order from being read.
    """
    for name in ("tend_shop", "tend_ailing_shop"):
        queue.clear_once(name, shop_id)
    shop = shop_access.find_listening(shop_id)
    if shop is None:
        return {"found": 0}
    since, hooks_are_due = shop.synced_until - OVERLAP, shop_hooks.is_due(shop)
    try:
        client = shop_access.client_for(shop)
        release_connection()
        with client:
            found = _read_changes(client, shop_id, since)
            shop_notes.read_notes(client, shop_id)
            _ask_for_noted(client, shop_id)
    except ShopFault as fault:
        shop_access.note_fault(shop_id, fault)
        return {"found": 0}
    shop_access.note_answer(shop_id, is_slow=client.is_slow)
    if hooks_are_due:
        shop_hooks.tend_hooks(shop_id)
    return {"found": found}


def keep_past(shop_id: int, orders: list[dict[str, Any]]) -> int:
    """Put orders that were read for another purpose into the inbox; answers how many were not known as they are.

    Joins the caller's transaction.
    """
    shop = db.session.get(Shop, shop_id)
    told = [one for one in orders if isinstance(one.get("id"), int)]
    return _put(shop, _news(shop, told)) if shop is not None else 0


def _read_changes(client: WooClient, shop_id: int, since: datetime) -> int:
    """Store every order that changed after `since`, in windows that are small enough to be read whole."""
    end = client.list_orders(per_page=1).at or clock.now()
    found, start, stop = 0, since, end
    while start < end and found < MOST_A_RUN:
        first = _page(client, start, stop, 1)
        if first.total > MOST_A_WINDOW and stop - start > NARROWEST:
            stop = start + (stop - start) / 2
            continue
        orders = _whole_window(client, start, stop, first)
        found += _store(shop_id, orders, stop)
        start, stop = stop, end
    return found


def _whole_window(client: WooClient, start: datetime, stop: datetime, first: Answer) -> list[dict[str, Any]]:
    """Every order of a window. One that changes meanwhile leaves it and moves the pages, so then it is read once more.

    What left the window is in the next one; what is still missed after some tries the overlap finds.
    """
    for _ in range(_TRIES):
        pages = [first, *_further(client, start, stop, first.pages)]
        if all(page.total == first.total for page in pages):
            break
        first = _page(client, start, stop, 1)
    by_id = {order["id"]: order for page in pages for order in page.data if isinstance(order, dict) and "id" in order}
    return list(by_id.values())


def _further(client: WooClient, start: datetime, stop: datetime, pages: int) -> Iterator[Answer]:
    for page in range(2, min(pages, MOST_PAGES) + 1):
        yield _page(client, start, stop, page)


def _page(client: WooClient, start: datetime, stop: datetime, page: int) -> Answer:
    """Changed after `start` and until `stop`; WordPress leaves both ends out and knows whole seconds only."""
    after, before = start - timedelta(seconds=1), stop + timedelta(seconds=1)
    return client.list_orders(
        page=page, orderby="id", order="asc", modified_after=_shown(after), modified_before=_shown(before)
    )


def _shown(moment: datetime) -> str:
    return moment.strftime("%Y-%m-%dT%H:%M:%S")


def _store(shop_id: int, orders: list[dict[str, Any]], until: datetime) -> int:
    """Put those that are news into the inbox and move the shop's mark on, in one transaction."""
    with transaction() as session:
        shop = session.get(Shop, shop_id, with_for_update=True)
        if shop is None:
            return 0
        found = _put(shop, _news(shop, orders))
        shop.synced_until = max(shop.synced_until, until)
    return found


def _ask_for_noted(client: WooClient, shop_id: int) -> int:
    """Ask for the orders that notes wait for, once for each note, if a rule is about notes; answers how many were news.

    Goes out on the network. Raises ShopFault; then they are asked for when the shop is well again, until the notes are too old.
    """
    noted = shop_inbox.list_noted(shop_id, PER_PAGE) if shop_messages.has_note_rule(shop_id) else {}
    release_connection()
    if not noted:
        return 0
    ids = sorted(set(noted.values()) - {0})
    answer = client.list_orders(include=",".join(map(str, ids))).data if ids else []
    orders = answer if isinstance(answer, list) else []
    with transaction():
        found = keep_past(shop_id, [one for one in orders if isinstance(one, dict)])
        shop_inbox.mark_asked(list(noted))
    return found


def _put(shop: Shop, orders: list[dict[str, Any]]) -> int:
    if orders:
        rows = {
            "workspace": shop.workspace_id,
            "shop": shop.id,
            "bodies": [json.dumps(one).encode() for one in orders],
            "past": [_is_past(shop, one) for one in orders],
        }
        db.session.execute(text(_STORE), rows)
        on_commit(lambda: queue.enqueue_once("drain_shops", every_seconds=5))
    return len(orders)


def _is_past(shop: Shop, order: dict[str, Any]) -> bool:
    """Whether it was like this before we listened, so that nobody waits for a message about it."""
    changed_at = moment_of(order, "date_modified") or moment_of(order, "date_created")
    return changed_at is not None and changed_at < shop.listening_since.replace(microsecond=0)


def _news(shop: Shop, orders: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The orders that we do not know as they are now: the overlap brings most of them again and again."""
    ids = [one["id"] for one in orders if isinstance(one["id"], int)]
    known = {
        row.order_id: (row.modified, row.status)
        for row in db.session.execute(text(_KNOWN), {"shop": shop.id, "ids": ids})
    }
    return [one for one in orders if known.get(one["id"]) != (one.get("date_modified_gmt"), one.get("status"))]


_KNOWN = """
SELECT order_id, status, to_char(modified_at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS') AS modified
FROM shop_orders WHERE shop_id = :shop AND order_id = ANY(CAST(:ids AS bigint[]))
"""

_STORE = """
INSERT INTO shop_deliveries (workspace_id, shop_id, topic, body, is_past)
SELECT :workspace, :shop, 'order.listed', unnest(CAST(:bodies AS bytea[])), unnest(CAST(:past AS boolean[]))
"""
