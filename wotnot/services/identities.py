"""Who wrote: the contact of each message, by phone number and by WhatsApp's user id; and what Meta says changed in these.

Owns `identity_changes`. A person may be known by either, and which comes first is chance: a contact learns the other when it
shows itself, and where it belongs to a second contact already, the two become one (`contact_merges.py`).
"""

from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import select, text

from wotnot.extensions import db
from wotnot.models import IdentityChange
from wotnot.services import contact_merges
from wotnot.services.contact_merges import Pair
from wotnot.services.person_messages import in_thread, unsent
from wotnot.services.transaction import transaction
from wotnot.services.whatsapp.parse import Inbound

_NUMBER_CHANGES = frozenset({"user_changed_number", "customer_changed_number"})
_USER_ID_CHANGES = frozenset({"user_changed_user_id"})
MOST_ROUNDS = 20


def save_writers(messages: Sequence[Inbound], workspaces: Mapping[str, int]) -> None:
    """Make sure that every sender is a contact; `workspaces` by phone number id. A name typed here is never overwritten.

    Joins the caller's transaction.
    """
    people = _people(messages, workspaces)
    rows = [(workspace_id, person) for (workspace_id, _), person in sorted(people.items(), key=lambda item: item[0])]
    parameters = {
        "workspaces": [workspace_id for workspace_id, _ in rows],
        "phones": [person.phone for _, person in rows],
        "user_ids": [person.user_id for _, person in rows],
        "names": [person.profile_name for _, person in rows],
    }
    with transaction() as session:
        _merge_known(parameters)
        for statement in (_LEARN_USER_IDS, _LEARN_PHONES, _NEW_CONTACTS):
            session.execute(text(statement), parameters)


def apply_changes(messages: Sequence[Inbound]) -> int:
    """Apply Meta's system messages about new numbers and user ids, each once; answers how many were new.

    Joins the caller's transaction.
    """
    told = [change for message in messages if message.type == "system" and (change := _read_change(message))]
    if not told:
        return 0
    with transaction() as session:
        fresh = session.execute(text(_NEW_CHANGES), _columns(told)).all()
        for kind, reason in (("phone", contact_merges.NEW_NUMBER), ("wa_user_id", contact_merges.NEW_USER_ID)):
            _apply(kind, reason, [row for row in fresh if row.kind == kind])
    return len(fresh)


def list_names(messages: Sequence[Inbound]) -> list[tuple[str, str | None, str | None]]:
    """Every (phone number id, phone, user id) by which messages name somebody: their writers, and who these are from now on."""
    names = [(message.phone_number_id, message.phone, message.user_id) for message in messages]
    for message in messages:
        change = _read_change(message) if message.type == "system" else None
        if change is not None:
            _, kind, _, new = change
            names.append((message.phone_number_id, new if kind == "phone" else None, new if kind != "phone" else None))
    return names


def list_changes(workspace_id: int, contact_id: int) -> list[IdentityChange]:
    """The numbers a contact had before, newest first."""
    query = select(IdentityChange).where(
        IdentityChange.workspace_id == workspace_id,
        IdentityChange.contact_id == contact_id,
        IdentityChange.kind == "phone",
    )
    return list(db.session.scalars(query.order_by(IdentityChange.created_at.desc()).limit(20)))


def _people(messages: Sequence[Inbound], workspaces: Mapping[str, int]) -> dict[tuple[int, str], Inbound]:
    """The newest message of each person; who wrote once with and once without a number is one."""
    phones = {
        (workspaces[one.phone_number_id], one.user_id): one.phone for one in messages if one.phone and one.user_id
    }
    people: dict[tuple[int, str], Inbound] = {}
    for message in sorted(messages, key=lambda message: (message.at, bool(message.phone and message.user_id))):
        workspace_id = workspaces[message.phone_number_id]
        phone = message.phone or phones.get((workspace_id, message.user_id or ""))
        if message.phone is None and phone is not None:
            continue  # the message that has both names this person
        key = (workspace_id, phone or f"id:{message.user_id}")
        earlier = people.get(key)
        if earlier is None or message.user_id or not earlier.user_id:
            people[key] = message
    return people


