"""One's own picture: choosing it, taking it away, and showing it to those one works with."""

from contextlib import closing

from flask import Blueprint, Flask, Response, flash, redirect, request, send_file
from flask_login import current_user
from werkzeug.wrappers import Response as AnyResponse

from wotnot.blueprints.guards import actor, guard_pages
from wotnot.errors import Invalid
from wotnot.services import pictures

blueprint = Blueprint("profile_pictures", __name__, url_prefix="/app")
guard_pages(blueprint)

PROFILE = "/app/settings/profile"


def register(app: Flask) -> None:
    """Put them on `app`; templates get `picture_url`."""
    app.register_blueprint(blueprint)
    app.context_processor(lambda: {"picture_url": picture_url})


def picture_url(user: object) -> str:
    """Where the picture of a user is, or nothing; the address changes with it, so that browsers may keep it."""
    key = getattr(user, "picture_key", None)
    return f"/app/people/{getattr(user, 'id', 0)}/picture?v={key[:8]}" if key else ""


@blueprint.get("/people/<int:user_id>/picture")
def show(user_id: int) -> Response:
    """The picture of somebody one works with."""
    stream, mime_type = pictures.open_picture(user_id, viewer_id=current_user.id)
    answer = send_file(stream, mime_type)
    answer.headers["Cache-Control"] = "private, max-age=86400"
    answer.headers["Content-Security-Policy"] = "default-src 'none'; sandbox"
    answer.headers["X-Content-Type-Options"] = "nosniff"
    return answer


@blueprint.post("/settings/profile/picture")
def save() -> AnyResponse:
    """Choose one."""
    file = request.files.get("picture")
    try:
        if file is None or not file.filename:
            raise Invalid({"picture": "Choose a picture first."})  # noqa: TRY301
        with closing(file.stream) as stream:
            pictures.save_picture(actor().user.id, stream)
        flash("Your team sees your new picture.", "success")
    except Invalid as error:
        flash(error.detail, "error")
    return redirect(PROFILE)


@blueprint.post("/settings/profile/picture/remove")
def remove() -> AnyResponse:
    """Show the initials again."""
    pictures.remove_picture(actor().user.id)
    flash("Your picture is gone; your initials stand in for it.", "success")
    return redirect(PROFILE)
