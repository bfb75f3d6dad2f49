"""Promotions: each of their days becomes one broadcast with what the product says then, or is left out and says why."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, time, timedelta
from typing import Any

import pytest
from rq_scheduler import Scheduler
from sqlalchemy import select, update

from tests import factories
from tests.cast import Cast
from tests.sandbox_control import SandboxControl
from tests.sandbox_shop import SandboxShop
from wotnot import clock
from wotnot.errors import Conflict, Invalid, NotFound
from wotnot.extensions import db, redis
from wotnot.models import (
    Broadcast,
    BroadcastState,
    Contact,
    MediaFile,
    Message,
    Promotion,
    PromotionDate,
    PromotionState,
    ShopOrder,
    Template,
    TemplateStatus,
    Workspace,
)
from wotnot.services import expansion, promotion_days, promotion_runs, promotions, shops
from wotnot.services.promotion_days import Plan
from wotnot.services.zones import in_zone

ZONE = "Africa/Johannesburg"
COMPONENTS = [
    {"type": "HEADER", "format": "IMAGE", "example": {"header_handle": ["https://shop.example/a.png"]}},
    {
        "type": "BODY",
        "text": "Hello {{1}}, our {{2}} is {{3}} now.",
        "example": {"body_text": [["Thandi", "Snake plant", "R260.00"]]},
    },
    {
        "type": "BUTTONS",
        "buttons": [{"type": "URL", "text": "See it", "url": "https://shop.example/{{1}}", "example": ["a"]}],
    },
]
VARIABLES = {
    "header.image": {"product": "picture"},
    "1": {"field": "first_name", "fallback": "there"},
    "2": {"product": "name"},
    "3": {"product": "price"},
    "button.0": {"product": "link_path"},
}
Move = Callable[[timedelta], None]


@dataclass
class Scene:
    """A connected shop, a number, a template with a picture, and one buyer of product 102."""

    workspace_id: int
    shop_id: int
    there: SandboxShop
    channel_id: int
    template_id: int
    buyer_id: int

    def create(self, plan: Plan | None = None, **changed: Any) -> Promotion:
        """A promotion of product 102 to its buyers."""
        given = {
            "product_id": 102,
            "plan": plan or every_day(),
            "variables": VARIABLES,
            "name": "Snake plants",
            "channel_id": self.channel_id,
            "template_id": self.template_id,
            "audience": buyers(102),
        }
        return promotions.create_promotion(self.workspace_id, self.shop_id, **given | changed)

    def now(self, promotion_id: int) -> Promotion:
        """The promotion as it is."""
        return promotions.get_promotion(self.workspace_id, self.shop_id, promotion_id)


def buyers(product_id: int, *statuses: str) -> dict[str, Any]:
    """An audience of those who bought a product."""
    value = f"{product_id} {', '.join(statuses)}".strip()
    return {"filter": {"match": "all", "conditions": [{"field": "bought", "op": "in_order", "value": value}]}}


def every_day(days: int = 5) -> Plan:
    """Every day, the first time in a few minutes, in Johannesburg."""
    first = in_zone(clock.now() + timedelta(minutes=5), ZONE)
    return Plan(
        tuple(range(7)), first.time().replace(second=0, microsecond=0), first.date(), first.date() + timedelta(days - 1)
    )


@pytest.fixture
def scene(cast: Cast, sandbox: SandboxControl) -> Scene:
    """Ready to promote."""
    return make_scene(cast, sandbox)


def make_scene(cast: Cast, sandbox: SandboxControl) -> Scene:
    """A scene in Alice's workspace."""
    cast.workspace.timezone = ZONE
    db.session.commit()
    there = SandboxShop(sandbox)
    shop = factories.make_sandbox_shop(cast.workspace)
    buyer = factories.make_contact(cast.workspace, name="Naledi Mokoena", consent="opted_in")
    factories.make_contact(cast.workspace, consent="opted_in")
    factories.make_shop_order(shop, buyer)
    return Scene(
        cast.workspace.id,
        shop.id,
        there,
        factories.make_channel(cast.workspace).id,
        factories.make_template(cast.workspace, components=COMPONENTS).id,
        buyer.id,
    )


