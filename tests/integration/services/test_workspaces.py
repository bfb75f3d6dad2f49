"""Members and their roles: who may change whom, and that an owner always remains."""

import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from tests import factories
from tests.cast import Cast
from wotnot.errors import Conflict, Forbidden, Invalid, NotFound
from wotnot.models import Role
from wotnot.services import invitations, workspaces

OWNER, ADMIN, AGENT = Role.OWNER, Role.ADMIN, Role.AGENT


def membership(cast: Cast, role: Role) -> int:
    """A further member with that role, beside Alice, who owns the workspace."""
    return factories.make_member(cast.workspace, factories.make_user(), role).id


@pytest.mark.parametrize("by", [OWNER, ADMIN])
@pytest.mark.parametrize("before", list(Role))
@pytest.mark.parametrize("after", list(Role))
def test_only_owners_make_and_unmake_owners(cast: Cast, by, before, after):
    member_id = membership(cast, before)
    touches_ownership = before is not after and OWNER in {before, after}
    if by is ADMIN and touches_ownership:
        with pytest.raises(Forbidden):
            workspaces.change_role(cast.workspace.id, member_id, after, by=by)
    else:
        assert workspaces.change_role(cast.workspace.id, member_id, after, by=by).role is after


@pytest.mark.parametrize(
    ("by", "whom", "allowed"), [(OWNER, OWNER, True), (ADMIN, OWNER, False), (ADMIN, ADMIN, True), (ADMIN, AGENT, True)]
)
def test_who_removes_whom(cast: Cast, by, whom, allowed):
    member_id = membership(cast, whom)
    if allowed:
        workspaces.remove_member(cast.workspace.id, member_id, by=by)
    else:
        with pytest.raises(Forbidden):
            workspaces.remove_member(cast.workspace.id, member_id, by=by)
    still_there = member_id in {member.id for member in workspaces.list_members(cast.workspace.id)}
    assert still_there is not allowed


def test_the_last_owner_stays(cast: Cast):
    alice = workspaces.find_membership(cast.alice.id, cast.workspace.id).id
    with pytest.raises(Conflict):
        workspaces.change_role(cast.workspace.id, alice, AGENT, by=OWNER)
    with pytest.raises(Conflict):
        workspaces.remove_member(cast.workspace.id, alice, by=OWNER)
    with pytest.raises(Conflict):
        workspaces.leave_workspace(cast.workspace.id, cast.alice.id)
    membership(cast, OWNER)
    workspaces.leave_workspace(cast.workspace.id, cast.alice.id)
    assert workspaces.find_membership(cast.alice.id, cast.workspace.id) is None


def test_strangers_are_not_found(cast: Cast):
    charlie = workspaces.find_membership(cast.charlie.id, cast.other_workspace.id).id
    with pytest.raises(NotFound):
        workspaces.change_role(cast.workspace.id, charlie, AGENT, by=OWNER)
    with pytest.raises(NotFound):
        workspaces.remove_member(cast.workspace.id, charlie, by=OWNER)
    with pytest.raises(NotFound):
        workspaces.leave_workspace(cast.workspace.id, cast.charlie.id)
    assert workspaces.find_membership(cast.charlie.id, cast.workspace.id) is None


def test_nobody_is_a_member_twice(cast: Cast):
    with pytest.raises(Conflict):
        workspaces.add_member(cast.workspace.id, user_id=cast.bob.id, role=ADMIN)
    with pytest.raises(Conflict):
        invitations.invite(cast.workspace.id, email="BOB@example.com", role=AGENT, by=cast.alice, by_role=OWNER)


def test_admins_invite_no_owners(cast: Cast):
    with pytest.raises(Forbidden):
        invitations.invite(cast.workspace.id, email="x@example.com", role=OWNER, by=cast.bob, by_role=ADMIN)


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"name": ""}, "name"),
        ({"name": "x" * 201}, "name"),
        ({"default_country": "ZZ"}, "default_country"),
        ({"timezone": "../etc/passwd"}, "timezone"),
    ],
)
def test_settings_are_checked(cast: Cast, change, field):
    settings = {"name": "Casa", "default_country": "ZA", "timezone": "Africa/Johannesburg"} | change
    with pytest.raises(Invalid) as refused:
        workspaces.update_workspace(cast.workspace.id, **settings)
    assert list(refused.value.errors) == [field]


def test_two_owners_who_leave_at_once_leave_one_behind(committed_cast: Cast, app):
    cast, start = committed_cast, threading.Barrier(2)
    second = factories.make_user()
    factories.make_member(cast.workspace, second, OWNER)
    workspace_id, user_ids = cast.workspace.id, (cast.alice.id, second.id)

    def leave(user_id: int) -> bool:
        with app.app_context():
            start.wait()
            try:
                workspaces.leave_workspace(workspace_id, user_id)
            except Conflict:
                return False
            return True

    with ThreadPoolExecutor(2) as pool:
        left = list(pool.map(leave, user_ids))
    assert sorted(left) == [False, True]
