"""From a shop's order to a message in the ledger, once: webhooks, the list of changes, rules, conditions, delays."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import delete, func, select, update

from tests import factories
from tests.cast import Cast
from tests.client import Client
from tests.sandbox_control import SandboxControl
from tests.sandbox_shop import SandboxShop, connect, deliver
from wotnot import clock
from wotnot.extensions import db
from wotnot.models import (
    Channel,
    ChannelState,
    Consent,
    ConsentEvent,
    Contact,
    Message,
    Shop,
    ShopDelivery,
    ShopMessage,
    ShopOrder,
    ShopRule,
    WebhookState,
    Workspace,
)
from wotnot.services import (
    consent,
    shop_asks,
    shop_inbox,
    shop_messages,
    shop_notes,
    shop_orders,
    shop_rules,
    shop_sync,
    shops,
)
from wotnot.services.woocommerce.client import WooClient

Drain = Callable[[], dict[str, int]]
VARIABLES = {"1": {"field": "first_name", "fallback": "there"}, "2": {"field": "order_number"}, "3": {"field": "total"}}
BODY = {
    "type": "BODY",
    "text": "Hello {{1}}, we have your order {{2}} over {{3}}.",
    "example": {"body_text": [["Thandi", "1042", "R485.00"]]},
}


@dataclass
class Scene:
    """A connected shop with a number and a template, and a browser that plays the shop's server."""

    workspace_id: int
    shop_id: int
    there: SandboxShop
    channel_id: int
    template_id: int
    client: Client

    @property
    def shop(self) -> Shop:
        """The shop now: calls to it give the session back in between."""
        return shops.get_shop(self.workspace_id, self.shop_id)

    def rule(self, event: str = "created", **fields: Any) -> ShopRule:
        """A rule of the shop."""
        given = {"channel_id": self.channel_id, "template_id": self.template_id, "variables": VARIABLES}
        return shop_rules.create_rule(self.workspace_id, self.shop_id, event=event, **given | fields)

    def tell(self, order: dict[str, Any], topic: str = "order.created") -> None:
        """The shop's server posts a webhook."""
        assert deliver(self.client, self.shop, topic, order) == 200

    def order(self, number: int) -> ShopOrder:
        """What we know of an order."""
        return db.session.scalars(select(ShopOrder).where(ShopOrder.order_id == number)).one()


@pytest.fixture
def drain() -> Drain:
    """Apply what waits, without lingering for more."""
    return lambda: shop_inbox.drain(linger_seconds=0)


@pytest.fixture
def scene(cast: Cast, client: Client, sandbox: SandboxControl, drain: Drain) -> Scene:
    """A shop that was connected and whose past orders were read."""
    there = SandboxShop(sandbox)
    workspace_id = cast.workspace.id
    channel_id = factories.make_channel(cast.workspace).id
    template_id = factories.make_template(cast.workspace, components=[BODY], category="utility").id
    shop_id = connect(cast.workspace, there).id
    shop_sync.tend_shop(shop_id)
    drain()
    return Scene(workspace_id, shop_id, there, channel_id, template_id, client)


def written() -> list[Message]:
    """The ledger, the oldest entry first."""
    return list(db.session.scalars(select(Message).order_by(Message.id)))


def texts(message: Message) -> list[str]:
    """The values that a message's template is filled with."""
    return [one["text"] for part in (message.content or {})["components"] for one in part["parameters"]]


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


def unwritten() -> list[str]:
    """Why the others are not in the ledger."""
    db.session.expire_all()
    return list(db.session.scalars(select(ShopMessage.reason).where(ShopMessage.message_id.is_(None))))


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


# ---------------------------------------------------------------- notes that no webhook told

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
