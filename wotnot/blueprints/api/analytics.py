"""Numbers over time."""

from typing import Any

from wotnot.blueprints.api.resource import Resource
from wotnot.blueprints.api.schemas.analytics import AnalyticsArgs, AnalyticsSchema, dump_analytics
from wotnot.blueprints.guards import actor, workspace_id
from wotnot.services import cost_reports, reports
from wotnot.services.cost_reports import Narrowing

blueprint = Resource("analytics", __name__, url_prefix="/api/v1/analytics", description="Numbers over time.")


@blueprint.get("")
@blueprint.arguments(AnalyticsArgs, location="query")
@blueprint.response(200, AnalyticsSchema)
def show(args: dict[str, Any]) -> dict[str, Any]:
    """What became of the messages of a period: in all, by day, by template, why some failed, and what they cost."""
    period = reports.period_of(actor().workspace, args["first"], args["last"])
    cost = cost_reports.report(workspace_id(), period, Narrowing(channel_id=args["channel_id"]))
    return dump_analytics(reports.analyse(workspace_id(), period, channel_id=args["channel_id"]), cost)
