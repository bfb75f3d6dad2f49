"""Open inboxes while customers write: from Meta's webhook to the event in the browser, and the API meanwhile.

    python -m bench.stream
    python -m bench.stream --streams 300 --rate 300 --seconds 20

The web processes are gunicorn as in the Procfile, the drain is `worker events`. Every stream listens as an open inbox does: to
the list and to one customer. A delivery holds one message and is posted at its own moment; latency counts from that moment
to the event in the stream of its customer. The API is asked for lists and threads all the while. Then more streams are
asked for than the processes hold: they are refused politely, and pages are still answered.
"""

import argparse
import asyncio
import hashlib
import hmac
import json
import sys
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field

from bench.ledger import EMAIL, PASSWORD
from bench.load import HOST, Answers, Connection, in_process, open_loop, request_bytes
from bench.pages import sign_in
from bench.world import SECRET, World, execute, running_world, seed_channel, seed_contacts, start_web
from wotnot.services import accounts, api_keys

EVENT_BAR_MS, API_BAR_MS = 1000, 200
API_RATE = 10
CONVERSATIONS = 20_000
TOO_MANY = 700


@dataclass
class Watched:
    """What the open inboxes saw: seconds from post to event and to answer, events in all, streams refused, posts by status."""

    latencies: list[float] = field(default_factory=list)
    answered: list[float] = field(default_factory=list)
    events: int = 0
    opened: int = 0
    refused: int = 0
    statuses: dict[int, int] = field(default_factory=dict)
    missed: int = 0


@dataclass(frozen=True)
class Scene:
    """Who is on stage: the port, the session's cookie, the number, the customers as (contact id, phone), Meta's secret."""

    port: int
    cookie: str
    number: str
    people: Sequence[tuple[int, str]]
    secret: str


def main() -> int:
    """Run it; the exit code says whether the bars were met."""
    arguments = _arguments()
    with running_world() as world:
        key, number, people = _seed(world, arguments.streams)
        port = start_web(world, "web")
        world.processes.start_worker("events", name="events")
        scene = Scene(port, sign_in(port), number, people, SECRET)
        asked = [request_bytes("GET", path, {"X-API-Key": key}) for path in _api_paths()]
        with ThreadPoolExecutor(1) as pool:
            count = API_RATE * (arguments.seconds + 4)
            api = pool.submit(open_loop, port, [asked[n % len(asked)] for n in range(count)], rate=API_RATE)
            watched: Watched = in_process(_watch, scene, arguments.rate, arguments.seconds)
            answers = api.result()
        refused: Watched = in_process(_crowd, scene)
        return 0 if _report(arguments, watched, answers, refused) else 1


def _report(arguments: argparse.Namespace, watched: Watched, api: Answers, crowd: Watched) -> bool:
    seen = Answers(arguments.seconds, watched.latencies or [float("inf")])
    taken = Answers(arguments.seconds, watched.answered)
    print(
        f"streams: {watched.opened} open ({watched.refused} refused at first), {arguments.rate}/s posted for "
        f"{arguments.seconds} s, statuses {watched.statuses}; {watched.events:,} events, {watched.missed} without one; "
        f"webhook answered p95 {taken.percentile(0.95):.0f} ms, to browser p50 {seen.percentile(0.5):.0f} ms, p95 {seen.percentile(0.95):.0f} ms "
        f"(bar: below {EVENT_BAR_MS} ms)"
    )
    print(
        f"API meanwhile: {len(api.latencies)} calls, statuses {api.statuses}; p50 {api.percentile(0.5):.0f} ms, "
        f"p95 {api.percentile(0.95):.0f} ms (bar: below {API_BAR_MS} ms)"
    )
    page = max(crowd.latencies) * 1000
    print(
        f"beyond the cap: of {TOO_MANY} more streams {crowd.opened} open, {crowd.refused} refused with Retry-After; "
        f"pages meanwhile within {page:.0f} ms, statuses {crowd.statuses}"
    )
    return (
        watched.opened == arguments.streams
        and watched.missed == 0
        and set(watched.statuses) == {200} == set(api.statuses)
        and seen.percentile(0.95) < EVENT_BAR_MS
        and api.percentile(0.95) < API_BAR_MS
        and crowd.refused > 0
        and set(crowd.statuses) == {200}
    )


def _seed(world: World, streams: int) -> tuple[str, str, list[tuple[int, str]]]:
    """A workspace with many conversations; answers an API key, the number, and a customer for each stream."""
    user = accounts.create_user(email=EMAIL, password=PASSWORD, name="Bench Owner")
    workspace_id = int(execute("INSERT INTO workspaces (name) VALUES ('Bench') RETURNING id")[0][0])
    execute("INSERT INTO members (workspace_id, user_id, role) VALUES (:w, :u, 'owner')", w=workspace_id, u=user.id)
    seed_contacts(workspace_id, CONVERSATIONS)
    channel_id, number = seed_channel(world, workspace_id, rate=1000, phone_number_id="800000000000001")
    execute(_CONVERSATIONS, channel=channel_id)
    rows = execute("SELECT id, phone FROM contacts ORDER BY id LIMIT :count", count=streams)
    key = api_keys.create_api_key(workspace_id, user_id=user.id, name="bench")[1]
    return key, number, [(row.id, row.phone) for row in rows]


def _api_paths() -> list[str]:
    root = "/api/v1/conversations"
    first = int(execute("SELECT min(id) FROM conversations")[0][0])
    return [f"{root}?limit=30", f"{root}?unread=true", f"{root}/{first}/messages", f"{root}?search=patel"]


