"""What each number of the overview is made of: the lists behind it, of the same days, and the whole of what its tables begin."""

from urllib.parse import urlencode

from flask import Blueprint, Flask, abort, render_template, request

from wotnot import clock
from wotnot.blueprints import overview_views as views
from wotnot.blueprints.broadcast_views import recipient_words
from wotnot.blueprints.guards import actor, guard_pages, page_timezone, workspace_id
from wotnot.blueprints.overview_detail import table_words
from wotnot.blueprints.overview_ranges import range_of
from wotnot.services import first_answers, insights, number_lists, number_shares, reports
from wotnot.services.broadcast_reports import cause_words
from wotnot.services.number_shares import Narrowed
from wotnot.services.report_facets import WEEKDAYS
from wotnot.services.zones import say_moment

blueprint = Blueprint("overview_lists", __name__, url_prefix="/app/numbers")
guard_pages(blueprint)

PAGE_SIZE = 50
_HOURS = 24
_LONGEST_ID = 18


def register(app: Flask) -> None:
    """Put the pages at /app/numbers."""
    app.register_blueprint(blueprint)


@blueprint.context_processor
def _words() -> dict[str, object]:
    return {
        "say": lambda moment: say_moment(moment, page_timezone(), clock.now()),
        "phone_words": recipient_words()["phone_words"],
        "cause_words": cause_words,
        "people_url": views.people_url,
        "older_url": _older_url,
        "first_url": _first_url,
        "is_first": not request.args.get("cursor"),
    }


@blueprint.get("")
def shares() -> str:
    """Which broadcasts a number is made of; each leads on to its people."""
    chosen, step, narrowed = range_of(actor().workspace), _step(), _narrowed()
    whole, page = number_shares.list_shares(
        workspace_id(), chosen.period, step, narrowed, cursor=_cursor(), limit=PAGE_SIZE
    )
    return render_template(
        "overview/shares.html",
        rows=[(one, views.share_url(one, step, narrowed, chosen.query)) for one in page.items],
        page=page,
        whole=whole,
        title=views.step_title(step, whole),
        only=_only(narrowed),
        chosen=chosen,
    )


@blueprint.get("/messages")
def messages() -> str:
    """The messages of a number that were sent outside broadcasts."""
    chosen, step, narrowed = range_of(actor().workspace), _step(), _narrowed()
    page = number_lists.list_single_messages(
        workspace_id(), chosen.period, step, narrowed, cursor=_cursor(), limit=PAGE_SIZE
    )
    return render_template(
        "overview/messages.html",
        page=page,
        title=f"Outside broadcasts: {views.step_words(step)}",
        whole_url=views.number_url(chosen.query, step, **_asked(narrowed)),
        only=_only(narrowed),
        chosen=chosen,
    )


@blueprint.get("/hour")
def hour() -> str:
    """What went out in one hour of the week: a cell of the best hours."""
    chosen = range_of(actor().workspace)
    weekday, at = _number("weekday", len(WEEKDAYS)), _number("hour", _HOURS)
    (delivered, read), page = number_shares.list_hour(
        actor().workspace, chosen.period, weekday, at, cursor=_cursor(), limit=PAGE_SIZE
    )
    return render_template(
        "overview/hour.html",
        page=page,
        delivered=delivered,
        title=f"{read:,} of {delivered:,} delivered were read",
        hour_words=f"{WEEKDAYS[weekday]}s from {at:02}:00 to {(at + 1) % _HOURS:02}:00"
        + (f": {100 * read / delivered:.0f}% were read" if delivered else ""),
        chosen=chosen,
    )


@blueprint.get("/opt-outs")
def opt_outs() -> str:
    """Who opted out."""
    chosen = range_of(actor().workspace)
    whole = sum(insights.count_opt_outs(actor().workspace, chosen.period).values())
    page = number_lists.list_opt_outs(actor().workspace, chosen.period, cursor=_cursor(), limit=PAGE_SIZE)
    title = f"{whole:,} {'person' if whole == 1 else 'people'} opted out"
    return render_template("overview/opt_outs.html", page=page, title=title, chosen=chosen)


@blueprint.get("/answers")
def answers() -> str:
    """Who was answered, the longest wait first; of one colleague, or of all with a table of them."""
    chosen, user_id = range_of(actor().workspace), _user_id()
    waits, members = first_answers.summarise(workspace_id(), chosen.period.first, chosen.period.last)
    one = next((member for member in members if member.user_id == user_id), None)
    if user_id is not None:
        waits = one.waits if one else first_answers.NOBODY
    page = number_lists.list_answers(workspace_id(), chosen.period, user_id=user_id, cursor=_cursor(), limit=PAGE_SIZE)
    return render_template(
        "overview/answers.html",
        page=page,
        title=f"{waits.count:,} first {'answer' if waits.count == 1 else 'answers'}",
        waits=waits,
        member_waits=members if user_id is None else [],
        only=[one.name] if one else [],
        **table_words(chosen),
    )


@blueprint.get("/templates")
def templates() -> str:
    """Every template that was used."""
    chosen = range_of(actor().workspace)
    report = reports.analyse(workspace_id(), chosen.period)
    lines = insights.rank_templates(workspace_id(), chosen.period, report.by_template)
    title = f"{len(lines):,} {'template was' if len(lines) == 1 else 'templates were'} used"
    return render_template("overview/templates.html", league=lines, title=title, **table_words(chosen))


@blueprint.get("/causes")
def causes() -> str:
    """Every cause for which messages failed."""
    chosen = range_of(actor().workspace)
    failures = reports.analyse(workspace_id(), chosen.period).failures
    title = f"{len(failures):,} {'cause' if len(failures) == 1 else 'causes'} of failures"
    return render_template("overview/causes.html", failures=failures, title=title, **table_words(chosen))


def _step() -> str:
    step = request.args.get("what", "accepted")
    if step not in number_shares.STEPS:
        abort(404)
    return step


def _narrowed() -> Narrowed:
    """What the address narrows a number to. An empty cause is that of failures without a code."""
    template = request.args.get("template", "").replace("\x00", "") or None
    cause = request.args.get("cause")
    return Narrowed(template, None if cause is None else cause.replace("\x00", ""))


def _asked(narrowed: Narrowed) -> dict[str, str]:
    parts = {"template": narrowed.template, "cause": narrowed.cause}
    return {name: value for name, value in parts.items() if value is not None}


def _only(narrowed: Narrowed) -> list[str]:
    """What a list is narrowed to, in words."""
    cause = None if narrowed.cause is None else cause_words(narrowed.cause)[0]
    return [words for words in (narrowed.template, cause) if words]


def _number(name: str, end: int) -> int:
    typed = request.args.get(name, "")
    if not typed.isdecimal() or len(typed) > _LONGEST_ID or int(typed) >= end:
        abort(404)
    return int(typed)


def _user_id() -> int | None:
    """Whose answers are asked for; nobody has the id 0."""
    typed = request.args.get("user_id", "")
    if not typed:
        return None
    return int(typed) if typed.isdecimal() and len(typed) <= _LONGEST_ID else 0


def _cursor() -> str | None:
    return request.args.get("cursor") or None


def _older_url(cursor: str | None) -> str:
    """This page with another cursor; empty at the end of the list."""
    return f"{request.path}?{urlencode({**request.args.to_dict(), 'cursor': cursor})}" if cursor else ""


def _first_url() -> str:
    return f"{request.path}?{urlencode({name: value for name, value in request.args.items() if name != 'cursor'})}"
