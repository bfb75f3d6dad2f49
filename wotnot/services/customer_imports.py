"""A shop's customers, and who bought there without an account, become contacts. Owns the `customer_imports` table.

The shop's own lists are read page by page. Each page is one commit, together with the mark of how far it is: after a crash the
next run goes on behind the last committed page, and of two runs at once the second finds the mark moved and stops.

Consent is taken from the named field only, and only for people who never said anything to us: an opt-out stays one.
"""

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from sqlalchemy import exists, select, text
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from wotnot import clock
from wotnot.errors import Conflict, Invalid, NotFound, Unavailable
from wotnot.extensions import db
from wotnot.models import Consent, ConsentEvent, Contact, CustomerImport, CustomerImportState, Shop
from wotnot.services import consent, contacts, events, queue, shop_access, shop_sync, shops
from wotnot.services.phone_numbers import PhoneError, is_country, parse_phone
from wotnot.services.shop_access import topic_of
from wotnot.services.transaction import release_connection, transaction
from wotnot.services.woocommerce.client import Answer, WooClient
from wotnot.services.woocommerce.customers import Buyer, read_buyer, read_customer
from wotnot.services.woocommerce.faults import LASTING, ShopFault, Trouble

logger = logging.getLogger(__name__)

CUSTOMERS, ORDERS = "customers", "orders"
LEASE = timedelta(minutes=2)
"""A run that has committed no page for so long is gone."""

MOST_FAILURES = 6
LONGEST_PAUSE = timedelta(minutes=15)
_LONGEST_KEY = 100


@dataclass(frozen=True, slots=True)
class Offer:
    """What there is to import: accounts and orders of the shop, as it says now."""

    customers: int
    orders: int


@dataclass(frozen=True, slots=True)
class _Step:
    """A page that is to be read next."""

    import_id: int
    workspace_id: int
    shop_id: int
    part: str
    page: int
    opt_in_key: str


def look_at(workspace_id: int, shop_id: int) -> Offer:
    """Ask the shop how many there are. Goes out on the network. Raises NotFound, Unavailable in words."""
    shop = shops.get_shop(workspace_id, shop_id)
    try:
        client = shop_access.client_for(shop)
        release_connection()
        with client:
            return Offer(client.list_customers(per_page=1).total, client.list_orders(per_page=1).total)
    except ShopFault as fault:
        shop_access.note_fault(shop_id, fault)
        raise Unavailable(fault.text, code=f"shop_{fault.trouble}") from fault


def start_import(
    workspace_id: int, shop_id: int, *, opt_in_key: str | None = None, user_id: int | None = None
) -> CustomerImport:
    """Begin to import in the background. `opt_in_key` names the field that holds consent; None is the shop's own, "" takes none.

    Raises Invalid, NotFound, Conflict (with `id`) while one is running.
    """
    try:
        with transaction() as session:
            shop = shops.get_shop(workspace_id, shop_id)
            key = shop.opt_in_key if opt_in_key is None else opt_in_key.strip()
            if len(key) > _LONGEST_KEY or not (key == "" or key.isprintable()):
                raise Invalid({"opt_in_key": f"At most {_LONGEST_KEY} characters, such as wotnot_opt_in."})
            one = CustomerImport(workspace_id=workspace_id, shop_id=shop_id, user_id=user_id, opt_in_key=key)
            session.add(one)
            session.flush()
            queue.enqueue("run_customer_import", one.id)
            events.publish(workspace_id, topic_of(shop_id))
    except IntegrityError as error:
        running = find_last(workspace_id, shop_id)
        raise Conflict(
            "The customers of this shop are being imported already.", code="import_running", id=running and running.id
        ) from error
    return one


def stop_import(workspace_id: int, shop_id: int, import_id: int) -> CustomerImport:
    """Read no further; who was added stays. Raises NotFound, Conflict when it has ended."""
    with transaction():
        one = _mine(workspace_id, shop_id, import_id, for_update=True)
        if one.state is not CustomerImportState.RUNNING:
            raise Conflict("It has ended already.", code="wrong_state")
        _end(one, CustomerImportState.STOPPED)
    return one


def get_import(workspace_id: int, shop_id: int, import_id: int) -> CustomerImport:
    """One import. Raises NotFound, also for another workspace's."""
    return _mine(workspace_id, shop_id, import_id)


def find_last(workspace_id: int, shop_id: int) -> CustomerImport | None:
    """The import that was begun last."""
    query = select(CustomerImport).where(CustomerImport.workspace_id == workspace_id, CustomerImport.shop_id == shop_id)
    newest = query.order_by(CustomerImport.id.desc()).limit(1)
    return db.session.scalar(newest.execution_options(populate_existing=True))


