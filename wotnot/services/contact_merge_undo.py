"""A merge of two contacts taken back: the one that went returns with what was its own, and the two stay apart.

What came since the merge stays with the contact that stayed: nobody can tell any more whose it would have been.
"""

from datetime import timedelta
from typing import Any

from sqlalchemy import select, text
from sqlalchemy.orm import Session

from wotnot import clock
from wotnot.errors import Conflict, NotFound
from wotnot.extensions import db
from wotnot.models import Contact, ContactMerge
from wotnot.services import events
from wotnot.services.contact_merges import UNDO_DAYS
from wotnot.services.person_messages import in_thread
from wotnot.services.transaction import transaction


def undo_merge(workspace_id: int, merge_id: int) -> int:
    """Take a merge back; answers the id of the contact that returned. A second press finds it done.

    Raises NotFound, Conflict (too long ago, or another contact has the number or user id by now).
    """
    with transaction() as session:
        merge = session.scalar(
            select(ContactMerge)
            .where(ContactMerge.workspace_id == workspace_id, ContactMerge.id == merge_id)
            .with_for_update()
            .execution_options(populate_existing=True)
        )
        if merge is None:
            raise NotFound("Merge")
        if merge.undone_at is None:
            _refuse_late(merge)
            session.execute(text(_LOCK), {"id": merge.contact_id})
            _refuse_taken(merge)
            _take_back(session, merge)
        return merge.gone_id


def _refuse_late(merge: ContactMerge) -> None:
    if merge.created_at < clock.now() - timedelta(days=UNDO_DAYS):
        raise Conflict(f"This merge is more than {UNDO_DAYS} days old and cannot be undone any more.", code="too_late")


def _refuse_taken(merge: ContactMerge) -> None:
    """The kept contact gives back what it took; anybody else who has it by now keeps it."""
    for column, name in ((Contact.phone, "phone"), (Contact.wa_user_id, "wa_user_id")):
        value = merge.gone.get(name)
        others = select(Contact.id).where(
            Contact.workspace_id == merge.workspace_id, column == value, Contact.id != merge.contact_id
        )
        own = select(column).where(Contact.id == merge.contact_id)
        held = value is not None and name not in merge.filled and db.session.scalar(own) == value
        if value is not None and (held or db.session.scalar(others) is not None):
            raise Conflict(
                "Another contact has this number or WhatsApp id by now, so the two cannot be parted.", code="taken"
            )


def _take_back(session: Session, merge: ContactMerge) -> None:
    given: dict[str, Any] = {"id": merge.id}
    for step in _STEPS:
        session.execute(text(_OF_THIS + step), given)
    merge.undone_at = clock.now()
    session.flush()
    session.expire_all()
    topics = (f"contact:{merge.contact_id}", f"contact:{merge.gone_id}")
    events.publish(merge.workspace_id, "contacts", "conversations", *topics)


_LOCK = "SELECT id FROM contacts WHERE id = :id FOR UPDATE"

_OF_THIS = "WITH x AS (SELECT * FROM contact_merges WHERE id = :id) "

# A value that was changed since is nobody's copy any more and stays.
_GIVE_BACK = """
UPDATE contacts c SET
    name = CASE WHEN c.name = x.filled ->> 'name' THEN '' ELSE c.name END,
    email = CASE WHEN c.email = x.filled ->> 'email' THEN '' ELSE c.email END,
    language = CASE WHEN c.language = x.filled ->> 'language' THEN NULL ELSE c.language END,
    phone = CASE WHEN c.phone = x.filled ->> 'phone' THEN NULL ELSE c.phone END,
    wa_user_id = CASE WHEN c.wa_user_id = x.filled ->> 'wa_user_id' THEN NULL ELSE c.wa_user_id END,
    attributes = coalesce(x.filled -> 'blanks', '{}') || (
        SELECT coalesce(jsonb_object_agg(a.key, a.value), '{}') FROM jsonb_each(c.attributes) a
        WHERE a.value IS DISTINCT FROM x.filled -> 'attributes' -> a.key),
    consent = CASE WHEN x.filled ->> 'consent' = c.consent AND 'merge' = (
                  SELECT e.source FROM consent_events e WHERE e.contact_id = c.id ORDER BY e.id DESC LIMIT 1)
              THEN x.filled ->> 'consent_before' ELSE c.consent END,
    updated_at = now()
FROM x WHERE c.id = x.contact_id
"""

_NOTE_CONSENT = """
INSERT INTO consent_events (workspace_id, contact_id, consent, source, note)
SELECT x.workspace_id, c.id, c.consent, 'merge', 'Given back when a merge was undone'
FROM x JOIN contacts c ON c.id = x.contact_id
WHERE x.filled ? 'consent' AND c.consent = x.filled ->> 'consent_before' AND c.consent <> x.filled ->> 'consent'
"""

# Who opted out since the merge may be either of the two, so both have. What waited meanwhile may go to a number of the other one.
_RETURN = """
INSERT INTO contacts (id, workspace_id, phone, wa_user_id, name, email, language, attributes, consent, number_changed_at,
                      created_at)
SELECT x.gone_id, x.workspace_id, x.gone ->> 'phone', x.gone ->> 'wa_user_id', x.gone ->> 'name', x.gone ->> 'email',
       x.gone ->> 'language', x.gone -> 'attributes',
       CASE WHEN c.consent = 'opted_out' AND x.filled ->> 'consent_before' <> 'opted_out' THEN c.consent
            ELSE x.gone ->> 'consent' END,
       now(), CAST(x.gone ->> 'created_at' AS timestamptz)
FROM x JOIN contacts c ON c.id = x.contact_id
"""

