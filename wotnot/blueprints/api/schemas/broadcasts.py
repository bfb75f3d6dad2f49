"""Broadcasts and their messages, as the API takes and shows them."""

from typing import Any

from marshmallow import Schema, ValidationError, fields, validate, validates_schema

from wotnot.blueprints.api.schemas import NAMED, CursorArgs, RequestSchema, WholeNumber, YesOrNo
from wotnot.models import BroadcastState
from wotnot.services.audience_risks import CHOOSABLE
from wotnot.services.broadcast_fields import DEFAULT_LATE_MINUTES, MAX_LATE_MINUTES
from wotnot.services.broadcast_pace import DEFAULT_RETRY_HOURS, MAX_DAILY, MAX_SPREAD_MINUTES, RETRY_HOURS
from wotnot.services.broadcast_reports import cause_words
from wotnot.services.recipients import Recipient
from wotnot.services.tallies import OUTBOUND_STATES

_AUDIENCE = {
    "example": {"tags": ["VIP"]},
    "description": 'One of `{"all": true}`, `{"tags": […]}`, `{"contact_ids": […]}`, `{"phones": […]}`, '
    '`{"segment_id": …}`, or `{"filter": …}` with the `definition` of a segment. '
    "Numbers that are nobody's yet become contacts. What a segment stands for is settled when the broadcast starts.",
}
_NOT_EMPTY = validate.Length(min=1, error="Choose one audience: all, tags, contact_ids, phones, segment_id or filter.")
_KIND = validate.OneOf(CHOOSABLE, error=f"Choose among {', '.join(CHOOSABLE)}.")
_MINUTES = validate.Range(min=1, max=MAX_LATE_MINUTES)
_EXCLUDE = {"example": {"tags": ["Staff"]}, "description": 'Who gets nothing: `{"tags": […], "segment_ids": […]}`.'}
_VARIABLES = {
    "example": {"1": {"field": "name", "fallback": "there"}, "header.image": {"file_id": 12}},
    "description": 'Template variable → `{"text": "…"}`, or `{"field": "…", "fallback": "…"}` where the field is name, '
    "first_name, email, phone or a custom attribute. Who has no value and no fallback is left out. For the picture, video "
    'or document of a header, also on a card, `{"file_id": …}` of `/media`; else the address of a file, or an id from '
    "Meta's media upload, as its text.",
}
_ONE_LANGUAGE = {
    "description": "True sends everybody the template as it is. Else each contact gets the approved translation of the same "
    "name and variables in their own language, where there is one."
}
_LEAVE_OUT = {
    "example": ["unreachable"],
    "description": "Kinds of people who stay in the list and get nothing: `us_marketing` (Meta delivers no marketing templates "
    "to numbers of the United States), `unreachable` (the last message failed with 131026 and nothing arrived since), "
    "`duplicate` (another contact of the audience has the same number in its other spelling).",
}
_LATE = {
    "example": 60,
    "description": "Up to how many minutes late a planned broadcast may start by itself after a standstill. Found later than "
    "that it is `paused` with a `reason`, until `/start` or `/resume` sends it.",
}
_RETRY = {
    "example": 72,
    "description": "For how many hours whom Meta holds back (131049 and alike) gets another attempt by itself, one a day: 0, 24, "
    "48 or 72.",
}
_QUIET = {"description": "True sends in the workspace's quiet hours too."}
_CAP = {
    "description": "True sends also to people who have got as many marketing messages as the workspace's cap allows."
}
_SPREAD = {
    "example": 240,
    "description": "Spread the list evenly over so many minutes; null sends as fast as the number may.",
}
_DAILY = {
    "example": 5000,
    "description": "At most so many people a day, in the workspace's time zone; null for no limit.",
}
_RETRY_HOURS = validate.OneOf(RETRY_HOURS)
_SPREAD_MINUTES = validate.Range(min=1, max=MAX_SPREAD_MINUTES)
_PEOPLE = validate.Range(min=1, max=MAX_DAILY)
_SCHEDULED = {"example": "2026-11-27T09:00:00+02:00", "description": "With an offset. Without it a draft is made."}


