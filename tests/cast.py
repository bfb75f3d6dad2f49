"""The people of the tests: Alice owns a workspace, Bob is an agent in it, Charlie is a stranger with one of his own."""

from dataclasses import dataclass

from tests import factories
from wotnot.extensions import db
from wotnot.models import Member, Role, User, Workspace

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
    """Write them to the database of the current app context, all at once: two thousand tests begin with it."""
    home, other = (Workspace(name=name, default_country="ZA") for name in ("Casa Verde", "Charlie's Garage"))
    people = alice, bob, charlie = [_person(name) for name in ("Alice", "Bob", "Charlie")]
    db.session.add_all([home, other, *people])
    db.session.flush()
    roles = ((home, alice, Role.OWNER), (home, bob, Role.AGENT), (other, charlie, Role.OWNER))
    db.session.add_all(Member(workspace_id=place.id, user_id=who.id, role=role) for place, who, role in roles)
    db.session.commit()
    return Cast(home, other, alice, bob, charlie)


def _person(name: str) -> User:
    return User(name=name, email=f"{name.lower()}@example.com", password_hash=factories.PASSWORD_HASH)
