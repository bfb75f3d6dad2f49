"""Our webhooks in a shop: made, looked at every ten minutes, switched on again, and taken out when the shop is removed.

A shop switches a webhook off by itself after some failures, and a person may delete one; either would be silence.
"""

import contextlib
import logging
from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from flask import current_app

from wotnot import clock
from wotnot.models import Shop
from wotnot.services.shop_access import client_for, find_listening, hook_secret_of, note_fault
from wotnot.services.shop_checks import ShopAddress, open_client
from wotnot.services.transaction import release_connection, transaction
from wotnot.services.woocommerce.client import WooClient
from wotnot.services.woocommerce.faults import ShopFault

logger = logging.getLogger(__name__)

NOTE_TOPIC = "action.woocommerce_new_customer_note"
TOPICS = ("order.created", "order.updated", "order.deleted", NOTE_TOPIC)
LOOK_EVERY = timedelta(minutes=10)


def tend_hooks(shop_id: int) -> bool:
    """See that every webhook of ours is there once and active. Answers whether it is; a failure is kept with the shop."""
    shop = find_listening(shop_id)
    if shop is None:
        return False
    url, secret = delivery_url(shop.token), hook_secret_of(shop)
    try:
        client = client_for(shop)
        release_connection()
        with client:
            hooks = _mend(client, url, secret)
    except ShopFault as fault:
        note_fault(shop_id, fault)
        return False
    with transaction() as session:
        found = session.get(Shop, shop_id)
        if found is not None:
            found.hooks = hooks
            found.hooks_due_at = clock.now() + LOOK_EVERY
    return True


def remove_hooks(address: ShopAddress, hooks: Mapping[str, int]) -> None:
    """Take our webhooks out of a shop; what it does not let us delete stays there, and is refused here."""
    with open_client(address) as client:
        for hook_id in hooks.values():
            with contextlib.suppress(ShopFault):
                client.delete_webhook(hook_id)


def delivery_url(token: str) -> str:
    """Where a shop's webhooks go."""
    return f"{current_app.extensions['wotnot.config'].public_url}/webhooks/woocommerce/{token}"


def _mend(client: WooClient, url: str, secret: str) -> dict[str, int]:
    """The ids of our webhooks by topic, each made or switched on where that was needed."""
    mine: dict[str, list[dict[str, Any]]] = {}
    for hook in client.list_webhooks():
        if hook.get("delivery_url") == url:
            mine.setdefault(str(hook.get("topic")), []).append(hook)
    return {topic: _mend_one(client, topic, mine.get(topic, []), url, secret) for topic in TOPICS}


def _mend_one(client: WooClient, topic: str, found: list[dict[str, Any]], url: str, secret: str) -> int:
    if not found:
        made = client.create_webhook(name=f"WotNot: {topic}", topic=topic, delivery_url=url, secret=secret)
        return int(made["id"])
    first, *more = sorted(found, key=lambda hook: int(hook["id"]))
    if first.get("status") != "active":
        client.activate_webhook(int(first["id"]), secret=secret)
        logger.info("a webhook of a shop was switched on again", extra={"topic": topic})
    for hook in more:  # two tries to make it may both have worked
        client.delete_webhook(int(hook["id"]))
    return int(first["id"])


def is_due(shop: Shop) -> bool:
    """Whether the webhooks of a shop should be looked at again."""
    return shop.hooks_due_at <= clock.now() or len(shop.hooks) < len(TOPICS)
