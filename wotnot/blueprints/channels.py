"""Numbers: the list, connecting one, and the page of each."""

from collections.abc import Callable, Mapping

from flask import Blueprint, Flask, flash, render_template, request
from marshmallow import EXCLUDE, Schema, ValidationError, fields
from werkzeug.wrappers import Response

from wotnot.blueprints.broadcast_views import time_words
from wotnot.blueprints.channel_history import CARD_SIZE
from wotnot.blueprints.form_errors import errors_of
from wotnot.blueprints.guards import actor, guard_pages, page_timezone, requires, workspace_id
from wotnot.blueprints.htmx import go_to, is_htmx, render
from wotnot.errors import Conflict, Invalid, Unavailable
from wotnot.models import Role
from wotnot.services import channel_history, channel_pace, channels, sandbox_number, sign_up_rows
from wotnot.services.channel_meanings import list_meanings, quality_meaning
from wotnot.services.channel_words import limit_words, pace_words, show_number

blueprint = Blueprint("channels", __name__, url_prefix="/app/channels")
guard_pages(blueprint)

Answer = str | Response | tuple[str, int]

_FIELDS = ("waba_id", "phone_number_id", "access_token", "rate_per_second")


class RateSchema(Schema):
    """The rate of a number."""

    class Meta:
        """Forms carry a CSRF token too."""

        unknown = EXCLUDE

    rate_per_second = fields.Integer(
        required=True, error_messages={"invalid": "Enter a whole number.", "required": "Enter a whole number."}
    )


def register(app: Flask) -> None:
    """Put the pages under /app/channels."""
    app.register_blueprint(blueprint)


@blueprint.context_processor
def _words() -> dict[str, object]:
    pace = {
        "pace_of": channel_pace.pace_of,
        "is_slowed": channel_pace.is_slowed,
        "slowed_words": channel_pace.SLOWED,
    }
    said = {"meanings_of": list_meanings, "quality_meaning": quality_meaning}
    return {"limit_words": limit_words, "pace_words": pace_words, **pace, **said, **time_words(page_timezone())}


@blueprint.get("")
def index() -> str:
    """Every number with its state."""
    callback_url, _ = channels.webhook_settings()
    found = channels.list_channels(workspace_id())
    facts = {"channels": found, "accounts": len({one.waba_id for one in found}), "callback_url": callback_url}
    recent = [] if is_htmx() else channel_history.list_recent(workspace_id())
    unfinished = sign_up_rows.list_unfinished(workspace_id()) if actor().may(Role.ADMIN) and not is_htmx() else []
    return render("channels/index.html", "channels/_list.html", recent=recent, unfinished=unfinished, **facts)


@blueprint.get("/new")
@requires(Role.ADMIN)
def new() -> str:
    """The empty form."""
    return _connect_page({"rate_per_second": ""}, {})


@blueprint.post("/new")
@requires(Role.ADMIN)
def connect() -> Answer:
    """Ask Meta and show what it says; with `step=connect` connect the number as well."""
    values = {name: request.form.get(name, "").strip() for name in _FIELDS}
    details = {name: values[name] for name in ("waba_id", "phone_number_id", "access_token")}
    try:
        if request.form.get("step") == "connect":
            rate = _typed_rate(values["rate_per_second"]) if values["rate_per_second"] else None
            channel = channels.connect_channel(workspace_id(), **details, rate_per_second=rate)
            flash(
                f"{show_number(channel.display_phone_number)} is connected. Its templates are on their way.", "success"
            )
            return go_to(f"/app/channels/{channel.id}")
        return _connect_page(values, {}, facts=channels.check_number(**details))
    except (Invalid, Conflict, Unavailable, ValidationError) as error:
        return _connect_page(values, errors_of(error)), 422


@blueprint.post("/sandbox")
@requires(Role.ADMIN)
def connect_sandbox() -> Answer:
    """Connect a number of the sandbox."""
    return _act(
        lambda: sandbox_number.connect_sandbox(workspace_id()),
        "The sandbox number is connected. What you send appears on the customer’s phone.",
        "/app/channels",
    )


