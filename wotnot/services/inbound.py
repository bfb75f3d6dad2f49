"""Messages from people: stored once, their conversation moved on, the broadcast they answer marked as replied to.

Everything is set-based and keyed by Meta's message id, so a delivery may come twice or late and nothing doubles.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import text

from wotnot.services import events, inbound_media
from wotnot.services.transaction import transaction
from wotnot.services.whatsapp.parse import Inbound

WINDOW_HOURS = 24
"""Meta's customer service window after a person's last message."""

REPLY_HOURS = 72
"""A message without a quote counts as the answer to a broadcast that reached the person this recently."""

# They change something else; as messages of their own they would only confuse.
_NOT_MESSAGES = frozenset({"system", "request_welcome"})


@dataclass(frozen=True, slots=True)
class Channel:
    """What an inbound message needs to know about the number it came to."""

    id: int
    workspace_id: int


def apply_inbound(messages: Sequence[Inbound]) -> int:
    """Store inbound messages of our numbers; answers how many were new. Joins the caller's transaction."""
    wanted = {message.wamid: message for message in messages if message.type not in _NOT_MESSAGES}
    if not wanted:
        return 0
    with transaction() as session:
        channels = _channels(session, {message.phone_number_id for message in wanted.values()})
        ours = [message for message in wanted.values() if message.phone_number_id in channels]
        if not ours:
            return 0
        _save_contacts(session, ours, channels)
        stored = _save_messages(session, ours, channels)
        _move_conversations(session, list(stored.values()))
        _mark_replied(session, list(stored.values()))
        inbound_media.note_media(session, [(message_id, wanted[wamid]) for wamid, message_id in stored.items()])
        for workspace_id in {channels[message.phone_number_id].workspace_id for message in ours}:
            events.publish(workspace_id, "conversations", "broadcasts")
    return len(stored)


def _channels(session: Any, phone_number_ids: set[str]) -> dict[str, Channel]:
    rows = session.execute(text(_CHANNELS), {"ids": list(phone_number_ids)})
    return {row.phone_number_id: Channel(row.id, row.workspace_id) for row in rows}


def _save_contacts(session: Any, messages: Sequence[Inbound], channels: dict[str, Channel]) -> None:
    """Make sure that every sender is a contact; a name that a person typed here is never overwritten."""
    people: dict[tuple[int, str], Inbound] = {}
    for message in sorted(messages, key=lambda message: message.at):
        key = message.phone or f"id:{message.user_id}"
        people[channels[message.phone_number_id].workspace_id, key] = message
    rows = [(workspace_id, person) for (workspace_id, _), person in sorted(people.items(), key=lambda item: item[0])]
    parameters = {
        "workspaces": [workspace_id for workspace_id, _ in rows],
        "phones": [person.phone for _, person in rows],
        "user_ids": [person.user_id for _, person in rows],
        "names": [person.profile_name for _, person in rows],
    }
    session.execute(text(_LEARN_USER_IDS), parameters)
    session.execute(text(_NEW_CONTACTS), parameters)


def _save_messages(session: Any, messages: Sequence[Inbound], channels: dict[str, Channel]) -> dict[str, int]:
    """Answers the ledger's id of each message that is new, by Meta's id."""
    ordered = sorted(messages, key=lambda message: (message.at, message.wamid))
    rows = session.execute(
        text(_NEW_MESSAGES),
        {
            "channels": [channels[message.phone_number_id].id for message in ordered],
            "wamids": [message.wamid for message in ordered],
            "types": [message.type for message in ordered],
            "contents": [json.dumps(message.content, ensure_ascii=False) for message in ordered],
            "contexts": [message.context_wamid for message in ordered],
            "phones": [message.phone for message in ordered],
            "user_ids": [message.user_id for message in ordered],
            "times": [message.at for message in ordered],
        },
    )
    return {row.wamid: row.id for row in rows}


def _move_conversations(session: Any, message_ids: list[int]) -> None:
    if message_ids:
        session.execute(text(_CONVERSATIONS), {"ids": message_ids, "hours": WINDOW_HOURS})


def _mark_replied(session: Any, message_ids: list[int]) -> None:
    if message_ids:
        session.execute(text(_REPLIED), {"ids": message_ids, "hours": REPLY_HOURS})


def expire_conversations() -> int:
    """Mark open conversations whose window has closed; answers how many."""
    with transaction() as session:
        rows = session.execute(text(_EXPIRE)).all()
        for workspace_id in {row.workspace_id for row in rows}:
            events.publish(workspace_id, "conversations")
    return len(rows)


_CHANNELS = """
SELECT id, workspace_id, phone_number_id FROM channels
WHERE phone_number_id = ANY(CAST(:ids AS text[])) AND state <> 'removed'
"""

_GIVEN_PEOPLE = """
    unnest(CAST(:workspaces AS bigint[]), CAST(:phones AS text[]), CAST(:user_ids AS text[]), CAST(:names AS text[]))
    AS g (workspace_id, phone, user_id, name)
"""

