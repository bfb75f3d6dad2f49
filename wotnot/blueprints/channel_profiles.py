"""A number's WhatsApp profile: the form, the phone beside it that shows it as customers see it, and its picture."""

import hashlib
from collections.abc import Mapping
from contextlib import closing
from typing import Any
from urllib.parse import urlsplit

from flask import Blueprint, Flask, Response, flash, make_response, render_template, request

from wotnot.blueprints.guards import guard_pages, requires, workspace_id
from wotnot.blueprints.htmx import go_to
from wotnot.errors import Conflict, DomainError, Invalid, Unavailable
from wotnot.models import Role
from wotnot.services import channel_profiles, channels
from wotnot.services.whatsapp.profiles import CATEGORIES, LIMITS, BusinessProfile

blueprint = Blueprint("channel_profiles", __name__, url_prefix="/app/channels")
guard_pages(blueprint)

Answer = str | Response | tuple[str, int] | Any
_TEXTS = ("about", "description", "address", "email", "category")
_SITES = ("website_1", "website_2")


def register(app: Flask) -> None:
    """Put the pages under /app/channels/<id>/profile."""
    app.register_blueprint(blueprint)


@blueprint.get("/<int:channel_id>/profile")
def show(channel_id: int) -> Answer:
    """The profile as Meta has it now; when Meta does not answer, that and no empty form that could be saved."""
    channels.get_channel(workspace_id(), channel_id)
    try:
        profile = channel_profiles.get_profile(workspace_id(), channel_id)
    except (Conflict, Unavailable) as error:
        return _page(channel_id, {}, refusal=error.detail)
    return _page(channel_id, _values_of(profile))


@blueprint.post("/<int:channel_id>/profile")
@requires(Role.ADMIN)
def save(channel_id: int) -> Answer:
    """Change it at Meta. Whatever goes wrong, what was typed is still there."""
    values = _typed()
    try:
        channel_profiles.save_profile(workspace_id(), channel_id, _wanted(values))
    except (Invalid, Conflict, Unavailable) as error:
        return _page(channel_id, values, errors=_errors_of(error)), 422
    flash("Saved. Customers see it the next time they open your profile.", "success")
    return go_to(f"/app/channels/{channel_id}/profile")


@blueprint.post("/<int:channel_id>/profile/preview")
@requires(Role.ADMIN)
def preview(channel_id: int) -> str:
    """The phone with what is typed so far."""
    channel = channels.get_channel(workspace_id(), channel_id)
    return render_template("channels/_profile_phone.html", channel=channel, values=_typed(), categories=CATEGORIES)


@blueprint.get("/<int:channel_id>/profile/picture")
def picture(channel_id: int) -> Response:
    """The picture that customers see, fetched from Meta; the page's address for it changes when the picture does."""
    data, mime_type = channel_profiles.open_picture(workspace_id(), channel_id)
    answer = make_response(data)
    answer.mimetype = mime_type
    answer.headers["Cache-Control"] = "private, max-age=86400"
    answer.headers["Content-Security-Policy"] = "default-src 'none'; sandbox"
    return answer


@blueprint.post("/<int:channel_id>/profile/picture")
@requires(Role.ADMIN)
def save_picture(channel_id: int) -> Answer:
    """Show another one."""
    file = request.files.get("picture")
    try:
        if file is None or not file.filename:
            raise Invalid({"picture": "Choose a picture first."})  # noqa: TRY301
        with closing(file.stream) as stream:
            channel_profiles.save_profile(workspace_id(), channel_id, {}, picture=stream)
    except (Invalid, Conflict, Unavailable) as error:
        return _picture_refused(channel_id, error)
    flash("Customers see the new picture from now on.", "success")
    return go_to(f"/app/channels/{channel_id}/profile")


def _picture_refused(channel_id: int, error: DomainError) -> Answer:
    """The page as Meta has it, with the sentence beside the picture."""
    errors = {"picture": _errors_of(error).get("picture") or [error.detail]}
    try:
        values = _values_of(channel_profiles.get_profile(workspace_id(), channel_id))
    except (Conflict, Unavailable) as away:
        return _page(channel_id, {}, refusal=away.detail), 422
    return _page(channel_id, values, errors=errors), 422


def _values_of(profile: BusinessProfile) -> dict[str, str]:
    """The form's fields of a profile; `picture` stands for the picture, and is another one when the picture is."""
    values = {name: str(getattr(profile, name)) for name in _TEXTS}
    values |= dict(zip(_SITES, (*profile.websites, "", ""), strict=False))
    # The address is signed anew each time it is told; what names the picture is its path.
    key = hashlib.sha256(urlsplit(profile.picture_url).path.encode()).hexdigest()[:12]
    return values | {"picture": key if profile.picture_url else ""}


def _typed() -> dict[str, str]:
    values = {name: request.form.get(name, "").replace("\r\n", "\n").strip() for name in (*_TEXTS, *_SITES)}
    key = request.form.get("picture", "")
    return values | {"picture": key if key.isalnum() else ""}


def _wanted(values: Mapping[str, str]) -> dict[str, Any]:
    wanted: dict[str, Any] = {name: values[name] for name in _TEXTS}
    return wanted | {"websites": tuple(values[name] for name in _SITES if values[name])}


def _errors_of(error: DomainError) -> dict[str, list[str]]:
    """By the form's fields; what is about the whole stands under "profile"."""
    if not isinstance(error, Invalid):
        return {"profile": [f"{error.detail} What you typed is still here; saving it twice does no harm."]}
    errors = dict(error.errors)
    if sentences := errors.pop("websites", None):
        errors[_blamed_site(sentences[0])] = sentences
    return errors


def _blamed_site(sentence: str) -> str:
    second = request.form.get("website_2", "").strip()
    return "website_2" if second and second in sentence else "website_1"


def _page(
    channel_id: int, values: Mapping[str, str], errors: Mapping[str, list[str]] | None = None, refusal: str = ""
) -> str:
    return render_template(
        "channels/profile.html",
        channel=channels.get_channel(workspace_id(), channel_id),
        values=values,
        errors=errors or {},
        refusal=refusal,
        categories=CATEGORIES,
        limits=LIMITS,
    )
