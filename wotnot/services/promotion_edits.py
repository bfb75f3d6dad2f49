"""A promotion that has not ended says or does something else from now on. What it made already stays as it is.

The shop is asked only for what it alone knows: another product, or a field of it that the message did not depend on before. So
days, people and words can be changed while it is away. It is asked first, outside any transaction; what is written is refused
when somebody else edited the promotion meanwhile.
"""

from collections.abc import Mapping
from datetime import date
from typing import Any

from wotnot import clock
from wotnot.errors import Conflict, Invalid, Unavailable
from wotnot.models import Promotion, PromotionState
from wotnot.services import promotion_days, promotion_values, promotions, shops
from wotnot.services.promotion_days import Plan, clean_plan
from wotnot.services.promotion_values import Variables
from wotnot.services.transaction import transaction
from wotnot.services.woocommerce.products import Product

_OPEN = (PromotionState.ON, PromotionState.PAUSED)
_MESSAGE = ("name", "channel_id", "template_id", "audience", "leave_out")
_DAYS = ("weekdays", "at_time", "first_day", "last_day")


def change_promotion(
    workspace_id: int, shop_id: int, promotion_id: int, changes: Mapping[str, Any], *, seen: str = ""
) -> Promotion:
    """Change some of promotions.EDITED; whatever is not in `changes` stays. A day that was made is not made again.

    `seen` is the `revision_of` what the editor looked at; asking for what it says already changes nothing. Raises Invalid by
    field, NotFound, Unavailable when the shop is needed and away, Conflict when it is over or somebody else changed it meanwhile.
    """
    shops.get_shop(workspace_id, shop_id)
    before = promotions.get_promotion(workspace_id, shop_id, promotion_id)
    _refuse_over(before)
    seen = seen or promotions.revision_of(before)
    wanted = {name: getattr(before, name) for name in promotions.EDITED} | dict(changes)
    plan = clean_plan(*(wanted[name] for name in _DAYS))
    message = {name: wanted[name] for name in _MESSAGE}
    draft = promotions.check_message(workspace_id, message, wanted["variables"])
    product = None
    if _needs_shop(before, wanted["product_id"], draft.variables):
        product = _ask_product(workspace_id, shop_id, wanted["product_id"])
        promotion_values.fill_product(workspace_id, draft.variables, product)
    with transaction():
        shops.get_shop(workspace_id, shop_id)
        promotion = promotions.lock_promotion(workspace_id, shop_id, promotion_id, *_OPEN)
        found, waiting_day = promotions.revision_of(promotion), _waiting_day(promotion, workspace_id)
        promotions.write_content(promotion, draft, plan)
        if product is not None:
            promotions.write_product(promotion, product)
        if promotions.revision_of(promotion) != found:
            _refuse_changed(found, seen)
            _go_on(promotion, waiting_day, plan)
            promotions.tell(promotion)
    return promotions.get_promotion(workspace_id, shop_id, promotion_id)


def _needs_shop(before: Promotion, product_id: int, variables: Variables) -> bool:
    """Whether only the shop can say if the message can be filled. Each day it is asked anyway, and what lacks is said then."""
    depends, depended = promotion_values.needed_fields(variables), promotion_values.needed_fields(before.variables)
    return product_id != before.product_id or not depends <= depended


def _ask_product(workspace_id: int, shop_id: int, product_id: int) -> Product:
    try:
        return promotions.ask_product(workspace_id, shop_id, product_id)
    except Unavailable as error:
        kept = "Until it answers, leave the product and what the message says of it as they are; all else can be saved."
        raise Unavailable(f"{error.detail} {kept}", code=error.code) from error


def _refuse_over(promotion: Promotion) -> None:
    if promotion.state not in _OPEN:
        raise Conflict("That cannot be done: it is over.", code="wrong_state")


def _refuse_changed(found: str, seen: str) -> None:
    if found != seen:
        raise Conflict("Somebody changed this promotion meanwhile.", code="changed_meanwhile")


def _waiting_day(promotion: Promotion, workspace_id: int) -> tuple[date, Any] | None:
    """The day, with its time, that has come and is not made yet, as while its shop does not answer."""
    day = promotion.next_day
    if day is None:
        return None
    moment = promotion_days.moment_of(day, promotion.at_time, promotions.timezone_of(workspace_id))
    return (day, promotion.at_time) if moment <= clock.now() else None


def _go_on(promotion: Promotion, waiting: tuple[date, Any] | None, plan: Plan) -> None:
    """Wait for the next day of the new plan. A day that has come already is not lost by editing something else."""
    timezone = promotions.timezone_of(promotion.workspace_id)
    next_day = promotions.next_day_of(promotion, timezone)
    if waiting is not None and waiting[1] == plan.at_time and waiting[0] in plan.days():
        next_day = waiting[0]
    if next_day is None:
        raise Invalid({"last_day": "None of these days is still to come. Choose later days."})
    if promotion.state is PromotionState.ON:
        promotions.plan_next(promotion, next_day, timezone)
