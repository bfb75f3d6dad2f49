"""Shops: the WooCommerce shops of a workspace. Owns the `shops` table.

The keys are encrypted and never leave through an answer. Removing keeps the row, because orders and messages belong to it;
what a removed shop still tells is refused.
"""

import secrets
from collections.abc import Sequence
from datetime import timedelta

from sqlalchemy import select, update
from sqlalchemy.exc import IntegrityError

from wotnot import clock
from wotnot.errors import Conflict, Invalid, NotFound
from wotnot.extensions import db
from wotnot.models import Shop, ShopState
from wotnot.services import events, queue, shop_hooks
from wotnot.services.shop_access import SYNC_EVERY, TOPIC, address_of, hide, is_ailing, topic_of
from wotnot.services.shop_checks import ShopAddress, ShopFacts, ask_shop, clean_address, domain_error
from wotnot.services.transaction import release_connection, transaction
from wotnot.services.woocommerce.faults import ShopFault

HISTORY = timedelta(days=60)
"""So far back orders are read when a shop is connected; none of them is messaged."""

_MAX_NAME, _MAX_OPT_IN_KEY = 200, 100


def check_shop(*, base_url: str, consumer_key: str, consumer_secret: str) -> ShopFacts:
    """What a shop that is not connected says about itself. Writes nothing, here or there.

    Raises Invalid naming the field that is wrong, in plain words; Unavailable when the shop is slow or busy.
    """
    return _ask(clean_address(base_url, consumer_key, consumer_secret))


def connect_shop(workspace_id: int, *, base_url: str, consumer_key: str, consumer_secret: str, name: str = "") -> Shop:
    """Connect a shop after asking it, and have it tell us about its orders. Past orders are read in the background.

    Raises as `check_shop` does, and Conflict (with `id`) when the shop is connected already.
    """
    address = clean_address(base_url, consumer_key, consumer_secret)
    _refuse_connected(workspace_id, address.url)
    facts = _ask(address)
    now = clock.now()
    try:
        with transaction() as session:
            shop = Shop(
                workspace_id=workspace_id,
                url=address.url,
                token=secrets.token_urlsafe(32),
                hook_secret_encrypted=hide(secrets.token_urlsafe(32)),
                listening_since=now,
                synced_until=now - HISTORY,
            )
            shop.name = _clean_name(name) or facts.name or address.url.partition("://")[2]
            _take_keys(shop, address, facts)
            session.add(shop)
            session.flush()
            events.publish(workspace_id, TOPIC)
    except IntegrityError as error:
        raise _connected_already() from error
    return _begin(workspace_id, shop.id)


def get_shop(workspace_id: int, shop_id: int) -> Shop:
    """A shop that is not removed. Raises NotFound, also for another workspace's."""
    shop = db.session.scalar(
        select(Shop).where(Shop.workspace_id == workspace_id, Shop.id == shop_id, Shop.state != ShopState.REMOVED)
    )
    if shop is None:
        raise NotFound("Shop")
    return shop


def list_shops(workspace_id: int) -> list[Shop]:
    """Every shop that is not removed, the newest first. A workspace has a handful, so this is not paged."""
    query = select(Shop).where(Shop.workspace_id == workspace_id, Shop.state != ShopState.REMOVED)
    return list(db.session.scalars(query.order_by(Shop.id.desc())))


def find_by_token(token: str) -> Shop | None:
    """The shop whose webhooks come to this address, also a removed one."""
    return db.session.scalar(select(Shop).where(Shop.token == token))


def find_by_url(workspace_id: int, url: str) -> Shop | None:
    """The shop at this address, tidied as `clean_url` does, unless it was removed."""
    mine = (Shop.workspace_id == workspace_id, Shop.url == url, Shop.state != ShopState.REMOVED)
    return db.session.scalar(select(Shop).where(*mine))


def change_shop(workspace_id: int, shop_id: int, *, name: str | None = None, opt_in_key: str | None = None) -> Shop:
    """Rename a shop, or name the field of its checkout that holds the consent. Raises Invalid, NotFound."""
    with transaction():
        shop = get_shop(workspace_id, shop_id)
        if name is not None:
            shop.name = _clean_name(name) or shop.name
        if opt_in_key is not None:
            key = opt_in_key.strip()
            if len(key) > _MAX_OPT_IN_KEY or not key.isprintable():
                raise Invalid({"opt_in_key": f"At most {_MAX_OPT_IN_KEY} characters, such as wotnot_opt_in."})
            shop.opt_in_key = key
        events.publish(workspace_id, TOPIC, topic_of(shop_id))
    return shop


