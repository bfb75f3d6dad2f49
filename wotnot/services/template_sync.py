"""Templates as Meta knows them: fetched page by page, and kept current by its webhooks. Writes `templates` rows.

Meta is the truth about status, category, quality and text; ours is the recycle bin, which Meta knows nothing of, and what
a template was before (`services/template_versions.py`).
"""

import logging
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, func, or_, select

from wotnot import clock
from wotnot.extensions import db
from wotnot.models import Channel, ChannelState, Template, TemplateCategory, TemplateOrigin, TemplateStatus
from wotnot.services import channels, events, queue
from wotnot.services.channel_checks import domain_error
from wotnot.services.template_rules import infer_format
from wotnot.services.template_versions import begin_history, change_template
from wotnot.services.template_words import ToldWords, with_told_words
from wotnot.services.transaction import release_connection, transaction
from wotnot.services.whatsapp.errors import GraphError
from wotnot.services.whatsapp.parse import TemplateChange

logger = logging.getLogger(__name__)

TOPIC = "templates"
_SYNC_BUDGET_SECONDS = 240.0

# Meta's events and states that are not states of ours. A flagged template may still be sent.
_STATUS_ALIASES = {
    "FLAGGED": TemplateStatus.APPROVED,
    "REINSTATED": TemplateStatus.APPROVED,
    "UNARCHIVED": TemplateStatus.APPROVED,
    "UNPAUSED": TemplateStatus.APPROVED,
    "LOCKED": TemplateStatus.DISABLED,
}
REASONS = {
    "ABUSIVE_CONTENT": "Meta found the words abusive or threatening.",
    "INCORRECT_CATEGORY": "The words do not fit the category. Choose another category or change the text.",
    "INVALID_FORMAT": "Variables or formatting are not as Meta wants them.",
    "PROMOTIONAL": "Meta found it promotional. Submit it as marketing.",
    "SCAM": "Meta took it for a scam.",
    "TAG_CONTENT_MISMATCH": "The language or category does not fit the words.",
}


@dataclass(frozen=True, slots=True)
class SyncResult:
    """How many templates a sync created, changed, and found gone at Meta."""

    created: int
    updated: int
    removed: int


def sync_templates(workspace_id: int, channel_id: int) -> SyncResult:
    """Fetch every template of the channel's account and make ours the same. Binned ones stay in the bin.

    Raises NotFound, Invalid (the token was refused, in Meta's words), Unavailable (Meta is away).
    """
    channel = channels.get_channel(workspace_id, channel_id)
    waba_id, client = channel.waba_id, channels.client_for(channel)
    release_connection()
    started_at = clock.now()
    try:
        with client:
            remote = [read_remote(row) for row in client.list_templates(waba_id)]
    except GraphError as error:
        raise domain_error(error.fault, "channel_id") from error
    with transaction():
        _lock(workspace_id, waba_id)
        result = _merge(workspace_id, waba_id, [row for row in remote if row], started_at)
        if result.created or result.updated or result.removed:
            events.publish(workspace_id, TOPIC)
    return result


def sync_all() -> dict[str, int]:
    """Sync every account that has a connected number, once each, for four minutes at most."""
    deadline = time.monotonic() + _SYNC_BUDGET_SECONDS
    done = {"synced": 0, "failed": 0}
    for workspace_id, channel_id in _one_channel_an_account():
        if time.monotonic() > deadline:
            break
        try:
            sync_templates(workspace_id, channel_id)
            done["synced"] += 1
        except Exception:
            logger.exception("templates could not be synced", extra={"channel_id": channel_id})
            done["failed"] += 1
    return done


def sync_channel(channel_id: int) -> SyncResult | None:
    """Sync one channel by its id alone, for jobs. None when the channel has been removed meanwhile."""
    workspace_id = db.session.scalar(
        select(Channel.workspace_id).where(Channel.id == channel_id, Channel.state != ChannelState.REMOVED)
    )
    return sync_templates(workspace_id, channel_id) if workspace_id else None


