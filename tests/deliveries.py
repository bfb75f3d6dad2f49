"""Meta's deliveries, as tests make, store and apply them."""

import itertools
import json
import time
from typing import Any

from wotnot.services import webhook_inbox

PHONE_NUMBER_ID = "800000000000001"
PERSON = "27825550101"

_numbers = itertools.count(1)


def message(kind: str = "text", content: Any = None, *, ago: float = 0, **fields: Any) -> dict[str, Any]:
    """One message of PERSON, sent `ago` seconds ago. A text may be given as a string; `fields` replace the others."""
    said = {"body": content} if kind == "text" else content
    made = {"id": f"wamid.d{next(_numbers)}", "from": PERSON, "timestamp": str(int(time.time() - ago)), "type": kind}
    return {key: value for key, value in ({**made, kind: said} | fields).items() if value is not None}


def delivery(*messages: dict[str, Any], field: str = "messages", number: str = PHONE_NUMBER_ID, **value: Any) -> bytes:
    """The body of a delivery to our `number`: of messages, or of whatever `value` holds."""
    metadata = {"messaging_product": "whatsapp", "metadata": {"phone_number_id": number}}
    held = metadata | ({"messages": list(messages)} if messages else {}) | value
    entry = {"id": "700000000000001", "changes": [{"field": field, "value": held}]}
    return json.dumps({"object": "whatsapp_business_account", "entry": [entry]}).encode()


def deliver(*messages: dict[str, Any], **value: Any) -> dict[str, int]:
    """Store one delivery and apply it."""
    webhook_inbox.store_delivery(delivery(*messages, **value))
    return drain()


def drain() -> dict[str, int]:
    """Apply what is stored, in batches; answers how many were done and how many poison."""
    totals = {"done": 0, "poison": 0}
    while webhook_inbox.drain_batch(totals):
        pass
    return totals
