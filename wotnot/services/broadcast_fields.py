"""What may be set on a draft, checked field by field; what it names must be its workspace's own."""

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from wotnot.errors import Invalid
from wotnot.models import Channel, ChannelState, Template, Workspace
from wotnot.services import broadcast_files, broadcast_pace, segment_audience
from wotnot.services.audience_risks import clean_leave_out
from wotnot.services.audience_rules import clean_audience, clean_exclude, clean_variables

MAX_NAME = 200
MAX_LATE_MINUTES, DEFAULT_LATE_MINUTES = 10_080, 60

# What a caller may set on a draft; `scheduled_at` alone does not schedule, see `schedule_broadcast`.
_FIELDS = frozenset(
    {
        "name",
        "channel_id",
        "template_id",
        "audience",
        "exclude",
        "variables",
        "one_language",
        "leave_out",
        "scheduled_at",
        "late_minutes",
        *broadcast_pace.FIELDS,
    }
)
# What it is when it is given as null.
_NOTHING: dict[str, Callable[[], Any]] = {
    **dict.fromkeys(("audience", "exclude", "variables"), dict),
    "leave_out": list,
    "late_minutes": lambda: DEFAULT_LATE_MINUTES,
}


def clean_fields(session: Session, workspace_id: int, fields: Mapping[str, Any]) -> dict[str, Any]:
    """The given fields, checked; all complaints together in one Invalid. Raises TypeError for a field that there is not."""
    if unknown := set(fields) - _FIELDS:
        raise TypeError(f"A broadcast has no {', '.join(sorted(unknown))}.")
    errors: dict[str, Any] = {}
    clean: dict[str, Any] = {}
    for name, value in fields.items():
        try:
            clean[name] = _clean_field(session, workspace_id, name, value)
        except Invalid as error:
            errors.update(error.errors)
    if errors:
        raise Invalid(errors)
    return clean


def _clean_field(session: Session, workspace_id: int, name: str, value: Any) -> Any:
    if value is None:
        return _NOTHING[name]() if name in _NOTHING else broadcast_pace.NOTHING.get(name)
    if name in {"audience", "exclude"}:
        return _clean_people(session, workspace_id, name, value)
    if name == "channel_id":
        return _own_channel(session, workspace_id, value)
    if name == "template_id":
        return _own_template(session, workspace_id, value)
    if name == "variables":
        variables = clean_variables(value)
        broadcast_files.check_files(session, workspace_id, variables)
        return variables
    cleaner = _CLEANERS.get(name)
    return cleaner(value) if cleaner else value


def _clean_people(session: Session, workspace_id: int, name: str, value: Any) -> dict[str, Any]:
    if name == "exclude":
        left_out = clean_exclude(value)
        segment_audience.check_audience(workspace_id, {}, left_out)
        return left_out
    chosen = clean_audience(value, _default_country(session, workspace_id)) if value else {}
    segment_audience.check_audience(workspace_id, chosen, {})
    return chosen


def clean_name(name: str) -> str:
    """A name on one line. Raises Invalid on `name`."""
    name = " ".join(name.split())
    if not name or "\x00" in name:
        raise Invalid({"name": "Give the broadcast a name; only your team sees it."})
    if len(name) > MAX_NAME:
        raise Invalid({"name": f"A name has at most {MAX_NAME} characters; this one has {len(name)}."})
    return name


def _clean_minutes(minutes: Any) -> int:
    if not isinstance(minutes, int) or isinstance(minutes, bool) or not 1 <= minutes <= MAX_LATE_MINUTES:
        raise Invalid({"late_minutes": f"Give whole minutes, from 1 to {MAX_LATE_MINUTES:,}, which are 7 days."})
    return minutes


def _default_country(session: Session, workspace_id: int) -> str:
    return session.scalar(select(Workspace.default_country).where(Workspace.id == workspace_id)) or "US"


def _own_channel(session: Session, workspace_id: int, channel_id: int) -> int:
    found = session.scalar(
        select(Channel.id).where(
            Channel.workspace_id == workspace_id, Channel.id == channel_id, Channel.state != ChannelState.REMOVED
        )
    )
    if found is None:
        raise Invalid({"channel_id": "This number is not connected in this workspace."})
    return found


def _own_template(session: Session, workspace_id: int, template_id: int) -> int:
    found = session.scalar(
        select(Template.id).where(
            Template.workspace_id == workspace_id, Template.id == template_id, Template.deleted_at.is_(None)
        )
    )
    if found is None:
        raise Invalid({"template_id": "This template does not exist in this workspace."})
    return found


_CLEANERS: dict[str, Callable[[Any], Any]] = {
    "name": clean_name,
    "leave_out": clean_leave_out,
    "late_minutes": _clean_minutes,
    **{name: partial(broadcast_pace.clean_pace, name) for name in broadcast_pace.FIELDS},
}
