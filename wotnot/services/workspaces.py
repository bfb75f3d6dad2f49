"""Workspaces and who works in them. Owns the `workspaces` and `members` tables.

A workspace always keeps at least one owner: every change of members takes the workspace row's lock first.
"""

from collections.abc import Sequence
from functools import cache
from zoneinfo import ZoneInfo, available_timezones

from sqlalchemy import bindparam, select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session, contains_eager

from wotnot.errors import Conflict, Forbidden, Invalid, NotFound
from wotnot.extensions import db
from wotnot.models import Member, Role, User, Workspace
from wotnot.services import user_sessions
from wotnot.services.country_names import NAMES
from wotnot.services.transaction import transaction

NAME_LENGTH = 200

# ---------------------------------------------------------------- reading


# Asked on every page: made once, since making a statement takes longer than the database takes to answer it.
_MEMBERSHIPS = (
    select(Member)
    .join(Member.workspace)
    .join(Member.user)
    .options(contains_eager(Member.workspace), contains_eager(Member.user))
    .where(Member.user_id == bindparam("user_id"))
    .order_by(Member.id)
)
_SESSION_MEMBERSHIPS = _MEMBERSHIPS.add_columns(user_sessions.last_seen(bindparam("session_key"))).where(
    User.session_epoch == bindparam("epoch"), user_sessions.is_live(User.id)
)


def list_memberships(user_id: int) -> list[Member]:
    """The user's workspaces with their role in each, oldest first, and the user. Detached: safe to keep for the request."""
    return _detach_all(db.session.scalars(_MEMBERSHIPS, {"user_id": user_id}).all())


def list_session_memberships(user_id: int, *, epoch: int, session_key: str, address: str) -> list[Member]:
    """The same for a browser at `address`, which is noted now and then.

    None if its session, the one with that key, or all of the user's of that epoch, have ended.
    """
    asked = {"user_id": user_id, "epoch": epoch, "session_key": session_key}
    rows = db.session.execute(_SESSION_MEMBERSHIPS, asked).all()
    members = _detach_all([member for member, _ in rows])
    if rows:
        user_sessions.note_seen(session_key, rows[0][1], address=address)
    return members


def find_membership(user_id: int, workspace_id: int) -> Member | None:
    """The user's membership with its workspace, or None for a stranger. Detached."""
    member = db.session.scalar(
        select(Member)
        .join(Member.workspace)
        .options(contains_eager(Member.workspace))
        .where(Member.user_id == user_id, Member.workspace_id == workspace_id)
    )
    return member and _detach(member)


def get_workspace(workspace_id: int) -> Workspace:
    """The workspace. Raises NotFound."""
    workspace = db.session.get(Workspace, workspace_id)
    if workspace is None:
        raise NotFound("Workspace")
    return workspace


def list_members(workspace_id: int) -> list[Member]:
    """Everyone in the workspace with their user, in the order they came."""
    return list(
        db.session.scalars(
            select(Member)
            .join(Member.user)
            .options(contains_eager(Member.user))
            .where(Member.workspace_id == workspace_id)
            .order_by(Member.id)
        )
    )


@cache
def list_timezones() -> list[str]:
    """Time zones a person may choose, such as Africa/Johannesburg, in alphabetical order."""
    areas = ("Africa/", "America/", "Antarctica/", "Asia/", "Atlantic/", "Australia/", "Europe/", "Indian/", "Pacific/")
    return ["UTC", *sorted(zone for zone in available_timezones() if zone.startswith(areas))]


def list_timezone_choices() -> list[tuple[str, str]]:
    """The same as (zone, words), such as ("America/Sao_Paulo", "America / Sao Paulo")."""
    return [(zone, zone.replace("/", " / ").replace("_", " ")) for zone in list_timezones()]


@cache
def list_countries() -> list[tuple[str, str]]:
    """Countries as (ISO code, English name), by name."""
    return sorted(NAMES.items(), key=lambda item: item[1])


# ---------------------------------------------------------------- the workspace itself


def create_workspace(user_id: int, *, name: str, default_country: str = "US", timezone: str = "UTC") -> Workspace:
    """A new workspace owned by the user. Raises Invalid."""
    _check_settings(name, default_country, timezone)
    with transaction() as session:
        workspace = Workspace(name=" ".join(name.split()), default_country=default_country, timezone=timezone)
        session.add(workspace)
        session.flush()
        session.add(Member(workspace_id=workspace.id, user_id=user_id, role=Role.OWNER))
    return workspace


def update_workspace(
    workspace_id: int, *, name: str, default_country: str, timezone: str, auto_assign: bool | None = None
) -> Workspace:
    """Change the name, the country that numbers without a prefix belong to, and the zone of reports and plans.

    With `auto_assign` new conversations go to the members online by turns; None leaves it as it is. Raises Invalid.
    """
    _check_settings(name, default_country, timezone)
    with transaction() as session:
        workspace = _locked(session, workspace_id)
        workspace.name = " ".join(name.split())
        workspace.default_country = default_country
        workspace.timezone = timezone
        if auto_assign is not None:
            workspace.auto_assign = auto_assign
    return workspace


