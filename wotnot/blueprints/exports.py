"""Exports: files that a job writes. The list, one of them while it is written, and its download."""

from datetime import date
from typing import Any

from flask import Blueprint, Flask, Response, flash, render_template, request

from wotnot import clock
from wotnot.blueprints.export_answers import file_answer, only_own, start
from wotnot.blueprints.guards import actor, guard_pages, page_timezone, workspace_id
from wotnot.blueprints.htmx import go_to, render
from wotnot.errors import Conflict, Invalid
from wotnot.models import ExportFormat, ExportKind
from wotnot.services import exports, reports
from wotnot.services.exports import Wish
from wotnot.services.media_rules import size_words
from wotnot.services.zones import say_moment

blueprint = Blueprint("exports", __name__, url_prefix="/app/exports")
guard_pages(blueprint)

Answer = str | Response | tuple[str, int]

PAGE = 25
_LONGEST_ID = 18
_TEXTS = ("view", "cause", "country", "search", "tag", "consent")
ICONS = {"broadcast": "speakerphone", "contacts": "address-book", "messages": "messages", "costs": "receipt-2"}


def register(app: Flask) -> None:
    """Put the pages under /app/exports, and tell the menus of other pages from when on a job writes the file."""
    app.jinja_env.globals["large_export"] = exports.LARGE
    app.register_blueprint(blueprint)


@blueprint.context_processor
def _words() -> dict[str, object]:
    timezone = page_timezone()
    return {
        "say": lambda moment: say_moment(moment, timezone, clock.now()) if moment else "",
        "size_words": size_words,
        "icon_of": ICONS,
    }


@blueprint.get("")
def index() -> str:
    """Every export that is still kept, newest first, and the form for a new one."""
    return render("exports/index.html", "exports/_list.html", **_list(), **_form({}))


@blueprint.post("")
def create() -> Answer:
    """Have a file written, from this page's form or from the list that it is of."""
    try:
        export = start(_wish())
    except Invalid as error:
        form = _form(error.errors)
        return render_template("exports/index.html", **_list(), **form), 422
    except Conflict as error:
        flash(error.detail, "warning")
        return go_to("/app/exports")
    return go_to(f"/app/exports/{export.id}")


@blueprint.get("/<int:export_id>")
def show(export_id: int) -> str:
    """How far it is; when it is ready, the download."""
    export = exports.get_export(workspace_id(), export_id, user_id=only_own())
    return render("exports/show.html", "exports/_export.html", export=export)


@blueprint.get("/<int:export_id>/file")
def content(export_id: int) -> Response:
    """The file; a download that broke off goes on."""
    return file_answer(exports.get_export(workspace_id(), export_id, user_id=only_own()))


@blueprint.post("/<int:export_id>/delete")
def delete(export_id: int) -> Answer:
    """Forget it, also while it is being written."""
    exports.delete_export(workspace_id(), export_id, user_id=only_own())
    flash("The export was deleted.", "success")
    return go_to("/app/exports")


def _list() -> dict[str, Any]:
    page = exports.list_exports(workspace_id(), user_id=only_own(), cursor=request.args.get("cursor"), limit=PAGE)
    return {"page": page, "is_first": not request.args.get("cursor")}


def _form(errors: dict[str, Any]) -> dict[str, Any]:
    """The form as it was typed, or for the last 30 days."""
    period = reports.period_of(actor().workspace)
    typed = {
        "kind": request.form.get("kind", "costs"),
        "format": request.form.get("format", "xlsx"),
        "from": request.form.get("from", period.first.isoformat()),
        "to": request.form.get("to", period.last.isoformat()),
    }
    kinds = [
        (ExportKind.COSTS, "Costs", "by day, number, broadcast and country"),
        (ExportKind.MESSAGES, "Messages", "each one, in and out"),
        (ExportKind.CONTACTS, "Contacts", "all of them, whatever the days"),
    ]
    return {
        "form": typed,
        "errors": errors,
        "kinds": [kind for kind in kinds if actor().may(exports.LEAST_ROLE[kind[0]])],
    }


def _wish() -> Wish:
    form = request.form
    try:
        kind, wanted = ExportKind(form.get("kind", "")), ExportFormat(form.get("format", "xlsx"))
    except ValueError:
        raise Invalid({"kind": "Choose what to export."}) from None
    number = form.get("broadcast_id", "")
    filters: dict[str, Any] = {name: form.get(name) for name in _TEXTS}
    filters["broadcast_id"] = int(number) if number.isdecimal() and len(number) <= _LONGEST_ID else None
    return Wish(kind, wanted, filters | {"first": _day("from"), "last": _day("to")})


def _day(name: str) -> date | None:
    text = request.form.get(name, "").strip()
    try:
        return date.fromisoformat(text) if text else None
    except ValueError:
        raise Invalid({name: "Give a day as year-month-day, such as 2026-11-26."}) from None
