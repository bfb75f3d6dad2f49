"""Media: the files of a workspace, and what they are called at Meta. Owns `media_files` and `media_uploads`.

The bytes lie in the storage and are streamed in and out. A file's id at Meta holds for 30 days and on one number; it is
made when it is needed and made anew before it ends.
"""

from collections.abc import Collection, Sequence
from datetime import datetime, timedelta
from typing import IO, Any

from flask import current_app
from sqlalchemy import Text, bindparam, cast, delete, func, or_, select, text
from sqlalchemy.dialects.postgresql import insert

from wotnot import clock
from wotnot.config import Config
from wotnot.errors import Conflict, Invalid, NotFound, TooLarge, Unavailable
from wotnot.extensions import db
from wotnot.models import Broadcast, BroadcastState, Channel, MediaFile, MediaKind, MediaOrigin, MediaUpload
from wotnot.services import channels, media_rules, storage
from wotnot.services.channel_checks import domain_error
from wotnot.services.incoming import Incoming, without_place
from wotnot.services.keyset import Keyset
from wotnot.services.media_rules import SAMPLE_TYPES, FileType
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


def save_file(
    workspace_id: int,
    stream: IO[bytes],
    filename: str,
    *,
    user_id: int | None = None,
    only: Collection[str] = (),
) -> MediaFile:
    """Keep a file; the same content a second time is the file that is there already. `only` names the types to be taken.

    Raises Invalid (`file`) for what WhatsApp does not take, TooLarge above the limit of its type; nothing is kept then.
    """
    incoming = Incoming(stream)
    try:
        found, name = media_rules.judge(incoming.head, filename)
    except media_rules.RefusedFileError as error:
        raise Invalid({"file": str(error)}, code="media_refused") from None
    if only and found.mime_type not in only:
        wanted = " or ".join(media_rules.word_of(mime_type) for mime_type in only)
        raise Invalid({"file": f"“{name}” is a {found.word}. Choose a {wanted}."}, code="media_refused")
    if found.kind is MediaKind.IMAGE:
        incoming = without_place(
            incoming, found.max_bytes
        )  # it goes to many people, who need not know where it was taken
    _let_go_of_database()
    key, size = _store(incoming, found, name)
    facts: dict[str, Any] = {"kind": found.kind, "filename": name, "mime_type": found.mime_type, "size_bytes": size}
    try:
        file = keep_file(workspace_id, **facts, user_id=user_id, sha256=incoming.sha256, storage_key=key)
    except BaseException:
        stored().delete(key)
        raise
    if file.storage_key != key:
        stored().delete(key)
    return file


def keep_file(workspace_id: int, *, origin: MediaOrigin = MediaOrigin.LIBRARY, sha256: str, **facts: Any) -> MediaFile:
    """The row of bytes that are stored: a new one, or the one that has this content already, also when both come at once.

    Joins the caller's transaction. Whose `storage_key` is another one than the given has bytes of its own.
    """
    made = insert(MediaFile).values(workspace_id=workspace_id, origin=origin, sha256=sha256, **facts)
    keys = [MediaFile.workspace_id, MediaFile.origin, MediaFile.sha256]
    made = made.on_conflict_do_nothing(index_elements=keys, index_where=text("deleted_at IS NULL"))
    known = select(MediaFile).where(
        MediaFile.workspace_id == workspace_id,
        MediaFile.origin == origin,
        MediaFile.sha256 == sha256,
        MediaFile.deleted_at.is_(None),
    )
    with transaction() as session:
        # What stood in the way may be deleted before it is looked at: then there is room at the second try.
        for _ in range(2):
            file = session.scalar(made.returning(MediaFile)) or session.scalar(known)
            if file is not None:
                return file
    raise Conflict("This file was deleted at the same moment. Upload it again.", code="media_deleted")


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


def find_files(workspace_id: int, file_ids: Collection[int]) -> dict[int, MediaFile]:
    """Those of `file_ids` that the workspace has and that are not deleted, by id."""
    if not file_ids:
        return {}
    rows = db.session.scalars(
        select(MediaFile).where(
            MediaFile.workspace_id == workspace_id, MediaFile.id.in_(file_ids), MediaFile.deleted_at.is_(None)
        )
    )
    return {file.id: file for file in rows}


def list_files(
    workspace_id: int,
    *,
    origin: MediaOrigin = MediaOrigin.LIBRARY,
    kind: str | None = None,
    search: str | None = None,
    mime_types: Sequence[str] = (),
    cursor: str | None = None,
    limit: int | None = 50,
) -> Page[MediaFile]:
    """The library's files, or those that people sent, newest first; by kind, type and a part of the name.

    Raises Invalid for an unknown kind or cursor.
    """
    query = select(MediaFile).where(
        MediaFile.workspace_id == workspace_id, MediaFile.origin == origin, MediaFile.deleted_at.is_(None)
    )
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
    """How many files of each kind are in the library; kinds without a file are left out."""
    rows = db.session.execute(
        select(MediaFile.kind, func.count())
        .where(
            MediaFile.workspace_id == workspace_id,
            MediaFile.origin == MediaOrigin.LIBRARY,
            MediaFile.deleted_at.is_(None),
        )
        .group_by(MediaFile.kind)
    )
    return {kind: count for kind, count in rows}  # noqa: C416 — rows are no pairs to mypy


def open_file(file: MediaFile) -> IO[bytes]:
    """The content, to be streamed from any place. May go out on the network, so call it outside a transaction.

    Raises NotFound when the bytes are gone, Unavailable when the storage is away.
    """
    key = file.storage_key
    _let_go_of_database()
    return stored().open(key)


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


