"""Message templates over the API."""

from typing import Any

from wotnot.blueprints.api.resource import Resource
from wotnot.blueprints.api.schemas import page_schema
from wotnot.blueprints.api.schemas.templates import (
    CreateTemplateSchema,
    EditTemplateSchema,
    SyncResultSchema,
    SyncSchema,
    TemplateArgs,
    TemplateSchema,
)
from wotnot.blueprints.guards import actor, requires, workspace_id
from wotnot.errors import NotFound
from wotnot.models import Role, Template
from wotnot.services import message_templates, template_bin, template_edits
from wotnot.services.message_templates import SyncResult
from wotnot.services.pages import Page

blueprint = Resource(
    "templates-api", __name__, url_prefix="/api/v1/templates", description="WhatsApp message templates."
)


@blueprint.post("")
@requires(Role.ADMIN)
@blueprint.arguments(CreateTemplateSchema)
@blueprint.response(201, TemplateSchema)
@blueprint.alt_response(409, description="The name is taken in this language.")
@blueprint.alt_response(422, description="Our rules or Meta refuse it; `errors` names the part.")
def create(body: dict[str, Any]) -> Template:
    """Submit a template to Meta for review."""
    return message_templates.create_template(workspace_id(), **body, user_id=actor().user.id)


@blueprint.get("")
@blueprint.arguments(TemplateArgs, location="query")
@blueprint.response(200, page_schema(TemplateSchema))
def index(query: dict[str, Any]) -> Page[Template]:
    """List templates, newest first."""
    return message_templates.list_templates(workspace_id(), **query)


@blueprint.post("/sync")
@requires(Role.ADMIN)
@blueprint.arguments(SyncSchema)
@blueprint.response(200, SyncResultSchema)
def sync(body: dict[str, Any]) -> SyncResult:
    """Fetch all templates of the number's account from Meta."""
    return message_templates.sync_templates(workspace_id(), body["channel_id"])


@blueprint.get("/<int:template_id>")
@blueprint.response(200, TemplateSchema)
def show(template_id: int) -> Template:
    """Get one template. The recycle bin is a list: `GET /templates?deleted=true`."""
    template = message_templates.get_template(workspace_id(), template_id)
    if template.deleted_at is not None:
        raise NotFound("Template")
    return template


@blueprint.patch("/<int:template_id>")
@requires(Role.ADMIN)
@blueprint.arguments(EditTemplateSchema)
@blueprint.response(200, TemplateSchema)
@blueprint.alt_response(409, description="Meta does not take an edit now, or broadcasts would lack a value.")
@blueprint.alt_response(422, description="Our rules or Meta refuse it; `errors` names the part.")
def edit(body: dict[str, Any], template_id: int) -> Template:
    """Change the words of a template; Meta reviews it again. Name and language stay, the category too once it is approved."""
    return template_edits.edit_template(workspace_id(), template_id, **body, user_id=actor().user.id)


@blueprint.delete("/<int:template_id>")
@requires(Role.ADMIN)
@blueprint.response(204)
@blueprint.alt_response(409, description="A broadcast is scheduled or being sent with it.")
def delete(template_id: int) -> None:
    """Put a template into the recycle bin; at Meta it stays."""
    template_bin.delete_template(workspace_id(), template_id)


@blueprint.post("/<int:template_id>/restore")
@requires(Role.ADMIN)
@blueprint.response(200, TemplateSchema)
@blueprint.alt_response(409, description="It is gone at Meta, or its name is taken by now.")
def restore(template_id: int) -> Template:
    """Take a template out of the recycle bin."""
    return template_bin.restore_template(workspace_id(), template_id)
