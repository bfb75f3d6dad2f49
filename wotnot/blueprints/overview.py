"""The overview: how it goes, what comes next, what needs a hand. Before the first message: how to get there."""

from typing import Any

from flask import Blueprint, Flask, flash, redirect, render_template, request
from werkzeug.wrappers import Response

from wotnot import clock
from wotnot.blueprints import overview_views as views
from wotnot.blueprints.guards import actor, guard_pages, requires, workspace_id
from wotnot.blueprints.overview_detail import detail_of
from wotnot.blueprints.overview_ranges import PRESETS, Range, preset_query, range_of
from wotnot.errors import Invalid
from wotnot.models import BroadcastState, Role
from wotnot.services import (
    broadcast_reports,
    budgets,
    channels,
    first_steps,
    limit_uses,
    recounts,
    reports,
    template_families,
)
from wotnot.services.broadcast_reports import BroadcastSummary
from wotnot.services.channel_words import limit_words
from wotnot.services.tallies import BroadcastCounts
from wotnot.services.zones import begin_sentence, in_zone, say_moment, zone_name

blueprint = Blueprint("overview", __name__, url_prefix="/app")
guard_pages(blueprint)

_SENDING = (BroadcastState.EXPANDING, BroadcastState.SENDING)
_RECENT = 5
NEXT_STEP = {
    "number": ("Next: a number to send from.", "Connect a number", "/app/channels/new"),
    "contacts": ("Next: the people to write to.", "Import a file", "/app/imports/new"),
    "template": ("Next: a message that Meta approves.", "Write a template", "/app/templates/new"),
    "test": ("Next: see it on one phone first.", "Choose whom to send it to", "/app/contacts"),
    "broadcast": ("Next: send it to everybody.", "Prepare a broadcast", "/app/broadcasts/new"),
}


def register(app: Flask) -> None:
    """Put the overview at /app/."""
    app.register_blueprint(blueprint)


@blueprint.context_processor
def _words() -> dict[str, object]:
    return {"limit_words": limit_words, "say": _say, "begin_sentence": begin_sentence}


@blueprint.get("/")
def index() -> Any:
    """The overview, or the first steps while nothing was ever sent."""
    try:
        chosen = range_of(actor().workspace)
    except Invalid as error:
        return render_template("overview/wrong_days.html", errors=error.errors, **_choices(None)), 422
    report = reports.analyse(workspace_id(), chosen.period)
    is_new = not report.total.funnel["audience"] and not reports.has_sent_messages(workspace_id())
    if is_new and not actor().workspace.hides_first_steps:
        return render_template("overview/first_steps.html", **_first_steps())
    numbers = channels.list_channels(workspace_id())
    return render_template(
        "overview/index.html",
        **_choices(chosen) | _numbers(report.total, chosen) | detail_of(actor().workspace, chosen, report),
        recent=_recent(),
        now_words=_now_words(),
        next_broadcasts=reports.list_next_broadcasts(workspace_id()),
        channels=numbers,
        limit_uses=limit_uses.find_uses([one.id for one in numbers]),
        templates=template_families.count_families(workspace_id()),
        budget=budgets.find_state(workspace_id()),
        recount=recounts.find_difference(workspace_id()),
        **_steps_left(),
    )


@blueprint.post("/first-steps/hide")
@requires(Role.ADMIN)
def hide_first_steps() -> Response:
    """Show the numbers at once; the steps come back no more."""
    first_steps.hide(workspace_id())
    flash("The first steps are hidden.", "success")
    return redirect("/app/")


@blueprint.get("/_numbers")
def numbers() -> str:
    """The cards on top, again while something is being sent."""
    chosen = range_of(actor().workspace)
    counts = reports.count_messages(workspace_id(), chosen.period)
    return render_template("overview/_numbers.html", **_numbers(counts, chosen))


@blueprint.get("/_detail")
def detail() -> str:
    """The charts and tables below them, again while something is being sent."""
    chosen = range_of(actor().workspace)
    report = reports.analyse(workspace_id(), chosen.period)
    return render_template("overview/_detail.html", **detail_of(actor().workspace, chosen, report))


@blueprint.get("/_recent")
def recent() -> str:
    """The newest broadcasts, again while something is being sent."""
    return render_template("overview/_recent.html", recent=_recent())


@blueprint.get("/_sending")
def sending() -> str:
    """What is being sent right now, for the foot of the sidebar."""
    page = broadcast_reports.list_broadcasts(workspace_id(), states=_SENDING, limit=3)
    items = [
        {
            "id": one.broadcast.id,
            "name": one.broadcast.name,
            "percent": broadcast_reports.progress_of(one.broadcast, one.counts).percent,
        }
        for one in page.items
    ]
    return render_template("_sending.html", sending_now=items)


def _choices(chosen: Range | None) -> dict[str, Any]:
    """What the menu of periods shows."""
    today = reports.today_in(actor().workspace)
    return {
        "chosen": chosen,
        "presets": [(name, words, preset_query(name)) for name, words in PRESETS.items()],
        "range_from": chosen.period.first.isoformat() if chosen else request.args.get("from", ""),
        "range_to": chosen.period.last.isoformat() if chosen else request.args.get("to", ""),
        "today": today.isoformat(),
    }


def _numbers(counts: BroadcastCounts, chosen: Range) -> dict[str, Any]:
    before = reports.count_messages(workspace_id(), chosen.before)
    return {
        "query": chosen.query,
        "counts": counts,
        "sent": views.sent_kpi(counts, before, chosen.before_words),
        "delivered": views.share_kpi("delivered", "accepted", counts, before),
        "read": views.share_kpi("read", "delivered", counts, before),
        "replied": views.share_kpi("replied", "delivered", counts, before),
    }


def _recent() -> list[BroadcastSummary]:
    return broadcast_reports.list_broadcasts(workspace_id(), limit=_RECENT).items


def _first_steps() -> dict[str, Any]:
    """Which of the steps to a first broadcast are done; the first that is not is the current one."""
    steps = first_steps.find(workspace_id())
    numbers = channels.list_channels(workspace_id())
    drafts = broadcast_reports.list_broadcasts(workspace_id(), limit=1).items
    return {
        "greeting": views.greeting(in_zone(clock.now(), actor().workspace.timezone), actor().user.name),
        "done": steps.done,
        "current": steps.current,
        "number": numbers[0] if numbers else None,
        "people": steps.people,
        "templates": steps.templates,
        "draft": drafts[0].broadcast if drafts else None,
        "is_sandbox": channels.is_sandbox(),
    }


def _steps_left() -> dict[str, Any]:
    """What the card says between the first message and the first broadcast; nothing for it once it is done or hidden."""
    if actor().workspace.hides_first_steps:
        return {"steps": None}
    steps = first_steps.find(workspace_id())
    if steps.done["broadcast"]:
        return {"steps": None}
    words, act, url = NEXT_STEP[steps.current]
    return {"steps": steps, "next_words": words, "next_act": act, "next_url": url}


def _now_words() -> str:
    """Thursday 26 November, 09:12 in Cape Town."""
    zone = actor().workspace.timezone
    return f"{in_zone(clock.now(), zone):%A %-d %B, %H:%M} in {zone_name(zone)}"


def _say(moment: Any) -> str:
    return say_moment(moment, actor().workspace.timezone, clock.now()) if moment else ""
