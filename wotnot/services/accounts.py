"""Accounts: people who can log in. Owns the `users` and `revoked_tokens` tables.

`session_epoch` is in every session and token; raising it ends them all. The tokens of one log-in share the key of its row in
`user_sessions` and end together when that is revoked.
Links in mails are signed and carry a mark of what they change, so each works once.
"""

import hashlib
from datetime import datetime
from functools import cache

from email_validator import EmailNotValidError, validate_email
from flask import current_app
from itsdangerous import BadSignature, SignatureExpired, URLSafeTimedSerializer
from sqlalchemy import bindparam, exists, func, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session, joinedload

from wotnot.config import Config
from wotnot.errors import Conflict, DomainError, Invalid, NotFound, Unauthorized
from wotnot.extensions import db
from wotnot.models import Member, RevokedToken, Role, User, Workspace
from wotnot.services import passwords, queue, user_sessions
from wotnot.services.transaction import release_connection, transaction
from wotnot.services.user_sessions import Ended

RESET_SECONDS = 3600
NAME_LENGTH = 200
WRONG_CREDENTIALS = "E-mail and password do not match."
TOKEN_ENDED = "The token was logged out or has expired. Log in again."  # noqa: S105 — a sentence, not a secret


# ---------------------------------------------------------------- signing up and in


def register_user(
    *,
    email: str,
    password: str,
    name: str,
    workspace_name: str = "",
    default_country: str = "US",
    timezone: str = "UTC",
) -> Member:
    """A new user who owns a new workspace; answers the ownership with both. Detached.

    Raises Invalid (fields email, password, name, workspace_name), Conflict `email_taken`.
    """
    email, name = _check_new_user(email, password, name)
    workspace_name = " ".join(workspace_name.split()) or f"{name}’s workspace"
    if len(workspace_name) > NAME_LENGTH:
        raise Invalid({"workspace_name": f"Use at most {NAME_LENGTH} characters."})
    release_connection()  # hashing takes a quarter of a second
    password_hash = hash_new(password)
    with transaction() as session:
        user = User(email=email, name=name, password_hash=password_hash)
        workspace = Workspace(name=workspace_name, default_country=default_country, timezone=timezone)
        member = Member(user=user, workspace=workspace, role=Role.OWNER)
        session.add(member)
        try:
            session.flush()
        except IntegrityError:
            raise _email_taken() from None
    return _detached_member(member.id)


def create_user(*, email: str, password: str, name: str) -> User:
    """A new user without a workspace, for somebody who was invited. Raises like `register_user`."""
    email, name = _check_new_user(email, password, name)
    release_connection()
    password_hash = hash_new(password)
    with transaction() as session:
        user = User(email=email, name=name, password_hash=password_hash)
        session.add(user)
        try:
            session.flush()
        except IntegrityError:
            raise _email_taken() from None
    return user


def authenticate(email: str, password: str) -> User:
    """The user with this e-mail and password. Raises Unauthorized with the same words whichever is wrong.

    It takes as long for an unknown address as for a known one, so the time tells nothing either.
    """
    user = find_user_by_email(email)
    password_hash = user.password_hash if user else _nobodys_hash(_rounds())
    release_connection()
    if not passwords.is_password(password, password_hash) or user is None:
        raise Unauthorized(WRONG_CREDENTIALS, code="wrong_credentials")
    return user


_BY_SESSION = select(User, user_sessions.last_seen(bindparam("session_key"))).where(
    User.id == bindparam("id"), User.session_epoch == bindparam("epoch"), user_sessions.is_live(User.id)
)


def find_session_user(user_id: int, *, epoch: int, session_key: str, address: str) -> User | None:
    """The user of a browser at `address`, which is noted now and then, unless this session or all of that epoch have ended.

    Detached: safe to keep for the whole request.
    """
    asked = {"id": user_id, "epoch": epoch, "session_key": session_key}
    row = db.session.execute(_BY_SESSION, asked).one_or_none()
    if row is None:
        return None
    user, seen_at = row
    db.session.expunge(user)
    user_sessions.note_seen(session_key, seen_at, address=address)
    return user


def find_user_by_email(email: str) -> User | None:
    """The user with this address, whatever its case. Detached."""
    cleaned = email.strip().lower()
    if not cleaned or "\0" in cleaned:
        return None
    user = db.session.scalar(select(User).where(func.lower(User.email) == cleaned))
    if user is not None:
        db.session.expunge(user)
    return user


