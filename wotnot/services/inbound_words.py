"""What people said as the search knows it: the newest wording of a message, and nothing of one that was taken back.

An edit or a deletion may come before the message that it speaks of. So with whatever comes, the words of the message that it
is about are made anew from all that is known of it; the end is the same in any order. Owns the inbound rows of `message_texts`.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from sqlalchemy import text

from wotnot.services.person_messages import in_thread
from wotnot.services.transaction import transaction
from wotnot.services.whatsapp.parse import Inbound
from wotnot.services.whatsapp.wording import edited, words_of

_RETELLING = frozenset({"edit", "revoke"})


def save_words(stored: Sequence[Any], messages: Mapping[str, Inbound]) -> None:
    """Keep the words of messages just stored (id, wamid), and of those that they change. Joins the caller's transaction."""
    kinds = {row.id: messages[row.wamid].type for row in stored}
    spoken = [key for key, kind in kinds.items() if kind != "reaction"]
    if not spoken:
        return
    with transaction() as session:
        if retold := [key for key in spoken if kinds[key] in _RETELLING]:
            session.execute(text(_LOCK), {"ids": retold})
        words = _newest_words(session.execute(text(_SAID), {"ids": spoken}))
        kept = {key: found for key, found in words.items() if found}
        session.execute(text(_KEEP), {"ids": list(kept), "words": list(kept.values())})
        if retold:
            session.execute(text(_FORGET), {"ids": list(words.keys() - kept.keys())})


def _newest_words(said: Iterable[Any]) -> dict[int, str]:
    """The words by message; `said` has a row for each change of it, the oldest first, or one without a change."""
    contents: dict[int, Any] = {}
    deleted: set[int] = set()
    kinds: dict[int, str] = {}
    for row in said:
        kinds[row.id] = row.type
        content = contents.setdefault(row.id, row.content or {})
        if row.change == "revoke":
            deleted.add(row.id)
        elif row.change == "edit":
            contents[row.id] = edited(row.type, content, (row.changed or {}).get("message")) or content
    return {key: "" if key in deleted else words_of(kind, contents[key]) for key, kind in kinds.items()}


# Of an edit and its message that two drains store at the same moment, the edit's waits: whoever stores a message of a person
# holds on to that person.
_LOCK = """
SELECT id FROM contacts WHERE id IN (SELECT contact_id FROM messages WHERE id = ANY(CAST(:ids AS bigint[])))
ORDER BY id FOR UPDATE
"""

# Only its writer changes a message, and only where it was said. LATERAL with LIMIT and ARRAY say how each row is found.
_SAID = f"""
WITH told AS (
    SELECT coalesce(o.id, n.id) AS id FROM messages n
    LEFT JOIN LATERAL (
        SELECT o.id FROM messages o
        WHERE n.type IN ('edit', 'revoke') AND o.wamid = n.content ->> 'original_message_id'
          AND o.contact_id = n.contact_id AND o.channel_id = n.channel_id AND o.direction = 'in' LIMIT 1
    ) o ON true
    WHERE n.id = ANY(CAST(:ids AS bigint[]))
)
SELECT m.id, m.type, m.content, r.type AS change, r.content AS changed
FROM messages m
LEFT JOIN LATERAL (
    SELECT r.id, r.created_at, r.type, r.content FROM messages r
    WHERE r.contact_id = m.contact_id AND r.channel_id = m.channel_id AND {in_thread("r")}
      AND r.created_at >= m.created_at AND r.type IN ('edit', 'revoke') AND r.content ->> 'original_message_id' = m.wamid
    ORDER BY r.created_at, r.id LIMIT 1000
) r ON true
WHERE m.id = ANY(ARRAY(SELECT id FROM told)) AND m.type NOT IN ('edit', 'revoke')
ORDER BY m.id, r.created_at, r.id
"""  # noqa: S608 — made of constants

_KEEP = """
INSERT INTO message_texts (message_id, workspace_id, words)
SELECT m.id, m.workspace_id, g.words FROM unnest(CAST(:ids AS bigint[]), CAST(:words AS text[])) AS g (id, words)
JOIN messages m ON m.id = g.id
ON CONFLICT (message_id) DO UPDATE SET words = excluded.words
"""

_FORGET = "DELETE FROM message_texts WHERE message_id = ANY(CAST(:ids AS bigint[]))"
