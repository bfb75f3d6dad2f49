"""Messages about orders: planned once for a rule and an order, then written to the ledger when their time has come.

The plan's unique key is what keeps a webhook that comes again, late or twice at once from being messaged again; the plan is
settled in the transaction that writes the message, so no crash can do one without the other. Owns the `shop_messages` table.
"""

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, Select, and_, exists, func, literal, not_, select, update
from sqlalchemy.dialects.postgresql import insert

from wotnot import clock
from wotnot.errors import Conflict, DomainError, NotFound, Unavailable
from wotnot.extensions import db
from wotnot.models import (
    Contact,
    Message,
    Shop,
    ShopMessage,
    ShopMessageState,
    ShopOrder,
    ShopRule,
    ShopState,
    Template,
)
from wotnot.services import channels, events, single_messages
from wotnot.services.keyset import Keyset
from wotnot.services.pages import Page, clamp_limit
from wotnot.services.shop_access import topic_of
from wotnot.services.transaction import transaction
from wotnot.services.woocommerce.orders import UNPAID, Happening, Order, status_words
from wotnot.services.woocommerce.values import LABELS, fill, fits

logger = logging.getLogger(__name__)

LATEST = timedelta(hours=24)
"""What could not be said within this time is not said any more: an order confirmation of yesterday only confuses."""

AGAIN_AFTER = timedelta(minutes=2)
BATCH = 40
UNPAID_EVENT = "unpaid"
_MAY_PASS = frozenset({"channel_stopped", "template_not_approved"})
"""What keeps a message waiting instead of losing it: somebody may mend it within the day."""


# ---------------------------------------------------------------- planning


def plan(shop: Shop, row: ShopOrder, order: Order, news: Sequence[Happening]) -> None:
    """Plan a message for every rule that is about `news`. Joins the caller's transaction."""
    happened = {one.event: one.at for one in news}
    unpaid = [one.at for one in news if one.event.removeprefix("status:") in UNPAID]
    if unpaid:
        happened[UNPAID_EVENT] = unpaid[0]
    for rule in _rules(shop.id, list(happened)):
        if fits(rule.conditions, order):
            _plan_one(rule, row, happened[rule.event])


def plan_note(row: ShopOrder, note: str, occurrence: str, at: datetime) -> bool:
    """Plan a message for every rule about notes; answers whether there is one for this order. Joins the caller's transaction."""
    order = Order.from_json(row.facts)
    rules = [rule for rule in _rules(row.shop_id, ["note"]) if fits(rule.conditions, order)]
    for rule in rules:
        _plan_one(rule, row, at, occurrence=occurrence, beside={"note": note})
    return bool(rules)


def has_note_rule(shop_id: int) -> bool:
    """Whether anything is to be said about notes in a shop; without it they need not be looked for."""
    return bool(_rules(shop_id, ["note"]))


def leave_out(order_row_id: int, reason: str) -> None:
    """Settle what still waits for an order. Joins the caller's transaction."""
    waiting = (ShopMessage.order_id == order_row_id, ShopMessage.state == ShopMessageState.WAITING)
    db.session.execute(update(ShopMessage).where(*waiting).values(state=ShopMessageState.LEFT_OUT, reason=reason))


def _rules(shop_id: int, happened: Sequence[str]) -> Sequence[ShopRule]:
    if not happened:
        return ()
    wanted = (ShopRule.shop_id == shop_id, ShopRule.event.in_(happened), ShopRule.is_on, ShopRule.deleted_at.is_(None))
    return db.session.scalars(select(ShopRule).where(*wanted).order_by(ShopRule.id)).all()


def _plan_one(
    rule: ShopRule, row: ShopOrder, at: datetime, *, occurrence: str = "", beside: Mapping[str, str] | None = None
) -> None:
    if at < rule.active_since.replace(microsecond=0):  # the shop's times are whole seconds
        return
    values = {
        "workspace_id": rule.workspace_id,
        "shop_id": rule.shop_id,
        "rule_id": rule.id,
        "order_id": row.id,
        "occurrence": occurrence,
        "beside": dict(beside or {}),
        "happened_at": at,
        "due_at": max(at + timedelta(minutes=rule.delay_minutes), clock.now()),
    }
    db.session.execute(insert(ShopMessage).values(**values).on_conflict_do_nothing())


# ---------------------------------------------------------------- writing


def write_due(limit: int = BATCH) -> int:
    """Write the messages that are due to the ledger, or settle why not; answers how many were settled or put off.

    Reminders of unpaid orders are none of them: their shop is asked first (`shop_asks.py`).
    """
    due = _due().where(not_(_is_asked_first()))
    found = list(db.session.scalars(due.order_by(ShopMessage.due_at, ShopMessage.id).limit(limit)))
    if found:
        bring_files(found)
        try:
            _write(found)
        except Exception:
            # Whatever it was, one message must not keep the others waiting, nor be tried without a pause.
            db.session.rollback()
            logger.exception("messages about orders could not be written together; trying them one by one")
            _write_singly(found)
    return len(found)


