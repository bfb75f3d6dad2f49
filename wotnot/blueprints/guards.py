"""Who asks, for which workspace, and whether they may: the only place that knows sessions, tokens and keys."""

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from functools import wraps
from typing import Literal, ParamSpec, TypeVar
from urllib.parse import urlencode

from flask import Blueprint, Flask, Response, current_app, g, request, session
from flask_jwt_extended import decode_token
from flask_jwt_extended.exceptions import JWTExtendedException
from flask_limiter.util import get_remote_address
from flask_login import current_user
from jwt.exceptions import PyJWTError

from wotnot import clock
from wotnot.blueprints import api_scopes
from wotnot.blueprints.htmx import go_to, is_htmx, is_visit
from wotnot.errors import Forbidden, NotFound, Unauthorized
from wotnot.extensions import csrf, limiter, login
from wotnot.models import Member, Role, User, Workspace
from wotnot.services import accounts, api_keys, conversation_lists, workspaces
from wotnot.services.channel_words import show_number

P = ParamSpec("P")
R = TypeVar("R")

SESSION_KEY, RENEWED = "sid", "renewed"
"""What a browser's session holds beside the user: the key of its row, and when its cookie was made."""
RENEW_EVERY_SECONDS = 86400
SECOND_STEP_PAGES = {"two_factor"}
"""Blueprints for people who must set up their second step before they see anything else."""
API_LIMIT = "6000 per minute"
SAFE_METHODS = api_scopes.SAFE_METHODS
_RANK = {Role.AGENT: 1, Role.ADMIN: 2, Role.OWNER: 3}
_ROLE_WORDS = {Role.AGENT: "a member", Role.ADMIN: "an admin or owner", Role.OWNER: "an owner"}


@dataclass(frozen=True, slots=True)
class Actor:
    """Who is asking: a user in one workspace with a role. `scopes` limits a key; an empty tuple does not.

    `test_key_id` is the id of a test key: what it sends is simulated.
    """

    user: User
    workspace: Workspace
    role: Role
    via: Literal["session", "token", "key"]
    scopes: tuple[str, ...] = ()
    test_key_id: int | None = None

    def may(self, role: Role) -> bool:
        """Whether the actor's role is at least `role`."""
        return _RANK[self.role] >= _RANK[role]


def actor() -> Actor:
    """Who is asking. Raises Unauthorized outside a guarded blueprint."""
    found: Actor | None = g.get("actor")
    if found is None:
        raise Unauthorized("Sign in first.")
    return found


def workspace_id() -> int:
    """The id of the workspace that the actor works in: the first argument of every service call."""
    return actor().workspace.id


def member_id() -> int:
    """The actor's own place in the workspace, which conversations are assigned to."""
    here = workspace_id()
    found: int = next(member.id for member in g.memberships if member.workspace_id == here)
    return found


def page_timezone() -> str:
    """The time zone of what a page shows. UTC where the guard has not run, on the error page of a forged form, say."""
    found: Actor | None = g.get("actor")
    return found.workspace.timezone if found else "UTC"


def requires(role: Role) -> Callable[[Callable[P, R]], Callable[P, R]]:
    """A decorator for views that need at least `role`; Forbidden otherwise. It goes right under the route."""

    def decorate(view: Callable[P, R]) -> Callable[P, R]:
        @wraps(view)
        def guarded(*args: P.args, **kwargs: P.kwargs) -> R:
            if not actor().may(role):
                raise Forbidden(f"Only {_ROLE_WORDS[role]} of this workspace may do that. Ask one of them.")
            return view(*args, **kwargs)

        guarded.required_role = role  # type: ignore[attr-defined]  # contract tests read it
        return guarded

    return decorate


# ---------------------------------------------------------------- pages


def guard_users(blueprint: Blueprint) -> None:
    """Only signed-in people, whether or not they are in a workspace."""
    blueprint.before_request(_require_user)
    blueprint.after_request(_renew_cookie)


def guard_pages(blueprint: Blueprint) -> None:
    """Only signed-in members: others go to the log-in and come back. Sets the actor and what the shell shows."""
    blueprint.before_request(_require_member)
    blueprint.after_request(_renew_cookie)


