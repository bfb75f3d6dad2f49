"""Workspaces: making and switching them, and the people in them."""

from flask import Blueprint, Flask, flash, redirect, render_template, request, session
from flask_login import current_user
from marshmallow import fields
from werkzeug.wrappers import Response

from wotnot import clock
from wotnot.blueprints import login_limits
from wotnot.blueprints.broadcast_views import time_words
from wotnot.blueprints.forms import Form, FormSchema, read_form
from wotnot.blueprints.guards import actor, guard_pages, guard_users, page_timezone, requires, workspace_id
from wotnot.blueprints.permissions import PERMISSIONS
from wotnot.errors import Conflict, Forbidden, Invalid, NotFound, TooMany
from wotnot.models import Role
from wotnot.services import invitations, workspaces

# Somebody who left their last workspace must still be able to make one.
open_blueprint = Blueprint("workspaces", __name__, url_prefix="/app/workspaces")
guard_users(open_blueprint)
blueprint = Blueprint("members", __name__, url_prefix="/app/settings/members")
guard_pages(blueprint)

Answer = str | Response | tuple[str, int]


class WorkspaceForm(FormSchema):
    """Name, country and time zone of a workspace."""

    name = fields.String(load_default="")
    default_country = fields.String(load_default="US")
    timezone = fields.String(load_default="UTC")


class InvitationForm(FormSchema):
    """Whom to invite, as what."""

    email = fields.String(load_default="")
    role = fields.Enum(Role, by_value=True, load_default=Role.AGENT)


def register(app: Flask) -> None:
    """Put the pages on `app`."""
    app.register_blueprint(open_blueprint)
    app.register_blueprint(blueprint)


# ---------------------------------------------------------------- workspaces


@open_blueprint.get("/new")
def new() -> str:
    """The empty form; the country and the time zone of the newest workspace one is in are a good guess."""
    known = workspaces.list_memberships(current_user.id)
    here = known[-1].workspace if known else None
    country, zone = (here.default_country, here.timezone) if here else ("US", "UTC")
    return _new_page(Form(values={"default_country": country, "timezone": zone}))


@open_blueprint.post("/new")
def create() -> Answer:
    """Make a workspace and go there."""
    form = read_form(WorkspaceForm)
    try:
        made = workspaces.create_workspace(current_user.id, **form.data)
    except Invalid as error:
        form.take(error)
        return _new_page(form), 422
    session["workspace_id"] = made.id
    flash(f"{made.name} is ready.", "success")
    return redirect("/app/")


@open_blueprint.post("/<int:wanted_id>/switch")
def switch(wanted_id: int) -> Response:
    """Go to another of one's workspaces."""
    if workspaces.find_membership(current_user.id, wanted_id) is None:
        raise NotFound("Workspace")
    session["workspace_id"] = wanted_id
    return redirect("/app/")


def _new_page(form: Form) -> str:
    lists = {"countries": workspaces.list_countries(), "timezones": workspaces.list_timezone_choices()}
    return render_template("workspaces/new.html", form=form, **lists)


# ---------------------------------------------------------------- members


@blueprint.get("")
def index() -> str:
    """Everyone in the workspace."""
    return _members_page(Form(values={"role": Role.AGENT}))


@blueprint.post("/invite")
@requires(Role.ADMIN)
def invite() -> Answer:
    """Mail an invitation."""
    form = read_form(InvitationForm)
    if not form.errors:
        try:
            login_limits.count_mail(form.data["email"])
            invitations.invite(workspace_id(), **form.data, by=actor().user, by_role=actor().role)
        except (Invalid, Conflict, Forbidden, TooMany) as error:
            form.take(error, "email")
    if form.errors:
        return _members_page(form), 422
    flash(f"An invitation is on its way to {form.data['email'].strip()}.", "success")
    return redirect("/app/settings/members")


