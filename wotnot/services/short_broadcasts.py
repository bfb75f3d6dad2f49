"""A template to named people at once, as one use case, for the published short path."""

from collections.abc import Mapping
from typing import Any

from wotnot.models import Broadcast
from wotnot.services import broadcasts, contact_bulk
from wotnot.services.transaction import transaction


def send_now(workspace_id: int, *, people: Mapping[str, str], **fields: Any) -> Broadcast:
    """Make a broadcast to `people` (number → name) and start it; who has no name yet gets theirs. All or nothing.

    `fields` are those of `broadcasts.create_broadcast` but the audience. Raises Invalid for numbers, names and for what
    keeps it from starting.
    """
    with transaction():
        broadcast = broadcasts.create_broadcast(workspace_id, audience={"phones": list(people)}, **fields)
        contact_bulk.name_contacts(workspace_id, people)
        return broadcasts.start_broadcast(workspace_id, broadcast.id)
