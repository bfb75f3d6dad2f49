"""One message to one person, outside of any broadcast: checked here, then written to the ledger for the sender."""

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from wotnot.errors import Conflict, Invalid, NotFound
from wotnot.models import Channel, ChannelState, Contact, Message, Template
from wotnot.services import (
    broadcast_files,
    channels,
    consent,
    contacts,
    conversations,
    media,
    message_templates,
    messages,
)
from wotnot.services.audience_rules import clean_variables
from wotnot.services.interactive import interactive_body
from wotnot.services.phone_numbers import PhoneError, parse_phone
from wotnot.services.transaction import transaction
from wotnot.services.whatsapp.payloads import (
    FILENAME,
    CompiledTemplate,
    MissingVariable,
    UnsupportedTemplate,
    compile_template,
    media_message,
    text_message,
)

MAX_TEXT, MAX_CAPTION, MAX_EMOJI = 4096, 1024, 16
MEDIA_TYPES = ("image", "document", "audio", "video")
TYPES = ("template", "text", *MEDIA_TYPES)
REPLY_TYPES = (*TYPES, "reaction", "interactive")
"""What may be sent within a conversation."""


def send_message(
    workspace_id: int,
    *,
    channel_id: int,
    to: str,
    type: str,  # noqa: A002 — Meta's and the API's word
    content: Mapping[str, Any],
    user_id: int | None = None,
) -> Message:
    """Queue one message. `to` is a number as people write it, `content` what the API takes under the type's name.

    For a template `{name, language?, variables?}` (without a language the contact's, where the template has several) with a
    text for each variable, or for a header `{"file_id"}`, for a text `{body}`, for media
    `{file_id | id | link, caption?, filename?}`; a file of the library goes to Meta first, if it is not there yet.
    Raises Invalid (number, template, variables, text, file), Conflict (the number cannot send, the template is not approved,
    the person opted out, or free text outside the 24-hour window), NotFound (channel), Unavailable (Meta is away).
    """
    channel = channels.get_channel(workspace_id, channel_id)
    _refuse_stopped(channel)
    contact = _contact_of(workspace_id, to)
    return queue_draft(draft_message(channel, contact, type=type, content=content), user_id=user_id)


@dataclass(frozen=True, slots=True)
class Draft:
    """A message that was checked: `body` is the Cloud API's object for `type`."""

    workspace_id: int
    channel_id: int
    contact_id: int
    phone: str
    wa_user_id: str | None
    type: str
    body: dict[str, Any]
    template_id: int | None = None


def draft_message(channel: Channel, contact: Contact, *, type: str, content: Mapping[str, Any]) -> Draft:  # noqa: A002
    """Check a message to a contact and bring its file to Meta; nothing is written yet.

    An opt-out is about what we send unasked, that is templates: within the window a person who asks gets an answer.
    Raises as `send_message` does.
    """
    _refuse_stopped(channel)
    template_id = None
    if type == "template":
        if not consent.may_message(contact):
            raise Conflict("This person opted out of your messages.", code="opted_out")
        template_id, body = _template_content(channel, content, contact.language)
    else:
        _refuse_closed_window(channel.id, contact)
        body = free_content(type, _with_meta_id(channel, type, content))
    return _draft(channel, contact, type, body, template_id)


def bring_files(workspace_id: int, channel_id: int, content: Mapping[str, Any]) -> None:
    """Bring the files of the library that a message names to Meta before the transaction that it is written in.

    `content` is what `send_message` takes. What is wrong with it is said when it is checked. Raises Unavailable.
    """
    variables = content.get("variables")
    sources = [content, *(variables.values() if isinstance(variables, Mapping) else ())]
    wanted = [source["file_id"] for source in sources if isinstance(source, Mapping) and source.get("file_id")]
    with suppress(Invalid, NotFound, TypeError, ValueError):
        for file_id in wanted:
            # Anew each time: the connection is given back while a file is on its way.
            channel = channels.get_channel(workspace_id, channel_id)
            media.media_id_for(channel, media.get_file(workspace_id, int(file_id)))


def draft_again(channel: Channel, contact: Contact, failed: Message) -> Draft:
    """The same message once more, checked anew. Raises Conflict."""
    _refuse_stopped(channel)
    if failed.type != "template":
        _refuse_closed_window(channel.id, contact)
    elif not consent.may_message(contact):
        raise Conflict("This person opted out of your messages.", code="opted_out")
    return _draft(channel, contact, failed.type, dict(failed.content or {}), failed.template_id)


def queue_draft(draft: Draft, *, user_id: int | None = None, context_wamid: str | None = None) -> Message:
    """Write a draft into the ledger for the sender, and move its conversation on. Joins the caller's transaction."""
    with transaction():
        message = messages.create_message(
            draft.workspace_id,
            channel_id=draft.channel_id,
            contact_id=draft.contact_id,
            phone=draft.phone,
            wa_user_id=draft.wa_user_id,
            type=draft.type,
            content=draft.body,
            template_id=draft.template_id,
            user_id=user_id,
            context_wamid=context_wamid,
        )
        conversations.note_outbound(message)
    return message


def _draft(channel: Channel, contact: Contact, type: str, body: dict[str, Any], template_id: int | None) -> Draft:  # noqa: A002
    return Draft(
        channel.workspace_id, channel.id, contact.id, contact.phone or "", contact.wa_user_id, type, body, template_id
    )


def _refuse_stopped(channel: Channel) -> None:
    if channel.state is not ChannelState.CONNECTED:
        raise Conflict(f"This number cannot send. {channel.state_reason}".strip(), code="channel_stopped")


