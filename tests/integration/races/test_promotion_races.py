"""Promotions under real threads: sweeps and jobs that meet make each day once."""

from datetime import timedelta

import pytest
from flask import Flask
from sqlalchemy import func, select, update

from tests import factories as make
from tests.cast import Cast
from tests.integration.races.test_broadcast_races import at_once
from tests.sandbox_control import SandboxControl
from wotnot import clock
from wotnot.extensions import db
from wotnot.models import Broadcast, Promotion, PromotionDate
from wotnot.services import promotion_runs, promotions


@pytest.mark.parametrize("_round", range(3))
def test_jobs_that_meet_make_each_day_once(
    app: Flask, committed_cast: Cast, sandbox: SandboxControl, _round: int
) -> None:
    """Two days are due: one in time, one that a standstill left behind."""
    promotion_id = due_promotion(committed_cast)
    answers = at_once(app, 5, lambda: promotion_runs.make_promotion(promotion_id))
    assert sum(answer["made"] for answer in answers) == 1
    assert sum(answer["skipped"] for answer in answers) == 1
    assert db.session.scalar(select(func.count()).select_from(Broadcast)) == 1
    days = db.session.scalars(select(PromotionDate).order_by(PromotionDate.day)).all()
    assert [day.broadcast_id is not None for day in days] == [False, True]


def test_a_pause_that_meets_the_job_comes_before_or_after(
    app: Flask, committed_cast: Cast, sandbox: SandboxControl
) -> None:
    promotion_id = due_promotion(committed_cast)
    workspace_id = committed_cast.workspace.id
    shop_id = db.session.scalars(select(Promotion.shop_id)).one()
    acts = iter([lambda: promotions.pause_promotion(workspace_id, shop_id, promotion_id)] + [
        lambda: promotion_runs.make_promotion(promotion_id)
    ] * 3)  # fmt: skip
    at_once(app, 4, lambda: next(acts)() and None)
    made = db.session.scalar(select(func.count()).select_from(Broadcast))
    rows = db.session.scalar(select(func.count(PromotionDate.broadcast_id)))
    assert made == rows
    assert db.session.scalars(select(Promotion.state)).one() == "paused"


def due_promotion(cast: Cast) -> int:
    """A promotion whose time was a minute ago, today and yesterday."""
    shop = make.make_sandbox_shop(cast.workspace)
    template = make.make_template(cast.workspace)
    moment = clock.now() - timedelta(minutes=1)
    one = make.make_promotion(shop, make.make_channel(cast.workspace), template)
    days = {"first_day": moment.date() - timedelta(days=1), "next_day": moment.date() - timedelta(days=1)}
    db.session.execute(update(Promotion).values(at_time=moment.time().replace(microsecond=0), **days))
    db.session.commit()
    return one.id
