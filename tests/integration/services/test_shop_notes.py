"""Notes to customers: told by a webhook, found in the order's own list, and each messaged once."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import delete, func, select, update

from tests.shop_scene import VARIABLES, Drain, Scene, texts, written
from wotnot import clock
from wotnot.extensions import db
from wotnot.models import Contact, Shop, ShopDelivery, ShopOrder, WebhookState
from wotnot.services import shop_inbox, shop_notes, shop_orders, shop_sync, shops
from wotnot.services.shop_hooks import NOTE_TOPIC
from wotnot.services.woocommerce.client import WooClient

WITH_NOTE = VARIABLES | {"3": {"field": "note"}}


def note(scene: Scene, order_id: int, text: str, *, for_customer: bool = True) -> None:
    """Somebody in the shop adds a note; its webhook goes nowhere in these tests."""
    scene.there._post(f"/orders/{order_id}/notes", {"note": text, "customer_note": for_customer})


def look(scene: Scene, drain: Drain) -> None:
    """The shop is looked after, and what is due is written."""
    shop_sync.tend_shop(scene.shop_id)
    drain()
    shop_sync.tend_shop(scene.shop_id)
    drain()


def look_again() -> None:
    """The time has come to look at every order's notes."""
    db.session.execute(update(ShopOrder).values(notes_due_at=clock.now()))
    db.session.commit()


def said() -> list[str]:
    """What the messages say as the note."""
    return [texts(message)[2] for message in written()]


def test_a_note_that_comes_before_its_order_waits_for_it(
    scene: Scene, drain: Drain, at: Callable[[timedelta], None]
) -> None:
    scene.rule("note", variables=VARIABLES | {"3": {"field": "note"}})
    order = scene.there.place()
    for order_id, words in ((order["id"], "On its way"), (99_999, "Nobody's")):
        body = {"action": "x", "arg": {"order_id": order_id, "customer_note": words}}
        scene.tell(body, "action.woocommerce_new_customer_note")
    for _ in range(8):  # longer than any fixed number of tries
        drain()
        db.session.execute(update(ShopDelivery).values(due_at=func.now()))
        db.session.commit()
    drain()
    scene.tell(order)
    drain()
    assert [texts(message)[2] for message in written()] == ["On its way"]
    at(timedelta(hours=25))
    db.session.execute(update(ShopDelivery).values(due_at=func.now()))
    db.session.commit()
    drain()
    waiting = select(ShopDelivery.id).where(ShopDelivery.state == WebhookState.PENDING)
    assert db.session.scalars(waiting).all() == [], "an order that never comes is not waited for longer than a day"


def test_a_note_to_the_customer_is_messaged_once(scene: Scene, drain: Drain) -> None:
    scene.rule("note", variables=VARIABLES | {"3": {"field": "note"}})
    order = scene.there.place()
    body = {
        "action": "woocommerce_new_customer_note",
        "arg": {"order_id": order["id"], "customer_note": "It is\non its way"},
    }
    scene.tell(order)
    for _ in range(3):
        scene.tell(body, "action.woocommerce_new_customer_note")
    drain()
    (message,) = written()
    assert texts(message)[2] == "It is on its way"


def test_a_note_that_no_webhook_told_is_messaged_once(scene: Scene, drain: Drain) -> None:
    scene.rule("note", variables=WITH_NOTE)
    order = scene.there.place()
    note(scene, order["id"], "Your parcel is\non its way")
    for _ in range(3):
        look(scene, drain)
        look_again()
    assert said() == ["Your parcel is on its way"]


def test_the_webhook_and_the_list_are_one_message(scene: Scene, drain: Drain) -> None:
    scene.rule("note", variables=WITH_NOTE)
    order = scene.there.place()
    note(scene, order["id"], "On its way")
    body = {"action": "x", "arg": {"order_id": order["id"], "customer_note": "On its way"}}
    look(scene, drain)
    scene.tell(body, "action.woocommerce_new_customer_note")
    drain()
    look_again()
    look(scene, drain)
    assert said() == ["On its way"]


def test_notes_for_the_shops_own_people_are_not_messaged(scene: Scene, drain: Drain) -> None:
    scene.rule("note", variables=WITH_NOTE)
    order = scene.there.place()
    note(scene, order["id"], "Customer is difficult", for_customer=False)
    look(scene, drain)
    assert said() == []


def test_what_was_noted_before_the_rule_is_not_messaged(scene: Scene, drain: Drain) -> None:
    order = scene.there.place()
    note(scene, order["id"], "Written before")
    look(scene, drain)
    rule = scene.rule("note", variables=WITH_NOTE)
    rule.active_since = clock.now() + timedelta(seconds=2)
    db.session.commit()
    look_again()
    look(scene, drain)
    assert said() == []


