"""What a template was before: its versions and every change of its words, state, category and quality, for people."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from sqlalchemy import select

from wotnot import clock
from wotnot.errors import NotFound
from wotnot.extensions import db
from wotnot.models import Template, TemplateEvent, TemplateFact, TemplateVersion, User
from wotnot.services.keyset import Keyset
from wotnot.services.message_templates import get_template
from wotnot.services.pages import Page, clamp_limit
from wotnot.services.template_words import PartChange, compare_words

RECENTLY = timedelta(days=14)
MOST_NOTICES = 5


@dataclass(frozen=True, slots=True)
class HistoryEntry:
    """One change: `event`, who made it (empty for Meta), and for words the version they became and what differs."""

    event: TemplateEvent
    user_name: str
    version: TemplateVersion | None = None
    changes: list[PartChange] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class CategoryNotice:
    """Meta moved a template to another category, which has another price."""

    template_id: int
    name: str
    language: str
    before: str
    after: str
    at: datetime


def list_history(
    workspace_id: int, template_id: int, *, cursor: str | None = None, limit: int | None = None
) -> Page[HistoryEntry]:
    """The changes of a template, newest first. Raises NotFound, Invalid for a foreign cursor."""
    template = get_template(workspace_id, template_id)
    keyset = Keyset.decode(cursor, clamp_limit(limit))
    rows = db.session.execute(
        select(TemplateEvent, User.name)
        .outerjoin(User, User.id == TemplateEvent.user_id)
        .where(TemplateEvent.template_id == template.id, keyset.condition(TemplateEvent.id))
        .order_by(keyset.order(TemplateEvent.id))
        .limit(keyset.limit + 1)
    ).all()
    versions = _versions_of_events(template.id, [event for event, _ in rows])
    entries = [_entry(event, name or "", versions) for event, name in rows]
    return keyset.page(entries, lambda entry: entry.event.id)


def get_version(workspace_id: int, template_id: int, number: int) -> TemplateVersion:
    """The words of a template at version `number`. Raises NotFound."""
    template = get_template(workspace_id, template_id)
    found = db.session.scalar(
        select(TemplateVersion).where(TemplateVersion.template_id == template.id, TemplateVersion.number == number)
    )
    if found is None:
        raise NotFound("This version")
    return found


def list_category_notices(workspace_id: int) -> list[CategoryNotice]:
    """The latest templates that Meta moved to another category in the last two weeks, and that are still there."""
    rows = db.session.execute(
        select(
            Template.id,
            Template.name,
            Template.language,
            TemplateEvent.before,
            TemplateEvent.after,
            TemplateEvent.created_at,
        )
        .join(Template, Template.id == TemplateEvent.template_id)
        .where(
            TemplateEvent.workspace_id == workspace_id,
            TemplateEvent.fact == TemplateFact.CATEGORY,
            TemplateEvent.user_id.is_(None),
            TemplateEvent.created_at > clock.now() - RECENTLY,
            Template.deleted_at.is_(None),
        )
        .order_by(TemplateEvent.created_at.desc())
        .limit(MOST_NOTICES)
    )
    return [CategoryNotice(*row) for row in rows]


def _versions_of_events(template_id: int, events: Sequence[TemplateEvent]) -> dict[str, TemplateVersion]:
    """The versions that these events name, before and after, by their number."""
    named = {number for one in events if one.fact is TemplateFact.WORDS for number in (one.before, one.after)}
    found = db.session.scalars(
        select(TemplateVersion).where(
            TemplateVersion.template_id == template_id,
            TemplateVersion.number.in_([int(number) for number in named if number]),
        )
    )
    return {str(version.number): version for version in found}


def _entry(event: TemplateEvent, user_name: str, versions: dict[str, TemplateVersion]) -> HistoryEntry:
    version = versions.get(event.after) if event.fact is TemplateFact.WORDS else None
    if version is None:
        return HistoryEntry(event, user_name)
    before = versions.get(event.before)
    changes = compare_words(before.components, version.components) if before else []
    return HistoryEntry(event, user_name, version, changes)
