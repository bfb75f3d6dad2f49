"""A chunk of people into the contacts, in set-based SQL: what is written, and what would be.

Both ways load the chunk into a temporary table with COPY and meet the contacts by their unique number. All that a chunk does
happens in the caller's transaction, together with its checkpoint.
"""

import io
import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import text
from sqlalchemy.orm import Session

from wotnot.models import OnDuplicate
from wotnot.services import contacts
from wotnot.services.import_rows import Chunk

_TEMPORARY = """
CREATE TEMPORARY TABLE IF NOT EXISTS import_chunk (
    row_number integer, phone text, name text, email text, language text, attributes jsonb, tags jsonb
) ON COMMIT DELETE ROWS;
CREATE TEMPORARY TABLE IF NOT EXISTS import_refused (
    row_number integer, verdict text, column_name text, reason text, cells jsonb
) ON COMMIT DELETE ROWS;
"""

# A longer pending list lets the search index take many rows at once, which is most of the work; `settle_search` empties it.
_SETTINGS = "SET LOCAL gin_pending_list_limit = '64MB'; SET LOCAL work_mem = '128MB'"

_COPY_PEOPLE = "COPY import_chunk (row_number, phone, name, email, language, attributes, tags) FROM STDIN (FORMAT csv, FORCE_NOT_NULL (name, email))"
_COPY_REFUSED = "COPY import_refused (row_number, verdict, column_name, reason, cells) FROM STDIN (FORMAT csv, FORCE_NOT_NULL (column_name))"

# The chunk's people who are contacts. The temporary table has no statistics, and those of a filling table are always old: the
# OFFSET keeps the planner from meeting the two by anything but the unique index, once a row of the chunk.
_KNOWN = """import_chunk r CROSS JOIN LATERAL (
    SELECT * FROM contacts k WHERE k.workspace_id = :workspace_id AND k.phone = r.phone OFFSET 0
) c"""

_MERGED_COLUMNS = ("name", "email", "language", "attributes")

# What a known contact would look like after its row; an empty cell never takes anything away.
_MERGED = {
    OnDuplicate.FILL: (
        "CASE WHEN c.name = '' THEN r.name ELSE c.name END",
        "CASE WHEN c.email = '' THEN r.email ELSE c.email END",
        "coalesce(c.language, r.language)",
        "r.attributes || c.attributes",
    ),
    OnDuplicate.OVERWRITE: (
        "CASE WHEN r.name = '' THEN c.name ELSE r.name END",
        "CASE WHEN r.email = '' THEN c.email ELSE r.email END",
        "coalesce(r.language, c.language)",
        "c.attributes || r.attributes",
    ),
}


@dataclass(frozen=True, slots=True)
class WriteOptions:
    """What an import does with its rows; `tags` go on everyone in the file."""

    import_id: int
    workspace_id: int
    on_duplicate: OnDuplicate
    tags: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Counts:
    """What became of a chunk's people. `opted_out` of the `unchanged` were left alone because they opted out."""

    created: int = 0
    updated: int = 0
    unchanged: int = 0
    duplicates: int = 0
    opted_out: int = 0


def load_chunk(session: Session, chunk: Chunk, options: WriteOptions) -> None:
    """Put the chunk into the temporary tables, and its refused rows where the person will find them."""
    cursor = session.connection().connection.cursor()
    cursor.execute(_TEMPORARY)
    # Empty already, unless a caller's transaction holds more than one chunk; cheaper than a TRUNCATE, which makes files.
    cursor.execute("DELETE FROM import_chunk; DELETE FROM import_refused")
    cursor.execute(_SETTINGS)
    cursor.copy_expert(_COPY_PEOPLE, io.StringIO(chunk.people))
    if chunk.rejected:
        cursor.copy_expert(_COPY_REFUSED, io.StringIO(chunk.rejected))
        cursor.execute(
            "INSERT INTO import_rows (import_id, row_number, verdict, column_name, reason, cells) "
            "SELECT %s, row_number, verdict, column_name, reason, cells FROM import_refused",
            (options.import_id,),
        )
    cursor.close()


def write_chunk(session: Session, chunk: Chunk, options: WriteOptions) -> Counts:
    """Add the loaded chunk's new people, change the known ones as the import says, tag them all."""
    needs_ids = bool(options.tags or chunk.tags)
    if options.on_duplicate is not OnDuplicate.SKIP:
        _hold_known(session, chunk, options)
    created = _insert_new(session, options, needs_ids=needs_ids)
    known = chunk.people_count - len(created)
    if options.on_duplicate is OnDuplicate.SKIP:
        if needs_ids:
            _tag(session, chunk, options, only=created)
        return Counts(created=len(created), duplicates=known)
    changed = set(_update_known(session, options)) if known else set()
    if needs_ids:
        changed |= _tag(session, chunk, options, only=None) - set(created)
    opted_out = _count_opted_out(session, options) if known else 0
    return Counts(len(created), len(changed), known - len(changed), 0, opted_out)


