"""Webhooks: batched, signed, posted, retried, and the last few kept to look at."""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import logging
import secrets
import time
from collections import Counter, deque
from dataclasses import dataclass, field

import aiohttp

from sandbox.jsonio import Json, dump_like_meta
from sandbox.model import Number
from sandbox.settings import Settings
from sandbox.state import World
from sandbox.timeline import Timeline

log = logging.getLogger("sandbox")

LOG_LENGTH = 50
MAX_ATTEMPTS = 200
MAX_PAUSE_S = 30.0
MAX_WAITING = 500_000
_USER_AGENT = "facebookexternalua"


@dataclass(slots=True)
class Update:
    """One thing to tell: a status or message of a number, or (number None) an account-level change."""

    waba_id: str
    number: Number | None
    field: str
    kind: str  # "statuses", "messages" or another array of a `messages` value; "" for a whole value
    value: Json
    contact: Json | None
    label: str


@dataclass(slots=True)
class Delivery:
    """One POST with its history. `status` is 0 while it is unanswered; `retry_in_s` is the pause before the next try."""

    url: str
    body: bytes
    label: str
    at: float = field(default_factory=time.time)
    status: int = 0
    problem: str = ""
    attempts: int = 0
    retry_in_s: float = 0.0

    def as_dict(self) -> Json:
        """What the log shows."""
        return {
            "at": self.at,
            "what": self.label,
            "status": self.status,
            "problem": self.problem,
            "attempts": self.attempts,
            "retry_in_s": self.retry_in_s,
            "bytes": len(self.body),
        }


