"""Registering, logging in and out, and the tokens of the API."""

from datetime import datetime, timedelta
from typing import Any

from flask import current_app, request
from flask_jwt_extended import create_access_token, create_refresh_token
from flask_limiter.util import get_remote_address

from wotnot import clock
from wotnot.blueprints import login_limits
from wotnot.blueprints.api.resource import Resource
from wotnot.blueprints.api.schemas.accounts import (
    LoginSchema,
    RegisteredSchema,
    RegisterSchema,
    TokenSchema,
    TokensSchema,
)
from wotnot.blueprints.guards import bearer, read_token, user_of
from wotnot.errors import Forbidden, Unauthorized
from wotnot.models import User
from wotnot.services import accounts, user_sessions, workspaces

blueprint = Resource(
    "auth-api", __name__, url_prefix="/api/v1/auth", description="Accounts and tokens. No credential is needed here."
)


@blueprint.post("/register")
@blueprint.arguments(RegisterSchema)
@blueprint.response(201, RegisteredSchema)
@blueprint.alt_response(409, description="The e-mail has an account already.")
def register_account(body: dict[str, Any]) -> dict[str, Any]:
    """Register: a user, a workspace they own, and tokens for it."""
    login_limits.count_sign_up()
    member = accounts.register_user(
        email=body["email"],
        password=body["password"],
        name=body["name"],
        workspace_name=body["workspace_name"] or "",
    )
    tokens = issue_tokens(member.user, member.workspace_id)
    return {"user": member.user, "workspace": member.workspace, **tokens}


@blueprint.post("/login")
@blueprint.arguments(LoginSchema)
@blueprint.response(200, TokensSchema)
@blueprint.alt_response(401, description="E-mail and password do not match.")
def log_in(body: dict[str, Any]) -> dict[str, Any]:
    """Log in with e-mail and password. The tokens are for the user's first workspace.

    Who logs in with two steps sends `code` too, from their phone or one of their recovery codes. The user's profile in the
    dashboard lists the log-in and can end it.
    """
    user = login_limits.log_in(body["email"], body["password"])
    login_limits.check_second_step(user, body["code"])
    return issue_tokens(user, first_workspace(user))


@blueprint.post("/refresh")
@blueprint.response(200, TokenSchema)
@blueprint.doc(security=[{"bearer": []}])
def refresh() -> dict[str, Any]:
    """Get a new access token; send the refresh token as bearer."""
    claims = read_token(bearer(), "refresh")
    user = user_of(claims)
    if workspaces.find_membership(user.id, claims.workspace_id) is None:
        raise Unauthorized("You are not a member of that workspace any more. Log in again.", code="token_invalid")
    return {
        "access_token": _access_token(user, claims.workspace_id, claims.login_id),
        "expires_in": _lifetime("ACCESS"),
    }


@blueprint.post("/logout")
@blueprint.response(204)
@blueprint.doc(security=[{"bearer": []}])
def log_out() -> None:
    """Log out: every token of this log-in stops working, the refresh token too. Send either as bearer."""
    claims = read_token(bearer())
    user_of(claims)
    # The access token may be nearly over, but its refresh token is good for weeks.
    accounts.revoke_login(claims.login_id, _in(_lifetime("REFRESH")))


def first_workspace(user: User) -> int:
    """The workspace a log-in is for. Raises Forbidden for somebody who is in none."""
    members = workspaces.list_memberships(user.id)
    if not members:
        raise Forbidden("You are not a member of any workspace. Ask to be invited, or create one in the dashboard.")
    return members[0].workspace_id


def issue_tokens(user: User, workspace_id: int) -> dict[str, Any]:
    """A pair of tokens for the user in that workspace; they end together when either is logged out."""
    # The last minute of the refresh token still gets an access token.
    login_id = _begin(user, _lifetime("REFRESH") + _lifetime("ACCESS"))
    claims = _claims(user, workspace_id, login_id)
    return {
        "access_token": _access_token(user, workspace_id, login_id),
        "refresh_token": create_refresh_token(identity=str(user.id), additional_claims=claims),
        "expires_in": _lifetime("ACCESS"),
    }


def issue_access_token(user: User, workspace_id: int) -> str:
    """An access token alone: its log-in is over when it is."""
    return _access_token(user, workspace_id, _begin(user, _lifetime("ACCESS")))


def _begin(user: User, seconds: int) -> str:
    """Note the log-in of the program that asks; answers the id that its tokens share."""
    program = {"user_agent": request.user_agent.string, "address": get_remote_address()}
    return user_sessions.begin(user.id, **program, ends_at=_in(seconds))


def _access_token(user: User, workspace_id: int, login_id: str) -> str:
    claims = _claims(user, workspace_id, login_id)
    return str(create_access_token(identity=str(user.id), additional_claims=claims))


def _claims(user: User, workspace_id: int, login_id: str) -> dict[str, Any]:
    return {"wid": workspace_id, "epoch": user.session_epoch, "sid": login_id}


def _in(seconds: int) -> datetime:
    return clock.now() + timedelta(seconds=seconds)


def _lifetime(kind: str) -> int:
    return int(current_app.config[f"JWT_{kind}_TOKEN_EXPIRES"])