def count_chunk(session: Session, chunk: Chunk, options: WriteOptions) -> Counts:
    """What `write_chunk` would do, without doing it."""
    changes = "false" if options.on_duplicate is OnDuplicate.SKIP else _changes(chunk, options)
    query = f"""
        SELECT count(*), count(*) FILTER (WHERE c.consent = 'opted_out'),
               count(*) FILTER (WHERE c.consent <> 'opted_out' AND ({changes}))
        FROM {_KNOWN}
    """  # noqa: S608 — the parts are constants of this module
    known, opted_out, updated = session.execute(text(query), _values(options)).one()
    created = chunk.people_count - known
    if options.on_duplicate is OnDuplicate.SKIP:
        return Counts(created=created, duplicates=known)
    return Counts(created, updated, known - updated, 0, opted_out)


def settle_search(session: Session) -> None:
    """Sort what still waits in front of the search index into it, so that searches need not read it row by row."""
    session.execute(text("SELECT gin_clean_pending_list('ix_contacts_search_text')"))


def _hold_known(session: Session, chunk: Chunk, options: WriteOptions) -> None:
    """Lock whom the chunk changes or tags in the order of ids, and before anybody is added, as a drain of webhooks does it: of
    the two one waits, and never each for the other.
    """
    statement = f"""
        SELECT id FROM contacts WHERE id = ANY(ARRAY(
            SELECT c.id FROM {_KNOWN} WHERE c.consent <> 'opted_out' AND ({_changes(chunk, options)})))
        ORDER BY id FOR NO KEY UPDATE
    """  # noqa: S608 — the parts are constants of this module
    session.execute(text(statement), _values(options))


def _insert_new(session: Session, options: WriteOptions, *, needs_ids: bool) -> Sequence[int]:
    """The ids of the people added, in file order; without `needs_ids` only as many of something."""
    statement = """
        INSERT INTO contacts (workspace_id, phone, name, email, language, attributes)
        SELECT :workspace_id, phone, name, email, language, attributes FROM import_chunk ORDER BY row_number
        ON CONFLICT (workspace_id, phone) DO NOTHING
    """
    if needs_ids:
        return session.scalars(text(statement + " RETURNING id"), _values(options)).all()
    return range(session.execute(text(statement), _values(options)).rowcount)  # type: ignore[attr-defined]


def _update_known(session: Session, options: WriteOptions) -> Sequence[int]:
    changes = ", ".join(f"{column} = {merged}" for column, merged in _merged(options).items())
    statement = f"""
        UPDATE contacts c SET {changes}, updated_at = now()
        FROM (SELECT c.id AS contact_id, r.* FROM {_KNOWN}) r
        WHERE c.id = r.contact_id AND c.consent <> 'opted_out' AND {_differs(options)}
        RETURNING c.id
    """  # noqa: S608 — the parts are constants of this module
    return session.scalars(text(statement), _values(options)).all()


def _tag(session: Session, chunk: Chunk, options: WriteOptions, *, only: Sequence[int] | None) -> set[int]:
    """Tag the chunk's people (`only` these contacts, if given) except the opted-out; answers who got a tag they lacked."""
    contacts.ensure_tags(options.workspace_id, sorted({*options.tags, *chunk.tags}))
    narrowed = "" if only is None else "AND c.id = ANY(:only)"
    statement = f"""
        INSERT INTO contact_tags (contact_id, tag_id, workspace_id)
        SELECT c.id, g.id, :workspace_id
        FROM {_KNOWN}
        CROSS JOIN LATERAL jsonb_array_elements_text(r.tags || CAST(:tags AS jsonb)) AS wanted(name)
        JOIN tags g ON g.workspace_id = :workspace_id AND lower(g.name) = lower(wanted.name)
        WHERE c.consent <> 'opted_out' {narrowed}
        ORDER BY c.id, g.id
        ON CONFLICT DO NOTHING RETURNING contact_id
    """  # noqa: S608 — the parts are constants of this module
    values = _values(options) | ({} if only is None else {"only": list(only)})
    return set(session.scalars(text(statement), values))


def _count_opted_out(session: Session, options: WriteOptions) -> int:
    query = f"SELECT count(*) FROM {_KNOWN} WHERE c.consent = 'opted_out'"  # noqa: S608 — constants
    return session.scalar(text(query), _values(options)) or 0


def _changes(chunk: Chunk, options: WriteOptions) -> str:
    return _differs(options) + (f" OR {_LACKS_TAG}" if options.tags or chunk.tags else "")


def _differs(options: WriteOptions) -> str:
    merged = _merged(options)
    return f"({', '.join(merged.values())}) IS DISTINCT FROM ({', '.join(f'c.{column}' for column in merged)})"


def _merged(options: WriteOptions) -> dict[str, str]:
    return dict(zip(_MERGED_COLUMNS, _MERGED[options.on_duplicate], strict=True))


_LACKS_TAG = """EXISTS (
    SELECT FROM jsonb_array_elements_text(r.tags || CAST(:tags AS jsonb)) AS wanted(name)
    WHERE NOT EXISTS (
        SELECT FROM contact_tags x JOIN tags g ON g.id = x.tag_id
        WHERE x.contact_id = c.id AND lower(g.name) = lower(wanted.name)
    )
)"""


def _values(options: WriteOptions) -> dict[str, Any]:
    return {"workspace_id": options.workspace_id, "tags": json.dumps(options.tags)}
