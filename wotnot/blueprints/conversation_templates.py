"""A template in the composer: the list to choose from, its variables as fields, files of the library, how it will look."""

from collections.abc import Mapping, Sequence
from typing import Any

from werkzeug.datastructures import MultiDict

from wotnot.blueprints import wizard_files, wizard_forms
from wotnot.blueprints.guards import workspace_id
from wotnot.models import Channel, ChannelState, Conversation, Template
from wotnot.services import broadcast_choices, consent, media, message_templates, translations
from wotnot.services.broadcast_files import files_in
from wotnot.services.media_rules import size_words
from wotnot.services.personalise import BUILT_IN_FIELDS, value_of
from wotnot.services.whatsapp.components import FilledTemplate, TemplateVariable, fill_text, list_variables

FILE_SOURCES = ((wizard_forms.FILE, "A file of your library"), (wizard_forms.TEXT, "A link"))


def picker_part(conversation: Conversation, search: str) -> dict[str, Any]:
    """The templates that may be sent, each in the language the person reads and filled as far as they are known.

    A row is (template, its words, the same in its other languages).
    """
    channel, contact = channel_of(conversation), conversation.contact
    families = broadcast_choices.list_sendable_families(workspace_id(), channel, search) if channel else []
    values = _known_values(conversation)
    rows = []
    for family in families:
        fitting = translations.pick(family.approved, contact.language) or family.main
        words = fill_text(fitting.components, values).body_text
        rows.append((fitting, words, [one for one in family.approved if one.id != fitting.id]))
    return {"templates": rows, "find": search, "may_send": consent.may_message(contact)}


def form_part(conversation: Conversation, template_id: object, values: Mapping[str, Any]) -> dict[str, Any]:
    """A template with its fields as they were typed so far. Raises NotFound."""
    template = message_templates.get_template(workspace_id(), _number(template_id))
    sent = MultiDict(values)
    fields = _fields(_variables(template), _typed_texts(template, sent, conversation))
    files = files_part(conversation, template, sent)
    return {
        "template": template,
        "fields": fields,
        "known_fields": [*(name for name, *_ in fields), *(f"text-{row.key}" for row in files["file_rows"])],
        "message": look(conversation, template, sent),
        "suggestions": _suggestions(conversation),
        "may_send": consent.may_message(conversation.contact),
        **files,
    }


def files_part(conversation: Conversation, template: Template, sent: MultiDict[str, str]) -> dict[str, Any]:
    """The headers that show a file, and what each can be chosen from."""
    rows = wizard_forms.file_rows(_variables(template), sent)
    here = f"/app/inbox/{conversation.id}"
    return {
        "file_rows": rows,
        "file_choices": wizard_files.choices_of(rows, sent),
        "file_sources": FILE_SOURCES,
        "files_url": f"{here}/template/files",
        "look_again": {"method": "post", "url": f"{here}/preview", "target": "#template-preview"},
        "size_words": size_words,
    }


def take_uploads(template: Template, form: MultiDict[str, str]) -> tuple[MultiDict[str, str], dict[str, list[str]]]:
    """Keep the files that came with the form; see `wizard_files.take_uploads`."""
    return wizard_files.take_uploads(_variables(template), form)


def variables_of(template: Template, form: MultiDict[str, str], conversation: Conversation) -> dict[str, Any]:
    """What to send: a text for each variable, or for a header a file of the library. Raises Invalid by field."""
    files = wizard_forms.read_variables(form, [one for one in _variables(template) if _is_file(one)])
    texts: dict[str, Any] = dict(_typed_texts(template, form, conversation))
    return texts | {key: source if "file_id" in source else source["text"] for key, source in files.items()}


def look(conversation: Conversation, template: Template, form: MultiDict[str, str]) -> FilledTemplate:
    """The template as the customer would see it with what is typed so far."""
    files = wizard_forms.typed_variables(form, [one for one in _variables(template) if _is_file(one)])
    message = fill_text(template.components, _typed_texts(template, form, conversation))
    chosen = media.find_files(workspace_id(), set(files_in(files).values()))
    return wizard_files.with_pictures(message, files, chosen)


def channel_of(conversation: Conversation) -> Channel | None:
    """The number of a conversation; None once it was removed."""
    return None if conversation.channel.state is ChannelState.REMOVED else conversation.channel


def _variables(template: Template) -> list[TemplateVariable]:
    return list_variables(template.components, template.parameter_format)


def _is_file(variable: TemplateVariable) -> bool:
    return wizard_forms.media_kind_of(variable.key) is not None


def _typed_texts(template: Template, form: Mapping[str, Any], conversation: Conversation) -> dict[str, str]:
    """The text of each variable that is one: as typed, before that as the contact's field of that name has it."""
    known = _known_values(conversation)
    texts = [one.key for one in _variables(template) if not _is_file(one)]
    return {key: str(form.get(f"value-{key}", known.get(key, ""))) for key in texts}


def _fields(variables: Sequence[TemplateVariable], typed: Mapping[str, str]) -> list[tuple[str, str, str, str]]:
    """(name, label, value, sample) of each text."""
    texts = [one for one in variables if one.key in typed]
    return [(f"value-{one.key}", wizard_forms.label_of(one), typed[one.key], one.sample) for one in texts]


def _known_values(conversation: Conversation) -> dict[str, str]:
    contact = conversation.contact
    return {name: value_of(name, contact) for name in (*BUILT_IN_FIELDS, *contact.attributes)}


def _suggestions(conversation: Conversation) -> list[tuple[str, str]]:
    """What is known about the person, to choose from while a value is typed."""
    return [(value, BUILT_IN_FIELDS.get(name, name)) for name, value in _known_values(conversation).items() if value]


def _number(typed: object) -> int:
    return int(str(typed)) if str(typed).isdecimal() and len(str(typed)) <= 18 else 0
