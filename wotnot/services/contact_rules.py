"""What a contact's fields may hold, whoever writes them: a form, the API or a program."""

import re
from collections.abc import Iterable, Mapping
from typing import Any

from email_validator import EmailNotValidError, validate_email

from wotnot.errors import Invalid
from wotnot.services.languages import read_language
from wotnot.services.phone_numbers import PhoneError, parse_phone

MAX_NAME, MAX_EMAIL, MAX_TAG = 200, 254, 60
MAX_TAGS, MAX_ATTRIBUTES, MAX_ATTRIBUTE_NAME, MAX_ATTRIBUTE_VALUE = 50, 50, 60, 1000
# A template variable names a field or an attribute; these names are the fields'.
RESERVED_NAMES = frozenset({"phone", "name", "first_name", "last_name", "email", "tags"})
_CONTROL = re.compile(r"[\x00-\x1f\x7f]+")


def clean_phone(text: str, country: str, errors: dict[str, str]) -> str:
    """E.164 digits; what cannot be a number is noted in `errors`."""
    try:
        return parse_phone(text, country).digits
    except PhoneError as error:
        reason = "Enter a phone number" if str(error) == "Missing" else str(error)
        errors["phone"] = f"{reason}. Write it as +27 82 555 0142, or without the country code."
        return ""


def clean_name(text: str, errors: dict[str, str]) -> str:
    """The name in one line."""
    name = _one_line(text)
    if len(name) > MAX_NAME:
        errors["name"] = f"The name is longer than {MAX_NAME} characters."
    return name


def clean_email(text: str, errors: dict[str, str]) -> str:
    """The address, or nothing."""
    text = text.strip()
    if not text:
        return ""
    try:
        email = validate_email(text, check_deliverability=False, test_environment=True, strict=True).normalized
    except EmailNotValidError:
        errors["email"] = "This is not an e-mail address. Write it as name@example.com."
        return ""
    if len(email) > MAX_EMAIL:
        errors["email"] = f"The address is longer than {MAX_EMAIL} characters."
    return email


def clean_language(text: str, errors: dict[str, str]) -> str | None:
    """The code of a language, given as a code or by name; None for nothing, and for what is noted in `errors`."""
    code = read_language(text)
    if code is None and text.strip():
        errors["language"] = (
            f"“{text.strip()[:40]}” is no language we know. Write a code or a name: pt_BR, German, Deutsch."
        )
    return code


def clean_tags(names: Iterable[str], errors: dict[str, str]) -> list[str]:
    """Tag names without doubles (whatever the case) and blanks, in the given order."""
    tags: dict[str, str] = {}
    for name in names:
        tag = _one_line(name)
        if len(tag) > MAX_TAG:
            errors["tags"] = f"“{tag[:20]}…” is longer than {MAX_TAG} characters."
        elif tag:
            tags.setdefault(tag.lower(), tag)
    if len(tags) > MAX_TAGS:
        errors["tags"] = f"A contact has at most {MAX_TAGS} tags."
    return list(tags.values())


def clean_attributes(attributes: Mapping[str, Any], errors: dict[str, str]) -> dict[str, str]:
    """Custom fields as text; one without a value is left out."""
    clean: dict[str, str] = {}
    for raw_name, raw_value in attributes.items():
        name, value = _one_line(str(raw_name)), "" if raw_value is None else raw_value
        if not isinstance(value, str | int | float):
            errors["attributes"] = f"The value of “{name}” must be text or a number."
            continue
        text = str(value).replace("\x00", "").strip() if not isinstance(value, bool) else str(value).lower()
        problem = _attribute_problem(name, text)
        if problem:
            errors["attributes"] = problem
        elif text:
            clean[name] = text
    if len(clean) > MAX_ATTRIBUTES:
        errors["attributes"] = f"A contact has at most {MAX_ATTRIBUTES} fields of your own."
    return clean


def clean_tag(name: str) -> str:
    """One tag's name. Raises Invalid when it is empty or too long."""
    errors: dict[str, str] = {}
    tags = clean_tags([name], errors)
    if not errors and not tags:
        errors["tag"] = "Enter a tag."
    if errors:
        raise Invalid(errors)
    return tags[0]


def _attribute_problem(name: str, text: str) -> str | None:
    if not name:
        return f"“{text[:20]}” has no field name." if text else None
    if name.lower() in RESERVED_NAMES:
        return f"“{name}” is the name of a built-in field. Choose another."
    if len(name) > MAX_ATTRIBUTE_NAME:
        return f"The field name “{name[:20]}…” is longer than {MAX_ATTRIBUTE_NAME} characters."
    if len(text) > MAX_ATTRIBUTE_VALUE:
        return f"The value of “{name}” is longer than {MAX_ATTRIBUTE_VALUE:,} characters."
    return None


def _one_line(text: str) -> str:
    return " ".join(_CONTROL.sub(" ", text).split())