class CreateBroadcastSchema(RequestSchema):
    """A new broadcast."""

    name = fields.String(required=True, metadata=NAMED | {"example": "Black Friday early access"})
    channel_id = WholeNumber(required=True)
    template_id = WholeNumber(required=True)
    audience = fields.Dict(required=True, keys=fields.String(), validate=_NOT_EMPTY, metadata=_AUDIENCE)
    exclude = fields.Dict(  # type: ignore[assignment]  # marshmallow takes fields off the class, so nothing is shadowed
        load_default=dict, keys=fields.String(), metadata=_EXCLUDE
    )
    variables = fields.Dict(load_default=dict, keys=fields.String(), metadata=_VARIABLES)
    one_language = YesOrNo(load_default=False, metadata=_ONE_LANGUAGE)
    leave_out = fields.List(fields.String(validate=_KIND), load_default=list, metadata=_LEAVE_OUT)
    late_minutes = WholeNumber(load_default=DEFAULT_LATE_MINUTES, validate=_MINUTES, metadata=_LATE)
    retry_hours = WholeNumber(load_default=DEFAULT_RETRY_HOURS, validate=_RETRY_HOURS, metadata=_RETRY)
    sends_in_quiet_hours = YesOrNo(load_default=False, metadata=_QUIET)
    ignores_cap = YesOrNo(load_default=False, metadata=_CAP)
    spread_minutes = WholeNumber(load_default=None, allow_none=True, validate=_SPREAD_MINUTES, metadata=_SPREAD)
    daily_most = WholeNumber(load_default=None, allow_none=True, validate=_PEOPLE, metadata=_DAILY)
    scheduled_at = fields.AwareDateTime(load_default=None, allow_none=True, metadata=_SCHEDULED)


class ChangeBroadcastSchema(RequestSchema):
    """What may be changed: everything of a draft, the name always, the moment of a scheduled one."""

    name = fields.String(metadata=NAMED)
    channel_id = WholeNumber()
    template_id = WholeNumber()
    audience = fields.Dict(keys=fields.String(), validate=_NOT_EMPTY, metadata=_AUDIENCE)
    exclude = fields.Dict(keys=fields.String(), metadata=_EXCLUDE)  # type: ignore[assignment]  # as above
    variables = fields.Dict(keys=fields.String(), metadata=_VARIABLES)
    one_language = YesOrNo(metadata=_ONE_LANGUAGE)
    leave_out = fields.List(fields.String(validate=_KIND), metadata=_LEAVE_OUT)
    late_minutes = WholeNumber(validate=_MINUTES, metadata=_LATE)
    retry_hours = WholeNumber(validate=_RETRY_HOURS, metadata=_RETRY)
    sends_in_quiet_hours = YesOrNo(metadata=_QUIET)
    ignores_cap = YesOrNo(metadata=_CAP)
    spread_minutes = WholeNumber(allow_none=True, validate=_SPREAD_MINUTES, metadata=_SPREAD)
    daily_most = WholeNumber(allow_none=True, validate=_PEOPLE, metadata=_DAILY)
    scheduled_at = fields.AwareDateTime(metadata=_SCHEDULED)

    @validates_schema
    def _says_something(self, data: dict[str, Any], **_: object) -> None:
        if not data:
            raise ValidationError("Name at least one field to change.")


class GoSchema(RequestSchema):
    """How to start or go on."""

    despite_quality = fields.Boolean(
        load_default=False,
        metadata={"description": "Send marketing though Meta rates the number low; without it that is refused."},
    )


class RetrySchema(GoSchema):
    """Whom to try again."""

    scope = fields.String(required=True, validate=validate.OneOf(["failed", "unknown"]))


class BroadcastListArgs(CursorArgs):
    """Filters of the list."""

    state = fields.Enum(BroadcastState, by_value=True, load_default=None)
    search = fields.String(load_default="", metadata={"description": "Part of the name."})


class BroadcastMessagesArgs(CursorArgs):
    """Filters of a broadcast's messages."""

    state = fields.String(
        load_default="all",
        validate=validate.OneOf(["all", *(state.value for state in OUTBOUND_STATES)]),
        metadata={"description": "Where the messages are now."},
    )
    country = fields.String(
        metadata={
            "description": "Those to people in a country, by its two letters; `none` for those whose country is not known.",
            "example": "ZA",
        }
    )


class BroadcastSchema(Schema):
    """A broadcast with its counts. It dumps a BroadcastSummary."""

    id = fields.Integer(attribute="broadcast.id")
    name = fields.String(attribute="broadcast.name")
    state = fields.Enum(BroadcastState, by_value=True, attribute="broadcast.state")
    reason = fields.String(
        attribute="broadcast.reason", metadata={"description": "Why it paused by itself or did not start; else empty."}
    )
    channel_id = fields.Integer(attribute="broadcast.channel_id", allow_none=True)
    template_id = fields.Integer(attribute="broadcast.template_id", allow_none=True)
    scheduled_at = fields.AwareDateTime(attribute="broadcast.scheduled_at", allow_none=True)
    created_at = fields.AwareDateTime(attribute="broadcast.created_at")
    started_at = fields.AwareDateTime(attribute="broadcast.started_at", allow_none=True)
    finished_at = fields.AwareDateTime(attribute="broadcast.finished_at", allow_none=True)
    funnel = fields.Dict(
        attribute="counts.funnel",
        keys=fields.String(),
        values=fields.Integer(),
        metadata={"description": "How far each message ever got."},
    )
    states = fields.Dict(
        attribute="counts.states",
        keys=fields.String(),
        values=fields.Integer(),
        metadata={"description": "Where each message is now."},
    )


