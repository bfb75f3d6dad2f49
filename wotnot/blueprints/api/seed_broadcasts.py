"""Broadcasts and counts under the published short paths."""

import json
from collections.abc import Mapping, Sequence
from datetime import date, datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from flask import jsonify, request
from flask.typing import ResponseReturnValue
from sqlalchemy import Row

from wotnot.blueprints.api.schemas.seed import (
    SeedAnalyticsArgs,
    SeedBroadcastArgs,
    SeedBroadcastChangesSchema,
    SeedBroadcastSchema,
    SeedListArgs,
    SeedSendSchema,
    check,
)
from wotnot.blueprints.api.seed_input import default_channel, read_body
from wotnot.blueprints.guards import actor, workspace_id
from wotnot.errors import Invalid
from wotnot.models import Broadcast, BroadcastState, Channel, Template
from wotnot.services import broadcasts, message_templates, offset_lists, reports, short_broadcasts, tallies
from wotnot.services.audience_rules import MEDIA_KEY
from wotnot.services.broadcast_readiness import variables_of
from wotnot.services.broadcast_reports import BroadcastSummary, cause_words
from wotnot.services.personalise import BUILT_IN_FIELDS

NAME_FALLBACK = "there"
# What the first API called states: `processing` is what sending answers.
_FIRST_WORDS = {
    "processing": (BroadcastState.EXPANDING, BroadcastState.SENDING),
    "completed": (BroadcastState.FINISHED,),
}


def send() -> ResponseReturnValue:
    """A template to some people, at once."""
    body = check(SeedSendSchema, read_body())
    data = _template_data(body["template_data"])
    channel = default_channel(body["channel_id"])
    template = _template(channel, body["template"], _language(data))
    broadcast = short_broadcasts.send_now(
        workspace_id(),
        people={person["phone"]: person["name"] or "" for person in body["recipients"]},
        name=body["name"],
        user_id=actor().user.id,
        channel_id=channel.id,
        template_id=template.id,
        variables=_variables(template, body["body_parameters"], body["image_id"]),
        # The first API sent one template in one language; whoever calls it expects just that.
        one_language=True,
    )
    return jsonify(status="processing", broadcast_id=broadcast.id)


def index() -> ResponseReturnValue:
    """A window of the broadcasts, newest first."""
    args = check(SeedBroadcastArgs, request.args.to_dict())
    found = offset_lists.list_broadcasts(
        workspace_id(),
        limit=args["limit"],
        offset=args["offset"],
        states=_states(args["statusfilter"]),
        template=args["tag"],
    )
    phones = offset_lists.first_phones([one.broadcast for one in found])
    return jsonify([_dump(one, phones[one.broadcast.id]) for one in found])


def create() -> ResponseReturnValue:
    """A draft, or with a time a scheduled broadcast."""
    body = check(SeedBroadcastSchema, read_body())
    channel = default_channel(body["channel_id"])
    template = _template(channel, body["template"], None)
    broadcast = broadcasts.plan_broadcast(
        workspace_id(),
        user_id=actor().user.id,
        scheduled_at=_moment(body["scheduled_time"]),
        name=body["name"],
        channel_id=channel.id,
        template_id=template.id,
        audience={"phones": body["contacts"]},
        variables=_variables(template, None, None),
        one_language=True,
    )
    return jsonify(broadcast_id=broadcast.id)


def update(broadcast_id: int) -> ResponseReturnValue:
    """Another name, or another time for what has not started."""
    body = check(SeedBroadcastChangesSchema, read_body())
    if "name" in body:
        broadcasts.rename_broadcast(workspace_id(), broadcast_id, body["name"])
    if "scheduled_time" in body:
        broadcasts.schedule_broadcast(workspace_id(), broadcast_id, _moment(body["scheduled_time"]))
    broadcast = broadcasts.get_broadcast(workspace_id(), broadcast_id)
    return jsonify(message="The broadcast is changed.", broadcast_id=broadcast.id, task_id=_task_id(broadcast))


def cancel(broadcast_id: int) -> ResponseReturnValue:
    """End a broadcast for good, also while it is being sent."""
    broadcasts.cancel_broadcast(workspace_id(), broadcast_id)
    return jsonify(detail="The broadcast is cancelled. What was sent before cannot be taken back.")


def report(broadcast_id: int) -> ResponseReturnValue:
    """A window of what became of each message."""
    args = check(SeedListArgs, request.args.to_dict())
    return jsonify([_dump_message(row) for row in offset_lists.list_report(workspace_id(), broadcast_id, **args)])


def analytics() -> ResponseReturnValue:
    """Sent and delivered by day; `start` and `end` of a day are Unix seconds, as in Meta's analytics."""
    args = check(SeedAnalyticsArgs, request.args.to_dict())
    period = reports.period_of(actor().workspace, args["start"], args["end"])
    days = reports.by_day(workspace_id(), period)
    return jsonify(
        data_points=[
            {
                "start": _midnight(day),
                "end": _midnight(day + timedelta(days=1)),
                "sent": counts.funnel["accepted"],
                "delivered": counts.funnel["delivered"],
            }
            for day, counts in days.items()
        ]
    )


