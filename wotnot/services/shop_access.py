"""Calls to a connected shop: its keys, and how the calls went. Writes the trouble of the `shops` table."""

from datetime import timedelta

from flask import current_app

from wotnot import clock
from wotnot.config import Config
from wotnot.extensions import db
from wotnot.models import Shop, ShopState
from wotnot.services import crypto, events
from wotnot.services.shop_checks import ShopAddress, open_client
from wotnot.services.transaction import transaction
from wotnot.services.woocommerce.client import WooClient
from wotnot.services.woocommerce.faults import LASTING, ShopFault, Trouble

TOPIC = "shops"
SYNC_EVERY = timedelta(seconds=60)
LONGEST_PAUSE = timedelta(minutes=15)


def topic_of(shop_id: int) -> str:
    """The live topic of one shop's page."""
    return f"shop:{shop_id}"


def find_listening(shop_id: int) -> Shop | None:
    """A shop that is not removed, in whatever workspace: for jobs."""
    shop = db.session.get(Shop, shop_id)
    return None if shop is None or shop.state is ShopState.REMOVED else shop


def is_ailing(shop: Shop) -> bool:
    """Whether a shop may keep those waiting who ask it; its jobs have a queue of their own."""
    return shop.failed_count > 0 or shop.trouble == Trouble.SLOW


def address_of(shop: Shop) -> ShopAddress | None:
    """Where the shop is and what opens it; None when the encryption keys were lost."""
    keys = _config().encryption_keys
    try:
        key, secret = (crypto.decrypt(one, keys) for one in (shop.key_encrypted, shop.secret_encrypted))
    except crypto.UnreadableSecret:
        return None
    return ShopAddress(shop.url, key, secret)


def hook_secret_of(shop: Shop) -> str:
    """The secret that signs the shop's webhooks; "" when the encryption keys were lost."""
    try:
        return crypto.decrypt(shop.hook_secret_encrypted, _config().encryption_keys)
    except crypto.UnreadableSecret:
        return ""


def client_for(shop: Shop) -> WooClient:
    """A client for this shop. Raises ShopFault when its keys cannot be read any more."""
    address = address_of(shop)
    if address is None:
        raise ShopFault(Trouble.KEYS, "The encryption keys were changed")
    return open_client(address)


def note_fault(shop_id: int, fault: ShopFault) -> None:
    """Keep why a shop could not be asked, and wait longer after each failure: a minute, two, four, up to a quarter of an hour.

    A shop that says itself how long to wait is left alone so long.
    """
    with transaction() as session:
        shop = session.get(Shop, shop_id, with_for_update=True)
        if shop is None or shop.state is ShopState.REMOVED:
            return
        if shop.trouble != fault.trouble:
            shop.trouble_since = clock.now()
        shop.trouble, shop.trouble_text = fault.trouble, fault.text
        shop.failed_count += 1
        pause = min(SYNC_EVERY * 2 ** min(shop.failed_count - 1, 6), LONGEST_PAUSE)
        shop.sync_due_at = clock.now() + max(LONGEST_PAUSE if fault.trouble in LASTING else pause, fault.wait)
        events.publish(shop.workspace_id, TOPIC, topic_of(shop_id))


def note_answer(shop_id: int, *, is_slow: bool) -> None:
    """Keep that a shop answered; one that took long is said to be slow."""
    with transaction() as session:
        shop = session.get(Shop, shop_id, with_for_update=True)
        if shop is None:
            return
        now_trouble = Trouble.SLOW if is_slow else ""
        if shop.trouble != now_trouble:
            shop.trouble = now_trouble
            shop.trouble_text = ShopFault(Trouble.SLOW).text if is_slow else ""
            shop.trouble_since = clock.now() if is_slow else None
            events.publish(shop.workspace_id, TOPIC, topic_of(shop_id))
        shop.failed_count = 0


def hide(secret: str) -> str:
    """A secret as it is stored."""
    return crypto.encrypt(secret, _config().encryption_keys)


def _config() -> Config:
    config = current_app.extensions["wotnot.config"]
    assert isinstance(config, Config)  # noqa: S101 — for the type checker; the factory puts it there
    return config
