"""Pictures, videos and documents on the wizard's message page: chosen from the library, or uploaded right there."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from flask import request
from werkzeug.datastructures import MultiDict

from wotnot.blueprints.guards import actor, workspace_id
from wotnot.blueprints.wizard_forms import FILE, VariableRow, media_kind_of
from wotnot.errors import Invalid, TooLarge, Unavailable
from wotnot.models import MediaFile, MediaKind
from wotnot.services import media
from wotnot.services.broadcast_files import files_in
from wotnot.services.media_rules import BY_MIME, SAMPLE_TYPES, size_words
from wotnot.services.whatsapp.payloads import FilledTemplate, TemplateVariable

SHOWN_FILES = 12
_WORDS = {MediaKind.IMAGE: "picture", MediaKind.VIDEO: "video", MediaKind.DOCUMENT: "document"}


@dataclass(frozen=True, slots=True)
class FileChoice:
    """What one header can be chosen from: the chosen file first, then the newest; `has_more` than are shown."""

    word: str
    files: Sequence[MediaFile]
    search: str
    has_more: bool
    accept: str
    hint: str


def take_uploads(
    variables: Sequence[TemplateVariable], form: MultiDict[str, str]
) -> tuple[MultiDict[str, str], dict[str, list[str]]]:
    """Keep the files that came with the form; answers the form with them chosen, and a sentence for each that was refused."""
    filled, errors = MultiDict(form), dict[str, list[str]]()
    for variable in variables:
        kind, upload = media_kind_of(variable.key), request.files.get(f"upload-{variable.key}")
        if kind is None or upload is None or not upload.filename:
            continue
        try:
            only = SAMPLE_TYPES[kind]
            file = media.save_file(workspace_id(), upload.stream, upload.filename, user_id=actor().user.id, only=only)
        except (Invalid, TooLarge, Unavailable) as error:
            errors[f"text-{variable.key}"] = [error.detail]
            continue
        filled[f"source-{variable.key}"], filled[f"file-{variable.key}"] = FILE, str(file.id)
        filled.pop(f"search-{variable.key}", None)
    return filled, errors


def choices_of(rows: Sequence[VariableRow], form: MultiDict[str, str]) -> dict[str, FileChoice]:
    """What each row for a file is chosen from, by variable. Rows that look for the same, as a carousel's do, ask once."""
    wanted = {row.key: (row.media_kind, form.get(f"search-{row.key}", "").strip()) for row in rows if row.media_kind}
    found = {question: _newest(*question) for question in set(wanted.values())}
    chosen = media.find_files(workspace_id(), {int(row.file_id) for row in rows if row.file_id})
    return {
        row.key: _choice(row, *wanted[row.key], found[wanted[row.key]], chosen) for row in rows if row.key in wanted
    }


def with_pictures(
    message: FilledTemplate,
    variables: Mapping[str, Mapping[str, Any]],
    files: Mapping[int, MediaFile],
    prefix: str = "",
) -> FilledTemplate:
    """The message with the chosen files in its headers, for the preview."""
    cards = [with_pictures(card, variables, files, f"card.{place}.") for place, card in enumerate(message.cards)]
    if message.header is None:
        return replace(message, cards=cards)
    file_id = files_in(variables).get(f"{prefix}header.{message.header.format.lower()}", 0)
    file = files.get(file_id)
    if file is None:
        return replace(message, cards=cards)
    header = replace(message.header, name=file.filename, url=f"/app/media/{file.id}/file")
    return replace(message, cards=cards, header=header)


def _newest(kind: MediaKind, search: str) -> Sequence[MediaFile]:
    page = media.list_files(
        workspace_id(), kind=kind, mime_types=SAMPLE_TYPES[kind], search=search, limit=SHOWN_FILES + 1
    )
    return page.items


def _choice(
    row: VariableRow, kind: MediaKind, search: str, newest: Sequence[MediaFile], chosen: Mapping[int, MediaFile]
) -> FileChoice:
    first = [chosen[int(row.file_id)]] if row.file_id and int(row.file_id) in chosen else []
    others = [file for file in newest[:SHOWN_FILES] if file not in first]
    types = [BY_MIME[mime_type] for mime_type in SAMPLE_TYPES[kind]]
    words = " or ".join(one.word for one in types)
    return FileChoice(
        word=_WORDS[kind],
        files=[*first, *others],
        search=search,
        has_more=len(newest) > SHOWN_FILES,
        accept=",".join(f".{ending}" for one in types for ending in one.endings),
        hint=f"{words[0].upper()}{words[1:]}, at most {size_words(max(one.max_bytes for one in types))}.",
    )
