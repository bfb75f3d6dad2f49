"""What templates said before, and what changed about them. Owns the tables `template_versions` and `template_events`.

Whoever changes a template does it through `change_template`, so that no words and no state are lost without a trace.
`services/template_history.py` reads them.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import exists, select, update

from wotnot import clock
from wotnot.extensions import db
from wotnot.models import Template, TemplateEvent, TemplateFact, TemplateOrigin, TemplateVersion
from wotnot.services.template_words import has_same_words
from wotnot.services.transaction import transaction
from wotnot.services.whatsapp.one_time_code import is_code

_FACTS = {"status": TemplateFact.STATUS, "category": TemplateFact.CATEGORY, "quality": TemplateFact.QUALITY}


def begin_history(templates: Sequence[Template], origin: TemplateOrigin, user_id: int | None = None) -> None:
    """Remember the first words of templates that were just added. Joins the caller's transaction."""
    with transaction() as session:
        session.flush()
        for template in templates:
            session.add(_version(template, origin, user_id, number=1))
            session.add(_event(template, TemplateFact.WORDS, "", "1", user_id=user_id))


def change_template(
    template: Template,
    values: Mapping[str, Any],
    *,
    origin: TemplateOrigin = TemplateOrigin.META,
    user_id: int | None = None,
    was_approved: bool = False,
) -> bool:
    """Set columns of a template and remember what they were; answers whether anything is different now.

    New words begin a new version; `was_approved` counts it among the few edits that Meta allows. Joins the caller's transaction, which holds the row if others may change it too.
    """
    before = {name: getattr(template, name) for name in values}
    changed = {name: value for name, value in values.items() if before[name] != value}
    if not changed:
        return False
    for name, value in changed.items():
        setattr(template, name, value)
    template.updated_at = clock.now()
    with transaction() as session:
        for name, fact in _FACTS.items():
            if name in changed:
                reason = template.reason if fact is TemplateFact.STATUS else ""
                session.add(
                    _event(template, fact, str(before[name]), str(changed[name]), reason=reason, user_id=user_id)
                )
        if "components" in changed:
            _note_words(template, before["components"], origin, user_id, was_approved=was_approved)
    return True


def adopt_words(
    template: Template, since: datetime, origin: TemplateOrigin, user_id: int | None, *, was_approved: bool = False
) -> None:
    """Say that words which Meta told us before our own commit are ours. Joins the caller's transaction."""
    with transaction() as session:
        session.execute(
            update(TemplateVersion)
            .where(
                TemplateVersion.template_id == template.id,
                TemplateVersion.number == template.version,
                TemplateVersion.origin == TemplateOrigin.META,
                TemplateVersion.created_at >= since,
            )
            .values(origin=origin, user_id=user_id, was_approved=was_approved)
        )


def was_told_status(template_id: int, since: datetime) -> bool:
    """Whether Meta has told a new state of this template since then, which is newer than what we were answered."""
    told = exists().where(
        TemplateEvent.template_id == template_id,
        TemplateEvent.fact == TemplateFact.STATUS,
        TemplateEvent.created_at >= since,
    )
    return bool(db.session.scalar(select(told)))


def _note_words(
    template: Template,
    before: Sequence[Mapping[str, Any]],
    origin: TemplateOrigin,
    user_id: int | None,
    *,
    was_approved: bool,
) -> None:
    if not has_same_words(before, template.components):
        _begin_version(template, origin, user_id, was_approved=was_approved)
    elif is_code(template.components):
        # Meta writes the words of a code: fetching them is no change, and this version has been said in them all along.
        which = (TemplateVersion.template_id == template.id, TemplateVersion.number == template.version)
        db.session.execute(update(TemplateVersion).where(*which).values(components=template.components))


def _begin_version(template: Template, origin: TemplateOrigin, user_id: int | None, *, was_approved: bool) -> None:
    before, template.version = template.version, template.version + 1
    version = _version(template, origin, user_id, number=template.version)
    version.was_approved = was_approved
    db.session.add(version)
    db.session.add(_event(template, TemplateFact.WORDS, str(before), str(template.version), user_id=user_id))


def _version(template: Template, origin: TemplateOrigin, user_id: int | None, *, number: int) -> TemplateVersion:
    return TemplateVersion(
        workspace_id=template.workspace_id,
        template_id=template.id,
        number=number,
        category=template.category,
        parameter_format=template.parameter_format,
        components=template.components,
        origin=origin,
        user_id=user_id,
    )


def _event(
    template: Template, fact: TemplateFact, before: str, after: str, *, reason: str = "", user_id: int | None
) -> TemplateEvent:
    return TemplateEvent(
        workspace_id=template.workspace_id,
        template_id=template.id,
        fact=fact,
        before=before,
        after=after,
        reason=reason,
        user_id=user_id,
    )
