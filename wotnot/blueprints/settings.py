"""Settings: the workspace, and one's own profile."""

from flask import Blueprint, Flask, flash, redirect, render_template
from flask_login import login_user
from marshmallow import fields
from werkzeug.wrappers import Response

from wotnot.blueprints import browser_sessions, login_limits
from wotnot.blueprints.broadcast_views import time_words
from wotnot.blueprints.browser_names import browser_view, program_view
from wotnot.blueprints.forms import Form, FormSchema, read_form
from wotnot.blueprints.guards import actor, guard_pages, page_timezone, requires, workspace_id
from wotnot.blueprints.workspaces import WorkspaceForm
from wotnot.errors import DomainError, Invalid, TooMany
from wotnot.models import Role
from wotnot.services import accounts, user_sessions, workspaces

blueprint = Blueprint("settings", __name__, url_prefix="/app/settings")
guard_pages(blueprint)

Answer = str | Response | tuple[str, int]


class SettingsForm(WorkspaceForm):
    """The workspace as its settings page has it."""

    auto_assign = fields.Boolean(load_default=False)


class ProfileForm(FormSchema):
    """One's shown name."""

    name = fields.String(load_default="")


class PasswordForm(FormSchema):
    """The present password and the new one."""

    current = fields.String(load_default="")
    new = fields.String(load_default="")


def register(app: Flask) -> None:
    """Put the pages under /app/settings."""
    app.register_blueprint(blueprint)


@blueprint.context_processor
def _words() -> dict[str, object]:
    return {**time_words(page_timezone())}


# ---------------------------------------------------------------- the workspace


@blueprint.get("")
def index() -> str:
    """Name, country, time zone, and who gets new conversations."""
    here = actor().workspace
    values: dict[str, object] = {"name": here.name, "default_country": here.default_country, "timezone": here.timezone}
    values["auto_assign"] = here.auto_assign
    return _workspace_page(Form(values=values))


@blueprint.post("")
@requires(Role.ADMIN)
def save() -> Answer:
    """Save them."""
    form = read_form(SettingsForm)
    try:
        workspaces.update_workspace(workspace_id(), **form.data)
    except Invalid as error:
        form.take(error)
        return _workspace_page(form), 422
    flash("The settings are saved.", "success")
    return redirect("/app/settings")


def _workspace_page(form: Form) -> str:
    lists = {"countries": workspaces.list_countries(), "timezones": workspaces.list_timezone_choices()}
    return render_template("settings/workspace.html", form=form, **lists)


# ---------------------------------------------------------------- one's own profile


@blueprint.get("/profile")
def profile() -> str:
    """One's name and password."""
    return _profile_page(Form(values={"name": actor().user.name}), Form())


@blueprint.post("/profile")
def save_profile() -> Answer:
    """Change one's name."""
    form = read_form(ProfileForm)
    try:
        accounts.update_profile(actor().user.id, name=form.data["name"])
    except Invalid as error:
        form.take(error)
        return _profile_page(form, Form()), 422
    flash("Your name is changed.", "success")
    return redirect("/app/settings/profile")


@blueprint.post("/profile/password")
def change_password() -> Answer:
    """Change one's password; every other session ends, this one goes on."""
    form = read_form(PasswordForm)
    try:
        login_limits.count_password_change(actor().user.id)
        user = accounts.change_password(actor().user.id, **form.data, keep_session=browser_sessions.key())
    except (Invalid, TooMany, DomainError) as error:
        form.take(error, "current")
        return _profile_page(Form(values={"name": actor().user.name}), form), error.status
    login_user(user)
    flash("Your password is changed. Every other session has ended.", "success")
    return redirect("/app/settings/profile")


@blueprint.post("/profile/end-sessions")
def end_sessions() -> Response:
    """Log out everywhere, here too."""
    accounts.end_all_sessions(actor().user.id)
    flash("You are signed out everywhere.", "success")
    return redirect("/app/login")


@blueprint.post("/profile/end-programs")
def end_programs() -> Response:
    """Sign out every program that logged in over the API."""
    accounts.end_programs(actor().user.id)
    flash("Every program is signed out. API keys go on.", "success")
    return redirect("/app/settings/profile")


def _profile_page(form: Form, password_form: Form) -> str:
    me = actor().user
    browsers = [
        browser_view(one, is_this=one.key == browser_sessions.key()) for one in user_sessions.list_sessions(me.id)
    ]
    programs = [program_view(one) for one in user_sessions.list_programs(me.id)]
    return render_template(
        "settings/profile.html",
        form=form,
        password_form=password_form,
        me=me,
        signed_in=[*browsers, *programs],
        program_count=user_sessions.count_programs(me.id) if programs else 0,
        shown_programs=len(programs),
    )
