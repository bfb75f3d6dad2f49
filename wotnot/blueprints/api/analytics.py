"""Numbers over time."""

from typing import Any

from flask_smorest import Blueprint

from wotnot.blueprints.api.schemas.analytics import AnalyticsArgs, AnalyticsSchema, dump_analytics
from wotnot.blueprints.guards import actor, workspace_id
from wotnot.services import reports

blueprint = Blueprint("analytics", __name__, url_prefix="/api/v1/analytics", description="Numbers over time.")


@blueprint.get("")
@blueprint.arguments(AnalyticsArgs, location="query")
@blueprint.response(200, AnalyticsSchema)
def show(args: dict[str, Any]) -> dict[str, Any]:
    """What became of the messages of a period: in all, by day, by template, and why some failed."""
    period = reports.period_of(actor().workspace, args["first"], args["last"])
    return dump_analytics(reports.analyse(workspace_id(), period, channel_id=args["channel_id"]))
