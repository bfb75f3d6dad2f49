"""Broadcasts: the list, the page of each while it is sent and afterwards, and what can be done with it."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any
from urllib.parse import urlencode

from flask import Blueprint, Flask, Response, abort, flash, render_template, request, stream_with_context
from werkzeug.wrappers import Response as BaseResponse

from wotnot.blueprints import broadcast_wizard
from wotnot.blueprints.broadcast_costs import cost_of_report
from wotnot.blueprints.broadcast_facets import count_listed, countries_of, facets_of
from wotnot.blueprints.broadcast_views import (
    STATE_TABS,
    can,
    count_messages,
    first_open_step,
    funnel_rows,
    held_words,
    progress_parts,
    recipient_tabs,
    recipient_words,
    time_words,
    times_of,
)
from wotnot.blueprints.guards import actor, guard_pages, page_timezone, requires, workspace_id
from wotnot.blueprints.htmx import go_to, render
from wotnot.errors import Conflict, Invalid
from wotnot.models import Broadcast, BroadcastState, Role
from wotnot.services import (
    broadcast_copies,
    broadcast_csv,
    broadcast_lateness,
    broadcast_reports,
    broadcasts,
    follow_ups,
    holds,
    message_templates,
    quality_guard,
    recipients,
    segment_audience,
)
from wotnot.services.broadcast_messages import MessageTexts
from wotnot.services.pricing.markets import country_name
from wotnot.services.quiet_rows import their_zones
from wotnot.services.recipient_countries import read_country
from wotnot.services.recipients import Recipient
from wotnot.services.tallies import BroadcastCounts
from wotnot.services.template_wordings import Wordings, read_wordings

blueprint = Blueprint("broadcasts", __name__, url_prefix="/app/broadcasts")
guard_pages(blueprint)

Answer = str | BaseResponse | tuple[str, int]

PAGE = 25


@dataclass(frozen=True, slots=True)
class Question:
    """A dialog before something that cannot be undone: both answers say what they do."""

    title: str
    text: str
    safe: str
    act: str
    busy: str
    fields: Mapping[str, str]
    is_danger: bool = True


def register(app: Flask) -> None:
    """Put the pages under /app/broadcasts, the wizard's among them."""
    broadcast_wizard.register(app)
    app.register_blueprint(blueprint)


@blueprint.context_processor
def _words() -> dict[str, object]:
    timezone = page_timezone()
    return {"can": can, "times_of": lambda one: times_of(one, timezone), **time_words(timezone), **recipient_words()}


@blueprint.get("")
def index() -> str:
    """Every broadcast, by state, with search; the first page follows along live."""
    tab = request.args.get("state", "all")
    search = request.args.get("search", "").strip()
    if tab not in STATE_TABS:
        raise Invalid({"state": f"Choose one of {', '.join(STATE_TABS)}."})
    page = broadcast_reports.list_broadcasts(
        workspace_id(),
        states=STATE_TABS[tab].states,
        search=search,
        cursor=request.args.get("cursor"),
        limit=PAGE,
    )
    return render(
        "broadcasts/index.html",
        "broadcasts/_list.html",
        page=page,
        counts=broadcast_reports.count_by_state(workspace_id()),
        tabs=STATE_TABS,
        tab=tab,
        search=search,
        progress_of=broadcast_reports.progress_of,
        url_with=_url_with,
        is_first=not request.args.get("cursor"),
    )


@blueprint.get("/<int:broadcast_id>")
def show(broadcast_id: int) -> Answer:
    """How a broadcast is doing; a draft opens in the wizard."""
    broadcast = broadcasts.get_broadcast(workspace_id(), broadcast_id)
    if broadcast.state is BroadcastState.DRAFT:
        return go_to(first_open_step(broadcast))
    question = None
    if asked := request.args.get("confirm"):
        question = _question(broadcast, asked)
    counts = _counts_of(broadcast)
    context = _summary(broadcast, counts) | _recipients(broadcast, counts)
    return render_template("broadcasts/show.html", **context, question=question, asked=asked)


@blueprint.get("/<int:broadcast_id>/_progress")
def progress(broadcast_id: int) -> str:
    """The head, the progress, the funnel and the failures: what is fetched again while it is sent."""
    broadcast = broadcasts.get_broadcast(workspace_id(), broadcast_id)
    return render_template("broadcasts/_progress.html", **_summary(broadcast, _counts_of(broadcast)))


