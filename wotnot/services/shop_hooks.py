"""Our webhooks in a shop: made, looked at every ten minutes, switched on again, and taken out when the shop is removed.

A shop switches a webhook off by itself after some failures, and a person may delete one; either would be silence. What keeps us
from setting them up is kept beside the shop's other trouble: its orders are read all the same, once a minute.
"""

import contextlib
import logging
from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from flask import current_app

from wotnot import clock
from wotnot.models import Shop, ShopState
from wotnot.services import events
from wotnot.services.shop_access import TOPIC, client_for, find_listening, hook_secret_of, topic_of
from wotnot.services.shop_checks import ShopAddress, open_client
from wotnot.services.transaction import release_connection, transaction
from wotnot.services.woocommerce.client import WooClient
from wotnot.services.woocommerce.faults import LASTING, ShopFault

logger = logging.getLogger(__name__)

NOTE_TOPIC = "action.woocommerce_new_customer_note"
TOPICS = ("order.created", "order.updated", "order.deleted", NOTE_TOPIC)
LOOK_EVERY = timedelta(minutes=10)
_TRY_AGAIN = timedelta(minutes=2)


def tend_hooks(shop_id: int) -> bool:
    """See that every webhook of ours is there once and active. Answers whether it is; why not is kept with the shop."""
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
        lasts = fault.trouble in LASTING
        _note(shop_id, fault.text, max(LOOK_EVERY if lasts else _TRY_AGAIN, fault.wait))
        return False
    _note(shop_id, "", LOOK_EVERY, hooks)
    return True


def _note(shop_id: int, trouble: str, pause: timedelta, hooks: dict[str, int] | None = None) -> None:
    """Keep how the look at the webhooks went, and when the next one is."""
    with transaction() as session:
        shop = session.get(Shop, shop_id, with_for_update=True)
        if shop is None or shop.state is ShopState.REMOVED:
            return
        if shop.hooks_trouble != trouble:
            events.publish(shop.workspace_id, TOPIC, topic_of(shop_id))
        shop.hooks_trouble, shop.hooks_due_at = trouble, clock.now() + pause
        shop.hooks = shop.hooks if hooks is None else hooks


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
    return shop.hooks_due_at <= clock.now()
