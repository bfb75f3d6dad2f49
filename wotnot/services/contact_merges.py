"""Two contacts that turn out to be one person become one, and all that undoing it needs is kept. Owns `contact_merges`.

The one place that writes into the tables of others: whatever belongs to the contact that goes is handed to the one that
stays. Every step is one statement for any number of pairs. `contact_merge_undo.py` is the way back.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import select, text
from sqlalchemy.orm import Session

from wotnot.extensions import db
from wotnot.models import ContactMerge
from wotnot.services import events
from wotnot.services.person_messages import all_of
from wotnot.services.transaction import transaction

UNDO_DAYS = 30
_MOST_MOVES = 5

# Why two were one; each has its sentence on the contact's page.
SAME_MESSAGE = "same_message"
NEW_NUMBER = "new_number"
NEW_USER_ID = "new_user_id"


@dataclass(frozen=True, slots=True)
class Pair:
    """Contact `kept_id` stays and takes over what contact `gone_id` of the same workspace has."""

    kept_id: int
    gone_id: int


def merge(pairs: Sequence[Pair], reason: str) -> int:
    """Make each pair one contact; answers how many. In one call every contact is in one pair only.

    What the kept one lacks it takes from the other; an opt-out of either counts, then an opt-in. Who got a broadcast twice
    keeps both messages as attempts, and what still waits there is not sent. Joins the caller's transaction.
    """
    if not pairs:
        return 0
    given = {"kept": [pair.kept_id for pair in pairs], "gone": [pair.gone_id for pair in pairs]}
    with transaction() as session:
        session.execute(text(_LOCK_CONTACTS), given)
        session.execute(text(_LOCK_MESSAGES), given)
        made = session.execute(text(_REMEMBER), {**given, "reason": reason}).all()
        ids = {"ids": [row.id for row in made]}
        for step in _STEPS:
            session.execute(text(_OF_THESE + step), ids)
        session.expire_all()
        for row in made:
            people = (f"contact:{row.contact_id}", f"contact:{row.gone_id}")
            events.publish(row.workspace_id, "contacts", "conversations", *people)
    return len(made)


def follow_into_list(session: Session, workspace_id: int, broadcast_id: int) -> None:
    """Let a list that is complete name whoever became one with another while it was made, which the merge could not see.

    Who is on the list already stays there once: the other's row names nobody, as those of people who were deleted meanwhile.
    """
    session.execute(text(_FOLLOW), {"workspace": workspace_id, "broadcast": broadcast_id})
    session.execute(text(_FORGET), {"broadcast": broadcast_id})


def list_merges(workspace_id: int, contact_id: int) -> list[ContactMerge]:
    """The merges of a contact that can be undone, newest first."""
    recent = text("contact_merges.created_at > now() - make_interval(days => :days)").bindparams(days=UNDO_DAYS)
    query = select(ContactMerge).where(
        ContactMerge.workspace_id == workspace_id,
        ContactMerge.contact_id == contact_id,
        ContactMerge.undone_at.is_(None),
        recent,
    )
    return list(db.session.scalars(query.order_by(ContactMerge.id.desc())))


def find_kept_thread(workspace_id: int, conversation_id: int) -> int | None:
    """The thread that a conversation went into when two contacts became one; None for any other."""
    merges = select(ContactMerge.conversations).where(
        ContactMerge.workspace_id == workspace_id, ContactMerge.undone_at.is_(None)
    )
    found: int | None = None
    for _ in range(_MOST_MOVES):
        gone = [{"id": found or conversation_id}]
        threads = db.session.scalar(merges.where(ContactMerge.conversations.contains(gone)).limit(1)) or ()
        kept = next((one["kept_id"] for one in threads if one["id"] == gone[0]["id"]), None)
        if kept is None:
            break
        found = kept
    return found


def purge_merges() -> int:
    """Forget merges that can no longer be undone, with the copies in them; those that were undone keep two people apart."""
    with transaction() as session:
        gone: Any = session.execute(text(_PURGE), {"days": UNDO_DAYS})
        return int(gone.rowcount)


_LOCK_CONTACTS = """
SELECT id FROM contacts WHERE id = ANY(CAST(:kept AS bigint[]) || CAST(:gone AS bigint[])) ORDER BY id FOR UPDATE
"""

_LOCK_MESSAGES = f"""
SELECT id FROM messages WHERE id = ANY(ARRAY(
    SELECT id FROM {all_of("ANY(CAST(:gone AS bigint[]))")} m
)) ORDER BY id FOR UPDATE
"""  # noqa: S608 — made of constants

_FOLLOW = """
WITH moved AS (
    SELECT DISTINCT ON (x.contact_id) m.id, x.contact_id
    FROM contact_merges x JOIN messages m ON m.broadcast_id = :broadcast AND m.contact_id = x.gone_id
    WHERE x.workspace_id = :workspace AND x.undone_at IS NULL AND NOT EXISTS (
        SELECT 1 FROM messages k WHERE k.broadcast_id = :broadcast AND k.contact_id = x.contact_id)
    ORDER BY x.contact_id, m.id
)
UPDATE messages m SET contact_id = moved.contact_id, changed_at = now() FROM moved WHERE m.id = moved.id
"""

_FORGET = """
UPDATE messages m SET contact_id = NULL
WHERE m.broadcast_id = :broadcast AND m.contact_id IS NOT NULL
  AND NOT EXISTS (SELECT 1 FROM contacts c WHERE c.id = m.contact_id)
