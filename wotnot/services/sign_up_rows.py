"""The rows of sign-ups in Meta's window: whose turn it is, what is known so far, what was left undone. Owns `sign_ups`.

Whoever goes out on the network for a row claims it first, so that a second tab or press finds it taken. What a step found
is written down before the next begins, so that a process that dies leaves a row to go on from.
"""

import hashlib
from collections.abc import Mapping
from datetime import datetime, timedelta

from flask import current_app
from sqlalchemy import ColumnElement, delete, select, update
from sqlalchemy.dialects.postgresql import insert as upsert

from wotnot import clock
from wotnot.config import Config
from wotnot.errors import NotFound
from wotnot.extensions import db
from wotnot.models import Channel, ChannelState, SignUp
from wotnot.services import crypto
from wotnot.services.transaction import transaction

FIRST_STEP = "exchange"
CLAIM = timedelta(minutes=4)
"""Longer than any step waits for Meta: a claim that has ended belonged to a process that died."""
_SHOWN = 5


def claim_code(workspace_id: int, code: str, *, waba_id: str, phone_number_id: str) -> tuple[SignUp, bool]:
    """The row of a code, and whether the caller is the one to exchange it: once, whatever number of tabs have it."""
    now = clock.now()
    row = upsert(SignUp).values(
        workspace_id=workspace_id,
        code_hash=hashlib.sha256(code.encode()).hexdigest(),
        token_encrypted="",
        waba_id=waba_id,
        phone_number_id=phone_number_id,
        failed_step=FIRST_STEP,
        claimed_until=now + CLAIM,
    )
    statement = row.on_conflict_do_update(
        index_elements=[SignUp.workspace_id, SignUp.code_hash],
        set_={"claimed_until": now + CLAIM},
        where=(SignUp.token_encrypted == "") & _is_free(now),
    )
    with transaction() as session:
        claimed = session.scalar(statement.returning(SignUp.id))
    found = find_by_code(workspace_id, code)
    if found is None:  # given up by whoever had it, between the two statements
        raise NotFound("Sign-up")
    return found, claimed is not None


def claim(workspace_id: int, sign_up_id: int) -> bool:
    """Take a row that is not through yet and that nobody works on; False when somebody does."""
    now = clock.now()
    with transaction() as session:
        taken = session.execute(
            update(SignUp)
            .where(SignUp.workspace_id == workspace_id, SignUp.id == sign_up_id)
            .where(SignUp.channel_id.is_(None), _is_free(now))
            .values(claimed_until=now + CLAIM)
            .returning(SignUp.id)
        ).all()
    return bool(taken)


def is_claimed(row: SignUp) -> bool:
    """Whether somebody works on the row just now."""
    return row.claimed_until is not None and row.claimed_until > clock.now()


def keep_token(sign_up_id: int, token: str, *, expires_in: int) -> None:
    """Keep what the code was exchanged for, encrypted."""
    _write(sign_up_id, {"token_encrypted": _sealed(token), "expires_in": expires_in})


def note(sign_up_id: int, step: str, *, pin: str, facts: Mapping[str, object]) -> None:
    """Write down which step is being done and what is known before it. The claim lasts on."""
    _write(
        sign_up_id,
        {
            **facts,
            "failed_step": step,
            "reason": "",
            "pin_encrypted": _sealed(pin),
            "claimed_until": clock.now() + CLAIM,
        },
    )


def finish(sign_up_id: int, step: str, reason: str, *, pin: str, facts: Mapping[str, object]) -> None:
    """Write down how it ended: at the step that failed and why, or with no step. One that is through stays so."""
    _write(sign_up_id, {**facts, "failed_step": step, "reason": reason, "pin_encrypted": _sealed(pin)})


def let_go(sign_up_id: int) -> None:
    """End a claim."""
    with transaction() as session:
        session.execute(update(SignUp).where(SignUp.id == sign_up_id).values(claimed_until=None))


def forget(workspace_id: int, sign_up_id: int) -> None:
    """Delete a sign-up that did not get through. Raises NotFound."""
    with transaction() as session:
        gone = session.execute(
            delete(SignUp)
            .where(SignUp.workspace_id == workspace_id, SignUp.id == sign_up_id, SignUp.channel_id.is_(None))
            .returning(SignUp.id)
        ).all()
    if not gone:
        raise NotFound("Sign-up")


def get_sign_up(workspace_id: int, sign_up_id: int) -> SignUp:
    """One of the workspace's. Raises NotFound."""
    row = db.session.scalar(
        select(SignUp)
        .where(SignUp.workspace_id == workspace_id, SignUp.id == sign_up_id)
        .execution_options(populate_existing=True)
    )
    if row is None:
        raise NotFound("Sign-up")
    return row


def find_by_code(workspace_id: int, code: str) -> SignUp | None:
    """The sign-up that a code began."""
    code_hash = hashlib.sha256(code.encode()).hexdigest()
    return db.session.scalar(
        select(SignUp)
        .where(SignUp.workspace_id == workspace_id, SignUp.code_hash == code_hash)
        .execution_options(populate_existing=True)
    )


def list_unfinished(workspace_id: int) -> list[SignUp]:
    """The newest that can be gone on with, whose number has not been connected in another way meanwhile."""
    connected = select(Channel.phone_number_id).where(
        Channel.workspace_id == workspace_id, Channel.state != ChannelState.REMOVED
    )
    query = select(SignUp).where(
        SignUp.workspace_id == workspace_id,
        SignUp.channel_id.is_(None),
        SignUp.failed_step != "",
        SignUp.token_encrypted != "",
        SignUp.phone_number_id.not_in(connected),
    )
    return list(db.session.scalars(query.order_by(SignUp.id.desc()).limit(_SHOWN)))


def token_of(row: SignUp) -> str:
    """The business token in the clear."""
    return crypto.decrypt(row.token_encrypted, _keys()) if row.token_encrypted else ""


def pin_of(row: SignUp) -> str:
    """The PIN that the number was, or is being, registered with, in the clear; empty when we did not register it."""
    return crypto.decrypt(row.pin_encrypted, _keys()) if row.pin_encrypted else ""


def _write(sign_up_id: int, values: Mapping[str, object]) -> None:
    # Whoever was overtaken after their claim had ended must not undo what the other finished.
    statement = update(SignUp).where(SignUp.id == sign_up_id, SignUp.channel_id.is_(None))
    with transaction() as session:
        session.execute(statement.values(values))


def _is_free(now: datetime) -> ColumnElement[bool]:
    return SignUp.claimed_until.is_(None) | (SignUp.claimed_until < now)


def _sealed(secret: str) -> str:
    return crypto.encrypt(secret, _keys()) if secret else ""


def _keys() -> tuple[str, ...]:
    config: Config = current_app.extensions["wotnot.config"]
    return config.encryption_keys