@blueprint.get("/<int:broadcast_id>/recipients")
def recipient_list(broadcast_id: int) -> Answer:
    """The recipients only, as a fragment; a browser that asks for it gets the whole page."""
    broadcast = broadcasts.get_broadcast(workspace_id(), broadcast_id)
    return render(
        "broadcasts/recipients.html", "broadcasts/_recipients.html", **_recipients(broadcast, _counts_of(broadcast))
    )


@blueprint.get("/<int:broadcast_id>/countries")
def countries(broadcast_id: int) -> str:
    """Every country that it went to; the report shows the largest."""
    broadcast = broadcasts.get_broadcast(workspace_id(), broadcast_id)
    cost = cost_of_report(broadcast)
    shown = countries_of(broadcast, cost["cost_currency"])
    return render_template("broadcasts/countries.html", broadcast=broadcast, **cost | shown)


@blueprint.get("/<int:broadcast_id>/report.csv")
def report(broadcast_id: int) -> Response:
    """Every recipient with state, reason and times, streamed."""
    broadcast = broadcasts.get_broadcast(workspace_id(), broadcast_id)
    lines = broadcast_csv.stream_report(broadcast)
    response = Response(stream_with_context(lines), mimetype="text/csv")
    response.headers["Content-Disposition"] = f'attachment; filename="broadcast-{broadcast_id}.csv"'
    return response


@blueprint.get("/<int:broadcast_id>/_confirm/<asked>")
@requires(Role.ADMIN)
def confirm(broadcast_id: int, asked: str) -> str:
    """The dialog before `asked`, with the numbers of this moment."""
    broadcast = broadcasts.get_broadcast(workspace_id(), broadcast_id)
    return render_template(
        "broadcasts/_confirm.html", broadcast=broadcast, asked=asked, question=_question(broadcast, asked)
    )


@blueprint.post("/<int:broadcast_id>/pause")
@requires(Role.ADMIN)
def pause(broadcast_id: int) -> Answer:
    """Stop for now."""
    return _act(broadcast_id, broadcasts.pause_broadcast, "Paused. Nothing more is sent until you resume.")


@blueprint.post("/<int:broadcast_id>/resume")
@requires(Role.ADMIN)
def resume(broadcast_id: int) -> Answer:
    """Go on."""
    return _act(broadcast_id, partial(broadcasts.resume_broadcast, **_despite()), "Sending goes on.", asks="resume")


@blueprint.post("/<int:broadcast_id>/cancel")
@requires(Role.ADMIN)
def cancel(broadcast_id: int) -> Answer:
    """End it for good."""
    return _act(broadcast_id, broadcasts.cancel_broadcast, "Cancelled. What was on its way already keeps its receipts.")


@blueprint.post("/<int:broadcast_id>/start")
@requires(Role.ADMIN)
def start(broadcast_id: int) -> Answer:
    """Send a scheduled one now."""
    return _act(broadcast_id, partial(broadcasts.start_broadcast, **_despite()), "Sending starts now.", asks="start")


@blueprint.post("/<int:broadcast_id>/reopen")
@requires(Role.ADMIN)
def reopen(broadcast_id: int) -> Answer:
    """Take a scheduled or failed one back into the wizard."""
    try:
        broadcasts.reopen_broadcast(workspace_id(), broadcast_id)
    except Conflict as error:
        flash(error.detail, "warning")
        return go_to(f"/app/broadcasts/{broadcast_id}")
    return go_to(f"/app/broadcasts/{broadcast_id}/audience")


@blueprint.post("/<int:broadcast_id>/retry")
@requires(Role.ADMIN)
def retry(broadcast_id: int) -> Answer:
    """One more attempt for the failed or the unknown."""
    scope = request.form.get("scope", "failed")
    act = partial(broadcasts.retry_broadcast, scope=scope, **_despite())
    return _act(broadcast_id, act, "Queued again: {}.", asks="retry" if scope == "failed" else "retry-unknown")


@blueprint.post("/<int:broadcast_id>/copy")
@requires(Role.ADMIN)
def copy(broadcast_id: int) -> Answer:
    """A draft like this one; nothing is sent."""
    draft = broadcast_copies.copy_broadcast(workspace_id(), broadcast_id, user_id=actor().user.id)
    flash("This is the copy. Nothing is sent before you say so.", "success")
    return go_to(first_open_step(draft))


