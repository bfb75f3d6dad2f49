"""Segments over the API."""

from typing import Any

from wotnot.blueprints.api.contacts import shape
from wotnot.blueprints.api.resource import Resource
from wotnot.blueprints.api.schemas import CursorArgs, page_schema
from wotnot.blueprints.api.schemas.contacts import ContactSchema
from wotnot.blueprints.api.schemas.segments import (
    ChangeSegmentSchema,
    CreateSegmentSchema,
    FilterSchema,
    SegmentCountSchema,
    SegmentSchema,
)
from wotnot.blueprints.guards import actor, requires, workspace_id
from wotnot.models import Role, Segment
from wotnot.services import segments
from wotnot.services.pages import Page
from wotnot.services.segments import SegmentCount

blueprint = Resource(
    "segments-api", __name__, url_prefix="/api/v1/segments", description="Saved filters over your contacts."
)

_TAKEN = "The name is taken."
_TAKEN_OR_MANY = "The name is taken, or there are as many segments as there may be."


@blueprint.post("")
@requires(Role.ADMIN)
@blueprint.arguments(CreateSegmentSchema)
@blueprint.response(201, SegmentSchema)
@blueprint.alt_response(409, description=_TAKEN_OR_MANY)
@blueprint.alt_response(422, description="`errors` names each place by its path: `definition.conditions.0.value`.")
def create(body: dict[str, Any]) -> Segment:
    """Save a filter."""
    return segments.create_segment(workspace_id(), user_id=actor().user.id, **body)


@blueprint.get("")
@blueprint.arguments(CursorArgs, location="query")
@blueprint.response(200, page_schema(SegmentSchema))
def index(query: dict[str, Any]) -> Page[Segment]:
    """List segments, newest first."""
    return segments.list_segments(workspace_id(), **query)


@blueprint.post("/count")
@blueprint.arguments(FilterSchema)
@blueprint.response(200, SegmentCountSchema)
def count_filter(body: dict[str, Any]) -> SegmentCount:
    """Count the people of a filter without saving it."""
    definition = segments.check_definition(workspace_id(), body["definition"])
    return segments.count_people(workspace_id(), definition)


@blueprint.get("/<int:segment_id>")
@blueprint.response(200, SegmentSchema)
def show(segment_id: int) -> Segment:
    """Get one segment."""
    return segments.get_segment(workspace_id(), segment_id)


@blueprint.patch("/<int:segment_id>")
@requires(Role.ADMIN)
@blueprint.arguments(ChangeSegmentSchema)
@blueprint.response(200, SegmentSchema)
@blueprint.alt_response(409, description=_TAKEN)
def change(body: dict[str, Any], segment_id: int) -> Segment:
    """Change name or filter. Broadcasts that have started keep the filter they started with."""
    return segments.update_segment(workspace_id(), segment_id, **body)


@blueprint.delete("/<int:segment_id>")
@requires(Role.ADMIN)
@blueprint.response(204)
@blueprint.alt_response(409, description="A scheduled broadcast uses it.")
def delete(segment_id: int) -> None:
    """Delete a segment; drafts that use it need another audience. The people in it stay."""
    segments.delete_segment(workspace_id(), segment_id)


@blueprint.get("/<int:segment_id>/count")
@blueprint.response(200, SegmentCountSchema)
def count(segment_id: int) -> SegmentCount:
    """Count the people of a segment as they are now."""
    return segments.count_people(workspace_id(), segments.get_segment(workspace_id(), segment_id).definition)


@blueprint.get("/<int:segment_id>/people")
@blueprint.arguments(CursorArgs, location="query")
@blueprint.response(200, page_schema(ContactSchema))
def people(query: dict[str, Any], segment_id: int) -> Page[dict[str, Any]]:
    """List the people of a segment, newest first."""
    segment = segments.get_segment(workspace_id(), segment_id)
    page = segments.list_people(workspace_id(), segment.definition, **query)
    return Page(shape(page.items), page.next_cursor)
