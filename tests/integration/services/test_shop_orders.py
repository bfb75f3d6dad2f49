"""From a shop's order to a message in the ledger, once: webhooks, the list of changes, rules, conditions, delays."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import select, update

from tests.sandbox_shop import deliver
from tests.shop_scene import VARIABLES, Drain, Scene, texts, written
from wotnot.extensions import db
from wotnot.models import Channel, ChannelState, Consent, ConsentEvent, Contact, ShopDelivery, ShopMessage, WebhookState
from wotnot.services import consent, shop_sync, shops


def test_an_order_becomes_a_message(scene: Scene, drain: Drain) -> None:
    scene.rule()
    order = scene.there.place(first_name="Naledi", last_name="Mokoena", product_ids=[101], email="n@example.com")
    scene.tell(order)
    drain()
    (message,) = written()
    assert message.phone == "27825550142"
    assert texts(message) == ["Naledi", order["number"], "R485.00"]
    contact = db.session.get(Contact, message.contact_id)
    assert contact is not None
    assert (contact.name, contact.email, contact.consent) == ("Naledi Mokoena", "n@example.com", Consent.UNKNOWN)


def test_the_same_webhook_five_times_and_out_of_order_is_one_message(scene: Scene, drain: Drain) -> None:
    scene.rule()
    scene.rule("status:completed")
    order = scene.there.place()
    done = scene.there.change(order["id"], status="completed")
    for _ in range(5):
        scene.tell(done, "order.updated")
        scene.tell(order, "order.created")
        drain()
    plans = db.session.scalars(select(ShopMessage)).all()
    assert sorted(plan.rule.event for plan in plans) == ["created", "status:completed"]
    assert len(written()) == 2


def test_what_webhooks_missed_is_found_in_the_list_and_messaged_once(scene: Scene, drain: Drain) -> None:
    scene.rule()
    orders = [scene.there.place(phone=f"+2782555{9000 + n}") for n in range(7)]
    scene.tell(orders[0])
    drain()
    for _ in range(2):
        shop_sync.tend_shop(scene.shop_id)
        drain()
    scene.tell(orders[3], "order.updated")
    drain()
    assert sorted(message.phone or "" for message in written()) == [f"2782555{9000 + n}" for n in range(7)]


def test_an_older_copy_does_not_turn_an_order_back(scene: Scene, drain: Drain) -> None:
    order = scene.there.place()
    newer = order | {"status": "completed", "date_modified_gmt": "2099-01-01T00:00:00"}
    scene.tell(newer, "order.updated")
    drain()
    scene.rule("status:processing")
    scene.tell(order, "order.updated")
    drain()
    assert scene.order(order["id"]).status == "completed"
    assert written() == []


@pytest.mark.parametrize(
    ("conditions", "is_met"),
    [
        ({"countries": ["ZA", "DE"]}, True),
        ({"countries": ["DE"]}, False),
        ({"total_min": "485"}, True),
        ({"total_min": "485.01"}, False),
        ({"total_max": "484.99"}, False),
        ({"product_ids": [101, 103]}, True),
        ({"product_ids": [103]}, False),
        ({"payment_methods": ["card"]}, True),
        ({"payment_methods": ["cod"], "countries": ["ZA"]}, False),
    ],
)
def test_conditions_choose_the_orders(scene: Scene, drain: Drain, conditions: dict[str, Any], is_met: bool) -> None:
    scene.rule(conditions=conditions)
    scene.tell(scene.there.place())
    drain()
    assert len(written()) == int(is_met)


def test_a_phone_is_read_in_the_country_of_the_order(scene: Scene, drain: Drain) -> None:
    scene.rule()
    scene.tell(scene.there.place(phone="0151 23456789", country="DE"))
    scene.tell(scene.there.place(phone="call me", country="GB"))
    drain()
    assert [message.phone for message in written()] == ["4915123456789"]
    left_out = db.session.scalars(select(ShopMessage.reason).where(ShopMessage.message_id.is_(None))).one()
    assert left_out.startswith("No usable phone number")


def test_consent_comes_from_the_box_only_and_a_later_stop_counts(scene: Scene, drain: Drain) -> None:
    ticked = scene.there.place(phone="082 555 0303", opt_in=True)
    scene.tell(ticked)
    scene.tell(scene.there.place(phone="082 555 0304"))
    drain()
    said = dict(db.session.execute(select(Contact.phone, Contact.consent)).all())
    assert said == {"27825550303": Consent.OPTED_IN, "27825550304": Consent.UNKNOWN}
    person = db.session.scalars(select(Contact).where(Contact.phone == "27825550303")).one()
    consent.record_consent(scene.workspace_id, [person.id], Consent.OPTED_OUT, source="reply")
    # A test is one transaction, whose now() is its beginning; they wrote it after they had ordered.
    db.session.execute(update(ConsentEvent).values(created_at=datetime.now(UTC)))
    db.session.commit()
    scene.tell(ticked | {"id": 5001, "number": "5001"})
    drain()
    db.session.refresh(person)
    assert person.consent is Consent.OPTED_OUT, "the box was ticked before they wrote STOP"


def test_of_two_changes_between_looks_the_present_status_is_messaged_once(scene: Scene, drain: Drain) -> None:
    for status in ("processing", "completed"):
        scene.rule(f"status:{status}")
    order = scene.there.place(status="pending")
    scene.tell(order)
    drain()
    scene.there.change(order["id"], status="processing")
    done = scene.there.change(order["id"], status="completed")
    for _ in range(2):
        shop_sync.tend_shop(scene.shop_id)
        drain()
    scene.tell(done, "order.updated")
    drain()
    told = db.session.scalars(select(ShopMessage)).all()
    assert [one.rule.event for one in told if one.message_id] == ["status:completed"]


@pytest.mark.parametrize(("hours", "count"), [(20, 1), (25, 0)])
def test_a_status_that_is_found_late_is_messaged_within_the_day(
    scene: Scene, drain: Drain, at: Callable[[timedelta], None], hours: int, count: int
) -> None:
    scene.rule("status:completed")
    order = scene.there.place()
    scene.tell(order)
    drain()
    scene.there.change(order["id"], status="completed")
    at(timedelta(hours=hours))
    shop_sync.tend_shop(scene.shop_id)
    drain()
    assert len(written()) == count


def test_a_stopped_number_keeps_the_message_waiting(
    scene: Scene, drain: Drain, monkeypatch: pytest.MonkeyPatch
) -> None:
    scene.rule()
    channel = db.session.get_one(Channel, scene.channel_id)
    channel.state = ChannelState.STOPPED
    db.session.commit()
    scene.tell(scene.there.place())
    drain()
    assert written() == []
    channel.state = ChannelState.CONNECTED
    db.session.commit()
    monkeypatch.setattr("wotnot.clock.now", lambda: datetime.now(UTC) + timedelta(minutes=5))
    drain()
    assert len(written()) == 1


def test_a_shop_that_is_off_messages_nobody_about_what_was_ordered_meanwhile(scene: Scene, drain: Drain) -> None:
    scene.rule()
    shops.switch_shop(scene.workspace_id, scene.shop_id, is_on=False)
    scene.tell(scene.there.place())
    drain()
    shops.switch_shop(scene.workspace_id, scene.shop_id, is_on=True)
    shop_sync.tend_shop(scene.shop_id)
    drain()
    assert written() == []


def test_an_order_without_a_value_is_left_out_and_says_why(scene: Scene, drain: Drain) -> None:
    scene.rule(variables=VARIABLES | {"3": {"field": "tracking_link"}})
    scene.tell(scene.there.place())
    drain()
    (plan,) = db.session.scalars(select(ShopMessage)).all()
    assert plan.message_id is None
    assert plan.reason == "The order has no value for Tracking link, and there is no fallback."


def test_what_is_no_order_is_kept_aside(scene: Scene, drain: Drain) -> None:
    scene.tell({"id": "x"})
    scene.tell(scene.there.place() | {"total": "plenty"})
    drain()
    kept = db.session.scalars(select(ShopDelivery.error).where(ShopDelivery.state == WebhookState.POISON)).all()
    assert sorted(kept) == ["The order's total is no number.", "This is not an order: it has no id or no status."]


def test_the_door_takes_a_ping_and_refuses_what_is_forged(scene: Scene) -> None:
    url = f"/webhooks/woocommerce/{scene.shop.token}"
    kind = "application/x-www-form-urlencoded"
    assert scene.client.post(url, data="webhook_id=5", content_type=kind).status_code == 200
    assert deliver(scene.client, scene.shop, "order.created", {"id": 1}, secret="not ours") == 401
    assert scene.client.post("/webhooks/woocommerce/nobody", data="webhook_id=5", content_type=kind).status_code == 410
    waiting = select(ShopDelivery.id).where(ShopDelivery.state == WebhookState.PENDING)
    assert db.session.scalars(waiting).all() == []