"""

# A pair of which one has vanished meanwhile is none any more.
_REMEMBER = f"""
INSERT INTO contact_merges (workspace_id, contact_id, gone_id, reason, gone, filled, conversations, shifted, tag_ids,
                            added_tag_ids, message_ids, consent_event_ids, conversation_event_ids)
SELECT k.workspace_id, k.id, g.id, :reason,
       to_jsonb(g) - 'search_text',
       jsonb_strip_nulls(jsonb_build_object(
           'name', CASE WHEN k.name = '' THEN nullif(g.name, '') END,
           'email', CASE WHEN k.email = '' THEN nullif(g.email, '') END,
           'language', CASE WHEN k.language IS NULL THEN g.language END,
           'phone', CASE WHEN k.phone IS NULL THEN g.phone END,
           'wa_user_id', CASE WHEN k.wa_user_id IS NULL THEN g.wa_user_id END,
           'attributes', (SELECT jsonb_object_agg(a.key, a.value) FROM jsonb_each(g.attributes) a
                          WHERE coalesce(k.attributes ->> a.key, '') = '' AND coalesce(g.attributes ->> a.key, '') <> ''),
           'blanks', (SELECT jsonb_object_agg(a.key, a.value) FROM jsonb_each(k.attributes) a WHERE a.value = '""'),
           'consent', CASE WHEN g.consent = 'opted_out' AND k.consent <> 'opted_out' THEN g.consent
                           WHEN g.consent = 'opted_in' AND k.consent = 'unknown' THEN g.consent END,
           'consent_before', k.consent)),
       coalesce((SELECT jsonb_agg(to_jsonb(c) || jsonb_build_object('kept_id', o.id) ORDER BY c.id)
                 FROM conversations c LEFT JOIN conversations o ON o.channel_id = c.channel_id AND o.contact_id = k.id
                 WHERE c.contact_id = g.id), '[]'),
       coalesce((SELECT jsonb_object_agg(m.id, m.attempt) FROM {all_of("g.id")} m
                 WHERE m.broadcast_id IS NOT NULL AND EXISTS (
                     SELECT 1 FROM messages o WHERE o.broadcast_id = m.broadcast_id AND o.contact_id = k.id)), '{{}}'),
       ARRAY(SELECT tag_id FROM contact_tags WHERE contact_id = g.id ORDER BY tag_id),
       ARRAY(SELECT tag_id FROM contact_tags WHERE contact_id = g.id
             EXCEPT SELECT tag_id FROM contact_tags WHERE contact_id = k.id),
       ARRAY(SELECT m.id FROM {all_of("g.id")} m ORDER BY m.id),
       ARRAY(SELECT id FROM consent_events WHERE contact_id = g.id ORDER BY id),
       ARRAY(SELECT e.id FROM conversation_events e JOIN conversations c ON c.id = e.conversation_id
             WHERE c.contact_id = g.id ORDER BY e.id)
FROM unnest(CAST(:kept AS bigint[]), CAST(:gone AS bigint[])) AS p (kept_id, gone_id)
JOIN contacts k ON k.id = p.kept_id JOIN contacts g ON g.id = p.gone_id AND g.workspace_id = k.workspace_id
WHERE k.id <> g.id
RETURNING id, workspace_id, contact_id, gone_id
"""  # noqa: S608 — made of constants

# What the steps begin with: the merges, and the threads in them.
_OF_THESE = """
WITH merges AS (
    SELECT * FROM contact_merges WHERE id = ANY(CAST(:ids AS bigint[]))
), threads AS (
    SELECT x.*, CAST(c ->> 'id' AS bigint) AS thread_id, CAST(c ->> 'kept_id' AS bigint) AS kept_thread_id
    FROM merges x CROSS JOIN jsonb_array_elements(x.conversations) AS c
)
"""

# Of two messages of one broadcast to one person the one that waits is not sent; if both wait, the newcomer's is not.
_SKIP_DOUBLES = """
UPDATE messages SET state = 'skipped', skip_reason = 'same_person', changed_at = now()
WHERE state = 'queued' AND id IN (
    SELECT CASE WHEN g.state = 'queued' THEN g.id ELSE k.id END AS id
    FROM merges x JOIN messages g ON g.id = ANY(x.message_ids)
    JOIN messages k ON k.broadcast_id = g.broadcast_id AND k.contact_id = x.contact_id
    WHERE 'queued' IN (g.state, k.state) AND NOT (g.state IN ('skipped', 'cancelled') OR k.state IN ('skipped', 'cancelled')))