@blueprint.post("/<int:broadcast_id>/follow-up")
@requires(Role.ADMIN)
def follow_up(broadcast_id: int) -> Answer:
    """A draft to some of those whom it went to: `who` did not read it, and so on."""
    try:
        draft = follow_ups.start_follow_up(
            workspace_id(), broadcast_id, request.form.get("who", ""), user_id=actor().user.id
        )
    except (Conflict, Invalid) as error:
        flash(error.detail, "warning")
        return go_to(f"/app/broadcasts/{broadcast_id}")
    return go_to(f"/app/broadcasts/{draft.id}/audience")


@blueprint.post("/<int:broadcast_id>/delete")
@requires(Role.ADMIN)
def delete(broadcast_id: int) -> Answer:
    """Delete a draft."""
    broadcasts.delete_broadcast(workspace_id(), broadcast_id)
    flash("The draft was deleted.", "success")
    return go_to("/app/broadcasts")


@blueprint.post("/<int:broadcast_id>/rename")
@requires(Role.ADMIN)
def rename(broadcast_id: int) -> Answer:
    """Give it another name."""
    try:
        broadcasts.rename_broadcast(workspace_id(), broadcast_id, request.form.get("name", ""))
    except Invalid as error:
        flash(error.detail, "warning")
    return go_to(f"/app/broadcasts/{broadcast_id}")


def _despite() -> dict[str, bool]:
    """Whether somebody has confirmed in the dialog that it goes though Meta rates the number low."""
    return {"despite_quality": bool(request.form.get("despite_quality"))}


def _act(broadcast_id: int, service: Callable[..., Any], words: str, *, asks: str = "") -> Answer:
    """Do it and go back to the page; a state that moved on meanwhile is said there, not an error page.

    `asks` is the dialog for what is done only after a confirmation.
    """
    try:
        done = service(workspace_id(), broadcast_id)
        flash(words.format(count_messages(done)) if "{}" in words else words, "success")
    except (Conflict, Invalid) as error:
        if asks and error.code == quality_guard.LOW_QUALITY:
            return go_to(f"/app/broadcasts/{broadcast_id}?confirm={asks}")
        flash(error.detail, "warning")
    return go_to(f"/app/broadcasts/{broadcast_id}")


def _counts_of(broadcast: Broadcast) -> BroadcastCounts:
    return broadcast_reports.summarise([broadcast])[0].counts


def _summary(broadcast: Broadcast, counts: BroadcastCounts) -> dict[str, object]:
    waiting = holds.find_waiting(broadcast, counts)
    progress = broadcast_reports.progress_of(broadcast, counts, waiting)
    return {
        "waiting": waiting,
        "broadcast": broadcast,
        "counts": counts,
        "progress": progress,
        "is_held": broadcast_lateness.is_held(broadcast),
        "parts": progress_parts(counts),
        "funnel": funnel_rows(broadcast, counts),
        "failures": broadcast_reports.cause_lines(counts, "failed"),
        "skips": broadcast_reports.cause_lines(counts, "skipped"),
        "languages": [] if broadcast.one_language else broadcast_reports.list_languages(broadcast),
        "audience_words": segment_audience.say_audience(broadcast),
        "has_segment": "segment_id" in broadcast.audience and not segment_audience.is_missing(broadcast)[0],
        "follow_ups": follow_ups.list_follow_ups(broadcast, counts),
        "is_live": broadcast.state in broadcast_reports.LIVE_STATES or counts.funnel["attempted"] > 0,
        **_money_and_facets(broadcast),
    }


def _money_and_facets(broadcast: Broadcast) -> dict[str, object]:
    cost = cost_of_report(broadcast)
    return cost | facets_of(broadcast, cost["cost_currency"])


