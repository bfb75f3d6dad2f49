"""Lists by offset, for the published short paths. Everything newer pages by cursor; here a deep page costs its depth, so
how deep one may go is limited.
"""

from collections.abc import Collection, Sequence
from typing import Any

from sqlalchemy import Row, select, text
from sqlalchemy.orm import joinedload

from wotnot.errors import Invalid
from wotnot.extensions import db
from wotnot.models import Broadcast, BroadcastState, Contact, ContactTag, Template
from wotnot.services import broadcast_reports, broadcasts
from wotnot.services.broadcast_reports import BroadcastSummary
from wotnot.services.contact_lists import find_tag

MAX_OFFSET = 100_000
SHOWN_PHONES = 100

_CONTACT_ORDER = {
    "created_at": Contact.id,
    "updated_at": Contact.updated_at,
    "name": Contact.name,
    "email": Contact.email,
    "phone": Contact.phone,
}
CONTACT_SORTS = tuple(_CONTACT_ORDER)


def list_contacts(
    workspace_id: int, *, limit: int, offset: int, tag: str | None, sort_by: str, is_descending: bool
) -> Sequence[Contact]:
    """Contacts with a tag, or all, sorted by one of CONTACT_SORTS. Raises Invalid for an offset beyond MAX_OFFSET."""
    _check_offset(offset)
    key = _CONTACT_ORDER[sort_by]
    query = select(Contact).where(Contact.workspace_id == workspace_id)
    if tag:
        found = find_tag(workspace_id, tag)
        if found is None:
            return []
        query = query.join(ContactTag, ContactTag.contact_id == Contact.id).where(ContactTag.tag_id == found.id)
    order = (key.desc(), Contact.id.desc()) if is_descending else (key.asc(), Contact.id.asc())
    return db.session.scalars(query.order_by(*order).limit(limit).offset(offset)).all()


def list_broadcasts(
    workspace_id: int, *, limit: int, offset: int, states: Collection[BroadcastState] = (), template: str | None = None
) -> list[BroadcastSummary]:
    """Broadcasts with their counts, newest first, in some states or all and with a template whose name holds some text.

    Raises Invalid for an offset beyond MAX_OFFSET.
    """
    _check_offset(offset)
    query = select(Broadcast).where(Broadcast.workspace_id == workspace_id).options(joinedload(Broadcast.template))
    if states:
        query = query.where(Broadcast.state.in_(states))
    if template:
        query = query.where(Broadcast.template.has(Template.name.icontains(template, autoescape=True)))
    found = db.session.scalars(query.order_by(Broadcast.id.desc()).limit(limit).offset(offset)).all()
    return broadcast_reports.summarise(found)


def first_phones(found: Sequence[Broadcast]) -> dict[int, list[str]]:
    """The first SHOWN_PHONES numbers of each broadcast, as E.164 digits, in one query. The caller checked the tenant.

    Before its list is made a broadcast has the numbers it was given, if it was given numbers.
    """
    phones = {one.id: list(one.audience.get("phones", ()))[:SHOWN_PHONES] for one in found}
    ledger: dict[int, list[str]] = {}
    for broadcast_id, phone in db.session.execute(text(_FIRST_PHONES), {"ids": list(phones), "limit": SHOWN_PHONES}):
        ledger.setdefault(broadcast_id, []).append(phone)
    return phones | ledger


def list_report(workspace_id: int, broadcast_id: int, *, limit: int, offset: int) -> Sequence[Row[Any]]:
    """Ledger rows of a broadcast with the contact's name, the oldest first. Raises NotFound, Invalid (offset)."""
    _check_offset(offset)
    broadcasts.get_broadcast(workspace_id, broadcast_id)
    return db.session.execute(
        text(_REPORT), {"broadcast": broadcast_id, "workspace": workspace_id, "limit": limit, "offset": offset}
    ).all()


def _check_offset(offset: int) -> None:
    if offset > MAX_OFFSET:
        raise Invalid(
            {"offset": f"Offsets end at {MAX_OFFSET:,}. The lists under /api/v1 page by cursor to any depth."}
        )


_FIRST_PHONES = """
SELECT b.id, m.phone
FROM unnest(CAST(:ids AS bigint[])) AS b(id)
CROSS JOIN LATERAL (
    SELECT phone FROM messages
    WHERE broadcast_id = b.id AND attempt = 1 AND phone IS NOT NULL
    ORDER BY contact_id LIMIT :limit
) m
"""

_REPORT = """
SELECT m.id, m.broadcast_id, m.phone, coalesce(c.name, '') AS name, m.wamid, m.state, m.reached, m.replied,
       m.skip_reason, m.error_code, m.error_title
FROM (
    SELECT * FROM messages WHERE broadcast_id = :broadcast AND workspace_id = :workspace
    ORDER BY contact_id, attempt LIMIT :limit OFFSET :offset
) m
LEFT JOIN contacts c ON c.id = m.contact_id
ORDER BY m.contact_id, m.attempt
"""
