"""Contacts and imports, as the API shows and takes them."""

import json
from typing import Any

from marshmallow import Schema, ValidationError, fields, post_load, pre_load, validate

from wotnot.blueprints.api.schemas import CursorArgs, RequestSchema
from wotnot.models import Consent, ContactImport, ImportState, OnDuplicate
from wotnot.services import contact_imports, import_runs

_ATTRIBUTES = {"City": "Paarl"}
_STATES = {
    ImportState.UPLOADED: "queued",
    ImportState.CHECKING: "running",
    ImportState.CHECKED: "queued",
}


class ContactSchema(Schema):
    """A person."""

    id = fields.Integer()
    phone = fields.Function(
        lambda contact: f"+{contact['phone']}" if contact["phone"] else None,
        metadata={"type": "string", "example": "+27825550142", "description": "E.164; null when only Meta knows it."},
    )
    name = fields.String(metadata={"example": "Naledi Mokoena"})
    email = fields.String(metadata={"example": "naledi@example.com"})
    language = fields.String(
        allow_none=True, metadata={"example": "pt_BR", "description": "Broadcasts go out in it where a translation is."}
    )
    tags = fields.List(fields.String(), metadata={"example": ["VIP"]})
    attributes = fields.Dict(keys=fields.String(), metadata={"example": _ATTRIBUTES})
    consent = fields.Enum(Consent, by_value=True, metadata={"description": "Who opted out is never messaged."})
    created_at = fields.AwareDateTime()
    updated_at = fields.AwareDateTime()


class AttributeField(fields.Field[str | int | float | None]):
    """A text or a number; null for none."""

    def __init__(self) -> None:
        """Documented as what it takes."""
        super().__init__(allow_none=True, metadata={"type": ["string", "number"]})

    def _deserialize(self, value: Any, *_: object, **__: object) -> str | int | float:
        if isinstance(value, bool) or not isinstance(value, str | int | float):
            raise ValidationError("Give a text or a number.")
        return value


class _ContactBodySchema(RequestSchema):
    email = fields.String(metadata={"example": "naledi@example.com"})
    language = fields.String(
        allow_none=True,
        metadata={"example": "pt_BR", "description": "A code or a name, such as German or Deutsch; null forgets it."},
    )
    tags = fields.List(fields.String(), metadata={"example": ["VIP"]})
    attributes = fields.Dict(keys=fields.String(), values=AttributeField(), metadata={"example": _ATTRIBUTES})
    country = fields.String(
        validate=validate.Length(equal=2),
        metadata={"example": "ZA", "description": "Of a number without country code; by default the workspace's."},
    )
    consent = fields.Enum(Consent, by_value=True)

    @post_load
    def _forget_language(self, data: dict[str, Any], **_: object) -> dict[str, Any]:
        """To the service null would mean "leave it"."""
        return data | ({"language": data["language"] or ""} if "language" in data else {})


class CreateContactSchema(_ContactBodySchema):
    """A person to add."""

    phone = fields.String(required=True, metadata={"example": "082 555 0142"})
    name = fields.String(metadata={"example": "Naledi Mokoena"})


class ReplaceContactSchema(CreateContactSchema):
    """A person as they shall be: what is left out is emptied (consent stays)."""

    @post_load
    def _fill(self, data: dict[str, Any], **_: object) -> dict[str, Any]:
        return {"name": "", "email": "", "language": "", "tags": [], "attributes": {}} | data


class ChangeContactSchema(_ContactBodySchema):
    """What to change; the rest stays."""

    phone = fields.String(metadata={"example": "082 555 0142"})
    name = fields.String(metadata={"example": "Naledi Mokoena"})


class ContactArgs(CursorArgs):
    """Which contacts."""

    search = fields.String(load_default=None, metadata={"description": "Words of the name, phone or e-mail."})
    tag = fields.String(load_default=None, metadata={"example": "VIP"})
    consent = fields.String(load_default=None, validate=validate.OneOf(list(Consent)))


class ContactFilterSchema(Schema):
    """Which contacts to export."""

    search = fields.String(load_default=None)
    tag = fields.String(load_default=None)
    consent = fields.String(load_default=None, validate=validate.OneOf(list(Consent)))


class UploadImportSchema(RequestSchema):
    """The parts of the form."""

    file = fields.Raw(
        required=True, metadata={"type": "string", "format": "binary", "description": "A CSV, at most 200 MB."}
    )
    default_country = fields.String(
        validate=validate.Length(equal=2), metadata={"example": "ZA", "description": "Of numbers without country code."}
    )
    on_duplicate = fields.Enum(
        OnDuplicate,
        by_value=True,
        load_default=OnDuplicate.FILL,
        metadata={"description": "Known people: skip the row, fill what is missing, or overwrite."},
    )
    tags = fields.List(
        fields.String(), metadata={"description": "For everyone in the file; a JSON list or comma-separated."}
    )
    mapping = fields.Dict(
        keys=fields.String(),
        metadata={
            "description": "JSON: column → phone, name, first_name, last_name, email, language, tags, "
            "attribute:<name> or null. "
            "By default columns are recognised by their names.",
            "example": {"Cell": "phone", "Town": "attribute:City"},
        },
    )
    dry_run = fields.Boolean(load_default=False, metadata={"description": "Count only, change nothing."})

    @pre_load
    def _read_texts(self, data: Any, **_: object) -> dict[str, Any]:
        """A form has texts only: JSON inside them is read here."""
        values = {name: text for name, text in data.items() if not isinstance(text, str) or text}
        if "mapping" in values:
            values["mapping"] = _read_json(values["mapping"], "mapping")
        if "tags" in values:
            sent = data.getlist("tags") if hasattr(data, "getlist") else [values["tags"]]
            values["tags"] = [tag for text in sent for tag in _read_tags(text)]
        return values


class ImportSchema(Schema):
    """An import; rows = created + updated + unchanged + duplicates + invalid."""

    id = fields.Integer()
    state = fields.Function(
        lambda found: _STATES.get(found.state, found.state.value),
        metadata={"type": "string", "enum": ["queued", "running", "done", "failed"]},
    )
    stage = fields.Function(
        lambda found: found.state.value, metadata={"type": "string", "description": "The exact state."}
    )
    reason = fields.String(metadata={"description": "Why it failed."})
    filename = fields.String()
    dry_run = fields.Boolean(attribute="is_dry_run")
    rows = fields.Function(import_runs.rows_done, metadata={"type": "integer"})
    created = fields.Integer(attribute="created_count")
    updated = fields.Integer(attribute="updated_count")
    unchanged = fields.Integer(attribute="unchanged_count")
    duplicates = fields.Integer(attribute="duplicate_count")
    invalid = fields.Integer(attribute="invalid_count")
    opted_out = fields.Integer(
        attribute="opted_out_count", metadata={"description": "Of the unchanged: left alone because they opted out."}
    )
    progress = fields.Method("_progress", metadata={"type": "number", "description": "From 0 to 1."})
    created_at = fields.AwareDateTime()
    finished_at = fields.AwareDateTime(allow_none=True)

    def _progress(self, found: ContactImport) -> float:
        return round(contact_imports.progress_of(found), 4)


def _read_json(text: str, field: str) -> object:
    try:
        return json.loads(text)
    except ValueError:
        raise ValidationError({field: ["This is not JSON."]}) from None


def _read_tags(text: str) -> list[str]:
    if text.lstrip().startswith("["):
        read = _read_json(text, "tags")
        return read if isinstance(read, list) else []
    return [part.strip() for part in text.split(",") if part.strip()]
