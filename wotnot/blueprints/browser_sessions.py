"""A browser's way in and out: the password, then for some the code from their phone, then a session with a row of its own."""

from dataclasses import dataclass

from flask import current_app, redirect, request, session
from flask_limiter.util import get_remote_address
from flask_login import login_user, logout_user
from flask_wtf.csrf import generate_csrf
from werkzeug.wrappers import Response

from wotnot import clock
from wotnot.blueprints.guards import RENEWED, SESSION_KEY, safe_next
from wotnot.errors import DomainError
from wotnot.models import User
from wotnot.services import accounts, two_factor, user_sessions

PENDING = "second_step"
PENDING_SECONDS = 600
TRUSTED_COOKIE = "wotnot_trusted"
TRUSTED_SECONDS = 30 * 86400
_TRUST = "trusted-browser"


@dataclass(frozen=True, slots=True)
class Pending:
    """Somebody whose password was right and whose code is still to come; `next` is where they wanted to go."""

    user: User
    next: str


def enter(user: User, then: str) -> Response:
    """Let somebody in whose password was right: at once, or by way of the page that asks for their code."""
    if user.two_factor_at is None or _is_trusted(user):
        start(user)
        return redirect(safe_next(then))
    session.clear()
    session[PENDING] = {"user": user.id, "epoch": user.session_epoch, "next": then, "at": int(clock.now().timestamp())}
    return redirect("/app/login/code")


def find_pending() -> Pending | None:
    """Who is between the two steps in this browser; nobody once ten minutes are over or the password has changed."""
    held = session.get(PENDING)
    if not isinstance(held, dict) or clock.now().timestamp() - held["at"] > PENDING_SECONDS:
        return None
    try:
        user = accounts.get_user(held["user"])
    except DomainError:
        return None
    if user.session_epoch != held["epoch"] or user.two_factor_at is None:
        return None
    return Pending(user, str(held["next"]))


def start(user: User) -> None:
    """Begin a session. What an earlier visitor left in this browser must not become this user's."""
    session.clear()
    login_user(user)
    session[SESSION_KEY] = user_sessions.begin(
        user.id, user_agent=request.user_agent.string, address=get_remote_address()
    )
    session[RENEWED] = int(clock.now().timestamp())
    session.permanent = True
    generate_csrf()  # now, and not by the first of several pages that are asked for at once


def leave() -> None:
    """End this browser's session."""
    user_sessions.end_this(key())
    logout_user()
    session.clear()


def key() -> str:
    """The key of this browser's session."""
    return str(session.get(SESSION_KEY, ""))


def trust(response: Response, user: User) -> None:
    """Do not ask this browser for a code for thirty days."""
    token = accounts.sign(_TRUST, [user.id, two_factor.mark_of(user)])
    secure = bool(current_app.config["SESSION_COOKIE_SECURE"])
    response.set_cookie(
        TRUSTED_COOKIE, token, max_age=TRUSTED_SECONDS, path="/app", secure=secure, httponly=True, samesite="Lax"
    )


def _is_trusted(user: User) -> bool:
    try:
        held = accounts.unsign(_TRUST, request.cookies.get(TRUSTED_COOKIE, ""), TRUSTED_SECONDS)
    except DomainError:
        return False
    return held == [user.id, two_factor.mark_of(user)]
