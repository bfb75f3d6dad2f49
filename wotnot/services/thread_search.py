"""Finding what was said, among millions of messages: the newest hits first.

Words that many messages hold are found by a short walk from the newest message backwards, rare ones by the index of
words; either way alone would take seconds for the other kind.
"""

import re
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import text

from wotnot.errors import Invalid
from wotnot.extensions import db
from wotnot.services.pages import Page, clamp_limit, decode_id_cursor, encode_cursor

NEAR = 3_000
MAX_WORDS, MAX_SEARCH = 8, 200
_WORD = re.compile(r"\w+", re.UNICODE)


@dataclass(frozen=True, slots=True)
class Hit:
    """A message that holds the words: where it stands, and what it says."""

    message_id: int
    conversation_id: int
    contact_name: str
    phone: str | None
    is_ours: bool
    at: datetime
    words: str


def search_messages(workspace_id: int, search: str, *, cursor: str | None = None, limit: int | None = 20) -> Page[Hit]:
    """Messages that hold every word, each as the beginning of one, the newest first. Raises Invalid (no word in it)."""
    wanted = _query_of(search)
    before, limit = decode_id_cursor(cursor), clamp_limit(limit)
    given = {"workspace": workspace_id, "query": wanted, "before": before, "limit": limit + 1, "near": NEAR}
    rows = db.session.execute(text(_WALK), given).all()
    if len(rows) <= limit:
        rows = db.session.execute(text(_INDEX), given).all()
    hits = [
        Hit(row.message_id, row.conversation_id, row.name, row.phone, row.direction == "out", row.created_at, row.words)
        for row in rows[:limit]
    ]
    return Page(hits, next_cursor=encode_cursor(hits[-1].message_id) if len(rows) > limit else None)


def _query_of(search: str) -> str:
    words = _WORD.findall(search[:MAX_SEARCH])[:MAX_WORDS]
    if not words:
        raise Invalid({"search": "Write a word to look for."})
    # Letters and digits only, so none of PostgreSQL's own signs is left in it.
    return " & ".join(f"{word}:*" for word in words)


_HITS = """
SELECT h.message_id, h.words, m.direction, m.created_at, c.id AS conversation_id, p.name, p.phone
FROM hits h
JOIN messages m ON m.id = h.message_id
JOIN conversations c ON c.channel_id = m.channel_id AND c.contact_id = m.contact_id
JOIN contacts p ON p.id = m.contact_id
ORDER BY h.message_id DESC
"""

_WALK = f"""
WITH near AS MATERIALIZED (
    SELECT message_id, words, lexemes FROM message_texts
    WHERE workspace_id = :workspace AND (CAST(:before AS bigint) IS NULL OR message_id < :before)
    ORDER BY message_id DESC LIMIT :near
), hits AS MATERIALIZED (
    SELECT message_id, words FROM near WHERE lexemes @@ to_tsquery('simple', :query)
    ORDER BY message_id DESC LIMIT :limit
)
{_HITS}
"""  # noqa: S608 — no value in it

_INDEX = f"""
WITH found AS MATERIALIZED (
    SELECT message_id, words FROM message_texts
    WHERE workspace_id = :workspace AND lexemes @@ to_tsquery('simple', :query)
      AND (CAST(:before AS bigint) IS NULL OR message_id < :before)
), hits AS MATERIALIZED (
    SELECT message_id, words FROM found ORDER BY message_id DESC LIMIT :limit
)
{_HITS}
"""  # noqa: S608 — no value in it
