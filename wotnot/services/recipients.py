"""Every recipient of a broadcast: a list by state and country with search, and the whole of it as a stream for the report."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import text

from wotnot.errors import Invalid
from wotnot.extensions import db
from wotnot.services.keyset import Keyset
from wotnot.services.pages import Page, clamp_limit
from wotnot.services.recipient_countries import read_country
from wotnot.services.recipient_search import VIEWS, RecipientSearch

STREAM_BATCH = 2_000


@dataclass(frozen=True, slots=True)
class Recipient:
    """One ledger row with its person. `values` are what was sent, and `template_version` the words it was sent with, None
    until then; times are aware or None.

    `language` is that of the translation `template_id`, which they get.
    """

    id: int
    contact_id: int | None
    name: str
    phone: str | None
    wa_user_id: str | None
    email: str
    attributes: dict[str, Any]
    state: str
    replied: bool
    attempt: int
    wamid: str | None
    values: dict[str, str] | None
    template_version: int | None
    skip_reason: str | None
    error_code: int | None
    error_title: str | None
    due_at: datetime | None
    queued_at: datetime
    changed_at: datetime
    accepted_at: datetime | None
    sent_at: datetime | None
    delivered_at: datetime | None
    read_at: datetime | None
    failed_at: datetime | None
    template_id: int | None
    language: str | None
    hold_reason: str | None = None

    @property
    def cause(self) -> str:
        """The skip reason or the error code, as text; empty when there is neither."""
        return self.skip_reason or (str(self.error_code) if self.error_code is not None else "")


def list_recipients(
    workspace_id: int,
    broadcast_id: int,
    *,
    view: str = "all",
    cause: str | None = None,
    country: str | None = None,
    search: str | None = None,
    cursor: str | None = None,
    limit: int | None = None,
) -> Page[Recipient]:
    """A page of a broadcast's ledger rows in the order in which they are sent, so that a page watched live moves at its
    top. `country` is what `read_country` takes. The caller has checked that the broadcast is the workspace's.

    Raises Invalid for an unknown view, an unknown country or a foreign cursor.
    """
    if view not in VIEWS:
        raise Invalid({"state": f"Choose one of {', '.join(VIEWS)}."})
    keyset = Keyset.decode(cursor, clamp_limit(limit))
    words = search and search.strip()
    wanted = RecipientSearch(workspace_id, broadcast_id, VIEWS[view], cause, read_country(country), words)
    return keyset.page(_fetch(wanted.find(keyset), keyset), lambda recipient: recipient.id)


def read_recipients(
    workspace_id: int,
    broadcast_id: int,
    *,
    view: str = "all",
    cause: str | None = None,
    country: str | None = None,
    search: str | None = None,
    after: int | None = None,
    limit: int,
) -> list[Recipient]:
    """The next `limit` rows behind the message `after`, as `list_recipients` has them; for files, which take more at once."""
    keyset = Keyset(limit, after)
    wanted = RecipientSearch(workspace_id, broadcast_id, VIEWS[view], cause, read_country(country), search)
    return _fetch(wanted.find(keyset)[:limit], keyset)


def _fetch(ids: Sequence[int], keyset: Keyset) -> list[Recipient]:
    rows = db.session.execute(_UPWARDS if keyset.is_older else _DOWNWARDS, {"ids": list(ids)})
    return [Recipient(*row) for row in rows]


def stream_recipients(broadcast_id: int) -> Iterator[Recipient]:
    """Every ledger row of a broadcast in the order of its contacts, over a server-side cursor: constant memory.

    The caller has checked the tenant, and keeps the app context until the last row.
    """
    result = db.session.execute(
        _STREAM,
        {"broadcast": broadcast_id},
        execution_options={"yield_per": STREAM_BATCH},
    )
    for rows in result.partitions(STREAM_BATCH):
        yield from (Recipient(*row) for row in rows)


# In the order of Recipient's fields.
_SELECT = """
SELECT m.id, m.contact_id, coalesce(c.name, '') AS name, m.phone, m.wa_user_id, coalesce(c.email, '') AS email,
       coalesce(c.attributes, '{}'::jsonb) AS attributes, m.state, m.replied, m.attempt, m.wamid, m.content -> 'values',
       m.template_version, m.skip_reason, m.error_code, m.error_title, m.due_at, m.created_at AS queued_at, m.changed_at,
       m.accepted_at, m.sent_at, m.delivered_at, m.read_at, m.failed_at, m.template_id, t.language,
       m.hold_reason
FROM messages m LEFT JOIN contacts c ON c.id = m.contact_id LEFT JOIN templates t ON t.id = m.template_id
"""
_SOME = _SELECT + "WHERE m.id = ANY(CAST(:ids AS bigint[])) ORDER BY m.id "
_UPWARDS, _DOWNWARDS = text(_SOME + "ASC"), text(_SOME + "DESC")
_STREAM = text(_SELECT + "WHERE m.broadcast_id = :broadcast ORDER BY m.contact_id, m.attempt")
