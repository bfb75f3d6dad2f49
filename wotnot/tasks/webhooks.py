"""Jobs of the webhook inbox."""

from wotnot.services import inbound, replies, webhook_inbox


def drain_webhooks() -> dict[str, int]:
    """Apply the deliveries that wait."""
    return webhook_inbox.drain()


def sweep_webhooks() -> dict[str, bool]:
    """Wake the drain when deliveries are due and its job was lost."""
    return {"due": webhook_inbox.wake_drain()}


def sweep_conversations() -> dict[str, int]:
    """Expire conversations whose 24 hours are over."""
    return {"expired": inbound.expire_conversations()}


def tell_read(conversation_id: int) -> dict[str, bool]:
    """Give the customer blue ticks for what the team has seen."""
    return {"told": replies.tell_read(conversation_id)}


def tell_typing(conversation_id: int) -> dict[str, bool]:
    """Show the customer that somebody writes; this gives blue ticks as well."""
    return {"told": replies.tell_read(conversation_id, is_typing=True)}
