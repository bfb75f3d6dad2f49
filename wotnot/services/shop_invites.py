"""WooCommerce's own authorisation: its owner grants keys on a page of the shop, and nobody copies anything.

The shop posts the keys to us, then sends the owner back; the connection is made when they are back, so they see how it went.
Owns the `shop_invites` table.
"""

import secrets
from datetime import timedelta
from typing import Any
from urllib.parse import urlencode

from flask import current_app
from sqlalchemy import delete, select

from wotnot import clock
from wotnot.errors import Conflict, Invalid, NotFound
from wotnot.extensions import db
from wotnot.models import Shop, ShopInvite
from wotnot.services import crypto, shops
from wotnot.services.shop_access import hide
from wotnot.services.shop_checks import clean_url
from wotnot.services.transaction import transaction

VALID_FOR = timedelta(minutes=30)
APP_NAME = "WotNot"


def begin(workspace_id: int, user_id: int, base_url: str) -> tuple[ShopInvite, str]:
    """Where to send a shop's owner for their consent: the invitation, and the address of the shop's page. Raises Invalid."""
    errors: dict[str, str] = {}
    url = clean_url(base_url, errors)
    if errors:
        raise Invalid(errors)
    with transaction() as session:
        session.execute(delete(ShopInvite).where(ShopInvite.created_at < clock.now() - VALID_FOR))
        invite = ShopInvite(workspace_id=workspace_id, user_id=user_id, url=url, token=secrets.token_urlsafe(32))
        session.add(invite)
        session.flush()
    ours = current_app.extensions["wotnot.config"].public_url
    asked = {
        "app_name": APP_NAME,
        "scope": "read_write",
        "user_id": invite.token,
        "return_url": f"{ours}/app/shops/back",
        "callback_url": f"{ours}/webhooks/woocommerce/keys",
    }
    return invite, f"{url}/wc-auth/v1/authorize?{urlencode(asked)}"


def take_keys(body: Any) -> None:
    """Keep the keys that a shop posts. Raises NotFound for an invitation that is over or was never made."""
    data = body if isinstance(body, dict) else {}
    with transaction():
        invite = _find(str(data.get("user_id") or ""))
        key, secret = str(data.get("consumer_key") or ""), str(data.get("consumer_secret") or "")
        if invite is None or invite.used_at is not None or not key or not secret:
            raise NotFound("Invitation")
        invite.key_encrypted, invite.secret_encrypted = hide(key[:200]), hide(secret[:200])


def finish(workspace_id: int, token: str) -> Shop:
    """Connect the shop whose owner is back; one that is connected already gets the new keys, and keeps the rest.

    Raises NotFound, Conflict while its keys have not come, and as `connect_shop`.
    """
    invite = _find(token)
    if invite is None or invite.workspace_id != workspace_id:
        raise NotFound("Invitation")
    if not invite.key_encrypted:
        raise Conflict("The shop did not send us its keys. Its server may not reach ours; paste the keys instead.")
    keys = current_app.extensions["wotnot.config"].encryption_keys
    key, secret = (crypto.decrypt(one, keys) for one in (invite.key_encrypted, invite.secret_encrypted))
    invite_id, url = invite.id, invite.url
    pair = {"consumer_key": key, "consumer_secret": secret}
    connected = shops.find_by_url(workspace_id, url)
    if connected is None:
        shop = shops.connect_shop(workspace_id, base_url=url, **pair)
    else:
        shop = shops.replace_keys(workspace_id, connected.id, **pair)
    with transaction() as session:
        session.execute(delete(ShopInvite).where(ShopInvite.id == invite_id))
    return shop


def _find(token: str) -> ShopInvite | None:
    query = select(ShopInvite).where(ShopInvite.token == token, ShopInvite.created_at > clock.now() - VALID_FOR)
    return db.session.scalar(query) if token else None
