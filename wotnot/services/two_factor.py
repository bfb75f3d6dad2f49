"""Log-in in two steps: codes from a person's phone (RFC 6238), and recovery codes for when it is gone.

Owns `two_factors` and `recovery_codes`, and `users.two_factor_at`, which says that the second step is asked for.
"""

import hashlib
import hmac
import secrets
from base64 import b32encode
from dataclasses import dataclass

from cryptography.hazmat.primitives.hashes import SHA1
from cryptography.hazmat.primitives.twofactor.totp import TOTP
from flask import current_app
from sqlalchemy import delete, func, insert, select, update
from sqlalchemy.dialects.postgresql import insert as upsert
from sqlalchemy.orm import Session

from wotnot import clock
from wotnot.config import Config
from wotnot.errors import Conflict, Invalid, NotFound, Unauthorized
from wotnot.extensions import db
from wotnot.models import RecoveryCode, TwoFactor, User
from wotnot.services import accounts, crypto
from wotnot.services.transaction import transaction

ISSUER = "WotNot"
STEP_SECONDS, DIGITS, SECRET_BYTES = 30, 6, 20
RECOVERY_CODES = 10
# No letters or digits that are taken for one another; 16 of these 32 are 80 bits.
_ALPHABET = "abcdefghjkmnpqrstuvwxyz123456789"
_WRONG = "This code is not right. Codes change every 30 seconds; take the one that is shown now."


@dataclass(frozen=True, slots=True)
class Setup:
    """What a phone needs: the secret as people type it, and the same as the address behind the QR code."""

    secret: str
    address: str


def begin(user_id: int) -> None:
    """Make a secret for the user, in the place of one that was never confirmed. Raises Conflict when it is on already."""
    sealed = crypto.encrypt(secrets.token_hex(SECRET_BYTES), _config().encryption_keys)
    row = upsert(TwoFactor).values(user_id=user_id, secret_encrypted=sealed, last_step=0, created_at=clock.now())
    with transaction() as session:
        if _locked_user(session, user_id).two_factor_at is not None:
            raise Conflict("Log-in in two steps is on already. Turn it off first to use another phone.")
        replaced = {name: row.excluded[name] for name in ("secret_encrypted", "last_step", "created_at")}
        session.execute(row.on_conflict_do_update(index_elements=[TwoFactor.user_id], set_=replaced))


def find_setup(user: User) -> Setup | None:
    """What to show to a person who has begun and not confirmed yet."""
    secret = None if user.two_factor_at is not None else _find_secret(user.id)
    if secret is None:
        return None
    address = _totp(secret).get_provisioning_uri(user.email, ISSUER)
    return Setup(b32encode(secret).decode().rstrip("="), address)


def confirm(user_id: int, code: str) -> list[str]:
    """Turn it on: the code shows that the phone has the secret. Answers the recovery codes, which nobody can read again.

    Raises Invalid (field code), NotFound when it was not begun.
    """
    secret = _find_secret(user_id)
    if secret is None:
        raise NotFound("The set-up")
    with transaction() as session:
        if not _take_step(session, user_id, secret, code):
            raise Invalid({"code": _WRONG})
        _locked_user(session, user_id).two_factor_at = clock.now()
        return _renew_codes(session, user_id)


def check_code(user_id: int, code: str) -> None:
    """Take a code from the phone, or a recovery code; either works once. Raises Unauthorized (`wrong_code`)."""
    secret = _find_secret(user_id)
    with transaction() as session:
        if secret is not None and _take_step(session, user_id, secret, code):
            return
        unused = (
            RecoveryCode.user_id == user_id,
            RecoveryCode.code_hash == _hash(code),
            RecoveryCode.used_at.is_(None),
        )
        used = update(RecoveryCode).where(*unused).values(used_at=clock.now()).returning(RecoveryCode.user_id)
        if session.scalar(used) is None:
            raise Unauthorized(_WRONG, code="wrong_code")


