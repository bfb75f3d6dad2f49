"""What the assistant may prepare: a template that opens in the editor, and a broadcast that waits in the wizard.

These are the only tools that leave something behind, and neither can reach a customer: a drafted template is nothing but
words until a person submits it, a drafted broadcast has no moment and no start until a person gives it one. So a text
that talks the model into a draft has gained nothing.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from wotnot.errors import Conflict, Invalid
from wotnot.models import Template
from wotnot.services import broadcast_choices, broadcasts, contact_lists, message_templates
from wotnot.services.ai.prompts import Draft
from wotnot.services.message_writer import components_of
from wotnot.services.template_rules import check_template, errors_of, infer_format
from wotnot.services.whatsapp.components import VARIABLE

BUTTON_TYPES = ("QUICK_REPLY", "URL")
_MOST_TAGS_NAMED = 30


@dataclass(frozen=True, slots=True)
class TemplateDraft:
    """A drafted template: what the editor's form starts with."""

    name: str
    language: str
    category: str
    draft: Draft

    def as_row(self) -> dict[str, Any]:
        """As it is kept with its turn."""
        words = self.draft.as_json()
        return {"kind": "template", "name": self.name, "language": self.language, "category": self.category} | words


def check_draft(name: str, language: str, category: str, draft: Draft) -> TemplateDraft:
    """The draft, if Meta would take it. Raises Invalid with what is wrong with it, by field."""
    components = components_of(draft)
    findings = check_template(
        name=name,
        language=language,
        category=category,
        components=components,
        parameter_format=infer_format(components),
    )
    errors = errors_of(findings)
    for kind, _, value in draft.buttons:
        if kind not in BUTTON_TYPES:
            errors.setdefault("buttons", []).append(f"There is no button of the type {kind}.")
        if VARIABLE.search(value):
            errors.setdefault("buttons", []).append("A button's address has a variable.")
    if errors:
        raise Invalid(errors)
    return TemplateDraft(name, language, category, draft)


def read_row(row: Mapping[str, Any]) -> TemplateDraft:
    """The draft that `as_row` made."""
    return TemplateDraft(
        name=row["name"],
        language=row["language"],
        category=row["category"],
        draft=Draft(
            body=row["body"],
            header=row["header"],
            footer=row["footer"],
            buttons=tuple((one["type"], one["text"], one["value"]) for one in row["buttons"]),
            samples={one["name"]: one["value"] for one in row["samples"]},
        ),
    )


def draft_broadcast(
    workspace_id: int, user_id: int, *, name: str, template: str = "", tags: Sequence[str] = (), everybody: bool = False
) -> dict[str, Any]:
    """Make a broadcast that waits as a draft; answers the row that is kept with the turn.

    Raises Invalid for a template that cannot be sent or a tag that does not exist, Conflict without a number.
    """
    sending = broadcast_choices.list_sending_channels(workspace_id)
    if not sending:
        raise Conflict("No number is connected, and a broadcast is sent from one.")
    channel_id = sending[0].id
    found = _sendable(workspace_id, channel_id, template) if template else None
    audience = {"all": True} if everybody else {"tags": _known_tags(workspace_id, tags)} if tags else None
    broadcast = broadcasts.create_broadcast(
        workspace_id,
        user_id=user_id,
        name=name,
        channel_id=channel_id,
        template_id=found.id if found else None,
        audience=audience,
    )
    return {
        "kind": "broadcast",
        "id": broadcast.id,
        "name": broadcast.name,
        "template": found.name if found else "",
        "audience": broadcast_choices.describe_audience(broadcast),
    }


def _sendable(workspace_id: int, channel_id: int, name: str) -> Template:
    found = message_templates.find_template(workspace_id, channel_id, name)
    if found is None:
        raise Invalid({"template": f"There is no template “{name}” in the account of the first number."})
    if words := message_templates.why_not_sendable(found):
        raise Invalid({"template": words})
    return found


def _known_tags(workspace_id: int, wanted: Sequence[str]) -> list[str]:
    known = {tag.name.casefold(): tag.name for tag in contact_lists.list_tags(workspace_id)}
    unknown = [tag for tag in wanted if tag.strip().casefold() not in known]
    if unknown:
        some = ", ".join(list(known.values())[:_MOST_TAGS_NAMED]) or "none yet"
        raise Invalid({"tags": f"There is no tag “{unknown[0]}”. The tags are: {some}."})
    return [known[tag.strip().casefold()] for tag in wanted]