def _merge_known(parameters: Mapping[str, Any]) -> None:
    """Who shows a number of one contact and a user id of another is both."""
    pairs = db.session.execute(text(_PAIRS), parameters).all()
    contact_merges.merge([Pair(row.kept_id, row.gone_id) for row in pairs], contact_merges.SAME_MESSAGE)


def _read_change(message: Inbound) -> tuple[Inbound, str, str, str] | None:
    """(the message, which column, old value, new value), or None for other system messages."""
    content = message.content
    if content.get("type") in _NUMBER_CHANGES:
        new = "".join(sign for sign in str(content.get("wa_id") or content.get("new_wa_id") or "") if sign.isdecimal())
        return (message, "phone", message.phone, new[:20]) if message.phone and new not in {"", message.phone} else None
    if content.get("type") in _USER_ID_CHANGES:
        new = str(content.get("user_id") or "")[:140]
        old = message.user_id
        return (message, "wa_user_id", old, new) if old and new not in {"", old} else None
    return None


def _columns(told: Sequence[tuple[Inbound, str, str, str]]) -> dict[str, Any]:
    return {
        "wamids": [message.wamid for message, *_ in told],
        "channels": [message.phone_number_id for message, *_ in told],
        "kinds": [kind for _, kind, _, _ in told],
        "olds": [old for _, _, old, _ in told],
        "news": [new for _, _, _, new in told],
        "times": [message.at for message, *_ in told],
    }


def _apply(column: str, reason: str, changes: Sequence[Any]) -> None:
    """Give the contacts their new value; where another contact has it, they are one."""
    if not changes:
        return
    ends: dict[tuple[int, str], str] = {}
    for row in sorted(changes, key=lambda row: row.created_at, reverse=True):
        # Of several moves only the last place counts.
        ends[row.workspace_id, row.old_value] = ends.get((row.workspace_id, row.new_value), row.new_value)
    given = {
        "workspaces": [workspace_id for workspace_id, _ in ends],
        "olds": [old for _, old in ends],
        "news": list(ends.values()),
        "wamids": [row.wamid for row in changes],
    }
    db.session.execute(text(_RENAME.format(column=column)), given)
    for _ in range(MOST_ROUNDS):
        pairs = db.session.execute(text(_RENAME_PAIRS.format(column=column)), given).all()
        if not contact_merges.merge([Pair(row.kept_id, row.gone_id) for row in pairs], reason):
            break
    db.session.execute(text(_NOTE_CONTACTS.format(column=column)), given)
    for part in (in_thread, unsent):
        db.session.execute(text(_READDRESS.format(column=column, part=part("m"))), given)


_GIVEN_PEOPLE = """
    unnest(CAST(:workspaces AS bigint[]), CAST(:phones AS text[]), CAST(:user_ids AS text[]), CAST(:names AS text[]))
    AS g (workspace_id, phone, user_id, name)
"""

# Each contact is in one pair; two that a person has parted stay apart.
_PAIRS = f"""
SELECT DISTINCT ON (gone_id) * FROM (
    SELECT DISTINCT ON (p.id) p.id AS kept_id, u.id AS gone_id
    FROM {_GIVEN_PEOPLE}
    JOIN contacts p ON p.workspace_id = g.workspace_id AND p.phone = g.phone
    JOIN contacts u ON u.workspace_id = g.workspace_id AND u.wa_user_id = g.user_id
    WHERE p.id <> u.id AND p.wa_user_id IS NULL AND u.phone IS NULL AND NOT EXISTS (
        SELECT 1 FROM contact_merges x WHERE x.contact_id = p.id AND x.gone_id = u.id AND x.undone_at IS NOT NULL)
    ORDER BY p.id, u.id
) pairs ORDER BY gone_id, kept_id
"""  # noqa: S608 — no value in it

# A contact known by phone learns the user id, unless another contact has it already; and the other way round.
_LEARN_USER_IDS = f"""
UPDATE contacts c SET wa_user_id = g.user_id, updated_at = now()
FROM {_GIVEN_PEOPLE}
WHERE g.user_id IS NOT NULL AND c.workspace_id = g.workspace_id AND c.phone = g.phone AND c.wa_user_id IS NULL
  AND NOT EXISTS (SELECT 1 FROM contacts o WHERE o.workspace_id = g.workspace_id AND o.wa_user_id = g.user_id)
"""  # noqa: S608 — no value in it

