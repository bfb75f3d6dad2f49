"""Importing contacts, step by step: file, columns, check, import. Each step has its address; none shows what is not true any more."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import PurePath
from typing import Any

from flask import Blueprint, Flask, flash, render_template, request
from werkzeug.wrappers import Response

from wotnot.blueprints.broadcast_views import time_words
from wotnot.blueprints.csv_answers import csv_answer
from wotnot.blueprints.form_errors import errors_of
from wotnot.blueprints.guards import actor, guard_pages, page_timezone, requires, workspace_id
from wotnot.blueprints.htmx import go_to, is_htmx, render
from wotnot.blueprints.import_views import CheckView, columns_of, encoding_choices, file_words, steps_of, target_choices
from wotnot.errors import Conflict, DomainError, Invalid, TooLarge
from wotnot.models import ContactImport, ImportState, OnDuplicate, Role, RowVerdict
from wotnot.services import contact_imports, contacts, csv_sniffing, import_columns, import_runs
from wotnot.services.contact_imports import ImportOptions
from wotnot.services.phone_numbers import country_name, list_countries

blueprint = Blueprint("imports", __name__, url_prefix="/app/imports")
guard_pages(blueprint)

Answer = str | Response | tuple[str, int]

_SHOWN_ROWS = 50
_PAGE_OF = {
    ImportState.UPLOADED: "/columns",
    ImportState.CHECKING: "/check",
    ImportState.CHECKED: "/check",
}


def register(app: Flask) -> None:
    """Put the pages under /app/imports."""
    app.register_blueprint(blueprint)


@blueprint.context_processor
def _words() -> dict[str, object]:
    return {
        "file_words": file_words,
        "rows_done": import_runs.rows_done,
        "progress_of": contact_imports.progress_of,
        "country_name": country_name,
        "broadcast_id": _broadcast_id(),
        "max_bytes": contact_imports.MAX_BYTES,
        **time_words(page_timezone()),
    }


# ---------------------------------------------------------------- 1. File


@blueprint.get("")
@requires(Role.ADMIN)
def index() -> Response:
    """The list of imports stands below the upload."""
    return go_to("/app/imports/new", 302)


@blueprint.get("/new")
@requires(Role.ADMIN)
def new() -> str:
    """Choose a file; below it the imports so far."""
    return _file_page({})


@blueprint.post("/new")
@requires(Role.ADMIN)
def upload() -> Answer:
    """Keep the file and go on to its columns."""
    file = request.files.get("file")
    if file is None or not file.filename:
        return _file_page({"file": ["Choose a file first."]}), 422
    try:
        found = contact_imports.upload(workspace_id(), file.stream, file.filename, user_id=actor().user.id)
    except Invalid as error:
        return _file_page(errors_of(error)), 422
    except TooLarge as error:
        return _file_page({"file": [error.detail]}), 422 if is_htmx() else 413
    return go_to(_address(found, "/columns"))


def _file_page(errors: Mapping[str, Sequence[str]]) -> str:
    imports = contact_imports.list_imports(workspace_id())
    return render("imports/new.html", "imports/_upload.html", errors=errors, imports=imports)


# ---------------------------------------------------------------- 2. Columns


@blueprint.get("/<int:import_id>/columns")
@requires(Role.ADMIN)
def columns(import_id: int) -> Answer:
    """Where each column goes, and how to import."""
    found = contact_imports.get_import(workspace_id(), import_id)
    if found.state not in {ImportState.UPLOADED, ImportState.CHECKED, ImportState.CHECKING}:
        return _moved_on(found)
    values: dict[str, Any] = {
        "targets": found.mapping["targets"],
        "default_country": found.default_country,
        "on_duplicate": found.on_duplicate.value,
        "tags": ", ".join(found.tags) or (_tag_of_file(found) if _broadcast_id() else ""),
    }
    return _columns_page(found, values, {})


@blueprint.post("/<int:import_id>/columns")
@requires(Role.ADMIN)
def check(import_id: int) -> Answer:
    """Keep the choices and start the dry run."""
    found = contact_imports.get_import(workspace_id(), import_id)
    values = {
        "targets": [_typed_target(place) for place in range(len(found.dialect["columns"]))],
        "default_country": request.form.get("default_country", ""),
        "on_duplicate": request.form.get("on_duplicate", ""),
        "tags": request.form.get("tags", ""),
    }
    try:
        contact_imports.check_import(workspace_id(), import_id, _options(values))
    except Invalid as error:
        return _columns_page(found, values, errors_of(error)), 422
    except Conflict:
        return _moved_on(contact_imports.get_import(workspace_id(), import_id))
    return go_to(_address(found, "/check"))


@blueprint.post("/<int:import_id>/read")
@requires(Role.ADMIN)
def read_again(import_id: int) -> Response:
    """Read the file with another delimiter, encoding or header."""
    found = contact_imports.get_import(workspace_id(), import_id)
    delimiters = list(csv_sniffing.DELIMITERS)
    chosen = request.form.get("delimiter", type=int)
    try:
        contact_imports.reread(
            workspace_id(),
            import_id,
            delimiter=delimiters[chosen] if chosen is not None and 0 <= chosen < len(delimiters) else "",
            encoding=request.form.get("encoding", ""),
            has_header=bool(request.form.get("has_header")),
        )
    except DomainError as error:
        flash(error.detail, "error")
    return go_to(_address(found, "/columns"))


def _typed_target(place: int) -> str:
    target = request.form.get(f"target-{place}", "")
    return import_columns.ATTRIBUTE + request.form.get(f"new-{place}", "").strip() if target == "new" else target


def _options(values: Mapping[str, Any]) -> ImportOptions:
    try:
        on_duplicate = OnDuplicate(values["on_duplicate"])
    except ValueError:
        raise Invalid({"on_duplicate": "Say what happens to people you have already."}) from None
    return ImportOptions(values["targets"], values["default_country"], on_duplicate, values["tags"].split(","))


def _columns_page(found: ContactImport, values: Mapping[str, Any], errors: Mapping[str, Sequence[str]]) -> str:
    names = contacts.list_attribute_names(workspace_id())
    return render_template(
        "imports/columns.html",
        found=found,
        values=values,
        errors=errors,
        columns=columns_of(found, values["targets"], names),
        choices=target_choices(names),
        countries=list_countries(),
        all_tags=contacts.list_tags(workspace_id()),
        delimiters=list(enumerate(csv_sniffing.DELIMITERS.values())),
        delimiter=list(csv_sniffing.DELIMITERS).index(found.dialect["delimiter"]),
        encodings=encoding_choices(found),
        steps=steps_of(found, 2, _broadcast_id()),
    )


# ---------------------------------------------------------------- 3. Check


@blueprint.get("/<int:import_id>/check")
@requires(Role.ADMIN)
def check_page(import_id: int) -> Answer:
    """The dry run: while it goes, its progress; then what will happen, and the rows that need a fix."""
    found = contact_imports.get_import(workspace_id(), import_id)
    if found.state not in {ImportState.CHECKING, ImportState.CHECKED}:
        return _moved_on(found)
    view = _check_view(found)
    return render(
        "imports/check.html", "imports/_check.html", found=found, view=view, steps=steps_of(found, 3, _broadcast_id())
    )


def _check_view(found: ContactImport) -> CheckView:
    """What the page shows of a finished check; while it runs there are no rows yet."""
    view = CheckView.of(found, request.args.get("show", ""), _broadcast_id())
    if view.verdict is None:
        return view
    rows = contact_imports.list_rejected(
        workspace_id(),
        found.id,
        view.verdict,
        after_row=request.args.get("after", 0, type=int),
        limit=_SHOWN_ROWS + 1,
    )
    return replace(view, rows=rows[:_SHOWN_ROWS], has_more=len(rows) > _SHOWN_ROWS)


@blueprint.post("/<int:import_id>/start")
@requires(Role.ADMIN)
def start(import_id: int) -> Response:
    """Import what was checked; a second press changes nothing."""
    try:
        found = contact_imports.start_import(workspace_id(), import_id)
    except Conflict:
        return _moved_on(contact_imports.get_import(workspace_id(), import_id))
    return go_to(_address(found))


# ---------------------------------------------------------------- 4. Import


@blueprint.get("/<int:import_id>")
@requires(Role.ADMIN)
def show(import_id: int) -> Answer:
    """The import while it runs, and what came of it."""
    found = contact_imports.get_import(workspace_id(), import_id)
    if found.state in _PAGE_OF:
        return _moved_on(found)
    return render(
        "imports/show.html",
        "imports/_result.html",
        found=found,
        rejected=contact_imports.count_rejected(workspace_id(), found.id) if found.state is ImportState.DONE else {},
        verdicts=RowVerdict,
        steps=steps_of(found, 5 if found.state is ImportState.DONE else 4, _broadcast_id()),
    )


@blueprint.get("/<int:import_id>/errors.csv")
@requires(Role.ADMIN)
def errors(import_id: int) -> Response:
    """The rows that were not taken, with a reason."""
    return csv_answer(contact_imports.rejected_csv(workspace_id(), import_id), f"import-{import_id}-errors.csv")


@blueprint.post("/<int:import_id>/discard")
@requires(Role.ADMIN)
def discard(import_id: int) -> Response:
    """Forget the file."""
    try:
        contact_imports.discard_import(workspace_id(), import_id)
    except Conflict as error:
        flash(error.detail, "error")
        return go_to(f"/app/imports/{import_id}")
    flash("The file is deleted; nothing was imported from it.", "success")
    broadcast_id = _broadcast_id()
    return go_to(f"/app/broadcasts/{broadcast_id}/audience" if broadcast_id else "/app/contacts")


# ---------------------------------------------------------------- parts


def _moved_on(found: ContactImport) -> Response:
    """To the page that shows what the import is at now."""
    return go_to(_address(found, _PAGE_OF.get(found.state, "")), 303 if request.method == "POST" else 302)


def _address(found: ContactImport, page: str = "") -> str:
    broadcast_id = _broadcast_id()
    return f"/app/imports/{found.id}{page}" + (f"?broadcast={broadcast_id}" if broadcast_id else "")


def _broadcast_id() -> int | None:
    """The broadcast whose wizard sent the person here; they return to it."""
    return request.args.get("broadcast", type=int)


def _tag_of_file(found: ContactImport) -> str:
    """A tag named after the file: it is how the broadcast finds these people."""
    return PurePath(found.filename).stem.replace(",", " ")[:60]
