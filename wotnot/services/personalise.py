"""Fill a template's variables from what is known about a person. Pure: shared by the sender, previews and reports.

A broadcast's `variables` map a template variable to `{"text": "20%"}` (the same for everybody), to
`{"field": "name", "fallback": "there"}`, or for a header to `{"file_id": 12}`, a file of the library. A field is one of
BUILT_IN_FIELDS, or else the name of a custom attribute.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

BUILT_IN_FIELDS: dict[str, str] = {
    "name": "Name",
    "first_name": "First name",
    "email": "E-mail",
    "phone": "Phone number",
}


class Person(Protocol):
    """What filling needs to know about somebody; a Contact fits."""

    @property
    def name(self) -> str: ...
    @property
    def phone(self) -> str | None: ...
    @property
    def email(self) -> str: ...
    @property
    def attributes(self) -> dict[str, Any]: ...


@dataclass(frozen=True, slots=True)
class FilledValues:
    """`values` by variable; `fallbacks` took their fallback; `missing` have neither a value nor a fallback."""

    values: dict[str, str]
    fallbacks: frozenset[str] = field(default=frozenset())
    missing: frozenset[str] = field(default=frozenset())


def fill_values(variables: Mapping[str, Mapping[str, Any]], person: Person) -> FilledValues:
    """The values of `variables` for one person. Never raises: what is missing is named in the answer.

    A file has no value here: what stands for it depends on the number, see `broadcast_files.py`.
    """
    values: dict[str, str] = {}
    fallbacks: set[str] = set()
    missing: set[str] = set()
    for key, source in variables.items():
        if "file_id" in source:
            continue
        text = source["text"] if "text" in source else value_of(source.get("field", ""), person)
        if not text:
            text = source.get("fallback", "")
            (fallbacks if text else missing).add(key)
        if text:
            values[key] = text
    return FilledValues(values, frozenset(fallbacks), frozenset(missing))


def value_of(name: str, person: Person) -> str:
    """What a person's field or custom attribute `name` holds, as trimmed text; empty when there is nothing."""
    if name == "name":
        return person.name.strip()
    if name == "first_name":
        return first_name(person.name)
    if name == "email":
        return person.email.strip()
    if name == "phone":
        return f"+{person.phone}" if person.phone else ""
    value = person.attributes.get(name)
    return "" if value is None else str(value).strip()


def first_name(name: str) -> str:
    """The first word of a full name."""
    return name.split(maxsplit=1)[0] if name.strip() else ""