def has_due() -> bool:
    """Whether `write_due` would find something."""
    return bool(db.session.scalar(select(exists(_due().where(not_(_is_asked_first()))))))


def _due() -> Select[int]:
    due = (ShopMessage.state == ShopMessageState.WAITING, ShopMessage.due_at <= clock.now())
    joined = (
        select(ShopMessage.id)
        .select_from(ShopMessage)
        .join(ShopMessage.rule)
        .join(Shop, Shop.id == ShopMessage.shop_id)
    )
    return joined.where(*due)


def _is_asked_first() -> ColumnElement[bool]:
    """What is written only after a look at the order in its shop, unless it is left out anyway."""
    latest = literal(clock.now() - LATEST, ShopMessage.happened_at.type)
    return and_(
        ShopRule.event == UNPAID_EVENT,
        ShopRule.is_on,
        ShopRule.deleted_at.is_(None),
        Shop.state == ShopState.CONNECTED,
        ShopMessage.happened_at >= latest - func.make_interval(0, 0, 0, 0, 0, ShopRule.delay_minutes),
    )


def bring_files(plan_ids: Sequence[int]) -> None:
    """Files of the library go to Meta before the transaction, and only once a month."""
    rules = select(ShopRule).join(ShopMessage, ShopMessage.rule_id == ShopRule.id).where(ShopMessage.id.in_(plan_ids))
    wanted = [
        (rule.workspace_id, rule.channel_id, {"variables": dict(rule.variables)})
        for rule in db.session.scalars(rules.distinct())
        if any("file_id" in source for source in rule.variables.values())
    ]
    for workspace_id, channel_id, content in wanted:
        try:
            single_messages.bring_files(workspace_id, channel_id, content)
        except Unavailable:
            logger.warning(
                "a file for messages about orders could not be brought to Meta", extra={"channel_id": channel_id}
            )


def _write_singly(plan_ids: Sequence[int]) -> None:
    for plan_id in plan_ids:
        try:
            _write([plan_id])
        except Exception:
            db.session.rollback()
            logger.exception("a message about an order could not be written")
            put_off(plan_id, "Something went wrong here; it is tried again.")


def _write(plan_ids: Sequence[int]) -> None:
    """Settle some plans in one transaction. Who takes them at the same moment finds none."""
    with transaction() as session:
        mine = select(ShopMessage).where(
            ShopMessage.id.in_(plan_ids),
            ShopMessage.state == ShopMessageState.WAITING,
            ShopMessage.due_at <= clock.now(),
        )
        locked = mine.order_by(ShopMessage.id).with_for_update(skip_locked=True)
        for one in session.scalars(locked.execution_options(populate_existing=True)).all():
            _settle(one)
            events.publish(one.workspace_id, topic_of(one.shop_id))


def _settle(one: ShopMessage) -> None:
    """Write the message, or why it is left out or waits. Joins the caller's transaction."""
    try:
        reason = _why_not(one)
        if not reason:
            one.message_id = _message_of(one).id
    except (Conflict, Unavailable) as error:
        if isinstance(error, Unavailable) or error.code in _MAY_PASS:
            one.reason, one.due_at = error.detail, clock.now() + AGAIN_AFTER
            return
        reason = error.detail
    except DomainError as error:
        reason = error.detail
    one.state = ShopMessageState.LEFT_OUT if reason else ShopMessageState.WRITTEN
    one.reason = reason


def _why_not(one: ShopMessage) -> str:
    """Why a message must not go out any more, in a sentence; "" when it may."""
    rule, row, shop = one.rule, one.order, db.session.get(Shop, one.shop_id)
    planned_for = one.happened_at + timedelta(minutes=rule.delay_minutes)
    if shop is None or shop.state is not ShopState.CONNECTED:
        return "The shop was switched off before the message could go."
    if rule.deleted_at is not None or not rule.is_on:
        return "The rule was switched off before the message could go."
    if clock.now() - planned_for > LATEST:
        return f"It is more than a day late. {one.reason}".strip()
    if row.contact_id is None:
        return f"No usable phone number: {row.phone_problem or 'missing'}."
    return _overtaken(rule, row) if rule.delay_minutes else ""


def _overtaken(rule: ShopRule, row: ShopOrder) -> str:
    """What became of the order while its message waited."""
    if rule.event == UNPAID_EVENT and (row.facts.get("paid_at") or row.status not in UNPAID):
        return "The order was paid or closed meanwhile."
    if rule.event.startswith("status:") and f"status:{row.status}" != rule.event:
        return f"The order is “{status_words(row.status)}” meanwhile."
    return ""


def _message_of(one: ShopMessage) -> Message:
    """The entry in the ledger. Raises what `draft_message` does, and Conflict for values that the order does not have."""
    rule, order = one.rule, Order.from_json(one.order.facts)
    content = content_of(rule.template, rule.variables, order, **beside_of(one.shop_id), **one.beside)
    contact = db.session.get(Contact, one.order.contact_id)
    if contact is None:
        raise NotFound("The contact")
    channel = channels.get_channel(one.workspace_id, rule.channel_id)
    return single_messages.queue_draft(
        single_messages.draft_message(channel, contact, type="template", content=content)
    )


