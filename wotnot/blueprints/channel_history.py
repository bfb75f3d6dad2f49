"""What changed about numbers, for people: who said so, from what to what, and what it means."""

from flask import Blueprint, Flask, render_template, request

from wotnot.blueprints.broadcast_views import time_words
from wotnot.blueprints.guards import guard_pages, page_timezone, workspace_id
from wotnot.blueprints.history_lines import HistoryLine
from wotnot.blueprints.htmx import render
from wotnot.models import ChannelEvent, ChannelFact, ChannelState, ToldBy
from wotnot.services import channel_history, channels
from wotnot.services.channel_meanings import (
    NAME_STATUSES,
    QUALITY_WORDS,
    THROUGHPUT,
    notice_meaning,
    quality_meaning,
)
from wotnot.services.channel_words import limit_words
from wotnot.services.messaging_limits import limit_of

blueprint = Blueprint("channel_history", __name__, url_prefix="/app/channels")
guard_pages(blueprint)

PAGE_SIZE, CARD_SIZE = 20, 5
_FAMILIES = {"GREEN": "ok", "YELLOW": "warn", "RED": "bad"}
_TELLERS = {
    ToldBy.WEBHOOK: "told by Meta",
    ToldBy.REFRESH: "noticed when Meta was asked",
    ToldBy.SENDING: "noticed while sending",
    ToldBy.PERSON: "here in WotNot",
}


def register(app: Flask) -> None:
    """Put the pages under /app/channels; templates get `number_line` and `number_teller`."""
    app.register_blueprint(blueprint)
    app.jinja_env.globals["number_line"] = line_of
    app.jinja_env.globals["number_teller"] = lambda event: _TELLERS[event.told_by]


@blueprint.context_processor
def _words() -> dict[str, object]:
    return {**time_words(page_timezone())}


@blueprint.get("/<int:channel_id>/history")
def show(channel_id: int) -> str:
    """Everything that changed; as a fragment the last few, for the number's own page."""
    channel = channels.get_channel(workspace_id(), channel_id)
    is_card = "card" in request.args
    history = channel_history.list_history(
        workspace_id(), channel_id, cursor=request.args.get("cursor"), limit=CARD_SIZE if is_card else PAGE_SIZE
    )
    facts = {"channel": channel, "history": history, "is_whole": not is_card}
    return render("channels/history.html", "channels/_history.html", **facts)


@blueprint.get("/recent")
def recent() -> str:
    """What changed lately on all numbers, below their list."""
    return render_template("channels/_recent.html", recent=channel_history.list_recent(workspace_id()))


def line_of(event: ChannelEvent) -> HistoryLine:
    """What a change says."""
    if event.fact is ChannelFact.QUALITY:
        before, after = (QUALITY_WORDS.get(word, "not known") for word in (event.before, event.after))
        family = _FAMILIES.get(event.after, "mute")
        return HistoryLine("shield", family, f"Quality went from {before} to {after}", quality_meaning(event.after))
    if event.fact is ChannelFact.NOTICE:
        title, family, what_to_do = notice_meaning(event.after)
        return HistoryLine("speakerphone", family, title, _joined(event.reason, what_to_do))
    if event.fact is ChannelFact.STATE:
        return _state_line(event)
    return _fact_line(event)


def _fact_line(event: ChannelEvent) -> HistoryLine:
    if event.fact is ChannelFact.LIMIT:
        rose = (limit_of(event.after) or 10**9) > (limit_of(event.before) or 10**9)
        words = f"from {limit_words(event.before)} to {limit_words(event.after)}".replace("No limit", "no limit")
        return HistoryLine("users", "ok" if rose else "warn", f"New conversations went {words}")
    if event.fact is ChannelFact.THROUGHPUT:
        before, after = (THROUGHPUT.get(word, (word, ""))[0].lower() for word in (event.before, event.after))
        family = "ok" if event.after == "HIGH" else "warn"
        return HistoryLine("gauge", family, f"Throughput went from {before} to {after}")
    if event.fact is ChannelFact.NAME:
        return HistoryLine("id-badge-2", "info", f"Name changed from “{event.before}” to “{event.after}”")
    word, family, note = NAME_STATUSES.get(event.after, (event.after, "mute", ""))
    return HistoryLine("id-badge-2", family or "mute", f"Display name: {word.lower()}", _joined(event.reason, note))


def _state_line(event: ChannelEvent) -> HistoryLine:
    if event.after == ChannelState.REMOVED:
        return HistoryLine("plug-off", "mute", "Removed")
    if event.after == ChannelState.STOPPED:
        return HistoryLine("plug-connected-x", "bad", "It cannot send", event.reason)
    if event.before == ChannelState.STOPPED:
        return HistoryLine("plug-connected", "ok", "It can send again", event.reason)
    is_first = event.before in {"", ChannelState.REMOVED}
    return HistoryLine("plug-connected", "ok", "Connected" if is_first else "Its state changed", event.reason)


def _joined(*sentences: str) -> str:
    """Meta's reason and our advice, as sentences."""
    return " ".join(f"{sentence.rstrip('.')}." for sentence in sentences if sentence)
