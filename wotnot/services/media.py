"""Media: the files of a workspace, and what they are called at Meta. Owns `media_files` and `media_uploads`.

The bytes lie in the storage and are streamed in and out. A file's id at Meta holds for 30 days and on one number; it is
made when it is needed and made anew before it ends.
"""

import hashlib
from collections.abc import Collection, Sequence
from datetime import datetime, timedelta
from pathlib import Path
from typing import IO

from flask import current_app
from sqlalchemy import Text, cast, func, or_, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.exc import IntegrityError

from wotnot import clock
from wotnot.config import Config
from wotnot.errors import Conflict, Invalid, NotFound, TooLarge, Unavailable
from wotnot.extensions import db
from wotnot.models import Broadcast, BroadcastState, Channel, MediaFile, MediaKind, MediaUpload
from wotnot.services import channels, media_rules, storage
from wotnot.services.channel_checks import domain_error
from wotnot.services.keyset import Keyset
from wotnot.services.media_rules import HEAD_BYTES, SAMPLE_TYPES, FileType
from wotnot.services.pages import Page, clamp_limit
from wotnot.services.transaction import release_connection, transaction
from wotnot.services.whatsapp.errors import GraphError

META_LIFE = timedelta(days=30)
# One day less than Meta's 30, so that an id never ends while a broadcast with it is on its way.
REUSE_FOR = timedelta(days=29)
KEEP_DELETED = timedelta(days=30)

_PURGE_BATCH = 200
_LONGEST_SEARCH = 200
_LONGEST_META_ID = 100
_NEEDED_BY = (
    BroadcastState.DRAFT,
    BroadcastState.SCHEDULED,
    BroadcastState.EXPANDING,
    BroadcastState.SENDING,
    BroadcastState.PAUSED,
)


# ---------------------------------------------------------------- our files


def save_file(workspace_id: int, stream: IO[bytes], filename: str, *, user_id: int | None = None) -> MediaFile:
    """Keep a file; the same content a second time is the file that is there already.

    Raises Invalid (`file`) for what WhatsApp does not take, TooLarge above the limit of its type; nothing is kept then.
    """
    head = _read_head(stream)
    try:
        found, name = media_rules.judge(head, filename)
    except media_rules.RefusedFileError as error:
        raise Invalid({"file": str(error)}, code="media_refused") from None
    incoming = _Incoming(head, stream)
    key, size = _store(incoming, found, name)
    try:
        file, is_ours = _keep(
            MediaFile(
                workspace_id=workspace_id,
                user_id=user_id,
                kind=found.kind,
                filename=name,
                mime_type=found.mime_type,
                size_bytes=size,
                sha256=incoming.sha256,
                storage_key=key,
            )
        )
    except BaseException:
        storage.delete(_root(), key)
        raise
    if not is_ours:
        storage.delete(_root(), key)
    return file


def get_file(workspace_id: int, file_id: int) -> MediaFile:
    """A file that is not deleted. Raises NotFound, also for another workspace's."""
    file = db.session.scalar(
        select(MediaFile).where(
            MediaFile.workspace_id == workspace_id, MediaFile.id == file_id, MediaFile.deleted_at.is_(None)
        )
    )
    if file is None:
        raise NotFound("File")
    return file


def list_files(
    workspace_id: int,
    *,
    kind: str | None = None,
    search: str | None = None,
    mime_types: Sequence[str] = (),
    cursor: str | None = None,
    limit: int | None = 50,
) -> Page[MediaFile]:
    """Files newest first, by kind, type and a part of the name. Raises Invalid for an unknown kind or cursor."""
    query = select(MediaFile).where(MediaFile.workspace_id == workspace_id, MediaFile.deleted_at.is_(None))
    if kind:
        query = query.where(MediaFile.kind == _known_kind(kind))
    if mime_types:
        query = query.where(MediaFile.mime_type.in_(mime_types))
    if search and search.strip():
        word = search.strip().lower()[:_LONGEST_SEARCH]
        query = query.where(func.lower(MediaFile.filename).contains(word, autoescape=True))
    keyset = Keyset.decode(cursor, clamp_limit(limit))
    query = query.where(keyset.condition(MediaFile.id)).order_by(keyset.order(MediaFile.id))
    return keyset.page(db.session.scalars(query.limit(keyset.limit + 1)).all(), lambda row: row.id)


def count_files(workspace_id: int) -> dict[MediaKind, int]:
    """How many files there are of each kind; kinds without a file are left out."""
    rows = db.session.execute(
        select(MediaFile.kind, func.count())
        .where(MediaFile.workspace_id == workspace_id, MediaFile.deleted_at.is_(None))
        .group_by(MediaFile.kind)
    )
    return {kind: count for kind, count in rows}  # noqa: C416 — rows are no pairs to mypy


