"""The library of files: pictures, videos, recordings, documents and stickers to send and to show in templates."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from flask import Blueprint, Flask, flash, render_template, request
from werkzeug.datastructures import FileStorage
from werkzeug.wrappers import Response

from wotnot.blueprints.broadcast_views import time_words
from wotnot.blueprints.guards import actor, guard_pages, page_timezone, requires, workspace_id
from wotnot.blueprints.htmx import go_to, render
from wotnot.blueprints.media_answers import file_answer
from wotnot.errors import Conflict, Invalid, TooLarge, Unavailable
from wotnot.models import MediaFile, MediaKind, MediaOrigin, Role
from wotnot.services import media, media_rules
from wotnot.services.zones import in_zone

blueprint = Blueprint("media", __name__, url_prefix="/app/media")
guard_pages(blueprint)

Answer = str | Response | tuple[str, int]

PAGE_SIZE = 24
MOST_AT_ONCE = 20
_ICONS = {
    MediaKind.IMAGE: "photo",
    MediaKind.VIDEO: "movie",
    MediaKind.AUDIO: "microphone",
    MediaKind.DOCUMENT: "file-text",
    MediaKind.STICKER: "sticker",
}


@dataclass(frozen=True, slots=True)
class Result:
    """What became of one uploaded file: kept, or refused for `problem`."""

    name: str
    problem: str = ""
    file: MediaFile | None = None


def register(app: Flask) -> None:
    """Put the pages under /app/media."""
    app.register_blueprint(blueprint)


@blueprint.context_processor
def _words() -> dict[str, object]:
    return {
        "icon_of": _ICONS,
        "kind_words": media_rules.KIND_WORDS,
        "accept": ",".join(f".{ending}" for ending in media_rules.BY_ENDING),
        "max_bytes": media_rules.MAX_BYTES,
        "size_words": media_rules.size_words,
        "type_word": _type_word,
        **time_words(page_timezone()),
    }


@blueprint.get("")
def index() -> str:
    """The files by kind and name, newest first."""
    return render("media/index.html", "media/_list.html", **_library({}))


@blueprint.post("")
def upload() -> Answer:
    """Keep one file or several; each that is refused is named with its reason, the others are kept."""
    files = [file for file in request.files.getlist("file") if file.filename]
    if not files:
        return _refused(["Choose a file first."])
    if len(files) > MOST_AT_ONCE:
        return _refused([f"At most {MOST_AT_ONCE} files at once; these are {len(files)}."])
    results = _keep(files)
    kept = [result.file for result in results if result.file is not None]
    if len(kept) < len(results):
        return _refused([], results)
    if len(kept) == 1:
        flash(f"{kept[0].filename} is in the library.", "success")
        return go_to(f"/app/media/{kept[0].id}")
    flash(f"{len(kept)} files are in the library.", "success")
    return go_to("/app/media")


@blueprint.get("/<int:file_id>")
def show(file_id: int) -> str:
    """One file: a look at it, its facts, and where Meta knows it."""
    file = media.get_file(workspace_id(), file_id)
    timezone = page_timezone()
    known = [
        (channel.verified_name or channel.display_phone_number, _say_day(until, timezone))
        for channel, until in media.list_uploads(workspace_id(), file_id)
    ]
    return render_template("media/show.html", file=file, known=known)


@blueprint.get("/<int:file_id>/file")
def content(file_id: int) -> Response:
    """The bytes: shown in our pages where that is safe, with ?download=1 and for all other types as a download."""
    file = media.get_file(workspace_id(), file_id)
    return file_answer(file, shown=not request.args.get("download"))


@blueprint.post("/<int:file_id>/delete")
@requires(Role.ADMIN)
def delete(file_id: int) -> Answer:
    """Take it out of the library."""
    file = media.get_file(workspace_id(), file_id)
    name = file.filename
    try:
        media.delete_file(workspace_id(), file_id)
    except Conflict as error:
        flash(error.detail, "error")
        return go_to(f"/app/media/{file_id}")
    flash(f"{name} is deleted.", "success")
    return go_to("/app/media")


def _keep(files: Iterable[FileStorage]) -> list[Result]:
    """What became of each file, in the order in which they were chosen."""
    results = []
    for file in files:
        name = media_rules.clean_name(file.filename or "")
        try:
            kept = media.save_file(workspace_id(), file.stream, file.filename or "", user_id=actor().user.id)
        except (Invalid, TooLarge, Unavailable) as error:
            results.append(Result(name, error.detail))
        else:
            results.append(Result(kept.filename, file=kept))
    return results


def _refused(sentences: Sequence[str], results: Sequence[Result] = ()) -> tuple[str, int]:
    errors = {"file": list(sentences)} if sentences else {}
    return render("media/index.html", "media/_library.html", results=results, **_library(errors)), 422


def _library(errors: Mapping[str, Sequence[str]]) -> dict[str, object]:
    wanted = {name: request.args.get(name, "").strip() for name in ("origin", "kind", "search", "cursor")}
    page = media.list_files(
        workspace_id(),
        origin=MediaOrigin.INBOUND if wanted["origin"] == MediaOrigin.INBOUND else MediaOrigin.LIBRARY,
        kind=wanted["kind"] or None,
        search=wanted["search"],
        cursor=wanted["cursor"] or None,
        limit=PAGE_SIZE,
    )
    return {"page": page, "wanted": wanted, "counts": media.count_files(workspace_id()), "errors": errors}


def _type_word(file: MediaFile) -> str:
    return media_rules.word_of(file.mime_type)


def _say_day(moment: datetime, timezone: str) -> str:
    return f"{in_zone(moment, timezone):%-d %B}"
