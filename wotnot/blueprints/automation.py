"""Settings, Automatic answers: the rules, their order, the business hours, and a box to try a message in."""

from collections.abc import Mapping
from typing import Any

from flask import Blueprint, Flask, flash, redirect, render_template, request
from werkzeug.wrappers import Response

from wotnot.blueprints.forms import Form
from wotnot.blueprints.guards import actor, guard_pages, page_timezone, requires, workspace_id
from wotnot.blueprints.htmx import render
from wotnot.clock import now
from wotnot.errors import Conflict, Invalid
from wotnot.models import Automation, AutomationKind, KeywordMatch, Role
from wotnot.services import automation
from wotnot.services.automation_rules import FIELDS, is_away
from wotnot.services.zones import zone_name

blueprint = Blueprint("automation", __name__, url_prefix="/app/settings/automation")
guard_pages(blueprint)

Answer = str | Response | tuple[str, int]

_HERE = "/app/settings/automation"

# By kind: icon, name, when it answers, the pause that a new rule starts with.
KINDS = {
    AutomationKind.GREETING: ("hand-stop", "Greeting", "The first message that somebody ever sends you", "0"),
    AutomationKind.AWAY: ("moon", "Away", "Any message outside your business hours", "720"),
    AutomationKind.KEYWORD: ("key", "Keyword", "A message with certain words", "0"),
}
MATCHES = {
    KeywordMatch.EXACT: ("is exactly", "It is exactly one of them", ""),
    KeywordMatch.CONTAINS: ("contains", "One of them stands anywhere in it", "as whole words"),
    KeywordMatch.STARTS: ("starts with", "It starts with one of them", ""),
    KeywordMatch.PATTERN: ("fits the pattern", "It fits a pattern", "a regular expression, for those who know them"),
}
PAUSES = (
    ("0", "No pause"),
    ("10", "10 minutes"),
    ("60", "An hour"),
    ("720", "12 hours"),
    ("1440", "A day"),
    ("10080", "A week"),
)


def register(app: Flask) -> None:
    """Put the pages under /app/settings/automation."""
    app.register_blueprint(blueprint)


@blueprint.context_processor
def _words() -> dict[str, object]:
    return {
        "kinds": KINDS,
        "matches": MATCHES,
        "match_choices": [(match.value, name, more) for match, (_, name, more) in MATCHES.items()],
        "weekdays": automation.WEEKDAYS,
        "fields": ["{{" + name + "}}" for name in FIELDS],
        "zone": zone_name(page_timezone()),
        "pause_words": _pause_words,
    }


# ---------------------------------------------------------------- the list


@blueprint.get("")
def index() -> str:
    """The rules; with `say` in the address also who would answer that."""
    return _page(_hours_form())


def _page(hours_form: Form) -> str:
    return render(
        "settings/automation.html",
        "settings/_trial.html",
        automations=automation.list_automations(workspace_id()),
        form=hours_form,
        **_trial(),
    )


def _trial() -> dict[str, Any]:
    """What the box was asked, and its answer."""
    asked = {name: request.args.get(name, "") for name in ("say", "first", "when")}
    if not asked["say"].strip():
        return {"asked": asked, "trial": None}
    away = asked["when"] == "closed" or (asked["when"] != "open" and _is_away_now())
    trial = automation.try_message(workspace_id(), asked["say"], is_first=bool(asked["first"]), is_away=away)
    return {"asked": asked, "trial": trial}


def _is_away_now() -> bool:
    return is_away(automation.get_hours(workspace_id()), actor().workspace.timezone, now())


# ---------------------------------------------------------------- one rule


@blueprint.get("/new")
@requires(Role.ADMIN)
def new() -> str:
    """The empty form for a `kind` of rule."""
    asked = request.args.get("kind", "")
    kind = AutomationKind(asked) if asked in set(AutomationKind) else AutomationKind.KEYWORD
    values = {"cooldown_minutes": KINDS[kind][3], "match": KeywordMatch.CONTAINS.value}
    return _rule_page(kind, Form(values=values))