def path_of(file: MediaFile) -> Path:
    """Where the bytes of a file lie, to be streamed from. Raises NotFound when they are gone."""
    path = storage.path_of(_root(), file.storage_key)
    if not path.is_file():
        raise NotFound("The content of this file")
    return path


def list_uploads(workspace_id: int, file_id: int) -> list[tuple[Channel, datetime]]:
    """On which numbers Meta knows the file, and until when. Raises NotFound."""
    get_file(workspace_id, file_id)
    rows = db.session.execute(
        select(Channel, MediaUpload.uploaded_at)
        .join(MediaUpload, MediaUpload.channel_id == Channel.id)
        .where(
            MediaUpload.workspace_id == workspace_id,
            MediaUpload.media_file_id == file_id,
            MediaUpload.uploaded_at > clock.now() - META_LIFE,
        )
        .order_by(Channel.id)
    )
    return [(channel, uploaded_at + META_LIFE) for channel, uploaded_at in rows]


def files_by_meta_id(workspace_id: int, meta_ids: Collection[str]) -> dict[str, MediaFile]:
    """The files behind these ids of Meta's, as far as they are ours and still here."""
    if not meta_ids:
        return {}
    rows = db.session.execute(
        select(MediaUpload.meta_id, MediaFile)
        .join(MediaFile, MediaFile.id == MediaUpload.media_file_id)
        .where(
            MediaUpload.workspace_id == workspace_id,
            MediaUpload.meta_id.in_(meta_ids),
            MediaFile.deleted_at.is_(None),
        )
    )
    return {meta_id: file for meta_id, file in rows}  # noqa: C416 — rows are no pairs to mypy


def delete_file(workspace_id: int, file_id: int) -> None:
    """Take a file out of the library; its bytes go after KEEP_DELETED.

    Raises NotFound, Conflict naming a broadcast that was made with it and is not through.
    """
    with transaction() as session:
        file = session.scalar(
            select(MediaFile)
            .where(MediaFile.workspace_id == workspace_id, MediaFile.id == file_id, MediaFile.deleted_at.is_(None))
            .with_for_update()
        )
        if file is None:
            raise NotFound("File")
        busy = _needed_by(workspace_id, file_id)
        if busy is not None:
            raise Conflict(
                f"“{busy}” uses this file and has not finished. Choose another file there, or wait until it has.",
                code="media_in_use",
            )
        file.deleted_at = clock.now()


def purge_deleted() -> int:
    """Remove the bytes and rows of files that were deleted a while ago; answer how many. Safe to run twice."""
    total = 0
    while True:
        purged = _purge_some()
        total += purged
        if purged < _PURGE_BATCH:
            return total


# ---------------------------------------------------------------- at Meta


def media_id_for(channel: Channel, file: MediaFile) -> str:
    """Meta's id of the file on this number, for a message: the one we have, or a new one when that gets old.

    Goes out on the network if it must, so call it outside a transaction. Two at once both upload, and the one that is
    recorded first is what both answer. Raises NotFound, Invalid in Meta's words, Unavailable.
    """
    _refuse_stranger(channel, file)
    known = _fresh_id(channel.id, file.id)
    if known:
        return known
    workspace_id, channel_id, file_id = file.workspace_id, channel.id, file.id
    phone_number_id, name, mime, path = channel.phone_number_id, file.filename, file.mime_type, path_of(file)
    client = channels.client_for(channel)
    release_connection()
    try:
        with client, path.open("rb") as stream:
            meta_id = client.upload_media(phone_number_id, stream, name, mime)
    except GraphError as error:
        raise domain_error(error.fault, "file") from error
    if not 0 < len(meta_id) <= _LONGEST_META_ID:
        raise Unavailable("Meta took the file but did not say its id. Try again in a moment.", code="meta_unavailable")
    return _record(workspace_id, channel_id, file_id, meta_id)


def header_handle_for(channel: Channel, file: MediaFile) -> str:
    """A handle of the file to show to Meta's reviewers as the sample of a template's header; each is used once.

    Goes out on the network, so call it outside a transaction. Raises NotFound, Invalid (`header_file_id`), Unavailable.
    """
    _refuse_stranger(channel, file)
    if file.mime_type not in SAMPLE_TYPES.get(file.kind, ()):
        raise Invalid(
            {"header_file_id": "Meta's reviewers take JPEG, PNG, MP4 and PDF samples only. Choose another file."}
        )
    app_id = _config().facebook_app_id
    if not app_id:
        raise Invalid(
            {"header_file_id": "Samples are uploaded in the name of your Meta app: set FACEBOOK_APP_ID first."}
        )
    name, mime, size, path = file.filename, file.mime_type, file.size_bytes, path_of(file)
    client = channels.client_for(channel)
    release_connection()
    try:
        with client, path.open("rb") as stream:
            return client.upload_sample(app_id, stream, name, mime, size)
    except GraphError as error:
        raise domain_error(error.fault, "header_file_id") from error


# ---------------------------------------------------------------- parts


