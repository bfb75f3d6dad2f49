"""What survives a restart: accounts, templates, people and recent chats, in one SQLite file.

Only what changed is written, every few seconds and from a thread, so that sending never waits for the disk.
"""

from __future__ import annotations

import asyncio
import json
import logging
import sqlite3
from collections.abc import Callable, Iterable
from dataclasses import asdict
from pathlib import Path
from typing import Any

from sandbox.jsonio import Json
from sandbox.lifecycle import Lifecycle
from sandbox.model import CHAT_LENGTH, Chat, Customer, Media, Message, Number, Template, Waba
from sandbox.shop_state import Shops
from sandbox.state import World
from sandbox.webhooks import Delivery, Outbox

log = logging.getLogger("sandbox")

SAVE_EVERY_S = 2.0
CHATS_A_SAVE = 2_000
CHATS_KEPT = 20_000

Row = tuple[str, str, str]


class Store:
    """Reads a world from its file and keeps the file up to date."""

    def __init__(self, world: World, path: Path, shops: Shops) -> None:
        self.world = world
        self.shops = shops
        world.remembers = True
        path.parent.mkdir(parents=True, exist_ok=True)
        self._db = sqlite3.connect(path, check_same_thread=False)
        self._db.execute("PRAGMA journal_mode=WAL")
        self._db.execute("PRAGMA synchronous=NORMAL")
        self._db.execute(
            "CREATE TABLE IF NOT EXISTS doc (kind TEXT, key TEXT, body TEXT, seq INTEGER DEFAULT 0, PRIMARY KEY (kind, key))"
        )
        self._db.commit()
        self._seq = int(self._db.execute("SELECT coalesce(max(seq), 0) FROM doc").fetchone()[0])

    def load(self, lifecycle: Lifecycle, outbox: Outbox) -> None:
        """Fill the world from the file and send messages that were under way on."""
        self._load_shops()
        if not self._all("waba"):
            return
        world = self.world
        world.wabas.clear()
        world.numbers.clear()
        world.templates.clear()
        for body in self._all("waba"):
            waba = Waba(body["id"], body["name"], body["tier"], body["subscribed"], body["callback_url"])
            waba.deleted_names = body["deleted_names"]
            world.wabas[waba.id] = waba
        for body in self._all("number"):
            world.add_number(Number(**body))
        for body in sorted(self._all("template"), key=lambda t: int(t["id"])):
            world.add_template(Template(**body))
        for body in self._all("media"):
            world.media[body["id"]] = Media(**body)
        for body in self._all("token"):
            world.tokens |= body
        self._load_people(lifecycle)
        for body in self._all("delivery"):
            outbox.take_up(Delivery(body["url"], body["body"].encode(), body["label"], body["at"]))

    def _load_shops(self) -> None:
        orders = self._db.execute("SELECT key, body FROM doc WHERE kind = 'shop_order' AND body <> ''").fetchall()
        self.shops.load(self._all("shop"), [(key, json.loads(body)) for key, body in orders])

    def _load_people(self, lifecycle: Lifecycle) -> None:
        for body in self._all("customer"):
            customer = self.world.customer(body["wa_id"])
            for key in ("name", "online", "read_receipts", "bsuid_only", "pinned"):
                setattr(customer, key, body[key])
        for body in self._all("chat"):
            number = self.world.numbers.get(body["number_id"])
            if number is None:
                continue
            customer = self.world.customer(body["wa_id"])
            chat = _chat_from(body, self.world.templates)
            customer.chats[number.id] = chat
            for message in chat.messages:
                if message.out:
                    lifecycle.resume(number, customer, chat, message)

    def _all(self, kind: str) -> list[Any]:
        rows = self._db.execute("SELECT body FROM doc WHERE kind = ? ORDER BY seq", (kind,))
        return [json.loads(row[0]) for row in rows]

    async def run(self) -> None:
        """Save changes until cancelled."""
        while True:
            await asyncio.sleep(SAVE_EVERY_S)
            try:
                await asyncio.to_thread(self._write, *self._changes(CHATS_A_SAVE))
            except sqlite3.Error:
                log.exception("the sandbox could not save its state")

    def close(self, owed: list[Delivery]) -> None:
        """Save everything that changed and the webhooks that are still owed, and close the file."""
        self._write(*self._changes(len(self.world.changed_chats)))
        rows = [
            ("delivery", str(i), json.dumps({"url": d.url, "body": d.body.decode(), "label": d.label, "at": d.at}))
            for i, d in enumerate(owed)
        ]
        with self._db:
            self._db.execute("DELETE FROM doc WHERE kind = 'delivery'")
        self._write(rows, False)  # noqa: FBT003
        self._db.close()

    def _changes(self, chats: int) -> tuple[list[Row], bool]:
        """Rows to write, and whether the accounts are among them and replace what was there."""
        world = self.world
        rows: list[Row] = []
        accounts = world.accounts_changed
        if accounts:
            world.accounts_changed = False
            rows = list(_account_rows(world))
        for _ in range(min(chats, len(world.changed_chats))):
            _, chat = world.changed_chats.popitem()
            customer = world.customers.get(chat.wa_id)
            rows.append(("chat", f"{chat.number_id}:{chat.wa_id}", json.dumps(_chat_to(chat))))
            if customer and (customer.pinned or customer.name):
                rows.append(_customer_row(customer))
        # What was deleted stays as an empty body: rows are only ever replaced.
        rows += [(kind, key, json.dumps(body) if body else "") for kind, key, body in self.shops.changed_rows()]
        return rows, accounts

    def _write(self, rows: list[Row], replace_accounts: bool) -> None:  # noqa: FBT001 - handed through a thread
        if not rows:
            return
        with self._db:
            if replace_accounts:
                self._db.execute("DELETE FROM doc WHERE kind IN ('waba', 'number', 'template', 'media', 'token')")
            start = self._seq + 1
            numbered = [(*row, seq) for seq, row in enumerate(rows, start)]
            self._seq += len(rows)
            self._db.executemany("INSERT OR REPLACE INTO doc (kind, key, body, seq) VALUES (?, ?, ?, ?)", numbered)
            self._db.execute("DELETE FROM doc WHERE kind = 'chat' AND seq <= ? - ?", (self._seq, CHATS_KEPT))

    def wipe(self) -> None:
        """Forget everything, as a reset does."""
        with self._db:
            self._db.execute("DELETE FROM doc")


