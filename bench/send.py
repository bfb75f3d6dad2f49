"""How fast and how evenly the sender sends, against a bare pool of `requests` posts to the same server.

    python -m bench.send                        every line below
    python -m bench.send limited --rate 1000 --count 20000
    python -m bench.send unlimited --count 20000
    python -m bench.send channels --count 12000
    python -m bench.send --ledger 10000000      whether a ledger of so many rows slows claiming; takes a while to fill

What counts is measured at the receiver: arrivals by second, as the sandbox saw them.
"""

import argparse
import json
import statistics
import time
from concurrent.futures import ThreadPoolExecutor

import requests
from requests.adapters import HTTPAdapter

from bench.claims import bench_ledger
from bench.world import (
    World,
    execute,
    running_world,
    seed_broadcast,
    seed_channel,
    seed_contacts,
    seed_template,
    seed_workspace,
)
from wotnot.services.sender import THREADS

LATENCY_MS = 100


def main() -> None:
    """Run what was asked for."""
    arguments = _arguments()
    if arguments.ledger:
        with running_world() as empty, running_world() as full:
            raise SystemExit(not bench_ledger(empty, full, arguments.ledger))
    with running_world() as world:
        world.start_sandbox(latency_ms=LATENCY_MS)
        workspace_id = seed_workspace()
        seed_contacts(workspace_id, max(arguments.count, 20_000))
        template_id = seed_template(world, workspace_id)
        if arguments.what in {"all", "limited"}:
            for rate in [arguments.rate] if arguments.rate else [1000, 80, 20]:
                count = arguments.count if rate >= 500 else min(arguments.count, rate * 30)
                bench_limited(world, workspace_id, template_id, rate, count)
        if arguments.what in {"all", "unlimited"}:
            bench_unlimited(world, workspace_id, template_id, arguments.count)
        if arguments.what in {"all", "channels"}:
            bench_channels(world, workspace_id, template_id, channels=100, each=max(arguments.count // 100, 20))


def bench_limited(world: World, workspace_id: int, template_id: int, rate: int, count: int) -> None:
    """One number at `rate` a second, one sender process as in the Procfile."""
    channel_id, number = seed_channel(world, workspace_id, rate=rate)
    broadcast_id = seed_broadcast(workspace_id, channel_id, template_id, first=0, count=count)
    arrivals = _send(world, [broadcast_id], "worker")[number]
    inner = _inner_seconds(arrivals)
    reached = statistics.mean(inner)
    print(
        f"{rate}/s limit, {count:,} messages: {reached:.1f}/s reached ({reached / rate:.1%} of the limit), "
        f"at most {max(arrivals.values())} in one second ({max(arrivals.values()) / rate:.1%})"
    )


def bench_unlimited(world: World, workspace_id: int, template_id: int, count: int) -> None:
    """The sender without a limit against a bare thread pool, alternating, in the same run."""
    channel_id, number = seed_channel(world, workspace_id, rate=1000)
    ratios = []
    for _ in range(2):
        bare = _bare_rate(world, number, count)
        broadcast_id = seed_broadcast(workspace_id, channel_id, template_id, first=0, count=count)
        ours = statistics.mean(_inner_seconds(_send(world, [broadcast_id], "unlimited")[number]))
        ratios.append(ours / bare)
        print(f"unlimited, {count:,} messages: {ours:.0f}/s, bare pool {bare:.0f}/s, ratio {ours / bare:.2f}")
    print(f"unlimited: ratio to the bare pool {statistics.mean(ratios):.2f}")


def bench_channels(world: World, workspace_id: int, template_id: int, *, channels: int, each: int) -> None:
    """Many numbers at 20/s, one sender process."""
    numbers, broadcasts = [], []
    for place in range(channels):
        channel_id, number = seed_channel(world, workspace_id, rate=20)
        numbers.append(number)
        broadcasts.append(seed_broadcast(workspace_id, channel_id, template_id, first=place * each, count=each))
    arrivals = _send(world, broadcasts, "worker")
    together: dict[int, int] = {}
    for number in numbers:
        for second, count in arrivals[number].items():
            together[second] = together.get(second, 0) + count
    worst = max(max(arrivals[number].values()) for number in numbers)
    print(
        f"{channels} channels at 20/s, {channels * each:,} messages: {statistics.mean(_inner_seconds(together)):.0f}/s "
        f"together, at most {worst} in one second of one channel"
    )


def _send(world: World, broadcasts: list[int], how: str) -> dict[str, dict[int, int]]:
    """Let a fresh sender process send these broadcasts; answers arrivals by number and second."""
    world.clear_sandbox_stats()
    execute("ANALYZE messages")
    execute("UPDATE broadcasts SET state = 'sending' WHERE id = ANY(:ids)", ids=broadcasts)
    if how == "worker":
        world.processes.start_worker("send", name="sender")
    else:
        world.processes.start("sender", "python", "-m", "bench.unlimited_sender")
    _wait_until_sent(broadcasts)
    print("  sender memory: %d MB" % (_memory(world) // 1024))  # noqa: UP031
    world.processes.kill("sender")
    stats = world.sandbox_stats()["per_second"]
    return {number: {int(second): count for second, count in seconds.items()} for number, seconds in stats.items()}


def _wait_until_sent(broadcasts: list[int]) -> None:
    while execute(
        "SELECT 1 FROM messages WHERE broadcast_id = ANY(:ids) AND state IN ('queued', 'sending') LIMIT 1",
        ids=broadcasts,
    ):
        time.sleep(0.5)


def _memory(world: World) -> int:
    """The largest resident set among the sender's processes, in KB."""
    import psutil

    process = psutil.Process(world.processes._running["sender"].pid)  # noqa: SLF001
    family = [process, *process.children(recursive=True)]
    return max(int(member.memory_info().rss) for member in family) // 1024


def _bare_rate(world: World, number: str, count: int) -> float:
    """A thread pool that does nothing but post the same body with `requests`; posts a second."""
    session = requests.Session()
    session.mount("http://", HTTPAdapter(pool_maxsize=THREADS))
    session.headers["Authorization"] = "Bearer sandbox-token"
    url = f"{world.sandbox}/v24.0/{number}/messages"

    def post(place: int) -> int:
        parameters = [{"type": "text", "text": "Naledi"}]
        body = {
            "messaging_product": "whatsapp",
            "recipient_type": "individual",
            "to": f"+2782{place:07d}",
            "type": "template",
            "template": {
                "name": "bench_offer",
                "language": {"code": "en"},
                "components": [{"type": "body", "parameters": parameters}],
            },
            "biz_opaque_callback_data": f"bare:{place}",
        }
        headers = {"Content-Type": "application/json"}
        return session.post(url, data=json.dumps(body).encode(), headers=headers, timeout=30).status_code

    started = time.monotonic()
    with ThreadPoolExecutor(THREADS) as pool:
        codes = set(pool.map(post, range(count)))
    if codes != {200}:
        raise SystemExit(f"the bare pool got {codes}")
    return count / (time.monotonic() - started)


def _inner_seconds(arrivals: dict[int, int]) -> list[int]:
    """Arrivals in each whole second between the first and the last one, which are cut by the start and the end."""
    seconds = range(min(arrivals) + 1, max(arrivals))
    return [arrivals.get(second, 0) for second in seconds] or list(arrivals.values())


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", nargs="?", choices=["all", "limited", "unlimited", "channels"], default="all")
    parser.add_argument("--rate", type=int)
    parser.add_argument("--count", type=int, default=20_000)
    parser.add_argument("--ledger", type=int, default=0, help="rows of other broadcasts")
    return parser.parse_args()


if __name__ == "__main__":
    main()
