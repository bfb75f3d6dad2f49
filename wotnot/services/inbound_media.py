"""Files that people send: noted with their message, fetched from Meta in the background, kept or given up with a reason.

Owns `inbound_media`. A row is claimed by moving its `due_at` on, so two jobs never fetch one file, and one whose job died is
due again by itself. Meta keeps the file for seven days; whatever waiting can mend is tried until then.
"""

import base64
import binascii
import hashlib
import logging
import re
import time
from collections import Counter
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import select, text, update
from sqlalchemy.orm import Session, joinedload

from wotnot import clock
from wotnot.extensions import db
from wotnot.models import Channel, ChannelState, InboundMedia, InboundMediaState, MediaFile, MediaKind, MediaOrigin
from wotnot.services import channels, events, media, media_rules, queue
from wotnot.services.crypto import UnreadableSecret
from wotnot.services.incoming import Incoming
from wotnot.services.storage import FileTooLargeError, StorageError
from wotnot.services.transaction import on_commit, release_connection, transaction
from wotnot.services.whatsapp.client import GraphClient
from wotnot.services.whatsapp.downloads import UntrustedAddressError
from wotnot.services.whatsapp.errors import GraphError
from wotnot.services.whatsapp.parse import Inbound

logger = logging.getLogger(__name__)

META_LIFE = timedelta(days=7)
"""How long Meta keeps what a person sent. Source: Meta's media reference, since October 2025."""

MAX_SECONDS = 20.0
"""A job fetches for about this long, then queues itself again, so that what waits behind it gets its turn."""

DOWNLOAD_SECONDS = 240.0
LEASE = timedelta(minutes=10)
BACK_OFF = (5, 30, 120, 600, 3600, 10800)
"""Seconds until the next try, after the first, the second and so on; the last one holds for all that follow."""

MOST_TRIES = 5
"""Of what should not happen at all, such as a wrong checksum."""

_NO_OBJECT = 100
_META_ID = re.compile(r"[0-9A-Za-z_-]{1,100}")
_NO_ID = "WhatsApp could not hand this file over. Ask the person to send it again."
_EXPIRED = "Meta does not have this file any more; it keeps them for 7 days. Ask the person to send it again."
_DAMAGED = "The file did not arrive as it was sent. Ask the person to send it again."
_TOO_LARGE = f"It is larger than {media_rules.size_words(media_rules.MAX_BYTES)}, which is more than is kept here."
_NUMBER_GONE = "The number that it came to was removed before the file was fetched."
_DELETED = "It was deleted from the files."


@dataclass(frozen=True, slots=True)
class InboundFile:
    """What has become of the file of a message: `waiting`, `kept` with its file, or `gone`; `reason` says why not."""

    state: InboundMediaState
    reason: str
    file: MediaFile | None


@dataclass(frozen=True, slots=True)
class _Wanted:
    """A claimed row; `attempt` is the number of this try."""

    message_id: int
    workspace_id: int
    channel_id: int
    contact_id: int | None
    meta_id: str
    sha256: str
    attempt: int
    kind: MediaKind
    filename: str
    sent_at: datetime

    def key(self, attempt: int) -> str:
        """Where a try puts the bytes: a place of its own, so that a slow one never writes over what a later one kept."""
        return hashlib.sha256(f"{self.meta_id}/{self.message_id}/{attempt}".encode()).hexdigest()[:32]


@dataclass(frozen=True, slots=True)
class _Arrived:
    """Bytes in the storage under `key`, not yet known to be the right ones."""

    key: str
    size: int
    sha256: str
    mime_type: str
    filename: str


class _NotNowError(Exception):
    """The file cannot be had at this moment; waiting may help until Meta forgets it."""


class _StrangeError(Exception):
    """What came cannot be the file; a few more tries, then it is given up with these words."""


class _GoneError(Exception):
    """The file will never be had; the message says why."""


def note_media(session: Session, messages: Sequence[tuple[int, Inbound]]) -> None:
    """Note which new messages (by ledger id) bring a file, within the caller's transaction, and wake the fetching."""
    found = [(message_id, message) for message_id, message in messages if message.type in set(MediaKind)]
    if not found:
        return
    meta_ids = [_meta_id(message.content) for _, message in found]
    session.execute(
        text(_NOTE),
        {
            "ids": [message_id for message_id, _ in found],
            "meta_ids": meta_ids,
            "checksums": [_checksum(message.content.get("sha256")) for _, message in found],
            "states": ["waiting" if meta_id else "gone" for meta_id in meta_ids],
            "reason": _NO_ID,
            "now": clock.now(),
        },
    )
    on_commit(wake)


def list_for_messages(workspace_id: int, message_ids: Collection[int]) -> dict[int, InboundFile]:
    """What has become of the files of these messages, by message id; those without a file are left out."""
    if not message_ids:
        return {}
    rows = db.session.scalars(
        select(InboundMedia)
        .where(InboundMedia.workspace_id == workspace_id, InboundMedia.message_id.in_(message_ids))
        .options(joinedload(InboundMedia.file))
    )
    return {row.message_id: _shown(row) for row in rows}


