"""The sandbox's shops: what each has in stock, its orders, keys and webhooks, in the shapes that WooCommerce answers."""

from __future__ import annotations

import secrets
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from sandbox.jsonio import Json
from sandbox.shop_goods import GOODS, PAYMENT_METHODS, PEOPLE
from sandbox.shop_shapes import PAID, customer_json, dates, items_of, order_json

FIRST_SHOP = "casa-verde"
CONSUMER_KEY = "ck_sandbox0000000000000000000000000000000001"
CONSUMER_SECRET = "cs_sandbox0000000000000000000000000000000001"  # noqa: S105 - a look-alike's own
STATUSES = ("pending", "processing", "on-hold", "completed", "cancelled", "refunded", "failed")
CUSTOM_STATUS = "ready-to-collect"
"""A status of a shop's own, as plugins add them."""


Tell = Callable[["Shop", str, Json], None]
"""Called with the shop, the topic and the body of everything that webhooks tell."""


@dataclass(slots=True)
class Trouble:
    """How a shop misbehaves until it is told otherwise."""

    slow_s: float = 0.0
    down: bool = False
    html: bool = False
    busy_s: int = 0
    """Too many calls, it says to each, and to come again after so many seconds."""
    strip_authorization: bool = False
    repeat: int = 1
    """How often every webhook comes."""
    shuffle_s: float = 0.0
    """Each webhook waits a random time up to this: they come out of order."""
    skip_percent: float = 0.0
    """So many of the webhooks are never sent."""


@dataclass(slots=True)
class Key:
    """A pair of keys, and what it may do: `read`, `write` or `read_write`."""

    secret: str
    permissions: str = "read_write"
    is_revoked: bool = False


@dataclass(slots=True)
class Hook:
    """A webhook. `failures` counts those in a row; the secret is never answered."""

    id: int
    name: str
    topic: str
    delivery_url: str
    secret: str
    status: str = "active"
    failures: int = 0
    created_at: float = field(default_factory=time.time)
    modified_at: float = field(default_factory=time.time)

    def as_json(self) -> Json:
        """As the REST API answers it."""
        resource, _, event = self.topic.partition(".")
        return {
            "id": self.id,
            "name": self.name,
            "status": self.status,
            "topic": self.topic,
            "resource": resource,
            "event": event,
            "hooks": [f"woocommerce_{event}" if resource != "action" else event],
            "delivery_url": self.delivery_url,
            **dates("date_created", self.created_at),
            **dates("date_modified", self.modified_at),
        }


class Shop:
    """One shop. `changed` names the rows that the store has to write: "" for the shop itself, else an order's id."""

    def __init__(self, slug: str, name: str, tell: Tell) -> None:
        self.slug = slug
        self.name = name
        self.orders: dict[int, Json] = {}
        self.notes: dict[int, list[Json]] = {}
        self.keys: dict[str, Key] = {}
        self.hooks: dict[int, Hook] = {}
        self.trouble = Trouble()
        self.goods: dict[int, Json] = {}
        """What was changed of a product, by its id; forgotten when the sandbox ends."""
        self.version = 0
        self.changed: set[str] = {""}
        self._last_id = 1000
        self.tell = tell

    # --- orders ---------------------------------------------------------------------------------------------------

    def next_id(self) -> int:
        """A number for an order, a note or a webhook; WordPress counts them together."""
        self._last_id += 1
        self.changed.add("")
        return self._last_id

    def place(self, data: Json, *, at: float | None = None, quiet: bool = False) -> Json:
        """Place an order as the checkout does. `data`: product_ids or items, first_name, phone, country, payment_method,
        email, opt_in, customer_id, status. Raises ValueError in plain words.
        """
        items = items_of(data)
        method = str(data.get("payment_method") or "card")
        if method not in PAYMENT_METHODS:
            raise ValueError(f"payment_method must be one of {', '.join(PAYMENT_METHODS)}")
        now = time.time() if at is None else at
        order_id = self.next_id()
        status = str(data.get("status") or {"bacs": "on-hold"}.get(method, "processing"))
        order = order_json(self.slug, order_id, items, data, status=status, method=method, now=now)
        self.orders[order_id] = order
        self.notes[order_id] = []
        self._touch(order_id)
        if not quiet:
            self.tell(self, "order.created", order)
            self.tell(self, "order.updated", order)
        return order

    def change(self, order_id: int, fields: Json) -> Json:
        """Change an order. Raises KeyError when there is none, ValueError for a status that does not exist."""
        order = dict(self.orders[order_id])
        status = str(fields.get("status") or order["status"])
        if status not in (*STATUSES, CUSTOM_STATUS):
            raise ValueError(f"status must be one of {', '.join((*STATUSES, CUSTOM_STATUS))}")
        now = max(time.time(), order.pop("_modified"))
        if status in PAID and order["date_paid"] is None:
            order |= dates("date_paid", now)
        if status == "completed" and order["date_completed"] is None:
            order |= dates("date_completed", now)
        if fields.get("tracking"):
            meta = [one for one in order["meta_data"] if one["key"] != "_tracking_link"]
            order["meta_data"] = [
                *meta,
                {"id": order_id * 10 + 9, "key": "_tracking_link", "value": str(fields["tracking"])},
            ]
        order |= {"status": status, "needs_payment": status in ("pending", "failed"), "_modified": now}
        order |= dates("date_modified", now)
        self.orders[order_id] = order
        self._touch(order_id)
        self.tell(self, "order.updated", order)
        return order

    def add_note(self, order_id: int, text: str, *, for_customer: bool) -> Json:
        """Add a note to an order. Raises KeyError."""
        notes = self.notes[order_id]
        note = {
            "id": self.next_id(),
            "author": "shop",
            **dates("date_created", time.time()),
            "note": text,
            "customer_note": for_customer,
        }
        notes.append(note)
        self._touch(order_id)
        if for_customer:
            body = {"action": "woocommerce_new_customer_note", "arg": {"order_id": order_id, "customer_note": text}}
            self.tell(self, "action.woocommerce_new_customer_note", body)
        return note

    def delete(self, order_id: int) -> Json:
        """Delete an order for good. Raises KeyError."""
        order = self.orders.pop(order_id)
        self.notes.pop(order_id, None)
        self._touch(order_id)
        self.tell(self, "order.deleted", {"id": order_id})
        return order

    def _touch(self, order_id: int) -> None:
        self.version += 1
        self.changed.add(str(order_id))

    # --- people, keys, webhooks -----------------------------------------------------------------------------------

    def customers(self) -> list[Json]:
        """People with an account, as the REST API answers them."""
        return [customer_json(number, person) for number, person in enumerate(PEOPLE, 1)]

    def new_key(self, permissions: str = "read_write") -> tuple[str, str]:
        """A new pair of keys."""
        key, secret = f"ck_{secrets.token_hex(20)}", f"cs_{secrets.token_hex(20)}"
        self.keys[key] = Key(secret, permissions)
        self.changed.add("")
        return key, secret

    def add_hook(self, name: str, topic: str, delivery_url: str, secret: str) -> Hook:
        """A new webhook."""
        hook = Hook(self.next_id(), name or f"Webhook on {topic}", topic, delivery_url, secret)
        self.hooks[hook.id] = hook
        self.changed.add("")
        return hook

    # --- what survives a restart ----------------------------------------------------------------------------------

    def as_row(self) -> Json:
        """All but the orders."""
        return {
            "slug": self.slug,
            "name": self.name,
            "last_id": self._last_id,
            "keys": {key: [one.secret, one.permissions, one.is_revoked] for key, one in self.keys.items()},
            "hooks": [{name: getattr(hook, name) for name in hook.__slots__} for hook in self.hooks.values()],
        }

    @classmethod
    def from_row(cls, row: Json, tell: Tell) -> Shop:
        """The shop that `as_row` described."""
        shop = cls(row["slug"], row["name"], tell)
        shop._last_id = row["last_id"]
        shop.keys = {key: Key(*one) for key, one in row["keys"].items()}
        shop.hooks = {one["id"]: Hook(**one) for one in row["hooks"]}
        return shop


