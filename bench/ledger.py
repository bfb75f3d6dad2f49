"""A workspace as it looks after a busy year: contacts, tags, broadcasts, their ledger, answers, imports. Set-based, in minutes.

At scale 1: 1,000,000 contacts and 5,000,000 messages in one workspace, one broadcast to everybody among them, beside a small
neighbour whose pages must not pay for it. Smaller scales keep the shape: as many broadcasts, fewer people in each.
"""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from sqlalchemy import text

from bench.world import execute, vacuum
from wotnot.extensions import db
from wotnot.services import accounts, tallies

CONTACTS = 1_000_000
BIG_BROADCASTS = 37
SMALL_BROADCASTS = 500
SMALL_SIZE = 300
BIG_SIZE = 100_000
LIVE_STEPS = 500
EMAIL, PASSWORD = "bench@example.com", "correct horse battery staple"


@dataclass(frozen=True)
class Ledger:
    """The ids that pages are asked for."""

    workspace_id: int
    neighbour_id: int
    channel_id: int
    template_id: int
    first_contact_id: int
    contacts: int
    whole_id: int
    whole_middle_id: int
    live_id: int
    draft_id: int
    done_import_id: int
    checked_import_id: int
    busy_thread_id: int
    segment_id: int


def fill(scale: float) -> Ledger:
    """Fill the empty database of the running app; answers what there is to look at."""
    people = max(int(CONTACTS * scale), 600)
    user_id, broadcast, first = seed(people)
    workspace_id, channel_id, template_id = broadcast["workspace"], broadcast["channel"], broadcast["template"]
    neighbour_id = _workspace(user_id, "Neighbour")
    _people(neighbour_id, 300, country="31")
    big, small = max(int(BIG_SIZE * scale), 60), max(int(SMALL_SIZE * scale), 3)
    for place in range(BIG_BROADCASTS):
        size, offset = (people, 0) if place == BIG_BROADCASTS - 1 else (big, place * big % max(people - big, 1))
        whole_id = add_past_broadcast(
            broadcast, f"Offer {place + 1}", days_ago=3 * (BIG_BROADCASTS - place), first=first + offset, size=size
        )
    execute(_SMALL_BROADCASTS, count=SMALL_BROADCASTS, **broadcast)
    execute(_SMALL_MESSAGES, size=small, first=first, people=people, **broadcast)
    execute(_SINGLES, count=big, first=first, people=people, **broadcast)
    execute(_ANSWERS, count=big, **broadcast)
    execute(_CONVERSATIONS)
    execute(_TEXTS)
    execute(_COSTS)
    execute(_OPT_OUTS)
    execute(_FIRST_ANSWERS, user=user_id)
    execute(_EXPORTS, workspace=workspace_id, user=user_id)
    segment_id = int(execute(_SEGMENT, workspace=workspace_id)[0][0])
    live_id = _live(broadcast, first, big)
    done_import_id, checked_import_id = _imports(workspace_id, max(int(100_000 * scale), 100))
    ledger = Ledger(
        workspace_id,
        neighbour_id,
        channel_id,
        template_id,
        first,
        people,
        whole_id,
        whole_middle_id=int(
            execute("SELECT (min(id) + max(id)) / 2 FROM messages WHERE broadcast_id = :b", b=whole_id)[0][0]
        ),
        live_id=live_id,
        draft_id=_draft(broadcast),
        done_import_id=done_import_id,
        checked_import_id=checked_import_id,
        busy_thread_id=int(execute(_BUSY_THREAD)[0][0]),
        segment_id=segment_id,
    )
    vacuum()
    return ledger


def seed(people: int) -> tuple[int, dict[str, int], int]:
    """A workspace of `people` that has sent nothing: its owner, what a broadcast of it needs, its first contact."""
    user = accounts.create_user(email=EMAIL, password=PASSWORD, name="Bench Owner")
    workspace_id = _workspace(user.id, "Bench")
    broadcast = {
        "workspace": workspace_id,
        "channel": _channel(workspace_id),
        "template": _templates(workspace_id),
    }
    _people(workspace_id, people)
    first = int(execute("SELECT min(id) FROM contacts WHERE workspace_id = :w", w=workspace_id)[0][0])
    return user.id, broadcast, first


def count_rows() -> dict[str, int]:
    """What is in the tables that grow."""
    names = ("contacts", "contact_tags", "messages", "message_tallies", "conversations", "message_texts", "broadcasts")
    return {name: int(execute(f"SELECT count(*) FROM {name}")[0][0]) for name in names}  # noqa: S608 — names of ours


