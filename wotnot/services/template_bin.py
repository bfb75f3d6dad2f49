"""The recycle bin of the templates.

Deleting is ours alone: the template stays at Meta, so that it can be taken out of the bin again. Deleting it at Meta as
well is a second, separate act. After BIN_DAYS the bin is emptied; what a broadcast was made from stays as its record.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, and_, delete, or_, select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import aliased

from wotnot import clock
from wotnot.errors import Conflict, NotFound
from wotnot.extensions import db
from wotnot.models import Broadcast, BroadcastState, Template, TemplateStatus
from wotnot.services import channels, events
from wotnot.services.channel_checks import domain_error
from wotnot.services.message_templates import BIN_DAYS, bin_begins, get_template
from wotnot.services.template_sync import TOPIC
from wotnot.services.template_versions import change_template
from wotnot.services.transaction import release_connection, transaction
from wotnot.services.whatsapp.errors import GraphError

NAME_BLOCKED_DAYS = 30
"""So long Meta keeps the name of a deleted template from being used again. Source: Meta's template management reference."""

_BUSY = (BroadcastState.SCHEDULED, BroadcastState.EXPANDING, BroadcastState.SENDING, BroadcastState.PAUSED)


def delete_template(workspace_id: int, template_id: int) -> Template:
    """Put a template into the recycle bin; at Meta it stays. Doing it twice changes nothing.

    Raises NotFound, Conflict naming a broadcast that still needs it.
    """
    with transaction():
        template = get_template(workspace_id, template_id)
        _refuse_in_use(workspace_id, [template.id])
        if template.deleted_at is None:
            template.deleted_at = clock.now()
            events.publish(workspace_id, TOPIC)
    return template


def restore_template(workspace_id: int, template_id: int) -> Template:
    """Take a template out of the recycle bin. Doing it twice changes nothing.

    Raises NotFound, Conflict when it is gone at Meta or another one has its name by now.
    """
    try:
        with transaction() as session:
            template = get_template(workspace_id, template_id)
            if template.deleted_at is not None and template.status is TemplateStatus.DELETED:
                raise Conflict("Meta no longer has this template, so it cannot be restored. Create it again.")
            if template.deleted_at is not None and template.deleted_at <= bin_begins():
                raise Conflict(f"It was in the recycle bin for more than {BIN_DAYS} days. Create it again.")
            template.deleted_at = None
            session.flush()
            events.publish(workspace_id, TOPIC)
    except IntegrityError as error:
        raise Conflict("There is another template of this name and language by now.") from error
    return template


def purge_bin() -> int:
    """Delete what has been in the bin for BIN_DAYS, everywhere; answers how many. What a broadcast used is kept."""
    main = aliased(Template)
    used = (
        select(Broadcast.id)
        .join(main, main.id == Broadcast.template_id)
        # Also a translation: some of its messages may have gone out in it.
        .where(*_is_family(main, Template))
        .exists()
    )
    with transaction() as session:
        gone = session.execute(delete(Template).where(Template.deleted_at <= bin_begins(), ~used))
        return int(gone.rowcount)  # type: ignore[attr-defined]  # SQLAlchemy types the plain result


def leaves_bin_at(template: Template) -> datetime | None:
    """When a template in the bin goes for good; None for one that is not there."""
    return template.deleted_at + timedelta(days=BIN_DAYS) if template.deleted_at else None


def name_free_at(template: Template) -> datetime | None:
    """When the name of a template that is deleted at Meta may be used again; None for any other."""
    # Nothing changes a template after its deletion, so that is when it was changed last.
    is_deleted = template.status is TemplateStatus.DELETED
    return template.updated_at + timedelta(days=NAME_BLOCKED_DAYS) if is_deleted else None


def delete_at_meta(workspace_id: int, template_id: int, *, user_id: int | None = None) -> Template:
    """Delete a template at Meta for good; its row stays in the bin as a record. Cannot be undone.

    Raises NotFound, Conflict (not in the bin, or in use), Invalid in Meta's words, Unavailable.
    """
    template = get_template(workspace_id, template_id)
    if template.deleted_at is None:
        raise Conflict("Only a template in the recycle bin can be deleted at Meta.")
    _refuse_in_use(workspace_id, [template.id])
    waba_id, name, meta_id = template.waba_id, template.name, template.meta_id
    if template.status is not TemplateStatus.DELETED and meta_id:
        channel = next((c for c in channels.list_channels(workspace_id) if c.waba_id == waba_id), None)
        if channel is None:
            raise Conflict("No number of this template's account is connected, so Meta cannot be asked.")
        client = channels.client_for(channel)
        release_connection()
        try:
            with client:
                client.delete_template(waba_id, name, meta_id)
        except GraphError as error:
            raise domain_error(error.fault, "template") from error
    with transaction():
        template = get_template(workspace_id, template_id)
        change_template(template, {"status": TemplateStatus.DELETED, "reason": ""}, user_id=user_id)
        events.publish(workspace_id, TOPIC)
    return template


def delete_templates_named(workspace_id: int, name: str) -> int:
    """Put every language of `name` into the bin; answer how many. Raises NotFound when there is none, Conflict."""
    with transaction():
        found = _named(workspace_id, name, deleted=False)
        _refuse_in_use(workspace_id, [template.id for template in found])
        for template in found:
            template.deleted_at = clock.now()
        events.publish(workspace_id, TOPIC)
    return len(found)


def restore_templates_named(workspace_id: int, name: str) -> int:
    """Take every language of `name` out of the bin; answer how many. Raises NotFound, Conflict."""
    try:
        with transaction() as session:
            found = [t for t in _named(workspace_id, name, deleted=True) if t.status is not TemplateStatus.DELETED]
            if not found:
                raise NotFound("Template")
            for template in found:
                template.deleted_at = None
            session.flush()
            events.publish(workspace_id, TOPIC)
    except IntegrityError as error:
        raise Conflict("There is another template of this name and language by now.") from error
    return len(found)


def _named(workspace_id: int, name: str, *, deleted: bool) -> Sequence[Template]:
    in_bin = Template.deleted_at.is_not(None) if deleted else Template.deleted_at.is_(None)
    found = db.session.scalars(
        select(Template).where(Template.workspace_id == workspace_id, Template.name == name, in_bin).limit(200)
    ).all()
    if not found:
        raise NotFound("Template")
    return found


def _refuse_in_use(workspace_id: int, template_ids: Sequence[int]) -> None:
    main, wanted = aliased(Template), aliased(Template)
    is_translation = and_(*_is_family(main, wanted), Broadcast.one_language.is_(False))
    busy = db.session.scalar(
        select(Broadcast.name)
        .join(main, main.id == Broadcast.template_id)
        .join(wanted, or_(wanted.id == main.id, is_translation))
        .where(
            Broadcast.workspace_id == workspace_id,
            Broadcast.state.in_(_BUSY),
            wanted.id.in_(template_ids),
        )
        .limit(1)
    )
    if busy is not None:
        raise Conflict(
            f"“{busy}” is scheduled or being sent with this template. Cancel it, or wait until it has finished.",
            code="template_in_use",
        )


def _is_family(one: Any, other: Any) -> list[ColumnElement[bool]]:
    """Two templates are languages of one family, or the same one."""
    return [
        one.workspace_id == other.workspace_id,
        one.waba_id == other.waba_id,
        one.name == other.name,
    ]
