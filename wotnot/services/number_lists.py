"""Whom a number of the overview is made of: single messages, people who opted out, people who were answered.

A list has the days of the number that led to it, and as many rows as the number says.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Any

from sqlalchemy import text

from wotnot.errors import Invalid, NotFound
from wotnot.extensions import db
from wotnot.models import Workspace
from wotnot.services import first_answers
from wotnot.services.number_shares import EVERYTHING, STEPS, Narrowed
from wotnot.services.pages import Page, clamp_limit, decode_numbers, encode_cursor
from wotnot.services.reports import Period

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)


@dataclass(frozen=True, slots=True)
class Person:
    """Whom a row is about. The contact may be gone; what the message knows of them stays."""

    contact_id: int | None
    name: str
    phone: str | None


@dataclass(frozen=True, slots=True)
class SingleMessage:
    """A message outside broadcasts, and the conversation in which it stands, if there is one."""

    person: Person
    conversation_id: int | None
    state: str
    error_code: int | None
    at: datetime


@dataclass(frozen=True, slots=True)
class OptOut:
    """That somebody opted out; `source` and `note` say how, as their own history does."""

    person: Person
    source: str
    note: str
    at: datetime


@dataclass(frozen=True, slots=True)
class Answer:
    """A member's answer to somebody who had waited so many `seconds`."""

    person: Person
    conversation_id: int | None
    member: str
    seconds: int
    at: datetime


def list_single_messages(
    workspace_id: int,
    period: Period,
    step: str,
    narrowed: Narrowed = EVERYTHING,
    *,
    cursor: str | None = None,
    limit: int | None = None,
) -> Page[SingleMessage]:
    """The messages outside broadcasts that got to `step` (one of STEPS), the latest day first. Raises Invalid (cursor)."""
    ordinal, message_id = decode_numbers(cursor) if cursor else (None, None)
    place = {"day": from_cursor(date.fromordinal, ordinal), "id": message_id}
    asked = {"template": narrowed.template, "cause": narrowed.cause} | place
    rows, size = _rows(_SINGLE[step], workspace_id, period, asked, limit)
    found = [SingleMessage(_person(row), row.conversation_id, row.state, row.error_code, row.at) for row in rows]
    return _page(found, size, [(row.day.toordinal(), row.id) for row in rows])