def _workspace(user_id: int, name: str) -> int:
    workspace_id = execute(
        "INSERT INTO workspaces (name, default_country, timezone) VALUES (:name, 'ZA', 'Africa/Johannesburg') RETURNING id",
        name=name,
    )[0][0]
    execute("INSERT INTO members (workspace_id, user_id, role) VALUES (:w, :u, 'owner')", w=workspace_id, u=user_id)
    return int(workspace_id)


def _channel(workspace_id: int) -> int:
    rows = execute(
        """
        INSERT INTO channels (workspace_id, waba_id, phone_number_id, token_encrypted, display_phone_number, verified_name,
                              messaging_limit, rate_per_second)
        VALUES (:w, '700000000000001', '500000000000001', '-', '+27 21 555 0140', 'Bench', 'TIER_UNLIMITED', 80)
        RETURNING id
        """,
        w=workspace_id,
    )
    return int(rows[0][0])


def _templates(workspace_id: int) -> int:
    parts = [{"type": "BODY", "text": "Hi {{1}}, see you in {{2}}.", "example": {"body_text": [["Naledi", "Paarl"]]}}]
    rows = execute(_TEMPLATES, w=workspace_id, parts=json.dumps(parts))
    return int(min(row[0] for row in rows))


def _people(workspace_id: int, count: int, country: str = "27") -> None:
    """Contacts with a trigram index that is built afterwards, which is several times quicker; then tags and opt-outs."""
    with _without_index("ix_contacts_search_text"):
        execute(_CONTACTS, w=workspace_id, count=count, country=country)
    for name, share in (("newsletter", 2), ("vip", 20), ("paarl", 100), ("press", 2500)):
        execute(_TAG, w=workspace_id, name=name)
        execute(_TAGGED, w=workspace_id, name=name, share=share)
    execute(_CONSENT, w=workspace_id)


@contextmanager
def _without_index(name: str) -> Iterator[None]:
    definition = execute("SELECT indexdef FROM pg_indexes WHERE indexname = :name", name=name)[0][0]
    execute(f"DROP INDEX {name}")
    yield
    db.session.execute(text("SET maintenance_work_mem = '512MB'"))
    execute(definition)


def add_past_broadcast(broadcast: dict[str, int], name: str, *, days_ago: int, first: int, size: int) -> int:
    """A finished broadcast to `size` people from the contact `first` on."""
    broadcast_id = execute(_BROADCAST, name=name, state="finished", days=days_ago, **broadcast)[0][0]
    execute(_LEDGER, broadcast=broadcast_id, days=days_ago, first=first, size=size, state=None, **_ids(broadcast))
    execute(_REPLIED, broadcast=broadcast_id)
    tallies.compact()
    return int(broadcast_id)


