"""The template editor's form while it holds a translation: the same message in another language, under the same name.

The editor stays the same; it knows by one hidden field that what is in it belongs to a family.
"""

from collections.abc import Collection
from dataclasses import replace
from typing import Any

from wotnot.blueprints.guards import workspace_id
from wotnot.blueprints.template_form import TemplateValues
from wotnot.blueprints.template_form.parts import CODE
from wotnot.errors import Invalid, NotFound
from wotnot.models import Template
from wotnot.services import channels, message_templates, template_families
from wotnot.services.ai.prompts import Brief, Draft
from wotnot.services.languages import LANGUAGES, language_name
from wotnot.services.message_writer import rewrite
from wotnot.services.template_parts import Finding
from wotnot.services.whatsapp.components import find, list_variables, samples_of, text_of


def translation_values(template: Template, language: str = "") -> TemplateValues | None:
    """The editor's form with the message of `template`, to be written in `language`; None for parts it has no fields for."""
    values = TemplateValues.from_components(
        template.components,
        parameter_format=template.parameter_format,
        channel_id=_channel_id(template),
        name=template.name,
        language=language,
        category=template.category,
    )
    return None if values.left_out else replace(values, translation_of=str(template.id))


def keep_in_family(values: TemplateValues) -> TemplateValues:
    """The form with the name and the account of the family it belongs to, whatever came back.

    A variable that was taken out and written again has the sample of the original again. Raises NotFound.
    """
    if not values.translation_of:
        return values
    template = message_templates.get_template(workspace_id(), int(values.translation_of))
    theirs = samples_of(template.components, template.parameter_format)
    again = {v.key: theirs[v.key] for v in values.variables if v.key in theirs and v.key not in values.samples}
    return replace(values, name=template.name, channel_id=_channel_id(template), samples={**values.samples, **again})


def translated(values: TemplateValues, user_id: int) -> TemplateValues:
    """The form with its words in its language, by the model. Addresses, numbers and variables stay as they are.

    Raises Invalid, Conflict and Unavailable as `message_writer.rewrite` does.
    """
    if not values.language:
        raise Invalid({"language": "Choose the language to translate into first."})
    if values.kind == CODE:
        raise Invalid({"language": "Meta writes the words of a one-time code itself, in every language."})
    # To the model every button is only its words: where it leads is none of its business.
    words = tuple(("QUICK_REPLY", button.text, "") for button in values.buttons)
    draft = Draft(values.body.strip(), values.header_text.strip(), values.footer.strip(), words)
    brief = Brief(category=values.category or "MARKETING")
    wish = f"translate:{language_name(values.language)}"
    anew = rewrite(workspace_id(), draft, wish, brief, user_id=user_id).draft
    buttons = values.buttons
    if len(anew.buttons) == len(buttons):
        buttons = tuple(replace(old, text=new[1]) for old, new in zip(buttons, anew.buttons, strict=True))
    return replace(
        values,
        header=anew.header if values.header_text and anew.header else values.header,
        body=anew.body,
        footer=anew.footer if values.footer and anew.footer else values.footer,
        buttons=buttons,
    )


def translation_context(values: TemplateValues) -> dict[str, Any]:
    """What the editor shows of the family: `original`, the languages that are still free, and how the variables differ."""
    original = _original_of(values)
    if original is None:
        return {"original": None, "language_choices": _choices(values.language), "family_findings": []}
    taken = {one.language for one in template_families.family_of(original).translations}
    free = _choices(values.language, taken)
    return {
        "original": original,
        "original_body": text_of(find(original.components, "BODY"), "text"),
        "language_choices": [("", "Choose a language"), *free],
        "family_findings": _differences(original, values),
    }


def _choices(language: str, taken: Collection[str] = ()) -> list[tuple[str, str]]:
    """The languages to choose from: those that are not `taken`, and the one that is chosen already, whatever it is."""
    choices = [(code, name) for code, name in LANGUAGES.items() if code not in taken]
    is_shown = not language or any(code == language for code, _ in choices)
    return choices if is_shown else [(language, language_name(language)), *choices]


def _original_of(values: TemplateValues) -> Template | None:
    if not values.translation_of:
        return None
    try:
        return message_templates.get_template(workspace_id(), int(values.translation_of))
    except NotFound:
        return None


def _differences(original: Template, values: TemplateValues) -> list[Finding]:
    wanted = template_families.keys_of(original)
    found = {variable.key for variable in list_variables(values.components, values.parameter_format)}
    if wanted == found or not values.body.strip():
        return []
    shown = ", ".join("{{" + key + "}}" for key in sorted(wanted)) or "no variables"
    return [
        Finding(
            "body",
            f"Its variables differ from {language_name(original.language)}",
            f"That has {shown}. Broadcasts use a translation only if it has the same ones.",
            level="warning",
        )
    ]


def _channel_id(template: Template) -> str:
    """A number of the template's account; none when it is not connected any more."""
    found = channels.list_channels(workspace_id())
    return next((str(channel.id) for channel in found if channel.waba_id == template.waba_id), "")
