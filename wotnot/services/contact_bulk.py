"""Many contacts at once: tag, untag, opt out, and the export. Set-based; every act is safe to repeat."""

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime

from sqlalchemy import BigInteger, Text, column, delete, func, literal, select, update, values
from sqlalchemy.dialects.postgresql import aggregate_order_by, insert

from wotnot.errors import Invalid
from wotnot.extensions import db
from wotnot.models import Contact, ContactTag, Tag
from wotnot.services import contact_rules as rules
from wotnot.services import contacts, csvio, events
from wotnot.services.contact_lists import find_tag, list_attribute_names, search_condition
from wotnot.services.transaction import transaction

MAX_SELECTED = 1000
_EXPORT_BATCH = 2000
EXPORT_COLUMNS = ("phone", "name", "email", "language", "tags", "consent", "created_at")


def tag_contacts(workspace_id: int, contact_ids: Sequence[int], name: str) -> int:
    """Put a tag on people, making it if it is new; answers how many did not have it. Raises Invalid."""
    name = rules.clean_tag(name)
    with transaction() as session:
        tag_id = next(iter(contacts.ensure_tags(workspace_id, [name]).values()))
        mine = select(Contact.id, literal(tag_id), Contact.workspace_id).where(
            Contact.workspace_id == workspace_id, Contact.id.in_(contact_ids)
        )
        added = insert(ContactTag).from_select(["contact_id", "tag_id", "workspace_id"], mine.order_by(Contact.id))
        done = session.scalars(added.on_conflict_do_nothing().returning(ContactTag.contact_id)).all()
        events.publish(workspace_id, "contacts")
        return len(done)


def untag_contacts(workspace_id: int, contact_ids: Sequence[int], name: str) -> int:
    """Take a tag off people; answers how many had it."""
    with transaction() as session:
        tag = find_tag(workspace_id, name)
        if tag is None:
            return 0
        gone = delete(ContactTag).where(ContactTag.tag_id == tag.id, ContactTag.contact_id.in_(contact_ids))
        done = session.scalars(gone.returning(ContactTag.contact_id)).all()
        events.publish(workspace_id, "contacts")
        return len(done)


def name_contacts(workspace_id: int, names: Mapping[str, str]) -> int:
    """Give a name to contacts that have none, by number as a person writes it; adds who is no contact yet.

    Answers how many names were given. Raises Invalid when a number cannot be one.
    """
    country = contacts.default_country(workspace_id)
    digits: dict[str, str] = {}
    errors: dict[str, str] = {}
    for phone, name in names.items():
        digits[rules.clean_phone(phone, country, errors)] = rules.clean_name(name, errors)
    if errors:
        raise Invalid(errors)
    with transaction() as session:
        contacts.hold_contacts(workspace_id, list(digits))
        ids = contacts.ensure_contacts(workspace_id, list(digits))
        rows = [(ids[phone], name) for phone, name in digits.items() if name]
        if not rows:
            return 0
        given = values(column("id", BigInteger), column("name", Text), name="given").data(rows)
        nameless = (Contact.workspace_id == workspace_id, Contact.id == given.c.id, Contact.name == "")
        named = update(Contact).where(*nameless).values(name=given.c.name).returning(Contact.id)
        events.publish(workspace_id, "contacts")
        return len(session.scalars(named, execution_options={"synchronize_session": False}).all())


def export_rows(
    workspace_id: int, *, search: str | None = None, tag: str | None = None, consent: str | None = None
) -> Iterator[str]:
    """The contacts as CSV text, oldest first, in pieces as they are read: memory does not grow with the list.

    Columns: EXPORT_COLUMNS, then one a custom field. Phones are written as +E.164 (see `csvio.guard` about formulas). The
    columns are settled and the filters checked before the first piece.
    """
    names = list_attribute_names(workspace_id)
    return csvio.write_rows(_export(workspace_id, names, search, tag, consent))


def _export(
    workspace_id: int, names: Sequence[str], search: str | None, tag: str | None, consent: str | None
) -> Iterator[Sequence[object]]:
    yield [*EXPORT_COLUMNS, *names]
    last_id: int | None = 0
    while last_id is not None:
        rows, last_id = read_rows(workspace_id, names, after=last_id, search=search, tag=tag, consent=consent)
        # Between two batches nothing is held: a slow download must not keep a transaction open.
        db.session.rollback()
        yield from ([cell.isoformat() if isinstance(cell, datetime) else cell for cell in row] for row in rows)


def read_rows(
    workspace_id: int,
    names: Sequence[str],
    *,
    after: int,
    search: str | None = None,
    tag: str | None = None,
    consent: str | None = None,
) -> tuple[list[list[str | datetime]], int | None]:
    """The next contacts behind the id `after` under EXPORT_COLUMNS and `names`, and the id of the last; None at the end."""
    found = _export_batch(workspace_id, after, search, tag, consent)
    rows = []
    for _, phone, name, email, language, attributes, consent_now, created_at, tags in found:
        own = (str(attributes.get(field, "")) for field in names)
        plus = f"+{phone}" if phone else ""
        rows.append([plus, name, email, language or "", ", ".join(tags or ()), consent_now.value, created_at, *own])
    return rows, found[-1].id if found else None


def _export_batch(
    workspace_id: int, after_id: int, search: str | None, tag: str | None, consent: str | None
) -> Sequence:  # type: ignore[type-arg]
    tags = (
        select(func.array_agg(aggregate_order_by(Tag.name, func.lower(Tag.name))))
        .join(ContactTag, ContactTag.tag_id == Tag.id)
        .where(ContactTag.contact_id == Contact.id)
        .scalar_subquery()
    )
    query = select(
        Contact.id,
        Contact.phone,
        Contact.name,
        Contact.email,
        Contact.language,
        Contact.attributes,
        Contact.consent,
        Contact.created_at,
        tags,
    ).where(Contact.workspace_id == workspace_id, Contact.id > after_id)
    if tag:
        found = find_tag(workspace_id, tag)
        having = select(ContactTag.contact_id).where(ContactTag.tag_id == (found.id if found else 0))
        query = query.where(Contact.id.in_(having))
    if consent:
        query = query.where(Contact.consent == consent)
    if search and search.strip():
        query = query.where(search_condition(search))
    return db.session.execute(query.order_by(Contact.id).limit(_EXPORT_BATCH)).all()