def _contact_of(workspace_id: int, to: str) -> Contact:
    try:
        digits = parse_phone(to, contacts.default_country(workspace_id)).digits
    except PhoneError as error:
        raise Invalid({"to": f"{error}."}) from error
    return contacts.get_contact(workspace_id, contacts.ensure_contacts(workspace_id, [digits])[digits])


def _template_content(channel: Channel, content: Mapping[str, Any], reader: str | None) -> tuple[int, dict[str, Any]]:
    name = str(content.get("name") or "")
    template = message_templates.find_template(
        channel.workspace_id, channel.id, name, content.get("language"), reader=reader
    )
    if template is None:
        raise Invalid({"template.name": f"This number's account has no template “{name}” in that language."})
    obstacle = message_templates.why_not_sendable(template)
    if obstacle:
        raise Conflict(obstacle, code="template_not_approved")
    template_id = template.id
    compiled = compile_sendable(template)
    return template_id, fill(compiled, _with_files(channel, content.get("variables") or {}))


def compile_sendable(template: Template) -> CompiledTemplate:
    """The template, taken apart for filling. Raises Invalid for a kind that cannot be sent."""
    try:
        return compile_template(template.name, template.language, template.components, template.parameter_format)
    except UnsupportedTemplate as error:
        raise Invalid({"template.name": str(error)}) from error


def fill(compiled: CompiledTemplate, values: Mapping[str, str]) -> dict[str, Any]:
    """Meta's object for a template with its values. Raises Invalid, naming each variable without one."""
    try:
        return compiled.payload(values)
    except MissingVariable as error:
        raise Invalid({f"template.variables.{key}": "This variable has no value." for key in error.keys}) from error


def split_values(workspace_id: int, variables: Mapping[str, Any]) -> tuple[dict[str, str], dict[str, int]]:
    """(texts by variable, files of the library by variable) of the values for a template. Raises Invalid."""
    sources = {str(key): value for key, value in variables.items() if isinstance(value, Mapping)}
    values = {str(key): str(value) for key, value in variables.items() if not isinstance(value, Mapping)}
    try:
        wanted = broadcast_files.files_in(clean_variables(sources))
        problems = broadcast_files.find_problems(workspace_id, clean_variables(sources))
    except Invalid as error:
        raise Invalid({f"template.{name}": words for name, words in error.errors.items()}) from None
    if problems:
        raise Invalid({f"template.variables.{key}": words for key, words in problems.items()})
    return values, wanted


def _with_files(channel: Channel, variables: Mapping[str, Any]) -> dict[str, str]:
    """The values by variable, with Meta's id in place of a file of the library. Goes out on the network for those."""
    values, wanted = split_values(channel.workspace_id, variables)
    for key, file_id in wanted.items():
        file = media.get_file(channel.workspace_id, file_id)
        values[key + FILENAME] = file.filename
        values[key] = media.media_id_for(channel, file)
    return values


def _refuse_closed_window(channel_id: int, contact: Contact) -> None:
    if not messages.has_open_window(channel_id, contact.id):
        raise Conflict(
            "This person has not written to this number in the last 24 hours, so WhatsApp takes only a template. "
            "Send an approved template instead.",
            code="window_closed",
        )


def _with_meta_id(channel: Channel, type: str, content: Mapping[str, Any]) -> Mapping[str, Any]:  # noqa: A002
    """The content with Meta's id in place of a file of the library."""
    if not content.get("file_id"):
        return content
    if content.get("id") or content.get("link"):
        raise Invalid({"media": "Give a file of the library, or an id of Meta's, or a link; not two of them."})
    try:
        file = media.get_file(channel.workspace_id, int(content["file_id"]))
    except NotFound:
        raise Invalid({"media.file_id": "This file is not in the library."}) from None
    if file.kind != type:
        raise Invalid({"media.file_id": f"“{file.filename}” can be sent as the type {file.kind} only."})
    name = str(content.get("filename") or "") or (file.filename if type == "document" else "")
    return {**content, "id": media.media_id_for(channel, file), "filename": name}


def free_content(type: str, content: Mapping[str, Any]) -> dict[str, Any]:  # noqa: A002
    """The Cloud API's object for a message that is no template, of what the API takes. Raises Invalid."""
    if type == "reaction":
        return _reaction(content)
    if type == "interactive":
        return interactive_body(content)
    if type == "text":
        body = str(content.get("body") or "")
        if not body.strip() or len(body) > MAX_TEXT:
            raise Invalid({"text.body": f"Write 1 to {MAX_TEXT:,} characters."})
        return dict(text_message("", body)["text"])
    source, caption = str(content.get("id") or content.get("link") or ""), str(content.get("caption") or "")
    if bool(content.get("id")) == bool(content.get("link")):
        raise Invalid({"media": "Give either the id of an uploaded file or a link to one."})
    if content.get("link") and not source.startswith(("https://", "http://")):
        raise Invalid({"media.link": "Give a full address, such as https://shop.example/catalogue.pdf."})
    if len(caption) > MAX_CAPTION:
        raise Invalid({"media.caption": f"At most {MAX_CAPTION:,} characters."})
    return dict(media_message("", type, source, caption=caption, filename=str(content.get("filename") or ""))[type])


def _reaction(content: Mapping[str, Any]) -> dict[str, Any]:
    """An emoji on a message; an empty one takes the earlier reaction back."""
    emoji = str(content.get("emoji") or "").strip()
    if len(emoji) > MAX_EMOJI or (emoji.isascii() and emoji):
        raise Invalid({"reaction.emoji": "A reaction is one emoji."})
    return {"message_id": str(content["message_id"]), "emoji": emoji}