def _require_user() -> Response | None:
    if current_user.is_authenticated:
        return None
    return go_to(f"/app/login?{urlencode({'next': _next_path()})}", 302)


def _require_member() -> Response | None:
    refused = _require_user()
    if refused is not None:
        return refused
    members: list[Member] = g.get("memberships") or workspaces.list_memberships(current_user.id)
    if not members:
        return go_to("/app/workspaces/new", 302)
    member = next((one for one in members if one.workspace_id == session.get("workspace_id")), members[0])
    g.memberships = members
    g.actor = Actor(current_user._get_current_object(), member.workspace, member.role, "session")  # noqa: SLF001 — werkzeug's documented way out of the proxy
    if _lacks_second_step(member.user, member.workspace) and request.blueprint not in SECOND_STEP_PAGES:
        return go_to("/app/settings/two-factor", 302)
    return None


def _renew_cookie(response: Response) -> Response:
    """A cookie is good for a month, and whoever comes back within it gets another: once a day, and with a whole page.

    What a page fetches by itself may come after the answer to a form, and would undo what that put into the session.
    """
    is_page = request.method == "GET" and response.status_code == 200 and response.mimetype == "text/html"
    if is_page and is_visit():
        now = int(clock.now().timestamp())
        if now - int(session.get(RENEWED, 0)) > RENEW_EVERY_SECONDS:
            session[RENEWED] = now
    return response


def _lacks_second_step(user: User, workspace: Workspace) -> bool:
    return workspace.requires_two_factor and user.two_factor_at is None


def _next_path() -> str:
    """Where to return after the log-in: this page, or for a fragment the page that holds it."""
    if is_htmx():
        current = request.headers.get("HX-Current-URL", "")
        path = current.removeprefix(request.host_url.rstrip("/"))
        return path if path.startswith("/app") else "/app/"
    return request.full_path.rstrip("?") if request.method in SAFE_METHODS else "/app/"


def safe_next(target: str | None) -> str:
    """`target` when it is a path of the dashboard, else the overview: a link never leads to another site."""
    if target and target.startswith("/app/") and "\\" not in target and not any(ord(sign) < 33 for sign in target):
        return target
    return "/app/"


# ---------------------------------------------------------------- the API


def guard_api(blueprint: Blueprint, *, is_open: bool = False) -> None:
    """Only with an access token or API key; no cookie counts, so CSRF has nothing to forge. Limited per credential.

    `is_open` leaves the credential out, for the calls that hand one out.
    """
    if not is_open:
        blueprint.before_request(require_credential)
    csrf.exempt(blueprint)
    limiter.limit(API_LIMIT, key_func=credential_key)(blueprint)


def require_credential() -> None:
    """Set the actor from the request's credential. Raises Unauthorized, Forbidden, NotFound (stranger's workspace)."""
    if request.method == "OPTIONS":
        return
    credential = bearer()
    if api_keys.looks_like_key(credential):
        g.actor = _actor_of_key(credential)
    else:
        g.actor = _actor_of_token(credential)


def bearer() -> str:
    """The token or key of the request. Raises Unauthorized when there is none."""
    scheme, _, value = request.headers.get("Authorization", "").partition(" ")
    if scheme.lower() == "bearer" and value.strip():
        return value.strip()
    key = request.headers.get("X-API-Key", "").strip()
    if key:
        return key
    raise Unauthorized("Send an access token or API key: Authorization: Bearer <token>, or X-API-Key: <key>.")


def credential_key() -> str:
    """What an API limit counts by: the credential, unreadable; without one the address."""
    sent = request.headers.get("Authorization") or request.headers.get("X-API-Key")
    return hashlib.sha256(sent.encode()).hexdigest() if sent else get_remote_address()


@dataclass(frozen=True, slots=True)
class Claims:
    """What a token says. `login_id` is shared by every token of one log-in, so that they can end together."""

    user_id: int
    workspace_id: int
    epoch: int
    login_id: str