class Shops:
    """Every shop by its slug, in the default world at first."""

    def __init__(self, tell: Tell) -> None:
        self.all: dict[str, Shop] = {}
        self._tell = tell
        self.reset()

    def reset(self) -> None:
        """Back to the one shop of the start."""
        self.all.clear()
        self.add(FIRST_SHOP, "Casa Verde")
        first = self.all[FIRST_SHOP]
        first.keys[CONSUMER_KEY] = Key(CONSUMER_SECRET)
        _past_orders(first)

    def add(self, slug: str, name: str) -> Shop:
        """Open a shop. Raises ValueError for a slug that cannot stand in an address."""
        if not slug or not all(sign.isascii() and (sign.isalnum() or sign == "-") for sign in slug):
            raise ValueError("a shop's slug has letters, digits and dashes only")
        shop = self.all[slug] = Shop(slug, name, self._tell)
        return shop

    def changed_rows(self) -> list[tuple[str, str, Json | None]]:
        """What was changed since the last call, as (kind, key, body); a body of None was deleted."""
        rows: list[tuple[str, str, Json | None]] = []
        for shop in self.all.values():
            for key in shop.changed:
                if not key:
                    rows.append(("shop", shop.slug, shop.as_row()))
                    continue
                order = shop.orders.get(int(key))
                body = {"order": order, "notes": shop.notes.get(int(key), [])} if order else None
                rows.append(("shop_order", f"{shop.slug}:{key}", body))
            shop.changed.clear()
        return rows

    def load(self, shops: list[Json], orders: list[tuple[str, Json]]) -> None:
        """Put back what `changed_rows` told."""
        if not shops:
            return
        self.all.clear()
        for row in shops:
            shop = self.all[row["slug"]] = Shop.from_row(row, self._tell)
            shop.changed.clear()
        for key, row in orders:
            slug, _, order_id = key.rpartition(":")
            if slug in self.all:
                self.all[slug].orders[int(order_id)] = row["order"]
                self.all[slug].notes[int(order_id)] = row["notes"]


def _past_orders(shop: Shop) -> None:
    """Orders of the last weeks, so that a new connection finds some."""
    ends = ("completed", "completed", "processing", "refunded", "completed", "cancelled", "on-hold", "completed")
    now = time.time()
    for place in range(18):
        person = PEOPLE[place % len(PEOPLE)]
        wanted = [GOODS[place % len(GOODS)].id, *([GOODS[(place * 3 + 1) % len(GOODS)].id] if place % 3 == 0 else [])]
        data: dict[str, Any] = {
            "first_name": person[0],
            "last_name": person[1],
            "phone": person[2],
            "country": person[3],
            "city": person[4],
            "email": f"{person[0].lower()}@example.com",
            "opt_in": person[5],
            "customer_id": place % len(PEOPLE) + 1,
            "product_ids": wanted,
            "payment_method": ("card", "bacs", "cod")[place % 3],
            "status": ends[place % len(ends)],
        }
        shop.place(data, at=now - (18 - place) * 2.3 * 86400, quiet=True)
