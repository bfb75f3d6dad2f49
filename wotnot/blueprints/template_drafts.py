"""Words that a model drafted, as the editor's form shows them. Pure."""

from collections.abc import Mapping
from dataclasses import replace

from wotnot.blueprints.template_form import ButtonValues, TemplateValues
from wotnot.blueprints.template_form.parts import CODE, USUAL
from wotnot.services.ai.prompts import Draft
from wotnot.services.assistant_drafts import TemplateDraft
from wotnot.services.template_rules import MAX_BUTTONS
from wotnot.services.whatsapp.components import variable_names


def fill_in(values: TemplateValues, draft: Draft) -> TemplateValues:
    """The form with the draft's words; where the draft has none, what was typed stays."""
    samples: Mapping[str, str] = draft.samples
    in_header = {f"header.{name}": samples.get(name, "") for name in variable_names(draft.header)}
    buttons = tuple(ButtonValues(kind, text, value) for kind, text, value in draft.buttons[:MAX_BUTTONS])
    return replace(
        values,
        # The words of a one-time code are Meta's: whoever wants others wants a usual message.
        kind=USUAL if values.kind == CODE else values.kind,
        header_kind=values.header_kind if values.has_media_header or not draft.header else "TEXT",
        header=draft.header or values.header,
        body=draft.body,
        footer=draft.footer or values.footer,
        buttons=buttons or values.buttons,
        samples={**values.samples, **samples, **in_header},
    )


def values_of(draft: TemplateDraft, channel_id: str) -> TemplateValues:
    """A template of the assistant's, as if somebody had typed it."""
    empty = TemplateValues(
        channel_id=channel_id, name=draft.name, language=draft.language, category=draft.category, header_kind="NONE"
    )
    return fill_in(empty, draft.draft)
