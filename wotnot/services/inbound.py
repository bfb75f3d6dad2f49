"""Messages from people: stored once, their conversation moved on, the broadcast they answer marked as replied to.

Everything is set-based and keyed by Meta's message id, so a delivery may come twice or late and nothing doubles.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import text

from wotnot.services import (
    consent_replies,
    conversations,
    events,
    identities,
    inbound_media,
    inbound_words,
    rule_answers,
)
from wotnot.services.person_messages import in_thread
from wotnot.services.transaction import transaction
from wotnot.services.whatsapp.parse import Inbound

WINDOW_HOURS = 24
"""Meta's customer service window after a person's last message."""

REPLY_HOURS = 72
"""A message without a quote counts as the answer to a broadcast that reached the person this recently."""

# A page whose window closes notices by its own clock; this is for those whose clock is wrong.
_TOLD = 200

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
        identities.save_writers(ours, {key: channel.workspace_id for key, channel in channels.items()})
        stored = _save_messages(session, ours, channels)
        inbound_words.save_words(stored, wanted)
        _move_conversations(session, stored)
        _mark_replied(session, stored)
        inbound_media.note_media(session, [(row.id, wanted[row.wamid]) for row in stored])
        spoken = consent_replies.apply_words(stored, wanted)
        rule_answers.answer_by_rules(stored, wanted, spoken=spoken)
        _tell(stored)
    return len(stored)


def _tell(stored: Sequence[Any]) -> None:
    """The lists, and the thread of each person who wrote."""
    people: dict[int, set[str]] = {}
    for row in stored:
        people.setdefault(row.workspace_id, set()).add(f"contact:{row.contact_id}")
    for workspace_id, topics in people.items():
        events.publish(workspace_id, "conversations", "broadcasts", *sorted(topics))


def _channels(session: Any, phone_number_ids: set[str]) -> dict[str, Channel]:
    rows = session.execute(text(_CHANNELS), {"ids": list(phone_number_ids)})
    return {row.phone_number_id: Channel(row.id, row.workspace_id) for row in rows}


def _save_messages(session: Any, messages: Sequence[Inbound], channels: dict[str, Channel]) -> list[Any]:
    """The rows that were new: id, workspace_id, contact_id, wamid."""
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
    return list(rows)


def _move_conversations(session: Any, stored: Sequence[Any]) -> None:
    if not stored:
        return
    moved = session.execute(text(_CONVERSATIONS), {"ids": [row.id for row in stored], "hours": WINDOW_HOURS})
    waiting: dict[int, list[int]] = {}
    for row in moved.all():
        if row.is_waiting:
            waiting.setdefault(row.workspace_id, []).append(row.id)
    for workspace_id, conversation_ids in waiting.items():
        conversations.hand_out(workspace_id, conversation_ids)


def _mark_replied(session: Any, stored: Sequence[Any]) -> None:
    if not stored:
        return
    marked = session.execute(text(_REPLIED), {"ids": [row.id for row in stored], "hours": REPLY_HOURS}).all()
    for workspace_id, broadcast_id in {(row.workspace_id, row.broadcast_id) for row in marked if row.broadcast_id}:
        events.publish(workspace_id, f"broadcast:{broadcast_id}")


def expire_conversations() -> int:
    """Mark open conversations whose window has closed; answers how many."""
    with transaction() as session:
        rows = session.execute(text(_EXPIRE)).all()
        people: dict[int, list[str]] = {}
        for row in rows:
            people.setdefault(row.workspace_id, []).append(f"contact:{row.contact_id}")
        for workspace_id, topics in people.items():
            events.publish(workspace_id, "conversations", *topics[:_TOLD])
    return len(rows)


_CHANNELS = """
SELECT id, workspace_id, phone_number_id FROM channels
WHERE phone_number_id = ANY(CAST(:ids AS text[])) AND state <> 'removed'
"""

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
RETURNING id, workspace_id, contact_id, wamid
"""

_CONVERSATIONS = """
WITH news AS (
    SELECT m.workspace_id, m.channel_id, m.contact_id, count(*) AS unread, max(m.created_at) AS last_at,
           (array_agg(m.id ORDER BY m.created_at DESC, m.id DESC))[1] AS last_id
    FROM messages m
    -- An edit or a deletion is laid over an earlier message and is no news of its own.
    WHERE m.id = ANY(CAST(:ids AS bigint[])) AND m.contact_id IS NOT NULL AND m.type NOT IN ('edit', 'revoke')
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
RETURNING c.id, c.workspace_id,
    -- Where the workspace wants it, a thread that nobody has goes to whoever is online.
    c.assignee_id IS NULL AND (SELECT w.auto_assign FROM workspaces w WHERE w.id = c.workspace_id) AS is_waiting
"""

# The quoted message, else the newest broadcast message that reached the person before they wrote. LIMIT and ARRAY say how
# each row is found: where the planner believes a table to be empty, joins would read all of it for every message.
_REPLIED = f"""
WITH answers AS MATERIALIZED (
    SELECT coalesce(quoted.id, recent.id) AS id
    FROM messages m
    LEFT JOIN LATERAL (
        SELECT o.id FROM messages o
        WHERE o.wamid = m.context_wamid AND o.channel_id = m.channel_id AND o.direction = 'out' LIMIT 1
    ) quoted ON true
    LEFT JOIN LATERAL (
        SELECT o.id FROM messages o
        WHERE o.contact_id = m.contact_id AND o.channel_id = m.channel_id AND {in_thread("o")} AND o.direction = 'out'
          AND o.broadcast_id IS NOT NULL AND o.reached >= 2 AND o.created_at <= m.created_at
          AND o.created_at > m.created_at - make_interval(hours => :hours)
        ORDER BY o.id DESC LIMIT 1
    ) recent ON quoted.id IS NULL
    WHERE m.id = ANY(CAST(:ids AS bigint[])) AND m.type NOT IN ('reaction', 'edit', 'revoke')
), locked AS (
    SELECT m.id FROM messages m WHERE m.id = ANY(ARRAY(SELECT id FROM answers)) AND NOT m.replied ORDER BY m.id FOR UPDATE
)
UPDATE messages SET replied = true, changed_at = now() WHERE id = ANY(ARRAY(SELECT id FROM locked))
RETURNING workspace_id, broadcast_id
"""  # noqa: S608 — made of constants

_EXPIRE = """
UPDATE conversations SET state = 'expired' WHERE state = 'open' AND window_expires_at <= now()
RETURNING workspace_id, contact_id
"""