def made() -> list[Broadcast]:
    """Every broadcast, the oldest first."""
    return list(db.session.scalars(select(Broadcast).order_by(Broadcast.id)))


def dates() -> list[tuple[date, bool, str]]:
    """(day, whether it was made, why not) of every day that came."""
    rows = db.session.scalars(
        select(PromotionDate).order_by(PromotionDate.day).execution_options(populate_existing=True)
    )
    return [(row.day, row.broadcast_id is not None, row.reason) for row in rows]


def test_a_day_becomes_a_broadcast_with_what_the_product_says_then(scene: Scene, at: Move) -> None:
    promotion = scene.create()
    first = promotion.next_day
    assert promotion_runs.make_promotion(promotion.id) == {"made": 0, "skipped": 0, "waits": 0}
    scene.there.product(102, price="199.00")
    at(timedelta(minutes=6))
    assert promotion_runs.make_promotion(promotion.id)["made"] == 1
    (broadcast,) = made()
    picture = db.session.scalars(select(MediaFile)).one()
    assert broadcast.variables == {
        "header.image": {"file_id": picture.id},
        "1": {"field": "first_name", "fallback": "there"},
        "2": {"text": "Snake plant"},
        "3": {"text": "199.00 ZAR"},
        "button.0": {"text": "shop/casa-verde/product/102"},
    }
    assert (broadcast.state, broadcast.audience) == (BroadcastState.EXPANDING, buyers(102))
    assert dates() == [(first, True, "")]
    expansion.expand_broadcast(broadcast.id)
    assert [row.contact_id for row in db.session.scalars(select(Message))] == [scene.buyer_id]
    assert scene.now(promotion.id).next_day == first + timedelta(days=1)  # type: ignore[operator]


def test_every_day_is_made_once_until_the_last(scene: Scene, at: Move) -> None:
    promotion = scene.create(every_day(3))
    for day in range(5):
        at(timedelta(days=day, minutes=6))
        promotion_runs.make_promotion(promotion.id)
        promotion_runs.make_promotion(promotion.id)
    assert [made for _, made, _ in dates()] == [True] * 3
    assert len(made()) == 3
    over = scene.now(promotion.id)
    assert (over.state, over.next_day) == (PromotionState.ENDED, None)


def test_the_picture_is_kept_once(scene: Scene, at: Move) -> None:
    promotion = scene.create()
    for day in range(2):
        at(timedelta(days=day, minutes=6))
        promotion_runs.make_promotion(promotion.id)
    assert len(db.session.scalars(select(MediaFile)).all()) == 1


def test_who_buys_meanwhile_is_in_it_and_who_opted_out_is_not(scene: Scene, at: Move) -> None:
    promotion = scene.create()
    late = factories.make_contact(db.session.get_one(Workspace, scene.workspace_id), consent="opted_in")
    late_id = late.id
    factories.make_shop_order(shops.get_shop(scene.workspace_id, scene.shop_id), late)
    db.session.execute(update(Contact).where(Contact.id == scene.buyer_id).values(consent="opted_out"))
    db.session.commit()
    at(timedelta(minutes=6))
    promotion_runs.make_promotion(promotion.id)
    expansion.expand_broadcast(made()[0].id)
    rows = {row.contact_id: (row.state, row.skip_reason) for row in db.session.scalars(select(Message))}
    assert rows[late_id] == ("queued", None)
    assert rows[scene.buyer_id][0] == "skipped"


