"""What Meta will not take, said before it is asked: the rules for a template that is about to be submitted.

Pure. The dashboard's form, its live check and the JSON API all use these findings. Source for the limits: Meta's template
components and template review references.
"""

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from wotnot.services.languages import LANGUAGES
from wotnot.services.template_doubts import check_doubts
from wotnot.services.template_extras import LOCATION_PARTS, check_code, check_extras
from wotnot.services.template_parts import (
    MAX_BUTTONS,
    MAX_LABEL,
    MAX_URL,
    Finding,
    check_braces,
    check_buttons,
    check_numbering,
    check_text,
)
from wotnot.services.whatsapp.components import (
    MEDIA_FORMATS,
    VARIABLE,
    TemplateVariable,
    buttons_of,
    cards_of,
    find,
    list_variables,
    text_of,
    variable_names,
)

__all__ = [
    "CATEGORIES",
    "LANGUAGES",
    "MAX_BUTTONS",
    "MAX_LABEL",
    "RIGHT_TO_LEFT",
    "Finding",
    "check_template",
    "direction_of",
    "errors_of",
    "infer_format",
    "shape_problem",
]

Component = Mapping[str, Any]

MAX_NAME, MAX_HEADER, MAX_BODY, MAX_FOOTER = 512, 60, 1024, 60
CATEGORIES = ("MARKETING", "UTILITY", "AUTHENTICATION")

RIGHT_TO_LEFT = ("ar", "fa", "he", "ur")

_NAME = re.compile(r"[a-z0-9_]+")
_LANGUAGE = re.compile(r"[a-z]{2,3}(_[A-Z]{2,4})?")
_HEADER_FORMATTING = re.compile(r"[*_~`\n]|[\U0001F300-\U0001FAFF\u2600-\u27BF]")
_MEDIA_WORDS = {"IMAGE": "picture", "VIDEO": "video", "DOCUMENT": "document"}


def check_template(
    *, name: str, language: str, category: str, components: Sequence[Component], parameter_format: str
) -> list[Finding]:
    """Everything that Meta would refuse (errors) or might dislike (warnings), in the order of the form."""
    findings = [*_check_name(name), *_check_language(language), *_check_category(category)]
    if category.upper() == "AUTHENTICATION":
        return [*findings, *check_code(components)]
    findings += _check_header(find(components, "HEADER"), parameter_format)
    findings += _check_body(text_of(find(components, "BODY"), "text"), parameter_format)
    findings += _check_footer(text_of(find(components, "FOOTER"), "text"))
    findings += check_buttons(buttons_of(components))
    findings += check_extras(category, components, parameter_format)
    findings += _check_samples(components, parameter_format)
    findings += check_doubts(category, components)
    return findings


def errors_of(findings: Iterable[Finding]) -> dict[str, list[str]]:
    """The errors by field, each one sentence: what `Invalid` takes."""
    errors: dict[str, list[str]] = {}
    for finding in findings:
        if finding.level == "error":
            errors.setdefault(finding.field, []).append(f"{finding.text}. {finding.note}".strip())
    return errors


def direction_of(language: str) -> str:
    """How words in a language run: "rtl" where that is known from its code, else "auto", as their letters say."""
    return "rtl" if language.partition("_")[0] in RIGHT_TO_LEFT else "auto"


def infer_format(components: Sequence[Component]) -> str:
    """NAMED when a variable of the header, the body or a card has a name, else POSITIONAL."""
    parts = [components, *cards_of(components)]
    texts = (text_of(find(part, kind), "text") for part in parts for kind in ("HEADER", "BODY"))
    named = any(not name.isdecimal() for text in texts for name in variable_names(text))
    return "NAMED" if named else "POSITIONAL"


def shape_problem(components: object) -> str:
    """Why this cannot be a list of components at all, or nothing. For what comes from outside."""
    if not isinstance(components, list) or not components:
        return "Give a list of components with at least a body."
    kinds = [text_of(component, "type").upper() for component in components]
    if "" in kinds:
        return "Each component is an object with a type: HEADER, BODY, FOOTER or BUTTONS."
    twice = [kind for kind, times in Counter(kinds).items() if times > 1]
    return f"There is more than one {twice[0].lower()}." if twice else ""


def _check_name(name: str) -> Iterator[Finding]:
    if not name:
        yield Finding("name", "The template has no name", "Small letters, digits and _, such as spring_offer.")
    elif len(name) > MAX_NAME:
        yield Finding("name", "The name is too long", f"At most {MAX_NAME} characters.")
    elif not _NAME.fullmatch(name):
        yield Finding("name", "The name has other characters", "Use small letters, digits and _, such as spring_offer.")


