"""Every secret at rest, written anew with the newest key. A row that changed meanwhile was written with it already."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from flask import current_app
from sqlalchemy import select, update

from wotnot.config import Config
from wotnot.models import AiSetting, Channel, Shop, ShopInvite, SignUp, TwoFactor
from wotnot.services import crypto
from wotnot.services.transaction import transaction

# Every encrypted column, with its table's key; a contract test finds those that are missing here.
SECRETS: tuple[tuple[str, Any, Any], ...] = (
    ("Tokens of numbers", Channel.id, Channel.token_encrypted),
    ("Tokens of sign-ups", SignUp.id, SignUp.token_encrypted),
    ("PINs of numbers", SignUp.id, SignUp.pin_encrypted),
    ("Keys of shops", Shop.id, Shop.key_encrypted),
    ("Secrets of shops", Shop.id, Shop.secret_encrypted),
    ("Secrets of shops' webhooks", Shop.id, Shop.hook_secret_encrypted),
    ("Keys of shops that are being connected", ShopInvite.id, ShopInvite.key_encrypted),
    ("Secrets of shops that are being connected", ShopInvite.id, ShopInvite.secret_encrypted),
    ("Keys of AI providers", AiSetting.workspace_id, AiSetting.key_encrypted),
    ("Secrets of second steps", TwoFactor.user_id, TwoFactor.secret_encrypted),
)
_BATCH = 500


@dataclass(frozen=True, slots=True)
class Done:
    """What became of one kind of secret."""

    what: str
    rotated: int
    unreadable: int


def rotate_all() -> Iterator[Done]:
    """Write every secret anew, kind by kind; says of each how many."""
    config: Config = current_app.extensions["wotnot.config"]
    for what, key, column in SECRETS:
        rotated = unreadable = 0
        last: int | None = None
        while (found := _rotate_batch(key, column, config.encryption_keys, last)) is not None:
            last, good, bad = found
            rotated, unreadable = rotated + good, unreadable + bad
        yield Done(what, rotated, unreadable)


def _rotate_batch(key: Any, column: Any, keys: tuple[str, ...], after: int | None) -> tuple[int, int, int] | None:
    """Do the next rows after an id; (the last id, how many were written, how many could not be read), or None at the end."""
    query = select(key, column).where(column != "").order_by(key).limit(_BATCH).with_for_update()
    with transaction() as session:
        rows = session.execute(query if after is None else query.where(key > after)).all()
        if not rows:
            return None
        fresh, bad = [], 0
        for row_id, sealed in rows:
            try:
                fresh.append({key.key: row_id, column.key: crypto.rotate(sealed, keys)})
            except crypto.UnreadableSecret:
                bad += 1
        if fresh:
            session.execute(update(key.class_), fresh)
        return int(rows[-1][0]), len(fresh), bad