def content_of(
    template: Template, variables: Mapping[str, Mapping[str, Any]], order: Order, **beside: str
) -> dict[str, Any]:
    """What `single_messages` takes for a template, filled from an order. Raises Conflict naming what has no value."""
    filled = fill(variables, order, **beside)
    if filled.missing:
        fields = {LABELS.get(str(variables[key].get("field")), key) for key in filled.missing}
        raise Conflict(
            f"The order has no value for {', '.join(sorted(fields))}, and there is no fallback.", code="no_value"
        )
    files = {key: dict(source) for key, source in variables.items() if "file_id" in source}
    return {
        "name": template.name,
        "language": template.language,
        "variables": {**filled.values, **files},
    }


def beside_of(shop_id: int) -> dict[str, str]:
    """What a message may say that is not of the order."""
    return {"shop_name": db.session.scalar(select(Shop.name).where(Shop.id == shop_id)) or ""}


def put_off(plan_id: int, reason: str) -> None:
    """Let a message wait a little, for a `reason`."""
    with transaction() as session:
        values = {"due_at": clock.now() + AGAIN_AFTER, "reason": reason}
        session.execute(update(ShopMessage).where(ShopMessage.id == plan_id).values(**values))


# ---------------------------------------------------------------- reminders, whose shop is asked first


@dataclass(frozen=True, slots=True)
class Reminder:
    """A plan whose time has come, and the shop's own id of its order."""

    plan_id: int
    order_id: int


def shops_to_ask(limit: int = 50) -> list[int]:
    """The shops that are to be asked for unpaid orders. One that fails is left to the reading of its changes until it is well."""
    due = _due().where(_is_asked_first(), Shop.failed_count == 0)
    return list(db.session.scalars(due.with_only_columns(Shop.id).distinct().order_by(Shop.id).limit(limit)))


def list_to_ask(shop_id: int, limit: int) -> list[Reminder]:
    """The reminders of a shop that are due, those that wait longest first."""
    due = _due().where(_is_asked_first(), ShopMessage.shop_id == shop_id).join(ShopMessage.order)
    rows = due.with_only_columns(ShopMessage.id, ShopOrder.order_id).order_by(ShopMessage.due_at, ShopMessage.id)
    return [Reminder(plan_id, order_id) for plan_id, order_id in db.session.execute(rows.limit(limit))]


def settle_asked(plan_id: int) -> int:
    """Write a reminder, or why not, from the order as it is now; answers 0 when somebody else did. Joins the caller's transaction."""
    mine = select(ShopMessage).where(ShopMessage.id == plan_id, ShopMessage.state == ShopMessageState.WAITING)
    locked = mine.with_for_update(skip_locked=True).execution_options(populate_existing=True)
    one = db.session.scalar(locked)
    if one is None:
        return 0
    _settle(one)
    events.publish(one.workspace_id, topic_of(one.shop_id))
    return 1


def note_reason(plan_ids: Sequence[int], reason: str) -> None:
    """Say why some messages wait."""
    with transaction() as session:
        waiting = (ShopMessage.id.in_(plan_ids), ShopMessage.state == ShopMessageState.WAITING)
        session.execute(update(ShopMessage).where(*waiting).values(reason=reason))


# ---------------------------------------------------------------- looking


@dataclass(frozen=True, slots=True)
class ShownMessage:
    """A message about an order as lists show it: the plan, and its entry in the ledger once there is one."""

    plan: ShopMessage
    message: Message | None


def list_messages(
    workspace_id: int, shop_id: int, *, cursor: str | None = None, limit: int | None = None
) -> Page[ShownMessage]:
    """The messages about a shop's orders, the newest first. Raises Invalid for a cursor that is not ours."""
    keyset = Keyset.decode(cursor, clamp_limit(limit, 20))
    query = (
        select(ShopMessage, Message)
        .join(Message, Message.id == ShopMessage.message_id, isouter=True)
        .where(ShopMessage.workspace_id == workspace_id, ShopMessage.shop_id == shop_id)
        .where(keyset.condition(ShopMessage.id))
        .order_by(keyset.order(ShopMessage.id))
        .limit(keyset.limit + 1)
    )
    rows = [ShownMessage(plan, message) for plan, message in db.session.execute(query)]
    return keyset.page(rows, lambda shown: shown.plan.id)


def count_by_rule(workspace_id: int, shop_id: int) -> dict[int, dict[str, int]]:
    """How many messages of each rule wait, were written or were left out."""
    query = (
        select(ShopMessage.rule_id, ShopMessage.state, func.count())
        .where(ShopMessage.workspace_id == workspace_id, ShopMessage.shop_id == shop_id)
        .group_by(ShopMessage.rule_id, ShopMessage.state)
    )
    counts: dict[int, dict[str, int]] = {}
    for rule_id, state, count in db.session.execute(query):
        counts.setdefault(rule_id, {})[str(state)] = int(count)
    return counts