class _Incoming:
    """The stream with its head put back in front; it adds up the checksum of what passes."""

    def __init__(self, head: bytes, rest: IO[bytes]) -> None:
        self._head, self._rest = head, rest
        self._digest = hashlib.sha256()

    def read(self, size: int) -> bytes:
        """At most `size` bytes, none at the end."""
        piece = self._head[:size] or self._rest.read(size)
        self._head = self._head[size:]
        self._digest.update(piece)
        return piece

    @property
    def sha256(self) -> str:
        """Of everything that was read, in hexadecimal."""
        return self._digest.hexdigest()


def _read_head(stream: IO[bytes]) -> bytes:
    """The first bytes; a stream may give fewer at once than it was asked for."""
    head = b""
    while len(head) < HEAD_BYTES and (piece := stream.read(HEAD_BYTES - len(head))):
        head += piece
    return head


def _store(incoming: _Incoming, found: FileType, name: str) -> tuple[str, int]:
    try:
        return storage.save(_root(), incoming, limit=found.max_bytes)
    except storage.FileTooLargeError:
        raise TooLarge(media_rules.size_problem(found, name)) from None


def _keep(file: MediaFile) -> tuple[MediaFile, bool]:
    """The row of this content, and whether it is this one: the same may be there, or come at the same moment."""
    workspace_id, sha256 = file.workspace_id, file.sha256
    known = _same_content(workspace_id, sha256)
    if known is not None:
        return known, False
    try:
        with transaction() as session:
            session.add(file)
            session.flush()
    except IntegrityError:
        known = _same_content(workspace_id, sha256)
        if known is None:
            raise
        return known, False
    return file, True


def _same_content(workspace_id: int, sha256: str) -> MediaFile | None:
    return db.session.scalar(
        select(MediaFile).where(
            MediaFile.workspace_id == workspace_id, MediaFile.sha256 == sha256, MediaFile.deleted_at.is_(None)
        )
    )


def _needed_by(workspace_id: int, file_id: int) -> str | None:
    """The name of a broadcast that is not through and has one of the file's ids at Meta among its values."""
    meta_ids = db.session.scalars(select(MediaUpload.meta_id).where(MediaUpload.media_file_id == file_id)).all()
    if not meta_ids:
        return None
    values = cast(Broadcast.variables, Text)
    return db.session.scalar(
        select(Broadcast.name)
        .where(
            Broadcast.workspace_id == workspace_id,
            Broadcast.state.in_(_NEEDED_BY),
            or_(*(values.contains(f'"{meta_id}"', autoescape=True) for meta_id in meta_ids)),
        )
        .limit(1)
    )


def _purge_some() -> int:
    with transaction() as session:
        query = select(MediaFile).where(MediaFile.deleted_at < clock.now() - KEEP_DELETED)
        old = list(session.scalars(query.order_by(MediaFile.id).limit(_PURGE_BATCH).with_for_update(skip_locked=True)))
        # Bytes first: a row without them is found again by the next run, bytes without a row by nobody.
        for file in old:
            storage.delete(_root(), file.storage_key)
            session.delete(file)
    return len(old)


def _refuse_stranger(channel: Channel, file: MediaFile) -> None:
    if channel.workspace_id != file.workspace_id or file.deleted_at is not None:
        raise NotFound("File")


def _fresh_id(channel_id: int, file_id: int) -> str | None:
    return db.session.scalar(
        select(MediaUpload.meta_id).where(
            MediaUpload.media_file_id == file_id,
            MediaUpload.channel_id == channel_id,
            MediaUpload.uploaded_at > clock.now() - REUSE_FOR,
        )
    )


def _record(workspace_id: int, channel_id: int, file_id: int, meta_id: str) -> str:
    """Note the new id unless somebody was quicker; answer the one that stands."""
    now = clock.now()
    made = insert(MediaUpload).values(
        media_file_id=file_id, channel_id=channel_id, workspace_id=workspace_id, meta_id=meta_id, uploaded_at=now
    )
    with transaction() as session:
        noted = session.scalar(
            made.on_conflict_do_update(
                index_elements=[MediaUpload.media_file_id, MediaUpload.channel_id],
                set_={"meta_id": meta_id, "uploaded_at": now},
                where=MediaUpload.uploaded_at <= now - REUSE_FOR,
            ).returning(MediaUpload.meta_id)
        )
    return noted or _fresh_id(channel_id, file_id) or meta_id


def _known_kind(kind: str) -> MediaKind:
    try:
        return MediaKind(kind.strip().lower())
    except ValueError:
        raise Invalid({"kind": f"There is no kind “{kind}”. Use {', '.join(MediaKind)}."}) from None


def _root() -> Path:
    return _config().storage_path


def _config() -> Config:
    config = current_app.extensions["wotnot.config"]
    assert isinstance(config, Config)  # noqa: S101 — for the type checker; the factory puts it there
    return config
