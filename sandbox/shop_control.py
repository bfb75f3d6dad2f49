"""The controls of the shops under /sandbox/shops: what tests, benchmarks and the shop's own page do to them."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from sandbox.jsonio import Json
from sandbox.shop_goods import find_goods
from sandbox.shop_hooks import Deliveries
from sandbox.shop_shapes import public
from sandbox.shop_state import Shop, Shops, Trouble

MOST_ORDERS = 10_000
_NAMES = {name: type(value) for name, value in asdict(Trouble()).items()}


class ShopControl:
    """Functions for the routes of ControlApi; they raise ValueError and LookupError in plain words."""

    def __init__(self, shops: Shops, deliveries: Deliveries) -> None:
        self.shops = shops
        self.deliveries = deliveries

    def show(self, _data: Json, rest: list[str]) -> Json:
        """Every shop, or one with its webhooks and how often its orders were told."""
        if rest:
            return self._described(self._shop(rest[0]))
        return {"shops": [self._described(shop) for shop in self.shops.all.values()]}

    def act(self, data: Json, rest: list[str]) -> Json:
        """`POST shops` opens one; below /shops/<slug>: nothing more changes its troubles, `orders` places some, `orders/<id>`
        changes one, `orders/<id>/notes` adds a note, `keys` makes a pair, `keys/<key>` revokes or grants one, `products/<id>`
        changes a product.
        """
        if not rest:
            return self._described(self.shops.add(str(data.get("slug") or ""), str(data.get("name") or "A shop")))
        shop = self._shop(rest[0])
        acts = {"": self._trouble, "orders": self._orders, "keys": self._keys}
        acts |= {"webhooks": self._hooks, "products": self._products}
        act = acts.get(rest[1] if len(rest) > 1 else "")
        if act is None:
            raise ValueError("there is no such control of a shop")
        return act(shop, data, rest[2:])

    def _shop(self, slug: str) -> Shop:
        if slug not in self.shops.all:
            raise ValueError("there is no such shop")
        return self.shops.all[slug]

    def _described(self, shop: Shop) -> Json:
        return {
            "slug": shop.slug,
            "name": shop.name,
            "trouble": asdict(shop.trouble),
            "orders": len(shop.orders),
            "webhooks": [hook.as_json() | {"failures": hook.failures} for hook in shop.hooks.values()],
            "keys": {key: one.permissions for key, one in shop.keys.items() if not one.is_revoked},
            "posts": self.deliveries.counts["posts"],
            "waiting": self.deliveries.waiting(),
        }

    def _trouble(self, shop: Shop, data: Json, _rest: list[str]) -> Json:
        unknown = set(data) - set(_NAMES)
        if unknown:
            raise ValueError(f"unknown: {', '.join(sorted(unknown))}; known are {', '.join(_NAMES)}")
        for name, value in data.items():
            setattr(shop.trouble, name, _NAMES[name](value))
        return self._described(shop)

    def _orders(self, shop: Shop, data: Json, rest: list[str]) -> Json:
        if not rest:
            return self._place(shop, data)
        if not rest[0].isdecimal() or int(rest[0]) not in shop.orders:
            raise ValueError("there is no such order")
        number = int(rest[0])
        if rest[1:] == ["notes"]:
            text = str(data.get("note") or "").strip()
            if not text:
                raise ValueError("write a note first")
            return shop.add_note(number, text, for_customer=bool(data.get("customer_note", True)))
        if data.get("delete"):
            return public(shop.delete(number))
        return public(shop.change(number, data))

    def _place(self, shop: Shop, data: Json) -> Json:
        """One order, or `count` of them whose phones count up from `phone`."""
        count = int(data.get("count", 1))
        if not 1 <= count <= MOST_ORDERS:
            raise ValueError(f"count must be between 1 and {MOST_ORDERS}")
        if count == 1:
            return public(shop.place(data))
        first = int("".join(filter(str.isdecimal, str(data.get("phone") or "27825550000"))))
        placed = [shop.place(data | {"phone": f"+{first + place}"}) for place in range(count)]
        return {"orders": [one["id"] for one in placed]}

    def _keys(self, shop: Shop, data: Json, rest: list[str]) -> Json:
        if not rest:
            key, secret = shop.new_key(str(data.get("permissions") or "read_write"))
            return {"consumer_key": key, "consumer_secret": secret}
        if rest[0] not in shop.keys:
            raise ValueError("there is no such key")
        shop.keys[rest[0]].is_revoked = bool(data.get("revoked", True))
        shop.changed.add("")
        return self._described(shop)

    def _products(self, shop: Shop, data: Json, rest: list[str]) -> Json:
        """Change some fields of a product, such as `{"stock_status": "outofstock"}`, `{"status": "trash"}`."""
        goods = find_goods(int(rest[0])) if rest and rest[0].isdecimal() else None
        if goods is None:
            raise ValueError("there is no such product")
        shop.goods[goods.id] = shop.goods.get(goods.id, {}) | data
        return shop.goods[goods.id]

    def _hooks(self, shop: Shop, data: Json, rest: list[str]) -> Json:
        """Switch a webhook off or on as a person does in the shop's settings, or delete it."""
        hook: Any = shop.hooks.get(int(rest[0])) if rest and rest[0].isdecimal() else None
        if hook is None:
            raise ValueError("there is no such webhook")
        if data.get("delete"):
            del shop.hooks[hook.id]
        else:
            hook.status = str(data.get("status") or hook.status)
        shop.changed.add("")
        return self._described(shop)
