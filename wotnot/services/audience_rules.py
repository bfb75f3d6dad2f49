"""What a broadcast's `audience`, `exclude` and `variables` may look like. Pure: checks and tidies, asks no database."""

import re
from collections.abc import Mapping, Sequence
from typing import Any

from wotnot.errors import Invalid
from wotnot.services.personalise import BUILT_IN_FIELDS
from wotnot.services.phone_numbers import PhoneError, parse_phone
from wotnot.services.segment_rules import clean_definition
from wotnot.services.whatsapp.payloads import is_fitting

MAX_LISTED = 100_000
MAX_TAGS = 200
MAX_VALUE_LENGTH = 1024
_KINDS = ("all", "tags", "contact_ids", "phones", "segment_id", "filter")
MAX_LEFT_OUT_SEGMENTS = 50
_SHOWN_ERRORS = 20

MEDIA_KEY = re.compile(r"(card\.\d+\.)?header\.(image|video|document)")
_WANTED = {
    "latitude": "A latitude is a number from -90 to 90, such as -33.9249.",
    "longitude": "A longitude is a number from -180 to 180, such as 18.4241.",
    "expires_at": "Give the moment with its offset from UTC, such as 2026-12-01T18:00+02:00.",
}
# An address, or an id of Meta's: programs that upload there themselves send those.
_MEDIA_SOURCE = re.compile(r"https?://[^\s]+|[0-9A-Za-z_-]{6,}")


def clean_audience(audience: Mapping[str, Any], default_country: str) -> dict[str, Any]:
    """One of `{"all": true}`, `{"tags": […]}`, `{"contact_ids": […]}`, `{"phones": [digits]}`, `{"segment_id": 7}`,
    `{"filter": definition}`, without repeats.

    Phones are parsed with `default_country`. Raises Invalid on the field `audience` saying what to change; within a filter on
    the path of what is wrong, such as `audience.filter.conditions.0.value`.
    """
    kinds = [kind for kind in _KINDS if audience.get(kind)]
    if len(kinds) != 1 or set(audience) - set(_KINDS):
        raise _invalid(
            "Choose one audience: all, tags, contact_ids, phones, segment_id or filter, with at least one entry."
        )
    kind = kinds[0]
    if kind == "all":
        return _clean_all(audience["all"])
    if kind == "segment_id":
        return {"segment_id": _clean_segment(audience[kind], "audience")}
    if kind == "filter":
        return {"filter": clean_definition(audience[kind], "audience.filter")}
    return _clean_list(kind, audience[kind], default_country)


def _clean_list(kind: str, values: object, default_country: str) -> dict[str, Any]:
    if not isinstance(values, Sequence) or isinstance(values, str):
        raise _invalid(f"{kind} must be a list.")
    if len(values) > MAX_LISTED:
        raise _invalid(f"A list holds at most {MAX_LISTED:,} entries. Import them with a tag and send to the tag.")
    if kind == "tags":
        return {"tags": clean_tags(values, "audience")}
    if kind == "contact_ids":
        return {"contact_ids": _clean_ids(values)}
    return {"phones": _clean_phones(values, default_country)}


def clean_exclude(exclude: Mapping[str, Any]) -> dict[str, Any]:
    """`{}`, or `{"tags": […], "segment_ids": […]}` with one of the two or both. Raises Invalid on the field `exclude`."""
    if set(exclude) - {"tags", "segment_ids"}:
        raise Invalid({"exclude": 'People can be left out by tag or segment: {"tags": ["…"], "segment_ids": [7]}.'})
    for name in ("tags", "segment_ids"):
        if not isinstance(exclude.get(name) or [], Sequence) or isinstance(exclude.get(name), str):
            raise Invalid({"exclude": f"{name} must be a list."})
    tags, ids = exclude.get("tags") or [], exclude.get("segment_ids") or []
    if len(ids) > MAX_LEFT_OUT_SEGMENTS:
        raise Invalid({"exclude": f"Leave out at most {MAX_LEFT_OUT_SEGMENTS} segments."})
    clean: dict[str, Any] = {"tags": clean_tags(tags, "exclude")} if tags else {}
    if ids:
        clean["segment_ids"] = list(dict.fromkeys(_clean_segment(one, "exclude") for one in ids))
    return clean


def clean_tags(names: Sequence[Any], field: str) -> list[str]:
    """Tag names, trimmed, once each whatever the case. Raises Invalid on `field`."""
    if not all(isinstance(name, str) and name.strip() and "\x00" not in name for name in names):
        raise Invalid({field: "A tag is a word; an empty one cannot be looked for."})
    if len(names) > MAX_TAGS:
        raise Invalid({field: f"Choose at most {MAX_TAGS} tags."})
    first_spelling: dict[str, str] = {}
    for name in names:
        first_spelling.setdefault(name.strip().casefold(), name.strip())
    return list(first_spelling.values())


