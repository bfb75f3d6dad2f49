"""People's pictures of themselves, seen by those who work with them. Owns `users.picture_key` and `picture_type`."""

from io import BytesIO
from typing import IO

from flask import current_app
from sqlalchemy import exists, select
from sqlalchemy.orm import aliased

from wotnot.config import Config
from wotnot.errors import Invalid, NotFound
from wotnot.extensions import db
from wotnot.models import Member, User
from wotnot.services.picture_files import UnreadablePictureError, without_metadata
from wotnot.services.storage import Storage, storage_for
from wotnot.services.transaction import release_connection, transaction

MAX_BYTES = 1024 * 1024
_LONGEST_HEAD = 12
_TOO_LARGE = "The picture is larger than 1 MB. Choose a smaller one; 400 pixels are plenty."


def save_picture(user_id: int, stream: IO[bytes]) -> None:
    """Show this picture of the user, a JPEG, PNG or WebP of at most 1 MB, in the place of an older one.

    Where, when and with what it was taken is removed. Raises Invalid (field picture), Unavailable when the storage is away.
    """
    data = stream.read(MAX_BYTES + 1)
    mime_type = _type_of(data[:_LONGEST_HEAD])
    if len(data) > MAX_BYTES:
        raise Invalid({"picture": _TOO_LARGE})
    try:
        clean = without_metadata(data)
    except UnreadablePictureError:
        raise Invalid(
            {"picture": "The picture is broken or ends too early. Save it again, or choose another one."}
        ) from None
    release_connection()
    key, _ = _storage().save(BytesIO(clean), limit=MAX_BYTES)
    _swap(user_id, key, mime_type)


def remove_picture(user_id: int) -> None:
    """Show the user's initials again; without a picture nothing changes."""
    _swap(user_id, None, "")


def open_picture(user_id: int, *, viewer_id: int) -> tuple[IO[bytes], str]:
    """(the content, its type) for somebody who works with the user. Raises NotFound, also for strangers."""
    theirs, mine = aliased(Member), aliased(Member)
    shared = exists().where(
        theirs.user_id == user_id, mine.user_id == viewer_id, theirs.workspace_id == mine.workspace_id
    )
    found = db.session.execute(
        select(User.picture_key, User.picture_type).where(User.id == user_id, User.picture_key.is_not(None), shared)
    ).one_or_none()
    if found is None:
        raise NotFound("Picture")
    release_connection()
    return _storage().open(found.picture_key), found.picture_type


def _swap(user_id: int, key: str | None, mime_type: str) -> None:
    with transaction() as session:
        user = session.get(User, user_id, with_for_update=True)
        if user is None:
            raise NotFound("User")
        old, user.picture_key, user.picture_type = user.picture_key, key, mime_type
    if old:
        release_connection()
        _storage().delete(old)


def _type_of(head: bytes) -> str:
    """What the first bytes say it is; the name and what the browser claims do not count."""
    if head.startswith(b"\xff\xd8\xff"):
        return "image/jpeg"
    if head.startswith(b"\x89PNG\r\n\x1a\n"):
        return "image/png"
    if head[:4] == b"RIFF" and head[8:12] == b"WEBP":
        return "image/webp"
    raise Invalid({"picture": "Choose a JPEG, PNG or WebP picture."})


def _storage() -> Storage:
    config: Config = current_app.extensions["wotnot.config"]
    return storage_for(config)
