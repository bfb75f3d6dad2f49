"""Real processes, webhooks five times, late, out of order and lost, and kill -9: every order is messaged exactly once."""

import random
import time

import pytest
from sqlalchemy import func, select

from tests.cast import Cast
from tests.factories import make_channel, make_template
from tests.sandbox_control import SandboxControl
from tests.sandbox_shop import SandboxShop, connect
from tests.servers import Processes, wait_until
from wotnot.extensions import db
from wotnot.models import Message, Shop, ShopDelivery, ShopMessage, ShopOrder, WebhookState
from wotnot.services import shop_rules, shops

ORDERS, KILLS = 120, 8
FIRST_PHONE = 27825000000
BODY = {"type": "BODY", "text": "Hi {{1}}, thank you for your order {{2}}.", "example": {"body_text": [["Ann", "12"]]}}
VARIABLES = {"1": {"field": "first_name"}, "2": {"field": "order_number"}}


@pytest.fixture
def there(sandbox: SandboxControl, live_server: str, processes: Processes) -> SandboxShop:
    """A shop whose webhooks come five times, up to a second late, and one in five never; and all workers."""
    sandbox.set(
        webhook_url=f"{live_server}/webhooks/whatsapp",
        rate_per_second=0,
        review_after_s=0,
        pair_limit=False,
        endings=False,
    )
    template = {"name": "order_placed", "language": "en", "category": "UTILITY", "components": [BODY]}
    sandbox.post(f"/v24.0/{sandbox.WABA_ID}/message_templates?access_token={sandbox.TOKEN}", template)
    shop = SandboxShop(sandbox)
    shop.trouble(repeat=5, shuffle_s=1.0, skip_percent=20)
    for queues in (("shops",), ("tends", "default"), ("events",), ("send",)):
        processes.start_worker(*queues, name=queues[0])
    processes.start_worker("shops", name="second")  # two drains at once, and one of them is never killed
    processes.start("scheduler", "flask", "--app", "wsgi", "scheduler")
    return shop


@pytest.fixture
def shop_id(committed_cast: Cast, there: SandboxShop) -> int:
    """The shop, connected, its past orders known, with rules about new and about completed orders."""
    workspace = committed_cast.workspace
    workspace_id = workspace.id
    channel_id = make_channel(workspace, phone_number_id=SandboxControl.PHONE_NUMBER_ID, rate_per_second=500).id
    template_id = make_template(workspace, name="order_placed", components=[BODY], category="utility").id
    shop_id = connect(workspace, there).id
    wait_until(lambda: _count(ShopOrder) == 18, 30, "the past orders")
    for event in ("created", "status:completed"):
        shop_rules.create_rule(
            workspace_id, shop_id, event=event, channel_id=channel_id, template_id=template_id, variables=VARIABLES
        )
    return shop_id


def test_every_order_is_messaged_once(
    shop_id: int, there: SandboxShop, sandbox: SandboxControl, processes: Processes
) -> None:
    chance = random.Random(6)
    orders: list[int] = []
    for round_ in range(KILLS):
        placed = there.place(count=ORDERS // KILLS, phone=str(FIRST_PHONE + len(orders)))["orders"]
        orders += placed
        for order_id in placed[::2]:
            there.change(order_id, status="completed")
        time.sleep(chance.uniform(0.1, 0.7))
        name = ("shops", "tends")[round_ % 4 == 3]
        processes.kill(name)
        processes.start_worker(*(("shops",) if name == "shops" else ("tends", "default")), name=name)
    there.trouble(skip_percent=0)
    expected = {str(FIRST_PHONE + place): 1 + (place % (ORDERS // KILLS) % 2 == 0) for place in range(ORDERS)}
    wait_until(lambda: sum(_sends(sandbox).values()) >= sum(expected.values()), 150, "every order's messages")
    wait_until(lambda: _is_quiet(shop_id), 60, "nothing to wait any more")
    assert _sends(sandbox) == expected
    assert _count(Message) == sum(expected.values())


def _sends(sandbox: SandboxControl) -> dict[str, int]:
    sends: dict[str, int] = sandbox.sends()["to"]
    return sends


def _count(model: type[Message] | type[ShopOrder]) -> int:
    db.session.rollback()
    return db.session.scalar(select(func.count()).select_from(model)) or 0


def _is_quiet(shop_id: int) -> bool:
    """Whether the list was read once more since, and nothing waits in the inbox or for its time."""
    db.session.rollback()
    shop = db.session.get_one(Shop, shop_id)
    shops.refresh_shop(shop.workspace_id, shop_id)
    waiting = select(ShopDelivery.id).where(ShopDelivery.state == WebhookState.PENDING)
    planned = select(ShopMessage.id).where(ShopMessage.message_id.is_(None))
    return db.session.scalar(waiting.limit(1)) is None and db.session.scalar(planned.limit(1)) is None