# ---------------------------------------------------------------- running


def run_import(import_id: int) -> dict[str, int]:
    """Read on from where an import is, until it ends or the shop fails. May run twice and at once."""
    read = 0
    while (step := _next_step(import_id)) is not None:
        try:
            answer = _ask(step)
        except ShopFault as fault:
            _note_fault(step, fault)
            break
        if not _apply(step, answer):
            break
        read += 1
    return {"pages": read}


def sweep_imports() -> dict[str, int]:
    """Have those go on whose job was lost, or whose shop is to be asked again."""
    due = (CustomerImport.state == CustomerImportState.RUNNING, CustomerImport.due_at <= clock.now())
    ids = db.session.scalars(select(CustomerImport.id).where(*due).order_by(CustomerImport.due_at).limit(50)).all()
    for import_id in ids:
        queue.enqueue_once("run_customer_import", import_id, every_seconds=30)
    return {"due": len(ids)}


def _next_step(import_id: int) -> _Step | None:
    """What is to be read; the run has it to itself for LEASE."""
    with transaction() as session:
        one = session.get(CustomerImport, import_id, with_for_update=True, populate_existing=True)
        if one is None or one.state is not CustomerImportState.RUNNING:
            return None
        one.due_at = clock.now() + LEASE
        return _Step(one.id, one.workspace_id, one.shop_id, one.part, one.next_page + 1, one.opt_in_key)


def _ask(step: _Step) -> Answer:
    shop = shop_access.find_listening(step.shop_id)
    if shop is None:
        raise ShopFault(Trouble.KEYS, "The shop was removed here")
    client = shop_access.client_for(shop)
    release_connection()
    with client:
        return _page(client, step)


def _page(client: WooClient, step: _Step) -> Answer:
    """Oldest first, so that who comes meanwhile is at the end and moves no page."""
    read: Callable[..., Answer] = client.list_customers if step.part == CUSTOMERS else client.list_orders
    return read(page=step.page, orderby="id", order="asc")


def _apply(step: _Step, answer: Answer) -> bool:
    """Take over a page and move the mark; False when somebody else did, or stopped it."""
    rows = answer.data if isinstance(answer.data, list) else []
    reader = read_customer if step.part == CUSTOMERS else read_buyer
    buyers = [one for one in (reader(row, step.opt_in_key) for row in rows) if one is not None]
    with transaction() as session:
        one = session.get(CustomerImport, step.import_id, with_for_update=True, populate_existing=True)
        is_next = one is not None and (one.part, one.next_page + 1) == (step.part, step.page)
        if one is None or not is_next or one.state is not CustomerImportState.RUNNING:
            return False
        _take_over(session, one, buyers)
        if step.part == ORDERS:  # what they bought before the shop was connected, for audiences
            shop_sync.keep_past(one.shop_id, [row for row in rows if isinstance(row, dict)])
        one.read_count += len(rows)
        one.total_count = max(one.total_count, one.read_count)
        if step.page == 1:
            one.total_count += max(0, answer.total - len(rows))
        one.failed_count, one.reason = 0, ""
        _move_on(one, is_last=step.page >= answer.pages or not rows)
        events.publish(one.workspace_id, topic_of(one.shop_id), "contacts")
    return True


def _move_on(one: CustomerImport, *, is_last: bool) -> None:
    one.next_page += 1
    if not is_last:
        return
    if one.part == CUSTOMERS:
        one.part, one.next_page = ORDERS, 0
    else:
        _end(one, CustomerImportState.DONE)


def _end(one: CustomerImport, state: CustomerImportState, reason: str = "") -> None:
    one.state, one.reason, one.finished_at = state, reason, clock.now()
    events.publish(one.workspace_id, topic_of(one.shop_id), "contacts")


def _note_fault(step: _Step, fault: ShopFault) -> None:
    """Try again later, a minute, two, four; give up after MOST_FAILURES in a row, or at once for what does not mend itself."""
    with transaction() as session:
        one = session.get(CustomerImport, step.import_id, with_for_update=True, populate_existing=True)
        if one is None or one.state is not CustomerImportState.RUNNING:
            return
        one.failed_count += 1
        if one.failed_count >= MOST_FAILURES or fault.trouble in LASTING:
            _end(one, CustomerImportState.FAILED, fault.text)
            return
        one.reason = fault.text
        pause = min(timedelta(minutes=2 ** (one.failed_count - 1)), LONGEST_PAUSE)
        one.due_at = clock.now() + max(pause, fault.wait)
        events.publish(one.workspace_id, topic_of(one.shop_id))
    logger.info("a shop's customers could not be read", extra={"shop_id": step.shop_id, "trouble": fault.trouble})


