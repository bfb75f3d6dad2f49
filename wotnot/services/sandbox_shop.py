"""Connecting the built-in sandbox's shop with one press, where the sandbox stands in for the world."""

import requests
from flask import current_app

from wotnot.config import Config
from wotnot.errors import Conflict, Unavailable
from wotnot.models import Shop
from wotnot.services import shops
from wotnot.services.transaction import release_connection

SLUG = "casa-verde"
"""The shop that the sandbox is born with; its README names it."""


def connect_sandbox_shop(workspace_id: int) -> Shop:
    """Connect the sandbox's shop with keys of its own.

    Raises Conflict when it is connected already or there is no sandbox, Unavailable when the sandbox is away.
    """
    config: Config = current_app.extensions["wotnot.config"]
    if not config.sandbox_url:
        raise Conflict("This installation has no sandbox. Connect a shop of your own.")
    base_url = f"{config.sandbox_url}/shop/{SLUG}"
    if any(shop.url == base_url for shop in shops.list_shops(workspace_id)):
        raise Conflict("The sandbox shop is connected already.", code="shop_connected")
    release_connection()
    try:
        made = requests.post(f"{config.sandbox_url}/sandbox/shops/{SLUG}/keys", json={}, timeout=5)
        made.raise_for_status()
        keys = made.json()
    except requests.RequestException as error:
        raise Unavailable("The sandbox does not answer.") from error
    return shops.connect_shop(
        workspace_id,
        base_url=base_url,
        consumer_key=keys["consumer_key"],
        consumer_secret=keys["consumer_secret"],
    )
