"""The people of the tests: Alice owns a workspace, Bob is an agent in it, Charlie is a stranger with one of his own."""

from dataclasses import dataclass

from tests import factories
from wotnot.models import Role, User, Workspace

# Everybody's; hashed once and cheaply, because a slow hash tests nothing here.
PASSWORD = "correct horse battery"


@dataclass(frozen=True, slots=True)
class Cast:
    """Alice and Bob belong to `workspace`, Charlie to `other_workspace`."""

    workspace: Workspace
    other_workspace: Workspace
    alice: User
    bob: User
    charlie: User


def make_cast() -> Cast:
    """Write them to the database of the current app context."""
    workspace = factories.make_workspace(name="Casa Verde")
    other = factories.make_workspace(name="Charlie's Garage")
    alice = factories.make_user(name="Alice", email="alice@example.com")
    bob = factories.make_user(name="Bob", email="bob@example.com")
    charlie = factories.make_user(name="Charlie", email="charlie@example.com")
    factories.make_member(workspace, alice, Role.OWNER)
    factories.make_member(workspace, bob, Role.AGENT)
    factories.make_member(other, charlie, Role.OWNER)
    return Cast(workspace, other, alice, bob, charlie)
