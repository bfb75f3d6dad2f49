"""What was before a shop was connected: known, not messaged, behind everything fresh, and news once it changes."""

import pytest
from sqlalchemy import delete, func, select

from tests import factories
from tests.shop_scene import Drain, Scene, written
from wotnot.extensions import db
from wotnot.models import Contact, ShopDelivery, ShopOrder, WebhookState, Workspace
from wotnot.services import shop_inbox, shop_orders


def test_what_was_before_is_known_and_not_messaged(scene: Scene, drain: Drain) -> None:
    scene.rule()
    scene.rule("status:processing")
    past = scene.order(1001)
    assert past.number == "1001"
    assert db.session.scalar(select(Contact.id)) is None
    scene.tell(scene.there.change(1001, tracking="https://track.example/1"), "order.updated")
    drain()
    assert written() == []
    assert scene.order(1001).facts["tracking"] == "https://track.example/1"


def test_a_past_order_that_changes_now_is_messaged(scene: Scene, drain: Drain) -> None:
    scene.rule("status:refunded")
    scene.tell(scene.there.change(1001, status="refunded"), "order.updated")
    drain()
    assert len(written()) == 1


def test_a_status_that_comes_before_the_imported_copy_is_messaged(scene: Scene, drain: Drain) -> None:
    """A webhook overtakes the past, which is applied when nothing fresh waits."""
    scene.rule("status:cancelled")
    before = scene.order(1003).facts
    db.session.execute(delete(ShopOrder).where(ShopOrder.order_id == 1003))
    db.session.commit()
    assert before["status"] == "processing"
    fresh = scene.there.change(1003, status="cancelled")
    old = fresh | {"status": "processing", "date_modified_gmt": before["modified_at"][:19]}
    scene.tell(fresh, "order.updated")
    drain()
    assert written() == []
    for _ in range(2):
        scene.tell(old, "order.updated")
        drain()
    assert len(written()) == 1
    assert scene.order(1003).status == "cancelled"


def test_what_is_fresh_goes_before_another_shops_past(
    scene: Scene, drain: Drain, monkeypatch: pytest.MonkeyPatch
) -> None:
    past = {"topic": "order.listed", "body": b"{}", "is_past": True, "workspace_id": scene.workspace_id}
    db.session.add_all([ShopDelivery(shop_id=scene.shop_id, **past) for _ in range(3)])
    db.session.commit()
    order = scene.there.place()
    scene.tell(order)
    monkeypatch.setattr(shop_inbox, "BATCH", 1)
    shop_inbox.drain(linger_seconds=0, max_seconds=0.000001)
    assert scene.order(order["id"]).number == order["number"]
    left = select(ShopDelivery.is_past).where(ShopDelivery.state == WebhookState.PENDING)
    assert db.session.scalars(left).all() == [True] * 3


def test_a_past_order_finds_its_contact_when_that_comes(scene: Scene) -> None:
    past = scene.order(1001)
    assert (past.contact_id, past.phone != "") == (None, True)
    assert shop_orders.link_past_orders() == {"linked": 0}
    stranger = factories.make_workspace()
    factories.make_contact(stranger, phone=past.phone)
    contact = factories.make_contact(db.session.get_one(Workspace, scene.workspace_id), phone=past.phone)
    contact_id, same = contact.id, select(func.count()).where(ShopOrder.phone == past.phone)
    assert shop_orders.link_past_orders() == {"linked": db.session.scalar(same)}
    db.session.refresh(past)
    assert past.contact_id == contact_id