@pytest.mark.parametrize(
    ("statuses", "orders", "found"),
    [((), "processing", True), (("completed",), "processing", False), (("completed", "on-hold"), "on-hold", True),
     ((), "cancelled", False), (("cancelled",), "cancelled", True)],
)  # fmt: skip
def test_buyers_by_the_status_of_their_order(
    statuses: tuple[str, ...], orders: str, found: bool, *, scene: Scene, at: Move
) -> None:
    db.session.execute(update(ShopOrder).values(status=orders))
    db.session.commit()
    promotion = scene.create(audience=buyers(102, *statuses))
    at(timedelta(minutes=6))
    promotion_runs.make_promotion(promotion.id)
    expansion.expand_broadcast(made()[0].id)
    assert bool(db.session.scalars(select(Message)).all()) is found


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        ({"status": "trash"}, "does not sell the product any more"),
        ({"stock_status": "outofstock"}, "Snake plant was sold out"),
        ({"price": ""}, "Snake plant has no price with currency, and there is no fallback"),
        ({"images": []}, "The picture of Snake plant cannot be shown"),
    ],
)
def test_what_a_product_lacks_leaves_the_day_out(
    changed: dict[str, Any], words: str, *, scene: Scene, at: Move
) -> None:
    promotion = scene.create()
    scene.there.product(102, **changed)
    at(timedelta(minutes=6))
    assert promotion_runs.make_promotion(promotion.id)["skipped"] == 1
    ((_, is_made, reason),) = dates()
    assert not is_made
    assert words in reason
    assert made() == []
    scene.there.product(102, status="publish", stock_status="instock", price="260.00")
    assert scene.now(promotion.id).state is PromotionState.ON


def test_a_shop_that_is_away_is_asked_again_and_then_the_day_is_left_out(scene: Scene, at: Move) -> None:
    promotion = scene.create()
    scene.there.trouble(down=True)
    at(timedelta(minutes=6))
    assert promotion_runs.make_promotion(promotion.id)["waits"] == 1
    waiting = scene.now(promotion.id)
    assert "does not answer" in waiting.reason
    assert promotion_runs.make_promotion(promotion.id)["waits"] == 0  # not before its pause is over
    scene.there.trouble(down=False)
    at(timedelta(minutes=9))
    assert promotion_runs.make_promotion(promotion.id)["made"] == 1
    scene.there.trouble(down=True)
    at(timedelta(days=1, minutes=36))
    assert promotion_runs.make_promotion(promotion.id)["skipped"] == 1
    assert "could not be asked for 30 min" in dates()[-1][2]


def test_a_template_that_was_paused_leaves_the_day_out_and_nothing_behind(scene: Scene, at: Move) -> None:
    promotion = scene.create()
    db.session.execute(update(Template).values(status=TemplateStatus.PAUSED))
    db.session.commit()
    at(timedelta(minutes=6))
    assert promotion_runs.make_promotion(promotion.id)["skipped"] == 1
    assert "paused" in dates()[0][2].lower()
    assert made() == []


def test_days_of_a_standstill_are_not_made_up_for(scene: Scene, at: Move) -> None:
    promotion = scene.create(every_day(10))
    at(timedelta(days=3, minutes=6))
    assert promotion_runs.make_promotion(promotion.id) == {"made": 1, "skipped": 3, "waits": 0}
    assert [made for _, made, _ in dates()] == [False, False, False, True]
    assert "not running" in dates()[0][2]


def test_a_paused_one_makes_nothing_and_goes_on_with_the_next_day(scene: Scene, at: Move) -> None:
    promotion = scene.create(every_day(10))
    ids = scene.workspace_id, scene.shop_id, promotion.id
    promotions.pause_promotion(*ids)
    at(timedelta(days=2, minutes=6))
    assert promotion_runs.make_promotion(promotion.id)["made"] == 0
    with pytest.raises(Conflict):
        promotions.pause_promotion(*ids)
    again = promotions.resume_promotion(*ids)
    assert again.next_day == promotion.first_day + timedelta(days=3)
    assert dates() == []
    promotions.end_promotion(*ids)
    with pytest.raises(Conflict):
        promotions.resume_promotion(*ids)


def test_a_shop_that_is_switched_off_leaves_the_day_out(scene: Scene, at: Move) -> None:
    promotion = scene.create()
    shops.switch_shop(scene.workspace_id, scene.shop_id, is_on=False)
    at(timedelta(minutes=6))
    assert promotion_runs.make_promotion(promotion.id)["skipped"] == 1
    assert "switched off" in dates()[0][2]
    assert scene.now(promotion.id).state is PromotionState.ON


