"""The wizard's forms as values: from a request to what the service takes, and from a draft to what the form shows."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from werkzeug.datastructures import MultiDict

from wotnot.errors import Invalid
from wotnot.models import Broadcast, MediaKind, Template
from wotnot.services.audience_rules import MEDIA_KEY
from wotnot.services.broadcast_readiness import variables_of
from wotnot.services.personalise import BUILT_IN_FIELDS
from wotnot.services.whatsapp.payloads import TemplateVariable
from wotnot.services.zones import LocalTimeError, in_zone, is_repeated, parse_local, say_duration

TEXT = "text"
FILE = "file"
_FIELD = "field:"
_LATE_MINUTES = (15, 60, 180, 720, 1440, 10_080)
_ADDRESSES = ("https://", "http://")
_NO_LINK = "Give the full address of the file, such as https://shop.example/spring.jpg."


@dataclass(frozen=True, slots=True)
class VariableRow:
    """One line of the message page: a variable, where its value comes from, and the text beside it.

    A header's picture, video or document has its `media_kind`, and the id of a file of the library if one is chosen.
    """

    key: str
    label: str
    sample: str
    source: str
    text: str
    media_kind: MediaKind | None = None
    file_id: str = ""


# ---------------------------------------------------------------- Audience

_NOBODY_YET = {"tags": "Choose at least one tag, or everybody.", "segment": "Choose a segment, or everybody."}


def proposed_name(today: date) -> str:
    """A name for a draft that has none yet."""
    return f"Broadcast of {today:%-d %B}"


def read_audience(form: MultiDict[str, str], kept: Mapping[str, Any] | None = None) -> dict[str, Any]:
    """`name`, `audience` and `exclude` of the form. Raises Invalid when nobody was chosen."""
    chosen, left_out = chosen_audience(form, kept or {})
    if not chosen and form.get("go") != "csv":
        raise Invalid({"kind": _NOBODY_YET.get(form.get("kind", ""), "Choose who gets the message.")})
    if form.get("kind") == "all" and form.get("segment"):
        # Sending to everybody what was meant for some cannot be taken back, so a contradiction is asked about.
        raise Invalid({"segment": "You chose Everybody, but there is a segment too. Take it off, or choose A segment."})
    return {"name": form.get("name", ""), "audience": chosen, "exclude": left_out}


def chosen_audience(form: MultiDict[str, str], kept: Mapping[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
    """(audience, exclude) of the form; `kept` is the list that the draft came with and that no form can show."""
    kind, tags, segment = form.get("kind"), form.getlist("tags"), _ids(form.getlist("segment"))
    chosen: dict[str, Any] = {}
    if kind == "all":
        chosen = {"all": True}
    elif kind == "tags" and tags:
        chosen = {"tags": tags}
    elif kind == "segment" and segment:
        chosen = {"segment_id": segment[0]}
    elif kind == "kept":
        chosen = dict(kept)
    left_out = {"tags": form.getlist("exclude"), "segment_ids": _ids(form.getlist("exclude_segments"))}
    return chosen, {name: values for name, values in left_out.items() if values}


def audience_values(broadcast: Broadcast, added_tags: Sequence[str] = ()) -> dict[str, Any]:
    """What the audience form shows for a draft; `added_tags` are chosen on top."""
    chosen = broadcast.audience
    tags = [*chosen.get("tags", ()), *added_tags]
    segment = chosen.get("segment_id", "")
    kind = "tags" if tags else "segment" if segment else "kept" if is_kept_list(broadcast) else "all"
    return {
        "name": broadcast.name,
        "kind": kind,
        "tags": tags,
        "segment": segment,
        "exclude": broadcast.exclude.get("tags", []),
        "exclude_segments": broadcast.exclude.get("segment_ids", []),
    }


def is_kept_list(broadcast: Broadcast | None) -> bool:
    """Whether the draft came with a list of contacts or numbers, or with a filter of its own."""
    return broadcast is not None and not broadcast.audience.keys().isdisjoint(("contact_ids", "phones", "filter"))


def typed_audience(form: MultiDict[str, str]) -> dict[str, Any]:
    """The form as it was sent, to be shown again."""
    return {
        "name": form.get("name", ""),
        "kind": form.get("kind", ""),
        "tags": form.getlist("tags"),
        "segment": next(iter(_ids(form.getlist("segment"))), ""),
        "exclude": form.getlist("exclude"),
        "exclude_segments": _ids(form.getlist("exclude_segments")),
    }


def as_form(values: Mapping[str, Any]) -> MultiDict[str, str]:
    """Values as a form would send them."""
    return MultiDict(values)


def _ids(sent: Iterable[object]) -> list[int]:
    texts = [str(one) for one in sent]
    return [int(text) for text in texts if text.isascii() and text.isdecimal() and len(text) <= 18 and int(text)]


# ---------------------------------------------------------------- Message


def field_choices(attribute_names: Iterable[str]) -> list[tuple[str, str]]:
    """What a variable can be filled from, as a select takes it."""
    built_in = [(_FIELD + name, f"Contact’s {words.lower()}") for name, words in BUILT_IN_FIELDS.items()]
    own = [(_FIELD + name, f"Contact’s “{name}”") for name in attribute_names if name not in BUILT_IN_FIELDS]
    return [(TEXT, "The same text for everybody"), *built_in, *own]


def file_sources(fields: Sequence[tuple[str, str]]) -> list[tuple[str, str]]:
    """What a header's file can come from, given `field_choices`; a contact's name or number can never be an address."""
    own = [choice for choice in fields if choice[0].removeprefix(_FIELD) not in {TEXT, *BUILT_IN_FIELDS}]
    return [(FILE, "A file of your library"), (TEXT, "A link, the same for everybody"), *own]


def media_kind_of(key: str) -> MediaKind | None:
    """What a header's variable shows, None for every other variable."""
    return MediaKind(key.rsplit(".", 1)[-1]) if MEDIA_KEY.fullmatch(key) else None