def fetch_due(*, max_seconds: float = MAX_SECONDS) -> dict[str, int]:
    """Fetch the files that are due, the longest waiting first; answers how many were `kept`, `gone` and `later`.

    Safe to run twice and at once. What is left when the time is up is queued again.
    """
    totals: Counter[str] = Counter(kept=0, gone=0, later=0)
    deadline = time.monotonic() + max_seconds
    queue.clear_once("fetch_inbound_media")
    while time.monotonic() < deadline:
        wanted = _claim()
        if wanted is None:
            return dict(totals)
        totals[_settle(wanted)] += 1
    sweep()
    return dict(totals)


def sweep() -> bool:
    """Wake the fetching when files are due and their job was lost; answers whether any are."""
    due = select(InboundMedia.message_id).where(
        InboundMedia.state == InboundMediaState.WAITING, InboundMedia.due_at <= clock.now()
    )
    is_due = db.session.scalar(due.limit(1)) is not None
    if is_due:
        wake()
    return is_due


def wake() -> None:
    """Have the files that are due fetched soon."""
    queue.enqueue_once("fetch_inbound_media", every_seconds=5)


# ---------------------------------------------------------------- one file


def _claim() -> _Wanted | None:
    """Take the next row that is due: nobody else sees it as due until the lease is over."""
    now = clock.now()
    with transaction() as session:
        row = session.execute(text(_CLAIM), {"now": now, "until": now + LEASE}).first()
    if row is None:
        return None
    return _Wanted(
        message_id=row.message_id,
        workspace_id=row.workspace_id,
        channel_id=row.channel_id,
        contact_id=row.contact_id,
        meta_id=row.meta_id,
        sha256=row.sha256,
        attempt=row.attempt_count,
        kind=MediaKind(row.type),
        filename=str((row.content or {}).get("filename") or ""),
        sent_at=row.created_at,
    )


def _settle(wanted: _Wanted) -> str:
    """Fetch one file and record what became of it, in one word."""
    try:
        return _keep(wanted, _fetch(wanted))
    except _GoneError as error:
        return _give_up(wanted, str(error))
    except _StrangeError as error:
        return _give_up(wanted, str(error)) if wanted.attempt >= MOST_TRIES else _try_later(wanted, str(error))
    except _NotNowError as error:
        if clock.now() - wanted.sent_at > META_LIFE:
            return _give_up(wanted, f"It could not be fetched while Meta had it. {error}")
        return _try_later(wanted, str(error))


def _fetch(wanted: _Wanted) -> _Arrived:
    """From Meta into the storage."""
    channel = db.session.get(Channel, wanted.channel_id)
    if channel is None or channel.state is ChannelState.REMOVED:
        raise _GoneError(_NUMBER_GONE)
    try:
        client = channels.client_for(channel)
    except UnreadableSecret:
        raise _NotNowError("The number's token cannot be read. Connect the number again.") from None
    release_connection()
    try:
        with client:
            return _download(client, wanted)
    except GraphError as error:
        raise _trouble(error) from error
    except UntrustedAddressError as error:
        raise _StrangeError(str(error)) from error
    except StorageError as error:
        raise _NotNowError(error.detail) from error
    except FileTooLargeError:
        raise _GoneError(_TOO_LARGE) from None


def _download(client: GraphClient, wanted: _Wanted) -> _Arrived:
    facts = client.get_media(wanted.meta_id)
    said = wanted.sha256 or _checksum(facts.get("sha256"))
    with client.open_media(str(facts.get("url") or ""), seconds=DOWNLOAD_SECONDS) as download:
        incoming = Incoming(download)
        mime_type, filename = _judge(incoming.head, wanted, is_proven=bool(said))
        key, size = media.stored().save(incoming, limit=media_rules.MAX_BYTES, key=wanted.key(wanted.attempt))
    if said and said != incoming.sha256:
        media.stored().delete(key)
        raise _StrangeError(_DAMAGED)
    return _Arrived(key, size, incoming.sha256, mime_type, filename)


def _judge(head: bytes, wanted: _Wanted, *, is_proven: bool) -> tuple[str, str]:
    """Type and name. Without a checksum a picture has to be one: else it may be any page that stood in between."""
    if not head:
        raise _StrangeError(_DAMAGED)
    try:
        mime_type, filename = media_rules.judge_inbound(head, wanted.kind, wanted.filename)
    except media_rules.RefusedFileError as error:
        raise _GoneError(str(error)) from None
    if mime_type == media_rules.ANY_TYPE and wanted.kind is not MediaKind.DOCUMENT and not is_proven:
        raise _StrangeError(_DAMAGED)
    return mime_type, filename


def _trouble(error: GraphError) -> Exception:
    fault = error.fault
    if fault.code == _NO_OBJECT:
        return _StrangeError(_EXPIRED)
    return _NotNowError(f"{fault.title}. {fault.advice}")


# ---------------------------------------------------------------- recording


