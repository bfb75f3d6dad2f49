"""Jobs about shops."""

from wotnot.services import customer_imports, shop_asks, shop_inbox, shop_orders, shop_sync


def drain_shops() -> dict[str, int]:
    """Apply what shops told, and write the messages about it."""
    return shop_inbox.drain()


def sweep_shops() -> dict[str, int]:
    """Wake the drain when its job was lost, and look after the shops whose time has come."""
    return shop_inbox.sweep()


def tend_shop(shop_id: int) -> dict[str, int]:
    """Look after one shop: its webhooks, and the orders that they missed."""
    return shop_sync.tend_shop(shop_id)


def tend_ailing_shop(shop_id: int) -> dict[str, int]:
    """The same for a shop in trouble, where nobody waits behind it."""
    return shop_sync.tend_shop(shop_id)


def ask_unpaid(shop_id: int) -> dict[str, int]:
    """Ask a shop for the orders that are to be reminded of, and remind of those that are unpaid still."""
    return shop_asks.ask_unpaid(shop_id)


def ask_ailing_unpaid(shop_id: int) -> dict[str, int]:
    """The same for a shop that is slow, where nobody waits behind it."""
    return shop_asks.ask_unpaid(shop_id)


def link_past_orders() -> dict[str, int]:
    """Give orders from before to the contacts that came since."""
    return shop_orders.link_past_orders()


def run_customer_import(import_id: int) -> dict[str, int]:
    """Read on in a shop's customers and buyers."""
    return customer_imports.run_import(import_id)


def sweep_customer_imports() -> dict[str, int]:
    """Have those imports go on whose job was lost, or whose shop is to be asked again."""
    return customer_imports.sweep_imports()