def read_variables(form: MultiDict[str, str], variables: Sequence[TemplateVariable]) -> dict[str, dict[str, Any]]:
    """The sources of all variables. Raises Invalid naming each one that says nothing yet."""
    found = typed_variables(form, variables)
    errors = {f"text-{v.key}": _nothing_yet(v, form) for v in variables if v.key not in found}
    errors |= {f"text-{v.key}": _NO_LINK for v in variables if _is_no_link(v.key, found.get(v.key, {}))}
    if errors:
        raise Invalid(errors)
    return found


def typed_variables(form: MultiDict[str, str], variables: Sequence[TemplateVariable]) -> dict[str, dict[str, Any]]:
    """The sources that the form says, complete or not."""
    found: dict[str, dict[str, Any]] = {}
    for variable in variables:
        source, words = form.get(f"source-{variable.key}", ""), form.get(f"text-{variable.key}", "").strip()
        if source == FILE and (file_id := _file_id(form, variable.key)):
            found[variable.key] = {"file_id": int(file_id)}
        elif source.startswith(_FIELD):
            found[variable.key] = {"field": source.removeprefix(_FIELD)} | ({"fallback": words} if words else {})
        elif source == TEXT and words:
            found[variable.key] = {"text": words}
    return found


def variable_rows(template: Template, broadcast: Broadcast, sent: MultiDict[str, str]) -> list[VariableRow]:
    """The lines of the message page: as sent, else as saved, else a guess from the sample."""
    return [_row(variable, broadcast.variables.get(variable.key) or {}, sent) for variable in variables_of(template)]


def saved_rows(
    variables: Sequence[TemplateVariable], saved: Mapping[str, Any], sent: MultiDict[str, str]
) -> list[VariableRow]:
    """The lines of some variables: as sent, else as saved."""
    return [_row(variable, saved.get(variable.key) or {}, sent) for variable in variables]


def file_rows(variables: Sequence[TemplateVariable], sent: MultiDict[str, str]) -> list[VariableRow]:
    """The lines of those variables that show a file, where nothing is saved."""
    return [_row(variable, {}, sent) for variable in variables if media_kind_of(variable.key)]


def _row(variable: TemplateVariable, saved: Mapping[str, Any], sent: MultiDict[str, str]) -> VariableRow:
    source, text = _saved_source(saved, variable)
    return VariableRow(
        key=variable.key,
        label=label_of(variable),
        sample=variable.sample,
        source=sent.get(f"source-{variable.key}", source),
        text=sent.get(f"text-{variable.key}", text),
        media_kind=media_kind_of(variable.key),
        file_id=_file_id(sent, variable.key) or str(saved.get("file_id") or ""),
    )


def _is_no_link(key: str, source: Mapping[str, Any]) -> bool:
    """Whether a typed address is none. Programs give an id of Meta's there, which is digits; a word never is one."""
    typed = str(source.get("text") or source.get("fallback") or "")
    return bool(typed) and media_kind_of(key) is not None and not (typed.isdigit() or typed.startswith(_ADDRESSES))


def _nothing_yet(variable: TemplateVariable, form: MultiDict[str, str]) -> str:
    if media_kind_of(variable.key) and form.get(f"source-{variable.key}") == FILE:
        return f"{label_of(variable)}: choose a file, or upload one."
    return "Give the link." if media_kind_of(variable.key) else "Write the text, or choose a field."


