"""Promotions over the API: a product of a shop that is written about on chosen days."""

from typing import Any

from wotnot.blueprints.api.resource import Resource
from wotnot.blueprints.api.schemas import page_schema
from wotnot.blueprints.api.schemas.promotions import (
    DAYS,
    PromotionArgs,
    PromotionChangesSchema,
    PromotionDateSchema,
    PromotionSchema,
)
from wotnot.blueprints.guards import actor, requires, workspace_id
from wotnot.models import Promotion, Role
from wotnot.services import promotion_days, promotion_edits, promotions
from wotnot.services.pages import Page
from wotnot.services.promotion_days import clean_plan, say_plan
from wotnot.services.promotions import ShownDate, plan_of

blueprint = Resource(
    "promotions-api",
    __name__,
    url_prefix="/api/v1/shops/<int:shop_id>/promotions",
    description="Products of a shop that are written about on chosen days.",
)

_SHOP_AWAY = "The shop does not answer just now, so its product cannot be asked for."
_WRONG_STATE = "It is in a state in which this makes no sense, such as ended."


@blueprint.get("")
@blueprint.arguments(PromotionArgs, location="query")
@blueprint.response(200, page_schema(PromotionSchema))
def index(query: dict[str, Any], shop_id: int) -> Page[dict[str, Any]]:
    """List a shop's promotions, newest first."""
    page = promotions.list_promotions(workspace_id(), shop_id, **query)
    return Page([_shown(one) for one in page.items], page.next_cursor, page.previous_cursor)


@blueprint.post("")
@requires(Role.ADMIN)
@blueprint.arguments(PromotionSchema)
@blueprint.response(201, PromotionSchema)
@blueprint.alt_response(409, description="The shop has as many promotions under way as it may have; end one first.")
@blueprint.alt_response(503, description=_SHOP_AWAY)
def create(body: dict[str, Any], shop_id: int) -> dict[str, Any]:
    """Plan a promotion. The product is asked for at once, so that what it lacks is said now."""
    weekdays = [DAYS.index(day) for day in body.pop("weekdays")]
    days = {name: body.pop(name) for name in ("at_time", "first_day", "last_day")}
    made = promotions.create_promotion(
        workspace_id(), shop_id, plan=clean_plan(weekdays, **days), user_id=actor().user.id, **body
    )
    return _shown(made)


@blueprint.get("/<int:promotion_id>")
@blueprint.response(200, PromotionSchema)
def show(shop_id: int, promotion_id: int) -> dict[str, Any]:
    """Get one promotion."""
    return _shown(promotions.get_promotion(workspace_id(), shop_id, promotion_id))


@blueprint.patch("/<int:promotion_id>")
@requires(Role.ADMIN)
@blueprint.arguments(PromotionChangesSchema)
@blueprint.response(200, PromotionSchema)
@blueprint.alt_response(409, description="It has ended, or somebody else changed it at the same moment.")
@blueprint.alt_response(503, description=_SHOP_AWAY)
def change(body: dict[str, Any], shop_id: int, promotion_id: int) -> dict[str, Any]:
    """Change it from its next day on. Days that were made stay as they are and are not made again."""
    if "weekdays" in body:
        body["weekdays"] = [DAYS.index(day) for day in body["weekdays"]]
    return _shown(promotion_edits.change_promotion(workspace_id(), shop_id, promotion_id, body))


@blueprint.get("/<int:promotion_id>/dates")
@blueprint.arguments(PromotionArgs, location="query")
@blueprint.response(200, page_schema(PromotionDateSchema))
def dates(query: dict[str, Any], shop_id: int, promotion_id: int) -> Page[ShownDate]:
    """List the days that have come, newest first: the broadcast of each, or why there is none."""
    return promotions.list_dates(promotions.get_promotion(workspace_id(), shop_id, promotion_id), **query)


@blueprint.post("/<int:promotion_id>/pause")
@requires(Role.ADMIN)
@blueprint.response(200, PromotionSchema)
@blueprint.alt_response(409, description=_WRONG_STATE)
def pause(shop_id: int, promotion_id: int) -> dict[str, Any]:
    """Make no broadcasts for now."""
    return _shown(promotions.pause_promotion(workspace_id(), shop_id, promotion_id))


@blueprint.post("/<int:promotion_id>/resume")
@requires(Role.ADMIN)
@blueprint.response(200, PromotionSchema)
@blueprint.alt_response(409, description=_WRONG_STATE)
def resume(shop_id: int, promotion_id: int) -> dict[str, Any]:
    """Go on with the next day; days that passed meanwhile are not made up for."""
    return _shown(promotions.resume_promotion(workspace_id(), shop_id, promotion_id))


@blueprint.post("/<int:promotion_id>/end")
@requires(Role.ADMIN)
@blueprint.response(200, PromotionSchema)
@blueprint.alt_response(409, description=_WRONG_STATE)
def end(shop_id: int, promotion_id: int) -> dict[str, Any]:
    """End it for good."""
    return _shown(promotions.end_promotion(workspace_id(), shop_id, promotion_id))


def _shown(one: Promotion) -> dict[str, Any]:
    names = ("id", "shop_id", "product_id", "product", "name", "channel_id", "template_id", "variables", "audience",
             "leave_out", "at_time", "first_day", "last_day", "state", "reason", "created_at")  # fmt: skip
    timezone = actor().workspace.timezone
    next_at = promotion_days.moment_of(one.next_day, one.at_time, timezone) if one.next_day else None
    return {name: getattr(one, name) for name in names} | {
        "weekdays": [DAYS[day] for day in one.weekdays],
        "plan": say_plan(plan_of(one), one.next_day),
        "next_at": next_at,
    }
