"""Contacts and their tags: the owner of both tables, for one person at a time. Lists are in `contact_lists`, many at once
in `contact_bulk`, whole files in `contact_imports`.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from sqlalchemy import Text, cast, delete, func, select
from sqlalchemy.dialects.postgresql import ARRAY, insert
from sqlalchemy.orm import Session

from wotnot import clock
from wotnot.errors import Conflict, Invalid, NotFound
from wotnot.extensions import db
from wotnot.models import Consent, Contact, ContactTag, Tag, Workspace
from wotnot.services import contact_rules as rules
from wotnot.services import events, messages
from wotnot.services.consent import record_consent
from wotnot.services.contact_lists import (
    ContactCounts,
    TagCount,
    count_contacts,
    find_tag,
    list_attribute_names,
    list_contacts,
    list_tags,
    tags_of,
)
from wotnot.services.transaction import transaction

__all__ = [
    "ContactCounts",
    "TagCount",
    "count_contacts",
    "create_contact",
    "delete_contact",
    "delete_contacts",
    "ensure_contacts",
    "ensure_tags",
    "find_contact_by_phone",
    "find_tag",
    "get_contact",
    "hold_contacts",
    "list_attribute_names",
    "list_contacts",
    "list_tags",
    "tags_of",
    "update_contact",
]

_ROWS_A_STATEMENT = 5000


def get_contact(workspace_id: int, contact_id: int) -> Contact:
    """A contact. Raises NotFound, also for another workspace's."""
    contact = db.session.scalar(select(Contact).where(Contact.workspace_id == workspace_id, Contact.id == contact_id))
    if contact is None:
        raise NotFound("Contact")
    return contact


def find_contact_by_phone(workspace_id: int, phone: str) -> Contact | None:
    """The contact with this number, given as E.164 with or without the plus."""
    digits = phone.strip().removeprefix("+")
    return db.session.scalar(select(Contact).where(Contact.workspace_id == workspace_id, Contact.phone == digits))


def create_contact(
    workspace_id: int,
    *,
    phone: str,
    name: str = "",
    email: str = "",
    language: str = "",
    tags: Iterable[str] = (),
    attributes: Mapping[str, Any] | None = None,
    country: str | None = None,
    consent: Consent | None = None,
    user_id: int | None = None,
    source: str = "api",
) -> Contact:
    """Add a person. A number without a country code is one of `country`, by default the workspace's; `language` is a code or
    a name, as people write it.

    `consent` is kept with its `source` and the user who gave it. Raises Invalid for fields that cannot be taken, Conflict (with `contact_id`) when the number is a contact already.
    """
    errors: dict[str, str] = {}
    values = {
        "phone": rules.clean_phone(phone, country or default_country(workspace_id), errors),
        "name": rules.clean_name(name, errors),
        "email": rules.clean_email(email, errors),
        "language": rules.clean_language(language, errors),
        "attributes": rules.clean_attributes(attributes or {}, errors),
    }
    tag_names = rules.clean_tags(tags, errors)
    _refuse(errors)
    with transaction() as session:
        added = insert(Contact).values(workspace_id=workspace_id, **values).on_conflict_do_nothing().returning(Contact)
        contact = session.scalar(added)
        if contact is None:
            raise _taken(workspace_id, str(values["phone"]))
        _set_tags(session, contact, tag_names)
        if consent is not None:
            record_consent(workspace_id, [contact.id], consent, source=source, user_id=user_id)
            session.refresh(contact)
        events.publish(workspace_id, "contacts")
        return contact


def update_contact(
    workspace_id: int,
    contact_id: int,
    *,
    phone: str | None = None,
    name: str | None = None,
    email: str | None = None,
    language: str | None = None,
    tags: Iterable[str] | None = None,
    attributes: Mapping[str, Any] | None = None,
    country: str | None = None,
    consent: Consent | None = None,
    user_id: int | None = None,
    source: str = "api",
) -> Contact:
    """Change what is given; None leaves a field as it is, `tags` and `attributes` replace all, "" forgets the language.

    Raises NotFound, Invalid, and Conflict when the new number belongs to another contact.
    """
    errors: dict[str, str] = {}
    values: dict[str, Any] = {}
    if phone is not None:
        values["phone"] = rules.clean_phone(phone, country or default_country(workspace_id), errors)
    if name is not None:
        values["name"] = rules.clean_name(name, errors)
    if email is not None:
        values["email"] = rules.clean_email(email, errors)
    if language is not None:
        values["language"] = rules.clean_language(language, errors)
    if attributes is not None:
        values["attributes"] = rules.clean_attributes(attributes, errors)
    tag_names = None if tags is None else rules.clean_tags(tags, errors)
    with transaction() as session:
        contact = get_contact(workspace_id, contact_id)
        _refuse(errors)
        _refuse_taken(session, contact, values.get("phone"))
        for field, value in values.items():
            setattr(contact, field, value)
        contact.updated_at = clock.now()
        if tag_names is not None:
            _set_tags(session, contact, tag_names)
        session.flush()
        if consent is not None:
            record_consent(workspace_id, [contact.id], consent, source=source, user_id=user_id)
            session.refresh(contact)
        events.publish(workspace_id, "contacts", f"contact:{contact.id}")
        return contact


