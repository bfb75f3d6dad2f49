"""A promotion is edited while it goes on: what was made stays, what comes is as edited, and no day comes twice or is lost."""

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from rq_scheduler import Scheduler

from tests import factories
from tests.cast import Cast
from tests.integration.services.test_promotions import (
    COMPONENTS,
    VARIABLES,
    Move,
    Scene,
    dates,
    every_day,
    made,
    make_scene,
)
from tests.sandbox_control import SandboxControl
from wotnot import clock
from wotnot.errors import Conflict, Invalid, NotFound, Unavailable
from wotnot.extensions import db, redis
from wotnot.models import Promotion, PromotionState, Workspace
from wotnot.services import promotion_edits, promotion_runs, promotions
from wotnot.services.woocommerce.client import WooClient

DAY = timedelta(days=1)
Edit = Callable[..., Promotion]


@pytest.fixture
def scene(cast: Cast, sandbox: SandboxControl) -> Scene:
    """Ready to promote."""
    return make_scene(cast, sandbox)


@pytest.fixture
def edit(scene: Scene) -> Edit:
    """Change a promotion of the scene."""

    def change(promotion_id: int, seen: str = "", **changes: Any) -> Promotion:
        return promotion_edits.change_promotion(scene.workspace_id, scene.shop_id, promotion_id, changes, seen=seen)

    return change


def later(promotion: Promotion, minutes: int) -> Any:
    """A time of the day so many minutes after its own."""
    plan = every_day()
    moment = clock.now().replace(hour=plan.at_time.hour, minute=plan.at_time.minute)
    return replace(plan, at_time=(moment + timedelta(minutes=minutes)).time().replace(second=0, microsecond=0)).at_time


def test_what_comes_is_as_edited_and_what_was_made_stays(scene: Scene, edit: Edit, at: Move) -> None:
    promotion = scene.create()
    at(timedelta(minutes=6))
    promotion_runs.make_promotion(promotion.id)
    template = factories.make_template(
        db.session.get_one(Workspace, scene.workspace_id), name="other", components=COMPONENTS
    )
    edit(
        promotion.id,
        name="Monstera",
        product_id=101,
        template_id=template.id,
        audience={"all": True},
        variables=VARIABLES | {"1": {"text": "you"}},
    )
    at(timedelta(days=1, minutes=6))
    assert promotion_runs.make_promotion(promotion.id)["made"] == 1
    old, new = made()
    assert (old.template_id, old.variables["2"]) == (scene.template_id, {"text": "Snake plant"})
    assert (new.template_id, new.audience, new.variables["1"]) == (template.id, {"all": True}, {"text": "you"})
    assert new.variables["2"] == {"text": scene.now(promotion.id).product["name"]}
    assert new.variables["2"] != old.variables["2"]


def test_other_days_are_planned_anew(scene: Scene, edit: Edit) -> None:
    promotion = scene.create()
    first = promotion.first_day + 3 * DAY
    changed = edit(promotion.id, weekdays=[first.weekday()], first_day=first, last_day=first + 7 * DAY)
    assert changed.next_day == first
    planned = {job.id for job in Scheduler(queue_name="media", connection=redis.client).get_jobs()}
    assert f"plan-promotion-{promotion.id}" in planned


def test_a_day_that_was_made_is_not_made_again_at_its_new_time(scene: Scene, edit: Edit, at: Move) -> None:
    promotion = scene.create()
    first = promotion.first_day
    at(timedelta(minutes=6))
    promotion_runs.make_promotion(promotion.id)
    changed = edit(promotion.id, at_time=later(promotion, 30))
    assert changed.next_day == first + DAY
    at(timedelta(minutes=50))
    assert promotion_runs.make_promotion(promotion.id)["made"] == 0
    assert [day for day, _, _ in dates()] == [first]


def test_a_paused_one_goes_on_after_a_day_that_was_made(scene: Scene, edit: Edit, at: Move) -> None:
    promotion = scene.create()
    ids = scene.workspace_id, scene.shop_id, promotion.id
    first = promotion.first_day
    at(timedelta(minutes=6))
    promotion_runs.make_promotion(promotion.id)
    promotions.pause_promotion(*ids)
    changed = edit(promotion.id, at_time=later(promotion, 30))
    assert (changed.state, changed.next_day) == (PromotionState.PAUSED, None)
    assert promotions.resume_promotion(*ids).next_day == first + DAY


def test_a_day_that_waits_for_its_shop_is_not_lost_by_another_edit(scene: Scene, edit: Edit, at: Move) -> None:
    promotion = scene.create()
    first = promotion.first_day
    scene.there.trouble(down=True)
    at(timedelta(minutes=6))
    assert promotion_runs.make_promotion(promotion.id)["waits"] == 1
    changed = edit(promotion.id, name="Renamed")
    scene.there.trouble(down=False)
    assert (changed.next_day, changed.try_at, changed.reason) == (first, None, "")
    assert promotion_runs.make_promotion(promotion.id)["made"] == 1
    assert made()[0].name.startswith("Renamed")


