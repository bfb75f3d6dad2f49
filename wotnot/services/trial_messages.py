"""The message of a draft on one's own telephone, before it goes to everybody: a message by itself, outside the broadcast."""

from typing import Any

from wotnot.errors import Invalid
from wotnot.models import Broadcast, Message
from wotnot.services import broadcasts, preflight, single_messages
from wotnot.services.audience_counts import person_at
from wotnot.services.audience_risks import left_out_of
from wotnot.services.personalise import fill_values


def send_trial(workspace_id: int, broadcast_id: int, to: str, *, row: int = 1, user_id: int | None = None) -> Message:
    """Send a draft's template to the number `to`, filled in as for the person at `row` (from 1) of its audience.

    Raises Invalid for the number and for what is not chosen yet or has no value for that person, Conflict while the number or
    the template cannot send and for somebody who opted out, NotFound, Unavailable.
    """
    broadcast = broadcasts.get_broadcast(workspace_id, broadcast_id)
    if broadcast.template is None or broadcast.channel_id is None:
        raise Invalid({"to": "Choose a template and a number first; the message is made from them."})
    content = {
        "name": broadcast.template.name,
        "language": broadcast.template.language,
        "variables": _values(broadcast, row),
    }
    return single_messages.send_message(
        workspace_id, channel_id=broadcast.channel_id, to=to, type="template", content=content, user_id=user_id
    )


def _values(broadcast: Broadcast, row: int) -> dict[str, Any]:
    """Texts by variable, and files of the library as they were chosen."""
    total = preflight.count_draft(broadcast).in_sight
    place = min(max(row, 1), max(total, 1))
    person = person_at(
        broadcast.workspace_id, broadcast.audience, broadcast.exclude, place, leave_out=left_out_of(broadcast)
    )
    if person is None:
        raise Invalid({"to": "Nobody is in the audience yet, so there is nobody whose values the test could show."})
    filled = fill_values(broadcast.variables, person)
    if filled.missing:
        raise Invalid(
            {"to": f"{person.name or 'This person'} lacks a value that the message needs. Choose another person."}
        )
    files = {key: source for key, source in broadcast.variables.items() if "file_id" in source}
    return {**filled.values, **files}
