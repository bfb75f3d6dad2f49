"""Invitations into a workspace. Owns the `invitations` table.

The mailed link names the row and carries its `nonce`: sending it again makes a new one, so only the newest link counts;
accepting or withdrawing takes the row away, so a link works once.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from secrets import token_hex

from sqlalchemy import delete, func, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import joinedload

from wotnot import clock
from wotnot.errors import Conflict, DomainError, Forbidden, NotFound
from wotnot.extensions import db
from wotnot.models import Invitation, Role, User, Workspace
from wotnot.services import accounts, queue, workspaces
from wotnot.services.transaction import transaction

LASTS = timedelta(days=7)
_ENDED = "This invitation was used, withdrawn, or sent anew. Ask for another, or look for a newer mail."


@dataclass(frozen=True, slots=True)
class Offer:
    """What a link offers: which workspace, to which address, as what."""

    id: int
    workspace: Workspace
    email: str
    role: Role


def invite(workspace_id: int, *, email: str, role: Role, by: User, by_role: Role) -> Invitation:
    """Mail somebody a link, valid seven days and once, that lets them in with `role`; a second one replaces the first.

    Raises Invalid (field email), Forbidden (only owners invite owners), Conflict (a member already).
    """
    address = accounts.check_email(email)
    _require_owner(role, by_role)
    user = accounts.find_user_by_email(address)
    if user is not None and workspaces.find_membership(user.id, workspace_id) is not None:
        raise Conflict(f"{user.name} is a member already.", code="member_exists")
    row = insert(Invitation).values(workspace_id=workspace_id, email=address, **_fresh(role, by))
    replaced = {name: row.excluded[name] for name in ("role", "user_id", "nonce", "sent_at")}
    statement = row.on_conflict_do_update(
        index_elements=[Invitation.workspace_id, func.lower(Invitation.email)], set_=replaced
    )
    with transaction() as session:
        invitation: Invitation = session.scalars(
            select(Invitation).from_statement(statement.returning(Invitation)).execution_options(populate_existing=True)
        ).one()
        _mail(invitation, by)
    return invitation


def send_again(workspace_id: int, invitation_id: int, *, by: User, by_role: Role) -> Invitation:
    """Mail a new link; the older one stops working. Raises NotFound, Forbidden."""
    with transaction() as session:
        invitation = _get(workspace_id, invitation_id)
        _require_owner(invitation.role, by_role)
        for name, value in _fresh(invitation.role, by).items():
            setattr(invitation, name, value)
        session.flush()
        _mail(invitation, by)
    return invitation


def withdraw(workspace_id: int, invitation_id: int, *, by_role: Role) -> None:
    """Make the link worthless. Raises NotFound, Forbidden."""
    with transaction() as session:
        invitation = _get(workspace_id, invitation_id)
        _require_owner(invitation.role, by_role)
        session.delete(invitation)


def list_invitations(workspace_id: int) -> list[Invitation]:
    """Those who have not come yet, the newest first, with who invited them; at most the newest hundred."""
    newest = Invitation.sent_at.desc(), Invitation.id.desc()
    query = select(Invitation).where(Invitation.workspace_id == workspace_id).order_by(*newest).limit(100)
    return list(db.session.scalars(query.options(joinedload(Invitation.user))))


def expires_at(invitation: Invitation) -> datetime:
    """Until when its link works."""
    return invitation.sent_at + LASTS


def read(token: str) -> Offer:
    """What a link offers. Raises DomainError when it has expired, was used, withdrawn or sent anew."""
    invitation = _read(token)
    return Offer(invitation.id, workspaces.get_workspace(invitation.workspace_id), invitation.email, invitation.role)


def accept(token: str, user: User) -> Workspace:
    """Let the invited person in. Who is in already stays as they are.

    Raises DomainError (link), Forbidden when the invitation is for another address.
    """
    offer = read(token)
    if user.email.lower() != offer.email.lower():
        raise Forbidden(f"This invitation is for {offer.email}. Sign in with that address to accept it.")
    with transaction() as session:
        # Whoever takes the row away is let in: of two clicks at once, one.
        taken = session.scalar(delete(Invitation).where(Invitation.id == offer.id).returning(Invitation.role))
        if taken is None:
            raise DomainError(_ENDED, code="link_used")
        if workspaces.find_membership(user.id, offer.workspace.id) is None:
            workspaces.add_member(offer.workspace.id, user_id=user.id, role=taken)
    return workspaces.get_workspace(offer.workspace.id)


def _read(token: str) -> Invitation:
    value = accounts.unsign("invitation", token, int(LASTS.total_seconds()))
    if not (isinstance(value, list) and len(value) == 2):
        raise DomainError("This link is not complete. Copy all of it from the mail.", code="link_invalid")
    invitation = db.session.scalar(
        select(Invitation).where(Invitation.id == int(value[0]), Invitation.nonce == str(value[1]))
    )
    if invitation is None:
        raise DomainError(_ENDED, code="link_used")
    return invitation


def _get(workspace_id: int, invitation_id: int) -> Invitation:
    mine = Invitation.workspace_id == workspace_id, Invitation.id == invitation_id
    invitation = db.session.scalar(select(Invitation).where(*mine).with_for_update())
    if invitation is None:
        raise NotFound("Invitation")
    return invitation


def _fresh(role: Role, by: User) -> dict[str, object]:
    return {"role": role, "user_id": by.id, "nonce": token_hex(12), "sent_at": clock.now()}


def _mail(invitation: Invitation, by: User) -> None:
    workspace = workspaces.get_workspace(invitation.workspace_id)
    address = accounts.link(f"/app/invitations/{accounts.sign('invitation', [invitation.id, invitation.nonce])}")
    body = (
        f"Hello,\n\n{by.name} ({by.email}) invites you to work in “{workspace.name}” on WotNot. "
        f"Open this within seven days:\n\n{address}\n\nIf you do not know them, ignore this mail.\n"
    )
    queue.enqueue("send_mail", invitation.email, f"{by.name} invites you to {workspace.name}", body)


def _require_owner(role: Role, by_role: Role) -> None:
    if role is Role.OWNER and by_role is not Role.OWNER:
        raise Forbidden("Only an owner may make, change or remove owners.")
