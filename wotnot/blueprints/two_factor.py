"""One's own second step: setting it up, new recovery codes, turning it off; and what is signed in."""

import io

import segno
from flask import Blueprint, Flask, flash, redirect, render_template, request
from markupsafe import Markup
from werkzeug.wrappers import Response

from wotnot.blueprints import browser_sessions, login_limits
from wotnot.blueprints.forms import Form
from wotnot.blueprints.guards import actor, guard_pages
from wotnot.errors import Conflict, Invalid, TooMany
from wotnot.services import accounts, two_factor

HERE = "/app/settings/two-factor"
blueprint = Blueprint("two_factor", __name__, url_prefix=HERE)
guard_pages(blueprint)

Answer = str | Response | tuple[str, int]


def register(app: Flask) -> None:
    """Put the page at /app/settings/two-factor."""
    app.register_blueprint(blueprint)


@blueprint.get("")
def show() -> str:
    """Whether it is on; or the QR code, once it was begun."""
    return _page(Form())


@blueprint.post("/begin")
def begin() -> Response:
    """Make a secret for the phone."""
    try:
        two_factor.begin(actor().user.id)
    except Conflict as error:
        flash(error.detail, "error")
    return redirect(HERE)


@blueprint.post("/confirm")
def confirm() -> Answer:
    """Turn it on, and show the recovery codes, this once."""
    form = Form()
    try:
        login_limits.count_password_change(actor().user.id)
        codes = two_factor.confirm(actor().user.id, request.form.get("code", ""))
    except (Invalid, TooMany) as error:
        form.take(error, "code")
        return _page(form), error.status
    return _codes_page(codes)


@blueprint.post("/codes")
def renew_codes() -> Answer:
    """New recovery codes, for the password."""
    form = Form()
    try:
        login_limits.count_password_change(actor().user.id)
        codes = two_factor.renew_codes(actor().user.id, password=request.form.get("password", ""))
    except (Invalid, Conflict, TooMany) as error:
        form.take(error, "password")
        return _page(form), error.status
    return _codes_page(codes)


@blueprint.post("/off")
def turn_off() -> Answer:
    """Turn it off, for the password; not where the workspace asks for it."""
    form = Form()
    try:
        if actor().workspace.requires_two_factor:
            raise Conflict("This workspace asks everybody for it. An owner can change that under Members.")  # noqa: TRY301
        login_limits.count_password_change(actor().user.id)
        two_factor.turn_off(actor().user.id, password=request.form.get("password", ""))
    except (Invalid, Conflict, TooMany) as error:
        form.take(error, "password")
        return _page(form), error.status
    flash("Your password alone lets you in again.", "success")
    return redirect("/app/settings/profile")


@blueprint.post("/sessions/<int:session_id>/end")
def end_session(session_id: int) -> Response:
    """Sign one browser or program out."""
    ended = accounts.end_session(actor().user.id, session_id)
    if ended.key == browser_sessions.key():
        browser_sessions.leave()
        return redirect("/app/login")
    flash(f"That {'program' if ended.ends_at else 'browser'} is signed out.", "success")
    return redirect("/app/settings/profile")


def _page(form: Form) -> str:
    user = accounts.get_user(actor().user.id)
    setup = two_factor.find_setup(user)
    return render_template(
        "settings/two_factor.html",
        form=form,
        me=user,
        setup=setup,
        qr=_qr(setup.address) if setup else "",
        codes_left=two_factor.count_codes(user.id),
        is_required=actor().workspace.requires_two_factor,
    )


def _codes_page(codes: list[str]) -> str:
    return render_template("settings/recovery_codes.html", codes=codes)


def _qr(text: str) -> Markup:
    """The text as a QR code, drawn as SVG: dark on white in either theme, or cameras do not find it."""
    drawing = io.BytesIO()
    code = segno.make(text, error="m")
    code.save(drawing, "svg", xmldecl=False, svgns=False, svgclass="wn-qr", omitsize=True, border=3, light="#fff")
    return Markup(drawing.getvalue().decode())  # noqa: S704 — segno's drawing holds no text