def clean_variables(variables: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    """Variables with tidy sources. Raises Invalid on `variables.<key>` for each that cannot be used."""
    errors: dict[str, str] = {}
    clean: dict[str, dict[str, Any]] = {}
    for key, source in variables.items():
        try:
            if isinstance(source, Mapping) and "file_id" in source:
                clean[str(key)] = _clean_file(str(key), source)
                continue
            clean[str(key)] = _clean_source(source)
            _check_place(str(key), clean[str(key)])
        except ValueError as error:
            errors[f"variables.{key}"] = str(error)
    if errors:
        raise Invalid(errors)
    return clean


def _clean_file(key: str, source: Mapping[str, Any]) -> dict[str, int]:
    file_id = source["file_id"]
    if not MEDIA_KEY.fullmatch(key):
        raise ValueError("Only the picture, video or document of a header can be a file.")
    if (
        set(source) != {"file_id"}
        or not isinstance(file_id, int)
        or isinstance(file_id, bool)
        or not 0 < file_id < 2**63
    ):
        raise ValueError('Give the id of a file of the library: {"file_id": 12}.')
    return {"file_id": file_id}


def _clean_source(source: object) -> dict[str, str]:
    if not isinstance(source, Mapping) or ("text" in source) == ("field" in source):
        raise ValueError('Give either {"text": "…"} or {"field": "…", "fallback": "…"}.')
    kept = {name: source[name] for name in ("text", "field", "fallback") if source.get(name) is not None}
    if not all(isinstance(value, str) and "\x00" not in value for value in kept.values()):
        raise ValueError("Values are texts.")
    if any(len(value) > MAX_VALUE_LENGTH for value in kept.values()):
        raise ValueError(f"A value has at most {MAX_VALUE_LENGTH:,} characters.")
    kept = {name: value.strip() for name, value in kept.items()}
    if "text" in kept:
        if not kept["text"]:
            raise ValueError("Write the text, or choose a field.")
        return {"text": kept["text"]}
    if not kept.get("field"):
        raise ValueError("Choose a field, or write a text.")
    return {name: value for name, value in kept.items() if value}


def _check_place(key: str, source: Mapping[str, str]) -> None:
    """What stands for a file, a coordinate or the end of an offer must be able to be one."""
    if MEDIA_KEY.fullmatch(key):
        _check_media(source)
    for value in (source.get("text"), source.get("fallback")):
        if value and not is_fitting(key, value):
            raise ValueError(_WANTED[key.rsplit(".", 1)[-1]])


def _check_media(source: Mapping[str, str]) -> None:
    """A header's file is an address or the id of an uploaded file; a name or a number can never be one."""
    if source.get("field") in BUILT_IN_FIELDS:
        raise ValueError("Choose a field that holds the address of a file, or give one address for everybody.")
    for value in (source.get("text"), source.get("fallback")):
        if value and not _MEDIA_SOURCE.fullmatch(value):
            raise ValueError("Give the full address of the file, such as https://shop.example/spring.jpg.")


def _clean_segment(value: object, field: str) -> int:
    if not isinstance(value, int) or isinstance(value, bool) or not 0 < value < 2**63:
        raise Invalid({field: "A segment is given by its id, as the segments list answers it."})
    return value


def _clean_all(value: object) -> dict[str, Any]:
    if value is not True:
        raise _invalid('Everybody is {"all": true}.')
    return {"all": True}


def _clean_ids(values: Sequence[Any]) -> list[int]:
    if not all(isinstance(value, int) and not isinstance(value, bool) and 0 < value < 2**63 for value in values):
        raise _invalid("contact_ids are whole numbers, as the contacts list answers them.")
    return sorted(set(values))


def _clean_phones(values: Sequence[Any], default_country: str) -> list[str]:
    digits: dict[str, None] = {}
    errors: list[str] = []
    for number, value in enumerate(values, start=1):
        try:
            digits[parse_phone(str(value), default_country).digits] = None
        except PhoneError as error:
            errors.append(f"phones, entry {number}: {error}")
    if errors:
        shown = errors[:_SHOWN_ERRORS]
        if len(errors) > _SHOWN_ERRORS:
            shown.append(f"… and {len(errors) - _SHOWN_ERRORS:,} more.")
        raise Invalid({"audience": shown})
    return list(digits)


def _invalid(words: str) -> Invalid:
    return Invalid({"audience": words})
