"""Promotions: a product of a shop that is written about, once or on chosen weekdays. Owns the `promotions` table.

Each of its days becomes an ordinary broadcast when its time comes (see `promotion_runs.py`), to the people who are in the
audience then. Times are on the workspace's clock.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from hashlib import sha256
from typing import Any

from sqlalchemy import func, select
from sqlalchemy.orm import Session, joinedload

from wotnot import clock
from wotnot.errors import Conflict, Invalid, NotFound, Unavailable
from wotnot.extensions import db
from wotnot.models import Broadcast, Channel, Promotion, PromotionDate, PromotionState, Template, Workspace
from wotnot.services import (
    broadcast_choices,
    broadcasts,
    channels,
    events,
    message_templates,
    promotion_days,
    promotion_values,
    queue,
    shop_products,
    shops,
    tallies,
)
from wotnot.services.broadcast_fields import clean_fields
from wotnot.services.broadcast_readiness import variables_of
from wotnot.services.keyset import Keyset
from wotnot.services.pages import Page, clamp_limit
from wotnot.services.promotion_days import Plan, say_plan
from wotnot.services.shop_access import topic_of
from wotnot.services.tallies import BroadcastCounts
from wotnot.services.transaction import transaction
from wotnot.services.woocommerce.faults import ShopFault
from wotnot.services.woocommerce.products import Product

EDITED = ("name", "product_id", "channel_id", "template_id", "variables", "audience", "leave_out",
          "weekdays", "at_time", "first_day", "last_day")  # fmt: skip
_KEPT_TEXTS = ("name", "price", "regular_price", "sku", "url")
MOST = 50
"""So many promotions of a shop may be under way or paused at a time."""


def plan_of(promotion: Promotion) -> Plan:
    """When a promotion is sent."""
    return Plan(tuple(promotion.weekdays), promotion.at_time, promotion.first_day, promotion.last_day)


def look_ahead(workspace_id: int, plan: Plan) -> tuple[str, list[datetime]]:
    """What a plan means from now on, before it is saved: in words, and the moments to come. Raises Invalid when there is none."""
    timezone = timezone_of(workspace_id)
    now = clock.now()
    next_day = plan.next_after(now, timezone)
    if next_day is None:
        raise Invalid({"last_day": "None of these days is still to come. Choose later days."})
    moments = (promotion_days.moment_of(day, plan.at_time, timezone) for day in plan.days())
    return say_plan(plan, next_day), [moment for moment in moments if moment > now]


# ---------------------------------------------------------------- making one


@dataclass(frozen=True, slots=True)
class Draft:
    """A message about a product that was checked: `fields` are a broadcast's, `variables` still name the product's fields."""

    fields: dict[str, Any]
    variables: dict[str, dict[str, Any]]


def create_promotion(
    workspace_id: int,
    shop_id: int,
    *,
    product_id: int,
    plan: Plan,
    variables: Mapping[str, Any],
    user_id: int | None = None,
    **fields: Any,
) -> Promotion:
    """Write about a product on the days of a `plan`; `fields` are `name`, `channel_id`, `template_id`, `audience`, `leave_out`.

    The product is asked for now, so that what it lacks is said at once. Raises Invalid by field, NotFound, Conflict beyond MOST,
    Unavailable when the shop is away.
    """
    shops.get_shop(workspace_id, shop_id)
    draft = check_message(workspace_id, fields, variables)
    timezone = timezone_of(workspace_id)
    next_day = plan.next_after(clock.now(), timezone)
    if next_day is None:
        raise Invalid({"last_day": "None of these days is still to come. Choose later days."})
    product = ask_product(workspace_id, shop_id, product_id)
    promotion_values.fill_product(workspace_id, draft.variables, product)
    with transaction() as session:
        shops.get_shop(workspace_id, shop_id)
        _refuse_too_many(session, shop_id)
        promotion = Promotion(workspace_id=workspace_id, shop_id=shop_id, user_id=user_id)
        write_product(promotion, product)
        write_content(promotion, draft, plan)
        session.add(promotion)
        session.flush()
        plan_next(promotion, next_day, timezone)
        tell(promotion)
    return get_promotion(workspace_id, shop_id, promotion.id)


def draft_once(
    workspace_id: int,
    shop_id: int,
    *,
    product_id: int,
    variables: Mapping[str, Any],
    user_id: int | None = None,
    **fields: Any,
) -> Broadcast:
    """A draft of an ordinary broadcast with what the product says now. Raises as `create_promotion` does."""
    shops.get_shop(workspace_id, shop_id)
    draft = check_message(workspace_id, fields, variables)
    product = ask_product(workspace_id, shop_id, product_id)
    filled = promotion_values.fill_product(workspace_id, draft.variables, product)
    return broadcasts.create_broadcast(workspace_id, user_id=user_id, variables=filled, **draft.fields)


def check_message(workspace_id: int, fields: Mapping[str, Any], variables: Mapping[str, Any]) -> Draft:
    """What a promotion sends and to whom, checked as a broadcast's is. Raises Invalid by field, NotFound."""
    errors: dict[str, Any] = {}
    channel, template = _channel_and_template(workspace_id, fields, errors)
    own: dict[str, dict[str, Any]] = {}
    try:
        own = promotion_values.clean_sources(variables)
    except Invalid as error:
        errors |= error.errors
    others = {key: source for key, source in variables.items() if not promotion_values.is_product(source)}
    clean: dict[str, Any] = {}
    try:
        clean = clean_fields(db.session(), workspace_id, {**fields, "variables": others})
    except Invalid as error:
        errors |= error.errors
    if not fields.get("audience"):
        errors["audience"] = "Choose who gets the message."
    sources = {**clean.pop("variables", {}), **own}
    if template is not None and not errors:
        errors |= _wrong_keys(template, sources)
    if errors or channel is None:
        raise Invalid(errors)
    return Draft(clean, sources)


