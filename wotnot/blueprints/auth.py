"""Signing up, in and out; forgotten passwords; invitations."""

from typing import Any

from flask import Blueprint, Flask, flash, redirect, render_template, request, session
from flask_login import current_user
from marshmallow import ValidationError, fields, validate
from werkzeug.wrappers import Response

from wotnot.blueprints import browser_sessions, login_limits
from wotnot.blueprints.forms import Form, FormSchema, read_form
from wotnot.blueprints.guards import safe_next
from wotnot.errors import DomainError, Invalid, TooMany, Unauthorized
from wotnot.models import User
from wotnot.services import accounts, invitations, workspaces
from wotnot.services.zone_countries import countries_by_zone

blueprint = Blueprint("auth", __name__)

Answer = str | Response | tuple[str, int]

_REQUIRED: dict[str, Any] = {"required": "Fill this in.", "null": "Fill this in."}


_COUNTRY = "US"


def _is_country(code: str) -> None:
    if code not in dict(workspaces.list_countries()):
        raise ValidationError("Choose a country from the list.")


class LoginForm(FormSchema):
    """E-mail and password; `remember` keeps the session on this device."""

    email = fields.String(required=True, validate=validate.Length(1, 254, error="Enter your e-mail address."))
    password = fields.String(required=True, validate=validate.Length(1, 1000, error="Enter your password."))
    next = fields.String(load_default="")


class RegisterForm(FormSchema):
    """A new account with its first workspace. An invited person needs no workspace."""

    name = fields.String(required=True, error_messages=_REQUIRED)
    email = fields.String(required=True, error_messages=_REQUIRED)
    password = fields.String(required=True, error_messages=_REQUIRED)
    workspace_name = fields.String(load_default="")
    default_country = fields.String(load_default=_COUNTRY, validate=_is_country)
    timezone = fields.String(load_default="")
    invitation = fields.String(load_default="")


def register(app: Flask) -> None:
    """Put the signed-out pages on `app`."""
    app.register_blueprint(blueprint)


@blueprint.get("/")
def root() -> Response:
    """The site's front door."""
    return redirect("/app/")


@blueprint.get("/login")
def short_login() -> Response:
    """`POST /login` belongs to programs; a person who types the address means the page."""
    return redirect("/app/login")


@blueprint.get("/register")
def short_register() -> Response:
    """As for /login."""
    return redirect("/app/register")


# ---------------------------------------------------------------- in and out


@blueprint.get("/app/login")
def login() -> Answer:
    """The empty form; somebody who is signed in goes on."""
    if current_user.is_authenticated:
        return redirect(safe_next(request.args.get("next")))
    return _login_page(Form(values={"next": request.args.get("next", ""), "email": request.args.get("email", "")}))


@blueprint.post("/app/login")
def sign_in() -> Answer:
    """Check the password and start a session."""
    form = read_form(LoginForm)
    if form.errors:
        return _login_page(form), 422
    try:
        user = login_limits.log_in(form.data["email"], form.data["password"])
    except TooMany as error:
        form.take(error)
        return _login_page(form), 429
    except Unauthorized as error:
        return _login_page(form, refusal=error), 422
    return browser_sessions.enter(user, form.data["next"])


@blueprint.post("/app/logout")
def sign_out() -> Response:
    """End this session."""
    browser_sessions.leave()
    flash("You are signed out.", "success")
    return redirect("/app/login")


@blueprint.get("/app/register")
def sign_up_form() -> Answer:
    """The empty form; with `invitation` for somebody who was invited."""
    if current_user.is_authenticated:
        return redirect("/app/")
    return _register_page(Form(values={"invitation": request.args.get("invitation", ""), "default_country": _COUNTRY}))


@blueprint.post("/app/register")
def sign_up() -> Answer:
    """Make the account and start a session."""
    form = read_form(RegisterForm)
    if form.errors:
        return _register_page(form), 422
    data = form.data
    try:
        login_limits.count_sign_up()
        if data["invitation"]:
            user = _sign_up_invited(data)
        else:
            wanted = ("email", "password", "name", "workspace_name", "default_country", "timezone")
            data["timezone"] = _known_zone(data["timezone"])
            user = accounts.register_user(**{field: data[field] for field in wanted}).user
    except DomainError as error:
        form.take(error, "email")
        return _register_page(form), error.status if isinstance(error, TooMany) else 422
    browser_sessions.start(user)
    return redirect("/app/")


