"""Templates under the published short paths; states and categories in capitals, as Meta writes them."""

from typing import Any

from flask import jsonify
from flask.typing import ResponseReturnValue

from wotnot.blueprints.api.schemas.seed import SeedTemplateSchema, check
from wotnot.blueprints.api.seed_input import default_channel, read_body
from wotnot.blueprints.guards import actor, workspace_id
from wotnot.models import Template
from wotnot.services import message_templates, template_bin
from wotnot.services.pages import MAX_LIMIT


def index() -> ResponseReturnValue:
    """The newest templates."""
    page = message_templates.list_templates(workspace_id(), limit=MAX_LIMIT)
    return jsonify(success=True, data=[_dump(template) for template in page.items])


def create() -> ResponseReturnValue:
    """Submit a template to Meta."""
    body = check(SeedTemplateSchema, read_body())
    channel = default_channel(body.pop("channel_id"))
    template = message_templates.create_template(workspace_id(), channel_id=channel.id, **body, user_id=actor().user.id)
    dumped = _dump(template)
    return jsonify({name: dumped[name] for name in ("id", "status", "category")})


def delete(name: str) -> ResponseReturnValue:
    """Put every language of a template into the recycle bin."""
    template_bin.delete_templates_named(workspace_id(), name)
    return jsonify(success=True, message=f"{name} is in the recycle bin.")


def restore(name: str) -> ResponseReturnValue:
    """Take every language of a template out of the recycle bin."""
    template_bin.restore_templates_named(workspace_id(), name)
    return jsonify(success=True, message=f"{name} is back.")


def _dump(template: Template) -> dict[str, Any]:
    return {
        "id": template.meta_id or str(template.id),
        "name": template.name,
        "category": template.category.upper(),
        "language": template.language,
        "status": template.status.upper(),
        "components": template.components,
        "sub_category": "CUSTOM",
    }