def test_without_a_rule_nothing_is_asked(scene: Scene, drain: Drain, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[int] = []
    real = WooClient.list_customer_notes

    def counted(client: WooClient, order_id: int) -> list[dict[str, object]]:
        asked.append(order_id)
        return real(client, order_id)

    monkeypatch.setattr(WooClient, "list_customer_notes", counted)
    scene.there.place(count=25)
    look(scene, drain)
    assert asked == []
    scene.rule("note", variables=WITH_NOTE)
    shop_sync.tend_shop(scene.shop_id)
    assert len(asked) == shop_notes.MOST_A_RUN
    shop_sync.tend_shop(scene.shop_id)
    assert len(set(asked)) == len(asked) == 25, "each once, until its time comes again"


def test_past_orders_are_not_looked_at(scene: Scene) -> None:
    assert shop_orders.list_due_for_notes(scene.shop_id, 100) == []


def test_orders_that_changed_long_ago_are_left_alone(scene: Scene, drain: Drain) -> None:
    order = scene.there.place()
    look(scene, drain)
    row = scene.order(order["id"])
    for age, pause in ((0, 10), (3 * 24 * 60, 120), (20 * 24 * 60, None)):
        row.modified_at = clock.now() - timedelta(minutes=age)
        db.session.commit()
        shop_orders.apply_listed_notes(db.session.get_one(Shop, scene.shop_id), row.id, [])
        wait = row.notes_due_at and round((row.notes_due_at - clock.now()).total_seconds() / 60)
        assert wait == pause
    db.session.rollback()


def test_an_order_that_is_gone_stops_nothing(scene: Scene, drain: Drain) -> None:
    scene.rule("note", variables=WITH_NOTE)
    first, second = scene.there.place(), scene.there.place(phone="082 555 0143")
    shop_sync.tend_shop(scene.shop_id)
    drain()
    scene.there.change(first["id"], delete=True)
    note(scene, second["id"], "On its way")
    shop_sync.tend_shop(scene.shop_id)
    drain()
    assert said() == ["On its way"]
    assert shops.get_shop(scene.workspace_id, scene.shop_id).trouble == ""


# ---------------------------------------------------------------- notes about orders that were never read


def forget(order_id: int) -> None:
    """As if the order was older than what was read when the shop was connected."""
    db.session.execute(delete(ShopOrder).where(ShopOrder.order_id == order_id))
    db.session.commit()


def tell_note(scene: Scene, order_id: int, words: str = "It left today") -> None:
    """The shop's server tells of a note, whose order is not known when it is looked at first."""
    scene.tell({"action": "x", "arg": {"order_id": order_id, "customer_note": words}}, NOTE_TOPIC)


def asked_for(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The orders that the shop is asked for by their ids from now on."""
    asked: list[str] = []
    real = WooClient.list_orders

    def listed(client: WooClient, **filters: Any) -> Any:
        if "include" in filters:
            asked.append(filters["include"])
        return real(client, **filters)

    monkeypatch.setattr(WooClient, "list_orders", listed)
    return asked


def test_a_note_about_an_old_order_has_the_shop_asked_for_it_and_is_messaged(
    scene: Scene, drain: Drain, at: Callable[[timedelta], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its buyer is no contact either: past orders add nobody, but a note is news."""
    scene.rule("note", variables=WITH_NOTE)
    scene.rule("status:completed")
    phone = scene.order(1001).phone
    forget(1001)
    asked = asked_for(monkeypatch)
    for _ in range(2):
        tell_note(scene, 1001)
    drain()
    look(scene, drain)
    assert asked == [], "an order that is new comes by itself"
    at(timedelta(minutes=3))
    for _ in range(3):
        look(scene, drain)
    assert asked == ["1001"], "once, for both notes"
    assert said() == ["It left today"]
    assert written()[0].phone == phone


def test_an_order_that_the_shop_does_not_have_is_asked_for_once(
    scene: Scene, drain: Drain, at: Callable[[timedelta], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    scene.rule("note", variables=WITH_NOTE)
    asked = asked_for(monkeypatch)
    tell_note(scene, 99_999)
    tell_note(scene, -1)
    drain()
    for minutes in (3, 6, 9):
        at(timedelta(minutes=minutes))
        look(scene, drain)
    assert asked == ["99999"]
    assert shop_inbox.list_noted(scene.shop_id, 10) == {}
    assert said() == []
    assert scene.shop.trouble == ""


def test_a_shop_in_trouble_is_asked_when_it_is_well_again(
    scene: Scene, drain: Drain, at: Callable[[timedelta], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    scene.rule("note", variables=WITH_NOTE)
    forget(1001)
    tell_note(scene, 1001)
    drain()
    asked = asked_for(monkeypatch)
    scene.there.trouble(down=True)
    at(timedelta(minutes=3))
    look(scene, drain)
    assert asked == [], "its list did not answer, so nothing more is asked"
    scene.there.trouble(down=False)
    at(timedelta(hours=2))
    look(scene, drain)
    assert asked == ["1001"]
    assert said() == ["It left today"]


def test_without_a_rule_about_notes_no_old_order_is_asked_for(
    scene: Scene, drain: Drain, at: Callable[[timedelta], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    scene.rule()
    forget(1001)
    asked = asked_for(monkeypatch)
    tell_note(scene, 1001)
    drain()
    at(timedelta(minutes=3))
    look(scene, drain)
    assert asked == []


def test_a_note_about_a_past_order_reaches_a_buyer_who_was_no_contact(scene: Scene, drain: Drain) -> None:
    scene.rule("note", variables=WITH_NOTE)
    past = scene.order(1001)
    assert past.contact_id is None
    tell_note(scene, 1001)
    drain()
    assert [message.phone for message in written()] == [past.phone]


def test_a_note_that_no_rule_is_about_adds_nobody(scene: Scene, drain: Drain) -> None:
    scene.rule("note", variables=WITH_NOTE, conditions={"countries": ["JP"]})
    tell_note(scene, 1001)
    drain()
    assert (written(), db.session.scalar(select(Contact.id))) == ([], None)
