"""One subscription a process for all that listen in it: hundreds of open pages cost Redis and us little more than one.

A thread of its own reads what Redis says and puts the topic into the box of everybody who wants it. When the subscription
breaks, something may have been missed: then every box is closed, and the next to come starts a new subscription.
"""

import logging
import threading
from collections import Counter
from collections.abc import Callable, Collection
from typing import Any

from redis.client import PubSub
from redis.exceptions import RedisError

logger = logging.getLogger(__name__)

_READ_SECONDS = 5.0
_MOST_UNANSWERED = 2
"""More pings than that without an answer, and the line is dead although nobody said so."""


class Box:
    """What one listener has heard and not collected yet: each topic once, in the order of first hearing."""

    def __init__(self, channels: Collection[str], patterns: Collection[str]) -> None:
        """`channels` and `patterns` are names as Redis knows them."""
        self.wanted = frozenset(
            {("subscribe", name.encode()) for name in channels} | {("psubscribe", name.encode()) for name in patterns}
        )
        self._changed = threading.Condition()
        self._missing = set(self.wanted)
        self._topics: dict[str, None] = {}
        self._is_closed = False

    def wait_until_open(self, seconds: float) -> bool:
        """Whether, within `seconds`, nothing is missed any more."""
        with self._changed:
            return self._changed.wait_for(lambda: not self._missing or self._is_closed, seconds) and not self._is_closed

    def collect(self, seconds: float) -> list[str] | None:
        """Take what was heard, waiting up to `seconds` for the first; empty after silence, None when something may be lost."""
        with self._changed:
            self._changed.wait_for(lambda: self._topics or self._is_closed, seconds)
            topics, self._topics = list(self._topics), {}
            return None if self._is_closed else topics

    def put(self, topic: str) -> None:
        """Somebody published `topic`."""
        with self._changed:
            self._topics[topic] = None
            self._changed.notify()

    def confirm(self, name: tuple[str, bytes]) -> None:
        """From now on nothing of `name` is missed."""
        with self._changed:
            self._missing.discard(name)
            self._changed.notify()

    def close(self) -> None:
        """Something may have been missed."""
        with self._changed:
            self._is_closed = True
            self._changed.notify()


class EventHub:
    """Boxes by what they want, and the subscription that holds all of it."""

    def __init__(self, open_subscription: Callable[[], PubSub]) -> None:
        """Nothing connects before the first box is added."""
        self._open_subscription = open_subscription
        self._guard = threading.Lock()
        self._subscription: PubSub | None = None
        self._boxes: dict[tuple[str, bytes], set[Box]] = {}
        self._unconfirmed: Counter[tuple[str, bytes]] = Counter()

    def add(self, box: Box) -> None:
        """Fill `box` from now on, as soon as Redis confirms. Raises RedisError when Redis is away."""
        with self._guard:
            subscription = self._subscription or self._start()
            news = box.wanted - self._boxes.keys()
            for name in box.wanted:
                self._boxes.setdefault(name, set()).add(box)
                if name not in news and not self._unconfirmed[name]:
                    box.confirm(name)
            self._unconfirmed.update(news)
            try:
                self._tell(subscription, news)
            except RedisError:
                self._drop(subscription)
                raise

    def remove(self, box: Box) -> None:
        """Forget `box`, and what nobody wants any more."""
        with self._guard:
            left = [name for name in box.wanted if box in self._boxes.get(name, ())]
            for name in left:
                self._boxes[name].discard(box)
            unwanted = [name for name in left if not self._boxes[name]]
            for name in unwanted:
                del self._boxes[name]
            if self._subscription is not None:
                try:
                    self._tell(self._subscription, unwanted, "un")
                except RedisError:
                    self._drop(self._subscription)

    def give_up(self, box: Box) -> None:
        """What feeds `box` says nothing: start anew for everybody."""
        with self._guard:
            if self._subscription is not None and any(box in boxes for boxes in self._boxes.values()):
                self._drop(self._subscription)

    def _start(self) -> PubSub:
        subscription = self._open_subscription()
        self._subscription = subscription
        try:
            threading.Thread(target=self._read, args=(subscription,), name="event-hub", daemon=True).start()
        except RuntimeError:
            self._subscription = None  # no thread to be had: without a reader it would be deaf
            raise
        return subscription

    def _tell(self, subscription: PubSub, names: Collection[tuple[str, bytes]], prefix: str = "") -> None:
        for verb in ("subscribe", "psubscribe"):
            if chosen := [name for kind, name in names if kind == verb]:
                # "punsubscribe", not "unpsubscribe".
                getattr(subscription, f"p{prefix}subscribe" if verb == "psubscribe" else f"{prefix}subscribe")(*chosen)

    def _read(self, subscription: PubSub) -> None:
        try:
            while self._subscription is subscription:
                if message := subscription.get_message(timeout=_READ_SECONDS):
                    self._take(subscription, message)
                if subscription.health_check_response_counter > _MOST_UNANSWERED:
                    break
        except (RedisError, OSError, ValueError, AttributeError) as error:
            # Redis is away, or the line was closed behind our back: the boxes are closed below.
            logger.warning("live events start anew: %s", type(error).__name__)
        finally:
            with self._guard:
                self._drop(subscription)
            subscription.close()

    def _take(self, subscription: PubSub, message: dict[str, Any]) -> None:
        with self._guard:
            if self._subscription is not subscription:
                return
            if message["type"] in {"subscribe", "psubscribe"}:
                self._confirm(subscription, (message["type"], message["channel"]))
                return
            name = (
                ("psubscribe", message["pattern"])
                if message["type"] == "pmessage"
                else ("subscribe", message["channel"])
            )
            boxes = list(self._boxes.get(name, ())) if message["type"] in {"message", "pmessage"} else []
        for box in boxes:
            box.put(message["data"].decode())

    def _confirm(self, subscription: PubSub, name: tuple[str, bytes]) -> None:
        """Only the last of what was asked for counts: in between nobody was subscribed. One too many was not asked by us."""
        self._unconfirmed[name] -= 1
        if self._unconfirmed[name] < 0:
            self._drop(subscription)
        elif not self._unconfirmed[name]:
            del self._unconfirmed[name]
            for box in self._boxes.get(name, ()):
                box.confirm(name)

    def _drop(self, subscription: PubSub) -> None:
        """Close every box that `subscription` fed; its reader ends by itself."""
        if self._subscription is not subscription:
            return
        for box in {box for boxes in self._boxes.values() for box in boxes}:
            box.close()
        self._subscription = None
        self._boxes.clear()
        self._unconfirmed.clear()