class Outbox:
    """Takes updates, groups them by address and posts them from a few workers."""

    def __init__(self, world: World, timeline: Timeline) -> None:
        self.world = world
        self.timeline = timeline
        self.counts: Counter[str] = Counter()
        self.log: deque[Delivery] = deque(maxlen=LOG_LENGTH)
        self.version = 0
        self.agreed: str | None = (
            None  # what the last handshake with the app's address said: "" is yes, None not asked yet
        )
        self._queues: dict[str, deque[Update]] = {}
        self._retries: deque[Delivery] = deque()
        self._open: dict[int, Delivery] = {}  # begun and not yet answered 200
        self._waiting = 0
        self._ready = asyncio.Event()
        self._workers: list[asyncio.Task[None]] = []
        self._asking: asyncio.Task[None] | None = None
        self._places: set[int] = set()
        self._session: aiohttp.ClientSession | None = None

    @property
    def settings(self) -> Settings:
        """The settings in force now."""
        return self.world.settings

    async def start(self) -> None:
        """Open the HTTP client and start posting."""
        connector = aiohttp.TCPConnector(limit=0)
        self._session = aiohttp.ClientSession(connector=connector, headers={"User-Agent": _USER_AGENT})
        self.resize()

    def resize(self) -> None:
        """Have as many workers as the setting asks for."""
        self._workers = [worker for worker in self._workers if not worker.done()]
        for place in range(self.settings.webhook_concurrency):
            if place not in self._places:
                self._places.add(place)
                self._workers.append(asyncio.create_task(self._work(place)))

    async def close(self) -> None:
        """Stop posting."""
        running = [*self._workers, *([self._asking] if self._asking else [])]
        for task in running:
            task.cancel()
        await asyncio.gather(*running, return_exceptions=True)
        if self._session:
            await self._session.close()

    def clear(self) -> None:
        """Forget what waits and what was posted."""
        self._queues.clear()
        self._retries.clear()
        self._open.clear()
        self._waiting = 0
        self.counts.clear()
        self.log.clear()
        self.version += 1

    def put(self, update: Update) -> None:
        """Queue an update for whoever subscribed to its account."""
        url = self._address(update)
        if not url or self._waiting >= MAX_WAITING:
            self.counts["dropped"] += 1
            return
        queue = self._queues.get(url)
        if queue is None:
            queue = self._queues[url] = deque()
        queue.append(update)
        self._waiting += 1
        if not self._ready.is_set():
            self._ready.set()

    def tell_account(self, waba_id: str, name: str, value: Json) -> None:
        """Queue a change of the account, its templates or its numbers."""
        self.put(Update(waba_id, None, name, "", value, None, str(value.get("event") or name)))

    def waiting(self) -> int:
        """Updates that were not posted yet, and posts that were not taken yet."""
        return self._waiting + len(self._open)

    def unfinished(self) -> list[Delivery]:
        """Everything that is still owed, as posts; what waits in a queue leaves it."""
        for url, queue in self._queues.items():
            while queue:
                updates = [queue.popleft() for _ in range(min(len(queue), self.settings.batch_size))]
                delivery = Delivery(url, dump_like_meta(envelope(updates)), _label(updates))
                self._open[id(delivery)] = delivery
        self._waiting = 0
        return list(self._open.values())

    def take_up(self, delivery: Delivery) -> None:
        """Go on with a post that an earlier run of the sandbox still owed."""
        self._open[id(delivery)] = delivery
        self._retry(delivery)

    def _address(self, update: Update) -> str:
        """Where an update goes: the number's address before the account's before the app's; "" for nowhere."""
        waba = self.world.wabas.get(update.waba_id)
        if not self.settings.webhooks or waba is None or not waba.subscribed:
            return ""
        if update.field == "messages":
            override = (update.number.callback_url if update.number else "") or waba.callback_url
            if override:
                return override
        return self.settings.webhook_url

    async def _work(self, place: int) -> None:
        """Post until the setting says that there are enough workers without this one."""
        while place < self.settings.webhook_concurrency:
            await self._ready.wait()
            delivery = self._next_retry() or await self._next_batch()
            if delivery is not None:
                await self._post(delivery)
            elif not self._waiting and not self._retries:
                self._ready.clear()
        self._places.discard(place)

    def _next_retry(self) -> Delivery | None:
        return self._retries.popleft() if self._retries else None

    async def _next_batch(self) -> Delivery | None:
        url = next((url for url, queue in self._queues.items() if queue), None)
        if url is None:
            return None
        if len(self._queues[url]) < self.settings.batch_size and self.settings.batch_wait_ms:
            await asyncio.sleep(self.settings.batch_wait_ms / 1000)
        queue = self._queues.get(url)
        if not queue:
            return None
        updates = [queue.popleft() for _ in range(min(len(queue), self.settings.batch_size))]
        self._waiting -= len(updates)
        return Delivery(url, dump_like_meta(envelope(updates)), _label(updates))

    async def _post(self, delivery: Delivery) -> None:
        if delivery.attempts == 0:
            self.log.appendleft(delivery)
            self._open[id(delivery)] = delivery
        delivery.attempts += 1
        delivery.status, delivery.problem = await self._exchange(delivery)
        self.counts["posts"] += 1
        delivery.retry_in_s = 0.0
        if delivery.status == 200:
            self.counts["answered_200"] += 1
            self._open.pop(id(delivery), None)
        else:
            self._plan_retry(delivery)
        self.version += 1

    async def _exchange(self, delivery: Delivery) -> tuple[int, str]:
        assert self._session is not None  # noqa: S101 - start() comes first
        headers = signatures(self.settings.app_secret, delivery.body)
        timeout = aiohttp.ClientTimeout(total=self.settings.webhook_timeout_s or None)
        try:
            async with self._session.post(
                delivery.url, data=delivery.body, headers=headers, timeout=timeout, allow_redirects=False
            ) as answer:
                await answer.read()
                return answer.status, ""
        except TimeoutError:
            return 0, "no answer in time"
        except (aiohttp.ClientError, OSError, ValueError) as error:
            return 0, type(error).__name__

    def _plan_retry(self, delivery: Delivery) -> None:
        self.counts["refused"] += 1
        if delivery.attempts >= MAX_ATTEMPTS:
            self.counts["given_up"] += 1
            self._open.pop(id(delivery), None)
            return
        pause = min(self.settings.webhook_retry_s * 2 ** (delivery.attempts - 1), MAX_PAUSE_S)
        delivery.retry_in_s = pause
        self.timeline.after(pause, self._retry, delivery)

    def _retry(self, delivery: Delivery) -> None:
        self._retries.append(delivery)
        self._ready.set()

    def ask(self, tries: int = 1) -> None:
        """Have the app's address verified in the background; posting does not wait for that."""
        if self._asking:
            self._asking.cancel()
        self._asking = asyncio.create_task(self._agree(tries))

    async def _agree(self, tries: int, pause_s: float = 2.0) -> None:
        for _ in range(tries):
            url, token = self.settings.webhook_url, self.settings.verify_token
            self.agreed = await self.handshake(url, token) if url else None
            self.version += 1
            if not self.agreed:
                return
            await asyncio.sleep(pause_s)

    async def handshake(self, url: str, verify_token: str) -> str:
        """Ask an address to prove that it expects webhooks; return the reason when it does not, else ""."""
        assert self._session is not None  # noqa: S101 - start() comes first
        challenge = str(secrets.randbelow(9_000_000_000) + 1_000_000_000)
        query = {"hub.mode": "subscribe", "hub.challenge": challenge, "hub.verify_token": verify_token}
        try:
            timeout = aiohttp.ClientTimeout(total=self.settings.webhook_timeout_s or None)
            async with self._session.get(url, params=query, timeout=timeout, allow_redirects=False) as answer:
                body = await answer.text()
        except (aiohttp.ClientError, OSError, ValueError, TimeoutError) as error:
            return f"{type(error).__name__} while calling the address"
        if answer.status != 200:
            return f"HTTP Status Code = {answer.status}"
        return "" if body.strip() == challenge else "the challenge was not sent back"


