"""Settings, Pace: when broadcasts are quiet, how often somebody gets marketing, and when too many failures pause one."""

from dataclasses import asdict
from datetime import time
from typing import Any

from flask import Blueprint, Flask, flash, redirect, render_template
from marshmallow import fields
from werkzeug.wrappers import Response

from wotnot.blueprints.forms import Form, FormSchema, read_form
from wotnot.blueprints.guards import guard_pages, page_timezone, requires, workspace_id
from wotnot.errors import Invalid
from wotnot.models import Role
from wotnot.services import contact_lists, pace_settings
from wotnot.services.zones import zone_name

blueprint = Blueprint("pace_settings", __name__, url_prefix="/app/settings/pace")
guard_pages(blueprint)

Answer = str | Response | tuple[str, int]

_HERE = "/app/settings/pace"


class PaceForm(FormSchema):
    """The page as it was typed; an empty field is off."""

    stop_percent = fields.String(load_default="")
    quiet_from = fields.String(load_default="")
    quiet_to = fields.String(load_default="")
    quiet_all = fields.Boolean(load_default=False)
    zone_field = fields.String(load_default="")
    cap_messages = fields.String(load_default="")
    cap_days = fields.String(load_default="")
    reserve_percent = fields.String(load_default="")


def register(app: Flask) -> None:
    """Put the page under /app/settings/pace."""
    app.register_blueprint(blueprint)


@blueprint.get("")
def index() -> str:
    """What is chosen."""
    values = {name: _shown(value) for name, value in asdict(pace_settings.get_setup(workspace_id())).items()}
    return _page(Form(values=values))


@blueprint.post("")
@requires(Role.ADMIN)
def save() -> Answer:
    """Choose; what is being sent follows within a second."""
    form = read_form(PaceForm)
    try:
        pace_settings.save_setup(workspace_id(), form.data)
    except Invalid as error:
        form.take(error)
        return _page(form), 422
    flash("The pace is saved. It holds for what is being sent now, too.", "success")
    return redirect(_HERE)


def _shown(value: Any) -> Any:
    return f"{value:%H:%M}" if isinstance(value, time) else value


def _page(form: Form) -> str:
    names = contact_lists.list_attribute_names(workspace_id())
    kept = form.values.get("zone_field") or ""
    choices = [("", "No field: by the number alone"), *((name, name) for name in sorted({*names, kept} - {""}))]
    return render_template(
        "settings/pace.html",
        form=form,
        setup=pace_settings.get_setup(workspace_id()),
        zone=zone_name(page_timezone()),
        zone_fields=choices,
    )