def read_token(token: str, kind: Literal["access", "refresh"] | None = None) -> Claims:
    """The claims of a valid JWT, of that kind if one is named.

    Raises Unauthorized. Whether the log-in was ended is seen where the user is read.
    """
    try:
        claims = decode_token(token)
        found = Claims(int(claims["sub"]), int(claims["wid"]), int(claims["epoch"]), str(claims["sid"]))
    except (PyJWTError, JWTExtendedException, ValueError, TypeError, KeyError):
        raise Unauthorized("The token is not valid or has expired. Log in again.", code="token_invalid") from None
    if kind is not None and claims.get("type") != kind:
        raise Unauthorized(f"This needs the {kind} token.", code="token_invalid")
    return found


def user_of(claims: Claims) -> User:
    """Whose token it is. Raises Unauthorized when its log-in was ended."""
    address = get_remote_address()
    return accounts.get_token_user(claims.user_id, epoch=claims.epoch, login_id=claims.login_id, address=address)


def _actor_of_token(token: str) -> Actor:
    claims = read_token(token, "access")
    user = user_of(claims)
    wanted = _header_workspace()
    member = workspaces.find_membership(user.id, claims.workspace_id if wanted is None else wanted)
    if member is None:
        raise NotFound("Workspace")
    if _lacks_second_step(user, member.workspace):
        raise Forbidden(
            "This workspace asks for log-in in two steps. Set it up in the dashboard.", code="two_factor_needed"
        )
    return Actor(user, member.workspace, member.role, "token")


def _actor_of_key(key: str) -> Actor:
    found = api_keys.find_actor(key)
    if found is None:
        raise Unauthorized("The API key is not known or was revoked.", code="key_invalid")
    api_key, member = found
    if _header_workspace() not in {None, member.workspace_id}:
        raise NotFound("Workspace")
    if api_keys.has_expired(api_key):
        raise Unauthorized("The API key has expired. Make a new one in the settings.", code="key_expired")
    endpoint = request.endpoint or ""
    api_scopes.check(api_key.scopes, endpoint, request.path, request.method, is_test=api_key.is_test)
    test_key_id = api_key.id if api_key.is_test else None
    return Actor(member.user, member.workspace, member.role, "key", tuple(api_key.scopes), test_key_id)


def _header_workspace() -> int | None:
    raw = request.headers.get("X-Workspace", "").strip()
    if not raw:
        return None
    if not raw.isdecimal() or len(raw) > 18:
        raise NotFound("Workspace")
    return int(raw)


# ---------------------------------------------------------------- binding


def register(app: Flask) -> None:
    """Teach Flask-Login our users and the templates who is looking."""
    login.user_loader(_load_session_user)
    app.context_processor(_shell_context)


def _load_session_user(session_id: str) -> User | None:
    """`session_id` is "<user id>.<epoch>": every session ends when the user's epoch goes up, one when its row goes."""
    user_id, _, epoch = session_id.partition(".")
    if not (user_id.isdecimal() and epoch.isdecimal()):
        return None
    key, address = str(session.get(SESSION_KEY, "")), get_remote_address()
    # Nearly every page asks for both at once: who it is, and where they work.
    members = g.memberships = workspaces.list_session_memberships(
        int(user_id), epoch=int(epoch), session_key=key, address=address
    )
    if members:
        return members[0].user
    return accounts.find_session_user(int(user_id), epoch=int(epoch), session_key=key, address=address)


def _shell_context() -> dict[str, object]:
    found: Actor | None = g.get("actor")
    config = current_app.extensions["wotnot.config"]
    return {
        "workspace": found.workspace if found else None,
        "member_role": found.role if found else None,
        "may_manage": bool(found and found.may(Role.ADMIN)),
        "workspaces": [member.workspace for member in g.get("memberships", ())],
        "sandbox_url": config.sandbox_url,
        "show_number": show_number,
        "inbox_unread": _inbox_unread,
    }


def _inbox_unread() -> int:
    """How many conversations nobody has read, for the navigation; asked once a page, and only where it is shown."""
    if g.get("actor") is None:
        return 0
    if "inbox_unread" not in g:
        g.inbox_unread = conversation_lists.count_unread(workspace_id())
    found: int = g.inbox_unread
    return found