def ask_product(workspace_id: int, shop_id: int, product_id: int) -> Product:
    """The product as its shop tells it now. Raises Invalid (`product_id`) when it is not sold, NotFound, Unavailable."""
    try:
        product = shop_products.find_product(workspace_id, shop_id, product_id)
    except ShopFault as fault:
        raise Unavailable(fault.text, code=f"shop_{fault.trouble}") from fault
    if product is None:
        raise Invalid({"product_id": "The shop does not sell this product. Choose one of its products."})
    return product


def facts_of(product: Product) -> dict[str, Any]:
    """What is kept of a product to show it by."""
    texts = {name: getattr(product, name) for name in _KEPT_TEXTS}
    return texts | {"has_picture": bool(product.picture_url)}


def told_product(promotion: Promotion, currency: str) -> Product:
    """The product as its shop told it last, for showing it while the shop is away; the picture lies only there."""
    texts = {name: str(promotion.product.get(name) or "") for name in _KEPT_TEXTS}
    return Product(id=promotion.product_id, picture_url="", is_in_stock=True, currency=currency, **texts)


def write_product(promotion: Promotion, product: Product) -> None:
    """Let a promotion be about a product. Joins the caller's transaction."""
    promotion.product_id, promotion.product = product.id, facts_of(product)


def write_content(promotion: Promotion, draft: Draft, plan: Plan) -> None:
    """Let a promotion say and do what was checked. Joins the caller's transaction."""
    for name, value in draft.fields.items():
        setattr(promotion, name, value)
    promotion.variables = draft.variables
    promotion.weekdays, promotion.at_time = list(plan.weekdays), plan.at_time
    promotion.first_day, promotion.last_day = plan.first_day, plan.last_day


def revision_of(promotion: Promotion) -> str:
    """A mark of all that somebody may edit: it differs as soon as one of it does, and is the same again when it is put back."""
    content = [getattr(promotion, name) for name in EDITED]
    return sha256(json.dumps(content, sort_keys=True, default=str).encode()).hexdigest()[:32]


def timezone_of(workspace_id: int) -> str:
    """The workspace's time zone as it is now."""
    return db.session.scalar(select(Workspace.timezone).where(Workspace.id == workspace_id)) or "UTC"


def next_day_of(promotion: Promotion, timezone: str) -> date | None:
    """The next day to come that was not made or left out already; None when there is none."""
    now = clock.now()
    came = select(PromotionDate.day).where(
        PromotionDate.promotion_id == promotion.id, PromotionDate.day >= now.date() - timedelta(days=2)
    )
    return plan_of(promotion).next_after(now, timezone, without=set(db.session.scalars(came)))