def _check_language(language: str) -> Iterator[Finding]:
    if not _LANGUAGE.fullmatch(language):
        yield Finding("language", "The language is not a code", "Such as en, en_US or pt_BR.")


def _check_category(category: str) -> Iterator[Finding]:
    if category.upper() not in CATEGORIES:
        yield Finding("category", "The category is missing", "Choose marketing, utility or authentication.")


def _check_header(header: Component, parameter_format: str) -> Iterator[Finding]:
    shape = text_of(header, "format").upper()
    if not header or shape in {*MEDIA_FORMATS, "LOCATION", "PRODUCT"}:
        return
    text = text_of(header, "text")
    if shape not in {"", "TEXT"}:
        yield Finding("header", "The header's format is not known", "Use TEXT, IMAGE, VIDEO, DOCUMENT or LOCATION.")
    elif not text.strip():
        yield Finding("header", "The header is empty", "Write a line or leave the header out.")
    elif len(text) > MAX_HEADER:
        yield Finding("header", "The header is too long", f"{len(text)} of {MAX_HEADER} characters.")
    names = variable_names(text)
    if len(names) > 1:
        yield Finding("header", "The header has more than one variable", "Meta allows one.")
    elif names:
        yield from check_numbering("header", names, parameter_format)
    if _HEADER_FORMATTING.search(VARIABLE.sub("", text)):
        yield Finding("header", "The header is formatted", "No line breaks, emoji, *, _, ~ or ` there.")
    yield from check_braces("header", text)


def _check_body(text: str, parameter_format: str) -> Iterator[Finding]:
    if not text.strip():
        yield Finding("body", "The body is empty", "It is the one part that every template needs.")
        return
    if len(text) > MAX_BODY:
        yield Finding("body", "The body is too long", f"{len(text):,} of {MAX_BODY:,} characters.")
    yield from check_text("body", text, parameter_format)


def _check_footer(text: str) -> Iterator[Finding]:
    if len(text) > MAX_FOOTER:
        yield Finding("footer", "The footer is too long", f"{len(text)} of {MAX_FOOTER} characters.")
    if "{{" in text:
        yield Finding("footer", "The footer has a variable", "Meta allows none there.")
    if "\n" in text:
        yield Finding("footer", "The footer has a line break", "It is one line.")


def _check_samples(components: Sequence[Component], parameter_format: str) -> Iterator[Finding]:
    for variable in list_variables(components, parameter_format):
        if variable.sample.strip():
            if variable.component == "button" and len(variable.sample) > MAX_URL:
                yield Finding(f"sample-{variable.key}", "A sample is too long", f"At most {MAX_URL:,} characters.")
        elif _needs_sample(variable, components):
            what, note = _unsampled(variable)
            yield Finding(f"sample-{variable.key}", f"{what} has no sample", note)


def _needs_sample(variable: TemplateVariable, components: Sequence[Component]) -> bool:
    """Whether the reviewers ask for it. Where a place is and when an offer ends is said with each message only."""
    if variable.component == "offer" or _is_code(variable, components):
        return False
    return variable.key.rsplit(".", 1)[-1] not in LOCATION_PARTS


def _is_code(variable: TemplateVariable, components: Sequence[Component]) -> bool:
    """Whether it is an offer code, whose sample was asked for with its button."""
    *_, place, number = ("", *variable.key.split("."))
    if variable.component not in {"button", "card"} or place != "button" or not number.isdecimal():
        return False
    owner = cards_of(components)[variable.index] if variable.component == "card" else components
    buttons = buttons_of(owner)[int(number) : int(number) + 1]
    return any(text_of(button, "type").upper() == "COPY_CODE" for button in buttons)


def _unsampled(variable: TemplateVariable) -> tuple[str, str]:
    """What lacks its sample, and what to do about it."""
    key, where = variable.key, {"header": "the header", "body": "the body", "button": ""}.get(variable.component, "")
    if variable.component == "card":
        where, key = f"card {variable.index + 1}", key.removeprefix(f"card.{variable.index}.")
    if word := _MEDIA_WORDS.get(key.removeprefix("header.").upper()) if key.startswith("header.") else None:
        return f"The {word} of {where}", "Choose a file: Meta's reviewers want to see a real one."
    note = "Meta's reviewers want to see a real value."
    if key.startswith("button."):
        return f"Button {int(key.removeprefix('button.')) + 1}{where and f' of {where}'}", note
    return f"Variable {key.removeprefix('header.')} of {where}", note