def require_two_factor(workspace_id: int, *, by: User, is_on: bool) -> None:
    """Let only people who log in with two steps work here, or everybody again.

    Raises Conflict when the owner who asks for it has not set it up: it would lock them out.
    """
    if is_on and by.two_factor_at is None:
        raise Conflict("Set up two steps for yourself first.", code="two_factor_needed")
    with transaction() as session:
        _locked(session, workspace_id).requires_two_factor = is_on


# ---------------------------------------------------------------- members


def add_member(workspace_id: int, *, user_id: int, role: Role) -> Member:
    """Let a user in. Raises Conflict when they are in already."""
    with transaction() as session:
        member = Member(workspace_id=workspace_id, user_id=user_id, role=role)
        session.add(member)
        try:
            session.flush()
        except IntegrityError:
            raise Conflict("This person is a member already.", code="member_exists") from None
    return member


def change_role(workspace_id: int, member_id: int, role: Role, *, by: Role) -> Member:
    """Give a member another role. Only owners make or unmake owners.

    Raises NotFound, Forbidden, Conflict for the last owner.
    """
    with transaction() as session:
        member = _locked_member(session, workspace_id, member_id)
        if Role.OWNER in {member.role, role} and member.role is not role:
            _require_owner(by)
        if member.role is Role.OWNER and role is not Role.OWNER:
            _require_another_owner(session, member)
        member.role = role
    return member


def remove_member(workspace_id: int, member_id: int, *, by: Role) -> None:
    """Take a member out; their keys stop working, and the conversations they had are nobody's. Only owners remove owners.

    Raises NotFound, Forbidden, Conflict for the last owner.
    """
    with transaction() as session:
        member = _locked_member(session, workspace_id, member_id)
        if member.role is Role.OWNER:
            _require_owner(by)
            _require_another_owner(session, member)
        session.delete(member)


def transfer_ownership(workspace_id: int, member_id: int, *, user_id: int) -> Member:
    """Make a member an owner in the place of the owner `user_id`, who stays as an admin; answers the new owner.

    Raises NotFound, Forbidden (only an owner can), Conflict (to oneself).
    """
    with transaction() as session:
        member = _locked_member(session, workspace_id, member_id)
        mine = Member.workspace_id == workspace_id, Member.user_id == user_id, Member.role == Role.OWNER
        owner = session.scalar(select(Member).where(*mine).execution_options(populate_existing=True))
        if owner is None:
            raise Forbidden("Only an owner may hand the workspace over.")
        if owner.id == member.id:
            raise Conflict("It is yours already. Choose somebody else.")
        owner.role, member.role = Role.ADMIN, Role.OWNER
    return member


def leave_workspace(workspace_id: int, user_id: int) -> None:
    """Leave by one's own will. Raises NotFound, Conflict for the last owner."""
    with transaction() as session:
        _locked(session, workspace_id)
        member = session.scalar(select(Member).where(Member.workspace_id == workspace_id, Member.user_id == user_id))
        if member is None:
            raise NotFound("Member")
        if member.role is Role.OWNER:
            _require_another_owner(session, member)
        session.delete(member)


# ---------------------------------------------------------------- checks


def _check_settings(name: str, default_country: str, timezone: str) -> None:
    errors: dict[str, str] = {}
    if not name.strip() or len(name) > NAME_LENGTH or "\0" in name:
        errors["name"] = f"Give the workspace a name of at most {NAME_LENGTH} characters."
    if default_country not in NAMES:
        errors["default_country"] = "Choose a country from the list."
    if timezone not in list_timezones():
        errors["timezone"] = "Choose a time zone from the list, such as Europe/Berlin."
    if errors:
        raise Invalid(errors)


def zone_of(workspace: Workspace) -> ZoneInfo:
    """The workspace's time zone."""
    return ZoneInfo(workspace.timezone)


def _locked(session: Session, workspace_id: int) -> Workspace:
    workspace = session.get(Workspace, workspace_id, with_for_update=True)
    if workspace is None:
        raise NotFound("Workspace")
    return workspace


def _locked_member(session: Session, workspace_id: int, member_id: int) -> Member:
    _locked(session, workspace_id)
    member = session.scalar(
        select(Member)
        .where(Member.workspace_id == workspace_id, Member.id == member_id)
        .execution_options(populate_existing=True)
    )
    if member is None:
        raise NotFound("Member")
    return member


def _require_owner(role: Role) -> None:
    if role is not Role.OWNER:
        raise Forbidden("Only an owner may make, change or remove owners.")


def _require_another_owner(session: Session, member: Member) -> None:
    others = session.scalar(
        select(Member.id)
        .where(Member.workspace_id == member.workspace_id, Member.role == Role.OWNER, Member.id != member.id)
        .limit(1)
    )
    if others is None:
        raise Conflict("This is the only owner. Make somebody else an owner first.", code="last_owner")


def _detach_all(members: Sequence[Member]) -> list[Member]:
    for entity in {*members, *(member.workspace for member in members), *(member.user for member in members)}:
        db.session.expunge(entity)
    return list(members)


def _detach(member: Member) -> Member:
    """Take a membership out of the session, so that a later commit or release does not empty it."""
    workspace = member.workspace
    db.session.expunge(member)
    if workspace in db.session:
        db.session.expunge(workspace)
    return member
