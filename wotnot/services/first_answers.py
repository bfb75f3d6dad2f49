"""How long people waited until a member answered them. Owns `first_answers`.

Somebody waits from their first message after the last answer of a member; the next message that a member writes to them ends
it. Automatic answers and broadcasts do not count, nobody answered. The row is written with the answer, in its transaction.
"""

from dataclasses import dataclass
from datetime import date
from typing import Any

from sqlalchemy import text

from wotnot.extensions import db
from wotnot.models import Message
from wotnot.services.person_messages import in_thread
from wotnot.services.transaction import transaction

_STEPS_PER_DOUBLING = 8
"""Times are counted in classes (`FirstAnswer.step`), and the counts are ranked."""


@dataclass(frozen=True, slots=True)
class Waits:
    """How many were answered, half of them within `median` seconds and nine of ten within `ninety`."""

    count: int
    median: int
    ninety: int


NOBODY = Waits(0, 0, 0)


@dataclass(frozen=True, slots=True)
class MemberWaits:
    """The same of one person's answers."""

    user_id: int
    name: str
    waits: Waits


def note_answer(message: Message) -> None:
    """If this message of a member ends somebody's waiting, note how long that was. Joins the caller's transaction."""
    with transaction() as session:
        session.execute(_NOTE, {"message": message.id})


def note_history(workspace_id: int) -> None:
    """Note the waits from before they were noted. Joins the caller's transaction; safe to run twice."""
    with transaction() as session:
        session.execute(_NOTE_HISTORY, {"workspace": workspace_id})


def summarise(workspace_id: int, first: date, last: date) -> tuple[Waits, list[MemberWaits]]:
    """The waits that ended from the day `first` to `last`, together and by who answered (the most answers first), in one query."""
    asked = {"workspace": workspace_id, "first": first, "last": last}
    classes: dict[int, dict[int, int]] = {}
    names: dict[int, str] = {}
    for row in db.session.execute(_CLASSES, asked):
        classes.setdefault(row.user_id, {})[row.step] = int(row.number)
        names[row.user_id] = row.name
    together: dict[int, int] = {}
    for steps in classes.values():
        for step, count in steps.items():
            together[step] = together.get(step, 0) + count
    members = [MemberWaits(user_id, names[user_id], _waits(steps)) for user_id, steps in classes.items()]
    return _waits(together), sorted(members, key=lambda one: (-one.waits.count, one.name))


def has_answered(workspace_id: int, user_id: int) -> bool:
    """Whether this is a member of the workspace, or was one and answered somebody."""
    return bool(db.session.scalar(_HAS_ANSWERED, {"workspace": workspace_id, "user": user_id}))


def _waits(steps: dict[int, int]) -> Waits:
    total = sum(steps.values())
    return Waits(total, _within(steps, total, 0.5), _within(steps, total, 0.9))


def _within(steps: dict[int, int], total: int, share: float) -> int:
    """In how many seconds this share was answered."""
    seen = 0
    for step, count in sorted(steps.items()):
        seen += count
        if seen >= share * total:
            return round(2 ** ((step + 0.5) / _STEPS_PER_DOUBLING) - 1)
    return 0


def _note(which: str, before: str) -> Any:
    """Write the waits that the answers `which` ended, looking only at messages `before` them."""
    return text(f"""
INSERT INTO first_answers (message_id, workspace_id, user_id, day, seconds)
SELECT a.id, a.workspace_id, a.user_id, a.day,
       greatest(0, least(extract(epoch FROM a.created_at - w.since), 2147483647))::int
FROM messages a
CROSS JOIN LATERAL (
    SELECT min(i.created_at) AS since FROM messages i
    WHERE i.contact_id = a.contact_id AND i.channel_id = a.channel_id AND {in_thread("i")} AND i.direction = 'in' AND i.{before}
      AND i.created_at > coalesce((
          SELECT max(o.created_at) FROM messages o
          WHERE o.contact_id = a.contact_id AND o.channel_id = a.channel_id AND {in_thread("o")} AND o.direction = 'out'
            AND o.id <> a.id
            AND o.user_id IS NOT NULL AND o.broadcast_id IS NULL AND o.{before}), '-infinity')
) w
WHERE {which} AND a.direction = 'out' AND a.user_id IS NOT NULL AND a.broadcast_id IS NULL AND w.since IS NOT NULL
ON CONFLICT DO NOTHING
""")  # noqa: S608 — conditions of ours


_NOTE = _note("a.id = :message", "id < a.id")
_NOTE_HISTORY = _note("a.workspace_id = :workspace", "created_at <= a.created_at")

_CLASSES: Any = text("""
SELECT f.user_id, coalesce(u.name, 'Somebody who left') AS name, f.step, f.number
FROM (
    SELECT user_id, step, sum(delta) AS number FROM answer_tallies
    WHERE workspace_id = :workspace AND day BETWEEN :first AND :last GROUP BY 1, 2 HAVING sum(delta) > 0
) f LEFT JOIN users u ON u.id = f.user_id
""")

_HAS_ANSWERED = text("""
SELECT EXISTS (SELECT 1 FROM members WHERE workspace_id = :workspace AND user_id = :user)
    OR EXISTS (SELECT 1 FROM first_answers WHERE workspace_id = :workspace AND user_id = :user)
""")
