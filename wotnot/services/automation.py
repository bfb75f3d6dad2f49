"""Rules that answer by themselves, as a workspace keeps them, and its business hours. Owns `automations`, `business_hours`."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import time
from typing import Any

from sqlalchemy import delete, func, select, text

from wotnot import clock
from wotnot.errors import Conflict, Invalid, NotFound
from wotnot.extensions import db
from wotnot.models import Automation, AutomationKind, BusinessHours, KeywordMatch, Workspace
from wotnot.services import automatic_answers, consent_replies
from wotnot.services import automation_rules as rules
from wotnot.services.automation_rules import Hours, Occasion, Span
from wotnot.services.plain_words import plain
from wotnot.services.transaction import transaction

MAX_RULES, MAX_WORDS, MAX_BODY = 50, 30, 1_000
MAX_COOLDOWN_MINUTES = 30 * 24 * 60
WEEKDAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
_CLOCK = re.compile("[0-9]{2}:[0-9]{2}")


@dataclass(frozen=True, slots=True)
class Trial:
    """What would happen to a message: it is a word about `consent`, or `automation` answers it, or neither. `body` is our answer."""

    body: str = ""
    automation: Automation | None = None
    consent: str = ""


def list_automations(workspace_id: int) -> list[Automation]:
    """Every rule, the first one asked first."""
    query = select(Automation).where(Automation.workspace_id == workspace_id)
    return list(db.session.scalars(query.order_by(Automation.position, Automation.id)))


def get_automation(workspace_id: int, automation_id: int) -> Automation:
    """One rule. Raises NotFound."""
    found = db.session.scalar(
        select(Automation).where(Automation.workspace_id == workspace_id, Automation.id == automation_id)
    )
    if found is None:
        raise NotFound("Rule")
    return found


def create_automation(workspace_id: int, *, kind: str, **fields: str) -> Automation:
    """Add a rule behind the others; `fields` as in `update_automation`. Raises Invalid, Conflict (there are too many)."""
    if kind not in set(AutomationKind):
        raise Invalid({"kind": "Choose what the rule answers."})
    values = _clean(workspace_id, AutomationKind(kind), fields)
    with transaction() as session:
        # The workspace's row is the lock: two at once get two places.
        session.execute(select(Workspace.id).where(Workspace.id == workspace_id).with_for_update())
        mine = select(func.count(), func.max(Automation.position)).where(Automation.workspace_id == workspace_id)
        count, last = session.execute(mine).one()
        if count >= MAX_RULES:
            raise Conflict(f"A workspace has at most {MAX_RULES} rules. Delete one first.", code="too_many")
        automation = Automation(
            workspace_id=workspace_id, kind=AutomationKind(kind), position=(last or 0) + 1, **values
        )
        session.add(automation)
        session.flush()
    return automation


def update_automation(workspace_id: int, automation_id: int, **fields: str) -> Automation:
    """Change a rule: `body`, `cooldown_minutes`, and for keywords `match` and `words` (one a line), all as typed.

    Raises NotFound, Invalid.
    """
    with transaction():
        automation = get_automation(workspace_id, automation_id)
        for name, value in _clean(workspace_id, automation.kind, fields).items():
            setattr(automation, name, value)
        automation.updated_at = clock.now()
    return automation


def switch_automation(workspace_id: int, automation_id: int, *, is_on: bool) -> Automation:
    """Have a rule answer or not. Raises NotFound."""
    with transaction():
        automation = get_automation(workspace_id, automation_id)
        automation.is_on = is_on
    return automation


def move_automation(workspace_id: int, automation_id: int, *, up: bool) -> Automation:
    """Change places with the rule before or behind it; at the end of the list nothing happens. Raises NotFound."""
    with transaction() as session:
        session.execute(select(Workspace.id).where(Workspace.id == workspace_id).with_for_update())
        moved = get_automation(workspace_id, automation_id)
        ids = [one.id for one in list_automations(workspace_id)]
        place = ids.index(moved.id)
        other = place - 1 if up else place + 1
        if 0 <= other < len(ids):
            ids[place], ids[other] = ids[other], ids[place]
        session.execute(text(_RENUMBER), {"ids": ids, "workspace": workspace_id})
        session.expire_all()
    return moved


def delete_automation(workspace_id: int, automation_id: int) -> None:
    """Remove a rule; what it answered stays in the conversations. Raises NotFound."""
    with transaction() as session:
        session.delete(get_automation(workspace_id, automation_id))


def get_hours(workspace_id: int) -> Hours:
    """The business hours by weekday; nothing at all where they were never set."""
    return hours_of({workspace_id}).get(workspace_id, {})


def hours_of(workspace_ids: set[int]) -> dict[int, dict[int, Span]]:
    """The business hours of several workspaces."""
    found: dict[int, dict[int, Span]] = {}
    for row in db.session.scalars(select(BusinessHours).where(BusinessHours.workspace_id.in_(workspace_ids))):
        found.setdefault(row.workspace_id, {})[row.weekday] = (row.opens_at, row.closes_at)
    return found


def save_hours(workspace_id: int, days: Mapping[int, tuple[str, str]]) -> None:
    """Keep the hours: by weekday (0 is Monday) "09:00" and "17:00" as typed; a day that is not given is closed.

    A closing time before the opening time is on the next day, and "00:00" twice is the whole day. No day at all takes the
    hours away, and the team counts as always there. Raises Invalid (field "day_<weekday>").
    """
    errors: dict[str, str] = {}
    rows = []
    for weekday, (opens, closes) in days.items():
        try:
            opens_at, closes_at = _clock(opens.strip()), _closing(closes.strip())
        except ValueError:
            errors[f"day_{weekday}"] = f"{WEEKDAYS[weekday]}: give both times, such as 09:00 and 17:00."
            continue
        if opens_at == closes_at:
            errors[f"day_{weekday}"] = f"{WEEKDAYS[weekday]}: both times are the same. The whole day is 00:00 to 00:00."
        rows.append({"workspace_id": workspace_id, "weekday": weekday, "opens_at": opens_at, "closes_at": closes_at})
    if errors:
        raise Invalid(errors)
    with transaction() as session:
        session.execute(delete(BusinessHours).where(BusinessHours.workspace_id == workspace_id))
        session.add_all(BusinessHours(**row) for row in rows)


def try_message(workspace_id: int, words: str, *, is_first: bool, is_away: bool) -> Trial:
    """What would be answered to a message, pauses and caps aside. Raises Invalid (no words)."""
    words = words.strip()
    if not words:
        raise Invalid({"words": "Write what a customer may write."})
    settings = consent_replies.get_settings(workspace_id)
    match = settings.match([words])
    if match is not None:
        return Trial(_shown(workspace_id, settings.answer(match)), consent="opted_out" if match.is_stop else "opted_in")
    asked = [one for one in list_automations(workspace_id) if one.is_on]
    found = next((one for one in asked if rules.fits(one, Occasion(words, is_first, is_away))), None)
    if found is None:
        return Trial()
    return Trial(_shown(workspace_id, rules.fill_name(found.body, "")), found)


def _shown(workspace_id: int, body: str) -> str:
    return body.replace(automatic_answers.BUSINESS, automatic_answers.business_name(workspace_id))


def _closing(typed: str) -> time:
    """The end of a day is written 00:00 or 24:00."""
    return time.max if typed in {"00:00", "24:00"} else _clock(typed)


def _clock(typed: str) -> time:
    """Hours and minutes; ISO knows zones and seconds as well. Raises ValueError."""
    if not _CLOCK.fullmatch(typed):
        raise ValueError(typed)
    return time.fromisoformat(typed)


def _clean(workspace_id: int, kind: AutomationKind, fields: Mapping[str, str]) -> dict[str, Any]:
    errors: dict[str, str] = {}
    values: dict[str, Any] = {
        "body": _clean_body(fields.get("body", ""), errors),
        "cooldown_minutes": _clean_cooldown(fields.get("cooldown_minutes", ""), errors),
        "match": None,
        "words": [],
    }
    if kind is AutomationKind.KEYWORD:
        values |= _clean_keywords(workspace_id, fields, errors)
    if errors:
        raise Invalid(errors)
    return values


def _clean_body(typed: str, errors: dict[str, str]) -> str:
    body = typed.replace("\r\n", "\n").strip()
    if not body or len(body) > MAX_BODY:
        errors["body"] = f"Write the answer, 1 to {MAX_BODY:,} characters."
    elif strange := rules.list_strange_fields(body):
        known = ", ".join("{{" + name + "}}" for name in rules.FIELDS)
        errors["body"] = f"{{{{{strange[0]}}}}} cannot be filled. These can: {known}."
    return body


def _clean_cooldown(typed: str, errors: dict[str, str]) -> int:
    typed = typed.strip() or "0"
    if not typed.isdecimal() or len(typed) > 6 or int(typed) > MAX_COOLDOWN_MINUTES:
        errors["cooldown_minutes"] = f"Give minutes from 0 to {MAX_COOLDOWN_MINUTES:,}."
        return 0
    return int(typed)


def _clean_keywords(workspace_id: int, fields: Mapping[str, str], errors: dict[str, str]) -> dict[str, Any]:
    match = fields.get("match", "")
    if match not in set(KeywordMatch):
        errors["match"] = "Choose how the words are looked for."
        return {}
    lines = [line.strip() for line in fields.get("words", "").splitlines() if line.strip()]
    if match == KeywordMatch.PATTERN:
        _check_patterns(lines, errors)
    else:
        lines = list({plain(line): line for line in lines if plain(line)}.values())
        _check_words(workspace_id, lines, errors)
    if not 1 <= len(lines) <= MAX_WORDS:
        errors["words"] = f"Write 1 to {MAX_WORDS}, each on a line of its own."
    return {"match": KeywordMatch(match), "words": lines}


def _check_patterns(patterns: Sequence[str], errors: dict[str, str]) -> None:
    for pattern in patterns:
        try:
            found = rules.compile_pattern(pattern)
        except rules.BadPattern as error:
            errors["words"] = str(error)
        else:
            if found.search("") is not None:
                errors["words"] = f"“{pattern}” fits every message, an empty one too."


def _check_words(workspace_id: int, words: Sequence[str], errors: dict[str, str]) -> None:
    settings = consent_replies.get_settings(workspace_id)
    for word in words:
        if len(word) > rules.MAX_PATTERN:
            errors["words"] = f"A word or phrase has at most {rules.MAX_PATTERN} characters."
        elif settings.match([word]):
            errors["words"] = f"“{word}” opts out or in, so no rule answers it. See Settings, Consent words."


_RENUMBER = """
UPDATE automations a SET position = g.place
FROM unnest(CAST(:ids AS bigint[])) WITH ORDINALITY AS g (id, place)
WHERE a.id = g.id AND a.workspace_id = :workspace AND a.position <> g.place
"""