def signatures(secret: str, body: bytes) -> dict[str, str]:
    """The headers that prove a body comes from the app: HMAC over the raw bytes."""
    key = secret.encode()
    return {
        "Content-Type": "application/json",
        "X-Hub-Signature": "sha1=" + hmac.new(key, body, hashlib.sha1).hexdigest(),
        "X-Hub-Signature-256": "sha256=" + hmac.new(key, body, hashlib.sha256).hexdigest(),
    }


def envelope(updates: list[Update]) -> Json:
    """One webhook body for many updates: an entry for each number and for each account-level change."""
    entries: list[Json] = []
    values: dict[tuple[str, str], Json] = {}
    named: set[tuple[str, str, str]] = set()
    for update in updates:
        if update.number is None or not update.kind:
            change = {"field": update.field, "value": update.value}
            entries.append({"id": update.waba_id, "time": int(time.time()), "changes": [change]})
            continue
        key = (update.number.id, update.kind)
        value = values.get(key)
        if value is None:
            value = values[key] = _empty_value(update.number, update.kind)
            entries.append({"id": update.waba_id, "changes": [{"value": value, "field": update.field}]})
        if update.contact and (person := (*key, update.contact["user_id"])) not in named:
            named.add(person)
            value["contacts"].append(update.contact)
        value[update.kind].append(update.value)
    for value in values.values():
        if not value["contacts"]:
            del value["contacts"]
    return {"object": "whatsapp_business_account", "entry": entries}


def _empty_value(number: Number, kind: str) -> Json:
    return {
        "messaging_product": "whatsapp",
        "metadata": {"display_phone_number": number.digits, "phone_number_id": number.id},
        "contacts": [],
        kind: [],
    }


def _label(updates: list[Update]) -> str:
    if len(updates) == 1:
        return updates[0].label
    counts = Counter(update.label.split(":")[0] for update in updates)
    plural = {"status": "statuses", "message": "messages"}
    return ", ".join(f"{n} {plural.get(word, word) if n > 1 else word}" for word, n in counts.items())
