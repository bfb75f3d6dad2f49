"""Shops that misbehave: each trouble is said, calls are bounded, the other shops go on, and webhooks are mended."""

import time
from collections import Counter
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from rq import Queue
from sqlalchemy import select, update

from tests import factories
from tests.cast import Cast
from tests.client import Client
from tests.sandbox_control import SandboxControl
from tests.sandbox_shop import SandboxShop, connect
from wotnot import clock
from wotnot.errors import Conflict, NotFound
from wotnot.extensions import db, redis
from wotnot.models import Shop, ShopDelivery, ShopOrder
from wotnot.services import sandbox_shop, shop_access, shop_hooks, shop_inbox, shop_rules, shop_sync, shops
from wotnot.services.woocommerce import client as woo


@pytest.fixture
def there(sandbox: SandboxControl) -> SandboxShop:
    """The sandbox's shop."""
    return SandboxShop(sandbox)


@pytest.fixture
def shop_id(cast: Cast, there: SandboxShop) -> int:
    """The shop, connected and read."""
    shop_id = connect(cast.workspace, there).id
    shop_sync.tend_shop(shop_id)
    return shop_id


def tend(shop_id: int) -> Shop:
    """Look after a shop, and answer how it is then."""
    shop_sync.tend_shop(shop_id)
    return db.session.get_one(Shop, shop_id, populate_existing=True)


@pytest.mark.parametrize(
    ("trouble", "expected"),
    [({"down": True}, "down"), ({"html": True}, "html"), ({"slow_s": 1.5}, "slow")],
)
def test_the_page_says_which_trouble_and_it_passes(
    shop_id: int, there: SandboxShop, monkeypatch: pytest.MonkeyPatch, trouble: dict[str, Any], expected: str
) -> None:
    monkeypatch.setattr(woo, "READ_SECONDS", 0.5)
    there.trouble(**trouble)
    shop = tend(shop_id)
    assert (shop.trouble, shop.failed_count) == (expected, 1)
    assert shop.trouble_text
    assert shop.trouble_since is not None
    there.trouble(down=False, html=False, slow_s=0)
    monkeypatch.undo()
    shop = tend(shop_id)
    assert (shop.trouble, shop.trouble_text, shop.failed_count) == ("", "", 0)