def _keep(wanted: _Wanted, arrived: _Arrived) -> str:
    """The file's row and the message's in one commit, unless another run was quicker."""
    with transaction() as session:
        is_first = _is_still_waiting(session, wanted)
        is_needed = is_first and _link(session, wanted, arrived)
    earlier = _keys_of_earlier_tries(wanted) if is_first else []
    _remove([*earlier, *([] if is_needed else [arrived.key])])
    return "kept" if is_first else "later"


def _link(session: Session, wanted: _Wanted, arrived: _Arrived) -> bool:
    """Give the message its file; answers whether that lies where the bytes are, not where the same came earlier."""
    file = media.keep_file(
        wanted.workspace_id,
        origin=MediaOrigin.INBOUND,
        kind=wanted.kind,
        filename=arrived.filename,
        mime_type=arrived.mime_type,
        size_bytes=arrived.size,
        sha256=arrived.sha256,
        storage_key=arrived.key,
    )
    _record(session, wanted, state=InboundMediaState.KEPT, reason="", media_file_id=file.id)
    return file.storage_key == arrived.key


def _keys_of_earlier_tries(wanted: _Wanted) -> list[str]:
    """Where tries that died before they could say so may have left their bytes."""
    return [wanted.key(attempt) for attempt in range(max(1, wanted.attempt - MOST_TRIES), wanted.attempt)]


def _remove(keys: Sequence[str]) -> None:
    try:
        for key in keys:
            media.stored().delete(key)
    except StorageError as error:
        # What is decided is committed; some bytes that nobody asks for stay.
        logger.warning("a file stays in the storage: %s", error)


def _give_up(wanted: _Wanted, reason: str) -> str:
    with transaction() as session:
        _record(session, wanted, state=InboundMediaState.GONE, reason=reason)
    _remove(_keys_of_earlier_tries(wanted))
    logger.warning("a file that a person sent is given up", extra={"message_id": wanted.message_id})
    return "gone"


def _try_later(wanted: _Wanted, reason: str) -> str:
    pause = BACK_OFF[min(wanted.attempt, len(BACK_OFF)) - 1]
    with transaction() as session:
        _record(session, wanted, due_at=clock.now() + timedelta(seconds=pause), reason=reason)
    return "later"


def _is_still_waiting(session: Session, wanted: _Wanted) -> bool:
    """Whether nobody has settled it meanwhile; the row is locked until the commit."""
    state = session.scalar(
        select(InboundMedia.state).where(InboundMedia.message_id == wanted.message_id).with_for_update()
    )
    return state is InboundMediaState.WAITING


def _record(session: Session, wanted: _Wanted, **values: Any) -> None:
    session.execute(
        update(InboundMedia)
        .where(InboundMedia.message_id == wanted.message_id, InboundMedia.state == InboundMediaState.WAITING)
        .values(**values)
        .execution_options(synchronize_session=False)
    )
    events.publish(wanted.workspace_id, "conversations", f"contact:{wanted.contact_id}")


def _shown(row: InboundMedia) -> InboundFile:
    if row.state is InboundMediaState.KEPT and (row.file is None or row.file.deleted_at is not None):
        return InboundFile(InboundMediaState.GONE, _DELETED, None)
    return InboundFile(row.state, row.reason, row.file)


# ---------------------------------------------------------------- what Meta says


def _meta_id(content: dict[str, Any]) -> str:
    found = str(content.get("id") or "")
    return found if _META_ID.fullmatch(found) else ""


def _checksum(said: object) -> str:
    """A SHA-256 in hexadecimal: webhooks say it in base64, the media object in hexadecimal; empty for anything else."""
    if not isinstance(said, str):
        return ""
    if re.fullmatch(r"[0-9a-fA-F]{64}", said):
        return said.lower()
    try:
        digest = base64.b64decode(said, validate=True)
    except (binascii.Error, ValueError):
        return ""
    return digest.hex() if len(digest) == 32 else ""


_NOTE = """
INSERT INTO inbound_media (message_id, workspace_id, channel_id, meta_id, sha256, state, reason, due_at)
SELECT m.id, m.workspace_id, m.channel_id, g.meta_id, g.sha256, g.state,
       CASE g.state WHEN 'gone' THEN :reason ELSE '' END, :now
FROM unnest(
    CAST(:ids AS bigint[]), CAST(:meta_ids AS text[]), CAST(:checksums AS text[]), CAST(:states AS text[])
) AS g (id, meta_id, sha256, state)
JOIN messages m ON m.id = g.id
ON CONFLICT DO NOTHING
"""

_CLAIM = """
WITH picked AS (
    SELECT message_id FROM inbound_media WHERE state = 'waiting' AND due_at <= :now
    ORDER BY due_at LIMIT 1 FOR UPDATE SKIP LOCKED
)
UPDATE inbound_media i SET attempt_count = least(i.attempt_count + 1, 1000), due_at = :until
FROM picked p JOIN messages m ON m.id = p.message_id
WHERE i.message_id = p.message_id
RETURNING i.message_id, i.workspace_id, i.channel_id, i.meta_id, i.sha256, i.attempt_count, m.type, m.content,
          m.created_at, m.contact_id
"""