def media_id_for(channel: Channel, file: MediaFile, *, max_age: timedelta = REUSE_FOR) -> str:
    """Meta's id of the file on this number, for a message: the one we have, or a new one when that is `max_age` old.

    Goes out on the network if it must, so call it outside a transaction. Two at once both upload, and the one that is
    recorded first is what both answer. Raises NotFound, Invalid in Meta's words, Unavailable.
    """
    _refuse_stranger(channel, file)
    known = _fresh_id(channel.id, file.id, max_age)
    if known:
        return known
    workspace_id, channel_id, file_id = file.workspace_id, channel.id, file.id
    phone_number_id, name, mime, size = channel.phone_number_id, file.filename, file.mime_type, file.size_bytes
    client, content = channels.client_for(channel), open_file(file)
    release_connection()
    try:
        with client, content as stream:
            meta_id = client.upload_media(phone_number_id, stream, name, mime, size)
    except GraphError as error:
        raise domain_error(error.fault, "file") from error
    if not 0 < len(meta_id) <= _LONGEST_META_ID:
        raise Unavailable("Meta took the file but did not say its id. Try again in a moment.", code="meta_unavailable")
    return _record(workspace_id, channel_id, file_id, meta_id, max_age=max_age)


def header_handle_for(channel: Channel, file: MediaFile, *, field: str = "header_file_id") -> str:
    """A handle of the file to show to Meta's reviewers as the sample of a template's header; each is used once.

    Goes out on the network, so call it outside a transaction. Raises NotFound, Invalid (by `field`), Unavailable.
    """
    _refuse_stranger(channel, file)
    if file.mime_type not in SAMPLE_TYPES.get(file.kind, ()):
        raise Invalid({field: "Meta's reviewers take JPEG, PNG, MP4 and PDF samples only. Choose another file."})
    app_id = _config().facebook_app_id
    if not app_id:
        raise Invalid({field: "Samples are uploaded in the name of your Meta app: set FACEBOOK_APP_ID first."})
    name, mime, size = file.filename, file.mime_type, file.size_bytes
    client, content = channels.client_for(channel), open_file(file)
    release_connection()
    try:
        with client, content as stream:
            return client.upload_sample(app_id, stream, name, mime, size)
    except GraphError as error:
        raise domain_error(error.fault, field) from error


# ---------------------------------------------------------------- parts


def stored() -> storage.Storage:
    """Where this installation keeps its files."""
    return storage.storage_for(_config())


def _let_go_of_database() -> None:
    if stored().is_remote:
        release_connection()


def _store(incoming: Incoming, found: FileType, name: str) -> tuple[str, int]:
    try:
        return stored().save(incoming, limit=found.max_bytes)
    except storage.FileTooLargeError:
        raise TooLarge(media_rules.size_problem(found, name)) from None


def _needed_by(workspace_id: int, file_id: int) -> str | None:
    """The name of a broadcast that is not through and has the file, or one of its ids at Meta, among its values."""
    meta_ids = db.session.scalars(select(MediaUpload.meta_id).where(MediaUpload.media_file_id == file_id)).all()
    values = cast(Broadcast.variables, Text)
    return db.session.scalar(
        select(Broadcast.name)
        .where(
            Broadcast.workspace_id == workspace_id,
            Broadcast.state.in_(_NEEDED_BY),
            or_(
                text(
                    "jsonb_path_exists(broadcasts.variables, '$.*.file_id ? (@ == $id)', jsonb_build_object('id', :file))"
                ).bindparams(bindparam("file", file_id)),
                *(values.contains(f'"{meta_id}"', autoescape=True) for meta_id in meta_ids),
            ),
        )
        .limit(1)
    )


def _purge_some() -> int:
    is_old = MediaFile.deleted_at < clock.now() - KEEP_DELETED
    old = select(MediaFile.id, MediaFile.storage_key).where(is_old).order_by(MediaFile.id).limit(_PURGE_BATCH)
    keys = {row.id: row.storage_key for row in db.session.execute(old)}
    _let_go_of_database()
    # Bytes first: a row without them is found again by the next run, bytes without a row by nobody.
    for key in keys.values():
        stored().delete(key)
    with transaction() as session:
        session.execute(delete(MediaFile).where(MediaFile.id.in_(keys), is_old))
    return len(keys)


def _refuse_stranger(channel: Channel, file: MediaFile) -> None:
    if channel.workspace_id != file.workspace_id or file.deleted_at is not None:
        raise NotFound("File")


def _fresh_id(channel_id: int, file_id: int, max_age: timedelta) -> str | None:
    return db.session.scalar(
        select(MediaUpload.meta_id).where(
            MediaUpload.media_file_id == file_id,
            MediaUpload.channel_id == channel_id,
            MediaUpload.uploaded_at > clock.now() - max_age,
        )
    )


def _record(workspace_id: int, channel_id: int, file_id: int, meta_id: str, *, max_age: timedelta) -> str:
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
                where=MediaUpload.uploaded_at <= now - max_age,
            ).returning(MediaUpload.meta_id)
        )
    return noted or _fresh_id(channel_id, file_id, max_age) or meta_id


def _known_kind(kind: str) -> MediaKind:
    try:
        return MediaKind(kind.strip().lower())
    except ValueError:
        raise Invalid({"kind": f"There is no kind “{kind}”. Use {', '.join(MediaKind)}."}) from None


def _config() -> Config:
    config = current_app.extensions["wotnot.config"]
    assert isinstance(config, Config)  # noqa: S101 — for the type checker; the factory puts it there
    return config