def test_a_shop_that_answers_but_takes_long_is_slow_too(
    shop_id: int, there: SandboxShop, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(woo, "SLOW_SECONDS", 0.2)
    there.trouble(slow_s=0.3)
    shop = tend(shop_id)
    assert (shop.trouble, shop.failed_count) == ("slow", 0)


def test_revoked_keys_are_said_and_new_ones_mend_it(cast: Cast, shop_id: int, there: SandboxShop) -> None:
    workspace_id = cast.workspace.id
    there.revoke(there.key)
    shop = tend(shop_id)
    assert shop.trouble == "keys"
    assert "refuses these keys" in shop.trouble_text
    assert shop.sync_due_at > clock.now() + timedelta(minutes=10), "what does not mend itself is asked less often"
    key, secret = there.new_keys()
    shops.replace_keys(workspace_id, shop_id, consumer_key=key, consumer_secret=secret)
    assert tend(shop_id).trouble == ""


def test_retries_wait_longer_and_longer_and_other_shops_go_on(
    cast: Cast, sandbox: SandboxControl, shop_id: int, there: SandboxShop
) -> None:
    workspace = db.session.merge(cast.workspace)
    other = SandboxShop(sandbox, "other")
    other_id = connect(workspace, other).id
    there.trouble(down=True)
    pauses = []
    for _ in range(6):
        shop = tend(shop_id)
        pauses.append(round((shop.sync_due_at - clock.now()).total_seconds() / 60))
    assert pauses == [1, 2, 4, 8, 15, 15]
    other.place(phone="082 555 0501")
    shop = tend(other_id)
    assert shop.trouble == ""
    shop_inbox.drain(linger_seconds=0)
    assert db.session.scalar(select(ShopOrder.number).where(ShopOrder.shop_id == other_id)) is not None


@pytest.mark.parametrize(
    ("trouble", "expected", "chip", "most"),
    [
        ("down", "down", "Down", 6),
        ("html", "html", "Answers HTML", 6),
        ("slow", "slow", "Slow", 6),
        ("revoked", "keys", "Key refused", 3),
    ],
)
def test_of_two_shops_the_sick_one_is_said_and_asked_less_often(
    trouble: str,
    expected: str,
    chip: str,
    most: int,
    *,
    cast: Cast,
    client: Client,
    sandbox: SandboxControl,
    shop_id: int,
    there: SandboxShop,
    monkeypatch: pytest.MonkeyPatch,
    at: Callable[[timedelta], None],
) -> None:
    """Half an hour, minute by minute: the other shop is looked after every time."""
    workspace = db.session.merge(cast.workspace)
    client.sign_in(db.session.merge(cast.alice))
    other = SandboxShop(sandbox, "other")
    other_id = connect(workspace, other).id
    monkeypatch.setattr(woo, "READ_SECONDS", 0.3)
    if trouble == "revoked":
        there.revoke(there.key)
    else:
        there.trouble(**{"slow_s": 0.6} if trouble == "slow" else {trouble: True})
    looked = Counter[int]()
    for minute in range(30):
        at(timedelta(minutes=minute + 1, seconds=minute))
        for due in shops.claim_due():
            looked[due] += 1
            shop_sync.tend_shop(due)
    other.place(phone="082 555 0501")
    shop_sync.tend_shop(other_id)
    assert looked[other_id] == 30
    assert 2 <= looked[shop_id] <= most
    states = {
        shop.id: shop.trouble for shop in db.session.scalars(select(Shop).execution_options(populate_existing=True))
    }
    assert states == {shop_id: expected, other_id: ""}
    assert db.session.scalar(select(ShopDelivery.id).where(ShopDelivery.shop_id == other_id)) is not None
    page = client.get("/app/shops").get_data(as_text=True)
    sick, well = (page.split(f'id="shop-{one}"')[1].split("</tr>")[0] for one in (shop_id, other_id))
    assert chip in sick
    assert "Connected" in well


def test_an_answer_without_an_end_is_cut_off(there: SandboxShop, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(woo, "LARGEST_ANSWER", 1000)
    with (
        woo.WooClient(there.url, there.key, there.secret, may_be_private=True) as client,
        pytest.raises(woo.ShopFault) as caught,
    ):
        client.list_orders()
    assert caught.value.trouble == "too_large"


def test_webhooks_that_were_switched_off_or_deleted_come_back(shop_id: int, there: SandboxShop) -> None:
    first, second, *_ = there.state()["webhooks"]
    there._post(f"/webhooks/{first['id']}", {"status": "disabled"})
    there._post(f"/webhooks/{second['id']}", {"delete": True})
    assert shop_hooks.tend_hooks(shop_id)
    found = there.state()["webhooks"]
    assert sorted(hook["topic"] for hook in found) == sorted(shop_hooks.TOPICS)
    assert {hook["status"] for hook in found} == {"active"}


def test_keys_that_may_only_read_stop_the_webhooks_and_not_the_reading(
    cast: Cast, client: Client, shop_id: int, there: SandboxShop
) -> None:
    client.sign_in(db.session.merge(cast.alice))
    key, secret = there.new_keys("read")
    shop = db.session.get_one(Shop, shop_id)
    shop.key_encrypted, shop.secret_encrypted = shop_access.hide(key), shop_access.hide(secret)
    shop.hooks_due_at = clock.now()
    db.session.commit()
    there._post(f"/webhooks/{there.state()['webhooks'][0]['id']}", {"delete": True})
    there.place()
    assert shop_sync.tend_shop(shop_id)["found"] == 1
    shop = db.session.get_one(Shop, shop_id, populate_existing=True)
    assert (shop.trouble, shop.failed_count) == ("", 0)
    assert "may read but not write" in shop.hooks_trouble
    assert shop.hooks_due_at > clock.now() + timedelta(minutes=5), "what lasts is not tried at every reading"
    page = client.get(f"/app/shops/{shop_id}").get_data(as_text=True)
    assert "It does not tell us of orders by itself." in page
    assert "Without webhooks" in page
    shops.replace_keys(shop.workspace_id, shop_id, consumer_key=there.key, consumer_secret=there.secret)
    assert db.session.get_one(Shop, shop_id, populate_existing=True).hooks_trouble == ""
    assert len(there.state()["webhooks"]) == len(shop_hooks.TOPICS)


def test_a_shop_that_asks_for_patience_gets_it(shop_id: int, there: SandboxShop) -> None:
    there.trouble(busy_s=1800)
    shop = tend(shop_id)
    assert shop.trouble == "busy"
    assert timedelta(minutes=29) < shop.sync_due_at - clock.now() <= timedelta(minutes=30)
    there.trouble(busy_s=10**6)
    assert tend(shop_id).sync_due_at - clock.now() <= woo.LONGEST_WAIT, "nobody is waited for for weeks"


@pytest.mark.parametrize("trouble", ["down", "slow"])
def test_a_shop_in_trouble_has_a_queue_of_its_own(
    trouble: str,
    *,
    cast: Cast,
    shop_id: int,
    sandbox: SandboxControl,
    there: SandboxShop,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    other_id = connect(db.session.merge(cast.workspace), SandboxShop(sandbox, "other")).id
    monkeypatch.setattr(woo, "SLOW_SECONDS", 0.2)
    there.trouble(**({"down": True} if trouble == "down" else {"slow_s": 0.3}))
    assert tend(shop_id).trouble == trouble
    for name in ("tends", "ailing"):
        Queue(name, connection=redis.client).empty()
    db.session.execute(update(Shop).values(sync_due_at=clock.now()))
    db.session.commit()
    for _ in range(2):
        shop_inbox.sweep()
    waiting = {name: [job.args[0] for job in Queue(name, connection=redis.client).jobs] for name in ("tends", "ailing")}
    assert waiting == {"tends": [other_id], "ailing": [shop_id]}


def test_a_shop_switches_a_webhook_off_after_failures_and_we_switch_it_on(shop_id: int, there: SandboxShop) -> None:
    """Nothing listens at the address of this test, so every delivery fails."""
    there.place(count=8)
    deadline = time.monotonic() + 10
    while there.state()["waiting"] and time.monotonic() < deadline:
        time.sleep(0.05)
    assert "disabled" in {hook["status"] for hook in there.state()["webhooks"]}
    assert shop_hooks.tend_hooks(shop_id)
    assert {hook["status"] for hook in there.state()["webhooks"]} == {"active"}


@pytest.mark.parametrize("most_a_window", [100, 2000])
def test_hundreds_of_changes_within_a_second_are_all_found(
    shop_id: int, there: SandboxShop, monkeypatch: pytest.MonkeyPatch, most_a_window: int
) -> None:
    monkeypatch.setattr(shop_sync, "MOST_A_WINDOW", most_a_window)
    there.place(count=350)
    shop_inbox.drain(linger_seconds=0)
    assert shop_sync.tend_shop(shop_id)["found"] == 350
    shop_inbox.drain(linger_seconds=0, max_seconds=60)
    assert shop_sync.tend_shop(shop_id)["found"] == 0, "what is known as it is comes no more"


def test_removing_takes_our_webhooks_out_and_keeps_the_orders(cast: Cast, shop_id: int, there: SandboxShop) -> None:
    workspace_id = cast.workspace.id
    shop_inbox.drain(linger_seconds=0)
    shops.remove_shop(workspace_id, shop_id)
    assert there.state()["webhooks"] == []
    shop = db.session.get_one(Shop, shop_id, populate_existing=True)
    assert (shop.key_encrypted, shop.secret_encrypted) == ("", "")
    with pytest.raises(NotFound):
        shops.get_shop(workspace_id, shop_id)
    assert db.session.scalar(select(ShopOrder.id).limit(1)) is not None
    assert shop_sync.tend_shop(shop_id) == {"found": 0}


def test_a_shop_is_claimed_by_one(cast: Cast) -> None:
    shop = factories.make_shop(cast.workspace)
    assert shops.claim_due() == [shop.id]
    assert shops.claim_due() == []


def test_the_sandbox_shop_takes_one_press(cast: Cast, there: SandboxShop) -> None:
    workspace_id = cast.workspace.id
    shop = sandbox_shop.connect_sandbox_shop(workspace_id)
    assert shop.name == "Casa Verde"
    with pytest.raises(Conflict):
        sandbox_shop.connect_sandbox_shop(workspace_id)


@pytest.mark.parametrize(
    "call",
    [
        shops.get_shop,
        lambda workspace, shop: shops.change_shop(workspace, shop, name="Mine"),
        lambda workspace, shop: shops.switch_shop(workspace, shop, is_on=False),
        shops.refresh_shop,
        shops.remove_shop,
        lambda workspace, shop: shops.replace_keys(workspace, shop, consumer_key="ck_x", consumer_secret="cs_x"),
        lambda workspace, shop: shop_rules.get_rule(workspace, shop, 1),
        lambda workspace, shop: shop_rules.delete_rule(workspace, shop, 1),
    ],
)
def test_a_stranger_finds_nothing(cast: Cast, call: Callable[[int, int], object]) -> None:
    shop = factories.make_shop(cast.workspace)
    channel = factories.make_channel(cast.workspace)
    factories.make_shop_rule(shop, channel, factories.make_template(cast.workspace))
    with pytest.raises(NotFound):
        call(cast.other_workspace.id, shop.id)
    assert db.session.scalar(select(ShopDelivery.id)) is None