def test_what_does_not_concern_the_product_is_edited_while_the_shop_is_away(scene: Scene, edit: Edit) -> None:
    promotion = scene.create()
    told = dict(promotion.product)
    template = factories.make_template(
        db.session.get_one(Workspace, scene.workspace_id), name="other", components=COMPONENTS
    )
    scene.there.trouble(down=True)
    words = VARIABLES | {"1": {"text": "you"}, "3": VARIABLES["3"] | {"fallback": "a good price"}}
    first = promotion.first_day + 2 * DAY
    edit(promotion.id, name="Renamed", template_id=template.id, audience={"all": True}, variables=words)
    changed = edit(promotion.id, first_day=first, at_time=later(promotion, 30))
    assert (changed.name, changed.template_id, changed.variables) == ("Renamed", template.id, words)
    assert (changed.audience, changed.next_day) == ({"all": True}, first)
    assert (changed.product_id, changed.product) == (102, told)


@pytest.mark.parametrize(
    "changes",
    [{"product_id": 101}, {"variables": VARIABLES | {"1": {"product": "regular_price"}}, "name": "Not alone"}],
)
def test_what_only_the_shop_knows_says_that_the_shop_is_away(
    changes: dict[str, Any], *, scene: Scene, edit: Edit
) -> None:
    promotion = scene.create()
    seen = promotions.revision_of(promotion)
    scene.there.trouble(down=True)
    with pytest.raises(Unavailable, match="Until it answers, leave the product and what the message says of it"):
        edit(promotion.id, **changes)
    assert promotions.revision_of(scene.now(promotion.id)) == seen


def test_a_product_that_is_no_longer_sold_keeps_nothing_else_from_being_edited(scene: Scene, edit: Edit) -> None:
    promotion = scene.create()
    scene.there.product(102, status="draft")
    assert edit(promotion.id, name="Renamed").name == "Renamed"


@pytest.mark.parametrize(
    "changes", [{"product_id": 101}, {"variables": VARIABLES | {"1": {"text": "you"}}}, {"at_time": "later"}]
)
def test_an_edit_while_the_shop_is_asked_comes_before_the_broadcast(
    changes: dict[str, Any], *, scene: Scene, edit: Edit, at: Move, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The edit happens after the job began and before it commits: what the job was told then is not sent."""
    promotion = scene.create()
    promotion_id, first = promotion.id, promotion.first_day
    if "at_time" in changes:
        changes = {"at_time": later(promotion, 30)}
    at(timedelta(minutes=6))
    ask, pending = WooClient.list_products, [changes]

    def ask_and_edit(client: WooClient, **wanted: Any) -> Any:
        answer = ask(client, **wanted)
        if pending:
            edit(promotion_id, **pending.pop())
        return answer

    monkeypatch.setattr(WooClient, "list_products", ask_and_edit)
    answer = promotion_runs.make_promotion(promotion_id)
    if "at_time" in changes:
        assert answer["made"] == 0
        assert scene.now(promotion_id).next_day == first
        at(timedelta(minutes=36))
        answer = promotion_runs.make_promotion(promotion_id)
    assert answer["made"] == 1
    (broadcast,) = made()
    name = scene.now(promotion_id).product["name"]
    assert broadcast.variables["2"] == {"text": name}
    assert broadcast.variables["1"] == changes.get("variables", VARIABLES)["1"]
    assert [is_made for _, is_made, _ in dates()] == [True]


def test_who_saves_over_somebody_elses_change_is_told(scene: Scene, edit: Edit) -> None:
    promotion = scene.create()
    seen = promotions.revision_of(promotion)
    edit(promotion.id, seen=seen, name="First")
    with pytest.raises(Conflict, match="Somebody changed this promotion meanwhile") as refusal:
        edit(promotion.id, seen=seen, name="Second")
    assert refusal.value.code == "changed_meanwhile"
    assert edit(promotion.id, seen=seen, name="First").name == "First"  # a double click
    assert scene.now(promotion.id).name == "First"


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"weekdays": []}, "weekdays"),
        ({"variables": {"1": {"text": "x"}}}, "variables.2"),
        ({"product_id": 999}, "product_id"),
        ({"audience": {}}, "audience"),
        ({"name": " "}, "name"),
        ({"days": "passed"}, "last_day"),
    ],
)
def test_a_wrong_edit_changes_nothing(changes: dict[str, Any], field: str, *, scene: Scene, edit: Edit) -> None:
    promotion = scene.create()
    seen, next_day = promotions.revision_of(promotion), promotion.next_day
    if "days" in changes:
        changes = {"first_day": promotion.first_day - 30 * DAY, "last_day": promotion.first_day - 10 * DAY}
    with pytest.raises(Invalid) as refusal:
        edit(promotion.id, **changes)
    assert field in refusal.value.errors
    now = scene.now(promotion.id)
    assert (promotions.revision_of(now), now.next_day) == (seen, next_day)


def test_what_is_over_is_not_edited_any_more(scene: Scene, edit: Edit) -> None:
    promotion = scene.create()
    promotions.end_promotion(scene.workspace_id, scene.shop_id, promotion.id)
    with pytest.raises(Conflict, match="it is over"):
        edit(promotion.id, name="Too late")


def test_a_strangers_promotion_is_not_edited(scene: Scene, cast: Cast) -> None:
    stranger_id, their_shop_id = cast.other_workspace.id, factories.make_sandbox_shop(cast.other_workspace).id
    promotion_id = scene.create().id
    for shop_id in (scene.shop_id, their_shop_id):
        with pytest.raises(NotFound):
            promotion_edits.change_promotion(stranger_id, shop_id, promotion_id, {"name": "Mine"})
    assert scene.now(promotion_id).name == "Snake plants"
