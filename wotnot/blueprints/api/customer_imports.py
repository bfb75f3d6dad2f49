"""Imports of a shop's customers over the API."""

from typing import Any

from wotnot.blueprints.api.resource import Resource
from wotnot.blueprints.api.schemas.customer_imports import CustomerImportArgs, CustomerImportSchema
from wotnot.blueprints.guards import actor, requires, workspace_id
from wotnot.models import CustomerImport, Role
from wotnot.services import customer_imports

blueprint = Resource(
    "customer-imports-api",
    __name__,
    url_prefix="/api/v1/shops/<int:shop_id>/customer-imports",
    description="A shop's customers becoming contacts.",
)


@blueprint.post("")
@requires(Role.ADMIN)
@blueprint.arguments(CustomerImportArgs)
@blueprint.response(202, CustomerImportSchema)
@blueprint.alt_response(409, description="One is running already; `id` says which.")
def start(body: dict[str, Any], shop_id: int) -> CustomerImport:
    """Import the customers and buyers of a shop in the background."""
    return customer_imports.start_import(workspace_id(), shop_id, user_id=actor().user.id, **body)


@blueprint.get("/<int:customer_import_id>")
@blueprint.response(200, CustomerImportSchema)
def show(shop_id: int, customer_import_id: int) -> CustomerImport:
    """See how far an import is."""
    return customer_imports.get_import(workspace_id(), shop_id, customer_import_id)


@blueprint.post("/<int:customer_import_id>/stop")
@requires(Role.ADMIN)
@blueprint.response(200, CustomerImportSchema)
@blueprint.alt_response(409, description="It has ended already.")
def stop(shop_id: int, customer_import_id: int) -> CustomerImport:
    """Read no further; who was added stays."""
    return customer_imports.stop_import(workspace_id(), shop_id, customer_import_id)