def plan_next(promotion: Promotion, day: date | None, timezone: str) -> None:
    """Let a promotion wait for `day`, or end without one. Joins the caller's transaction."""
    promotion.next_day, promotion.try_at, promotion.reason = day, None, ""
    if day is None:
        promotion.state = PromotionState.ENDED
        return
    moment = promotion_days.moment_of(day, promotion.at_time, timezone)
    queue.enqueue_at(moment, "make_promotion", promotion.id, key=f"promotion-{promotion.id}")


# ---------------------------------------------------------------- pausing, going on, ending


def pause_promotion(workspace_id: int, shop_id: int, promotion_id: int) -> Promotion:
    """Make no broadcasts for now. What was made already goes on. Raises Conflict, NotFound."""
    with transaction():
        promotion = lock_promotion(workspace_id, shop_id, promotion_id, PromotionState.ON)
        promotion.state, promotion.next_day = PromotionState.PAUSED, None
        promotion.try_at, promotion.reason = None, ""
        tell(promotion)
    return promotion


def resume_promotion(workspace_id: int, shop_id: int, promotion_id: int) -> Promotion:
    """Go on with the next day that comes; days that passed meanwhile are not made up for. Raises Conflict, NotFound."""
    with transaction():
        promotion = lock_promotion(workspace_id, shop_id, promotion_id, PromotionState.PAUSED)
        timezone = timezone_of(workspace_id)
        next_day = next_day_of(promotion, timezone)
        if next_day is None:
            raise Conflict("Its last day has passed. Edit its days, or end it.", code="promotion_over")
        promotion.state = PromotionState.ON
        plan_next(promotion, next_day, timezone)
        tell(promotion)
    return promotion


def end_promotion(workspace_id: int, shop_id: int, promotion_id: int) -> Promotion:
    """End it for good. What was made already goes on. Raises Conflict when it is over, NotFound."""
    with transaction():
        promotion = lock_promotion(workspace_id, shop_id, promotion_id, PromotionState.ON, PromotionState.PAUSED)
        promotion.state, promotion.next_day = PromotionState.ENDED, None
        promotion.try_at, promotion.reason = None, ""
        tell(promotion)
    return promotion


def lock_promotion(workspace_id: int, shop_id: int, promotion_id: int, *states: PromotionState) -> Promotion:
    """One promotion for changing it, in one of `states`. Joins the caller's transaction. Raises Conflict, NotFound."""
    promotion: Promotion | None = db.session.scalar(
        _mine(workspace_id, shop_id)
        .where(Promotion.id == promotion_id)
        .with_for_update(of=Promotion)
        .execution_options(populate_existing=True)
    )
    if promotion is None:
        raise NotFound("Promotion")
    if promotion.state not in states:
        words = {PromotionState.ON: "it is under way", PromotionState.PAUSED: "it is paused"}
        raise Conflict(f"That cannot be done: {words.get(promotion.state, 'it is over')}.", code="wrong_state")
    return promotion


def tell(promotion: Promotion) -> None:
    """Let the pages that show a promotion look again. Joins the caller's transaction."""
    events.publish(promotion.workspace_id, topic_of(promotion.shop_id), f"promotion:{promotion.id}")


# ---------------------------------------------------------------- looking


@dataclass(frozen=True, slots=True)
class ShownDate:
    """A day that has come: its broadcast with its counts, or the reason why there is none."""

    date: PromotionDate
    broadcast: Broadcast | None
    counts: BroadcastCounts


def get_promotion(workspace_id: int, shop_id: int, promotion_id: int) -> Promotion:
    """One promotion with its shop, number and template. Raises NotFound, also for another workspace's."""
    query = _mine(workspace_id, shop_id).where(Promotion.id == promotion_id)
    promotion: Promotion | None = db.session.scalar(query.execution_options(populate_existing=True))
    if promotion is None:
        raise NotFound("Promotion")
    return promotion