def _live(broadcast: dict[str, int], first: int, size: int) -> int:
    """One that is half sent, its counts still in as many small parts as a sender leaves in a minute."""
    broadcast_id = execute(_BROADCAST, name="Going out now", state="sending", days=0, **broadcast)[0][0]
    execute(_LEDGER, broadcast=broadcast_id, days=0, first=first, size=size, state="queued", **_ids(broadcast))
    tallies.compact()
    ids = execute("SELECT min(id), max(id) FROM messages WHERE broadcast_id = :id", id=broadcast_id)[0]
    step = max((ids[1] - ids[0]) // 2 // LIVE_STEPS, 1)
    for start in range(ids[0], ids[0] + step * min(LIVE_STEPS, size // 2), step):
        execute(_ACCEPT, low=start, high=start + step)
    return int(broadcast_id)


def _ids(broadcast: dict[str, int]) -> dict[str, int]:
    return {"workspace": broadcast["workspace"], "channel": broadcast["channel"], "template": broadcast["template"]}


def _draft(broadcast: dict[str, int]) -> int:
    return int(execute(_BROADCAST, name="Next month", state="draft", days=0, **broadcast)[0][0])


def _imports(workspace_id: int, refused: int) -> tuple[int, int]:
    """Many imports; answers one that is done and one that waits after its check, both with `refused` rows."""
    ids = sorted(int(row[0]) for row in execute(_IMPORTS, w=workspace_id, refused=refused))
    execute("UPDATE contact_imports SET state = 'checked', is_dry_run = true WHERE id = :id", id=ids[-1])
    for import_id in ids[-2:]:
        execute(_REFUSED, id=import_id, refused=refused)
    return ids[-2], ids[-1]


_CONTACTS = """
INSERT INTO contacts (workspace_id, phone, name, email, attributes, created_at)
SELECT :w, CASE WHEN n % 2500 = 7 THEN '1416' || (5000000 + n) WHEN n % 100 = 51 THEN '264' || (820000000 + n)
                ELSE :country || (820000000 + n) END,
       (ARRAY['Naledi','Pieter','Aïsha','Thabo','Femke','Chidi','Lerato','Sipho','Anneke','Zanele','José','Jürgen'])[1 + n % 12]
       || ' ' || (ARRAY['Mokoena','van Wyk','Patel','Dlamini','de Boer','Okafor','Khumalo','Müller','O''Neil'])[1 + n % 9 ]
       || CASE WHEN n % 5000 = 0 THEN ' Featherstonehaugh' ELSE '' END,
       CASE WHEN n % 3 = 0 THEN '' ELSE 'person' || n || '@' ||
            (ARRAY['example.com','example.org','mail.example.net'])[1 + n % 3] END,
       CASE WHEN n % 10 = 0 THEN '{}'::jsonb ELSE jsonb_build_object(
            'city', (ARRAY['Paarl','Cape Town','Durban','Pretoria','London'])[1 + n % 5], 'order', n) END,
       now() - make_interval(mins => :count - n)
FROM generate_series(1, :count) AS n
"""

_TAG = "INSERT INTO tags (workspace_id, name) VALUES (:w, :name)"

# Scattered over the list, except that the press came early: the newest list has none of them for a long way.
_TAGGED = """
INSERT INTO contact_tags (contact_id, tag_id, workspace_id)
SELECT c.id, t.id, :w FROM contacts c JOIN tags t ON t.workspace_id = :w AND t.name = :name
WHERE c.workspace_id = :w AND CASE WHEN :name = 'press'
    THEN c.id <= (SELECT min(id) + count(*) / 100 FROM contacts WHERE workspace_id = :w) AND c.id % 25 = 0
    ELSE hashint8(c.id + length(:name)) % :share = 0 END
"""

_CONSENT = "UPDATE contacts SET consent = 'opted_out' WHERE workspace_id = :w AND hashint8(id) % 50 = 7"

_TEMPLATES = """
INSERT INTO templates (workspace_id, waba_id, meta_id, name, language, category, status, components)
SELECT :w, '700000000000001', n::text, 'offer_' || n, 'en',
       CASE n % 3 WHEN 0 THEN 'utility' ELSE 'marketing' END, CASE n % 7 WHEN 0 THEN 'rejected' ELSE 'approved' END,
       CAST(:parts AS jsonb)
FROM generate_series(1, 250) AS n RETURNING id
"""

_BROADCAST = """
INSERT INTO broadcasts (workspace_id, channel_id, template_id, name, state, audience, exclude, variables, created_at,
                        started_at, finished_at)
VALUES (:workspace, :channel, :template, :name, :state, '{"all": true}', '{"tags": ["vip"]}',
        '{"1": {"field": "first_name", "fallback": "there"}, "2": {"field": "city"}}',
        now() - make_interval(days => :days), now() - make_interval(days => :days),
        CASE WHEN :state = 'finished' THEN now() - make_interval(days => :days) END) RETURNING id
"""

# Out of 100: 5 failed for three reasons, 2 left out, 1 unknown, 42 delivered, 50 read.
_LEDGER = """
INSERT INTO messages (workspace_id, channel_id, broadcast_id, contact_id, template_id, phone, state, reached, skip_reason,
                      error_code, error_title, wamid, content, day, created_at, changed_at, accepted_at, sent_at,
                      delivered_at, read_at, failed_at, pricing_type)
SELECT :workspace, :channel, :broadcast, c.id, :template, c.phone, s.state,
       CASE s.state WHEN 'read' THEN 5 WHEN 'delivered' THEN 4 WHEN 'failed' THEN 1 WHEN 'unknown' THEN 1 ELSE 0 END,
       CASE WHEN s.state = 'skipped' THEN CASE WHEN s.n = 5 THEN 'opted_out' ELSE 'missing_value' END END,
       CASE WHEN s.state = 'failed' THEN (ARRAY[131026, 131026, 131026, 131049, 130472])[1 + s.n] END,
       CASE WHEN s.state = 'failed' THEN 'Message undeliverable' END,
       CASE WHEN s.state NOT IN ('queued', 'skipped') THEN 'wamid.HBgLMjc4MjAwMDAwMBUC.' || :broadcast || '.' || c.id END,
       CASE WHEN s.state IN ('queued', 'skipped') THEN NULL
            ELSE jsonb_build_object('values', jsonb_build_object('1', split_part(c.name, ' ', 1), '2', 'Paarl')) END,
       (d.at AT TIME ZONE 'Africa/Johannesburg')::date, d.at, d.at,
       CASE WHEN s.n > 7 THEN d.at END, CASE WHEN s.n > 7 THEN d.at END, CASE WHEN s.n > 7 THEN d.at END,
       CASE WHEN s.state = 'read' THEN d.at + interval '1 hour' END, CASE WHEN s.state = 'failed' THEN d.at END, 'regular'
FROM contacts c
CROSS JOIN LATERAL (SELECT abs(hashint8(c.id + :broadcast)) % 100 AS n) r
CROSS JOIN LATERAL (SELECT r.n, coalesce(CAST(:state AS text), CASE WHEN r.n < 5 THEN 'failed' WHEN r.n < 7 THEN 'skipped'
    WHEN r.n = 7 THEN 'unknown' WHEN r.n < 50 THEN 'delivered' ELSE 'read' END) AS state) s
CROSS JOIN LATERAL (SELECT now() - make_interval(days => :days) AS at) d
WHERE c.workspace_id = :workspace AND c.id >= :first AND c.id < :first + :size
ORDER BY c.id
"""

_REPLIED = """
UPDATE messages SET replied = true WHERE broadcast_id = :broadcast AND state = 'read' AND abs(hashint8(id)) % 60 = 0
"""

_SMALL_BROADCASTS = """
INSERT INTO broadcasts (workspace_id, channel_id, template_id, name, state, audience, created_at, started_at, finished_at)
SELECT :workspace, :channel, :template, 'Small group ' || n, CASE WHEN n % 50 = 0 THEN 'cancelled' ELSE 'finished' END,
       '{"tags": ["vip"]}', d.at, d.at, d.at
FROM generate_series(1, :count) AS n
CROSS JOIN LATERAL (SELECT now() - make_interval(days => n % 120) AS at) d
"""

_SMALL_MESSAGES = """
INSERT INTO messages (workspace_id, channel_id, broadcast_id, contact_id, template_id, phone, state, reached, wamid, day,
                      created_at, sent_at, delivered_at)
SELECT :workspace, :channel, b.id, c.id, :template, c.phone, 'delivered', 4, 'wamid.small.' || b.id || '.' || c.id,
       b.created_at::date, b.created_at, b.created_at, b.created_at
FROM broadcasts b
CROSS JOIN generate_series(0, :size - 1) AS n
JOIN contacts c ON c.id = :first + (b.id * :size + n) % :people
WHERE b.workspace_id = :workspace AND b.name LIKE 'Small group %'
"""

# Among the newest there is every kind of line that a list of conversations can show, however few rows there are.
_SINGLES = """
INSERT INTO messages (workspace_id, channel_id, contact_id, template_id, phone, type, state, reached, wamid, content, day,
                      created_at, sent_at, delivered_at, error_code)
SELECT :workspace, :channel, c.id, CASE WHEN n % 7 = 0 THEN :template END, c.phone,
       CASE WHEN n % 7 = 0 THEN 'template' ELSE 'text' END, CASE WHEN n % 5 = 0 THEN 'failed' ELSE 'delivered' END,
       CASE WHEN n % 5 = 0 THEN 1 ELSE 4 END, 'wamid.single.' || n,
       CASE WHEN n % 7 = 0 THEN '{"values": {"1": "Naledi", "2": "Paarl"}}' ELSE '{"body": "On its way."}' END::jsonb,
       d.at::date, d.at, d.at, CASE WHEN n % 5 > 0 THEN d.at END, CASE WHEN n % 5 = 0 THEN 131026 END
FROM generate_series(1, :count) AS n
JOIN contacts c ON c.id = :first + (n * 7) % :people
CROSS JOIN LATERAL (SELECT now() - make_interval(hours => (n % 2880)::int) AS at) d
"""

_ANSWERS = """
INSERT INTO messages (workspace_id, channel_id, contact_id, phone, direction, type, state, wamid, content, day, created_at)
SELECT m.workspace_id, m.channel_id, m.contact_id, m.phone, 'in', 'text', 'received', 'wamid.in.' || m.id,
       '{"body": "Yes please"}', m.day, m.created_at + interval '1 hour'
FROM messages m WHERE m.workspace_id = :workspace AND m.channel_id = :channel AND m.replied AND :template IS NOT NULL
ORDER BY m.id LIMIT :count
"""

# Everybody has talked with the shop: most of it long ago, some wait for an answer.
_CONVERSATIONS = """
INSERT INTO conversations (workspace_id, channel_id, contact_id, state, window_expires_at, unread_count, labels, assignee_id,
                           last_message_id, last_message_at)
SELECT m.workspace_id, m.channel_id, m.contact_id,
       CASE WHEN m.contact_id % 500 = 0 THEN 'open' WHEN m.contact_id % 9 = 0 THEN 'closed' ELSE 'expired' END,
       max(m.created_at) + interval '1 day', CASE WHEN m.contact_id % 700 = 0 THEN 2 ELSE 0 END,
       CASE WHEN m.contact_id % 2000 = 0 THEN ARRAY['refund'] ELSE '{}'::varchar[] END,
       CASE WHEN m.contact_id % 300 = 0 THEN (SELECT min(id) FROM members b WHERE b.workspace_id = m.workspace_id) END,
       max(m.id), max(m.created_at)
FROM messages m WHERE m.contact_id IS NOT NULL GROUP BY m.workspace_id, m.channel_id, m.contact_id
"""

_BUSY_THREAD = """
SELECT c.id FROM conversations c JOIN (
    SELECT contact_id FROM messages WHERE broadcast_id IS NULL GROUP BY contact_id ORDER BY count(*) DESC, contact_id LIMIT 1
) AS m USING (contact_id)
"""

_TEXTS = """
INSERT INTO message_texts (message_id, workspace_id, words)
SELECT id, workspace_id, CASE WHEN id % 5000 = 0 THEN 'Do you have a rhododendron' WHEN id % 3 = 0 THEN 'Is it still there'
                              ELSE 'Yes please' END || ' number ' || id
FROM messages WHERE broadcast_id IS NULL
"""

_ACCEPT = """
UPDATE messages SET state = 'accepted', reached = 2, wamid = 'wamid.live.' || id, accepted_at = now()
WHERE id >= :low AND id < :high
"""

_IMPORTS = """
INSERT INTO contact_imports (workspace_id, filename, storage_key, size_bytes, state, dialect, mapping, row_count, created_count,
                             invalid_count, finished_at)
SELECT :w, 'people-' || n || '.csv', 'none', 1000, 'done',
       '{"delimiter": ",", "encoding": "utf-8", "has_header": true, "columns": ["Cell", "Name", "City"], "samples": []}',
       '{"targets": ["phone", "name", "attribute:city"]}',
       :refused * 2, :refused, :refused, now()
FROM generate_series(1, 200) AS n RETURNING id
"""

_REFUSED = """
INSERT INTO import_rows (import_id, row_number, verdict, column_name, reason, cells)
SELECT :id, n + 1, CASE WHEN n % 3 = 0 THEN 'duplicate' ELSE 'invalid' END, 'phone', 'This number is too short.',
       '["0825", "Naledi", "Paarl"]'
FROM generate_series(1, :refused) AS n
"""

_OPT_OUTS = """
INSERT INTO consent_events (workspace_id, contact_id, consent, source, created_at)
SELECT workspace_id, id, 'opted_out', 'reply', now() - make_interval(mins => (id % 500000)::int)
FROM contacts WHERE consent = 'opted_out'
"""

# What is written to one person and is no template is an answer of the team.
_FIRST_ANSWERS = """
INSERT INTO first_answers (message_id, workspace_id, user_id, day, seconds)
SELECT id, workspace_id, :user, day, 20 + id % 20000 FROM messages
WHERE broadcast_id IS NULL AND direction = 'out' AND type = 'text'
"""

_EXPORTS = """
INSERT INTO exports (workspace_id, user_id, kind, format, name, timezone, state, row_count, size_bytes, expires_at)
SELECT :workspace, :user, 'contacts', 'csv', 'Contacts ' || n, 'UTC', 'done', n, n * 100, now() + interval '7 days'
FROM generate_series(1, 300) AS n
"""

# Triggers count them as they come from receipts.
_COSTS = """
INSERT INTO message_costs (message_id, workspace_id, channel_id, broadcast_id, day, category, type, country, market,
                           currency, micros)
SELECT id, workspace_id, channel_id, coalesce(broadcast_id, 0), day, (ARRAY['marketing', 'utility'])[1 + id % 2], 'regular',
       (ARRAY['ZA', 'NL', 'KE'])[1 + id % 3], (ARRAY['ZA', 'NL', 'rest_of_africa'])[1 + id % 3], 'USD', 37900
FROM messages WHERE direction = 'out' AND reached >= 4
"""

_SEGMENT = """
INSERT INTO segments (workspace_id, name, definition)
VALUES (:workspace, 'Patels with the newsletter', '{"match": "all", "conditions": [
    {"field": "tags", "op": "any", "value": ["newsletter"]}, {"field": "name", "op": "contains", "value": "patel"}]}')
RETURNING id
"""
