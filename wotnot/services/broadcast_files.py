"""Files of the library in a broadcast's message: `{"file_id": 12}` stands for a header's picture, video or document.

What Meta is sent is the id under which it knows the file on the broadcast's number (see `media.py`). The sender only looks
those ids up; `broadcast_uploads.py` makes them, before the first message and again when they get old.
"""

from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from sqlalchemy import select, text
from sqlalchemy.orm import Session

from wotnot import clock
from wotnot.errors import Invalid
from wotnot.models import MediaFile, MediaKind, MediaOrigin
from wotnot.services import media, queue
from wotnot.services.media_rules import SAMPLE_TYPES
from wotnot.services.whatsapp.payloads import FILENAME

RENEW_AFTER = timedelta(days=27)
"""An id this old is made anew while a broadcast needs it: two days before the sender would refuse it, three before Meta."""

Variables = Mapping[str, Mapping[str, Any]]

_ONLY = {
    MediaKind.IMAGE: "A header shows JPEG and PNG pictures",
    MediaKind.VIDEO: "A header shows MP4 videos",
    MediaKind.DOCUMENT: "A header shows PDF documents",
}


class FilesNotReadyError(Exception):
    """Meta does not know all of a broadcast's files yet, or not any more; sending has to wait for the upload."""


def files_in(variables: Variables) -> dict[str, int]:
    """The file ids among a broadcast's variables, by variable."""
    return {key: int(source["file_id"]) for key, source in variables.items() if "file_id" in source}


def kind_of(key: str) -> MediaKind:
    """What a header's variable shows: "card.0.header.video" is a video."""
    return MediaKind(key.rsplit(".", 1)[-1])


def check_files(session: Session, workspace_id: int, variables: Variables) -> None:
    """Refuse files that are not there or that a header cannot show. Raises Invalid on `variables.<key>`.

    Within the caller's transaction, which holds the files until its commit: none is deleted meanwhile.
    """
    wanted = files_in(variables)
    if not wanted:
        return
    held = select(MediaFile).where(
        MediaFile.workspace_id == workspace_id, MediaFile.id.in_(set(wanted.values())), MediaFile.deleted_at.is_(None)
    )
    held = held.order_by(MediaFile.id).with_for_update(read=True).execution_options(populate_existing=True)
    found = {file.id: file for file in session.scalars(held)}
    problems = {key: _problem(found.get(file_id), kind_of(key)) for key, file_id in wanted.items()}
    if errors := {f"variables.{key}": words for key, words in problems.items() if words}:
        raise Invalid(errors)


def find_problems(workspace_id: int, variables: Variables) -> dict[str, str]:
    """Variables whose file cannot be sent any more, each with the reason; empty when all can."""
    wanted = files_in(variables)
    found = media.find_files(workspace_id, set(wanted.values()))
    problems = {key: _problem(found.get(file_id), kind_of(key)) for key, file_id in wanted.items()}
    return {key: words for key, words in problems.items() if words}


def with_names(variables: Variables, files: Mapping[int, MediaFile]) -> dict[str, Mapping[str, Any]]:
    """The variables for people to look at: instead of a file its name; a file that is gone is left out."""
    shown: dict[str, Mapping[str, Any]] = {}
    for key, source in variables.items():
        file = files.get(source.get("file_id", 0))
        if "file_id" not in source:
            shown[key] = source
        elif file is not None:
            shown[key] = {"text": file.filename}
    return shown


def with_meta_ids(session: Session, variables: Variables, channel_id: int) -> dict[str, Mapping[str, Any]]:
    """The variables for the sender: instead of a file Meta's id of it on this number, and a document's name.

    Reads only. Raises FilesNotReadyError while an id is missing or too old.
    """
    wanted = files_in(variables)
    if not wanted:
        return dict(variables)
    asked = {"ids": list(wanted.values()), "channel": channel_id, "oldest": clock.now() - media.REUSE_FOR}
    known = {row.id: row for row in session.execute(text(_META_IDS), asked)}
    filled: dict[str, Mapping[str, Any]] = dict(variables)
    for key, file_id in wanted.items():
        if file_id not in known:
            raise FilesNotReadyError
        filled[key] = {"text": known[file_id].meta_id}
        if kind_of(key) is MediaKind.DOCUMENT:
            filled[key + FILENAME] = {"text": known[file_id].filename}
    return filled


def want_upload(broadcast_id: int, variables: Variables) -> None:
    """Have Meta given the files soon, once this transaction has committed; nothing to do without files."""
    if files_in(variables):
        queue.enqueue("upload_broadcast_files", broadcast_id)


def _problem(file: MediaFile | None, kind: MediaKind) -> str:
    if file is None:
        return "This file is not in the library any more. Choose another one."
    if file.kind is not kind or file.origin is not MediaOrigin.LIBRARY or file.mime_type not in SAMPLE_TYPES[kind]:
        return f"{_ONLY[kind]} only. Choose another file than “{file.filename}”."
    return ""


_META_IDS = """
SELECT f.id, f.filename, u.meta_id FROM media_files f
JOIN media_uploads u ON u.media_file_id = f.id AND u.channel_id = :channel AND u.uploaded_at > :oldest
WHERE f.id = ANY(CAST(:ids AS bigint[]))
"""