_RETURN_MESSAGES = """
UPDATE messages m SET contact_id = x.gone_id, changed_at = now(),
    attempt = coalesce(CAST(x.shifted ->> m.id::text AS smallint), m.attempt)
FROM x WHERE m.id = ANY(x.message_ids) AND m.contact_id = x.contact_id
"""

_RETURN_TAGS = (
    "DELETE FROM contact_tags t USING x WHERE t.contact_id = x.contact_id AND t.tag_id = ANY(x.added_tag_ids)",
    """
INSERT INTO contact_tags (contact_id, tag_id, workspace_id)
SELECT x.gone_id, t.id, x.workspace_id FROM x JOIN tags t ON t.id = ANY(x.tag_ids) ON CONFLICT DO NOTHING
""",
)

_RETURN_CONSENT_EVENTS = """
UPDATE consent_events e SET contact_id = x.gone_id FROM x WHERE e.id = ANY(x.consent_event_ids) AND e.contact_id = x.contact_id
"""

_RETURN_RUNS = """
UPDATE automation_runs r SET contact_id = x.gone_id FROM x
WHERE r.contact_id = x.contact_id AND r.inbound_message_id = ANY(x.message_ids)
"""

# The threads as they were; a thread that moved as a whole comes back, and the kept contact gets a new one for what came since.
_RETURN_THREADS = """
INSERT INTO conversations AS o (id, workspace_id, channel_id, contact_id, state, assignee_id, window_expires_at, unread_count,
                                read_through, labels, last_message_id, last_message_at, created_at)
SELECT c.id, x.workspace_id, c.channel_id, x.gone_id, c.state, (SELECT m.id FROM members m WHERE m.id = c.assignee_id),
       c.window_expires_at, c.unread_count, c.read_through, c.labels, c.last_message_id, c.last_message_at, c.created_at
FROM x CROSS JOIN jsonb_populate_recordset(CAST(NULL AS conversations), x.conversations) c
JOIN channels ch ON ch.id = c.channel_id
ON CONFLICT (id) DO UPDATE SET
    contact_id = excluded.contact_id, unread_count = least(o.unread_count, excluded.unread_count)
"""

_RETURN_THREAD_EVENTS = """
UPDATE conversation_events e SET conversation_id = CAST(c ->> 'id' AS bigint)
FROM x CROSS JOIN jsonb_array_elements(x.conversations) AS c
WHERE e.id = ANY(x.conversation_event_ids) AND e.conversation_id = CAST(c ->> 'kept_id' AS bigint)
"""

_SPLIT_UNREAD = """
UPDATE conversations k SET unread_count = greatest(k.unread_count - CAST(c ->> 'unread_count' AS int), 0)
FROM x CROSS JOIN jsonb_array_elements(x.conversations) AS c WHERE k.id = CAST(c ->> 'kept_id' AS bigint)
"""

# Where both threads stand now is what the messages say.
_RECKON_THREADS = f"""
, people AS (
    SELECT x.contact_id FROM x UNION ALL SELECT x.gone_id FROM x
), places AS (
    SELECT x.workspace_id, p.contact_id, CAST(c ->> 'channel_id' AS bigint) AS channel_id,
           coalesce((SELECT r.read_through FROM conversations r WHERE r.id = CAST(c ->> 'id' AS bigint)), 0) AS read_through
    FROM x CROSS JOIN people p CROSS JOIN jsonb_array_elements(x.conversations) AS c
), facts AS (
    SELECT l.workspace_id, l.contact_id, l.channel_id, w.at + interval '24 hours' AS window_expires_at, w.unread, n.id,
           n.created_at
    FROM places l
    CROSS JOIN LATERAL (
        SELECT m.id, m.created_at FROM messages m
        WHERE m.contact_id = l.contact_id AND m.channel_id = l.channel_id AND {in_thread("m")}
          AND m.type NOT IN ('edit', 'revoke') AND m.state NOT IN ('skipped', 'cancelled') AND (m.broadcast_id IS NULL OR m.direction = 'in')
        ORDER BY m.created_at DESC, m.id DESC LIMIT 1
    ) n
    CROSS JOIN LATERAL (
        SELECT max(m.created_at) AS at, count(*) FILTER (WHERE m.id > l.read_through) AS unread FROM messages m
        WHERE m.contact_id = l.contact_id AND m.channel_id = l.channel_id AND {in_thread("m")} AND m.direction = 'in'
          AND m.type NOT IN ('edit', 'revoke')
    ) w
)
INSERT INTO conversations AS o (workspace_id, channel_id, contact_id, state, window_expires_at, unread_count,
                                last_message_id, last_message_at)
SELECT workspace_id, channel_id, contact_id, CASE WHEN window_expires_at > now() THEN 'open' ELSE 'expired' END,
       window_expires_at, unread, id, created_at
FROM facts
ON CONFLICT (channel_id, contact_id) DO UPDATE SET
    window_expires_at = excluded.window_expires_at, last_message_id = excluded.last_message_id,
    last_message_at = excluded.last_message_at,
    state = CASE WHEN o.state = 'closed' THEN o.state ELSE excluded.state END
"""  # noqa: S608 — made of constants

_STEPS = (
    _GIVE_BACK,
    _NOTE_CONSENT,
    _RETURN,
    _RETURN_MESSAGES,
    *_RETURN_TAGS,
    _RETURN_CONSENT_EVENTS,
    _RETURN_RUNS,
    _RETURN_THREADS,
    _RETURN_THREAD_EVENTS,
    _SPLIT_UNREAD,
    _RECKON_THREADS,
)