def get_user(user_id: int) -> User:
    """The user. Raises NotFound."""
    user = db.session.get(User, user_id)
    if user is None:
        raise NotFound("User")
    return user


# ---------------------------------------------------------------- tokens


def get_token_user(user_id: int, *, epoch: int, login_id: str, address: str) -> User:
    """The user of a token that came from `address`, which is noted now and then. Detached.

    Raises Unauthorized when its log-in was ended, alone or with all others.
    """
    ended = exists().where(RevokedToken.jti == login_id)
    asked = select(User, user_sessions.last_seen(login_id).label("seen_at"))
    row = db.session.execute(asked.where(User.id == user_id, User.session_epoch == epoch, ~ended)).one_or_none()
    if row is None:
        raise Unauthorized(TOKEN_ENDED, code="token_invalid")
    user, seen_at = row
    db.session.expunge(user)
    user_sessions.note_seen(login_id, seen_at, address=address)
    return user


def revoke_login(login_id: str, expires_at: datetime) -> None:
    """End every token of one log-in; `expires_at` is when the last of them ends anyway. Twice is as good as once."""
    with transaction():
        user_sessions.end_this(login_id)
        _revoke([Ended(login_id, expires_at)])


def end_session(user_id: int, session_id: int) -> Ended:
    """Sign one browser or program of the user's out. Raises NotFound."""
    with transaction():
        ended = user_sessions.end(user_id, session_id)
        _revoke([ended])
    return ended


def end_programs(user_id: int) -> None:
    """Sign out every program that logged in over the API; browsers and API keys go on."""
    with transaction():
        _revoke(user_sessions.end_programs(user_id))


def end_all_sessions(user_id: int) -> None:
    """Log the user out everywhere: every session and token ends."""
    with transaction() as session:
        _locked_user(session, user_id).session_epoch += 1
        user_sessions.end_others(user_id)


# ---------------------------------------------------------------- profile and password


def update_profile(user_id: int, *, name: str) -> None:
    """Change the shown name. Raises Invalid."""
    cleaned = _checked_name(name)
    with transaction() as session:
        _locked_user(session, user_id).name = cleaned


def change_password(user_id: int, *, current: str, new: str, keep_session: str = "") -> User:
    """Set a new password and end every other session than the one with that key. Answers the user with the new epoch.

    Raises Invalid (fields current, new).
    """
    password_hash = check_password(user_id, current, "current")
    return _set_password(user_id, new, "new", expected_hash=password_hash, keep_session=keep_session)


def check_password(user_id: int, password: str, field: str) -> str:
    """Make sure that it is they; answers the hash it was held against. Raises Invalid for `field`."""
    password_hash = get_user(user_id).password_hash
    release_connection()
    if not passwords.is_password(password, password_hash):
        raise Invalid({field: "This is not your present password."})
    return password_hash


def request_password_reset(email: str) -> None:
    """Mail a link that sets a new password, valid one hour and once. Silent when nobody has this address."""
    user = find_user_by_email(email)
    if user is None:
        return
    address = link(f"/app/reset/{sign('reset', [user.id, _mark(user.password_hash)])}")
    body = (
        f"Hello {user.name},\n\nsomebody asked to set a new password for your WotNot account. If that was you, "
        f"open this within an hour:\n\n{address}\n\nIf it was not you, ignore this mail; your password stays as it is.\n"
    )
    with transaction():
        queue.enqueue("send_mail", user.email, "Set a new password for WotNot", body)


def check_reset_token(token: str) -> int:
    """The id of the user that a reset link is for. Raises DomainError when it has expired or was used."""
    user_id, mark = _read_reset_token(token)
    user = db.session.get(User, user_id)
    if user is None or _mark(user.password_hash) != mark:
        raise DomainError("This link was used already. Ask for a new one.", code="link_used")
    return user_id


def reset_password(token: str, password: str) -> User:
    """Set the password that a mailed link allows, once, and end every session.

    Raises Invalid (field password), DomainError when the link has expired or was used.
    """
    user_id = check_reset_token(token)
    password_hash = get_user(user_id).password_hash
    return _set_password(user_id, password, "password", expected_hash=password_hash)


def _revoke(ended: list[Ended]) -> None:
    """End the tokens of the programs among them; a browser's cookie ended with its row. Joins the caller's transaction."""
    tokens = [{"jti": one.key, "expires_at": one.ends_at} for one in ended if one.ends_at is not None]
    if tokens:
        db.session.execute(insert(RevokedToken).values(tokens).on_conflict_do_nothing())


