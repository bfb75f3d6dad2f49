"""Jobs of the webhook inbox."""

from wotnot.services import inbound, queue, webhook_inbox


def drain_webhooks() -> dict[str, int]:
    """Apply the deliveries that wait."""
    return webhook_inbox.drain()


def sweep_webhooks() -> dict[str, int]:
    """Wake the drain when deliveries wait and its job was lost."""
    backlog = webhook_inbox.count_backlog()
    if backlog:
        queue.enqueue_once("drain_webhooks")
    return {"backlog": backlog}


def sweep_conversations() -> dict[str, int]:
    """Expire conversations whose 24 hours are over."""
    return {"expired": inbound.expire_conversations()}