@blueprint.get("/<int:channel_id>")
def show(channel_id: int) -> str:
    """One number: what Meta says about it, its rate, its token."""
    return _channel_page(channel_id, {})


@blueprint.get("/<int:channel_id>/_pace")
def pace(channel_id: int) -> str:
    """What a rate means, while it is being typed."""
    channel = channels.get_channel(workspace_id(), channel_id)
    typed = request.args.get("rate_per_second", type=int) or channel.rate_per_second
    return render_template("channels/_pace.html", rate=max(channels.MIN_RATE, min(typed, channels.MAX_RATE)))


@blueprint.post("/<int:channel_id>/rate")
@requires(Role.ADMIN)
def change_rate(channel_id: int) -> Answer:
    """Set how fast the number sends."""
    try:
        rate = _typed_rate(request.form.get("rate_per_second", ""))
        channels.update_rate(workspace_id(), channel_id, rate)
    except (Invalid, ValidationError) as error:
        return _channel_page(channel_id, errors_of(error), rate=request.form.get("rate_per_second", "")), 422
    flash(f"This number now sends up to {rate:,} messages a second.", "success")
    return go_to(f"/app/channels/{channel_id}")


@blueprint.post("/<int:channel_id>/token")
@requires(Role.ADMIN)
def replace_token(channel_id: int) -> Answer:
    """Give the number a new token."""
    try:
        channels.replace_token(workspace_id(), channel_id, request.form.get("access_token", ""))
    except (Invalid, Unavailable) as error:
        return _channel_page(channel_id, errors_of(error)), 422
    flash("The token is replaced.", "success")
    return go_to(f"/app/channels/{channel_id}")


@blueprint.post("/<int:channel_id>/refresh")
@requires(Role.ADMIN)
def refresh(channel_id: int) -> Answer:
    """Ask Meta again."""
    return _act(
        lambda: channels.refresh_channel(workspace_id(), channel_id),
        "Asked Meta just now.",
        f"/app/channels/{channel_id}",
    )


@blueprint.post("/<int:channel_id>/remove")
@requires(Role.ADMIN)
def remove(channel_id: int) -> Answer:
    """Stop using the number; its history stays."""
    try:
        channels.remove_channel(workspace_id(), channel_id)
    except Conflict as error:
        flash(error.detail, "error")
        return go_to(f"/app/channels/{channel_id}")
    flash("The number is removed. Its messages are still in your reports.", "success")
    return go_to("/app/channels")


def _typed_rate(typed: str) -> int:
    """What was typed as a rate. Raises ValidationError."""
    rate: int = RateSchema().load({"rate_per_second": typed.strip()})["rate_per_second"]
    return rate


def _act(act: Callable[[], object], done: str, where: str) -> Response:
    """Do something that Meta may refuse, and say on the page `where` how it went."""
    try:
        act()
        flash(done, "success")
    except (Invalid, Conflict, Unavailable) as error:
        flash(error.detail, "error")
    return go_to(where)


def _connect_page(values: Mapping[str, str], errors: Mapping[str, list[str]], facts: object = None) -> str:
    callback_url, verify_token = channels.webhook_settings()
    return render_template(
        "channels/new.html",
        values=values,
        errors=errors,
        facts=facts,
        callback_url=callback_url,
        verify_token=verify_token,
    )


def _channel_page(channel_id: int, errors: Mapping[str, list[str]], rate: str | None = None) -> str:
    channel = channels.get_channel(workspace_id(), channel_id)
    callback_url, verify_token = channels.webhook_settings()
    return render(
        "channels/show.html",
        "channels/_facts.html",
        channel=channel,
        history=channel_history.list_history(workspace_id(), channel_id, limit=CARD_SIZE),
        errors=errors,
        rate=channel.rate_per_second if rate is None else rate,
        callback_url=callback_url,
        verify_token=verify_token,
    )