def hold_templates(told: Sequence[TemplateChange]) -> None:
    """Lock all templates that changes of Meta's name, in the order of their ids, as a sync does: of the two one waits.

    Joins the caller's transaction.
    """
    if not told:
        return
    named = or_(Template.meta_id.in_({one.meta_id for one in told}), Template.name.in_({one.name for one in told}))
    rows = select(Template.id).where(Template.waba_id.in_({one.waba_id for one in told}), named)
    with transaction() as session:
        session.execute(rows.order_by(Template.id).with_for_update(key_share=True))


def apply_status(
    waba_id: str,
    *,
    event: str,
    meta_id: str | None = None,
    name: str | None = None,
    language: str | None = None,
    reason: str | None = None,
) -> int:
    """Take Meta's word on a template's state (webhook `message_template_status_update`); answer the rows changed.

    A template that nobody here knows was made elsewhere: its account is synced in the background.
    """
    status = read_status(event)
    if status is None:
        return 0
    found = _update_known(waba_id, meta_id, name, language, {"status": status, "reason": read_reason(reason)})
    if not found:
        _sync_soon(waba_id)
    return found


def apply_quality(
    waba_id: str, *, quality: str, meta_id: str | None = None, name: str | None = None, language: str | None = None
) -> int:
    """Take Meta's word on a template's quality (GREEN, YELLOW, RED, UNKNOWN); answer the rows changed."""
    return _update_known(waba_id, meta_id, name, language, {"quality": quality.upper()[:20]})


def apply_category(
    waba_id: str, *, category: str, meta_id: str | None = None, name: str | None = None, language: str | None = None
) -> int:
    """Take Meta's word on a template's category, which decides its price; answer the rows changed."""
    return _update_known(waba_id, meta_id, name, language, {"category": read_category(category)})


def apply_words(
    waba_id: str, *, words: ToldWords, meta_id: str | None = None, name: str | None = None, language: str | None = None
) -> int:
    """Take Meta's word on a template's text (webhook `message_template_components_update`); answer the rows changed.

    The webhook leaves out samples, pictures and cards, so the account is synced in the background as well.
    """
    with transaction():
        found = _known(waba_id, meta_id, name, language)
        for template in found:
            _change(template, {"components": with_told_words(template.components, words)})
        _sync_soon(waba_id)
    return len(found)


def read_remote(row: Mapping[str, Any]) -> dict[str, Any] | None:
    """One of Meta's template objects as column values; None when it has no name or language."""
    name, language = row.get("name"), row.get("language")
    if not isinstance(name, str) or not isinstance(language, str) or not name or not language:
        return None
    listed = row.get("components")
    components = [c for c in listed if isinstance(c, dict)] if isinstance(listed, list) else []
    quality = row.get("quality_score")
    score = quality.get("score") if isinstance(quality, dict) else quality
    status = read_status(str(row.get("status") or ""))
    return {
        "meta_id": str(row.get("id") or "")[:40] or None,
        "name": name[:512],
        "language": normalise_language(language),
        "category": read_category(str(row.get("category") or "")),
        "status": status or TemplateStatus.DISABLED,
        "reason": read_reason(row.get("rejected_reason")) if status else f"Meta says {row.get('status')}.",
        "quality": str(score or "UNKNOWN").upper()[:20],
        "parameter_format": str(row.get("parameter_format") or infer_format(components)).upper()[:12],
        "components": components,
    }


def read_status(word: str) -> TemplateStatus | None:
    """Meta's state or event as a state of ours; None for words that are no states."""
    upper = word.strip().upper()
    if upper in _STATUS_ALIASES:
        return _STATUS_ALIASES[upper]
    try:
        return TemplateStatus(upper.lower())
    except ValueError:
        return None


def read_category(word: str) -> TemplateCategory:
    """Meta's category; one we do not know counts as marketing, which asks for the most consent."""
    try:
        return TemplateCategory(word.strip().lower())
    except ValueError:
        return TemplateCategory.MARKETING


def read_reason(word: object) -> str:
    """Why Meta refused, as a sentence; nothing when there is no reason."""
    if not isinstance(word, str) or word.strip().upper() in {"", "NONE"}:
        return ""
    # A webhook's advice follows its code.
    code, _, advice = word.strip().partition(" ")
    return " ".join((REASONS.get(code.upper(), code), advice)).strip()[:500]