def _known_zone(told: str) -> str:
    """What the browser told, or UTC: nobody typed it, so nobody is to be bothered with it. The settings change it."""
    return told if told in workspaces.list_timezones() else "UTC"


def _sign_up_invited(data: dict[str, str]) -> User:
    """The link came by mail to the invited address, so only that address may use it."""
    offer = invitations.read(data["invitation"])
    if accounts.check_email(data["email"]).lower() != offer.email.lower():
        raise Invalid({"email": f"The invitation is for {offer.email}."})
    user = accounts.create_user(email=data["email"], password=data["password"], name=data["name"])
    invitations.accept(data["invitation"], user)
    return user


def _login_page(form: Form, refusal: Unauthorized | None = None) -> str:
    return render_template("auth/login.html", form=form, refusal=refusal)


def _register_page(form: Form) -> str:
    invited_to = None
    if form.values.get("invitation"):
        try:
            offer = invitations.read(form.values["invitation"])
            invited_to = offer.workspace
            form.values.setdefault("email", offer.email)
        except DomainError as error:
            form.take(error)
            form.values["invitation"] = ""
    return render_template(
        "auth/register.html",
        form=form,
        invited_to=invited_to,
        countries=workspaces.list_countries(),
        country_is_chosen=request.method == "POST",
        countries_by_zone=countries_by_zone(),
    )


# ---------------------------------------------------------------- forgotten passwords


@blueprint.get("/app/forgot")
def forgot() -> str:
    """Ask for the address."""
    return render_template("auth/forgot.html", form=Form(values=request.args.to_dict()), sent_to="")


@blueprint.post("/app/forgot")
def send_reset_link() -> Answer:
    """Mail the link. The answer is the same whether or not the address has an account."""
    form = Form(values=request.form.to_dict())
    try:
        email = accounts.check_email(form.values.get("email", ""))
        login_limits.count_mail(email)
    except (Invalid, TooMany) as error:
        form.take(error)
        return render_template("auth/forgot.html", form=form, sent_to=""), error.status
    accounts.request_password_reset(email)
    return render_template("auth/forgot.html", form=form, sent_to=email)


@blueprint.get("/app/reset/<token>")
def choose_password(token: str) -> Answer:
    """The form behind the mailed link."""
    try:
        accounts.check_reset_token(token)
    except DomainError as error:
        return render_template("auth/link_ended.html", detail=error.detail, again="/app/forgot"), 410
    return render_template("auth/reset.html", form=Form(), token=token)


@blueprint.post("/app/reset/<token>")
def set_password(token: str) -> Answer:
    """Set the password, end every other session and start one here."""
    form = Form()
    try:
        user = accounts.reset_password(token, request.form.get("password", ""))
    except Invalid as error:
        form.take(error)
        return render_template("auth/reset.html", form=form, token=token), 422
    except DomainError as error:
        return render_template("auth/link_ended.html", detail=error.detail, again="/app/forgot"), 410
    answer = browser_sessions.enter(user, "/app/")
    flash("Your password is changed. Every other session has ended.", "success")
    return answer


# ---------------------------------------------------------------- invitations


@blueprint.get("/app/invitations/<token>")
def invitation(token: str) -> Answer:
    """What the mailed link offers."""
    try:
        offer = invitations.read(token)
    except DomainError as error:
        return render_template("auth/link_ended.html", detail=error.detail, again=""), 410
    is_known = accounts.find_user_by_email(offer.email) is not None
    return render_template("auth/invitation.html", token=token, offer=offer, is_known=is_known)


@blueprint.post("/app/invitations/<token>")
def accept_invitation(token: str) -> Answer:
    """Join the workspace, signed in with the invited address."""
    if not current_user.is_authenticated:
        return redirect(f"/app/login?next=/app/invitations/{token}")
    try:
        joined = invitations.accept(token, current_user)
    except DomainError as error:
        return render_template("auth/link_ended.html", detail=error.detail, again=""), error.status
    session["workspace_id"] = joined.id
    flash(f"Welcome to {joined.name}.", "success")
    return redirect("/app/")