def _set_password(user_id: int, password: str, field: str, *, expected_hash: str, keep_session: str = "") -> User:
    complaint = passwords.complaint(password)
    if complaint:
        raise Invalid({field: complaint})
    release_connection()
    password_hash = hash_new(password)
    with transaction() as session:
        user = _locked_user(session, user_id)
        # Of two changes at once, the one that was based on the older password loses.
        if user.password_hash != expected_hash:
            raise DomainError("The password was changed in the meantime.", code="link_used")
        user.password_hash = password_hash
        user.session_epoch += 1
        user_sessions.end_others(user_id, keep_session)
    return get_user(user_id)


# ---------------------------------------------------------------- checks


def check_email(email: str) -> str:
    """The address in its normal form. Raises Invalid (field email) with the reason."""
    try:
        return validate_email(email.strip(), check_deliverability=False).normalized
    except EmailNotValidError as error:
        raise Invalid({"email": f"This is not an e-mail address. {error}"}) from None


def hash_new(password: str) -> str:
    """The hash to store for a password that was checked already."""
    return passwords.hash_password(password, _rounds())


def link(path: str) -> str:
    """The full address of a page of ours, for a mail."""
    return _config().public_url + path


def sign(purpose: str, value: object) -> str:
    """A signed, dated token for a link in a mail."""
    return _serializer(purpose).dumps(value)


def unsign(purpose: str, token: str, max_age: int) -> object:
    """What `sign` was given, at most `max_age` seconds ago. Raises DomainError with what to do."""
    try:
        return _serializer(purpose).loads(token, max_age=max_age)
    except SignatureExpired:
        raise DomainError("This link has expired. Ask for a new one.", code="link_expired") from None
    except BadSignature:
        raise DomainError("This link is not complete. Copy all of it from the mail.", code="link_invalid") from None


def _check_new_user(email: str, password: str, name: str) -> tuple[str, str]:
    errors: dict[str, str | list[str]] = {}
    try:
        email = check_email(email)
    except Invalid as invalid:
        errors |= invalid.errors
    try:
        name = _checked_name(name)
    except Invalid as invalid:
        errors |= invalid.errors
    complaint = passwords.complaint(password)
    if complaint:
        errors["password"] = complaint
    if errors:
        raise Invalid(errors)
    return email, name


def _checked_name(name: str) -> str:
    cleaned = " ".join(name.split())
    if not cleaned:
        raise Invalid({"name": "Tell us your name, as your team should see it."})
    if len(cleaned) > NAME_LENGTH or "\0" in cleaned:
        raise Invalid({"name": f"Use at most {NAME_LENGTH} ordinary characters."})
    return cleaned


def _email_taken() -> Conflict:
    return Conflict("This e-mail has an account already. Sign in, or reset the password.", code="email_taken")


def _detached_member(member_id: int) -> Member:
    member = db.session.scalars(
        select(Member)
        .where(Member.id == member_id)
        .options(joinedload(Member.user), joinedload(Member.workspace))
        .execution_options(populate_existing=True)
    ).one()
    for entity in (member, member.user, member.workspace):
        db.session.expunge(entity)
    return member


def _locked_user(session: Session, user_id: int) -> User:
    user = session.get(User, user_id, with_for_update=True)
    if user is None:
        raise NotFound("User")
    return user


def _read_reset_token(token: str) -> tuple[int, str]:
    value = unsign("reset", token, RESET_SECONDS)
    if not (isinstance(value, list) and len(value) == 2):
        raise DomainError("This link is not complete. Copy all of it from the mail.", code="link_invalid")
    return int(value[0]), str(value[1])


def _mark(password_hash: str) -> str:
    """A mark of the present password: the link dies with it."""
    return hashlib.sha256(password_hash.encode()).hexdigest()[:24]


def _serializer(purpose: str) -> URLSafeTimedSerializer:
    return URLSafeTimedSerializer(_config().secret_key, salt=f"wotnot.{purpose}")


def _config() -> Config:
    config: Config = current_app.extensions["wotnot.config"]
    return config


def _rounds() -> int:
    # Tests log in hundreds of times; the work factor is the one thing they do not need.
    return 4 if _config().testing else passwords.ROUNDS


@cache
def _nobodys_hash(rounds: int) -> str:
    return passwords.hash_password("nobody has this password", rounds)
