"""Jobs about shops."""

from wotnot.services import shop_inbox, shop_sync


def drain_shops() -> dict[str, int]:
    """Apply what shops told, and write the messages about it."""
    return shop_inbox.drain()


def sweep_shops() -> dict[str, int]:
    """Wake the drain when its job was lost, and look after the shops whose time has come."""
    return shop_inbox.sweep()


def tend_shop(shop_id: int) -> dict[str, int]:
    """Look after one shop: its webhooks, and the orders that they missed."""
    return shop_sync.tend_shop(shop_id)
