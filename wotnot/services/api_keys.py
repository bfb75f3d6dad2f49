"""API keys for programs. Owns the `api_keys` table.

A key is shown once and stored as its SHA-256: it has 256 random bits, so a slow hash would protect nothing. It works
with the role of whoever made it, for as long as they are a member, and never does more than its scopes say. What a test
key sends is simulated (see `simulated_messages.py`).
"""

import hashlib
import secrets
from collections.abc import Sequence
from datetime import datetime, timedelta

from sqlalchemy import bindparam, select, update
from sqlalchemy.orm import contains_eager

from wotnot import clock
from wotnot.errors import Invalid, NotFound
from wotnot.extensions import db
from wotnot.models import ApiKey, Member, User, Workspace
from wotnot.services.pages import Page, clamp_limit, decode_id_cursor, encode_cursor
from wotnot.services.transaction import transaction

ANY_KEY_START = "wn_"
LIVE_START, TEST_START = "wn_live_", "wn_test_"
AREAS = {
    "contacts": ("read", "write"),
    "templates": ("read", "write"),
    "broadcasts": ("read", "write"),
    "messages": ("read", "send"),
    "analytics": ("read",),
    "exports": ("read", "write"),
    "shops": ("read", "write"),
    "account": ("read", "write"),
}
"""What a key may be limited to: in each area to read, or to read and change."""
SCOPES = ("read", "write", *(f"{area}:{verb}" for area, verbs in AREAS.items() for verb in verbs))
"""`read` and `write` alone are for every area; the others name theirs. Whoever may change an area may read it."""
NAME_LENGTH = 200
_SHOWN = len(LIVE_START) + 6
# `last_used_at` is for people; writing it on every call would cost a commit a request.
_USED_EVERY = timedelta(minutes=5)


def looks_like_key(credential: str) -> bool:
    """Whether a credential is one of our keys rather than a token."""
    return credential.startswith(ANY_KEY_START)


def create_api_key(
    workspace_id: int,
    *,
    user_id: int,
    name: str,
    scopes: Sequence[str] = (),
    is_test: bool = False,
    expires_at: datetime | None = None,
) -> tuple[ApiKey, str]:
    """A new key: its row, and the key itself, which nobody can read again. No scopes means all; without a time it lasts.

    Raises Invalid (fields name, scopes, expires_at).
    """
    cleaned = " ".join(name.split())
    _check_new(cleaned, scopes, expires_at)
    key = (TEST_START if is_test else LIVE_START) + secrets.token_urlsafe(32)
    with transaction() as session:
        row = ApiKey(
            workspace_id=workspace_id,
            user_id=user_id,
            name=cleaned,
            prefix=key[:_SHOWN],
            key_hash=_hash(key),
            scopes=[scope for scope in SCOPES if scope in scopes],
            is_test=is_test,
            expires_at=expires_at,
        )
        session.add(row)
    return row, key


def may(scopes: Sequence[str], area: str, *, changes: bool) -> bool:
    """Whether a key with these scopes may read or change something of an area. No scopes are no limit."""
    verb = AREAS[area][-1] if changes else "read"
    enough = {"write", f"{area}:{verb}"} if changes else {"read", *(f"{area}:{each}" for each in AREAS[area])}
    return not scopes or not enough.isdisjoint(scopes)


def has_expired(api_key: ApiKey) -> bool:
    """Whether the key's time is over."""
    return api_key.expires_at is not None and api_key.expires_at <= clock.now()


def _check_new(name: str, scopes: Sequence[str], expires_at: datetime | None) -> None:
    errors: dict[str, str] = {}
    if not name or len(name) > NAME_LENGTH or "\0" in name:
        errors["name"] = f"Say what the key is for, in at most {NAME_LENGTH} characters."
    if not set(scopes) <= set(SCOPES):
        errors["scopes"] = f"Scopes are {', '.join(SCOPES)}."
    if expires_at is not None and expires_at <= clock.now():
        errors["expires_at"] = "This time has passed. Choose a later one, or none."
    if errors:
        raise Invalid(errors)


def list_api_keys(workspace_id: int, *, cursor: str | None = None, limit: int | None = None) -> Page[ApiKey]:
    """The keys that work, newest first, with who made them."""
    size = clamp_limit(limit)
    before = decode_id_cursor(cursor)
    query = (
        select(ApiKey)
        .join(ApiKey.user)
        .options(contains_eager(ApiKey.user))
        .where(ApiKey.workspace_id == workspace_id, ApiKey.revoked_at.is_(None))
        .order_by(ApiKey.id.desc())
        .limit(size + 1)
    )
    if before is not None:
        query = query.where(ApiKey.id < before)
    rows = list(db.session.scalars(query))
    return Page(rows[:size], encode_cursor(rows[size - 1].id) if len(rows) > size else None)


def revoke_api_key(workspace_id: int, key_id: int) -> None:
    """Stop a key at once. Raises NotFound, also when it was stopped before."""
    with transaction() as session:
        stopped = session.scalar(
            update(ApiKey)
            .where(ApiKey.workspace_id == workspace_id, ApiKey.id == key_id, ApiKey.revoked_at.is_(None))
            .values(revoked_at=clock.now())
            .returning(ApiKey.id)
        )
        if stopped is None:
            raise NotFound("API key")


# Asked on every call with a key: made once, since making it takes longer than the database takes to answer it.
_ACTOR = (
    select(ApiKey, Member)
    .join(Member, (Member.workspace_id == ApiKey.workspace_id) & (Member.user_id == ApiKey.user_id))
    .join(User, User.id == Member.user_id)
    .join(Workspace, Workspace.id == Member.workspace_id)
    .options(contains_eager(Member.user), contains_eager(Member.workspace))
    .where(ApiKey.key_hash == bindparam("hash"), ApiKey.revoked_at.is_(None))
)


def find_actor(key: str) -> tuple[ApiKey, Member] | None:
    """The key's row and its maker's membership with user and workspace; None when it is unknown, revoked or orphaned.

    Detached: safe to keep for the whole request.
    """
    row = db.session.execute(_ACTOR, {"hash": _hash(key)}).one_or_none()
    if row is None:
        return None
    api_key, member = row
    is_stale = api_key.last_used_at is None or clock.now() - api_key.last_used_at > _USED_EVERY
    for entity in (api_key, member, member.user, member.workspace):
        db.session.expunge(entity)
    if is_stale:
        _touch(api_key.id)
    return api_key, member


def _touch(key_id: int) -> None:
    with transaction() as session:
        session.execute(update(ApiKey).where(ApiKey.id == key_id).values(last_used_at=clock.now()))


def _hash(key: str) -> str:
    return hashlib.sha256(key.encode()).hexdigest()