def list_promotions(
    workspace_id: int, shop_id: int, *, cursor: str | None = None, limit: int | None = None
) -> Page[Promotion]:
    """A shop's promotions, the newest first. Raises NotFound, Invalid for a cursor that is not ours."""
    shops.get_shop(workspace_id, shop_id)
    keyset = Keyset.decode(cursor, clamp_limit(limit, 20))
    query = _mine(workspace_id, shop_id).where(keyset.condition(Promotion.id)).order_by(keyset.order(Promotion.id))
    return keyset.page(db.session.scalars(query.limit(keyset.limit + 1)).all(), lambda one: one.id)


def list_dates(promotion: Promotion, *, cursor: str | None = None, limit: int | None = None) -> Page[ShownDate]:
    """The days of a promotion that have come, the newest first, each with what it sent. Raises Invalid for a cursor."""
    keyset = Keyset.decode(cursor, clamp_limit(limit, 20))
    query = (
        select(PromotionDate, Broadcast)
        .join(Broadcast, Broadcast.id == PromotionDate.broadcast_id, isouter=True)
        .where(PromotionDate.promotion_id == promotion.id, keyset.condition(PromotionDate.id))
        .order_by(keyset.order(PromotionDate.id))
        .limit(keyset.limit + 1)
    )
    rows: list[tuple[PromotionDate, Broadcast | None]] = [(day, one) for day, one in db.session.execute(query)]
    counts = tallies.broadcast_counts([one.id for _, one in rows if one is not None])
    shown = [ShownDate(day, one, counts[one.id] if one else BroadcastCounts()) for day, one in rows]
    return keyset.page(shown, lambda one: one.date.id)


def count_made(promotion_ids: Sequence[int]) -> dict[int, int]:
    """How many broadcasts each of some promotions has made. The caller checked the tenant."""
    query = select(PromotionDate.promotion_id, func.count(PromotionDate.broadcast_id)).group_by(
        PromotionDate.promotion_id
    )
    rows = db.session.execute(query.where(PromotionDate.promotion_id.in_(promotion_ids)))
    return {promotion_id: int(count) for promotion_id, count in rows}


def as_draft(promotion: Promotion) -> Broadcast:
    """A promotion as the broadcast that it would make, for words and counts. It is not saved, and never will be."""
    return Broadcast(
        workspace_id=promotion.workspace_id,
        name=promotion.name,
        audience=promotion.audience,
        exclude={},
        leave_out=promotion.leave_out,
        variables={},
        one_language=False,
        ignores_cap=False,
    )


# ---------------------------------------------------------------- parts


def _mine(workspace_id: int, shop_id: int) -> Any:
    return (
        select(Promotion)
        .where(Promotion.workspace_id == workspace_id, Promotion.shop_id == shop_id)
        .options(joinedload(Promotion.shop), joinedload(Promotion.channel), joinedload(Promotion.template))
    )


def _channel_and_template(
    workspace_id: int, fields: Mapping[str, Any], errors: dict[str, Any]
) -> tuple[Channel | None, Template | None]:
    if not fields.get("channel_id"):
        errors["channel_id"] = "Choose the number to send from."
    if not fields.get("template_id"):
        errors["template_id"] = "Choose a template; the message is made from it."
    if errors:
        return None, None
    channel = channels.get_channel(workspace_id, fields["channel_id"])
    template = message_templates.get_template(workspace_id, fields["template_id"])
    if not broadcast_choices.may_send(channel, template):
        errors["template_id"] = message_templates.why_not_sendable(template) or (
            "This template belongs to another account than the number. Choose one of the number's templates."
        )
    return channel, template


def _wrong_keys(template: Template, sources: Mapping[str, Any]) -> dict[str, str]:
    wanted = [one.key for one in variables_of(template)]
    missing = {f"variables.{key}": "Say what stands for this variable." for key in wanted if key not in sources}
    return missing | {f"variables.{key}": "The template has no such variable." for key in sources if key not in wanted}


def _refuse_too_many(session: Session, shop_id: int) -> None:
    is_open = (Promotion.shop_id == shop_id, Promotion.state != PromotionState.ENDED)
    if (session.scalar(select(func.count()).select_from(Promotion).where(*is_open)) or 0) >= MOST:
        raise Conflict(
            f"A shop has at most {MOST} promotions at a time. End one that you do not need.", code="too_many_promotions"
        )
