"""Analytics, as programs see them."""

from datetime import date
from typing import Any

from marshmallow import Schema, fields

from wotnot.blueprints.api.schemas import RequestSchema
from wotnot.services.reports import Analytics
from wotnot.services.tallies import BroadcastCounts


class AnalyticsArgs(RequestSchema):
    """Days in the workspace's time zone, both included; the last 30 when left out."""

    first = fields.Date(data_key="from", load_default=None, metadata={"example": "2026-11-01"})
    last = fields.Date(data_key="to", load_default=None, metadata={"example": "2026-11-30"})
    channel_id = fields.Integer(load_default=None)


class FunnelSchema(Schema):
    """How far messages ever got. Read counts only people who share read receipts."""

    audience = fields.Integer(metadata={"description": "People, not counting retries."})
    attempted = fields.Integer()
    accepted = fields.Integer(metadata={"description": "Taken by Meta."})
    sent = fields.Integer()
    delivered = fields.Integer()
    read = fields.Integer()
    replied = fields.Integer()
    failed = fields.Integer()
    skipped = fields.Integer()
    unknown = fields.Integer()  # type: ignore[assignment]  # marshmallow takes fields out of the class before `unknown` is read


class DaySchema(FunnelSchema):
    """One day."""

    day = fields.Date()


class TemplateCountsSchema(FunnelSchema):
    """One template."""

    template_id = fields.Integer()
    name = fields.String()
    language = fields.String()


class FailureSchema(Schema):
    """A cause of failures."""

    code = fields.Integer(allow_none=True, metadata={"example": 131026})
    title = fields.String(metadata={"example": "Not reachable on WhatsApp"})
    count = fields.Integer()


class CostSchema(Schema):
    """What the messages cost. `total` is null while no prices are known."""

    currency = fields.String(metadata={"example": "USD"})
    total = fields.Integer(allow_none=True, metadata={"description": "Millionths of the currency."})
    by_category = fields.List(fields.Dict())
    by_country = fields.List(fields.Dict())


class AnalyticsSchema(Schema):
    """A period's messages."""

    messages = fields.Nested(FunnelSchema)
    by_day = fields.List(fields.Nested(DaySchema))
    by_template = fields.List(fields.Nested(TemplateCountsSchema))
    errors = fields.List(fields.Nested(FailureSchema))
    cost = fields.Nested(CostSchema)


def dump_analytics(report: Analytics) -> dict[str, Any]:
    """`report` in the shape of AnalyticsSchema."""
    return {
        "messages": report.total.funnel,
        "by_day": [_day(day, counts) for day, counts in report.by_day.items()],
        "by_template": [
            {"template_id": one.template_id, "name": one.name, "language": one.language, **one.counts.funnel}
            for one in report.by_template
        ],
        "errors": report.failures,
        "cost": {"currency": "USD", "total": None, "by_category": [], "by_country": []},
    }


def _day(day: date, counts: BroadcastCounts) -> dict[str, Any]:
    return {"day": day, **counts.funnel}
