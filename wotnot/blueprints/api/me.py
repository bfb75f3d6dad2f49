"""Who the credential belongs to."""

from typing import Any

from wotnot.blueprints.api.resource import Resource
from wotnot.blueprints.api.schemas.accounts import MeSchema
from wotnot.blueprints.guards import actor

blueprint = Resource("me", __name__, url_prefix="/api/v1/me", description="Who the credential belongs to.")


@blueprint.get("")
@blueprint.response(200, MeSchema)
def show() -> dict[str, Any]:
    """The user, the workspace and the role that this credential stands for."""
    return {"user": actor().user, "workspace": actor().workspace, "role": actor().role}
