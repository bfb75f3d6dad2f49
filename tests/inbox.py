"""The inbox as its tests ask for it: pages, their parts, and the forms in them."""

import re
from typing import Any

from tests.client import Client
from wotnot.models import Conversation, Message


def page(client: Client, address: str) -> str:
    """The page at an address, which must be there."""
    answer = client.get(address)
    assert answer.status_code == 200, answer.get_data(as_text=True)
    return answer.get_data(as_text=True)


def part(client: Client, address: str, target: str) -> str:
    """The part of a page that htmx asks for by its id."""
    answer = client.get(address, headers={"HX-Request": "true", "HX-Target": target})
    assert answer.status_code == 200, answer.get_data(as_text=True)
    return answer.get_data(as_text=True)


def post(client: Client, thread: Conversation, act: str, **fields: Any) -> Any:
    """Submit a form of an open conversation."""
    here = f"/app/inbox/{thread.id}"
    return client.submit(f"{here}/{act}", page=here, **fields)


def revision(entries: str, message: Message) -> str:
    """What the page knows a line's look by."""
    found = re.search(rf'id="m-{message.id}"\s+data-rev="([^"]*)"', entries)
    assert found is not None
    return found[1]