@blueprint.post("/new")
@requires(Role.ADMIN)
def create() -> Answer:
    """Add a rule."""
    form = Form(values=request.form.to_dict())
    try:
        automation.create_automation(workspace_id(), kind=form.values.get("kind", ""), **_fields(form.values))
    except (Conflict, Invalid) as error:
        form.take(error)
        kind = form.values.get("kind", "")
        return _rule_page(AutomationKind(kind if kind in set(AutomationKind) else "keyword"), form), 422
    flash("The rule is on. It is asked last; move it up if it should come first.", "success")
    return redirect(_HERE)


@blueprint.get("/<int:automation_id>")
@requires(Role.ADMIN)
def edit(automation_id: int) -> str:
    """The form, filled."""
    rule = automation.get_automation(workspace_id(), automation_id)
    values = {
        "match": rule.match.value if rule.match else "",
        "words": "\n".join(rule.words),
        "body": rule.body,
        "cooldown_minutes": str(rule.cooldown_minutes),
    }
    return _rule_page(rule.kind, Form(values=values), rule)


@blueprint.post("/<int:automation_id>")
@requires(Role.ADMIN)
def save(automation_id: int) -> Answer:
    """Change a rule."""
    form = Form(values=request.form.to_dict())
    try:
        automation.update_automation(workspace_id(), automation_id, **_fields(form.values))
    except Invalid as error:
        form.take(error)
        rule = automation.get_automation(workspace_id(), automation_id)
        return _rule_page(rule.kind, form, rule), 422
    flash("The rule is saved.", "success")
    return redirect(_HERE)


@blueprint.post("/<int:automation_id>/switch")
@requires(Role.ADMIN)
def switch(automation_id: int) -> Response:
    """Have it answer (`on`) or not."""
    is_on = request.form.get("on") == "1"
    automation.switch_automation(workspace_id(), automation_id, is_on=is_on)
    flash("The rule answers now." if is_on else "The rule is off.", "success")
    return redirect(_HERE)


@blueprint.post("/<int:automation_id>/move")
@requires(Role.ADMIN)
def move(automation_id: int) -> Response:
    """Ask it earlier (`up`) or later."""
    automation.move_automation(workspace_id(), automation_id, up=request.form.get("up") == "1")
    return redirect(_HERE)


@blueprint.post("/<int:automation_id>/delete")
@requires(Role.ADMIN)
def delete(automation_id: int) -> Response:
    """Remove it."""
    automation.delete_automation(workspace_id(), automation_id)
    flash("The rule is deleted.", "success")
    return redirect(_HERE)


# ---------------------------------------------------------------- business hours


@blueprint.post("/hours")
@requires(Role.ADMIN)
def save_hours() -> Answer:
    """Keep the hours of the week."""
    form = Form(values=request.form.to_dict())
    days = {
        day: (form.values.get(f"opens_{day}", ""), form.values.get(f"closes_{day}", ""))
        for day in range(len(automation.WEEKDAYS))
        if form.values.get(f"day_{day}")
    }
    try:
        automation.save_hours(workspace_id(), days)
    except Invalid as error:
        form.take(error)
        return _page(form), 422
    flash("The hours are saved.", "success")
    return redirect(_HERE)


def _hours_form() -> Form:
    values: dict[str, str] = {}
    for day, (opens, closes) in automation.get_hours(workspace_id()).items():
        ends = "00:00" if closes.second else f"{closes:%H:%M}"
        values |= {f"day_{day}": "1", f"opens_{day}": f"{opens:%H:%M}", f"closes_{day}": ends}
    return Form(values=values)


# ---------------------------------------------------------------- parts


def _fields(values: Mapping[str, str]) -> dict[str, str]:
    return {name: values.get(name, "") for name in ("match", "words", "body", "cooldown_minutes")}


def _rule_page(kind: AutomationKind, form: Form, rule: Automation | None = None) -> str:
    pauses = list(PAUSES)
    chosen = form.values.get("cooldown_minutes", "")
    if chosen.isdecimal() and chosen not in dict(PAUSES):
        pauses.append((chosen, _pause_words(int(chosen))))
    return render_template(
        "settings/automation_rule.html", kind=kind, form=form, rule=rule, pauses=pauses, limit=automation.MAX_BODY
    )


def _pause_words(minutes: int) -> str:
    return dict(PAUSES).get(str(minutes), f"{minutes:,} minutes")