# ---------------------------------------------------------------- reading


def _template_data(value: Any) -> Mapping[str, Any]:
    if not value:
        return {}
    try:
        data = json.loads(value) if isinstance(value, str) else value
    except ValueError:
        raise Invalid({"template_data": "This is not JSON."}) from None
    if not isinstance(data, Mapping):
        raise Invalid({"template_data": "Send the template as a JSON object."})
    return data


def _language(data: Mapping[str, Any]) -> str | None:
    language = data.get("language")
    code = language.get("code") if isinstance(language, Mapping) else language
    return code if isinstance(code, str) else None


def _template(channel: Channel, name: str, language: str | None) -> Template:
    template = message_templates.find_template(workspace_id(), channel.id, name, language)
    if template is None:
        raise Invalid({"template": f"There is no template “{name}”{f' in {language}' if language else ''}."})
    return template


def _variables(template: Template, given: Any, picture: dict[str, Any] | None) -> dict[str, dict[str, Any]]:
    """A source for each variable: what was given by name or place; else the first of the body is the person's name."""
    variables: dict[str, dict[str, Any]] = {}
    body = [variable for variable in variables_of(template) if variable.component == "body"]
    values = _by_key(given, [variable.key for variable in body])
    for variable in variables_of(template):
        if picture and MEDIA_KEY.fullmatch(variable.key):
            variables[variable.key] = picture
        elif variable.key in values:
            variables[variable.key] = _source(values[variable.key])
        elif body and variable.key == body[0].key:
            variables[variable.key] = _source("name")
    return variables


def _by_key(given: Any, keys: Sequence[str]) -> dict[str, str]:
    if isinstance(given, str):
        try:
            given = json.loads(given)
        except ValueError:
            given = [given]
    if isinstance(given, Mapping):
        return {str(key): str(value) for key, value in given.items()}
    if isinstance(given, list):
        texts = [one.get("text", "") if isinstance(one, Mapping) else one for one in given]
        return dict(zip(keys, map(str, texts), strict=False))
    return {} if given is None else dict.fromkeys(keys[:1], str(given))


def _source(value: str) -> dict[str, str]:
    """A contact's field when `value` names one, else the text itself."""
    if value in BUILT_IN_FIELDS:
        return {"field": value, "fallback": NAME_FALLBACK} if "name" in value else {"field": value}
    return {"text": value}


def _moment(moment: datetime | None) -> Any:
    if moment is not None and moment.tzinfo is None:
        return moment.replace(tzinfo=ZoneInfo(actor().workspace.timezone))
    return moment


def _states(word: str | None) -> tuple[BroadcastState, ...]:
    """The states that a word of theirs or of ours stands for; none for all."""
    wanted = (word or "").strip().lower()
    if not wanted:
        return ()
    if wanted in _FIRST_WORDS:
        return _FIRST_WORDS[wanted]
    try:
        return (BroadcastState(wanted),)
    except ValueError:
        raise Invalid({"statusfilter": f"Choose one of {', '.join([*BroadcastState, *_FIRST_WORDS])}."}) from None


# ---------------------------------------------------------------- answering


def _dump(summary: BroadcastSummary, phones: list[str]) -> dict[str, Any]:
    one, counts = summary.broadcast, summary.counts
    return {
        "id": one.id,
        "name": one.name,
        "template": one.template.name if one.template else None,
        "type": "template",
        "contacts": [f"+{phone}" for phone in phones],
        "contacts_count": counts.funnel["audience"] or len(one.audience.get("phones", ())),
        "success": counts.funnel["accepted"],
        "failed": counts.funnel["failed"],
        "status": one.state,
        "scheduled_time": one.scheduled_at.isoformat() if one.scheduled_at else None,
        "task_id": _task_id(one),
    }


def _task_id(broadcast: Broadcast) -> str | None:
    return f"broadcast-{broadcast.id}" if broadcast.state is BroadcastState.SCHEDULED else None


def _dump_message(row: Row[Any]) -> dict[str, Any]:
    cause = row.skip_reason or (str(row.error_code) if row.error_code is not None else "")
    return {
        "id": row.id,
        "broadcast_id": row.broadcast_id,
        "phone_no": f"+{row.phone}" if row.phone else None,
        "contact_name": row.name,
        "message_id": row.wamid,
        "status": row.state,
        "sent": row.reached >= tallies.REACHED_ACCEPTED,
        "delivered": row.reached >= tallies.REACHED_DELIVERED,
        "read": row.reached >= tallies.REACHED_READ,
        "replied": row.replied,
        "error_reason": cause_words(cause, row.error_title or "")[0] if cause or row.error_title else None,
    }


def _midnight(day: date) -> int:
    return int(datetime.combine(day, time(), ZoneInfo(actor().workspace.timezone)).timestamp())
