"""Orders of a shop as they become messages: how many a minute, how soon, and that none is lost or told twice.

    python -m bench.shops                         500 orders a minute for five minutes, through real webhooks
    python -m bench.shops --rate 500 --seconds 30

Every part is the product's own: the sandbox's shop sends its webhooks to gunicorn, the worker of the queue `shops` plans and
writes the messages, the sender posts them to the sandbox. Latency counts from the moment an order was placed to the moment its
message was accepted; shops tell whole seconds only, so up to one second of it is none. The webhooks come twice each, and one in a hundred never; the list of changes finds those.
"""

import argparse
import sys
import time
from dataclasses import replace

import requests

from bench.world import World, execute, running_world, seed_channel, seed_template, seed_workspace, start_web
from wotnot.services import shop_rules, shops

P95_BAR_S = 5.0
LOST_PERCENT = 1
FIRST_PHONE = 27_820_000_000
SETTLE_S = 150
VARIABLES = {"1": {"field": "first_name"}}


def main() -> int:
    """Run what was asked for; the exit code says whether the bars were met."""
    arguments = _arguments()
    with running_world() as world:
        shop = f"{world.sandbox}/sandbox/shops/casa-verde"
        _prepare(world, shop)
        count = arguments.rate * arguments.seconds // 60
        _place(shop, count, arguments.rate / 60)
        return 0 if _report(world, count) else 1


def _prepare(world: World, shop: str) -> None:
    """A connected shop with one rule, and every process that an order meets."""
    world.start_sandbox()
    web = f"http://127.0.0.1:{start_web(world, 'web', ALLOW_PRIVATE_URLS='1')}"
    ours = {"app_secret": world.environment["FACEBOOK_APP_SECRET"], "webhook_url": f"{web}/webhooks/whatsapp"}
    world.start_sandbox(webhooks=True, **ours)
    world.processes.environment |= {"PUBLIC_URL": web, "ALLOW_PRIVATE_URLS": "1"}
    here = replace(world.app.extensions["wotnot.config"], public_url=web, allow_private_urls=True)
    world.app.extensions["wotnot.config"] = here
    for queue in ("shops", "tends", "events", "send"):
        world.processes.start_worker(queue, name=queue)
    world.processes.start("scheduler", "flask", "--app", "wsgi", "scheduler")
    _connect(world, shop)


def _connect(world: World, shop: str) -> None:
    workspace_id = seed_workspace()
    channel_id, _ = seed_channel(world, workspace_id, rate=500, phone_number_id="800000000000001")
    template_id = seed_template(world, workspace_id)
    keys = requests.post(f"{shop}/keys", json={}, timeout=10).json()
    requests.post(shop, json={"repeat": 2, "skip_percent": LOST_PERCENT}, timeout=10).raise_for_status()
    connected = shops.connect_shop(workspace_id, base_url=f"{world.sandbox}/shop/casa-verde", **keys)
    shop_rules.create_rule(
        workspace_id, connected.id, event="created", channel_id=channel_id, template_id=template_id, variables=VARIABLES
    )
    while not execute("SELECT 1 FROM shop_orders LIMIT 1"):  # the past orders: every process is up once they are known
        time.sleep(0.5)


def _place(shop: str, count: int, rate: float) -> None:
    """Place `count` orders, `rate` a second, each by a customer of its own."""
    started = time.monotonic()
    with requests.Session() as http:
        for number in range(count):
            time.sleep(max(started + number / rate - time.monotonic(), 0))
            order = {"product_ids": [101 + number % 8], "first_name": "Ann", "phone": f"+{FIRST_PHONE + number}"}
            http.post(f"{shop}/orders", json=order, timeout=30).raise_for_status()


def _report(world: World, count: int) -> bool:
    """Wait until all were told, and say how it went."""
    deadline = time.monotonic() + SETTLE_S
    while _accepted() < count and time.monotonic() < deadline:
        time.sleep(0.5)
    time.sleep(3)
    sends = requests.get(f"{world.sandbox}/sandbox/sends", timeout=30).json()["to"]
    twice = sum(times > 1 for times in sends.values())
    median, p95, slowest, heard, planned, written = execute(_LATENCY)[0]
    print(
        f"shops: 95 % are heard of after {heard:.1f} s, planned after {planned:.1f} s, in the ledger after {written:.1f} s"
    )
    print(
        f"shops: {count:,} orders, {_accepted():,} messages accepted, {count - len(sends):,} lost, {twice} told twice; "
        f"order to accepted message p50 {median:.1f} s, p95 {p95:.1f} s (bar: below {P95_BAR_S:g} s), slowest {slowest:.1f} s"
    )
    missed = _missed(count - len(sends), twice, p95)
    print(f"shops: BAR MISSED: {', '.join(missed)}" if missed else "shops: every bar is met")
    return not missed


def _missed(lost: int, twice: int, p95: float) -> list[str]:
    """The bars that were not met, in words."""
    found = {
        f"{lost:,} orders were told to nobody": lost > 0,
        f"{twice:,} orders were told twice": twice > 0,
        f"p95 is {p95:.1f} s and not below {P95_BAR_S:g} s": p95 >= P95_BAR_S,
    }
    return [words for words, is_missed in found.items() if is_missed]


def _accepted() -> int:
    return int(execute("SELECT count(*) FROM messages WHERE accepted_at IS NOT NULL")[0][0])


_LATENCY = """
SELECT percentile_cont(0.5) WITHIN GROUP (ORDER BY took), percentile_cont(0.95) WITHIN GROUP (ORDER BY took), max(took),
    percentile_cont(0.95) WITHIN GROUP (ORDER BY heard),
    percentile_cont(0.95) WITHIN GROUP (ORDER BY planned), percentile_cont(0.95) WITHIN GROUP (ORDER BY written)
FROM (
    SELECT greatest(extract(epoch FROM m.accepted_at - o.placed_at), 0)::float AS took,
        extract(epoch FROM d.at - o.placed_at)::float AS heard,
        extract(epoch FROM p.created_at - o.placed_at)::float AS planned,
        extract(epoch FROM m.created_at - o.placed_at)::float AS written
    FROM shop_messages p JOIN shop_orders o ON o.id = p.order_id JOIN messages m ON m.id = p.message_id
    JOIN (
        SELECT (convert_from(body, 'UTF8')::jsonb ->> 'id')::bigint AS id, min(received_at) AS at
        FROM shop_deliveries WHERE topic LIKE 'order.%' GROUP BY 1
    ) d ON d.id = o.order_id) t
"""


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rate", type=int, default=500, help="orders a minute")
    parser.add_argument("--seconds", type=int, default=300)
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
