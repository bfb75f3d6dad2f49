"""WhatsApp message templates: made here, reviewed by Meta, listed. Owns the `templates` table.

`services/template_bin.py` is their recycle bin, `services/template_sync.py` keeps them as Meta has them,
`services/template_edits.py` changes their words.
"""

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Select, Text, cast, func, or_, select

from wotnot import clock
from wotnot.errors import Conflict, Invalid, NotFound
from wotnot.extensions import db
from wotnot.models import Template, TemplateOrigin, TemplateStatus
from wotnot.services import channels, events, template_rules, translations
from wotnot.services.channel_checks import domain_error
from wotnot.services.keyset import Keyset
from wotnot.services.pages import Page, clamp_limit
from wotnot.services.template_samples import find_sample_files
from wotnot.services.template_sync import (
    TOPIC,
    SyncResult,
    apply_category,
    apply_quality,
    apply_status,
    normalise_language,
    read_category,
    read_status,
    sync_templates,
)
from wotnot.services.template_versions import adopt_words, begin_history, change_template
from wotnot.services.transaction import release_connection, transaction
from wotnot.services.whatsapp.errors import GraphError, GraphFault
from wotnot.services.whatsapp.one_time_code import as_shown

__all__ = [
    "BIN_DAYS",
    "SyncResult",
    "apply_category",
    "apply_quality",
    "apply_status",
    "bin_begins",
    "check_draft",
    "create_template",
    "field_of",
    "find_template",
    "get_template",
    "list_by_ids",
    "list_templates",
    "sync_templates",
    "why_not_sendable",
]

BIN_DAYS = 30
_LONGEST_SEARCH = 200

# Where in the form a refusal of Meta's belongs. Source: sub-codes of template errors.
_FIELDS_BY_SUBCODE = {
    2388019: "name",
    2388023: "name",
    2388024: "name",
    2388047: "header",
    2388072: "body",
    2388073: "footer",
    2388293: "body",
    2388299: "body",
}
STATUS_WORDS = {
    TemplateStatus.DRAFT: "is a draft that Meta has not seen",
    TemplateStatus.PENDING: "is still in review at Meta",
    TemplateStatus.REJECTED: "was rejected by Meta",
    TemplateStatus.PAUSED: "is paused by Meta because people disliked it",
    TemplateStatus.DISABLED: "was disabled by Meta",
    TemplateStatus.IN_APPEAL: "is in appeal at Meta",
}


def create_template(
    workspace_id: int,
    *,
    channel_id: int,
    name: str,
    language: str,
    category: str,
    components: Sequence[Mapping[str, Any]],
    parameter_format: str | None = None,
    header_file_id: int | None = None,
    card_file_ids: Sequence[int | None] = (),
    user_id: int | None = None,
) -> Template:
    """Submit a template to Meta for review and keep it. `components` are Meta's component objects.

    `header_file_id` and, by the cards' places, `card_file_ids` are files of the library; they are uploaded as the samples of
    the headers, which then need none of their own. `user_id` is who submits it, for its history.

    Raises Invalid by field (our rules first, then Meta's refusal in its own words), Conflict (the name is taken in this
    language), NotFound (channel), Unavailable (Meta is away; nothing was kept).
    """
    files = find_sample_files(workspace_id, components, header_file_id, card_file_ids)
    draft = check_draft(name, language, category, files.stand_in(components), parameter_format)
    channel = channels.get_channel(workspace_id, channel_id)
    waba_id, client = channel.waba_id, channels.client_for(channel)
    _refuse_taken(workspace_id, waba_id, draft["name"], draft["language"])
    # Only now: what we or Meta refuse anyway is not worth an upload.
    draft["components"] = files.upload(channel, components)
    release_connection()
    began_at = clock.now()
    try:
        with client:
            answer = client.create_template(waba_id, draft)
    except GraphError as error:
        raise domain_error(error.fault, field_of(error.fault)) from error
    return _keep(workspace_id, waba_id, draft, answer, began_at=began_at, user_id=user_id)


def get_template(workspace_id: int, template_id: int) -> Template:
    """A template, binned ones included (see `deleted_at`). Raises NotFound."""
    template = db.session.scalar(
        select(Template).where(Template.workspace_id == workspace_id, Template.id == template_id)
    )
    if template is None:
        raise NotFound("Template")
    return template


def list_by_ids(workspace_id: int, template_ids: Collection[int]) -> list[Template]:
    """Some templates, binned ones included; no query for none."""
    if not template_ids:
        return []
    query = select(Template).where(Template.workspace_id == workspace_id, Template.id.in_(template_ids))
    return list(db.session.scalars(query))


def find_template(
    workspace_id: int, channel_id: int | None, name: str, language: str | None = None, *, reader: str | None = None
) -> Template | None:
    """The live template of a channel's account by name and language; without a language the only one of that name, or of
    several approved ones the one for somebody who reads the language `reader`. Without a channel, of any account.

    Raises NotFound for the channel, Invalid when several languages fit.
    """
    query = select(Template).where(
        Template.workspace_id == workspace_id, Template.name == name, Template.deleted_at.is_(None)
    )
    if channel_id is not None:
        query = query.where(Template.waba_id == channels.get_channel(workspace_id, channel_id).waba_id)
    if language:
        query = query.where(Template.language == normalise_language(language))
    found = db.session.scalars(query.order_by(Template.language).limit(100)).all()
    if len(found) > 1:
        approved = [row for row in found if row.status is TemplateStatus.APPROVED]
        if fitting := translations.pick(approved, reader):
            return fitting
        raise Invalid({"language": f"“{name}” exists in {', '.join(row.language for row in found)}. Say which."})
    return found[0] if found else None


