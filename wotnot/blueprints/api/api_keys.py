"""Keys for programs."""

from typing import Any

from wotnot.blueprints.api.resource import Resource
from wotnot.blueprints.api.schemas import CursorArgs, page_schema
from wotnot.blueprints.api.schemas.accounts import ApiKeySchema, CreatedApiKeySchema, NewApiKeySchema
from wotnot.blueprints.guards import actor, requires, workspace_id
from wotnot.models import ApiKey, Role
from wotnot.services import api_keys
from wotnot.services.pages import Page

blueprint = Resource("api-keys", __name__, url_prefix="/api/v1/api-keys", description="Keys for programs.")


@blueprint.get("")
@requires(Role.ADMIN)
@blueprint.arguments(CursorArgs, location="query")
@blueprint.response(200, page_schema(ApiKeySchema))
def index(args: dict[str, Any]) -> Page[ApiKey]:
    """The keys that work, newest first."""
    return api_keys.list_api_keys(workspace_id(), **args)


@blueprint.post("")
@requires(Role.ADMIN)
@blueprint.arguments(NewApiKeySchema)
@blueprint.response(201, CreatedApiKeySchema)
def create(body: dict[str, Any]) -> dict[str, Any]:
    """Make a key. It works with your role while you are a member, and is shown this once."""
    row, key = api_keys.create_api_key(workspace_id(), user_id=actor().user.id, **body)
    moments = {"created_at": row.created_at, "expires_at": row.expires_at, "last_used_at": None}
    return {**ApiKeySchema().dump(row), **moments, "key": key}


@blueprint.delete("/<int:key_id>")
@requires(Role.ADMIN)
@blueprint.response(204)
def revoke(key_id: int) -> None:
    """Stop a key at once."""
    api_keys.revoke_api_key(workspace_id(), key_id)