def _file_id(form: MultiDict[str, str], key: str) -> str:
    """The chosen file's id as it was sent, if it can be one."""
    sent = form.get(f"file-{key}", "")
    return sent if sent.isascii() and sent.isdecimal() and len(sent) <= 18 and media_kind_of(key) else ""


def _saved_source(saved: Mapping[str, Any], variable: TemplateVariable) -> tuple[str, str]:
    if "file_id" in saved or (not saved and media_kind_of(variable.key)):
        return FILE, ""
    if not saved:
        is_name = "name" in variable.key.lower() and variable.component != "button"
        return (_FIELD + "first_name", "") if is_name else (TEXT, "")
    if "text" in saved:
        return TEXT, saved["text"]
    return _FIELD + saved["field"], saved.get("fallback", "")


_MEDIA_LABELS = {"image": "Picture in the header", "video": "Video in the header", "document": "File in the header"}


_PLACE_LABELS = {
    "latitude": "Latitude of the place",
    "longitude": "Longitude of the place",
    "place": "Name of the place",
    "address": "Address of the place",
}


def label_of(variable: TemplateVariable) -> str:
    """How a form calls a template's variable: "{{1}}", "Picture in the header", "Link or code of button 1"."""
    if variable.component == "card":
        return f"{label_of(_on_its_card(variable))} on card {variable.index + 1}"
    if variable.component == "offer":
        return "End of the offer"
    place = {"header": "in the header", "button": f"of button {variable.index + 1}"}.get(variable.component, "")
    name = variable.key.rsplit(".", maxsplit=1)[-1]
    if variable.component == "header" and name in _MEDIA_LABELS:
        return _MEDIA_LABELS[name]
    if variable.component == "header" and name in _PLACE_LABELS:
        return _PLACE_LABELS[name]
    shown = "Link or code" if variable.component == "button" else f"{{{{{name}}}}}"
    return f"{shown} {place}".strip()


def _on_its_card(variable: TemplateVariable) -> TemplateVariable:
    """A card's variable as its card alone would have it: "card.2.button.0" is "button.0" there."""
    key = variable.key.split(".", 2)[2]
    where, _, place = key.partition(".")
    if where not in {"header", "button"}:
        return TemplateVariable(key, "body", 0)
    return TemplateVariable(key, where, int(place) if where == "button" else 0)


def is_one_language(broadcast: Broadcast, sent: MultiDict[str, str]) -> bool:
    """Whether everybody gets the main language: as the switch was sent, else as saved."""
    return bool(read_languages(sent).get("one_language", broadcast.one_language))


def read_languages(sent: MultiDict[str, str]) -> dict[str, bool]:
    """The switch, if it was on the page: a box that is not ticked sends nothing by itself."""
    return {"one_language": bool(sent.get("one_language"))} if sent.get("has_languages") else {}


# ---------------------------------------------------------------- When


def read_when(form: MultiDict[str, str], timezone: str) -> datetime | None:
    """The moment chosen, None for now. Raises Invalid on the field `date`."""
    if form.get("when") != "at":
        if form.get("date") or form.get("time"):
            # Sending at once what was meant for later cannot be taken back, so a contradiction is asked about.
            raise Invalid(
                {"date": "You chose Now, but there is a date or time too. Clear them, or choose the other card."}
            )
        return None
    try:
        return parse_local(form.get("date", ""), form.get("time", ""), timezone)
    except LocalTimeError as error:
        raise Invalid({"date": str(error)}) from None


def read_late(form: MultiDict[str, str]) -> dict[str, int]:
    """How late it may start by itself, if that was on the page. Raises Invalid."""
    if "late_minutes" not in form:
        return {}
    minutes = form.get("late_minutes", type=int)
    if minutes is None:
        raise Invalid({"late_minutes": "Choose one of the times."})
    return {"late_minutes": minutes}


def late_choices(kept: int) -> list[tuple[int, str]]:
    """The minutes that a select offers, among them the one that a program chose."""
    return [(minutes, f"At most {say_duration(60 * minutes)} late") for minutes in sorted({*_LATE_MINUTES, kept})]


def when_values(broadcast: Broadcast, timezone: str) -> dict[str, Any]:
    """What the form shows for a draft."""
    if broadcast.scheduled_at is None:
        return {"when": "now", "date": "", "time": "", "late_minutes": broadcast.late_minutes}
    local = in_zone(broadcast.scheduled_at, timezone)
    return {
        "when": "at",
        "date": f"{local:%Y-%m-%d}",
        "time": f"{local:%H:%M}",
        "late_minutes": broadcast.late_minutes,
        "is_repeated": is_repeated(broadcast.scheduled_at, timezone),
    }
