"""A promotion's day becomes a broadcast, once. Owns the `promotion_dates` table.

The shop is asked first, outside any transaction; then one transaction writes the day's row, whose unique key is the last word,
makes the broadcast, starts it and moves the promotion on to its next day. So a job that runs twice, or two at once, make it
once, and a crash in between leaves nothing half-done. What cannot be sent is left out and says why:

- a shop that does not answer is tried again for PATIENCE, then the day is left out;
- a product that is sold no more, sold out, or lacks something that the message needs: the day is left out;
- a number, template or budget that does not allow it: the day is left out;
- a day that is found more than LATEST late, after a standstill, is left out.
"""

import logging
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any

from sqlalchemy import or_, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from wotnot import clock
from wotnot.errors import DomainError, Invalid, Unavailable
from wotnot.extensions import db
from wotnot.models import Promotion, PromotionDate, PromotionState, Shop, ShopState, Workspace
from wotnot.services import broadcasts, events, promotion_days, promotion_values, promotions, queue, shop_products
from wotnot.services.shop_access import topic_of
from wotnot.services.transaction import transaction
from wotnot.services.woocommerce.faults import ShopFault
from wotnot.services.woocommerce.products import Product
from wotnot.services.zones import say_duration

logger = logging.getLogger(__name__)

PATIENCE = timedelta(minutes=30)
AGAIN_AFTER = timedelta(minutes=2)
LATEST = timedelta(minutes=60)
_BATCH = 200
_MOST_AT_ONCE = 400
"""More days than a promotion can have."""


@dataclass(frozen=True, slots=True)
class _Due:
    """A day whose time has come, and what is needed to ask the shop."""

    id: int
    workspace_id: int
    shop_id: int
    product_id: int
    variables: Mapping[str, Mapping[str, Any]]
    day: date
    moment: datetime
    timezone: str
    shop_state: ShopState
    revision: str


def make_promotion(promotion_id: int) -> dict[str, int]:
    """Make the broadcasts of a promotion that are due; answers how many were `made` and `skipped` by this call.

    May run twice and at once.
    """
    totals = {"made": 0, "skipped": 0, "waits": 0}
    for _ in range(_MOST_AT_ONCE):
        due = _find_due(promotion_id)
        if due is None:
            break
        outcome = _make(due)
        if outcome in totals:
            totals[outcome] += 1
        if outcome == "waits":
            break
    return totals


def sweep_promotions() -> dict[str, int]:
    """Have every promotion made whose time has come; rq-scheduler does that, this is for when Redis forgot."""
    now = clock.now()
    # Tomorrow somewhere is today elsewhere; each one's own clock is looked at below.
    query = (
        select(Promotion.id, Promotion.next_day, Promotion.at_time, Workspace.timezone)
        .join(Workspace, Workspace.id == Promotion.workspace_id)
        .where(
            Promotion.state == PromotionState.ON,
            Promotion.next_day <= now.date() + timedelta(days=1),
            or_(Promotion.try_at.is_(None), Promotion.try_at <= now),
        )
        .order_by(Promotion.next_day, Promotion.id)
    )
    due = [
        row.id
        for row in db.session.execute(query)
        if promotion_days.moment_of(row.next_day, row.at_time, row.timezone) <= now
    ][:_BATCH]
    for promotion_id in due:
        queue.enqueue_once("make_promotion", promotion_id, every_seconds=30)
    return {"due": len(due)}


def _find_due(promotion_id: int) -> _Due | None:
    query = (
        select(Promotion, Workspace.timezone, Shop.state)
        .join(Workspace, Workspace.id == Promotion.workspace_id)
        .join(Shop, Shop.id == Promotion.shop_id)
        .where(Promotion.id == promotion_id, Promotion.state == PromotionState.ON)
        .execution_options(populate_existing=True)
    )
    found = db.session.execute(query).first()
    if found is None:
        return None
    promotion, timezone, shop_state = found
    day = promotion.next_day
    if day is None:
        return None
    moment = promotion_days.moment_of(day, promotion.at_time, timezone)
    now = clock.now()
    if moment > now or (promotion.try_at is not None and promotion.try_at > now):
        return None
    return _Due(
        id=promotion.id,
        workspace_id=promotion.workspace_id,
        shop_id=promotion.shop_id,
        product_id=promotion.product_id,
        variables=dict(promotion.variables),
        day=day,
        moment=moment,
        timezone=timezone,
        shop_state=shop_state,
        revision=promotions.revision_of(promotion),
    )


