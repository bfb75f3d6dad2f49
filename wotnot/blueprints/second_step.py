"""The second step of the log-in: the code from one's phone."""

from flask import Blueprint, Flask, redirect, render_template, request
from werkzeug.wrappers import Response

from wotnot.blueprints import browser_sessions, login_limits
from wotnot.blueprints.forms import Form
from wotnot.blueprints.guards import safe_next
from wotnot.errors import TooMany, Unauthorized

blueprint = Blueprint("second_step", __name__, url_prefix="/app/login/code")

Answer = str | Response | tuple[str, int]


def register(app: Flask) -> None:
    """Put the page at /app/login/code."""
    app.register_blueprint(blueprint)


@blueprint.get("")
def show() -> Answer:
    """Ask for the code; who has not given a password lately does that first."""
    if browser_sessions.find_pending() is None:
        return redirect("/app/login")
    return render_template("auth/code.html", form=Form())


@blueprint.post("")
def check() -> Answer:
    """Take the code and start the session."""
    pending, form = browser_sessions.find_pending(), Form(values=request.form.to_dict())
    if pending is None:
        return redirect("/app/login")
    code = form.values.get("code", "")
    if not code.strip():
        form.errors = {"code": ["Type the code."]}
        return render_template("auth/code.html", form=form), 422
    try:
        login_limits.check_second_step(pending.user, code)
    except (Unauthorized, TooMany) as error:
        form.take(error, "code")
        return render_template("auth/code.html", form=form), error.status if isinstance(error, TooMany) else 422
    browser_sessions.start(pending.user)
    answer = redirect(safe_next(pending.next))
    if form.values.get("remember"):
        browser_sessions.trust(answer, pending.user)
    return answer