# A contact known by phone learns the user id, unless another contact has it already.
_LEARN_USER_IDS = f"""
UPDATE contacts c SET wa_user_id = g.user_id, updated_at = now()
FROM {_GIVEN_PEOPLE}
WHERE g.user_id IS NOT NULL AND c.workspace_id = g.workspace_id AND c.phone = g.phone AND c.wa_user_id IS NULL
  AND NOT EXISTS (SELECT 1 FROM contacts o WHERE o.workspace_id = g.workspace_id AND o.wa_user_id = g.user_id)
"""  # noqa: S608 — no value in it

_NEW_CONTACTS = f"""
INSERT INTO contacts (workspace_id, phone, wa_user_id, name)
SELECT g.workspace_id, g.phone, g.user_id, g.name FROM {_GIVEN_PEOPLE}
WHERE NOT EXISTS (
    SELECT 1 FROM contacts c WHERE c.workspace_id = g.workspace_id
    AND (c.phone = g.phone OR (g.user_id IS NOT NULL AND c.wa_user_id = g.user_id)))
ON CONFLICT DO NOTHING
"""  # noqa: S608 — no value in it

_NEW_MESSAGES = """
INSERT INTO messages (workspace_id, channel_id, contact_id, direction, type, state, wamid, context_wamid, content,
                      phone, wa_user_id, created_at, changed_at, due_at, day)
SELECT ch.workspace_id, ch.id,
       coalesce(
           (SELECT c.id FROM contacts c WHERE c.workspace_id = ch.workspace_id AND c.phone = g.phone),
           (SELECT c.id FROM contacts c WHERE c.workspace_id = ch.workspace_id AND c.wa_user_id = g.user_id)),
       'in', g.type, 'received', g.wamid, g.context_wamid, CAST(g.content AS jsonb), g.phone, g.user_id, g.at, now(),
       g.at, CAST(g.at AT TIME ZONE w.timezone AS date)
FROM unnest(
    CAST(:channels AS bigint[]), CAST(:wamids AS text[]), CAST(:types AS text[]), CAST(:contents AS text[]),
    CAST(:contexts AS text[]), CAST(:phones AS text[]), CAST(:user_ids AS text[]), CAST(:times AS timestamptz[])
) WITH ORDINALITY AS g (channel_id, wamid, type, content, context_wamid, phone, user_id, at, place)
JOIN channels ch ON ch.id = g.channel_id JOIN workspaces w ON w.id = ch.workspace_id
ORDER BY g.place
ON CONFLICT (wamid) WHERE wamid IS NOT NULL DO NOTHING
RETURNING id, wamid
"""

_CONVERSATIONS = """
WITH news AS (
    SELECT m.workspace_id, m.channel_id, m.contact_id, count(*) AS unread, max(m.created_at) AS last_at,
           (array_agg(m.id ORDER BY m.created_at DESC, m.id DESC))[1] AS last_id
    FROM messages m WHERE m.id = ANY(CAST(:ids AS bigint[])) AND m.contact_id IS NOT NULL
    GROUP BY m.workspace_id, m.channel_id, m.contact_id
)
INSERT INTO conversations AS c (workspace_id, channel_id, contact_id, state, window_expires_at, unread_count,
                                last_message_id, last_message_at)
SELECT workspace_id, channel_id, contact_id,
       CASE WHEN last_at + make_interval(hours => :hours) > now() THEN 'open' ELSE 'expired' END,
       last_at + make_interval(hours => :hours), unread, last_id, last_at
FROM news ORDER BY channel_id, contact_id
ON CONFLICT (channel_id, contact_id) DO UPDATE SET
    window_expires_at = greatest(c.window_expires_at, excluded.window_expires_at),
    state = CASE WHEN greatest(c.window_expires_at, excluded.window_expires_at) > now() THEN 'open' ELSE 'expired' END,
    unread_count = c.unread_count + excluded.unread_count,
    last_message_id = CASE WHEN coalesce(c.last_message_at, '-infinity') <= excluded.last_message_at
                           THEN excluded.last_message_id ELSE c.last_message_id END,
    last_message_at = greatest(c.last_message_at, excluded.last_message_at)
"""

# The quoted message, else the newest broadcast message that reached the person before they wrote.
_REPLIED = """
WITH answers AS (
    SELECT coalesce(quoted.id, recent.id) AS id
    FROM messages m
    LEFT JOIN messages quoted ON quoted.wamid = m.context_wamid AND quoted.channel_id = m.channel_id
                             AND quoted.direction = 'out'
    LEFT JOIN LATERAL (
        SELECT o.id FROM messages o
        WHERE o.contact_id = m.contact_id AND o.channel_id = m.channel_id AND o.direction = 'out'
          AND o.broadcast_id IS NOT NULL AND o.reached >= 2 AND o.created_at <= m.created_at
          AND o.created_at > m.created_at - make_interval(hours => :hours)
        ORDER BY o.id DESC LIMIT 1
    ) recent ON quoted.id IS NULL
    WHERE m.id = ANY(CAST(:ids AS bigint[])) AND m.type <> 'reaction'
), locked AS (
    SELECT m.id FROM messages m WHERE m.id IN (SELECT id FROM answers) AND NOT m.replied ORDER BY m.id FOR UPDATE
)
UPDATE messages SET replied = true, changed_at = now() WHERE id IN (SELECT id FROM locked)
"""

_EXPIRE = """
UPDATE conversations SET state = 'expired' WHERE state = 'open' AND window_expires_at <= now() RETURNING workspace_id
"""