async def _watch(scene: Scene, rate: int, seconds: int) -> Watched:
    """Open the streams, post the messages, and wait for the last events."""
    watched = Watched()
    pending: list[list[float]] = [[] for _ in scene.people]
    streams = [
        asyncio.create_task(_listen(scene, contact_id, pending[place], watched))
        for place, (contact_id, _) in enumerate(scene.people)
    ]
    while watched.opened < len(streams) and not all(stream.done() for stream in streams):
        await asyncio.sleep(0.05)
        if failed := [stream for stream in streams if stream.done()]:
            sys.exit(f"{watched.opened} streams are open, {len(failed)} were refused for good")
    await _post_all(scene, rate, seconds, pending, watched)
    waited_until = time.perf_counter() + 10
    while any(pending) and time.perf_counter() < waited_until:
        await asyncio.sleep(0.05)
    watched.missed = sum(map(len, pending))
    for stream in streams:
        stream.cancel()
    await asyncio.gather(*streams, return_exceptions=True)
    return watched


async def _listen(scene: Scene, contact_id: int, pending: list[float], watched: Watched) -> None:
    """One open inbox: its events, and for those about its customer how long the message took."""
    topic = f"contact:{contact_id}"
    reader, writer = await _open(scene, f"conversations,{topic}", watched)
    wanted, rest = f"event: {topic}".encode(), b""
    try:
        while read := await reader.read(65536):
            *lines, rest = (rest + read).split(b"\n")
            events = [line for line in lines if line.startswith(b"event: ") and line != b"event: beat"]
            watched.events += len(events)
            if wanted in events and pending:
                now = time.perf_counter()
                watched.latencies += [now - at for at in pending]
                pending.clear()
    finally:
        writer.close()


async def _open(
    scene: Scene, topics: str, watched: Watched, *, tries: int = 20
) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    """A stream, asked for again as the page does when it was refused. Raises ConnectionError."""
    request = request_bytes("GET", f"/app/stream?topics={topics}", {"Cookie": scene.cookie})
    for _ in range(tries):
        reader, writer = await asyncio.open_connection(HOST, scene.port)
        writer.write(request)
        head = await reader.readuntil(b"\r\n\r\n")
        if b" 200 " in head.partition(b"\r\n")[0]:
            await reader.readuntil(b"event: ready")
            watched.opened += 1
            return reader, writer
        assert b"retry-after" in head.lower(), head
        watched.refused += 1
        writer.close()
        await asyncio.sleep(0.5)
    raise ConnectionError


async def _post_all(scene: Scene, rate: int, seconds: int, pending: list[list[float]], watched: Watched) -> None:
    # Signed beforehand: Meta does that on machines of its own.
    deliveries = [_delivery(scene, place % len(scene.people), place) for place in range(rate * seconds)]
    started = time.perf_counter() + 0.5
    places = iter(range(rate * seconds))

    async def caller() -> None:
        connection = Connection(scene.port)
        for place in places:
            due_at = started + place / rate
            await asyncio.sleep(due_at - time.perf_counter())
            person = place % len(scene.people)
            pending[person].append(due_at)
            status = await connection.fetch(deliveries[place])
            watched.answered.append(time.perf_counter() - due_at)
            watched.statuses[status] = watched.statuses.get(status, 0) + 1
        connection.close()

    await asyncio.gather(*(caller() for _ in range(64)))


async def _crowd(scene: Scene) -> Watched:
    """More streams than there is room for, and a page asked for beside them."""
    crowd = Watched()

    async def come() -> None:
        try:
            _, writer = await _open(scene, "conversations", crowd, tries=1)
        except ConnectionError:
            return
        await asyncio.sleep(6)
        writer.close()

    guests = [asyncio.create_task(come()) for _ in range(TOO_MANY)]
    await asyncio.sleep(2)
    connection = Connection(scene.port)
    for _ in range(10):
        asked_at = time.perf_counter()
        status = await connection.fetch(request_bytes("GET", "/app/contacts", {"Cookie": scene.cookie}))
        crowd.latencies.append(time.perf_counter() - asked_at)
        crowd.statuses[status] = crowd.statuses.get(status, 0) + 1
    await asyncio.gather(*guests)
    return crowd


def _delivery(scene: Scene, person: int, place: int) -> bytes:
    phone = scene.people[person][1]
    message = {
        "from": phone,
        "id": f"wamid.bench.{place}",
        "timestamp": str(int(time.time())),
        "type": "text",
        "text": {"body": f"Is it still there? {place}"},
    }
    value = {
        "messaging_product": "whatsapp",
        "metadata": {"display_phone_number": "27215550140", "phone_number_id": scene.number},
        "contacts": [{"profile": {"name": "Customer"}, "wa_id": phone, "user_id": f"ZA.{person}"}],
        "messages": [message | {"from_user_id": f"ZA.{person}"}],
    }
    entry = {"id": "700000000000001", "changes": [{"field": "messages", "value": value}]}
    body = json.dumps({"object": "whatsapp_business_account", "entry": [entry]}).encode()
    signature = hmac.new(scene.secret.encode(), body, hashlib.sha256).hexdigest()
    headers = {"X-Hub-Signature-256": f"sha256={signature}", "Content-Type": "application/json"}
    return request_bytes("POST", "/webhooks/whatsapp", headers, body)


_CONVERSATIONS = """
INSERT INTO conversations (workspace_id, channel_id, contact_id, state, unread_count, last_message_at, window_expires_at)
SELECT workspace_id, :channel, id, 'open', id % 3, now() - id * interval '1 second', now() + interval '1 hour' FROM contacts
"""


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--streams", type=int, default=300)
    parser.add_argument("--rate", type=int, default=300, help="inbound messages a second")
    parser.add_argument("--seconds", type=int, default=20)
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
