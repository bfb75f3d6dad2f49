"""WooCommerce's webhooks: signed, sent in the background, never sent again, and switched off after failures in a row."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import hmac
import html
import json
import logging
import random
import time
from collections import Counter, deque
from dataclasses import dataclass

import aiohttp

from sandbox.jsonio import Json
from sandbox.shop_shapes import VERSION, public
from sandbox.shop_state import Hook, Shop

log = logging.getLogger("sandbox")

DISABLED_AFTER = 5
"""Failures in a row after which the next one switches a webhook off, as WooCommerce's documentation has it."""

TIMEOUT_S = 60.0
LOG_LENGTH = 50
AT_ONCE = 32


@dataclass(slots=True)
class Post:
    """One delivery for the log. `status` 0 is no answer."""

    at: float
    shop: str
    topic: str
    subject: str
    status: int


class Deliveries:
    """Takes what happened in a shop and posts it to every webhook of the topic."""

    def __init__(self) -> None:
        self.log: deque[Post] = deque(maxlen=LOG_LENGTH)
        self.counts: Counter[str] = Counter()
        self.version = 0
        self._tasks: set[asyncio.Task[None]] = set()
        self._gate = asyncio.Semaphore(AT_ONCE)
        self._session: aiohttp.ClientSession | None = None

    async def close(self) -> None:
        """Drop what was not posted yet, as a server that stops does."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        if self._session:
            await self._session.close()

    def clear(self) -> None:
        """Forget what was posted and what waits."""
        for task in self._tasks:
            task.cancel()
        self.log.clear()
        self.counts.clear()

    def waiting(self) -> int:
        """Deliveries on their way."""
        return len(self._tasks)

    def tell(self, shop: Shop, topic: str, body: Json) -> None:
        """Post `body` to the active webhooks of `topic`; with the shop's trouble: repeated, shuffled or left out."""
        raw = json.dumps(public(body), ensure_ascii=False, separators=(",", ":")).encode()
        subject = str(body.get("number") or body.get("id") or (body.get("arg") or {}).get("order_id", ""))
        for hook in list(shop.hooks.values()):
            if hook.topic != topic or hook.status != "active":
                continue
            if random.random() * 100 < shop.trouble.skip_percent:
                self.counts["skipped"] += 1
                continue
            for _ in range(max(shop.trouble.repeat, 1)):
                self._later(random.uniform(0, shop.trouble.shuffle_s), shop, hook, raw, subject)

    def _later(self, pause: float, shop: Shop, hook: Hook, raw: bytes, subject: str) -> None:
        task = asyncio.get_running_loop().create_task(self._deliver(pause, shop, hook, raw, subject))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _deliver(self, pause: float, shop: Shop, hook: Hook, raw: bytes, subject: str) -> None:
        await asyncio.sleep(pause)
        async with self._gate:
            if hook.status != "active":
                return
            status = await self._post(hook.delivery_url, raw, headers_of(shop, hook, raw))
        self._note(shop, hook, subject, status)

    async def ping(self, hook: Hook) -> int:
        """What a new or switched-on webhook sends first: an unsigned form. Answers the status, 0 for none."""
        kind = {"Content-Type": "application/x-www-form-urlencoded"}
        return await self._post(hook.delivery_url, f"webhook_id={hook.id}".encode(), kind)

    async def _post(self, url: str, raw: bytes, headers: dict[str, str]) -> int:
        if self._session is None:
            agent = {"User-Agent": f"WooCommerce/{VERSION} Hookshot (WordPress/6.9)"}
            self._session = aiohttp.ClientSession(headers=agent)
        timeout = aiohttp.ClientTimeout(total=TIMEOUT_S)
        try:
            async with self._session.post(
                url, data=raw, headers=headers, timeout=timeout, allow_redirects=False
            ) as answer:
                await answer.read()
                return answer.status
        except (aiohttp.ClientError, OSError, ValueError, TimeoutError):
            return 0

    def _note(self, shop: Shop, hook: Hook, subject: str, status: int) -> None:
        self.counts["posts"] += 1
        self.log.appendleft(Post(time.time(), shop.slug, hook.topic, subject, status))
        self.version += 1
        if 200 <= status <= 302:
            hook.failures = 0
            return
        self.counts["failed"] += 1
        hook.failures += 1
        if hook.failures > DISABLED_AFTER:
            hook.status = "disabled"
        shop.changed.add("")


def headers_of(shop: Shop, hook: Hook, raw: bytes) -> dict[str, str]:
    """The headers of a delivery. The secret's HTML entities are decoded before it signs, as in WordPress."""
    secret = html.unescape(hook.secret).encode()
    resource, _, event = hook.topic.partition(".")
    # Two deliveries within a second have the same id; nobody may tell duplicates by it.
    delivery = hashlib.sha256(f"{hook.id}{int(time.time())}".encode()).hexdigest()[:32]
    return {
        "Content-Type": "application/json",
        "X-WC-Webhook-Source": f"http://sandbox.invalid/shop/{shop.slug}/",
        "X-WC-Webhook-Topic": hook.topic,
        "X-WC-Webhook-Resource": resource,
        "X-WC-Webhook-Event": event,
        "X-WC-Webhook-Signature": base64.b64encode(hmac.new(secret, raw, hashlib.sha256).digest()).decode(),
        "X-WC-Webhook-ID": str(hook.id),
        "X-WC-Webhook-Delivery-ID": delivery,
    }