# ---------------------------------------------------------------- the people of a page


def _take_over(session: Session, one: CustomerImport, buyers: Sequence[Buyer]) -> None:
    """Contacts, what is blank in them, consent, and whose orders these are. Joins the caller's transaction."""
    by_phone, refused = _by_phone(one, buyers)
    phones = sorted(by_phone)
    known = contacts.hold_contacts(one.workspace_id, phones)
    ids = contacts.ensure_contacts(one.workspace_id, phones)
    one.added_count += len(by_phone) - len(known)
    one.known_count += len(known)
    one.refused_count += refused
    _fill_blanks(session, ids, by_phone)
    one.consent_count += _take_consent(session, one, ids, by_phone)
    orders = [(buyer.order_id, ids[phone]) for phone, found in by_phone.items() for buyer in found if buyer.order_id]
    given = {
        "shop": one.shop_id,
        "orders": [order_id for order_id, _ in orders],
        "ids": [contact_id for _, contact_id in orders],
    }
    session.execute(text(_WHOSE_ORDERS), given)


def _by_phone(one: CustomerImport, buyers: Sequence[Buyer]) -> tuple[dict[str, list[Buyer]], int]:
    """The people by their number as digits, read as one of their own country, and how many have none that could be read."""
    found: dict[str, list[Buyer]] = {}
    refused = 0
    shop_country = db.session.scalar(select(Shop.country).where(Shop.id == one.shop_id)) or ""
    usual = contacts.default_country(one.workspace_id)
    for buyer in buyers:
        country = next((each for each in (buyer.country, shop_country) if is_country(each)), usual)
        try:
            found.setdefault(parse_phone(buyer.phone, country).digits, []).append(buyer)
        except PhoneError:
            refused += 1
    return found, refused


def _fill_blanks(session: Session, ids: dict[str, int], by_phone: dict[str, list[Buyer]]) -> None:
    """What the shop knows and we do not; what a person here wrote stays."""
    newest = {ids[phone]: found[-1] for phone, found in by_phone.items()}
    given = {
        "ids": list(newest),
        "names": [buyer.name[:200] for buyer in newest.values()],
        "emails": [buyer.email if "@" in buyer.email else "" for buyer in newest.values()],
    }
    session.execute(text(_BLANKS), given)


def _take_consent(session: Session, one: CustomerImport, ids: dict[str, int], by_phone: dict[str, list[Buyer]]) -> int:
    """Those who ticked the box and never said anything to us. They are locked, so that an opt-out at this moment stays."""
    ticked = [ids[phone] for phone, found in by_phone.items() if any(buyer.opt_in for buyer in found)]
    silent = (
        select(Contact.id)
        .where(
            Contact.id.in_(ticked),
            Contact.consent == Consent.UNKNOWN,
            ~exists().where(ConsentEvent.contact_id == Contact.id),
        )
        .order_by(Contact.id)
        .with_for_update(key_share=True)
    )
    wanted: list[Any] = list(session.scalars(silent))
    if not wanted:
        return 0
    name = db.session.scalar(select(Shop.name).where(Shop.id == one.shop_id)) or "the shop"
    note = f"Ticked the box “{one.opt_in_key}” in {name}, read when its customers were imported"
    return len(consent.record_consent(one.workspace_id, wanted, Consent.OPTED_IN, source="shop", note=note))


def _mine(workspace_id: int, shop_id: int, import_id: int, *, for_update: bool = False) -> CustomerImport:
    one = db.session.get(CustomerImport, import_id, with_for_update=for_update or None, populate_existing=True)
    if one is None or (one.workspace_id, one.shop_id) != (workspace_id, shop_id):
        raise NotFound("Import")
    return one


_BLANKS = """
UPDATE contacts c SET
    name = CASE WHEN c.name = '' THEN g.name ELSE c.name END,
    email = CASE WHEN c.email = '' THEN g.email ELSE c.email END,
    updated_at = now()
FROM unnest(CAST(:ids AS bigint[]), CAST(:names AS text[]), CAST(:emails AS text[])) AS g (id, name, email)
WHERE c.id = g.id AND ((c.name = '' AND g.name <> '') OR (c.email = '' AND g.email <> ''))
"""

_WHOSE_ORDERS = """
UPDATE shop_orders o SET contact_id = g.contact_id
FROM unnest(CAST(:orders AS bigint[]), CAST(:ids AS bigint[])) AS g (order_id, contact_id)
WHERE o.shop_id = :shop AND o.order_id = g.order_id AND o.contact_id IS NULL
"""
