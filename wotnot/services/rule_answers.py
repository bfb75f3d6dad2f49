"""Messages just stored meet the rules of their workspaces. Joins the transaction that stores them (see docs/architecture.md).

Nothing here can go round in circles: only messages from people are looked at, never our own; each gets one answer at most;
and nobody gets more than a few automatic answers an hour, also when a machine answers them on the other side.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import select, text

from wotnot import clock
from wotnot.extensions import db
from wotnot.models import Automation
from wotnot.services import automatic_answers, automation
from wotnot.services import automation_rules as rules
from wotnot.services.automatic_answers import Answer
from wotnot.services.automation_rules import Hours, Occasion
from wotnot.services.person_messages import in_thread
from wotnot.services.whatsapp.parse import Inbound
from wotnot.services.whatsapp.wording import CHANGES, words_of

MAX_AGE = timedelta(minutes=10)
"""Older messages were held up, by Meta or by us; an automatic answer to them would only puzzle."""

MOST_AN_HOUR = 5
"""Automatic answers to one person."""

_SILENT = frozenset({*CHANGES, "system", "unsupported"})


@dataclass(frozen=True, slots=True)
class _Writer:
    """What the database knows about a message's writer and the workspace they wrote to."""

    name: str
    timezone: str
    is_first: bool


def answer_by_rules(stored: Sequence[Any], messages: Mapping[str, Inbound], *, spoken: set[int]) -> int:
    """Answer messages just stored (id, workspace_id, contact_id, wamid) by the rules; answers how many.

    `spoken` are those that were words about consent. Joins the caller's transaction.
    """
    since = clock.now() - MAX_AGE
    fresh = [row for row in stored if row.contact_id and row.id not in spoken and _may(messages[row.wamid], since)]
    if not fresh:
        return 0
    asked = _rules_of({row.workspace_id for row in fresh})
    fresh = sorted((row for row in fresh if row.workspace_id in asked), key=lambda row: messages[row.wamid].at)
    if not fresh:
        return 0
    writers, runs = _writers(fresh), _runs([row.contact_id for row in fresh])
    hours = automation.hours_of(set(asked))
    answers = []
    for row in fresh:
        writer = writers.get(row.id)
        if writer is None:
            continue
        occasion = _occasion(messages[row.wamid], writer, hours.get(row.workspace_id, {}))
        rule = _choose(asked[row.workspace_id], occasion, runs.setdefault(row.contact_id, []))
        if rule is not None:
            answers.append(Answer(row.id, rules.fill_name(rule.body, writer.name), rule.id))
    return automatic_answers.queue_answers(answers)


def _may(message: Inbound, since: datetime) -> bool:
    return message.type not in _SILENT and message.at >= since


def _rules_of(workspace_ids: set[int]) -> dict[int, list[Automation]]:
    query = select(Automation).where(Automation.workspace_id.in_(workspace_ids), Automation.is_on)
    found: dict[int, list[Automation]] = {}
    for rule in db.session.scalars(query.order_by(Automation.position, Automation.id)):
        found.setdefault(rule.workspace_id, []).append(rule)
    return found


def _writers(rows: Sequence[Any]) -> dict[int, _Writer]:
    """By message. Locks the contacts, so that two drains cannot greet one person; our own numbers are not among them."""
    contact_ids = sorted({row.contact_id for row in rows})
    db.session.execute(text(_LOCK), {"ids": contact_ids})
    found = db.session.execute(text(_WRITERS), {"ids": [row.id for row in rows]})
    return {row.id: _Writer(row.name, row.timezone, row.is_first) for row in found}


def _runs(contact_ids: Sequence[int]) -> dict[int, list[tuple[int | None, datetime]]]:
    """The automatic answers of each contact, as far back as any pause goes: (rule, when)."""
    minutes = automation.MAX_COOLDOWN_MINUTES
    runs: dict[int, list[tuple[int | None, datetime]]] = {}
    for row in db.session.execute(text(_RUNS), {"ids": list(contact_ids), "minutes": minutes}):
        runs.setdefault(row.contact_id, []).append((row.automation_id, row.created_at))
    return runs


def _occasion(message: Inbound, writer: _Writer, hours: Hours) -> Occasion:
    away = rules.is_away(hours, writer.timezone, message.at)
    return Occasion(words_of(message.type, message.content), writer.is_first, away)


def _choose(
    asked: Sequence[Automation], occasion: Occasion, runs: list[tuple[int | None, datetime]]
) -> Automation | None:
    """The first rule that fits and is not in its pause for this person; noted among their `runs`."""
    now = clock.now()
    if sum(1 for _, at in runs if at > now - timedelta(hours=1)) >= MOST_AN_HOUR:
        return None
    for rule in asked:
        pause = now - timedelta(minutes=rule.cooldown_minutes)
        if rules.fits(rule, occasion) and not any(key == rule.id and at > pause for key, at in runs):
            runs.append((rule.id, now))
            return rule
    return None


_LOCK = "SELECT id FROM contacts WHERE id = ANY(CAST(:ids AS bigint[])) ORDER BY id FOR NO KEY UPDATE"

# The first message ever: of those that came in the same batch, the earliest. Reactions and changes are no messages, and an
# edit may well come before what it edits.
_WRITERS = f"""
SELECT m.id, c.name, w.timezone, NOT EXISTS (
    SELECT 1 FROM messages o
    WHERE o.contact_id = m.contact_id AND {in_thread("o")} AND o.direction = 'in'
      AND o.type NOT IN ('reaction', 'edit', 'revoke') AND o.id <> m.id
      AND (NOT o.id = ANY(CAST(:ids AS bigint[])) OR (o.created_at, o.id) < (m.created_at, m.id))
) AS is_first
FROM messages m JOIN contacts c ON c.id = m.contact_id JOIN workspaces w ON w.id = m.workspace_id
WHERE m.id = ANY(CAST(:ids AS bigint[]))
  AND (m.phone IS NULL OR m.phone NOT IN (
      SELECT regexp_replace(ch.display_phone_number, '\\D', '', 'g') FROM channels ch))
"""  # noqa: S608 — made of constants

_RUNS = """
SELECT contact_id, automation_id, created_at FROM automation_runs
WHERE contact_id = ANY(CAST(:ids AS bigint[])) AND created_at > now() - make_interval(mins => :minutes)
"""