def replace_keys(workspace_id: int, shop_id: int, *, consumer_key: str, consumer_secret: str) -> Shop:
    """Give a shop new keys, after asking it with them. Raises as `check_shop` does, and NotFound."""
    address = clean_address(get_shop(workspace_id, shop_id).url, consumer_key, consumer_secret)
    facts = _ask(address)
    with transaction():
        shop = get_shop(workspace_id, shop_id)
        _take_keys(shop, address, facts)
        events.publish(workspace_id, TOPIC, topic_of(shop_id))
    return _begin(workspace_id, shop_id)


def switch_shop(workspace_id: int, shop_id: int, *, is_on: bool) -> Shop:
    """Switch a shop's messages off, or on again; what was ordered meanwhile is never messaged. Raises NotFound."""
    with transaction():
        shop = get_shop(workspace_id, shop_id)
        wanted = ShopState.CONNECTED if is_on else ShopState.OFF
        if shop.state is not wanted:
            shop.state = wanted
            shop.listening_since = clock.now()
        events.publish(workspace_id, TOPIC, topic_of(shop_id))
    return shop


def refresh_shop(workspace_id: int, shop_id: int) -> Shop:
    """Look after the shop now instead of within the minute: its webhooks and what they missed. Raises NotFound."""
    with transaction():
        shop = get_shop(workspace_id, shop_id)
        shop.sync_due_at = shop.hooks_due_at = clock.now()
        queue.enqueue("tend_ailing_shop" if is_ailing(shop) else "tend_shop", shop_id)
    return shop


def remove_shop(workspace_id: int, shop_id: int) -> None:
    """Forget a shop's keys and take our webhooks out of it, as far as it lets us. Orders and messages stay.

    Raises NotFound.
    """
    shop = get_shop(workspace_id, shop_id)
    hooks, address = dict(shop.hooks), address_of(shop)
    with transaction():
        shop = get_shop(workspace_id, shop_id)
        shop.state = ShopState.REMOVED
        shop.key_encrypted = shop.secret_encrypted = ""
        shop.trouble = shop.trouble_text = shop.hooks_trouble = ""
        shop.hooks = {}
        events.publish(workspace_id, TOPIC, topic_of(shop_id))
    if address and hooks:
        release_connection()
        shop_hooks.remove_hooks(address, hooks)


def claim_due(limit: int = 50) -> list[int]:
    """Shops that are due to be looked after, their next time moved on: who gets an id looks after that shop."""
    now = clock.now()
    due = (
        select(Shop.id)
        .where(Shop.state != ShopState.REMOVED, Shop.sync_due_at <= now)
        .order_by(Shop.sync_due_at)
        .limit(limit)
        .with_for_update(skip_locked=True)
    )
    with transaction() as session:
        claimed = update(Shop).where(Shop.id.in_(due)).values(sync_due_at=now + SYNC_EVERY).returning(Shop.id)
        return list(session.scalars(claimed))


def find_ailing(shop_ids: Sequence[int]) -> set[int]:
    """Those of some shops that are in trouble or slow, so that nobody should wait behind them."""
    found = db.session.scalars(select(Shop).where(Shop.id.in_(shop_ids)))
    return {shop.id for shop in found if is_ailing(shop)}


def _begin(workspace_id: int, shop_id: int) -> Shop:
    """Have a shop tell us from now on. What cannot be set up now is tried again by the sweep, and said on the shop's page."""
    shop_hooks.tend_hooks(shop_id)
    with transaction():
        shop = get_shop(workspace_id, shop_id)
        queue.enqueue("tend_shop", shop_id)
    return shop


def _ask(address: ShopAddress) -> ShopFacts:
    release_connection()
    try:
        return ask_shop(address)
    except ShopFault as fault:
        raise domain_error(fault) from fault


def _take_keys(shop: Shop, address: ShopAddress, facts: ShopFacts) -> None:
    shop.key_encrypted, shop.secret_encrypted = hide(address.key), hide(address.secret)
    shop.version, shop.currency, shop.country = facts.version, facts.currency, facts.country
    shop.trouble, shop.trouble_text, shop.trouble_since, shop.hooks_trouble = "", "", None, ""
    shop.failed_count = 0
    shop.sync_due_at = shop.hooks_due_at = clock.now()


def _clean_name(name: str) -> str:
    tidy = " ".join(name.split())
    if len(tidy) > _MAX_NAME:
        raise Invalid({"store_name": f"The name is longer than {_MAX_NAME} characters."})
    return tidy


def _refuse_connected(workspace_id: int, url: str) -> None:
    shop = find_by_url(workspace_id, url)
    if shop is not None:
        raise _connected_already(shop.id)


def _connected_already(shop_id: int | None = None) -> Conflict:
    return Conflict("This shop is connected already. Open it to replace its keys.", code="shop_connected", id=shop_id)