def _account_rows(world: World) -> Iterable[Row]:
    for waba in world.wabas.values():
        body = {"id": waba.id, "name": waba.name, "tier": waba.tier, "subscribed": waba.subscribed,
                "callback_url": waba.callback_url, "deleted_names": waba.deleted_names}  # fmt: skip
        yield "waba", waba.id, json.dumps(body)
    for number in world.numbers.values():
        yield "number", number.id, json.dumps(_slots(number, ("registrations", "arrival", "country_code", "digits")))
    for template in world.templates.values():
        yield "template", template.id, json.dumps(_slots(template, ("_plan",)))
    for media in world.media.values():
        yield "media", media.id, json.dumps(asdict(media))
    if world.tokens:
        yield "token", "all", json.dumps(world.tokens)
    for customer in world.customers.values():
        if customer.pinned:
            yield _customer_row(customer)


def _customer_row(customer: Customer) -> Row:
    body = _slots(customer, ("chats", "waiting", "version", "user_id"))
    return "customer", customer.wa_id, json.dumps(body)


def _slots(thing: Any, without: tuple[str, ...]) -> Json:
    return {name: getattr(thing, name) for name in thing.__slots__ if name not in without}


def _chat_to(chat: Chat) -> Json:
    body = _slots(chat, ("messages",))
    body["messages"] = [
        _slots(m, ("template",)) | {"template": m.template.id if m.template else None} for m in chat.messages
    ]
    return body


def _chat_from(body: Json, templates: dict[str, Template]) -> Chat:
    messages = body.pop("messages")
    chat = Chat(**body)
    find: Callable[[str | None], Template | None] = lambda key: templates.get(key) if key else None  # noqa: E731
    for message in messages[-CHAT_LENGTH:]:
        chat.append(Message(**{**message, "template": find(message["template"])}))
    return chat