_LEARN_PHONES = f"""
UPDATE contacts c SET phone = g.phone, updated_at = now()
FROM {_GIVEN_PEOPLE}
WHERE g.phone IS NOT NULL AND c.workspace_id = g.workspace_id AND c.wa_user_id = g.user_id AND c.phone IS NULL
  AND NOT EXISTS (SELECT 1 FROM contacts o WHERE o.workspace_id = g.workspace_id AND o.phone = g.phone)
"""  # noqa: S608 — no value in it

_NEW_CONTACTS = f"""
INSERT INTO contacts (workspace_id, phone, wa_user_id, name)
SELECT g.workspace_id, g.phone, g.user_id, g.name FROM {_GIVEN_PEOPLE}
WHERE NOT EXISTS (
    SELECT 1 FROM contacts c WHERE c.workspace_id = g.workspace_id
    AND (c.phone = g.phone OR (g.user_id IS NOT NULL AND c.wa_user_id = g.user_id)))
ON CONFLICT DO NOTHING
"""  # noqa: S608 — no value in it

_NEW_CHANGES = """
INSERT INTO identity_changes (wamid, workspace_id, kind, old_value, new_value, created_at)
SELECT g.wamid, ch.workspace_id, g.kind, g.old_value, g.new_value, g.at
FROM unnest(
    CAST(:wamids AS text[]), CAST(:channels AS text[]), CAST(:kinds AS text[]), CAST(:olds AS text[]),
    CAST(:news AS text[]), CAST(:times AS timestamptz[])
) AS g (wamid, phone_number_id, kind, old_value, new_value, at)
JOIN channels ch ON ch.phone_number_id = g.phone_number_id AND ch.state <> 'removed'
ON CONFLICT (wamid) DO NOTHING
RETURNING wamid, workspace_id, kind, old_value, new_value, created_at
"""

_GIVEN_MOVES = """
    unnest(CAST(:workspaces AS bigint[]), CAST(:olds AS text[]), CAST(:news AS text[])) AS g (workspace_id, old, new)
"""

_RENAME = f"""
UPDATE contacts c SET {{column}} = r.new, updated_at = now()
FROM (
    SELECT DISTINCT ON (o.workspace_id, g.new) o.id, g.new FROM {_GIVEN_MOVES}
    JOIN contacts o ON o.workspace_id = g.workspace_id AND o.{{column}} = g.old
    WHERE NOT EXISTS (SELECT 1 FROM contacts n WHERE n.workspace_id = g.workspace_id AND n.{{column}} = g.new)
    ORDER BY o.workspace_id, g.new, o.id
) r WHERE c.id = r.id
"""  # noqa: S608 — no value in it

_RENAME_PAIRS = f"""
SELECT DISTINCT ON (n.id) n.id AS kept_id, o.id AS gone_id
FROM {_GIVEN_MOVES}
JOIN contacts o ON o.workspace_id = g.workspace_id AND o.{{column}} = g.old
JOIN contacts n ON n.workspace_id = g.workspace_id AND n.{{column}} = g.new
WHERE NOT EXISTS (
    SELECT 1 FROM contact_merges x WHERE x.contact_id = n.id AND x.gone_id = o.id AND x.undone_at IS NOT NULL)
ORDER BY n.id, o.id
"""  # noqa: S608 — no value in it

_NOTE_CONTACTS = f"""
UPDATE identity_changes i SET contact_id = c.id
FROM {_GIVEN_MOVES}
JOIN contacts c ON c.workspace_id = g.workspace_id AND c.{{column}} = g.new
WHERE i.wamid = ANY(CAST(:wamids AS text[])) AND i.workspace_id = g.workspace_id AND i.old_value = g.old
"""  # noqa: S608 — no value in it

# What waits for them goes to where they are now.
_READDRESS = f"""
UPDATE messages m SET {{column}} = g.new
FROM {_GIVEN_MOVES}
JOIN contacts c ON c.workspace_id = g.workspace_id AND c.{{column}} = g.new
WHERE m.contact_id = c.id AND {{part}} AND m.state = 'queued' AND m.{{column}} = g.old
"""  # noqa: S608 — no value in it