def test_a_shop_that_was_removed_ends_it(scene: Scene, at: Move) -> None:
    promotion = scene.create()
    shops.remove_shop(scene.workspace_id, scene.shop_id)
    at(timedelta(minutes=6))
    assert promotion_runs.make_promotion(promotion.id)["skipped"] == 1
    assert "removed" in dates()[0][2]
    assert scene.now(promotion.id).state is PromotionState.ENDED


def test_a_change_of_the_workspaces_zone_moves_its_moments(scene: Scene, at: Move) -> None:
    promotion = scene.create()
    db.session.execute(update(Workspace).values(timezone="America/New_York"))
    db.session.commit()
    at(timedelta(minutes=6))
    assert promotion_runs.make_promotion(promotion.id)["made"] == 0
    assert promotion_runs.sweep_promotions() == {"due": 0}


def test_the_sweep_finds_what_the_schedule_lost(scene: Scene, at: Move) -> None:
    promotion = scene.create()
    scheduler = Scheduler(queue_name="media", connection=redis.client)
    planned = {job.id: moment for job, moment in scheduler.get_jobs(with_times=True)}
    moment = promotion_days.moment_of(promotion.next_day, promotion.at_time, ZONE)  # type: ignore[arg-type]
    assert planned[f"plan-promotion-{promotion.id}"] == moment.replace(tzinfo=None)
    assert promotion_runs.sweep_promotions() == {"due": 0}
    at(timedelta(minutes=6))
    assert promotion_runs.sweep_promotions() == {"due": 1}


@pytest.mark.parametrize(
    ("changed", "field"),
    [
        ({"variables": VARIABLES | {"2": {"product": "weight"}}}, "variables.2"),
        ({"variables": VARIABLES | {"2": {"product": "picture"}}}, "variables.2"),
        ({"variables": VARIABLES | {"header.image": {"product": "link"}}}, "variables.header.image"),
        ({"variables": VARIABLES | {"9": {"text": "too many"}}}, "variables.9"),
        ({"variables": {"1": {"text": "x"}}}, "variables.2"),
        ({"audience": {}}, "audience"),
        ({"audience": {"segment_id": 999_999}}, "audience"),
        ({"product_id": 999}, "product_id"),
        ({"template_id": None}, "template_id"),
        ({"leave_out": ["nobody"]}, "leave_out"),
    ],
)
def test_what_cannot_be_promoted_is_said_by_field(changed: dict[str, Any], field: str, *, scene: Scene) -> None:
    with pytest.raises(Invalid) as refusal:
        scene.create(**changed)
    assert field in refusal.value.errors
    assert db.session.scalar(select(Promotion.id)) is None


def test_days_that_have_passed_are_no_plan(scene: Scene) -> None:
    with pytest.raises(Invalid, match="still to come"):
        scene.create(Plan((0,), time(9), date(2020, 1, 6), date(2020, 2, 6)))


def test_a_product_once_is_a_draft_with_its_values(scene: Scene) -> None:
    draft = promotions.draft_once(
        scene.workspace_id, scene.shop_id, product_id=102, variables=VARIABLES, name="Snake plants",
        channel_id=scene.channel_id, template_id=scene.template_id, audience=buyers(102, "completed"),
    )  # fmt: skip
    assert draft.state is BroadcastState.DRAFT
    assert draft.variables["3"] == {"text": "260.00 ZAR"}
    assert draft.variables["header.image"].keys() == {"file_id"}


def test_a_strangers_promotion_is_not_there(scene: Scene, cast: Cast) -> None:
    stranger = cast.other_workspace.id
    promotion = scene.create()
    for act in (promotions.get_promotion, promotions.pause_promotion, promotions.end_promotion):
        with pytest.raises(NotFound):
            act(stranger, scene.shop_id, promotion.id)
