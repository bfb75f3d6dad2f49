"""Notes to customers that no webhook told: looked for in the notes of orders that changed lately, some at each reading."""

from wotnot.models import Shop
from wotnot.services import queue, shop_messages, shop_orders
from wotnot.services.transaction import on_commit, release_connection, transaction
from wotnot.services.woocommerce.client import WooClient
from wotnot.services.woocommerce.faults import ShopFault
from wotnot.services.woocommerce.notes import Note
from wotnot.services.woocommerce.notes import read_notes as read_list

MOST_A_RUN = 20
"""WooCommerce lists notes order by order: so many calls a minute a shop bears beside the rest."""

_GONE = "order_invalid_id"
"""How WooCommerce's codes for an order that is not there end."""


def read_notes(client: WooClient, shop_id: int) -> int:
    """Look at the notes of orders that are due, if a rule is about notes; answers how many notes could be news.

    Goes out on the network, so call it outside a transaction. Raises ShopFault; what was read until then is kept.
    """
    if not shop_messages.has_note_rule(shop_id):
        release_connection()
        return 0
    due = shop_orders.list_due_for_notes(shop_id, MOST_A_RUN)
    release_connection()
    found = 0
    for row_id, order_id in due:
        found += _keep(shop_id, row_id, _ask(client, order_id))
    return found


def _ask(client: WooClient, order_id: int) -> list[Note]:
    try:
        return read_list(client.list_customer_notes(order_id))
    except ShopFault as fault:
        if not fault.code.endswith(_GONE):
            raise
        return []


def _keep(shop_id: int, row_id: int, notes: list[Note]) -> int:
    with transaction() as session:
        shop = session.get(Shop, shop_id)
        if shop is None:
            return 0
        found = shop_orders.apply_listed_notes(shop, row_id, notes)
        if found:
            on_commit(lambda: queue.enqueue_once("drain_shops", every_seconds=5))
    return found