def count_codes(user_id: int) -> int:
    """How many recovery codes are left."""
    unused = RecoveryCode.user_id == user_id, RecoveryCode.used_at.is_(None)
    return db.session.scalar(select(func.count()).select_from(RecoveryCode).where(*unused)) or 0


def renew_codes(user_id: int, *, password: str) -> list[str]:
    """New recovery codes; the old ones stop working. Raises Invalid (field password), Conflict when it is off."""
    accounts.check_password(user_id, password, "password")
    with transaction() as session:
        if _locked_user(session, user_id).two_factor_at is None:
            raise Conflict("Log-in in two steps is off.")
        return _renew_codes(session, user_id)


def turn_off(user_id: int, *, password: str) -> None:
    """Let the password alone be enough again. Raises Invalid (field password)."""
    accounts.check_password(user_id, password, "password")
    with transaction() as session:
        _locked_user(session, user_id).two_factor_at = None
        session.execute(delete(TwoFactor).where(TwoFactor.user_id == user_id))
        session.execute(delete(RecoveryCode).where(RecoveryCode.user_id == user_id))


def mark_of(user: User) -> str:
    """What a remembered browser must hold: it changes with the password, with the phone, and when all sessions end."""
    told = f"{user.id}.{user.session_epoch}.{user.two_factor_at}.{user.password_hash}"
    return hashlib.sha256(told.encode()).hexdigest()


def code_at(secret: bytes, step: int) -> str:
    """The code of a half minute, counted from 1970."""
    return _totp(secret).generate(step * STEP_SECONDS).decode()


def _take_step(session: Session, user_id: int, secret: bytes, code: str) -> bool:
    """Whether this is the code of now, or of the half minute before or after, and newer than the last one taken."""
    typed, now = "".join(code.split()), int(clock.now().timestamp()) // STEP_SECONDS
    if not typed.isascii():
        return False
    steps = (step for step in (now, now - 1, now + 1) if hmac.compare_digest(code_at(secret, step), typed))
    step = next(steps, None)
    if step is None:
        return False
    newer = update(TwoFactor).where(TwoFactor.user_id == user_id, TwoFactor.last_step < step).values(last_step=step)
    return session.scalar(newer.returning(TwoFactor.user_id)) is not None


def _renew_codes(session: Session, user_id: int) -> list[str]:
    codes = [_new_code() for _ in range(RECOVERY_CODES)]
    session.execute(delete(RecoveryCode).where(RecoveryCode.user_id == user_id))
    session.execute(insert(RecoveryCode), [{"user_id": user_id, "code_hash": _hash(code)} for code in codes])
    return codes


def _new_code() -> str:
    letters = "".join(secrets.choice(_ALPHABET) for _ in range(16))
    return "-".join(letters[start : start + 4] for start in range(0, 16, 4))


def _hash(code: str) -> str:
    plain = "".join(sign for sign in code.lower() if sign.isalnum())
    return hashlib.sha256(plain.encode()).hexdigest()


def _find_secret(user_id: int) -> bytes | None:
    sealed = db.session.scalar(select(TwoFactor.secret_encrypted).where(TwoFactor.user_id == user_id))
    return None if sealed is None else bytes.fromhex(crypto.decrypt(sealed, _config().encryption_keys))


def _totp(secret: bytes) -> TOTP:
    # SHA-1 is what every authenticator app speaks; as HMAC it is sound.
    return TOTP(secret, DIGITS, SHA1(), STEP_SECONDS)  # nosec B303 # noqa: S303 - RFC 6238 as every phone's app speaks it; an HMAC, which SHA-1 is still good for


def _locked_user(session: Session, user_id: int) -> User:
    user = session.get(User, user_id, with_for_update=True)
    if user is None:
        raise NotFound("User")
    return user


def _config() -> Config:
    config: Config = current_app.extensions["wotnot.config"]
    return config
