"""What Meta's answers mean: every error code in plain words, what happens by itself, and what somebody can do."""

from itertools import groupby

from flask import Blueprint, Flask, request

from wotnot.blueprints.guards import guard_pages
from wotnot.blueprints.htmx import render
from wotnot.services.whatsapp.error_plan import ACTION_WORDS, Action, list_plan

blueprint = Blueprint("meta_answers", __name__, url_prefix="/app/broadcasts/answers")
guard_pages(blueprint)

_ICONS = {
    Action.SOON: "refresh",
    Action.LATER: "calendar-repeat",
    Action.SUPPRESS: "user-off",
    Action.NEVER: "circle-x",
    Action.STOP: "player-pause",
}


def register(app: Flask) -> None:
    """Put the page under /app/broadcasts/answers."""
    app.register_blueprint(blueprint)


@blueprint.get("")
def index() -> str:
    """The table, by what happens; `?search=` finds a code or a word."""
    search = request.args.get("search", "").strip()
    lines = list_plan(search)
    groups = [
        (_ICONS[action], *ACTION_WORDS[action], list(found)) for action, found in groupby(lines, lambda one: one.action)
    ]
    return render("broadcasts/answers.html", "broadcasts/_answers.html", groups=groups, search=search, count=len(lines))
