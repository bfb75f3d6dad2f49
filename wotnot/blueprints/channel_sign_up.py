"""Connecting a number in Meta's own window: there, back with a code, and the steps from there to a number that sends."""

import hmac
from secrets import token_urlsafe

from flask import Blueprint, Flask, flash, redirect, render_template, request, session
from werkzeug.wrappers import Response

from wotnot.blueprints.guards import guard_pages, requires, workspace_id
from wotnot.errors import Conflict, DomainError, Invalid
from wotnot.models import Role, SignUp
from wotnot.services import accounts, sign_up_rows, sign_ups
from wotnot.services.channel_words import show_number

HERE = "/app/channels/sign-up"
BACK = f"{HERE}/back"
blueprint = Blueprint("channel_sign_up", __name__, url_prefix=HERE)
guard_pages(blueprint)

Answer = str | Response | tuple[str, int]

STATE = "sign_up_state"
# Of each step: what is to be done, that it is done, and what that means.
STEP_WORDS = {
    "exchange": ("Meta’s window", "Meta’s window is done", "Its code is exchanged for a token."),
    "inspect": ("Look at the token", "The token is good", "It has both permissions and is for your account."),
    "number": ("Find the number", "The number is found", "It is one of the account’s."),
    "register": ("Register the number", "The number is registered", "It may send through the Cloud API."),
    "connect": (
        "Have receipts and replies sent here",
        "Receipts and replies come here",
        "Meta sends this account’s webhooks to WotNot, and the number is kept.",
    ),
}


def register(app: Flask) -> None:
    """Put the pages under /app/channels/sign-up."""
    app.register_blueprint(blueprint)
    app.context_processor(lambda: {"may_sign_up": sign_ups.is_possible})


@blueprint.get("/start")
@requires(Role.ADMIN)
def start() -> Response:
    """Go to Meta's window. A link and not a form: a form may not lead to another site."""
    session[STATE] = token_urlsafe(24)
    try:
        return redirect(sign_ups.dialog_address(accounts.link(BACK), session[STATE]))
    except Conflict as error:
        flash(error.detail, "error")
        return redirect("/app/channels/new")


@blueprint.get("/back")
@requires(Role.ADMIN)
def back() -> Response:
    """Where the window comes back to, once: with a code, or because it was closed."""
    expected, told = str(session.pop(STATE, "")), request.args.get("state", "")
    if not expected or not hmac.compare_digest(expected.encode(), told.encode()):
        begun = sign_up_rows.find_by_code(workspace_id(), request.args.get("code", ""))
        if begun is not None:  # a second tab, or a reload
            return redirect(f"{HERE}/{begun.id}")
        flash("This address works once. Start again from here.", "error")
        return redirect("/app/channels/new")
    if not request.args.get("code"):
        flash("Meta’s window was closed before it was done. Nothing was connected.", "error")
        return redirect("/app/channels/new")
    try:
        row = sign_ups.begin(workspace_id(), code=request.args["code"], redirect_uri=accounts.link(BACK))
    except DomainError as error:
        flash(error.detail, "error")
        return redirect("/app/channels/new")
    return redirect(f"{HERE}/{row.id}")


@blueprint.get("/<int:sign_up_id>")
@requires(Role.ADMIN)
def show(sign_up_id: int) -> str:
    """The steps, which one failed, and how to go on."""
    return _page(sign_up_rows.get_sign_up(workspace_id(), sign_up_id), {})


@blueprint.post("/<int:sign_up_id>/continue")
@requires(Role.ADMIN)
def go_on(sign_up_id: int) -> Answer:
    """Try again from the step that failed."""
    typed = {name: request.form.get(name, "").strip() for name in ("pin", "phone_number_id")}
    try:
        sign_ups.go_on(workspace_id(), sign_up_id, **typed)
    except Invalid as error:
        return _page(sign_up_rows.get_sign_up(workspace_id(), sign_up_id), error.errors), 422
    except Conflict as error:
        flash(error.detail, "error")
    return redirect(f"{HERE}/{sign_up_id}")


@blueprint.post("/<int:sign_up_id>/forget")
@requires(Role.ADMIN)
def forget(sign_up_id: int) -> Response:
    """Drop one that is not to be gone on with."""
    sign_up_rows.forget(workspace_id(), sign_up_id)
    flash("It is forgotten. You can connect the number again at any time.", "success")
    return redirect("/app/channels")


def _page(row: SignUp, errors: dict[str, list[str]]) -> str:
    failed = sign_ups.STEPS.index(row.failed_step) if row.failed_step else len(sign_ups.STEPS)
    steps = [(STEP_WORDS[step], number < failed, number == failed) for number, step in enumerate(sign_ups.STEPS)]
    return render_template(
        "channels/sign_up.html",
        row=row,
        steps=steps,
        done_count=failed,
        errors=errors,
        pin=sign_up_rows.pin_of(row),
        is_running=sign_up_rows.is_claimed(row),
        numbers=[(one["phone_number_id"], show_number(one["phone"]), one["name"]) for one in row.choices],
    )