"""

_MOVE_MESSAGES = """
UPDATE messages m SET contact_id = x.contact_id, changed_at = now(), attempt = m.attempt + coalesce(
    (SELECT max(k.attempt) FROM messages k WHERE k.broadcast_id = m.broadcast_id AND k.contact_id = x.contact_id), 0)
FROM merges x WHERE m.id = ANY(x.message_ids) AND m.contact_id = x.gone_id
"""

_MOVE_TAGS = """
INSERT INTO contact_tags (contact_id, tag_id, workspace_id)
SELECT x.contact_id, t.tag_id, x.workspace_id FROM merges x CROSS JOIN unnest(x.added_tag_ids) AS t (tag_id)
ON CONFLICT DO NOTHING
"""

_MOVE_THREAD_EVENTS = """
UPDATE conversation_events e SET conversation_id = t.kept_thread_id
FROM threads t WHERE e.conversation_id = t.thread_id AND t.kept_thread_id IS NOT NULL
"""

_JOIN_THREADS = """
UPDATE conversations k SET
    unread_count = k.unread_count + g.unread_count,
    read_through = greatest(k.read_through, g.read_through),
    assignee_id = coalesce(k.assignee_id, g.assignee_id),
    labels = (SELECT coalesce(array_agg(l ORDER BY lower(l)), '{}') FROM (
        SELECT DISTINCT ON (lower(l)) l FROM unnest(k.labels || g.labels) l ORDER BY lower(l), l LIMIT 10) l (l)),
    window_expires_at = greatest(k.window_expires_at, g.window_expires_at),
    state = CASE WHEN k.state = 'closed' AND g.state = 'closed' THEN 'closed'
                 WHEN greatest(k.window_expires_at, g.window_expires_at) > now() THEN 'open' ELSE 'expired' END,
    last_message_id = CASE WHEN coalesce(g.last_message_at, '-infinity') > coalesce(k.last_message_at, '-infinity')
                           THEN g.last_message_id ELSE k.last_message_id END,
    last_message_at = greatest(k.last_message_at, g.last_message_at)
FROM threads t JOIN conversations g ON g.id = t.thread_id
WHERE k.id = t.kept_thread_id
"""

_DROP_THREADS = """
DELETE FROM conversations c USING threads t WHERE c.id = t.thread_id AND t.kept_thread_id IS NOT NULL
"""

_MOVE_REST = tuple(
    f"UPDATE {table} o SET contact_id = x.contact_id FROM merges x WHERE o.contact_id = x.gone_id"  # noqa: S608 — names of ours
    for table in (
        "conversations",
        "consent_events",
        "automation_runs",
        "identity_changes",
        "contact_merges",
        "shop_orders",
    )
)

_NOTE_CONSENT = """
INSERT INTO consent_events (workspace_id, contact_id, consent, source, note)
SELECT workspace_id, contact_id, filled ->> 'consent', 'merge', 'Taken over from another entry of the same person'
FROM merges WHERE filled ? 'consent'
"""

_DROP_CONTACTS = "DELETE FROM contacts c USING merges x WHERE c.id = x.gone_id"

# What was written to the one that goes counts as written to another number where that begins otherwise: four signs tell where a
# number is, three a user id. It holds for a list that follows later too (`follow_into_list`).
_FILL = """
UPDATE contacts c SET
    name = coalesce(x.filled ->> 'name', c.name),
    email = coalesce(x.filled ->> 'email', c.email),
    language = coalesce(x.filled ->> 'language', c.language),
    phone = coalesce(c.phone, x.filled ->> 'phone'),
    wa_user_id = coalesce(c.wa_user_id, x.filled ->> 'wa_user_id'),
    attributes = c.attributes || coalesce(x.filled -> 'attributes', '{}'),
    consent = coalesce(x.filled ->> 'consent', c.consent),
    number_changed_at = CASE
        WHEN x.gone ->> 'number_changed_at' IS NOT NULL
            OR left(x.gone ->> 'phone', 4) <> left(coalesce(c.phone, x.filled ->> 'phone'), 4)
            OR left(x.gone ->> 'wa_user_id', 3) <> left(coalesce(c.wa_user_id, x.filled ->> 'wa_user_id'), 3)
        THEN now() ELSE c.number_changed_at END,
    updated_at = now()
FROM merges x WHERE c.id = x.contact_id
"""

# What is left of the contact that goes is unique, so it goes before the other one takes its number or user id.
_STEPS = (
    _SKIP_DOUBLES,
    _MOVE_MESSAGES,
    _MOVE_TAGS,
    _MOVE_THREAD_EVENTS,
    _JOIN_THREADS,
    _DROP_THREADS,
    *_MOVE_REST,
    _NOTE_CONSENT,
    _DROP_CONTACTS,
    _FILL,
)

_PURGE = "DELETE FROM contact_merges WHERE undone_at IS NULL AND created_at < now() - make_interval(days => :days)"