class LanguageCountsSchema(Schema):
    """The messages in one language."""

    language = fields.String(metadata={"example": "pt_BR"})
    template_id = fields.Integer()
    messages = fields.Integer(metadata={"description": "All of them, whatever became of them."})
    funnel = fields.Dict(attribute="counts.funnel", keys=fields.String(), values=fields.Integer())
    states = fields.Dict(attribute="counts.states", keys=fields.String(), values=fields.Integer())


class HeldSchema(Schema):
    """People who wait for one reason."""

    reason = fields.String(metadata={"example": "quiet"})
    count = fields.Integer()
    words = fields.String(metadata={"example": "Quiet hours where they are"})


class BroadcastDetailSchema(BroadcastSchema):
    """With what it was made from, and its counts by language."""

    audience = fields.Dict(attribute="broadcast.audience")
    exclude = fields.Dict(attribute="broadcast.exclude")  # type: ignore[assignment]  # as above
    variables = fields.Dict(attribute="broadcast.variables")
    one_language = fields.Boolean(attribute="broadcast.one_language")
    leave_out = fields.List(fields.String(), attribute="broadcast.leave_out")
    late_minutes = fields.Integer(attribute="broadcast.late_minutes")
    retry_hours = fields.Integer(attribute="broadcast.retry_hours")
    sends_in_quiet_hours = fields.Boolean(attribute="broadcast.sends_in_quiet_hours")
    ignores_cap = fields.Boolean(attribute="broadcast.ignores_cap")
    spread_minutes = fields.Integer(attribute="broadcast.spread_minutes", allow_none=True)
    daily_most = fields.Integer(attribute="broadcast.daily_most", allow_none=True)
    waits_until = fields.AwareDateTime(
        attribute="broadcast.waits_until",
        allow_none=True,
        metadata={
            "description": "Until when all of it waits, for `waits_for`: limit (of the number) or budget (of the day)."
        },
    )
    waits_for = fields.String(attribute="broadcast.waits_for")
    held = fields.List(
        fields.Nested(HeldSchema),
        attribute="waiting.held",
        metadata={"description": "Who of the waiting is not due yet, by reason; empty when all are."},
    )
    next_due_at = fields.AwareDateTime(
        attribute="waiting.next_due_at",
        allow_none=True,
        metadata={"description": "When the first of those goes; null when none waits."},
    )
    last_due_at = fields.AwareDateTime(
        attribute="waiting.last_due_at", allow_none=True, metadata={"description": "When the last of those goes."}
    )
    languages = fields.List(
        fields.Nested(LanguageCountsSchema),
        metadata={"description": "The most used first; empty before the list of people is made."},
    )


class RetriedSchema(Schema):
    """How many messages were queued again."""

    retried = fields.Integer()
    broadcast = fields.Nested(BroadcastSchema)


class BroadcastMessageSchema(Schema):
    """One ledger row. It dumps a Recipient."""

    id = fields.Integer()
    contact_id = fields.Integer(allow_none=True)
    name = fields.String()
    phone = fields.Function(lambda row: f"+{row.phone}" if row.phone else None, metadata={"type": "string"})
    state = fields.String()
    replied = fields.Boolean()
    wamid = fields.String(allow_none=True)
    attempt = fields.Integer()
    language = fields.String(allow_none=True, metadata={"description": "Of the translation that they get."})
    skip_reason = fields.String(allow_none=True)
    error = fields.Method("get_error", metadata={"description": "code, title and advice, or null."})
    queued_at = fields.AwareDateTime()
    due_at = fields.AwareDateTime(metadata={"description": "Not sent before this moment."})
    hold_reason = fields.String(
        allow_none=True,
        metadata={"description": "Why it waits until then, such as quiet or retry; null when it is just queued."},
    )
    accepted_at = fields.AwareDateTime(allow_none=True)
    sent_at = fields.AwareDateTime(allow_none=True)
    delivered_at = fields.AwareDateTime(allow_none=True)
    read_at = fields.AwareDateTime(allow_none=True)
    failed_at = fields.AwareDateTime(allow_none=True)

    def get_error(self, row: Recipient) -> dict[str, Any] | None:
        """The error in plain words; None for what was not refused."""
        if row.error_code is None and not row.error_title:
            return None
        title, advice = cause_words(row.cause, row.error_title or "")
        return {"code": row.error_code, "title": title, "advice": advice}