@blueprint.post("/invitations/<int:invitation_id>/again")
@requires(Role.ADMIN)
def send_again(invitation_id: int) -> Response:
    """Mail a new link."""
    try:
        login_limits.count_invitation(invitation_id)
        sent = invitations.send_again(workspace_id(), invitation_id, by=actor().user, by_role=actor().role)
        flash(f"A new invitation is on its way to {sent.email}. The older link stopped working.", "success")
    except (Forbidden, TooMany) as error:
        flash(error.detail, "error")
    return redirect("/app/settings/members")


@blueprint.post("/invitations/<int:invitation_id>/withdraw")
@requires(Role.ADMIN)
def withdraw(invitation_id: int) -> Response:
    """Make an invitation worthless."""
    try:
        invitations.withdraw(workspace_id(), invitation_id, by_role=actor().role)
        flash("The invitation is withdrawn. Its link stopped working.", "success")
    except Forbidden as error:
        flash(error.detail, "error")
    return redirect("/app/settings/members")


@blueprint.post("/<int:member_id>/transfer")
@requires(Role.OWNER)
def transfer(member_id: int) -> Response:
    """Hand the workspace over to a member, and stay as an admin."""
    try:
        owner = workspaces.transfer_ownership(workspace_id(), member_id, user_id=actor().user.id)
        flash(f"{owner.user.name} is now the owner, and you are an admin.", "success")
    except Conflict as error:
        flash(error.detail, "error")
    return redirect("/app/settings/members")


@blueprint.post("/<int:member_id>/role")
@requires(Role.ADMIN)
def change_role(member_id: int) -> Response:
    """Give a member another role."""
    wanted = request.form.get("role", "")
    if wanted not in set(Role):
        raise Invalid({"role": "Choose a role from the list."})
    try:
        member = workspaces.change_role(workspace_id(), member_id, Role(wanted), by=actor().role)
        flash(f"{member.user.name} is now {'an' if wanted[0] in 'ao' else 'a'} {wanted}.", "success")
    except (Conflict, Forbidden) as error:
        flash(error.detail, "error")
    return redirect("/app/settings/members")


@blueprint.post("/<int:member_id>/remove")
@requires(Role.ADMIN)
def remove(member_id: int) -> Response:
    """Take a member out."""
    try:
        workspaces.remove_member(workspace_id(), member_id, by=actor().role)
        flash("They are no longer a member, and their API keys have stopped working.", "success")
    except (Conflict, Forbidden) as error:
        flash(error.detail, "error")
    return redirect("/app/settings/members")


@blueprint.post("/two-factor")
@requires(Role.OWNER)
def require_two_factor() -> Response:
    """Ask everybody here for log-in in two steps, or nobody."""
    is_on = request.form.get("on") == "1"
    try:
        workspaces.require_two_factor(workspace_id(), by=actor().user, is_on=is_on)
        flash("Everybody now needs two steps." if is_on else "Two steps are everybody’s own choice again.", "success")
    except Conflict as error:
        flash(error.detail, "error")
    return redirect("/app/settings/members")


@blueprint.post("/leave")
def leave() -> Response:
    """Leave the workspace oneself."""
    left = actor().workspace
    try:
        workspaces.leave_workspace(left.id, actor().user.id)
    except Conflict as error:
        flash(error.detail, "error")
        return redirect("/app/settings/members")
    session.pop("workspace_id", None)
    flash(f"You have left {left.name}.", "success")
    return redirect("/app/")


@blueprint.context_processor
def _words() -> dict[str, object]:
    return {**time_words(page_timezone())}


def _members_page(form: Form) -> str:
    return render_template(
        "settings/members.html",
        form=form,
        members=workspaces.list_members(workspace_id()),
        invited=[(one, invitations.expires_at(one)) for one in invitations.list_invitations(workspace_id())],
        permissions=PERMISSIONS,
        now=clock.now(),
        me=actor().user,
        may_make_owners=actor().may(Role.OWNER),
    )
