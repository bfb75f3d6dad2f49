"""Orders of shops: how each was told last, whose it is, and what that means for the rules. Owns the `shop_orders` table.

Everything here joins the transaction of the inbox, so an order's state, its contact and what is to be messaged are one commit.
"""

import hashlib
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import select, text
from sqlalchemy.dialects.postgresql import insert

from wotnot import clock
from wotnot.errors import NotFound
from wotnot.extensions import db
from wotnot.models import Consent, ConsentEvent, Contact, Shop, ShopOrder, ShopState
from wotnot.services import consent, contacts, events, shop_messages
from wotnot.services.phone_numbers import PhoneError, is_country, parse_phone
from wotnot.services.shop_access import topic_of
from wotnot.services.transaction import transaction
from wotnot.services.woocommerce.notes import Note, note_words
from wotnot.services.woocommerce.orders import DRAFTS, Known, Order, happenings

DELETED = "deleted"
_LINKED_AT_ONCE = 2_000
_LOOKS = ((timedelta(days=1), timedelta(minutes=10)), (timedelta(days=14), timedelta(hours=2)))
"""(how long ago an order changed, how long until its notes are looked at again)."""


def apply_order(shop: Shop, order: Order) -> None:
    """Take over an order as its shop told it; what is older than what we know changes nothing. Joins the caller's transaction.

    May be called any number of times and in any order: what happened is messaged once.
    """
    if order.status in DRAFTS:
        return
    row, known = _locked_row(shop, order)
    news = happenings(order, known, shop.listening_since) if shop.state is ShopState.CONNECTED else []
    if known is None or order.modified_at >= known.modified_at:
        _take_over(row, order)
        row.notes_due_at = clock.now() if order.modified_at >= shop.listening_since.replace(microsecond=0) else None
    else:
        order = Order.from_json(row.facts)  # an older copy may show that what we know was news
    if known is None or row.contact_id is None or news:
        _find_person(shop, row, order, may_add=bool(news))
    if known is None and row.contact_id is not None and order.opt_in:
        _take_consent(shop, row, order)
    db.session.flush()
    shop_messages.plan(shop, row, order, news)
    events.publish(shop.workspace_id, topic_of(shop.id), *([f"contact:{row.contact_id}"] if row.contact_id else []))


def apply_note(shop: Shop, said: dict[str, Any], at: datetime) -> bool:
    """A note that an order's customer may read, told `at`; False while the order is not known. Joins the caller's transaction.

    WooCommerce tells the text and no id, so the same words about the same order count once.
    """
    row = _find_row(shop, said.get("order_id"))
    if row is not None:
        _take_note(shop, row, str(said.get("customer_note") or ""), at)
    return row is not None


def apply_listed_notes(shop: Shop, row_id: int, notes: Sequence[Note]) -> int:
    """Notes to the customer as the order's own list has them, and when to look again; answers how many could be news.

    Joins the caller's transaction. What a webhook told already is not messaged again.
    """
    row = db.session.get(ShopOrder, row_id, with_for_update=True, populate_existing=True)
    if row is None:
        return 0
    news = [note for note in notes if note.at >= shop.listening_since.replace(microsecond=0)]
    for note in news:
        _take_note(shop, row, note.text, note.at)
    row.notes_due_at = _next_look(row.modified_at)
    return len(news)


def list_due_for_notes(shop_id: int, limit: int) -> list[tuple[int, int]]:
    """(our id, the shop's id) of orders whose notes are to be looked at, those that wait longest first."""
    due = (ShopOrder.shop_id == shop_id, ShopOrder.notes_due_at <= clock.now())
    query = select(ShopOrder.id, ShopOrder.order_id).where(*due).order_by(ShopOrder.notes_due_at).limit(limit)
    return [(row.id, row.order_id) for row in db.session.execute(query)]


def apply_deleted(shop: Shop, order_id: object, reason: str = "The order was deleted in the shop.") -> None:
    """An order that is no more: what waits for it is not sent, for the `reason`. Joins the caller's transaction."""
    row = _find_row(shop, order_id)
    if row is not None:
        row.status = DELETED
        shop_messages.leave_out(row.id, reason)
        events.publish(shop.workspace_id, topic_of(shop.id))