def list_opt_outs(
    workspace: Workspace, period: Period, *, cursor: str | None = None, limit: int | None = None
) -> Page[OptOut]:
    """Who opted out in these days on the workspace's clock, the latest first. Raises Invalid (cursor)."""
    micros, event_id = decode_numbers(cursor) if cursor else (None, None)
    asked = {"zone": workspace.timezone, "moment": from_cursor(_moment, micros), "id": event_id}
    rows, size = _rows(_OPT_OUTS, workspace.id, period, asked, limit)
    found = [OptOut(_person(row), row.source, row.note, row.at) for row in rows]
    return _page(found, size, [((row.at - _EPOCH) // _MICROSECOND, row.id) for row in rows])


def list_answers(
    workspace_id: int,
    period: Period,
    *,
    user_id: int | None = None,
    cursor: str | None = None,
    limit: int | None = None,
) -> Page[Answer]:
    """The first answers of these days, of one member or of all, to those who waited longest first.

    Raises Invalid (cursor), NotFound for somebody who never was a member.
    """
    if user_id is not None and not first_answers.has_answered(workspace_id, user_id):
        raise NotFound("Member")
    seconds, message_id = decode_numbers(cursor) if cursor else (None, None)
    asked = {"user": user_id, "seconds": seconds, "id": message_id}
    rows, size = _rows(_ANSWERS, workspace_id, period, asked, limit)
    found = [Answer(_person(row), row.conversation_id, row.member, row.seconds, row.at) for row in rows]
    return _page(found, size, [(row.seconds, row.id) for row in rows])


def _rows(
    statement: Any, workspace_id: int, period: Period, asked: dict[str, Any], limit: int | None
) -> tuple[Sequence[Any], int]:
    """One row more than a page has, and the size of the page."""
    size = clamp_limit(limit)
    days = {"workspace": workspace_id, "first": period.first, "last": period.last, "limit": size + 1}
    return db.session.execute(statement, days | asked).all(), size


def _page(found: list[Any], size: int, keys: list[tuple[int, int]]) -> Page[Any]:
    return Page(found[:size], next_cursor=encode_cursor(*keys[size - 1]) if len(found) > size else None)


def _person(row: Any) -> Person:
    return Person(row.contact_id, row.name, row.phone)


def _moment(micros: int) -> datetime:
    return _EPOCH + micros * _MICROSECOND


def from_cursor(read: Any, number: int | None) -> Any:
    """A day or moment of a cursor; a number that is none is not from us."""
    try:
        return None if number is None else read(number)
    except (ValueError, OverflowError):
        raise Invalid({"cursor": "This cursor is not one of ours. Start again without it."}) from None


# Rows first, then their people: a page needs few, and joins made before the sort would be made for all.
_SINGLE: dict[str, Any] = {
    step: text(f"""
WITH found AS (
    SELECT id, day, contact_id, channel_id, phone, state, error_code, coalesce(accepted_at, created_at) AS at FROM messages
    WHERE workspace_id = :workspace AND broadcast_id IS NULL AND day BETWEEN :first AND :last AND direction = 'out'
      AND {condition}
      AND (CAST(:cause AS text) IS NULL OR coalesce(skip_reason, error_code::text, '') = :cause)
      AND (CAST(:template AS text) IS NULL OR template_id IN (
          SELECT id FROM templates WHERE workspace_id = :workspace AND name = :template))
      AND (CAST(:day AS date) IS NULL OR (day, id) < (CAST(:day AS date), CAST(:id AS bigint)))
    ORDER BY day DESC, id DESC LIMIT :limit
)
SELECT f.id, f.day, f.contact_id, coalesce(c.name, '') AS name, f.phone, v.id AS conversation_id, f.state, f.error_code, f.at
FROM found f LEFT JOIN contacts c ON c.id = f.contact_id
LEFT JOIN conversations v ON v.channel_id = f.channel_id AND v.contact_id = f.contact_id
ORDER BY f.day DESC, f.id DESC
""")  # noqa: S608 — conditions of ours
    for step, condition in {**STEPS, "audience": "attempt = 1"}.items()
}

_OPT_OUTS: Any = text("""
SELECT e.id, e.contact_id, c.name, c.phone, e.source, e.note, e.created_at AS at
FROM consent_events e JOIN contacts c ON c.id = e.contact_id
WHERE e.workspace_id = :workspace AND e.consent = 'opted_out'
  AND e.created_at >= CAST(:first AS date)::timestamp AT TIME ZONE :zone
  AND e.created_at < (CAST(:last AS date) + 1)::timestamp AT TIME ZONE :zone
  AND (CAST(:moment AS timestamptz) IS NULL OR (e.created_at, e.id) < (CAST(:moment AS timestamptz), CAST(:id AS bigint)))
ORDER BY e.created_at DESC, e.id DESC LIMIT :limit
""")

_ANSWERS: Any = text("""
WITH found AS (
    SELECT message_id, user_id, seconds FROM first_answers
    WHERE workspace_id = :workspace AND day BETWEEN :first AND :last
      AND (CAST(:user AS bigint) IS NULL OR user_id = :user)
      AND (CAST(:seconds AS bigint) IS NULL OR (seconds, message_id) < (CAST(:seconds AS bigint), CAST(:id AS bigint)))
    ORDER BY seconds DESC, message_id DESC LIMIT :limit
)
SELECT f.message_id AS id, m.contact_id, coalesce(c.name, '') AS name, m.phone, v.id AS conversation_id,
       coalesce(u.name, 'Somebody who left') AS member, f.seconds, m.created_at AS at
FROM found f JOIN messages m ON m.id = f.message_id LEFT JOIN users u ON u.id = f.user_id
LEFT JOIN contacts c ON c.id = m.contact_id
LEFT JOIN conversations v ON v.channel_id = m.channel_id AND v.contact_id = m.contact_id
ORDER BY f.seconds DESC, f.message_id DESC
""")
