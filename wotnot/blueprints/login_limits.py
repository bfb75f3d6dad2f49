"""How often somebody may try: passwords by account and by address, mails and sign-ups. Kept in Flask-Limiter's storage.

A try is counted before the password is looked at, so that guesses made at the same time count too; the right password
gives the account its tries back. Redis away means no limit, as for all limits of the product.
"""

import logging
import time
from collections.abc import Callable
from typing import TypeVar

from flask_limiter.util import get_remote_address
from limits import RateLimitItem, RateLimitItemPerMinute
from redis.exceptions import RedisError

from wotnot.errors import TooMany, Unauthorized
from wotnot.extensions import limiter
from wotnot.models import User
from wotnot.services import accounts, two_factor

logger = logging.getLogger(__name__)

T = TypeVar("T")

TRIES_PER_ACCOUNT = RateLimitItemPerMinute(10, 15)
FAILURES_PER_ADDRESS = RateLimitItemPerMinute(100, 15)
MAILS_PER_ACCOUNT = RateLimitItemPerMinute(3, 15)
SIGN_UPS_PER_ADDRESS = RateLimitItemPerMinute(60)
# From here on the page says how many tries are left.
FEW_TRIES = 5


def log_in(email: str, password: str) -> User:
    """The user with this e-mail and password, within the limits.

    Raises Unauthorized (with `tries_left` when there are few), TooMany.
    """
    account, address = ("login", email.strip().lower()), ("login-failed", get_remote_address())
    _require(FAILURES_PER_ADDRESS, *address)
    _take(TRIES_PER_ACCOUNT, *account)
    try:
        user = accounts.authenticate(email, password)
    except Unauthorized as refusal:
        _quietly(lambda: limiter.limiter.hit(FAILURES_PER_ADDRESS, *address), default=True)
        left = _quietly(lambda: limiter.limiter.get_window_stats(TRIES_PER_ACCOUNT, *account).remaining, FEW_TRIES)
        if left < FEW_TRIES:
            refusal.extra["tries_left"] = left
        raise
    _quietly(lambda: limiter.limiter.clear(TRIES_PER_ACCOUNT, *account), default=None)
    return user


def check_second_step(user: User, code: str) -> None:
    """Let a user go on whose code is right, or who needs none; within the limits.

    Raises Unauthorized (`code_needed` without one, `wrong_code`), TooMany.
    """
    if user.two_factor_at is None:
        return
    if not code.strip():
        raise Unauthorized("Send the code from your phone too, as `code`.", code="code_needed")
    _take(TRIES_PER_ACCOUNT, "code", str(user.id))
    two_factor.check_code(user.id, code)
    _quietly(lambda: limiter.limiter.clear(TRIES_PER_ACCOUNT, "code", str(user.id)), default=None)


def count_sign_up() -> None:
    """Count a sign-up from this address. Raises TooMany."""
    _take(SIGN_UPS_PER_ADDRESS, "sign-up", get_remote_address())


def count_mail(email: str) -> None:
    """Count a mail to this person. Raises TooMany."""
    _take(MAILS_PER_ACCOUNT, "mail", email.strip().lower())


def count_invitation(invitation_id: int) -> None:
    """Count a mail that sends an invitation again. Raises TooMany."""
    _take(MAILS_PER_ACCOUNT, "invitation", str(invitation_id))


def count_password_change(user_id: int) -> None:
    """Count a try to change a password: a session left open must not become a way to guess it. Raises TooMany."""
    _take(TRIES_PER_ACCOUNT, "password", str(user_id))


def _take(limit: RateLimitItem, *key: str) -> None:
    if not _quietly(lambda: limiter.limiter.hit(limit, *key), default=True):
        raise _too_many(limit, *key)


def _require(limit: RateLimitItem, *key: str) -> None:
    if not _quietly(lambda: limiter.limiter.test(limit, *key), default=True):
        raise _too_many(limit, *key)


def _too_many(limit: RateLimitItem, *key: str) -> TooMany:
    reset_at = _quietly(lambda: limiter.limiter.get_window_stats(limit, *key).reset_time, time.time() + 60)
    return TooMany(max(1, round(reset_at - time.time())))


def _quietly(act: Callable[[], T], default: T) -> T:
    try:
        return act()
    except RedisError:
        logger.warning("log-in limits are off: Redis is away")
        return default