def link_past_orders() -> dict[str, int]:
    """Give orders whose buyer was no contact when they were read to the contacts that came since, by the number.

    Past orders add nobody to the contacts, so people come later: by an import, by writing to us, by hand.
    """
    linked = 0
    while True:
        with transaction() as session:
            found = int(session.execute(text(_LINK), {"limit": _LINKED_AT_ONCE}).rowcount)  # type: ignore[attr-defined]
        linked += found
        if found < _LINKED_AT_ONCE:
            return {"linked": linked}


def list_recent(workspace_id: int, shop_id: int, limit: int = 20) -> list[ShopOrder]:
    """The newest orders of a shop, to try a rule with."""
    query = select(ShopOrder).where(ShopOrder.workspace_id == workspace_id, ShopOrder.shop_id == shop_id)
    return list(db.session.scalars(query.order_by(ShopOrder.placed_at.desc(), ShopOrder.id.desc()).limit(limit)))


def get_order(workspace_id: int, shop_id: int, row_id: int) -> ShopOrder:
    """One order by our id. Raises NotFound."""
    row = db.session.get(ShopOrder, row_id)
    if row is None or row.workspace_id != workspace_id or row.shop_id != shop_id:
        raise NotFound("Order")
    return row


def list_of_contact(workspace_id: int, contact_id: int, limit: int = 5) -> list[ShopOrder]:
    """What somebody ordered, the newest first."""
    query = select(ShopOrder).where(ShopOrder.workspace_id == workspace_id, ShopOrder.contact_id == contact_id)
    return list(db.session.scalars(query.order_by(ShopOrder.placed_at.desc(), ShopOrder.id.desc()).limit(limit)))


def summary_of(workspace_id: int, shop_ids: Sequence[int]) -> dict[int, tuple[int, ShopOrder | None]]:
    """How many orders of each shop we know, and the one placed last."""
    rows = db.session.execute(text(_SUMMARY), {"workspace": workspace_id, "shops": list(shop_ids)}).all()
    newest = {
        row.id: row for row in db.session.scalars(select(ShopOrder).where(ShopOrder.id.in_([r.newest for r in rows])))
    }
    found = {row.shop_id: (int(row.amount), newest.get(row.newest)) for row in rows}
    return {shop_id: found.get(shop_id, (0, None)) for shop_id in shop_ids}


def known_states(orders: Sequence[tuple[int, int]]) -> dict[tuple[int, int], Known]:
    """How some orders, given as (shop, the shop's id), were told last; what is not known is missing."""
    given = {"shops": [shop_id for shop_id, _ in orders], "orders": [order_id for _, order_id in orders]}
    rows = db.session.execute(text(_KNOWN_STATES), given)
    return {(row.shop_id, row.order_id): Known(row.status, row.modified_at) for row in rows}


def _locked_row(shop: Shop, order: Order) -> tuple[ShopOrder, Known | None]:
    """The order's row, made when there is none, and locked: of two who tell the same order at once one waits."""
    values = _columns(order) | {"workspace_id": shop.workspace_id, "shop_id": shop.id, "order_id": order.order_id}
    added = insert(ShopOrder).values(**values).on_conflict_do_nothing().returning(ShopOrder.id)
    is_new = db.session.scalar(added) is not None
    query = select(ShopOrder).where(ShopOrder.shop_id == shop.id, ShopOrder.order_id == order.order_id)
    row = db.session.scalars(query.with_for_update().execution_options(populate_existing=True)).one()
    return row, None if is_new else Known(row.status, row.modified_at)


def _find_row(shop: Shop, order_id: object) -> ShopOrder | None:
    if not isinstance(order_id, int):
        return None
    query = select(ShopOrder).where(ShopOrder.shop_id == shop.id, ShopOrder.order_id == order_id)
    return db.session.scalar(query.with_for_update())


