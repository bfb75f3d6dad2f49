"""What the template editor shows: the phone with the samples, what Meta would say, the files and fields to choose from."""

import re
import unicodedata
from collections.abc import Iterable, Mapping
from dataclasses import replace

from flask import request

from wotnot.blueprints.form_errors import errors_of
from wotnot.blueprints.guards import actor, workspace_id
from wotnot.blueprints.template_form import (
    BUTTON_TYPES,
    TemplateValues,
    categories_of,
    kept_fields,
    kept_samples,
)
from wotnot.blueprints.template_form.parts import CARD_BUTTON_TYPES, CAROUSEL, CODE, OFFER
from wotnot.blueprints.translation_form import translation_context
from wotnot.errors import Conflict, DomainError
from wotnot.models import Channel, MediaFile, MediaKind, Template, TemplateStatus
from wotnot.services import channels, contacts, media
from wotnot.services.media_rules import SAMPLE_TYPES
from wotnot.services.personalise import BUILT_IN_FIELDS
from wotnot.services.template_extras import (
    FEWEST_CARDS,
    MAX_CARD_BODY,
    MAX_OFFER,
    MAX_OFFER_BODY,
    MOST_CARDS,
    MOST_CODE_MINUTES,
)
from wotnot.services.template_parts import BUTTON_LIMITS, MAX_BUTTONS, MAX_CODE, MAX_LABEL, MAX_PHONE, Finding
from wotnot.services.template_rules import LANGUAGES, MAX_BODY, MAX_FOOTER, MAX_HEADER, MAX_NAME, RIGHT_TO_LEFT
from wotnot.services.whatsapp.components import FilledTemplate, fill_text
from wotnot.services.whatsapp.one_time_code import CODE as SAMPLE_CODE

_MOST_FILES = 200
_GENERAL = {"form", "template", "components", "access_token"}  # sentences without a field of their own
_LABELS = {
    "channel_id": "Account",
    "header_file_id": "Sample of the header",
    "offer_text": "Line of the offer",
    "code_package": "Package name",
    "code_signature": "Signature hash",
    "code_minutes": "Minutes",
    "code_terms": "Terms",
}
_LIMITS = {
    "name": MAX_NAME,
    "header": MAX_HEADER,
    "body": MAX_BODY,
    "offer_body": MAX_OFFER_BODY,
    "footer": MAX_FOOTER,
    "buttons": MAX_BUTTONS,
    "label": MAX_LABEL,
    "phone": MAX_PHONE,
    "code": MAX_CODE,
    "offer": MAX_OFFER,
    "card_body": MAX_CARD_BODY,
    "fewest_cards": FEWEST_CARDS,
    "cards": MOST_CARDS,
    "minutes": MOST_CODE_MINUTES,
}
_KINDS = [
    ("USUAL", "Usual message", "Words, a picture, buttons"),
    ("CAROUSEL", "Carousel", "2 to 10 cards to swipe"),
    ("OFFER", "Limited-time offer", "A code, and a clock"),
    ("CATALOG", "Catalogue", "Opens your products"),
    ("CODE", "One-time code", "To sign in with"),
]
# What the editor's partials say on every page that shows them.
WORDS: dict[str, object] = {
    "languages": LANGUAGES,
    "right_to_left": " ".join(RIGHT_TO_LEFT),
    "limits": _LIMITS,
    "button_types": BUTTON_TYPES,
    "button_limits": BUTTON_LIMITS,
    "card_button_types": CARD_BUTTON_TYPES,
    "body_hint": "*bold*, _italic_, ~strike~. Variables are {{1}}, {{2}} or {{first_name}}, {{city}}.",
    "body_example": "Hi {{1}}, your order {{2}} is on its way.",
    "message_kinds": _KINDS,
    "header_words": {
        "NONE": ("ban", "None"),
        "TEXT": ("typography", "Text"),
        "IMAGE": ("photo", "Picture"),
        "VIDEO": ("movie", "Video"),
        "DOCUMENT": ("file-text", "Document"),
        "LOCATION": ("map-pin", "Location"),
    },
    "button_words": {
        "QUICK_REPLY": ("arrow-back-up", "Quick reply"),
        "URL": ("external-link", "Link"),
        "PHONE_NUMBER": ("phone", "Phone number"),
        "COPY_CODE": ("copy", "Offer code"),
        "FLOW": ("forms", "Flow"),
        "CATALOG": ("shopping-bag", "Catalogue"),
    },
}


