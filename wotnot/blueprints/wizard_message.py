"""What the wizard's pages show of a draft's message: the templates to choose from, the variables, the files, the phone."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any
from urllib.parse import urlencode

from werkzeug.datastructures import MultiDict

from wotnot.blueprints import wizard_files
from wotnot.blueprints import wizard_forms as forms
from wotnot.blueprints.guards import actor, workspace_id
from wotnot.blueprints.htmx import render
from wotnot.blueprints.wizard_checks import steps_of
from wotnot.errors import Invalid
from wotnot.models import Broadcast, Channel, Template
from wotnot.services import (
    broadcast_choices,
    broadcast_files,
    broadcast_readiness,
    contacts,
    media,
    message_templates,
    preflight,
)
from wotnot.services.audience_counts import AudienceCount
from wotnot.services.template_families import look_at_translations
from wotnot.services.translations import Choice, make_choice


def message_page(broadcast: Broadcast, sent: MultiDict[str, str], errors: Mapping[str, Sequence[str]]) -> str:
    """The page of the message step, with what was `sent` (typed, or in the address) before what is saved."""
    channels = broadcast_choices.list_sending_channels(workspace_id())
    channel = _channel_of(channels, sent.get("channel", type=int) or broadcast.channel_id)
    search = sent.get("search", "").strip()
    families = broadcast_choices.list_sendable_families(workspace_id(), channel, search) if channel else []
    pending_count = 0
    if channel and not families:
        pending_count = broadcast_choices.count_pending_templates(workspace_id(), channel)
    template = template_of(sent, broadcast)
    if template is not None and not (channel and broadcast_choices.may_send(channel, template)):
        template = None
    counted = preflight.count_draft(broadcast, exactly=False)
    fields = list_fields()
    context: dict[str, Any] = {}
    if template is not None:
        choice, left_out = look_at_translations(template)
        is_one = forms.is_one_language(broadcast, sent)
        context = preview_of(broadcast, make_choice(template) if is_one else choice, sent, counted)
        context |= {"choice": choice, "left_out": left_out, "one_language": is_one}
        context["variables"] = forms.variable_rows(template, broadcast, sent)
        context |= file_words(broadcast, context["variables"], sent, fields)
    return render(
        "broadcasts/message.html",
        "broadcasts/_choose.html",
        broadcast=broadcast,
        channels=channels,
        channel=channel,
        families=families,
        template=template,
        search=search,
        submitted=_submitted_for(sent),
        max_templates=broadcast_choices.MAX_TEMPLATES,
        pending_count=pending_count,
        fields=fields,
        steps=steps_of(broadcast, counted, 2, actor().workspace.timezone),
        errors=errors,
        **context,
    )


def list_fields() -> list[tuple[str, str]]:
    """What a variable can stand for: what is known about people."""
    return forms.field_choices(contacts.list_attribute_names(workspace_id()))


def file_words(
    broadcast: Broadcast,
    rows: Sequence[forms.VariableRow],
    sent: MultiDict[str, str],
    fields: Sequence[tuple[str, str]],
) -> dict[str, Any]:
    """The files that the headers among `rows` can show, and where else a file may come from: `fields` are list_fields()."""
    here = f"/app/broadcasts/{broadcast.id}"
    return {
        "file_choices": wizard_files.choices_of(rows, sent),
        "file_sources": forms.file_sources(fields),
        "files_url": f"{here}/message/files",
        "look_again": {"method": "get", "url": f"{here}/preview", "target": "#preview"},
    }


def preview_of(
    broadcast: Broadcast, choice: Choice, sent: MultiDict[str, str], counted: AudienceCount
) -> dict[str, Any]:
    """The phone with the message for the person at `row` of the audience, and the address that walks to the next."""
    variables = forms.typed_variables(sent, broadcast_readiness.variables_of(choice.main)) or broadcast.variables
    row = sent.get("row", default=1, type=int)
    kept = [(name, value) for name, value in sent.items(multi=True) if name not in {"row", "csrf_token"}]
    files = media.find_files(workspace_id(), set(broadcast_files.files_in(variables).values()))
    named = broadcast_files.with_names(variables, files)
    preview = broadcast_choices.preview_message(broadcast, choice, named, row, counted)
    return {
        "preview": replace(preview, message=wizard_files.with_pictures(preview.message, variables, files)),
        "preview_has_languages": choice.has_several,
        "preview_url": f"/app/broadcasts/{broadcast.id}/preview" + (f"?{urlencode(kept)}" if kept else ""),
        "business": broadcast.channel.verified_name if broadcast.channel else actor().workspace.name,
    }


def _submitted_for(sent: MultiDict[str, str]) -> Template | None:
    """The template that was just submitted for this draft, when somebody comes from the editor."""
    template_id = sent.get("submitted", type=int)
    return message_templates.get_template(workspace_id(), template_id) if template_id else None


def _channel_of(channels: Sequence[Channel], channel_id: int | None) -> Channel | None:
    return next((one for one in channels if one.id == channel_id), channels[0] if channels else None)


def chosen_template(form: MultiDict[str, str]) -> Template:
    """The template of a posted form. Raises Invalid without one, NotFound for a stranger's."""
    template = template_of(form, None)
    if template is None:
        raise Invalid({"template": "Choose a template; the message is made from it."})
    return template


def template_of(sent: MultiDict[str, str], broadcast: Broadcast | None) -> Template | None:
    """The template that was chosen on the page, else that of the draft. Raises NotFound."""
    template_id = sent.get("template", type=int) or (broadcast.template_id if broadcast else None)
    return message_templates.get_template(workspace_id(), template_id) if template_id else None