def list_templates(
    workspace_id: int,
    *,
    status: str | None = None,
    search: str | None = None,
    channel_id: int | None = None,
    category: str | None = None,
    deleted: bool = False,
    cursor: str | None = None,
    limit: int | None = 50,
) -> Page[Template]:
    """Templates newest first, by state, category, words in name or text, and channel; with `deleted` those in the bin.

    Raises Invalid for an unknown status or cursor, NotFound for a strange channel.
    """
    query = select(Template).where(Template.workspace_id == workspace_id)
    query = query.where(Template.deleted_at > bin_begins() if deleted else Template.deleted_at.is_(None))
    if status:
        query = query.where(Template.status == _known_status(status))
    if category:
        query = query.where(Template.category == read_category(category))
    if search and search.strip():
        word = search.strip().lower()[:_LONGEST_SEARCH]
        in_text = func.lower(cast(Template.components, Text)).contains(word, autoescape=True)
        query = query.where(or_(func.lower(Template.name).contains(word.replace(" ", "_"), autoescape=True), in_text))
    if channel_id is not None:
        query = query.where(Template.waba_id == channels.get_channel(workspace_id, channel_id).waba_id)
    keyset = Keyset.decode(cursor, clamp_limit(limit))
    query = query.where(keyset.condition(Template.id)).order_by(keyset.order(Template.id))
    return keyset.page(db.session.scalars(query.limit(keyset.limit + 1)).all(), lambda row: row.id)


def bin_begins() -> datetime:
    """What was deleted before this has left the bin."""
    return clock.now() - timedelta(days=BIN_DAYS)


def why_not_sendable(template: Template) -> str:
    """Why this template cannot be sent just now, as a sentence; nothing when it can."""
    if template.deleted_at is not None:
        return f"“{template.name}” is in the recycle bin. Restore it first."
    if template.status is TemplateStatus.APPROVED:
        return ""
    words = STATUS_WORDS.get(template.status, "is not approved by Meta")
    return f"“{template.name}” {words}. Choose an approved template."


def check_draft(
    name: str,
    language: str,
    category: str,
    components: Sequence[Mapping[str, Any]],
    parameter_format: str | None,
) -> dict[str, Any]:
    """What is about to be submitted, tidied, as Meta's JSON. Raises Invalid by field."""
    draft: dict[str, Any] = {
        "name": name.strip(),
        "language": normalise_language(language),
        "category": category.strip().upper(),
        "components": list(components),
        "parameter_format": (parameter_format or template_rules.infer_format(components)).upper(),
    }
    errors = template_rules.errors_of(template_rules.check_template(**draft))
    if errors:
        raise Invalid(errors)
    return draft


def field_of(fault: GraphFault) -> str:
    """Where in the form a refusal of Meta's belongs."""
    return _FIELDS_BY_SUBCODE.get(fault.subcode or fault.code or 0, "template")


def _keep(
    workspace_id: int,
    waba_id: str,
    draft: Mapping[str, Any],
    answer: Mapping[str, Any],
    *,
    began_at: datetime,
    user_id: int | None,
) -> Template:
    given = {"category": read_category(str(answer.get("category") or draft["category"]))}
    values = {
        **draft,
        # Meta writes the words of a code itself; ours stand for them until the next sync.
        "components": as_shown(draft["components"]),
        "meta_id": str(answer.get("id") or "") or None,
        "category": read_category(draft["category"]),
        "status": read_status(str(answer.get("status") or "")) or TemplateStatus.PENDING,
    }
    with transaction() as session:
        # A sync that ran meanwhile may have brought it already; then that row is the one.
        template = session.scalar(_live(workspace_id, waba_id, draft["name"], draft["language"]).with_for_update())
        if template is None:
            template = Template(workspace_id=workspace_id, waba_id=waba_id, **values)
            session.add(template)
            begin_history([template], TemplateOrigin.SUBMITTED, user_id)
        else:
            del values["status"], values["category"]  # the sync asked later than we were answered
            change_template(template, values, origin=TemplateOrigin.SUBMITTED, user_id=user_id)
            adopt_words(template, began_at, TemplateOrigin.SUBMITTED, user_id)
        change_template(template, given)  # Meta's choice, when it is another one than ours
        session.flush()
        events.publish(workspace_id, TOPIC)
    return template


def _live(workspace_id: int, waba_id: str, name: str, language: str) -> Select[Template]:
    return select(Template).where(
        Template.workspace_id == workspace_id,
        Template.waba_id == waba_id,
        Template.name == name,
        Template.language == language,
        Template.deleted_at.is_(None),
    )


def _refuse_taken(workspace_id: int, waba_id: str, name: str, language: str) -> None:
    taken = db.session.scalars(
        select(Template).where(
            Template.workspace_id == workspace_id,
            Template.waba_id == waba_id,
            Template.name == name,
            Template.language == language,
            Template.status != TemplateStatus.DELETED,
        )
    ).first()
    if taken is None:
        return
    if taken.deleted_at is not None:
        raise Conflict(
            f"“{name}” is in the recycle bin and still has its name at Meta. Restore it or choose another name.",
            code="template_in_bin",
            id=taken.id,
        )
    raise Conflict(
        f"There is a template “{name}” in this language already. Choose another name or language.",
        code="template_exists",
        id=taken.id,
    )


def _known_status(status: str) -> TemplateStatus:
    try:
        return TemplateStatus(status.strip().lower())
    except ValueError as error:
        raise Invalid({"status": f"There is no state “{status}”."}) from error
