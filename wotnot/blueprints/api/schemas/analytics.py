"""Analytics, as programs see them."""

from datetime import date
from typing import Any

from marshmallow import Schema, fields

from wotnot.blueprints.api.schemas import RequestSchema
from wotnot.services.cost_reports import Amount, CostReport
from wotnot.services.pricing.markets import country_name
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


class CostPartSchema(Schema):
    """One part of the cost."""

    count = fields.Integer(metadata={"description": "Delivered messages."})
    micros = fields.Integer(metadata={"description": "Millionths of the currency."})
    free = fields.Integer(metadata={"description": "Those of them that cost nothing."})


class CategoryCostSchema(CostPartSchema):
    """One category."""

    category = fields.String(metadata={"example": "marketing"})


class CountryCostSchema(CostPartSchema):
    """One country; the code is empty for people whose country is not known."""

    country = fields.String(metadata={"example": "DE"})
    name = fields.String(metadata={"example": "Germany"})


class CostSchema(Schema):
    """What the messages that were delivered in the period cost by Meta's list rates, before tax and partner fees."""

    currency = fields.String(metadata={"example": "USD"})
    total = fields.Integer(
        allow_none=True, metadata={"description": "Millionths of the currency. Null while nothing has a price."}
    )
    unpriced = fields.Integer(metadata={"description": "Delivered messages that no rate card has a price for."})
    by_category = fields.List(fields.Nested(CategoryCostSchema))
    by_country = fields.List(fields.Nested(CountryCostSchema))


class AnalyticsSchema(Schema):
    """A period's messages."""

    messages = fields.Nested(FunnelSchema)
    by_day = fields.List(fields.Nested(DaySchema))
    by_template = fields.List(fields.Nested(TemplateCountsSchema))
    errors = fields.List(fields.Nested(FailureSchema))
    cost = fields.Nested(CostSchema)


def dump_analytics(report: Analytics, cost: CostReport) -> dict[str, Any]:
    """`report` and `cost` in the shape of AnalyticsSchema."""
    return {
        "messages": report.total.funnel,
        "by_day": [_day(day, counts) for day, counts in report.by_day.items()],
        "by_template": [
            {"template_id": one.template_id, "name": one.name, "language": one.language, **one.counts.funnel}
            for one in report.by_template
        ],
        "errors": report.failures,
        "cost": _cost(cost),
    }


def _cost(cost: CostReport) -> dict[str, Any]:
    is_known = cost.total.count > cost.total.unpriced or not cost.total.count
    return {
        "currency": cost.currency,
        "total": cost.total.micros if is_known else None,
        "unpriced": cost.total.unpriced,
        "by_category": [{"category": key, **_part(amount)} for key, amount in cost.by_category.items()],
        "by_country": [
            {"country": key, "name": country_name(key), **_part(amount)} for key, amount in cost.by_country.items()
        ],
    }


def _part(amount: Amount) -> dict[str, int]:
    return {"count": amount.count, "micros": amount.micros, "free": amount.free}


def _day(day: date, counts: BroadcastCounts) -> dict[str, Any]:
    return {"day": day, **counts.funnel}
