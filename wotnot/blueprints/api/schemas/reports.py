"""The report of a broadcast, as programs see it."""

from typing import Any

from marshmallow import Schema, fields

from wotnot.blueprints.api.schemas.analytics import FailureSchema
from wotnot.models import Broadcast
from wotnot.services import broadcast_reports, forecast, report_facets
from wotnot.services.pricing.markets import country_name


class CountryReportSchema(Schema):
    """One country; the code is empty for people whose country is not known, whom `country=none` finds."""

    country = fields.String(metadata={"example": "ZA"})
    name = fields.String(metadata={"example": "South Africa"})
    sent = fields.Integer(metadata={"description": "Taken by Meta."})
    delivered = fields.Integer()
    read = fields.Integer()
    replied = fields.Integer()
    failed = fields.Integer()
    cost_micros = fields.Integer(metadata={"description": "Millionths of `currency`."})


class ReadAfterSchema(Schema):
    """How many read it within one step after sending."""

    step = fields.String(metadata={"example": "1 to 5 min"})
    count = fields.Integer()


class CauseSchema(FailureSchema):
    """A cause of failures, with what to do."""

    advice = fields.String(metadata={"example": "Wrong number, or the app is not installed."})


class BroadcastReportSchema(Schema):
    """Where people are, how soon they read it, why some failed."""

    currency = fields.String(metadata={"example": "USD"})
    by_country = fields.List(fields.Nested(CountryReportSchema))
    read_after = fields.List(fields.Nested(ReadAfterSchema))
    errors = fields.List(fields.Nested(CauseSchema))


def dump_report(broadcast: Broadcast, currency: str) -> dict[str, Any]:
    """In the shape of BroadcastReportSchema."""
    counts = broadcast_reports.summarise([broadcast])[0].counts
    expected = forecast.read_forecast(broadcast)
    currency = expected.currency if expected else currency
    return {
        "currency": currency,
        "by_country": [_country(one) for one in report_facets.list_countries(broadcast.id, currency)],
        "read_after": [
            {"step": step, "count": count}
            for step, count in zip(report_facets.READ_AFTER, report_facets.count_read_after(broadcast.id), strict=True)
        ],
        "errors": [
            {
                "code": int(line.cause) if line.cause.isdecimal() else None,
                "title": line.title,
                "advice": line.advice,
                "count": line.count,
            }
            for line in broadcast_reports.cause_lines(counts, "failed")
        ],
    }


def _country(one: report_facets.Country) -> dict[str, Any]:
    found = one.reached
    return {
        "country": one.country,
        "name": country_name(one.country),
        "sent": found.sent,
        "delivered": found.delivered,
        "read": found.read,
        "replied": found.replied,
        "failed": found.failed,
        "cost_micros": one.cost.micros,
    }
