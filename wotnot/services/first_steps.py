"""How far a workspace has come on the way to its first broadcast. Asks only what an index answers."""

from dataclasses import dataclass

from sqlalchemy import exists, select, update

from wotnot.extensions import db
from wotnot.models import Broadcast, Channel, ChannelState, Message, TemplateStatus, Workspace
from wotnot.services import contact_lists, template_families
from wotnot.services.transaction import transaction

STEPS = ("number", "contacts", "template", "test", "broadcast")


@dataclass(frozen=True, slots=True)
class FirstSteps:
    """Which steps are done, in their order. `people` are contacts, `templates` counts them by status."""

    done: dict[str, bool]
    people: int
    templates: dict[str, int]

    @property
    def current(self) -> str:
        """The first step that is not done; empty when all are."""
        return next((step for step, is_done in self.done.items() if not is_done), "")

    @property
    def count(self) -> int:
        """How many are done."""
        return sum(self.done.values())


def find(workspace_id: int) -> FirstSteps:
    """The steps as they stand. Who has sent a broadcast needs no test any more."""
    has_number = exists().where(Channel.workspace_id == workspace_id, Channel.state != ChannelState.REMOVED)
    has_tested = (
        exists()
        .where(Message.channel_id == Channel.id, Channel.workspace_id == workspace_id)
        .where(Message.broadcast_id.is_(None), Message.type == "template", Message.accepted_at.is_not(None))
    )
    has_sent = exists().where(Broadcast.workspace_id == workspace_id, Broadcast.started_at.is_not(None))
    number, test, broadcast = db.session.execute(select(has_number, has_tested, has_sent)).one()
    people = contact_lists.count_contacts(workspace_id).total
    templates = template_families.count_families(workspace_id)
    done = (number, people > 0, templates.get(TemplateStatus.APPROVED, 0) > 0, test or broadcast, broadcast)
    return FirstSteps(dict(zip(STEPS, done, strict=True)), people, dict(templates))


def hide(workspace_id: int) -> None:
    """Show them no more in this workspace."""
    with transaction() as session:
        session.execute(update(Workspace).where(Workspace.id == workspace_id).values(hides_first_steps=True))
