"""Rules of shops under real threads: calls that meet make one rule about the same orders."""

import pytest
from flask import Flask
from sqlalchemy import select

from tests import factories as make
from tests.cast import Cast
from tests.integration.races.test_broadcast_races import at_once
from tests.shop_scene import BODY, VARIABLES
from wotnot.errors import Conflict
from wotnot.extensions import db
from wotnot.models import ShopRule
from wotnot.services import shop_rules


@pytest.mark.parametrize("_round", range(3))
def test_confirmations_that_meet_are_one_rule(app: Flask, committed_cast: Cast, _round: int) -> None:
    workspace = committed_cast.workspace
    given = {
        "channel_id": make.make_channel(workspace).id,
        "template_id": make.make_template(workspace, components=[BODY], category="utility").id,
        "variables": VARIABLES,
    }
    shop_id, workspace_id = make.make_shop(workspace).id, workspace.id

    def confirm() -> str:
        try:
            shop_rules.create_rule(workspace_id, shop_id, event=shop_rules.CREATED, only_one=True, **given)
        except Conflict as refusal:
            return refusal.code
        return "made"

    assert sorted(at_once(app, 5, confirm)) == ["made", *["rule_exists"] * 4]
    assert len(db.session.scalars(select(ShopRule.id)).all()) == 1
