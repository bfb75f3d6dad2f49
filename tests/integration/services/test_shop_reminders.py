"""Reminders of unpaid orders: the shop is asked right before, and who paid hears nothing."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import select

from tests.shop_scene import Drain, Scene, unwritten, written
from wotnot.extensions import db
from wotnot.models import ShopMessage
from wotnot.services import shop_asks, shop_inbox, shop_messages, shop_sync


def test_an_unpaid_order_is_reminded_once_and_not_when_it_was_paid(
    scene: Scene, drain: Drain, monkeypatch: pytest.MonkeyPatch
) -> None:
    scene.rule("unpaid", delay_minutes=30)
    paid = scene.there.place(phone="082 555 0401", status="pending")
    still_open = scene.there.place(phone="082 555 0402", status="pending")
    scene.tell(paid)
    scene.tell(still_open)
    scene.tell(scene.there.change(still_open["id"], status="failed"), "order.updated")
    scene.tell(scene.there.change(paid["id"], status="processing"), "order.updated")
    drain()
    assert written() == []
    monkeypatch.setattr("wotnot.clock.now", lambda: datetime.now(UTC) + timedelta(minutes=31))
    drain()
    assert written() == [], "the shop is asked first"
    assert shop_messages.shops_to_ask() == [scene.shop_id]
    for _ in range(2):
        shop_asks.ask_unpaid(scene.shop_id)
    assert [message.phone for message in written()] == ["27825550402"]
    assert unwritten() == ["The order was paid or closed meanwhile."]


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"status": "processing"}, "The order was paid or closed meanwhile."),
        ({"status": "cancelled"}, "The order was paid or closed meanwhile."),
        ({"delete": True}, "The order is not in the shop any more."),
    ],
)
def test_who_paid_without_our_hearing_of_it_is_not_reminded(
    scene: Scene, drain: Drain, monkeypatch: pytest.MonkeyPatch, change: dict[str, Any], reason: str
) -> None:
    scene.rule("unpaid", delay_minutes=30)
    order = scene.there.place(status="pending")
    scene.tell(order)
    drain()
    scene.there.change(order["id"], **change)
    monkeypatch.setattr("wotnot.clock.now", lambda: datetime.now(UTC) + timedelta(minutes=31))
    drain()
    shop_asks.ask_unpaid(scene.shop_id)
    assert written() == []
    assert unwritten() == [reason]


def test_what_the_look_before_a_reminder_shows_is_news_for_other_rules(
    scene: Scene, drain: Drain, monkeypatch: pytest.MonkeyPatch
) -> None:
    scene.rule("unpaid", delay_minutes=30)
    paid_id = scene.rule("status:processing").id
    order = scene.there.place(status="pending")
    scene.tell(order)
    drain()
    scene.there.change(order["id"], status="processing")
    monkeypatch.setattr("wotnot.clock.now", lambda: datetime.now(UTC) + timedelta(minutes=31))
    shop_asks.ask_unpaid(scene.shop_id)
    drain()
    told = db.session.scalars(select(ShopMessage).where(ShopMessage.message_id.is_not(None))).all()
    assert [one.rule_id for one in told] == [paid_id]


def test_a_shop_that_does_not_answer_reminds_nobody_until_it_does(
    scene: Scene, drain: Drain, at: Callable[[timedelta], None]
) -> None:
    scene.rule("unpaid", delay_minutes=30)
    scene.tell(scene.there.place(status="pending"))
    drain()
    scene.there.trouble(html=True)
    at(timedelta(minutes=31))
    shop_asks.ask_unpaid(scene.shop_id)
    drain()
    assert written() == []
    assert "a web page instead of data" in unwritten()[0]
    assert scene.shop.trouble == "html"
    assert shop_messages.shops_to_ask() == [], "one that fails is not asked on and on"
    scene.there.trouble(html=False)
    shop_sync.tend_shop(scene.shop_id)
    assert shop_messages.shops_to_ask() == [scene.shop_id]
    shop_asks.ask_unpaid(scene.shop_id)
    assert len(written()) == 1


def test_a_shop_that_stays_away_leaves_its_reminders_out_after_a_day(
    scene: Scene, drain: Drain, at: Callable[[timedelta], None]
) -> None:
    scene.rule("unpaid", delay_minutes=30)
    scene.tell(scene.there.place(status="pending"))
    drain()
    scene.there.trouble(down=True)
    at(timedelta(minutes=31))
    shop_asks.ask_unpaid(scene.shop_id)
    at(timedelta(hours=25))
    assert shop_inbox.wake_drain(), "what is too late is settled without the shop"
    drain()
    assert written() == []
    assert unwritten()[0].startswith("It is more than a day late. The shop does not answer.")