def editor_context(values: TemplateValues, errors: Mapping[str, list[str]] | None = None) -> dict[str, object]:
    """Everything that `message_templates/new.html` and its partials show of these values."""
    found = channels.list_channels(workspace_id())
    header_files = _files(values.shown_header) if values.has_media_header else []
    card_files = _files(values.card_header) if values.kind == CAROUSEL else []
    family = translation_context(values)
    waba_ids = {str(channel.id): channel.waba_id for channel in found}
    return {
        "values": values,
        "broadcast_id": request.values.get("broadcast", type=int),
        "errors": errors or {},
        "labels": {name: _label_of(name) for name in errors or {} if name not in _GENERAL},
        "channels": _one_an_account(found),
        "header_files": header_files,
        "header_newest": header_files[0].id if header_files else 0,
        "card_files": card_files,
        "card_newest": card_files[0].id if card_files else 0,
        "kept": kept_fields(values),
        "kept_samples": kept_samples(values),
        "sample_rows": " ".join(variable.key for variable in values.variables),
        "insertable": insertable,  # asked by the parts that have the menu, not at every keystroke
        "message": _message(values, [*header_files, *card_files]),
        "business": business_of(waba_ids.get(values.channel_id, "")),
        "findings": [
            *(finding for finding in values.findings() if not _is_untouched(finding, values)),
            *family.pop("family_findings"),
        ],
        "to_write": _to_write(values),
        **family,
    }


def insertable() -> list[tuple[str, str]]:
    """(variable's name, words) of what is known about a contact, for the menu that puts a variable into the text."""
    found = dict(BUILT_IN_FIELDS)
    for name in contacts.list_attribute_names(workspace_id()):
        found.setdefault(_variable_name(name), name)
    return list(found.items())


def business_of(waba_id: str) -> str:
    """Whose name stands above the chat: the number's, else the workspace's."""
    channel = next((one for one in channels.list_channels(workspace_id()) if one.waba_id == waba_id), None)
    return (channel.verified_name if channel else "") or actor().workspace.name


def channel_of(waba_id: str) -> str:
    """The id of a number of this account, else of any that is connected; nothing without one."""
    found = channels.list_channels(workspace_id())
    mine = [channel for channel in found if channel.waba_id == waba_id] or found
    return str(mine[0].id) if mine else ""


def kinds_for(template: Template, kind: str) -> list[tuple[str, str, str]]:
    """The kinds of message that a template may become, among them `kind`: once it is approved, those of its category."""
    category = template.category.upper()
    is_fixed = template.status is TemplateStatus.APPROVED
    return [one for one in _KINDS if one[0] == kind or not is_fixed or category in categories_of(one[0])]


def form_errors(error: DomainError, values: TemplateValues) -> dict[str, list[str]]:
    """A refusal by field of the form; that a name is taken is said beside what can be changed about it."""
    taken = isinstance(error, Conflict) and error.code in {"template_exists", "template_in_bin"}
    field = "language" if values.translation_of else "name"
    return {field: [error.detail]} if taken else errors_of(error)


def _message(values: TemplateValues, files: Iterable[MediaFile]) -> FilledTemplate:
    """The message as the phone shows it, with the files that were chosen."""
    samples = {"1": SAMPLE_CODE} if values.kind == CODE else values.given_samples
    known = {str(file.id): file for file in files}
    message = _with_file(fill_text(values.shown_components, samples), known.get(values.header_file_id))
    cards = [
        _with_file(card, known.get(typed.file_id)) for card, typed in zip(message.cards, values.cards, strict=False)
    ]
    return replace(message, cards=cards)


def _with_file(message: FilledTemplate, file: MediaFile | None) -> FilledTemplate:
    if message.header is None or file is None:
        return message
    return replace(message, header=replace(message.header, name=file.filename, url=f"/app/media/{file.id}/file"))


def _files(header_kind: str) -> list[MediaFile]:
    """The newest files that such a header may show."""
    kind = MediaKind(header_kind.lower())
    return media.list_files(workspace_id(), kind=kind, mime_types=SAMPLE_TYPES[kind], limit=_MOST_FILES).items


def _is_untouched(finding: Finding, values: TemplateValues) -> bool:
    """Whether a finding only says that something is not written yet; that is no news while one writes."""
    if finding.field in {"name", "language", "body"}:
        return not str(getattr(values, finding.field)).strip()
    return finding.field == "offer_text" and not values.offer.text.strip()


def _to_write(values: TemplateValues) -> list[str]:
    texts = [("a name", values.name), ("the language", values.language)]
    texts += [("the body", values.body)] if values.kind != CODE else []
    texts += [("the line of the offer", values.offer.text)] if values.kind == OFFER else []
    return [word for word, text in texts if not text.strip()]


def _label_of(field: str) -> str:
    """What a field of the form is called in the list of errors on top."""
    kind, _, number = field.partition("-")
    if kind in {"button", "card"} and number.isdecimal():
        return f"{kind.capitalize()} {int(number) + 1}"
    if kind == "sample":
        return "Sample"
    return _LABELS.get(field, field.replace("_", " ").capitalize())


def _variable_name(name: str) -> str:
    """The name of a contact's field as Meta takes it for a variable: "Favourite plant" is favourite_plant."""
    plain = unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode().lower()
    word = re.sub(r"[^a-z0-9]+", "_", plain).strip("_")
    return word if word[:1].isalpha() else f"field_{word}".rstrip("_")


def _one_an_account(found: list[Channel]) -> list[Channel]:
    return list({channel.waba_id: channel for channel in reversed(found)}.values())