def delete_contact(workspace_id: int, contact_id: int) -> None:
    """Remove a person; what waits to be sent to them is skipped. Raises NotFound."""
    with transaction():
        get_contact(workspace_id, contact_id)
        delete_contacts(workspace_id, [contact_id])


def delete_contacts(workspace_id: int, contact_ids: Sequence[int]) -> int:
    """Remove people and skip what waits for them; answers how many there were. Strangers' ids are passed over."""
    with transaction() as session:
        mine = select(Contact.id).where(Contact.workspace_id == workspace_id, Contact.id.in_(contact_ids))
        found = list(session.scalars(mine.order_by(Contact.id).with_for_update()))
        messages.skip_for_contacts(found)
        session.execute(delete(Contact).where(Contact.id.in_(found)))
        events.publish(workspace_id, "contacts")
        return len(found)


def hold_contacts(workspace_id: int, phones: Sequence[str]) -> set[str]:
    """Lock who of these numbers (E.164 digits) is a contact, in the order of ids; answers their numbers.

    For whoever is about to write several: first this, then add who is missing, as every other writer does it, so that none waits
    for another that waits for it. Joins the caller's transaction.
    """
    known = select(Contact.id, Contact.phone).where(Contact.workspace_id == workspace_id, Contact.phone.in_(phones))
    return {str(row.phone) for row in db.session.execute(known.order_by(Contact.id).with_for_update(key_share=True))}


def ensure_contacts(workspace_id: int, phones: Sequence[str]) -> dict[str, int]:
    """The ids of the contacts with these numbers (E.164 digits), added where they were missing. Set-based."""
    ids: dict[str, int] = {}
    with transaction() as session:
        for start in range(0, len(phones), _ROWS_A_STATEMENT):
            some = sorted(set(phones[start : start + _ROWS_A_STATEMENT]))
            given = select(cast(workspace_id, Contact.workspace_id.type), func.unnest(cast(some, ARRAY(Text))))
            session.execute(insert(Contact).from_select(["workspace_id", "phone"], given).on_conflict_do_nothing())
            known = select(Contact.phone, Contact.id).where(
                Contact.workspace_id == workspace_id, Contact.phone.in_(some)
            )
            ids |= {str(phone): contact_id for phone, contact_id in session.execute(known)}
    return ids


def ensure_tags(workspace_id: int, names: Sequence[str]) -> dict[str, int]:
    """The ids of these tags by lower-case name, made where they were missing."""
    if not names:
        return {}
    # In one order whoever makes them: two that make the same ones never wait for one another.
    rows = [{"workspace_id": workspace_id, "name": name} for name in sorted(names, key=str.lower)]
    with transaction() as session:
        session.execute(insert(Tag).values(rows).on_conflict_do_nothing())
        wanted = select(func.lower(func.unnest(cast(list(names), ARRAY(Text)))))
        query = select(func.lower(Tag.name), Tag.id).where(
            Tag.workspace_id == workspace_id, func.lower(Tag.name).in_(wanted)
        )
        return {str(name): tag_id for name, tag_id in session.execute(query)}


def default_country(workspace_id: int) -> str:
    """The country of numbers without a country code."""
    return db.session.scalar(select(Workspace.default_country).where(Workspace.id == workspace_id)) or "US"


def _set_tags(session: Session, contact: Contact, names: Sequence[str]) -> None:
    """Make these the contact's tags, touching only what differs."""
    wanted = set(ensure_tags(contact.workspace_id, names).values())
    current = set(session.scalars(select(ContactTag.tag_id).where(ContactTag.contact_id == contact.id)))
    if gone := current - wanted:
        session.execute(delete(ContactTag).where(ContactTag.contact_id == contact.id, ContactTag.tag_id.in_(gone)))
    if new := wanted - current:
        rows = [{"contact_id": contact.id, "tag_id": tag, "workspace_id": contact.workspace_id} for tag in sorted(new)]
        session.execute(insert(ContactTag).values(rows).on_conflict_do_nothing())


def _refuse(errors: Mapping[str, str]) -> None:
    if errors:
        raise Invalid(errors)


def _refuse_taken(session: Session, contact: Contact, phone: str | None) -> None:
    if phone is None or phone == contact.phone:
        return
    other = select(Contact.id).where(Contact.workspace_id == contact.workspace_id, Contact.phone == phone)
    if session.scalar(other) is not None:
        raise _taken(contact.workspace_id, phone)


def _taken(workspace_id: int, phone: str) -> Conflict:
    existing = find_contact_by_phone(workspace_id, phone)
    return Conflict(
        f"+{phone} is a contact already: {(existing.name if existing else '') or 'without a name'}.",
        code="contact_exists",
        contact_id=existing.id if existing else None,
    )