def normalise_language(code: str) -> str:
    """`en-US` as `en_US`: Meta's documentation shows both, its API speaks the latter."""
    return code.strip().replace("-", "_")[:10]


def _merge(workspace_id: int, waba_id: str, remote: Sequence[dict[str, Any]], started_at: datetime) -> SyncResult:
    rows = db.session.scalars(
        select(Template)
        .where(Template.workspace_id == workspace_id, Template.waba_id == waba_id)
        .order_by(Template.id)
        .with_for_update(key_share=True)
    )
    # Live rows last, so that one of them wins over a binned one of the same name.
    known = {(row.name, row.language): row for row in sorted(rows, key=lambda row: row.deleted_at is None)}
    new: list[Template] = []
    updated = 0
    seen: set[tuple[str, str]] = set()
    # Meta lists the newest first; ours are listed by falling id, so the newest must be written last.
    for values in reversed(remote):
        key = values["name"], values["language"]
        seen.add(key)
        if key in known:
            updated += _change(known[key], values)
        else:
            known[key] = Template(workspace_id=workspace_id, waba_id=waba_id, synced_at=clock.now(), **values)
            new.append(known[key])
    db.session.add_all(new)
    begin_history(new, TemplateOrigin.META)
    gone = [row for key, row in known.items() if key not in seen and _is_gone(row, started_at)]
    for row in gone:
        row.deleted_at = clock.now()
        change_template(row, {"status": TemplateStatus.DELETED, "reason": ""})
    return SyncResult(len(new), updated, len(gone))


def _change(row: Template, values: Mapping[str, Any]) -> int:
    is_changed = change_template(row, values)
    row.synced_at = clock.now()
    return int(is_changed and row.deleted_at is None)


def _is_gone(row: Template, started_at: datetime) -> bool:
    # What was submitted while the list was being fetched is too young to be missing.
    return row.meta_id is not None and row.deleted_at is None and row.created_at < started_at


def _update_known(
    waba_id: str, meta_id: str | None, name: str | None, language: str | None, values: dict[str, Any]
) -> int:
    with transaction():
        found = _known(waba_id, meta_id, name, language)
        for template in found:
            change_template(template, values)
    return len(found)


def _known(waba_id: str, meta_id: str | None, name: str | None, language: str | None) -> Sequence[Template]:
    """The rows of a template in every workspace that has its account, locked; open pages are told. Needs a transaction."""
    which: list[ColumnElement[bool]] = []
    if meta_id:
        which.append(Template.meta_id == meta_id)
    if name and language:
        which.append((Template.name == name) & (Template.language == normalise_language(language)))
    if not which:
        return []
    found = db.session.scalars(
        select(Template)
        .where(Template.waba_id == waba_id, or_(*which), Template.status != TemplateStatus.DELETED)
        .order_by(Template.id)
        .with_for_update(key_share=True)
        .execution_options(populate_existing=True)
    ).all()
    for workspace_id in {template.workspace_id for template in found}:
        events.publish(workspace_id, TOPIC)
    return found


def _sync_soon(waba_id: str) -> None:
    with transaction() as session:
        channel_ids = session.scalars(
            select(func.min(Channel.id))
            .where(Channel.waba_id == waba_id, Channel.state == ChannelState.CONNECTED)
            .group_by(Channel.workspace_id)
        ).all()
        for channel_id in channel_ids:
            queue.enqueue("sync_templates", channel_id)


def _lock(workspace_id: int, waba_id: str) -> None:
    """Let one sync of an account write at a time; the lock goes with the transaction."""
    db.session.execute(select(func.pg_advisory_xact_lock(func.hashtext(f"templates:{workspace_id}:{waba_id}"))))


def _one_channel_an_account() -> list[tuple[int, int]]:
    rows = db.session.execute(
        select(Channel.workspace_id, func.min(Channel.id))
        .where(Channel.state == ChannelState.CONNECTED)
        .group_by(Channel.workspace_id, Channel.waba_id)
        .order_by(func.min(Channel.id))
    )
    return [(workspace_id, channel_id) for workspace_id, channel_id in rows]