def _make(due: _Due) -> str:
    """Make or leave out one day. Answers `made`, `skipped`, `waits`, or `passed` when somebody else did it or edited it first."""
    late = clock.now() - due.moment
    if late > LATEST:
        words = say_duration(late.total_seconds())
        return _settle(due, f"WotNot was not running at that time and came to it {words} late.")
    if due.shop_state is not ShopState.CONNECTED:
        return _settle(due, f"The shop was {'switched off' if due.shop_state is ShopState.OFF else 'removed'} here.")
    try:
        return _settle(due, *_ask(due))
    except (ShopFault, Unavailable) as error:
        return _wait_or_skip(due, error.text if isinstance(error, ShopFault) else error.detail)


def _ask(due: _Due) -> tuple[str, Product | None, Mapping[str, Mapping[str, Any]]]:
    """Why nothing can be sent, or "", with what the shop says of the product now and the values of the message.

    Goes out on the network. Raises ShopFault, Unavailable.
    """
    product = shop_products.find_product(due.workspace_id, due.shop_id, due.product_id)
    if product is None:
        return "The shop does not sell the product any more.", None, {}
    if not product.is_in_stock:
        return f"{product.name} was sold out.", product, {}
    try:
        return "", product, promotion_values.fill_product(due.workspace_id, due.variables, product)
    except Invalid as error:
        return " ".join(words for sentences in error.errors.values() for words in sentences), product, {}


def _wait_or_skip(due: _Due, why: str) -> str:
    if clock.now() - due.moment >= PATIENCE:
        return _settle(due, f"The shop could not be asked for {say_duration(PATIENCE.total_seconds())}. {why}")
    with transaction():
        promotion = _still_due(due)
        if promotion is None:
            return "passed"
        promotion.try_at = clock.now() + AGAIN_AFTER
        promotion.reason = why
        _tell(promotion)
    return "waits"


def _settle(
    due: _Due, reason: str, product: Product | None = None, variables: Mapping[str, Mapping[str, Any]] | None = None
) -> str:
    """Write what became of a day, and move on to the next: all of it or nothing."""
    with transaction() as session:
        promotion = _still_due(due)
        if promotion is None:
            return "passed"
        if product is not None:
            promotion.product = promotions.facts_of(product)
        row_id = _claim_day(session, promotion, due.day)
        if row_id is not None:
            broadcast_id = None
            if not reason:
                broadcast_id, reason = _start_broadcast(session, promotion, due.day, variables or {})
            row = session.get_one(PromotionDate, row_id)
            row.broadcast_id, row.reason = broadcast_id, reason
        is_over = due.shop_state is ShopState.REMOVED
        next_day = None if is_over else promotions.plan_of(promotion).next_after(due.moment, due.timezone)
        promotions.plan_next(promotion, next_day, due.timezone)
        _tell(promotion)
    if row_id is None:
        return "passed"
    return "skipped" if reason else "made"


def _still_due(due: _Due) -> Promotion | None:
    """The promotion, locked, while the day is still its next one and nobody edited it since. Joins the caller's transaction.

    What was edited while the shop was being asked, such as the product or the time, makes the answer one to another question.
    """
    query = select(Promotion).where(
        Promotion.id == due.id, Promotion.state == PromotionState.ON, Promotion.next_day == due.day
    )
    promotion = db.session.scalar(query.with_for_update().execution_options(populate_existing=True))
    return promotion if promotion is not None and promotions.revision_of(promotion) == due.revision else None


def _claim_day(session: Session, promotion: Promotion, day: date) -> int | None:
    values = {"workspace_id": promotion.workspace_id, "promotion_id": promotion.id, "day": day}
    added = insert(PromotionDate).values(**values).on_conflict_do_nothing().returning(PromotionDate.id)
    return session.scalar(added)


def _start_broadcast(
    session: Session, promotion: Promotion, day: date, variables: Mapping[str, Mapping[str, Any]]
) -> tuple[int | None, str]:
    """(the broadcast's id, ""), or (None, why it cannot be sent); nothing of it is left then."""
    promotion_id, name = promotion.id, f"{promotion.name[: broadcasts.MAX_NAME - 20]}, {day:%-d %b %Y}"
    try:
        with session.begin_nested():
            made = broadcasts.create_broadcast(
                promotion.workspace_id,
                user_id=promotion.user_id,
                name=name,
                channel_id=promotion.channel_id,
                template_id=promotion.template_id,
                audience=promotion.audience,
                leave_out=promotion.leave_out,
                variables=variables,
            )
            return broadcasts.start_broadcast(promotion.workspace_id, made.id).id, ""
    except DomainError as error:
        logger.info("a promotion's day was left out", extra={"promotion_id": promotion_id, "reason": error.detail})
        return None, error.detail


def _tell(promotion: Promotion) -> None:
    events.publish(promotion.workspace_id, topic_of(promotion.shop_id), f"promotion:{promotion.id}")