def _recipients(broadcast: Broadcast, counts: BroadcastCounts) -> dict[str, object]:
    view, search = request.args.get("state", "all"), request.args.get("search", "").strip()
    cause, asked = request.args.get("cause"), request.args.get("country", "").strip()
    country = read_country(asked)
    page = recipients.list_recipients(
        workspace_id(),
        broadcast.id,
        view=view,
        cause=cause,
        country=asked,
        search=search,
        cursor=request.args.get("cursor"),
        limit=PAGE,
    )
    texts = MessageTexts(broadcast, _wordings_of(broadcast, page.items))
    zones = their_zones(workspace_id(), page_timezone())
    return {
        "held_words": lambda one: held_words(one, zones),
        "broadcast": broadcast,
        "recipients": [(one, texts.line_for(one), texts.reason_for(one)) for one in page.items],
        "recipient_page": page,
        "recipient_tabs": recipient_tabs(broadcast.id, counts, view, {"search": search, "country": asked}),
        "recipient_counts": counts,
        "listed_total": _listed_total(broadcast, counts, view, country) if cause is None and not search else None,
        "view": view,
        "cause": cause,
        "cause_title": broadcast_reports.cause_words(cause)[0] if cause is not None else "",
        "country": asked,
        "country_title": country_name(country) if country is not None else "",
        "search": search,
        "follows": not request.args.get("cursor") and not search and country is None,
        "url_with": _url_with,
    }


def _listed_total(broadcast: Broadcast, counts: BroadcastCounts, view: str, country: str | None) -> int | None:
    """How many there are of whom the list shows a page, where that is known."""
    if country is not None:
        return count_listed(broadcast, view, country)
    return sum(counts.states.values()) if view == "all" else None


def _wordings_of(broadcast: Broadcast, rows: Sequence[Recipient]) -> Wordings:
    """What the templates said that these people got: the broadcast's own and its translations."""
    others = {one.template_id for one in rows if one.template_id} - {broadcast.template_id}
    own = [broadcast.template] if broadcast.template else []
    return read_wordings([*own, *message_templates.list_by_ids(workspace_id(), others)])


def _question(broadcast: Broadcast, asked: str) -> Question:
    """The dialog for `asked`. A name that there is no dialog for is no page."""
    counts = _counts_of(broadcast)
    waiting, gone = counts.states["queued"], counts.funnel["attempted"]
    failed, unknown = counts.states["failed"], counts.states["unknown"]
    questions = {
        "cancel": Question(
            f"Cancel the remaining {count_messages(waiting)}?" if waiting else "Cancel this broadcast?",
            f"{count_messages(gone)} left already and keep receiving receipts. The rest is not sent, and cannot be resumed."
            if gone
            else "Nothing was sent yet. It cannot be started again.",
            "Keep it" if not gone else "Keep sending",
            f"Cancel {count_messages(waiting)}" if waiting else "Cancel the broadcast",
            "Cancelling",
            {},
        ),
        "retry": Question(
            f"Send to the {failed:,} failed once more?",
            "Everybody whose last attempt failed gets one new attempt. People who opted out meanwhile are left out.",
            "Leave them",
            f"Retry up to {count_messages(failed)}",
            "Queueing",
            {"scope": "failed"},
            is_danger=False,
        ),
        "retry-unknown": Question(
            f"Send to the {unknown:,} unknown once more?",
            "The connection broke while sending to them, and no receipt came since. Some of them may have got the message: "
            "they would get it twice.",
            "Wait for receipts",
            f"Send {unknown:,} again",
            "Queueing",
            {"scope": "unknown"},
        ),
        "start": Question(
            "Send it all the same?", "Nothing of it was sent yet.", "Do not send", "Send now", "Starting", {}
        ),
        "resume": Question("Go on all the same?", "The rest of it waits.", "Keep it paused", "Go on", "Resuming", {}),
    }
    if asked not in questions:
        abort(404)
    question = questions[asked]
    return _with_low_quality(question) if asked != "cancel" and quality_guard.is_low(broadcast) else question


def _with_low_quality(question: Question) -> Question:
    """Asked of marketing from a number that Meta rates low: the answer confirms that it goes all the same."""
    return replace(
        question,
        text=f"{quality_guard.RISK} {question.text}",
        fields={**question.fields, "despite_quality": "1"},
        is_danger=True,
    )


def _url_with(path: str, **changes: object) -> str:
    """`path` with this request's filters, some of them changed; empty ones fall away, and the cursor always does."""
    kept = {name: value for name, value in request.args.items() if name in {"state", "search", "cause", "country"}}
    query = {name: value for name, value in {**kept, **changes}.items() if value not in {None, ""}}
    return f"{path}?{urlencode(query)}" if query else path
