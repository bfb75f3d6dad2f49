"""A draft that is like an earlier broadcast."""

from wotnot.models import Broadcast
from wotnot.services import broadcast_pace, broadcasts, events
from wotnot.services.transaction import transaction

_PREFIX = "Copy of "
_KEPT = (
    "channel_id", "template_id", "audience", "exclude", "variables", "one_language", "leave_out", "late_minutes",
    *broadcast_pace.FIELDS,
)  # fmt: skip


def copy_broadcast(workspace_id: int, broadcast_id: int, *, user_id: int | None = None) -> Broadcast:
    """Make a draft with everything that makes a broadcast but its moment. Raises NotFound.

    Its segments, files and templates may be gone since: nothing of it is dropped for that, so that the check page says what
    to choose anew, and nobody who was left out is written to.
    """
    with transaction() as session:
        first = broadcasts.get_broadcast(workspace_id, broadcast_id)
        kept = {name: getattr(first, name) for name in _KEPT}
        name = (first.name if first.name.startswith(_PREFIX) else _PREFIX + first.name)[: broadcasts.MAX_NAME]
        copy = Broadcast(workspace_id=workspace_id, user_id=user_id, name=name, **kept)
        session.add(copy)
        session.flush()
        events.publish(workspace_id, f"broadcast:{copy.id}", "broadcasts", "workspace")
    return broadcasts.get_broadcast(workspace_id, copy.id)