def _take_note(shop: Shop, row: ShopOrder, said: str, at: datetime) -> None:
    """Plan a message about a note, once for the same words about the same order. A note is news, of a past order too."""
    note = note_words(said)
    if note and shop.state is ShopState.CONNECTED:
        occurrence = hashlib.sha256(note.encode()).hexdigest()[:32]
        if shop_messages.plan_note(row, note, occurrence, at) and row.contact_id is None:
            _find_person(shop, row, Order.from_json(row.facts), may_add=True)


def _next_look(changed_at: datetime) -> datetime | None:
    """A note leaves the order's own date as it was, so orders that changed lately are looked at again; old ones are not."""
    age = clock.now() - changed_at
    pause = next((pause for young, pause in _LOOKS if age < young), None)
    return clock.now() + pause if pause else None


def _columns(order: Order) -> dict[str, Any]:
    return {
        "number": order.number,
        "status": order.status,
        "currency": order.currency,
        "total_micros": order.total_micros,
        "facts": order.as_json(),
        "placed_at": order.placed_at,
        "modified_at": order.modified_at,
    }


def _take_over(row: ShopOrder, order: Order) -> None:
    for name, value in _columns(order).items():
        setattr(row, name, value)


# ---------------------------------------------------------------- the person


def _find_person(shop: Shop, row: ShopOrder, order: Order, *, may_add: bool) -> None:
    """Whose order it is, by the billing phone read as one of the order's country. Past orders add nobody to the contacts."""
    country = next((one for one in (order.country, shop.country) if is_country(one)), "")
    try:
        phone = parse_phone(order.phone, country or contacts.default_country(shop.workspace_id)).digits
    except PhoneError as error:
        row.phone, row.phone_problem = "", str(error)
        return
    row.phone, row.phone_problem = phone, ""
    contact = contacts.find_contact_by_phone(shop.workspace_id, phone)
    if contact is None and may_add:
        contact_id = contacts.ensure_contacts(shop.workspace_id, [phone])[phone]
        contact = db.session.get(Contact, contact_id)
        events.publish(shop.workspace_id, "contacts")
    if contact is not None:
        row.contact_id = contact.id
        _fill_in(contact, order)


def _fill_in(contact: Contact, order: Order) -> None:
    """What the shop knows and we do not; what a person here wrote stays."""
    if not contact.name and order.name:
        contact.name = order.name[:200]
    if not contact.email and "@" in order.email:
        contact.email = order.email


def _take_consent(shop: Shop, row: ShopOrder, order: Order) -> None:
    """The box at the checkout was ticked; it counts unless they said something later, and only for orders that are news."""
    if order.placed_at < shop.listening_since.replace(microsecond=0) or row.contact_id is None:
        return
    later = select(ConsentEvent.id).where(
        ConsentEvent.contact_id == row.contact_id, ConsentEvent.created_at > order.placed_at
    )
    if db.session.scalar(later.limit(1)) is None:
        note = f"Ticked the box at the checkout of {shop.name}, order {order.number}"
        consent.record_consent(shop.workspace_id, [row.contact_id], Consent.OPTED_IN, source="shop", note=note)


_KNOWN_STATES = """
SELECT o.shop_id, o.order_id, o.status, o.modified_at
FROM unnest(CAST(:shops AS bigint[]), CAST(:orders AS bigint[])) AS g (shop_id, order_id)
JOIN shop_orders o ON o.shop_id = g.shop_id AND o.order_id = g.order_id
"""

_LINK = """
WITH found AS (
    SELECT o.id, c.id AS contact_id FROM shop_orders o
    JOIN contacts c ON c.workspace_id = o.workspace_id AND c.phone = o.phone
    WHERE o.contact_id IS NULL AND o.phone <> '' LIMIT :limit FOR UPDATE OF o SKIP LOCKED)
UPDATE shop_orders o SET contact_id = found.contact_id FROM found WHERE o.id = found.id
"""

_SUMMARY = """
SELECT s.id AS shop_id, (SELECT count(*) FROM shop_orders o WHERE o.shop_id = s.id) AS amount,
    (SELECT o.id FROM shop_orders o WHERE o.shop_id = s.id ORDER BY placed_at DESC, id DESC LIMIT 1) AS newest
FROM shops s WHERE s.workspace_id = :workspace AND s.id = ANY(CAST(:shops AS bigint[]))
"""
